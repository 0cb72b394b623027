/*
 * tlsa_history.h - which TLSA RRsets of a host may still lie in caches: what earlier looks saw at its servers, and for how long a cache may
 * keep it. Pure: the time is an argument.
 *
 * A look tells what the servers hand out at that moment. Between two looks nothing is known; what both of them saw is taken to have been
 * there all the time. (The signature's own date does not tell: some signers date it back to the last Thursday.) What was
 * handed out before the first look is not known either, so nothing is settled until that, too, has run out; its TTL is taken to have been
 * that of the first look.
 *
 *     wait = 2 x the largest TTL of records or aliases of the last seven days          a resolver behind another begins anew
 *          + the zone's refresh, if a server was late with it
 *     and at least an hour; for the absence of records also 2 x the time that a denial may be kept
 */
#ifndef OTR_PUBLISH_TLSA_HISTORY_H
#define OTR_PUBLISH_TLSA_HISTORY_H

#include "base/clock.h"
#include "publish/authority.h"

#define OTR_HISTORY_SETS_MAX 32         /* of the last 30 days; with more the oldest are dropped, and the history begins anew */
#define OTR_HISTORY_TTLS_MAX 16
#define OTR_HISTORY_MEMORY_S (30 * 86400)
#define OTR_SETTLE_LEAST_S 3600
#define OTR_SETTLE_TTLS 2               /* so many TTLs */
#define OTR_SETTLE_TTL_MEMORY_S (7 * 86400)
#define OTR_TTL_BELIEVED_MAX (7 * 86400) /* s; what resolvers cut TTLs to at most */
#define OTR_NEVER INT64_MAX

typedef struct otr_seen_set {
    const char *text;     /* "3 1 1 HEX", sorted, each with a line end; "": there was no record */
    otr_time first, last; /* a server had it */
    otr_time gone;        /* from here on no server had it; 0: one has */
    uint32_t refresh;     /* s; of the zone, if a server had this while another had something else; else 0 */
} otr_seen_set;

typedef enum otr_seen_ttl_kind { OTR_TTL_RECORDS, OTR_TTL_DENIAL } otr_seen_ttl_kind; /* aliases count as records */

typedef struct otr_seen_ttl {
    otr_seen_ttl_kind kind;
    uint32_t ttl;
    otr_time last;
} otr_seen_ttl;

typedef struct otr_tlsa_history {
    otr_arena *arena;     /* borrowed: of the texts */
    otr_time begun;       /* the first look at all servers; 0: there was none */
    otr_time last;        /* the last one */
    otr_seen_set sets[OTR_HISTORY_SETS_MAX];
    size_t set_count;
    otr_seen_ttl ttls[OTR_HISTORY_TTLS_MAX];
    size_t ttl_count;
} otr_tlsa_history;

/* The set as it is kept. "" also when out of memory: the arena remembers. */
const char *otr_tlsa_set_text(otr_arena *arena, const otr_tlsa_set *set);
bool otr_tlsa_text_has(const char *set, const char *record); /* record: "3 1 1 HEX" */

/*
 * Add what a look saw. With authority->trouble sets are added and none is taken for gone. `now` is the time after the look. A clock that was
 * set back makes the history begin anew.
 */
void otr_history_observe(otr_tlsa_history *history, const otr_authority *authority, otr_time now);

/* How long a set may be in caches after it is gone. */
otr_time otr_history_wait(const otr_tlsa_history *history, const otr_seen_set *set, otr_time now);

/* The same for a set of records that would be replaced now. */
otr_time otr_history_wait_now(const otr_tlsa_history *history, otr_time now);

/* The largest TTL of records and aliases that counts now. */
uint32_t otr_history_ttl(const otr_tlsa_history *history, otr_time now);

/*
 * From when on no cache has a set that `is_good` does not hold good, nor one that nobody has seen. OTR_NEVER: a server still has
 * such a set. *blocking (may be NULL): the set that takes longest; NULL: what was before the first look.
 */
typedef bool otr_set_judge(void *arg, const otr_seen_set *set);
otr_time otr_history_settled(const otr_tlsa_history *history, otr_set_judge *is_good, void *arg, otr_time now,
                             const otr_seen_set **blocking);

#endif
