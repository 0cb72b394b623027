/*
 * store_check.h - looking whether a large database is whole, beside those who use it. SQLite's quick_check reads all of it,
 * which takes seconds for hundreds of megabytes, and mail would wait for that. Used unchecked it is not dangerous: SQLite
 * refuses a page that makes no sense when it meets it (then mail is deferred), and what a row says is believed no more than a
 * peer is (store.c). So the check comes after the start, and says what it found.
 */
#ifndef OTR_STORE_STORE_CHECK_H
#define OTR_STORE_STORE_CHECK_H

#include <outrider/base.h>

typedef struct otr_store_check otr_store_check;

/* OTR_STORE_UNCHECKED: looking failed (memory, the disk), which says nothing about the database. */
typedef enum otr_store_finding { OTR_STORE_WHOLE, OTR_STORE_DAMAGED, OTR_STORE_UNCHECKED } otr_store_finding;

/* Called once, from the thread of the check, unless it is stopped before its end. diag: what is wrong. */
typedef void otr_store_checked(void *arg, otr_store_finding finding, const outrider_diag *diag);

/* In a thread of its own. *check is NULL where nothing is to be done: the database was small, and checked when it was opened. */
outrider_err otr_store_check_start(const char *path, otr_store_checked *checked, void *arg, otr_store_check **check,
                                   outrider_diag *diag);
void otr_store_check_stop(otr_store_check *check); /* waits; NULL is fine */

#endif
