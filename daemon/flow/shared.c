/*
 * shared.c - see shared.h.
 */
#include "daemon/flow/shared.h"

#include "base/log.h"
#include "daemon/flow/place.h"
#include "daemon/flow/record.h"
#include "daemon/flow/rest.h"
#include "store/store_fleet.h"

#include <stdio.h>

static void log_store(const otr_fleet_record *r, const char *why)
{
    OTR_LOG(OTR_LOG_ERROR, "store.failed", { "doing", "taking over from the fleet" }, { "domain", r->domain }, { "error", why },
            { "effect", "nothing has changed; tried again with the next comparison" });
}

/* After an error the comparison offers it again; what is too much here stays too much. */
static otr_shared_outcome outcome_of(outrider_err err, const otr_fleet_record *r, const outrider_diag *diag)
{
    if (err == OUTRIDER_OK)
        return OTR_SHARED_TAKEN;
    log_store(r, diag->message);
    return err == OUTRIDER_E_LIMIT ? OTR_SHARED_KNOWN : OTR_SHARED_LOST;
}

static bool outranks(const otr_fleet_record *a, const otr_fleet_record *b)
{
    char rank_a[OTR_FLEET_RANK + 1] = "", rank_b[OTR_FLEET_RANK + 1] = "";

    return otr_fleet_record_rank(a, rank_a) == OUTRIDER_OK && otr_fleet_record_rank(b, rank_b) == OUTRIDER_OK &&
           otr_fleet_outranks(rank_a, rank_b);
}

outrider_err otr_shared_removal(otr_store *store, const otr_fleet_record *record, otr_removal *removal, outrider_diag *diag)
{
    char name[OTR_FLEET_RECORD_NAME_SIZE];

    return otr_store_get_removal(store, otr_fleet_record_name(record, name), removal, diag);
}

otr_time otr_shared_stamp(otr_store *store, const otr_fleet_record *record, otr_time now, otr_time present)
{
    otr_removal removal = { 0 };

    if (otr_shared_removal(store, record, &removal, NULL) != OUTRIDER_OK)
        return otr_fleet_stamp(now, present); /* the store fails: what is said now will not be kept either */
    return otr_fleet_stamp(now, removal.at > present ? removal.at : present);
}

/* Policies ---------------------------------------------------------------------------------------------------------------- */

/* Nobody has asked for it here: it is put into the store, and found there. */
static otr_shared_outcome store_policy(otr_worker *worker, const otr_fleet_record *r)
{
    otr_sts_entry *known = NULL, *entry;
    outrider_diag diag = { .message = "out of memory" };
    outrider_err err = otr_store_get(worker->flow->store, r->domain, &known, &diag);

    if (err != OUTRIDER_OK && err != OUTRIDER_E_SYNTAX) /* a row that cannot be believed is replaced */
        return outcome_of(err, r, &diag);
    if (known != NULL && !otr_domain_is_newer(r, known)) {
        otr_sts_entry_unref(known);
        return OTR_SHARED_KNOWN;
    }
    entry = otr_fleet_record_to_entry(r, known);
    err = entry != NULL ? otr_store_put(worker->flow->store, entry, &diag) : OUTRIDER_E_NOMEM;
    otr_sts_entry_unref(entry);
    otr_sts_entry_unref(known);
    return outcome_of(err, r, &diag);
}

static otr_shared_outcome take_policy(otr_worker *worker, const otr_fleet_record *r)
{
    otr_domain *domain = otr_domain_find(worker, r->domain);
    outrider_diag diag = { .message = "out of memory" };

    if (otr_record_is_policy_held(worker, r->domain))
        return OTR_SHARED_KNOWN;
    if (domain == NULL || domain->entry == NULL)
        return store_policy(worker, r);
    if (!otr_domain_is_newer(r, domain->unsaved != NULL ? domain->unsaved : domain->entry))
        return OTR_SHARED_KNOWN;
    return otr_domain_take_shared(domain, r) ? OTR_SHARED_TAKEN : outcome_of(OUTRIDER_E_NOMEM, r, &diag);
}

/* Overrides --------------------------------------------------------------------------------------------------------------- */

static void log_override(const char *event, const otr_fleet_record *r)
{
    char until[OTR_TIME_TEXT];

    OTR_LOG(OTR_LOG_NOTICE, event, { "domain", r->domain }, { "level", r->is_removal ? NULL : otr_level_names[r->level] },
            { "until", otr_time_text(r->until, until) }, { "reason", r->is_removal ? NULL : r->reason }, { "member", r->by });
}

static void make_removal(const otr_fleet_record *r, otr_removal *removal)
{
    *removal = (otr_removal){ .at = r->at, .until = otr_fleet_record_end(r), .uid = r->uid };
    otr_fleet_record_name(r, removal->name);
}

