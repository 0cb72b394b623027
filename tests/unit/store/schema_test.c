/*
 * schema_test.c - databases of older schemas, made by the programs that knew no other (data/schema1.db ...), are
 * lifted to ours without losing anything, and hold then what ours can hold.
 */
#include "fixture.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct old {
    const char *file;
    int overrides, exceptions;
} olds[] = { { "schema1.db", 0, 0 }, { "schema2.db", 1, 0 }, { "schema3.db", 1, 1 }, { "schema4.db", 1, 1 } };
#define OLDS (sizeof(olds) / sizeof(olds[0]))

static void check_override(void *arg, const otr_override *o)
{
    ++*(int *)arg;
    assert_string_equal(o->domain, "broken.example");
    assert_int_equal(o->level, OTR_LEVEL_ENCRYPT);
    assert_int_equal(o->until, NOW + DAY);
    assert_int_equal(o->uid, 1000);
    assert_string_equal(o->reason, "their certificate expired, ticket 4711");
}

static void check_exception(void *arg, const otr_exception *e)
{
    ++*(int *)arg;
    assert_string_equal(e->domain, "old.example");
    assert_string_equal(e->reason, "kept of schema 3");
    assert_int_equal(e->until, NOW + DAY);
}

static void expect_all(otr_store *store, const struct old *old)
{
    otr_sts_entry *entry = NULL;
    otr_time last = 0;
    int overrides = 0, exceptions = 0;

    assert_int_equal(otr_store_get(store, "example.org", &entry, NULL), OUTRIDER_OK);
    assert_non_null(entry);
    assert_int_equal(entry->policy->mode, OTR_STS_ENFORCE);
    assert_string_equal(entry->id, "20261123T220000");
    assert_int_equal(entry->expires_at, NOW + 86400);
    otr_sts_entry_unref(entry);
    assert_int_equal(otr_store_get(store, "failing.example", &entry, NULL), OUTRIDER_OK);
    assert_non_null(entry);
    assert_int_equal(entry->retry_at, NOW + 600);
    otr_sts_entry_unref(entry);
    assert_int_equal(otr_store_last_time(store, &last, NULL), OUTRIDER_OK);
    assert_int_equal(last, NOW + 123);
    assert_int_equal(otr_store_each_override(store, check_override, &overrides, NULL), OUTRIDER_OK);
    assert_int_equal(overrides, old->overrides);
    assert_int_equal(otr_store_each_exception(store, check_exception, &exceptions, NULL), OUTRIDER_OK);
    assert_int_equal(exceptions, old->exceptions);
}

static bool count(void *arg, const otr_dependant *d)
{
    (void)d;
    ++*(int *)arg;
    return false;
}

static void an_older_database_is_lifted(void **state)
{
    for (size_t i = 0; i < OLDS; i++) {
        otr_store *store;
        int found = 0;

        fresh(state);
        copy_old_database(olds[i].file);
        for (int turn = 0; turn < 2; turn++) {
            store = open_store();
            expect_all(store, &olds[i]);
            assert_int_equal(otr_store_put_destination(store, "new.example", NULL, 0, 1, NOW, NULL), OUTRIDER_OK);
            otr_store_close(store);
        }
        store = open_store();
        assert_int_equal(otr_store_each_dependant(store, NOW, NULL, count, &found, NULL), OUTRIDER_OK);
        assert_int_equal(found, 2); /* the policy of example.org, and the new one */
        otr_store_close(store);
        assert_int_equal(ask_number("PRAGMA user_version"), OTR_STORE_SCHEMA);
    }
}

/* What is made at once and what is lifted are the same. */
static void a_lifted_database_is_like_a_new_one(void **state)
{
    const char *sum = "SELECT sum(length(sql)) * 1000 + count(*) FROM sqlite_schema WHERE sql IS NOT NULL";
    int64_t made;

    (void)state;
    otr_store_close(open_store());
    made = ask_number(sum);
    for (size_t i = 0; i < OLDS; i++) {
        fresh(state);
        copy_old_database(olds[i].file);
        otr_store_close(open_store());
        assert_int_equal(ask_number(sum), made);
    }
}

static void killed_while_it_is_lifted_nothing_is_lost(void **state)
{
    for (int round = 0; round < 60; round++) {
        const struct old *old = &olds[round % (int)OLDS];
        pid_t child;
        int status;
        otr_store *store;

        fresh(state);
        copy_old_database(old->file);
        child = fork();
        if (child == 0) {
            otr_store *made = NULL;

            otr_store_open(store_path, &made, NULL);
            pause();
            _exit(0);
        }
        usleep((useconds_t)round * 300);
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, &status, 0), child);
        store = open_store();
        expect_all(store, old);
        otr_store_close(store);
    }
}

/* A disk that is full while it is lifted leaves it as it was. */
static void with_a_full_disk_it_stays_what_it_was(void **state)
{
    otr_store *store = NULL;
    outrider_diag diag = { 0 };

    for (size_t i = 0; i < OLDS; i++) {
        fresh(state);
        copy_old_database(olds[i].file);
        limit_file_size(16 * 1024);
        assert_int_equal(otr_store_open(store_path, &store, &diag), OUTRIDER_E_IO);
        lift_file_size();
        assert_int_equal(ask_number("PRAGMA user_version"), i + 1);
        store = open_store();
        expect_all(store, &olds[i]);
        otr_store_close(store);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_older_database_is_lifted),
        TEST(a_lifted_database_is_like_a_new_one),
        TEST(killed_while_it_is_lifted_nothing_is_lost),
        TEST(with_a_full_disk_it_stays_what_it_was),
    };
    return cmocka_run_group_tests_name("store/schema", tests, make_folder, remove_folder);
}
