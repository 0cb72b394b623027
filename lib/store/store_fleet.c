/*
 * store_fleet.c - see store_fleet.h.
 */
#include "store/store_fleet.h"

#include "store/store_work.h"

#include <stdio.h>

/* Removals --------------------------------------------------------------------------------------------------------- */

static void put_removal(otr_work *w, const otr_removal *r)
{
    sqlite3_stmt *s = otr_work_take(w, OTR_STORE_PUT_REMOVAL);

    otr_work_run(w, s, bind_text(s, 1, r->name) && bind_number(s, 2, r->at) && bind_number(s, 3, r->until) &&
                           bind_number(s, 4, r->uid));
}

outrider_err otr_store_put_removal(otr_store *store, const otr_removal *removal, outrider_diag *diag)
{
    otr_work w;

    otr_work_begin(&w, store, OTR_WORK_WRITE, diag);
    put_removal(&w, removal);
    return otr_work_end(&w);
}

outrider_err otr_store_remove_override(otr_store *store, const char *domain, const otr_removal *removal, outrider_diag *diag)
{
    sqlite3_stmt *s;
    otr_work w;

    otr_work_begin(&w, store, OTR_WORK_WRITE, diag);
    s = otr_work_take(&w, OTR_STORE_DROP_OVERRIDE);
    otr_work_run(&w, s, bind_text(s, 1, domain));
    put_removal(&w, removal);
    return otr_work_end(&w);
}

outrider_err otr_store_remove_exceptions(otr_store *store, const otr_exception *list, const otr_removal *removals, size_t count,
                                         outrider_diag *diag)
{
    otr_work w;

    otr_work_begin(&w, store, OTR_WORK_WRITE, diag);
    for (size_t i = 0; i < count && w.err == OUTRIDER_OK; i++) {
        sqlite3_stmt *s = otr_work_take(&w, OTR_STORE_DROP_EXCEPTION);

        otr_work_run(&w, s, bind_text(s, 1, list[i].root) && bind_text(s, 2, list[i].domain));
        put_removal(&w, &removals[i]);
    }
    return otr_work_end(&w);
}

/* False: it cannot be believed, and is as good as none. */
static bool read_removal(sqlite3_stmt *s, otr_removal *r)
{
    *r = (otr_removal){ .at = sqlite3_column_int64(s, 1), .until = sqlite3_column_int64(s, 2), .uid = sqlite3_column_int64(s, 3) };
    return copy_text(s, 0, r->name, sizeof(r->name)) && r->at > 0 && r->until > 0;
}

outrider_err otr_store_get_removal(otr_store *store, const char *name, otr_removal *removal, outrider_diag *diag)
{
    otr_removal found = { 0 };
    sqlite3_stmt *s;
    outrider_err err;
    otr_work w;

    otr_work_begin(&w, store, OTR_WORK_READ, diag);
    s = otr_work_take(&w, OTR_STORE_GET_REMOVAL);
    if (otr_work_row(&w, s, bind_text(s, 1, name))) {
        if (!read_removal(s, &found))
            found = (otr_removal){ 0 };
        otr_work_drop(s);
    }
    err = otr_work_end(&w);
    if (err == OUTRIDER_OK)
        *removal = found;
    return err;
}

outrider_err otr_store_each_removal(otr_store *store, otr_time now, otr_store_visit_removal *visit, void *arg, outrider_diag *diag)
{
    sqlite3_stmt *s;
    otr_work w;

    otr_work_begin(&w, store, OTR_WORK_READ, diag);
    s = otr_work_take(&w, OTR_STORE_REMOVALS);
    for (bool is_bound = bind_number(s, 1, now); otr_work_row(&w, s, is_bound);) {
        otr_removal r;

        if (read_removal(s, &r))
            visit(arg, &r);
    }
    return otr_work_end(&w);
}

/* Going through ---------------------------------------------------------------------------------------------------- */

outrider_err otr_store_each_policy(otr_store *store, otr_time now, char from[OTR_DOMAIN_SIZE], unsigned most,
                                   otr_store_visit_policy *visit, void *arg, unsigned *count, outrider_diag *diag)
{
    char last[OTR_DOMAIN_SIZE];
    sqlite3_stmt *s;
    unsigned rows = 0;
    bool is_bound;
    otr_work w;

    snprintf(last, sizeof(last), "%s", from);
    otr_work_begin(&w, store, OTR_WORK_LOOK, diag);
    s = otr_work_take(&w, OTR_STORE_POLICIES);
    is_bound = bind_text(s, 1, from) && bind_number(s, 2, now) && bind_number(s, 3, most);
    while (otr_work_row(&w, s, is_bound)) {
        otr_sts_entry *entry = NULL;
        outrider_diag why;

        rows++;
        if (!copy_text(s, 0, last, sizeof(last)))
            continue;
        if (otr_store_make_entry(store, s, &entry, &why) == OUTRIDER_OK)
            visit(arg, entry);
        otr_sts_entry_unref(entry);
    }
    *count = rows;
    snprintf(from, OTR_DOMAIN_SIZE, "%s", last);
    return otr_work_end(&w);
}

outrider_err otr_store_next_sighted(otr_store *store, const char *from, char next[OTR_DOMAIN_SIZE], outrider_diag *diag)
{
    char found[OTR_DOMAIN_SIZE] = "";
    sqlite3_stmt *s;
    outrider_err err;
    otr_work w;

    otr_work_begin(&w, store, OTR_WORK_LOOK, diag);
    s = otr_work_take(&w, OTR_STORE_NEXT_SIGHTED);
    if (otr_work_row(&w, s, bind_text(s, 1, from))) {
        if (!copy_text(s, 0, found, sizeof(found)))
            found[0] = '\0';
        otr_work_drop(s);
    }
    err = otr_work_end(&w);
    if (err == OUTRIDER_OK)
        memcpy(next, found, sizeof(found));
    return err;
}

outrider_err otr_store_seen_at(otr_store *store, const char *domain, otr_role role, const char *host, otr_time *at,
                               outrider_diag *diag)
{
    otr_time seen_at = 0;
    sqlite3_stmt *s;
    outrider_err err;
    otr_work w;

    otr_work_begin(&w, store, OTR_WORK_LOOK, diag);
    s = otr_work_take(&w, OTR_STORE_SEEN_AT);
    if (otr_work_row(&w, s, bind_text(s, 1, domain) && bind_text(s, 2, otr_role_names[role]) && bind_text(s, 3, host))) {
        seen_at = sqlite3_column_int64(s, 0);
        otr_work_drop(s);
    }
    err = otr_work_end(&w);
    if (err == OUTRIDER_OK)
        *at = seen_at;
    return err;
}