static outrider_err change_override(const otr_worker *worker, const otr_fleet_record *r, bool is_there, outrider_diag *diag)
{
    otr_removal removal;
    otr_override o;

    make_removal(r, &removal);
    if (r->is_removal)
        return is_there ? otr_overrides_remove(worker->flow->overrides, r->domain, &removal, diag)
                        : otr_store_put_removal(worker->flow->store, &removal, diag);
    otr_fleet_record_to_override(r, &o);
    return otr_overrides_put(worker->flow->overrides, &o, diag);
}

/* Of what was said here, by whichever way, the last word; its time is 0: nothing was. */
static outrider_err find_override(const otr_worker *worker, const otr_fleet_record *r, otr_fleet_record *ours, bool *is_there,
                                  outrider_diag *diag)
{
    const char *member = otr_fleet_member(worker->flow->fleet);
    otr_removal removal = { 0 };
    otr_fleet_record gone;
    otr_override o;
    outrider_err err = otr_shared_removal(worker->flow->store, r, &removal, diag);

    *ours = (otr_fleet_record){ 0 };
    *is_there = otr_overrides_find(worker->flow->overrides, r->domain, otr_clock_now(worker->flow->clock), &o);
    if (*is_there)
        otr_fleet_record_of_override(ours, &o, member);
    if (err != OUTRIDER_OK || removal.at == 0 || !otr_fleet_record_of_name(&gone, removal.name, removal.at, member))
        return err;
    gone.is_removal = true;
    gone.until = removal.until;
    gone.uid = removal.uid;
    if (ours->at == 0 || outranks(&gone, ours))
        *ours = gone;
    return OUTRIDER_OK;
}

static void overrule(otr_worker *worker, const char *name)
{
    otr_domain *domain = otr_domain_find(worker, name);

    if (domain != NULL)
        otr_domain_overrule(domain);
}

static otr_shared_outcome take_override(otr_worker *worker, const otr_fleet_record *r)
{
    otr_fleet_record ours;
    outrider_diag diag = { 0 };
    bool is_there;
    outrider_err err = find_override(worker, r, &ours, &is_there, &diag);

    if (err != OUTRIDER_OK)
        return outcome_of(err, r, &diag);
    if (ours.at != 0 && !outranks(r, &ours)) {
        if (outranks(&ours, r))
            otr_fleet_share(worker->flow->fleet, &ours);
        return OTR_SHARED_KNOWN;
    }
    err = change_override(worker, r, is_there, &diag);
    if (err == OUTRIDER_OK && (is_there || !r->is_removal)) {
        overrule(worker, r->domain);
        log_override(r->is_removal ? "override.removed" : "override.added", r);
    }
    return outcome_of(err, r, &diag);
}

/* Roots ------------------------------------------------------------------------------------------------------------------- */

/* The operator has accepted, on another machine, what was held until then. */
static otr_shared_outcome take_acceptance(otr_worker *worker, const otr_fleet_record *r)
{
    otr_removal before = { 0 }, after;
    outrider_diag diag = { 0 };
    otr_hold hold;
    outrider_err err = otr_shared_removal(worker->flow->store, r, &before, &diag);

    if (err == OUTRIDER_OK && before.at >= r->at)
        return OTR_SHARED_KNOWN;
    if (err == OUTRIDER_OK && otr_holds_find(worker->flow->holds, r->domain, &hold) && hold.since <= r->at)
        err = otr_record_release(worker, r->domain, -1, r->by, &diag);
    if (err == OUTRIDER_OK) {
        make_removal(r, &after);
        err = otr_store_put_removal(worker->flow->store, &after, &diag);
    }
    return outcome_of(err, r, &diag);
}

static otr_shared_outcome take_sighting(otr_worker *worker, const otr_fleet_record *r)
{
    outrider_diag diag = { 0 };
    bool is_news = false;
    outrider_err err = otr_record_shared(worker, r, &is_news, &diag);

    return err == OUTRIDER_OK && !is_news ? OTR_SHARED_KNOWN : outcome_of(err, r, &diag);
}

void otr_shared_take(otr_worker *worker, otr_shared *shared)
{
    const otr_fleet_record *r = &shared->record;
    otr_shared_outcome outcome = OTR_SHARED_KNOWN;

    otr_rest_make_room(worker); /* what is spoken of wakes, perhaps */
    switch (r->kind) {
    case OTR_FLEET_POLICY:
        outcome = take_policy(worker, r);
        break;
    case OTR_FLEET_OVERRIDE:
        outcome = take_override(worker, r);
        break;
    case OTR_FLEET_ACCEPTED:
        outcome = take_acceptance(worker, r);
        break;
    case OTR_FLEET_SIGHTING:
        outcome = take_sighting(worker, r);
        break;
    case OTR_FLEET_EXCEPTION: /* the keeper's */
    case OTR_FLEET_KINDS:
        break;
    }
    otr_shared_return(shared, outcome);
}
