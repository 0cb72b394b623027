/*
 * trust_walk.c - see trust_walk.h.
 */
#include "cli/trust_walk.h"

#include "cli/command.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROGRESS_STEP 1000 /* destinations between two looks at the clock */
#define PROGRESS_AFTER 2   /* s before any progress is shown */

static void show_progress(otr_trust_walk *k)
{
    time_t now;

    if (k->seen % PROGRESS_STEP != 0 || isatty(STDERR_FILENO) != 1)
        return;
    now = time(NULL);
    if (now - k->started < PROGRESS_AFTER || now == k->shown)
        return;
    k->shown = now;
    fprintf(stderr, "\r%zu destinations", k->seen);
    if (k->note != NULL)
        k->note(k->arg);
    fputc(' ', stderr);
    fflush(stderr);
}

static bool visit_one(void *arg, const otr_dependant *dependant)
{
    otr_trust_walk *k = arg;

    k->err = k->visit(k->arg, dependant, &k->diag);
    k->seen++;
    show_progress(k);
    return k->err != OUTRIDER_OK;
}

static bool was_before(const otr_trust_walk *k, size_t index, const char *domain)
{
    char other[OTR_DOMAIN_SIZE];

    for (size_t i = 0; i < index; i++)
        if (otr_domain_normalize(k->domains[i], strlen(k->domains[i]), other, NULL) == OUTRIDER_OK && strcmp(other, domain) == 0)
            return true;
    return false;
}

/* Before anything is said of any of them. */
static int check_names(const otr_trust_walk *k)
{
    char domain[OTR_DOMAIN_SIZE];
    outrider_diag diag = { 0 };

    for (size_t i = 0; i < k->domain_count; i++)
        if (otr_domain_normalize(k->domains[i], strlen(k->domains[i]), domain, &diag) != OUTRIDER_OK)
            return otr_complain(EX_DATAERR, k->domains[i], "%s", diag.message);
    return EX_OK;
}

/* One that was asked for by name. */
static outrider_err visit_named(const otr_trust_view *view, otr_trust_walk *k, size_t index, size_t *unrecorded)
{
    const char *name = k->domains[index];
    char domain[OTR_DOMAIN_SIZE];
    bool is_found = false;
    outrider_err err = otr_domain_normalize(name, strlen(name), domain, &k->diag);

    if (err != OUTRIDER_OK || was_before(k, index, domain))
        return err;
    if (view->store != NULL)
        err = otr_store_dependant(view->store, domain, view->now, otr_trust_own_hosts(view), visit_one, k, &is_found, &k->diag);
    if (err == OUTRIDER_OK && !is_found)
        k->unrecorded[(*unrecorded)++] = name;
    return err;
}

int otr_trust_walk_run(const otr_trust_view *view, otr_trust_walk *k)
{
    outrider_err err = OUTRIDER_OK;
    size_t unrecorded = 0;

    if (check_names(k) != EX_OK)
        return EX_DATAERR;
    k->started = time(NULL);
    k->unrecorded = calloc(k->domain_count + 1, sizeof(*k->unrecorded));
    if (k->unrecorded == NULL)
        return otr_complain(EX_OSERR, k->what, "out of memory");
    for (size_t i = 0; err == OUTRIDER_OK && k->err == OUTRIDER_OK && i < k->domain_count; i++)
        err = visit_named(view, k, i, &unrecorded);
    if (k->domain_count == 0 && view->store != NULL)
        err = otr_store_each_dependant(view->store, view->now, otr_trust_own_hosts(view), visit_one, k, &k->diag);
    if (k->shown != 0)
        fputs("\r\033[K", stderr);
    if (k->err != OUTRIDER_OK)
        err = k->err;
    return err == OUTRIDER_OK ? EX_OK : otr_trust_complain(k->what, err, &k->diag);
}
