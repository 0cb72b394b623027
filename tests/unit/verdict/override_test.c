/*
 * Overrides: what one may be, and what it makes of every finding (FLOW-12).
 */
#include "support/cmocka_all.h"

#include "base/buf.h"
#include "scene.h"
#include "verdict/render.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

static const otr_anchor_views views = { .exim_dir = "/ta", .postfix_dir = "ta" };

static otr_override make(otr_level level)
{
    return (otr_override){ .domain = "example.org", .level = level, .until = NOW + 100, .made_at = NOW - 100, .uid = 7,
                           .reason = "their key rolled over" };
}

static otr_verdict *verdict(const char *mx, const char *sts, const otr_override *override, otr_minimum minimum)
{
    const otr_minimum_rule rule = { "example.org", minimum };
    const otr_minimum_rules rules = { &rule, 1 };
    const otr_decide_settings settings = { .is_dane_on_insecure_mx = true, .minimum = &rules, .override = override };

    return scene_verdict("example.org", mx, sts, &settings);
}

static void check(const char *sentence, const char *what, const char *got, const char *want)
{
    if (strcmp(got, want) != 0)
        fail_msg("%s: %s\n  got  %s\n  want %s", sentence, what, got, want);
}

/* --- what is told to mail servers -------------------------------------------------------------------------- */

static const char *const findings[] = {
    "M2: a.example.org A1 T1",       "M2: a.example.org A1 T2",  "M2: a.example.org A1 T3", "M2: a.example.org A1 T3b",
    "M2: a.example.org A1 T4",       "M3: a.example.org A1 T1",  "M3: a.example.org A7",    "M2: a.example.org A5",
    "M2: a.example.org A8",          "M6: example.org A1 T3",    "M8", "M9",
    "M2: a.example.org>b.example.net A3", "M2: a.example.org A1 T1; b.example.org A1 T3; c.example.org A4",
};
static const char *const policies[] = {
    "", "S1", "S3", "S5 enforce a.example.org", "S5 enforce other.example.org", "S5 testing a.example.org", "S5 none", "S7", "S11",
};

static const struct {
    otr_level level;
    const char *postfix, *exim, *sendmail;
} told[] = {
    { OTR_LEVEL_MAY, "OK may", "v=1 pol=override dane=\"\" tls=\"\" verify=\"\" end=1\n", "NOTFOUND " },
    { OTR_LEVEL_ENCRYPT, "OK encrypt", "v=1 pol=override dane=\"\" tls=* verify=\"\" end=1\n",
      "TEMP override encrypt: sendmail cannot be told to demand TLS alone" },
    { OTR_LEVEL_DEFER, "TEMP override until 2026-01-01T00:01:40Z: their key rolled over", "",
      "TEMP override until 2026-01-01T00:01:40Z: their key rolled over" },
};

static void it_decides_whatever_was_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(findings) * COUNT(policies) * COUNT(told); i++) {
        const char *mx = findings[i % COUNT(findings)], *sts = policies[i / COUNT(findings) % COUNT(policies)];
        size_t k = i / COUNT(findings) / COUNT(policies);
        otr_override o = make(told[k].level);
        otr_verdict *v = verdict(mx, sts, &o, OTR_MINIMUM_NONE);
        otr_buf out = OTR_BUF_INIT;
        char sentence[200];

        snprintf(sentence, sizeof(sentence), "%s x %s x %s", mx, sts, otr_level_names[told[k].level]);
        check(sentence, "level", otr_level_names[v->level], otr_level_names[told[k].level]);
        assert_string_equal(v->undeliverable, "");
        otr_render_postfix(v, &views, &out);
        check(sentence, "Postfix", otr_buf_text(&out), told[k].postfix);
        otr_buf_reset(&out);
        otr_render_postfix_tlsrpt(v, &views, &out);
        check(sentence, "Postfix 3.10", otr_buf_text(&out), told[k].postfix);
        otr_buf_reset(&out);
        otr_render_exim(v, &views, &out);
        check(sentence, "Exim", otr_buf_text(&out), told[k].exim);
        otr_buf_reset(&out);
        otr_render_sendmail(v, &out);
        check(sentence, "sendmail", otr_buf_text(&out), told[k].sendmail);
        otr_buf_clear(&out);
        otr_verdict_unref(v);
    }
}

