#include "cli/setup_version.h"
#include "support/cmocka_all.h"

#include <stdio.h>

enum { HOLDS, NOT, INVALID };

static void conditions_hold_for_versions_and_features(void **state)
{
    static const struct {
        const char *text, *condition, *version;
        int expected;
    } rows[] = {
        { "from a version on, the version itself", "3.10.5+", "3.10.5", HOLDS },
        { "the patch level before it", "3.10.5+", "3.10.4", NOT },
        { "numbers are no strings", "3.10+", "3.9.12", NOT },
        { "a later minor version", "3.10.5+", "3.11", HOLDS },
        { "a version of two parts is patch level 0", "3.10.5+", "3.10", NOT },
        { "a later major version", "3.10.5+", "4", HOLDS },
        { "a range includes all patch levels of its end", "3.4-3.6", "3.6.16", HOLDS },
        { "a range begins with its first version", "3.4-3.6", "3.4", HOLDS },
        { "before a range", "3.4-3.6", "3.3.9", NOT },
        { "behind a range", "3.4-3.6", "3.7.0", NOT },
        { "a range between patch levels", "3.7.0-3.7.12", "3.7.11", HOLDS },
        { "behind a range between patch levels", "3.7.0-3.7.12", "3.7.13", NOT },
        { "up to a version", "-3.9", "3.9.99", HOLDS },
        { "after it", "-3.9", "3.10", NOT },
        { "a feature", "gnutls", "4.96", HOLDS },
        { "a feature that is not there", "openssl", "4.96", NOT },
        { "no feature", "no-openssl", "4.96", HOLDS },
        { "no feature that is there", "no-gnutls", "4.96", NOT },
        { "all words must hold", "gnutls,4.98+", "4.96", NOT },
        { "and do", "gnutls,4.94+", "4.96", HOLDS },
        { "empty", "", "4.96", INVALID },
        { "a version alone", "3.10", "3.10", INVALID },
        { "two dashes", "3.4-3.6-3.7", "3.5", INVALID },
        { "a dot too many", "3.+", "3.5", INVALID },
        { "no word", "no-", "3.5", INVALID },
        { "a comma too many", "gnutls,", "3.5", INVALID },
        { "a blank", "3.10 +", "3.11", INVALID },
        { "a number without end", "99999999999999999999+", "3.11", INVALID },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        otr_traits traits = { .features = (const char *const[]){ "gnutls", "dane", NULL } };
        bool is_valid, holds;
        int got;

        assert_true(otr_version_parse(otr_slice_of(rows[i].version), &traits.version));
        holds = otr_condition_holds(otr_slice_of(rows[i].condition), &traits, &is_valid);
        got = !is_valid ? INVALID : holds ? HOLDS : NOT;
        if (got != rows[i].expected)
            fail_msg("%s: got %d, want %d: \"%s\" for %s", rows[i].text, got, rows[i].expected, rows[i].condition,
                     rows[i].version);
        assert_true(is_valid || !holds);
    }
}

static void reads_versions_as_programs_write_them(void **state)
{
    static const struct {
        const char *text, *version; /* NULL: none */
    } rows[] = {
        { "4.96 #2 built 27-May-2026", "4.96" }, { "3.7.11", "3.7.11" },     { "3.12-20260821", "3.12" },
        { "8.17.1.9", "8.17.1.9" },              { "4.98-RC1", "4.98" },     { "4.100_dev", "4.100" },
        { "3.7.11\n", "3.7.11" },                { "", NULL },               { "x4", NULL },
        { "4.", NULL },                          { "3.7.11x", NULL },        { "1.2.3.4.5", NULL },
        { "-3", NULL },                          { "4294967296.1", NULL },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        otr_version version;
        char text[OTR_VERSION_SIZE] = "";

        if (otr_version_parse(otr_slice_of(rows[i].text), &version))
            otr_version_print(&version, text);
        assert_string_equal(text, rows[i].version != NULL ? rows[i].version : "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conditions_hold_for_versions_and_features),
        cmocka_unit_test(reads_versions_as_programs_write_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
