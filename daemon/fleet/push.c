/*
 * push.c - offering what is here, as the second half of a comparison: kind after kind, in batches. Of each batch Redis is asked for the
 * ranks that it has, and gets what counts more. A Redis that was emptied is filled so by whoever comes first.
 */
#include "daemon/fleet/inside.h"

#include "base/log.h"
#include "daemon/metrics.h"
#include "store/store_fleet.h"

#include <stdio.h>

enum phase { OVERRIDES, EXCEPTIONS, REMOVALS, SIGHTINGS, POLICIES, PHASES };

static void go_on(otr_fleet *fleet);

static void clear_offers(struct otr_offers *offers)
{
    otr_offer *offer;

    while ((offer = STAILQ_FIRST(offers)) != NULL) {
        STAILQ_REMOVE_HEAD(offers, next);
        otr_offer_free(offer);
    }
}

void otr_push_clear(otr_fleet *fleet)
{
    clear_offers(&fleet->push.offers);
    clear_offers(&fleet->push.asked);
}

static void give_up(otr_fleet *fleet)
{
    otr_push_clear(fleet);
    fleet->push.is_under_way = false;
}

/* Comparing ------------------------------------------------------------------------------------------------------------- */

static void on_put(void *arg, const redisReply *reply)
{
    otr_fleet *fleet = arg;

    if (otr_fleet_is_status(reply, REDIS_REPLY_INTEGER) && reply->integer == 1) {
        fleet->sent++;
        otr_count(OTR_CELL_FLEET_RECORDS + OTR_FLEET_SENT);
    }
    if (--fleet->push.waiting > 0)
        return;
    if (reply == NULL)
        give_up(fleet);
    else
        go_on(fleet);
}

static bool counts_less(const redisReply *rank, const otr_offer *offer)
{
    return rank->type == REDIS_REPLY_STRING &&
           (rank->len != OTR_FLEET_RANK || otr_fleet_outranks(offer->octets.data, rank->str));
}

static void on_ranks(void *arg, const redisReply *reply)
{
    otr_fleet *fleet = arg;
    otr_push *push = &fleet->push;
    otr_offer *offer;
    size_t i = 0;

    if (!otr_fleet_is_status(reply, REDIS_REPLY_ARRAY)) {
        give_up(fleet);
        return;
    }
    push->waiting = 1; /* ourselves */
    STAILQ_FOREACH(offer, &push->asked, next) {
        if (i < reply->elements && counts_less(reply->element[i], offer) && otr_fleet_put(fleet, offer, on_put, fleet))
            push->waiting++;
        i++;
    }
    clear_offers(&push->asked);
    if (--push->waiting == 0)
        go_on(fleet);
}

static void compare_batch(otr_fleet *fleet)
{
    otr_push *push = &fleet->push;

    for (int i = 0; i < OTR_FLEET_BATCH && !STAILQ_EMPTY(&push->offers); i++) {
        otr_offer *offer = STAILQ_FIRST(&push->offers);

        STAILQ_REMOVE_HEAD(&push->offers, next);
        STAILQ_INSERT_TAIL(&push->asked, offer, next);
    }
    if (!otr_fleet_ask_ranks(fleet, &push->asked, on_ranks, fleet))
        give_up(fleet);
}

/* Reading --------------------------------------------------------------------------------------------------------------- */

static void add(otr_fleet *fleet, otr_fleet_record *record)
{
    otr_offer *offer = otr_offer_new(record);

    if (offer != NULL)
        STAILQ_INSERT_TAIL(&fleet->push.offers, offer, next);
    otr_fleet_record_clear(record);
}

static void add_override(void *arg, const otr_override *override)
{
    otr_fleet *fleet = arg;
    otr_fleet_record record;

    otr_fleet_record_of_override(&record, override, fleet->member);
    add(fleet, &record);
}

static void add_exception(void *arg, const otr_exception *exception)
{
    otr_fleet *fleet = arg;
    otr_fleet_record record;

    otr_fleet_record_of_exception(&record, exception, fleet->member);
    add(fleet, &record);
}

static void add_removal(void *arg, const otr_removal *removal)
{
    otr_fleet *fleet = arg;
    otr_fleet_record record;

    if (otr_fleet_record_of_name(&record, removal->name, removal->at, fleet->member)) {
        record.until = removal->until;
        record.uid = removal->uid;
        record.is_removal = record.kind != OTR_FLEET_ACCEPTED;
        add(fleet, &record);
    }
}

