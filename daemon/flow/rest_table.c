/*
 * rest_table.c - see rest_table.h.
 */
#include "daemon/flow/rest_table.h"

#include <stdlib.h>

#define BUCKETS_LEAST 64u
#define BUCKETS_MOST (1u << 23)

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

/* The table -------------------------------------------------------------------------------------------------------- */

static otr_rest **bucket_of(otr_rests *r, uint32_t hash)
{
    return &r->buckets[hash & (r->bucket_count - 1)];
}

/* The upper half: the lower one has told which worker it belongs to, so there all of a worker's are alike. */
uint32_t otr_rest_hash(const otr_worker *worker, const char *name)
{
    return (uint32_t)(otr_cache_hash(worker->flow->cache, name, strlen(name)) >> 32);
}

void otr_rest_enter(otr_worker *worker, otr_rest *rest)
{
    otr_rests *r = &worker->rests;
    otr_rest **bucket = bucket_of(r, rest->hash);

    rest->next = *bucket;
    *bucket = rest;
    rise(r, r->count++, rest);
    r->place_count += rest->count;
    worker->octets += otr_rest_octets(rest);
}

void otr_rest_take_out(otr_worker *worker, otr_rest *rest)
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

otr_rest *otr_rest_find(otr_worker *worker, const char *name)
{
    uint32_t hash;

    if (worker->rests.count == 0)
        return NULL;
    hash = otr_rest_hash(worker, name);
    for (otr_rest *rest = *bucket_of(&worker->rests, hash); rest != NULL; rest = rest->next)
        if (rest->hash == hash && otr_rest_is(rest, name))
            return rest;
    return NULL;
}

/* Coming and going ------------------------------------------------------------------------------------------------- */

bool otr_rest_table_init(otr_rests *r, size_t room)
{
    r->room = room;
    r->bucket_count = BUCKETS_LEAST;
    while (r->bucket_count < room && r->bucket_count < BUCKETS_MOST)
        r->bucket_count *= 2;
    r->buckets = calloc(r->bucket_count, sizeof(*r->buckets));
    r->heap = calloc(room + 1, sizeof(*r->heap));
    return r->buckets != NULL && r->heap != NULL;
}

void otr_rest_table_clear(otr_rests *r)
{
    free(r->heap);
    free(r->buckets);
    r->heap = NULL;
    r->buckets = NULL;
}
