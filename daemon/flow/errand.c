/*
 * errand.c - from a question to an answer, in the order in which it happens:
 *
 *   start      DNS discovery, if no valid finding is on hand
 *   hosts      there are MX hosts: a look at the policy domain, beside the rest of discovery. Where there are none
 * (null MX, no such domain, MX lookup failed) no policy is asked for (DNS-13) advance    when both have ended, or
 * patience with the policy has (S11) conclude   decide, publish, answer all who wait
 */
#include "daemon/flow/errand.h"

#include "base/log.h"

#include <event2/event.h>
#include <stdlib.h>

#define STORE_FAILS "the policy of the domain cannot be read or kept"

static void stop_waiting_for_policy(otr_errand *errand)
{
    if (!errand->is_waiting_for_policy)
        return;
    errand->is_waiting_for_policy = false;
    TAILQ_REMOVE(&errand->place->domain->waiting, errand, in_domain);
}

static void release(otr_errand *errand)
{
    errand->place->errand = NULL;
    if (errand->is_renewal)
        errand->place->worker->renewals--;
    stop_waiting_for_policy(errand);
    otr_discover_cancel(errand->discover);
    if (errand->patience != NULL)
        event_free(errand->patience);
    if (errand->bound != NULL)
        event_free(errand->bound);
    free(errand);
}

/* Everything is released before the tickets go: nothing of this errand is left when the next one starts. */
static void finish(otr_errand *errand, otr_answer *answer)
{
    otr_ticket *tickets = errand->tickets, *next;

    release(errand);
    for (; tickets != NULL; tickets = next) {
        next = tickets->next;
        otr_ticket_return(tickets, answer);
    }
}

void otr_errand_free(otr_errand *errand)
{
    otr_ticket *tickets, *next;

    if (errand == NULL)
        return;
    tickets = errand->tickets;
    release(errand);
    for (; tickets != NULL; tickets = next) {
        next = tickets->next;
        otr_ticket_free(tickets);
    }
}

/* The place keeps its finding; its answer has lapsed or is not to be had. */
static void fail(otr_errand *errand, const char *reason)
{
    otr_place *place = errand->place;

    OTR_LOG(OTR_LOG_WARNING, "errand.failed", { "destination", place->destination.key }, { "reason", reason },
            { "flow", errand->flow });
    otr_place_withdraw(place);
    otr_worker_arm(place->timer, OTR_FAILURE_TTL); /* it is gone then, unless somebody asks again */
    finish(errand, NULL);
}

static void conclude(otr_errand *errand)
{
    otr_place *place = errand->place;
    otr_domain *domain = place->domain;
    bool is_pending = false;
    otr_answer *answer;

    if (domain != NULL) {
        if (domain->entry == NULL || (domain->unsaved != NULL && !otr_domain_has_policy(domain))) {
            fail(errand, "the policy cannot be kept in the store");
            return;
        }
        is_pending = domain->refresh != NULL && !otr_domain_has_policy(domain);
    }
    answer = otr_place_decide(place, is_pending, errand->tickets != NULL);
    if (answer == NULL) {
        fail(errand, "out of memory");
        return;
    }
    finish(errand, answer);
    otr_decided_note(place);
}

static void advance(otr_errand *errand)
{
    if (errand->discover == NULL && !errand->is_waiting_for_policy)
        conclude(errand);
}

static void on_discovered(void *arg, otr_mx_finding *finding)
{
    otr_errand *errand = arg;
    otr_place *place = errand->place;

    errand->discover = NULL;
    otr_mx_finding_unref(place->mx);
    place->mx = finding;
    if (finding == NULL)
        fail(errand, "out of memory");
    else if (errand->is_store_failing || (place->domain != NULL && !otr_domain_load(place->domain)))
        fail(errand, STORE_FAILS);
    else
        advance(errand);
}

void otr_errand_policy_ready(otr_errand *errand)
{
    stop_waiting_for_policy(errand);
    advance(errand);
}

