/*
 * lookups.c - DNS lookups and nothing else: what part of a cold destination libunbound alone costs.
 *
 *   bench_lookups MODE FORWARDER ANCHOR FILE THREADS IN_FLIGHT
 *
 * MODE is what is laid upon what:
 *   plain   libunbound without its validator
 *   valid   libunbound with it, set up as the daemon's
 *   ours    lib/dns over that: deadlines, answers parsed and copied
 * FILE has "NAME TYPE" in each line. MX begins a destination: what follows is asked when that is answered, all at once, as the daemon
 * does, so that the keys of a zone are looked for once. Each thread has a context of its own and a share of the destinations,
 * IN_FLIGHT at a time. One JSON object on standard output; of "valid" with what it takes to parse one of the answers.
 */
#include "base/diag.h"
#include "dns/answer.h"
#include "dns/unbound.h"
#include "dns/unbound_context.h"

#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unbound-event.h>
#include <unbound.h>

#define NAME_SIZE 256
#define THREADS_MAX 16
#define LOOKUPS_AT_ONCE 3 /* of one destination, about */
#define TYPE_MX 15
#define SAMPLES 5000
#define PARSE_ROUNDS 20

typedef struct lookup {
    char name[NAME_SIZE];
    uint16_t type;
    size_t followers; /* of MX: the lookups behind it */
} lookup;

typedef struct sample {
    const lookup *of;
    uint8_t *packet; /* owned */
    size_t len;
} sample;

typedef struct share {
    pthread_t thread;
    struct event_base *base;
    struct event *pump; /* asks for more, never from within a callback of libunbound */
    struct ub_ctx *ub;
    otr_resolver *resolver;
    const lookup *at, *end;
    const lookup **ready; /* owned: MX that are answered, whose followers have not been asked for */
    size_t ready_count;
    size_t waiting, failed, bogus, answered;
    sample *samples;
    size_t sample_count;
} share;

typedef struct request {
    share *owner;
    const lookup *of;
} request;

static enum { PLAIN, VALID, OURS } mode;
static const char *forwarders[2];
static const char *anchor;
static unsigned in_flight;

static _Noreturn void die(const char *what, const char *why)
{
    fprintf(stderr, "bench_lookups: %s: %s\n", what, why);
    exit(71);
}