static void add_policy(void *arg, const otr_sts_entry *entry)
{
    otr_fleet *fleet = arg;
    otr_fleet_record record;

    if (otr_fleet_record_of_entry(&record, entry, fleet->member))
        add(fleet, &record);
}

static bool add_sightings(void *arg, const otr_dependant *dependant)
{
    otr_fleet *fleet = arg;

    for (size_t i = 0; i < dependant->sighting_count; i++) {
        otr_fleet_record record;

        if (otr_fleet_record_of_sighting(&record, &dependant->sightings[i], fleet->member))
            add(fleet, &record);
    }
    return true;
}

/* Some of the domains. *is_last: there are no more. */
static outrider_err read_sightings(otr_fleet *fleet, otr_time now, bool *is_last, outrider_diag *diag)
{
    char *from = fleet->push.from;
    outrider_err err = OUTRIDER_OK;

    for (int i = 0; i < OTR_FLEET_BATCH && err == OUTRIDER_OK && !*is_last; i++) {
        bool is_found;

        err = otr_store_next_sighted(fleet->parts.store, from, from, diag);
        *is_last = from[0] == '\0';
        if (err == OUTRIDER_OK && !*is_last)
            err = otr_store_dependant(fleet->parts.store, from, now, NULL, add_sightings, fleet, &is_found, diag);
        if (err == OUTRIDER_E_SYNTAX)
            err = OUTRIDER_OK; /* a row that cannot be believed is passed over */
    }
    return err;
}

/* What comes next. *is_last: nothing more of this kind. */
static outrider_err read_phase(otr_fleet *fleet, bool *is_last, outrider_diag *diag)
{
    otr_store *store = fleet->parts.store;
    otr_time now = otr_clock_now(fleet->parts.clock);
    unsigned count = 0;
    outrider_err err = OUTRIDER_OK;

    *is_last = true;
    switch ((enum phase)fleet->push.phase) {
    case OVERRIDES:
        otr_overrides_each(fleet->parts.overrides, now, add_override, fleet);
        break;
    case EXCEPTIONS:
        err = otr_store_each_exception(store, add_exception, fleet, diag);
        break;
    case REMOVALS:
        err = otr_store_each_removal(store, now, add_removal, fleet, diag);
        break;
    case SIGHTINGS:
        *is_last = false;
        err = read_sightings(fleet, now, is_last, diag);
        break;
    case POLICIES:
        err = otr_store_each_policy(store, now, fleet->push.from, OTR_FLEET_BATCH, add_policy, fleet, &count, diag);
        *is_last = count < OTR_FLEET_BATCH;
        break;
    case PHASES:
        break;
    }
    return err == OUTRIDER_E_SYNTAX ? OUTRIDER_OK : err;
}

static void finish(otr_fleet *fleet)
{
    otr_push *push = &fleet->push;
    char taken[24], sent[24];

    push->is_under_way = false;
    snprintf(taken, sizeof(taken), "%llu", (unsigned long long)fleet->taken);
    snprintf(sent, sizeof(sent), "%llu", (unsigned long long)fleet->sent);
    atomic_store_explicit(&fleet->shown.synced_at, (uint64_t)otr_clock_now(fleet->parts.clock), memory_order_relaxed);
    otr_count(OTR_CELL_FLEET_COMPARISONS);
    OTR_LOG(OTR_LOG_INFO, "fleet.compared", { "taken", taken }, { "sent", sent });
}

static void go_on(otr_fleet *fleet)
{
    otr_push *push = &fleet->push;
    outrider_diag diag = { 0 };

    while (STAILQ_EMPTY(&push->offers) && push->phase < PHASES) {
        bool is_last;

        if (read_phase(fleet, &is_last, &diag) != OUTRIDER_OK) {
            OTR_LOG(OTR_LOG_ERROR, "store.failed", { "doing", "telling the fleet what is here" }, { "error", diag.message },
                    { "effect", "tried again with the next comparison" });
            give_up(fleet);
            return;
        }
        if (is_last) {
            push->phase++;
            push->from[0] = '\0';
        }
    }
    if (STAILQ_EMPTY(&push->offers))
        finish(fleet);
    else
        compare_batch(fleet);
}

void otr_push_begin(otr_fleet *fleet)
{
    otr_push *push = &fleet->push;

    if (push->is_under_way)
        return;
    push->is_under_way = true;
    push->phase = 0;
    push->from[0] = '\0';
    go_on(fleet);
}