static void arm_ms(struct event *timer, unsigned ms)
{
    struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

    evtimer_add(timer, &tv);
}

/*
 * A policy on hand is not left waiting for long; unless its owner has said that there is another: this may be the mail
 * server's last attempt, and is not to be lost by an old policy (STS-APPLY-06).
 */
static void on_patience(evutil_socket_t fd, short what, void *arg)
{
    otr_errand *errand = arg;
    const otr_flow *flow = errand->place->worker->flow;
    const otr_sts_refresh *refresh = errand->place->domain->refresh;

    (void)fd;
    (void)what;
    if (!errand->is_patient && flow->first_look_ms > flow->recheck_ms && refresh != NULL &&
        otr_domain_has_policy(errand->place->domain) && otr_sts_refresh_has_news(refresh)) {
        errand->is_patient = true;
        arm_ms(errand->patience, flow->first_look_ms - flow->recheck_ms);
        return;
    }
    otr_errand_policy_ready(errand);
}

static void on_bound(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    fail(arg, "DNS takes too long");
}

/* False: no answer can be given (the reason is in the log, or memory is short). */
static bool look_at_policy(otr_errand *errand)
{
    otr_domain *domain = errand->place->domain;
    const otr_flow *flow = errand->place->worker->flow;

    if (domain == NULL)
        return true;
    switch (otr_domain_look(domain, errand->flow)) {
    case OTR_DOMAIN_READY:
        return true;
    case OTR_DOMAIN_LOOKING:
        errand->is_waiting_for_policy = true;
        TAILQ_INSERT_TAIL(&domain->waiting, errand, in_domain);
        arm_ms(errand->patience, otr_domain_has_policy(domain) ? flow->recheck_ms : flow->first_look_ms);
        return true;
    case OTR_DOMAIN_FAILED:
        break;
    }
    return false;
}

static void on_hosts(void *arg)
{
    otr_errand *errand = arg;

    errand->is_store_failing = !look_at_policy(errand);
}

static bool discover(otr_errand *errand)
{
    otr_place *place = errand->place;
    otr_worker *worker = place->worker;
    const otr_flow *flow = worker->flow;

    if (otr_place_has_finding(place))
        return true;
    if (place->destination.kind == OTR_TO_ADDRESS) {
        otr_mx_finding_unref(place->mx);
        place->mx = otr_mx_finding_of_address(&place->destination, otr_clock_now(flow->clock));
        return place->mx != NULL;
    }
    errand->discover = otr_discover_start(worker->resolver, flow->clock, &flow->discover, &place->destination,
                                          on_hosts, on_discovered, errand);
    return errand->discover != NULL;
}

void otr_errand_join(otr_errand *errand, otr_ticket *ticket)
{
    ticket->next = errand->tickets;
    errand->tickets = ticket;
}

void otr_errand_start(otr_place *place, otr_ticket *ticket)
{
    otr_worker *worker = place->worker;
    otr_errand *errand = calloc(1, sizeof(*errand));

    if (errand == NULL) {
        if (ticket != NULL)
            otr_ticket_return(ticket, NULL);
        return;
    }
    errand->place = place;
    place->errand = errand;
    otr_worker_name_flow(worker, errand->flow);
    if (ticket != NULL)
        otr_errand_join(errand, ticket);
    else
        worker->renewals++;
    errand->is_renewal = ticket == NULL;
    errand->patience = evtimer_new(worker->base, on_patience, errand);
    errand->bound = evtimer_new(worker->base, on_bound, errand);
    if (errand->patience == NULL || errand->bound == NULL) {
        fail(errand, "out of memory");
        return;
    }
    arm_ms(errand->bound, worker->flow->bound_ms);
    /* Without an MX step ahead the look need not wait for it. */
    if ((otr_place_has_finding(place) ? place->mx->host_count > 0 : place->destination.kind != OTR_TO_DOMAIN) &&
        !look_at_policy(errand))
        fail(errand, STORE_FAILS);
    else if (!discover(errand))
        fail(errand, "out of memory");
    else
        advance(errand);
}
