/*
 * rest_pack.h - what a destination at rest is made of (rest.h): packing the places of a domain, and making them again.
 */
#ifndef OTR_DAEMON_FLOW_REST_PACK_H
#define OTR_DAEMON_FLOW_REST_PACK_H

#include "daemon/flow/place.h"

/* The places of one domain, or one address literal. The name is not kept: it is in the key of the first answer. */
struct otr_rest {
    otr_rest *next;        /* in its bucket */
    uint32_t hash;         /* of the name */
    uint32_t at;           /* in the heap */
    uint32_t due;          /* s since the thread began, monotonic: the first of its timers */
    uint32_t raw_len, len; /* of what was packed: as it was, and squeezed */
    uint16_t count;        /* of places */
    bool era;              /* as in otr_rests */
    otr_answer *answers[]; /* owned references, one a place; then come the squeezed octets */
};

/* What it is found by: the domain, or the key of an address literal. */
const char *otr_rest_name_of(const otr_place *place);
bool otr_rest_is(const otr_rest *rest, const char *name);
void otr_rest_domain(const otr_rest *rest, char domain[OTR_DESTINATION_SIZE]); /* of an address literal the address */

otr_time otr_rest_used_at(const otr_rest *rest); /* when one of its answers was last given to a client; 0: never */
size_t otr_rest_octets(const otr_rest *rest);    /* what it counts for in the worker's sum, with its answers */

/*
 * The place and its neighbours as a rest, with answers that are not in the cache yet. NULL: out of memory, or one of their timers
 * is about to go off (else one that wakes for it could be put to rest before it has).
 */
otr_rest *otr_rest_pack(otr_place *place, uint32_t now_s);

/* The places go, and their domain; what the cache holds by then stays. */
void otr_rest_release_places(otr_place *place);

/*
 * Make the places again and put their answers into the cache in place of those at rest, whose references are released. Returns
 * one of them; NULL: out of memory, nothing was made and the rest is as it was.
 */
otr_place *otr_rest_unpack(otr_worker *worker, otr_rest *rest, uint32_t now_s);

#endif
