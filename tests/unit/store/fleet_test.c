/*
 * fleet_test.c - what was removed is remembered as long as it must be, and what is kept can be gone through in parts.
 */
#include "fixture.h"
#include "store/store_fleet.h"

#include <stdio.h>

static otr_removal make(const char *name, otr_time until)
{
    otr_removal r = { .at = NOW, .until = until, .uid = 1000 };

    snprintf(r.name, sizeof(r.name), "%s", name);
    return r;
}

static void count_removal(void *arg, const otr_removal *r)
{
    ++*(unsigned *)arg;
    assert_string_equal(r->name, "override/b.example");
}

static void they_are_remembered_until_their_end(void **state)
{
    otr_store *store = open_store();
    otr_removal a = make("override/a.example", NOW + 10), b = make("override/b.example", NOW + DAY), found;
    unsigned count = 0;

    (void)state;
    assert_int_equal(otr_store_put_removal(store, &a, NULL), OUTRIDER_OK);
    assert_int_equal(otr_store_put_removal(store, &b, NULL), OUTRIDER_OK);
    b.at = NOW + 5;
    assert_int_equal(otr_store_put_removal(store, &b, NULL), OUTRIDER_OK); /* replaces */
    otr_store_close(store);
    store = open_store();
    assert_int_equal(otr_store_get_removal(store, "override/b.example", &found, NULL), OUTRIDER_OK);
    assert_int_equal(found.at, NOW + 5);
    assert_int_equal(found.until, NOW + DAY);
    assert_int_equal(found.uid, 1000);
    assert_int_equal(otr_store_each_removal(store, NOW + 10, count_removal, &count, NULL), OUTRIDER_OK);
    assert_int_equal(count, 1);
    assert_int_equal(otr_store_sweep(store, NOW + 10, NULL), OUTRIDER_OK);
    assert_int_equal(otr_store_get_removal(store, "override/a.example", &found, NULL), OUTRIDER_OK);
    assert_int_equal(found.at, 0);
    assert_int_equal(otr_store_get_removal(store, "override/b.example", &found, NULL), OUTRIDER_OK);
    assert_int_equal(found.at, NOW + 5);
    otr_store_close(store);
}

static void count_override(void *arg, const otr_override *o)
{
    (void)o;
    ++*(unsigned *)arg;
}

/* A disk that takes no more: the override is still there, and nothing says that it is not. */
static void a_removal_and_its_override_go_together(void **state)
{
    otr_store *store = open_store();
    otr_override o = { .level = OTR_LEVEL_MAY, .until = NOW + DAY, .made_at = NOW, .domain = "a.example", .reason = "x" };
    otr_removal removal = make("override/a.example", NOW + DAY), found;
    unsigned count = 0;

    (void)state;
    assert_int_equal(otr_store_put_override(store, &o, NULL), OUTRIDER_OK);
    limit_file_size(0);
    assert_int_equal(otr_store_remove_override(store, "a.example", &removal, NULL), OUTRIDER_E_IO);
    lift_file_size();
    assert_int_equal(otr_store_each_override(store, count_override, &count, NULL), OUTRIDER_OK);
    assert_int_equal(count, 1);
    assert_int_equal(otr_store_get_removal(store, removal.name, &found, NULL), OUTRIDER_OK);
    assert_int_equal(found.at, 0);
    assert_int_equal(otr_store_remove_override(store, "a.example", &removal, NULL), OUTRIDER_OK);
    count = 0;
    assert_int_equal(otr_store_each_override(store, count_override, &count, NULL), OUTRIDER_OK);
    assert_int_equal(count, 0);
    assert_int_equal(otr_store_get_removal(store, removal.name, &found, NULL), OUTRIDER_OK);
    assert_int_equal(found.at, NOW);
    otr_store_close(store);
}

static void a_row_that_cannot_be_believed_is_none(void **state)
{
    otr_store *store = open_store();
    otr_removal found = { .at = 1 };
    unsigned count = 0;

    (void)state;
    run_sql("INSERT INTO removals VALUES ('override/a.example', -5, 1900000000, 0)");
    assert_int_equal(otr_store_get_removal(store, "override/a.example", &found, NULL), OUTRIDER_OK);
    assert_int_equal(found.at, 0);
    assert_int_equal(otr_store_each_removal(store, NOW, count_removal, &count, NULL), OUTRIDER_OK);
    assert_int_equal(count, 0);
    otr_store_close(store);
}

/* Going through ------------------------------------------------------------------------------------------------------------------- */

struct seen {
    char domains[400];
};

static void note(void *arg, const otr_sts_entry *entry)
{
    struct seen *seen = arg;

    assert_non_null(entry->policy);
    strcat(strcat(seen->domains, entry->domain), " ");
}

static void put(otr_store *store, const char *domain, const char *body, unsigned failures)
{
    otr_sts_entry *entry = make_entry(domain, body);

    entry->failures = failures;
    put_entry(store, entry);
    otr_sts_entry_unref(entry);
}

static void policies_in_parts(void **state)
{
    static const char *const domains[] = { "e.example", "a.example", "c.example", "b.example", "d.example" };
    otr_store *store = open_store();
    char from[OTR_DOMAIN_SIZE] = "";
    struct seen seen = { "" };
    unsigned count, rounds = 0;

    (void)state;
    for (size_t i = 0; i < 5; i++)
        put(store, domains[i], BODY("enforce", "86400"), 0);
    put(store, "f.example", NULL, 1);
    put(store, "g.example", BODY("enforce", "10"), 0);
    run_sql("UPDATE sts SET body = X'00' WHERE domain = 'c.example'");
    do {
        assert_int_equal(otr_store_each_policy(store, NOW + 20, from, 2, note, &seen, &count, NULL), OUTRIDER_OK);
        rounds++;
    } while (count == 2);
    assert_string_equal(seen.domains, "a.example b.example d.example e.example "); /* not the bad, the lapsed, the failed */
    assert_int_equal(rounds, 3);
    otr_store_close(store);
}

static void domains_of_which_chains_were_seen(void **state)
{
    otr_store *store = open_store();
    char next[OTR_DOMAIN_SIZE] = "";

    (void)state;
    run_sql("INSERT INTO sightings VALUES ('b.example', 'mx', 'mx.b.example', 'mta', 1, 0, '', 'x', 0, '', 0),"
            " ('a.example', 'mx', 'mx.a.example', 'mta', 1, 0, '', 'x', 0, '', 0),"
            " ('a.example', 'policy', 'mta-sts.a.example', 'mta', 1, 0, '', 'x', 0, '', 0)");
    assert_int_equal(otr_store_next_sighted(store, next, next, NULL), OUTRIDER_OK);
    assert_string_equal(next, "a.example");
    assert_int_equal(otr_store_next_sighted(store, next, next, NULL), OUTRIDER_OK);
    assert_string_equal(next, "b.example");
    assert_int_equal(otr_store_next_sighted(store, next, next, NULL), OUTRIDER_OK);
    assert_string_equal(next, "");
    otr_store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(they_are_remembered_until_their_end),
        TEST(a_removal_and_its_override_go_together),
        TEST(a_row_that_cannot_be_believed_is_none),
        TEST(policies_in_parts),
        TEST(domains_of_which_chains_were_seen),
    };

    return cmocka_run_group_tests_name("store/fleet", tests, make_folder, remove_folder);
}
