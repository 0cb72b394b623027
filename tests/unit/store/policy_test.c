/*
 * policy_test.c - policies and failed attempts: what is put is got, also after a restart; what is due is visited; a row
 * that cannot be believed is told of and not used.
 */
#include "fixture.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static otr_sts_entry *get(otr_store *store, const char *domain)
{
    otr_sts_entry *entry = NULL;
    outrider_diag diag = { 0 };

    if (otr_store_get(store, domain, &entry, &diag) != OUTRIDER_OK)
        fail_msg("get: %s", diag.message);
    return entry;
}

/* STS-APPLY-18, REMEMBER */
static void a_policy_survives_a_restart_with_its_times(void **state)
{
    otr_store *store = open_store();
    otr_sts_entry *entry = make_entry("example.org", BODY("enforce", "86400"));
    otr_sts_entry *found;

    (void)state;
    put_entry(store, entry);
    otr_store_close(store);
    store = open_store();
    found = get(store, "example.org");
    assert_non_null(found);
    assert_string_equal(found->domain, "example.org");
    assert_string_equal(found->id, entry->id);
    assert_int_equal(found->policy->body_len, entry->policy->body_len);
    assert_memory_equal(found->policy->body, entry->policy->body, entry->policy->body_len);
    assert_int_equal(found->policy->mode, OTR_STS_ENFORCE);
    assert_int_equal(found->fetched_at, NOW);
    assert_int_equal(found->expires_at, NOW + 86400);
    assert_true(found->is_from_store);
    assert_int_equal(found->record, OTR_STS_NOT_ASKED);
    assert_null(get(store, "example.net"));
    otr_sts_entry_unref(found);
    otr_sts_entry_unref(entry);
    otr_store_close(store);
}

/* STS-FETCH-15: the back-off holds across a restart. */
static void a_failed_attempt_survives_a_restart(void **state)
{
    otr_store *store = open_store();
    otr_sts_entry *entry = make_entry("example.org", NULL);
    otr_sts_entry *found;

    (void)state;
    entry->failure = OTR_STS_WEBPKI_INVALID;
    snprintf(entry->error, sizeof(entry->error), "it's 'certificate has expired'");
    snprintf(entry->tried_id, sizeof(entry->tried_id), "abc");
    entry->tried_at = NOW;
    entry->retry_at = NOW + 600;
    entry->failures = 2;
    put_entry(store, entry);
    otr_store_close(store);
    store = open_store();
    found = get(store, "example.org");
    assert_non_null(found);
    assert_null(found->policy);
    assert_int_equal(found->failure, OTR_STS_WEBPKI_INVALID);
    assert_string_equal(found->error, entry->error);
    assert_string_equal(found->tried_id, "abc");
    assert_int_equal(found->tried_at, NOW);
    assert_int_equal(found->retry_at, NOW + 600);
    assert_int_equal(found->failures, 2);
    otr_sts_entry_unref(found);
    otr_sts_entry_unref(entry);
    otr_store_close(store);
}

/* STS-BODY-09 */
static void what_is_not_to_be_kept_is_not(void **state)
{
    otr_store *store = open_store();
    otr_sts_entry *kept = make_entry("example.org", BODY("enforce", "86400"));
    otr_sts_entry *once = make_entry("example.org", BODY("enforce", "0"));

    (void)state;
    put_entry(store, kept);
    put_entry(store, once); /* replaces the former policy by none */
    assert_null(get(store, "example.org"));
    otr_sts_entry_unref(kept);
    otr_sts_entry_unref(once);
    otr_store_close(store);
}

static void a_later_put_replaces_an_earlier_one(void **state)
{
    otr_store *store = open_store();
    otr_sts_entry *entry = make_entry("example.org", BODY("enforce", "86400"));
    otr_sts_entry *later = make_entry("example.org", BODY("none", "1000"));
    otr_sts_entry *found;

    (void)state;
    put_entry(store, entry);
    put_entry(store, later);
    found = get(store, "example.org");
    assert_int_equal(found->policy->mode, OTR_STS_NONE);
    assert_int_equal(found->expires_at, NOW + 1000);
    otr_sts_entry_unref(found);
    otr_sts_entry_unref(entry);
    otr_sts_entry_unref(later);
    otr_store_close(store);
}

static void list_domain(void *arg, const char *domain)
{
    strcat(arg, domain);
    strcat(arg, " ");
}

