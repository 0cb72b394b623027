/*
 * front.h - a front thread: it accepts connections and answers them. A warm answer is a parse, one lookup under RCU
 * and one send() of bytes that were rendered before; a miss becomes a ticket for a resolver thread, and the thread
 * goes on with other connections.
 */
#ifndef OTR_DAEMON_FRONT_H
#define OTR_DAEMON_FRONT_H

#include "daemon/cache.h"
#include "daemon/flow/job.h"
#include "daemon/flow/ticket.h"
#include "daemon/flow/told.h"
#include "daemon/listen/group.h"

#include <sys/queue.h>

struct event;
struct event_base;

typedef enum otr_protocol {
    OTR_SOCKETMAP, OTR_LINE, OTR_HTTP, OTR_CONTROL,
    OTR_POLICY_HTTPS, OTR_POLICY_PLAIN, OTR_POLICY_ACME /* these, and OTR_HTTP, never on a front thread */
} otr_protocol;

typedef struct otr_listener {
    int fd; /* borrowed */
    otr_protocol protocol;
    const char *name; /* borrowed; for the log */
} otr_listener;

/* What all front threads share. */
typedef struct otr_front_shared {
    otr_cache *cache;
    otr_clock *clock;
    const otr_anchor_views *views;
    const otr_listener *listeners;
    size_t listener_count;
    size_t request_max;       /* octets of one request */
    unsigned answer_ms, idle_ms;
    unsigned connections_max; /* of all front threads together */
    unsigned waiting_max;     /* tickets of all front threads together */
    void (*ask)(void *arg, otr_ticket *ticket); /* hand a miss to its resolver thread */
    void (*submit)(void *arg, otr_job *job); /* the same for what an operator wants */
    void (*tell)(void *arg, otr_told *told); /* the same for what mail servers tell */
    void *ask_arg;            /* of all three */
    _Atomic unsigned connections;
    _Atomic unsigned waiting;
    _Atomic unsigned told;    /* certificates on their way to resolver threads */
    _Atomic int64_t last_limit_log; /* seconds; one line about a limit in ten */
} otr_front_shared;

/* An operator gets in where mail servers have taken all connections that are allowed. */
#define OTR_CONTROL_SPARE 8

struct otr_connection;
TAILQ_HEAD(otr_connection_queue, otr_connection);

#define OTR_BATCH_SIZE 16384 /* octets of answers that leave in one call */

typedef struct otr_front {
    otr_front_shared *shared;
    struct event_base *base;       /* owned */
    otr_mailbox box;
    struct event *on_mail;         /* owned */
    struct event *tick;            /* owned: deadlines; pending while there are connections */
    struct event **accepts;        /* owned; one a listener, all with the same front */
    struct event *retry_accept;    /* owned: after accept() failed for want of descriptors or memory */
    struct otr_accepting *accepting; /* owned; arguments of `accepts` */
    struct otr_connection_queue connections;
    size_t outstanding;            /* tickets of this thread that are under way */
    _Atomic bool is_stopping;
    otr_group group;
    otr_clock_reading now;
    size_t batch_len;              /* of the connection that has its turn (connection.c); 0 in between */
    char batch[OTR_BATCH_SIZE];
} otr_front;

outrider_err otr_front_new(otr_front_shared *shared, otr_front **front, outrider_diag *diag);
void otr_front_run(otr_front *front);  /* until stopped; registers itself with RCU */
void otr_front_stop(otr_front *front); /* any thread */
/* After run() has returned and no resolver thread can return a ticket any more. */
void otr_front_free(otr_front *front);

/* At most one line in ten seconds about each of the limits that strangers can run into. */
bool otr_front_may_log(otr_front_shared *shared);

#endif
