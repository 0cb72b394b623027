/*
 * trust.h - the anchors as resolver threads have them, and how they get others. The keeper (daemon/keeper) makes them;
 * each thread has a reference of its own, so that nothing is locked, and takes over new ones between two questions:
 * with them it makes the answers anew of those destinations whose set has changed, and of no others (LOCALITY).
 */
#ifndef OTR_DAEMON_FLOW_TRUST_H
#define OTR_DAEMON_FLOW_TRUST_H

#include "daemon/mailbox.h"
#include "trust/anchors.h"
#include "trust/exception.h"

/* An exception, as far as it matters when it was made. */
typedef struct otr_trust_news {
    char name[OTR_DOMAIN_SIZE + 1]; /* as in otr_exception */
    otr_time at;
} otr_trust_news;

/* Immutable, counted by reference. */
typedef struct otr_trust {
    otr_anchors *anchors;  /* owned reference */
    otr_time roots_at;     /* when the files of the rules were last found to have changed; 0: not in this run */
    otr_trust_news *news;  /* owned */
    size_t news_count;
    _Atomic unsigned refs;
} otr_trust;

/* Takes over the reference to the anchors. NULL: out of memory, and the reference is dropped. */
otr_trust *otr_trust_new(otr_anchors *anchors, otr_time roots_at, const otr_exception *exceptions, size_t count);
otr_trust *otr_trust_ref(otr_trust *trust);
void otr_trust_unref(otr_trust *trust); /* NULL is fine */

/*
 * When more than before was last trusted for this destination, as far as is known; 0: never. What failed for want of a
 * root until then is worth another attempt, whatever the back-off says: the operator has done what could be done.
 */
otr_time otr_trust_widened_at(const otr_trust *trust, const char *domain);

/* Whether two sets mean the same for mail servers and for people who ask. */
bool otr_trust_is_same_set(const otr_anchor_set *a, const otr_anchor_set *b);

/* The keeper's mail to a resolver thread, and back once no answer of this thread rests on the former anchors. */
typedef struct otr_swap {
    otr_mail mail;         /* first */
    otr_mailbox *reply_to; /* borrowed: the keeper's */
    otr_trust *trust;      /* owned reference; on the way back NULL */
    size_t remade;         /* answers */
    struct otr_swapping *swapping; /* owned: room for what is kept meanwhile, so that nothing can fail; NULL once it has begun */
} otr_swap;

/* NULL: out of memory. */
otr_swap *otr_swap_new(otr_trust *trust, otr_mailbox *reply_to);
void otr_swap_free(otr_swap *swap); /* NULL is fine */

struct otr_worker;
/*
 * In the thread of the worker. It takes the swap, and sends it back when it is through. There is one at a time: the keeper
 * awaits the answer.
 */
void otr_swap_do(struct otr_worker *worker, otr_swap *swap);
void otr_swap_drop(struct otr_worker *worker); /* the thread ends before it is through */

#endif
