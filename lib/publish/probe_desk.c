/*
 * probe_desk.c - see probe_desk.h. A visit waits in the queue, is made, waits once more if there is to be a second one, and is kept.
 * Whatever happens, go_on() starts what may be started then.
 */
#include "publish/probe_desk.h"

#include "base/clock.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

typedef enum visit_state { VISIT_IDLE, VISIT_QUEUED, VISIT_PROBING, VISIT_DONE } visit_state;

typedef struct visit {
    otr_probe_desk *desk; /* borrowed */
    visit_state state;
    otr_address address;
    char sni[OTR_DOMAIN_SIZE];
    otr_probe *probe;     /* owned; set in VISIT_PROBING */
    otr_probe_result results[2]; /* chains: owned references */
    size_t count;         /* of results */
    TAILQ_HEAD(, otr_desk_ticket) tickets; /* those who wait */
    TAILQ_ENTRY(visit) in_all, in_queue;
} visit;

struct otr_desk_ticket {
    visit *visit;
    otr_desk_done *done;
    void *arg;
    TAILQ_ENTRY(otr_desk_ticket) link;
};

struct otr_probe_desk {
    struct event_base *base; /* borrowed */
    otr_desk_settings settings;
    otr_pace *pace;          /* owned */
    struct event *pause, *deliver; /* owned */
    TAILQ_HEAD(, visit) all, queue; /* owned; queue: those in VISIT_QUEUED */
};

static void come_back(struct event *event, int64_t ms)
{
    struct timeval span = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

    evtimer_add(event, &span);
}

/* Visits ------------------------------------------------------------------------------------------------------ */

static void enqueue(visit *v)
{
    v->state = VISIT_QUEUED;
    TAILQ_INSERT_TAIL(&v->desk->queue, v, in_queue);
}

static void leave_queue(visit *v)
{
    TAILQ_REMOVE(&v->desk->queue, v, in_queue);
    v->state = VISIT_IDLE;
}

/* A ticket may end others: nothing is remembered across a call but the desk. */
static void tell_one(visit *v)
{
    otr_desk_ticket *ticket = TAILQ_FIRST(&v->tickets);
    otr_desk_done *done = ticket->done;
    void *arg = ticket->arg;

    TAILQ_REMOVE(&v->tickets, ticket, link);
    free(ticket);
    done(arg, &v->results[0], v->count > 1 ? &v->results[1] : NULL);
}

static void on_deliver(evutil_socket_t fd, short what, void *arg)
{
    otr_probe_desk *desk = arg;
    visit *v;

    (void)fd;
    (void)what;
    TAILQ_FOREACH(v, &desk->all, in_all)
        while (v->state == VISIT_DONE && !TAILQ_EMPTY(&v->tickets))
            tell_one(v);
}

static void end_visit(visit *v)
{
    v->state = VISIT_DONE;
    come_back(v->desk->deliver, 0);
}

static void keep_result(visit *v, const otr_probe_result *result)
{
    otr_probe_result *kept = &v->results[v->count++];

    *kept = *result;
    kept->chain = result->chain != NULL ? X509_chain_up_ref(result->chain) : NULL;
    if (kept->chain == NULL && result->chain != NULL) {
        kept->outcome = OTR_PROBE_INTERNAL;
        snprintf(kept->reason, sizeof(kept->reason), "out of memory");
    }
}

static void go_on(otr_probe_desk *desk);

static void on_probed(void *arg, const otr_probe_result *result)
{
    visit *v = arg;
    otr_probe_desk *desk = v->desk;

    v->probe = NULL;
    keep_result(v, result);
    otr_pace_end(desk->pace, &v->address, otr_monotonic_ms());
    if (desk->settings.is_twice && v->count == 1 && result->outcome == OTR_PROBE_TLS)
        enqueue(v);
    else
        end_visit(v);
    go_on(desk);
}

static void fail(visit *v)
{
    v->results[v->count] = (otr_probe_result){ .outcome = OTR_PROBE_INTERNAL, .reason = "out of memory", .tls_version = "", .cipher = "" };
    v->count++;
    end_visit(v);
}

static void start(visit *v, int64_t now_ms)
{
    otr_probe_desk *desk = v->desk;
    const otr_probe_question question = {
        .address = v->address, .port = desk->settings.port, .sni = v->sni, .ehlo = desk->settings.ehlo,
        .timeout_ms = desk->settings.timeout_ms,
    };

    leave_queue(v);
    if (!otr_pace_begin(desk->pace, &v->address, now_ms)) {
        fail(v);
        return;
    }
    v->state = VISIT_PROBING;
    v->probe = otr_probe_start(desk->base, &question, on_probed, v);
    if (v->probe == NULL) {
        otr_pace_end(desk->pace, &v->address, now_ms);
        fail(v);
    }
}

