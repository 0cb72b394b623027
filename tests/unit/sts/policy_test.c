/*
 * policy_test.c - reading MTA-STS policies. Rows: STS-BODY-01 to STS-BODY-17 (the pure part of them).
 */
#include "sts/policy.h"
#include "support/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>

#define TEXT(s) s, sizeof(s) - 1
#define V "version: STSv1\n"
#define M "mode: enforce\n"
#define A "max_age: 86400\n"
#define X "mx: mx.example.org\n"
#define N32 "abcdefghijklmnopqrstuvwxyz.-_012"
#define WARNED(line, column) line, column
#define QUIET 0, 0

static const struct accepted {
    const char *sentence;
    const char *text;
    size_t len;
    otr_sts_mode mode;
    uint32_t max_age;
    const char *mx; /* joined by spaces */
    unsigned line, column; /* of the only warning; 0: none */
} accepted[] = {
    { "STS-BODY-01 LF", TEXT(V M A X), OTR_STS_ENFORCE, 86400, "mx.example.org", QUIET },
    { "STS-BODY-01 CRLF", TEXT("version: STSv1\r\nmode: testing\r\nmx: a.example\r\nmax_age: 1\r\n"), OTR_STS_TESTING, 1,
      "a.example", QUIET },
    { "STS-BODY-01 mixed line ends", TEXT("version: STSv1\r\n" M "mx: a.example\r\n" A), OTR_STS_ENFORCE, 86400,
      "a.example", QUIET },
    { "STS-BODY-01 no final line end", TEXT(V M X "max_age: 86400"), OTR_STS_ENFORCE, 86400, "mx.example.org", QUIET },
    { "STS-BODY-03 no space after the colon", TEXT("version:STSv1\nmode:enforce\nmax_age:9\nmx:a.example"),
      OTR_STS_ENFORCE, 9, "a.example", QUIET },
    { "STS-BODY-03 tabs after the colon", TEXT("version:\t STSv1\n" M A "mx:\ta.example\n"), OTR_STS_ENFORCE, 86400,
      "a.example", QUIET },
    { "STS-BODY-03 white space behind values", TEXT("version: STSv1 \nmode: enforce\t \r\nmax_age: 9 \nmx: a.example "),
      OTR_STS_ENFORCE, 9, "a.example", QUIET },
    { "STS-BODY-05 the version last", TEXT(M A X V), OTR_STS_ENFORCE, 86400, "mx.example.org", QUIET },
    { "STS-BODY-07 ten digits with leading zeros", TEXT(V M X "max_age: 0000000060\n"), OTR_STS_ENFORCE, 60,
      "mx.example.org", QUIET },
    { "STS-BODY-08 the limit", TEXT(V M X "max_age: 31557600\n"), OTR_STS_ENFORCE, 31557600, "mx.example.org", QUIET },
    { "STS-BODY-08 above the limit", TEXT(V M X "max_age: 31557601\n"), OTR_STS_ENFORCE, 31557600, "mx.example.org",
      WARNED(4, 10) },
    { "STS-BODY-08 ten nines", TEXT(V M X "max_age: 9999999999\n"), OTR_STS_ENFORCE, 31557600, "mx.example.org",
      WARNED(4, 10) },
    { "STS-BODY-09 max_age 0", TEXT(V M X "max_age: 0\n"), OTR_STS_ENFORCE, 0, "mx.example.org", WARNED(4, 10) },
    { "STS-BODY-10 none without mx", TEXT(V "mode: none\n" A), OTR_STS_NONE, 86400, "", QUIET },
    { "STS-BODY-10 none with mx", TEXT(V "mode: none\n" A X), OTR_STS_NONE, 86400, "mx.example.org", QUIET },
    { "STS-BODY-11 wildcards and hosts", TEXT(V M A "mx: *.Example.org\n" X), OTR_STS_ENFORCE, 86400,
      "*.example.org mx.example.org", QUIET },
    { "STS-BODY-12 an A-label, folded", TEXT(V M A "mx: XN--BCHER-KVA.example\n"), OTR_STS_ENFORCE, 86400,
      "xn--bcher-kva.example", QUIET },
    { "STS-BODY-12 an A-label that no host has", TEXT(V M A "mx: mx.xn--123456.example\n"), OTR_STS_ENFORCE, 86400,
      "mx.xn--123456.example", WARNED(4, 8) },
    { "STS-BODY-13 a dotted quad", TEXT(V M A "mx: 192.0.2.1\n"), OTR_STS_ENFORCE, 86400, "192.0.2.1", WARNED(4, 5) },
    { "STS-BODY-14 the first mode wins", TEXT(V "mode: testing\nmode: enforce\n" A X), OTR_STS_TESTING, 86400,
      "mx.example.org", WARNED(3, 1) },
    { "STS-BODY-14 a later version need only be well-formed", TEXT(V M A X "version: STSv2\n"), OTR_STS_ENFORCE, 86400,
      "mx.example.org", WARNED(5, 1) },
    { "STS-BODY-14 the first max_age wins", TEXT(V M A X "max_age: 1 day\n"), OTR_STS_ENFORCE, 86400, "mx.example.org",
      WARNED(5, 1) },
    { "STS-BODY-14 mx accumulates, also the same", TEXT(V M A X "mx: b.example\n" X), OTR_STS_ENFORCE, 86400,
      "mx.example.org b.example mx.example.org", WARNED(6, 5) },
    { "STS-BODY-04 a miscased key is an unknown key", TEXT(V M A X "Mode: foo\n"), OTR_STS_ENFORCE, 86400,
      "mx.example.org", WARNED(5, 1) },
    { "STS-BODY-15 unknown keys with UTF-8", TEXT(V M A X "x-note: gr\xc3\xbcn und \xf0\x9f\x90\x8e: {a}\n"),
      OTR_STS_ENFORCE, 86400, "mx.example.org", QUIET },
    { "STS-BODY-15 a key of 32 characters", TEXT(V M A X N32 ": x\n"), OTR_STS_ENFORCE, 86400, "mx.example.org", QUIET },
    { "STS-BODY-16 a blank line at the end", TEXT(V M A X "\n"), OTR_STS_ENFORCE, 86400, "mx.example.org",
      WARNED(5, 1) },
    { "STS-BODY-16 several, with white space and CR", TEXT(V M A X "\r\n \t\n  "), OTR_STS_ENFORCE, 86400,
      "mx.example.org", WARNED(5, 1) },
};

