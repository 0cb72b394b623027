/*
 * publish_print_test.c - which open thing `publish status` names as the next one.
 */
#include "cli/publish_print.h"
#include "support/cmocka_all.h"

#include <stdio.h>

#define RESULTS_MAX 5

/* Of each result the status, and whether there is a fix; the message is its number. */
static const struct row {
    const char *sentence;
    struct {
        otr_check_status status;
        const char *fix;
    } results[RESULTS_MAX];
    size_t count;
    int want; /* -1: nothing */
} rows[] = {
    { "nothing was looked at", { { 0 } }, 0, -1 },
    { "all is well", { { OTR_CHECK_OK, "" }, { OTR_CHECK_SKIPPED, "" } }, 2, -1 },
    { "critical before warning, wherever it stands", { { OTR_CHECK_WARNING, "w" }, { OTR_CHECK_CRITICAL, "c" } }, 2, 1 },
    { "critical without a fix before a warning with one", { { OTR_CHECK_WARNING, "w" }, { OTR_CHECK_CRITICAL, "" } }, 2, 1 },
    { "of two that are critical the one that can be mended", { { OTR_CHECK_CRITICAL, "" }, { OTR_CHECK_CRITICAL, "c" } }, 2, 1 },
    { "of two that are alike the first", { { OTR_CHECK_WARNING, "a" }, { OTR_CHECK_WARNING, "b" } }, 2, 0 },
    { "warning before what is not known", { { OTR_CHECK_UNKNOWN, "u" }, { OTR_CHECK_WARNING, "" } }, 2, 1 },
    { "what is not known before information", { { OTR_CHECK_INFO, "i" }, { OTR_CHECK_UNKNOWN, "" } }, 2, 1 },
    { "information that can be mended", { { OTR_CHECK_OK, "" }, { OTR_CHECK_INFO, "" }, { OTR_CHECK_INFO, "i" } }, 3, 2 },
    { "information alone is nothing to do", { { OTR_CHECK_INFO, "" } }, 1, -1 },
};

static void the_weightiest(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *r = &rows[i];
        otr_check_result results[RESULTS_MAX] = { 0 };
        const otr_check_report report = { .results = results, .count = r->count };
        const otr_check_result *got;

        for (size_t n = 0; n < r->count; n++)
            results[n] = (otr_check_result){ .id = "sts.txt", .status = r->results[n].status, .message = "m", .fix = r->results[n].fix };
        got = otr_find_next(&report);
        if (got != (r->want < 0 ? NULL : &results[r->want]))
            fail_msg("%s: got %td", r->sentence, got != NULL ? got - results : -1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(the_weightiest) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
