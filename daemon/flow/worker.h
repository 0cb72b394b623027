/*
 * worker.h - a resolver thread: it owns the misses and renewals of its share of all domains. Everything that it
 * keeps is private to it, so nothing here is locked; what leaves it are answers, into the cache and to tickets.
 *
 *     ticket ──► place (one destination) ──► errand: DNS discovery ‖ policy of the domain ──► decide ──► answer
 *
 *   place    what is known of a destination: its MX finding and the answer made of it          (place.h)
 *   domain   what is known of a policy domain: its STS entry, shared by the places below it    (domain.h)
 *   errand   one way from a question to an answer; identical questions meet in it              (errand.h)
 */
#ifndef OTR_DAEMON_WORKER_H
#define OTR_DAEMON_WORKER_H

#include "daemon/cache.h"
#include "daemon/fleet/fleet.h"
#include "daemon/flow/holds.h"
#include "daemon/flow/job.h"
#include "daemon/flow/overrides.h"
#include "daemon/flow/ticket.h"
#include "daemon/flow/told.h"
#include "daemon/flow/trust.h"
#include "store/store.h"
#include "sts/refresh.h"
#include "verdict/decide.h"
#include "verdict/discover.h"

#include <sys/queue.h>

struct event;
struct event_base;

/* What all resolver threads share. Immutable; what it points to is safe for any thread. */
typedef struct otr_flow {
    otr_cache *cache;
    otr_clock *clock;
    otr_store *store;
    otr_trust *trust; /* what each worker begins with; it takes a reference of its own */
    otr_overrides *overrides;
    otr_holds *holds;         /* NULL: none */
    otr_fleet *fleet;         /* NULL: this daemon is alone */
    otr_anchor_views views;
    otr_discover_settings discover;
    otr_decide_settings decide;
    otr_sts_pace pace;
    unsigned fetch_ms;
    bool allow_private;
    unsigned first_look_ms; /* how long an errand waits for a policy when none is on hand (S11) */
    unsigned recheck_ms;    /* the same when an unexpired policy is on hand: then it applies, whatever comes */
    unsigned bound_ms;      /* of an errand as a whole */
    size_t places_max;      /* destinations that one thread keeps */
    size_t awake_max;       /* of these, not at rest; 0: none goes to rest */
    void (*ask)(void *arg, otr_ticket *ticket); /* hands a ticket to the thread that its domain belongs to */
    void *ask_arg;
} otr_flow;

/* The deadlines, one within the other, from limits.answer in seconds: a cold question ends in a verdict. */
void otr_flow_set_deadlines(otr_flow *flow, unsigned answer_s);

/*
 * Memory for each of places_max destinations. An ordinary one takes 10 KiB. One whose zone has fifty MX hosts with the longest
 * names takes twenty times as much, and takes the room of so many others then.
 */
#define OTR_PLACE_OCTETS 16384

#define OTR_RENEWALS_MAX 64 /* at once in one thread; the rest waits a second */

/* Destinations at rest; how is in rest.h. */
typedef struct otr_place otr_place;
typedef struct otr_domain otr_domain;
typedef struct otr_rest otr_rest;

typedef struct otr_rest_visitor {
    bool (*is_concerned)(void *arg, const char *domain);
    void (*visit)(void *arg, otr_place *place); /* NULL: there is no visitor */
    void (*done)(void *arg);
    void *arg;
} otr_rest_visitor;

typedef struct otr_rests {
    otr_rest **buckets;    /* owned; by the hash of the name */
    size_t bucket_count;   /* a power of two */
    otr_rest **heap;       /* owned; by the time at which the first timer is due */
    size_t count, room;    /* of domains */
    size_t place_count;    /* of destinations */
    size_t hand;           /* where eviction looks next */
    struct event *timer;   /* owned */
    uint32_t armed_for;    /* what it is armed for */
    int64_t began_at;      /* monotonic, s: what times of timers count from */
    otr_rest_visitor visitor;
    struct event *visiting; /* owned: the next turn of its way */
    size_t visited;        /* buckets that it has gone through */
    bool era;              /* the other one than that of those it has not seen */
    struct otr_squeeze *squeeze; /* owned */
    otr_shared_texts texts; /* replies of answers at rest */
    otr_buf raw;           /* what is packed or unpacked just now */
} otr_rests;

TAILQ_HEAD(otr_place_queue, otr_place);

typedef struct otr_worker {
    const otr_flow *flow;         /* borrowed */
    struct event_base *base;      /* borrowed */
    otr_resolver *resolver;       /* owned */
    otr_fetcher *fetcher;         /* owned */
    otr_trust *trust;             /* owned reference; replaced by the keeper's mail only */
    struct otr_swapping *swapping; /* owned; NULL: no answer rests on another */
    otr_sts_net net;              /* its anchors are those of `trust` */
    otr_mailbox box;
    struct event *on_mail;        /* owned */
    struct event *housekeeping;   /* owned; NULL unless this thread keeps house */
    struct event *refreshing;     /* owned; the same: the next few policies that are due */
    struct event *sweeping;       /* owned; the same, for overrides that end */
    unsigned rounds;              /* of housekeeping since the store was swept */
    otr_store_cursor due;         /* how far the policies that are to be refreshed have been gone through */
    void *places;                 /* tree by key (tsearch) */
    struct otr_place_queue queue; /* the same places, the next candidate for eviction first */
    size_t place_count;           /* of those awake */
    otr_rests rests;
    size_t octets;                /* what the places cost in memory, awake or at rest */
    void *domains;                /* tree by name (tsearch) */
    unsigned renewals;            /* errands under way that no client waits for */
    otr_told_table told;          /* what mail servers tell of chains */
    otr_time record_trouble[OUTRIDER_E_CONFIG + 1]; /* when the log last heard that nothing could be recorded, by cause */
    uint32_t next_flow;           /* number of the next errand or refresh, for the log; begins at random */
    _Atomic bool is_stopping;
} otr_worker;

/* resolver and fetcher work on `base` and belong to the worker on success. The mailbox is open from then on. */
outrider_err otr_worker_new(const otr_flow *flow, struct event_base *base, otr_resolver *resolver, otr_fetcher *fetcher,
                            otr_worker **worker, outrider_diag *diag);
void otr_worker_free(otr_worker *worker); /* after its loop has ended */

/*
 * One worker of several keeps the store: every minute it records the time, and begins to go through the policies that are due, to
 * have them refreshed whether anybody asks for them or not (STS-APPLY-13), a few each second; every hour it sweeps.
 */
outrider_err otr_worker_keep_house(otr_worker *worker);

void otr_worker_post(otr_worker *worker, otr_ticket *ticket); /* any thread */
void otr_worker_submit(otr_worker *worker, otr_job *job);     /* any thread */
void otr_worker_tell(otr_worker *worker, otr_told *told);     /* any thread */
void otr_worker_swap(otr_worker *worker, otr_swap *swap);     /* any thread */
void otr_worker_share(otr_worker *worker, otr_shared *shared); /* any thread */
void otr_worker_stop(otr_worker *worker);                     /* any thread: its event loop ends */

#define OTR_FLOW_ID_SIZE 9
/* A name for an errand, or a refresh that begins by itself: what they log bears it as "flow". */
void otr_worker_name_flow(otr_worker *worker, char id[OTR_FLOW_ID_SIZE]);

/* Arm or rearm a timer so many seconds from now. */
void otr_worker_arm(struct event *timer, otr_time seconds);

#endif
