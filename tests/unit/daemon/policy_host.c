/*
 * policy_host.c - the policy server alone, with a site made by hand: for tests/e2e/test_policy_host.py and for the benchmark. A program:
 *
 *   policy_host OPTION VALUE...
 *     https, plain, acme ADDRESS   where to listen ("inet:127.0.0.1:8443", "unix:/path")
 *     policy DOMAIN:CHAIN:KEY      a domain and its certificate; DOMAIN alone: without one
 *     tokens DIRECTORY             watched
 *     connections N, per-address N, timeout MS, tickets MS
 *     horizon S                    how far ahead versions may be handed out, from now on; default: a day
 *
 * It says "ready" when it listens. A line on standard input replaces the site by one made anew (what is read from files is read again);
 * its end ends the program, which then prints what was counted: "DOMAIN NETWORK COUNT", and "last DOMAIN SECONDS".
 */
#include "base/arena.h"
#include "base/log.h"
#include "daemon/listen/address.h"
#include "daemon/metrics.h"
#include "daemon/publish/acme.h"
#include "daemon/publish/certificate.h"
#include "daemon/publish/server.h"
#include "daemon/rcu.h"
#include "publish/publication.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define POLICIES_MAX 64
#define LISTENERS_MAX 8

struct policy {
    char *domain, *chain, *key;
    otr_served served;
};

struct site_memory {
    otr_site site; /* first */
    otr_arena *arena;
    otr_site_policy policies[POLICIES_MAX];
};

static struct policy policies[POLICIES_MAX];
static size_t policy_count;
static otr_web_listener listeners[LISTENERS_MAX];
static size_t listener_count;
static const char *token_directory;
static int token_watch = -1;
static long horizon = 86400;
static otr_snapshot snapshot;
static otr_clock wall;
static otr_tally *sum;

static void need(bool is_good, const char *what, const outrider_diag *diag)
{
    if (is_good)
        return;
    fprintf(stderr, "policy_host: %s: %s\n", what, diag != NULL ? diag->message : "failed");
    exit(70);
}

/* The site ---------------------------------------------------------------------------------------------------------- */

static void free_site(otr_snapshot_value *value)
{
    struct site_memory *m = (struct site_memory *)(void *)value;

    for (size_t i = 0; i < m->site.policy_count; i++)
        SSL_CTX_free(m->policies[i].tls);
    otr_arena_free(m->arena);
    free(m);
}

static void make_policy(struct site_memory *m, struct policy *p, otr_site_policy *made)
{
    const char *mx[] = { otr_arena_printf(m->arena, "mx.%s", p->domain) };
    otr_publication publication = { p->domain, OTR_STS_TESTING, mx, 1, 86400 };
    otr_buf text = OTR_BUF_INIT;
    otr_certificate *certificate = NULL;
    outrider_diag diag = { 0 };

    snprintf(made->host, sizeof(made->host), "mta-sts.%s", p->domain);
    made->domain = p->domain;
    made->served = &p->served;
    need(otr_publication_text(&publication, &text, &diag) == OUTRIDER_OK, p->domain, &diag);
    need(otr_publication_id(text.data, text.len, made->id) == OUTRIDER_OK, p->domain, NULL);
    made->body = (otr_slice){ otr_arena_bytes(m->arena, text.data, text.len), text.len };
    otr_buf_clear(&text);
    atomic_store(&p->served.horizon, otr_clock_now(&wall) + horizon);
    if (p->chain == NULL)
        return;
    need(otr_certificate_load(p->chain, p->key, made->host, otr_clock_now(&wall), &certificate, &diag) == OUTRIDER_OK, p->domain,
         &diag);
    made->tls = otr_certificate_tls(certificate);
    SSL_CTX_up_ref(made->tls);
    otr_certificate_free(certificate);
}

static int compare(const void *a, const void *b)
{
    return strcmp(((const otr_site_policy *)a)->host, ((const otr_site_policy *)b)->host);
}

static void replace_site(void)
{
    struct site_memory *m = calloc(1, sizeof(*m));
    otr_acme_tokens tokens = { .count = 0 };
    outrider_diag diag = { 0 };

    need(m != NULL && (m->arena = otr_arena_new()) != NULL, "memory", NULL);
    m->site.value.free = free_site;
    for (size_t i = 0; i < policy_count; i++)
        make_policy(m, &policies[i], &m->policies[i]);
    qsort(m->policies, policy_count, sizeof(m->policies[0]), compare);
    if (token_directory != NULL)
        need(otr_acme_read(token_directory, m->arena, &tokens, &diag) == OUTRIDER_OK, "tokens", &diag);
    m->site.policies = m->policies;
    m->site.policy_count = policy_count;
    m->site.tokens = tokens.list;
    m->site.token_count = tokens.count;
    otr_rcu_published(m);
    otr_snapshot_lock(&snapshot);
    otr_snapshot_replace(&snapshot, &m->site.value);
    otr_snapshot_unlock(&snapshot);
}

/* Options ----------------------------------------------------------------------------------------------------------- */

