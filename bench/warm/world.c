/*
 * world.c - see world.h. Answers come at once, from the event loop, as the resolver's contract wants.
 */
#include "world.h"

#include "base/buf.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROVIDERS 200

static const char *const words[] = { "blue", "north", "iron", "quick", "silver", "green", "river", "stone" };
static const char *const things[] = { "bakery", "travel", "media", "school", "works", "clinic", "systems", "books" };

void world_name(size_t n, char name[WORLD_NAME_SIZE])
{
    snprintf(name, WORLD_NAME_SIZE, "%s%s%zu.example", words[n % 8], things[n / 8 % 8], n);
}

/* The number in a name, which may stand behind "mx1." and the like; -1: it is no domain of this world. */
static long number_of(const char *name)
{
    const char *dot = strstr(name, ".example"), *at = dot;

    if (dot == NULL || dot[8] != '\0')
        return -1;
    while (at > name && at[-1] >= '0' && at[-1] <= '9')
        at--;
    return at < dot ? atol(at) : -1;
}

static bool is_hosted(size_t n)
{
    return n % 10 < 6;
}

static void put_hosts(size_t n, char first[100], char second[100])
{
    char name[WORLD_NAME_SIZE];

    world_name(n, name);
    if (is_hosted(n)) {
        snprintf(first, 100, "mx1.provider%zu.test", n % PROVIDERS);
        snprintf(second, 100, "mx2.provider%zu.test", n % PROVIDERS);
    } else {
        snprintf(first, 100, "mx1.%s", name);
        snprintf(second, 100, "mx2.%s", name);
    }
}

size_t world_policy(size_t n, char body[512])
{
    char first[100], second[100];

    put_hosts(n, first, second);
    return (size_t)snprintf(body, 512, "version: STSv1\r\nmode: enforce\r\nmx: %s\r\nmx: %s\r\nmax_age: %d\r\n", first, second,
                            WORLD_MAX_AGE);
}

/* DNS ------------------------------------------------------------------------------------------------------------ */

typedef struct query {
    otr_dns_query query;
    struct event *event; /* owned */
    uint16_t type;
    otr_dns_done *done;
    void *arg;
    char name[OTR_DOMAIN_SIZE + 32];
} query;

typedef struct resolver {
    otr_resolver resolver;
    struct event_base *base; /* borrowed */
} resolver;

static void put_u16(otr_buf *out, unsigned value)
{
    otr_buf_putc(out, (char)(value >> 8));
    otr_buf_putc(out, (char)value);
}

static void put_name(otr_buf *out, const char *name)
{
    while (*name != '\0') {
        size_t len = strcspn(name, ".");

        otr_buf_putc(out, (char)len);
        otr_buf_put(out, name, len);
        name += len + (name[len] == '.');
    }
    otr_buf_putc(out, '\0');
}

static void put_rr(otr_buf *out, uint16_t type, const otr_buf *data)
{
    put_u16(out, 0xc00c); /* the name in the question */
    put_u16(out, type);
    put_u16(out, 1);
    put_u16(out, WORLD_TTL >> 16);
    put_u16(out, WORLD_TTL & 0xffff);
    put_u16(out, (unsigned)data->len);
    otr_buf_put(out, data->data, data->len);
}

static unsigned put_mx(otr_buf *out, size_t n)
{
    char hosts[2][100];

    put_hosts(n, hosts[0], hosts[1]);
    for (unsigned i = 0; i < 2; i++) {
        otr_buf data = OTR_BUF_INIT;

        put_u16(&data, (i + 1) * 10);
        put_name(&data, hosts[i]);
        put_rr(out, OTR_RR_MX, &data);
        otr_buf_clear(&data);
    }
    return 2;
}

static unsigned put_bytes(otr_buf *out, uint16_t type, const void *bytes, size_t len)
{
    otr_buf data = OTR_BUF_INIT;

    otr_buf_put(&data, bytes, len);
    put_rr(out, type, &data);
    otr_buf_clear(&data);
    return 1;
}

