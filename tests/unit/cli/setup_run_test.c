#include "cli/setup_run.h"
#include "support/cmocka_all.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void a_program_is_run_and_heard(void **state)
{
    static const struct {
        const char *text, *script;
        int how, status;
        const char *out, *complaint;
    } rows[] = {
        { "its output", "echo one; echo two", OTR_RAN, 0, "one\ntwo\n", "two" },
        { "its complaint before its output",
          "echo out; echo first >&2; echo last >&2; exit 3", OTR_RAN, 3, "out\n", "last" },
        { "silence", "exit 4", OTR_RAN, 4, "", "exit status 4 and not a word" },
        { "standard input is at its end", "cat", OTR_RAN, 0, "", "exit status 0 and not a word" },
        { "nothing of our environment", "echo $OTR_TEST$LC_ALL", OTR_RAN, 0, "C\n", "C" },
        { "killed", "kill -9 $$", OTR_RAN_FAILED, 0, "", "cannot be run, or was killed" },
        { "octets that a terminal would obey", "printf '\\033[2J'", OTR_RAN, 0, "\033[2J", "?[2J" },
    };

    (void)state;
    setenv("OTR_TEST", "leaked", 1);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        otr_buf complaint = OTR_BUF_INIT;
        otr_ran ran;

        otr_run((const char *const[]){ "sh", "-c", rows[i].script, NULL }, &ran);
        otr_ran_complaint(&ran, &complaint);
        if ((int)ran.how != rows[i].how || ran.status != rows[i].status ||
            strcmp(otr_buf_text(&ran.out), rows[i].out) != 0 ||
            strcmp(otr_buf_text(&complaint), rows[i].complaint) != 0)
            fail_msg("%s: got %d, status %d, \"%s\", \"%s\"", rows[i].text, ran.how, ran.status, otr_buf_text(&ran.out),
                     otr_buf_text(&complaint));
        otr_buf_clear(&complaint);
        otr_ran_clear(&ran);
    }
}

static void what_is_not_there_is_not_run(void **state)
{
    otr_ran ran;

    (void)state;
    otr_run((const char *const[]){ "/nonexistent/program", NULL }, &ran);
    assert_int_equal(ran.how, OTR_RAN_NOT_FOUND);
    assert_false(otr_ran_well(&ran));
    otr_ran_clear(&ran);
}

/* More than is kept: the program ends all the same, and is not taken for one that said little. */
static void endless_output_is_cut(void **state)
{
    otr_ran ran;

    (void)state;
    otr_run((const char *const[]){ "head", "-c", "5000000", "/dev/zero", NULL }, &ran);
    assert_int_equal(ran.how, OTR_RAN);
    assert_false(otr_ran_well(&ran));
    otr_ran_clear(&ran);
}

static void one_that_does_not_end_is_ended(void **state)
{
    otr_buf out = OTR_BUF_INIT;
    time_t begin = time(NULL);
    int ends[2], pid, status;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    pid = fork();
    if (pid == 0) {
        setpgid(0, 0);
        if (fork() == 0)
            sleep(20); /* a child of its own, which holds the pipe open, goes with it */
        sleep(20);
        _exit(0);
    }
    close(ends[1]);
    assert_int_equal(otr_gather(pid, (const int[]){ ends[0] }, (otr_buf *const[]){ &out }, 1, 1), -1);
    assert_in_range(time(NULL) - begin, 1, 10);
    assert_int_equal(waitpid(pid, &status, WNOHANG), -1); /* it was waited for */
    otr_buf_clear(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_program_is_run_and_heard),
        cmocka_unit_test(what_is_not_there_is_not_run),
        cmocka_unit_test(endless_output_is_cut),
        cmocka_unit_test(one_that_does_not_end_is_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
