/* Requests of the control socket: what is taken, and what is refused with which words. */
#include "daemon/control_request.h"
#include "support/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void whole_requests_are_taken(void **state)
{
    otr_control_request r;
    static const char add[] = "{\"reason\":\"x \\u00fc\",\"do\":\"override.add\",\"domain\":\"B\\u00fccher.Example.\",\"until\":\"2026-12-01\"}";
    static const char with_level[] =
        " {\"do\":\"override.add\", \"domain\":\"a.example\", \"until\":\"x\", \"reason\":\"y\", \"level\":\"defer\"} \r";

    (void)state;
    assert_int_equal(otr_control_parse(otr_slice_of(add), &r, NULL), OUTRIDER_OK);
    assert_int_equal(r.verb, OTR_CONTROL_OVERRIDE_ADD);
    assert_string_equal(r.domain, "xn--bcher-kva.example");
    assert_string_equal(r.until, "2026-12-01");
    assert_string_equal(r.reason, "x \xc3\xbc");
    assert_int_equal(r.level, OTR_LEVEL_MAY);
    assert_int_equal(otr_control_parse(otr_slice_of(with_level), &r, NULL), OUTRIDER_OK);
    assert_int_equal(r.level, OTR_LEVEL_DEFER);
    assert_int_equal(otr_control_parse(otr_slice_of("{\"do\":\"override.list\"}"), &r, NULL), OUTRIDER_OK);
    assert_int_equal(r.verb, OTR_CONTROL_OVERRIDE_LIST);
    assert_string_equal(r.domain, "");
    assert_int_equal(otr_control_parse(otr_slice_of("{\"do\":\"override.remove\",\"domain\":\"a.b\"}"), &r, NULL), OUTRIDER_OK);
    assert_int_equal(r.verb, OTR_CONTROL_OVERRIDE_REMOVE);
    assert_int_equal(otr_control_parse(otr_slice_of("{\"do\":\"publish.set\",\"domain\":\"A.b\",\"mode\":\"enforce\",\"forced\":true,"
                                                    "\"checks\":\"12 ok\"}"), &r, NULL), OUTRIDER_OK);
    assert_int_equal(r.mode, OTR_STS_ENFORCE);
    assert_true(r.is_forced);
    assert_string_equal(r.checks, "12 ok");
    assert_int_equal(otr_control_parse(otr_slice_of("{\"do\":\"publish.status\"}"), &r, NULL), OUTRIDER_OK);
    assert_int_equal(r.days, 7);
    /* A destination is a destination here as well, though IDNA2008 knows no emoji. */
    assert_int_equal(otr_control_parse(otr_slice_of("{\"do\":\"override.remove\",\"domain\":\"XN--i-7iq.b.\"}"), &r, NULL),
                     OUTRIDER_OK);
    assert_string_equal(r.domain, "xn--i-7iq.b");
}

