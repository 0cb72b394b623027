/*
 * store_exception.c - exceptions in the store, one row a root and domain; their certificates lie among the others.
 */
#include "store/store_trust.h"

#include "base/diag.h"
#include "store/store_certificate.h"

#include <stdio.h>

/* A domain in normal form, or "." before it. */
static bool is_scope(const char *domain)
{
    const char *name = domain[0] == '.' ? domain + 1 : domain;

    return otr_is_ldh_domain(name, strlen(name));
}

static bool are_times_sane(const otr_exception *e)
{
    return e->made_at > 0 && e->until > e->made_at && e->until - e->made_at <= OTR_EXCEPTION_DAYS_MAX * (otr_time)86400;
}

/* The reason why it cannot be one, or NULL; the certificate aside. */
static const char *find_fault(const otr_exception *e)
{
    if (!otr_is_fingerprint(e->root, false))
        return "the root is no fingerprint";
    if (!is_scope(e->domain))
        return "the domain is none";
    if (!are_times_sane(e))
        return "the time is impossible";
    if (otr_override_reason(e->reason, strlen(e->reason), NULL) != OUTRIDER_OK)
        return "the reason is none";
    return NULL;
}

/* Writing --------------------------------------------------------------------------------------------- */

static void put_exception(otr_work *w, const otr_exception *e)
{
    const char *why = e->cert == NULL ? "there is no certificate" : find_fault(e);
    char sha256[OTR_SHA256_TEXT] = "";
    sqlite3_stmt *s;

    if (why == NULL) {
        otr_work_put_certificate(w, e->cert, sha256);
        if (w->err == OUTRIDER_OK && strcmp(sha256, e->root) != 0)
            why = "the certificate is another";
    }
    if (why != NULL) {
        otr_work_refuse(w, OUTRIDER_E_SYNTAX, "the exception for \"%.100s\" is not kept: %s", e->domain, why);
        return;
    }
    s = otr_work_take(w, OTR_STORE_PUT_EXCEPTION);
    otr_work_run(w, s, bind_text(s, 1, e->root) && bind_text(s, 2, e->domain) && bind_number(s, 3, e->until) &&
                           bind_text(s, 4, e->reason) && bind_number(s, 5, e->made_at) && bind_number(s, 6, e->uid));
}

static void check_count(otr_work *w)
{
    sqlite3_stmt *s = otr_work_take(w, OTR_STORE_COUNT_EXCEPTIONS);
    sqlite3_int64 count;

    if (!otr_work_row(w, s, true))
        return;
    count = sqlite3_column_int64(s, 0);
    otr_work_drop(s);
    if (count > OTR_EXCEPTIONS_MAX)
        otr_work_refuse(w, OUTRIDER_E_LIMIT, "there would be more than %d exceptions; remove some first",
                        OTR_EXCEPTIONS_MAX);
}

outrider_err otr_store_put_exceptions(otr_store *store, const otr_exception *list, size_t count, outrider_diag *diag)
{
    otr_work w;

    otr_work_begin(&w, store, OTR_WORK_WRITE, diag);
    for (size_t i = 0; i < count && w.err == OUTRIDER_OK; i++)
        put_exception(&w, &list[i]);
    check_count(&w);
    return otr_work_end(&w);
}

outrider_err otr_store_drop_exception(otr_store *store, const char *root, const char *domain, outrider_diag *diag)
{
    sqlite3_stmt *s = otr_store_begin(store, OTR_STORE_DROP_EXCEPTION);

    return otr_store_finish_write(store, s, bind_text(s, 1, root) && bind_text(s, 2, domain), diag);
}

outrider_err otr_store_drop_exceptions(otr_store *store, const otr_exception *list, size_t count, outrider_diag *diag)
{
    otr_work w;

    otr_work_begin(&w, store, OTR_WORK_WRITE, diag);
    for (size_t i = 0; i < count && w.err == OUTRIDER_OK; i++) {
        sqlite3_stmt *s = otr_work_take(&w, OTR_STORE_DROP_EXCEPTION);

        otr_work_run(&w, s, bind_text(s, 1, list[i].root) && bind_text(s, 2, list[i].domain));
    }
    return otr_work_end(&w);
}

/* Reading --------------------------------------------------------------------------------------------- */

/* The reason why the row cannot be believed, or NULL. */
static const char *read_exception(otr_work *w, sqlite3_stmt *s, otr_exception *e)
{
    const char *why;

    *e = (otr_exception){ .until = sqlite3_column_int64(s, 2), .made_at = sqlite3_column_int64(s, 4),
                          .uid = sqlite3_column_int64(s, 5) };
    if (!copy_text(s, 0, e->root, sizeof(e->root)) || !copy_text(s, 1, e->domain, sizeof(e->domain)) ||
        !copy_text(s, 3, e->reason, sizeof(e->reason)))
        return "root, domain or reason is none";
    why = find_fault(e);
    if (why != NULL)
        return why;
    e->cert = otr_work_get_certificate(w, e->root, NULL);
    return e->cert == NULL ? "its certificate is missing or damaged" : NULL;
}

static outrider_err tell_bad_row(const otr_store *store, sqlite3_stmt *s, const char *why, outrider_diag *diag)
{
    const char *domain = (const char *)sqlite3_column_text(s, 1);

    return otr_fail(diag, OUTRIDER_E_SYNTAX, "%s: the exception for \"%.100s\" is not used: %s", store->path,
                    domain != NULL ? domain : "", why);
}

outrider_err otr_store_each_exception(otr_store *store, otr_store_visit_exception *visit, void *arg, outrider_diag *diag)
{
    outrider_err bad = OUTRIDER_OK, err;
    size_t visited = 0;
    sqlite3_stmt *s;
    otr_work w;

    otr_work_begin(&w, store, OTR_WORK_READ, diag);
    s = otr_work_take(&w, OTR_STORE_EXCEPTIONS);
    while (otr_work_row(&w, s, true)) {
        otr_exception e;
        const char *why = read_exception(&w, s, &e);

        if (why == NULL && visited++ == OTR_EXCEPTIONS_MAX)
            why = "there are too many";
        if (why == NULL)
            visit(arg, &e);
        else if (w.err == OUTRIDER_OK && bad == OUTRIDER_OK)
            bad = tell_bad_row(store, s, why, diag);
        otr_exception_clear(&e);
    }
    err = otr_work_end(&w);
    return err != OUTRIDER_OK ? err : bad;
}
