/*
 * check_sts_host.c - the policy host: its addresses, its certificate, and what came of a fetch from each address.
 */
#include "publish/check_sts.h"

#include "sts/response.h"

#define SLOW_MS 2000

static bool check_host(otr_judge *j, const otr_sts_view *v)
{
    const otr_domain_facts *f = j->facts;
    bool has_4 = otr_has_records(f->policy_a), has_6 = otr_has_records(f->policy_aaaa);
    otr_remark finding = { .id = "sts.host", .status = OTR_CHECK_OK, .host = f->policy_host };

    if (has_4 && has_6) {
        otr_say(j, finding, "%s has IPv4 and IPv6 addresses", f->policy_host);
    } else if (has_4 || has_6) {
        bool is_failed = otr_say_failed_lookup(j, "sts.host", f->policy_host, has_4 ? f->policy_aaaa : f->policy_a,
                                                OTR_TEXT(j, "the %s records of %s", has_4 ? "AAAA" : "A", f->policy_host));

        finding.status = has_4 ? OTR_CHECK_INFO : OTR_CHECK_WARNING;
        if (!is_failed)
            otr_say(j, finding, has_4 ? "%s has IPv4 addresses only" : "%s has IPv6 addresses only, which many senders do not reach",
                     f->policy_host);
    } else if (!otr_say_failed_lookup(j, "sts.host", f->policy_host, f->policy_a, OTR_TEXT(j, "the A records of %s", f->policy_host)) &&
               !otr_say_failed_lookup(j, "sts.host", f->policy_host, f->policy_aaaa, OTR_TEXT(j, "the AAAA records of %s",
                                                                                              f->policy_host))) {
        /* It comes before the record, and a policy that is to be enforced comes last. */
        finding.status = otr_is_published_later(j) ? (j->mode == OTR_STS_ENFORCE ? OTR_CHECK_CRITICAL : OTR_CHECK_WARNING)
                         : v->found == OTR_STS_RECORD_ONE ? OTR_CHECK_CRITICAL : v->absence;
        finding.fix = OTR_TEXT(j, "publish an address of %s, or an alias of the policy host", f->policy_host);
        otr_say(j, finding, "%s has no address: nobody gets the policy", f->policy_host);
    }
    return has_4 || has_6;
}

static otr_remark about(const otr_judge *j, const otr_fetch_facts *fetch, const char *id, otr_check_status status)
{
    return (otr_remark){ .id = id, .status = status, .host = j->facts->policy_host, .address = &fetch->address };
}

static bool is_transport(otr_sts_cause cause)
{
    return cause == OTR_STS_CAUSE_CONNECT || cause == OTR_STS_CAUSE_TIMEOUT || cause == OTR_STS_CAUSE_INTERNAL;
}

/* Under each bundle: the fetch itself knew one of them only. */
static bool check_programs(otr_judge *j, const otr_fetch_facts *fetch)
{
    bool is_good = true;

    for (size_t p = 0; fetch->chain != NULL && p < j->facts->program_count; p++) {
        otr_verification v = { .depth = -1 };
        otr_remark f = about(j, fetch, "sts.https", OTR_CHECK_CRITICAL);

        if (otr_verify_chain(j->facts->programs[p].set, fetch->chain, j->facts->policy_host, j->facts->at, &v) != OUTRIDER_OK) {
            j->is_out_of_memory = true;
        } else if (!v.is_accepted) {
            is_good = false;
            f.found = v.reason;
            f.fix = OTR_TEXT(j, "get a certificate of a public CA for %s, and send its intermediates", j->facts->policy_host);
            otr_say(j, f, "senders with the roots of %s refuse the certificate of %s: %s", j->facts->programs[p].name,
                     j->facts->policy_host, v.reason);
        }
        otr_verification_clear(&v);
    }
    return is_good;
}

