/*
 * What each mail server is told, word for word (docs/protocols.md), and JSON and text for scripts and people.
 */
#include "support/cmocka_all.h"

#include "base/buf.h"
#include "scene.h"
#include "verdict/render.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

static const otr_anchor_views views = { .exim_dir = "/run/outrider/ta", .postfix_dir = "outrider/ta" };
static const otr_anchor_views no_views = { .exim_dir = NULL, .postfix_dir = NULL };

static const char *const rules[] = { "default", NULL };
static const otr_anchor_set own_roots = { .rules = rules, .file = "/etc/outrider/roots.pem", .count = 2,
    .name = "c0ffee" };
static const otr_anchor_set system_roots = { .rules = rules, .file = OTR_SYSTEM_ROOTS, .is_own = { true, true },
    .count = 140, .name = "5a5e" };

static const otr_decide_settings defaults = OTR_DECIDE_SETTINGS_INIT;
static const otr_decide_settings both = { .is_dane_on_insecure_mx = true, .is_both = true };

static otr_verdict *make(const char *mx, const char *sts, const otr_decide_settings *settings,
    const otr_anchor_set *anchors)
{
    otr_verdict *v = scene_verdict("example.org", mx, sts, settings);

    otr_anchor_set_unref(v->anchors);
    v->anchors = anchors;
    return v;
}

#define A "a.example.org"
#define B "b.example.org"
#define TA " ta=/run/outrider/ta/c0ffee.pem"
#define NONE_PEM " ta=/run/outrider/ta/none.pem"
#define DANE_TA " dane_ta=/run/outrider/ta/none.pem"
#define NONE_LISTED "TEMP no MX host is named by the enforced MTA-STS policy"
#define SENDMAIL_NONE "TEMP no MX host that can be used is named by the enforced MTA-STS policy"

