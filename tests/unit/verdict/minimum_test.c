/*
 * Minimum rules: which one decides, what it makes of each host and of the whole, and what mail servers are told
 * (decision table, step 9; TLSA-11).
 */
#include "support/cmocka_all.h"

#include "base/buf.h"
#include "scene.h"
#include "verdict/render.h"

static const otr_anchor_views views = { .exim_dir = "/ta", .postfix_dir = "ta" };

/* --- which rule ------------------------------------------------------------------------------------------- */

static void the_most_specific_rule_decides(void **state)
{
    static const otr_minimum_rule list[] = {
        { ".example", OTR_MINIMUM_DANE_ONLY }, { ".gov.example", OTR_MINIMUM_SECURE }, { "gov.example", OTR_MINIMUM_ENCRYPT },
        { ".a.gov.example", OTR_MINIMUM_ENCRYPT }, { "x.a.gov.example", OTR_MINIMUM_DANE_ONLY },
    };
    static const otr_minimum_rules rules = { list, COUNT(list) };
    static const struct { const char *domain, *want; } rows[] = {
        { "gov.example", "gov.example" },          /* the exact name, though .example demands more */
        { "b.gov.example", ".gov.example" },       /* the longer of two */
        { "a.gov.example", ".gov.example" },       /* ".name" is not the name itself */
        { "b.a.gov.example", ".a.gov.example" },
        { "c.b.a.gov.example", ".a.gov.example" }, /* everything below, at any depth */
        { "x.a.gov.example", "x.a.gov.example" },
        { "other.example", ".example" },
        { "xgov.example", ".example" },            /* labels, not letters */
        { "example", NULL },
        { "example.org", NULL },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const otr_minimum_rule *found = otr_minimum_find(&rules, rows[i].domain);

        if ((found == NULL) != (rows[i].want == NULL) || (found != NULL && strcmp(found->name, rows[i].want) != 0))
            fail_msg("%s: got %s, want %s", rows[i].domain, found != NULL ? found->name : "none",
                     rows[i].want != NULL ? rows[i].want : "none");
    }
}

/* --- what it makes of hosts and levels -------------------------------------------------------------------- */

#define A "a.example.org"
#define SKIP_A "^(a\\.example\\.org)$"
#define B "b.example.org"
#define ENC OTR_MINIMUM_ENCRYPT
#define SEC OTR_MINIMUM_SECURE
#define ONLY OTR_MINIMUM_DANE_ONLY
#define NOT_MET(minimum, why) "TEMP minimum " minimum " for example.org is not met: " why
#define NO_AUTH "neither DANE behind signed MX records nor an enforced MTA-STS policy"
#define DANE_TA "tls=* verify=* ta=/ta/none.pem end=1\n"
#define SENDMAIL(minimum) "TEMP minimum " minimum ": sendmail cannot enforce it without an MTA-STS policy"
#define SENDMAIL_DANE "TEMP minimum dane-only: sendmail has no DANE and cannot enforce it"

