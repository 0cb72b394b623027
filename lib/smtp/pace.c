/*
 * pace.c - who may start when. Addresses that were visited are kept in a tree.
 */
#include "smtp/pace.h"

#include <assert.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

typedef struct visited {
    otr_address address;
    bool is_busy;
    int64_t free_at_ms; /* not busy: when it may be visited again */
} visited;

struct otr_pace {
    otr_pace_settings settings;
    unsigned running;
    int64_t next_start_ms;
    uint32_t random;
    void *addresses; /* owned; tree of visited (tsearch) */
};

otr_pace *otr_pace_new(const otr_pace_settings *settings)
{
    otr_pace *pace = calloc(1, sizeof(*pace));

    if (pace == NULL)
        return NULL;
    pace->settings = *settings;
    pace->random = settings->seed != 0 ? settings->seed : 2463534242u;
    return pace;
}

void otr_pace_free(otr_pace *pace)
{
    if (pace == NULL)
        return;
    tdestroy(pace->addresses, free);
    free(pace);
}

static int compare_addresses(const void *a, const void *b)
{
    const visited *one = a, *other = b;

    if (one->address.family != other->address.family)
        return one->address.family < other->address.family ? -1 : 1;
    return memcmp(one->address.bytes, other->address.bytes, one->address.family == 4 ? 4 : sizeof(one->address.bytes));
}

static visited *find_visited(const otr_pace *pace, const otr_address *address)
{
    visited key = { .address = *address };
    visited *const *found = tfind(&key, &pace->addresses, compare_addresses);

    return found != NULL ? *found : NULL;
}

static int64_t until(int64_t at_ms, int64_t now_ms)
{
    return at_ms > now_ms ? at_ms - now_ms : 0;
}

int64_t otr_pace_wait(const otr_pace *pace, int64_t now_ms)
{
    return pace->running >= pace->settings.at_once ? OTR_PACE_NEVER : until(pace->next_start_ms, now_ms);
}

int64_t otr_pace_wait_for(const otr_pace *pace, const otr_address *address, int64_t now_ms)
{
    const visited *v = find_visited(pace, address);

    if (v == NULL)
        return 0;
    return v->is_busy ? OTR_PACE_NEVER : until(v->free_at_ms, now_ms);
}

/* From half of it to one and a half; xorshift32. */
static int64_t add_jitter(otr_pace *pace, unsigned span_ms)
{
    pace->random ^= pace->random << 13;
    pace->random ^= pace->random >> 17;
    pace->random ^= pace->random << 5;
    return span_ms / 2 + pace->random % (span_ms + 1);
}

static visited *note_visit(otr_pace *pace, const otr_address *address)
{
    visited *v = find_visited(pace, address);

    if (v != NULL)
        return v;
    v = calloc(1, sizeof(*v));
    if (v == NULL)
        return NULL;
    v->address = *address;
    if (tsearch(v, &pace->addresses, compare_addresses) == NULL) {
        free(v);
        return NULL;
    }
    return v;
}

bool otr_pace_begin(otr_pace *pace, const otr_address *address, int64_t now_ms)
{
    visited *v = note_visit(pace, address);

    if (v == NULL)
        return false;
    assert(!v->is_busy && pace->running < pace->settings.at_once);
    v->is_busy = true;
    pace->running++;
    pace->next_start_ms = now_ms + add_jitter(pace, pace->settings.gap_ms);
    return true;
}

void otr_pace_end(otr_pace *pace, const otr_address *address, int64_t now_ms)
{
    visited *v = find_visited(pace, address);

    assert(v != NULL && v->is_busy);
    v->is_busy = false;
    v->free_at_ms = now_ms + pace->settings.address_gap_ms;
    pace->running--;
}
