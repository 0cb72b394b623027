/*
 * worker.c - the frame of a resolver thread: mail in, housekeeping, the end.
 */
#include "daemon/flow/worker.h"

#include "base/diag.h"
#include "base/log.h"
#include "daemon/flow/claim.h"
#include "daemon/flow/control.h"
#include "daemon/flow/place.h"
#include "daemon/flow/record.h"
#include "daemon/flow/rest.h"
#include "daemon/flow/shared.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#define HOUSEKEEPING_S 60
#define OVERRIDES_S 2 /* how often it is looked whether one has ended, for the log and the list */
#define SWEEP_EVERY 60 /* rounds of housekeeping */
#define REFRESHES_AT_ONCE 8 /* policies of the store: a few every second, 691000 a day, and never many at a time */
#define RECHECK_MS 2000
#define MARGIN_MS 2000 /* between the end of waiting for a policy and the client's deadline */

void otr_flow_set_deadlines(otr_flow *flow, unsigned answer_s)
{
    unsigned answer_ms = answer_s * 1000;

    flow->first_look_ms = answer_ms > 2 * MARGIN_MS ? answer_ms - MARGIN_MS : answer_ms / 2;
    flow->recheck_ms = flow->first_look_ms < RECHECK_MS ? flow->first_look_ms : RECHECK_MS;
    /* Clients have gone by then, but the next one is glad of an errand that is nearly done. */
    flow->bound_ms = 4 * answer_ms;
}

void otr_worker_name_flow(otr_worker *worker, char id[OTR_FLOW_ID_SIZE])
{
    snprintf(id, OTR_FLOW_ID_SIZE, "%08x", worker->next_flow++);
}

void otr_worker_arm(struct event *timer, otr_time seconds)
{
    struct timeval tv = { .tv_sec = seconds > 0 ? seconds : 0, .tv_usec = seconds > 0 ? 0 : 1000 };

    evtimer_add(timer, &tv);
}

static void take_ticket(otr_worker *worker, otr_ticket *ticket)
{
    otr_place *place = otr_place_get(worker, &ticket->destination);

    if (place == NULL)
        otr_ticket_return(ticket, NULL);
    else
        otr_place_ask(place, ticket);
}

static void take_mail(void *arg, otr_mail *mail)
{
    otr_worker *worker = arg;

    switch (mail->kind) {
    case OTR_MAIL_TICKET:
        take_ticket(worker, caa_container_of(mail, otr_ticket, mail));
        break;
    case OTR_MAIL_JOB:
        otr_rest_make_room(worker); /* it may wake one, as those that are told of may */
        otr_control_do(worker, caa_container_of(mail, otr_job, mail));
        break;
    case OTR_MAIL_TOLD:
        otr_rest_make_room(worker);
        otr_told_take(worker, caa_container_of(mail, otr_told, mail));
        break;
    case OTR_MAIL_SWAP:
        otr_swap_do(worker, caa_container_of(mail, otr_swap, mail));
        break;
    case OTR_MAIL_SHARED:
        otr_shared_take(worker, caa_container_of(mail, otr_shared, mail));
        break;
    case OTR_MAIL_LEASE:
        otr_claim_take(worker, caa_container_of(mail, otr_lease, mail));
        break;
    case OTR_MAIL_PREVIEW: /* these are never sent here */
    case OTR_MAIL_TALLY:
    case OTR_MAIL_SHARE:
    case OTR_MAIL_SETTLEMENT:
        break;
    }
}

static void on_mail(evutil_socket_t fd, short what, void *arg)
{
    otr_worker *worker = arg;

    (void)fd;
    (void)what;
    if (atomic_load(&worker->is_stopping))
        event_base_loopbreak(worker->base);
    else
        otr_mailbox_take(&worker->box, take_mail, worker);
}

/*
 * A policy that nobody asks for is kept fresh all the same: one that expires unseen would leave its domain as open
 * as on the first contact. The way is that of a question for which nobody waits.
 */
