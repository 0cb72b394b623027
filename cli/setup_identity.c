/*
 * setup_identity.c - fork, become somebody else, do one thing, and tell.
 */
#include "cli/setup_identity.h"

#include "cli/setup_run.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netdb.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define REPLY_MAX 100000   /* octets; Postfix takes as many */
#define SOCKET_PATIENCE 20 /* s; as in Exim's router */

enum { DONE, FAILED, IMPOSSIBLE }; /* exit statuses of the child */

static bool find_user(const char *name, uid_t *uid, gid_t *gid)
{
    const struct passwd *found = getpwnam(name);
    char *end;

    if (found != NULL) {
        *uid = found->pw_uid;
        *gid = found->pw_gid;
        return true;
    }
    *uid = (uid_t)strtoul(name, &end, 10);
    *gid = *uid;
    return *name != '\0' && *end == '\0';
}

static bool find_group(const char *name, gid_t *gid)
{
    const struct group *found = getgrnam(name);
    char *end;

    if (found != NULL) {
        *gid = found->gr_gid;
        return true;
    }
    *gid = (gid_t)strtoul(name, &end, 10);
    return *name != '\0' && *end == '\0';
}

/* Mail servers give up all further groups, so a group that the user happens to be a member of does not help. */
static bool become(const otr_identity *who, uid_t uid, gid_t gid, int fd)
{
    const char *folder = who->folder != NULL ? who->folder : "/";

    if (chdir(folder) != 0 || (who->is_jailed && chroot(".") != 0)) {
        dprintf(fd, "%s: %s", folder, strerror(errno));
        return false;
    }
    if (setgroups(1, &gid) != 0 || setgid(gid) != 0 || setuid(uid) != 0) {
        dprintf(fd, "cannot become %s: %s", who->user, strerror(errno));
        return false;
    }
    return true;
}

static otr_deed_result judge(int status)
{
    if (status == -1)
        return OTR_DEED_TOO_LONG;
    if (!WIFEXITED(status))
        return OTR_DEED_FAILED;
    return WEXITSTATUS(status) == DONE     ? OTR_DEED_DONE
           : WEXITSTATUS(status) == FAILED ? OTR_DEED_FAILED
                                           : OTR_DEED_IMPOSSIBLE;
}

otr_deed_result otr_do_as(const otr_identity *who, otr_deed *deed, void *arg, otr_buf *said)
{
    uid_t uid;
    gid_t gid;
    int pipe_ends[2], pid;

    otr_buf_reset(said);
    said->limit = REPLY_MAX + 1000;
    if (geteuid() != 0)
        return OTR_DEED_NOT_ROOT;
    if (!find_user(who->user, &uid, &gid) || (who->group != NULL && !find_group(who->group, &gid))) {
        otr_buf_printf(said, "there is no user \"%s\" or no group \"%s\"", who->user,
                       who->group != NULL ? who->group : "");
        return OTR_DEED_IMPOSSIBLE;
    }
    if (pipe2(pipe_ends, O_CLOEXEC) != 0 || (pid = fork()) < 0) {
        otr_buf_printf(said, "%s", strerror(errno));
        return OTR_DEED_IMPOSSIBLE;
    }
    if (pid == 0) {
        setpgid(0, 0);
        if (!become(who, uid, gid, pipe_ends[1]))
            _exit(IMPOSSIBLE);
        _exit(deed(arg, pipe_ends[1]) ? DONE : FAILED);
    }
    close(pipe_ends[1]);
    return judge(otr_gather(pid, pipe_ends, (otr_buf *const[]){ said }, 1, OTR_DEED_TIMEOUT));
}

static int connect_unix(const char *path, int fd)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int s = -1;

    if (strlen(path) >= sizeof(address.sun_path)) {
        dprintf(fd, "%s: longer than the path of a socket can be", path);
        return -1;
    }
    strcpy(address.sun_path, path);
    s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (s >= 0 && connect(s, (struct sockaddr *)&address, sizeof(address)) == 0)
        return s;
    dprintf(fd, "%s: %s", path, strerror(errno));
    if (s >= 0)
        close(s);
    return -1;
}