static const struct refused {
    const char *sentence;
    const char *text;
    size_t len;
    const char *errors; /* LINE:COLUMN of each, joined by spaces */
} refused[] = {
    { "nothing at all", TEXT(""), "1:1 1:1 1:1" },
    { "only blank lines", TEXT("\n\n"), "3:1 3:1 3:1" },
    { "STS-BODY-02 a bare CR", TEXT(V M A "mx: a\rb.example\n"), "4:6" },
    { "STS-BODY-02 CR at the very end", TEXT(V M X "max_age: 1\r"), "4:11" },
    { "STS-BODY-02 two CR before LF", TEXT("version: STSv1\r\r\n" M A X), "1:15" },
    { "STS-BODY-02 CR for line ends", TEXT("version: STSv1\rmode: none\rmax_age: 1\r"), "1:15 1:38 1:38" },
    { "STS-BODY-02 a NUL in a value", TEXT(V M A "mx: a.ex\0ample\n"), "4:9" },
    { "STS-BODY-02 a NUL in a key", TEXT(V M A X "x\0y: z\n"), "5:2" },
    { "STS-BODY-02 a NUL behind everything", TEXT(V M A X "\0"), "5:1" },
    { "STS-BODY-02 a control character in an unknown value", TEXT(V M A X "x: a\x01" "b\n"), "5:5" },
    { "STS-BODY-02 a DEL in an unknown value", TEXT(V M A X "x: a\x7f\n"), "5:5" },
    { "STS-BODY-02 a tab inside an unknown value", TEXT(V M A X "x: a\tb\n"), "5:5" },
    { "STS-BODY-03 white space before a key", TEXT(V " " M A X), "2:1" },
    { "STS-BODY-03 white space before the colon", TEXT(V M A "mx : a.example\n"), "4:3" },
    { "STS-BODY-04 a miscased key does not supply the field", TEXT(V "Mode: enforce\n" A X), "5:1" },
    { "STS-BODY-04 a miscased mode", TEXT(V "mode: Enforce\n" A X), "2:7" },
    { "STS-BODY-04 a miscased version", TEXT("version: stsv1\n" M A X), "1:10" },
    { "STS-BODY-05 no version", TEXT(M A "mx: a.example"), "3:14" },
    { "STS-BODY-05 another version", TEXT("version: STSv2\n" M A X), "1:10" },
    { "STS-BODY-05 more than the version", TEXT("version: STSv1;\n" M A X), "1:10" },
    { "STS-BODY-06 no mode", TEXT(V A X), "4:1" },
    { "STS-BODY-06 mode report", TEXT(V "mode: report\n" A X), "2:7" },
    { "STS-BODY-06 an empty mode", TEXT(V "mode: \n" A X), "2:7" },
    { "STS-BODY-07 no max_age", TEXT(V M X), "4:1" },
    { "STS-BODY-07 a sign", TEXT(V M X "max_age: +1\n"), "4:10" },
    { "STS-BODY-07 a negative number", TEXT(V M X "max_age: -1\n"), "4:10" },
    { "STS-BODY-07 a unit", TEXT(V M X "max_age: 1d\n"), "4:11" },
    { "STS-BODY-07 a fraction", TEXT(V M X "max_age: 1.5\n"), "4:11" },
    { "STS-BODY-07 two numbers", TEXT(V M X "max_age: 1 2\n"), "4:11" },
    { "STS-BODY-07 eleven digits", TEXT(V M X "max_age: 00000000001\n"), "4:20" },
    { "STS-BODY-10 enforce without mx", TEXT(V M A), "4:1" },
    { "STS-BODY-10 testing without mx", TEXT(V "mode: testing\n" A), "4:1" },
    { "STS-BODY-11 a list of patterns", TEXT(V M A "mx: a.example, b.example\n"), "4:14" },
    { "STS-BODY-11 a final dot beside a good pattern", TEXT(V M A X "mx: a.example.\n"), "5:14" },
    { "STS-BODY-12 a U-label", TEXT(V M A "mx: b\xc3\xbc" "cher.example\n"), "4:6" },
    { "STS-BODY-13 a bracketed literal", TEXT(V M A "mx: [192.0.2.1]\n"), "4:5" },
    { "STS-BODY-15 a line without a colon", TEXT(V M A X "hello\n"), "5:6" },
    { "STS-BODY-15 words without a colon", TEXT(V M A X "hello world\n"), "5:6" },
    { "STS-BODY-15 no key", TEXT(V M A X ": x\n"), "5:1" },
    { "STS-BODY-15 an empty value", TEXT(V M A X "x:\n"), "5:3" },
    { "STS-BODY-15 a value of white space", TEXT(V M A X "x: \t\n"), "5:5" },
    { "STS-BODY-15 a key of 33 characters", TEXT(V M A X N32 "3: x\n"), "5:33" },
    { "STS-BODY-15 a key that begins with an underscore", TEXT(V M A X "_x: y\n"), "5:1" },
    { "STS-BODY-15 a key with a plus", TEXT(V M A X "x+y: z\n"), "5:2" },
    { "STS-BODY-15 a key that is not ASCII", TEXT(V M A X "gr\xc3\xbcn: x\n"), "5:3" },
    { "STS-BODY-16 a blank line between fields", TEXT(V "\n" M A X), "2:1" },
    { "STS-BODY-16 several, with white space", TEXT(V M " \n\r\n\t\n" A X), "3:1" },
    { "STS-BODY-16 a blank line before the first field", TEXT("\r\n" V M A X), "1:1" },
    { "STS-BODY-17 a byte order mark", TEXT("\xef\xbb\xbf" V M A X), "1:1" },
    { "STS-BODY-17 UTF-16, little end first", TEXT("\xff\xfev\0e\0r\0"), "1:1" },
    { "STS-BODY-17 UTF-16, big end first", TEXT("\xfe\xff\0v\0e\0r"), "1:1" },
    { "STS-BODY-17 a byte that UTF-8 has not", TEXT(V M A X "x: a\xff\n"), "5:5" },
    { "STS-BODY-17 an overlong form", TEXT(V M A X "x: a\xc0\xaf\n"), "5:5" },
    { "STS-BODY-17 a longer overlong form", TEXT(V M A X "x: a\xe0\x80\xaf\n"), "5:5" },
    { "STS-BODY-17 a surrogate", TEXT(V M A X "x: a\xed\xa0\x80\n"), "5:5" },
    { "STS-BODY-17 beyond Unicode", TEXT(V M A X "x: a\xf4\x90\x80\x80\n"), "5:5" },
    { "STS-BODY-17 cut short by the line end", TEXT(V M A X "x: a\xe2\x82\n"), "5:5" },
    { "STS-BODY-17 cut short by the end", TEXT(V M A X "x: \xc3"), "5:4" },
    { "all errors are reported, in order",
      TEXT("version: 1\n\nmode: on\nmx: a_b\nmax_age: x\nhello\n"), "1:10 2:1 3:7 4:6 5:10 6:6" },
    { "a refused line does not make its field missing", TEXT("version : STSv1\n mode: none\nmax_age:\n"),
      "1:8 2:1 3:9" },
};

