/*
 * shared.h - what another member of the fleet has brought, in the thread that owns what it is about. It counts if it outranks what is
 * here; if what is here outranks it, the fleet is told of that instead. On disk before it counts, as everything.
 *
 * Threads: the resolver thread that the domain belongs to.
 */
#ifndef OTR_DAEMON_FLOW_SHARED_H
#define OTR_DAEMON_FLOW_SHARED_H

#include "daemon/fleet/fleet.h"

struct otr_worker;
/* Policies, overrides, acceptances, sightings. Sent back when that is done. */
void otr_shared_take(struct otr_worker *worker, otr_shared *shared);

/* A domain's record of what was removed, or the like; at 0: there is none. */
struct otr_removal;
outrider_err otr_shared_removal(otr_store *store, const otr_fleet_record *record, struct otr_removal *removal, outrider_diag *diag);

/* A time for what an operator says now about this, so that it counts more than what was said before, on whichever machine. */
otr_time otr_shared_stamp(otr_store *store, const otr_fleet_record *record, otr_time now, otr_time present);

#endif
