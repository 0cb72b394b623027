#include "base/clock.h"
#include "support/cmocka_all.h"

#include <time.h>

static void never_shows_less_than_its_floor(void **state)
{
    otr_clock clock;
    otr_time floor = time(NULL) + 86400;

    (void)state;
    otr_clock_init(&clock, floor);
    assert_in_range(otr_clock_now(&clock), floor, floor + 5);
    otr_clock_init(&clock, 0);
    assert_in_range(otr_clock_now(&clock), time(NULL) - 1, time(NULL) + 5);
}

/* A file may say anything, and a clock may have been years ahead when it was written. */
static void believes_a_floor_for_a_week(void **state)
{
    otr_time far[] = { time(NULL) + 8 * 86400, time(NULL) + INT64_C(10) * 365 * 86400, INT64_MAX };
    otr_clock clock;

    (void)state;
    for (size_t i = 0; i < sizeof(far) / sizeof(far[0]); i++) {
        otr_clock_init(&clock, far[i]);
        assert_in_range(otr_clock_now(&clock), time(NULL) + OTR_CLOCK_LEAD_MAX - 1, time(NULL) + OTR_CLOCK_LEAD_MAX + 5);
    }
}

static time_t wall_clock(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now); /* time() may lag by a tick */
    return now.tv_sec;
}

/* Over a whole second, as the clocks that it is made of tick over at different moments. */
static void agrees_with_the_wall_clock(void **state)
{
    const struct timespec pause = { .tv_nsec = 7000000 };
    otr_clock clock;

    (void)state;
    otr_clock_init(&clock, 0);
    for (int i = 0; i < 150; i++) {
        time_t before = wall_clock();
        otr_time now = otr_clock_now(&clock);

        assert_in_range(now, before, wall_clock());
        nanosleep(&pause, NULL);
    }
}

/* time() shows the last tick as well. */
static void is_at_most_a_tick_late_where_that_is_enough(void **state)
{
    const struct timespec pause = { .tv_nsec = 700000 };
    otr_clock_reading last = { 0 };
    otr_clock clock;
    otr_time shown = 0;

    (void)state;
    otr_clock_init(&clock, 0);
    for (int i = 0; i < 1500; i++) {
        time_t before = time(NULL);
        otr_time now = otr_clock_recent(&clock, &last);

        assert_in_range(now, before, wall_clock());
        assert_true(now >= shown);
        shown = now;
        nanosleep(&pause, NULL);
    }
}

static void stands_where_a_test_sets_it(void **state)
{
    otr_clock_reading last = { 0 };
    otr_clock clock;

    (void)state;
    otr_clock_init(&clock, 0);
    (void)otr_clock_recent(&clock, &last);
    otr_clock_set(&clock, 1000);
    assert_int_equal(otr_clock_now(&clock), 1000);
    assert_int_equal(otr_clock_recent(&clock, &last), 1000);
    otr_clock_set(&clock, 900);
    assert_int_equal(otr_clock_recent(&clock, &last), 900);
}

static void monotonic_readings_differ_by_a_tick_at_most(void **state)
{
    const struct timespec pause = { .tv_nsec = 700000 };

    (void)state;
    for (int i = 0; i < 100; i++) {
        int64_t recent = otr_monotonic_recent_ms(), exact = otr_monotonic_ms();

        assert_true(recent <= exact);
        assert_true(otr_monotonic_recent_ms() >= exact - 11); /* ms: a tick, and what two roundings differ by */
        nanosleep(&pause, NULL);
    }
}

static void prints_rfc_3339_and_spans(void **state)
{
    char text[OTR_TIME_TEXT];

    (void)state;
    assert_string_equal(otr_time_text(0, text), "1970-01-01T00:00:00Z");
    assert_string_equal(otr_time_text(1795471201, text), "2026-11-23T22:00:01Z");
    assert_string_equal(otr_span_text(59, text), "59s");
    assert_string_equal(otr_span_text(3600, text), "1h 0m");
    assert_string_equal(otr_span_text(90061, text), "1d 1h");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(never_shows_less_than_its_floor),
        cmocka_unit_test(believes_a_floor_for_a_week),
        cmocka_unit_test(agrees_with_the_wall_clock),
        cmocka_unit_test(is_at_most_a_tick_late_where_that_is_enough),
        cmocka_unit_test(stands_where_a_test_sets_it),
        cmocka_unit_test(monotonic_readings_differ_by_a_tick_at_most),
        cmocka_unit_test(prints_rfc_3339_and_spans),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
