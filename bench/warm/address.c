/*
 * address.c - see address.h. Small messages leave at once on TCP (TCP_NODELAY), as the daemon's do.
 */
#include "address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 1024

typedef union any_address {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_un un;
} any_address;

static socklen_t parse(const char *text, any_address *a)
{
    const char *colon = strrchr(text, ':');
    char host[INET_ADDRSTRLEN];

    memset(a, 0, sizeof(*a));
    if (strncmp(text, "unix:", 5) == 0 && strlen(text + 5) < sizeof(a->un.sun_path)) {
        a->un.sun_family = AF_UNIX;
        strcpy(a->un.sun_path, text + 5);
        return sizeof(a->un);
    }
    if (colon == NULL || (size_t)(colon - text) >= sizeof(host))
        return 0;
    memcpy(host, text, (size_t)(colon - text));
    host[colon - text] = '\0';
    a->in.sin_family = AF_INET;
    a->in.sin_port = htons((uint16_t)atoi(colon + 1));
    return inet_pton(AF_INET, host, &a->in.sin_addr) == 1 ? sizeof(a->in) : 0;
}

static int open_socket(const any_address *a)
{
    int on = 1, fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd >= 0 && a->any.sa_family == AF_INET) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    }
    return fd;
}

int address_listen(const char *text)
{
    any_address a;
    socklen_t len = parse(text, &a);
    int fd = -1;

    errno = EINVAL;
    if (len == 0 || (fd = open_socket(&a)) < 0)
        return -1;
    if (a.any.sa_family == AF_UNIX)
        unlink(a.un.sun_path);
    if (bind(fd, &a.any, len) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    close(fd);
    return -1;
}

int address_connect(const char *text)
{
    any_address a;
    socklen_t len = parse(text, &a);
    int fd = -1;

    errno = EINVAL;
    if (len == 0 || (fd = open_socket(&a)) < 0)
        return -1;
    if (connect(fd, &a.any, len) == 0 || errno == EINPROGRESS)
        return fd;
    close(fd);
    return -1;
}
