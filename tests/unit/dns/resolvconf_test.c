/*
 * resolvconf_test.c - the name servers in resolv.conf(5): what a line means, and when the file has changed.
 */
#include "support/cmocka_all.h"

#include "dns/nsfile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const struct {
    const char *sentence, *text, *want;
    size_t len; /* 0: strlen(text) */
} rows[] = {
    { "one server", "nameserver 192.0.2.1\n", "192.0.2.1", 0 },
    { "no newline at the end", "nameserver 192.0.2.1", "192.0.2.1", 0 },
    { "IPv6, without brackets", "nameserver 2001:db8::1\n", "2001:db8::1", 0 },
    { "IPv6 with a scope", "nameserver fe80::1%eth0\n", "fe80::1%eth0", 0 },
    { "a tab, and white space at the end", "nameserver\t192.0.2.1 \t\n", "192.0.2.1", 0 },
    { "a comment behind it", "nameserver 192.0.2.1 # home\nnameserver 192.0.2.2;x\n", "192.0.2.1 192.0.2.2", 0 },
    { "comments and other directives",
      "# nameserver 192.0.2.9\n; nameserver 192.0.2.8\nsearch example.org\noptions edns0 trust-ad\n"
      "nameserver 192.0.2.1\n",
      "192.0.2.1", 0 },
    { "the first three count",
      "nameserver 192.0.2.1\nnameserver 192.0.2.2\nnameserver 192.0.2.3\nnameserver 192.0.2.4\n",
      "192.0.2.1 192.0.2.2 192.0.2.3", 0 },
    { "a short form of IPv4 is spelt out", "nameserver 127.1\n", "127.0.0.1", 0 },
    { "lines of a DOS editor", "nameserver 192.0.2.1\r\nnameserver 192.0.2.2\r\n", "192.0.2.1 192.0.2.2", 0 },
    { "a name is no address", "nameserver dns.example.org\nnameserver 192.0.2.1\n", "192.0.2.1", 0 },
    { "an address with a port is none", "nameserver 192.0.2.1@53\n", "", 0 },
    { "brackets", "nameserver [2001:db8::1]\n", "", 0 },
    { "an octet too many", "nameserver 192.0.2.1.5\n", "", 0 },
    { "an octet too large", "nameserver 192.0.2.256\n", "", 0 },
    { "an empty scope", "nameserver fe80::1%\n", "", 0 },
    { "a scope with odd characters", "nameserver fe80::1%eth0@1\n", "", 0 },
    { "indented, as the C library does not have it", "  nameserver 192.0.2.1\n", "", 0 },
    { "upper case", "NAMESERVER 192.0.2.1\n", "", 0 },
    { "no space", "nameserver192.0.2.1\n", "", 0 },
    { "nothing behind it", "nameserver\nnameserver \n", "", 0 },
    { "empty", "", "", 0 },
    { "an address longer than any", "nameserver 0000000000000000000000000000000000000000000000000000000000000001\n"
                                    "nameserver 192.0.2.1\n", "192.0.2.1", 0 },
    { "a NUL ends an address", "nameserver 192.0.2.1\0x\nnameserver 192.0.2.2\n", "192.0.2.1 192.0.2.2", 44 },
};

static const char *join(const otr_nameservers *servers, char *text, size_t size)
{
    size_t len = 0;

    text[0] = '\0';
    for (size_t i = 0; i < servers->count; i++)
        len += (size_t)snprintf(text + len, size - len, "%s%s", i > 0 ? " " : "", servers->address[i]);
    return text;
}

static void test_lines(void **state)
{
    otr_nameservers servers;
    char got[256];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t len = rows[i].len != 0 ? rows[i].len : strlen(rows[i].text);
        char *copy = malloc(len + 1); /* of exactly its size, so that a sanitizer sees a read too far */

        assert_non_null(copy);
        memcpy(copy, rows[i].text, len);
        copy = realloc(copy, len > 0 ? len : 1);
        otr_resolvconf_parse(copy, len, &servers);
        free(copy);
        if (strcmp(join(&servers, got, sizeof(got)), rows[i].want) != 0)
            fail_msg("%s: got \"%s\", want \"%s\", input \"%s\"", rows[i].sentence, got, rows[i].want, rows[i].text);
    }
}

/* A folder of its own for files that change. */
static char folder[] = "/tmp/otr-resolvconf.XXXXXX";
static char conf[64], other[64];

