/*
 * store_test.c - what is put is got, also after a restart; what is no store of ours is refused and left alone, byte
 * for byte; a disk that is full or cannot be written is an error and no harm.
 */
#include "store/store.h"
#include "support/cmocka_all.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOW 1800000000
#define BODY(mode, age) "version: STSv1\r\nmode: " mode "\nmx: mx.example.org\nmax_age: " age "\n"
#define NOBODY 65534 /* a user that root can be for a moment, so that permissions count */

static char folder[] = "/tmp/outrider-store-XXXXXX";
static char path[sizeof(folder) + 20];

static void remove_files(void)
{
    static const char *const suffixes[] = { "", "-wal", "-shm", "-journal" };
    char name[sizeof(path) + 20];

    for (size_t i = 0; i < 4; i++) {
        snprintf(name, sizeof(name), "%s%s", path, suffixes[i]);
        unlink(name);
    }
}

static int fresh(void **state)
{
    (void)state;
    remove_files();
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

static otr_sts_entry *make(const char *domain, const char *body)
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

static void put(otr_store *store, const otr_sts_entry *entry)
{
    outrider_diag diag = { 0 };

    if (otr_store_put(store, entry, &diag) != OUTRIDER_OK)
        fail_msg("put: %s", diag.message);
}

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
    otr_sts_entry *entry = make("example.org", BODY("enforce", "86400"));
    otr_sts_entry *found;

    (void)state;
    put(store, entry);
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
    otr_sts_entry *entry = make("example.org", NULL);
    otr_sts_entry *found;

    (void)state;
    entry->failure = OTR_STS_WEBPKI_INVALID;
    snprintf(entry->error, sizeof(entry->error), "it's 'certificate has expired'");
    snprintf(entry->tried_id, sizeof(entry->tried_id), "abc");
    entry->tried_at = NOW;
    entry->retry_at = NOW + 600;
    entry->failures = 2;
    put(store, entry);
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
    otr_sts_entry *kept = make("example.org", BODY("enforce", "86400"));
    otr_sts_entry *once = make("example.org", BODY("enforce", "0"));

    (void)state;
    put(store, kept);
    put(store, once); /* replaces the former policy by none */
    assert_null(get(store, "example.org"));
    otr_sts_entry_unref(kept);
    otr_sts_entry_unref(once);
    otr_store_close(store);
}

