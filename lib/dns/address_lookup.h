/*
 * address_lookup.h - where a host is: A and AAAA at once, from validated answers. One family that answers is enough, the
 * other is waited for a moment longer; addresses that nobody may be led to are left out and told of.
 *
 * Threads: as the resolver: one.
 */
#ifndef OTR_DNS_ADDRESS_LOOKUP_H
#define OTR_DNS_ADDRESS_LOOKUP_H

#include "dns/address.h"
#include "dns/resolver.h"

#define OTR_ADDRESS_WORDS 256
#define OTR_ADDRESS_PATIENCE_MS 1000 /* for the other family once one has answered with an address */

typedef struct otr_address_result {
    otr_address addresses[OTR_ADDRESSES_MAX]; /* in the order in which they came */
    size_t count;
    size_t refused_count;            /* private ones */
    otr_address refused;             /* one of them */
    char trouble[OTR_ADDRESS_WORDS]; /* of a lookup that failed; else "" */
    char reason[OTR_ADDRESS_WORDS];  /* no address: why, in words for people, printable; else "" */
    bool is_temporary;               /* no address because a lookup failed */
    char note[2][OTR_ADDRESS_WORDS]; /* of A and of AAAA, for the evidence: state, content and TTL */
} otr_address_result;

typedef struct otr_address_lookup otr_address_lookup;

/* The result is borrowed until the callback returns. */
typedef void otr_address_done(void *arg, const otr_address_result *result);

/*
 * done() is called once, never from inside; after cancel never. Its end is that of the resolver's own deadline. base and
 * resolver are borrowed. NULL: out of memory.
 */
otr_address_lookup *otr_address_lookup_start(struct event_base *base, otr_resolver *resolver, const char *host,
                                             bool allow_private, otr_address_done *done, void *arg);
void otr_address_lookup_cancel(otr_address_lookup *lookup); /* NULL is fine */

/* What is known before the end, for those who cannot wait for it. Borrowed from the lookup. */
const otr_address_result *otr_address_lookup_so_far(const otr_address_lookup *lookup);

#endif
