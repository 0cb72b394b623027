/*
 * store.c - MTA-STS entries in SQLite, one row a domain. What is read back is trusted no more than what a peer
 * sends: the body is parsed again, and the expiry is computed from it (STS-APPLY-11).
 */
#include "store/store.h"

#include "base/diag.h"
#include "store/store_reading.h"
#include "store/store_schema.h"
#include "store/store_statements.h"

#include <stdio.h>
#include <stdlib.h>

outrider_err otr_store_fail(const otr_store *store, sqlite3 *db, outrider_diag *diag)
{
    int code = sqlite3_extended_errcode(db);

    return otr_fail(diag, code == SQLITE_NOMEM ? OUTRIDER_E_NOMEM : OUTRIDER_E_IO, "%s: %s", store->path,
                    sqlite3_errmsg(db));
}

otr_store *otr_store_new(const char *path)
{
    otr_store *made = calloc(1, sizeof(*made));

    if (made != NULL)
        made->path = strdup(path);
    if (made == NULL || made->path == NULL) {
        free(made);
        return NULL;
    }
    pthread_mutex_init(&made->lock, NULL);
    made->sightings = -1;
    made->fetches = -1;
    return made;
}

outrider_err otr_store_prepare(otr_store *store, outrider_diag *diag)
{
    for (int i = 0; i < OTR_STORE_STATEMENTS; i++) {
        sqlite3 *db = i < OTR_STORE_FIRST_OBSERVATION ? store->db : store->observations;

        if (sqlite3_prepare_v3(db, otr_store_sql[i], -1, SQLITE_PREPARE_PERSISTENT, &store->made[i], NULL) != SQLITE_OK)
            return otr_store_fail(store, db, diag);
    }
    return OUTRIDER_OK;
}

outrider_err otr_store_open(const char *path, otr_store **store, outrider_diag *diag)
{
    otr_store *made = otr_store_new(path);
    outrider_err err;

    if (made == NULL)
        return otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    err = otr_store_connect(path, &made->db, &made->observations, diag);
    if (err == OUTRIDER_OK)
        err = otr_store_prepare(made, diag);
    if (err != OUTRIDER_OK) {
        otr_store_close(made);
        return err;
    }
    *store = made;
    return OUTRIDER_OK;
}

void otr_store_close(otr_store *store)
{
    if (store == NULL)
        return;
    for (int i = 0; i < OTR_STORE_STATEMENTS; i++)
        sqlite3_finalize(store->made[i]);
    if (store->observations != store->db)
        sqlite3_close(store->observations);
    sqlite3_close(store->db);
    pthread_mutex_destroy(&store->lock);
    free(store->path);
    free(store);
}

/* Taking and giving back a statement; the lock is held in between. */
sqlite3_stmt *otr_store_begin(otr_store *store, enum otr_store_statement which)
{
    pthread_mutex_lock(&store->lock);
    return store->made[which];
}

/* Keeps the first error, which sqlite3_reset() would only repeat. */
outrider_err otr_store_end(otr_store *store, sqlite3_stmt *statement, outrider_err err, outrider_diag *diag)
{
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    if (err == OUTRIDER_OK)
        err = otr_store_check_rest(store, diag);
    pthread_mutex_unlock(&store->lock);
    return err;
}

/* For those who watch the store; what was done well and what went wrong is judged by the caller of this. */
void otr_store_note(otr_store *store, otr_store_operation operation, bool has_failed)
{
    if (has_failed)
        atomic_fetch_add_explicit(&store->failures[operation], 1, memory_order_relaxed);
    atomic_store_explicit(&store->is_failing[operation], has_failed, memory_order_relaxed);
}

/* A statement that gives no rows. One statement is one transaction: nothing is half-written. */
outrider_err otr_store_finish_write(otr_store *store, sqlite3_stmt *statement, bool is_bound, outrider_diag *diag)
{
    outrider_err err = OUTRIDER_OK;

    if (!is_bound || sqlite3_step(statement) != SQLITE_DONE)
        err = otr_store_fail(store, store->db, diag);
    otr_store_note(store, OTR_STORE_WRITE, err != OUTRIDER_OK);
    return otr_store_end(store, statement, err, diag);
}

/* Writing --------------------------------------------------------------------------------------------- */

/* A policy with max_age 0 governs the attempt that fetched it and is not kept (STS-BODY-09). */
static const otr_sts_policy *kept_policy(const otr_sts_entry *entry)
{
    return entry->policy != NULL && entry->policy->max_age > 0 ? entry->policy : NULL;
}

