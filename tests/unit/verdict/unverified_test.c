/*
 * No reply lets a host through unverified. A few thousand findings, policies and settings drawn with a fixed seed; each
 * reply is read as its mail server reads it (docs/protocols.md) and held against what step 5 requires.
 */
#include "support/cmocka_all.h"

#include "base/buf.h"
#include "scene.h"
#include "verdict/render.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>

#define ROUNDS 10000

static const otr_anchor_views views = { .exim_dir = "/run/outrider/ta", .postfix_dir = "outrider/ta" };
static const char *const rules[] = { "default", NULL };
static const otr_anchor_set own_roots = { .rules = rules, .file = "/etc/roots.pem", .count = 2,
    .name = "c0ffee" };
static const otr_anchor_set system_roots = { .rules = rules, .file = OTR_SYSTEM_ROOTS, .is_own = { true, true },
    .count = 140, .name = "5a5e" };

/* --- drawing -------------------------------------------------------------------------------------------------- */

static uint32_t seed;

static unsigned draw(unsigned below)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % below;
}

#define PICK(array) ((array)[draw(COUNT(array))])

/* Names that overlap on purpose: ends of aliases that are hosts themselves, names that a pattern admits or not. */
static const char *const names[] = {
    "a.example.org", "b.example.org", "c.d.example.org", "mx_1.example.org", "example.org", "r.example.net",
    "evil.example", "axexample.org",
};

static void draw_hosts(otr_buf *out)
{
    static const char *const addresses[] = { "A1", "A1", "A1", "A1", "A7", "A7", "A4", "A5", "A8" };
    static const char *const tlsa[] = { "T1", "T1", "T2", "T3", "T3b", "T4", "T5" };
    unsigned count = 1 + draw(4), first = draw(COUNT(names));

    for (unsigned i = 0; i < count; i++) {
        const char *address = PICK(addresses);
        bool is_alias = draw(4) == 0;
        bool is_secure = strcmp(address, "A1") == 0;

        otr_buf_printf(out, "%s%s", i > 0 ? "; " : " ", names[(first + i) % COUNT(names)]);
        if (is_alias)
            otr_buf_printf(out, ">%s", draw(12) == 0 ? "r\\058.example" : PICK(names));
        if (is_secure && is_alias)
            address = draw(2) == 0 ? "A2" : "A3";
        else if (draw(20) == 0)
            address = "A4!";
        otr_buf_printf(out, " %s", address);
        if (strcmp(address, "A1") == 0 || strcmp(address, "A2") == 0 || (strcmp(address, "A3") == 0 &&
            draw(5) > 0))
            otr_buf_printf(out, " %s", PICK(tlsa));
    }
}

static void draw_mx(otr_buf *out)
{
    static const char *const rows[] = { "M2", "M2", "M2", "M2", "M3", "M3", "M3", "M3", "M3", "M6", "M13",
        "M4", "M4i", "M7", "M8", "M9" };
    const char *row = PICK(rows);

    otr_buf_puts(out, row);
    if (strcmp(row, "M2") == 0 || strcmp(row, "M3") == 0) {
        otr_buf_putc(out, ':');
        draw_hosts(out);
    } else if (strcmp(row, "M6") == 0 || strcmp(row, "M13") == 0) {
        static const char *const hosts[] = { "A1 T1", "A1 T2", "A1 T3", "A1 T4", "A7", "A4", "A5" };

        otr_buf_printf(out, ": example.org %s", PICK(hosts));
    }
}

static void draw_sts(otr_buf *out)
{
    static const char *const without[] = { "", "S1", "S3", "S7", "S9", "S11", "S7x enforce *.example.org" };
    static const char *const with[] = { "S2", "S4", "S5", "S6", "S8", "S8w", "S10" };
    static const char *const modes[] = { "enforce", "enforce", "enforce", "testing", "none" };
    static const char *const patterns[] = { "*.example.org", "*.example.org", "a.example.org", "b.example.org",
        "r.example.net", "example.org", "*.example.net" };

    if (draw(3) == 0) {
        otr_buf_puts(out, PICK(without));
        return;
    }
    otr_buf_printf(out, "%s %s", PICK(with), PICK(modes));
    for (unsigned count = 1 + draw(3); count > 0; count--)
        otr_buf_printf(out, " %s", PICK(patterns));
}

