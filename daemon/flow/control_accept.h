/*
 * control_accept.h - the verbs about changes of root that are held: which there are, and accepting those of a domain.
 */
#ifndef OTR_DAEMON_CONTROL_ACCEPT_H
#define OTR_DAEMON_CONTROL_ACCEPT_H

#include "daemon/control_request.h"
#include "daemon/flow/worker.h"

#include <jansson.h>

/* All holds, as a JSON array owned by the caller; NULL: out of memory. */
json_t *otr_control_holds(const otr_worker *worker);

/* *accepted receives the holds that were dropped, owned by the caller. Errors are those of otr_record_accept(). */
outrider_err otr_control_accept(otr_worker *worker, const char *domain, int64_t uid, json_t **accepted, outrider_diag *diag);

#endif