static bool bind_policy(sqlite3_stmt *s, const otr_sts_entry *entry)
{
    const otr_sts_policy *policy = kept_policy(entry);

    if (policy == NULL)
        return bind_text(s, 2, "") && sqlite3_bind_null(s, 3) == SQLITE_OK && bind_number(s, 4, 0) &&
               bind_number(s, 5, 0) && bind_text(s, 12, "");
    return bind_text(s, 2, entry->id) &&
           sqlite3_bind_blob(s, 3, policy->body, (int)policy->body_len, SQLITE_STATIC) == SQLITE_OK &&
           bind_number(s, 4, entry->fetched_at) && bind_number(s, 5, entry->expires_at) &&
           bind_text(s, 12, otr_sts_mode_names[policy->mode]);
}

static bool bind_attempt(sqlite3_stmt *s, const otr_sts_entry *entry)
{
    return bind_text(s, 6, otr_sts_failure_names[entry->failure]) && bind_text(s, 7, entry->error) &&
           bind_text(s, 8, entry->tried_id) && bind_number(s, 9, entry->tried_at) &&
           bind_number(s, 10, entry->retry_at) && bind_number(s, 11, entry->failures);
}

outrider_err otr_store_put(otr_store *store, const otr_sts_entry *entry, outrider_diag *diag)
{
    bool is_empty = kept_policy(entry) == NULL && entry->failures == 0;
    sqlite3_stmt *s = otr_store_begin(store, is_empty ? OTR_STORE_DROP : OTR_STORE_PUT);
    bool is_bound = bind_text(s, 1, entry->domain);

    if (!is_empty)
        is_bound = is_bound && bind_policy(s, entry) && bind_attempt(s, entry);
    return otr_store_finish_write(store, s, is_bound, diag);
}

outrider_err otr_store_note_time(otr_store *store, otr_time now, outrider_diag *diag)
{
    sqlite3_stmt *s = otr_store_begin(store, OTR_STORE_NOTE_TIME);

    return otr_store_finish_write(store, s, bind_number(s, 1, now), diag);
}

/* Reading --------------------------------------------------------------------------------------------- */

static bool read_failure(sqlite3_stmt *s, int column, otr_sts_failure *failure)
{
    const char *name = (const char *)sqlite3_column_text(s, column);

    for (int i = OTR_STS_NO_FAILURE; name != NULL && i <= OTR_STS_WEBPKI_INVALID; i++) {
        if (strcmp(name, otr_sts_failure_names[i]) == 0) {
            *failure = (otr_sts_failure)i;
            return true;
        }
    }
    return false;
}

/* The reason why the row cannot be believed, or NULL. */
static const char *read_policy(sqlite3_stmt *s, otr_sts_entry *entry)
{
    const char *body = sqlite3_column_blob(s, 2);
    size_t len = (size_t)sqlite3_column_bytes(s, 2);

    if (sqlite3_column_type(s, 2) == SQLITE_NULL)
        return NULL;
    if (otr_sts_policy_parse(body != NULL ? body : "", len, &entry->policy, NULL) != OUTRIDER_OK)
        return "the policy does not parse";
    entry->fetched_at = sqlite3_column_int64(s, 3);
    if (entry->fetched_at <= 0 || entry->fetched_at > INT64_MAX / 2)
        return "the time of the fetch is impossible";
    entry->expires_at = entry->fetched_at + entry->policy->max_age;
    if (entry->expires_at != sqlite3_column_int64(s, 4))
        return "the expiry is not that of the policy";
    entry->is_from_store = true;
    return NULL;
}

static const char *read_row(sqlite3_stmt *s, otr_sts_entry *entry)
{
    if (!otr_is_ldh_domain(entry->domain, strlen(entry->domain)))
        return "the domain is none";
    if (!copy_text(s, 1, entry->id, sizeof(entry->id)) || !copy_text(s, 7, entry->tried_id, sizeof(entry->tried_id)))
        return "an id is none";
    if (!read_failure(s, 5, &entry->failure) || !copy_text(s, 6, entry->error, sizeof(entry->error)))
        return "the failure is unknown";
    entry->tried_at = sqlite3_column_int64(s, 8);
    entry->retry_at = sqlite3_column_int64(s, 9);
    entry->failures = (unsigned)sqlite3_column_int(s, 10);
    return read_policy(s, entry);
}

outrider_err otr_store_make_entry(otr_store *store, sqlite3_stmt *s, otr_sts_entry **entry, outrider_diag *diag)
{
    const char *domain = (const char *)sqlite3_column_text(s, 0);
    otr_sts_entry *made = otr_sts_entry_new(domain != NULL ? domain : "");
    const char *why = made == NULL ? "the row is too large for memory" : read_row(s, made);

    if (why != NULL) {
        outrider_err err = otr_fail(diag, OUTRIDER_E_SYNTAX, "%s: the row of \"%.200s\" is not used: %s", store->path,
                                    domain != NULL ? domain : "", why);

        otr_sts_entry_unref(made);
        return err;
    }
    *entry = made;
    return OUTRIDER_OK;
}

