/*
 * store_check.c - see store_check.h. A connection of its own, which only reads: in WAL mode it hinders nobody. A lower priority
 * is not to be had within the sandbox, so it gives way where SQLite lets it.
 */
#include "store/store_check.h"

#include "base/diag.h"
#include "store/store_schema.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define AGAIN_NS 5000000

struct otr_store_check {
    pthread_t thread;
    char *path;             /* owned */
    sqlite3 *db;            /* owned */
    _Atomic bool is_stopping, is_done;
    otr_store_checked *checked;
    void *arg;
};

static int on_progress(void *arg)
{
    const otr_store_check *check = arg;

    sched_yield();
    return atomic_load(&check->is_stopping);
}

static void *run(void *arg)
{
    otr_store_check *check = arg;
    outrider_diag diag = { 0 };
    bool is_damaged = false;
    outrider_err err = otr_store_check_content(check->db, check->path, &is_damaged, &diag);

    if (!atomic_load(&check->is_stopping))
        check->checked(check->arg, err == OUTRIDER_OK ? OTR_STORE_WHOLE : is_damaged ? OTR_STORE_DAMAGED : OTR_STORE_UNCHECKED,
                       &diag);
    atomic_store(&check->is_done, true);
    return NULL;
}

static void release(otr_store_check *check)
{
    sqlite3_close(check->db);
    free(check->path);
    free(check);
}

outrider_err otr_store_check_start(const char *path, otr_store_checked *checked, void *arg, otr_store_check **check,
                                   outrider_diag *diag)
{
    otr_store_check *made;
    int failed;

    if (!otr_store_is_large(path))
        return OUTRIDER_OK;
    made = calloc(1, sizeof(*made));
    if (made == NULL || (made->path = strdup(path)) == NULL ||
        sqlite3_open_v2(path, &made->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK ||
        otr_store_configure(made->db, path, NULL) != OUTRIDER_OK) {
        if (made != NULL)
            release(made);
        return otr_fail(diag, OUTRIDER_E_IO, "%s: cannot be opened once more, to be checked", path);
    }
    made->checked = checked;
    made->arg = arg;
    atomic_init(&made->is_stopping, false);
    atomic_init(&made->is_done, false);
    sqlite3_progress_handler(made->db, 1000, on_progress, made);
    failed = pthread_create(&made->thread, NULL, run, made);
    if (failed != 0) {
        release(made);
        return otr_fail(diag, OUTRIDER_E_IO, "cannot start a thread: %s", strerror(failed));
    }
    *check = made;
    return OUTRIDER_OK;
}

/*
 * sqlite3_interrupt() ends what runs, also within a single step over a large table; what is about to begin it does not, so it is
 * said more than once.
 */
void otr_store_check_stop(otr_store_check *check)
{
    static const struct timespec moment = { .tv_nsec = AGAIN_NS };

    if (check == NULL)
        return;
    atomic_store(&check->is_stopping, true);
    while (!atomic_load(&check->is_done)) {
        sqlite3_interrupt(check->db);
        nanosleep(&moment, NULL);
    }
    pthread_join(check->thread, NULL);
    release(check);
}
