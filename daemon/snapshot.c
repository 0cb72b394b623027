/*
 * snapshot.c - see snapshot.h.
 */
#include "daemon/snapshot.h"

#include "daemon/rcu.h"

#include <stddef.h>

void otr_snapshot_init(otr_snapshot *snapshot)
{
    atomic_init(&snapshot->current, NULL);
    pthread_mutex_init(&snapshot->writing, NULL);
}

static void release(otr_snapshot_value *value)
{
    if (value != NULL)
        value->free(value);
}

void otr_snapshot_clear(otr_snapshot *snapshot)
{
    release(atomic_load(&snapshot->current));
    pthread_mutex_destroy(&snapshot->writing);
}

const otr_snapshot_value *otr_snapshot_read(const otr_snapshot *snapshot)
{
    return atomic_load_explicit(&snapshot->current, memory_order_acquire);
}

void otr_snapshot_lock(otr_snapshot *snapshot)
{
    pthread_mutex_lock(&snapshot->writing);
}

void otr_snapshot_unlock(otr_snapshot *snapshot)
{
    pthread_mutex_unlock(&snapshot->writing);
}

void otr_snapshot_replace(otr_snapshot *snapshot, otr_snapshot_value *value)
{
    otr_snapshot_value *old = atomic_exchange(&snapshot->current, value);

    urcu_memb_synchronize_rcu();
    otr_rcu_after_grace();
    release(old);
}
