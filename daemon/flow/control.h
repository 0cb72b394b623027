/*
 * control.h - doing what an operator wants, in the resolver thread that the domain belongs to: on disk first, then in
 * memory, then in the answers of that domain. When the reply goes out, the next answer to any mail server reflects it.
 */
#ifndef OTR_DAEMON_FLOW_CONTROL_H
#define OTR_DAEMON_FLOW_CONTROL_H

#include "daemon/flow/job.h"
#include "daemon/flow/worker.h"

void otr_control_do(otr_worker *worker, otr_job *job);

/* Overrides whose time is over are forgotten, and the log tells so; they have not counted since. For one thread. */
void otr_control_sweep(otr_worker *worker);

#endif