static int connect_inet(const char *host, const char *port, int fd)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found;
    char bare[256];
    size_t len = strlen(host);
    int s, err;

    if (len > 1 && host[0] == '[' && host[len - 1] == ']')
        snprintf(bare, sizeof(bare), "%.*s", (int)(len - 2), host + 1);
    else
        snprintf(bare, sizeof(bare), "%s", host);
    if ((err = getaddrinfo(bare, port, &hints, &found)) != 0) {
        dprintf(fd, "%s port %s: %s", bare, port, gai_strerror(err));
        return -1;
    }
    s = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (s >= 0 && connect(s, found->ai_addr, found->ai_addrlen) != 0) {
        dprintf(fd, "%s port %s: %s", bare, port, strerror(errno));
        close(s);
        s = -1;
    }
    freeaddrinfo(found);
    return s;
}

static int connect_to(const char *address, int fd)
{
    char copy[512], *separator;

    if (address[0] == '/')
        return connect_unix(address, fd);
    if (strncmp(address, "unix:", 5) == 0)
        return connect_unix(address + 5, fd);
    if (strncmp(address, "local:", 6) == 0)
        return connect_unix(address + 6, fd);
    snprintf(copy, sizeof(copy), "%s", strncmp(address, "inet6:", 6) == 0 ? address + 6 : address + 5);
    if (strncmp(address, "inet", 4) == 0 && (separator = strchr(copy, '@')) != NULL) {
        *separator = '\0';
        return connect_inet(separator + 1, copy, fd);
    }
    if (strncmp(address, "inet:", 5) == 0 && (separator = strrchr(copy, ':')) != NULL) {
        *separator = '\0';
        return connect_inet(copy, separator + 1, fd);
    }
    dprintf(fd, "%s: no address of a socket", address);
    return -1;
}

/* The payload of one netstring: how long it is and where it begins; false while it is not all there. */
static bool is_whole_netstring(const char *text, size_t len, const char **payload, size_t *payload_len)
{
    char *colon;
    unsigned long wanted = strtoul(text, &colon, 10);
    size_t head = (size_t)(colon - text) + 1;

    if (*colon != ':' || wanted > REPLY_MAX || len < head + wanted + 1 || text[head + wanted] != ',')
        return false;
    *payload = text + head;
    *payload_len = wanted;
    return true;
}

bool otr_ask_socket(void *arg, int fd)
{
    const otr_asking *asking = arg;
    static char reply[REPLY_MAX + 16]; /* of the child, which asks once */
    struct timeval patience = { .tv_sec = SOCKET_PATIENCE };
    size_t len = strlen(asking->request), got = 0, payload_len = 0;
    const char *payload = reply;
    ssize_t n = 1;
    int s = connect_to(asking->address, fd);

    if (s < 0)
        return false;
    setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    if (send(s, asking->request, len, MSG_NOSIGNAL) != (ssize_t)len) {
        dprintf(fd, "%s: %s", asking->address, strerror(errno));
        return false;
    }
    if (!asking->is_netstring)
        shutdown(s, SHUT_WR);
    while (got < sizeof(reply) - 1 && (n = recv(s, reply + got, sizeof(reply) - 1 - got, 0)) > 0) {
        got += (size_t)n;
        if (asking->is_netstring && is_whole_netstring(reply, got, &payload, &payload_len))
            break;
    }
    if (n < 0) {
        dprintf(fd, "%s: connected, but no answer: %s", asking->address, strerror(errno));
        return false;
    }
    if (asking->is_netstring && payload == reply) {
        dprintf(fd, "%s: connected, but the answer is no netstring (%zu octets)", asking->address, got);
        return false;
    }
    if (!asking->is_netstring)
        payload_len = got;
    return payload_len == 0 || write(fd, payload, payload_len) == (ssize_t)payload_len;
}

bool otr_read_anchors(void *arg, int fd)
{
    const char *path = arg;
    static char text[65536];
    int in = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t len = in >= 0 ? read(in, text, sizeof(text) - 1) : -1;

    if (len < 0) {
        dprintf(fd, "%s: %s", path, strerror(errno));
        return false;
    }
    text[len] = '\0';
    if (strstr(text, "-----BEGIN CERTIFICATE-----") == NULL) {
        dprintf(fd, "%s: holds no certificate", path);
        return false;
    }
    return true;
}