static const struct {
    const char *text, *part;
} refused[] = {
    { "", "not one JSON object" }, { "x", "not one JSON object" }, { "[]", "not one JSON object" }, { "\"do\"", "not one JSON object" },
    { "{\"do\":\"override.list\"", "not one JSON object" }, { "{\"do\":\"override.list\"}}", "not one JSON object" },
    { "{\"do\":\"override.list\",\"do\":\"override.list\"}", "not one JSON object" },
    { "{\"do\":\"override.list\"}{}", "not one JSON object" }, { "{\"do\":\"\xff\"}", "not one JSON object" },
    { "{}", "\"do\" is none of" }, { "{\"do\":null}", "\"do\" is none of" }, { "{\"do\":\"Override.list\"}", "\"do\" is none of" },
    { "{\"do\":\"override.list\",\"domain\":\"a.b\"}", "has a key that it does not know" },
    { "{\"do\":\"override.remove\"}", "needs domain" },
    { "{\"do\":\"override.remove\",\"domain\":{}}", "domain is no string" },
    { "{\"do\":\"override.remove\",\"domain\":\"\"}", "the domain is none" },
    { "{\"do\":\"override.remove\",\"domain\":\".a.b\"}", "the domain is none" },
    { "{\"do\":\"override.remove\",\"domain\":\"[a.b]\"}", "the domain is none" },
    { "{\"do\":\"override.remove\",\"domain\":\"a.b:25\"}", "the domain is none" },
    { "{\"do\":\"override.remove\",\"domain\":\"192.0.2.1\"}", "the domain is none" },
    { "{\"do\":\"override.remove\",\"domain\":\"localhost\"}", "one label" },
    { "{\"do\":\"override.remove\",\"domain\":\"a\\u0000.b\"}", "not one JSON object" },
    { "{\"do\":\"override.add\",\"domain\":\"a.b\",\"until\":\"x\"}", "needs reason" },
    { "{\"do\":\"trust.add\",\"domains\":[],\"until\":\"x\",\"reason\":\"y\",\"pem\":\"z\"}", "domains is no list of strings" },
    { "{\"do\":\"trust.add\",\"domains\":\"a.b\",\"until\":\"x\",\"reason\":\"y\",\"pem\":\"z\"}", "domains is no list of strings" },
    { "{\"do\":\"trust.add\",\"domains\":[\"a.b\",7],\"until\":\"x\",\"reason\":\"y\",\"pem\":\"z\"}", "domains is no list of strings" },
    { "{\"do\":\"trust.add\",\"domains\":[\"a.b\",\"c\"],\"until\":\"x\",\"reason\":\"y\",\"pem\":\"z\"}", "one of the domains is no domain" },
    { "{\"do\":\"trust.add\",\"domains\":[\"..a\"],\"until\":\"x\",\"reason\":\"y\",\"pem\":\"z\"}", "one of the domains is no domain" },
    { "{\"do\":\"trust.add\",\"domains\":[\"a.b\"],\"until\":\"x\",\"reason\":\"y\"}", "needs pem" },
    { "{\"do\":\"trust.add\",\"until\":\"x\",\"reason\":\"y\",\"pem\":\"z\"}", "needs domains" },
    { "{\"do\":\"trust.remove\"}", "needs root" },
    { "{\"do\":\"trust.remove\",\"root\":\"abcdef0\"}", "first 8 digits" },
    { "{\"do\":\"trust.remove\",\"root\":\"abcdefgh\"}", "no SHA-256 fingerprint" },
    { "{\"do\":\"trust.remove\",\"root\":\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0\"}", "no SHA-256" },
    { "{\"do\":\"trust.list\",\"domain\":\"a.b\"}", "does not know" },
    { "{\"do\":\"trust.accept\"}", "needs domain" },
    { "{\"do\":\"override.add\",\"domain\":\"a.b\",\"reason\":\"x\"}", "needs until" },
    { "{\"do\":\"publish.set\",\"domain\":\"a.b\"}", "needs mode" },
    { "{\"do\":\"publish.set\",\"mode\":\"testing\"}", "needs domain" },
    { "{\"do\":\"publish.set\",\"domain\":\"a.b\",\"mode\":\"Enforce\"}", "the mode is none of testing, enforce" },
    { "{\"do\":\"publish.set\",\"domain\":\"a.b\",\"mode\":\"testing\",\"forced\":\"true\"}", "neither true nor false" },
    { "{\"do\":\"publish.set\",\"domain\":\"a.b\",\"mode\":\"testing\",\"checks\":\"a\\nb\"}", "checks is no line" },
    { "{\"do\":\"publish.set\",\"domain\":\"a.b\",\"mode\":\"testing\",\"id\":\"a-b\"}", "the id is not" },
    { "{\"do\":\"publish.set\",\"domain\":\"a.b\",\"mode\":\"testing\",\"id\":\"\"}", "the id is not" },
    { "{\"do\":\"publish.set\",\"domain\":\"a.b\",\"mode\":\"testing\",\"id\":\"123456789012345678901234567890123\"}", "the id is not" },
    { "{\"do\":\"publish.retire\",\"domain\":\"a.b\",\"id\":\"1\"}", "has a key that it does not know" },
    { "{\"do\":\"publish.status\",\"days\":0}", "days is not between" },
    { "{\"do\":\"publish.status\",\"days\":7.5}", "days is no whole number" },
    { "{\"do\":\"publish.status\",\"days\":\"7\"}", "days is no whole number" },
    { "{\"do\":\"publish.status\",\"days\":4294967297}", "days is not between" },
    { "{\"do\":\"publish.retire\"}", "needs domain" },
    { "{\"do\":\"publish.reload\",\"domain\":\"a.b\"}", "does not know" },
    { "{\"do\":\"fleet.status\",\"domain\":\"a.b\"}", "does not know" },
    { "{\"do\":\"override.add\",\"domain\":\"a.b\",\"until\":1767225600,\"reason\":\"x\"}", "until is no string" },
    { "{\"do\":\"override.add\",\"domain\":\"a.b\",\"until\":\"x\",\"reason\":\"a\\nb\"}", "one line of printable" },
    { "{\"do\":\"override.add\",\"domain\":\"a.b\",\"until\":\"x\",\"reason\":\"y\",\"level\":\"secure\"}", "may, encrypt, defer" },
    { "{\"do\":\"override.add\",\"domain\":\"a.b\",\"until\":\"x\",\"reason\":\"y\",\"levle\":\"defer\"}", "does not know" },
    { "{\"do\":\"trust.record\",\"domain\":\"a.b\",\"role\":\"mx\",\"host\":\"m.a.b\"}", "needs chain" },
    { "{\"do\":\"trust.record\",\"domain\":\"a.b\",\"role\":\"mx\",\"chain\":\"x\"}", "needs host" },
    { "{\"do\":\"trust.record\",\"domain\":\"a.b\",\"host\":\"m.a.b\",\"chain\":\"x\"}", "needs role" },
    { "{\"do\":\"trust.record\",\"role\":\"mx\",\"host\":\"m.a.b\",\"chain\":\"x\"}", "needs domain" },
    { "{\"do\":\"trust.record\",\"domain\":\"a.b\",\"role\":\"policy\",\"host\":\"m.a.b\",\"chain\":\"x\"}", "role is not mx" },
    { "{\"do\":\"trust.record\",\"domain\":\"a.b\",\"role\":\"mx\",\"host\":\"m a.b\",\"chain\":\"x\"}", "the host is none" },
    { "{\"chain\":\"x\",\"do\":\"trust.record\",\"domain\":\"a.b\",\"role\":\"mx\",\"host\":\"m.a.b\",\"source\":\"fetch\"}",
      "none of probe, mta" },
    { "{\"do\":\"trust.record\",\"domain\":\"a.b\",\"role\":\"mx\",\"host\":\"m.a.b\",\"chain\":\"x\",\"accepted\":\"yes\"}",
      "does not know" },
    { "{\"do\":\"override.add\",\"domain\":\"a.b\",\"reason\":\"y\",\"until\":\"0123456789012345678901234567890123456789012345678901234567890123\"}",
      "until is no date" },
};

