/*
 * control_record.h - a chain that somebody tells of, over the control socket: judged here, whatever the teller thought of
 * it, and recorded.
 */
#ifndef OTR_DAEMON_FLOW_CONTROL_RECORD_H
#define OTR_DAEMON_FLOW_CONTROL_RECORD_H

#include "daemon/flow/worker.h"

#include <jansson.h>

/*
 * *sighting receives what was recorded, for the reply; owned by the caller, NULL when out of memory. Errors: what is wrong
 * with the chain, or the store's.
 */
outrider_err otr_control_record(otr_worker *worker, const otr_control_request *request, json_t **sighting,
                                outrider_diag *diag);

#endif
