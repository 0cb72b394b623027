/*
 * watch.c - the thread that looks at the store.
 */
#include "daemon/watch.h"

#include "base/diag.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct otr_watch {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool is_stopping;       /* under the lock */
    otr_store *store;       /* borrowed */
    otr_clock *clock;       /* borrowed */
    uint32_t refresh_after;
    _Atomic uint64_t enforce, testing, none, overdue;
};

/* Failures are counted by the store itself, and logged by those whose work they hinder. */
static void look(otr_watch *watch)
{
    otr_time now = otr_clock_now(watch->clock);
    otr_store_summary found;
    outrider_diag diag;

    if (otr_store_is_failing(watch->store, OTR_STORE_WRITE))
        (void)otr_store_note_time(watch->store, now, &diag);
    if (otr_store_summarise(watch->store, now, watch->refresh_after, &found, &diag) != OUTRIDER_OK)
        return;
    atomic_store_explicit(&watch->enforce, found.enforce, memory_order_relaxed);
    atomic_store_explicit(&watch->testing, found.testing, memory_order_relaxed);
    atomic_store_explicit(&watch->none, found.none, memory_order_relaxed);
    atomic_store_explicit(&watch->overdue, (uint64_t)found.overdue, memory_order_relaxed);
}

static void *run(void *arg)
{
    otr_watch *watch = arg;
    struct timespec next;

    pthread_mutex_lock(&watch->lock);
    while (!watch->is_stopping) {
        pthread_mutex_unlock(&watch->lock);
        look(watch);
        clock_gettime(CLOCK_MONOTONIC, &next);
        next.tv_sec += OTR_WATCH_EVERY_S;
        pthread_mutex_lock(&watch->lock);
        while (!watch->is_stopping && pthread_cond_timedwait(&watch->wake, &watch->lock, &next) == 0)
            ;
    }
    pthread_mutex_unlock(&watch->lock);
    return NULL;
}

outrider_err otr_watch_start(otr_store *store, otr_clock *clock, uint32_t refresh_after, otr_watch **watch,
                             outrider_diag *diag)
{
    otr_watch *made = calloc(1, sizeof(*made));
    pthread_condattr_t attributes;
    int failed;

    if (made == NULL)
        return otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    made->store = store;
    made->clock = clock;
    made->refresh_after = refresh_after;
    pthread_mutex_init(&made->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&made->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    failed = pthread_create(&made->thread, NULL, run, made);
    if (failed != 0) {
        free(made);
        return otr_fail(diag, OUTRIDER_E_IO, "cannot start a thread: %s", strerror(failed));
    }
    *watch = made;
    return OUTRIDER_OK;
}

void otr_watch_stop(otr_watch *watch)
{
    if (watch == NULL)
        return;
    pthread_mutex_lock(&watch->lock);
    watch->is_stopping = true;
    pthread_cond_signal(&watch->wake);
    pthread_mutex_unlock(&watch->lock);
    pthread_join(watch->thread, NULL);
    pthread_cond_destroy(&watch->wake);
    pthread_mutex_destroy(&watch->lock);
    free(watch);
}

otr_store_summary otr_watch_get(const otr_watch *watch)
{
    return (otr_store_summary){
        .enforce = atomic_load_explicit(&watch->enforce, memory_order_relaxed),
        .testing = atomic_load_explicit(&watch->testing, memory_order_relaxed),
        .none = atomic_load_explicit(&watch->none, memory_order_relaxed),
        .overdue = (otr_time)atomic_load_explicit(&watch->overdue, memory_order_relaxed),
    };
}