static void ask_for_refresh(void *arg, const char *domain)
{
    const otr_worker *worker = arg;
    otr_destination destination;
    otr_ticket *ticket;

    if (otr_destination_parse(domain, strlen(domain), &destination, NULL) != OUTRIDER_OK)
        return; /* a single label: no destination can be one */
    ticket = otr_ticket_new(&destination, NULL, NULL);
    if (ticket != NULL)
        worker->flow->ask(worker->flow->ask_arg, ticket);
}

static void log_store_failure(const char *doing, const outrider_diag *diag)
{
    OTR_LOG(OTR_LOG_ERROR, "store.failed", { "doing", doing }, { "error", diag->message });
}

/* One step of going through all that are due; the next comes a second later. */
static void refresh_some(otr_worker *worker)
{
    static const struct timeval next = { .tv_sec = 1 };
    outrider_diag diag;

    if (otr_store_each_due(worker->flow->store, otr_clock_now(worker->flow->clock), worker->flow->pace.refresh_after,
                           REFRESHES_AT_ONCE, &worker->due, ask_for_refresh, worker, &diag) != OUTRIDER_OK)
        log_store_failure("looking for policies to refresh", &diag);
    if (worker->due.domain[0] != '\0') /* not at the beginning again */
        event_add(worker->refreshing, &next);
}

static void on_refreshing(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    refresh_some(arg);
}

/* The time is recorded so that a clock set back while we are down lengthens no policy's life (STS-APPLY-18). */
static void on_housekeeping(evutil_socket_t fd, short what, void *arg)
{
    otr_worker *worker = arg;
    otr_store *store = worker->flow->store;
    otr_time now = otr_clock_now(worker->flow->clock);
    outrider_diag diag;

    (void)fd;
    (void)what;
    if (otr_store_note_time(store, now, &diag) != OUTRIDER_OK)
        log_store_failure("recording the time", &diag);
    if (!event_pending(worker->refreshing, EV_TIMEOUT, NULL))
        refresh_some(worker);
    if (++worker->rounds < SWEEP_EVERY)
        return;
    worker->rounds = 0;
    if (otr_store_sweep(store, now, &diag) != OUTRIDER_OK)
        log_store_failure("removing lapsed entries", &diag);
}

static void on_sweeping(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    otr_control_sweep(arg);
}

outrider_err otr_worker_keep_house(otr_worker *worker)
{
    struct timeval tv = { .tv_sec = HOUSEKEEPING_S }, often = { .tv_sec = OVERRIDES_S };

    worker->housekeeping = event_new(worker->base, -1, EV_PERSIST, on_housekeeping, worker);
    worker->refreshing = evtimer_new(worker->base, on_refreshing, worker);
    worker->sweeping = event_new(worker->base, -1, EV_PERSIST, on_sweeping, worker);
    if (worker->housekeeping == NULL || worker->refreshing == NULL || worker->sweeping == NULL ||
        event_add(worker->housekeeping, &tv) != 0 || event_add(worker->sweeping, &often) != 0)
        return OUTRIDER_E_NOMEM;
    return OUTRIDER_OK;
}

static void fill_net(otr_worker *worker)
{
    const otr_flow *flow = worker->flow;

    worker->net = (otr_sts_net){ .base = worker->base, .resolver = worker->resolver, .fetcher = worker->fetcher,
                                 .clock = flow->clock, .anchors = worker->trust->anchors, .pace = flow->pace,
                                 .fetch_ms = flow->fetch_ms, .allow_private = flow->allow_private,
                                 .witness = otr_record_policy_host, .witness_arg = worker,
                                 .sharing = flow->fleet != NULL ? &otr_claim_sharing : NULL, .sharing_arg = worker };
    if (getrandom(&worker->net.jitter_seed, sizeof(worker->net.jitter_seed), 0) < 0)
        worker->net.jitter_seed = (uint32_t)otr_clock_now(flow->clock);
    worker->next_flow = worker->net.jitter_seed;
}