/* --- what the verdict says ------------------------------------------------------------------------------------- */

static bool is_enforced(const otr_verdict *v)
{
    return v->sts.policy != NULL && v->sts.policy->mode == OTR_STS_ENFORCE;
}

/* A host that a mail server could reach and must not. */
static bool is_forbidden(const otr_host_verdict *h)
{
    return !otr_host_is_usable(h) && h->finding->addresses != OTR_HOST_NO_ADDRESS;
}

static bool has_dane(const otr_host_verdict *h)
{
    return h->requirement == OTR_REQUIRE_DANE || h->requirement == OTR_REQUIRE_DANE_AND_STS;
}

static bool has_sts(const otr_host_verdict *h)
{
    return h->requirement == OTR_REQUIRE_STS || h->requirement == OTR_REQUIRE_DANE_AND_STS;
}

static const char *setting; /* what was drawn, for failures */

#define CLAIM(claim, reply)                                                                     \
    do {                                                                                        \
        if (!(claim))                                                                           \
            fail_msg("not so: %s\n  %s\n  level %s, reply \"%s\"", #claim, setting, otr_level_names[v->level], reply); \
    } while (0)

/* --- Postfix and sendmail --------------------------------------------------------------------------------------- */

/* match=A:B...: only hosts that are used, that the policy names, and whose requirement PKIX is. */
static void check_match(const otr_verdict *v, const char *reply)
{
    const char *at = strstr(reply, " match="), *end;

    CLAIM(at != NULL && is_enforced(v), reply);
    at += 7;
    end = at + strcspn(at, " ");
    CLAIM(end > at, reply);
    while (at < end) {
        size_t len = strcspn(at, ": ");
        bool is_found = false;

        for (size_t i = 0; i < v->mx->host_count; i++) {
            const otr_host_verdict *h = &v->hosts[i];

            is_found |= strlen(h->finding->host) == len && strncmp(h->finding->host, at, len) == 0 &&
                otr_host_is_usable(h) &&
                        otr_sts_policy_admits(v->sts.policy, h->finding->host);
        }
        CLAIM(is_found, reply);
        at += len + (at[len] == ':');
    }
    CLAIM(strstr(end, " servername=hostname") == end, reply);
}

static bool is_secure_reply(const char *reply)
{
    return strncmp(reply, "OK secure match=", 16) == 0;
}

static void check_postfix(const otr_verdict *v, const char *reply)
{
    /* "NOTFOUND" and "may": cleartext to anyone. Every host that can be reached is opportunistic. */
    if (strcmp(reply, "NOTFOUND ") == 0 || strcmp(reply, "OK may") == 0) {
        CLAIM(!is_enforced(v), reply);
        for (size_t i = 0; i < v->mx->host_count; i++)
            CLAIM(v->hosts[i].requirement == OTR_OPPORTUNISTIC ||
                v->hosts[i].finding->addresses == OTR_HOST_NO_ADDRESS, reply);
    /* "encrypt": TLS with anyone. */
    } else if (strcmp(reply, "OK encrypt") == 0) {
        CLAIM(!is_enforced(v), reply);
        for (size_t i = 0; i < v->mx->host_count; i++)
            CLAIM(v->hosts[i].requirement == OTR_REQUIRE_TLS ||
                v->hosts[i].finding->addresses == OTR_HOST_NO_ADDRESS, reply);
    /* "dane": Postfix looks at each host's TLSA records itself, and knows nothing of policies. */
    } else if (strcmp(reply, "OK dane") == 0) {
        CLAIM(!is_enforced(v), reply);
        for (size_t i = 0; i < v->mx->host_count; i++)
            CLAIM(!has_sts(&v->hosts[i]), reply);
    /* "dane-only": hosts without usable TLSA records are left aside; no host that the policy refuses may have them. */
    } else if (strcmp(reply, "OK dane-only") == 0) {
        CLAIM(v->mx->security != OTR_MX_INSECURE, reply);
        for (size_t i = 0; i < v->mx->host_count; i++)
            CLAIM(v->hosts[i].finding->dane != OTR_DANE_USABLE || !is_forbidden(&v->hosts[i]), reply);
    /* "secure": PKIX for names of the policy. No host has DANE alone, which PKIX would replace (DANE-FIRST). */
    } else if (is_secure_reply(reply)) {
        check_match(v, reply);
        for (size_t i = 0; i < v->mx->host_count; i++)
            CLAIM(v->hosts[i].requirement != OTR_REQUIRE_DANE, reply);
        CLAIM((strstr(reply, " tafile=outrider/ta/c0ffee.pem") != NULL) == !v->anchors->is_own[OTR_OWN_EXIM], reply);
    } else {
        CLAIM(strncmp(reply, "TEMP ", 5) == 0 && reply[5] != '\0', reply);
    }
    if (v->level == OTR_LEVEL_DEFER)
        CLAIM(strncmp(reply, "TEMP ", 5) == 0, reply);
}

/* The same answer, and attributes only where Postfix takes them; under a policy in testing mode they need a level. */
static void check_tlsrpt(const otr_verdict *v, const char *reply, const char *plain)
{
    bool is_testing = v->level == OTR_LEVEL_MAY && strcmp(reply, plain) != 0;
    size_t len;

    CLAIM(!is_testing || (strcmp(plain, "NOTFOUND ") == 0 && v->sts.policy->mode == OTR_STS_TESTING), reply);
    plain = is_testing ? "OK may" : plain;
    len = strlen(plain);
    CLAIM(strncmp(reply, plain, len) == 0, reply);
    if (reply[len] != '\0')
        CLAIM((is_secure_reply(plain) || strcmp(plain, "OK may") == 0) &&
              strncmp(reply + len,
                  " policy_type=sts policy_domain=example.org { policy_string = version: STSv1 }", 77) == 0,
                  reply);
}

/* sendmail knows no DANE: but an enforced policy binds it wherever there is one. */
static void check_sendmail(const otr_verdict *v, const char *reply)
{
    if (strcmp(reply, "NOTFOUND ") == 0) {
        CLAIM(!is_enforced(v) && v->level != OTR_LEVEL_DEFER, reply);
    } else if (is_secure_reply(reply)) {
        check_match(v, reply);
        CLAIM(strcmp(strstr(reply, " servername="), " servername=hostname") == 0, reply); /* nothing behind it */
    } else {
        CLAIM(strncmp(reply, "TEMP ", 5) == 0 && reply[5] != '\0', reply);
    }
}

/* --- Exim -------------------------------------------------------------------------------------------------------- */

/* ${extract{key}{line}{$value}{missing}} */
static const char *extract(const char *line, const char *key, const char *missing, char *value, size_t size)
{
    char wanted[20];
    const char *at;

    snprintf(wanted, sizeof(wanted), " %s=", key);
    at = strstr(line, wanted);
    if (at == NULL)
        return missing;
    at += strlen(wanted);
    snprintf(value, size, "%.*s", (int)strcspn(at, " \n"), at);
    return strcmp(value, "\"\"") == 0 ? "" : value;
}

/* An Exim host list made of "*", names, "!^regex" and the like, colon-separated; the first item that matches decides. */
static bool is_in_list(const char *list, const char *name)
{
    char copy[4000], *rest = NULL;
    bool is_negated = false;

    snprintf(copy, sizeof(copy), "%s", list);
    for (char *item = strtok_r(copy, ":", &rest); item != NULL; item = strtok_r(NULL, ":", &rest)) {
        bool is_match;

        is_negated = *item == '!';
        item += is_negated;
        if (*item == '^') {
            regex_t regex;

            assert_int_equal(regcomp(&regex, item, REG_EXTENDED | REG_NOSUB), 0);
            is_match = regexec(&regex, name, 0, NULL, 0) == 0;
            regfree(&regex);
        } else {
            is_match = strcmp(item, "*") == 0 || strcmp(item, name) == 0;
        }
        if (is_match)
            return !is_negated;
    }
    return is_negated; /* a list that ends in a negated item matches what it did not name */
}

/* L1, L2, L6 and the grammar of docs/protocols.md. */
static void check_line(const otr_verdict *v, const char *line)
{
    size_t len = strlen(line);

    CLAIM(strncmp(line, "v=1 pol=", 8) == 0 && len > 15 && strcmp(line + len - 7, " end=1\n") == 0, line);
    for (size_t i = 0; i < len - 1; i++) {
        CLAIM(line[i] >= ' ' && line[i] < 0x7f && line[i] != '{' && line[i] != '}' && (line[i] != '$' ||
            line[i + 1] == ':' || line[i + 1] == ' '), line);
        CLAIM(line[i] != '=' || (line[i + 1] != ' ' && line[i + 1] != '\n'), line);          /* no empty value unquoted */
        CLAIM(line[i] != ' ' || (line[i + 1] != ' ' && strchr(line + i, '=') != NULL), line); /* key=value, one blank */
        CLAIM(line[i] != '\\' || line[i + 1] == '.', line);
    }
    CLAIM(strstr(line, "ta=\"\"") == NULL && strchr(line, ';') == NULL, line);
}

static bool is_end_of_another(const otr_verdict *v, const otr_host_verdict *h)
{
    for (size_t i = 0; i < v->mx->host_count; i++) {
        if (&v->hosts[i] != h && strcmp(v->hosts[i].finding->canonical, h->finding->host) == 0)
            return true;
    }
    return false;
}

static void check_exim(const otr_verdict *v, const char *line)
{
    char values[5][4000];
    const char *skip = extract(line, "skip", "", values[0], sizeof(values[0])), *dane = extract(line, "dane",
        "*", values[1], sizeof(values[1]));
    const char *tls = extract(line, "tls", "*", values[2], sizeof(values[2])), *verify = extract(line,
        "verify", "*", values[3], sizeof(values[3]));
    const char *ta = extract(line, "ta", "system", values[4], sizeof(values[4]));
    bool is_none_pem = strcmp(ta, "/run/outrider/ta/none.pem") == 0;

    if (*line == '\0')
        return; /* Exim defers */
    check_line(v, line);
    CLAIM(v->level != OTR_LEVEL_DEFER, line);
    CLAIM(strchr("!^*", *skip) != NULL, line); /* L13: no bare name, which Exim would look up ('\0' is no list) */
    CLAIM(is_none_pem || strcmp(ta, v->anchors->is_own[OTR_OWN_EXIM] ? "system" : "/run/outrider/ta/c0ffee.pem") == 0 ||
        strcmp(ta, "system") == 0, line);
    for (size_t i = 0; i < v->mx->host_count; i++) {
        const otr_host_verdict *h = &v->hosts[i];
        const char *host = h->finding->host, *end = h->finding->canonical;
        /* Exim knows a host by the MX record's name and, by alias, by its end: lists have to cover both. */
        bool is_tls = is_in_list(tls, host) && is_in_list(tls, end);
        bool is_verify = is_in_list(verify, host) && is_in_list(verify, end);

        if (is_forbidden(h)) {
            CLAIM(is_in_list(skip, host), line);
            continue;
        }
        if (!otr_host_is_usable(h) || is_in_list(skip, host))
            continue;
        if (h->requirement != OTR_OPPORTUNISTIC)
            CLAIM(is_tls, line);
        if (has_sts(h)) {
            CLAIM(is_verify && h->sts == OTR_STS_ADMITTED && (!is_none_pem || has_dane(h)), line);
        }
        /* The exception: behind an insecure MX RRset Exim cannot check DANE. It encrypts, and the answer does not say
         * "verify", which would ask for PKIX. */
        if (has_dane(h) && v->mx->security != OTR_MX_INSECURE)
            CLAIM(is_verify && is_in_list(dane, host) && (is_none_pem || is_enforced(v)), line);
        /* One build of Exim defers on unusable records, another crashes. (The end of a DANE host's alias is on the list
         * all the same: for Exim it is that host.) */
        if (h->finding->dane == OTR_DANE_UNUSABLE && v->mx->security != OTR_MX_INSECURE &&
            !is_end_of_another(v, h))
            CLAIM(!is_in_list(dane, host), line);
    }
    if (is_enforced(v)) {
        /* Whatever DNS tells Exim later: verified TLS, and no host that nothing vouches for. */
        CLAIM(strcmp(tls, "*") == 0 && strcmp(verify, "*") == 0, line);
        CLAIM(is_none_pem || is_in_list(skip, "intruder.example"), line);
        for (size_t i = 0; i < v->mx->host_count && !is_none_pem; i++) {
            const otr_host_finding *f = v->hosts[i].finding;

            if (f->addresses == OTR_HOST_INSECURE && !otr_sts_policy_admits(v->sts.policy, f->canonical)) {
                bool is_host = false; /* of its own right */

                for (size_t k = 0; k < v->mx->host_count; k++)
                    is_host |= otr_host_is_usable(&v->hosts[k]) && (strcmp(v->hosts[k].finding->host,
                        f->canonical) == 0 ||
                               (v->hosts[k].finding->addresses == OTR_HOST_SECURE &&
                                   strcmp(v->hosts[k].finding->canonical, f->canonical) == 0));
                CLAIM(is_host || is_in_list(skip, f->canonical), line);
            }
        }
    }
}

/* --- the property -------------------------------------------------------------------------------------------------- */

static void nothing_is_let_through_unverified(void **state)
{
    size_t exim_lines = 0, secure_replies = 0, dane_replies = 0, free_replies = 0;

    (void)state;
    seed = 20260101;
    for (int round = 0; round < ROUNDS; round++) {
        otr_buf mx = OTR_BUF_INIT, sts = OTR_BUF_INIT, what = OTR_BUF_INIT, out = OTR_BUF_INIT,
            plain = OTR_BUF_INIT;
        otr_decide_settings settings = { .is_dane_on_insecure_mx = draw(3) > 0, .is_both = draw(3) == 0,
            .defer_on_unknown_sts = draw(4) == 0 };
        otr_verdict *v;

        draw_mx(&mx);
        draw_sts(&sts);
        otr_buf_printf(&what, "%s x %s%s%s", otr_buf_text(&mx), otr_buf_text(&sts),
            settings.is_both ? ", both" : "",
                       settings.is_dane_on_insecure_mx ? "" : ", not elected");
        setting = otr_buf_text(&what);
        v = scene_verdict(draw(9) == 0 ? "[example.org]" : "example.org", otr_buf_text(&mx),
            otr_buf_text(&sts), &settings);
        otr_anchor_set_unref(v->anchors);
        v->anchors = draw(2) == 0 ? &own_roots : &system_roots;

        otr_render_postfix(v, &views, &plain);
        check_postfix(v, otr_buf_text(&plain));
        otr_render_postfix_tlsrpt(v, &views, &out);
        check_tlsrpt(v, otr_buf_text(&out), otr_buf_text(&plain));
        otr_buf_reset(&out);
        otr_render_sendmail(v, &out);
        check_sendmail(v, otr_buf_text(&out));
        otr_buf_reset(&out);
        otr_render_exim(v, &views, &out);
        check_exim(v, otr_buf_text(&out));

        exim_lines += out.len > 0;
        secure_replies += is_secure_reply(otr_buf_text(&plain));
        dane_replies += strncmp(otr_buf_text(&plain), "OK dane", 7) == 0;
        free_replies += strcmp(otr_buf_text(&plain), "NOTFOUND ") == 0;
        otr_verdict_unref(v);
        otr_buf_clear(&mx);
        otr_buf_clear(&sts);
        otr_buf_clear(&what);
        otr_buf_clear(&out);
        otr_buf_clear(&plain);
    }
    /* The draw has to reach what it is about. */
    assert_true(exim_lines > ROUNDS / 3);
    assert_true(secure_replies > ROUNDS / 20);
    assert_true(dane_replies > ROUNDS / 10);
    assert_true(free_replies > ROUNDS / 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_let_through_unverified),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
