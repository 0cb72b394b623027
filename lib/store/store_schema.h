/*
 * store_schema.h - the database file itself: creating one, and refusing what is not ours. Internal to lib/store.
 */
#ifndef OTR_STORE_SCHEMA_H
#define OTR_STORE_SCHEMA_H

#include "store/store.h"

#include <sqlite3.h>

#define OTR_STORE_APPLICATION_ID 0x4f545244 /* "OTRD", for file(1) and for us */
#define OTR_STORE_BUSY_MS 5000              /* another process (a backup, an administrator's shell) may hold the lock */

/* An open, checked connection in WAL mode. Diagnostics name the file. */
outrider_err otr_store_connect(const char *path, sqlite3 **db, outrider_diag *diag);

#endif
