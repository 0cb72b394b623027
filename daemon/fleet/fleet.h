/*
 * fleet.h - what several daemons share through Redis (docs/fleet.md): a thread that alone talks to it.
 *
 *     change in this daemon ──► share ──► Redis ──► pull, in every member ──► the thread that it concerns
 *     policy to be fetched  ──► lease ──► Redis: fetch it / take it / wait
 *
 * The embedded store of each member stays what it was: all that is answered from lies in it, and Redis is beside it. So nobody waits
 * for Redis but he who would fetch a policy, and he not for long; without Redis every member is what it is without a fleet.
 *
 * On each connection both sides are compared in whole: what Redis has is taken where it counts more than what is here, and what is here
 * is put where it counts more than what Redis has (lib/fleet/record.h says which does). Then changes travel one by one: each record
 * that is put gets the next number of a sequence, and members ask for what comes behind the last number that they have seen,
 * when a message wakes them, and every few seconds besides.
 *
 * Threads: each function says whose it may be.
 */
#ifndef OTR_DAEMON_FLEET_FLEET_H
#define OTR_DAEMON_FLEET_FLEET_H

#include "daemon/conf/conf.h"
#include "daemon/flow/job.h"
#include "daemon/flow/overrides.h"
#include "daemon/mailbox.h"
#include "fleet/record.h"

#include <sys/queue.h>

typedef struct otr_fleet otr_fleet;

/* A record that another member has brought, on its way to the thread that owns what it is about, and back. */
typedef enum otr_shared_outcome { OTR_SHARED_TAKEN, OTR_SHARED_KNOWN, OTR_SHARED_LOST } otr_shared_outcome;
typedef struct otr_shared {
    otr_mail mail;           /* first */
    otr_mailbox *reply_to;   /* borrowed */
    otr_fleet_record record; /* owned */
    STAILQ_ENTRY(otr_shared) in_queue; /* of the keeper, while it waits there */
    otr_shared_outcome outcome; /* LOST: store or memory; it is offered again with the next comparison */
} otr_shared;
void otr_shared_free(otr_shared *shared); /* NULL is fine */
void otr_shared_return(otr_shared *shared, otr_shared_outcome outcome);

/* What the fleet works with. Borrowed; they outlive it. */
typedef struct otr_fleet_parts {
    otr_store *store;
    otr_clock *clock;
    const otr_overrides *overrides;
    uint32_t retry_s;  /* for how long failures of two members hold the others back */
    void (*deliver)(void *arg, otr_shared *shared); /* to the thread that owns it; from then on it is that thread's */
    void *deliver_arg;
} otr_fleet_parts;

/* conf->fleet.is_on. Before it is started it takes mail already. */
outrider_err otr_fleet_new(const otr_conf *conf, otr_fleet **fleet, outrider_diag *diag);
outrider_err otr_fleet_start(otr_fleet *fleet, const otr_fleet_parts *parts, outrider_diag *diag);
void otr_fleet_stop(otr_fleet *fleet); /* NULL is fine, here and below */
void otr_fleet_free(otr_fleet *fleet); /* when no thread may send it mail any more */

/* For `outriderd -t`: whether what only the daemon may read can be read. */
outrider_err otr_fleet_check(const otr_conf *conf, outrider_diag *diag);

const char *otr_fleet_member(const otr_fleet *fleet); /* our name; "" without a fleet. Any thread */
bool otr_fleet_is_up(const otr_fleet *fleet);         /* any thread, without waiting */

/* Tell the others. What is told while Redis is away is found by the comparison when it is back. Takes the record's content over. Any
 * thread; without a fleet nothing happens. */
void otr_fleet_share(otr_fleet *fleet, otr_fleet_record *record);

void otr_fleet_submit(otr_fleet *fleet, otr_job *job); /* any thread; otr_control_is_fleet() */

/* Leases ----------------------------------------------------------------------------------------------------------------- */

typedef enum otr_lease_answer {
    OTR_LEASE_GRANTED, OTR_LEASE_HELD, OTR_LEASE_RECORD, OTR_LEASE_FAILED, OTR_LEASE_LOST
} otr_lease_answer;

#define OTR_LEASE_TOKEN_SIZE 128

/* May we fetch this policy? To the fleet and back. */
typedef struct otr_lease {
    otr_mail mail;         /* first */
    otr_mailbox *reply_to; /* borrowed */
    void *claim;           /* of the thread that asks; nobody else looks at it */
    char domain[OTR_DOMAIN_SIZE];
    char id[OTR_STS_ID_MAX + 1];    /* that is wanted */
    char known[OTR_FLEET_RANK + 1]; /* of what is here already; "": nothing; "g": do not send any */
    otr_lease_answer answer;
    char token[OTR_LEASE_TOKEN_SIZE]; /* GRANTED */
    char *record;                   /* owned; RECORD */
    size_t record_len;
    otr_sts_failure failure;        /* FAILED: what two members met */
    char error[OTR_STS_ERROR_SIZE];
} otr_lease;
void otr_lease_free(otr_lease *lease); /* NULL is fine */
void otr_fleet_ask(otr_fleet *fleet, otr_lease *lease);

/* It has been fetched, or not. Any thread. token "": there was no lease. */
typedef enum otr_settled { OTR_SETTLED_NOT, OTR_SETTLED_DONE, OTR_SETTLED_FAILED } otr_settled;
void otr_fleet_settle(otr_fleet *fleet, const char *domain, const char *token, const char *id, otr_settled settled,
                      const otr_sts_entry *entry);

/* For /metrics and /healthz. Any thread, without waiting. */
typedef struct otr_fleet_stats {
    bool is_on, is_up;
    uint64_t members;   /* that were there lately, ourselves included */
    uint64_t synced_at; /* when both sides were last compared in whole; 0: not yet */
} otr_fleet_stats;
otr_fleet_stats otr_fleet_look(const otr_fleet *fleet);

#endif
