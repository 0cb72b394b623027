/*
 * ask.c - a probe for tests/e2e/test_resolver.py: questions on the command line, one line per answer.
 *
 *     ask [OPTION]... NAME TYPE [NAME TYPE]...
 *
 * Words among the names: "sleep MS" waits; "selftest -" runs the start-up self-test. Questions are asked one
 * after the other, but one whose name starts with '+' is not waited for; with --together all of them are
 * asked at once; with --repeat N all of it N times. Answer lines are
 *     NAME TYPE STATUS CONTENT TTL CANONICAL RECORDS|- REASON
 * and what the resolver notes for the log comes as "note EVENT WORDS". The exit status is 0 if everything
 * that was asked and not cancelled was answered exactly once.
 */
#include "dns/unbound.h"

#include "base/hex.h"

#include <arpa/inet.h>
#include <event2/event.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIST_MAX 16
#define CANCEL_MS 5 /* between asking and cancelling, so that packets are on their way */

struct probe {
    struct event_base *base;
    otr_resolver *resolver;
    char **words; /* what is still to be done */
    int left;
    bool is_inside; /* within otr_dns_ask() */
    int unanswered; /* sleeps and self-tests count too */
};

static struct probe probe;

static const struct {
    const char *name;
    uint16_t type;
} types[] = {
    { "A", OTR_RR_A },     { "NS", OTR_RR_NS },   { "CNAME", OTR_RR_CNAME },
    { "SOA", OTR_RR_SOA }, { "MX", OTR_RR_MX },   { "TXT", OTR_RR_TXT },
    { "AAAA", OTR_RR_AAAA }, { "TLSA", OTR_RR_TLSA }, { "DS", OTR_RR_DS },
};

static uint16_t type_of(const char *word)
{
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (strcmp(types[i].name, word) == 0)
            return types[i].type;
    fprintf(stderr, "ask: unknown type %s\n", word);
    exit(64);
}

static void print_record(uint16_t type, const otr_dns_rr *rr)
{
    char text[INET6_ADDRSTRLEN];
    char *hex;

    switch (type) {
    case OTR_RR_A:
    case OTR_RR_AAAA:
        printf("%s", inet_ntop(rr->address.family == 4 ? AF_INET : AF_INET6, rr->address.bytes, text, sizeof(text)));
        break;
    case OTR_RR_MX:
        printf("%u:%s", rr->mx.preference, rr->mx.exchange);
        break;
    case OTR_RR_TXT:
        if (rr->txt.len > 64)
            printf("[%zu]", rr->txt.len);
        else
            for (size_t i = 0; i < rr->txt.len; i++)
                putchar(rr->txt.text[i] == ' ' ? '_' : rr->txt.text[i]);
        break;
    case OTR_RR_TLSA:
        hex = malloc(2 * rr->tlsa.len + 1);
        otr_hex_encode(rr->tlsa.rdata, rr->tlsa.len, hex);
        printf("%.16s", hex);
        free(hex);
        break;
    case OTR_RR_CNAME:
    case OTR_RR_NS:
        printf("%s", rr->target);
        break;
    default:
        printf("+");
    }
}

static void print_answer(const otr_dns_answer *a)
{
    printf("%s %s %s %s %u %s ", a->qname, otr_rr_type_name(a->qtype), otr_dns_status_names[a->status],
           otr_dns_content_names[a->content], a->ttl, a->canonical);
    for (size_t i = 0; i < a->rr_count; i++) {
        printf("%s", i > 0 ? "," : "");
        print_record(a->qtype, &a->rrs[i]);
    }
    printf("%s%s %s\n", a->rr_count == 0 ? "-" : "", a->is_truncated_by_us ? ",cut" : "", a->reason);
    fflush(stdout);
}

static void on_note(void *arg, const char *event, const char *words)
{
    (void)arg;
    printf("note %s %s\n", event, words);
}

static void next_word(void);

static void on_answer(void *arg, const otr_dns_answer *answer)
{
    if (probe.is_inside) {
        fprintf(stderr, "ask: called back from inside otr_dns_ask()\n");
        exit(70);
    }
    print_answer(answer);
    probe.unanswered--;
    if (arg != NULL)
        *(otr_dns_query **)arg = NULL;
    if (arg == NULL)
        next_word();
    else if (probe.unanswered == 0 && probe.left < 2)
        event_base_loopbreak(probe.base);
}

