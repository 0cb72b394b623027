/*
 * store_schema.h - the database file itself: creating one, and refusing what is not ours. Internal to lib/store.
 */
#ifndef OTR_STORE_SCHEMA_H
#define OTR_STORE_SCHEMA_H

#include "store/store.h"

#include <sqlite3.h>

#define OTR_STORE_APPLICATION_ID 0x4f545244 /* "OTRD", for file(1) and for us */
#define OTR_STORE_BUSY_MS 5000              /* another process (a backup, an administrator's shell) may hold the lock */

/*
 * Two open, checked connections in WAL mode (store_statements.h says why two). Diagnostics name the file. On failure
 * neither is open.
 */
outrider_err otr_store_connect(const char *path, sqlite3 **db, sqlite3 **observations, outrider_diag *diag);

/* "file:PATH?QUERY" with what URIs treat specially escaped. Caller frees; NULL when out of memory. */
char *otr_store_uri(const char *path, const char *query);

/* Whether it is ours, and which schema it has, at most OTR_STORE_SCHEMA. */
outrider_err otr_store_check_identity(sqlite3 *db, const char *path, sqlite3_int64 *schema, outrider_diag *diag);

/* quick_check. Refused when the file is damaged, and when it could not be looked through: *is_damaged (may be NULL) tells which. */
outrider_err otr_store_check_content(sqlite3 *db, const char *path, bool *is_damaged, outrider_diag *diag);

/* Too large to be checked before it is used: store_check.h does it meanwhile. */
bool otr_store_is_large(const char *path);

/* What every connection has. */
outrider_err otr_store_configure(sqlite3 *db, const char *path, outrider_diag *diag);

#endif