/* Those whom nobody waits for any more. */
static void drop_unwanted(otr_probe_desk *desk)
{
    visit *v = TAILQ_FIRST(&desk->queue), *next;

    for (; v != NULL; v = next) {
        next = TAILQ_NEXT(v, in_queue);
        if (TAILQ_EMPTY(&v->tickets))
            leave_queue(v);
    }
}

/* The first whose address is free, if it is time for one; else a pause until then. */
static bool start_some(otr_probe_desk *desk)
{
    int64_t now_ms = otr_monotonic_ms(), wait_ms = otr_pace_wait(desk->pace, now_ms), least_ms = OTR_PACE_NEVER;
    visit *v;

    if (TAILQ_EMPTY(&desk->queue) || wait_ms == OTR_PACE_NEVER)
        return false;
    if (wait_ms > 0) {
        come_back(desk->pause, wait_ms);
        return false;
    }
    TAILQ_FOREACH(v, &desk->queue, in_queue) {
        int64_t ms = otr_pace_wait_for(desk->pace, &v->address, now_ms);

        if (ms == 0) {
            start(v, now_ms);
            return true;
        }
        if (ms != OTR_PACE_NEVER && (least_ms == OTR_PACE_NEVER || ms < least_ms))
            least_ms = ms;
    }
    if (least_ms != OTR_PACE_NEVER)
        come_back(desk->pause, least_ms);
    return false;
}

static void go_on(otr_probe_desk *desk)
{
    drop_unwanted(desk);
    while (start_some(desk))
        continue;
}

static void on_pause_over(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    go_on(arg);
}

/* Those who ask ------------------------------------------------------------------------------------------------ */

static visit *find_or_make(otr_probe_desk *desk, const otr_address *address, const char *sni)
{
    size_t len = address->family == 4 ? 4 : 16;
    visit *v;

    TAILQ_FOREACH(v, &desk->all, in_all)
        if (v->address.family == address->family && memcmp(v->address.bytes, address->bytes, len) == 0 && strcmp(v->sni, sni) == 0)
            return v;
    v = calloc(1, sizeof(*v));
    if (v == NULL)
        return NULL;
    v->desk = desk;
    v->address = *address;
    snprintf(v->sni, sizeof(v->sni), "%s", sni);
    TAILQ_INIT(&v->tickets);
    TAILQ_INSERT_TAIL(&desk->all, v, in_all);
    return v;
}

otr_desk_ticket *otr_probe_desk_ask(otr_probe_desk *desk, const otr_address *address, const char *sni, otr_desk_done *done, void *arg)
{
    visit *v = find_or_make(desk, address, sni);
    otr_desk_ticket *ticket = v != NULL ? calloc(1, sizeof(*ticket)) : NULL;

    if (ticket == NULL)
        return NULL;
    *ticket = (otr_desk_ticket){ .visit = v, .done = done, .arg = arg };
    TAILQ_INSERT_TAIL(&v->tickets, ticket, link);
    if (v->state == VISIT_IDLE)
        enqueue(v);
    if (v->state == VISIT_DONE)
        come_back(desk->deliver, 0);
    else if (!evtimer_pending(desk->pause, NULL))
        come_back(desk->pause, 0);
    return ticket;
}

void otr_desk_cancel(otr_desk_ticket *ticket)
{
    if (ticket == NULL)
        return;
    TAILQ_REMOVE(&ticket->visit->tickets, ticket, link);
    free(ticket);
}

otr_probe_desk *otr_probe_desk_new(struct event_base *base, const otr_desk_settings *settings)
{
    otr_probe_desk *desk = calloc(1, sizeof(*desk));

    if (desk == NULL)
        return NULL;
    desk->base = base;
    desk->settings = *settings;
    TAILQ_INIT(&desk->all);
    TAILQ_INIT(&desk->queue);
    desk->pace = otr_pace_new(&settings->pace);
    desk->pause = evtimer_new(base, on_pause_over, desk);
    desk->deliver = evtimer_new(base, on_deliver, desk);
    if (desk->pace != NULL && desk->pause != NULL && desk->deliver != NULL)
        return desk;
    otr_probe_desk_free(desk);
    return NULL;
}

static void free_visit(visit *v)
{
    otr_probe_cancel(v->probe);
    for (size_t i = 0; i < v->count; i++)
        sk_X509_pop_free(v->results[i].chain, X509_free);
    free(v);
}

void otr_probe_desk_free(otr_probe_desk *desk)
{
    if (desk == NULL)
        return;
    while (!TAILQ_EMPTY(&desk->all)) {
        visit *v = TAILQ_FIRST(&desk->all);

        TAILQ_REMOVE(&desk->all, v, in_all);
        free_visit(v);
    }
    otr_pace_free(desk->pace);
    if (desk->pause != NULL)
        event_free(desk->pause);
    if (desk->deliver != NULL)
        event_free(desk->deliver);
    free(desk);
}