static bool check_https(otr_judge *j, const otr_fetch_facts *fetch)
{
    const char *host = j->facts->policy_host;
    char text[OTR_ADDRESS_SIZE];

    otr_address_text(&fetch->address, text);
    if (fetch->is_refused) {
        otr_say(j, about(j, fetch, "sts.https", OTR_CHECK_CRITICAL), "%s has the address %s, which nobody outside can reach", host, text);
    } else if (!fetch->was_made) {
        otr_say(j, about(j, fetch, "sts.https", OTR_CHECK_UNKNOWN), "%s [%s] was not asked in time", host, text);
    } else if (fetch->chain == NULL && fetch->failure != OTR_STS_NO_FAILURE) {
        otr_say(j, about(j, fetch, "sts.https", is_transport(fetch->cause) ? OTR_CHECK_UNKNOWN : OTR_CHECK_CRITICAL), "%s%s [%s]: %s",
                 is_transport(fetch->cause) ? "nothing was learned from this network of " : "no HTTPS at ", host, text, fetch->reason);
    } else if (check_programs(j, fetch)) {
        otr_say(j, about(j, fetch, "sts.https", OTR_CHECK_OK), "%s [%s] shows a certificate that is accepted", host, text);
        return true;
    }
    return false;
}

static void check_certificate_end(otr_judge *j, const otr_fetch_facts *fetch)
{
    const X509 *leaf = fetch->chain != NULL ? sk_X509_value(fetch->chain, 0) : NULL;
    otr_remark f = about(j, fetch, "sts.host-expiry", OTR_CHECK_OK);
    char date[OTR_TIME_TEXT], span[OTR_TIME_TEXT];
    otr_time end;

    if (leaf == NULL)
        return;
    end = otr_cert_not_after(leaf);
    f.status = otr_expiry_status(leaf, j->facts->at);
    f.found = otr_time_text(end, date);
    f.fix = f.status == OTR_CHECK_OK ? NULL : "renew the certificate";
    if (end < j->facts->at)
        otr_say(j, f, "the certificate of %s has expired on %s", j->facts->policy_host, date);
    else
        otr_say(j, f, "the certificate of %s ends in %s", j->facts->policy_host, otr_span_text(end - j->facts->at, span));
}

/* What the response was, in the order in which a sender gives up. */
static bool check_response(otr_judge *j, const otr_fetch_facts *fetch)
{
    const char *host = j->facts->policy_host;
    otr_remark f = about(j, fetch, "sts.status", OTR_CHECK_CRITICAL);

    if (fetch->http_status >= 300 && fetch->http_status < 400) {
        f.id = "sts.redirect";
        f.found = fetch->location;
        f.fix = OTR_TEXT(j, "answer https://%s/.well-known/mta-sts.txt itself", host);
        otr_say(j, f, "%s sends senders elsewhere (status %ld, %s), and they must not follow", host, fetch->http_status,
                 *fetch->location != '\0' ? fetch->location : "without a location");
        return false;
    }
    otr_say(j, about(j, fetch, "sts.redirect", OTR_CHECK_OK), "no redirect");
    f.found = OTR_TEXT(j, "%ld", fetch->http_status);
    if (fetch->http_status != 200) {
        f.expected = "200";
        otr_say(j, f, fetch->http_status == 0 ? "no HTTP response of %s: %s" : "%s: %s", host, fetch->reason);
        return false;
    }
    f.status = OTR_CHECK_OK;
    otr_say(j, f, "status 200");
    f = about(j, fetch, "sts.type", otr_is_text_plain(otr_slice_of(fetch->media_type)) ? OTR_CHECK_OK : OTR_CHECK_CRITICAL);
    f.found = fetch->media_type;
    f.expected = "text/plain";
    otr_say(j, f, f.status == OTR_CHECK_OK ? "media type %s" : "media type \"%s\" instead of text/plain", fetch->media_type);
    if (f.status != OTR_CHECK_OK)
        return false;
    f = about(j, fetch, "sts.size", fetch->is_too_long ? OTR_CHECK_CRITICAL : OTR_CHECK_OK);
    otr_say(j, f, fetch->is_too_long ? "more than %d octets" : "not more than %d octets", OTR_STS_POLICY_LIMIT);
    if (fetch->is_too_long)
        return false;
    if (fetch->failure == OTR_STS_NO_FAILURE)
        return true;
    /* An answer began and did not end well: a coding that was not asked for, a body cut short, no end in time. */
    otr_say(j, about(j, fetch, "sts.status", OTR_CHECK_CRITICAL), "%s answers, and no policy comes of it: %s", host, fetch->reason);
    return false;
}

