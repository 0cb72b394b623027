/*
 * policy_hosts.c - every policy host of the bench's internet: bench_policy_hosts SIGNER.pem [MS]
 *
 * Nothing is listed: the name that a client asks for (SNI) says everything. For mta-sts.DOMAIN a certificate is made and signed by
 * the CA in SIGNER.pem (key and certificate), and the policy is that DOMAIN's mail goes to mx.DOMAIN.
 * MS: so many milliseconds are between what a client sends and what is made of it, as in a network that is far away; twice that at the
 * start. With --hang in place of the file nobody is ever answered. Port 443 of every address. One thread, epoll, TLS 1.2 or later, one request for a connection.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
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
#define VALID_S (30 * 86400L)

typedef struct client {
    int fd;
    SSL *ssl; /* owned */
    size_t got;
    char request[REQUEST_MAX];
    bool is_answered, is_queued, has_opened;
    struct client *next; /* in the queue */
    int64_t due_us;
} client;

static X509 *issuer;
static EVP_PKEY *signer, *key; /* of the CA, of every host */
static SSL_CTX *context;
static int epoll;
static int64_t delay_us;
static client *first, **last = &first; /* those whose words have not arrived yet */
static long serial;

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "bench_policy_hosts: %s: %s\n", what, errno != 0 ? strerror(errno) : "failed");
    ERR_print_errors_fp(stderr);
    exit(71);
}

/* The certificate ------------------------------------------------------------------------------------------------ */

static void add_name(X509 *cert, const char *host)
{
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_IA5STRING *text = ASN1_IA5STRING_new();

    ASN1_STRING_set(text, host, -1);
    GENERAL_NAME_set0_value(name, GEN_DNS, text);
    sk_GENERAL_NAME_push(names, name);
    X509_add1_ext_i2d(cert, NID_subject_alt_name, names, 1, 0); /* critical: the subject is empty */
    GENERAL_NAMES_free(names);
}

static X509 *make_certificate(const char *host)
{
    X509 *cert = X509_new();

    if (cert == NULL)
        return NULL;
    X509_set_version(cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), ++serial);
    X509_set_issuer_name(cert, X509_get_subject_name(issuer));
    X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
    X509_gmtime_adj(X509_getm_notAfter(cert), VALID_S);
    X509_set_pubkey(cert, key);
    add_name(cert, host);
    if (X509_sign(cert, signer, EVP_sha256()) == 0) {
        X509_free(cert);
        return NULL;
    }
    return cert;
}

static int choose_certificate(SSL *ssl, int *alert, void *arg)
{
    const char *host = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    X509 *cert = host != NULL && strncmp(host, PREFIX, strlen(PREFIX)) == 0 ? make_certificate(host) : NULL;
    bool is_set = cert != NULL && SSL_use_certificate(ssl, cert) == 1 && SSL_use_PrivateKey(ssl, key) == 1;

    (void)arg;
    X509_free(cert);
    *alert = SSL_AD_UNRECOGNIZED_NAME;
    return is_set ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

static void make_context(const char *path)
{
    FILE *file = fopen(path, "r");

    if (file == NULL)
        die(path);
    signer = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    issuer = PEM_read_X509(file, NULL, NULL, NULL);
    fclose(file);
    key = EVP_EC_gen("P-256");
    context = SSL_CTX_new(TLS_server_method());
    if (signer == NULL || issuer == NULL || key == NULL || context == NULL)
        die(path);
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_mode(context, SSL_MODE_NO_AUTO_CHAIN | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(context, 0);
    SSL_CTX_set_tlsext_servername_callback(context, choose_certificate);
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
        make_context(argv[1]);
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
