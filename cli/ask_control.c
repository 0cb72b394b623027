/*
 * ask_control.c - one JSON object on one line to the control socket, one back.
 */
#include "cli/ask_control.h"
#include "cli/command.h"
#include "cli/settings.h"
#include "cli/unix_socket.h"
#include "daemon/control_request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_LIMIT (32 * 1024 * 1024) /* octets; all the overrides, exceptions and holds there can be, and all our domains, stay below */
#define ANSWER_SLACK 5                 /* s that the daemon may take beyond its own limit */

static int connect_to(const char *path, unsigned timeout, int *status)
{
    int fd = otr_connect_unix(path, timeout);

    if (fd >= 0)
        return fd;
    if (errno == ENAMETOOLONG)
        *status = otr_complain(EX_USAGE, path, "longer than the path of a socket can be");
    else if (errno == EACCES || errno == EPERM)
        *status = otr_complain(EX_NOPERM, path, "%s; only root and the user of outriderd may do this", strerror(errno));
    else
        *status = otr_complain(EX_TEMPFAIL, path, "%s; is outriderd running?", strerror(errno));
    return -1;
}

static bool send_all(int fd, const char *at, size_t len)
{
    while (len > 0) {
        ssize_t sent = send(fd, at, len, MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return false;
        at += sent;
        len -= (size_t)sent;
    }
    return true;
}

/* What the daemon refuses it says in words of its own, with the status to leave with. */
static json_t *judge(const otr_buf *answer, const char *what, const char *path, int *status)
{
    json_t *object = json_loadb(answer->data != NULL ? answer->data : "", answer->len, 0, NULL);
    const char *error = json_string_value(json_object_get(object, "error"));
    json_int_t number = json_integer_value(json_object_get(object, "status"));

    if (json_is_true(json_object_get(object, "ok")))
        return object;
    if (error == NULL)
        *status = otr_complain(EX_TEMPFAIL, path, "no answer that makes sense");
    else
        *status = otr_complain(number >= EX__BASE && number <= EX__MAX ? (int)number : EX_TEMPFAIL, what, "%s", error);
    json_decref(object);
    return NULL;
}

static json_t *exchange(const char *line, const char *what, const char *path, unsigned patience, int *status)
{
    otr_buf answer = { .limit = ANSWER_LIMIT };
    json_t *object = NULL;
    int fd = connect_to(path, patience + ANSWER_SLACK, status);

    if (fd < 0)
        return NULL;
    if (send_all(fd, line, strlen(line)) && send_all(fd, "\n", 1) && otr_receive_all(fd, &answer))
        object = judge(&answer, what, path, status);
    else
        *status = otr_complain(EX_TEMPFAIL, path, "no answer: %s", strerror(errno));
    close(fd);
    otr_buf_clear(&answer);
    return object;
}

int otr_try_control(const char *path, unsigned patience)
{
    int status = EX_OK, fd = connect_to(path, patience, &status);

    if (fd >= 0)
        close(fd);
    return status;
}

json_t *otr_ask_control_at(json_t *request, const char *what, const char *path, unsigned patience, int *status)
{
    char *line = request != NULL ? json_dumps(request, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
    json_t *answer = NULL;

    json_decref(request);
    if (line == NULL)
        *status = otr_complain(EX_OSERR, what, "out of memory");
    else if (strlen(line) > OTR_CONTROL_MAX)
        *status = otr_complain(EX_DATAERR, what, "the request has more than %d octets", OTR_CONTROL_MAX);
    else
        answer = exchange(line, what, path, patience, status);
    free(line);
    return answer;
}

json_t *otr_ask_control(json_t *request, const char *what, const char *config, const char *socket, int *status)
{
    unsigned patience = 0;
    char *path = otr_find_control_socket(config, socket, &patience, status);
    json_t *answer = NULL;

    if (path != NULL)
        answer = otr_ask_control_at(request, what, path, patience, status);
    else
        json_decref(request);
    free(path);
    return answer;
}
