/*
 * Holds: whose mail waits for the operator, and what is told of it.
 */
#include "support/cmocka_all.h"

#include "base/buf.h"
#include "scene.h"
#include "verdict/render.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define FROM "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define TO "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100"
#define REASON \
    "held until \"outrider trust accept example.org\": the policy host mta-sts.example.org has a certificate of the root " \
    "New Root since 2025-12-31T23:58:20Z, before of Old Root"

static const otr_anchor_views views = { .exim_dir = "/ta", .postfix_dir = "ta" };
static const otr_hold hold = { .domain = "example.org", .role = OTR_ROLE_POLICY, .host = "mta-sts.example.org", .from = FROM,
                               .to = TO, .from_name = "Old Root", .to_name = "New Root", .since = NOW - 100 };

enum word { NO_OVERRIDE, OVERRIDE, OVERRIDE_BELOW_MINIMUM };

static const struct {
    const char *sentence;
    const char *mx, *sts;
    enum word word;
    bool is_both;
    otr_level level;
    bool is_held;
} rows[] = {
    { "an enforced policy", "M2: a.example.org A1 T4", "S5 enforce a.example.org", 0, false, OTR_LEVEL_DEFER, true },
    { "the same, of unsigned MX records", "M3: a.example.org A7", "S5 enforce a.example.org", 0, false, OTR_LEVEL_DEFER, true },
    { "a policy in testing mode", "M2: a.example.org A1 T4", "S5 testing a.example.org", 0, false, OTR_LEVEL_DEFER, true },
    { "mode none, as an attacker with the new root would say it", "M2: a.example.org A1 T4", "S5 none", 0, false,
      OTR_LEVEL_DEFER, true },
    { "the policy has expired meanwhile", "M2: a.example.org A1 T4", "S7x", 0, false, OTR_LEVEL_DEFER, true },
    { "no policy host admits the hosts", "M2: a.example.org A1 T4", "S5 enforce other.example.org", 0, false, OTR_LEVEL_DEFER, true },
    { "DANE-FIRST: each host has DANE", "M2: a.example.org A1 T1; b.example.org A1 T1", "S5 enforce a.example.org", 0, false,
      OTR_LEVEL_DANE_ONLY, false },
    { "each host that can be used has DANE", "M2: a.example.org A1 T1; b.example.org A1 T3", "S5 enforce *.example.org", 0,
      false, OTR_LEVEL_DANE_ONLY, false },
    { "one host has no DANE", "M2: a.example.org A1 T1; b.example.org A1 T4", "S5 enforce *.example.org", 0, false,
      OTR_LEVEL_DEFER, true },
    { "one host without DANE is not admitted", "M2: a.example.org A1 T1; b.example.org A1 T4", "S5 enforce a.example.org", 0,
      false, OTR_LEVEL_DANE_ONLY, false },
    { "one host has unusable records only", "M2: a.example.org A1 T1; b.example.org A1 T2", "S1", 0, false, OTR_LEVEL_DEFER, true },
    { "DANE behind unsigned MX records authenticates nobody", "M3: a.example.org A1 T1", "S1", 0, false, OTR_LEVEL_DEFER, true },
    { "combine = both: DANE must pass beside the policy", "M2: a.example.org A1 T1", "S5 enforce a.example.org", 0, true,
      OTR_LEVEL_DEFER, true },
    { "what cannot be looked up waits anyway", "M2: a.example.org A1 T3", "S5 enforce a.example.org", 0, false, OTR_LEVEL_DEFER, true },
    { "MX records that are bogus", "M8", "S5 enforce a.example.org", 0, false, OTR_LEVEL_DEFER, true },
    { "the operator has said more", "M2: a.example.org A1 T4", "S5 enforce a.example.org", OVERRIDE, false, OTR_LEVEL_MAY, false },
    { "what the operator has said is below the minimum", "M2: a.example.org A1 T4", "S5 enforce a.example.org",
      OVERRIDE_BELOW_MINIMUM, false, OTR_LEVEL_DEFER, true },
    { "null MX: no mail can go there", "M4", "", 0, false, OTR_LEVEL_SECURE, false },
    { "no such domain", "M7", "", 0, false, OTR_LEVEL_SECURE, false },
};

static otr_verdict *verdict(size_t i, const otr_hold *held)
{
    static const otr_override override = { .domain = "example.org", .level = OTR_LEVEL_MAY, .until = NOW + 100, .reason = "x" };
    const otr_minimum_rule rule = { "example.org",
                                    rows[i].word == OVERRIDE_BELOW_MINIMUM ? OTR_MINIMUM_ENCRYPT : OTR_MINIMUM_NONE };
    const otr_minimum_rules rules = { &rule, 1 };
    const otr_decide_settings settings = { .is_dane_on_insecure_mx = true, .is_both = rows[i].is_both, .minimum = &rules,
                                           .override = rows[i].word != NO_OVERRIDE ? &override : NULL, .hold = held };

    return scene_verdict("example.org", rows[i].mx, rows[i].sts, &settings);
}