static void undeliverable_stays_undeliverable(void **state)
{
    static const struct { const char *mx, *status; } rows[] = {
        { "M4", "5.1.10 null MX" }, { "M7", "5.1.2 no such domain" },
        { "M2: a.example.org A4; b.example.org A4", "5.4.4 no MX host has an address" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows) * COUNT(told); i++) {
        size_t r = i % COUNT(rows), k = i / COUNT(rows);
        otr_override o = make(told[k].level);
        otr_verdict *v = verdict(rows[r].mx, "S5 enforce a.example.org", &o, OTR_MINIMUM_NONE);
        otr_buf out = OTR_BUF_INIT;

        check(rows[r].mx, "status", v->undeliverable, rows[r].status);
        otr_render_exim(v, &views, &out); /* Exim bounces, once it has an answer */
        check(rows[r].mx, "Exim", otr_buf_text(&out), told[k].level == OTR_LEVEL_MAY
              ? "v=1 pol=override dane=\"\" tls=\"\" verify=\"\" end=1\n"
              : "v=1 pol=override dane=\"\" tls=* verify=* ta=/ta/none.pem end=1\n");
        otr_buf_reset(&out);
        otr_render_postfix(v, &views, &out);
        assert_int_equal(strncmp(otr_buf_text(&out), "TEMP", 4) == 0, told[k].level != OTR_LEVEL_MAY);
        otr_buf_clear(&out);
        otr_verdict_unref(v);
    }
}

static void the_minimum_is_stronger(void **state)
{
    static const struct { otr_level level; otr_minimum minimum; bool is_in_force; } rows[] = {
        { OTR_LEVEL_MAY, OTR_MINIMUM_ENCRYPT, false },     { OTR_LEVEL_MAY, OTR_MINIMUM_SECURE, false },
        { OTR_LEVEL_ENCRYPT, OTR_MINIMUM_ENCRYPT, true },  { OTR_LEVEL_ENCRYPT, OTR_MINIMUM_SECURE, false },
        { OTR_LEVEL_ENCRYPT, OTR_MINIMUM_DANE_ONLY, false }, { OTR_LEVEL_DEFER, OTR_MINIMUM_DANE_ONLY, true },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        otr_override o = make(rows[i].level);
        otr_verdict *v = verdict("M2: a.example.org A1 T1", "S1", &o, rows[i].minimum);

        assert_int_equal(v->is_overridden, rows[i].is_in_force);
        assert_int_equal(v->level, rows[i].is_in_force ? rows[i].level : OTR_LEVEL_DANE_ONLY);
        assert_non_null(v->override); /* shown all the same */
        otr_verdict_unref(v);
    }
}

/* --- its end ------------------------------------------------------------------------------------------------ */

static void it_counts_until_its_end_and_no_verdict_outlives_it(void **state)
{
    otr_override o = make(OTR_LEVEL_MAY);
    otr_verdict *v;

    (void)state;
    o.until = NOW + 1;
    v = verdict("M2: a.example.org A1 T1", "S1", &o, OTR_MINIMUM_NONE);
    assert_true(v->is_overridden);
    assert_int_equal(v->valid_until, NOW + 1);
    otr_verdict_unref(v);
    o.until = NOW;
    v = verdict("M2: a.example.org A1 T1", "S1", &o, OTR_MINIMUM_NONE);
    assert_false(v->is_overridden);
    assert_null(v->override);
    assert_int_equal(v->level, OTR_LEVEL_DANE_ONLY);
    otr_verdict_unref(v);
}

static void it_is_shown(void **state)
{
    otr_override o = make(OTR_LEVEL_MAY);
    otr_verdict *v;
    otr_buf out = OTR_BUF_INIT;
    json_t *json, *shown;

    (void)state;
    strcpy(o.reason, "Schl\xc3\xbcssel");
    v = verdict("M2: a.example.org A1 T1", "S1", &o, OTR_MINIMUM_ENCRYPT);
    otr_render_json(v, &views, &out);
    json = json_loads(otr_buf_text(&out), 0, NULL);
    assert_string_equal(json_string_value(json_object_get(json, "minimum")), "encrypt");
    shown = json_object_get(json, "override");
    assert_string_equal(json_string_value(json_object_get(shown, "reason")), o.reason);
    assert_string_equal(json_string_value(json_object_get(shown, "level")), "may");
    assert_string_equal(json_string_value(json_object_get(shown, "until")), "2026-01-01T00:01:40Z");
    assert_true(json_is_false(json_object_get(shown, "in_force")));
    json_decref(json);
    otr_buf_reset(&out);
    otr_render_text(v, &views, true, &out);
    assert_non_null(strstr(otr_buf_text(&out), "\nminimum: encrypt\n"));
    assert_non_null(strstr(otr_buf_text(&out), "\noverride: may until 2026-01-01T00:01:40Z (without effect: below the minimum): Schl\xc3\xbcssel\n"));
    assert_non_null(strstr(otr_buf_text(&out), "  override may until 2026-01-01T00:01:40Z, made 2025-12-31T23:58:20Z by uid 7, without effect"));
    otr_buf_clear(&out);
    otr_verdict_unref(v);
}