static void places(const outrider_diag *diags, size_t count, char *out, size_t size)
{
    size_t len = 0;

    out[0] = '\0';
    for (size_t i = 0; i < count; i++)
        len += (size_t)snprintf(out + len, size - len, "%s%u:%u", i ? " " : "", diags[i].line, diags[i].column);
}

static void check_accepted(const struct accepted *row)
{
    otr_sts_policy *policy = NULL, *unnoted = NULL;
    otr_sts_notes notes;
    char got[512] = "", warned[256], want_warned[32] = "";
    size_t len = 0;
    outrider_err err = otr_sts_policy_parse(row->text, row->len, &policy, &notes);

    if (err != OUTRIDER_OK)
        fail_msg("%s: got %d at %u:%u \"%s\", input \"%s\"", row->sentence, err, notes.errors[0].line,
                 notes.errors[0].column, notes.errors[0].message, row->text);
    for (size_t i = 0; i < policy->mx_count; i++)
        len += (size_t)snprintf(got + len, sizeof(got) - len, "%s%s", i ? " " : "", policy->mx[i]);
    if (policy->mode != row->mode || policy->max_age != row->max_age || strcmp(got, row->mx) != 0)
        fail_msg("%s: got %s %u \"%s\", want %s %u \"%s\"", row->sentence, otr_sts_mode_names[policy->mode],
                 policy->max_age, got, otr_sts_mode_names[row->mode], row->max_age, row->mx);
    places(notes.warnings, notes.warning_count, warned, sizeof(warned));
    if (row->line > 0)
        snprintf(want_warned, sizeof(want_warned), "%u:%u", row->line, row->column);
    if (notes.error_count != 0 || strcmp(warned, want_warned) != 0)
        fail_msg("%s: got %zu errors, warnings at \"%s\", want \"%s\"", row->sentence, notes.error_count, warned,
                 want_warned);
    assert_int_equal(policy->body_len, row->len);
    assert_memory_equal(policy->body, row->text, row->len);
    assert_int_equal(policy->body[policy->body_len], '\0');
    assert_int_equal(otr_sts_policy_parse(row->text, row->len, &unnoted, NULL), OUTRIDER_OK);
    otr_sts_policy_free(policy);
    otr_sts_policy_free(unnoted);
}

