/*
 * horizon.c - what was handed out, and what may be without asking the store: the horizon is written ahead of the clock, for all domains
 * in one transaction, long before it lapses. A disk that fails is tried again every minute; what it held goes on until the horizon is
 * reached.
 */
#include "base/diag.h"
#include "base/log.h"
#include "daemon/metrics.h"
#include "daemon/publish/inside.h"

#include <stdlib.h>

#define RENEW_S (OTR_PUBLISH_HORIZON_S * 3 / 4) /* less than this is left: every quarter of an hour */

void otr_publisher_tell_failure(otr_publisher *p, const char *doing, outrider_err err, const outrider_diag *diag)
{
    if (err != OUTRIDER_OK) {
        otr_count(OTR_CELL_PUBLISH_FAILURES + OTR_PUBLISH_STORE);
        if (!p->is_failing)
            OTR_LOG(OTR_LOG_ERROR, "publish.failed", { "doing", doing }, { "error", diag->message },
                    { "effect", "what is in service goes on until its horizon, an hour at most; then senders get 503. It is tried again" });
    } else if (p->is_failing) {
        OTR_LOG(OTR_LOG_NOTICE, "publish.recovered", { "effect", "the store takes what is published again" });
    }
    p->is_failing = err != OUTRIDER_OK;
}

/* Whether the edition may be handed out in this run. */
static bool is_offered(const otr_own_domain *d, const otr_edition *e)
{
    return d->conf != NULL && e == d->serving;
}

/* What the store should say of one that is not handed out any more: the truth. */
static otr_time truth_of(const otr_edition *e)
{
    otr_time last = otr_edition_last(e);

    return e->owed > last ? e->owed : last;
}

static size_t count_editions(const otr_publisher *p)
{
    size_t count = 0;

    for (size_t i = 0; i < p->domain_count; i++)
        for (const otr_edition *e = p->domains[i].editions; e != NULL; e = e->next)
            count++;
    return count;
}

/* One write, and the editions that it is about. */
typedef struct times_list {
    otr_version_times *times; /* owned */
    otr_edition **editions;   /* owned */
    size_t count;
} times_list;

static bool make_list(const otr_publisher *p, times_list *list)
{
    size_t room = count_editions(p) + 1;

    *list = (times_list){ .times = calloc(room, sizeof(*list->times)), .editions = calloc(room, sizeof(*list->editions)) };
    return list->times != NULL && list->editions != NULL;
}

static void append(times_list *list, const otr_own_domain *d, otr_edition *e, otr_time horizon)
{
    list->editions[list->count] = e;
    list->times[list->count++] = (otr_version_times){ d->domain, e->v.id, otr_edition_last(e), horizon };
}

static void clear_list(times_list *list)
{
    free(list->times);
    free(list->editions);
}

/* What is offered gets a new horizon (`now` 0: it is offered no more), and what is not, the truth. Durable. */
static outrider_err write_horizons(otr_publisher *p, otr_time now, outrider_diag *diag)
{
    outrider_err err = OUTRIDER_OK;
    times_list list;

    if (!make_list(p, &list))
        err = otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    for (size_t i = 0; err == OUTRIDER_OK && i < p->domain_count; i++) {
        otr_own_domain *d = &p->domains[i];

        for (otr_edition *e = d->editions; e != NULL; e = e->next) {
            otr_time wanted = now > 0 && is_offered(d, e) ? otr_edition_horizon(e, now) : truth_of(e);

            if (e->is_stored && wanted != e->v.horizon)
                append(&list, d, e, wanted);
        }
    }
    if (err == OUTRIDER_OK && list.count > 0)
        err = otr_store_put_horizons(p->store, list.times, list.count, diag);
    for (size_t i = 0; err == OUTRIDER_OK && i < list.count; i++) {
        list.editions[i]->v.last = list.times[i].last;
        list.editions[i]->v.horizon = list.times[i].horizon;
        atomic_store(&list.editions[i]->served.horizon, list.times[i].horizon);
    }
    clear_list(&list);
    return err;
}

void otr_publisher_extend(otr_publisher *p, otr_time now)
{
    outrider_diag diag = { 0 };
    outrider_err err;
    bool is_due = false;

    for (size_t i = 0; !is_due && i < p->domain_count; i++) {
        const otr_own_domain *d = &p->domains[i];

        for (const otr_edition *e = d->editions; !is_due && e != NULL; e = e->next)
            is_due = is_offered(d, e) ? e->v.horizon - now < RENEW_S : e->is_stored && e->v.horizon != truth_of(e);
    }
    if (!is_due)
        return;
    err = write_horizons(p, now, &diag);
    otr_publisher_tell_failure(p, "renewing the time until which policies may be handed out", err, &diag);
    if (err == OUTRIDER_E_SYNTAX) /* somebody has taken versions out of the store: those that are served are put back */
        p->is_behind = true;
}

void otr_publisher_settle(otr_publisher *p)
{
    outrider_diag diag = { 0 };
    outrider_err err = write_horizons(p, 0, &diag);

    if (err != OUTRIDER_OK)
        OTR_LOG(OTR_LOG_ERROR, "publish.failed", { "doing", "writing when policies were last handed out" }, { "error", diag.message },
                { "effect", "exit clocks are longer than need be, by an hour at most" });
    otr_publisher_flush(p);
}

/* Without waiting for the disk: for the case that the machine dies there is the horizon. */
void otr_publisher_flush(otr_publisher *p)
{
    outrider_diag diag = { 0 };
    outrider_err err = OUTRIDER_OK;
    times_list list;

    if (!make_list(p, &list))
        err = otr_fail(&diag, OUTRIDER_E_NOMEM, "out of memory");
    for (size_t i = 0; err == OUTRIDER_OK && i < p->domain_count; i++)
        for (otr_edition *e = p->domains[i].editions; e != NULL; e = e->next)
            if (e->is_stored && otr_edition_last(e) > e->v.last)
                append(&list, &p->domains[i], e, 0);
    if (err == OUTRIDER_OK && list.count + p->tally->count > 0) {
        err = otr_store_note_fetches(p->store, list.times, list.count, p->tally->rows, p->tally->count, &diag);
        otr_publisher_tell_failure(p, "counting fetches", err, &diag);
        for (size_t i = 0; err == OUTRIDER_OK && i < list.count; i++)
            list.editions[i]->v.last = list.times[i].last;
        if (err == OUTRIDER_OK)
            otr_tally_reset(p->tally);
    }
    clear_list(&list);
}