static void check_speed(otr_judge *j, const otr_fetch_facts *fetch)
{
    bool is_slow = fetch->took_ms > SLOW_MS;
    otr_remark f = about(j, fetch, "sts.slow", is_slow ? OTR_CHECK_WARNING : OTR_CHECK_OK);

    f.found = OTR_TEXT(j, "%u ms", fetch->took_ms);
    otr_say(j, f, "the policy took %u.%u s", fetch->took_ms / 1000, fetch->took_ms % 1000 / 100);
}

static void check_syntax(otr_judge *j, const otr_fetch_facts *fetch)
{
    otr_sts_policy *policy = NULL;
    otr_sts_notes notes = { 0 };
    outrider_err err = otr_sts_policy_parse(fetch->body, fetch->body_len, &policy, &notes);
    otr_remark f = about(j, fetch, "sts.syntax", OTR_CHECK_OK);

    if (err == OUTRIDER_E_NOMEM) {
        j->is_out_of_memory = true;
    } else if (err != OUTRIDER_OK) {
        f.status = OTR_CHECK_CRITICAL;
        f.fix = "\"outrider lint policy\" shows all mistakes";
        otr_say(j, f, "the policy is none: line %u: %s", notes.errors[0].line, notes.errors[0].message);
    } else if (notes.warning_count > 0) {
        f.status = OTR_CHECK_WARNING;
        f.fix = "\"outrider lint policy\" shows all of them";
        otr_say(j, f, "the policy has %zu oddit%s; line %u: %s", notes.warning_count, notes.warning_count == 1 ? "y" : "ies",
                 notes.warnings[0].line, notes.warnings[0].message);
    } else {
        otr_say(j, f, "the policy has no mistake");
    }
    otr_sts_policy_free(policy);
}

static void check_fetch(otr_judge *j, const otr_fetch_facts *fetch)
{
    bool is_accepted = check_https(j, fetch);

    check_certificate_end(j, fetch);
    if (!is_accepted) {
        otr_say_skipped(j, "sts.syntax", j->facts->policy_host, &fetch->address, "sts.https");
        return;
    }
    if (!check_response(j, fetch)) {
        otr_say_skipped(j, "sts.syntax", j->facts->policy_host, &fetch->address,
                        fetch->http_status >= 300 && fetch->http_status < 400               ? "sts.redirect"
                        : fetch->http_status != 200                                         ? "sts.status"
                        : !otr_is_text_plain(otr_slice_of(fetch->media_type))               ? "sts.type"
                        : fetch->is_too_long                                                ? "sts.size" : "sts.status");
        return;
    }
    check_speed(j, fetch);
    check_syntax(j, fetch);
}

static void check_views(otr_judge *j)
{
    const otr_fetch_facts *first = NULL;
    size_t texts = 0, others = 0;

    for (size_t i = 0; i < j->facts->fetch_count; i++) {
        const otr_fetch_facts *f = &j->facts->fetches[i];

        if (!f->was_made || f->failure != OTR_STS_NO_FAILURE)
            continue;
        texts++;
        if (first == NULL)
            first = f;
        else
            others += f->body_len != first->body_len || memcmp(f->body, first->body, f->body_len) != 0;
    }
    if (texts < 2)
        return;
    otr_say(j, (otr_remark){ .id = "sts.views", .status = others > 0 ? OTR_CHECK_WARNING : OTR_CHECK_OK, .host = j->facts->policy_host,
                               .fix = others > 0 ? "bring all machines behind the policy host to the same text" : NULL },
             others > 0 ? "the addresses of %s serve different texts" : "all addresses of %s serve the same text", j->facts->policy_host);
}

void otr_check_policy_host(otr_judge *j, const otr_sts_view *view)
{
    if (!check_host(j, view)) {
        otr_say_skipped(j, "sts.https", j->facts->policy_host, NULL, "sts.host");
        return;
    }
    for (size_t i = 0; i < j->facts->fetch_count; i++)
        check_fetch(j, &j->facts->fetches[i]);
    check_views(j);
}
