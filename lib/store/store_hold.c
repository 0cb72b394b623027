/*
 * store_hold.c - holds in the store: destinations that wait for the operator's word survive a restart.
 */
#include "store/store_trust.h"

#include "base/diag.h"
#include "store/store_certificate.h"
#include "store/store_sighting.h"

#include <stdio.h>

#define LAST_TIME (INT64_MAX / 2)

/* The reason why it cannot be one, or NULL. */
static const char *find_fault(const otr_hold *h)
{
    if (!otr_is_ldh_domain(h->domain, strlen(h->domain)) || !otr_is_ldh_domain(h->host, strlen(h->host)))
        return "domain or host is none";
    if ((unsigned)h->role >= OTR_ROLE_COUNT)
        return "the role is unknown";
    if (!otr_is_fingerprint(h->from, false) || !otr_is_fingerprint(h->to, false))
        return "a root is no fingerprint";
    if (!otr_is_printable_line(h->from_name) || !otr_is_printable_line(h->to_name))
        return "a name of a root is none";
    return h->since > 0 && h->since < LAST_TIME ? NULL : "the time is impossible";
}

outrider_err otr_store_put_hold(otr_store *store, const otr_hold *h, outrider_diag *diag)
{
    const char *why = find_fault(h);
    sqlite3_stmt *s;

    if (why != NULL)
        return otr_fail(diag, OUTRIDER_E_SYNTAX, "%s: the hold of \"%.100s\" is not kept: %s", store->path, h->domain, why);
    s = otr_store_begin(store, OTR_STORE_PUT_HOLD);
    return otr_store_finish_write(store, s, bind_text(s, 1, h->domain) && bind_text(s, 2, otr_role_names[h->role]) &&
                                  bind_text(s, 3, h->host) && bind_text(s, 4, h->from) && bind_text(s, 5, h->from_name) &&
                                  bind_text(s, 6, h->to) && bind_text(s, 7, h->to_name) && bind_number(s, 8, h->since),
                                  diag);
}

outrider_err otr_store_drop_holds(otr_store *store, const char *domain, outrider_diag *diag)
{
    sqlite3_stmt *s = otr_store_begin(store, OTR_STORE_DROP_HOLDS);

    return otr_store_finish_write(store, s, bind_text(s, 1, domain), diag);
}

static const char *read_hold(sqlite3_stmt *s, otr_hold *h)
{
    *h = (otr_hold){ .since = sqlite3_column_int64(s, 7) };
    if (!copy_text(s, 0, h->domain, sizeof(h->domain)) || !otr_read_role(s, 1, &h->role) ||
        !copy_text(s, 2, h->host, sizeof(h->host)))
        return "domain, role or host is none";
    if (!copy_text(s, 3, h->from, sizeof(h->from)) || !copy_text(s, 4, h->from_name, sizeof(h->from_name)) ||
        !copy_text(s, 5, h->to, sizeof(h->to)) || !copy_text(s, 6, h->to_name, sizeof(h->to_name)))
        return "a root is none";
    return find_fault(h);
}

outrider_err otr_store_each_hold(otr_store *store, otr_store_visit_hold *visit, void *arg, outrider_diag *diag)
{
    outrider_err bad = OUTRIDER_OK, err;
    sqlite3_stmt *s;
    otr_work w;

    otr_work_begin(&w, store, OTR_WORK_READ, diag);
    s = otr_work_take(&w, OTR_STORE_HOLDS);
    while (otr_work_row(&w, s, true)) {
        const char *domain = (const char *)sqlite3_column_text(s, 0);
        otr_hold h;
        const char *why = read_hold(s, &h);

        if (why == NULL)
            visit(arg, &h);
        else if (bad == OUTRIDER_OK)
            bad = otr_fail(diag, OUTRIDER_E_SYNTAX, "%s: the hold of \"%.100s\" is not used: %s", store->path,
                           domain != NULL ? domain : "", why);
    }
    err = otr_work_end(&w);
    return err != OUTRIDER_OK ? err : bad;
}
