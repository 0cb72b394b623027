/*
 * override_test.c - overrides are kept over a restart, and a row that cannot be believed is not used; a database of
 * schema 1, made by the program that knew no other, is lifted to ours without losing anything.
 */
#include "store/store.h"
#include "support/cmocka_all.h"

#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOW 1800000000

static char folder[] = "/tmp/outrider-overrides-XXXXXX";
static char path[sizeof(folder) + 20];

static int fresh(void **state)
{
    static const char *const suffixes[] = { "", "-wal", "-shm", "-journal" };
    char name[sizeof(path) + 20];

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        snprintf(name, sizeof(name), "%s%s", path, suffixes[i]);
        unlink(name);
    }
    return 0;
}

static otr_store *open_store(void)
{
    otr_store *store = NULL;
    outrider_diag diag = { 0 };

    if (otr_store_open(path, &store, &diag) != OUTRIDER_OK)
        fail_msg("open: %s", diag.message);
    return store;
}

static otr_override make(const char *domain, otr_time until)
{
    otr_override o = { .level = OTR_LEVEL_ENCRYPT, .until = until, .made_at = NOW, .uid = 4294967294, .reason = "Schl\xc3\xbcssel" };

    strcpy(o.domain, domain);
    return o;
}

static void put(otr_store *store, const char *domain, otr_time until)
{
    otr_override o = make(domain, until);

    assert_int_equal(otr_store_put_override(store, &o, NULL), OUTRIDER_OK);
}

struct found {
    otr_override list[8];
    size_t count;
};

static void collect(void *arg, const otr_override *o)
{
    struct found *found = arg;

    assert_true(found->count < 8);
    found->list[found->count++] = *o;
}

static outrider_err look(otr_store *store, struct found *found, outrider_diag *diag)
{
    *found = (struct found){ 0 };
    return otr_store_each_override(store, collect, found, diag);
}

