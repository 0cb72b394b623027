/*
 * pace_test.c - the rules of politeness, by a clock of the test's own.
 */
#include "smtp/pace.h"
#include "support/cmocka_all.h"

#include <stdio.h>

#define HOSTS 40

static otr_address numbered(unsigned n)
{
    return (otr_address){ .family = n % 2 ? 4 : 6, .bytes = { 192, 0, 2, (uint8_t)n } };
}

static void the_first_may_start_at_once(void **state)
{
    otr_pace *pace = otr_pace_new(&(otr_pace_settings){ .at_once = 1, .gap_ms = 1000, .address_gap_ms = 1000 });
    otr_address a = numbered(1);

    (void)state;
    assert_int_equal(otr_pace_wait(pace, 5000), 0);
    assert_int_equal(otr_pace_wait_for(pace, &a, 5000), 0);
    otr_pace_free(pace);
    otr_pace_free(NULL);
}

static void never_two_at_one_address_and_a_gap_between(void **state)
{
    otr_pace *pace = otr_pace_new(&(otr_pace_settings){ .at_once = 9, .gap_ms = 0, .address_gap_ms = 1000 });
    otr_address a = numbered(1), b = numbered(2);
    otr_address a_as_v6 = { .family = 6, .bytes = { 192, 0, 2, 1 } };

    (void)state;
    assert_true(otr_pace_begin(pace, &a, 100));
    assert_int_equal(otr_pace_wait_for(pace, &a, 100), OTR_PACE_NEVER);
    assert_int_equal(otr_pace_wait_for(pace, &b, 100), 0);
    assert_int_equal(otr_pace_wait_for(pace, &a_as_v6, 100), 0);
    otr_pace_end(pace, &a, 300);
    assert_int_equal(otr_pace_wait_for(pace, &a, 300), 1000);
    assert_int_equal(otr_pace_wait_for(pace, &a, 1299), 1);
    assert_int_equal(otr_pace_wait_for(pace, &a, 1300), 0);
    assert_true(otr_pace_begin(pace, &a, 1300));
    otr_pace_free(pace);
}

static void no_more_at_once_than_allowed(void **state)
{
    otr_pace *pace = otr_pace_new(&(otr_pace_settings){ .at_once = 2, .gap_ms = 0, .address_gap_ms = 0 });
    otr_address a = numbered(1), b = numbered(2);

    (void)state;
    assert_true(otr_pace_begin(pace, &a, 0));
    assert_int_equal(otr_pace_wait(pace, 0), 0);
    assert_true(otr_pace_begin(pace, &b, 0));
    assert_int_equal(otr_pace_wait(pace, 1000000), OTR_PACE_NEVER);
    otr_pace_end(pace, &a, 1000000);
    assert_int_equal(otr_pace_wait(pace, 1000000), 0);
    otr_pace_free(pace);
}

/* Many starts: each gap within its bounds, their sum that of the rate, and not all alike. */
static void starts_are_spread(void **state)
{
    otr_pace *pace = otr_pace_new(&(otr_pace_settings){ .at_once = HOSTS, .gap_ms = 200, .address_gap_ms = 0, .seed = 7 });
    int64_t now = 0, least = INT64_MAX, most = 0;

    (void)state;
    for (unsigned i = 0; i < HOSTS; i++) {
        otr_address a = numbered(i);
        int64_t gap;

        assert_true(otr_pace_begin(pace, &a, now));
        gap = i + 1 < HOSTS ? otr_pace_wait(pace, now) : 200;
        if (gap < 100 || gap > 300)
            fail_msg("start %u: a gap of %lld ms, want 100 to 300", i, (long long)gap);
        least = gap < least ? gap : least;
        most = gap > most ? gap : most;
        now += gap;
    }
    if (now < HOSTS * 150 || now > HOSTS * 250 || most - least < 50)
        fail_msg("%d starts in %lld ms, gaps from %lld to %lld", HOSTS, (long long)now, (long long)least, (long long)most);
    otr_pace_free(pace);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_may_start_at_once),
        cmocka_unit_test(never_two_at_one_address_and_a_gap_between),
        cmocka_unit_test(no_more_at_once_than_allowed),
        cmocka_unit_test(starts_are_spread),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
