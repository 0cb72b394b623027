/*
 * members.c - signs of life: ours, and those of the others; and `outrider fleet status`.
 */
#include "daemon/fleet/inside.h"

#include "base/log.h"
#include "daemon/control_reply.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define SKEW_TOLD 30 /* s; a clock that is wrong by more is told of */

/* "1764349362 0.1.0" */
static bool read_row(const redisReply *name, const redisReply *said, otr_fleet_member_row *row)
{
    char *end;

    if (name->type != REDIS_REPLY_STRING || said->type != REDIS_REPLY_STRING || !otr_fleet_is_member_name(name->str))
        return false;
    *row = (otr_fleet_member_row){ .seen_at = strtoll(said->str, &end, 10) };
    snprintf(row->name, sizeof(row->name), "%s", name->str);
    snprintf(row->version, sizeof(row->version), "%s", *end == ' ' ? end + 1 : "");
    for (char *at = row->version; *at != '\0'; at++)
        if (*at < ' ' || *at > '~')
            *at = '?';
    return row->seen_at > 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const otr_fleet_member_row *)a)->name, ((const otr_fleet_member_row *)b)->name);
}

static void take_members(otr_fleet *fleet, otr_time now, const redisReply *all)
{
    uint64_t there = 0;

    fleet->member_count = 0;
    for (size_t i = 0; i + 1 < all->elements && fleet->member_count < OTR_FLEET_MEMBERS_MAX; i += 2)
        fleet->member_count += read_row(all->element[i], all->element[i + 1], &fleet->members[fleet->member_count]);
    qsort(fleet->members, fleet->member_count, sizeof(fleet->members[0]), by_name);
    for (size_t i = 0; i < fleet->member_count; i++)
        there += fleet->members[i].seen_at + OTR_FLEET_GONE_S >= now;
    atomic_store_explicit(&fleet->shown.members, there, memory_order_relaxed);
}

/* Records of a member whose clock is ahead are refused by the others, and one that is behind is outranked: somebody should know. */
static void judge_clock(otr_fleet *fleet, otr_time theirs)
{
    otr_time before = fleet->clock_lag, lag = theirs - otr_clock_now(fleet->parts.clock);
    char span[OTR_TIME_TEXT];

    fleet->clock_lag = lag;
    if (llabs(lag) <= SKEW_TOLD || llabs(before) > SKEW_TOLD)
        return;
    OTR_LOG(OTR_LOG_WARNING, "fleet.clock", { "difference", otr_span_text(llabs(lag), span) },
            { "redis", lag > 0 ? "ahead" : "behind" }, { "do", "set the clocks right: of two policies the one fetched later counts" });
}

static void on_sign(void *arg, const redisReply *reply)
{
    otr_fleet *fleet = arg;
    otr_time now;

    if (!otr_fleet_is_status(reply, REDIS_REPLY_ARRAY) || reply->elements != 3 || reply->element[0]->type != REDIS_REPLY_STRING ||
        reply->element[1]->type != REDIS_REPLY_STRING || reply->element[2]->type != REDIS_REPLY_ARRAY)
        return;
    now = strtoll(reply->element[0]->str, NULL, 10);
    judge_clock(fleet, now);
    take_members(fleet, now, reply->element[2]);
    /* Fewer numbers than we have seen: it was emptied, or is another. */
    if (strtoull(reply->element[1]->str, NULL, 10) < fleet->pull.last)
        otr_pull_begin(fleet, true);
    else if (strtoull(reply->element[1]->str, NULL, 10) > fleet->pull.last)
        otr_pull_begin(fleet, false);
}

void otr_members_beat(otr_fleet *fleet)
{
    (void)otr_fleet_sign(fleet, on_sign, fleet);
}

static json_t *list_members(const otr_fleet *fleet)
{
    otr_time now = otr_clock_now(fleet->parts.clock) + fleet->clock_lag;
    json_t *list = json_array();

    for (size_t i = 0; i < fleet->member_count; i++) {
        const otr_fleet_member_row *row = &fleet->members[i];
        char seen[OTR_TIME_TEXT];

        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:b, s:b}", "name", row->name, "version", row->version,
                                              "seen_at", otr_time_text(row->seen_at, seen),
                                              "present", row->seen_at + OTR_FLEET_GONE_S >= now,
                                              "self", strcmp(row->name, fleet->member) == 0));
    }
    return list;
}

char *otr_members_describe(const otr_fleet *fleet)
{
    bool is_up = otr_link_look(fleet->commands) == OTR_LINK_UP;
    uint64_t synced_at = atomic_load_explicit(&fleet->shown.synced_at, memory_order_relaxed);
    char place[OTR_FLEET_PLACE_SIZE], synced[OTR_TIME_TEXT];
    json_t *answer = json_pack("{s:b, s:s, s:s, s:s, s:s*, s:s*, s:b, s:I, s:I, s:I, s:I, s:o}", "ok", 1,
                               "member", fleet->member,
                               "redis", otr_fleet_url_place(fleet->settings.url, place),
                               "state", otr_link_state_names[otr_link_look(fleet->commands)],
                               "error", is_up || fleet->down_why[0] == '\0' ? NULL : fleet->down_why,
                               "compared_at", synced_at == 0 ? NULL : otr_time_text((otr_time)synced_at, synced),
                               "comparing", fleet->push.is_under_way || fleet->pull.is_whole,
                               "sent", (json_int_t)fleet->sent,
                               "taken", (json_int_t)fleet->taken,
                               "refused", (json_int_t)fleet->rejected,
                               "clock_difference", (json_int_t)fleet->clock_lag,
                               "members", list_members(fleet));

    return otr_control_line(answer);
}
