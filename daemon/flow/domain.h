/*
 * domain.h - a policy domain in a resolver thread: its STS entry, and the care for it. Several places may share one
 * (example.org, [example.org], example.org:587); the policy is that of the domain (RFC 8461 §3.4).
 *
 * An entry is answered from only when its policy is in the store (REMEMBER): one that was fetched and could not be
 * stored waits in `unsaved`, and until it can be stored the questions that depend on it are not answered.
 */
#ifndef OTR_DAEMON_DOMAIN_H
#define OTR_DAEMON_DOMAIN_H

#include "daemon/flow/decided.h"
#include "daemon/flow/worker.h"
#include "fleet/record.h"

struct otr_errand;
TAILQ_HEAD(otr_errand_queue, otr_errand);

struct otr_domain {
    otr_worker *worker;              /* borrowed */
    char name[OTR_DOMAIN_SIZE];
    otr_sts_entry *entry;            /* owned reference; NULL until it was looked for in the store */
    otr_sts_entry *unsaved;          /* owned reference; NULL: none */
    otr_sts_refresh *refresh;        /* owned; NULL: none under way */
    const otr_anchor_set *anchors;   /* owned reference: those when it was started; NULL: never */
    char flow[OTR_FLOW_ID_SIZE];     /* of the errand that looked last or started the refresh; for the log */
    otr_decided decided;             /* what was put down about it */
    bool has_sighting;               /* a chain of one of its hosts was recorded, in this process */
    struct event *timer;             /* owned: the next look while the domain is in use */
    struct otr_errand_queue waiting; /* errands that wait for the refresh */
    struct otr_place_queue places;   /* borrowed; the domain goes with the last */
};

/* Find or make; the place is entered. NULL: out of memory. */
otr_domain *otr_domain_join(otr_worker *worker, const char *name, otr_place *place);
void otr_domain_leave(otr_domain *domain, otr_place *place);

/* NULL if nobody has asked about it. */
otr_domain *otr_domain_find(otr_worker *worker, const char *name);

/* What the operator says of it has changed: no answer of before is given any more. */
void otr_domain_overrule(otr_domain *domain);

/*
 * The roots that count for it are others now: a policy that could not be fetched because of its host's certificate is
 * due at once. True: nothing is known of the policy until then.
 */
bool otr_domain_forgive(otr_domain *domain);

/*
 * An attempt that was held back may be made at once. Until it has been made there is no answer without a policy, where the
 * one on hand has expired meanwhile.
 */
void otr_domain_resume(otr_worker *worker, const char *name);

/* Whether a policy that another member has fetched counts more than the one in this entry. */
bool otr_domain_is_newer(const otr_fleet_record *record, const otr_sts_entry *entry);

/* Such a policy; `entry` is there. Its answers are made anew. False: out of memory. */
bool otr_domain_take_shared(otr_domain *domain, const otr_fleet_record *record);

typedef enum otr_domain_state {
    OTR_DOMAIN_READY,   /* `entry` is what there is to know now */
    OTR_DOMAIN_LOOKING, /* a refresh is under way */
    OTR_DOMAIN_FAILED,  /* the store fails; nothing may be answered */
} otr_domain_state;

/* Make sure that `entry` is there, from the store if need be. False: the store fails, as the log tells. */
bool otr_domain_load(otr_domain *domain);

/* Look at what is known and start what is due, in the name of this flow. */
otr_domain_state otr_domain_look(otr_domain *domain, const char *flow);

/* Whether an unexpired policy is on hand, so that there is no need to wait for a refresh. */
bool otr_domain_has_policy(const otr_domain *domain);

/* A place was asked for, or has a new answer: see to it that the next look happens in time. */
void otr_domain_schedule(otr_domain *domain);

#endif
