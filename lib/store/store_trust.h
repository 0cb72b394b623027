/*
 * store_trust.h - what the store keeps of trust (schema 3): exceptions, chains that were seen, destinations as last
 * decided, holds. Certificates are kept once each, however many chains they are in.
 *
 * Bounds: OTR_SIGHTINGS_PER_DOMAIN hosts of one destination (the one seen longest ago makes room, the policy host last of
 * all), OTR_SIGHTINGS_MAX in all (a new one is refused with OUTRIDER_E_LIMIT then); otr_store_sweep() removes sightings that were not renewed for
 * OTR_SIGHTING_DAYS, destinations likewise, exceptions that have ended, certificates that nothing refers to.
 * Threads, durability and errors are those of store.h: exceptions and holds are on disk when the call returns; sightings
 * and destinations survive kill -9, and what was written in the last moments may be lost with the machine's power.
 * What cannot be one (a domain not in normal form, an impossible time) is refused with OUTRIDER_E_SYNTAX and not kept.
 */
#ifndef OTR_STORE_STORE_TRUST_H
#define OTR_STORE_STORE_TRUST_H

#include "store/store.h"
#include "trust/exception.h"
#include "verdict/effect.h"
#include "verdict/hold.h"

#define OTR_SIGHTINGS_PER_DOMAIN 32
#define OTR_SIGHTINGS_MAX 2000000
#define OTR_SIGHTING_DAYS 90
#define OTR_SIGHTING_OCTETS 65536 /* of the certificates of one chain; a larger one is refused with OUTRIDER_E_LIMIT */
#define OTR_SIGHTING_TOUCH 3600   /* s; seen_at of a sighting that is otherwise the same is renewed this often */
#define OTR_TRAFFIC_DAYS 30 /* the time constant by which the count of questions fades */

/*
 * Open to read, for commands that look on while outriderd works, or does not run: nothing is created, lifted or written.
 * OUTRIDER_E_IO with a sentence that says what to do, also for a file with another schema than ours. While outriderd does
 * not run nothing is locked: if it starts during a look, what was read is not relied on, and the call fails with
 * OUTRIDER_E_IO ("try again"); close the store then. Visits of before are to be forgotten. Not for a process that has the
 * same store open to write.
 */
outrider_err otr_store_open_reading(const char *path, otr_store **store, outrider_diag *diag);

/*
 * Exceptions: by root and domain. All of a list, or none; one that is there already is replaced, one that is not is
 * dropped without complaint. More than OTR_EXCEPTIONS_MAX are refused with OUTRIDER_E_LIMIT. Ended ones are visited until
 * a sweep. visit() must not call the store, nor may that of holds; after OUTRIDER_E_SYNTAX all good rows were visited, and
 * diag tells of the first that was not.
 */
outrider_err otr_store_put_exceptions(otr_store *store, const otr_exception *list, size_t count, outrider_diag *diag);
outrider_err otr_store_drop_exception(otr_store *store, const char *root, const char *domain, outrider_diag *diag);
outrider_err otr_store_drop_exceptions(otr_store *store, const otr_exception *list, size_t count, outrider_diag *diag);
typedef void otr_store_visit_exception(void *arg, const otr_exception *exception); /* by root, then domain */
outrider_err otr_store_each_exception(otr_store *store, otr_store_visit_exception *visit, void *arg, outrider_diag *diag);

/*
 * Sightings: the latest of each (domain, role, host). What was there before is told: *before receives the fingerprint of
 * the root that the host had until now, if it was accepted then, is now, and the root is another; else "".
 * One that was refused replaces an accepted one, which is remembered as root_before; it hides no change: when the host is
 * accepted again by another root than before the refusal, that is told. Two certificates with one anchor id are one root.
 * A sighting that says nothing new is not written but for its seen_at, once in OTR_SIGHTING_TOUCH.
 */
outrider_err otr_store_put_sighting(otr_store *store, const otr_sighting *sighting, char before[OTR_SHA256_TEXT],
                                    outrider_diag *diag);

/*
 * A destination as decided: which hosts, which of them with DANE (is_admitted is not kept: it is asked of the policy on hand
 * when it is read). `questions` is added to what is left of the traffic. More hosts than OTR_DEPENDANT_HOSTS_MAX are refused
 * with OUTRIDER_E_LIMIT.
 */
outrider_err otr_store_put_destination(otr_store *store, const char *domain, const otr_dependant_host *hosts, size_t count,
                                       double questions, otr_time now, outrider_diag *diag);

/*
 * Each destination of which a policy, a sighting or a decision is recorded, by domain, put together; `own_hosts` (normal
 * forms, NULL-terminated, may be NULL) for is_own. A policy that has expired is none. visit() returns true to end the visits;
 * it may take its time and call the store, for nothing is locked meanwhile: each destination is one state of the database,
 * the whole is none. What is visited is valid until visit() returns; otr_sighting_copy() keeps one. One destination at a
 * time is in memory. A row that cannot be believed is left out, and OUTRIDER_E_SYNTAX at the end tells of the first.
 */
typedef bool otr_store_visit_dependant(void *arg, const otr_dependant *dependant);
outrider_err otr_store_each_dependant(otr_store *store, otr_time now, const char *const *own_hosts,
                                      otr_store_visit_dependant *visit, void *arg, outrider_diag *diag);

/* Of one domain. *is_found false: nothing is recorded, and visit is not called. */
outrider_err otr_store_dependant(otr_store *store, const char *domain, otr_time now, const char *const *own_hosts,
                                 otr_store_visit_dependant *visit, void *arg, bool *is_found, outrider_diag *diag);

/* Holds: one a domain, role and host. */
outrider_err otr_store_put_hold(otr_store *store, const otr_hold *hold, outrider_diag *diag);
outrider_err otr_store_drop_holds(otr_store *store, const char *domain, outrider_diag *diag); /* all of the domain */
typedef void otr_store_visit_hold(void *arg, const otr_hold *hold);
outrider_err otr_store_each_hold(otr_store *store, otr_store_visit_hold *visit, void *arg, outrider_diag *diag);

#endif
