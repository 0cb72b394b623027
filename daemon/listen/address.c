/*
 * address.c - parsing, opening and recognising listening sockets.
 */
#include "daemon/listen/address.h"

#include "base/diag.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 1024 /* the kernel caps it at net.core.somaxconn */

static outrider_err parse_unix(const char *path, otr_listen_address *address, outrider_diag *diag)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };

    if (path[0] != '/')
        return otr_fail(diag, OUTRIDER_E_SYNTAX, "\"%s\": the path after \"unix:\" must begin with \"/\"",
                        address->text);
    if (strlen(path) >= sizeof(un.sun_path))
        return otr_fail(diag, OUTRIDER_E_SYNTAX, "\"%s\": a socket path has at most %zu bytes", address->text,
                        sizeof(un.sun_path) - 1);
    strcpy(un.sun_path, path);
    memcpy(&address->sockaddr, &un, sizeof(un));
    address->len = sizeof(un);
    return OUTRIDER_OK;
}

/* port = 1*5DIGIT, 1 to 65535 */
static bool parse_port(const char *text, in_port_t *port)
{
    size_t digits = strspn(text, "0123456789");
    unsigned long value;

    if (digits == 0 || digits > 5 || text[digits] != '\0')
        return false;
    value = strtoul(text, NULL, 10);
    *port = htons((uint16_t)value);
    return value >= 1 && value <= 65535;
}

/* inet = ( "[" address "]" / address ) ":" port */
static outrider_err parse_inet(const char *text, otr_listen_address *address, outrider_diag *diag)
{
    struct sockaddr_in in = { .sin_family = AF_INET };
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
    const char *colon = strrchr(text, ':'), *end = colon;
    char host[INET6_ADDRSTRLEN + 1] = "";
    in_port_t port;

    if (colon == NULL || !parse_port(colon + 1, &port))
        return otr_fail(diag, OUTRIDER_E_SYNTAX, "\"%s\" must end in \":\" and a port from 1 to 65535", address->text);
    if (text[0] == '[' && end > text + 1 && end[-1] == ']') {
        text++;
        end--;
    }
    if ((size_t)(end - text) < sizeof(host))
        memcpy(host, text, (size_t)(end - text));
    if (inet_pton(AF_INET, host, &in.sin_addr) == 1) {
        in.sin_port = port;
        memcpy(&address->sockaddr, &in, sizeof(in));
        address->len = sizeof(in);
        return OUTRIDER_OK;
    }
    if (text[-1] == '[' && inet_pton(AF_INET6, host, &in6.sin6_addr) == 1) {
        in6.sin6_port = port;
        memcpy(&address->sockaddr, &in6, sizeof(in6));
        address->len = sizeof(in6);
        return OUTRIDER_OK;
    }
    return otr_fail(diag, OUTRIDER_E_SYNTAX, "\"%s\" is no \"inet:ADDRESS:PORT\" (IPv6 in brackets; no host names)",
                    address->text);
}

outrider_err otr_listen_address_parse(const char *text, otr_listen_address *address, outrider_diag *diag)
{
    memset(address, 0, sizeof(*address));
    address->text = text;
    if (strncmp(text, "unix:", 5) == 0)
        return parse_unix(text + 5, address, diag);
    if (strncmp(text, "inet:", 5) == 0)
        return parse_inet(text + 5, address, diag);
    return otr_fail(diag, OUTRIDER_E_SYNTAX, "\"%s\" is neither \"unix:PATH\" nor \"inet:ADDRESS:PORT\"", text);
}

/* Everything in the struct was zeroed before it was filled, so bytes can be compared. */
bool otr_listen_address_same(const otr_listen_address *a, const otr_listen_address *b)
{
    return a->len == b->len && memcmp(&a->sockaddr, &b->sockaddr, a->len) == 0;
}

const char *otr_listen_path(const otr_listen_address *address)
{
    return ((const struct sockaddr_un *)(const void *)&address->sockaddr)->sun_path;
}

static outrider_err make_folder(const char *path, outrider_diag *diag)
{
    char folder[sizeof(((struct sockaddr_un *)0)->sun_path)];

    snprintf(folder, sizeof(folder), "%s", path);
    *strrchr(folder, '/') = '\0';
    if (folder[0] == '\0' || mkdir(folder, 0755) == 0 || errno == EEXIST)
        return OUTRIDER_OK;
    return otr_fail(diag, OUTRIDER_E_IO, "%s: cannot make the folder: %s", folder, strerror(errno));
}