static const struct {
    const char *sentence, *mx, *sts;
    bool is_both;
    const char *postfix, *sendmail, *exim;
} replies[] = {
    { "nothing known", "M3: " A " A7", "S1", false, "NOTFOUND ", "NOTFOUND ",
      "v=1 pol=none dane=* tls=\"\" verify=\"\" end=1\n" },
    { "a policy of mode none", "M3: " A " A7", "S5 none", false, "NOTFOUND ", "NOTFOUND ",
      "v=1 pol=none dane=* tls=\"\" verify=\"\" end=1\n" },
    { "testing", "M3: " A " A7", "S5 testing " B, false, "NOTFOUND ", "NOTFOUND ",
      "v=1 pol=sts mode=testing dane=* tls=\"\" verify=\"\"" TA " end=1\n" },
    { "enforce: exact names for Postfix, patterns for Exim", "M3: mx1.example.com A7; b.example.net A7",
      "S5 enforce mx1.example.com *.example.net", false,
      "OK secure match=mx1.example.com:b.example.net servername=hostname tafile=outrider/ta/c0ffee.pem",
      "OK secure match=mx1.example.com:b.example.net servername=hostname",
      "v=1 pol=sts mode=enforce dane=\"\" skip=!^(mx1\\.example\\.com|[^.]+\\.example\\.net)$:* tls=* verify=*" TA " end=1\n" },
    { "P3: a host that is not listed is in no match", "M3: " A " A7; " B " A7", "S5 enforce " B, false,
      "OK secure match=" B " servername=hostname tafile=outrider/ta/c0ffee.pem",
      "OK secure match=" B " servername=hostname",
      "v=1 pol=sts mode=enforce dane=\"\" skip=!^(b\\.example\\.org)$:* tls=* verify=*" TA " end=1\n" },
    { "P4: no host listed (V46)", "M3: " A " A7", "S5 enforce " B, false, NONE_LISTED, SENDMAIL_NONE,
      "v=1 pol=sts mode=enforce dane=\"\" skip=* tls=* verify=*" TA " end=1\n" },
    { "enforce: a host whose lookup failed is named by nobody", "M3: " A " A7; " B " A5",
      "S5 enforce *.example.org", false,
      "OK secure match=" A " servername=hostname tafile=outrider/ta/c0ffee.pem",
      "OK secure match=" A " servername=hostname",
      "v=1 pol=sts mode=enforce dane=\"\" skip=!^(a\\.example\\.org)$:* tls=* verify=*" TA " end=1\n" },
    { "enforce: Postfix cannot leave out a host whose TLSA lookup failed (COMBO-02)", "M2: " A " A1 T4; " B " A1 T3",
      "S5 enforce *.example.org", false,
      "TEMP the TLSA lookup of an MX host failed, and no level leaves out that host alone",
      "OK secure match=" A " servername=hostname",
      "v=1 pol=sts mode=enforce dane=\"\" skip=!^(a\\.example\\.org)$:* tls=* verify=*" TA " end=1\n" },
    { "enforce: an address in text form (V83)", "M2: 192.0.2.1 A4!", "S5 enforce " A, false, NONE_LISTED,
      SENDMAIL_NONE,
      "v=1 pol=sts mode=enforce dane=\"\" skip=* tls=* verify=*" TA " end=1\n" },
    { "enforce and unusable records: nothing for Exim's DANE", "M2: " A " A1 T2", "S5 enforce " A, false,
      "OK secure match=" A " servername=hostname tafile=outrider/ta/c0ffee.pem",
      "OK secure match=" A " servername=hostname",
      "v=1 pol=sts mode=enforce dane=\"\" skip=!^(a\\.example\\.org)$:* tls=* verify=*" TA " end=1\n" },
    { "DANE on every host", "M2: " A " A1 T1; " B " A1 T1", "S1", false, "OK dane-only", "NOTFOUND ",
      "v=1 pol=dane tls=* verify=*" NONE_PEM " end=1\n" },
    { "DANE on one of two", "M2: " A " A1 T1; " B " A1 T4", "S1", false, "OK dane", "NOTFOUND ",
      "v=1 pol=dane tls=" A " verify=" A NONE_PEM " end=1\n" },
    { "L5: lists have the end of an alias too", "M2: " A ">r.example.net A2 T1; " B " A1 T4", "S1", false,
      "OK dane", "NOTFOUND ",
      "v=1 pol=dane tls=" A ":r.example.net verify=" A ":r.example.net" NONE_PEM " end=1\n" },
    { "all records unusable", "M2: " A " A1 T2", "S1", false, "OK encrypt", "NOTFOUND ",
      "v=1 pol=dane-unusable dane=\"\" tls=* verify=\"\" end=1\n" },
    { "L7: unusable beside usable stays out of Exim's DANE", "M2: " A " A1 T1; " B " A1 T2", "S1", false,
      "OK dane", "NOTFOUND ",
      "v=1 pol=dane dane=" A " tls=* verify=" A NONE_PEM " end=1\n" },
    { "unusable beside none", "M2: " A " A1 T2; " B " A1 T4", "S1", false, "OK dane", "NOTFOUND ",
      "v=1 pol=dane-unusable dane=\"\" tls=" A " verify=\"\" end=1\n" },
    { "DANE behind an insecure MX: Exim can only encrypt", "M3: " A " A1 T1", "S1", false, "OK dane", "NOTFOUND ",
      "v=1 pol=dane dane=\"\" tls=* verify=\"\" end=1\n" },
    { "a failed lookup beside a host without TLSA (V71)", "M2: " A " A5; " B " A7", "S1", false, "OK dane",
      "NOTFOUND ",
      "v=1 pol=dane skip=^(a\\.example\\.org)$ tls=\"\" verify=\"\" end=1\n" },
    { "L5: a skipped alias by both names", "M2: " A ">r.example.net A2 T3; " B " A1 T1", "S1", false,
      "OK dane-only", "NOTFOUND ",
      "v=1 pol=dane skip=^(a\\.example\\.org|r\\.example\\.net)$ tls=* verify=*" NONE_PEM " end=1\n" },
    { "a host without address needs no word", "M2: " A " A4; " B " A1 T1", "S1", false, "OK dane-only",
      "NOTFOUND ",
      "v=1 pol=dane tls=* verify=*" NONE_PEM " end=1\n" },
    { "DANE before an enforced policy (V65: not even listed)", "M2: " A " A1 T1", "S5 enforce " B, false,
      "OK dane-only", SENDMAIL_NONE,
      "v=1 pol=dane tls=* verify=*" NONE_PEM " end=1\n" },
    { "DANE and the policy, host by host (V67)", "M2: " A " A1 T1; " B " A1 T4", "S5 enforce *.example.org",
      false, "OK dane-only",
      "OK secure match=" A ":" B " servername=hostname",
      "v=1 pol=dane+sts mode=enforce dane=" A " skip=!^(a\\.example\\.org|b\\.example\\.org)$:* tls=* verify=*" TA DANE_TA " end=1\n" },
    { "DANE, the others not listed", "M2: " A " A1 T1; " B " A1 T4", "S5 enforce " A, false, "OK dane-only",
      "OK secure match=" A " servername=hostname",
      "v=1 pol=dane skip=!^(a\\.example\\.org)$:* tls=* verify=*" NONE_PEM " end=1\n" },
    { "both: a listed host", "M2: " A " A1 T1", "S5 enforce " A, true, "OK dane-only",
      "OK secure match=" A " servername=hostname",
      "v=1 pol=dane tls=* verify=*" NONE_PEM " end=1\n" },
    { "both: Postfix cannot refuse one of two DANE hosts, mail waits", "M2: " A " A1 T1; " B " A1 T1",
      "S5 enforce " A, true,
      "TEMP the enforced MTA-STS policy does not name every MX host that has DANE",
      "OK secure match=" A " servername=hostname",
      "v=1 pol=dane skip=!^(a\\.example\\.org)$:* tls=* verify=*" NONE_PEM " end=1\n" },
    { "both: none listed", "M2: " A " A1 T1", "S5 enforce " B, true, NONE_LISTED, SENDMAIL_NONE,
      "v=1 pol=sts mode=enforce dane=\"\" skip=* tls=* verify=*" TA " end=1\n" },
    { "an enforced policy and DANE behind an insecure MX", "M3: " A " A1 T1", "S5 enforce " A, false,
      "OK secure match=" A " servername=hostname tafile=outrider/ta/c0ffee.pem",
      "OK secure match=" A " servername=hostname",
      "v=1 pol=sts mode=enforce dane=\"\" skip=!^(a\\.example\\.org)$:* tls=* verify=*" TA " end=1\n" },
    { "L1: defer is no answer for Exim", "M8", "S5 enforce " A, false, "TEMP MX lookup failed: timed out",
      "TEMP MX lookup failed: timed out", "" },
    { "bogus", "M9", "S1", false, "TEMP MX lookup is bogus: no signature",
      "TEMP MX lookup is bogus: no signature", "" },
    { "all hosts failed", "M2: " A " A1 T3", "S1", false, "TEMP no MX host can be used: lookups failed",
      "TEMP no MX host can be used: lookups failed", "" },
    { "undeliverable, no policy: the mail server sees for itself", "M7", "S1", false, "NOTFOUND ", "NOTFOUND ",
      "v=1 pol=none dane=* tls=\"\" verify=\"\" end=1\n" },
    { "undeliverable under enforce: no skip, and nothing verifies (V77)", "M7", "S5 enforce " A, false,
      "TEMP 5.1.2 no such domain",
      "TEMP 5.1.2 no such domain", "v=1 pol=sts mode=enforce dane=\"\" tls=* verify=*" NONE_PEM " end=1\n" },
    { "undeliverable under testing", "M4", "S5 testing " A, false, "NOTFOUND ", "NOTFOUND ",
      "v=1 pol=sts mode=testing dane=* tls=\"\" verify=\"\"" TA " end=1\n" },

    /* The end of an alias and the policy */
    { "enforce: the end of a secure alias may pass", "M3: " A ">r.example.net A2 T4", "S5 enforce " A, false,
      "OK secure match=" A " servername=hostname tafile=outrider/ta/c0ffee.pem",
      "OK secure match=" A " servername=hostname",
      "v=1 pol=sts mode=enforce dane=\"\" skip=!^(a\\.example\\.org|r\\.example\\.net)$:* tls=* verify=*" TA " end=1\n" },
    { "enforce: the end of a forgeable alias may not, or it could be an MX host of its own",
      "M3: " A ">evil.example A7", "S5 enforce " A, false,
      "OK secure match=" A " servername=hostname tafile=outrider/ta/c0ffee.pem",
      "OK secure match=" A " servername=hostname",
      "v=1 pol=sts mode=enforce dane=\"\" skip=!^(a\\.example\\.org)$:* tls=* verify=*" TA " end=1\n" },
    { "enforce: nor beside a DANE host", "M2: " A " A1 T1; " B ">evil.example A7", "S5 enforce " B, false,
      "OK dane-only",
      "OK secure match=" B " servername=hostname",
      "v=1 pol=dane+sts mode=enforce dane=" A " skip=!^(a\\.example\\.org|b\\.example\\.org)$:* tls=* verify=*" TA DANE_TA " end=1\n" },

    /* Names that no list can hold */
    { "an alias of odd bytes, opportunistic: no list needed", "M3: " A ">r\\058x.example A7", "S1", false,
      "NOTFOUND ", "NOTFOUND ",
      "v=1 pol=none dane=* tls=\"\" verify=\"\" end=1\n" },
    { "an alias of odd bytes where a list is needed: Exim waits", "M2: " A ">r\\058x.example A2 T1; " B " A7",
      "S1", false, "OK dane", "NOTFOUND ", "" },
    { "a wildcard label at the end of an alias", "M2: " A ">*.example A2 T4; " B " A1 T1",
      "S5 enforce *.example.org", false, "OK dane-only",
      "OK secure match=" A ":" B " servername=hostname", "" },
};

