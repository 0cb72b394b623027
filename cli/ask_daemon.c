/*
 * ask_daemon.c - one request line to a Unix socket, one answer, end of file.
 */
#include "cli/ask_daemon.h"
#include "cli/command.h"
#include "cli/settings.h"
#include "cli/unix_socket.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_LIMIT (4 * 1024 * 1024) /* octets; 50 hosts with 100 TLSA records each stay far below */
#define ANSWER_SLACK 5                 /* s that the daemon may take beyond its own limit */

static const char *const form_words[] = { "text", "explain", "json" };

static int connect_to(const char *path, unsigned timeout, int *status)
{
    int fd = otr_connect_unix(path, timeout);

    if (fd < 0 && errno == ENAMETOOLONG)
        *status = otr_complain(EX_USAGE, path, "longer than the path of a socket can be");
    else if (fd < 0)
        *status = otr_complain(EX_TEMPFAIL, path, "%s; is outriderd running? --direct asks no daemon", strerror(errno));
    return fd;
}

static bool send_request(int fd, const otr_destination *destination, otr_query_form form)
{
    otr_buf request = OTR_BUF_INIT;
    bool is_sent;

    otr_buf_printf(&request, "v1 query domain=%s form=%s\n", destination->key, form_words[form]);
    is_sent = request.err == OUTRIDER_OK && send(fd, request.data, request.len, MSG_NOSIGNAL) == (ssize_t)request.len;
    otr_buf_clear(&request);
    return is_sent;
}

/* As for scripts: mail that must wait is a temporary failure. Both forms are our own, so their words are known. */
static bool is_deferral(const otr_buf *answer, otr_query_form form)
{
    return strstr(answer->data, form == OTR_QUERY_JSON ? "\"level\":\"defer\"" : ": defer - ") != NULL;
}

/* The answer ends with the connection. An empty one means that the daemon has no verdict. */
static int print_answer(const otr_buf *answer, otr_query_form form, const char *path)
{
    bool is_whole = answer->len > 0 && answer->data[answer->len - 1] == '\n';

    if (!is_whole)
        return otr_complain(EX_TEMPFAIL, path, answer->len == 0 ? "no answer: outriderd could not find out in time"
                                                                : "the answer is cut off");
    fwrite(answer->data, 1, answer->len, stdout);
    return otr_flush_output(is_deferral(answer, form) ? EX_TEMPFAIL : EX_OK);
}

int otr_ask_daemon(const otr_destination *destination, otr_query_form form, const char *config, const char *socket)
{
    otr_buf answer = { .limit = ANSWER_LIMIT };
    char *path = NULL;
    unsigned patience = 0;
    int status = EX_OK, fd = -1;

    path = otr_find_socket(config, socket, &patience, &status);
    if (path == NULL)
        return status;
    fd = connect_to(path, patience + ANSWER_SLACK, &status);
    if (fd >= 0) {
        if (send_request(fd, destination, form) && otr_receive_all(fd, &answer))
            status = print_answer(&answer, form, path);
        else
            status = otr_complain(EX_TEMPFAIL, path, "no answer: %s", strerror(errno));
        close(fd);
    }
    otr_buf_clear(&answer);
    free(path);
    return status;
}
