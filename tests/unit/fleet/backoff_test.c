/*
 * backoff_test.c - the wait before the next attempt: it doubles, has an end, and is not the same for all.
 */
#include "fleet/backoff.h"
#include "support/cmocka_all.h"

static void spans(void **state)
{
    static const struct {
        unsigned failures, most;
    } rows[] = { { 1, 250 }, { 2, 500 }, { 3, 1000 }, { 4, 2000 }, { 5, 4000 }, { 6, 8000 }, { 7, 8000 }, { 1000000, 8000 } };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        unsigned least = rows[i].most, most = 0;

        for (uint32_t chance = 0; chance < 20000; chance++) {
            unsigned ms = otr_backoff_ms(rows[i].failures, chance);

            least = ms < least ? ms : least;
            most = ms > most ? ms : most;
        }
        assert_int_equal(most, rows[i].most);
        assert_int_equal(least, rows[i].most / 2);
    }
    assert_in_range(otr_backoff_ms(3, UINT32_MAX), 500, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(spans) };

    return cmocka_run_group_tests_name("fleet/backoff", tests, NULL, NULL);
}
