/*
 * pattern_test.c - mx patterns: what is one, and what it matches. Rows: STS-BODY-11 to STS-BODY-13, STS-APPLY-02.
 */
#include "sts/pattern.h"
#include "sts/policy.h"
#include "support/cmocka_all.h"

#define L10 "abcdefghij"
#define L63 L10 L10 L10 L10 L10 L10 "abc"

static void knows_the_grammar(void **state)
{
    static const struct {
        const char *sentence;
        const char *pattern;
        int fault_at; /* offset; -1: a pattern */
    } rows[] = {
        { "STS-BODY-11 a host", "mx1.example.org", -1 },
        { "STS-BODY-11 a wildcard", "*.example.org", -1 },
        { "STS-BODY-11 one label", "localhost", -1 },
        { "STS-BODY-11 a wildcard over one label", "*.com", -1 },
        { "STS-BODY-11 a label of 63 octets", L63 ".example", -1 },
        { "STS-BODY-12 an A-label in any case", "XN--BCHER-KVA.example", -1 },
        { "STS-BODY-13 a dotted quad fits", "192.0.2.1", -1 },
        { "STS-BODY-11 the wildcard alone", "*", 0 },
        { "STS-BODY-11 the wildcard and a dot", "*.", 2 },
        { "STS-BODY-11 a wildcard in the middle", "a.*.b", 2 },
        { "STS-BODY-11 a wildcard twice", "*.*.b", 2 },
        { "STS-BODY-11 a wildcard that is part of a label", "mx*.b", 2 },
        { "STS-BODY-11 a wildcard without a dot", "*b.example", 0 },
        { "STS-BODY-11 a leading dot", ".example.org", 0 },
        { "STS-BODY-11 two dots", "a..b", 2 },
        { "STS-BODY-11 a final dot", "mx.example.org.", 14 },
        { "STS-BODY-11 an underscore", "mx_1.example", 2 },
        { "STS-BODY-11 a hyphen first", "a.-b", 2 },
        { "STS-BODY-11 a hyphen last", "a-.b", 1 },
        { "STS-BODY-11 a label of 64 octets", L63 "x.example", 63 },
        { "STS-BODY-11 254 octets", L63 "." L63 "." L63 "." L10 L10 L10 L10 L10 L10 "ab", 253 },
        { "STS-BODY-11 a list", "a.example, b.example", 9 },
        { "STS-BODY-11 two with a space", "a.example b.example", 9 },
        { "STS-BODY-12 a U-label", "b\xc3\xbc" "cher.example", 1 },
        { "STS-BODY-13 a bracketed literal", "[192.0.2.1]", 0 },
        { "STS-BODY-13 an IPv6 address", "2001:db8::1", 4 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *at = NULL;
        const char *fault = otr_sts_pattern_fault(otr_slice_of(rows[i].pattern), &at);
        int got = fault == NULL ? -1 : (int)(at - rows[i].pattern);

        if (got != rows[i].fault_at)
            fail_msg("%s: got %d (%s), want %d, input \"%s\"", rows[i].sentence, got, fault != NULL ? fault : "accepted",
                     rows[i].fault_at, rows[i].pattern);
    }
}

static void matches_hosts(void **state)
{
    static const struct {
        const char *sentence;
        const char *pattern;
        const char *host;
        bool matches;
    } rows[] = {
        { "STS-APPLY-02 the same name", "mx.example.com", "mx.example.com", true },
        { "STS-APPLY-02 another case", "mx.example.com", "MX.Example.COM", true },
        { "STS-APPLY-02 a final dot", "mx.example.com", "mx.example.com.", true },
        { "STS-APPLY-02 another name", "mx.example.com", "my.example.com", false },
        { "STS-APPLY-02 a name within", "example.com", "mx.example.com", false },
        { "STS-APPLY-02 one label deep", "*.example.com", "mail.example.com", true },
        { "STS-APPLY-02 one label deep, in another case and with a dot", "*.example.com", "MAIL.EXAMPLE.COM.", true },
        { "STS-APPLY-02 not the domain itself", "*.example.com", "example.com", false },
        { "STS-APPLY-02 not two labels deep", "*.example.com", "a.b.example.com", false },
        { "STS-APPLY-02 not a longer label", "*.example.com", "mailexample.com", false },
        { "STS-APPLY-02 not an empty label", "*.example.com", ".example.com", false },
        { "a host without a dot", "*.example.com", "mail", false },
        { "a host without a dot against a wildcard over one label", "*.com", "com", false },
        { "no host", "*.example.com", "", false },
        { "null MX", "*.example.com", ".", false },
        { "STS-BODY-12 A-labels without regard to case", "xn--bcher-kva.example", "XN--BCHER-KVA.example", true },
        { "STS-BODY-13 an address is never matched", "192.0.2.1", "192.0.2.1", false },
        { "STS-BODY-13 nor with a final dot", "192.0.2.1", "192.0.2.1.", false },
        { "STS-BODY-13 nor by a wildcard", "*.0.2.1", "192.0.2.1", false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (otr_sts_pattern_matches(rows[i].pattern, rows[i].host) != rows[i].matches)
            fail_msg("%s: got %d, want %d, pattern \"%s\", host \"%s\"", rows[i].sentence, !rows[i].matches,
                     rows[i].matches, rows[i].pattern, rows[i].host);
}

/* STS-APPLY-02: one matching pattern is enough. */
static void one_of_several_is_enough(void **state)
{
    const char *const patterns[] = { "mx1.example.com", "*.example.net", "mx3.example.org" };
    const otr_sts_policy policy = { .mode = OTR_STS_ENFORCE, .mx = patterns, .mx_count = 3 };
    const otr_sts_policy nobody = { .mode = OTR_STS_NONE };

    (void)state;
    assert_true(otr_sts_policy_admits(&policy, "mx1.example.com"));
    assert_true(otr_sts_policy_admits(&policy, "a.example.net"));
    assert_true(otr_sts_policy_admits(&policy, "mx3.example.org."));
    assert_false(otr_sts_policy_admits(&policy, "mx2.example.org"));
    assert_false(otr_sts_policy_admits(&nobody, "mx1.example.com"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_the_grammar),
        cmocka_unit_test(matches_hosts),
        cmocka_unit_test(one_of_several_is_enough),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
