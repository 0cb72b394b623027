#include "base/log.h"
#include "base/log_format.h"
#include "support/cmocka_all.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* What the log writes to standard error, caught in a pipe. */
static void catch_line(otr_log_level level, const char *value, char *line, size_t size)
{
    int saved = dup(STDERR_FILENO), ends[2];
    ssize_t got;

    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    OTR_LOG(level, "test.event", { "value", value }, { "absent", NULL });
    OTR_LOG(OTR_LOG_ERROR, "end");
    dup2(saved, STDERR_FILENO);
    got = read(ends[0], line, size - 1);
    line[got > 0 ? got : 0] = '\0';
    close(saved);
    close(ends[0]);
    close(ends[1]);
}

static void a_value_from_outside_cannot_leave_its_field(void **state)
{
    static const struct {
        const char *value, *line;
    } rows[] = {
        { "mx1.example.org", "level=notice event=test.event value=mx1.example.org\n" },
        { "", "level=notice event=test.event value=\"\"\n" },
        { "a b=c", "level=notice event=test.event value=\"a b=c\"\n" },
        { "x\nlevel=error", "level=notice event=test.event value=\"x\\x0alevel=error\"\n" },
        { "say \"hi\"\\", "level=notice event=test.event value=\"say \\\"hi\\\"\\\\\"\n" },
        { "\xc3\xbc", "level=notice event=test.event value=\"\\xc3\\xbc\"\n" },
    };
    char line[4096];

    (void)state;
    otr_log_open("test", OTR_LOG_STDERR, true, OTR_LOG_NOTICE);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        catch_line(OTR_LOG_NOTICE, rows[i].value, line, sizeof(line));
        assert_memory_equal(line, rows[i].line, strlen(rows[i].line));
    }
}

static void what_is_below_the_level_is_not_written(void **state)
{
    char line[4096];

    (void)state;
    otr_log_open("test", OTR_LOG_STDERR, true, OTR_LOG_NOTICE);
    catch_line(OTR_LOG_INFO, "x", line, sizeof(line));
    assert_string_equal(line, "level=error event=end\n");
}

/* A pipe takes less than a page in one piece, so no line may be longer, whatever a peer sends. */
static void the_longest_line_fits_into_a_pipe(void **state)
{
    char value[5000];
    otr_buf line = OTR_BUF_INIT;

    (void)state;
    memset(value, '\n', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    otr_log_put_line(&line, OTR_LOG_ERROR, "test.event",
                     (const otr_log_field[]){ { "a", value }, { "b", value }, { "c", value }, { NULL, NULL } });
    assert_true(line.len < 4096);
    assert_non_null(strstr(otr_buf_text(&line), "\\x0a...\" b=\"\\x0a"));
    assert_null(strstr(otr_buf_text(&line), " c="));
    otr_buf_clear(&line);
}

static void a_line_for_syslog(void **state)
{
    const otr_log_origin origin = { "outriderd", 42, 1796000000 }; /* 2026-11-29 */
    otr_buf out = OTR_BUF_INIT;

    (void)state;
    setenv("TZ", "UTC", 1);
    otr_log_put_syslog(&out, &origin, OTR_LOG_NOTICE, "level=notice event=x");
    assert_string_equal(otr_buf_text(&out), "<21>Nov 30 00:53:20 outriderd[42]: level=notice event=x");
    otr_buf_clear(&out);
}

static void an_entry_for_the_journal(void **state)
{
    static const char expected[] = "MESSAGE=level=warning event=sts.refresh.failed domain=a.example error=\"x\\x0aPRIORITY=0\"\n"
                                   "PRIORITY=4\nSYSLOG_FACILITY=2\nSYSLOG_IDENTIFIER=outriderd\nSYSLOG_PID=42\n"
                                   "OUTRIDER_EVENT=sts.refresh.failed\n"
                                   "OUTRIDER_DOMAIN=a.example\n"
                                   "OUTRIDER_ERROR\n\x0c\0\0\0\0\0\0\0x\nPRIORITY=0\n";
    const otr_log_origin origin = { "outriderd", 42, 0 };
    otr_buf out = OTR_BUF_INIT;

    (void)state;
    otr_log_put_journal(&out, &origin, OTR_LOG_WARNING, "sts.refresh.failed",
                        (const otr_log_field[]){ { "domain", "a.example" }, { "id", NULL },
                                                 { "error", "x\nPRIORITY=0" }, { NULL, NULL } });
    assert_int_equal(out.len, sizeof(expected) - 1);
    assert_memory_equal(out.data, expected, sizeof(expected) - 1);
    otr_buf_clear(&out);
}

/* Standard error as `make` would have it (a pipe) and as systemd has it (a socket); nobody reads. */
static void a_full_sink(int reader, int writer)
{
    int saved = dup(STDERR_FILENO);
    unsigned long before = otr_log_lost(), lost;
    char text[1 << 16];
    ssize_t got;

    otr_log_open("test", OTR_LOG_STDERR, true, OTR_LOG_NOTICE);
    dup2(writer, STDERR_FILENO);
    for (int i = 0; i < 20000; i++) /* hangs here if a write waits */
        OTR_LOG(OTR_LOG_ERROR, "test.flood", { "value", "0123456789012345678901234567890123456789" });
    lost = otr_log_lost() - before;
    fcntl(reader, F_SETFL, O_NONBLOCK);
    while (read(reader, text, sizeof(text)) > 0)
        ;
    OTR_LOG(OTR_LOG_ERROR, "test.after");
    dup2(saved, STDERR_FILENO);
    got = read(reader, text, sizeof(text) - 1);
    assert_true(lost > 10000 && lost < 20000);
    assert_true(got > 0);
    text[got] = '\0';
    assert_non_null(strstr(text, "event=test.after\n"));
    snprintf(text + got + 1, 64, "event=log.lost lines=%lu ", lost);
    assert_non_null(strstr(text, text + got + 1));
    close(saved);
    close(reader);
    close(writer);
}

static void a_full_pipe_loses_lines_and_does_not_wait(void **state)
{
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    a_full_sink(ends[0], ends[1]);
}

static void a_full_socket_loses_lines_and_does_not_wait(void **state)
{
    int ends[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    a_full_sink(ends[0], ends[1]);
}

/* Without JOURNAL_STREAM for this very descriptor "auto" stays with standard error. */
static void auto_believes_the_journal_only_what_is_its_own(void **state)
{
    static const char *const foreign[] = { "", "1:2", "x", "1:2:3", NULL };
    char line[4096];

    (void)state;
    for (size_t i = 0; foreign[i] != NULL; i++) {
        setenv("JOURNAL_STREAM", foreign[i], 1);
        otr_log_open("test", OTR_LOG_AUTO, true, OTR_LOG_NOTICE);
        catch_line(OTR_LOG_NOTICE, "x", line, sizeof(line));
        assert_non_null(strstr(line, "event=test.event"));
    }
    unsetenv("JOURNAL_STREAM");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_from_outside_cannot_leave_its_field),
        cmocka_unit_test(what_is_below_the_level_is_not_written),
        cmocka_unit_test(the_longest_line_fits_into_a_pipe),
        cmocka_unit_test(a_line_for_syslog),
        cmocka_unit_test(an_entry_for_the_journal),
        cmocka_unit_test(a_full_pipe_loses_lines_and_does_not_wait),
        cmocka_unit_test(a_full_socket_loses_lines_and_does_not_wait),
        cmocka_unit_test(auto_believes_the_journal_only_what_is_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
