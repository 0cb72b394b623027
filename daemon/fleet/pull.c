/*
 * pull.c - taking what Redis has: the names behind the last number that we have seen, their ranks, the records of those that count more
 * than what is here, each to the thread that owns what it is about; and when all of them have come back, the next names. So a member that has been away for long takes what it has missed
 * as fast as it can store it, and no faster.
 *
 * All of it was written by another machine. What cannot be read is refused, told, and removed, if it is none of a newer Outrider's.
 */
#include "daemon/fleet/inside.h"

#include "base/clock.h"
#include "base/log.h"
#include "daemon/metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define TELL_EVERY_MS 10000 /* of what was refused: one line, and how many there were */

static void ask_names(otr_fleet *fleet);

void otr_shared_free(otr_shared *shared)
{
    if (shared == NULL)
        return;
    otr_fleet_record_clear(&shared->record);
    free(shared);
}

void otr_shared_return(otr_shared *shared, otr_shared_outcome outcome)
{
    shared->outcome = outcome;
    otr_mailbox_post(shared->reply_to, &shared->mail);
}

/* The end -------------------------------------------------------------------------------------------------------------- */

static void finish(otr_fleet *fleet, bool is_complete)
{
    otr_pull *pull = &fleet->pull;
    bool was_whole = pull->is_whole;

    pull->is_under_way = false;
    if (!is_complete)
        return;
    pull->is_whole = false;
    if (pull->is_wanted) {
        pull->is_wanted = false;
        otr_pull_begin(fleet, was_whole);
    } else if (was_whole) {
        otr_push_begin(fleet);
    }
}

/* One record ------------------------------------------------------------------------------------------------------------ */

static void refuse(otr_fleet *fleet, const char *name, const char *why, const redisReply *value, bool is_to_go)
{
    int64_t now = otr_monotonic_recent_ms();
    char count[16];

    fleet->rejected++;
    otr_count(OTR_CELL_FLEET_RECORDS + OTR_FLEET_REJECTED);
    fleet->pull.has_lost |= is_to_go; /* what we have in its place is offered with a comparison soon */
    if (is_to_go && value->type == REDIS_REPLY_STRING)
        (void)otr_fleet_forget(fleet, name, (otr_slice){ value->str, (size_t)value->len });
    fleet->untold_rejects++;
    if (fleet->told_reject_ms != 0 && now < fleet->told_reject_ms + TELL_EVERY_MS)
        return;
    fleet->told_reject_ms = now;
    snprintf(count, sizeof(count), "%u", fleet->untold_rejects);
    fleet->untold_rejects = 0;
    OTR_LOG(OTR_LOG_WARNING, "fleet.record.refused", { "name", name }, { "error", why }, { "records", count },
            { "effect", is_to_go ? "none: it is removed, and what is known here goes on" : "none: what is known here goes on" },
            { "do", "find out who writes to this Redis (docs/fleet.md)" });
}

static void send_on(otr_fleet *fleet, otr_fleet_record *record)
{
    otr_shared *shared = calloc(1, sizeof(*shared));

    if (shared == NULL) {
        fleet->pull.has_lost = true;
        otr_fleet_record_clear(record);
        return;
    }
    shared->mail.kind = OTR_MAIL_SHARED;
    shared->reply_to = &fleet->box;
    shared->record = *record;
    fleet->pull.waiting++;
    fleet->parts.deliver(fleet->parts.deliver_arg, shared);
}

static void take_record(otr_fleet *fleet, const char *name, const redisReply *value)
{
    otr_time now = otr_clock_now(fleet->parts.clock);
    char itself[OTR_FLEET_RECORD_NAME_SIZE];
    otr_fleet_record record;
    outrider_diag diag = { .message = "it is no string" };
    outrider_err err = OUTRIDER_E_SYNTAX;

    if (value->type == REDIS_REPLY_STRING)
        err = otr_fleet_record_read(value->str, (size_t)value->len, now, &record, &diag);
    if (err == OUTRIDER_E_NOMEM)
        fleet->pull.has_lost = true;
    else if (err != OUTRIDER_OK)
        refuse(fleet, name, diag.message, value, err != OUTRIDER_E_CONFIG);
    if (err != OUTRIDER_OK)
        return;
    if (strcmp(otr_fleet_record_name(&record, itself), name) != 0) {
        refuse(fleet, name, "it is the record of something else", value, true);
        otr_fleet_record_clear(&record);
    } else if (otr_fleet_record_end(&record) <= now) {
        otr_fleet_record_clear(&record);
    } else {
        send_on(fleet, &record);
    }
}

/* A batch -------------------------------------------------------------------------------------------------------------- */

static void next_batch(otr_fleet *fleet)
{
    fleet->pull.last = fleet->pull.high;
    ask_names(fleet);
}

