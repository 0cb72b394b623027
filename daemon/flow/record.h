/*
 * record.h - what was seen of a destination's chains goes into the store, and a change of root is told: the one way in
 * for all who see one, a policy fetch, `outrider trust probe`, a mail server.
 *
 * Under a rule with on_change = defer such a change is more than told: a hold is put down before anything that rests on
 * the new root is used (holds.h), and the mail of this destination, and of no other, waits until the operator accepts it.
 *
 *   first contact    is no change: there is nothing to compare with
 *   a refusal        is none either: the anchors have refused it already. It hides none: what comes after it is compared
 *                    with the root by which the host was accepted last
 *   the same key     under another certificate of the same root is none (RFC 5280 §6.1.1)
 *   back again       a host that returns to the root it had changes nothing about a hold: the operator has the word
 *
 * Threads: the resolver thread that the domain belongs to. The store may make it wait.
 */
#ifndef OTR_DAEMON_FLOW_RECORD_H
#define OTR_DAEMON_FLOW_RECORD_H

#include "daemon/flow/worker.h"
#include "trust/sighting.h"

/*
 * `chain` as the host sent it, leaf first, and how it was judged under the anchors of `domain` just now: by this process,
 * never by whoever tells of it. Both are borrowed. An error is the store's, or of memory: then nothing is recorded; the
 * log has told so, once for each cause.
 */
outrider_err otr_record_sighting(otr_worker *worker, const char *domain, otr_role role, const char *host,
                                 otr_sighting_source source, const STACK_OF(X509) *chain, const otr_verification *verification,
                                 outrider_diag *diag);

/* The same with what was made of it; of another member's sighting too. The fleet is not told. */
outrider_err otr_record_seen(otr_worker *worker, const otr_sighting *seen, outrider_diag *diag);

/* For otr_sts_net.witness, whose argument is the worker: recorded, and not taken while its root is held. */
bool otr_record_policy_host(void *worker, const char *domain, const char *host, const otr_fetch_result *result,
                            char why[OTR_STS_ERROR_SIZE]);

/* A hold of this domain that counts: one under whose rules a change of root defers. */
bool otr_record_find_hold(const otr_worker *worker, const char *domain, otr_hold *hold);

/* Whether the policy host of this domain has a root that waits to be accepted. */
bool otr_record_is_policy_held(const otr_worker *worker, const char *domain);

/*
 * A chain that another member has seen: judged here, under the anchors of its domain, as of when it was seen. One that is refused, or
 * older than what is on record, is no news. What else it comes to is as if it had been seen here.
 */
outrider_err otr_record_shared(otr_worker *worker, const otr_fleet_record *record, bool *is_news, outrider_diag *diag);

/* The log tells of each cause once in a while: what cannot be recorded costs knowledge, and no mail. */
void otr_record_trouble(otr_worker *worker, const char *doing, const char *domain, outrider_err err,
                        const outrider_diag *diag);

/*
 * The operator accepts what the hosts of this domain show now: its holds are gone, from the store first, and its answers
 * are made anew. OUTRIDER_E_SYNTAX: nothing of it is held. After another error nothing has changed.
 */
outrider_err otr_record_accept(otr_worker *worker, const char *domain, int64_t uid, outrider_diag *diag);

/* Another member's operator has: the same, without telling the fleet of it. member: for the log. */
outrider_err otr_record_release(otr_worker *worker, const char *domain, int64_t uid, const char *member, outrider_diag *diag);

#endif