static int set_up(void **state)
{
    (void)state;
    strcpy(strrchr(folder, '.'), ".XXXXXX");
    if (mkdtemp(folder) == NULL)
        return 1;
    snprintf(conf, sizeof(conf), "%s/resolv.conf", folder);
    snprintf(other, sizeof(other), "%s/other", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    remove(conf);
    remove(other);
    return rmdir(folder);
}

static void write_file(const char *path, const char *text)
{
    FILE *out = fopen(path, "w");

    assert_non_null(out);
    assert_true(fputs(text, out) >= 0);
    assert_int_equal(fclose(out), 0);
}

/* Make the file look as though it had been written long ago. */
static void age(const char *path)
{
    struct timespec times[2] = { { .tv_sec = time(NULL) - 100 }, { .tv_sec = time(NULL) - 100 } };

    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void open_file(otr_nsfile *file, const char *want)
{
    outrider_diag diag = { 0 };
    char got[256];

    assert_int_equal(otr_nsfile_open(file, conf, &diag), OUTRIDER_OK);
    assert_string_equal(join(&file->servers, got, sizeof(got)), want);
}

static void check_file(otr_nsfile *file, otr_nsfile_change want_change, const char *want)
{
    outrider_diag diag = { 0 };
    char got[256];

    assert_int_equal(otr_nsfile_check(file, &diag), want_change);
    assert_string_equal(join(&file->servers, got, sizeof(got)), want);
    if (want_change == OTR_NSFILE_TROUBLE)
        assert_non_null(strstr(diag.message, conf));
}

static void test_replaced_by_rename(void **state)
{
    otr_nsfile file;

    (void)state;
    write_file(conf, "nameserver 192.0.2.1\n");
    age(conf);
    open_file(&file, "192.0.2.1");
    check_file(&file, OTR_NSFILE_SAME, "192.0.2.1");
    write_file(other, "nameserver 192.0.2.2\n");
    age(other); /* the same size and time: only the inode differs */
    assert_int_equal(rename(other, conf), 0);
    check_file(&file, OTR_NSFILE_CHANGED, "192.0.2.2");
    check_file(&file, OTR_NSFILE_SAME, "192.0.2.2");
}

static void test_symlink_turned(void **state)
{
    otr_nsfile file;

    (void)state;
    write_file(other, "nameserver 192.0.2.1\n");
    assert_int_equal(symlink("other", conf), 0);
    open_file(&file, "192.0.2.1");
    assert_int_equal(unlink(conf), 0);
    assert_int_equal(symlink("/dev/null", conf), 0);
    check_file(&file, OTR_NSFILE_TROUBLE, "192.0.2.1");
    assert_int_equal(unlink(conf), 0);
    write_file(conf, "nameserver 192.0.2.3\n");
    check_file(&file, OTR_NSFILE_CHANGED, "192.0.2.3");
}

static void test_written_twice_within_one_tick(void **state)
{
    otr_nsfile file;

    (void)state;
    write_file(conf, "nameserver 192.0.2.1\n");
    open_file(&file, "192.0.2.1");
    for (int i = 0; i < 20; i++) { /* same inode, same size, and often the same time stamp */
        write_file(conf, "nameserver 192.0.2.2\n");
        check_file(&file, OTR_NSFILE_CHANGED, "192.0.2.2");
        write_file(conf, "nameserver 192.0.2.1\n");
        check_file(&file, OTR_NSFILE_CHANGED, "192.0.2.1");
    }
}

static void test_trouble_is_told_once_and_keeps_the_servers(void **state)
{
    otr_nsfile file;

    (void)state;
    write_file(conf, "nameserver 192.0.2.1\n");
    open_file(&file, "192.0.2.1");
    assert_int_equal(unlink(conf), 0);
    check_file(&file, OTR_NSFILE_TROUBLE, "192.0.2.1");
    check_file(&file, OTR_NSFILE_SAME, "192.0.2.1");
    write_file(conf, "");
    check_file(&file, OTR_NSFILE_SAME, "192.0.2.1");
    write_file(conf, "nameserver 192.0.2.1\n");
    check_file(&file, OTR_NSFILE_SAME, "192.0.2.1");
    write_file(conf, "search example.org\n");
    check_file(&file, OTR_NSFILE_TROUBLE, "192.0.2.1");
}

static void test_without_servers_at_the_start(void **state)
{
    otr_nsfile file;

    (void)state;
    open_file(&file, "127.0.0.1"); /* there is no file */
    check_file(&file, OTR_NSFILE_SAME, "127.0.0.1");
    write_file(conf, "search example.org\n");
    open_file(&file, "127.0.0.1");
    write_file(conf, "nameserver 192.0.2.1\n");
    check_file(&file, OTR_NSFILE_CHANGED, "192.0.2.1");
}

static void test_a_fifo_does_not_block(void **state)
{
    outrider_diag diag = { 0 };
    otr_nsfile file;

    (void)state;
    assert_int_equal(mkfifo(conf, 0600), 0);
    assert_int_equal(otr_nsfile_open(&file, conf, &diag), OUTRIDER_E_IO);
    assert_non_null(strstr(diag.message, conf));
}

int main(void)
{
#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        WITH_FOLDER(test_replaced_by_rename),
        WITH_FOLDER(test_symlink_turned),
        WITH_FOLDER(test_written_twice_within_one_tick),
        WITH_FOLDER(test_trouble_is_told_once_and_keeps_the_servers),
        WITH_FOLDER(test_without_servers_at_the_start),
        WITH_FOLDER(test_a_fifo_does_not_block),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
