/*
 * store_statements.h - the inside of a store: its prepared statements, and taking turns with them. Internal to
 * lib/store.
 */
#ifndef OTR_STORE_STATEMENTS_H
#define OTR_STORE_STATEMENTS_H

#include "store/store.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>

enum otr_store_statement {
    OTR_STORE_PUT, OTR_STORE_DROP, OTR_STORE_GET, OTR_STORE_DUE, OTR_STORE_SWEEP,
    OTR_STORE_PUT_OVERRIDE, OTR_STORE_DROP_OVERRIDE, OTR_STORE_OVERRIDES, OTR_STORE_SWEEP_OVERRIDES,
    OTR_STORE_LAST_TIME, OTR_STORE_NOTE_TIME, OTR_STORE_SUMMARY,
    OTR_STORE_STATEMENTS
};

struct otr_store {
    pthread_mutex_t lock; /* held during each call: statements have state */
    sqlite3 *db;          /* owned */
    sqlite3_stmt *made[OTR_STORE_STATEMENTS]; /* owned */
    char *path;           /* owned; for diagnostics */
    _Atomic unsigned long failures[OTR_STORE_OPERATIONS];
    _Atomic bool is_failing[OTR_STORE_OPERATIONS];
};

/* Taking and giving back a statement; the lock is held in between. `err` is returned as it is. */
sqlite3_stmt *otr_store_begin(otr_store *store, enum otr_store_statement which);
outrider_err otr_store_end(otr_store *store, sqlite3_stmt *statement, outrider_err err);

/* A statement that gives no rows, to its end and back. One statement is one transaction: nothing is half-written. */
outrider_err otr_store_finish_write(otr_store *store, sqlite3_stmt *statement, bool is_bound, outrider_diag *diag);

/* What SQLite has just failed at. */
outrider_err otr_store_fail(const otr_store *store, outrider_diag *diag);

/* For those who watch the store. */
void otr_store_note(otr_store *store, otr_store_operation operation, bool has_failed);

static inline bool bind_text(sqlite3_stmt *s, int column, const char *text)
{
    return sqlite3_bind_text(s, column, text, -1, SQLITE_STATIC) == SQLITE_OK;
}

static inline bool bind_number(sqlite3_stmt *s, int column, int64_t number)
{
    return sqlite3_bind_int64(s, column, number) == SQLITE_OK;
}

/* False: it is longer than there is room for, or holds a NUL. */
static inline bool copy_text(sqlite3_stmt *s, int column, char *to, size_t size)
{
    const char *text = (const char *)sqlite3_column_text(s, column);
    size_t len = (size_t)sqlite3_column_bytes(s, column);

    if (text == NULL || len >= size || memchr(text, '\0', len) != NULL)
        return false;
    memcpy(to, text, len + 1);
    return true;
}

#endif
