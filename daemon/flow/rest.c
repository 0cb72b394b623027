/*
 * rest.c - to rest, and awake again.
 *
 * A destination is found by the hash of its name in buckets whose number never changes, and its timers by a heap: the table
 * has the room for places_max destinations from the start, as untouched memory, so that it never stops to grow.
 */
#include "daemon/flow/rest.h"

#include "daemon/flow/rest_pack.h"
#include "daemon/flow/squeeze.h"

#include <event2/event.h>
#include <stdlib.h>
#include <time.h>

#define STEPS 16          /* places looked at for one that may rest; resting ones looked at for one to evict */
#define RESTS_AT_ONCE 8   /* for one new place */
#define WAKES_AT_ONCE 256 /* in one turn of the timer, which comes back at once if there are more */
#define SHORT_LIFE 10     /* s: what lapses sooner stays awake */
#define BUCKETS_MOST (1u << 23)

static uint32_t now_s(const otr_worker *worker)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint32_t)(ts.tv_sec - worker->rests.began_at);
}

/* The heap: the least `due` first ---------------------------------------------------------------------------------- */

static void place_at(otr_rests *r, size_t at, otr_rest *rest)
{
    r->heap[at] = rest;
    rest->at = (uint32_t)at;
}

static void rise(otr_rests *r, size_t at, otr_rest *rest)
{
    for (; at > 0 && r->heap[(at - 1) / 2]->due > rest->due; at = (at - 1) / 2)
        place_at(r, at, r->heap[(at - 1) / 2]);
    place_at(r, at, rest);
}

static void sink(otr_rests *r, size_t at, otr_rest *rest)
{
    for (size_t child; (child = 2 * at + 1) < r->count; at = child) {
        if (child + 1 < r->count && r->heap[child + 1]->due < r->heap[child]->due)
            child++;
        if (r->heap[child]->due >= rest->due)
            break;
        place_at(r, at, r->heap[child]);
    }
    place_at(r, at, rest);
}

static void heap_remove(otr_rests *r, const otr_rest *rest)
{
    otr_rest *last = r->heap[--r->count];
    size_t at = rest->at;

    if (last == rest)
        return;
    if (at > 0 && r->heap[(at - 1) / 2]->due > last->due)
        rise(r, at, last);
    else
        sink(r, at, last);
}

static void arm(otr_worker *worker)
{
    otr_rests *r = &worker->rests;
    uint32_t now = now_s(worker);

    if (r->count == 0)
        event_del(r->timer);
    else if (!event_pending(r->timer, EV_TIMEOUT, NULL) || r->heap[0]->due < r->armed_for)
        otr_worker_arm(r->timer, (r->armed_for = r->heap[0]->due) > now ? (otr_time)r->armed_for - now : 0);
}

/* The table -------------------------------------------------------------------------------------------------------- */

static otr_rest **bucket_of(otr_rests *r, uint32_t hash)
{
    return &r->buckets[hash & (r->bucket_count - 1)];
}

static uint32_t hash_of(const otr_worker *worker, const char *name)
{
    return (uint32_t)otr_cache_hash(worker->flow->cache, name, strlen(name));
}

static void enter(otr_worker *worker, otr_rest *rest)
{
    otr_rests *r = &worker->rests;
    otr_rest **bucket = bucket_of(r, rest->hash);

    rest->next = *bucket;
    *bucket = rest;
    rise(r, r->count++, rest);
    r->place_count += rest->count;
    worker->octets += otr_rest_octets(rest);
    arm(worker);
}

static void take_out(otr_worker *worker, otr_rest *rest)
{
    otr_rests *r = &worker->rests;
    otr_rest **slot = bucket_of(r, rest->hash);

    while (*slot != rest)
        slot = &(*slot)->next;
    *slot = rest->next;
    heap_remove(r, rest);
    r->place_count -= rest->count;
    worker->octets -= otr_rest_octets(rest);
}

