/*
 * disk_test.c - a disk that is full or cannot be written is an error and no harm.
 */
#include "fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

static otr_sts_entry *get(otr_store *store, const char *domain)
{
    otr_sts_entry *entry = NULL;
    outrider_diag diag = { 0 };

    if (otr_store_get(store, domain, &entry, &diag) != OUTRIDER_OK)
        fail_msg("get: %s", diag.message);
    return entry;
}

static otr_sts_entry *make_large(const char *domain)
{
    char body[20000];
    size_t len = (size_t)snprintf(body, sizeof(body), "%s", BODY("enforce", "86400"));

    while (len < sizeof(body) - 80)
        len += (size_t)snprintf(body + len, sizeof(body) - len, "x-note: %060zu\n", len);
    return make_entry(domain, body);
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
    if (err != OUTRIDER_E_IO || strncmp(diag.message, store_path, strlen(store_path)) != 0)
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

        put_entry(store, entry);
        otr_sts_entry_unref(entry);
    }
    otr_store_close(store);
}

/* Also where a file may grow no further, which needs no root: a limit of the process. */
static void a_file_that_may_not_grow_loses_nothing(void **state)
{
    (void)state;
    limit_file_size(1 << 20);
    fill_up(lift_file_size);
}

static void enlarge(void)
{
    assert_int_equal(mount("tmpfs", store_folder, "tmpfs", MS_REMOUNT, "size=8m"), 0);
}

static void make_read_only(bool is_read_only)
{
    assert_int_equal(mount("tmpfs", store_folder, "tmpfs", MS_REMOUNT | (is_read_only ? MS_RDONLY : 0), "size=8m"), 0);
}

static void a_full_or_read_only_disk_loses_nothing(void **state)
{
    otr_store *store = NULL;
    outrider_diag diag = { 0 };

    (void)state;
    /* A mount namespace of our own: whatever happens, nothing stays mounted. */
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("outrider", store_folder, "tmpfs", 0, "size=1m") != 0) {
        print_message("no tmpfs may be mounted here (%s): skipped\n", strerror(errno));
        skip();
    }
    fill_up(enlarge);
    make_read_only(true);
    assert_int_equal(otr_store_open(store_path, &store, &diag), OUTRIDER_E_IO);
    assert_non_null(strstr(diag.message, "cannot be written: Read-only file system"));
    make_read_only(false);
    otr_store_close(open_store());
    assert_int_equal(umount(store_folder), 0);
}

static void a_disk_full_from_the_start_leaves_no_half_made_file(void **state)
{
    otr_store *store = NULL;
    outrider_diag diag = { 0 };

    (void)state;
    limit_file_size(4096);
    assert_int_equal(otr_store_open(store_path, &store, &diag), OUTRIDER_E_IO);
    lift_file_size();
    assert_int_equal(access(store_path, F_OK), -1);
    otr_store_close(open_store());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_file_that_may_not_grow_loses_nothing),
        TEST(a_full_or_read_only_disk_loses_nothing),
        TEST(a_disk_full_from_the_start_leaves_no_half_made_file),
    };
    return cmocka_run_group_tests_name("store/disk", tests, make_folder, remove_folder);
}
