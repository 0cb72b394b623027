/*
 * place.c - the table of destinations of one thread: publishing, lapse and eviction.
 */
#include "daemon/flow/place.h"

#include "base/log.h"
#include "daemon/flow/errand.h"
#include "daemon/flow/record.h"
#include "daemon/flow/rest.h"

#include <event2/event.h>
#include <search.h>
#include <stdlib.h>

/* With a policy on hand a recheck under way leaves the answer standing so long: the policy applies meanwhile. */
#define RECHECK_GRACE_S 30
#define EVICTION_STEPS 16 /* places looked at for one that is not in use */
#define EVICTIONS_MAX 8   /* for one new place */

static int by_key(const void *a, const void *b)
{
    return strcmp(((const otr_place *)a)->destination.key, ((const otr_place *)b)->destination.key);
}

static otr_time now_of(const otr_place *place)
{
    return otr_clock_now(place->worker->flow->clock);
}

static otr_decided *decided_of(const otr_place *place)
{
    return place->domain != NULL ? &place->domain->decided : NULL;
}

bool otr_place_has_finding(const otr_place *place)
{
    return place->mx != NULL && now_of(place) < place->mx->valid_until;
}

void otr_place_withdraw(otr_place *place)
{
    if (place->answer == NULL)
        return;
    otr_decided_count(decided_of(place), place->answer);
    otr_cache_drop(place->worker->flow->cache, place->answer);
    otr_answer_unref(place->answer);
    place->answer = NULL;
}

/* What it costs to keep a place: nearly all of it is text from DNS and from the policy host. */
void otr_place_weigh(otr_place *place)
{
    const otr_sts_policy *policy =
        place->domain != NULL && place->domain->entry != NULL ? place->domain->entry->policy : NULL;
    size_t octets = sizeof(*place);

    if (place->mx != NULL)
        octets += otr_arena_size(place->mx->arena);
    if (policy != NULL)
        octets += policy->body_len;
    if (place->answer != NULL) {
        octets += otr_answer_octets(place->answer);
    }
    place->worker->octets += octets - place->octets;
    place->octets = octets;
}

static bool is_full(const otr_worker *worker)
{
    return worker->place_count + worker->rests.place_count >= worker->flow->places_max ||
           worker->octets > worker->flow->places_max * OTR_PLACE_OCTETS;
}

void otr_place_free(otr_place *place)
{
    otr_worker *worker = place->worker;

    otr_errand_free(place->errand);
    place->errand = NULL;
    otr_place_withdraw(place);
    tdelete(place, &worker->places, by_key);
    TAILQ_REMOVE(&worker->queue, place, in_queue);
    worker->place_count--;
    worker->octets -= place->octets;
    if (place->domain != NULL)
        otr_domain_leave(place->domain, place);
    otr_mx_finding_unref(place->mx);
    if (place->timer != NULL)
        event_free(place->timer);
    free(place);
}

void otr_place_free_all(otr_worker *worker)
{
    while (!TAILQ_EMPTY(&worker->queue))
        otr_place_free(TAILQ_FIRST(&worker->queue));
}

otr_time otr_place_used_at(const otr_place *place)
{
    return place->answer != NULL ? atomic_load_explicit(&place->answer->used_at, memory_order_relaxed) : 0;
}

/*
 * Second chance: the queue is passed over place by place; one that was used since the last pass goes to the end.
 * Policies are not lost with a place, they are in the store (STS-APPLY-19).
 */
static void evict_one(otr_worker *worker)
{
    otr_place *place = NULL;

    for (int step = 0; step < EVICTION_STEPS; step++) {
        place = TAILQ_FIRST(&worker->queue);
        if (place == NULL || (place->errand == NULL && otr_place_used_at(place) <= place->spared_at))
            break;
        place->spared_at = otr_place_used_at(place);
        TAILQ_REMOVE(&worker->queue, place, in_queue);
        TAILQ_INSERT_TAIL(&worker->queue, place, in_queue);
        place = place->errand == NULL ? place : NULL;
    }
    if (place != NULL) /* else all of them are being asked about: the bound on waiting questions bounds them */
        otr_place_free(place);
}

/* Publishing --------------------------------------------------------------------------------------------------- */

/*
 * How long an answer may be given: as long as the verdict holds; but not long past the time at which the record is to
 * be looked at again, so that a destination that is asked for after a long rest is looked at first.
 */