static const struct {
    const char *sentence, *mx, *sts;
    otr_minimum minimum;
    const char *requirements; /* of the hosts */
    otr_level level;
    const char *postfix, *exim, *sendmail;
} rows[] = {
    /* encrypt: raised, as nothing of the host's is missing */
    { "encrypt: opportunistic becomes TLS", "M2: " A " A1 T4; " B " A7", "S1", ENC, "TLS TLS", OTR_LEVEL_ENCRYPT, "OK encrypt",
      "v=1 pol=minimum dane=\"\" tls=* verify=\"\" end=1\n", SENDMAIL("encrypt") },
    { "encrypt: behind unsigned MX records", "M3: " A " A7", "S1", ENC, "TLS", OTR_LEVEL_ENCRYPT, "OK encrypt",
      "v=1 pol=minimum dane=\"\" tls=* verify=\"\" end=1\n", SENDMAIL("encrypt") },
    { "encrypt: a policy in testing mode changes nothing", "M3: " A " A7", "S5 testing " B, ENC, "TLS", OTR_LEVEL_ENCRYPT,
      "OK encrypt", "v=1 pol=minimum dane=\"\" tls=* verify=\"\" end=1\n", SENDMAIL("encrypt") },
    { "encrypt: unusable records demand as much by themselves", "M2: " A " A1 T2; " B " A1 T4", "S1", ENC, "TLS TLS",
      OTR_LEVEL_ENCRYPT, "OK encrypt", "v=1 pol=minimum dane=\"\" tls=* verify=\"\" end=1\n", SENDMAIL("encrypt") },
    { "encrypt: an enforced policy is above it", "M3: " A " A7", "S5 enforce " A, ENC, "STS", OTR_LEVEL_SECURE,
      "OK secure match=" A " servername=hostname tafile=ta/x.pem",
      "v=1 pol=sts mode=enforce dane=\"\" skip=!^(a\\.example\\.org)$:* tls=* verify=* ta=/ta/x.pem end=1\n",
      "OK secure match=" A " servername=hostname" },
    { "encrypt: beside DANE the raised host is left aside, as Postfix at level dane would send it clear text",
      "M2: " A " A1 T1; " B " A1 T4", "S1", ENC, "DANE TLS", OTR_LEVEL_DANE_ONLY, "OK dane-only",
      "v=1 pol=dane tls=* verify=" A " ta=/ta/none.pem end=1\n", SENDMAIL("encrypt") },
    { "encrypt: beside DANE behind unsigned MX records no level will do", "M3: " A " A1 T1; " B " A1 T4", "S1", ENC, "DANE TLS",
      OTR_LEVEL_DANE,
      "TEMP minimum encrypt: no level demands TLS of every MX host and leaves out those that need more",
      "v=1 pol=minimum dane=\"\" tls=* verify=\"\" end=1\n", SENDMAIL("encrypt") },
    { "encrypt: beside a failed lookup no level will do", "M2: " A " A1 T3; " B " A1 T4", "S1", ENC, "SKIP TLS", OTR_LEVEL_DANE,
      "TEMP minimum encrypt: no level demands TLS of every MX host and leaves out those that need more",
      "v=1 pol=minimum dane=\"\" skip=" SKIP_A " tls=* verify=\"\" end=1\n", SENDMAIL("encrypt") },

    /* secure */
    { "secure: DANE", "M2: " A " A1 T1", "S1", SEC, "DANE", OTR_LEVEL_DANE_ONLY, "OK dane-only", "v=1 pol=dane " DANE_TA,
      SENDMAIL("secure") },
    { "secure: an enforced policy", "M3: " A " A7", "S5 enforce " A, SEC, "STS", OTR_LEVEL_SECURE,
      "OK secure match=" A " servername=hostname tafile=ta/x.pem",
      "v=1 pol=sts mode=enforce dane=\"\" skip=!^(a\\.example\\.org)$:* tls=* verify=* ta=/ta/x.pem end=1\n",
      "OK secure match=" A " servername=hostname" },
    { "secure: nothing", "M3: " A " A7", "S1", SEC, "SKIP", OTR_LEVEL_DEFER, NOT_MET("secure", NO_AUTH), "", NOT_MET("secure", NO_AUTH) },
    { "secure: testing is not enough", "M3: " A " A7", "S5 testing " A, SEC, "SKIP", OTR_LEVEL_DEFER, NOT_MET("secure", NO_AUTH), "",
      NOT_MET("secure", NO_AUTH) },
    { "secure: unusable records are not enough", "M2: " A " A1 T2", "S1", SEC, "SKIP", OTR_LEVEL_DEFER,
      NOT_MET("secure", NO_AUTH), "", NOT_MET("secure", NO_AUTH) },
    { "secure: DANE behind unsigned MX records is not enough", "M3: " A " A1 T1", "S1", SEC, "SKIP", OTR_LEVEL_DEFER,
      NOT_MET("secure", NO_AUTH), "", NOT_MET("secure", NO_AUTH) },
    { "secure: unless the enforced policy names the host", "M3: " A " A1 T1", "S5 enforce " A, SEC, "DANE+STS", OTR_LEVEL_SECURE,
      "OK secure match=" A " servername=hostname tafile=ta/x.pem",
      "v=1 pol=sts mode=enforce dane=\"\" skip=!^(a\\.example\\.org)$:* tls=* verify=* ta=/ta/x.pem end=1\n",
      "OK secure match=" A " servername=hostname" },
    { "secure: a mixed set goes to the DANE host alone", "M2: " A " A1 T4; " B " A1 T1", "S1", SEC, "SKIP DANE",
      OTR_LEVEL_DANE_ONLY, "OK dane-only", "v=1 pol=dane skip=" SKIP_A " " DANE_TA, SENDMAIL("secure") },
    { "secure: a mixed set with a host of unusable records", "M2: " A " A1 T2; " B " A1 T1", "S1", SEC, "SKIP DANE",
      OTR_LEVEL_DANE_ONLY, "OK dane-only", "v=1 pol=dane skip=" SKIP_A " " DANE_TA, SENDMAIL("secure") },
    { "secure: an enforced policy that names no host", "M3: " A " A7", "S5 enforce " B, SEC, "STS", OTR_LEVEL_SECURE,
      "TEMP no MX host is named by the enforced MTA-STS policy", "v=1 pol=sts mode=enforce dane=\"\" skip=* tls=* verify=* ta=/ta/x.pem end=1\n",
      "TEMP no MX host that can be used is named by the enforced MTA-STS policy" },
    { "secure: a lookup that failed is not a lack", "M2: " A " A1 T3", "S1", SEC, "SKIP", OTR_LEVEL_DEFER,
      "TEMP no MX host can be used: lookups failed", "", "TEMP no MX host can be used: lookups failed" },

    /* dane-only: mandatory DANE */
    { "dane-only: DANE", "M2: " A " A1 T1", "S1", ONLY, "DANE", OTR_LEVEL_DANE_ONLY, "OK dane-only", "v=1 pol=dane " DANE_TA,
      SENDMAIL_DANE },
    { "V73: a denial under an enforced policy", "M2: " A " A1 T4", "S5 enforce " A, ONLY, "SKIP", OTR_LEVEL_DEFER,
      NOT_MET("dane-only", "dane-required, no-tlsa"), "", NOT_MET("dane-only", "dane-required, no-tlsa") },
    { "V74: unsigned MX records, whatever follows", "M3: " A " A1 T1", "S5 enforce " A, ONLY, "SKIP", OTR_LEVEL_DEFER,
      NOT_MET("dane-only", "dane-required, mx-insecure"), "", NOT_MET("dane-only", "dane-required, mx-insecure") },
    { "V74: nothing known at all", "M3: " A " A7", "S1", ONLY, "SKIP", OTR_LEVEL_DEFER,
      NOT_MET("dane-only", "dane-required, mx-insecure"), "", NOT_MET("dane-only", "dane-required, mx-insecure") },
    { "dane-only: M6 with insecure address", "M6: example.org A7", "S5 enforce example.org", ONLY, "SKIP", OTR_LEVEL_DEFER,
      NOT_MET("dane-only", "dane-required, mx-insecure"), "", NOT_MET("dane-only", "dane-required, mx-insecure") },
    { "dane-only: M6 with secure address and records", "M6: example.org A1 T1", "S1", ONLY, "DANE", OTR_LEVEL_DANE_ONLY,
      "OK dane-only", "v=1 pol=dane " DANE_TA, SENDMAIL_DANE },
    { "TLSA-11: all records unusable", "M2: " A " A1 T2", "S1", ONLY, "SKIP", OTR_LEVEL_DEFER,
      NOT_MET("dane-only", "dane-required, unusable"), "", NOT_MET("dane-only", "dane-required, unusable") },
    { "dane-only: a mixed set goes to the DANE host alone", "M2: " A " A1 T4; " B " A1 T1", "S1", ONLY, "SKIP DANE",
      OTR_LEVEL_DANE_ONLY, "OK dane-only", "v=1 pol=dane skip=" SKIP_A " " DANE_TA, SENDMAIL_DANE },
    { "dane-only: a mixed set under an enforced policy", "M2: " A " A1 T4; " B " A1 T1", "S5 enforce *.example.org", ONLY,
      "SKIP DANE", OTR_LEVEL_DANE_ONLY, "OK dane-only",
      "v=1 pol=dane skip=!^(b\\.example\\.org)$:* " DANE_TA, SENDMAIL_DANE },

    /* undeliverable stays so, and an answer that is asked for all the same lets nothing through */
    { "secure: no such domain (M7)", "M7", "S1", SEC, "", OTR_LEVEL_SECURE, "TEMP 5.1.2 no such domain",
      "v=1 pol=minimum dane=\"\" " DANE_TA, "TEMP 5.1.2 no such domain" },
    { "encrypt: a null MX (M4)", "M4", "S1", ENC, "", OTR_LEVEL_SECURE, "TEMP 5.1.10 null MX",
      "v=1 pol=minimum dane=\"\" " DANE_TA, "TEMP 5.1.10 null MX" },
    { "dane-only: no address (A4)", "M2: " A " A4", "S1", ONLY, "SKIP", OTR_LEVEL_SECURE, "TEMP 5.4.4 no MX host has an address",
      "v=1 pol=minimum dane=\"\" " DANE_TA, "TEMP 5.4.4 no MX host has an address" },
    { "dane-only: the lookup failed (M8)", "M8", "S1", ONLY, "", OTR_LEVEL_DEFER, "TEMP MX lookup failed: timed out", "",
      "TEMP MX lookup failed: timed out" },
};

