/*
 * rest.c - to rest, and awake again.
 */
#include "daemon/flow/rest.h"

#include "base/clock.h"
#include "daemon/flow/rest_table.h"
#include "daemon/flow/squeeze.h"

#include <assert.h>
#include <event2/event.h>
#include <stdlib.h>

#define STEPS 16          /* places looked at for one that may rest; resting ones looked at for one to evict */
#define RESTS_AT_ONCE 8   /* for one new place */
#define WAKES_AT_ONCE 32  /* in one turn, 0.1 ms each; questions are taken in between */
#define BUCKETS_AT_ONCE 4096 /* of those that somebody goes through */
#define BREATH_MS 20      /* until it is looked again whether one of those that renew their answer has finished */
#define SHORT_LIFE 10     /* s: what lapses sooner stays awake */
#define NEIGHBOURS_MAX 1000 /* a domain with more places stays awake: all of them would be packed at once */

static uint32_t now_s(const otr_worker *worker)
{
    return (uint32_t)(otr_monotonic_ms() / 1000 - worker->rests.began_at);
}

static void arm_ms(struct event *timer, unsigned ms)
{
    struct timeval tv = { .tv_usec = ms * 1000 };

    evtimer_add(timer, &tv);
}

/*
 * Of those that are due no more wake than can renew their answer: the rest would wait for it awake, at twenty times the memory.
 * Whoever asks for one of them wakes it.
 */
static bool is_busy(const otr_worker *worker)
{
    return worker->renewals >= OTR_RENEWALS_MAX;
}

/* For the first that is due. */
static void arm(otr_worker *worker)
{
    otr_rests *r = &worker->rests;
    uint32_t now = now_s(worker);

    if (r->count == 0) {
        event_del(r->timer);
    } else if (r->heap[0]->due <= now && is_busy(worker)) {
        r->armed_for = now;
        arm_ms(r->timer, BREATH_MS);
    } else if (!event_pending(r->timer, EV_TIMEOUT, NULL) || r->heap[0]->due < r->armed_for) {
        r->armed_for = r->heap[0]->due;
        otr_worker_arm(r->timer, r->armed_for > now ? (otr_time)r->armed_for - now : 0);
    }
}

/* To rest ---------------------------------------------------------------------------------------------------------- */

static bool may_rest(const otr_place *place)
{
    return place->errand == NULL && place->answer != NULL && place->mx != NULL &&
           otr_clock_now(place->worker->flow->clock) + SHORT_LIFE < place->answer->valid_until;
}

static bool may_all_rest(const otr_place *place)
{
    const otr_domain *domain = place->domain;
    const otr_place *at;
    unsigned count = 0;

    if (domain == NULL)
        return may_rest(place);
    if (domain->entry == NULL || domain->unsaved != NULL || domain->refresh != NULL || !TAILQ_EMPTY(&domain->waiting))
        return false;
    TAILQ_FOREACH(at, &domain->places, in_domain)
        if (++count > NEIGHBOURS_MAX || !may_rest(at))
            return false;
    return true;
}

/* All places of its domain. False, and nothing has changed: a timer is due at once, or there is no memory. */
static bool put_to_rest(otr_place *place)
{
    otr_worker *worker = place->worker;
    const char *name = otr_rest_name_of(place);
    otr_rest *rest = worker->rests.count < worker->rests.room ? otr_rest_pack(place, now_s(worker)) : NULL;

    if (rest == NULL)
        return false;
    rest->hash = otr_rest_hash(worker, name);
    rest->era = worker->rests.era;
    for (unsigned i = 0; i < rest->count; i++)
        otr_cache_put(worker->flow->cache, rest->answers[i]);
    otr_rest_release_places(place);
    otr_rest_enter(worker, rest);
    arm(worker);
    return true;
}

/* Second chance, as for eviction: who was used since the last time goes to the end. */
static bool rest_one(otr_worker *worker)
{
    for (int step = 0; step < STEPS; step++) {
        otr_place *place = TAILQ_FIRST(&worker->queue);

        if (place == NULL)
            return false;
        if (otr_place_used_at(place) <= place->spared_at && may_all_rest(place) && put_to_rest(place))
            return true;
        place->spared_at = otr_place_used_at(place);
        TAILQ_REMOVE(&worker->queue, place, in_queue);
        TAILQ_INSERT_TAIL(&worker->queue, place, in_queue);
    }
    return false;
}

void otr_rest_make_room(otr_worker *worker)
{
    size_t most = worker->flow->awake_max;

    for (int i = 0; i < RESTS_AT_ONCE && most > 0 && worker->place_count >= most && rest_one(worker); i++)
        ;
}

/* Awake ------------------------------------------------------------------------------------------------------------ */

static void drop(otr_worker *worker, otr_rest *rest)
{
    for (unsigned i = 0; i < rest->count; i++) {
        otr_cache_drop(worker->flow->cache, rest->answers[i]);
        otr_answer_unref(rest->answers[i]);
    }
    free(rest);
}

/* Shown to who goes through them; they may lose their answers, and stay. */
static void show(otr_worker *worker, otr_place *place)
{
    const otr_rest_visitor *visitor = &worker->rests.visitor;

    if (visitor->visit == NULL || !visitor->is_concerned(visitor->arg, place->destination.domain))
        return;
    for (otr_place *at = place; at != NULL; at = at->domain != NULL ? TAILQ_NEXT(at, in_domain) : NULL)
        visitor->visit(visitor->arg, at);
}