static void check_reply(const char *sentence, const char *who, otr_buf *got, const char *want)
{
    assert_int_equal(got->err, OUTRIDER_OK);
    if (strcmp(otr_buf_text(got), want) != 0)
        fail_msg("%s, for %s\n  got  \"%s\"\n  want \"%s\"", sentence, who, otr_buf_text(got), want);
    otr_buf_clear(got);
}

/* L1, L2, L4, L6: whole or nothing, no bare or doubled blank, no empty value without quotes, never an empty anchor. */
static void check_form(const char *sentence, const char *line)
{
    size_t len = strlen(line);

    if (len == 0)
        return;
    if (strncmp(line, "v=1 ", 4) != 0 || len < 11 || strcmp(line + len - 7, " end=1\n") != 0 ||
        strstr(line, "= ") != NULL || strstr(line, "  ") != NULL || strstr(line, "ta=\"\"") != NULL ||
        strstr(line, "(?") != NULL || strpbrk(line, "{}\t\r") != NULL)
        fail_msg("%s: not in the form of the line protocol: %s", sentence, line);
}

static void tells_each_mail_server(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(replies); i++) {
        otr_verdict *v = make(replies[i].mx, replies[i].sts, replies[i].is_both ? &both : &defaults, &own_roots);
        otr_buf out = OTR_BUF_INIT;

        otr_render_postfix(v, &views, &out);
        check_reply(replies[i].sentence, "Postfix", &out, replies[i].postfix);
        otr_render_sendmail(v, &out);
        check_reply(replies[i].sentence, "sendmail", &out, replies[i].sendmail);
        otr_render_exim(v, &views, &out);
        check_form(replies[i].sentence, otr_buf_text(&out));
        check_reply(replies[i].sentence, "Exim", &out, replies[i].exim);
        otr_verdict_unref(v);
    }
}

