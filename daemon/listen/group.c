/*
 * group.c - hearing and answering in turns. libevent calls back for one connection at a time, and tells how many callbacks are still to
 * come; one of them is on_heard, which comes behind those that were there when the first member joined.
 */
#include "daemon/listen/group.h"

#include "daemon/listen/connection.h"
#include "daemon/listen/socketmap.h"

#include <event2/event.h>

/* The keys that are asked for, as far as they can be guessed: what is fetched for nothing costs next to nothing. */
static unsigned guess(const otr_front *front, uint64_t hashes[OTR_GROUP_MAX])
{
    const otr_group *group = &front->group;
    unsigned count = 0;

    for (unsigned i = 0; i < group->count; i++) {
        const otr_connection *c = group->members[i];
        otr_slice key;

        if (c != NULL && c->protocol == OTR_SOCKETMAP && otr_socketmap_peek((otr_slice){ c->in, c->in_len }, &key))
            hashes[count++] = otr_cache_hash(front->shared->cache, key.ptr, key.len);
    }
    return count;
}

static void prefetch(const otr_front *front)
{
    const otr_cache *cache = front->shared->cache;
    uint64_t hashes[OTR_GROUP_MAX];
    unsigned count = guess(front, hashes);

    otr_rcu_read_lock();
    for (otr_cache_step step = OTR_CACHE_BUCKET; step <= OTR_CACHE_REPLY; step++) {
        for (unsigned i = 0; i < count; i++)
            otr_cache_prefetch(cache, hashes[i], step);
    }
    otr_rcu_read_unlock();
}

static void answer(otr_front *front)
{
    otr_group *group = &front->group;

    if (group->count > 1)
        prefetch(front);
    for (unsigned i = 0; i < group->count; i++) {
        otr_connection *c = group->members[i];

        if (c != NULL)
            otr_connection_work(c);
    }
    group->count = 0;
}

static void on_heard(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    answer(arg);
}

void otr_group_join(otr_connection *c)
{
    otr_front *front = c->front;
    otr_group *group = &front->group;

    group->members[group->count++] = c;
    if (group->count == OTR_GROUP_MAX || event_base_get_num_events(front->base, EVENT_BASE_COUNT_ACTIVE) == 0)
        answer(front);
    else if (group->count == 1)
        event_active(group->on_heard, EV_READ, 0);
}

void otr_group_leave(otr_connection *c)
{
    otr_group *group = &c->front->group;

    for (unsigned i = 0; i < group->count; i++) {
        if (group->members[i] == c)
            group->members[i] = NULL;
    }
}

bool otr_group_init(otr_front *front)
{
    front->group.on_heard = event_new(front->base, -1, 0, on_heard, front);
    return front->group.on_heard != NULL;
}

void otr_group_clear(otr_front *front)
{
    if (front->group.on_heard != NULL)
        event_free(front->group.on_heard);
}
