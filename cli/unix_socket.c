/*
 * unix_socket.c - see unix_socket.h.
 */
#include "cli/unix_socket.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

int otr_connect_unix(const char *path, unsigned timeout)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct timeval patience = { .tv_sec = timeout };
    int fd, failed;

    if (strlen(path) >= sizeof(address.sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    strcpy(address.sun_path, path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0 &&
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) == 0 &&
        connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    failed = errno;
    if (fd >= 0)
        close(fd);
    errno = failed;
    return -1;
}

bool otr_receive_all(int fd, otr_buf *answer)
{
    char chunk[16384];
    ssize_t got;

    while ((got = recv(fd, chunk, sizeof(chunk), 0)) != 0) {
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return false;
        otr_buf_put(answer, chunk, (size_t)got);
        if (answer->err != OUTRIDER_OK)
            return false;
    }
    return true;
}
