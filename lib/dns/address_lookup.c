/*
 * address_lookup.c - A and AAAA of a host, at once.
 */
#include "dns/address_lookup.h"

#include <event2/event.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct otr_address_lookup {
    struct event_base *base;   /* borrowed */
    otr_dns_query *queries[2]; /* owned; A and AAAA, until each has answered */
    struct event *patience;    /* owned */
    char host[OTR_DOMAIN_SIZE];
    bool allow_private;
    otr_address_result result;
    otr_address_done *done;
    void *arg;
};

void otr_address_lookup_cancel(otr_address_lookup *l)
{
    if (l == NULL)
        return;
    otr_dns_cancel(l->queries[0]);
    otr_dns_cancel(l->queries[1]);
    if (l->patience != NULL)
        event_free(l->patience);
    free(l);
}

/* Words from a zone go into logs and JSON: what is not printable ASCII becomes '?'. */
OUTRIDER_PRINTF(2, 3)
static void put_words(char words[OTR_ADDRESS_WORDS], const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(words, OTR_ADDRESS_WORDS, format, args);
    va_end(args);
    for (char *at = words; *at != '\0'; at++) {
        if (*at < ' ' || *at > '~')
            *at = '?';
    }
}

static void say_why_none(otr_address_lookup *l)
{
    otr_address_result *r = &l->result;
    char text[OTR_ADDRESS_SIZE];

    r->is_temporary = r->trouble[0] != '\0';
    if (r->is_temporary)
        put_words(r->reason, "%s", r->trouble);
    else if (r->refused_count > 0)
        put_words(r->reason, "%s has only private addresses (%s); sts.allow_private would permit them", l->host,
                  otr_address_text(&r->refused, text));
    else
        put_words(r->reason, "%s has no address", l->host);
}

/* done() may start the next errand, so nothing of this one is left by then. */
static void finish(otr_address_lookup *l)
{
    otr_address_result result;
    otr_address_done *done = l->done;
    void *arg = l->arg;

    if (l->result.count == 0)
        say_why_none(l);
    result = l->result;
    otr_address_lookup_cancel(l);
    done(arg, &result);
}

static void take_address(otr_address_lookup *l, const otr_dns_rr *rr)
{
    otr_address_result *r = &l->result;
    otr_address address = { .family = rr->address.family };

    memcpy(address.bytes, rr->address.bytes, sizeof(address.bytes));
    if (!l->allow_private && otr_address_is_private(&address)) {
        r->refused = address;
        r->refused_count++;
    } else if (r->count < OTR_ADDRESSES_MAX) {
        r->addresses[r->count++] = address;
    }
}

static void on_patience(evutil_socket_t fd, short what, void *arg)
{
    otr_address_lookup *l = arg;

    (void)fd;
    (void)what;
    for (size_t i = 0; i < 2; i++) {
        otr_dns_cancel(l->queries[i]);
        l->queries[i] = NULL;
    }
    finish(l);
}

/* Without the timer the other family is waited for as long as the resolver does: nothing is lost but time. */
static void wait_for_the_other(otr_address_lookup *l)
{
    static const struct timeval span = { .tv_sec = OTR_ADDRESS_PATIENCE_MS / 1000,
                                         .tv_usec = OTR_ADDRESS_PATIENCE_MS % 1000 * 1000 };

    l->patience = evtimer_new(l->base, on_patience, l);
    if (l->patience != NULL)
        evtimer_add(l->patience, &span);
}

/* For the evidence: state, content and TTL. */
static void note_answer(char words[OTR_ADDRESS_WORDS], const otr_dns_answer *answer)
{
    const char *status = otr_dns_status_names[answer->status];

    switch (answer->content) {
    case OTR_DNS_DATA:
        put_words(words, "%s, %zu record%s, TTL %u", status, answer->rr_count, answer->rr_count == 1 ? "" : "s",
                  answer->ttl);
        break;
    case OTR_DNS_NODATA:
        put_words(words, "%s, no such record, TTL %u", status, answer->ttl);
        break;
    case OTR_DNS_NXDOMAIN:
        put_words(words, "%s, no such name, TTL %u", status, answer->ttl);
        break;
    case OTR_DNS_UNKNOWN:
        put_words(words, "%s, (%s)", status, answer->reason);
        break;
    }
}

/* One family that answers is enough; a failed lookup matters only when the other gives nothing either. */
static void on_answer(otr_address_lookup *l, size_t which, const otr_dns_answer *answer)
{
    otr_address_result *r = &l->result;

    l->queries[which] = NULL; /* a query that has answered is already gone */
    note_answer(r->note[which], answer);
    if (answer->status == OTR_DNS_BOGUS || answer->status == OTR_DNS_TEMPFAIL)
        put_words(r->trouble, "address of %s: %s: %s", l->host, otr_dns_status_names[answer->status], answer->reason);
    else if (answer->content == OTR_DNS_DATA)
        for (size_t i = 0; i < answer->rr_count; i++)
            take_address(l, &answer->rrs[i]);
    if (l->queries[0] == NULL && l->queries[1] == NULL)
        finish(l);
    else if (r->count > 0)
        wait_for_the_other(l);
}

static void on_a(void *arg, const otr_dns_answer *answer)
{
    on_answer(arg, 0, answer);
}

static void on_aaaa(void *arg, const otr_dns_answer *answer)
{
    on_answer(arg, 1, answer);
}

otr_address_lookup *otr_address_lookup_start(struct event_base *base, otr_resolver *resolver, const char *host,
                                             bool allow_private, otr_address_done *done, void *arg)
{
    otr_address_lookup *l = calloc(1, sizeof(*l));

    if (l == NULL)
        return NULL;
    l->base = base;
    l->allow_private = allow_private;
    l->done = done;
    l->arg = arg;
    snprintf(l->host, sizeof(l->host), "%s", host);
    l->queries[0] = otr_dns_ask(resolver, host, OTR_RR_A, on_a, l);
    l->queries[1] = otr_dns_ask(resolver, host, OTR_RR_AAAA, on_aaaa, l);
    if (l->queries[0] == NULL || l->queries[1] == NULL) {
        otr_address_lookup_cancel(l);
        return NULL;
    }
    return l;
}

const otr_address_result *otr_address_lookup_so_far(const otr_address_lookup *l)
{
    return &l->result;
}