static void run_sql(const char *sql)
{
    sqlite3 *db = NULL;
    char *why = NULL;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
        fail_msg("%s: %s", sql, why);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void they_survive_a_restart(void **state)
{
    otr_store *store = open_store();
    otr_override want = make("b.example", NOW + 86400);
    struct found found;

    (void)state;
    put(store, "b.example", NOW + 10);
    put(store, "a.example", NOW + 10);
    put(store, "b.example", NOW + 86400); /* replaces */
    put(store, "c.example", NOW + 10);
    assert_int_equal(otr_store_drop_override(store, "c.example", NULL), OUTRIDER_OK);
    assert_int_equal(otr_store_drop_override(store, "none.example", NULL), OUTRIDER_OK);
    otr_store_close(store);
    store = open_store();
    assert_int_equal(look(store, &found, NULL), OUTRIDER_OK);
    assert_int_equal(found.count, 2);
    assert_string_equal(found.list[0].domain, "a.example");
    assert_string_equal(found.list[1].domain, want.domain);
    assert_int_equal(found.list[1].level, want.level);
    assert_int_equal(found.list[1].until, want.until);
    assert_int_equal(found.list[1].made_at, want.made_at);
    assert_int_equal(found.list[1].uid, want.uid);
    assert_string_equal(found.list[1].reason, want.reason);
    otr_store_close(store);
}

static void the_sweep_takes_those_that_have_ended(void **state)
{
    otr_store *store = open_store();
    struct found found;

    (void)state;
    put(store, "a.example", NOW + 10);
    put(store, "b.example", NOW + 11);
    assert_int_equal(otr_store_sweep(store, NOW + 10, NULL), OUTRIDER_OK);
    assert_int_equal(look(store, &found, NULL), OUTRIDER_OK);
    assert_int_equal(found.count, 1);
    assert_string_equal(found.list[0].domain, "b.example");
    otr_store_close(store);
}

/* Somebody wrote into the file, or the disk did: what is wrong is told and not used, the rest is. */
static void a_row_that_cannot_be_believed_is_not_used(void **state)
{
    static const char *const rows[] = {
        "('Bad.example', 'may', 1800000100, 'x', 1800000000, 0)",  "('bad.example', 'none', 1800000100, 'x', 1800000000, 0)",
        "('bad.example', 'secure', 1800000100, 'x', 1800000000, 0)", "('bad.example', 'may', 1800000100, '', 1800000000, 0)",
        "('bad.example', 'may', 1800000100, 'a' || char(10), 1800000000, 0)", "('bad.example', 'may', 1800000000, 'x', 1800000000, 0)",
        "('bad.example', 'may', 9000000000, 'x', 1800000000, 0)", "('bad.example', 'may', 1800000100, 'x', -1, 0)",
        "('*', 'may', 1800000100, 'x', 1800000000, 0)", "('a' || char(0) || '.example', 'may', 1800000100, 'x', 1800000000, 0)",
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char sql[300];
        struct found found;
        outrider_diag diag = { 0 };
        otr_store *store;

        fresh(state);
        store = open_store();
        put(store, "good.example", NOW + 10);
        otr_store_close(store);
        snprintf(sql, sizeof(sql), "INSERT INTO overrides VALUES %s", rows[i]);
        run_sql(sql);
        store = open_store();
        if (look(store, &found, &diag) != OUTRIDER_E_SYNTAX || strstr(diag.message, "is not used") == NULL)
            fail_msg("%s was believed: %s", rows[i], diag.message);
        assert_int_equal(found.count, 1);
        assert_string_equal(found.list[0].domain, "good.example");
        otr_store_close(store);
    }
}

/* --- schema 1 ----------------------------------------------------------------------------------------------- */

static void copy_schema_1(void)
{
    char command[sizeof(TEST_DATA) + sizeof(path) + 40];

    snprintf(command, sizeof(command), "cp " TEST_DATA "/schema1.db %s", path);
    assert_int_equal(system(command), 0);
}

static void expect_all_of_schema_1(otr_store *store)
{
    otr_sts_entry *entry = NULL;
    otr_time last = 0;
    struct found found;

    assert_int_equal(otr_store_get(store, "example.org", &entry, NULL), OUTRIDER_OK);
    assert_non_null(entry);
    assert_int_equal(entry->policy->mode, OTR_STS_ENFORCE);
    assert_string_equal(entry->id, "20261123T220000");
    assert_int_equal(entry->expires_at, NOW + 86400);
    otr_sts_entry_unref(entry);
    assert_int_equal(otr_store_get(store, "failing.example", &entry, NULL), OUTRIDER_OK);
    assert_int_equal(entry->retry_at, NOW + 600);
    otr_sts_entry_unref(entry);
    assert_int_equal(otr_store_last_time(store, &last, NULL), OUTRIDER_OK);
    assert_int_equal(last, NOW + 123);
    assert_int_equal(look(store, &found, NULL), OUTRIDER_OK);
}

static void a_database_of_schema_1_is_lifted(void **state)
{
    otr_store *store;
    struct found found;

    (void)state;
    copy_schema_1();
    store = open_store();
    expect_all_of_schema_1(store);
    put(store, "a.example", NOW + 10);
    otr_store_close(store);
    store = open_store();
    expect_all_of_schema_1(store);
    assert_int_equal(look(store, &found, NULL), OUTRIDER_OK);
    assert_int_equal(found.count, 1);
    otr_store_close(store);
}

static void killed_while_it_is_lifted_nothing_is_lost(void **state)
{
    for (int round = 0; round < 40; round++) {
        pid_t child;
        int status;
        otr_store *store;

        fresh(state);
        copy_schema_1();
        child = fork();
        if (child == 0) {
            otr_store *made = NULL;

            otr_store_open(path, &made, NULL);
            pause();
            _exit(0);
        }
        usleep((useconds_t)round * 400);
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, &status, 0), child);
        store = open_store();
        expect_all_of_schema_1(store);
        otr_store_close(store);
    }
}

static int make_folder(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/outrider.db", folder);
    return 0;
}

static int remove_folder(void **state)
{
    fresh(state);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(they_survive_a_restart, fresh),
        cmocka_unit_test_setup(the_sweep_takes_those_that_have_ended, fresh),
        cmocka_unit_test_setup(a_row_that_cannot_be_believed_is_not_used, fresh),
        cmocka_unit_test_setup(a_database_of_schema_1_is_lifted, fresh),
        cmocka_unit_test_setup(killed_while_it_is_lifted_nothing_is_lost, fresh),
    };
    return cmocka_run_group_tests_name("store/override", tests, make_folder, remove_folder);
}
