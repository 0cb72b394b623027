/*
 * store_sweep.c - removing what has had its time.
 */
#include "store/store_publish.h"
#include "store/store_trust.h"

#include "store/store_work.h"

#define DAY ((otr_time)86400)

static void run_with(otr_work *w, enum otr_store_statement which, otr_time until)
{
    sqlite3_stmt *s = otr_work_take(w, which);

    otr_work_run(w, s, bind_number(s, 1, until));
}

static outrider_err sweep_decisions(otr_store *store, otr_time now, outrider_diag *diag)
{
    otr_work w;

    otr_work_begin(&w, store, OTR_WORK_WRITE, diag);
    run_with(&w, OTR_STORE_SWEEP, now);
    run_with(&w, OTR_STORE_SWEEP_OVERRIDES, now);
    run_with(&w, OTR_STORE_SWEEP_EXCEPTIONS, now);
    run_with(&w, OTR_STORE_SWEEP_REMOVALS, now);
    run_with(&w, OTR_STORE_SWEEP_VERSIONS, now - OTR_VERSION_DAYS * DAY);
    run_with(&w, OTR_STORE_SWEEP_PUBLICATIONS, now - OTR_VERSION_DAYS * DAY);
    return otr_work_end(&w);
}

/* Each part by itself, so that others may have their turn in between. */
static outrider_err sweep_observations(otr_store *store, enum otr_store_statement which, otr_time until,
                                       outrider_diag *diag)
{
    otr_work w;

    otr_work_begin(&w, store, OTR_WORK_OBSERVE, diag);
    run_with(&w, which, until);
    store->sightings = -1;
    store->fetches = -1;
    return otr_work_end(&w);
}

static outrider_err sweep_unused(otr_store *store, enum otr_store_statement which, outrider_diag *diag)
{
    otr_work w;

    otr_work_begin(&w, store, OTR_WORK_OBSERVE, diag);
    otr_work_run(&w, otr_work_take(&w, which), true);
    return otr_work_end(&w);
}

outrider_err otr_store_sweep(otr_store *store, otr_time now, outrider_diag *diag)
{
    otr_time renewed_after = now - OTR_SIGHTING_DAYS * DAY;
    outrider_err err = sweep_decisions(store, now, diag);

    if (err == OUTRIDER_OK)
        err = sweep_observations(store, OTR_STORE_SWEEP_SIGHTINGS, renewed_after, diag);
    if (err == OUTRIDER_OK)
        err = sweep_observations(store, OTR_STORE_SWEEP_DESTINATIONS, renewed_after, diag);
    if (err == OUTRIDER_OK)
        err = sweep_observations(store, OTR_STORE_SWEEP_FETCHES, now / DAY - OTR_FETCH_DAYS, diag);
    if (err == OUTRIDER_OK)
        err = sweep_unused(store, OTR_STORE_SWEEP_CHAINS, diag);
    if (err == OUTRIDER_OK)
        err = sweep_unused(store, OTR_STORE_SWEEP_CERTIFICATES, diag);
    return err;
}