static void a_later_put_replaces_an_earlier_one(void **state)
{
    otr_store *store = open_store();
    otr_sts_entry *entry = make("example.org", BODY("enforce", "86400"));
    otr_sts_entry *later = make("example.org", BODY("none", "1000"));
    otr_sts_entry *found;

    (void)state;
    put(store, entry);
    put(store, later);
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
    otr_sts_entry *entries[] = { make("a.example", BODY("enforce", "100")), make("b.example", BODY("testing", "200")),
                                 make("held.example", BODY("enforce", "200")), make("none.example", BODY("none", "100")),
                                 make("failed.example", NULL) };

    (void)state;
    entries[2]->failures = entries[4]->failures = 1;
    entries[2]->retry_at = NOW + 60;
    for (size_t i = 0; i < 5; i++)
        put(store, entries[i]);
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
    otr_sts_entry *entries[] = { make("a.example", BODY("enforce", "100")), make("b.example", BODY("testing", "200")),
                                 make("held.example", BODY("enforce", "200")), make("none.example", BODY("none", "100")),
                                 make("failed.example", NULL) };

    (void)state;
    entries[2]->failures = entries[4]->failures = 1;
    entries[2]->retry_at = NOW + 600;
    for (size_t i = 0; i < 5; i++)
        put(store, entries[i]);
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
        otr_sts_entry *entry = make(domains[i], BODY("enforce", "100"));

        put(store, entry);
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
    otr_sts_entry *entries[] = { make("a.example", BODY("enforce", "100")), make("b.example", BODY("testing", "200")),
                                 make("c.example", BODY("enforce", "100")), make("d.example", NULL) };
    otr_time swept_at = NOW + 100 + 30 * 86400; /* a month late: the clock may have been ahead for a moment */
    otr_sts_entry *found;

    (void)state;
    entries[2]->failures = entries[3]->failures = 1;
    entries[2]->retry_at = swept_at + 50;
    entries[3]->retry_at = swept_at - 10;
    for (size_t i = 0; i < 4; i++)
        put(store, entries[i]);
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

/* STS-APPLY-18: a clock set back while we were down. */
static void the_latest_time_is_remembered_and_never_set_back(void **state)
{
    otr_store *store = open_store();
    otr_sts_entry *entry = make("example.org", BODY("enforce", "86400"));
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
    put(store, entry);
    assert_int_equal(otr_store_last_time(store, &at, NULL), OUTRIDER_OK);
    assert_int_equal(at, NOW + 50);
    otr_sts_entry_unref(entry);
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
        otr_sts_entry *bad = make("bad.example", BODY("enforce", "86400"));
        otr_sts_entry *good = make("good.example", BODY("enforce", "86400"));
        otr_sts_entry *found = NULL;
        outrider_diag diag = { 0 };
        char seen[100] = "";
        sqlite3 *db = NULL;
        otr_store *store;

        remove_files();
        store = open_store();
        put(store, bad);
        assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
        assert_int_equal(sqlite3_exec(db, rows[i].sql, NULL, NULL, NULL), SQLITE_OK);
        sqlite3_close(db);
        put(store, good);
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

static void the_file_is_for_its_owner_only(void **state)
{
    struct stat info;
    mode_t old = umask(0);

    (void)state;
    otr_store_close(open_store());
    umask(old);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
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
        entry = make(domain, BODY("enforce", "86400"));
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

/* Refusals -------------------------------------------------------------------------------------------- */

static char *read_file(const char *name, size_t *len)
{
    FILE *in = fopen(name, "rb");
    char *bytes = malloc(1 << 22);

    assert_non_null(in);
    assert_non_null(bytes);
    *len = fread(bytes, 1, 1 << 22, in);
    fclose(in);
    return bytes;
}

static void write_file(const char *bytes, size_t len)
{
    FILE *out = fopen(path, "wb");

    assert_non_null(out);
    assert_int_equal(fwrite(bytes, 1, len, out), len);
    assert_int_equal(fclose(out), 0);
}

/* Opening is refused with these words, and the file is afterwards what it was. */
static void expect_refusal(const char *words)
{
    size_t before_len, after_len;
    char *before = read_file(path, &before_len);
    char *after;
    otr_store *store = NULL;
    outrider_diag diag = { 0 };

    if (otr_store_open(path, &store, &diag) != OUTRIDER_E_IO || store != NULL)
        fail_msg("want \"%s\", but it was opened", words);
    if (strstr(diag.message, words) == NULL || strncmp(diag.message, path, strlen(path)) != 0)
        fail_msg("got \"%s\", want \"%s: %s\"", diag.message, path, words);
    after = read_file(path, &after_len);
    if (before_len != after_len || memcmp(before, after, before_len) != 0)
        fail_msg("%s: the file was changed", words);
    free(before);
    free(after);
}

static void run_sql(const char *sql)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void a_file_that_is_no_database_is_left_alone(void **state)
{
    (void)state;
    write_file("hello, this is somebody's letter\n", 33);
    expect_refusal("file is not a database");
    write_file("", 0);
    expect_refusal("is empty, and no database");
}

static void a_database_of_another_program_is_left_alone(void **state)
{
    (void)state;
    run_sql("CREATE TABLE customers (name TEXT); INSERT INTO customers VALUES ('Ada');");
    expect_refusal("is a database of another program");
}

static void a_newer_schema_is_left_alone(void **state)
{
    (void)state;
    otr_store_close(open_store());
    run_sql("PRAGMA user_version=99");
    expect_refusal("has schema version 99, and this program knows none above 3");
}

/* The upgrade lies in the write-ahead log still; its writer was killed. */
static void a_newer_schema_in_the_log_is_left_alone(void **state)
{
    sqlite3 *db = NULL;
    pid_t child;
    int status;

    (void)state;
    otr_store_close(open_store());
    child = fork();
    if (child == 0) {
        sqlite3_open(path, &db);
        sqlite3_exec(db, "PRAGMA user_version=99", NULL, NULL, NULL);
        kill(getpid(), SIGKILL);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    expect_refusal("has schema version 99");
    expect_refusal("has schema version 99"); /* and the log is still there */
}

static void a_damaged_database_is_left_alone(void **state)
{
    otr_store *store = open_store();
    char domain[40];
    size_t len;
    char *bytes;

    (void)state;
    for (int i = 0; i < 200; i++) {
        otr_sts_entry *entry;

        snprintf(domain, sizeof(domain), "d%d.example", i);
        entry = make(domain, BODY("enforce", "86400"));
        put(store, entry);
        otr_sts_entry_unref(entry);
    }
    otr_store_close(store);
    bytes = read_file(path, &len);
    assert_true(len > 20000);
    memset(bytes + 8192, 0xa5, 8192);
    write_file(bytes, len);
    expect_refusal("is damaged");
    memset(bytes + 8192, 0, 8192);
    write_file(bytes, len);
    expect_refusal("is damaged");
    write_file(bytes, len / 2 / 4096 * 4096); /* cut */
    expect_refusal("is damaged");
    free(bytes);
}

static void a_folder_that_does_not_exist_is_named(void **state)
{
    otr_store *store = NULL;
    outrider_diag diag = { 0 };

    (void)state;
    assert_int_equal(otr_store_open("/nonexistent/lib/outrider.db", &store, &diag), OUTRIDER_E_IO);
    assert_string_equal(diag.message,
                        "/nonexistent/lib/outrider.db: the directory /nonexistent/lib: No such file or directory");
    assert_int_equal(mkdir(path, 0755), 0);
    assert_int_equal(otr_store_open(path, &store, &diag), OUTRIDER_E_IO);
    assert_non_null(strstr(diag.message, "/outrider.db: is no regular file"));
    assert_int_equal(rmdir(path), 0);
}

/* Root may write everything, so root is somebody else meanwhile. */
static void become_nobody(bool is_nobody)
{
    if (geteuid() == 0 || getuid() == 0)
        assert_int_equal(seteuid(is_nobody ? NOBODY : 0), 0);
}

static void what_cannot_be_written_is_refused(void **state)
{
    otr_store *store = NULL;
    outrider_diag diag = { 0 };

    (void)state;
    otr_store_close(open_store());
    assert_int_equal(chmod(folder, 0755), 0);
    assert_int_equal(chmod(path, 0644), 0);
    if (getuid() != 0) {
        assert_int_equal(chmod(folder, 0555), 0);
        assert_int_equal(chmod(path, 0444), 0);
    }
    become_nobody(true);
    expect_refusal("cannot be written: Permission denied"); /* the folder */
    become_nobody(false);
    assert_int_equal(chmod(folder, 0777), 0);
    become_nobody(true);
    expect_refusal("cannot be written: Permission denied"); /* the file */
    become_nobody(false);
    remove_files();
    assert_int_equal(chmod(folder, 0555), 0);
    become_nobody(true);
    assert_int_equal(otr_store_open(path, &store, &diag), OUTRIDER_E_IO);
    become_nobody(false);
    assert_int_equal(chmod(folder, 0700), 0);
    assert_non_null(strstr(diag.message, "cannot be written: Permission denied"));
}

/* A full disk ------------------------------------------------------------------------------------------ */

static otr_sts_entry *make_large(const char *domain)
{
    char body[20000];
    size_t len = (size_t)snprintf(body, sizeof(body), "%s", BODY("enforce", "86400"));

    while (len < sizeof(body) - 80)
        len += (size_t)snprintf(body + len, sizeof(body) - len, "x-note: %060zu\n", len);
    return make(domain, body);
}

/* Put until the disk is full. Nothing that was put before is harmed, and with room again all goes on. */
static void fill_up(void (*make_room)(void))
{
    otr_store *store = open_store();
    outrider_diag diag = { 0 };
    outrider_err err = OUTRIDER_OK;
    char domain[40];
    int good = 0;

    for (; good < 500 && err == OUTRIDER_OK; good += err == OUTRIDER_OK) {
        otr_sts_entry *entry;

        snprintf(domain, sizeof(domain), "d%d.example", good);
        entry = make_large(domain);
        err = otr_store_put(store, entry, &diag);
        otr_sts_entry_unref(entry);
    }
    if (err != OUTRIDER_E_IO || strncmp(diag.message, path, strlen(path)) != 0)
        fail_msg("after %d: got \"%s\"", good, diag.message);
    assert_in_range(good, 3, 499);
    for (int turn = 0; turn < 2; turn++) {
        for (int i = 0; i < good; i++) {
            otr_sts_entry *entry;

            snprintf(domain, sizeof(domain), "d%d.example", i);
            entry = get(store, domain);
            if (entry == NULL || entry->policy->body_len < 19000)
                fail_msg("%s was lost", domain);
            otr_sts_entry_unref(entry);
        }
        snprintf(domain, sizeof(domain), "d%d.example", good);
        assert_null(get(store, domain));
        if (turn == 0) {
            make_room();
            otr_store_close(store);
            store = open_store();
        }
    }
    {
        otr_sts_entry *entry = make_large("later.example");

        put(store, entry);
        otr_sts_entry_unref(entry);
    }
    otr_store_close(store);
}

static void lift_limit(void)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* Also where a file may grow no further, which needs no root: a limit of the process. */
static void a_file_that_may_not_grow_loses_nothing(void **state)
{
    struct rlimit limit;

    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = 1 << 20;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    fill_up(lift_limit);
}

static void enlarge(void)
{
    assert_int_equal(mount("tmpfs", folder, "tmpfs", MS_REMOUNT, "size=8m"), 0);
}

static void make_read_only(bool is_read_only)
{
    assert_int_equal(mount("tmpfs", folder, "tmpfs", MS_REMOUNT | (is_read_only ? MS_RDONLY : 0), "size=8m"), 0);
}

static void a_full_or_read_only_disk_loses_nothing(void **state)
{
    (void)state;
    /* A mount namespace of our own: whatever happens, nothing stays mounted. */
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("outrider", folder, "tmpfs", 0, "size=1m") != 0) {
        print_message("no tmpfs may be mounted here (%s): skipped\n", strerror(errno));
        skip();
    }
    fill_up(enlarge);
    make_read_only(true);
    expect_refusal("cannot be written: Read-only file system");
    make_read_only(false);
    otr_store_close(open_store());
    assert_int_equal(umount(folder), 0);
}

static void a_disk_full_from_the_start_leaves_no_half_made_file(void **state)
{
    struct rlimit limit;
    otr_store *store = NULL;
    outrider_diag diag = { 0 };

    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = 4096;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_int_equal(otr_store_open(path, &store, &diag), OUTRIDER_E_IO);
    lift_limit();
    assert_int_equal(access(path, F_OK), -1);
    otr_store_close(open_store());
}

static int make_folder(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(path, sizeof(path), "%s/outrider.db", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    if (umount2(folder, MNT_DETACH) == 0) /* a test has failed in the middle */
        return -1;
    remove_files();
    return rmdir(folder); /* and so says whether anything was left behind */
}

#define TEST(name) cmocka_unit_test_setup(name, fresh)

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
        TEST(the_latest_time_is_remembered_and_never_set_back),
        TEST(a_row_that_was_tampered_with_is_not_trusted),
        TEST(threads_take_turns),
        TEST(the_file_is_for_its_owner_only),
        TEST(a_file_that_is_no_database_is_left_alone),
        TEST(a_database_of_another_program_is_left_alone),
        TEST(a_newer_schema_is_left_alone),
        TEST(a_newer_schema_in_the_log_is_left_alone),
        TEST(a_damaged_database_is_left_alone),
        TEST(a_folder_that_does_not_exist_is_named),
        TEST(what_cannot_be_written_is_refused),
        TEST(a_file_that_may_not_grow_loses_nothing),
        TEST(a_full_or_read_only_disk_loses_nothing),
        TEST(a_disk_full_from_the_start_leaves_no_half_made_file),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
