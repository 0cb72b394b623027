/*
 * check_test.c - a large database is opened at once and looked through meanwhile; a small one before it is used.
 */
#include "fixture.h"
#include "store/store_check.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOT_YET (-1)

static _Atomic int outcome; /* otr_store_finding */
static char said[300];

static void on_checked(void *arg, otr_store_finding finding, const outrider_diag *diag)
{
    (void)arg;
    snprintf(said, sizeof(said), "%s", diag->message);
    outcome = (int)finding;
}

/* So many policies of 60 KiB each. */
static void fill(int count)
{
    static char body[60000];
    otr_store *store = open_store();
    size_t len = (size_t)sprintf(body, "version: STSv1\nmode: enforce\nmx: mx.example.org\nmax_age: 86400\n");

    memset(body + len, '\n', sizeof(body) - 1 - len);
    for (int i = 0; i < count; i++) {
        char domain[40];
        otr_sts_entry *entry;

        snprintf(domain, sizeof(domain), "d%d.example", i);
        entry = make_entry(domain, body);
        put_entry(store, entry);
        otr_sts_entry_unref(entry);
    }
    otr_store_close(store);
}

static otr_store_check *start(void)
{
    otr_store_check *check = NULL;

    outcome = NOT_YET;
    assert_int_equal(otr_store_check_start(store_path, on_checked, NULL, &check, NULL), OUTRIDER_OK);
    return check;
}

static void await(int wanted)
{
    otr_store_check *check = start();

    assert_non_null(check);
    while (outcome == NOT_YET)
        usleep(1000);
    otr_store_check_stop(check);
    if (outcome != wanted)
        fail_msg("got %d, want %d: %s", outcome, wanted, said);
}

static void a_small_one_needs_no_check(void **state)
{
    (void)state;
    fill(3);
    assert_null(start());
}

static void a_large_one_is_checked_while_it_is_used(void **state)
{
    struct stat info;
    otr_store *store;
    FILE *file;

    (void)state;
    fill(100);
    assert_int_equal(stat(store_path, &info), 0);
    assert_true(info.st_size > 5000000);
    store = open_store();
    await(OTR_STORE_WHOLE);
    otr_store_close(store);
    file = fopen(store_path, "r+");
    assert_non_null(file);
    for (long at = 4096 * 100; at < 4096 * 300; at += 4096) { /* a hundred pages and more, none of them the first */
        static const char noise[4096] = "\245\245\245\245\245\245\245\245\245\245\245\245";

        fseek(file, at, SEEK_SET);
        fwrite(noise, 1, sizeof(noise), file);
    }
    fclose(file);
    store = open_store(); /* the start does not wait for it */
    await(OTR_STORE_DAMAGED);
    assert_non_null(strstr(said, "is damaged"));
    otr_store_close(store);
}

/* Another program keeps it locked: nothing is found out, and nothing is said about the database. */
static void what_cannot_be_looked_through_is_not_called_damaged(void **state)
{
    sqlite3 *db = NULL;

    (void)state;
    fill(100);
    assert_int_equal(sqlite3_open(store_path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA journal_mode=DELETE; BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
    await(OTR_STORE_UNCHECKED);
    assert_non_null(strstr(said, "locked"));
    assert_null(strstr(said, "damaged"));
    sqlite3_close(db);
}

static void it_can_be_stopped(void **state)
{
    otr_store_check *check;

    (void)state;
    fill(100);
    check = start();
    assert_non_null(check);
    otr_store_check_stop(check);
    otr_store_check_stop(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_small_one_needs_no_check),
        TEST(a_large_one_is_checked_while_it_is_used),
        TEST(what_cannot_be_looked_through_is_not_called_damaged),
        TEST(it_can_be_stopped),
    };
    return cmocka_run_group_tests_name("store/check", tests, make_folder, remove_folder);
}
