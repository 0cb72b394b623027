/*
 * errand.h - one way from a question to an answer: DNS discovery and, once it has found MX hosts, the look at the
 * policy beside it; then the decision. All who ask the same meanwhile wait for the same errand.
 */
#ifndef OTR_DAEMON_ERRAND_H
#define OTR_DAEMON_ERRAND_H

#include "daemon/flow/place.h"

typedef struct otr_errand {
    otr_place *place;            /* borrowed */
    otr_discover *discover;      /* owned; NULL when it has ended or none is needed */
    bool is_waiting_for_policy;  /* then it is in the domain's queue */
    bool is_patient;             /* patience has been prolonged once */
    bool is_store_failing;       /* the look at the policy could not be made */
    bool is_renewal;             /* nobody asked: counted by the worker */
    struct event *patience;      /* owned: how long the policy is waited for */
    struct event *bound;         /* owned: how long all of it may take */
    char flow[OTR_FLOW_ID_SIZE]; /* its name in the log */
    otr_ticket *tickets;         /* owned: who waits */
    TAILQ_ENTRY(otr_errand) in_domain;
} otr_errand;

/* ticket: NULL for a renewal. It may end inside: place->errand tells. */
void otr_errand_start(otr_place *place, otr_ticket *ticket);
void otr_errand_join(otr_errand *errand, otr_ticket *ticket);

/* The domain's refresh has ended. */
void otr_errand_policy_ready(otr_errand *errand);

/* End it without an answer; tickets are dropped, for the end of the thread. NULL is fine. */
void otr_errand_free(otr_errand *errand);

#endif
