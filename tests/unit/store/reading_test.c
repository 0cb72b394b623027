/*
 * reading_test.c - commands look into a store beside outriderd or without it, as root or as another, and leave no trace:
 * above all no file that outriderd, who is somebody else, could not write afterwards.
 */
#include "fixture.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define OUTRIDER 54321 /* whose the store is */

static void decide(otr_store *store, const char *domain)
{
    outrider_diag diag = { 0 };

    if (otr_store_put_destination(store, domain, NULL, 0, 1, NOW, &diag) != OUTRIDER_OK)
        fail_msg("%s", diag.message);
}

static bool write_down(void *arg, const otr_dependant *d)
{
    strcat(arg, d->domain);
    strcat(arg, " ");
    return false;
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* "name uid mode size; " of each file in the folder; with the content of none, which SQLite alone may judge. */
static const char *list_folder(char *text)
{
    DIR *dir = opendir(store_folder);
    struct dirent *entry;
    char *lines[10];
    size_t count = 0;

    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL) {
        char name[sizeof(store_path) + sizeof(entry->d_name)];
        struct stat info;

        snprintf(name, sizeof(name), "%s/%s", store_folder, entry->d_name);
        if (entry->d_name[0] == '.' || stat(name, &info) != 0)
            continue;
        assert_true(count < 10);
        assert_true(asprintf(&lines[count++], "%s %d %o %d; ", entry->d_name, (int)info.st_uid, info.st_mode & 07777,
                             (int)info.st_size) > 0);
    }
    closedir(dir);
    qsort(lines, count, sizeof(lines[0]), compare);
    text[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        strcat(text, lines[i]);
        free(lines[i]);
    }
    return text;
}

/* What a reader sees, or why it sees nothing. */
static const char *read_store(char *text, size_t size)
{
    otr_store *store = NULL;
    outrider_diag diag = { 0 };
    char found[500] = "";
    outrider_err err = otr_store_open_reading(store_path, &store, &diag);

    if (err == OUTRIDER_OK)
        err = otr_store_each_dependant(store, NOW, NULL, write_down, found, &diag);
    otr_store_close(store);
    snprintf(text, size, "%s", err == OUTRIDER_OK ? found : diag.message);
    return text;
}

/* --- outriderd --------------------------------------------------------------------------------------------------- */

typedef struct daemon_process {
    pid_t pid;
    int in, out;
} daemon_process;

static _Noreturn void serve(const char *path)
{
    otr_store *store = NULL;
    outrider_diag diag = { 0 };
    char word = 'r';
    int number = 0;

    if ((getuid() == 0 && (setgid(OUTRIDER) != 0 || setuid(OUTRIDER) != 0)) ||
        otr_store_open(path, &store, &diag) != OUTRIDER_OK) {
        fprintf(stderr, "outriderd: %s\n", diag.message);
        _exit(1);
    }
    do {
        char domain[40];

        sprintf(domain, "d%d.example", number++);
        if (word != 'r' && otr_store_put_destination(store, domain, NULL, 0, 1, NOW, NULL) != OUTRIDER_OK)
            _exit(2);
        if (write(STDOUT_FILENO, &word, 1) != 1)
            _exit(3);
    } while (read(STDIN_FILENO, &word, 1) == 1 && word != 'q');
    otr_store_close(store);
    _exit(0);
}

/* A word to it, and its answer: 'w': write one more; 'q': end. */
static void tell(daemon_process *d, char word)
{
    char answer = 0;

    assert_int_equal(write(d->in, &word, 1), 1);
    if (word != 'q')
        assert_int_equal(read(d->out, &answer, 1), 1);
}

static daemon_process start_daemon(void)
{
    int to[2], from[2];
    daemon_process d;
    char answer;

    assert_int_equal(pipe(to) + pipe(from), 0);
    d.pid = fork();
    if (d.pid == 0) {
        /* A program of its own: SQLite's idea of a file cannot be shared by two of them. */
        dup2(to[0], STDIN_FILENO);
        dup2(from[1], STDOUT_FILENO);
        close(to[1]);
        close(from[0]);
        execl("/proc/self/exe", "outriderd", store_path, (char *)NULL);
        _exit(4);
    }
    close(to[0]);
    close(from[1]);
    d.in = to[1];
    d.out = from[0];
    if (read(d.out, &answer, 1) != 1)
        fail_msg("the daemon cannot open its store");
    return d;
}

static void end_daemon(daemon_process *d, bool is_killed)
{
    int status;

    if (is_killed)
        kill(d->pid, SIGKILL);
    else
        tell(d, 'q');
    assert_int_equal(waitpid(d->pid, &status, 0), d->pid);
    assert_true(is_killed ? WIFSIGNALED(status) : WIFEXITED(status) && WEXITSTATUS(status) == 0);
    close(d->in);
    close(d->out);
}

