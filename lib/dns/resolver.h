/*
 * resolver.h - asking DNS, validated in this process. One interface with two implementations: libunbound
 * (otr_unbound_new) and, in tests, a scripted one. Flows see only this.
 *
 * Threads: a resolver, its queries and its event base belong to one thread.
 */
#ifndef OTR_DNS_RESOLVER_H
#define OTR_DNS_RESOLVER_H

#include "dns/answer.h"

struct event_base;

typedef struct otr_resolver otr_resolver;
typedef struct otr_dns_query otr_dns_query;

/* The answer is borrowed: it lives until the callback returns. */
typedef void otr_dns_done(void *arg, const otr_dns_answer *answer);

/*
 * Ask for name (normal form, or with leading underscore labels) and type. done() is called exactly once, from the event
 * loop and never from inside this function (libunbound itself does call back inside; the resolver defers
 * it). After otr_dns_cancel() it is never called. Every query ends within the resolver's own deadline, with
 * TEMPFAIL at the latest then.
 * Returns NULL when out of memory.
 */
otr_dns_query *otr_dns_ask(otr_resolver *resolver, const char *name, uint16_t type, otr_dns_done *done, void *arg);

/* NULL is fine. A query that has answered is gone and must not be cancelled. */
void otr_dns_cancel(otr_dns_query *query);

/* Ends all queries without calling back. */
void otr_resolver_free(otr_resolver *resolver);

/* What an implementation provides; it embeds struct otr_resolver as its first member. */
struct otr_resolver_ops {
    otr_dns_query *(*ask)(otr_resolver *, const char *name, uint16_t type, otr_dns_done *done, void *arg);
    void (*cancel)(otr_dns_query *);
    void (*free)(otr_resolver *);
};
struct otr_resolver {
    const struct otr_resolver_ops *ops;
    /* Owned; the self-tests under way (unbound.h). Implementations set it to NULL and leave it alone. */
    struct otr_selftest *selftests;
};
struct otr_dns_query {
    otr_resolver *resolver; /* borrowed */
};

#endif
