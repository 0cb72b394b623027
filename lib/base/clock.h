/*
 * clock.h - the time, which never runs backwards. Policies expire by wall time, and a clock that is set
 * back must not lengthen their lives (a machine whose clock was wrong, an attacker on NTP): once a time
 * was seen, later readings continue from it by the boot-time clock.
 *
 * Units: seconds since 1970-01-01 UTC. Threads: a clock may be read by any number of threads.
 * Tests set a clock with otr_clock_set(); it then stands still until it is set again.
 */
#ifndef OTR_BASE_CLOCK_H
#define OTR_BASE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdatomic.h>

typedef int64_t otr_time;

typedef struct otr_clock {
    _Atomic int64_t lead;  /* ns that we are ahead of the boot-time clock */
    _Atomic int64_t fixed; /* a time that a test has set; 0: none */
} otr_clock;

/*
 * How far ahead of the wall clock a floor is believed, in seconds. Without a bound, a wall clock that was wrong by years
 * for a moment would let every policy count as expired for years, also after it was mended.
 */
#define OTR_CLOCK_LEAD_MAX (7 * 86400)

/* Start a clock that never shows less than `floor` (the latest time a former run has seen; 0 if none). */
void otr_clock_init(otr_clock *clock, otr_time floor);
otr_time otr_clock_now(otr_clock *clock);

/*
 * The same, at most one tick of the kernel late (10 ms or less), without waiting for the processor's counter, as two exact readings
 * do: for who asks a hundred thousand times a second. `last` belongs to one thread; zero at first.
 */
typedef struct otr_clock_reading {
    int64_t tick; /* ns of the coarse monotonic clock */
    otr_time now;
} otr_clock_reading;

otr_time otr_clock_recent(otr_clock *clock, otr_clock_reading *last);
void otr_clock_set(otr_clock *clock, otr_time now);

/*
 * Milliseconds of the monotonic clock, for deadlines and lengths of time; "recent" is at most one tick of the kernel late, as above.
 * A deadline that was set by one of them is compared with the same: a tick lies between the two.
 */
int64_t otr_monotonic_ms(void);
int64_t otr_monotonic_recent_ms(void);

/* RFC 3339 in UTC, "2026-11-23T22:00:00Z"; room for the NUL included. */
#define OTR_TIME_TEXT 32
const char *otr_time_text(otr_time t, char text[OTR_TIME_TEXT]);

/* "3d 4h", "12m", "45s": a length of time for people. */
const char *otr_span_text(int64_t seconds, char text[OTR_TIME_TEXT]);

#endif
