/*
 * render_exim.c - a verdict as the line that Exim's ${extract{key}{...}} takes apart (docs/protocols.md, L1 to L8).
 *
 * The fragment reads a missing key as the strictest value; "" relaxes. Exim matches hosts by the MX name and, for
 * aliases, by the end of the CNAME chain: every list names both (L5).
 */
#include "verdict/render.h"

/* Which hosts a list is about. */
typedef bool host_test(const otr_verdict *v, const otr_host_verdict *h);

static bool is_enforced(const otr_verdict *v)
{
    return v->sts.state == OTR_STS_STATE_VALID && v->sts.policy->mode == OTR_STS_ENFORCE;
}

/* Exim does DANE only behind a secure MX RRset (or none): what an insecure one elects, it cannot check. */
static bool is_dane_for_exim(const otr_verdict *v, const otr_host_verdict *h)
{
    return otr_host_is_usable(h) && v->mx->security != OTR_MX_INSECURE &&
           (h->requirement == OTR_REQUIRE_DANE || h->requirement == OTR_REQUIRE_DANE_AND_STS);
}

static bool is_verified(const otr_verdict *v, const otr_host_verdict *h)
{
    return is_dane_for_exim(v, h) || (otr_host_is_usable(h) && is_enforced(v));
}

static bool is_encrypted(const otr_verdict *v, const otr_host_verdict *h)
{
    (void)v;
    return otr_host_is_usable(h) && h->requirement != OTR_OPPORTUNISTIC;
}

static bool is_unusable_tlsa(const otr_verdict *v, const otr_host_verdict *h)
{
    (void)v;
    return otr_host_is_usable(h) && h->finding->dane == OTR_DANE_UNUSABLE;
}

static bool is_usable(const otr_verdict *v, const otr_host_verdict *h)
{
    (void)v;
    return otr_host_is_usable(h);
}

/* Hosts that Exim could reach and must not: their lookups failed, or the policy does not name them. */
static bool is_refused(const otr_verdict *v, const otr_host_verdict *h)
{
    (void)v;
    return !otr_host_is_usable(h) && h->finding->addresses != OTR_HOST_NO_ADDRESS;
}

/* TLS is demanded of it by the minimum, and by nothing that the destination says. */
static bool is_raised(const otr_verdict *v, const otr_host_verdict *h)
{
    (void)v;
    return h->is_raised;
}

static size_t count_hosts(const otr_verdict *v, host_test *test)
{
    size_t count = 0;

    for (size_t i = 0; i < v->mx->host_count; i++)
        count += test(v, &v->hosts[i]);
    return count;
}

static void put_names(otr_buf *out, const otr_verdict *v, host_test *test)
{
    const char *separator = "";

    for (size_t i = 0; i < v->mx->host_count; i++) {
        const otr_host_finding *f = v->hosts[i].finding;

        if (!test(v, &v->hosts[i]))
            continue;
        otr_buf_printf(out, "%s%s", separator, f->host);
        separator = ":";
        if (strcmp(f->host, f->canonical) != 0)
            otr_buf_printf(out, ":%s", f->canonical);
    }
}

/* key=* if all usable hosts pass the test, key="" if none does, else their names. */
static void put_list(otr_buf *out, const char *key, const otr_verdict *v, host_test *test)
{
    size_t count = count_hosts(v, test);

    otr_buf_printf(out, " %s=", key);
    if (count == 0)
        otr_buf_puts(out, "\"\"");
    else if (count == count_hosts(v, is_usable))
        otr_buf_putc(out, '*');
    else
        put_names(out, v, test);
}

/*
 * Exim matches an alias by its end (L5). A name that needs escapes can stand neither in a host list nor in a regex:
 * where a list has to be given there is no answer then, and mail waits.
 */
static bool is_speakable(const char *name)
{
    for (; *name != '\0'; name++) {
        if (!otr_is_alnum(*name) && *name != '-' && *name != '_' && *name != '.')
            return false;
    }
    return true;
}

static bool has_unspeakable_alias(const otr_verdict *v)
{
    for (size_t i = 0; i < v->mx->host_count; i++) {
        if (v->hosts[i].finding->addresses != OTR_HOST_NO_ADDRESS && !is_speakable(v->hosts[i].finding->canonical))
            return true;
    }
    return false;
}

/* --- skip ------------------------------------------------------------------------------------------------ */

static void put_regex_name(otr_buf *out, const char *name)
{
    for (; *name != '\0'; name++)
        otr_buf_printf(out, "%s%c", *name == '.' ? "\\" : "", *name);
}

/* "*.example.org" admits one label (RFC 8461 §4.1), which Exim's own wildcard would not stop at. */
static void put_pattern(otr_buf *out, const char *pattern)
{
    if (strncmp(pattern, "*.", 2) == 0) {
        otr_buf_puts(out, "[^.]+\\.");
        pattern += 2;
    }
    put_regex_name(out, pattern);
}