/* A socket file outlives its process. It may go if nobody answers on it; a file of another kind never. */
static outrider_err clear_stale(const otr_listen_address *address, outrider_diag *diag)
{
    const char *path = otr_listen_path(address);
    struct stat st;
    int fd, failed;

    if (lstat(path, &st) != 0)
        return errno == ENOENT ? OUTRIDER_OK : otr_fail(diag, OUTRIDER_E_IO, "%s: %s", path, strerror(errno));
    if (!S_ISSOCK(st.st_mode))
        return otr_fail(diag, OUTRIDER_E_IO, "%s exists and is not a socket", path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return otr_fail(diag, OUTRIDER_E_IO, "socket: %s", strerror(errno));
    failed = connect(fd, (const struct sockaddr *)&address->sockaddr, address->len) == 0 ? 0 : errno;
    close(fd);
    /* EAGAIN: its queue is full, so somebody is there. */
    if (failed == 0 || failed == EAGAIN || failed == EINPROGRESS)
        return otr_fail(diag, OUTRIDER_E_IO, "%s: another process answers on this socket", path);
    if (failed != ECONNREFUSED)
        return otr_fail(diag, OUTRIDER_E_IO, "%s: %s", path, strerror(failed));
    if (unlink(path) != 0)
        return otr_fail(diag, OUTRIDER_E_IO, "%s: cannot remove the stale socket: %s", path, strerror(errno));
    return OUTRIDER_OK;
}

/*
 * Owner and mode are there before listen(): nobody can connect sooner. We may be root here, in a folder that another user
 * may write to, so nothing that has been put in the place of the socket is followed (no chmod(): the mode is bind()'s).
 */
static outrider_err bind_unix(int fd, const otr_listen_address *address, mode_t mode, gid_t gid, outrider_diag *diag)
{
    const char *path = otr_listen_path(address);
    mode_t saved = umask(~mode & 0777);
    int bound = bind(fd, (const struct sockaddr *)&address->sockaddr, address->len);
    int failed = errno;

    umask(saved);
    if (bound != 0)
        return otr_fail(diag, OUTRIDER_E_IO, "%s: %s", path, strerror(failed));
    if (gid != (gid_t)-1 && lchown(path, (uid_t)-1, gid) != 0)
        return otr_fail(diag, OUTRIDER_E_IO, "%s: cannot give it to its group: %s", path, strerror(errno));
    return OUTRIDER_OK;
}

static outrider_err bind_inet(int fd, const otr_listen_address *address, outrider_diag *diag)
{
    int on = 1;

    /* Accepted sockets inherit TCP_NODELAY on Linux: small answers leave at once, without a call for each. */
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (address->sockaddr.ss_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    if (bind(fd, (const struct sockaddr *)&address->sockaddr, address->len) != 0)
        return otr_fail(diag, OUTRIDER_E_IO, "%s: %s", address->text, strerror(errno));
    return OUTRIDER_OK;
}

outrider_err otr_listen_open(const otr_listen_address *address, mode_t mode, gid_t gid, int *fd, outrider_diag *diag)
{
    bool is_unix = address->sockaddr.ss_family == AF_UNIX;
    outrider_err err = OUTRIDER_OK;
    int opened;

    if (is_unix) {
        err = make_folder(otr_listen_path(address), diag);
        if (err == OUTRIDER_OK)
            err = clear_stale(address, diag);
        if (err != OUTRIDER_OK)
            return err;
    }
    opened = socket(address->sockaddr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (opened < 0)
        return otr_fail(diag, OUTRIDER_E_IO, "%s: %s", address->text, strerror(errno));
    err = is_unix ? bind_unix(opened, address, mode, gid, diag) : bind_inet(opened, address, diag);
    if (err == OUTRIDER_OK && listen(opened, BACKLOG) != 0)
        err = otr_fail(diag, OUTRIDER_E_IO, "%s: %s", address->text, strerror(errno));
    if (err != OUTRIDER_OK) {
        close(opened);
        return err;
    }
    *fd = opened;
    return OUTRIDER_OK;
}

bool otr_listen_is(int fd, const otr_listen_address *address)
{
    otr_listen_address bound;
    socklen_t option_len = sizeof(int);
    int listens = 0, type = 0;

    memset(&bound, 0, sizeof(bound));
    bound.len = sizeof(bound.sockaddr);
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &option_len) != 0 || !listens)
        return false;
    option_len = sizeof(int);
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &option_len) != 0 || type != SOCK_STREAM)
        return false;
    if (getsockname(fd, (struct sockaddr *)&bound.sockaddr, &bound.len) != 0 ||
        bound.sockaddr.ss_family != address->sockaddr.ss_family)
        return false;
    if (bound.sockaddr.ss_family == AF_UNIX) /* the kernel's length ends with the path */
        return strcmp(otr_listen_path(&bound), otr_listen_path(address)) == 0;
    return otr_listen_address_same(&bound, address);
}

void otr_listen_unlink(const otr_listen_address *address)
{
    if (address->sockaddr.ss_family == AF_UNIX)
        unlink(otr_listen_path(address));
}