/* STS-APPLY-13: what is to be fetched again, whether anybody asks for it or not. */
static void each_due_visits_what_is_to_be_refreshed(void **state)
{
    static const struct {
        const char *sentence;
        int64_t at; /* after the fetch */
        uint32_t refresh_after;
        unsigned most;
        const char *due;
    } rows[] = {
        { "nothing is due so soon", 49, 86400, 9, "" },
        { "half of max_age has passed", 50, 86400, 9, "a.example " },
        { "the usual time has passed, which is less", 30, 30, 9, "a.example b.example " },
        { "not more than asked for", 30, 30, 1, "a.example " },
        { "what was held back may be tried again", 60, 30, 9, "a.example b.example held.example " },
        { "what has expired is no longer refreshed", 100, 30, 9, "b.example held.example " },
    };
    otr_store *store = open_store();
    otr_sts_entry *entries[] = { make_entry("a.example", BODY("enforce", "100")), make_entry("b.example", BODY("testing", "200")),
                                 make_entry("held.example", BODY("enforce", "200")), make_entry("none.example", BODY("none", "100")),
                                 make_entry("failed.example", NULL) };

    (void)state;
    entries[2]->failures = entries[4]->failures = 1;
    entries[2]->retry_at = NOW + 60;
    for (size_t i = 0; i < 5; i++)
        put_entry(store, entries[i]);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char seen[100] = "";
        otr_store_cursor cursor = { 0 };

        assert_int_equal(otr_store_each_due(store, NOW + rows[i].at, rows[i].refresh_after, rows[i].most, &cursor,
                                            list_domain, seen, NULL),
                         OUTRIDER_OK);
        if (strcmp(seen, rows[i].due) != 0)
            fail_msg("%s: got \"%s\", want \"%s\"", rows[i].sentence, seen, rows[i].due);
    }
    for (size_t i = 0; i < 5; i++)
        otr_sts_entry_unref(entries[i]);
    otr_store_close(store);
}

/* What a monitor is told: policies by mode, and how late the refresh that is due longest is. */
static void the_summary_of_what_is_kept(void **state)
{
    static const struct {
        const char *sentence;
        int64_t at; /* after the fetch */
        uint32_t refresh_after;
        otr_store_summary summary;
    } rows[] = {
        { "nothing is due", 10, 86400, { 2, 1, 1, 0 } },
        { "half of max_age has passed since 20 s", 70, 86400, { 2, 1, 1, 20 } },
        { "the usual time is less, and back-off is no excuse", 70, 30, { 2, 1, 1, 40 } },
        { "what has expired counts no more", 150, 86400, { 1, 1, 0, 50 } },
        { "everything has expired", 1000, 86400, { 0, 0, 0, 0 } },
    };
    otr_store *store = open_store();
    otr_sts_entry *entries[] = { make_entry("a.example", BODY("enforce", "100")), make_entry("b.example", BODY("testing", "200")),
                                 make_entry("held.example", BODY("enforce", "200")), make_entry("none.example", BODY("none", "100")),
                                 make_entry("failed.example", NULL) };

    (void)state;
    entries[2]->failures = entries[4]->failures = 1;
    entries[2]->retry_at = NOW + 600;
    for (size_t i = 0; i < 5; i++)
        put_entry(store, entries[i]);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const otr_store_summary *want = &rows[i].summary;
        otr_store_summary got;

        assert_int_equal(otr_store_summarise(store, NOW + rows[i].at, rows[i].refresh_after, &got, NULL), OUTRIDER_OK);
        if (got.enforce != want->enforce || got.testing != want->testing || got.none != want->none ||
            got.overdue != want->overdue)
            fail_msg("%s: got %d %d %d, %d s", rows[i].sentence, (int)got.enforce, (int)got.testing, (int)got.none,
                     (int)got.overdue);
    }
    assert_int_equal(otr_store_failures(store, OTR_STORE_READ) + otr_store_failures(store, OTR_STORE_WRITE), 0);
    for (size_t i = 0; i < 5; i++)
        otr_sts_entry_unref(entries[i]);
    otr_store_close(store);
}

/* Whatever stays due is met once in each round. */
static void each_due_goes_on_where_it_stopped(void **state)
{
    static const char *const turns[] = { "a.example b.example ", "c.example ", "a.example b.example ", "c.example " };
    otr_store *store = open_store();
    otr_store_cursor cursor = { 0 };
    static const char *const domains[] = { "c.example", "b.example", "a.example" };

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        otr_sts_entry *entry = make_entry(domains[i], BODY("enforce", "100"));

        put_entry(store, entry);
        otr_sts_entry_unref(entry);
    }
    for (size_t i = 0; i < sizeof(turns) / sizeof(turns[0]); i++) {
        char seen[100] = "";

        assert_int_equal(otr_store_each_due(store, NOW + 60, 30, 2, &cursor, list_domain, seen, NULL), OUTRIDER_OK);
        assert_string_equal(seen, turns[i]);
    }
    otr_store_close(store);
}