static const char *const anchor_rules[] = { "default", NULL };
static const otr_anchor_set roots = { .rules = anchor_rules, .file = "/x.pem", .count = 1, .name = "x" };

static void check(const char *sentence, const char *what, const char *got, const char *want)
{
    if (strcmp(got, want) != 0)
        fail_msg("%s: %s\n  got  %s\n  want %s", sentence, what, got, want);
}

static void put_requirements(otr_buf *out, const otr_verdict *v)
{
    for (size_t i = 0; i < v->mx->host_count; i++)
        otr_buf_printf(out, "%s%s", i > 0 ? " " : "", otr_requirement_names[v->hosts[i].requirement]);
}

static void mail_waits_below_a_minimum(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const otr_minimum_rule rule = { "example.org", rows[i].minimum };
        const otr_minimum_rules minimum = { &rule, 1 };
        const otr_decide_settings settings = { .is_dane_on_insecure_mx = true, .minimum = &minimum };
        otr_verdict *v = scene_verdict("example.org", rows[i].mx, rows[i].sts, &settings);
        otr_buf out = OTR_BUF_INIT;

        otr_anchor_set_unref(v->anchors);
        v->anchors = &roots;
        assert_int_equal(v->minimum, rows[i].minimum);
        check(rows[i].sentence, "level", otr_level_names[v->level], otr_level_names[rows[i].level]);
        put_requirements(&out, v);
        check(rows[i].sentence, "requirements", otr_buf_text(&out), rows[i].requirements);
        otr_buf_reset(&out);
        otr_render_postfix(v, &views, &out);
        check(rows[i].sentence, "Postfix", otr_buf_text(&out), rows[i].postfix);
        otr_buf_reset(&out);
        otr_render_exim(v, &views, &out);
        check(rows[i].sentence, "Exim", otr_buf_text(&out), rows[i].exim);
        otr_buf_reset(&out);
        otr_render_sendmail(v, &out);
        check(rows[i].sentence, "sendmail", otr_buf_text(&out), rows[i].sendmail);
        otr_buf_clear(&out);
        otr_verdict_unref(v);
    }
}

/* LOCALITY: a rule for one domain leaves every other as it is, also one with the same MX host. */
static void a_rule_is_for_its_own_names(void **state)
{
    static const otr_minimum_rule list[] = { { "example.net", ONLY }, { ".example.org", ONLY } };
    static const otr_minimum_rules minimum = { list, 2 };
    const otr_decide_settings settings = { .is_dane_on_insecure_mx = true, .minimum = &minimum };
    otr_verdict *v = scene_verdict("example.org", "M3: " A " A7", "S1", &settings);

    (void)state;
    assert_int_equal(v->level, OTR_LEVEL_MAY);
    assert_int_equal(v->minimum, OTR_MINIMUM_NONE);
    otr_verdict_unref(v);
    v = scene_verdict("[a.example.org]:587", "M13: a.example.org A7", "S1", &settings);
    assert_int_equal(v->level, OTR_LEVEL_DEFER);
    otr_verdict_unref(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_most_specific_rule_decides),
        cmocka_unit_test(mail_waits_below_a_minimum),
        cmocka_unit_test(a_rule_is_for_its_own_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
