/*
 * sink.c - every MX host of the bench's internet: bench_sink SIGNER.pem
 *
 * Port 25 of every address: SMTP with STARTTLS, every message is taken and forgotten. Any name that a client asks for has a certificate
 * of the CA in SIGNER.pem; who asks for none gets that of mx.example. At its start, on SIGUSR1 and when it ends what was taken is printed: messages,
 * and how many of them came through TLS. One thread, epoll.
 */
#include "shown.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS 256
#define LINE_MAX_OCTETS 16384
#define OUT_SIZE 4096
#define SMTP 25

typedef struct client {
    int fd;
    SSL *ssl; /* owned; NULL: in clear */
    bool is_in_data, is_over;
    size_t len, out_len;
    char in[LINE_MAX_OCTETS];
    char out[OUT_SIZE];
} client;

static SSL_CTX *context;
static int epoll;
static unsigned long messages, in_tls;

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "bench_sink: %s: %s\n", what, strerror(errno));
    exit(71);
}

static void drop(client *c)
{
    SSL_free(c->ssl);
    close(c->fd);
    free(c);
}

static void say(client *c, const char *text)
{
    size_t len = strlen(text);

    if (c->out_len + len > OUT_SIZE)
        c->is_over = true; /* a client that says a thousand things in a breath */
    else
        memcpy(c->out + c->out_len, text, len), c->out_len += len;
}

/* All that was said in answer to one read: a reply is far smaller than the room of a socket. */
static void flush(client *c)
{
    ssize_t sent = 0;

    if (c->out_len > 0)
        sent = c->ssl != NULL ? SSL_write(c->ssl, c->out, (int)c->out_len) : send(c->fd, c->out, c->out_len, MSG_NOSIGNAL);
    c->is_over |= sent != (ssize_t)c->out_len;
    c->out_len = 0;
}

static void start_tls(client *c)
{
    say(c, "220 2.0.0 Ready to start TLS\r\n");
    flush(c);
    c->ssl = SSL_new(context);
    if (c->ssl == NULL || SSL_set_fd(c->ssl, c->fd) != 1)
        die("SSL_new");
    SSL_set_accept_state(c->ssl);
    c->len = 0; /* what came behind STARTTLS in clear does not count */
}

static void obey(client *c, const char *line)
{
    if (c->is_in_data) {
        if (strcmp(line, ".") != 0)
            return;
        c->is_in_data = false;
        messages++;
        in_tls += c->ssl != NULL;
        say(c, "250 2.0.0 taken\r\n");
    } else if (strncasecmp(line, "EHLO", 4) == 0) {
        say(c, c->ssl != NULL ? "250-mx.example\r\n250-8BITMIME\r\n250 PIPELINING\r\n"
                              : "250-mx.example\r\n250-8BITMIME\r\n250-STARTTLS\r\n250 PIPELINING\r\n");
    } else if (strncasecmp(line, "STARTTLS", 8) == 0) {
        start_tls(c);
    } else if (strncasecmp(line, "DATA", 4) == 0) {
        c->is_in_data = true;
        say(c, "354 Go ahead\r\n");
    } else if (strncasecmp(line, "QUIT", 4) == 0) {
        say(c, "221 2.0.0 bye\r\n");
        flush(c);
        c->is_over = true;
    } else {
        say(c, "250 2.0.0 OK\r\n");
    }
}

/* False: there is nothing more to read for now, or for ever (is_over). */
static bool receive(client *c)
{
    ssize_t got;

    if (c->ssl == NULL) {
        got = recv(c->fd, c->in + c->len, sizeof(c->in) - c->len - 1, 0);
        c->is_over |= got == 0 || (got < 0 && errno != EAGAIN);
    } else {
        got = SSL_read(c->ssl, c->in + c->len, (int)(sizeof(c->in) - c->len - 1));
        c->is_over |= got <= 0 && SSL_get_error(c->ssl, (int)got) != SSL_ERROR_WANT_READ;
        ERR_clear_error();
    }
    if (got > 0)
        c->len += (size_t)got;
    return got > 0;
}

static void go_on(client *c)
{
    while (!c->is_over && receive(c)) {
        char *line = c->in, *end;

        c->in[c->len] = '\0';
        while (c->len > 0 && !c->is_over && (end = strstr(line, "\r\n")) != NULL) {
            *end = '\0';
            obey(c, line);
            line = end + 2;
        }
        if (c->len > 0) { /* not emptied by STARTTLS */
            c->len -= (size_t)(line - c->in);
            memmove(c->in, line, c->len);
        }
        c->is_over |= c->len + 1 == sizeof(c->in);
        if (!c->is_over)
            flush(c);
    }
    if (c->is_over)
        drop(c);
}

static void accept_all(int listener)
{
    int fd, yes = 1;

    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        client *c = calloc(1, sizeof(*c));
        struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data.ptr = c };

        if (c == NULL)
            die("memory");
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
        c->fd = fd;
        say(c, "220 mx.example ESMTP\r\n");
        flush(c);
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0)
            die("epoll_ctl");
    }
}

static int listen_everywhere(void)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(SMTP) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), yes = 1;

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) != 0 ||
        bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0 || listen(fd, 4096) != 0)
        die("listen");
    return fd;
}

static int watch_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC);
}

static void print_taken(void)
{
    printf("%lu %lu\n", messages, in_tls);
    fflush(stdout);
}

/* False: it is to end. */
static bool on_signal(int signals)
{
    struct signalfd_siginfo info;

    if (read(signals, &info, sizeof(info)) != sizeof(info))
        return true;
    print_taken();
    return info.ssi_signo != SIGTERM;
}

static void add(int fd, void *mark)
{
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = mark };

    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0)
        die("epoll_ctl");
}

int main(int argc, char **argv)
{
    static char signal_mark, listener_mark;
    struct rlimit files = { 65536, 65536 };
    struct epoll_event events[EVENTS];
    int listener, signals;

    if (argc != 2) {
        fputs("usage: bench_sink SIGNER.pem\n", stderr);
        return 64;
    }
    setrlimit(RLIMIT_NOFILE, &files);
    context = shown_context(argv[1], "", "mx.example");
    epoll = epoll_create1(EPOLL_CLOEXEC);
    add(listener = listen_everywhere(), &listener_mark);
    add(signals = watch_signals(), &signal_mark);
    signal(SIGPIPE, SIG_IGN);
    print_taken(); /* it is there, and may be asked */
    for (;;) {
        int count = epoll_wait(epoll, events, EVENTS, -1);

        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == &listener_mark)
                accept_all(listener);
            else if (events[i].data.ptr != &signal_mark)
                go_on(events[i].data.ptr);
            else if (!on_signal(signals))
                return 0;
        }
    }
}
