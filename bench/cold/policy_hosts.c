/*
 * policy_hosts.c - every policy host of the bench's internet: bench_policy_hosts SIGNER.pem [MS]
 *
 * Nothing is listed: the name that a client asks for (SNI) says everything. For mta-sts.DOMAIN a certificate is made and signed by
 * the CA in SIGNER.pem (key and certificate), and the policy is that DOMAIN's mail goes to mx.DOMAIN.
 * MS: so many milliseconds are between what a client sends and what is made of it, as in a network that is far away; twice that at the
 * start. With --hang in place of the file nobody is ever answered. Port 443 of every address. One thread, epoll, TLS 1.2 or later, one request for a connection.
 */
#include "shown.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PREFIX "mta-sts."
#define EVENTS 256
#define REQUEST_MAX 2048

typedef struct client {
    int fd;
    SSL *ssl; /* owned */
    size_t got;
    char request[REQUEST_MAX];
    bool is_answered, is_queued, has_opened;
    struct client *next; /* in the queue */
    int64_t due_us;
} client;

static SSL_CTX *context;
static int epoll;
static int64_t delay_us;
static client *first, **last = &first; /* those whose words have not arrived yet */

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "bench_policy_hosts: %s: %s\n", what, errno != 0 ? strerror(errno) : "failed");
    ERR_print_errors_fp(stderr);
    exit(71);
}

/* One client ----------------------------------------------------------------------------------------------------- */

static void drop(client *c)
{
    SSL_free(c->ssl);
    close(c->fd);
    free(c);
}

/* True: go on; false: it waits for the client, or is gone. */
static bool is_through(client *c, int result)
{
    int error = result > 0 ? SSL_ERROR_NONE : SSL_get_error(c->ssl, result);

    ERR_clear_error();
    if (error == SSL_ERROR_NONE)
        return true;
    if (error != SSL_ERROR_WANT_READ)
        drop(c);
    return false;
}

static bool answer(client *c)
{
    const char *host = SSL_get_servername(c->ssl, TLSEXT_NAMETYPE_host_name);
    char body[512], text[1024];
    int body_len = snprintf(body, sizeof(body), "version: STSv1\r\nmode: enforce\r\nmax_age: 604800\r\nmx: mx.%s\r\n",
                            host + strlen(PREFIX));
    int len = snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n"
                                           "Connection: close\r\n\r\n%s", body_len, body);

    return is_through(c, SSL_write(c->ssl, text, len));
}

static int64_t now_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static void go_on(client *c)
{
    if (!SSL_is_init_finished(c->ssl) && !is_through(c, SSL_accept(c->ssl)))
        return;
    for (;;) {
        int got = SSL_read(c->ssl, c->request + c->got, (int)(sizeof(c->request) - c->got));

        if (got <= 0 && SSL_get_error(c->ssl, got) != SSL_ERROR_WANT_READ) { /* also the client's end, after its answer */
            ERR_clear_error();
            drop(c);
            return;
        }
        if (got <= 0)
            return;
        c->got += c->is_answered ? 0 : (size_t)got;
        if (c->is_answered || memmem(c->request, c->got, "\r\n\r\n", 4) == NULL)
            continue;
        c->is_answered = true;
        if (!answer(c))
            return;
        SSL_shutdown(c->ssl);
        shutdown(c->fd, SHUT_WR);
    }
}

/* Once for a turn of the client's: what it says meanwhile arrives with the first. */
static void put_off(client *c)
{
    if (c->is_queued)
        return;
    c->is_queued = true;
    c->due_us = now_us() + delay_us;
    c->next = NULL;
    *last = c;
    last = &c->next;
}

static void serve_due(void)
{
    while (first != NULL && first->due_us <= now_us()) {
        client *c = first;

        first = c->next;
        last = first == NULL ? &first : last;
        c->is_queued = false;
        if (c->has_opened) {
            go_on(c);
            continue;
        }
        c->has_opened = true; /* it has connected; now its first words */
        put_off(c);
    }
}

static void on_words(client *c)
{
    if (delay_us == 0 || c->is_answered)
        go_on(c);
    else
        put_off(c);
}

static void accept_all(int listener, bool hangs)
{
    int fd, yes = 1;

    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct epoll_event event = { .events = EPOLLIN | EPOLLET };
        client *c;

        if (hangs)
            continue; /* held until we end */
        c = calloc(1, sizeof(*c));
        if (c == NULL)
            die("memory");
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
        c->fd = fd;
        c->ssl = SSL_new(context);
        if (c->ssl == NULL || SSL_set_fd(c->ssl, fd) != 1)
            die("SSL_new");
        event.data.ptr = c;
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0)
            die("epoll_ctl");
    }
}

/* All -------------------------------------------------------------------------------------------------------------- */

static int listen_everywhere(void)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(443) };
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = NULL };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), yes = 1;

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) != 0 ||
        bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0 || listen(fd, 4096) != 0 ||
        epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0)
        die("listen");
    return fd;
}

static int next_wait_ms(void)
{
    int64_t left_us = first != NULL ? first->due_us - now_us() : 0;

    return first == NULL ? -1 : left_us > 0 ? (int)(left_us / 1000) + 1 : 0;
}

int main(int argc, char **argv)
{
    bool hangs = argc > 1 && strcmp(argv[1], "--hang") == 0;
    struct rlimit files = { 65536, 65536 };
    struct epoll_event events[EVENTS];
    int listener;

    if (argc < 2 || argc > 3) {
        fputs("usage: bench_policy_hosts SIGNER.pem|--hang [MS]\n", stderr);
        return 64;
    }
    signal(SIGPIPE, SIG_IGN);
    setrlimit(RLIMIT_NOFILE, &files);
    if (!hangs)
        context = shown_context(argv[1], PREFIX, NULL);
    delay_us = argc > 2 ? (int64_t)(atof(argv[2]) * 1000) : 0;
    epoll = epoll_create1(EPOLL_CLOEXEC);
    listener = listen_everywhere();
    for (;;) {
        int count = epoll_wait(epoll, events, EVENTS, next_wait_ms());

        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == NULL)
                accept_all(listener, hangs);
            else
                on_words(events[i].data.ptr);
        }
        serve_due();
    }
}
