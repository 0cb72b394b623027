/*
 * store_statements.h - the inside of a store: its connections and prepared statements, and taking turns with them.
 * Internal to lib/store.
 *
 * Two connections. What `db` commits is on disk. What `observations` commits survives the death of the program, and
 * may be lost in the last moments before a machine loses its power: what was seen can be seen again, and there is more of
 * it than a disk should be made to wait for. Both take turns under one lock, so that they never wait for each other.
 */
#ifndef OTR_STORE_STATEMENTS_H
#define OTR_STORE_STATEMENTS_H

#include "store/store.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/stat.h>

enum otr_store_statement {
    OTR_STORE_PUT, OTR_STORE_DROP, OTR_STORE_GET, OTR_STORE_DUE, OTR_STORE_SWEEP,
    OTR_STORE_PUT_OVERRIDE, OTR_STORE_DROP_OVERRIDE, OTR_STORE_OVERRIDES, OTR_STORE_SWEEP_OVERRIDES,
    OTR_STORE_LAST_TIME, OTR_STORE_NOTE_TIME, OTR_STORE_SUMMARY,
    OTR_STORE_PUT_CERTIFICATE, OTR_STORE_GET_CERTIFICATE,
    OTR_STORE_PUT_EXCEPTION, OTR_STORE_DROP_EXCEPTION, OTR_STORE_COUNT_EXCEPTIONS, OTR_STORE_EXCEPTIONS,
    OTR_STORE_SWEEP_EXCEPTIONS,
    OTR_STORE_PUT_HOLD, OTR_STORE_DROP_HOLDS, OTR_STORE_HOLDS,
    OTR_STORE_PUT_PUBLICATION, OTR_STORE_PUT_VERSION, OTR_STORE_PUT_HORIZON, OTR_STORE_PUBLICATIONS, OTR_STORE_VERSIONS,
    OTR_STORE_FETCHES, OTR_STORE_SWEEP_VERSIONS, OTR_STORE_SWEEP_PUBLICATIONS,
    OTR_STORE_PUT_REMOVAL, OTR_STORE_GET_REMOVAL, OTR_STORE_REMOVALS, OTR_STORE_SWEEP_REMOVALS,
    OTR_STORE_FIRST_OBSERVATION, /* from here on with the other connection */
    OTR_STORE_SEE_STS = OTR_STORE_FIRST_OBSERVATION,
    OTR_STORE_SEE_CERTIFICATE, OTR_STORE_KEEP_CERTIFICATE, OTR_STORE_KEEP_CHAIN, OTR_STORE_FIND_CHAIN,
    OTR_STORE_PUT_SIGHTING, OTR_STORE_FIND_SIGHTING, OTR_STORE_TOUCH_SIGHTING, OTR_STORE_CROWD_SIGHTINGS,
    OTR_STORE_COUNT_SIGHTINGS, OTR_STORE_SIGHTINGS, OTR_STORE_SWEEP_SIGHTINGS, OTR_STORE_SWEEP_CHAINS,
    OTR_STORE_SWEEP_CERTIFICATES,
    OTR_STORE_PUT_DESTINATION, OTR_STORE_GET_DESTINATION, OTR_STORE_SWEEP_DESTINATIONS, OTR_STORE_NEXT_DEPENDANT,
    OTR_STORE_TOUCH_VERSION, OTR_STORE_ADD_FETCHES, OTR_STORE_PUT_FETCHES, OTR_STORE_COUNT_NETWORKS, OTR_STORE_COUNT_FETCHES,
    OTR_STORE_SWEEP_FETCHES,
    OTR_STORE_POLICIES, OTR_STORE_NEXT_SIGHTED, OTR_STORE_SEEN_AT,
    OTR_STORE_STATEMENTS
};
extern const char *const otr_store_sql[OTR_STORE_STATEMENTS];

struct otr_store {
    pthread_mutex_t lock; /* held during each call: statements have state */
    sqlite3 *db;          /* owned */
    sqlite3 *observations; /* owned; of a store that is open to read the same as db */
    sqlite3_stmt *made[OTR_STORE_STATEMENTS]; /* owned */
    char *path;           /* owned; for diagnostics */
    int64_t sightings;    /* how many there are; -1: not counted */
    int64_t fetches;      /* rows of them; likewise */
    bool is_at_rest;      /* open to read, while nobody wrote: see store_reading.c */
    struct stat as_opened;
    _Atomic unsigned long failures[OTR_STORE_OPERATIONS];
    _Atomic bool is_failing[OTR_STORE_OPERATIONS];
    _Atomic bool is_damaged;
};

/* A store without connections, NULL when out of memory; and its statements, when it has them. */
otr_store *otr_store_new(const char *path);
outrider_err otr_store_prepare(otr_store *store, outrider_diag *diag);

/* Taking and giving back a statement; the lock is held in between. An `err` is returned as it is. */
sqlite3_stmt *otr_store_begin(otr_store *store, enum otr_store_statement which);
outrider_err otr_store_end(otr_store *store, sqlite3_stmt *statement, outrider_err err, outrider_diag *diag);

/* A statement that gives no rows, to its end and back. One statement is one transaction: nothing is half-written. */
outrider_err otr_store_finish_write(otr_store *store, sqlite3_stmt *statement, bool is_bound, outrider_diag *diag);

/* What SQLite has just failed at. */
outrider_err otr_store_fail(const otr_store *store, sqlite3 *db, outrider_diag *diag);

/* For those who watch the store. */
void otr_store_note(otr_store *store, otr_store_operation operation, bool has_failed);

/* The entry of a row of OTR_STORE_GET; OUTRIDER_E_SYNTAX if it cannot be believed. */
outrider_err otr_store_make_entry(otr_store *store, sqlite3_stmt *s, otr_sts_entry **entry, outrider_diag *diag);

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
