#include "cli/setup_check.h"
#include "support/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

/* A report that is cut must not end well: the checks at its end may be those that matter. */
static void findings_beyond_the_limit_are_unknown(void **state)
{
    static otr_check_list list;
    const otr_check *last = &list.checks[OTR_CHECKS_MAX - 1];

    (void)state;
    for (int i = 0; i < OTR_CHECKS_MAX + 5; i++) {
        otr_check_say(&list, "router", OTR_CHECK_OK, NULL, "router %d", i);
        assert_true(i >= OTR_CHECKS_MAX - 1 || list.count == (size_t)i + 1);
    }
    assert_int_equal(list.count, OTR_CHECKS_MAX);
    assert_string_equal(last[-1].found, "router 398");
    assert_int_equal(last[-1].status, OTR_CHECK_OK);
    assert_string_equal(last->id, "checks");
    assert_int_equal(last->status, OTR_CHECK_UNKNOWN);
    assert_non_null(last->fix);
    for (size_t i = 0; i < list.count; i++)
        free(list.checks[i].found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(findings_beyond_the_limit_are_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