/*
 * Whether the end of an alias may pass as well (L5: Exim knows all but the first address by it). Only if DNSSEC or the
 * policy vouches for it: whoever can forge the alias could name a host of his own there, and then be that MX host.
 */
static bool is_vouched_for(const otr_verdict *v, const otr_host_finding *f)
{
    for (size_t i = 0; i < v->mx->host_count; i++) { /* it may be an MX host besides, one that must not be used */
        if (!otr_host_is_usable(&v->hosts[i]) && strcmp(v->hosts[i].finding->host, f->canonical) == 0)
            return false;
    }
    return f->addresses == OTR_HOST_SECURE || otr_sts_policy_admits(v->sts.policy, f->canonical);
}

static void put_alternative(otr_buf *out, const char *name, const char **separator,
                            void (*put)(otr_buf *, const char *))
{
    otr_buf_puts(out, *separator);
    put(out, name);
    *separator = "|";
}

/*
 * Exim compiles the whole of it, and PCRE gives up beyond 64 KiB of code, two octets a character: the process that
 * delivers the message would end there and then, with the mail of all other recipients (L14).
 */
#define REGEX_MAX 30000 /* octets */

static void put_admitted(otr_buf *out, const otr_verdict *v, bool by_pattern)
{
    const char *separator = "";

    for (size_t i = 0; by_pattern && i < v->sts.policy->mx_count; i++)
        put_alternative(out, v->sts.policy->mx[i], &separator, put_pattern);
    for (size_t i = 0; i < v->mx->host_count; i++) {
        const otr_host_finding *f = v->hosts[i].finding;

        if (!otr_host_is_usable(&v->hosts[i]))
            continue;
        if (!by_pattern)
            put_alternative(out, f->host, &separator, put_regex_name);
        if (strcmp(f->host, f->canonical) != 0 && is_vouched_for(v, f))
            put_alternative(out, f->canonical, &separator, put_regex_name);
    }
}

/*
 * Under an enforced policy everything is skipped but what it admits. While no host needs an exception these are the
 * policy's own patterns, so that a new MX host of theirs passes; else, or if they are too many, the very names found.
 */
static void put_skip_all_but(otr_buf *out, const otr_verdict *v)
{
    bool by_pattern = count_hosts(v, is_dane_for_exim) == 0;
    otr_buf admitted = { .limit = REGEX_MAX };

    for (size_t i = 0; i < v->mx->host_count; i++)
        by_pattern = by_pattern && v->hosts[i].requirement != OTR_SKIP;
    if (count_hosts(v, is_usable) == 0) {
        otr_buf_puts(out, " skip=*");
        return;
    }
    put_admitted(&admitted, v, by_pattern);
    if (by_pattern && admitted.err == OUTRIDER_E_LIMIT) {
        otr_buf_reset(&admitted);
        put_admitted(&admitted, v, false);
    }
    otr_buf_printf(out, " skip=!^(%s)$:*", otr_buf_text(&admitted));
    if (admitted.err != OUTRIDER_OK)
        out->err = admitted.err;
    otr_buf_clear(&admitted);
}

/* A regex here as well: Exim looks up a bare name and compares addresses, which are other ones by then (L13). */
static void put_skip_refused(otr_buf *out, const otr_verdict *v)
{
    otr_buf refused = { .limit = REGEX_MAX };
    const char *separator = "";

    for (size_t i = 0; i < v->mx->host_count; i++) {
        const otr_host_finding *f = v->hosts[i].finding;

        if (!is_refused(v, &v->hosts[i]))
            continue;
        put_alternative(&refused, f->host, &separator, put_regex_name);
        if (strcmp(f->host, f->canonical) != 0)
            put_alternative(&refused, f->canonical, &separator, put_regex_name);
    }
    otr_buf_printf(out, " skip=^(%s)$", otr_buf_text(&refused));
    if (refused.err != OUTRIDER_OK)
        out->err = refused.err;
    otr_buf_clear(&refused);
}

/* --- the line -------------------------------------------------------------------------------------------- */

/* The anchors for PKIX. Without one of ours Exim uses "system", as the verdict did. */
static void put_anchors(otr_buf *out, const otr_verdict *v, const otr_anchor_views *views)
{
    otr_buf file = OTR_BUF_INIT;

    if (otr_render_anchor_file(v->anchors, OTR_OWN_EXIM, views, &file))
        otr_buf_printf(out, " ta=%s", otr_buf_text(&file));
    if (file.err != OUTRIDER_OK)
        out->err = file.err;
    otr_buf_clear(&file);
}

