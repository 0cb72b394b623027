/*
 * snapshot.h - one value that every thread reads and that is replaced as a whole: what an operator changes while the
 * daemon runs. Readers take no lock; a writer waits until the last reader of the old value has gone, and releases it.
 *
 * A value begins with an otr_snapshot_value, and never changes once it is in.
 * Threads: readers and writers must be registered with RCU. Writers take turns between _lock and _unlock.
 */
#ifndef OTR_DAEMON_SNAPSHOT_H
#define OTR_DAEMON_SNAPSHOT_H

#include <pthread.h>
#include <stdatomic.h>

typedef struct otr_snapshot_value {
    void (*free)(struct otr_snapshot_value *value);
} otr_snapshot_value;

typedef struct otr_snapshot {
    otr_snapshot_value *_Atomic current; /* owned; NULL: none */
    pthread_mutex_t writing;
} otr_snapshot;

void otr_snapshot_init(otr_snapshot *snapshot);
void otr_snapshot_clear(otr_snapshot *snapshot); /* when no thread uses it any more */

/* Inside a read section (otr_rcu_read_lock), and valid until its end; or between _lock and _unlock. */
const otr_snapshot_value *otr_snapshot_read(const otr_snapshot *snapshot);

void otr_snapshot_lock(otr_snapshot *snapshot);
void otr_snapshot_unlock(otr_snapshot *snapshot);

/* Under the lock, outside of any read section: waits for readers of the old value, which is freed then. */
void otr_snapshot_replace(otr_snapshot *snapshot, otr_snapshot_value *value);

#endif