/* L6, A2: where the set is the MTA's own, or no directory is known to it, no file is named. */
static void names_no_anchor_file_without_need(void **state)
{
    otr_buf out = OTR_BUF_INIT;
    otr_verdict *v = make("M3: " A " A7", "S5 enforce " A, &defaults, &system_roots);

    (void)state;
    otr_render_postfix(v, &views, &out);
    check_reply("the system's roots", "Postfix", &out, "OK secure match=" A " servername=hostname");
    otr_render_exim(v, &views, &out);
    check_reply("the system's roots", "Exim", &out,
        "v=1 pol=sts mode=enforce dane=\"\" skip=!^(a\\.example\\.org)$:* tls=* verify=* end=1\n");
    otr_anchor_set_unref(v->anchors);
    v->anchors = &own_roots;
    otr_render_postfix(v, &no_views, &out);
    check_reply("no directory", "Postfix", &out, "OK secure match=" A " servername=hostname");
    otr_render_exim(v, &no_views, &out);
    check_reply("no directory", "Exim", &out,
        "v=1 pol=sts mode=enforce dane=\"\" skip=!^(a\\.example\\.org)$:* tls=* verify=* end=1\n");
    otr_verdict_unref(v);
    v = make("M7", "S5 enforce " A, &defaults, &own_roots); /* a host that only Exim sees is not used (V77) */
    otr_render_exim(v, &no_views, &out);
    check_reply("no directory, undeliverable", "Exim", &out,
        "v=1 pol=sts mode=enforce dane=\"\" skip=* tls=* verify=* end=1\n");
    otr_verdict_unref(v);
}

/* --- the attributes of Postfix 3.10 ------------------------------------------------------------------------ */

#define STRINGS(mode) " policy_type=sts policy_domain=example.org { policy_string = version: STSv1 } { policy_string = mode: " mode " }" \
                      " { policy_string = max_age: 86400 }"

static void adds_attributes_for_tlsrpt(void **state)
{
    static const struct { const char *sentence, *mx, *sts, *want; } rows[] = {
        { "enforce", "M3: " A " A7", "S5 enforce " A " *.example.net",
          "OK secure match=" A " servername=hostname tafile=outrider/ta/c0ffee.pem" STRINGS("enforce")
          " { policy_string = mx: " A " } { policy_string = mx: *.example.net } mx_host_pattern=" A " mx_host_pattern=*.example.net" },
        { "testing", "M3: " A " A7", "S5 testing " B,
          "OK may" STRINGS("testing") " { policy_string = mx: " B " } mx_host_pattern=" B },
        { "no policy", "M3: " A " A7", "S1", "NOTFOUND " },
        { "mode none", "M3: " A " A7", "S5 none", "NOTFOUND " },
        { "DANE levels take none", "M2: " A " A1 T1", "S5 enforce " A, "OK dane-only" },
        { "nor does encrypt", "M2: " A " A1 T2", "S5 testing " A, "OK encrypt" },
        { "nor a failure", "M3: " A " A7", "S5 enforce " B, NONE_LISTED },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        otr_verdict *v = make(rows[i].mx, rows[i].sts, &defaults, &own_roots);
        otr_buf out = OTR_BUF_INIT;

        otr_render_postfix_tlsrpt(v, &views, &out);
        check_reply(rows[i].sentence, "Postfix 3.10", &out, rows[i].want);
        otr_verdict_unref(v);
    }
}

/* The verdict on a policy body given as it is, valid for one host. */
static otr_verdict *make_with_body(const char *body, size_t len, const char *mx)
{
    otr_mx_finding *finding = scene_finding("example.org", mx);
    otr_sts_entry *entry = scene_entry("example.org", "S5 enforce " A);
    otr_verdict *v;

    otr_sts_policy_free(entry->policy);
    entry->policy = NULL;
    assert_int_equal(otr_sts_policy_parse(body, len, &entry->policy, NULL), OUTRIDER_OK);
    v = otr_decide(finding, entry, false, &defaults, scene_anchors(), NOW);
    otr_anchor_set_unref(v->anchors);
    v->anchors = &own_roots;
    otr_mx_finding_unref(finding);
    otr_sts_entry_unref(entry);
    return v;
}

