/*
 * shared.c - exceptions between the members of a fleet. What was said last counts, on whichever machine (lib/fleet/record.h).
 */
#include "base/diag.h"
#include "base/log.h"
#include "daemon/flow/shared.h"
#include "daemon/keeper/inside.h"

#include <stdio.h>
#include <stdlib.h>

/* Telling ------------------------------------------------------------------------------------------------------------- */

void otr_keeper_share(const otr_keeper *keeper, const otr_change *change)
{
    const char *member = otr_fleet_member(keeper->fleet);
    otr_fleet_record record;

    for (size_t i = 0; i < change->added.count; i++) {
        otr_fleet_record_of_exception(&record, &change->added.list[i], member);
        otr_fleet_share(keeper->fleet, &record);
    }
    for (size_t i = 0; change->removals != NULL && i < change->dropped.count; i++) {
        otr_fleet_record_of_exception(&record, &change->dropped.list[i], member);
        record.is_removal = true;
        record.at = change->removals[i].at;
        record.uid = change->removals[i].uid;
        otr_fleet_share(keeper->fleet, &record);
    }
}

/* Taking over --------------------------------------------------------------------------------------------------------- */

static bool is_other(const void *arg, const otr_exception *e)
{
    const otr_fleet_record *r = arg;

    return strcmp(e->root, r->root) != 0 || strcmp(e->domain, r->domain) != 0;
}

static bool is_same(const void *arg, const otr_exception *e)
{
    return !is_other(arg, e);
}

static bool outranks(const otr_fleet_record *a, const otr_fleet_record *b)
{
    char rank_a[OTR_FLEET_RANK + 1] = "", rank_b[OTR_FLEET_RANK + 1] = "";

    return otr_fleet_record_rank(a, rank_a) == OUTRIDER_OK && otr_fleet_record_rank(b, rank_b) == OUTRIDER_OK &&
           otr_fleet_outranks(rank_a, rank_b);
}

/* Our last word about it; its time is 0: none. */
static outrider_err find_ours(const otr_keeper *keeper, const otr_fleet_record *r, otr_fleet_record *ours, outrider_diag *diag)
{
    const char *member = otr_fleet_member(keeper->fleet);
    const otr_exception *known = otr_exceptions_find(&keeper->exceptions, r->root, r->domain);
    otr_removal removal = { 0 };
    otr_fleet_record gone;
    outrider_err err = otr_shared_removal(keeper->store, r, &removal, diag);

    *ours = (otr_fleet_record){ 0 };
    if (known != NULL)
        otr_fleet_record_of_exception(ours, known, member);
    if (err != OUTRIDER_OK || removal.at == 0 || !otr_fleet_record_of_name(&gone, removal.name, removal.at, member))
        return err;
    gone.is_removal = true;
    gone.until = removal.until;
    gone.uid = removal.uid;
    if (ours->at == 0 || outranks(&gone, ours)) {
        otr_fleet_record_clear(ours);
        *ours = gone;
    }
    return OUTRIDER_OK;
}

static outrider_err note_removal(otr_change *change, const otr_fleet_record *r)
{
    change->removals = calloc(1, sizeof(*change->removals));
    if (change->removals == NULL)
        return OUTRIDER_E_NOMEM;
    *change->removals = (otr_removal){ .at = r->at, .until = r->until, .uid = r->uid };
    otr_fleet_record_name(r, change->removals->name);
    return OUTRIDER_OK;
}