static otr_time lifetime(const otr_place *place, const otr_verdict *verdict, otr_time now)
{
    otr_time until = verdict->valid_until, next;

    if (verdict->entry != NULL && verdict->mx->host_count > 0) {
        next = otr_sts_entry_next(verdict->entry, &place->worker->flow->pace, now) + RECHECK_GRACE_S;
        until = next < until ? next : until;
    }
    return until;
}

/* Of the errand, or of the refresh after which the answer is made anew. */
static const char *flow_of(const otr_place *place)
{
    if (place->errand != NULL)
        return place->errand->flow;
    return place->domain != NULL ? place->domain->flow : NULL;
}

static void log_verdict(otr_place *place, const otr_verdict *verdict)
{
    bool is_changed = place->has_level && place->level != verdict->level;
    otr_log_level level = is_changed ? OTR_LOG_NOTICE : !place->has_level ? OTR_LOG_INFO : OTR_LOG_DEBUG;

    OTR_LOG(level, place->has_level && !is_changed ? "verdict.renewed" : "verdict.changed",
            { "destination", place->destination.key }, { "level", otr_level_names[verdict->level] },
            { "before", is_changed ? otr_level_names[place->level] : NULL }, { "reason", verdict->reason },
            { "flow", flow_of(place) });
    place->has_level = true;
    place->level = verdict->level;
}

static void publish(otr_place *place, otr_answer *answer, otr_time now)
{
    log_verdict(place, answer->verdict);
    if (place->answer != NULL)
        otr_answer_inherit_forms(answer, place->answer);
    otr_cache_put(place->worker->flow->cache, answer); /* replaces the former one */
    otr_decided_count(decided_of(place), place->answer);
    otr_answer_unref(place->answer);
    place->answer = answer;
    otr_place_weigh(place);
    otr_worker_arm(place->timer, answer->valid_until - now);
    if (place->domain != NULL)
        otr_domain_schedule(place->domain);
}

otr_verdict *otr_place_verdict(const otr_place *place, bool is_policy_pending, otr_time at)
{
    const otr_flow *flow = place->worker->flow;
    otr_sts_entry *entry = place->domain != NULL ? place->domain->entry : NULL;
    otr_decide_settings settings = flow->decide;
    otr_override override;
    otr_hold hold;

    /* An override is for a domain, and for the host of that name; an address literal is neither. */
    if (place->domain != NULL && otr_overrides_find(flow->overrides, place->destination.domain, at, &override))
        settings.override = &override;
    if (place->domain != NULL && otr_record_find_hold(place->worker, place->destination.domain, &hold))
        settings.hold = &hold;
    return otr_decide(place->mx, entry, is_policy_pending, &settings, place->worker->net.anchors, at);
}

otr_answer *otr_place_decide(otr_place *place, bool is_policy_pending, bool is_in_use)
{
    const otr_flow *flow = place->worker->flow;
    otr_time now = now_of(place);
    otr_verdict *verdict = otr_place_verdict(place, is_policy_pending, now);
    otr_answer *answer = NULL;

    if (verdict != NULL)
        answer = otr_answer_new(verdict, &flow->views, lifetime(place, verdict, now));
    if (answer == NULL) {
        otr_verdict_unref(verdict);
        OTR_LOG(OTR_LOG_ERROR, "verdict.failed", { "destination", place->destination.key },
                { "error", "out of memory" }, { "flow", flow_of(place) });
        return NULL;
    }
    if (is_in_use)
        otr_answer_note_use(answer, now);
    publish(place, answer, now);
    return answer;
}

void otr_place_rebuild(otr_place *place)
{
    otr_time used = otr_place_used_at(place);
    otr_answer *answer;

    if (place->domain != NULL && place->domain->unsaved != NULL && !otr_domain_has_policy(place->domain)) {
        otr_place_withdraw(place); /* there is a policy that cannot be stored: nothing may be answered */
        return;
    }
    if (place->answer == NULL || !otr_place_has_finding(place))
        return;
    answer = otr_place_decide(place, false, false);
    if (answer == NULL)
        return;
    otr_answer_inherit_use(answer, used);
    otr_decided_note(place);
}

