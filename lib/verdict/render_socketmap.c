/*
 * render_socketmap.c - a verdict as a Postfix TLS policy (smtp_tls_policy_maps) and as sendmail's "sts" map.
 * The rules P1 to P7 are those of docs/protocols.md.
 */
#include "verdict/render.h"

#define REASON_MAX 200 /* octets of a TEMP reply's text: it ends up in logs and bounces */

static void put_temp(otr_buf *out, const otr_verdict *v, const char *reason)
{
    otr_buf_puts(out, "TEMP ");
    otr_buf_put_printable(out, *v->undeliverable != '\0' ? v->undeliverable : reason, REASON_MAX);
}

/*
 * The exact names of the hosts that may be used, never a ".suffix" pattern: before 3.10.5 Postfix checks only
 * the certificate, so an MX host that an attacker adds must not find a pattern to satisfy (P3).
 */
static size_t put_match(otr_buf *out, const otr_verdict *v, bool (*is_wanted)(const otr_host_verdict *))
{
    size_t count = 0;

    for (size_t i = 0; i < v->mx->host_count; i++) {
        if (is_wanted(&v->hosts[i]))
            otr_buf_printf(out, "%s%s", count++ == 0 ? "match=" : ":", v->hosts[i].finding->host);
    }
    return count;
}

static bool is_authenticated_by_sts(const otr_host_verdict *h)
{
    return otr_host_is_usable(h) && h->sts == OTR_STS_ADMITTED;
}

/*
 * A host that the policy admits and that must not be used because its TLSA records could not be looked up
 * (COMBO-02). Postfix cannot leave out one MX host at this level: the names in match= are compared with the
 * certificate, which may well bear those of several hosts.
 */
static bool has_failed_host(const otr_verdict *v)
{
    for (size_t i = 0; i < v->mx->host_count; i++) {
        const otr_host_verdict *h = &v->hosts[i];

        if (h->finding->addresses != OTR_HOST_NO_ADDRESS && h->finding->addresses != OTR_HOST_TEMPFAIL &&
            h->requirement == OTR_SKIP && h->sts == OTR_STS_ADMITTED)
            return true;
    }
    return false;
}

static void put_secure(otr_buf *out, const otr_verdict *v, const otr_anchor_views *views)
{
    otr_buf names = OTR_BUF_INIT, file = OTR_BUF_INIT;

    if (put_match(&names, v, is_authenticated_by_sts) == 0) {
        put_temp(out, v, v->reason);
    } else if (has_failed_host(v)) {
        put_temp(out, v, "the TLSA lookup of an MX host failed, and no level leaves out that host alone");
    } else {
        otr_buf_printf(out, "OK secure %s servername=hostname", otr_buf_text(&names));
        if (otr_render_anchor_file(v->anchors, OTR_OWN_POSTFIX, views, &file))
            otr_buf_printf(out, " tafile=%s", otr_buf_text(&file));
    }
    if (names.err != OUTRIDER_OK || file.err != OUTRIDER_OK)
        out->err = names.err != OUTRIDER_OK ? names.err : file.err;
    otr_buf_clear(&names);
    otr_buf_clear(&file);
}

/* combine = both: Postfix cannot refuse an MX host by name at a DANE level, so mail waits where it would have to. */
static bool has_refused_dane_host(const otr_verdict *v)
{
    for (size_t i = 0; i < v->mx->host_count; i++) {
        if (v->hosts[i].requirement == OTR_REQUIRE_DANE_AND_STS && !otr_host_is_usable(&v->hosts[i]))
            return true;
    }
    return false;
}

/*
 * At level dane Postfix looks for itself, and sends in clear text to a host without TLSA records: a host that must have
 * TLS for the minimum is not to be reached so, and no other level says what the rest needs.
 */
static bool has_raised_host(const otr_verdict *v)
{
    for (size_t i = 0; i < v->mx->host_count; i++) {
        if (v->hosts[i].is_raised)
            return true;
    }
    return false;
}

static bool is_sts_in_force(const otr_verdict *v, otr_sts_mode mode)
{
    return !v->is_overridden && v->sts.state == OTR_STS_STATE_VALID && v->sts.policy->mode == mode;
}

/* `testing`: what is said where nothing but a policy in testing mode is in force. */
static void put_level(otr_buf *out, const otr_verdict *v, const otr_anchor_views *views, const char *testing)
{
    switch (v->level) {
    case OTR_LEVEL_DANE_ONLY:
        if (has_refused_dane_host(v))
            put_temp(out, v, "the enforced MTA-STS policy does not name every MX host that has DANE");
        else
            otr_buf_puts(out, "OK dane-only");
        return;
    case OTR_LEVEL_DANE:
        if (has_raised_host(v))
            put_temp(out, v,
                     "minimum encrypt: no level demands TLS of every MX host and leaves out those that need more");
        else
            otr_buf_puts(out, "OK dane");
        return;
    case OTR_LEVEL_SECURE:
        put_secure(out, v, views);
        return;
    case OTR_LEVEL_ENCRYPT:
        otr_buf_puts(out, "OK encrypt");
        return;
    case OTR_LEVEL_MAY:
        /* Where nothing is promised the MTA's own default applies, which may be stricter. */
        otr_buf_puts(out, v->is_overridden                       ? "OK may"
                          : is_sts_in_force(v, OTR_STS_TESTING) ? testing
                                                                : "NOTFOUND ");
        return;
    case OTR_LEVEL_DEFER:
        put_temp(out, v, v->reason);
        return;
    }
}

