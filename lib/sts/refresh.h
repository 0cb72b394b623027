/*
 * refresh.h - one errand for one policy domain: LOOKUP_RECORD -> CLAIM -> LOOKUP_ADDRESS -> FETCH_POLICY -> finish.
 * It starts from what is known (an entry) and yields what is known afterwards (a new entry). A failure never
 * takes an unexpired policy away (REMEMBER); a success replaces body, id and times together (STS-APPLY-12).
 */
#ifndef OTR_STS_REFRESH_H
#define OTR_STS_REFRESH_H

#include "dns/resolver.h"
#include "sts/fetch.h"

typedef struct otr_sts_refresh otr_sts_refresh;

#define OTR_STS_FETCH_MS 10000

/*
 * Told of each policy host that showed a certificate, accepted or refused, before anything that it said is taken. False:
 * it is not to be taken, as `why` says in words for people; the attempt has failed then, and nothing else changes.
 */
typedef bool otr_sts_witness(void *arg, const char *domain, const char *host, const otr_fetch_result *result,
                             char why[OTR_STS_ERROR_SIZE]);

/*
 * One fetch for many who want the same policy: several machines, say. Before a policy is fetched, claim() is asked, with what is known
 * and the record as it was just looked up. It returns a claim and calls done() once, never from inside; or NULL: fetch it, without one.
 * The claim ends with settle(), to which goes what has become of the attempt; NULL: it was given up, perhaps before done() was
 * called, which is then not called any more.
 */
typedef enum otr_sts_claimed {
    OTR_STS_FETCH_IT,   /* nobody else does, or nobody could be asked */
    OTR_STS_TAKE_IT,    /* somebody has: here it is */
    OTR_STS_HAS_FAILED, /* others have tried just now */
} otr_sts_claimed;

typedef struct otr_sts_claim_result {
    otr_sts_claimed what;
    const otr_sts_policy *policy; /* TAKE_IT: borrowed, as `id` and `error` */
    const char *id;
    otr_time fetched_at;
    otr_sts_failure failure;      /* HAS_FAILED */
    const char *error;
} otr_sts_claim_result;
typedef void otr_sts_claim_done(void *arg, const otr_sts_claim_result *result);

typedef struct otr_sts_sharing {
    void *(*claim)(void *arg, const otr_sts_entry *known, otr_sts_claim_done *done, void *done_arg);
    void (*settle)(void *claim, const otr_sts_entry *entry);
} otr_sts_sharing;

/* All borrowed; they outlive every refresh. */
typedef struct otr_sts_net {
    struct event_base *base;
    otr_resolver *resolver;
    otr_fetcher *fetcher;
    otr_clock *clock;
    const otr_anchors *anchors;
    otr_sts_pace pace;
    unsigned fetch_ms;  /* address lookups and HTTPS together (STS-FETCH-12); 0: OTR_STS_FETCH_MS */
    bool allow_private; /* policy hosts may lie on private addresses */
    otr_sts_witness *witness; /* NULL: nobody wants to know */
    void *witness_arg;
    const otr_sts_sharing *sharing; /* NULL: every policy is fetched by ourselves */
    void *sharing_arg;
    uint32_t jitter_seed; /* of the thread; spreads retries and refreshes */
} otr_sts_net;

/* The entry is a new one with one reference that the callback takes over. */
typedef void otr_sts_refresh_done(void *arg, otr_sts_entry *entry);

/*
 * Look at the record and, if that calls for it, fetch the policy (rows S1 to S10). With OTR_STS_DUE_POLICY the
 * policy is fetched again whatever the record says, absent or not (STS-APPLY-13). A fetch that back-off forbids is
 * not made: that is the row's outcome too. `known` is borrowed for the call. done() is called once, never from inside;
 * after cancel never. NULL: out of memory.
 */
otr_sts_refresh *otr_sts_refresh_start(otr_sts_net *net, const otr_sts_entry *known, otr_sts_due due,
                                       otr_sts_refresh_done *done, void *arg);
/* The record names another policy than the one on hand, and it is being fetched. */
bool otr_sts_refresh_has_news(const otr_sts_refresh *refresh);
void otr_sts_refresh_cancel(otr_sts_refresh *refresh);

#endif
