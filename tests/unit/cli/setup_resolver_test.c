#include "cli/setup_resolver.h"
#include "support/cmocka_all.h"

#include <string.h>

static void finds_trust_ad(void **state)
{
    static const struct {
        const char *text;
        bool trusts;
    } rows[] = {
        { "nameserver 127.0.0.1\noptions edns0 trust-ad\n", true },
        { "options trust-ad", true },
        { "options ndots:2\noptions trust-ad\n", true },
        { "options\ttrust-ad edns0\n", true },
        { "nameserver 127.0.0.1\n", false },
        { "# options trust-ad\n", false },
        { "options edns0 no-trust-ad\n", false },
        { "options edns0 trust-ads\n", false },
        { "optionstrust-ad\n", false },
        { " options trust-ad\n", false },
        { "search trust-ad\n", false },
        { "", false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (otr_resolv_trusts_ad(rows[i].text, strlen(rows[i].text)) != rows[i].trusts)
            fail_msg("got %d: %s", !rows[i].trusts, rows[i].text);
}

static void knows_loopback(void **state)
{
    (void)state;
    assert_true(otr_address_is_loopback("127.0.0.53"));
    assert_true(otr_address_is_loopback("::1"));
    assert_false(otr_address_is_loopback("192.0.2.127"));
    assert_false(otr_address_is_loopback("128.0.0.1"));
    assert_false(otr_address_is_loopback("::12"));
}

static void judges_answers(void **state)
{
    static const struct {
        const char *text;
        size_t len;
        uint8_t packet[12];
        int expected; /* -1: no answer to this question */
    } rows[] = {
        { "an answer with AD", 12, { 1, 2, 0x81, 0xa0, 0, 1, 0, 13 }, OTR_AD_SET },
        { "an answer without", 12, { 1, 2, 0x81, 0x80, 0, 1, 0, 13 }, OTR_AD_MISSING },
        { "SERVFAIL", 12, { 1, 2, 0x81, 0x82, 0, 1, 0, 0 }, OTR_AD_FAILED },
        { "AD and no data", 12, { 1, 2, 0x81, 0xa0, 0, 1, 0, 0 }, OTR_AD_FAILED },
        { "another identifier", 12, { 1, 3, 0x81, 0xa0, 0, 1, 0, 13 }, -1 },
        { "a question", 12, { 1, 2, 0x01, 0xa0, 0, 1, 0, 13 }, -1 },
        { "a cut header", 11, { 1, 2, 0x81, 0xa0, 0, 1, 0, 13 }, -1 },
        { "nothing", 0, { 0 }, -1 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        otr_ad_answer answer;
        int got = otr_ad_judge(rows[i].packet, rows[i].len, 0x0102, &answer) ? (int)answer : -1;

        if (got != rows[i].expected)
            fail_msg("%s: got %d, want %d", rows[i].text, got, rows[i].expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_trust_ad),
        cmocka_unit_test(knows_loopback),
        cmocka_unit_test(judges_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