/* RFC 8461 §5: testing changes nothing about delivery, so it does not relax the MTA's own default either. */
void otr_render_postfix(const otr_verdict *v, const otr_anchor_views *views, otr_buf *out)
{
    put_level(out, v, views, "NOTFOUND ");
}

/* --- the attributes of Postfix 3.10 --------------------------------------------------------------------- */

/* One line of the policy as received. A line with bytes that could leave its braces is left out. */
static void put_policy_string(otr_buf *out, otr_slice line)
{
    for (size_t i = 0; i < line.len; i++) {
        char c = line.ptr[i];

        if (c < ' ' || c >= 0x7f || c == '{' || c == '}')
            return;
    }
    if (line.len > 0)
        otr_buf_printf(out, " { policy_string = %.*s }", (int)line.len, line.ptr);
}

static void put_policy_strings(otr_buf *out, const otr_sts_policy *policy)
{
    const char *at = policy->body, *end = policy->body + policy->body_len;

    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *stop = newline != NULL ? newline : end;
        otr_slice line = { .ptr = at, .len = (size_t)(stop - at) };

        while (line.len > 0 &&
               (line.ptr[line.len - 1] == '\r' || line.ptr[line.len - 1] == ' ' || line.ptr[line.len - 1] == '\t'))
            line.len--;
        put_policy_string(out, line);
        at = newline != NULL ? newline + 1 : end;
    }
}

/* Postfix takes replies up to 100000 octets and defers on longer ones: what would lead there is left out. */
#define ATTRIBUTES_MAX 50000

void otr_render_postfix_tlsrpt(const otr_verdict *v, const otr_anchor_views *views, otr_buf *out)
{
    otr_buf more = { .limit = ATTRIBUTES_MAX };
    size_t start = out->len;
    bool is_policy;

    put_level(out, v, views, "OK may"); /* attributes need a level */
    if (out->err != OUTRIDER_OK || v->is_overridden) /* no policy of the destination was applied */
        return;
    is_policy = strncmp(out->data + start, "OK secure", 9) == 0 || strncmp(out->data + start, "OK may", 6) == 0;
    if (!is_policy)
        return;
    otr_buf_printf(&more, " policy_type=sts policy_domain=%s", v->destination.domain);
    put_policy_strings(&more, v->sts.policy);
    for (size_t i = 0; i < v->sts.policy->mx_count; i++)
        otr_buf_printf(&more, " mx_host_pattern=%s", v->sts.policy->mx[i]);
    if (more.err == OUTRIDER_OK)
        otr_buf_puts(out, otr_buf_text(&more));
    else if (more.err != OUTRIDER_E_LIMIT)
        out->err = more.err;
    otr_buf_clear(&more);
}

/* --- sendmail -------------------------------------------------------------------------------------------- */

/* What was demanded here and sendmail cannot be told; NULL: nothing. The level it knows is an enforced policy. */
static const char *beyond_sendmail(const otr_verdict *v)
{
    if (v->is_overridden)
        return v->level == OTR_LEVEL_ENCRYPT ? "override encrypt: sendmail cannot be told to demand TLS alone" : NULL;
    if (v->minimum == OTR_MINIMUM_DANE_ONLY)
        return "minimum dane-only: sendmail has no DANE and cannot enforce it";
    if (v->minimum == OTR_MINIMUM_NONE || is_sts_in_force(v, OTR_STS_ENFORCE))
        return NULL;
    return v->minimum == OTR_MINIMUM_ENCRYPT ? "minimum encrypt: sendmail cannot enforce it without an MTA-STS policy"
                                             : "minimum secure: sendmail cannot enforce it without an MTA-STS policy";
}

/* A host whose TLSA records could not be looked up stays out; of DANE itself sendmail knows nothing. */
void otr_render_sendmail(const otr_verdict *v, otr_buf *out)
{
    otr_buf names = OTR_BUF_INIT;

    if (v->level == OTR_LEVEL_DEFER || (v->is_overridden && v->level == OTR_LEVEL_SECURE)) {
        put_temp(out, v, v->reason);
    } else if (beyond_sendmail(v) != NULL) {
        put_temp(out, v, beyond_sendmail(v));
    } else if (!is_sts_in_force(v, OTR_STS_ENFORCE)) {
        otr_buf_puts(out, "NOTFOUND ");
    } else if (put_match(&names, v, is_authenticated_by_sts) == 0) {
        put_temp(out, v, "no MX host that can be used is named by the enforced MTA-STS policy");
    } else {
        /* Exactly these two attributes in this order (P7). */
        otr_buf_printf(out, "OK secure %s servername=hostname", otr_buf_text(&names));
    }
    if (names.err != OUTRIDER_OK)
        out->err = names.err;
    otr_buf_clear(&names);
}
