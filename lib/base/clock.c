/*
 * clock.c - wall time held up by the boot-time clock.
 */
#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#define SECOND INT64_C(1000000000) /* in nanoseconds */
#define MILLISECOND INT64_C(1000000)

/* Nanoseconds: two clocks tick over at different moments, and a lead in whole seconds would gain one by that. */
static int64_t read_clock(clockid_t id)
{
    struct timespec ts;

    clock_gettime(id, &ts);
    return ts.tv_sec * SECOND + ts.tv_nsec;
}

void otr_clock_init(otr_clock *clock, otr_time floor)
{
    int64_t wall = read_clock(CLOCK_REALTIME);
    int64_t boot = read_clock(CLOCK_BOOTTIME);

    floor = floor < 0 ? 0 : floor > wall / SECOND + OTR_CLOCK_LEAD_MAX ? wall / SECOND + OTR_CLOCK_LEAD_MAX : floor;
    atomic_init(&clock->lead, (wall > floor * SECOND ? wall : floor * SECOND) - boot);
    atomic_init(&clock->fixed, 0);
}

otr_time otr_clock_now(otr_clock *clock)
{
    int64_t fixed = atomic_load_explicit(&clock->fixed, memory_order_relaxed);
    int64_t boot, wall, lead;

    if (fixed != 0)
        return fixed;
    /* In this order: a pause between the two makes the lead look smaller, which changes nothing. */
    wall = read_clock(CLOCK_REALTIME);
    boot = read_clock(CLOCK_BOOTTIME);
    lead = atomic_load_explicit(&clock->lead, memory_order_relaxed);
    /* The lead only grows: a wall clock set forward is believed, one set back is not. */
    while (wall - boot > lead &&
           !atomic_compare_exchange_weak_explicit(&clock->lead, &lead, wall - boot, memory_order_relaxed,
                                                  memory_order_relaxed))
        ;
    return (boot + (wall - boot > lead ? wall - boot : lead)) / SECOND;
}

otr_time otr_clock_recent(otr_clock *clock, otr_clock_reading *last)
{
    int64_t tick = read_clock(CLOCK_MONOTONIC_COARSE);

    if (tick != last->tick || atomic_load_explicit(&clock->fixed, memory_order_relaxed) != 0)
        *last = (otr_clock_reading){ tick, otr_clock_now(clock) };
    return last->now;
}

int64_t otr_monotonic_ms(void)
{
    return read_clock(CLOCK_MONOTONIC) / MILLISECOND;
}

int64_t otr_monotonic_recent_ms(void)
{
    return read_clock(CLOCK_MONOTONIC_COARSE) / MILLISECOND;
}

void otr_clock_set(otr_clock *clock, otr_time now)
{
    atomic_store(&clock->fixed, now);
}

const char *otr_time_text(otr_time t, char text[OTR_TIME_TEXT])
{
    time_t seconds = (time_t)t;
    struct tm tm;

    if (gmtime_r(&seconds, &tm) == NULL || strftime(text, OTR_TIME_TEXT, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        snprintf(text, OTR_TIME_TEXT, "1970-01-01T00:00:00Z");
    return text;
}

const char *otr_span_text(int64_t seconds, char text[OTR_TIME_TEXT])
{
    if (seconds >= 86400)
        snprintf(text, OTR_TIME_TEXT, "%" PRId64 "d %" PRId64 "h", seconds / 86400, seconds % 86400 / 3600);
    else if (seconds >= 3600)
        snprintf(text, OTR_TIME_TEXT, "%" PRId64 "h %" PRId64 "m", seconds / 3600, seconds % 3600 / 60);
    else if (seconds >= 60)
        snprintf(text, OTR_TIME_TEXT, "%" PRId64 "m", seconds / 60);
    else
        snprintf(text, OTR_TIME_TEXT, "%" PRId64 "s", seconds);
    return text;
}
