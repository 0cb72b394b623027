/*
 * opening_test.c - what is no store of ours is refused and left alone, byte for byte, and so is one that cannot be
 * written.
 */
#include "fixture.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void the_file_is_for_its_owner_only(void **state)
{
    struct stat info;
    mode_t old = umask(0);

    (void)state;
    otr_store_close(open_store());
    umask(old);
    assert_int_equal(stat(store_path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
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
    FILE *out = fopen(store_path, "wb");

    assert_non_null(out);
    assert_int_equal(fwrite(bytes, 1, len, out), len);
    assert_int_equal(fclose(out), 0);
}

/* Opening is refused with these words, and the file is afterwards what it was. */
static void expect_refusal(const char *words)
{
    size_t before_len, after_len;
    char *before = read_file(store_path, &before_len);
    char *after;
    otr_store *store = NULL;
    outrider_diag diag = { 0 };

    if (otr_store_open(store_path, &store, &diag) != OUTRIDER_E_IO || store != NULL)
        fail_msg("want \"%s\", but it was opened", words);
    if (strstr(diag.message, words) == NULL || strncmp(diag.message, store_path, strlen(store_path)) != 0)
        fail_msg("got \"%s\", want \"%s: %s\"", diag.message, store_path, words);
    after = read_file(store_path, &after_len);
    if (before_len != after_len || memcmp(before, after, before_len) != 0)
        fail_msg("%s: the file was changed", words);
    free(before);
    free(after);
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
    expect_refusal("has schema version 99, and this program knows none above 5");
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
        sqlite3_open(store_path, &db);
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
        entry = make_entry(domain, BODY("enforce", "86400"));
        put_entry(store, entry);
        otr_sts_entry_unref(entry);
    }
    otr_store_close(store);
    bytes = read_file(store_path, &len);
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
    assert_int_equal(mkdir(store_path, 0755), 0);
    assert_int_equal(otr_store_open(store_path, &store, &diag), OUTRIDER_E_IO);
    assert_non_null(strstr(diag.message, "/outrider.db: is no regular file"));
    assert_int_equal(rmdir(store_path), 0);
}

static void what_cannot_be_written_is_refused(void **state)
{
    otr_store *store = NULL;
    outrider_diag diag = { 0 };

    (void)state;
    otr_store_close(open_store());
    assert_int_equal(chmod(store_folder, 0755), 0);
    assert_int_equal(chmod(store_path, 0644), 0);
    if (getuid() != 0) {
        assert_int_equal(chmod(store_folder, 0555), 0);
        assert_int_equal(chmod(store_path, 0444), 0);
    }
    become_nobody(true);
    expect_refusal("cannot be written: Permission denied"); /* the folder */
    become_nobody(false);
    assert_int_equal(chmod(store_folder, 0777), 0);
    become_nobody(true);
    expect_refusal("cannot be written: Permission denied"); /* the file */
    become_nobody(false);
    remove_files();
    assert_int_equal(chmod(store_folder, 0555), 0);
    become_nobody(true);
    assert_int_equal(otr_store_open(store_path, &store, &diag), OUTRIDER_E_IO);
    become_nobody(false);
    assert_int_equal(chmod(store_folder, 0700), 0);
    assert_non_null(strstr(diag.message, "cannot be written: Permission denied"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_file_is_for_its_owner_only),
        TEST(a_file_that_is_no_database_is_left_alone),
        TEST(a_database_of_another_program_is_left_alone),
        TEST(a_newer_schema_is_left_alone),
        TEST(a_newer_schema_in_the_log_is_left_alone),
        TEST(a_damaged_database_is_left_alone),
        TEST(a_folder_that_does_not_exist_is_named),
        TEST(what_cannot_be_written_is_refused),
    };
    return cmocka_run_group_tests_name("store/opening", tests, make_folder, remove_folder);
}
