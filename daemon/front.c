/*
 * front.c - the frame of a front thread: accepting, deadlines, tickets that come back, the end.
 *
 * All front threads watch the same listening sockets. A new connection may wake more than one of them; the one that
 * loses finds nothing and goes on. MTAs keep their connections or ask once per message, so this costs little.
 */
#include "daemon/front.h"

#include "base/clock.h"
#include "base/diag.h"
#include "base/log.h"
#include "daemon/listen/connection.h"
#include "daemon/metrics.h"
#include "daemon/system.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPTS_AT_ONCE 64    /* then other connections have their turn */
#define ACCEPT_PAUSE_MS 500   /* after accept() failed for want of descriptors or memory: no spinning */
#define LIMIT_LOG_EVERY 10    /* s */

struct otr_accepting {
    otr_front *front;
    const otr_listener *listener;
};

bool otr_front_may_log(otr_front_shared *shared)
{
    int64_t now = otr_clock_now(shared->clock);
    int64_t last = atomic_load_explicit(&shared->last_limit_log, memory_order_relaxed);

    return now - last >= LIMIT_LOG_EVERY &&
           atomic_compare_exchange_strong_explicit(&shared->last_limit_log, &last, now, memory_order_relaxed,
                                                   memory_order_relaxed);
}

/* Accepting ------------------------------------------------------------------------------------------------------ */

static void watch_listeners(otr_front *front, bool wanted)
{
    for (size_t i = 0; i < front->shared->listener_count; i++) {
        if (wanted)
            event_add(front->accepts[i], NULL);
        else
            event_del(front->accepts[i]);
    }
}

static void on_retry_accept(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    watch_listeners(arg, true);
}

/* The connection stays in the kernel's queue, so the event would come back at once: look away for a moment. */
static void pause_accepting(otr_front *front, int failed)
{
    struct timeval tv = { .tv_usec = ACCEPT_PAUSE_MS * 1000 };

    otr_count(OTR_CELL_LIMITS + OTR_LIMIT_FILES);
    if (otr_front_may_log(front->shared))
        OTR_LOG(OTR_LOG_ERROR, "accept.failed", { "error", strerror(failed) },
                { "do", "raise the limit of open files of this process, or lower limits.connections" });
    watch_listeners(front, false);
    evtimer_add(front->retry_accept, &tv);
}

static void admit(otr_front *front, int fd, const otr_listener *listener)
{
    otr_front_shared *shared = front->shared;
    unsigned most = shared->connections_max + (listener->protocol == OTR_CONTROL ? OTR_CONTROL_SPARE : 0);

    if (atomic_fetch_add_explicit(&shared->connections, 1, memory_order_relaxed) >= most) {
        atomic_fetch_sub_explicit(&shared->connections, 1, memory_order_relaxed);
        close(fd);
        otr_count(OTR_CELL_LIMITS + OTR_LIMIT_CONNECTIONS);
        if (otr_front_may_log(shared))
            OTR_LOG(OTR_LOG_WARNING, "limit.connections", { "listener", listener->name },
                    { "effect", "a new connection was closed" }, { "do", "raise limits.connections" });
        return;
    }
    if (otr_connection_new(front, fd, listener->protocol) == NULL)
        atomic_fetch_sub_explicit(&shared->connections, 1, memory_order_relaxed);
}

static void on_acceptable(evutil_socket_t fd, short what, void *arg)
{
    struct otr_accepting *a = arg;

    (void)what;
    for (int i = 0; i < ACCEPTS_AT_ONCE; i++) {
        int accepted = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (accepted >= 0)
            admit(a->front, accepted, a->listener);
        else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            pause_accepting(a->front, errno);
            return;
        } else if (errno != EINTR && errno != ECONNABORTED)
            return; /* EAGAIN, or an error of the network that concerned one peer only */
    }
}

/* Deadlines and tickets ---------------------------------------------------------------------------------------- */

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    otr_front *front = arg;
    int64_t now = otr_monotonic_recent_ms();
    otr_connection *c, *next;

    (void)fd;
    (void)what;
    for (c = TAILQ_FIRST(&front->connections); c != NULL; c = next) {
        next = TAILQ_NEXT(c, link);
        if (now >= c->deadline_ms)
            otr_connection_expire(c);
    }
    if (TAILQ_EMPTY(&front->connections))
        event_del(front->tick);
}

static void forget_ticket(otr_front *front, otr_ticket *ticket)
{
    front->outstanding--;
    atomic_fetch_sub(&front->shared->waiting, 1);
    otr_ticket_free(ticket);
}