static double now_us(clockid_t id)
{
    struct timespec ts;

    clock_gettime(id, &ts);
    return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static void ask_more(share *s);

static void wake(share *s)
{
    event_active(s->pump, EV_TIMEOUT, 0);
}

static void settle(share *s, const lookup *l)
{
    s->waiting--;
    s->answered++;
    if (l->type == TYPE_MX)
        s->ready[s->ready_count++] = l;
}

static void on_raw(void *arg, int rcode, void *packet, int len, int sec, char *why, int was_ratelimited)
{
    request *r = arg;
    share *s = r->owner;

    (void)why;
    (void)was_ratelimited;
    settle(s, r->of);
    s->failed += rcode != 0;
    s->bogus += sec == 1;
    if (rcode == 0 && len > 0 && s->sample_count < SAMPLES && s->samples != NULL) {
        sample *kept = &s->samples[s->sample_count++];

        *kept = (sample){ r->of, malloc((size_t)len), (size_t)len };
        if (kept->packet == NULL)
            die("memory", "none");
        memcpy(kept->packet, packet, (size_t)len);
    }
    free(r);
    wake(s);
}

static void on_ours(void *arg, const otr_dns_answer *answer)
{
    request *r = arg;
    share *s = r->owner;

    settle(s, r->of);
    free(r);
    s->failed += answer->status == OTR_DNS_TEMPFAIL;
    s->bogus += answer->status == OTR_DNS_BOGUS;
    ask_more(s);
}

static void ask(share *s, const lookup *l)
{
    request *r = malloc(sizeof(*r));
    int err = 0;

    if (r == NULL)
        die("memory", "none");
    *r = (request){ s, l };
    s->waiting++;
    if (mode == OURS && otr_dns_ask(s->resolver, l->name, l->type, on_ours, r) == NULL)
        die("memory", "none");
    if (mode != OURS)
        err = ub_resolve_event(s->ub, l->name, l->type, 1, r, on_raw, NULL);
    if (err != 0)
        die(l->name, ub_strerror(err));
}

static void ask_more(share *s)
{
    while (s->ready_count > 0) {
        const lookup *mx = s->ready[--s->ready_count];

        for (size_t i = 1; i <= mx->followers; i++)
            ask(s, mx + i);
    }
    for (; s->waiting < in_flight * LOOKUPS_AT_ONCE && s->at < s->end; s->at += 1 + s->at->followers)
        ask(s, s->at);
    if (s->waiting == 0 && s->ready_count == 0 && s->at == s->end)
        event_base_loopbreak(s->base);
}

static void on_pump(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    ask_more(arg);
}

/* As the daemon's, but for the validator and what only it has (lib/dns/unbound_context.c). */
static struct ub_ctx *make_plain(struct event_base *base)
{
    static const char *const settings[][2] = {
        { "module-config:", "iterator" }, { "cache-max-ttl:", "3600" },    { "edns-buffer-size:", "1232" },
        { "infra-keep-probing:", "yes" }, { "infra-host-ttl:", "60" },     { "msg-cache-size:", "32m" },
        { "rrset-cache-size:", "64m" },   { "outgoing-range:", "256" },    { "outgoing-num-tcp:", "16" },
        { "do-not-query-localhost:", "no" },
    };
    struct ub_ctx *ctx = ub_ctx_create_event(base);

    if (ctx == NULL)
        die("libunbound", "no context");
    ub_ctx_debugout(ctx, NULL);
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
        if (ub_ctx_set_option(ctx, settings[i][0], settings[i][1]) != 0)
            die(settings[i][0], "not taken");
    if (ub_ctx_set_fwd(ctx, forwarders[0]) != 0)
        die(forwarders[0], "not an address");
    return ctx;
}

static void make_share(share *s)
{
    otr_unbound_options options = OTR_UNBOUND_OPTIONS_INIT;
    outrider_diag diag = { 0 };
    outrider_err err = OUTRIDER_OK;

    options.forwarders = forwarders;
    options.trust_anchor = anchor;
    options.allow_localhost = true;
    s->ready = calloc(in_flight * LOOKUPS_AT_ONCE + 1, sizeof(*s->ready));
    s->base = event_base_new();
    s->pump = event_new(s->base, -1, EV_PERSIST, on_pump, s);
    if (mode == PLAIN)
        s->ub = make_plain(s->base);
    else if (mode == VALID)
        err = otr_ub_context_new(s->base, &options, forwarders, &s->ub, &diag);
    else
        err = otr_unbound_new(s->base, &options, &s->resolver, &diag);
    if (err != OUTRIDER_OK)
        die("resolver", diag.message);
    s->samples = mode == VALID ? calloc(SAMPLES, sizeof(sample)) : NULL;
}

static void *run(void *arg)
{
    share *s = arg;

    wake(s);
    event_base_loop(s->base, EVLOOP_NO_EXIT_ON_EMPTY);
    return NULL;
}

static void clear_share(share *s)
{
    for (size_t i = 0; i < s->sample_count; i++)
        free(s->samples[i].packet);
    free(s->samples);
    free(s->ready);
    if (s->resolver != NULL)
        otr_resolver_free(s->resolver);
    else
        otr_ub_context_free(s->ub);
    event_free(s->pump);
    event_base_free(s->base);
}

static uint16_t type_of(const char *word)
{
    static const struct {
        const char *word;
        uint16_t type;
    } types[] = { { "A", 1 }, { "AAAA", 28 }, { "MX", TYPE_MX }, { "TXT", 16 }, { "TLSA", 52 }, { "CNAME", 5 } };

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (strcmp(types[i].word, word) == 0)
            return types[i].type;
    die(word, "not a type that is looked up here");
}

static lookup *read_lookups(const char *path, size_t *count)
{
    FILE *file = fopen(path, "r");
    lookup *all = NULL;
    size_t room = 0;
    char word[16], name[NAME_SIZE];

    if (file == NULL)
        die(path, strerror(errno));
    *count = 0;
    while (fscanf(file, "%255s %15s", name, word) == 2) {
        if (*count == room && (all = realloc(all, (room = 2 * room + 1024) * sizeof(*all))) == NULL)
            die("memory", "none");
        memcpy(all[*count].name, name, sizeof(name));
        all[(*count)++].type = type_of(word);
    }
    fclose(file);
    if (*count == 0 || all[0].type != TYPE_MX)
        die(path, "no lookups, or not MX first");
    for (size_t i = 0, mx = 0; i < *count; i++) {
        mx = all[i].type == TYPE_MX ? i : mx;
        all[mx].followers = i - mx;
    }
    return all;
}

/* Where the share of a thread begins: at an MX. */
static const lookup *share_begin(const lookup *all, size_t count, size_t i, size_t threads)
{
    size_t at = count * i / threads;

    while (at < count && all[at].type != TYPE_MX)
        at++;
    return all + at;
}

/* Nanoseconds for an answer, in CPU time. */
static double time_parsing(const share *s)
{
    double begin = now_us(CLOCK_PROCESS_CPUTIME_ID);

    for (int round = 0; round < PARSE_ROUNDS; round++)
        for (size_t i = 0; i < s->sample_count; i++)
            otr_dns_answer_free(otr_dns_answer_parse(s->samples[i].of->name, s->samples[i].of->type, OTR_DNS_SECURE, "",
                                                     s->samples[i].packet, s->samples[i].len));
    return s->sample_count > 0 ? (now_us(CLOCK_PROCESS_CPUTIME_ID) - begin) * 1000 / (PARSE_ROUNDS * (double)s->sample_count) : 0;
}

int main(int argc, char **argv)
{
    static const char *const modes[] = { "plain", "valid", "ours" };
    share shares[THREADS_MAX] = { { 0 } };
    size_t count, failed = 0, bogus = 0, answered = 0;
    unsigned threads = argc == 7 ? (unsigned)atoi(argv[5]) : 0;
    double begin, cpu;
    lookup *all;

    while (argc == 7 && mode <= OURS && strcmp(argv[1], modes[mode]) != 0)
        mode++;
    if (argc != 7 || mode > OURS || threads < 1 || threads > THREADS_MAX || atoi(argv[6]) < 1) {
        fputs("usage: bench_lookups plain|valid|ours FORWARDER ANCHOR FILE THREADS IN_FLIGHT\n", stderr);
        return 64;
    }
    forwarders[0] = argv[2];
    anchor = argv[3];
    all = read_lookups(argv[4], &count);
    in_flight = (unsigned)atoi(argv[6]);
    for (unsigned i = 0; i < threads; i++) {
        make_share(&shares[i]);
        shares[i].at = share_begin(all, count, i, threads);
        shares[i].end = share_begin(all, count, i + 1, threads);
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
        failed += shares[i].failed;
        bogus += shares[i].bogus;
        answered += shares[i].answered;
    }
    printf("{\"mode\":\"%s\",\"lookups\":%zu,\"answered\":%zu,\"failed\":%zu,\"bogus\":%zu,\"seconds\":%.3f,\"cpu_us\":%.2f,"
           "\"parse_us\":%.3f}\n", argv[1], count, answered, failed, bogus, begin / 1e6, cpu / (double)count,
           time_parsing(&shares[0]) / 1000);
    for (unsigned i = 0; i < threads; i++)
        clear_share(&shares[i]);
    free(all);
    return 0;
}
