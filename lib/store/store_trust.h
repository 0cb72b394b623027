/*
 * store_trust.h - what the store keeps of trust (schema 3): exceptions, chains that were seen, destinations as last
 * decided, holds. Certificates are kept once each, however many chains they are in.
 *
 * Bounds: OTR_SIGHTINGS_PER_DOMAIN hosts of one destination (the one seen longest ago makes room), OTR_SIGHTINGS_MAX in
 * all (a new one is refused with OUTRIDER_E_LIMIT then); otr_store_sweep() removes sightings that were not renewed for
 * OTR_SIGHTING_DAYS, destinations likewise, exceptions that have ended, certificates that nothing refers to.
 * Threads, durability and errors are those of store.h.
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
 * OUTRIDER_E_IO with a sentence that says what to do, also for a file with another schema than ours.
 */
outrider_err otr_store_open_reading(const char *path, otr_store **store, outrider_diag *diag);

/* Exceptions: by root and domain. All of a list, or none; one that is there already is replaced, one that is not is dropped. */
outrider_err otr_store_put_exceptions(otr_store *store, const otr_exception *list, size_t count, outrider_diag *diag);
outrider_err otr_store_drop_exception(otr_store *store, const char *root, const char *domain, outrider_diag *diag);
outrider_err otr_store_drop_exceptions(otr_store *store, const otr_exception *list, size_t count, outrider_diag *diag);
typedef void otr_store_visit_exception(void *arg, const otr_exception *exception); /* by root, then domain */
outrider_err otr_store_each_exception(otr_store *store, otr_store_visit_exception *visit, void *arg, outrider_diag *diag);

/*
 * Sightings: the latest of each (domain, role, host). What was there before is told: *before receives the fingerprint of
 * the root that the host had until now, if it was accepted then, is now, and the root is another; else "".
 * One that was refused replaces an accepted one, which is remembered as root_before.
 */
outrider_err otr_store_put_sighting(otr_store *store, const otr_sighting *sighting, char before[OTR_SHA256_TEXT],
                                    outrider_diag *diag);

/* A destination as decided: which hosts, which of them with DANE. `questions` is added to what is left of the traffic. */
outrider_err otr_store_put_destination(otr_store *store, const char *domain, const otr_dependant_host *hosts, size_t count,
                                       double questions, otr_time now, outrider_diag *diag);

/*
 * Each destination of which a policy, a sighting or a decision is recorded, by domain, put together; `own_hosts` (normal
 * forms, NULL-terminated, may be NULL) for is_own. visit() must not call the store; true ends the visits. A row that
 * cannot be believed is left out, and OUTRIDER_E_SYNTAX at the end tells of the first.
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
