/*
 * claim.h - one fetch of a policy for the whole fleet, as a resolver thread sees it (otr_sts_sharing of sts/refresh.h). The thread asks
 * for the lease, and while another member has it asks again four times a second, until that one's policy is there, its lease has
 * ended, or CLAIM_MOST has passed. Whatever does not answer in half a second is not waited for: then the policy is fetched here.
 *
 * Threads: that of the worker.
 */
#ifndef OTR_DAEMON_FLOW_CLAIM_H
#define OTR_DAEMON_FLOW_CLAIM_H

#include "daemon/fleet/fleet.h"
#include "sts/refresh.h"

extern const otr_sts_sharing otr_claim_sharing; /* its argument is the worker */

struct otr_worker;
/* The fleet has answered. The lease is taken over. */
void otr_claim_take(struct otr_worker *worker, otr_lease *lease);

#endif