/* Lines with bytes that could leave their braces are left out; the others come as received, without their line ends. */
static void hostile_policy_lines_stay_in_their_braces(void **state)
{
    static const char body[] = "version: STSv1\r\nmode: enforce \t\r\nmax_age: 86400\nx-a: } match=evil.example {\nx-b: }\nx-c: {\n"
                               "x-d: b\xc3\xbc" "cher\nx-e: quiet \"quotes\" and = signs\nmx: A.example.org\n\n";
    otr_verdict *v = make_with_body(body, sizeof(body) - 1, "M3: " A " A7");
    otr_buf out = OTR_BUF_INIT;

    (void)state;
    otr_render_postfix_tlsrpt(v, &views, &out);
    check_reply("hostile lines", "Postfix 3.10", &out,
                "OK secure match=" A " servername=hostname tafile=outrider/ta/c0ffee.pem" STRINGS("enforce")
                " { policy_string = x-e: quiet \"quotes\" and = signs } { policy_string = mx: A.example.org } mx_host_pattern=" A);
    otr_verdict_unref(v);
}

/* far below the 100000 octets at which Postfix defers, with the largest policy and the most hosts. */
static void the_largest_policy_leaves_a_reply_that_postfix_takes(void **state)
{
    otr_buf body = OTR_BUF_INIT, mx = OTR_BUF_INIT, out = OTR_BUF_INIT;
    otr_verdict *v;

    (void)state;
    otr_buf_puts(&body, "version: STSv1\nmode: enforce\nmax_age: 86400\nmx: " A "\n");
    for (unsigned i = 1; i < OTR_STS_MX_MAX; i++)
        otr_buf_printf(&body, "mx: %060u.%060u.%060u.%050u.example\n", i, i, i, i);
    assert_true(body.len < OTR_STS_POLICY_LIMIT);
    otr_buf_puts(&mx, "M3: " A " A7");
    for (unsigned i = 1; i < OTR_MX_HOSTS_MAX; i++)
        otr_buf_printf(&mx, "; %060u.%060u.%060u.%050u.example A7", i, i, i, i);
    v = make_with_body(body.data, body.len, otr_buf_text(&mx));
    otr_render_postfix_tlsrpt(v, &views, &out);
    assert_int_equal(out.err, OUTRIDER_OK);
    assert_int_equal(strncmp(otr_buf_text(&out), "OK secure match=" A ":", 29), 0);
    assert_true(out.len < 80000);
    assert_null(strstr(otr_buf_text(&out), "policy_type=")); /* all or nothing: half of the patterns would refuse hosts */
    otr_buf_clear(&out);
    otr_buf_clear(&body);
    otr_buf_clear(&mx);
    otr_verdict_unref(v);
}

/* --- hostile texts ------------------------------------------------------------------------------------------- */

static const char hostile[] = "a\nOK may\r\n\"}]{ $\\ %s%n \x01\x7f\xc3\x28\xff end=1\nv=1 pol=none";

static bool is_printable_line(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] < ' ' || text[i] >= 0x7f)
            return false;
    }
    return true;
}

/* Every text that comes from outside, in a verdict that shows all of them. */
static otr_verdict *make_hostile(const char *mx_text, const char *sts)
{
    otr_mx_finding *mx = scene_finding("example.org", mx_text);
    otr_sts_entry *entry = scene_entry("example.org", sts);
    otr_verdict *v;

    if (*mx->error != '\0')
        mx->error = hostile;
    ((const char **)(uintptr_t)mx->evidence)[0] = hostile;
    for (size_t i = 0; i < mx->host_count; i++)
        ((otr_host_finding *)(uintptr_t)mx->hosts)[i].reason = hostile;
    if (entry->failure != OTR_STS_NO_FAILURE)
        strcpy(entry->error, hostile);
    if (entry->record != OTR_STS_PRESENT)
        strcpy(entry->record_note, hostile);
    v = otr_decide(mx, entry, false, &defaults, scene_anchors(), NOW);
    otr_anchor_set_unref(v->anchors);
    v->anchors = &own_roots;
    otr_mx_finding_unref(mx);
    otr_sts_entry_unref(entry);
    return v;
}

static json_t *parse_json(const otr_buf *out)
{
    json_error_t error;
    json_t *object;

    assert_int_equal(out->err, OUTRIDER_OK);
    assert_true(is_printable_line(otr_buf_text(out), out->len)); /* one line */
    object = json_loadb(otr_buf_text(out), out->len, JSON_REJECT_DUPLICATES, &error);
    if (object == NULL)
        fail_msg("JSON: %s at %d: %s", error.text, error.position, otr_buf_text(out));
    return object;
}

