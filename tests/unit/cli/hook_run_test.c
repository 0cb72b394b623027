/*
 * hook_run_test.c - what becomes of an operator's program: it ends, fails, hangs, writes without an end, leaves something running.
 */
#include "cli/hook_run.h"
#include "support/cmocka_all.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static char directory[] = "/tmp/outrider-hook-XXXXXX", program[64];

static void write_program(const char *script)
{
    FILE *out = fopen(program, "w");

    assert_non_null(out);
    fprintf(out, "#!/bin/sh\n%s\n", script);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(chmod(program, 0700), 0);
}

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static const struct row {
    const char *sentence, *script;
    unsigned timeout_s;
    bool is_done;
    const char *why, *output; /* what they begin with */
} rows[] = {
    { "it gets the input, and what it says is kept", "cat; echo told; echo so >&2", 60, true, "", "input\ntold\nso\n" },
    { "it reads nothing", "exec <&-; echo done", 60, true, "", "done" },
    { "its environment is ours to give", "env | sort | grep -v ^_= | grep -v ^PWD=", 60, true, "",
      "LANG=C.UTF-8\nNAME=value\nPATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n" },
    { "no descriptor of ours is open", "ls /proc/$$/fd | grep -v '^[0-2]$' | grep -v '^10$' | grep -v '^255$'; true", 60, true, "", "" },
    { "it fails", "echo cannot; exit 3", 60, false, "exit status 3", "cannot\n" },
    { "it is killed", "kill -TERM $$", 60, false, "killed by signal 15", "" },
    { "it hangs", "echo begun; sleep 1000", 1, false, "no end within 1 s", "begun\n" },
    { "it hangs and minds no signal", "trap '' TERM INT HUP; while :; do sleep 1000; done", 1, false, "no end within 1 s", "" },
    { "it writes without an end", "yes & yes & yes & exec yes", 1, false, "no end within 1 s", "y\n" },
    { "what it leaves running writes without an end", "yes & yes & yes & yes & echo done", 60, true, "", "" },
    { "it writes much, and ends", "head -c 1000000 /dev/zero | tr '\\0' x; exit 2", 60, false, "exit status 2", "xxxx" },
};

static void each_end(void **state)
{
    const char *const variables[] = { "NAME=value", NULL };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *r = &rows[i];
        otr_buf output = OTR_BUF_INIT;
        char why[128] = "";
        double begun = seconds();
        bool is_done;

        write_program(r->script);
        is_done = otr_hook_run(program, variables, "input\n", 6, r->timeout_s, &output, why);
        if (is_done != r->is_done || strcmp(why, r->why) != 0 || strncmp(otr_buf_text(&output), r->output, strlen(r->output)) != 0 ||
            output.len > OTR_HOOK_OUTPUT_MAX + 4096 || seconds() - begun > 30)
            fail_msg("%s: got %d, \"%s\", \"%.200s\", %.1f s", r->sentence, is_done, why, otr_buf_text(&output), seconds() - begun);
        otr_buf_clear(&output);
    }
}

static void a_program_that_is_not_there(void **state)
{
    otr_buf output = OTR_BUF_INIT;
    char why[128] = "";

    (void)state;
    assert_false(otr_hook_run("/nonexistent", NULL, "", 0, 60, &output, why));
    assert_string_equal(why, "cannot be run: No such file or directory");
    otr_buf_clear(&output);
}

/* Gone, or dead and not yet fetched by whoever has become its parent. */
static bool is_dead(long pid)
{
    char path[64], line[256] = "";
    const char *after;
    FILE *in;

    snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
    in = fopen(path, "r");
    if (in == NULL)
        return true;
    after = fgets(line, sizeof(line), in) != NULL ? strrchr(line, ')') : NULL;
    fclose(in);
    return after == NULL || after[2] == 'Z' || after[2] == 'X';
}

/* With a program that hangs go those that it has started. */
static void its_children(void **state)
{
    otr_buf output = OTR_BUF_INIT;
    char why[128] = "", *end;
    long child, grandchild;

    (void)state;
    write_program("sleep 1000 & echo $!; sh -c 'sleep 1000 & echo $!; wait' & wait");
    assert_false(otr_hook_run(program, NULL, "", 0, 2, &output, why));
    assert_string_equal(why, "no end within 2 s");
    child = strtol(otr_buf_text(&output), &end, 10);
    grandchild = strtol(end, NULL, 10);
    assert_true(child > 1 && grandchild > 1);
    for (int i = 0; i < 1000 && !(is_dead(child) && is_dead(grandchild)); i++)
        usleep(10000);
    assert_true(is_dead(child));
    assert_true(is_dead(grandchild));
    otr_buf_clear(&output);
}

static int open_all(void **state)
{
    (void)state;
    alarm(300);
    if (mkdtemp(directory) == NULL)
        return -1;
    snprintf(program, sizeof(program), "%s/hook", directory);
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    unlink(program);
    return rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_end),
        cmocka_unit_test(a_program_that_is_not_there),
        cmocka_unit_test(its_children),
    };

    return cmocka_run_group_tests(tests, open_all, close_all);
}