/* A store of outriderd's with one destination in it, which others may read; in a folder with this mode. */
static void make_store(mode_t folder_mode)
{
    otr_store *store = open_store();

    decide(store, "a.example");
    otr_store_close(store);
    assert_int_equal(chmod(store_path, 0644), 0);
    if (getuid() == 0) {
        assert_int_equal(chown(store_path, OUTRIDER, OUTRIDER), 0);
        assert_int_equal(chown(store_folder, OUTRIDER, OUTRIDER), 0);
    }
    assert_int_equal(chmod(store_folder, folder_mode), 0);
}

/* --- who reads, and where -------------------------------------------------------------------------------------------- */

static const struct reader {
    const char *sentence;
    bool is_nobody;
    mode_t folder_mode;
} readers[] = {
    { "root", false, 0755 },
    { "somebody who may read", true, 0755 },
    { "somebody who may also make files beside it", true, 0777 },
    { "somebody in a folder that nobody may write", true, 0555 },
};
#define READERS (sizeof(readers) / sizeof(readers[0]))

static void expect_reading(const struct reader *r, const char *when, const char *want)
{
    char text[500], before[1000], after[1000];

    list_folder(before);
    become_nobody(r->is_nobody);
    read_store(text, sizeof(text));
    become_nobody(false);
    list_folder(after);
    if (strstr(text, want) == NULL)
        fail_msg("%s, %s: got \"%s\", want \"%s\"", r->sentence, when, text, want);
    if (strcmp(before, after) != 0)
        fail_msg("%s, %s: before \"%s\", after \"%s\"", r->sentence, when, before, after);
}

static void each_reader_sees_all_and_leaves_no_trace(void **state)
{
    for (size_t i = 0; i < READERS; i++) {
        const struct reader *r = &readers[i];
        daemon_process d;
        otr_store *own;

        fresh(state);
        assert_int_equal(chmod(store_folder, 0755), 0);
        make_store(0755);
        assert_int_equal(chmod(store_folder, r->folder_mode), 0);
        expect_reading(r, "before outriderd runs", "a.example ");
        assert_int_equal(chmod(store_folder, r->folder_mode | 0200), 0); /* its owner may always */
        d = start_daemon();
        expect_reading(r, "when it has just started", "a.example ");
        tell(&d, 'w');
        expect_reading(r, "while it runs", "a.example d1.example ");
        tell(&d, 'w');
        expect_reading(r, "after it has written again", "a.example d1.example d2.example ");
        end_daemon(&d, true);
        expect_reading(r, "after it was killed", "a.example d1.example d2.example ");
        d = start_daemon();
        tell(&d, 'w');
        expect_reading(r, "when it runs again", "a.example d1.example d2.example ");
        end_daemon(&d, false);
        expect_reading(r, "after it has ended", "a.example d1.example d2.example ");
        own = open_store();
        otr_store_close(own);
    }
    assert_int_equal(chmod(store_folder, 0700), 0);
}

/* A long look, during which outriderd starts, writes and ends. */
static void a_reader_stays_while_outriderd_comes_and_goes(void **state)
{
    otr_store *store = NULL;
    daemon_process d;
    outrider_diag diag = { 0 };
    char text[500] = "", want[200];

    (void)state;
    make_store(0755);
    d = start_daemon();
    assert_int_equal(otr_store_open_reading(store_path, &store, NULL), OUTRIDER_OK);
    tell(&d, 'w');
    assert_int_equal(otr_store_each_dependant(store, NOW, NULL, write_down, text, NULL), OUTRIDER_OK);
    assert_string_equal(text, "a.example d1.example ");
    end_daemon(&d, false);
    d = start_daemon();
    tell(&d, 'w');
    tell(&d, 'w');
    text[0] = '\0';
    assert_int_equal(otr_store_each_dependant(store, NOW, NULL, write_down, text, NULL), OUTRIDER_OK);
    assert_string_equal(text, "a.example d1.example d2.example ");
    otr_store_close(store);
    end_daemon(&d, false);
    snprintf(want, sizeof(want), "outrider.db %d 644", getuid() == 0 ? OUTRIDER : (int)getuid());
    assert_int_equal(strncmp(list_folder(text), want, strlen(want)), 0);
    assert_null(strstr(text, "-wal"));
    /* At rest nothing is locked: that somebody began to write is seen, and what was read is not relied on. */
    assert_int_equal(otr_store_open_reading(store_path, &store, NULL), OUTRIDER_OK);
    d = start_daemon();
    assert_int_equal(otr_store_each_dependant(store, NOW, NULL, write_down, text, &diag), OUTRIDER_E_IO);
    assert_non_null(strstr(diag.message, "has begun to write to it meanwhile; try again"));
    tell(&d, 'w');
    end_daemon(&d, false);
    {
        otr_sts_entry *entry = NULL;

        assert_int_equal(otr_store_get(store, "a.example", &entry, &diag), OUTRIDER_E_IO); /* also when it has gone again */
        assert_non_null(strstr(diag.message, "try again"));
    }
    otr_store_close(store);
    assert_int_equal(chmod(store_folder, 0700), 0);
}