outrider_err otr_worker_new(const otr_flow *flow, struct event_base *base, otr_resolver *resolver, otr_fetcher *fetcher,
                            otr_worker **made, outrider_diag *diag)
{
    otr_worker *worker = calloc(1, sizeof(*worker));
    outrider_err err;

    if (worker == NULL)
        return OUTRIDER_E_NOMEM;
    worker->flow = flow;
    worker->base = base;
    worker->trust = otr_trust_ref(flow->trust);
    TAILQ_INIT(&worker->queue);
    atomic_init(&worker->is_stopping, false);
    err = otr_mailbox_init(&worker->box, diag);
    if (err != OUTRIDER_OK) {
        otr_trust_unref(worker->trust);
        free(worker);
        return err;
    }
    worker->on_mail = event_new(base, worker->box.fd, EV_READ | EV_PERSIST, on_mail, worker);
    if (worker->on_mail == NULL || event_add(worker->on_mail, NULL) != 0 ||
        otr_rests_init(&worker->rests, worker) != OUTRIDER_OK) {
        otr_worker_free(worker);
        return otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    }
    worker->resolver = resolver;
    worker->fetcher = fetcher;
    fill_net(worker);
    *made = worker;
    return OUTRIDER_OK;
}

static void drop_mail(void *arg, otr_mail *mail)
{
    (void)arg;
    switch (mail->kind) {
    case OTR_MAIL_TICKET:
        otr_ticket_free(caa_container_of(mail, otr_ticket, mail));
        break;
    case OTR_MAIL_JOB:
        otr_job_free(caa_container_of(mail, otr_job, mail));
        break;
    case OTR_MAIL_TOLD:
        otr_told_free(caa_container_of(mail, otr_told, mail));
        break;
    case OTR_MAIL_SWAP:
        otr_swap_free(caa_container_of(mail, otr_swap, mail));
        break;
    case OTR_MAIL_SHARED:
        otr_shared_free(caa_container_of(mail, otr_shared, mail));
        break;
    case OTR_MAIL_LEASE:
        otr_lease_free(caa_container_of(mail, otr_lease, mail));
        break;
    case OTR_MAIL_PREVIEW:
    case OTR_MAIL_TALLY:
    case OTR_MAIL_SHARE:
    case OTR_MAIL_SETTLEMENT:
        break;
    }
}

void otr_worker_free(otr_worker *worker)
{
    if (worker == NULL)
        return;
    otr_place_free_all(worker);
    otr_rests_clear(worker);
    otr_swap_drop(worker);
    otr_mailbox_take(&worker->box, drop_mail, NULL);
    otr_told_table_clear(&worker->told);
    if (worker->housekeeping != NULL)
        event_free(worker->housekeeping);
    if (worker->refreshing != NULL)
        event_free(worker->refreshing);
    if (worker->sweeping != NULL)
        event_free(worker->sweeping);
    if (worker->on_mail != NULL)
        event_free(worker->on_mail);
    otr_mailbox_clear(&worker->box);
    if (worker->fetcher != NULL)
        otr_fetcher_free(worker->fetcher);
    if (worker->resolver != NULL)
        otr_resolver_free(worker->resolver);
    otr_trust_unref(worker->trust);
    free(worker);
}

void otr_worker_post(otr_worker *worker, otr_ticket *ticket)
{
    otr_mailbox_post(&worker->box, &ticket->mail);
}

void otr_worker_submit(otr_worker *worker, otr_job *job)
{
    otr_mailbox_post(&worker->box, &job->mail);
}

void otr_worker_tell(otr_worker *worker, otr_told *told)
{
    otr_mailbox_post(&worker->box, &told->mail);
}

void otr_worker_swap(otr_worker *worker, otr_swap *swap)
{
    otr_mailbox_post(&worker->box, &swap->mail);
}

void otr_worker_share(otr_worker *worker, otr_shared *shared)
{
    otr_mailbox_post(&worker->box, &shared->mail);
}

void otr_worker_stop(otr_worker *worker)
{
    atomic_store(&worker->is_stopping, true);
    otr_mailbox_wake(&worker->box);
}
