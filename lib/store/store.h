/*
 * store.h - what survives restart and kill -9: MTA-STS policies with their times, failed attempts (back-off
 * holds across a restart, STS-FETCH-15), and the latest time seen (a clock set back while we were down
 * lengthens no life, STS-APPLY-18), and the overrides; beside it store_trust.h and store_publish.h. SQLite in WAL mode, schema with a version.
 *
 * Durability  When otr_store_put() returns OUTRIDER_OK the entry is on disk (synchronous=FULL): an enforce or testing
 *             policy may be answered from. So are overrides, exceptions and holds. What was observed (sightings,
 *             destinations, fetches of our policies) survives kill -9 as well, but a machine that loses its power may lose the last
 *             of it: it can be observed again, and a disk need not be waited for.
 * Threads     A store may be used by any number of threads; calls take turns. Never call it from a front thread.
 */
#ifndef OTR_STORE_STORE_H
#define OTR_STORE_STORE_H

#include "sts/entry.h"
#include "verdict/override.h"

typedef struct otr_store otr_store;

/* 1: policies; 2: overrides as well; 3: what store_trust.h has; 4: what store_publish.h has; 5: what store_fleet.h has */
#define OTR_STORE_SCHEMA 5

/*
 * Open or create the database. Refused with a clear diagnostic, and left exactly as it is: a file that is no
 * SQLite database, one that is damaged (quick_check), one with a newer schema, one that cannot be written. One with an
 * older schema is lifted to ours.
 * Returns OUTRIDER_OK, OUTRIDER_E_IO or OUTRIDER_E_NOMEM.
 */
outrider_err otr_store_open(const char *path, otr_store **store, outrider_diag *diag);
void otr_store_close(otr_store *store);

/* Write one entry (insert or replace by domain; one with nothing to keep is removed). A full or read-only disk is
 * OUTRIDER_E_IO, and nothing is half-written. */
outrider_err otr_store_put(otr_store *store, const otr_sts_entry *entry, outrider_diag *diag);

/*
 * Read one: *entry is NULL if there is none; else one reference for the caller, is_from_store set. A row that
 * cannot be believed (its policy does not parse, its times do not fit) is OUTRIDER_E_SYNTAX and gives no entry.
 */
outrider_err otr_store_get(otr_store *store, const char *domain, otr_sts_entry **entry, outrider_diag *diag);

/*
 * Call visit() for at most `most` domains whose enforce or testing policy has not expired, was fetched longer ago than
 * refresh_after seconds or half of its max_age, and may be tried again (STS-APPLY-13): oldest first, from behind *cursor
 * on, which is left behind the last one visited, or at the beginning again (zeroed) if there were no more. So those that
 * stay due, for whatever reason, do not keep others from being visited. visit() must not call the store. After OUTRIDER_E_SYNTAX all good rows were visited, and diag tells of the first that was not.
 */
typedef void otr_store_visit(void *arg, const char *domain);
typedef struct otr_store_cursor {
    otr_time fetched_at;
    char domain[OTR_DOMAIN_SIZE];
} otr_store_cursor;
outrider_err otr_store_each_due(otr_store *store, otr_time now, uint32_t refresh_after, unsigned most,
                                otr_store_cursor *cursor, otr_store_visit *visit, void *arg, outrider_diag *diag);

/*
 * Overrides, one a domain (insert or replace). On disk when the call returns OUTRIDER_OK, and nothing has changed when
 * it does not. visit() must not call the store; after OUTRIDER_E_SYNTAX all good rows were visited, and diag tells of the
 * first that was not.
 */
outrider_err otr_store_put_override(otr_store *store, const otr_override *override, outrider_diag *diag);
outrider_err otr_store_drop_override(otr_store *store, const char *domain, outrider_diag *diag);
typedef void otr_store_visit_override(void *arg, const otr_override *override);
outrider_err otr_store_each_override(otr_store *store, otr_store_visit_override *visit, void *arg, outrider_diag *diag);

/* Remove entries whose policy lapsed 30 days before `now` and whose back-off has lapsed, overrides that have ended, and
 * what store_trust.h and store_publish.h say. */
outrider_err otr_store_sweep(otr_store *store, otr_time now, outrider_diag *diag);

/* The latest time that was recorded, 0 if none; and recording it (monotone: an earlier one is ignored). */
outrider_err otr_store_last_time(otr_store *store, otr_time *at, outrider_diag *diag);
outrider_err otr_store_note_time(otr_store *store, otr_time now, outrider_diag *diag);

/*
 * How the store does. Any thread, also one that must not wait: nothing is locked. Failures are those of reading and
 * writing since it was opened (a row that cannot be believed is none); is_failing says that the last of its kind failed.
 */
typedef enum otr_store_operation { OTR_STORE_READ, OTR_STORE_WRITE, OTR_STORE_OPERATIONS } otr_store_operation;
unsigned long otr_store_failures(const otr_store *store, otr_store_operation operation);
bool otr_store_is_failing(const otr_store *store, otr_store_operation operation);
void otr_store_mark_damaged(otr_store *store); /* store_check.h has found it so; it stays so */
bool otr_store_is_damaged(const otr_store *store);

/* What is kept: unexpired policies by mode, and by how many seconds the refresh that is due longest is late (0: none
 * is due). Back-off does not count: a policy that cannot be refreshed is what the number is for. */
typedef struct otr_store_summary {
    uint64_t enforce, testing, none;
    otr_time overdue;
} otr_store_summary;
outrider_err otr_store_summarise(otr_store *store, otr_time now, uint32_t refresh_after, otr_store_summary *summary,
                                 outrider_diag *diag);

#endif