static outrider_err prepare(const otr_keeper *keeper, const otr_fleet_record *r, otr_change *change, outrider_diag *diag)
{
    outrider_err err = otr_exceptions_copy(&keeper->exceptions, is_other, r, &change->exceptions);
    otr_exception e;

    if (err == OUTRIDER_OK && r->is_removal) {
        err = otr_exceptions_copy(&keeper->exceptions, is_same, r, &change->dropped);
        if (err == OUTRIDER_OK)
            err = note_removal(change, r);
    } else if (err == OUTRIDER_OK) {
        otr_fleet_record_to_exception(r, &e);
        err = otr_exceptions_insert(&change->exceptions, &e);
        if (err == OUTRIDER_OK)
            err = otr_exceptions_insert(&change->added, &e);
        otr_exception_clear(&e);
    }
    if (err != OUTRIDER_OK)
        return otr_fail(diag, err, "out of memory");
    if (change->exceptions.count > OTR_EXCEPTIONS_MAX)
        return otr_fail(diag, OUTRIDER_E_LIMIT, "there would be more than %d exceptions", OTR_EXCEPTIONS_MAX);
    return otr_change_compile(keeper, change, otr_clock_now(keeper->clock), diag);
}

static void log_change(const otr_change *change, const char *member)
{
    const otr_exceptions *list = change->removals != NULL ? &change->dropped : &change->added;

    for (size_t i = 0; i < list->count; i++) {
        const otr_exception *e = &list->list[i];
        char name[OTR_CERT_NAME_SIZE], until[OTR_TIME_TEXT];

        OTR_LOG(OTR_LOG_NOTICE, change->removals != NULL ? "trust.removed" : "trust.added", { "domain", e->domain },
                { "root", otr_cert_name(e->cert, name) }, { "sha256", e->root }, { "until", otr_time_text(e->until, until) },
                { "reason", e->reason }, { "member", member });
    }
}

/* It is in force, or waits for the resolver threads, when this returns OUTRIDER_OK. */
static outrider_err change(otr_keeper *keeper, const otr_fleet_record *r, outrider_diag *diag)
{
    otr_change *made = otr_change_new();
    outrider_err err = made != NULL ? prepare(keeper, r, made, diag) : otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");

    if (err == OUTRIDER_OK)
        err = otr_change_make(keeper, made, diag);
    if (err == OUTRIDER_OK)
        log_change(made, r->by);
    else
        otr_change_free(made);
    return err;
}

/* A removal of what is not here is remembered, and changes nothing. */
static outrider_err apply(otr_keeper *keeper, const otr_fleet_record *r, outrider_diag *diag)
{
    otr_removal removal = { .at = r->at, .until = r->until, .uid = r->uid };

    if (!r->is_removal || otr_exceptions_find(&keeper->exceptions, r->root, r->domain) != NULL)
        return change(keeper, r, diag);
    otr_fleet_record_name(r, removal.name);
    return otr_store_put_removal(keeper->store, &removal, diag);
}

static otr_shared_outcome take(otr_keeper *keeper, const otr_fleet_record *r)
{
    otr_fleet_record ours;
    outrider_diag diag = { 0 };
    outrider_err err = find_ours(keeper, r, &ours, &diag);
    bool is_known = ours.at != 0 && !outranks(r, &ours);

    if (err == OUTRIDER_OK && is_known && outranks(&ours, r))
        otr_fleet_share(keeper->fleet, &ours);
    otr_fleet_record_clear(&ours);
    if (err == OUTRIDER_OK && is_known)
        return OTR_SHARED_KNOWN;
    if (err == OUTRIDER_OK)
        err = apply(keeper, r, &diag);
    if (err == OUTRIDER_OK)
        return OTR_SHARED_TAKEN;
    OTR_LOG(OTR_LOG_ERROR, "trust.failed", { "doing", "taking over from the fleet" }, { "domain", r->domain },
            { "error", diag.message }, { "effect", "nothing has changed; tried again with the next comparison" });
    return err == OUTRIDER_E_LIMIT || err == OUTRIDER_E_SYNTAX ? OTR_SHARED_KNOWN : OTR_SHARED_LOST;
}

bool otr_keeper_take_shared(otr_keeper *keeper)
{
    otr_shared *shared;

    while (keeper->change == NULL && (shared = STAILQ_FIRST(&keeper->shared)) != NULL) {
        STAILQ_REMOVE_HEAD(&keeper->shared, in_queue);
        otr_shared_return(shared, take(keeper, &shared->record));
    }
    return keeper->change != NULL;
}