/* An anchor that nothing chains to: if Exim's own resolver sees no TLSA records, the check fails (L7). */
static void put_no_anchor(otr_buf *out, const char *key, const otr_anchor_views *views)
{
    if (views->exim_dir != NULL)
        otr_buf_printf(out, " %s=%s/none.pem", key, views->exim_dir);
}

/* No `skip`: Exim shall see for itself that there is no host, and bounce. If it sees one, nothing verifies. */
static void put_undeliverable(otr_buf *out, const otr_verdict *v, const otr_anchor_views *views)
{
    otr_buf_printf(out, " %s dane=\"\"%s tls=* verify=*",
                   v->is_overridden ? "pol=override" : is_enforced(v) ? "pol=sts mode=enforce" : "pol=minimum",
                   views->exim_dir != NULL ? "" : " skip=*");
    put_no_anchor(out, "ta", views);
}

/* DANE and MTA-STS do not count, neither Outrider's nor Exim's own. */
static void put_override(otr_buf *out, const otr_verdict *v)
{
    otr_buf_printf(out, " pol=override dane=\"\" tls=%s verify=\"\"", v->level == OTR_LEVEL_ENCRYPT ? "*" : "\"\"");
}

static void put_enforced(otr_buf *out, const otr_verdict *v, const otr_anchor_views *views)
{
    size_t dane = count_hosts(v, is_dane_for_exim);

    if (dane > 0 && dane == count_hosts(v, is_usable)) {
        otr_buf_puts(out, " pol=dane");
        if (count_hosts(v, is_refused) > 0)
            put_skip_all_but(out, v);
        otr_buf_puts(out, " tls=* verify=*");
        put_no_anchor(out, "ta", views);
    } else {
        otr_buf_printf(out, " pol=%s mode=enforce", dane > 0 ? "dane+sts" : "sts");
        put_list(out, "dane", v, is_dane_for_exim);
        put_skip_all_but(out, v);
        otr_buf_puts(out, " tls=* verify=*");
        put_anchors(out, v, views);
        if (dane > 0)
            put_no_anchor(out, "dane_ta", views);
    }
}

static void put_unenforced(otr_buf *out, const otr_verdict *v, const otr_anchor_views *views)
{
    bool is_testing = v->sts.state == OTR_STS_STATE_VALID && v->sts.policy->mode == OTR_STS_TESTING;
    size_t refused = count_hosts(v, is_refused), encrypted = count_hosts(v, is_encrypted);
    size_t dane = count_hosts(v, is_dane_for_exim);

    if (encrypted == 0 && refused == 0) {
        otr_buf_puts(out, is_testing ? " pol=sts mode=testing dane=* tls=\"\" verify=\"\""
                                     : " pol=none dane=* tls=\"\" verify=\"\"");
        if (is_testing)
            put_anchors(out, v, views);
        return;
    }
    otr_buf_printf(out, " pol=%s", dane > 0 || encrypted == 0                         ? "dane"
                                   : count_hosts(v, is_unusable_tlsa) == encrypted ? "dane-unusable"
                                   : count_hosts(v, is_raised) > 0                 ? "minimum"
                                                                                   : "dane");
    /* Hosts with unusable records stay out of Exim's DANE: one build defers on them, another crashes. */
    if (dane == 0 && encrypted > 0)
        otr_buf_puts(out, " dane=\"\"");
    else if (count_hosts(v, is_unusable_tlsa) > 0)
        put_list(out, "dane", v, is_dane_for_exim);
    if (refused > 0)
        put_skip_refused(out, v);
    put_list(out, "tls", v, is_encrypted);
    put_list(out, "verify", v, is_verified);
    if (dane > 0)
        put_no_anchor(out, "ta", views);
}

void otr_render_exim(const otr_verdict *v, const otr_anchor_views *views, otr_buf *out)
{
    otr_buf line = OTR_BUF_INIT;
    bool needs_lists = v->level != OTR_LEVEL_MAY && !v->is_overridden;

    if (v->level == OTR_LEVEL_DEFER || (needs_lists && has_unspeakable_alias(v)))
        return; /* no answer: the fragment defers (L1) */
    otr_buf_puts(&line, "v=1");
    if (*v->undeliverable != '\0' && v->level == OTR_LEVEL_SECURE)
        put_undeliverable(&line, v, views);
    else if (v->is_overridden)
        put_override(&line, v);
    else if (is_enforced(v))
        put_enforced(&line, v, views);
    else
        put_unenforced(&line, v, views);
    otr_buf_puts(&line, " end=1\n");
    if (line.err == OUTRIDER_OK)
        otr_buf_put(out, line.data, line.len);
    else if (line.err != OUTRIDER_E_LIMIT) /* more hosts than a list of Exim can hold: no answer either */
        out->err = line.err;
    otr_buf_clear(&line);
}
