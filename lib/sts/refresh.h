/*
 * refresh.h - one errand for one policy domain: LOOKUP_RECORD -> LOOKUP_ADDRESS -> FETCH_POLICY -> finish.
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
