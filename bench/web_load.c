/*
 * web_load.c - a client that fetches the same file again and again, for bench/policy_host.py, which says what to do and looks at what it
 * costs the server.
 *
 *   web_load PORT HOST plain|tls1.2|tls1.3 requests|full|resumed|idle COUNT
 *
 *   requests  COUNT of them over 16 connections that are kept, one on each at a time
 *   full      COUNT connections with a handshake and a request each, 16 at a time
 *   resumed   the same, with a session that is resumed
 *   idle      COUNT connections that have made one request are kept until standard input ends
 *
 * An answer that is not the policy ends it with status 1. Nothing is verified: the client's own cost should be small.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#define AT_ONCE 16
#define IDLE_MAX 20000

static in_port_t port;
static const char *host;
static SSL_CTX *ctx; /* NULL: plain */
static SSL_SESSION *session;
static char request[512];

static void need(bool is_good, const char *what)
{
    if (is_good)
        return;
    fprintf(stderr, "web_load: %s: %s\n", what, errno != 0 ? strerror(errno) : "failed");
    ERR_print_errors_fp(stderr);
    exit(1);
}

typedef struct wire {
    int fd;
    SSL *ssl;
    char got[2048];
    size_t got_len;
} wire;

static void open_wire(wire *w, bool resumes)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int on = 1;

    *w = (wire){ .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
    need(w->fd >= 0 && connect(w->fd, (const struct sockaddr *)&to, sizeof(to)) == 0, "connect");
    setsockopt(w->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    need(fcntl(w->fd, F_SETFL, O_NONBLOCK) == 0, "fcntl");
    if (ctx == NULL)
        return;
    w->ssl = SSL_new(ctx);
    need(w->ssl != NULL && SSL_set_fd(w->ssl, w->fd) == 1 && SSL_set_tlsext_host_name(w->ssl, host) == 1, "TLS");
    if (resumes && session != NULL) { /* OpenSSL takes a session of TLS 1.3 that was used for used up */
        SSL_SESSION *copy = SSL_SESSION_dup(session);

        need(copy != NULL && SSL_set_session(w->ssl, copy) == 1, "session");
        SSL_SESSION_free(copy);
    }
    SSL_set_connect_state(w->ssl);
}

/* A reset saves the client's ports: there would be one in TIME-WAIT for each connection. */
static void close_wire(wire *w)
{
    struct linger at_once = { 1, 0 };

    setsockopt(w->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    if (w->ssl != NULL)
        SSL_set_shutdown(w->ssl, SSL_SENT_SHUTDOWN); /* the session stays good */
    SSL_free(w->ssl);
    close(w->fd);
}

static void wait_for(wire *w, short what)
{
    struct pollfd waiting = { .fd = w->fd, .events = what };

    need(poll(&waiting, 1, 10000) == 1, "time is over");
}

/* False: later. */
static bool goes_on(wire *w, int result)
{
    int error = SSL_get_error(w->ssl, result);

    need(error == SSL_ERROR_NONE || error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE, "TLS");
    return error == SSL_ERROR_NONE;
}

static void shake_all(wire *wires, size_t count)
{
    size_t left = count;
    bool is_done[AT_ONCE] = { false };

    while (left > 0) {
        for (size_t i = 0; i < count; i++) {
            if (is_done[i])
                continue;
            is_done[i] = goes_on(&wires[i], SSL_do_handshake(wires[i].ssl));
            left -= is_done[i];
        }
        for (size_t i = 0; left > 0 && i < count; i++)
            if (!is_done[i]) {
                wait_for(&wires[i], POLLIN);
                break;
            }
    }
}

static void send_request(wire *w)
{
    int len = (int)strlen(request);

    need(w->ssl != NULL ? SSL_write(w->ssl, request, len) == len : write(w->fd, request, (size_t)len) == len, "send");
    w->got_len = 0;
}

static bool is_whole(wire *w)
{
    const char *end = memmem(w->got, w->got_len, "\r\n\r\n", 4), *length;

    w->got[w->got_len] = '\0';
    if (end == NULL)
        return false;
    length = strcasestr(w->got, "\r\nContent-Length: ");
    need(strncmp(w->got, "HTTP/1.1 200 OK\r\n", 17) == 0 && length != NULL, "not the policy");
    return w->got_len >= (size_t)(end + 4 - w->got) + (size_t)atoi(length + 18);
}

static void read_answer(wire *w)
{
    while (w->got_len == 0 || !is_whole(w)) {
        size_t room = sizeof(w->got) - 1 - w->got_len;
        ssize_t got;

        if (w->ssl != NULL) {
            got = SSL_read(w->ssl, w->got + w->got_len, (int)room);
            if (got <= 0 && !goes_on(w, (int)got))
                got = 0;
        } else {
            got = read(w->fd, w->got + w->got_len, room);
            need(got > 0 || (got < 0 && errno == EAGAIN), "read");
        }
        if (got <= 0)
            wait_for(w, POLLIN);
        else
            w->got_len += (size_t)got;
    }
}

static void fetch_all(wire *wires, size_t count)
{
    for (size_t i = 0; i < count; i++)
        send_request(&wires[i]);
    for (size_t i = 0; i < count; i++)
        read_answer(&wires[i]);
}

static int keep_session(SSL *ssl, SSL_SESSION *given)
{
    (void)ssl;
    SSL_SESSION_free(session);
    session = given;
    return 1;
}

static void run_requests(size_t count)
{
    static wire wires[AT_ONCE];

    for (size_t i = 0; i < AT_ONCE; i++)
        open_wire(&wires[i], false);
    if (ctx != NULL)
        shake_all(wires, AT_ONCE);
    for (size_t done = 0; done < count; done += AT_ONCE)
        fetch_all(wires, AT_ONCE);
    for (size_t i = 0; i < AT_ONCE; i++)
        close_wire(&wires[i]);
}

static void run_connections(size_t count, bool resumes)
{
    static wire wires[AT_ONCE];
    size_t at_once = resumes && session == NULL ? 1 : AT_ONCE;

    for (size_t done = 0; done < count; done += AT_ONCE) {
        for (size_t i = 0; i < at_once; i++)
            open_wire(&wires[i], resumes);
        if (ctx != NULL)
            shake_all(wires, at_once);
        fetch_all(wires, at_once);
        for (size_t i = 0; i < at_once; i++) {
            need(!resumes || done == 0 || SSL_session_reused(wires[i].ssl), "not resumed");
            close_wire(&wires[i]);
        }
        need(!resumes || session != NULL, "no session");
        at_once = AT_ONCE;
    }
}

static void run_idle(size_t count)
{
    static wire wires[IDLE_MAX];
    char octet;

    for (size_t i = 0; i < count && i < IDLE_MAX; i++) {
        open_wire(&wires[i], false);
        if (ctx != NULL)
            shake_all(&wires[i], 1);
        fetch_all(&wires[i], 1);
    }
    puts("ready");
    fflush(stdout);
    while (read(STDIN_FILENO, &octet, 1) > 0)
        ;
}

static SSL_CTX *client_context(const char *version)
{
    SSL_CTX *made;
    int number = strcmp(version, "tls1.2") == 0 ? TLS1_2_VERSION : TLS1_3_VERSION;

    if (strcmp(version, "plain") == 0)
        return NULL;
    made = SSL_CTX_new(TLS_client_method());
    need(made != NULL && SSL_CTX_set_min_proto_version(made, number) == 1 && SSL_CTX_set_max_proto_version(made, number) == 1, "TLS");
    SSL_CTX_set_session_cache_mode(made, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(made, keep_session);
    return made;
}

int main(int argc, char **argv)
{
    size_t count;

    if (argc != 6) {
        fputs("usage: web_load PORT HOST plain|tls1.2|tls1.3 requests|full|resumed|idle COUNT\n", stderr);
        return 64;
    }
    port = (in_port_t)atoi(argv[1]);
    host = argv[2];
    ctx = client_context(argv[3]);
    count = (size_t)atol(argv[5]);
    snprintf(request, sizeof(request),
             "GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: %s\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n", host);
    if (strcmp(argv[4], "requests") == 0)
        run_requests(count);
    else if (strcmp(argv[4], "idle") == 0)
        run_idle(count);
    else
        run_connections(count, strcmp(argv[4], "resumed") == 0);
    SSL_SESSION_free(session);
    SSL_CTX_free(ctx);
    return 0;
}