static void accepts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(accepted) / sizeof(accepted[0]); i++)
        check_accepted(&accepted[i]);
}

static void refuses_at_the_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        const struct refused *row = &refused[i];
        otr_sts_policy *policy = NULL;
        otr_sts_notes notes;
        char got[512];
        outrider_err err = otr_sts_policy_parse(row->text, row->len, &policy, &notes);

        places(notes.errors, notes.error_count, got, sizeof(got));
        if (err != OUTRIDER_E_SYNTAX || strcmp(got, row->errors) != 0)
            fail_msg("%s: got %d, errors at \"%s\" (%s), want \"%s\", input \"%s\"", row->sentence, err, got,
                     notes.error_count ? notes.errors[0].message : "", row->errors, row->text);
        assert_null(policy);
        assert_int_equal(otr_sts_policy_parse(row->text, row->len, &policy, NULL), OUTRIDER_E_SYNTAX);
    }
}

/* STS-BODY-02: wherever a control character is put into a good policy, it is refused at that place. */
static void refuses_controls_anywhere(void **state)
{
    static const char good[] = V M "max_age: 86400\r\n" X;
    static const char controls[] = { '\0', '\x01', '\x0b', '\x1b', '\x7f' };
    char text[sizeof(good)];

    (void)state;
    for (size_t at = 0; at < sizeof(good); at++) {
        for (size_t k = 0; k < sizeof(controls); k++) {
            otr_sts_policy *policy = NULL;

            memcpy(text, good, at);
            text[at] = controls[k];
            memcpy(text + at + 1, good + at, sizeof(good) - 1 - at);
            if (otr_sts_policy_parse(text, sizeof(good), &policy, NULL) != OUTRIDER_E_SYNTAX)
                fail_msg("byte 0x%02x at offset %zu is accepted", (unsigned char)controls[k], at);
        }
    }
}

