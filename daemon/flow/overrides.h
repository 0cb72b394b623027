/*
 * overrides.h - the overrides that are in force, in memory: an immutable, sorted set under RCU (snapshot.h) that all
 * resolver threads read, and the store behind it. A change is on disk before it counts.
 *
 * Threads: any that are registered with RCU; a change may wait for the disk, so never make one on a front thread.
 */
#ifndef OTR_DAEMON_OVERRIDES_H
#define OTR_DAEMON_OVERRIDES_H

#include "store/store.h"
#include "verdict/override.h"

#define OTR_OVERRIDES_MAX 1000

typedef struct otr_overrides otr_overrides;

/* All of the store. *has_bad: a row cannot be believed and is not used; diag tells of the first. */
outrider_err otr_overrides_open(otr_store *store, otr_overrides **overrides, bool *has_bad, outrider_diag *diag);
void otr_overrides_free(otr_overrides *overrides); /* NULL is fine */

/* A copy of the one for this domain; false if there is none, or it has ended. overrides may be NULL. */
bool otr_overrides_find(const otr_overrides *overrides, const char *domain, otr_time now, otr_override *found);

/* Those that have not ended, by domain. Inside a read section: visit() must not wait. */
typedef void otr_overrides_visit(void *arg, const otr_override *override);
void otr_overrides_each(const otr_overrides *overrides, otr_time now, otr_overrides_visit *visit, void *arg);

/* Insert or replace. OUTRIDER_OK, OUTRIDER_E_LIMIT, OUTRIDER_E_NOMEM or OUTRIDER_E_IO: then nothing has changed. */
outrider_err otr_overrides_put(otr_overrides *overrides, const otr_override *override, outrider_diag *diag);
struct otr_removal;
/* The same, and what is remembered of it, in one step. */
outrider_err otr_overrides_remove(otr_overrides *overrides, const char *domain, const struct otr_removal *removal,
                                  outrider_diag *diag);
outrider_err otr_overrides_drop(otr_overrides *overrides, const char *domain, outrider_diag *diag);

/* Forget those that have ended, after visit() has seen each. An error is the store's: they are gone from memory. */
outrider_err otr_overrides_expire(otr_overrides *overrides, otr_time now, otr_overrides_visit *visit, void *arg,
                                  outrider_diag *diag);

#endif