static void everything_else_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(refused); i++) {
        otr_control_request r = { .verb = OTR_CONTROL_VERB_COUNT };
        outrider_diag diag = { 0 };

        if (otr_control_parse(otr_slice_of(refused[i].text), &r, &diag) != OUTRIDER_E_SYNTAX ||
            strstr(diag.message, refused[i].part) == NULL || r.verb != OTR_CONTROL_VERB_COUNT)
            fail_msg("%s\n  got  %s\n  want %s", refused[i].text, diag.message, refused[i].part);
    }
}

static void a_chain_is_taken_as_it_comes(void **state)
{
    otr_control_request r;

    (void)state;
    assert_int_equal(otr_control_parse(otr_slice_of("{\"do\":\"trust.record\",\"domain\":\"A.Example\",\"role\":\"mx\","
                                                    "\"host\":\"MX.b.example.\",\"chain\":\"line\\nline\"}"), &r, NULL),
                     OUTRIDER_OK);
    assert_int_equal(r.verb, OTR_CONTROL_TRUST_RECORD);
    assert_string_equal(r.domain, "a.example");
    assert_string_equal(r.host, "mx.b.example");
    assert_string_equal(r.pem, "line\nline");
    assert_int_equal(r.source, OTR_SEEN_IN_PROBE);
    otr_control_request_clear(&r);
    assert_int_equal(otr_control_parse(otr_slice_of("{\"do\":\"trust.record\",\"domain\":\"a.b\",\"role\":\"mx\",\"host\":\"c.d\","
                                                    "\"chain\":\"\",\"source\":\"mta\"}"), &r, NULL),
                     OUTRIDER_OK);
    assert_int_equal(r.source, OTR_SEEN_BY_MTA);
    otr_control_request_clear(&r);
    otr_control_request_clear(&r);
}