static void take_job(otr_job *job)
{
    if (job->connection != NULL)
        otr_connection_reply(job->connection, job);
    otr_job_free(job);
}

static void take_mail(void *arg, otr_mail *mail)
{
    otr_front *front = arg;
    otr_ticket *ticket = caa_container_of(mail, otr_ticket, mail);

    if (otr_mail_is_job(mail)) {
        take_job(caa_container_of(mail, otr_job, mail));
        return;
    }
    if (ticket->connection != NULL)
        otr_connection_answer(ticket->connection, ticket->answer);
    forget_ticket(front, ticket);
}

static void on_mail(evutil_socket_t fd, short what, void *arg)
{
    otr_front *front = arg;

    (void)fd;
    (void)what;
    if (atomic_load(&front->is_stopping))
        event_base_loopbreak(front->base);
    else
        otr_mailbox_take(&front->box, take_mail, front);
}

/* Coming, running, going ------------------------------------------------------------------------------------------ */

static bool make_events(otr_front *front)
{
    const otr_front_shared *shared = front->shared;

    front->on_mail = event_new(front->base, front->box.fd, EV_READ | EV_PERSIST, on_mail, front);
    front->tick = event_new(front->base, -1, EV_PERSIST, on_tick, front);
    front->retry_accept = evtimer_new(front->base, on_retry_accept, front);
    front->accepts = calloc(shared->listener_count + 1, sizeof(*front->accepts));
    front->accepting = calloc(shared->listener_count + 1, sizeof(*front->accepting));
    if (front->on_mail == NULL || front->tick == NULL || front->retry_accept == NULL || front->accepts == NULL ||
        front->accepting == NULL)
        return false;
    for (size_t i = 0; i < shared->listener_count; i++) {
        front->accepting[i] = (struct otr_accepting){ front, &shared->listeners[i] };
        front->accepts[i] =
            event_new(front->base, shared->listeners[i].fd, EV_READ | EV_PERSIST, on_acceptable, &front->accepting[i]);
        if (front->accepts[i] == NULL)
            return false;
    }
    return event_add(front->on_mail, NULL) == 0 && otr_group_init(front);
}

outrider_err otr_front_new(otr_front_shared *shared, otr_front **made, outrider_diag *diag)
{
    otr_front *front = calloc(1, sizeof(*front));
    outrider_err err = OUTRIDER_E_NOMEM;

    if (front == NULL)
        return err;
    front->shared = shared;
    TAILQ_INIT(&front->connections);
    atomic_init(&front->is_stopping, false);
    err = otr_mailbox_init(&front->box, diag);
    if (err != OUTRIDER_OK) {
        free(front);
        return err;
    }
    front->base = event_base_new();
    if (front->base == NULL || !make_events(front)) {
        otr_front_free(front);
        return otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    }
    *made = front;
    return OUTRIDER_OK;
}

void otr_front_run(otr_front *front)
{
    urcu_memb_register_thread();
    otr_metrics_enter();
    otr_take_short_turns();
    watch_listeners(front, true);
    event_base_dispatch(front->base);
    watch_listeners(front, false);
    while (!TAILQ_EMPTY(&front->connections))
        otr_connection_stop(TAILQ_FIRST(&front->connections));
    urcu_memb_unregister_thread();
}

void otr_front_stop(otr_front *front)
{
    atomic_store(&front->is_stopping, true);
    otr_mailbox_wake(&front->box);
}

static void drop_mail(void *arg, otr_mail *mail)
{
    if (otr_mail_is_job(mail))
        otr_job_free(caa_container_of(mail, otr_job, mail));
    else
        forget_ticket(arg, caa_container_of(mail, otr_ticket, mail));
}

void otr_front_free(otr_front *front)
{
    if (front == NULL)
        return;
    otr_mailbox_take(&front->box, drop_mail, front);
    for (size_t i = 0; front->accepts != NULL && i < front->shared->listener_count; i++)
        if (front->accepts[i] != NULL)
            event_free(front->accepts[i]);
    if (front->retry_accept != NULL)
        event_free(front->retry_accept);
    if (front->tick != NULL)
        event_free(front->tick);
    if (front->on_mail != NULL)
        event_free(front->on_mail);
    otr_group_clear(front);
    if (front->base != NULL)
        event_base_free(front->base);
    free(front->accepts);
    free(front->accepting);
    otr_mailbox_clear(&front->box);
    free(front);
}
