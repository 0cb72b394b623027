/*
 * connections.c - the two connections to Redis: one for questions, which tells whether it is there, and one that is told of changes.
 */
#include "daemon/fleet/inside.h"

#include "base/clock.h"
#include "base/log.h"
#include "daemon/metrics.h"

#include <stdio.h>

#define TELL_EVERY_MS 60000  /* of questions that Redis refuses */
#define TELL_DOWN_MOST 3     /* reasons of one outage that are told of; after that one in TELL_DOWN_MS */
#define TELL_DOWN_MS 600000

static void on_up(void *arg)
{
    otr_fleet *fleet = arg;
    char place[OTR_FLEET_PLACE_SIZE];

    OTR_LOG(OTR_LOG_NOTICE, "fleet.up", { "redis", otr_fleet_url_place(fleet->settings.url, place) }, { "member", fleet->member });
    fleet->told_down = 0;
    fleet->compare_after_ms = otr_monotonic_recent_ms() + OTR_FLEET_COMPARE_S * 1000;
    atomic_store(&fleet->shown.is_up, true);
    otr_members_beat(fleet);
    otr_pull_begin(fleet, true);
}

static void on_down(void *arg, const char *why)
{
    otr_fleet *fleet = arg;
    char place[OTR_FLEET_PLACE_SIZE];
    int64_t now = otr_monotonic_recent_ms();
    bool is_news;

    atomic_store(&fleet->shown.is_up, false);
    otr_count(OTR_CELL_FLEET_LOSSES);
    atomic_store_explicit(&fleet->shown.members, 0, memory_order_relaxed);
    is_news = fleet->told_down == 0 || strcmp(fleet->down_why, why) != 0;
    snprintf(fleet->down_why, sizeof(fleet->down_why), "%s", why);
    if (!is_news || (fleet->told_down >= TELL_DOWN_MOST && now < fleet->told_down_ms + TELL_DOWN_MS))
        return;
    fleet->told_down++;
    fleet->told_down_ms = now;
    OTR_LOG(OTR_LOG_WARNING, "fleet.down", { "redis", otr_fleet_url_place(fleet->settings.url, place) }, { "error", why },
            { "effect", "this member goes on alone with what it has, and catches up later" });
}

static void on_refused(void *arg, const char *error)
{
    otr_fleet *fleet = arg;
    int64_t now = otr_monotonic_recent_ms();
    otr_buf clean = OTR_BUF_INIT;

    if (fleet->told_refusal_ms != 0 && now < fleet->told_refusal_ms + TELL_EVERY_MS)
        return;
    fleet->told_refusal_ms = now;
    otr_buf_put_printable(&clean, error, 200);
    OTR_LOG(OTR_LOG_ERROR, "fleet.refused", { "error", otr_buf_text(&clean) },
            { "do", "let our user do what docs/fleet.md lists, on keys and channel of our prefix" });
    otr_buf_clear(&clean);
}

static void on_news_up(void *arg)
{
    (void)otr_fleet_subscribe(arg);
}

/* Without it changes are found by the beat; the other connection tells when Redis is away. */
static void on_news_down(void *arg, const char *why)
{
    (void)arg;
    (void)why;
}

static void on_message(void *arg, const redisReply *reply)
{
    (void)reply; /* whatever it says: there is something behind the last number */
    otr_pull_begin(arg, false);
}

outrider_err otr_fleet_connect(otr_fleet *fleet)
{
    static const otr_link_events commands = { on_up, on_down, on_refused, NULL };
    static const otr_link_events news = { on_news_up, on_news_down, on_refused, on_message };

    fleet->commands = otr_link_new(fleet->base, &fleet->settings, &commands, fleet);
    fleet->news = otr_link_new(fleet->base, &fleet->settings, &news, fleet);
    return fleet->commands != NULL && fleet->news != NULL ? OUTRIDER_OK : OUTRIDER_E_NOMEM;
}
