#include "cli/setup_exim_drivers.h"
#include "support/cmocka_all.h"

static const char text[] = "\nfirst router:\n"
                           "address_data = ${if match{a router:b}}\n"
                           "no_more\n"
                           "allow_defer\n"
                           "domains = \n"
                           "more_or_less = x\n"
                           "\n"
                           "second router:\n"
                           "owners =\n"
                           "driver = accept\n";

static void options_belong_to_their_driver(void **state)
{
    static const struct {
        size_t driver;
        const char *option, *value;
    } rows[] = {
        { 0, "address_data", "${if match{a router:b}}" },
        { 0, "more", "false" },
        { 0, "allow_defer", "true" },
        { 0, "domains", "" },
        { 0, "more_or_less", "x" },
        { 0, "driver", "" },
        { 1, "driver", "accept" },
        { 1, "owners", "" },
        { 1, "address_data", "" },
    };
    otr_drivers drivers = { .count = 0 };

    (void)state;
    otr_drivers_split(text, " router:", &drivers);
    assert_int_equal(drivers.count, 2);
    assert_ptr_equal(otr_driver_find(&drivers, otr_slice_of("second")), &drivers.list[1]);
    assert_null(otr_driver_find(&drivers, otr_slice_of("third")));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        otr_slice got = otr_driver_option(&drivers.list[rows[i].driver], rows[i].option);

        if (!otr_slice_is(got, rows[i].value))
            fail_msg("%s: got \"%.*s\", want \"%s\"", rows[i].option, (int)got.len, got.ptr, rows[i].value);
    }
}

static void no_text_has_no_drivers(void **state)
{
    static const char *const texts[] = { "", "\n", "router:\n", " router:\n", "a = b router:\n", "option\n" };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        otr_drivers drivers = { .count = 0 };

        otr_drivers_split(texts[i], " router:", &drivers);
        assert_int_equal(drivers.count, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_belong_to_their_driver),
        cmocka_unit_test(no_text_has_no_drivers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