static void it_holds_the_mail_that_depends_on_a_root(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        otr_verdict *v = verdict(i, &hold);

        if (v->level != rows[i].level || v->is_held != rows[i].is_held)
            fail_msg("%s (%s x %s): got %s%s, want %s%s: %s", rows[i].sentence, rows[i].mx, rows[i].sts,
                     otr_level_names[v->level], v->is_held ? ", held" : "", otr_level_names[rows[i].level],
                     rows[i].is_held ? ", held" : "", v->reason);
        assert_non_null(v->hold); /* shown all the same */
        if (v->is_held)
            assert_string_equal(v->reason, REASON);
        otr_verdict_unref(v);
    }
}

/* A change that was accepted leaves nothing behind. */
static void without_it_all_is_as_before(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        otr_verdict *v = verdict(i, NULL), *held = verdict(i, &hold);

        assert_null(v->hold);
        assert_false(v->is_held);
        if (!rows[i].is_held && *v->undeliverable == '\0')
            assert_int_equal(v->level, held->level);
        otr_verdict_unref(v);
        otr_verdict_unref(held);
    }
}

static void mail_servers_are_told_to_wait(void **state)
{
    otr_verdict *v = verdict(0, &hold);
    otr_buf out = OTR_BUF_INIT;

    (void)state;
    otr_render_postfix(v, &views, &out);
    assert_string_equal(otr_buf_text(&out), "TEMP " REASON);
    otr_buf_reset(&out);
    otr_render_sendmail(v, &out);
    assert_string_equal(otr_buf_text(&out), "TEMP " REASON);
    otr_buf_reset(&out);
    otr_render_exim(v, &views, &out);
    assert_int_equal(out.len, 0);
    otr_buf_clear(&out);
    otr_verdict_unref(v);
}

static void it_is_shown(void **state)
{
    otr_verdict *v = verdict(0, &hold), *dane = verdict(6, &hold);
    otr_buf out = OTR_BUF_INIT;
    json_t *json, *shown;
    const char *role, *host, *from, *to, *from_name, *to_name, *since;
    int in_force;

    (void)state;
    otr_render_json(v, &views, &out);
    json = json_loads(otr_buf_text(&out), 0, NULL);
    shown = json_object_get(json, "hold");
    assert_int_equal(json_unpack(shown, "{s:s, s:s, s:{s:s, s:s}, s:{s:s, s:s}, s:s, s:b}", "role", &role, "host", &host,
                                 "from", "sha256", &from, "subject", &from_name, "to", "sha256", &to, "subject", &to_name, "since",
                                 &since, "in_force", &in_force), 0);
    assert_string_equal(role, "policy");
    assert_string_equal(host, "mta-sts.example.org");
    assert_string_equal(from, FROM);
    assert_string_equal(to, TO);
    assert_string_equal(from_name, "Old Root");
    assert_string_equal(to_name, "New Root");
    assert_string_equal(since, "2025-12-31T23:58:20Z");
    assert_true(in_force);
    json_decref(json);
    otr_buf_reset(&out);
    otr_render_text(v, &views, true, &out);
    assert_non_null(strstr(otr_buf_text(&out), "  hold of policy mta-sts.example.org since 2025-12-31T23:58:20Z: from root " FROM
                                               " to root " TO "\n"));
    otr_buf_reset(&out);
    otr_render_text(dane, &views, true, &out);
    assert_non_null(strstr(otr_buf_text(&out), "\nhold (without effect): held until "));
    assert_non_null(strstr(otr_buf_text(&out), ", without effect: no host depends on a root\n"));
    otr_buf_clear(&out);
    otr_verdict_unref(v);
    otr_verdict_unref(dane);
}

/* Postfix logs what it is told: the command that ends it must not be cut off. */
static void the_longest_one_names_the_command(void **state)
{
    otr_hold longest = hold;
    char text[OTR_HOLD_TEXT];

    (void)state;
    memset(longest.host, 'h', sizeof(longest.host) - 1);
    memset(longest.from_name, 'f', sizeof(longest.from_name) - 1);
    memset(longest.to_name, 't', sizeof(longest.to_name) - 1);
    otr_hold_text(&longest, text);
    assert_non_null(strstr(text, ", before of fff"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_holds_the_mail_that_depends_on_a_root),
        cmocka_unit_test(without_it_all_is_as_before),
        cmocka_unit_test(mail_servers_are_told_to_wait),
        cmocka_unit_test(it_is_shown),
        cmocka_unit_test(the_longest_one_names_the_command),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
