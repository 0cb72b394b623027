/*
 * fetches.c - policy fetches and nothing else: what part of a cold destination TLS alone costs.
 *
 *   bench_fetches MODE ROOTS.pem FILE THREADS IN_FLIGHT [PORT]
 *
 * MODE:
 *   tls     connect, TLS handshake with the certificate verified, close: OpenSSL on one shared SSL_CTX and store, nobody's HTTP
 *   ours    lib/sts' fetch: the same by libcurl, with the request, its answer and all that is checked of it
 * FILE has "DOMAIN ADDRESS" in each line. One JSON object on standard output; of "ours" with what it takes to parse a policy.
 */
#include "base/diag.h"
#include "dns/address.h"
#include "sts/fetch.h"
#include "sts/policy.h"
#include "trust/anchors.h"
#include "trust/verify.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define DOMAIN_SIZE 256
#define THREADS_MAX 16
#define PARSE_ROUNDS 20000

typedef struct target {
    char domain[DOMAIN_SIZE], address[64];
} target;

typedef struct share {
    pthread_t thread;
    struct event_base *base;
    struct event *pump;
    otr_fetcher *fetcher;
    SSL_CTX *context;
    const target *at, *end;
    size_t waiting, done, failed;
    char *body; /* owned: of one policy */
    size_t body_len;
} share;

typedef struct handshake {
    share *owner;
    SSL *ssl;            /* owned */
    struct event *event; /* owned */
    int fd;
} handshake;

static bool is_ours;
static otr_anchors *anchors;
static unsigned in_flight;
static uint16_t port = 443;

static _Noreturn void die(const char *what, const char *why)
{
    fprintf(stderr, "bench_fetches: %s: %s\n", what, why);
    ERR_print_errors_fp(stderr);
    exit(71);
}

static double now_us(clockid_t id)
{
    struct timespec ts;

    clock_gettime(id, &ts);
    return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static void count(share *s, bool is_fine)
{
    s->waiting--;
    s->done++;
    s->failed += !is_fine;
    event_active(s->pump, EV_TIMEOUT, 0);
}

/* TLS alone ---------------------------------------------------------------------------------------------------------- */

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
    handshake *h = arg;
    int result = SSL_connect(h->ssl), error = SSL_get_error(h->ssl, result);

    (void)what;
    if (result != 1 && (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)) {
        short wanted = error == SSL_ERROR_WANT_READ ? EV_READ : EV_WRITE;

        if (event_get_events(h->event) != wanted) {
            event_del(h->event);
            event_assign(h->event, h->owner->base, fd, wanted | EV_PERSIST, on_socket, h);
            event_add(h->event, NULL);
        }
        return;
    }
    if (result == 1)
        SSL_shutdown(h->ssl);
    ERR_clear_error();
    event_free(h->event);
    SSL_free(h->ssl);
    close(h->fd);
    count(h->owner, result == 1);
    free(h);
}

static void start_handshake(share *s, const target *t)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(port) };
    handshake *h = calloc(1, sizeof(*h));
    char host[DOMAIN_SIZE + 16];

    snprintf(host, sizeof(host), "mta-sts.%s", t->domain);
    if (h == NULL || inet_pton(AF_INET, t->address, &at.sin_addr) != 1)
        die(t->address, "not an address");
    h->owner = s;
    h->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    h->ssl = SSL_new(s->context);
    if (h->fd < 0 || h->ssl == NULL || SSL_set_fd(h->ssl, h->fd) != 1 || SSL_set_tlsext_host_name(h->ssl, host) != 1 ||
        otr_verify_set_up_ssl(h->ssl, otr_anchors_for(anchors, t->domain), host) != OUTRIDER_OK)
        die(host, "cannot be set up");
    if (connect(h->fd, (struct sockaddr *)&at, sizeof(at)) != 0 && errno != EINPROGRESS)
        die(t->address, strerror(errno));
    h->event = event_new(s->base, h->fd, EV_WRITE | EV_PERSIST, on_socket, h);
    if (h->event == NULL || event_add(h->event, NULL) != 0)
        die("memory", "none");
}

/* Ours --------------------------------------------------------------------------------------------------------------- */

static void on_fetched(void *arg, const otr_fetch_result *result)
{
    share *s = arg;

    if (result->failure != OTR_STS_NO_FAILURE && s->failed == 0)
        fprintf(stderr, "bench_fetches: %s\n", result->reason);
    if (result->failure == OTR_STS_NO_FAILURE && s->body == NULL) {
        s->body = malloc(result->body_len + 1);
        if (s->body != NULL)
            memcpy(s->body, result->body, s->body_len = result->body_len);
    }
    count(s, result->failure == OTR_STS_NO_FAILURE);
}

static void start_fetch(share *s, const target *t)
{
    otr_address address = { .family = 4 };

    if (inet_pton(AF_INET, t->address, address.bytes) != 1)
        die(t->address, "not an address");
    if (otr_fetch_start(s->fetcher, t->domain, &address, 1, otr_anchors_for(anchors, t->domain), on_fetched, s) == NULL)
        die("memory", "none");
}