static otr_dns_query *ask_now(char **pair, void *arg)
{
    otr_dns_query *q;

    probe.is_inside = true;
    q = otr_dns_ask(probe.resolver, pair[0] + (pair[0][0] == '+'), type_of(pair[1]), on_answer, arg);
    probe.is_inside = false;
    if (q == NULL)
        exit(71);
    probe.unanswered++;
    return q;
}

static void on_awake(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
    probe.unanswered--;
    next_word();
}

static void on_selftest(void *arg, otr_selftest_result result, const char *words)
{
    (void)arg;
    printf("selftest %s %s\n", otr_selftest_names[result], words);
    fflush(stdout);
    probe.unanswered--;
    next_word();
}

static void next_word(void)
{
    char **pair = probe.words;

    if (probe.left < 2) {
        if (probe.unanswered == 0)
            event_base_loopbreak(probe.base);
        return;
    }
    probe.words += 2;
    probe.left -= 2;
    if (strcmp(pair[0], "sleep") == 0) {
        long ms = atol(pair[1]);
        struct timeval pause = { ms / 1000, (ms % 1000) * 1000 };

        event_base_once(probe.base, -1, EV_TIMEOUT, on_awake, NULL, &pause);
        probe.unanswered++;
    } else if (strcmp(pair[0], "selftest") == 0) {
        if (otr_selftest_start(probe.resolver, on_selftest, NULL) != OUTRIDER_OK)
            exit(71);
        probe.unanswered++;
    } else if (pair[0][0] == '+') {
        static otr_dns_query *ignored;

        ignored = ask_now(pair, &ignored);
        next_word();
    } else {
        ask_now(pair, NULL);
    }
}

static void cancel_slot(otr_dns_query **slot)
{
    if (*slot == NULL)
        return; /* it has answered */
    otr_dns_cancel(*slot);
    *slot = NULL;
    probe.unanswered--;
}

/* Ask everything at once, `repeat` times; cancel a quarter at once and a quarter when packets have gone out. */
static void ask_together(int repeat, bool is_cancelling)
{
    int pairs = probe.left / 2, total = pairs * repeat;
    otr_dns_query **slots = calloc((size_t)total + 1, sizeof(*slots));
    struct timeval pause = { 0, CANCEL_MS * 1000 };
    char **words = probe.words;

    probe.left = 0;
    for (int i = 0; i < total; i++) {
        slots[i] = ask_now(&words[2 * (i % pairs)], &slots[i]);
        if (is_cancelling && i % 4 == 1)
            cancel_slot(&slots[i]);
    }
    if (is_cancelling) {
        event_base_loopexit(probe.base, &pause);
        event_base_dispatch(probe.base);
        for (int i = 3; i < total; i += 4)
            cancel_slot(&slots[i]);
    }
    if (probe.unanswered > 0)
        event_base_dispatch(probe.base);
    free(slots);
}

/* Callbacks that cancel other queries, and one that frees the resolver with everything still under way. */
static otr_dns_query *victims[64];
static int frees_at;

static void on_answer_then_free(void *arg, const otr_dns_answer *answer)
{
    otr_dns_query **own = arg;

    print_answer(answer);
    *own = NULL;
    for (size_t i = 0; i < 64; i++) {
        if (victims[i] != NULL && i % 3 == 0) {
            otr_dns_cancel(victims[i]);
            victims[i] = NULL;
        }
    }
    if (--frees_at == 0) {
        otr_resolver_free(probe.resolver);
        probe.resolver = NULL;
        event_base_loopbreak(probe.base);
    }
}

static void ask_then_free(int after)
{
    int pairs = probe.left / 2;
    char **words = probe.words;

    probe.left = 0;
    frees_at = after;
    for (int i = 0; i < 64; i++) {
        char **pair = &words[2 * (i % pairs)];

        victims[i] = otr_dns_ask(probe.resolver, pair[0], type_of(pair[1]), on_answer_then_free, &victims[i]);
    }
    if (otr_selftest_start(probe.resolver, on_selftest, NULL) != OUTRIDER_OK)
        exit(71);
    event_base_dispatch(probe.base);
    probe.unanswered = 0; /* what came until then is for the test to count */
    printf("freed\n");
}