static void a_read_only_disk_can_be_read(void **state)
{
    char text[500];
    daemon_process d;

    (void)state;
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("outrider", store_folder, "tmpfs", 0, "size=4m") != 0) {
        print_message("no tmpfs may be mounted here (%s): skipped\n", strerror(errno));
        skip();
    }
    make_store(0755);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(mount("tmpfs", store_folder, "tmpfs", MS_REMOUNT | MS_RDONLY, "size=4m"), 0);
        assert_string_equal(read_store(text, sizeof(text)), i == 0 ? "a.example " : "a.example d1.example ");
        assert_int_equal(mount("tmpfs", store_folder, "tmpfs", MS_REMOUNT, "size=4m"), 0);
        if (i == 0) {
            d = start_daemon();
            tell(&d, 'w');
            end_daemon(&d, true); /* it leaves its log */
        }
    }
    assert_int_equal(umount(store_folder), 0);
}

static void nothing_can_be_written(void **state)
{
    otr_store *store = NULL;
    otr_override o = { .level = OTR_LEVEL_MAY, .until = NOW + 1, .made_at = NOW, .domain = "a.example", .reason = "x" };
    outrider_diag diag = { 0 };
    char text[500];

    (void)state;
    make_store(0755);
    for (int turn = 0; turn < 2; turn++) {
        daemon_process d;

        if (turn == 1)
            d = start_daemon();
        assert_int_equal(otr_store_open_reading(store_path, &store, NULL), OUTRIDER_OK);
        assert_int_equal(otr_store_put_override(store, &o, &diag), OUTRIDER_E_IO);
        assert_int_equal(otr_store_put_destination(store, "b.example", NULL, 0, 1, NOW, &diag), OUTRIDER_E_IO);
        assert_int_equal(otr_store_sweep(store, NOW, &diag), OUTRIDER_E_IO);
        otr_store_close(store);
        if (turn == 1)
            end_daemon(&d, false);
        assert_string_equal(read_store(text, sizeof(text)), "a.example ");
    }
    assert_int_equal(chmod(store_folder, 0700), 0);
}

/* --- refusals --------------------------------------------------------------------------------------------------- */

static void expect_refusal(const char *sentence, const char *want)
{
    char text[500], before[1000], after[1000];

    list_folder(before);
    read_store(text, sizeof(text));
    become_nobody(false);
    if (strstr(text, want) == NULL || strncmp(text, store_path, strlen(store_path)) != 0)
        fail_msg("%s: got \"%s\", want \"%s\"", sentence, text, want);
    if (strcmp(before, list_folder(after)) != 0)
        fail_msg("%s: before \"%s\", after \"%s\"", sentence, before, after);
}

static void a_refusal_says_what_to_do(void **state)
{
    daemon_process d;
    char name[sizeof(store_path) + 10];

    expect_refusal("there is none", "there is no store; outriderd makes it when it starts");
    make_store(0755);
    if (getuid() == 0) {
        assert_int_equal(chmod(store_path, 0600), 0);
        become_nobody(true);
        expect_refusal("it may not be read", "Permission denied; run this as root or as the user of outriderd");
        assert_int_equal(chmod(store_folder, 0700), 0);
        {
            char text[500];

            become_nobody(true);
            read_store(text, sizeof(text));
            become_nobody(false);
            assert_non_null(strstr(text, "Permission denied; run this as root or as the user of outriderd"));
        }
        assert_int_equal(chmod(store_folder, 0755), 0);
    }
    d = start_daemon();
    tell(&d, 'w');
    end_daemon(&d, true);
    snprintf(name, sizeof(name), "%s-shm", store_path);
    assert_int_equal(unlink(name), 0);
    expect_refusal("a log without its index", "start outriderd, which takes it up, and try again");
    fresh(state);
    assert_int_equal(mkdir(store_path, 0755), 0);
    expect_refusal("a folder", "is no regular file");
    assert_int_equal(rmdir(store_path), 0);
    otr_store_close(open_store());
    run_sql("PRAGMA user_version=99");
    expect_refusal("a newer schema", "has schema version 99, and this program knows none above 5");
    fresh(state);
    copy_old_database("schema2.db");
    expect_refusal("an older schema", "older schema version 2; start the outriderd of this version once");
    fresh(state);
    run_sql("CREATE TABLE customers (name TEXT)");
    expect_refusal("another's", "is a database of another program");
    fresh(state);
    {
        FILE *out = fopen(store_path, "w");

        fputs("hello, this is somebody's letter\n", out);
        fclose(out);
    }
    expect_refusal("no database", "file is not a database");
    assert_int_equal(chmod(store_folder, 0700), 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(each_reader_sees_all_and_leaves_no_trace),
        TEST(a_reader_stays_while_outriderd_comes_and_goes),
        TEST(a_read_only_disk_can_be_read),
        TEST(nothing_can_be_written),
        TEST(a_refusal_says_what_to_do),
    };

    if (argc == 2)
        serve(argv[1]);
    return cmocka_run_group_tests_name("store/reading", tests, make_folder, remove_folder);
}