/* Microseconds for a policy, in CPU time. */
static double time_parsing(const share *s)
{
    double begin = now_us(CLOCK_PROCESS_CPUTIME_ID);

    for (int i = 0; s->body != NULL && i < PARSE_ROUNDS; i++) {
        otr_sts_policy *policy = NULL;

        if (otr_sts_policy_parse(s->body, s->body_len, &policy, NULL) != OUTRIDER_OK)
            die("policy", "does not parse");
        otr_sts_policy_free(policy);
    }
    return (now_us(CLOCK_PROCESS_CPUTIME_ID) - begin) / PARSE_ROUNDS;
}

/* All ---------------------------------------------------------------------------------------------------------------- */

static void on_pump(evutil_socket_t fd, short what, void *arg)
{
    share *s = arg;

    (void)fd;
    (void)what;
    while (s->waiting < in_flight && s->at < s->end) {
        s->waiting++;
        if (is_ours)
            start_fetch(s, s->at++);
        else
            start_handshake(s, s->at++);
    }
    if (s->waiting == 0 && s->at == s->end)
        event_base_loopbreak(s->base);
}

static void make_share(share *s)
{
    otr_fetcher_options options = OTR_FETCHER_OPTIONS_INIT;
    outrider_diag diag = { 0 };

    s->base = event_base_new();
    s->pump = event_new(s->base, -1, EV_PERSIST, on_pump, s);
    s->context = SSL_CTX_new(TLS_client_method());
    options.port = port;
    if (s->context == NULL || (is_ours && otr_curl_fetcher_new(s->base, &options, &s->fetcher, &diag) != OUTRIDER_OK))
        die("memory", diag.message);
    SSL_CTX_set_session_cache_mode(s->context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_min_proto_version(s->context, TLS1_2_VERSION);
}

static void *run(void *arg)
{
    share *s = arg;

    event_active(s->pump, EV_TIMEOUT, 0);
    event_base_loop(s->base, EVLOOP_NO_EXIT_ON_EMPTY);
    return NULL;
}

static void clear_share(share *s)
{
    if (s->fetcher != NULL)
        otr_fetcher_free(s->fetcher);
    SSL_CTX_free(s->context);
    event_free(s->pump);
    event_base_free(s->base);
    free(s->body);
}

static target *read_targets(const char *path, size_t *count_of)
{
    FILE *file = fopen(path, "r");
    target *all = NULL;
    size_t room = 0;
    target t;

    if (file == NULL)
        die(path, strerror(errno));
    *count_of = 0;
    while (fscanf(file, "%255s %63s", t.domain, t.address) == 2) {
        if (*count_of == room && (all = realloc(all, (room = 2 * room + 1024) * sizeof(*all))) == NULL)
            die("memory", "none");
        all[(*count_of)++] = t;
    }
    fclose(file);
    if (*count_of == 0)
        die(path, "no domains");
    return all;
}

int main(int argc, char **argv)
{
    share shares[THREADS_MAX] = { { 0 } };
    size_t of, done = 0, failed = 0;
    unsigned threads = argc >= 6 ? (unsigned)atoi(argv[4]) : 0;
    outrider_diag diag = { 0 };
    double begin, cpu;
    target *all;

    if (argc < 6 || argc > 7 || threads < 1 || threads > THREADS_MAX || atoi(argv[5]) < 1) {
        fputs("usage: bench_fetches tls|ours ROOTS.pem FILE THREADS IN_FLIGHT [PORT]\n", stderr);
        return 64;
    }
    is_ours = strcmp(argv[1], "ours") == 0;
    if (otr_anchors_load(argv[2], &anchors, &diag) != OUTRIDER_OK)
        die(argv[2], diag.message);
    all = read_targets(argv[3], &of);
    in_flight = (unsigned)atoi(argv[5]);
    port = argc > 6 ? (uint16_t)atoi(argv[6]) : port;
    for (unsigned i = 0; i < threads; i++) {
        make_share(&shares[i]);
        shares[i].at = all + of * i / threads;
        shares[i].end = all + of * (i + 1) / threads;
    }
    begin = now_us(CLOCK_MONOTONIC);
    cpu = now_us(CLOCK_PROCESS_CPUTIME_ID);
    for (unsigned i = 0; i < threads; i++)
        if (pthread_create(&shares[i].thread, NULL, run, &shares[i]) != 0)
            die("thread", "not started");
    for (unsigned i = 0; i < threads; i++)
        pthread_join(shares[i].thread, NULL);
    begin = now_us(CLOCK_MONOTONIC) - begin;
    cpu = now_us(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    for (unsigned i = 0; i < threads; i++) {
        done += shares[i].done;
        failed += shares[i].failed;
    }
    printf("{\"mode\":\"%s\",\"fetches\":%zu,\"done\":%zu,\"failed\":%zu,\"seconds\":%.3f,\"cpu_us\":%.2f,\"parse_us\":%.3f}\n",
           argv[1], of, done, failed, begin / 1e6, cpu / (double)of, time_parsing(&shares[0]));
    for (unsigned i = 0; i < threads; i++)
        clear_share(&shares[i]);
    otr_anchors_free(anchors);
    free(all);
    return 0;
}
