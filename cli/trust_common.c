/*
 * trust_common.c - see trust_common.h.
 *
 * The store is only looked at: these commands work beside outriderd, and without it.
 */
#include "cli/trust_common.h"

#include "base/date.h"
#include "cli/command.h"
#include "cli/settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int otr_trust_complain(const char *what, outrider_err err, const outrider_diag *diag)
{
    const char *why = diag->message[0] != '\0' ? diag->message : "failed";

    switch (err) {
    case OUTRIDER_E_SYNTAX:
    case OUTRIDER_E_LIMIT: return otr_complain(EX_DATAERR, what, "%s", why);
    case OUTRIDER_E_IO: return otr_complain(EX_NOINPUT, what, "%s", why);
    case OUTRIDER_E_CONFIG: return otr_complain(EX_CONFIG, what, "%s", why);
    case OUTRIDER_E_NOMEM: return otr_complain(EX_OSERR, what, "out of memory");
    case OUTRIDER_OK: break;
    }
    return EX_OK;
}

int otr_trust_read_date(const char *what, const char *option, const char *text, otr_time *at)
{
    if (otr_date_parse(text, strlen(text), at, NULL) && *at > 0)
        return EX_OK;
    return otr_complain(EX_USAGE, what, "%s: write 2026-12-31 or 2026-12-31T18:00:00Z", option);
}

/* The view -------------------------------------------------------------------------------------------------------- */

/* There may be no such file: before the first start of outriderd nothing is recorded. */
static int open_store(const char *what, const char *path, otr_store **store)
{
    outrider_diag diag = { 0 };
    struct stat st;
    outrider_err err;

    if (stat(path, &st) != 0 && errno == ENOENT)
        return EX_OK;
    err = otr_store_open_reading(path, store, &diag);
    return err == OUTRIDER_OK ? EX_OK : otr_trust_complain(what, err, &diag);
}

struct gathering {
    otr_trust_view *view;
    bool has_failed;
};

static void add_exception(void *arg, const otr_exception *exception)
{
    struct gathering *g = arg;
    otr_trust_view *view = g->view;
    otr_exception *grown;

    if (g->has_failed)
        return;
    grown = reallocarray(view->exceptions, view->exception_count + 1, sizeof(*grown));
    if (grown == NULL) {
        g->has_failed = true;
        return;
    }
    view->exceptions = grown;
    view->exceptions[view->exception_count] = *exception;
    X509_up_ref(exception->cert);
    view->exception_count++;
}

/*
 * A row that cannot be believed gives no exception, as in outriderd: the roots are fewer then, and mail waits rather than
 * goes. It is said, and what can be told is told.
 */
static int read_exceptions(const char *what, otr_trust_view *view)
{
    struct gathering g = { .view = view };
    outrider_diag diag = { 0 };
    outrider_err err = otr_store_each_exception(view->store, add_exception, &g, &diag);

    if (g.has_failed)
        err = OUTRIDER_E_NOMEM;
    if (err == OUTRIDER_E_SYNTAX) {
        otr_complain(EX_DATAERR, what, "%s (left out)", diag.message);
        return EX_OK;
    }
    return err == OUTRIDER_OK ? EX_OK : otr_trust_complain(what, err, &diag);
}

/* The clock of outriderd never runs backwards, also across a restart; neither does ours that looks at the same store. */
static int read_time(const char *what, otr_trust_view *view)
{
    otr_time floor = 0;
    outrider_diag diag = { 0 };
    outrider_err err = view->store != NULL ? otr_store_last_time(view->store, &floor, &diag) : OUTRIDER_OK;
    otr_clock clock;

    if (err != OUTRIDER_OK)
        return otr_trust_complain(what, err, &diag);
    otr_clock_init(&clock, floor);
    view->now = otr_clock_now(&clock);
    if (view->at == 0)
        view->at = view->now;
    return EX_OK;
}

int otr_trust_view_open(const char *what, const char *config, otr_time at, otr_trust_view *view)
{
    outrider_diag diag = { 0 };
    outrider_err err;
    int status = EX_OK;

    *view = (otr_trust_view){ .at = at };
    view->conf = otr_read_settings(config, &status);
    if (view->conf == NULL)
        return status;
    err = otr_rule_book_read(view->conf, &view->book, &diag);
    if (err != OUTRIDER_OK)
        return otr_trust_complain(what, err, &diag);
    status = open_store(what, view->conf->store.path, &view->store);
    if (status == EX_OK)
        status = read_time(what, view);
    if (status == EX_OK && view->store != NULL)
        status = read_exceptions(what, view);
    if (status != EX_OK)
        return status;
    err = otr_rule_book_compile(view->book, view->exceptions, view->exception_count, view->at, NULL, &view->anchors, &diag);
    return err == OUTRIDER_OK ? EX_OK : otr_trust_complain(what, err, &diag);
}

void otr_trust_view_clear(otr_trust_view *view)
{
    otr_anchors_free(view->anchors);
    for (size_t i = 0; i < view->exception_count; i++)
        otr_exception_clear(&view->exceptions[i]);
    free(view->exceptions);
    otr_store_close(view->store);
    otr_rule_book_free(view->book);
    otr_conf_free(view->conf);
    *view = (otr_trust_view){ 0 };
}

const char *const *otr_trust_own_hosts(const otr_trust_view *view)
{
    return view->conf->own_hosts.count > 0 ? view->conf->own_hosts.values : NULL;
}