static otr_rest *find(otr_worker *worker, const char *name)
{
    uint32_t hash;

    if (worker->rests.count == 0)
        return NULL;
    hash = hash_of(worker, name);
    for (otr_rest *rest = *bucket_of(&worker->rests, hash); rest != NULL; rest = rest->next)
        if (rest->hash == hash && otr_rest_is(rest, name))
            return rest;
    return NULL;
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

    if (domain == NULL)
        return may_rest(place);
    if (domain->entry == NULL || domain->unsaved != NULL || domain->refresh != NULL || !TAILQ_EMPTY(&domain->waiting))
        return false;
    TAILQ_FOREACH(at, &domain->places, in_domain)
        if (!may_rest(at))
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
    rest->hash = hash_of(worker, name);
    for (uint32_t i = 0; i < rest->count; i++)
        otr_cache_put(worker->flow->cache, rest->answers[i]);
    otr_rest_release_places(place);
    enter(worker, rest);
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

static void drop_answers(otr_worker *worker, otr_rest *rest)
{
    for (uint32_t i = 0; i < rest->count; i++) {
        otr_cache_drop(worker->flow->cache, rest->answers[i]);
        otr_answer_unref(rest->answers[i]);
    }
}

/* Of those that no place could be made for there is no answer any more: they are asked for anew. */
static otr_place *wake(otr_worker *worker, otr_rest *rest)
{
    otr_place *place;

    take_out(worker, rest);
    place = otr_rest_unpack(worker, rest, now_s(worker));
    if (place == NULL)
        drop_answers(worker, rest);
    free(rest);
    return place;
}

bool otr_rest_wake(otr_worker *worker, const char *name)
{
    otr_rest *rest = find(worker, name);

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
    for (int i = 0; i < WAKES_AT_ONCE && r->count > 0 && r->heap[0]->due <= now; i++) {
        otr_rest_make_room(worker);
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
    take_out(worker, oldest);
    drop_answers(worker, oldest);
    free(oldest);
    return true;
}

static void visit_awake(otr_place *place, void (*visit)(void *arg, otr_place *place), void *arg)
{
    otr_place *at = place;

    for (; at != NULL; at = at->domain != NULL ? TAILQ_NEXT(at, in_domain) : NULL)
        visit(arg, at); /* it may lose its answer, and stays */
    if (may_all_rest(place))
        put_to_rest(place);
}

/* Bucket by bucket; what rests again goes to the head of its own, in front of what is still to come. */
void otr_rest_visit(otr_worker *worker, bool (*is_concerned)(void *arg, const char *domain),
                    void (*visit)(void *arg, otr_place *place), void *arg)
{
    otr_rests *r = &worker->rests;

    for (size_t i = 0; r->count > 0 && i < r->bucket_count; i++) {
        for (otr_rest *rest = r->buckets[i], *next; rest != NULL; rest = next) {
            char domain[OTR_DESTINATION_SIZE];
            otr_place *place = NULL;

            next = rest->next;
            otr_rest_domain(rest, domain);
            if (is_concerned(arg, domain))
                place = wake(worker, rest);
            if (place != NULL)
                visit_awake(place, visit, arg);
        }
    }
}

/* Coming and going ------------------------------------------------------------------------------------------------- */

outrider_err otr_rests_init(otr_rests *r, otr_worker *worker)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    r->began_at = ts.tv_sec;
    r->room = worker->flow->places_max;
    r->bucket_count = 64;
    while (r->bucket_count < r->room && r->bucket_count < BUCKETS_MOST)
        r->bucket_count *= 2;
    r->buckets = calloc(r->bucket_count, sizeof(*r->buckets));
    r->heap = calloc(r->room + 1, sizeof(*r->heap));
    r->timer = evtimer_new(worker->base, on_due, worker);
    r->squeeze = otr_squeeze_new();
    return r->buckets != NULL && r->heap != NULL && r->timer != NULL && r->squeeze != NULL ? OUTRIDER_OK : OUTRIDER_E_NOMEM;
}

void otr_rests_clear(otr_worker *worker)
{
    otr_rests *r = &worker->rests;

    while (r->count > 0) {
        otr_rest *rest = r->heap[0];

        take_out(worker, rest);
        drop_answers(worker, rest);
        free(rest);
    }
    if (r->timer != NULL)
        event_free(r->timer);
    otr_squeeze_free(r->squeeze);
    otr_buf_clear(&r->raw);
    otr_shared_texts_clear(&r->texts);
    free(r->heap);
    free(r->buckets);
    *r = (otr_rests){ 0 };
}
