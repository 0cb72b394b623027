/*
 * store_work.c - see store_work.h.
 */
#include "store/store_work.h"

#include "base/diag.h"
#include "store/store_reading.h"

#include <stdarg.h>
#include <stdio.h>

static void fail_work(otr_work *w)
{
    if (w->err == OUTRIDER_OK)
        w->err = otr_store_fail(w->store, w->db, w->diag);
}

static void execute(otr_work *w, const char *sql)
{
    if (w->err == OUTRIDER_OK && sqlite3_exec(w->db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_work(w);
}

static bool is_reading(const otr_work *w)
{
    return w->kind == OTR_WORK_READ || w->kind == OTR_WORK_LOOK;
}

void otr_work_begin(otr_work *w, otr_store *store, otr_work_kind kind, outrider_diag *diag)
{
    *w = (otr_work){ .store = store, .kind = kind, .diag = diag };
    pthread_mutex_lock(&store->lock);
    w->db = kind == OTR_WORK_WRITE || kind == OTR_WORK_READ ? store->db : store->observations;
    execute(w, is_reading(w) ? "BEGIN" : "BEGIN IMMEDIATE");
}

sqlite3_stmt *otr_work_take(otr_work *w, enum otr_store_statement which)
{
    return w->store->made[which];
}

void otr_work_drop(sqlite3_stmt *s)
{
    sqlite3_reset(s);
    sqlite3_clear_bindings(s);
}

void otr_work_run(otr_work *w, sqlite3_stmt *s, bool is_bound)
{
    if (w->err == OUTRIDER_OK && (!is_bound || sqlite3_step(s) != SQLITE_DONE))
        fail_work(w);
    otr_work_drop(s);
}

bool otr_work_row(otr_work *w, sqlite3_stmt *s, bool is_bound)
{
    int rc = w->err != OUTRIDER_OK ? SQLITE_DONE : is_bound ? sqlite3_step(s) : SQLITE_NOMEM;

    if (rc == SQLITE_ROW)
        return true;
    if (rc != SQLITE_DONE)
        fail_work(w);
    otr_work_drop(s);
    return false;
}

void otr_work_refuse(otr_work *w, outrider_err err, const char *format, ...)
{
    char why[200];
    va_list args;

    if (w->err != OUTRIDER_OK)
        return;
    va_start(args, format);
    vsnprintf(why, sizeof(why), format, args);
    va_end(args);
    w->err = otr_fail(w->diag, err, "%s: %s", w->store->path, why);
}

outrider_err otr_work_end(otr_work *w)
{
    bool is_read = is_reading(w);

    execute(w, "COMMIT");
    if (w->err != OUTRIDER_OK && sqlite3_get_autocommit(w->db) == 0)
        sqlite3_exec(w->db, "ROLLBACK", NULL, NULL, NULL); /* it cannot fail but by having been done already */
    if (w->err != OUTRIDER_OK && !is_read) {
        w->store->sightings = -1;
        w->store->fetches = -1;
    }
    if (w->err == OUTRIDER_OK && is_read)
        w->err = otr_store_check_rest(w->store, w->diag);
    otr_store_note(w->store, is_read ? OTR_STORE_READ : OTR_STORE_WRITE,
                   w->err == OUTRIDER_E_IO || w->err == OUTRIDER_E_NOMEM);
    pthread_mutex_unlock(&w->store->lock);
    return w->err;
}