outrider_err otr_store_get(otr_store *store, const char *domain, otr_sts_entry **entry, outrider_diag *diag)
{
    sqlite3_stmt *s = otr_store_begin(store, OTR_STORE_GET);
    otr_sts_entry *found = NULL;
    outrider_err err = OUTRIDER_OK;
    int rc = bind_text(s, 1, domain) ? sqlite3_step(s) : SQLITE_NOMEM;

    if (rc == SQLITE_ROW)
        err = otr_store_make_entry(store, s, &found, diag);
    else if (rc != SQLITE_DONE)
        err = otr_store_fail(store, store->db, diag);
    otr_store_note(store, OTR_STORE_READ, rc != SQLITE_ROW && rc != SQLITE_DONE);
    if (err == OUTRIDER_OK)
        *entry = found;
    return otr_store_end(store, s, err, diag);
}

outrider_err otr_store_each_due(otr_store *store, otr_time now, uint32_t refresh_after, unsigned most,
                                otr_store_cursor *cursor, otr_store_visit *visit, void *arg, outrider_diag *diag)
{
    sqlite3_stmt *s = otr_store_begin(store, OTR_STORE_DUE);
    outrider_err err = OUTRIDER_OK;
    otr_store_cursor last = *cursor;
    unsigned visited = 0;
    bool is_bound = bind_number(s, 1, now) && bind_number(s, 2, refresh_after) && bind_number(s, 3, most) &&
                    bind_number(s, 4, cursor->fetched_at) && bind_text(s, 5, cursor->domain);
    int rc = is_bound ? sqlite3_step(s) : SQLITE_NOMEM;

    for (; rc == SQLITE_ROW; rc = sqlite3_step(s), visited++) {
        const char *domain = (const char *)sqlite3_column_text(s, 0);

        last.fetched_at = sqlite3_column_int64(s, 1);
        snprintf(last.domain, sizeof(last.domain), "%s", domain != NULL ? domain : "");
        if (domain != NULL && otr_is_ldh_domain(domain, strlen(domain)))
            visit(arg, domain);
        else if (err == OUTRIDER_OK)
            err = otr_fail(diag, OUTRIDER_E_SYNTAX, "%s: the row of \"%.200s\" is not used: the domain is none",
                           store->path, domain != NULL ? domain : "");
    }
    if (rc != SQLITE_DONE)
        err = otr_store_fail(store, store->db, diag);
    *cursor = visited == most ? last : (otr_store_cursor){ 0 };
    otr_store_note(store, OTR_STORE_READ, rc != SQLITE_DONE);
    return otr_store_end(store, s, err, diag);
}

outrider_err otr_store_last_time(otr_store *store, otr_time *at, outrider_diag *diag)
{
    sqlite3_stmt *s = otr_store_begin(store, OTR_STORE_LAST_TIME);
    outrider_err err = OUTRIDER_OK;

    if (sqlite3_step(s) == SQLITE_ROW)
        *at = sqlite3_column_int64(s, 0);
    else
        err = otr_store_fail(store, store->db, diag);
    return otr_store_end(store, s, err, diag);
}

outrider_err otr_store_summarise(otr_store *store, otr_time now, uint32_t refresh_after, otr_store_summary *summary,
                                 outrider_diag *diag)
{
    sqlite3_stmt *s = otr_store_begin(store, OTR_STORE_SUMMARY);
    outrider_err err = OUTRIDER_OK;

    if (bind_number(s, 1, now) && bind_number(s, 2, refresh_after) && sqlite3_step(s) == SQLITE_ROW) {
        *summary = (otr_store_summary){ .enforce = (uint64_t)sqlite3_column_int64(s, 0),
                                        .testing = (uint64_t)sqlite3_column_int64(s, 1),
                                        .none = (uint64_t)sqlite3_column_int64(s, 2),
                                        .overdue = sqlite3_column_int64(s, 3) };
        if (summary->overdue < 0)
            summary->overdue = 0; /* none is due yet */
    } else {
        err = otr_store_fail(store, store->db, diag);
    }
    otr_store_note(store, OTR_STORE_READ, err != OUTRIDER_OK);
    return otr_store_end(store, s, err, diag);
}

unsigned long otr_store_failures(const otr_store *store, otr_store_operation operation)
{
    return atomic_load_explicit(&store->failures[operation], memory_order_relaxed);
}

void otr_store_mark_damaged(otr_store *store)
{
    atomic_store_explicit(&store->is_damaged, true, memory_order_relaxed);
}

bool otr_store_is_damaged(const otr_store *store)
{
    return atomic_load_explicit(&store->is_damaged, memory_order_relaxed);
}

bool otr_store_is_failing(const otr_store *store, otr_store_operation operation)
{
    return atomic_load_explicit(&store->is_failing[operation], memory_order_relaxed);
}