static void add(const char **list, const char *word)
{
    size_t n = 0;

    while (list[n] != NULL)
        n++;
    if (n + 1 < LIST_MAX)
        list[n] = word;
}

/* "ZONE=ADDR@PORT" */
static void add_stub(otr_stub_zone *stubs, char *word)
{
    static const char *addresses[LIST_MAX][2];
    char *at = strchr(word, '=');
    size_t n = 0;

    if (at == NULL)
        exit(64);
    *at = '\0';
    while (stubs[n].name != NULL)
        n++;
    addresses[n][0] = at + 1;
    stubs[n] = (otr_stub_zone){ .name = word, .addresses = addresses[n] };
}

enum {
    FORWARD = 256, HINTS, RESOLV_CONF, ANCHOR, EXTRA_ANCHOR, STUB, TIMEOUT, TOGETHER, REPEAT, CANCEL, FREE_AFTER,
    LOCALHOST,
};

int main(int argc, char **argv)
{
    static const struct option longs[] = {
        { "forward", required_argument, NULL, FORWARD },     { "hints", required_argument, NULL, HINTS },
        { "resolv-conf", required_argument, NULL, RESOLV_CONF }, { "anchor", required_argument, NULL, ANCHOR },
        { "extra-anchor", required_argument, NULL, EXTRA_ANCHOR }, { "stub", required_argument, NULL, STUB },
        { "timeout", required_argument, NULL, TIMEOUT },     { "together", no_argument, NULL, TOGETHER },
        { "repeat", required_argument, NULL, REPEAT },
        { "localhost", no_argument, NULL, LOCALHOST },       { "cancel", no_argument, NULL, CANCEL },
        { "free-after", required_argument, NULL, FREE_AFTER }, { 0 },
    };
    otr_unbound_options options = OTR_UNBOUND_OPTIONS_INIT;
    const char *forwarders[LIST_MAX] = { NULL }, *extra[LIST_MAX] = { NULL };
    otr_stub_zone stubs[LIST_MAX] = { { 0 } };
    outrider_diag diag = { 0 };
    bool is_together = false, is_cancelling = false;
    int repeat = 1, free_after = 0, c;

    options.forwarders = forwarders;
    options.extra_anchors = extra;
    options.stubs = stubs;
    options.note = on_note;
    while ((c = getopt_long(argc, argv, "+", longs, NULL)) != -1) {
        switch (c) {
        case FORWARD: add(forwarders, optarg); break;
        case HINTS: options.root_hints = optarg; options.is_recursive = true; break;
        case RESOLV_CONF: options.resolv_conf = optarg; break;
        case ANCHOR: options.trust_anchor = optarg; break;
        case EXTRA_ANCHOR: add(extra, optarg); break;
        case STUB: add_stub(stubs, optarg); break;
        case TIMEOUT: options.timeout_ms = (unsigned)atoi(optarg); break;
        case TOGETHER: is_together = true; break;
        case REPEAT: repeat = atoi(optarg); break;
        case CANCEL: is_together = is_cancelling = true; break;
        case LOCALHOST: options.allow_localhost = true; break;
        case FREE_AFTER: free_after = atoi(optarg); break;
        default: return 64;
        }
    }
    probe.base = event_base_new();
    if (otr_unbound_new(probe.base, &options, &probe.resolver, &diag) != OUTRIDER_OK) {
        fprintf(stderr, "ask: %s\n", diag.message);
        event_base_free(probe.base);
        return 78;
    }
    probe.words = argv + optind;
    probe.left = argc - optind;
    if (free_after > 0) {
        ask_then_free(free_after);
    } else if (is_together) {
        ask_together(repeat, is_cancelling);
    } else {
        next_word();
        if (probe.unanswered > 0)
            event_base_dispatch(probe.base);
    }
    /* A query that is answered twice makes the count wrong. */
    event_base_loop(probe.base, EVLOOP_NONBLOCK);
    otr_resolver_free(probe.resolver);
    event_base_free(probe.base);
    return probe.unanswered == 0 ? 0 : 1;
}