static void sweep_removes_what_has_lapsed(void **state)
{
    otr_store *store = open_store();
    otr_sts_entry *entries[] = { make_entry("a.example", BODY("enforce", "100")), make_entry("b.example", BODY("testing", "200")),
                                 make_entry("c.example", BODY("enforce", "100")), make_entry("d.example", NULL) };
    otr_time swept_at = NOW + 100 + 30 * 86400; /* a month late: the clock may have been ahead for a moment */
    otr_sts_entry *found;

    (void)state;
    entries[2]->failures = entries[3]->failures = 1;
    entries[2]->retry_at = swept_at + 50;
    entries[3]->retry_at = swept_at - 10;
    for (size_t i = 0; i < 4; i++)
        put_entry(store, entries[i]);
    assert_int_equal(otr_store_sweep(store, swept_at - 1, NULL), OUTRIDER_OK);
    found = get(store, "a.example");
    assert_non_null(found);
    otr_sts_entry_unref(found);
    assert_int_equal(otr_store_sweep(store, swept_at, NULL), OUTRIDER_OK);
    assert_null(get(store, "a.example"));
    assert_null(get(store, "d.example"));
    found = get(store, "b.example"); /* STS-APPLY-19: an unexpired policy is never swept */
    assert_non_null(found);
    otr_sts_entry_unref(found);
    found = get(store, "c.example"); /* its back-off has not lapsed */
    assert_non_null(found);
    otr_sts_entry_unref(found);
    for (size_t i = 0; i < 4; i++)
        otr_sts_entry_unref(entries[i]);
    otr_store_close(store);
}

/* Rows that cannot be believed are told of and not used; the others are. */
static void a_row_that_was_tampered_with_is_not_trusted(void **state)
{
    static const struct {
        const char *sql;
        const char *why;
    } rows[] = {
        { "UPDATE sts SET body = CAST('version: STSv1' AS BLOB)", "the policy does not parse" },
        { "UPDATE sts SET expires_at = expires_at + 1", "the expiry is not that of the policy" },
        { "UPDATE sts SET fetched_at = -5", "the time of the fetch is impossible" },
        { "UPDATE sts SET failure = 'gone fishing'", "the failure is unknown" },
        { "UPDATE sts SET id = 'a234567890123456789012345678901234567890'", "an id is none" },
        { "UPDATE sts SET domain = 'Bad Domain'", "the domain is none" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        otr_sts_entry *bad = make_entry("bad.example", BODY("enforce", "86400"));
        otr_sts_entry *good = make_entry("good.example", BODY("enforce", "86400"));
        otr_sts_entry *found = NULL;
        outrider_diag diag = { 0 };
        char seen[100] = "";
        otr_store *store;

        remove_files();
        store = open_store();
        put_entry(store, bad);
        run_sql(rows[i].sql);
        put_entry(store, good);
        if (strstr(rows[i].sql, "domain") != NULL) {
            otr_store_cursor cursor = { 0 };

            assert_int_equal(otr_store_each_due(store, NOW + 1, 1, 9, &cursor, list_domain, seen, &diag), OUTRIDER_E_SYNTAX);
            assert_string_equal(seen, "good.example ");
        } else {
            assert_int_equal(otr_store_get(store, "bad.example", &found, &diag), OUTRIDER_E_SYNTAX);
            assert_null(found);
        }
        if (strstr(diag.message, rows[i].why) == NULL)
            fail_msg("%s: got \"%s\", want \"%s\"", rows[i].sql, diag.message, rows[i].why);
        otr_sts_entry_unref(bad);
        otr_sts_entry_unref(good);
        otr_store_close(store);
    }
}

#define WRITERS 4
#define WRITES 25

static void *write_and_read(void *arg)
{
    otr_store *store = ((void **)arg)[0];
    int number = (int)(intptr_t)((void **)arg)[1];
    intptr_t errors = 0;

    for (int i = 0; i < WRITES; i++) {
        char domain[40];
        otr_sts_entry *entry, *found = NULL;

        snprintf(domain, sizeof(domain), "d%d-%d.example", number, i);
        entry = make_entry(domain, BODY("enforce", "86400"));
        errors += otr_store_put(store, entry, NULL) != OUTRIDER_OK;
        errors += otr_store_get(store, domain, &found, NULL) != OUTRIDER_OK || found == NULL ||
                  strcmp(found->domain, domain) != 0;
        otr_sts_entry_unref(found);
        otr_sts_entry_unref(entry);
    }
    return (void *)errors;
}

static void threads_take_turns(void **state)
{
    otr_store *store = open_store();
    void *args[WRITERS][2];
    pthread_t threads[WRITERS];

    (void)state;
    for (intptr_t i = 0; i < WRITERS; i++) {
        args[i][0] = store;
        args[i][1] = (void *)i;
        assert_int_equal(pthread_create(&threads[i], NULL, write_and_read, args[i]), 0);
    }
    for (size_t i = 0; i < WRITERS; i++) {
        void *errors;

        assert_int_equal(pthread_join(threads[i], &errors), 0);
        assert_null(errors);
    }
    otr_store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_policy_survives_a_restart_with_its_times),
        TEST(a_failed_attempt_survives_a_restart),
        TEST(what_is_not_to_be_kept_is_not),
        TEST(a_later_put_replaces_an_earlier_one),
        TEST(each_due_visits_what_is_to_be_refreshed),
        TEST(the_summary_of_what_is_kept),
        TEST(each_due_goes_on_where_it_stopped),
        TEST(sweep_removes_what_has_lapsed),
        TEST(a_row_that_was_tampered_with_is_not_trusted),
        TEST(threads_take_turns),
    };
    return cmocka_run_group_tests_name("store/policy", tests, make_folder, remove_folder);
}