/* --- what one may be ---------------------------------------------------------------------------------------- */

static void an_end_is_a_date_ahead(void **state)
{
    static const struct { const char *text; otr_time want; } dates[] = { /* 0: refused; now is 2026-01-01 */
        { "2026-01-01", NOW + 86399 },           { "2026-01-31", NOW + 31 * 86400 - 1 },
        { "2026-01-01T00:00:01Z", NOW + 1 },     { "2026-01-01T02:00:00+01:00", NOW + 3600 },
        { "2026-01-01 01:00:00.5z", NOW + 3600 },{ "2027-01-01T23:59:59Z", NOW + 366 * 86400 - 1 },
        { "2027-01-02T00:00:00Z", NOW + 366 * 86400 },
        { "2027-01-02T00:00:01Z", 0 },           { "2027-01-03", 0 },
        { "2026-01-01T00:00:00Z", 0 },           { "2025-12-31", 0 },
        { "2026-02-30", 0 }, { "2026-13-01", 0 }, { "2026-1-1", 0 }, { "tomorrow", 0 }, { "", 0 }, { "2026-06-01x", 0 },
        { "2026-06-01T10:00", 0 }, { "2026-06-01T10:00:00", 0 }, { "2026-06-01T24:00:00Z", 0 }, { "9999-12-31", 0 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(dates); i++) {
        otr_time until = 0;
        outrider_diag diag;
        outrider_err err = otr_override_until(dates[i].text, NOW, &until, &diag);

        if (until != dates[i].want || (err == OUTRIDER_OK) != (dates[i].want != 0))
            fail_msg("%s: got %ld, want %ld", dates[i].text, (long)until, (long)dates[i].want);
    }
}

static void a_reason_is_one_printable_line(void **state)
{
    static const struct { const char *text; size_t len; bool is_good; } reasons[] = {
#define TEXT(text, is_good) { text, sizeof(text) - 1, is_good }
        TEXT("ticket 4711", true), TEXT("Schl\xc3\xbcssel \xe2\x82\xac \xf0\x9f\x94\x91", true), TEXT("", false), TEXT("   ", false),
        TEXT("two\nlines", false), TEXT("nul\0", false), TEXT("esc \x1b[0m", false), TEXT("del \x7f", false), TEXT("c1 \xc2\x9b", false),
        TEXT("cut \xc3", false), TEXT("cut \xe2\x82", false), TEXT("overlong \xc0\xaf", false), TEXT("overlong \xe0\x80\xaf", false),
        TEXT("surrogate \xed\xa0\x80", false), TEXT("too high \xf4\x90\x80\x80", false), TEXT("latin \xfc", false),
        TEXT("right to left \xe2\x80\xae", false), TEXT("line separator \xe2\x80\xa8", false), TEXT("bom \xef\xbb\xbf", false),
    };
    char longest[OTR_OVERRIDE_REASON_MAX + 1];
    outrider_diag diag;

    (void)state;
    for (size_t i = 0; i < COUNT(reasons); i++) {
        if ((otr_override_reason(reasons[i].text, reasons[i].len, &diag) == OUTRIDER_OK) != reasons[i].is_good)
            fail_msg("%s: %d is wrong", reasons[i].text, !reasons[i].is_good);
    }
    memset(longest, 'x', sizeof(longest));
    assert_int_equal(otr_override_reason(longest, sizeof(longest) - 1, &diag), OUTRIDER_OK);
    assert_int_equal(otr_override_reason(longest, sizeof(longest), &diag), OUTRIDER_E_SYNTAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_decides_whatever_was_found),
        cmocka_unit_test(undeliverable_stays_undeliverable),
        cmocka_unit_test(the_minimum_is_stronger),
        cmocka_unit_test(it_counts_until_its_end_and_no_verdict_outlives_it),
        cmocka_unit_test(it_is_shown),
        cmocka_unit_test(an_end_is_a_date_ahead),
        cmocka_unit_test(a_reason_is_one_printable_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
