/*
 * keeper.h - the keeper of what is trusted: a thread that alone owns the anchor rules and the exceptions, and makes the
 * anchors that all others use.
 *
 *     request, end of an exception, file that changed ──► compile ──► anchor files ──► store ──► resolver threads
 *
 * Whatever fails, nothing has changed, and who asked is told. The store decides: what is in it counts at the next start,
 * and what counts now is in it. A request is answered when every resolver thread has made the answers anew of those whom
 * it concerns: the next answer to a mail server reflects it (C2).
 */
#ifndef OTR_DAEMON_KEEPER_H
#define OTR_DAEMON_KEEPER_H

#include "daemon/conf/conf.h"
#include "daemon/flow/worker.h"
#include "verdict/effect.h"

typedef struct otr_keeper otr_keeper;

/* While we may still be root: read the files of the rules, make the folders for anchor files and give them away. */
outrider_err otr_keeper_new(const otr_conf *conf, otr_keeper **keeper, outrider_diag *diag);
void otr_keeper_free(otr_keeper *keeper); /* when no thread may send it mail any more; NULL is fine */

/* As the user who goes on: exceptions from the store, the anchors, their files. Store and clock are borrowed. */
outrider_err otr_keeper_open(otr_keeper *keeper, otr_store *store, otr_clock *clock, outrider_diag *diag);
/* Whom to tell of exceptions, NULL: nobody; before it is started. What others have brought, from any thread. */
void otr_keeper_join(otr_keeper *keeper, otr_fleet *fleet);
void otr_keeper_take(otr_keeper *keeper, otr_shared *shared);

otr_trust *otr_keeper_trust(const otr_keeper *keeper); /* borrowed; before it is started */

/* The thread. The workers are borrowed, and outlive it. */
outrider_err otr_keeper_start(otr_keeper *keeper, otr_worker *const *workers, size_t count, outrider_diag *diag);
void otr_keeper_stop(otr_keeper *keeper); /* before the workers; NULL is fine */

void otr_keeper_submit(otr_keeper *keeper, otr_job *job); /* any thread; one that otr_control_is_trust() */

/* For /metrics. Any thread, without waiting. */
typedef struct otr_keeper_stats {
    uint64_t exceptions;                   /* in force */
    uint64_t roots;                        /* of the default set: that of a destination that no rule names */
    uint64_t changed_at;                   /* when anchors last changed in this run; 0: not yet */
    uint64_t files_changed_at;             /* the same for files of the rules */
    uint64_t affected[OTR_EFFECT_COUNT];   /* destinations by class, as the last change of files found them */
} otr_keeper_stats;
otr_keeper_stats otr_keeper_look(const otr_keeper *keeper);

#endif
