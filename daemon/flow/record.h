/*
 * record.h - what was seen of a destination's chains goes into the store, and a change of root is told: the one way in
 * for all who see one, a policy fetch, `outrider trust probe`, a mail server.
 *
 * Threads: resolver threads. The store may make it wait.
 */
#ifndef OTR_DAEMON_FLOW_RECORD_H
#define OTR_DAEMON_FLOW_RECORD_H

#include "daemon/flow/worker.h"
#include "trust/sighting.h"

/*
 * `chain` as the host sent it, leaf first, and how it was judged under the anchors of `domain` just now: by this process,
 * never by whoever tells of it. Both are borrowed. An error is the store's, or of memory: then nothing is recorded.
 */
outrider_err otr_record_sighting(otr_worker *worker, const char *domain, otr_role role, const char *host,
                                 otr_sighting_source source, const STACK_OF(X509) *chain, const otr_verification *verification,
                                 outrider_diag *diag);

#endif
