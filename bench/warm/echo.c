/*
 * echo.c - the physical limit: a server that understands nothing but the framing of a request and answers a constant of the
 * length of an ordinary answer. One recv() and one send() for all requests that have arrived on a connection.
 *
 *   bench_echo socketmap|line LENGTH ADDRESS...
 *
 * One thread, as the daemon has on a machine with two cores. Ends with SIGTERM.
 */
#include "address.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS 64
#define BATCH_MAX 512     /* requests in one recv() */
#define IN_SIZE 16384
#define FILES_MAX 4096
#define LISTENERS_MAX 8

static bool is_listener[FILES_MAX];
static bool is_line;
static char *reply;       /* BATCH_MAX times the same */
static size_t reply_len;
static struct left {      /* of a request that has not arrived whole, by descriptor */
    size_t skip;          /* octets of a netstring still to come */
    size_t number;        /* of its length, so far */
} left[FILES_MAX];

/* How many requests end in these octets. */
static size_t count_requests(struct left *l, const char *in, size_t len)
{
    size_t count = 0;

    for (size_t at = 0; at < len;) {
        if (is_line) {
            const char *end = memchr(in + at, '\n', len - at);

            return end != NULL ? 1 : 0;
        }
        if (l->skip == 0 && in[at] != ':') {
            l->number = l->number * 10 + (size_t)(in[at++] - '0');
            continue;
        }
        if (l->skip == 0) {
            l->skip = l->number + 2; /* with ':' and ',' */
            l->number = 0;
        }
        if (len - at < l->skip) {
            l->skip -= len - at;
            return count;
        }
        at += l->skip;
        l->skip = 0;
        count++;
    }
    return count;
}

static void answer(int fd)
{
    char in[IN_SIZE];
    ssize_t got = recv(fd, in, sizeof(in), 0);
    size_t count;

    if (got <= 0) {
        close(fd);
        return;
    }
    count = count_requests(&left[fd], in, (size_t)got);
    if (count > BATCH_MAX || (count > 0 && send(fd, reply, count * reply_len, MSG_NOSIGNAL) < 0) || (is_line && count > 0))
        close(fd);
}

static void admit(int epoll, int listener)
{
    int fd;

    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

        if (fd >= FILES_MAX || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0)
            close(fd);
        else
            left[fd] = (struct left){ 0 };
    }
}

static void make_reply(size_t len)
{
    char number[24];

    reply_len = len;
    reply = malloc(BATCH_MAX * len);
    if (reply == NULL)
        exit(71);
    memset(reply, 'x', BATCH_MAX * len);
    for (size_t i = 0; i < BATCH_MAX; i++) {
        char *at = reply + i * len;
        size_t digits = (size_t)snprintf(number, sizeof(number), "%zu:", len);
        size_t content = len - digits - 1;

        if (is_line) {
            at[len - 1] = '\n';
            continue;
        }
        digits = (size_t)snprintf(number, sizeof(number), "%zu:", content);
        if (digits + content + 1 < len) /* one digit less than was thought */
            digits = (size_t)snprintf(number, sizeof(number), "%zu:", content + 1);
        memcpy(at, number, digits);
        at[len - 1] = ',';
    }
}

int main(int argc, char **argv)
{
    int epoll = epoll_create1(EPOLL_CLOEXEC);

    if (argc < 4 || argc > 3 + LISTENERS_MAX || atoi(argv[2]) < 12) {
        fputs("usage: bench_echo socketmap|line LENGTH ADDRESS...\n", stderr);
        return 64;
    }
    is_line = strcmp(argv[1], "line") == 0;
    make_reply((size_t)atoi(argv[2]));
    for (int i = 3; i < argc; i++) {
        struct epoll_event event = { .events = EPOLLIN, .data.fd = address_listen(argv[i]) };

        if (event.data.fd < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, event.data.fd, &event) != 0) {
            perror(argv[i]);
            return 71;
        }
        is_listener[event.data.fd] = true;
    }
    for (;;) {
        struct epoll_event events[EVENTS];
        int count = epoll_wait(epoll, events, EVENTS, -1);

        for (int i = 0; i < count; i++) {
            if (is_listener[events[i].data.fd])
                admit(epoll, events[i].data.fd);
            else
                answer(events[i].data.fd);
        }
    }
}
