/* tally_test.c - fetches add up, and strangers cannot make a tally grow without bound. */
#include "daemon/publish/tally.h"
#include "support/cmocka_all.h"

#include <stdio.h>
#include <string.h>

static uint64_t count_of(const otr_tally *tally, const char *domain, int64_t day, const char *network)
{
    uint64_t count = 0;

    for (size_t i = 0; i < tally->count; i++)
        if (tally->rows[i].day == day && strcmp(tally->rows[i].domain, domain) == 0 && strcmp(tally->rows[i].network, network) == 0)
            count += tally->rows[i].count;
    return count;
}

static void fetches_add_up(void **state)
{
    otr_tally *tally = otr_tally_new(), *all = otr_tally_new();

    (void)state;
    otr_tally_add(tally, "a.example", 1, "192.0.2.0/24", 1);
    otr_tally_add(tally, "a.example", 1, "192.0.2.0/24", 2);
    otr_tally_add(tally, "a.example", 2, "192.0.2.0/24", 4);
    otr_tally_add(tally, "b.example", 1, "192.0.2.0/24", 8);
    otr_tally_add(tally, "a.example", 1, OTR_FETCH_OTHER, 16);
    assert_int_equal(tally->count, 4);
    otr_tally_merge(all, tally);
    otr_tally_merge(all, tally);
    assert_int_equal(all->count, 4);
    assert_int_equal(count_of(all, "a.example", 1, "192.0.2.0/24"), 6);
    assert_int_equal(count_of(all, "a.example", 2, "192.0.2.0/24"), 8);
    assert_int_equal(count_of(all, "b.example", 1, "192.0.2.0/24"), 16);
    assert_int_equal(count_of(all, "a.example", 1, OTR_FETCH_OTHER), 32);
    otr_tally_reset(all);
    assert_int_equal(all->count, 0);
    otr_tally_add(all, "a.example", 1, "192.0.2.0/24", 1);
    assert_int_equal(count_of(all, "a.example", 1, "192.0.2.0/24"), 1);
    otr_tally_free(all);
    otr_tally_free(tally);
    otr_tally_free(NULL);
}

static void networks_beyond_the_bound_are_others(void **state)
{
    otr_tally *tally = otr_tally_new();
    char network[OTR_FETCH_NETWORK_SIZE];

    (void)state;
    for (unsigned i = 0; i < OTR_TALLY_NETWORKS_MAX + 500; i++) {
        snprintf(network, sizeof(network), "10.%u.%u.0/24", i >> 8, i & 255);
        otr_tally_add(tally, i % 2 == 0 ? "a.example" : "b.example", 1, network, 1);
    }
    assert_int_equal(tally->count, OTR_TALLY_NETWORKS_MAX + 2);
    assert_int_equal(count_of(tally, "a.example", 1, OTR_FETCH_OTHER), 250);
    assert_int_equal(count_of(tally, "b.example", 1, OTR_FETCH_OTHER), 250);
    otr_tally_add(tally, "a.example", 1, "10.0.0.0/24", 1); /* one that is known goes on being counted */
    assert_int_equal(count_of(tally, "a.example", 1, "10.0.0.0/24"), 2);
    assert_int_equal(tally->lost, 0);
    otr_tally_free(tally);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fetches_add_up),
        cmocka_unit_test(networks_beyond_the_bound_are_others),
    };
    return cmocka_run_group_tests_name("daemon/tally", tests, NULL, NULL);
}
