/*
 * rest.h - destinations at rest. One that is being worked on (place.h, domain.h) takes ten kilobytes and more: findings and
 * entries as structures, a verdict, timers, all forms of its answer. Nearly all destinations of a large cache are not worked
 * on: their answer holds, and is given by front threads. Such a one rests: its answer stays in the cache, with the forms that
 * were asked for and without the verdict; findings and policy are packed and squeezed (squeeze.h); its timers are one number.
 *
 *   to rest   the destinations of a domain together, when more than flow->awake_max are awake: those that were not used for
 *             longest and that nothing is under way for
 *   awake     exactly as they were: when they are asked for in another form, when a timer of theirs is due, when an operator
 *             or new roots change what is said of them. The verdict is decided again from the same findings, as of the same
 *             time, so it is the same
 *
 * Nobody sees whether a destination rests: otr_place_find(), otr_place_get() and otr_domain_find() wake it.
 */
#ifndef OTR_DAEMON_FLOW_REST_H
#define OTR_DAEMON_FLOW_REST_H

#include "daemon/flow/place.h"

/* How many stay awake by default, in all threads: 25 MiB. */
#define OTR_AWAKE_MAX 2048

outrider_err otr_rests_init(otr_rests *rests, otr_worker *worker);
void otr_rests_clear(otr_worker *worker);

/* Make room for one more that is awake. Call it only where no place or domain is in hand: any may go to rest. */
void otr_rest_make_room(otr_worker *worker);

/* Wake the destinations of a domain, or the address literal with this key. False: none rests under this name. */
bool otr_rest_wake(otr_worker *worker, const char *name);

/* The one of some that was not used for longest goes, and its answers with it. False: none rests. */
bool otr_rest_evict(otr_worker *worker);

/*
 * Show all that rest to a visitor: the domains that is_concerned() names wake, visit() is called for each of their places, and
 * they rest again; then done() is called, perhaps from inside. A large table takes a while, and the thread does other things in
 * between; what wakes meanwhile is shown as it does. One visitor at a time.
 */
void otr_rest_visit(otr_worker *worker, const otr_rest_visitor *visitor);

#endif
