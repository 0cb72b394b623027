/*
 * time_test.c - the latest time that was seen is remembered, and never set back.
 */
#include "fixture.h"

/* STS-APPLY-18: a clock set back while we were down. */
static void the_latest_time_is_remembered_and_never_set_back(void **state)
{
    otr_store *store = open_store();
    otr_sts_entry *entry = make_entry("example.org", BODY("enforce", "86400"));
    otr_time at = -1;

    (void)state;
    assert_int_equal(otr_store_last_time(store, &at, NULL), OUTRIDER_OK);
    assert_int_equal(at, 0);
    assert_int_equal(otr_store_note_time(store, NOW, NULL), OUTRIDER_OK);
    assert_int_equal(otr_store_note_time(store, NOW - 86400, NULL), OUTRIDER_OK);
    otr_store_close(store);
    store = open_store();
    assert_int_equal(otr_store_last_time(store, &at, NULL), OUTRIDER_OK);
    assert_int_equal(at, NOW);
    entry->fetched_at += 50; /* that, too, was seen */
    entry->expires_at += 50;
    put_entry(store, entry);
    assert_int_equal(otr_store_last_time(store, &at, NULL), OUTRIDER_OK);
    assert_int_equal(at, NOW + 50);
    otr_sts_entry_unref(entry);
    otr_store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_latest_time_is_remembered_and_never_set_back),
    };
    return cmocka_run_group_tests_name("store/time", tests, make_folder, remove_folder);
}
