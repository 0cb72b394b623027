/*
 * delay.c - a network that is far away, for kernels without netem: bench_delay MS LISTEN UPSTREAM
 *
 * Datagrams to LISTEN:53 reach UPSTREAM:53 MS milliseconds later, and what is answered takes as long. Questions are told apart by the
 * DNS id, which is another one upstream. One thread; what waits is a queue, because all wait equally long.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define PORT 53
#define MESSAGE_MAX 4096
#define BUFFER (8 << 20)

typedef struct datagram {
    struct datagram *next;
    int64_t due_us;
    bool is_answer;
    struct sockaddr_in to; /* of an answer */
    size_t len;
    uint8_t octets[];
} datagram;

/* Whose question went upstream under this id. */
static struct {
    struct sockaddr_in from;
    uint8_t id[2];
} asked[1 << 16];
static uint16_t next_id;

static datagram *first, **last = &first;

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "bench_delay: %s: %s\n", what, strerror(errno));
    exit(71);
}

static int64_t now_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static int open_socket(const char *address, bool is_listener)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(PORT) };
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), room = BUFFER;

    if (fd < 0 || inet_pton(AF_INET, address, &at.sin_addr) != 1)
        die(address);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
    if ((is_listener ? bind(fd, (struct sockaddr *)&at, sizeof(at)) : connect(fd, (struct sockaddr *)&at, sizeof(at))) != 0)
        die(address);
    return fd;
}

static void take(int fd, bool is_answer, int64_t due_us)
{
    uint8_t octets[MESSAGE_MAX];
    struct sockaddr_in from;
    socklen_t from_len = sizeof(from);
    ssize_t got;

    while ((got = recvfrom(fd, octets, sizeof(octets), 0, (struct sockaddr *)&from, &from_len)) > 1) {
        datagram *d = malloc(sizeof(*d) + (size_t)got);
        uint16_t id = is_answer ? (uint16_t)(octets[0] << 8 | octets[1]) : next_id++;

        if (d == NULL)
            die("memory");
        *d = (datagram){ .due_us = due_us, .is_answer = is_answer, .len = (size_t)got };
        if (is_answer) {
            d->to = asked[id].from;
            memcpy(octets, asked[id].id, 2);
        } else {
            asked[id].from = from;
            memcpy(asked[id].id, octets, 2);
            octets[0] = (uint8_t)(id >> 8);
            octets[1] = (uint8_t)id;
        }
        memcpy(d->octets, octets, (size_t)got);
        *last = d;
        last = &d->next;
    }
}

static void send_due(int listener, int upstream, int64_t now)
{
    while (first != NULL && first->due_us <= now) {
        datagram *d = first;
        ssize_t sent = d->is_answer ? sendto(listener, d->octets, d->len, 0, (struct sockaddr *)&d->to, sizeof(d->to))
                                    : send(upstream, d->octets, d->len, 0);

        if (sent < 0 && errno != ECONNREFUSED)
            die("send");
        first = d->next;
        last = first == NULL ? &first : last;
        free(d);
    }
}

int main(int argc, char **argv)
{
    int64_t delay_us = argc == 4 ? (int64_t)(atof(argv[1]) * 1000) : -1;
    struct pollfd fds[2] = { { .events = POLLIN }, { .events = POLLIN } };

    if (delay_us < 0) {
        fputs("usage: bench_delay MS LISTEN UPSTREAM\n", stderr);
        return 64;
    }
    fds[0].fd = open_socket(argv[2], true);
    fds[1].fd = open_socket(argv[3], false);
    for (;;) {
        int64_t left_us = first != NULL ? first->due_us - now_us() : 1000000;
        struct timespec ts = { .tv_sec = left_us > 0 ? left_us / 1000000 : 0, .tv_nsec = left_us > 0 ? left_us % 1000000 * 1000 : 0 };

        if (ppoll(fds, 2, &ts, NULL) < 0 && errno != EINTR)
            die("poll");
        for (int i = 0; i < 2; i++)
            if (fds[i].revents != 0)
                take(fds[i].fd, i == 1, now_us() + delay_us);
        send_due(fds[0].fd, fds[1].fd, now_us());
    }
}