static void on_records(void *arg, const redisReply *reply)
{
    otr_fleet *fleet = arg;
    otr_pull *pull = &fleet->pull;

    if (!otr_fleet_is_status(reply, REDIS_REPLY_ARRAY) || reply->elements != pull->count) {
        finish(fleet, false);
        return;
    }
    pull->waiting = 1; /* ourselves: a thread may be quicker than this loop */
    for (size_t i = 0; i < pull->count; i++) {
        if (reply->element[i]->type == REDIS_REPLY_NIL) /* it has ended, or it is of another type */
            (void)otr_fleet_forget(fleet, pull->names[i], (otr_slice){ "", 0 });
        else
            take_record(fleet, pull->names[i], reply->element[i]);
    }
    if (--pull->waiting == 0)
        next_batch(fleet);
}

void otr_pull_acknowledged(otr_fleet *fleet, otr_shared *shared)
{
    otr_pull *pull = &fleet->pull;

    if (shared->outcome == OTR_SHARED_TAKEN) {
        fleet->taken++;
        otr_count(OTR_CELL_FLEET_RECORDS + OTR_FLEET_TAKEN);
    } else if (shared->outcome == OTR_SHARED_LOST) {
        pull->has_lost = true;
        otr_count(OTR_CELL_FLEET_RECORDS + OTR_FLEET_LOST);
    }
    otr_shared_free(shared);
    if (--pull->waiting == 0)
        next_batch(fleet);
}

/* Of what is known already nothing but the rank is asked for. */
static void on_ranks(void *arg, const redisReply *reply)
{
    otr_fleet *fleet = arg;
    otr_pull *pull = &fleet->pull;
    size_t left = 0;

    if (!otr_fleet_is_status(reply, REDIS_REPLY_ARRAY) || reply->elements != pull->count) {
        finish(fleet, false);
        return;
    }
    for (size_t i = 0; i < pull->count; i++) {
        const redisReply *rank = reply->element[i];

        if (rank->type == REDIS_REPLY_STRING && rank->len == OTR_FLEET_RANK && otr_fleet_is_known(fleet, pull->names[i], rank->str))
            continue;
        if (left != i)
            memcpy(pull->names[left], pull->names[i], sizeof(pull->names[i]));
        left++;
    }
    pull->count = left;
    if (left == 0)
        next_batch(fleet);
    else if (!otr_fleet_ask_records(fleet, on_records, fleet))
        finish(fleet, false);
}

/* A number that is one of ours: whole, and not beyond what a sorted set keeps exactly. */
static bool is_number(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_STRING && reply->len > 0 && reply->len <= 15 &&
           strspn(reply->str, "0123456789") == (size_t)reply->len;
}

/* name, number, name, number ..., rising. False: this is no such list. */
static bool take_names(otr_fleet *fleet, const redisReply *reply)
{
    otr_pull *pull = &fleet->pull;

    pull->count = 0;
    pull->high = pull->last;
    for (size_t i = 0; i + 1 < reply->elements && i / 2 < OTR_FLEET_BATCH; i += 2) {
        const redisReply *name = reply->element[i], *number = reply->element[i + 1];

        if (name->type != REDIS_REPLY_STRING)
            return false;
        if (!is_number(number))
            (void)otr_fleet_drop_name(fleet, name->str);
        else
            pull->high = strtoull(number->str, NULL, 10);
        if (is_number(number) && name->len > 0 && name->len < OTR_FLEET_RECORD_NAME_SIZE &&
            memchr(name->str, '\0', (size_t)name->len) == NULL)
            memcpy(pull->names[pull->count++], name->str, (size_t)name->len + 1);
    }
    return true;
}

static void on_names(void *arg, const redisReply *reply)
{
    otr_fleet *fleet = arg;
    otr_pull *pull = &fleet->pull;

    if (!otr_fleet_is_status(reply, REDIS_REPLY_ARRAY) || !take_names(fleet, reply)) {
        finish(fleet, false);
        return;
    }
    if (reply->elements == 0 || pull->high <= pull->last) { /* nothing that has a proper number, or we would never come to an end */
        finish(fleet, true);
        return;
    }
    if (pull->count == 0)
        next_batch(fleet);
    else if (!otr_fleet_ask_pulled_ranks(fleet, on_ranks, fleet))
        finish(fleet, false);
}

static void ask_names(otr_fleet *fleet)
{
    if (!otr_fleet_ask_names(fleet, fleet->pull.last, on_names, fleet))
        finish(fleet, false);
}

void otr_pull_begin(otr_fleet *fleet, bool is_whole)
{
    otr_pull *pull = &fleet->pull;

    if (pull->is_under_way) {
        pull->is_wanted = true;
        pull->is_whole |= is_whole;
        return;
    }
    pull->is_under_way = true;
    pull->is_whole |= is_whole;
    if (is_whole) {
        pull->last = 0;
        pull->has_lost = false;
    }
    ask_names(fleet);
}
