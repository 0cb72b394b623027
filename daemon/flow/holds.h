/*
 * holds.h - the holds that are in force, in memory: sorted rows under RCU that all resolver threads read, and the store
 * behind them. Each counts at once, and is on disk when the call returns; it counts as well if it cannot be put there: a
 * change of root that was noticed must not be forgotten because a disk is full.
 *
 * Threads: any that are registered with RCU; a change may wait for the disk, so never make one on a front thread.
 */
#ifndef OTR_DAEMON_HOLDS_H
#define OTR_DAEMON_HOLDS_H

#include "store/store.h"
#include "verdict/hold.h"

/* More than that, and the store is full of them: the change is told in the log, and the root is used (docs/decisions.md). */
#define OTR_HOLDS_MAX 10000

typedef struct otr_holds otr_holds;

/* All of the store. *has_bad: a row cannot be believed and is not used; diag tells of the first. */
outrider_err otr_holds_open(otr_store *store, otr_holds **holds, bool *has_bad, outrider_diag *diag);
void otr_holds_free(otr_holds *holds); /* NULL is fine */

/* A copy of the first for this domain; of this host in this role. False: there is none. holds may be NULL. */
bool otr_holds_find(const otr_holds *holds, const char *domain, otr_hold *found);
bool otr_holds_find_host(const otr_holds *holds, const char *domain, otr_role role, const char *host, otr_hold *found);

/* Any thread, also one that is not registered with RCU. NULL is fine. */
size_t otr_holds_count(const otr_holds *holds);

/* By domain, role and host. Inside a read section: visit() must not wait. */
typedef void otr_holds_visit(void *arg, const otr_hold *hold);
void otr_holds_each(const otr_holds *holds, otr_holds_visit *visit, void *arg);

/*
 * Insert or replace. OUTRIDER_OK; OUTRIDER_E_IO: it counts, and the store could not keep it; OUTRIDER_E_LIMIT or
 * OUTRIDER_E_NOMEM: it does not count.
 */
outrider_err otr_holds_put(otr_holds *holds, const otr_hold *hold, outrider_diag *diag);

/* All of the domain. An error: nothing has changed. */
outrider_err otr_holds_drop(otr_holds *holds, const char *domain, outrider_diag *diag);

#endif
