#include "base/buf.h"
#include "support/cmocka_all.h"

#include <stdlib.h>

static void composes_and_ends_in_nul(void **state)
{
    otr_buf b = OTR_BUF_INIT;
    char *text;

    (void)state;
    assert_string_equal(otr_buf_text(&b), "");
    otr_buf_puts(&b, "a=");
    otr_buf_printf(&b, "%d", 42);
    otr_buf_putc(&b, ';');
    assert_string_equal(otr_buf_text(&b), "a=42;");
    assert_int_equal(b.len, 5);
    text = otr_buf_steal(&b);
    assert_string_equal(text, "a=42;");
    assert_int_equal(b.len, 0);
    free(text);
}

static void keeps_its_first_error(void **state)
{
    otr_buf b = { .limit = 4 };

    (void)state;
    otr_buf_puts(&b, "1234");
    assert_int_equal(b.err, OUTRIDER_OK);
    otr_buf_puts(&b, "5");
    otr_buf_puts(&b, "");
    assert_int_equal(b.err, OUTRIDER_E_LIMIT);
    assert_string_equal(otr_buf_text(&b), "");
    assert_null(otr_buf_steal(&b));
}

static void grows_over_many_writes(void **state)
{
    otr_buf b = OTR_BUF_INIT;

    (void)state;
    for (int i = 0; i < 1000; i++)
        otr_buf_puts(&b, "0123456789");
    assert_int_equal(b.len, 10000);
    assert_int_equal(strlen(otr_buf_text(&b)), 10000);
    otr_buf_clear(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(composes_and_ends_in_nul),
        cmocka_unit_test(keeps_its_first_error),
        cmocka_unit_test(grows_over_many_writes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