static void has_limits(void **state)
{
    char *text = malloc(OTR_STS_POLICY_LIMIT + 1);
    otr_sts_policy *policy = NULL;
    otr_sts_notes notes;
    size_t len = 0;

    (void)state;
    assert_non_null(text);
    /* STS-FETCH-13: 65536 octets are read, 65537 are not. */
    memset(text, 'x', OTR_STS_POLICY_LIMIT + 1);
    memcpy(text, V M A X "x: ", sizeof(V M A X "x: ") - 1);
    assert_int_equal(otr_sts_policy_parse(text, OTR_STS_POLICY_LIMIT, &policy, &notes), OUTRIDER_OK);
    otr_sts_policy_free(policy);
    policy = NULL;
    assert_int_equal(otr_sts_policy_parse(text, OTR_STS_POLICY_LIMIT + 1, &policy, &notes), OUTRIDER_E_LIMIT);
    assert_int_equal(notes.error_count, 1);
    assert_int_equal(notes.errors[0].line, 5);

    for (int lines = 0; lines <= OTR_STS_MX_MAX; lines++) {
        if (lines == OTR_STS_MX_MAX) {
            memcpy(text + len, V M A, sizeof(V M A) - 1);
            assert_int_equal(otr_sts_policy_parse(text, len + sizeof(V M A) - 1, &policy, &notes), OUTRIDER_OK);
            assert_int_equal(policy->mx_count, OTR_STS_MX_MAX);
            otr_sts_policy_free(policy);
            policy = NULL;
        }
        len += (size_t)sprintf(text + len, "mx: mx%d.example\n", lines);
    }
    memcpy(text + len, V M A, sizeof(V M A) - 1);
    assert_int_equal(otr_sts_policy_parse(text, len + sizeof(V M A) - 1, &policy, &notes), OUTRIDER_E_LIMIT);
    assert_int_equal(notes.errors[0].line, OTR_STS_MX_MAX + 1);
    assert_null(policy);
    free(text);
}

/* Notes have room for so many; what is beyond is refused without being noted. */
static void notes_are_bounded(void **state)
{
    char text[4096] = "";
    otr_sts_policy *policy = NULL;
    otr_sts_notes notes;

    (void)state;
    for (int i = 0; i < 3 * OTR_STS_NOTES_MAX; i++)
        strcat(text, "?\nx: y\nmode: none\nMode: none\n");
    assert_int_equal(otr_sts_policy_parse(text, strlen(text), &policy, &notes), OUTRIDER_E_SYNTAX);
    assert_int_equal(notes.error_count, OTR_STS_NOTES_MAX);
    assert_int_equal(notes.warning_count, OTR_STS_NOTES_MAX);
    assert_int_equal(notes.errors[OTR_STS_NOTES_MAX - 1].line, 4 * (OTR_STS_NOTES_MAX - 1) + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts),
        cmocka_unit_test(refuses_at_the_byte),
        cmocka_unit_test(refuses_controls_anywhere),
        cmocka_unit_test(has_limits),
        cmocka_unit_test(notes_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