static bool add_listener(const char *word, const char *value)
{
    static const char *const kinds[OTR_WEB_KINDS] = { "https", "plain", "acme" };
    otr_listen_address address;
    outrider_diag diag = { 0 };

    for (unsigned kind = 0; kind < OTR_WEB_KINDS; kind++) {
        if (strcmp(word, kinds[kind]) != 0)
            continue;
        need(otr_listen_address_parse(value, &address, &diag) == OUTRIDER_OK &&
                 otr_listen_open(&address, 0666, (gid_t)-1, &listeners[listener_count].fd, &diag) == OUTRIDER_OK, value, &diag);
        listeners[listener_count++].kind = (otr_web_kind)kind;
        return true;
    }
    return false;
}

static void add_policy(char *value)
{
    struct policy *p = &policies[policy_count++];

    need(policy_count <= POLICIES_MAX, value, NULL);
    p->domain = strsep(&value, ":");
    p->chain = strsep(&value, ":");
    p->key = value;
}

static void take_option(const char *word, char *value, otr_policy_server_options *o)
{
    if (add_listener(word, value))
        return;
    if (strcmp(word, "policy") == 0)
        add_policy(value);
    else if (strcmp(word, "tokens") == 0)
        token_directory = value;
    else if (strcmp(word, "connections") == 0)
        o->connections_max = (unsigned)atoi(value);
    else if (strcmp(word, "per-address") == 0)
        o->connections_per_address = (unsigned)atoi(value);
    else if (strcmp(word, "timeout") == 0)
        o->timeout_ms = (unsigned)atoi(value);
    else if (strcmp(word, "tickets") == 0)
        o->tickets_ms = (unsigned)atoi(value);
    else if (strcmp(word, "horizon") == 0)
        horizon = atol(value);
    else
        need(false, word, NULL);
}

/* Running ----------------------------------------------------------------------------------------------------------- */

static void take_tally(void *arg, otr_tally *tally)
{
    (void)arg;
    otr_tally_merge(sum, tally); /* by the server's thread, and read when it has ended */
    otr_tally_free(tally);
}

/* Until standard input ends. */
static void wait_for_end(void)
{
    struct pollfd waiting[2] = { { .fd = STDIN_FILENO, .events = POLLIN }, { .fd = token_watch, .events = POLLIN } };
    char line[256];

    for (;;) {
        if (poll(waiting, 2, -1) < 0)
            continue;
        if (waiting[0].revents != 0 && read(STDIN_FILENO, line, sizeof(line)) <= 0)
            break;
        if (waiting[1].revents != 0)
            otr_acme_drain(waiting[1].fd);
        replace_site();
        if (waiting[0].revents != 0) {
            puts("replaced");
            fflush(stdout);
        }
    }
}

static void print_metrics(void)
{
    static uint64_t cells[OTR_CELL_COUNT];
    otr_buf text = OTR_BUF_INIT;

    otr_metrics_sum(cells);
    otr_metrics_render(cells, &text);
    fputs(otr_buf_text(&text), stdout);
    otr_buf_clear(&text);
}

int main(int argc, char **argv)
{
    otr_policy_server_options options = { .listeners = listeners, .site = &snapshot, .clock = &wall, .tell = take_tally,
                                          .connections_max = 1000, .connections_per_address = 1000, .timeout_ms = 10000 };
    otr_policy_server *server = NULL;
    outrider_diag diag = { 0 };

    signal(SIGPIPE, SIG_IGN);
    otr_log_open("policy_host", OTR_LOG_STDERR, true, getenv("POLICY_HOST_DEBUG") != NULL ? OTR_LOG_DEBUG : OTR_LOG_NOTICE);
    otr_clock_init(&wall, 0);
    otr_snapshot_init(&snapshot);
    for (int i = 1; i + 1 < argc; i += 2)
        take_option(argv[i], argv[i + 1], &options);
    options.listener_count = listener_count;
    urcu_memb_register_thread();
    sum = otr_tally_new();
    if (token_directory != NULL)
        need(otr_acme_watch(token_directory, &token_watch, &diag) == OUTRIDER_OK, "tokens", &diag);
    replace_site();
    need(otr_policy_server_start(&options, &server, &diag) == OUTRIDER_OK, "server", &diag);
    puts("ready");
    fflush(stdout);
    wait_for_end();
    otr_policy_server_stop(server);
    for (size_t i = 0; i < sum->count; i++)
        printf("%s %s %llu\n", sum->rows[i].domain, sum->rows[i].network, (unsigned long long)sum->rows[i].count);
    for (size_t i = 0; i < policy_count; i++)
        printf("last %s %lld\n", policies[i].domain, (long long)atomic_load(&policies[i].served.last));
    print_metrics();
    otr_tally_free(sum);
    if (token_watch >= 0)
        close(token_watch);
    otr_snapshot_clear(&snapshot);
    for (size_t i = 0; i < listener_count; i++)
        close(listeners[i].fd);
    urcu_memb_unregister_thread();
    return 0;
}