/*
 * The first of its places. NULL: they could not be made for want of memory, and there is no answer any more: they are asked for
 * anew. One that a visitor has still to see is seen as it wakes: nobody meets it as it was.
 */
static otr_place *wake(otr_worker *worker, otr_rest *rest)
{
    bool is_unseen = rest->era != worker->rests.era;
    otr_place *place;

    otr_rest_take_out(worker, rest);
    place = otr_rest_unpack(worker, rest, now_s(worker));
    if (place == NULL)
        drop(worker, rest);
    else
        free(rest);
    if (place != NULL && is_unseen)
        show(worker, place);
    return place;
}

bool otr_rest_wake(otr_worker *worker, const char *name)
{
    otr_rest *rest = otr_rest_find(worker, name);

    if (rest != NULL)
        wake(worker, rest);
    return rest != NULL;
}

/* Its timers are armed again as it wakes, and do at once what is due. */
static void on_due(evutil_socket_t fd, short what, void *arg)
{
    otr_worker *worker = arg;
    otr_rests *r = &worker->rests;
    uint32_t now = now_s(worker);

    (void)fd;
    (void)what;
    for (int i = 0; i < WAKES_AT_ONCE && r->count > 0 && r->heap[0]->due <= now && !is_busy(worker); i++) {
        otr_rest_make_room(worker);
        if (r->count > 0)
            wake(worker, r->heap[0]);
    }
    arm(worker);
}

bool otr_rest_evict(otr_worker *worker)
{
    otr_rests *r = &worker->rests;
    otr_rest *oldest = NULL;
    otr_time used = 0;

    for (int step = 0; step < STEPS && r->count > 0; step++) {
        otr_rest *rest = r->heap[r->hand++ % r->count];
        otr_time at = otr_rest_used_at(rest);

        if (oldest == NULL || at < used) {
            oldest = rest;
            used = at;
        }
    }
    if (oldest == NULL)
        return false;
    otr_rest_take_out(worker, oldest);
    drop(worker, oldest);
    return true;
}

/* A visitor ---------------------------------------------------------------------------------------------------------- */

/* What rests again goes to the head of its bucket, in front of what is still to come. Returns how many woke. */
static unsigned visit_bucket(otr_worker *worker, otr_rest *rest)
{
    const otr_rest_visitor *visitor = &worker->rests.visitor;
    unsigned woken = 0;

    for (otr_rest *next; rest != NULL; rest = next) {
        char domain[OTR_DESTINATION_SIZE];
        otr_place *place;

        next = rest->next;
        otr_rest_domain(rest, domain);
        if (rest->era == worker->rests.era || !visitor->is_concerned(visitor->arg, domain)) {
            rest->era = worker->rests.era;
            continue;
        }
        place = wake(worker, rest);
        woken++;
        if (place != NULL && may_all_rest(place))
            put_to_rest(place);
    }
    return woken;
}

/* Between two turns the thread does what else there is to do. */
static void on_visit(evutil_socket_t fd, short what, void *arg)
{
    otr_worker *worker = arg;
    otr_rests *r = &worker->rests;
    size_t end = r->visited + BUCKETS_AT_ONCE;
    unsigned woken = 0;

    (void)fd;
    (void)what;
    while (r->count > 0 && r->visited < r->bucket_count && r->visited < end && woken < WAKES_AT_ONCE)
        woken += visit_bucket(worker, r->buckets[r->visited++]);
    if (r->count > 0 && r->visited < r->bucket_count) {
        otr_worker_arm(r->visiting, 0);
        return;
    }
    r->visitor.visit = NULL;
    r->visitor.done(r->visitor.arg);
}

void otr_rest_visit(otr_worker *worker, const otr_rest_visitor *visitor)
{
    otr_rests *r = &worker->rests;

    assert(r->visitor.visit == NULL);
    r->visitor = *visitor;
    r->visited = 0;
    r->era = !r->era;
    on_visit(-1, 0, worker);
}

/* Coming and going ------------------------------------------------------------------------------------------------- */

outrider_err otr_rests_init(otr_rests *r, otr_worker *worker)
{
    r->began_at = otr_monotonic_ms() / 1000;
    r->texts.key = otr_hash_key_draw();
    r->timer = evtimer_new(worker->base, on_due, worker);
    r->visiting = evtimer_new(worker->base, on_visit, worker);
    r->squeeze = otr_squeeze_new();
    return otr_rest_table_init(r, worker->flow->places_max) && r->timer != NULL && r->visiting != NULL && r->squeeze != NULL
               ? OUTRIDER_OK
               : OUTRIDER_E_NOMEM;
}

void otr_rests_clear(otr_worker *worker)
{
    otr_rests *r = &worker->rests;

    while (r->count > 0) {
        otr_rest *rest = r->heap[r->count - 1]; /* the last leaves the heap as it is */

        otr_rest_take_out(worker, rest);
        drop(worker, rest);
    }
    if (r->timer != NULL)
        event_free(r->timer);
    if (r->visiting != NULL)
        event_free(r->visiting);
    otr_squeeze_free(r->squeeze);
    otr_buf_clear(&r->raw);
    otr_shared_texts_clear(&r->texts);
    otr_rest_table_clear(r);
    *r = (otr_rests){ 0 };
}