static void hostile_texts_break_no_answer(void **state)
{
    static const struct { const char *mx, *sts; } rows[] = {
        { "M8", "S1" }, { "M9", "S3" }, { "M2: " A " A1 T3b", "S3" }, { "M2: " A " A1 T1; " B " A1 T3b", "S7" },
        { "M2: " A " A8; " B " A7", "S9" }, { "M3: " A " A7", "S8 enforce " A }, { "M3: " A " A7",
          "S10 testing " A }, { "M2: " A " A1 T2", "S4 enforce " B },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        otr_verdict *v = make_hostile(rows[i].mx, rows[i].sts);
        otr_buf out = OTR_BUF_INIT;

        otr_render_postfix_tlsrpt(v, &views, &out);
        assert_true(out.len > 3 && out.len < 1000 && is_printable_line(out.data, out.len));
        if (v->level == OTR_LEVEL_DEFER)
            assert_int_equal(strncmp(out.data, "TEMP ", 5), 0);
        otr_buf_reset(&out);
        otr_render_sendmail(v, &out);
        assert_true(out.len > 3 && out.len < 1000 && is_printable_line(out.data, out.len));
        otr_buf_reset(&out);
        otr_render_exim(v, &views, &out);
        assert_int_equal(out.len == 0, v->level == OTR_LEVEL_DEFER);
        if (out.len > 0)
            assert_true(out.data[out.len - 1] == '\n' && is_printable_line(out.data, out.len - 1));
        otr_buf_reset(&out);
        otr_render_json(v, &views, &out);
        json_decref(parse_json(&out));
        otr_buf_reset(&out);
        otr_render_text(v, &views, true, &out);
        for (char *line = out.data, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
            assert_true(is_printable_line(line, (size_t)(end - line)));
            assert_int_not_equal(strncmp(line, "OK may", 6), 0);
        }
        assert_int_equal(out.data[out.len - 1], '\n');
        otr_buf_clear(&out);
        otr_verdict_unref(v);
    }
}

/* A reason is cut where it ends up in logs and bounces. */
static void a_long_reason_is_cut(void **state)
{
    otr_mx_finding *mx = scene_finding("example.org", "M8");
    char *reason = malloc(70000);
    otr_verdict *v;
    otr_buf out = OTR_BUF_INIT;

    (void)state;
    memset(reason, 'x', 69999);
    reason[69999] = '\0';
    mx->error = reason;
    v = otr_decide(mx, NULL, false, &defaults, scene_anchors(), NOW);
    otr_render_postfix(v, &views, &out);
    assert_true(out.len < 300);
    otr_buf_reset(&out);
    otr_render_json(v, &views, &out);
    assert_true(out.len < 10000);
    otr_buf_clear(&out);
    otr_verdict_unref(v);
    otr_mx_finding_unref(mx);
    free(reason);
}

/* --- JSON (docs/protocols.md) ---------------------------------------------------------------------------------------- */

/* Paths and their types: 's'tring, 'i'nteger, 'a'rray, 'o'bject, 'b'oolean, 'n'ull. */
static void check_type(json_t *object, const char *path, const char *types, const char *sentence)
{
    static const char letters[] = { [JSON_OBJECT] = 'o', [JSON_ARRAY] = 'a', [JSON_STRING] = 's',
        [JSON_INTEGER] = 'i',
                                    [JSON_REAL] = 'r', [JSON_TRUE] = 'b', [JSON_FALSE] = 'b', [JSON_NULL] = 'n' };
    char copy[100], *rest = NULL;
    json_t *at = object;

    snprintf(copy, sizeof(copy), "%s", path);
    for (char *key = strtok_r(copy, ".", &rest); key != NULL && at != NULL; key = strtok_r(NULL, ".", &rest))
        at = json_is_array(at) ? json_array_get(at, (size_t)strtoul(key, NULL, 10)) : json_object_get(at, key);
    if (at == NULL || strchr(types, letters[json_typeof(at)]) == NULL)
        fail_msg("%s: \"%s\" is %s, want one of \"%s\"", sentence, path,
            at == NULL ? "missing" : "of another type", types);
}