void otr_place_overrule(otr_place *place)
{
    const otr_domain *domain = place->domain;
    otr_time used = otr_place_used_at(place);
    otr_answer *answer = NULL;

    if (place->answer == NULL)
        return;
    if (otr_place_has_finding(place) && domain->entry != NULL &&
        (domain->unsaved == NULL || otr_domain_has_policy(domain)))
        answer = otr_place_decide(place, domain->refresh != NULL && !otr_domain_has_policy(domain), false);
    if (answer != NULL) {
        otr_answer_inherit_use(answer, used);
        otr_decided_note(place);
    } else {
        otr_place_withdraw(place);
    }
}

static void let_go(otr_place *place)
{
    otr_decided_leave(place);
    otr_place_free(place);
}

/* Lapse ---------------------------------------------------------------------------------------------------------- */

/*
 * The answer lapses. One that was in use is renewed at once; asking a moment earlier would not help, as every
 * resolver on the way answers with what is left of the same TTL. One that nobody used goes, and the place with it.
 */
static void on_lapse(evutil_socket_t fd, short what, void *arg)
{
    otr_place *place = arg;
    otr_time now = now_of(place);

    (void)fd;
    (void)what;
    if (place->errand != NULL)
        return;
    if (place->answer != NULL && now < place->answer->valid_until)
        otr_worker_arm(place->timer, place->answer->valid_until - now);
    else if ((otr_place_used_at(place) == 0 || place->level == OTR_LEVEL_DEFER) && place->domain != NULL &&
             place->domain->refresh != NULL)
        otr_worker_arm(place->timer, 1); /* its policy is being fetched, which would end with the last place */
    else if (otr_place_used_at(place) == 0 || place->level == OTR_LEVEL_DEFER)
        let_go(place);
    else if (place->worker->renewals >= OTR_RENEWALS_MAX)
        otr_worker_arm(place->timer, 1);
    else
        otr_errand_start(place, NULL);
}

/* Coming ----------------------------------------------------------------------------------------------------------- */

static otr_place *find_awake(otr_worker *worker, const otr_destination *destination)
{
    otr_place wanted = { .destination = *destination };
    otr_place **slot = tfind(&wanted, &worker->places, by_key);

    return slot != NULL ? *slot : NULL;
}

otr_place *otr_place_find(otr_worker *worker, const otr_destination *destination)
{
    otr_place *place = find_awake(worker, destination);

    if (place == NULL &&
        otr_rest_wake(worker, destination->kind == OTR_TO_ADDRESS ? destination->key : destination->domain))
        place = find_awake(worker, destination);
    return place;
}

otr_place *otr_place_get(otr_worker *worker, const otr_destination *destination)
{
    otr_place *place = find_awake(worker, destination);

    if (place != NULL)
        return place;
    otr_rest_make_room(worker);
    place = otr_place_find(worker, destination);
    if (place != NULL)
        return place;
    for (int i = 0; i < EVICTIONS_MAX && is_full(worker); i++)
        if (!otr_rest_evict(worker))
            evict_one(worker);
    return otr_place_make(worker, destination);
}

otr_place *otr_place_make(otr_worker *worker, const otr_destination *destination)
{
    otr_place *place = calloc(1, sizeof(*place));
    if (place == NULL)
        return NULL;
    place->worker = worker;
    place->destination = *destination;
    if (tsearch(place, &worker->places, by_key) == NULL) {
        free(place);
        return NULL;
    }
    TAILQ_INSERT_TAIL(&worker->queue, place, in_queue);
    worker->place_count++;
    place->timer = evtimer_new(worker->base, on_lapse, place);
    if (destination->kind != OTR_TO_ADDRESS)
        place->domain = otr_domain_join(worker, destination->domain, place);
    if (place->timer == NULL || (place->domain == NULL && destination->kind != OTR_TO_ADDRESS)) {
        otr_place_free(place);
        return NULL;
    }
    return place;
}

void otr_place_ask(otr_place *place, otr_ticket *ticket)
{
    if (place->errand != NULL) {
        otr_errand_join(place->errand, ticket);
    } else if (place->answer != NULL && now_of(place) < place->answer->valid_until) {
        otr_answer_note_use(place->answer, now_of(place)); /* it was published while the ticket was on its way */
        otr_ticket_return(ticket, place->answer);
    } else {
        otr_errand_start(place, ticket);
    }
}
