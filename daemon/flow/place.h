/*
 * place.h - a destination in a resolver thread: the MX finding, and the answer that the cache holds for it. Findings
 * and policies are kept apart, each with its own expiry; the answer is made anew whenever one of them changes.
 */
#ifndef OTR_DAEMON_PLACE_H
#define OTR_DAEMON_PLACE_H

#include "daemon/flow/domain.h"

struct otr_place {
    otr_worker *worker;          /* borrowed */
    otr_destination destination;
    otr_domain *domain;          /* NULL for an address literal, which has no policy */
    otr_mx_finding *mx;          /* owned reference; NULL until found */
    otr_answer *answer;          /* owned reference; NULL: none in the cache */
    struct otr_errand *errand;   /* owned; NULL: none under way */
    struct event *timer;         /* owned: when the answer lapses */
    otr_time spared_at;          /* when eviction last passed it by */
    size_t octets;               /* what it counts for in the worker's sum */
    bool has_level;              /* `level` is that of an earlier answer */
    otr_level level;
    TAILQ_ENTRY(otr_place) in_queue, in_domain;
};

/*
 * Find or make one, and wake it if it rests (rest.h). Others may go to rest or be evicted for it: no place or domain that was in
 * hand before is valid any more. NULL: out of memory.
 */
otr_place *otr_place_get(otr_worker *worker, const otr_destination *destination);
otr_place *otr_place_find(otr_worker *worker, const otr_destination *destination); /* NULL: nobody has asked */
void otr_place_free_all(otr_worker *worker); /* those awake */

/* For rest.c: one that is not there yet, empty; one that goes; what it counts for now. */
otr_place *otr_place_make(otr_worker *worker, const otr_destination *destination);
void otr_place_free(otr_place *place);
void otr_place_weigh(otr_place *place);

/* When the answer of this place was last given to a client; 0: never. */
otr_time otr_place_used_at(const otr_place *place);

/* Answer the ticket now or when it is known. */
void otr_place_ask(otr_place *place, otr_ticket *ticket);

bool otr_place_has_finding(const otr_place *place); /* one that is still valid */

/* What follows from what is known, as of `at`; nothing is published. One reference; NULL: out of memory. */
otr_verdict *otr_place_verdict(const otr_place *place, bool is_policy_pending, otr_time at);

/* Decide with what is known and publish. The answer is borrowed; NULL: out of memory. */
otr_answer *otr_place_decide(otr_place *place, bool is_policy_pending, bool is_in_use);

/* Decide again because the policy changed, without a question from anybody. */
void otr_place_rebuild(otr_place *place);

/* Decide again because the operator's word changed. If that cannot be done now, the answer goes, and who asks waits. */
void otr_place_overrule(otr_place *place);

/* Take the answer out of the cache: what it rests on is no longer certain. */
void otr_place_withdraw(otr_place *place);

#endif