static void json_has_the_keys_that_scripts_rely_on(void **state)
{
    static const struct { const char *mx, *sts; } rows[] = {
        { "M2: " A " A1 T1; " B " A1 T2; c.example.org>r.example.net A2 T3", "S5 enforce " A },
          { "M3: " A " A7", "S6 testing " A }, { "M6: " A " A5", "S1" },
        { "M7", "S3" }, { "M9", "S7w" }, { "M4", "S9" }, { "M13: " A " A4", "S11" }, { "M2: 192.0.2.1 A4!",
          "S8 none" }, { "M2: " A " A7", "" },
    };
    static const struct { const char *path, *types; } keys[] = {
        { "domain", "s" }, { "port", "i" }, { "level", "s" }, { "valid_until", "s" }, { "mx", "a" },
          { "mx_security", "s" }, { "sts", "o" },
        { "sts.state", "s" }, { "sts.mode", "sn" }, { "sts.id", "sn" }, { "sts.max_age", "in" }, { "sts.mx",
          "a" }, { "sts.source", "sn" },
        { "sts.expires_at", "sn" }, { "sts.error", "sn" }, { "anchors", "o" }, { "anchors.rules", "a" },
          { "anchors.rules.0", "s" },
        { "anchors.file", "s" }, { "anchors.count", "i" }, { "postfix", "s" }, { "exim", "s" }, { "evidence",
          "a" }, { "evidence.0", "s" },
    };
    static const struct { const char *path, *types; } host_keys[] = {
        { "host", "s" }, { "preference", "i" }, { "addresses", "s" }, { "dane", "o" }, { "dane.state", "s" },
          { "dane.base_domain", "sn" },
        { "dane.tlsa", "a" }, { "sts_match", "bn" }, { "auth", "s" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        otr_verdict *v = make(rows[i].mx, rows[i].sts, &defaults, &own_roots);
        otr_buf out = OTR_BUF_INIT;
        json_t *object;

        otr_render_json(v, &views, &out);
        object = parse_json(&out);
        for (size_t k = 0; k < COUNT(keys); k++)
            check_type(object, keys[k].path, keys[k].types, rows[i].mx);
        assert_int_equal(json_array_size(json_object_get(object, "mx")), v->mx->host_count);
        for (size_t h = 0; h < v->mx->host_count; h++) {
            for (size_t k = 0; k < COUNT(host_keys); k++)
                check_type(json_array_get(json_object_get(object, "mx"), h), host_keys[k].path,
                    host_keys[k].types, rows[i].mx);
        }
        json_decref(object);
        otr_buf_clear(&out);
        otr_verdict_unref(v);
    }
}

static const char *json_text(json_t *object, const char *path)
{
    char copy[100], *rest = NULL;
    json_t *at = object;

    snprintf(copy, sizeof(copy), "%s", path);
    for (char *key = strtok_r(copy, ".", &rest); key != NULL; key = strtok_r(NULL, ".", &rest))
        at = json_is_array(at) ? json_array_get(at, (size_t)strtoul(key, NULL, 10)) : json_object_get(at, key);
    return json_is_string(at) ? json_string_value(at) : json_is_null(at) ? "null" : json_is_true(at) ? "true" : json_is_false(at) ? "false" : "?";
}

static void json_says_what_was_found(void **state)
{
    static const struct { const char *path, *want; } wants[] = {
        { "domain", "example.org" }, { "level", "dane-only" }, { "mx_security", "secure" }, { "valid_until",
          "2026-01-01T00:05:00Z" },
        { "mx.0.host", A }, { "mx.0.addresses", "secure" }, { "mx.0.dane.state", "usable" },
          { "mx.0.dane.base_domain", A },
        { "mx.0.dane.tlsa.0", "3 1 1 AB00000000000000000000000000000000000000000000000000000000000000" },
          { "mx.0.sts_match", "true" },
        { "mx.0.auth", "dane" }, { "mx.1.host", B }, { "mx.1.dane.state", "none" }, { "mx.1.sts_match",
          "false" }, { "mx.1.auth", "none" },
        { "mx.2.addresses", "insecure" }, { "mx.2.dane.state", "insecure" }, { "mx.2.auth", "sts" },
          { "mx.2.dane.base_domain", "null" },
        { "mx.3.addresses", "secure" }, { "mx.3.dane.state", "tempfail" }, { "mx.3.auth", "none" },
          { "mx.4.addresses", "none" },
        { "mx.5.addresses", "tempfail" }, { "mx.6.dane.state", "unusable" }, { "sts.state", "valid" },
          { "sts.mode", "enforce" }, { "sts.id", "1" },
        { "sts.mx.0", A }, { "sts.source", "cache" }, { "sts.expires_at", "2026-01-01T23:00:00Z" },
          { "sts.error", "null" },
        { "anchors.file", "/etc/outrider/roots.pem" }, { "anchors.rules.0", "default" }, { "postfix",
          "OK dane-only" },
        { "evidence.0", "MX example.org: as the test says" },
    };
    otr_verdict *v = make("M2: " A " A1 T1; " B " A1 T4; c.example.org A7; d.example.org A1 T3; e.example.org A4; f.example.org A5; g.example.org A1 T2",
                          "S5 enforce " A " c.example.org", &defaults, &own_roots);
    otr_buf out = OTR_BUF_INIT;
    json_t *object;

    (void)state;
    otr_render_json(v, &views, &out);
    object = parse_json(&out);
    for (size_t i = 0; i < COUNT(wants); i++) {
        if (strcmp(json_text(object, wants[i].path), wants[i].want) != 0)
            fail_msg("%s: got %s, want %s", wants[i].path, json_text(object, wants[i].path), wants[i].want);
    }
    assert_int_equal(json_integer_value(json_object_get(object, "port")), 25);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(json_object_get(object, "mx"), 1),
        "preference")), 20);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(object, "sts"), "max_age")), MAX_AGE);
    assert_null(strchr(json_text(object, "exim"), '\n'));
    json_decref(object);
    otr_buf_clear(&out);
    otr_verdict_unref(v);
}

/* --- text --------------------------------------------------------------------------------------------------- */

