/*
 * fixture.c - see fixture.h.
 */
#include "fixture.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

char store_folder[] = "/tmp/outrider-store-XXXXXX";
char store_path[64];

void remove_files(void)
{
    static const char *const suffixes[] = { "", "-wal", "-shm", "-journal" };
    char name[sizeof(store_path) + 20];

    for (size_t i = 0; i < 4; i++) {
        snprintf(name, sizeof(name), "%s%s", store_path, suffixes[i]);
        unlink(name);
    }
}

int fresh(void **state)
{
    (void)state;
    remove_files();
    return 0;
}

int make_folder(void **state)
{
    (void)state;
    if (mkdtemp(store_folder) == NULL)
        return -1;
    snprintf(store_path, sizeof(store_path), "%s/outrider.db", store_folder);
    return 0;
}

int remove_folder(void **state)
{
    (void)state;
    if (umount2(store_folder, MNT_DETACH) == 0) /* a test has failed in the middle */
        return -1;
    remove_files();
    return rmdir(store_folder); /* and so says whether anything was left behind */
}

otr_store *open_store(void)
{
    otr_store *store = NULL;
    outrider_diag diag = { 0 };

    if (otr_store_open(store_path, &store, &diag) != OUTRIDER_OK)
        fail_msg("open: %s", diag.message);
    return store;
}

void run_sql(const char *sql)
{
    sqlite3 *db = NULL;
    char *why = NULL;

    assert_int_equal(sqlite3_open(store_path, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 5000);
    if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
        fail_msg("%s: %s", sql, why);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

int64_t ask_number(const char *sql)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    int64_t number;

    assert_int_equal(sqlite3_open(store_path, &db), SQLITE_OK);
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK || sqlite3_step(statement) != SQLITE_ROW)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return number;
}

void copy_old_database(const char *name)
{
    char command[sizeof(TEST_DATA) + sizeof(store_path) + 60];

    snprintf(command, sizeof(command), "cp " TEST_DATA "/%s %s", name, store_path);
    assert_int_equal(system(command), 0);
}

void become_nobody(bool is_nobody)
{
    if (geteuid() == 0 || getuid() == 0)
        assert_int_equal(seteuid(is_nobody ? NOBODY : 0), 0);
}

otr_sts_entry *make_entry(const char *domain, const char *body)
{
    otr_sts_entry *entry = otr_sts_entry_new(domain);

    assert_non_null(entry);
    if (body != NULL) {
        assert_int_equal(otr_sts_policy_parse(body, strlen(body), &entry->policy, NULL), OUTRIDER_OK);
        snprintf(entry->id, sizeof(entry->id), "20261123T220000");
        entry->fetched_at = NOW;
        entry->expires_at = NOW + entry->policy->max_age;
    }
    return entry;
}

void put_entry(otr_store *store, const otr_sts_entry *entry)
{
    outrider_diag diag = { 0 };

    if (otr_store_put(store, entry, &diag) != OUTRIDER_OK)
        fail_msg("put: %s", diag.message);
}

void limit_file_size(int64_t most)
{
    struct rlimit limit;

    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = (rlim_t)most;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

void lift_file_size(void)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}
