/*
 * inside.h - what the files of the fleet share. All of it belongs to the fleet's thread.
 */
#ifndef OTR_DAEMON_FLEET_INSIDE_H
#define OTR_DAEMON_FLEET_INSIDE_H

#include "daemon/fleet/fleet.h"
#include "daemon/fleet/link.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>

#define OTR_FLEET_BATCH 24        /* records that are taken or offered at once */
#define OTR_FLEET_LEASE_MS 3000   /* a lease that nobody renews ends; it is renewed every second */
#define OTR_FLEET_LEASE_MOST_MS 30000 /* and not for longer: no fetch takes so long */
#define OTR_FLEET_BEAT_S 5        /* between signs of life, and looks for changes that no message told of */
#define OTR_FLEET_COMPARE_S 3600  /* between comparisons in whole while nothing seems to be wrong */
#define OTR_FLEET_GONE_S 15       /* a member without a sign of life for so long is not there */
#define OTR_FLEET_FORGET_S 86400  /* and is not listed any more after this */
#define OTR_FLEET_MEMBERS_MAX 256 /* that are listed */

/* A record in octets on its way to Redis. */
typedef struct otr_offer {
    char name[OTR_FLEET_RECORD_NAME_SIZE];
    otr_buf octets;  /* owned */
    otr_time end;    /* Redis keeps it until then */
    STAILQ_ENTRY(otr_offer) next;
} otr_offer;
STAILQ_HEAD(otr_offers, otr_offer);

typedef struct otr_held_lease {
    char domain[OTR_DOMAIN_SIZE];
    char token[OTR_LEASE_TOKEN_SIZE];
    int64_t ends_ms;
    TAILQ_ENTRY(otr_held_lease) next;
} otr_held_lease;

typedef struct otr_fleet_member_row {
    char name[OTR_FLEET_MEMBER_SIZE];
    char version[32];
    otr_time seen_at; /* by the clock of Redis */
} otr_fleet_member_row;

/* Taking what Redis has, behind `last`. */
typedef struct otr_pull {
    bool is_under_way, is_wanted, is_whole;
    uint64_t last, high;     /* number of the last record that was seen; of those under way */
    char names[OTR_FLEET_BATCH][OTR_FLEET_RECORD_NAME_SIZE];
    size_t count;
    size_t waiting;          /* acknowledgements to come */
    bool has_lost;           /* one could not be taken, or was no good: a comparison comes soon */
} otr_pull;

/* Offering what is here, kind after kind. */
typedef struct otr_push {
    bool is_under_way;
    int phase;
    char from[OTR_DOMAIN_SIZE];  /* how far a phase has come */
    struct otr_offers offers;    /* owned: read, and not yet compared */
    struct otr_offers asked;     /* owned: at most OTR_FLEET_BATCH that are being compared */
    size_t waiting;              /* answers to come */
} otr_push;

struct otr_fleet {
    const otr_conf *conf; /* borrowed */
    otr_fleet_parts parts;
    char member[OTR_FLEET_MEMBER_SIZE];
    char run[33];         /* of this run of the daemon; in tokens of leases */
    uint64_t tokens;
    otr_link_settings settings;
    pthread_t thread;
    bool is_running;
    struct event_base *base;      /* owned */
    otr_mailbox box;
    struct event *on_mail, *beat; /* owned; the beat is every second */
    _Atomic bool is_stopping;
    otr_link *commands, *news;    /* owned */
    unsigned told_down;           /* how often the log has heard that Redis is away, and when last */
    int64_t told_down_ms;
    char down_why[256];
    unsigned beats;
    int64_t compare_after_ms;
    otr_pull pull;
    otr_push push;
    TAILQ_HEAD(, otr_held_lease) held;
    otr_fleet_member_row members[OTR_FLEET_MEMBERS_MAX]; /* as of the last sign of life */
    size_t member_count;
    otr_time clock_lag;           /* s by which the clock of Redis is ahead of ours */
    uint64_t sent, taken, rejected; /* since the start */
    int64_t told_reject_ms, told_refusal_ms; /* when the log last heard of a record, of a question that was refused */
    unsigned untold_rejects;
    struct { _Atomic bool is_up; _Atomic uint64_t members, synced_at; } shown;
};

/* script.c: what Redis is asked. False: it is not up; answer() is not called then. */
bool otr_fleet_put(otr_fleet *fleet, const otr_offer *offer, otr_link_answer *answer, void *arg);
bool otr_fleet_ask_ranks(otr_fleet *fleet, const struct otr_offers *offers, otr_link_answer *answer, void *arg);
bool otr_fleet_ask_names(otr_fleet *fleet, uint64_t behind, otr_link_answer *answer, void *arg);
bool otr_fleet_ask_pulled_ranks(otr_fleet *fleet, otr_link_answer *answer, void *arg); /* of pull.names */
bool otr_fleet_drop_name(otr_fleet *fleet, const char *name); /* from the index: its number is none */
bool otr_fleet_ask_records(otr_fleet *fleet, otr_link_answer *answer, void *arg); /* of pull.names */
bool otr_fleet_forget(otr_fleet *fleet, const char *name, otr_slice octets); /* if it is still this; empty: if there is none */
bool otr_fleet_ask_lease(otr_fleet *fleet, const otr_lease *lease, otr_link_answer *answer, void *arg);
bool otr_fleet_renew(otr_fleet *fleet, const otr_held_lease *held);
bool otr_fleet_release(otr_fleet *fleet, const char *domain, const char *token, otr_settled settled, const char *id,
                       otr_sts_failure failure, const char *error);
bool otr_fleet_sign(otr_fleet *fleet, otr_link_answer *answer, void *arg); /* of life */
bool otr_fleet_subscribe(otr_fleet *fleet);

/* offer.c. Any thread: it holds octets, and no certificate that another thread has, too. NULL: out of memory. */
otr_offer *otr_offer_new(const otr_fleet_record *record);
void otr_offer_free(otr_offer *offer);
void otr_fleet_offer(otr_fleet *fleet, const otr_offer *offer); /* at once, if Redis is up */
bool otr_fleet_is_status(const redisReply *reply, int type); /* whether it is an answer of this type */

/* connections.c: both, as soon as the loop runs. OUTRIDER_OK or OUTRIDER_E_NOMEM. */
outrider_err otr_fleet_connect(otr_fleet *fleet);

/* known.c: whether what is here counts as much as what has this rank. A look ahead: who owns it looks again. */
bool otr_fleet_is_known(const otr_fleet *fleet, const char *name, const char *rank);

/* pull.c, push.c */
void otr_pull_begin(otr_fleet *fleet, bool is_whole);
void otr_pull_acknowledged(otr_fleet *fleet, otr_shared *shared);
void otr_push_begin(otr_fleet *fleet);
void otr_push_clear(otr_fleet *fleet);

/* lease.c */
void otr_lease_do(otr_fleet *fleet, otr_lease *lease);
struct otr_settlement;
void otr_settlement_do(otr_fleet *fleet, struct otr_settlement *settlement);
void otr_settlement_free(struct otr_settlement *settlement);
struct otr_settlement *otr_settlement_of(otr_mail *mail);
void otr_lease_renew_all(otr_fleet *fleet);
void otr_lease_drop_all(otr_fleet *fleet);

/* members.c */
void otr_members_beat(otr_fleet *fleet);
char *otr_members_describe(const otr_fleet *fleet); /* the answer to fleet.status; NULL: out of memory */

#endif