static void text_answers_first(void **state)
{
    otr_verdict *v = make("M2: " A " A1 T1", "S1", &defaults, &own_roots);
    otr_buf out = OTR_BUF_INIT;

    (void)state;
    otr_render_text(v, &views, false, &out);
    check_reply("short", "people", &out, "example.org: dane-only - DANE on every host that can be used\n");
    otr_verdict_unref(v);
    v = make("M4", "S1", &defaults, &own_roots);
    otr_render_text(v, &views, false, &out);
    check_reply("undeliverable", "people", &out,
        "example.org: may - null MX: the domain accepts no mail\nundeliverable: 5.1.10 null MX\n");
    otr_verdict_unref(v);
}

/* EXPLAIN: each lookup, each host with its reason, the policy with its age, and what the servers are told. */
static void explain(void **state)
{
    static const char *const wants[] = {
        "example.org: dane-only - ", "MX (secure):\n", "     10 " A "  DANE: T1\n", "          TLSA 3 1 1 AB",
        "     20 " B "  MTA-STS: ",
        "     30 c.example.org  not used: T3\n",
        "TLSA 1 1 1 AB00000000000000000000000000000000000000000000000000000000000000  (unusable: ",
        "MTA-STS: mode enforce, 1h 0m old, 23h 0m left\n  mx: *.example.org\n",
        "Trust anchors: rule default, /etc/outrider/roots.pem (2 certificates)\n",
        "Valid until: 2026-01-01T00:05:00Z\n",
        "Lookups:\n  MX example.org: as the test says\n  TXT _mta-sts.example.org: secure, id 1, TTL 300 (asked 2026-01-01T00:00:00Z)\n"
        "  A mta-sts.example.org: secure, 1 record, TTL 60 (asked 2025-12-31T23:00:00Z)\n",
        "  policy 1: mode enforce, max_age 86400 s, fetched 2025-12-31T23:00:00Z, expires 2026-01-01T23:00:00Z (from the cache)\n",
        "  Postfix  OK dane-only\n", "  Exim     v=1 pol=dane+sts ",
    };
    otr_verdict *v = make("M2: " A " A1 T1; " B " A1 T2; c.example.org A1 T3", "S5 enforce *.example.org",
        &defaults, &own_roots);
    otr_buf out = OTR_BUF_INIT;

    (void)state;
    otr_render_text(v, &views, true, &out);
    for (size_t i = 0; i < COUNT(wants); i++) {
        if (strstr(otr_buf_text(&out), wants[i]) == NULL)
            fail_msg("no \"%s\" in\n%s", wants[i], otr_buf_text(&out));
    }
    otr_buf_clear(&out);
    otr_verdict_unref(v);

    v = make("M8", "S8w enforce " A, &defaults, &own_roots);
    otr_render_text(v, &views, true, &out);
    assert_non_null(strstr(otr_buf_text(&out),
        "  fetch of https://mta-sts.example.org/.well-known/mta-sts.txt: sts-webpki-invalid: as the test says\n"));
    assert_non_null(strstr(otr_buf_text(&out), "  Exim     (none: Exim defers)\n"));
    otr_buf_clear(&out);
    otr_verdict_unref(v);
}

/* A buffer that is full stays full: an answer that is cut would be another answer. */
static void a_full_buffer_is_an_error_not_half_an_answer(void **state)
{
    otr_verdict *v = make("M3: " A " A7", "S5 enforce " A, &defaults, &own_roots);

    (void)state;
    for (size_t limit = 1; limit < 60; limit++) {
        void (*const renders[])(const otr_verdict *, const otr_anchor_views *, otr_buf *) = {
            otr_render_postfix, otr_render_postfix_tlsrpt, otr_render_exim, otr_render_json,
        };

        for (size_t i = 0; i < COUNT(renders); i++) {
            otr_buf out = { .limit = limit };

            renders[i](v, &views, &out);
            assert_int_equal(out.err, OUTRIDER_E_LIMIT);
            assert_string_equal(otr_buf_text(&out), "");
            otr_buf_clear(&out);
            otr_buf_puts(&out, "x");
            renders[i](v, &views, &out); /* with something in it already */
            assert_int_equal(out.err, OUTRIDER_E_LIMIT);
            otr_buf_clear(&out);
        }
    }
    otr_verdict_unref(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_each_mail_server),
        cmocka_unit_test(names_no_anchor_file_without_need),
        cmocka_unit_test(adds_attributes_for_tlsrpt),
        cmocka_unit_test(hostile_policy_lines_stay_in_their_braces),
        cmocka_unit_test(the_largest_policy_leaves_a_reply_that_postfix_takes),
        cmocka_unit_test(hostile_texts_break_no_answer),
        cmocka_unit_test(a_long_reason_is_cut),
        cmocka_unit_test(json_has_the_keys_that_scripts_rely_on),
        cmocka_unit_test(json_says_what_was_found),
        cmocka_unit_test(text_answers_first),
        cmocka_unit_test(explain),
        cmocka_unit_test(a_full_buffer_is_an_error_not_half_an_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
