#include "base/cursor.h"
#include "support/cmocka_all.h"

static bool is_letter(char c)
{
    return otr_is_alpha(c);
}

static void takes_or_stays(void **state)
{
    otr_cursor c = otr_cursor_over("abc  \t1", 7);

    (void)state;
    assert_false(otr_take_literal(&c, "abd"));
    assert_ptr_equal(c.at, c.begin);
    assert_true(otr_take_char(&c, 'a'));
    assert_true(otr_slice_is(otr_take_while(&c, is_letter), "bc"));
    assert_int_equal(otr_take_wsp(&c), 3);
    assert_false(otr_cursor_at_end(&c));
    assert_false(otr_take_literal(&c, "12"));
    assert_true(otr_take_literal(&c, "1"));
    assert_true(otr_cursor_at_end(&c));
    assert_false(otr_take_char(&c, '\0'));
}

static void points_at_the_byte(void **state)
{
    outrider_diag diag;
    otr_cursor c = otr_cursor_over("one\ntwo\n three", 14);

    (void)state;
    assert_int_equal(otr_syntax(&c, c.begin + 9, &diag, "expected %s", "four"), OUTRIDER_E_SYNTAX);
    assert_int_equal(diag.line, 3);
    assert_int_equal(diag.column, 2);
    assert_string_equal(diag.message, "expected four");
    assert_int_equal(otr_syntax(&c, c.begin, NULL, "nobody asks"), OUTRIDER_E_SYNTAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_or_stays),
        cmocka_unit_test(points_at_the_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
