/*
 * store_override.c - overrides in the store, one row a domain. As with policies, what is read back is checked again.
 */
#include "store/store_statements.h"

#include "base/diag.h"

#include <stdio.h>

outrider_err otr_store_put_override(otr_store *store, const otr_override *o, outrider_diag *diag)
{
    sqlite3_stmt *s = otr_store_begin(store, OTR_STORE_PUT_OVERRIDE);
    bool is_bound = bind_text(s, 1, o->domain) && bind_text(s, 2, otr_level_names[o->level]) &&
                    bind_number(s, 3, o->until) && bind_text(s, 4, o->reason) && bind_number(s, 5, o->made_at) &&
                    bind_number(s, 6, o->uid);

    return otr_store_finish_write(store, s, is_bound, diag);
}

outrider_err otr_store_drop_override(otr_store *store, const char *domain, outrider_diag *diag)
{
    sqlite3_stmt *s = otr_store_begin(store, OTR_STORE_DROP_OVERRIDE);

    return otr_store_finish_write(store, s, bind_text(s, 1, domain), diag);
}

static bool read_override(sqlite3_stmt *s, otr_override *o, outrider_diag *diag)
{
    char level[16];

    *o = (otr_override){ .until = sqlite3_column_int64(s, 2), .made_at = sqlite3_column_int64(s, 4),
                         .uid = sqlite3_column_int64(s, 5) };
    if (!copy_text(s, 0, o->domain, sizeof(o->domain)) || !copy_text(s, 1, level, sizeof(level)) ||
        !otr_override_level(level, &o->level) || !copy_text(s, 3, o->reason, sizeof(o->reason))) {
        snprintf(diag->message, sizeof(diag->message), "domain, level or reason is none");
        return false;
    }
    return otr_override_check(o, diag) == OUTRIDER_OK;
}

outrider_err otr_store_each_override(otr_store *store, otr_store_visit_override *visit, void *arg, outrider_diag *diag)
{
    sqlite3_stmt *s = otr_store_begin(store, OTR_STORE_OVERRIDES);
    outrider_err err = OUTRIDER_OK;
    int rc;

    while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
        const char *domain = (const char *)sqlite3_column_text(s, 0);
        outrider_diag why;
        otr_override o;

        if (read_override(s, &o, &why))
            visit(arg, &o);
        else if (err == OUTRIDER_OK)
            err = otr_fail(diag, OUTRIDER_E_SYNTAX, "%s: the override of \"%.100s\" is not used: %.60s", store->path,
                           domain != NULL ? domain : "", why.message);
    }
    if (rc != SQLITE_DONE)
        err = otr_store_fail(store, store->db, diag);
    otr_store_note(store, OTR_STORE_READ, rc != SQLITE_DONE);
    return otr_store_end(store, s, err, diag);
}
