/*
 * acme_test.c - which files of a directory become challenges, and that a change of it is seen.
 */
#include "daemon/publish/acme.h"

#include "support/cmocka_all.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/outrider-acme-test-XXXXXX";

static char *path_of(const char *name)
{
    static char path[512];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static void write_token(const char *name, size_t len)
{
    FILE *out = fopen(path_of(name), "we");

    assert_non_null(out);
    for (size_t i = 0; i < len; i++)
        fputc('a' + (int)(i % 26), out);
    fclose(out);
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int remove_folder(void **state)
{
    char command[600];

    (void)state;
    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    return system(command);
}

static otr_acme_tokens read_it(otr_arena *arena)
{
    otr_acme_tokens tokens;
    outrider_diag diag = { 0 };

    if (otr_acme_read(folder, arena, &tokens, &diag) != OUTRIDER_OK)
        fail_msg("%s", diag.message);
    return tokens;
}

static void test_names(void **state)
{
    static char long_name[OTR_ACME_NAME_MAX + 2];
    const struct {
        const char *name;
        bool is_token;
    } rows[] = {
        { "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA", true },
        { "_", true },
        { "", false },
        { ".", false },
        { "..", false },
        { "a.b", false },
        { "a/b", false },
        { "a%2fb", false },
        { "a=", false },
        { "\xc3\xa4", false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (otr_acme_is_token(otr_slice_of(rows[i].name)) != rows[i].is_token)
            fail_msg("\"%s\": want %d", rows[i].name, rows[i].is_token);
    memset(long_name, 'a', OTR_ACME_NAME_MAX);
    assert_true(otr_acme_is_token(otr_slice_of(long_name)));
    long_name[OTR_ACME_NAME_MAX] = 'a';
    assert_false(otr_acme_is_token(otr_slice_of(long_name)));
    assert_false(otr_acme_is_token((otr_slice){ "a\0b", 3 }));
}

/* A link could show any file that we may read, and a pipe would make us wait. */
static void test_what_is_read(void **state)
{
    otr_arena *arena = otr_arena_new();
    otr_acme_tokens tokens;

    (void)state;
    write_token("whole", OTR_ACME_CONTENT_MAX);
    write_token("too-large", OTR_ACME_CONTENT_MAX + 1);
    write_token("empty", 0);
    write_token(".hidden", 5);
    write_token("A", 3);
    assert_int_equal(mkdir(path_of("directory"), 0755), 0);
    assert_int_equal(mkfifo(path_of("pipe"), 0600), 0);
    assert_int_equal(symlink("/etc/passwd", path_of("link")), 0);
    tokens = read_it(arena);
    assert_int_equal(tokens.count, 2);
    assert_string_equal(tokens.list[0].name, "A");
    assert_int_equal(tokens.list[0].content.len, 3);
    assert_memory_equal(tokens.list[0].content.ptr, "abc", 3);
    assert_string_equal(tokens.list[1].name, "whole");
    assert_int_equal(tokens.list[1].content.len, OTR_ACME_CONTENT_MAX);
    assert_int_equal(tokens.refused, 4);
    assert_false(tokens.is_cut);
    otr_arena_free(arena);
}

static void test_limit(void **state)
{
    otr_arena *arena = otr_arena_new();
    otr_acme_tokens tokens;
    char name[32];

    (void)state;
    for (int i = 0; i < OTR_ACME_TOKENS_MAX + 1; i++) {
        snprintf(name, sizeof(name), "many%d", i);
        write_token(name, 1);
    }
    tokens = read_it(arena);
    assert_int_equal(tokens.count, OTR_ACME_TOKENS_MAX);
    assert_true(tokens.is_cut);
    for (size_t i = 1; i < tokens.count; i++)
        assert_true(strcmp(tokens.list[i - 1].name, tokens.list[i].name) < 0);
    otr_arena_free(arena);
}

static otr_acme_news next_news(int fd)
{
    struct pollfd waiting = { .fd = fd, .events = POLLIN };

    assert_int_equal(poll(&waiting, 1, 10000), 1);
    return otr_acme_drain(fd);
}

static void test_watch(void **state)
{
    outrider_diag diag;
    otr_arena *arena = otr_arena_new();
    otr_acme_tokens tokens;
    char old[512];
    int fd = -1;

    (void)state;
    assert_int_equal(otr_acme_watch(folder, &fd, &diag), OUTRIDER_OK);
    assert_int_equal(otr_acme_drain(fd), OTR_ACME_NOTHING);
    write_token("fresh", 4);
    assert_int_equal(next_news(fd), OTR_ACME_CHANGED);
    assert_int_equal(unlink(path_of("fresh")), 0);
    assert_int_equal(next_news(fd), OTR_ACME_CHANGED);
    snprintf(old, sizeof(old), "%s.old", folder);
    assert_int_equal(rename(folder, old), 0);
    assert_int_equal(next_news(fd), OTR_ACME_GONE);
    assert_int_equal(otr_acme_read(folder, arena, &tokens, &diag), OUTRIDER_E_IO);
    assert_non_null(strstr(diag.message, folder));
    close(fd);
    assert_int_equal(otr_acme_watch(folder, &fd, &diag), OUTRIDER_E_IO);
    assert_int_equal(rename(old, folder), 0);
    otr_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test_setup_teardown(test_what_is_read, make_folder, NULL),
        cmocka_unit_test_setup_teardown(test_watch, NULL, NULL),
        cmocka_unit_test_setup_teardown(test_limit, NULL, remove_folder),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
