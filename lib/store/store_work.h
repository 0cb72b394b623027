/*
 * store_work.h - several statements as one transaction: all of it or nothing. The lock of the store is held from begin
 * to end. A work keeps its first error, and does nothing more after it. Internal to lib/store.
 */
#ifndef OTR_STORE_WORK_H
#define OTR_STORE_WORK_H

#include "store/store_statements.h"

typedef enum otr_work_kind {
    OTR_WORK_WRITE,   /* on disk when it has ended */
    OTR_WORK_OBSERVE, /* written, without waiting for the disk */
    OTR_WORK_READ,    /* one state of the database, whoever writes meanwhile */
    OTR_WORK_LOOK,    /* the same, with the connection of observations */
} otr_work_kind;

typedef struct otr_work {
    otr_store *store;
    otr_work_kind kind;
    sqlite3 *db;         /* borrowed */
    outrider_diag *diag; /* of the first error */
    outrider_err err;
} otr_work;

void otr_work_begin(otr_work *w, otr_store *store, otr_work_kind kind, outrider_diag *diag);

/* A statement of the work's connection, ready to be bound. */
sqlite3_stmt *otr_work_take(otr_work *w, enum otr_store_statement which);

/* To its end; for those that give no rows. */
void otr_work_run(otr_work *w, sqlite3_stmt *s, bool is_bound);

/* Whether there is another row; after the last one the statement is given back. */
bool otr_work_row(otr_work *w, sqlite3_stmt *s, bool is_bound);

/* Give it back before its last row was read. */
void otr_work_drop(sqlite3_stmt *s);

void otr_work_refuse(otr_work *w, outrider_err err, const char *format, ...) OUTRIDER_PRINTF(3, 4);

/* Commit, or take all back if there was an error. */
outrider_err otr_work_end(otr_work *w);

#endif
