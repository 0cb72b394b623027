/*
 * authority_server.h - asking the servers of one zone, each directly. Private to lib/publish.
 */
#ifndef OTR_PUBLISH_AUTHORITY_SERVER_H
#define OTR_PUBLISH_AUTHORITY_SERVER_H

#include "publish/authority.h"
#include "publish/authority_ask.h"

/* One name of an NS RRset. */
typedef struct otr_server_addresses {
    const char *name;
    otr_address addresses[OTR_AUTHORITY_ADDRESSES_MAX];
    size_t count;
    char trouble[200]; /* not all of them are known; "" otherwise */
} otr_server_addresses;

/* The records of an answer, copied. */
otr_tlsa_set otr_authority_set(otr_arena *arena, const otr_dns_answer *answer);

/* Ask each for `name`'s TLSA records (found->name) and the SOA of the zone (found->zone); fills in `servers` and maybe `trouble`. */
void otr_authority_ask_records(otr_asker *asker, otr_arena *arena, const otr_server_addresses *servers, size_t count,
                               otr_authority *found);

/* Whether this machine has any way to an address. */
bool otr_has_route(const otr_address *address);

/* Ask each whether `name` is an alias of `target`. *ttl: the largest. "" or, in a sentence, what stands in the way. */
const char *otr_authority_ask_alias(otr_asker *asker, otr_arena *arena, const char *zone, const otr_server_addresses *servers, size_t count,
                                    const char *name, const char *target, uint32_t *ttl);

#endif