static void roots_for_some_names(void **state)
{
    static const char add[] = "{\"do\":\"trust.add\",\"domains\":[\"B\\u00fccher.Example.\",\".Example\",\"xn--bcher-kva.example\"],"
                              "\"until\":\"2026-12-01\",\"reason\":\"x\",\"pem\":\"a\\nb\"}";
    otr_control_request r;

    (void)state;
    assert_int_equal(otr_control_parse(otr_slice_of(add), &r, NULL), OUTRIDER_OK);
    assert_int_equal(r.verb, OTR_CONTROL_TRUST_ADD);
    assert_int_equal(r.name_count, 2); /* each once */
    assert_string_equal(r.names[0].text, "xn--bcher-kva.example");
    assert_string_equal(r.names[1].text, ".example");
    assert_string_equal(r.pem, "a\nb");
    assert_true(otr_control_is_trust(r.verb));
    otr_control_request_clear(&r);
    assert_int_equal(otr_control_parse(otr_slice_of("{\"do\":\"trust.remove\",\"root\":\"AB:cd:01:23\"}"), &r, NULL), OUTRIDER_OK);
    assert_string_equal(r.root, "abcd0123");
    assert_int_equal(r.name_count, 0);
    otr_control_request_clear(&r);
    assert_int_equal(otr_control_parse(otr_slice_of("{\"do\":\"trust.list\"}"), &r, NULL), OUTRIDER_OK);
    assert_int_equal(otr_control_parse(otr_slice_of("{\"do\":\"trust.accept\",\"domain\":\"A.b\"}"), &r, NULL), OUTRIDER_OK);
    assert_string_equal(r.domain, "a.b");
    assert_false(otr_control_is_trust(r.verb)); /* its domain's thread does it */
}

static void there_is_a_limit(void **state)
{
    char *line = malloc(OTR_CONTROL_MAX + 1);
    otr_control_request r;

    (void)state;
    assert_non_null(line);
    memset(line, ' ', OTR_CONTROL_MAX + 1);
    memcpy(line, "{\"do\":\"override.list\"}", 22);
    assert_int_equal(otr_control_parse((otr_slice){ line, OTR_CONTROL_MAX }, &r, NULL), OUTRIDER_OK);
    assert_int_equal(otr_control_parse((otr_slice){ line, OTR_CONTROL_MAX + 1 }, &r, NULL), OUTRIDER_E_LIMIT);
    free(line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_requests_are_taken),
        cmocka_unit_test(everything_else_is_refused),
        cmocka_unit_test(a_chain_is_taken_as_it_comes),
        cmocka_unit_test(roots_for_some_names),
        cmocka_unit_test(there_is_a_limit),
    };
    return cmocka_run_group_tests_name("daemon/control_request", tests, NULL, NULL);
}
