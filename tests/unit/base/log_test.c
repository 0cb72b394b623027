#include "base/log.h"
#include "support/cmocka_all.h"

#include <string.h>
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
    otr_log_open("test", true, OTR_LOG_NOTICE);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        catch_line(OTR_LOG_NOTICE, rows[i].value, line, sizeof(line));
        assert_memory_equal(line, rows[i].line, strlen(rows[i].line));
    }
}

static void what_is_below_the_level_is_not_written(void **state)
{
    char line[4096];

    (void)state;
    otr_log_open("test", true, OTR_LOG_NOTICE);
    catch_line(OTR_LOG_INFO, "x", line, sizeof(line));
    assert_string_equal(line, "level=error event=end\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_from_outside_cannot_leave_its_field),
        cmocka_unit_test(what_is_below_the_level_is_not_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