/* Records of the answer; 0: there are none of this type. */
static unsigned put_records(otr_buf *out, const char *name, uint16_t type)
{
    static const char record[] = "\x1bv=STSv1; id=" WORLD_POLICY_ID ";";
    long n = number_of(name);
    uint8_t address[16] = { 0x20, 0x01, 0x0d, 0xb8, 0, 0, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n, 0, 0, 0, 0, 0, 0, 1 };

    switch (type) {
    case OTR_RR_MX:
        return n >= 0 ? put_mx(out, (size_t)n) : 0;
    case OTR_RR_TXT:
        return put_bytes(out, type, record, 1 + (size_t)record[0]);
    case OTR_RR_A:
        return put_bytes(out, type, "\xc0\x00\x02\x19", 4);
    case OTR_RR_AAAA:
        return put_bytes(out, type, address, 16);
    default:
        return 0;
    }
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
    query *q = arg;
    otr_buf packet = OTR_BUF_INIT, records = OTR_BUF_INIT;
    unsigned count = put_records(&records, q->name, q->type);
    otr_dns_answer *answer;

    (void)fd;
    (void)what;
    put_u16(&packet, 0);
    put_u16(&packet, 0x8180);
    put_u16(&packet, 1);
    put_u16(&packet, count);
    put_u16(&packet, 0);
    put_u16(&packet, 0);
    put_name(&packet, q->name);
    put_u16(&packet, q->type);
    put_u16(&packet, 1);
    otr_buf_put(&packet, records.data, records.len);
    answer = otr_dns_answer_parse(q->name, q->type, OTR_DNS_INSECURE, "", (const uint8_t *)packet.data, packet.len);
    if (answer == NULL)
        abort();
    otr_buf_clear(&records);
    otr_buf_clear(&packet);
    event_free(q->event);
    q->done(q->arg, answer);
    otr_dns_answer_free(answer);
    free(q);
}

static otr_dns_query *world_ask(otr_resolver *r, const char *name, uint16_t type, otr_dns_done *done, void *arg)
{
    query *q = calloc(1, sizeof(*q));

    if (q == NULL)
        return NULL;
    q->query.resolver = r;
    q->type = type;
    q->done = done;
    q->arg = arg;
    snprintf(q->name, sizeof(q->name), "%s", name);
    q->event = event_new(((resolver *)r)->base, -1, 0, on_turn, q);
    event_active(q->event, EV_TIMEOUT, 0);
    return &q->query;
}

static void world_cancel(otr_dns_query *dns)
{
    query *q = (query *)dns;

    event_free(q->event);
    free(q);
}

static void world_free_resolver(otr_resolver *r)
{
    free(r); /* the flows have cancelled what was under way */
}

otr_resolver *world_resolver_new(struct event_base *base)
{
    static const struct otr_resolver_ops ops = { world_ask, world_cancel, world_free_resolver };
    resolver *made = calloc(1, sizeof(*made));

    if (made == NULL)
        abort();
    made->resolver.ops = &ops;
    made->base = base;
    return &made->resolver;
}

/* Policy hosts --------------------------------------------------------------------------------------------------- */

typedef struct fetch {
    otr_fetch fetch;
    struct event *event; /* owned */
    long n;
    otr_fetch_done *done;
    void *arg;
} fetch;

typedef struct fetcher {
    otr_fetcher fetcher;
    struct event_base *base;
} fetcher;

static void on_fetched(evutil_socket_t fd, short what, void *arg)
{
    fetch *f = arg;
    char body[512];
    otr_fetch_result result = { .body = body, .http_status = 200, .reason = "" };

    (void)fd;
    (void)what;
    result.body_len = world_policy((size_t)f->n, body);
    event_free(f->event);
    f->done(f->arg, &result);
    free(f);
}

static otr_fetch *world_start(otr_fetcher *fr, const char *domain, const otr_address *addresses, size_t count,
                              const otr_anchor_set *anchors, otr_fetch_done *done, void *arg)
{
    fetch *f = calloc(1, sizeof(*f));

    (void)addresses;
    (void)count;
    (void)anchors;
    if (f == NULL)
        return NULL;
    f->fetch.fetcher = fr;
    f->n = number_of(domain);
    f->done = done;
    f->arg = arg;
    f->event = event_new(((fetcher *)fr)->base, -1, 0, on_fetched, f);
    event_active(f->event, EV_TIMEOUT, 0);
    return &f->fetch;
}

static void world_cancel_fetch(otr_fetch *started)
{
    fetch *f = (fetch *)started;

    event_free(f->event);
    free(f);
}

static void world_free_fetcher(otr_fetcher *fr)
{
    free(fr);
}

otr_fetcher *world_fetcher_new(struct event_base *base)
{
    static const struct otr_fetcher_ops ops = { world_start, world_cancel_fetch, world_free_fetcher };
    fetcher *made = calloc(1, sizeof(*made));

    if (made == NULL)
        abort();
    made->fetcher.ops = &ops;
    made->base = base;
    return &made->fetcher;
}
