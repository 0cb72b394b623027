/*
 * check_sts.c - where the policy is found: the record, the policy host, and what came of a fetch from each of its addresses. What the
 * policy says is judged in check_sts_policy.c.
 */
#include "publish/check_txt.h"

#include "sts/response.h"

#define SLOW_MS 2000

typedef struct sts_view {
    otr_sts_found found;
    char id[OTR_STS_ID_MAX + 1]; /* of the record, if there is one */
    bool is_known;               /* the lookup came to something */
    bool is_wanted;              /* there is some sign of MTA-STS */
    otr_check_status absence;    /* how bad it is that something is not there */
} sts_view;

/* The record -------------------------------------------------------------------------------------------------- */

static const char *wanted_record(otr_judge *j)
{
    const otr_domain_facts *f = j->facts;

    return OTR_SAY(j, "publish _mta-sts.%s. IN TXT \"v=STSv1; id=%s;\"", f->domain, f->meant != NULL ? f->meant->id : "ID");
}

/* A proposal is judged before it is published, and that its record is not there yet is no fault. */
static bool is_published_later(const otr_judge *j)
{
    return j->facts->meant != NULL && j->facts->meant->is_proposal;
}

static void say_record(otr_judge *j, const sts_view *v, const outrider_diag *diag)
{
    const char *domain = j->facts->domain;

    switch (v->found) {
    case OTR_STS_RECORD_NONE:
        otr_find(j, (otr_finding){ .id = "sts.txt", .status = v->absence, .found = "no record that begins with v=STSv1;",
                                   .fix = v->is_wanted ? wanted_record(j) : NULL },
                 v->is_wanted ? "there is no record for MTA-STS at _mta-sts.%s: no sender asks for the policy" : "%s has no MTA-STS", domain);
        break;
    case OTR_STS_RECORD_ONE:
        otr_find(j, (otr_finding){ .id = "sts.txt", .status = OTR_CHECK_OK, .found = v->id }, "_mta-sts.%s has the id %s", domain, v->id);
        break;
    case OTR_STS_RECORD_SEVERAL:
        otr_find(j, (otr_finding){ .id = "sts.txt", .status = OTR_CHECK_CRITICAL, .found = "several records",
                                   .fix = "take all but one of them away" },
                 "there are several records for MTA-STS at _mta-sts.%s, and that is as good as none", domain);
        break;
    case OTR_STS_RECORD_INVALID:
        otr_find(j, (otr_finding){ .id = "sts.txt", .status = OTR_CHECK_CRITICAL, .found = diag->message, .fix = wanted_record(j) },
                 "the record at _mta-sts.%s is broken (column %u): %s", domain, diag->column, diag->message);
        break;
    }
}

static bool has_policy_host(const otr_domain_facts *f)
{
    return (f->policy_a != NULL && f->policy_a->content == OTR_DNS_DATA) || (f->policy_aaaa != NULL && f->policy_aaaa->content == OTR_DNS_DATA);
}

static void find_record(otr_judge *j, sts_view *v, outrider_diag *diag)
{
    otr_slice texts[OTR_RR_MAX];
    size_t count = otr_txt_list(j->facts->sts_txt, texts);
    otr_sts_record record;

    v->is_known = j->facts->sts_txt != NULL && j->facts->sts_txt->content != OTR_DNS_UNKNOWN;
    v->found = v->is_known ? otr_sts_record_find(texts, count, &record, diag) : OTR_STS_RECORD_NONE;
    if (v->found == OTR_STS_RECORD_ONE && record.id.len <= OTR_STS_ID_MAX)
        memcpy(v->id, record.id.ptr, record.id.len);
    v->is_wanted = !v->is_known || v->found != OTR_STS_RECORD_NONE || j->facts->meant != NULL || has_policy_host(j->facts);
    v->absence = v->is_wanted && !is_published_later(j) ? OTR_CHECK_WARNING : OTR_CHECK_INFO;
}

static void check_place(otr_judge *j)
{
    otr_slice apex = otr_txt_beginning(j->facts->apex_txt, "v=STSv1"), spf = otr_txt_beginning(j->facts->sts_txt, "v=spf1");

    if (otr_find_failed_lookup(j, "sts.txt-place", NULL, j->facts->apex_txt, OTR_SAY(j, "the TXT records of %s", j->facts->domain)))
        return;
    if (apex.len > 0)
        otr_find(j, (otr_finding){ .id = "sts.txt-place", .status = OTR_CHECK_WARNING, .found = OTR_SAY(j, "%.*s", (int)apex.len, apex.ptr),
                                   .fix = OTR_SAY(j, "move it to _mta-sts.%s", j->facts->domain) },
                 "a record for MTA-STS is at %s itself, where nobody looks for it", j->facts->domain);
    if (spf.len > 0)
        otr_find(j, (otr_finding){ .id = "sts.txt-place", .status = OTR_CHECK_WARNING, .found = OTR_SAY(j, "%.*s", (int)spf.len, spf.ptr),
                                   .fix = "take it away there" },
                 "an SPF record is at _mta-sts.%s", j->facts->domain);
    if (apex.len == 0 && spf.len == 0)
        otr_find(j, (otr_finding){ .id = "sts.txt-place", .status = OTR_CHECK_OK }, "nothing is where it does not belong");
}

/* Text first, id second (RFC 8461 §8.1): between the two steps the old id is normal, for the time that DNS takes. */
static void compare_with_meant(otr_judge *j, const sts_view *v, const otr_meant *meant)
{
    bool is_served = j->served_by != NULL && j->served_by->body_len == meant->text_len &&
                     memcmp(j->served_by->body, meant->text, meant->text_len) == 0;
    bool is_id = strcmp(v->id, meant->id) == 0;
    otr_finding f = { .id = "sts.id-step", .status = OTR_CHECK_WARNING, .found = v->id, .expected = meant->id };

    if (is_served && is_id) {
        f.status = OTR_CHECK_OK;
        otr_find(j, f, "text and id belong together");
    } else if (is_served) {
        f.fix = wanted_record(j);
        otr_find(j, f, "the policy that is served has the id %s, and the record says %s: senders that hold an older one do not look again", meant->id,
                 v->id);
    } else {
        f.fix = "look which machine answers for the policy host, and whether a proxy keeps an old text";
        otr_find(j, f, is_id ? "the record has the id of the policy that is meant, and the policy host serves another text"
                             : "neither the record nor the text of the policy host is what is meant");
    }
}

static void compare_with_before(otr_judge *j, const sts_view *v, const otr_observation *before)
{
    bool is_text = before->text != NULL && before->text_len == j->served_by->body_len &&
                   memcmp(before->text, j->served_by->body, before->text_len) == 0;
    bool is_id = strcmp(before->id, v->id) == 0;
    char date[OTR_TIME_TEXT];
    otr_finding f = { .id = "sts.id-step", .status = is_text == is_id ? OTR_CHECK_OK : is_id ? OTR_CHECK_WARNING : OTR_CHECK_INFO,
                      .found = v->id };

    otr_time_text(before->at, date);
    if (is_text == is_id)
        otr_find(j, f, is_id ? "text and id are what they were at %s" : "text and id have both changed since %s", date);
    else if (is_id) {
        f.fix = "change the id";
        otr_find(j, f, "the text has changed since %s, and the id %s has not: senders that hold the old policy do not look again", date, v->id);
    } else
        otr_find(j, f, "the id has changed since %s, and the text has not", date);
}

static void check_id_step(otr_judge *j, const sts_view *v)
{
    const otr_meant *meant = j->facts->meant;

    if (is_published_later(j) || (meant == NULL && j->facts->before == NULL))
        return;
    if (v->found != OTR_STS_RECORD_ONE || j->served_by == NULL)
        otr_find_skipped(j, "sts.id-step", NULL, NULL, v->found != OTR_STS_RECORD_ONE ? "sts.txt" : "sts.https");
    else if (meant != NULL)
        compare_with_meant(j, v, meant);
    else
        compare_with_before(j, v, j->facts->before);
}

/* The policy host --------------------------------------------------------------------------------------------- */

static bool check_host(otr_judge *j, const sts_view *v)
{
    const otr_domain_facts *f = j->facts;
    bool has_4 = f->policy_a != NULL && f->policy_a->content == OTR_DNS_DATA;
    bool has_6 = f->policy_aaaa != NULL && f->policy_aaaa->content == OTR_DNS_DATA;
    otr_finding finding = { .id = "sts.host", .status = OTR_CHECK_OK, .host = f->policy_host };

    if (has_4 && has_6) {
        otr_find(j, finding, "%s has IPv4 and IPv6 addresses", f->policy_host);
    } else if (has_4 || has_6) {
        bool is_failed = otr_find_failed_lookup(j, "sts.host", f->policy_host, has_4 ? f->policy_aaaa : f->policy_a,
                                                OTR_SAY(j, "the %s records of %s", has_4 ? "AAAA" : "A", f->policy_host));

        finding.status = has_4 ? OTR_CHECK_INFO : OTR_CHECK_WARNING;
        if (!is_failed)
            otr_find(j, finding, has_4 ? "%s has IPv4 addresses only" : "%s has IPv6 addresses only, which many senders do not reach",
                     f->policy_host);
    } else if (!otr_find_failed_lookup(j, "sts.host", f->policy_host, f->policy_a, OTR_SAY(j, "the A records of %s", f->policy_host)) &&
               !otr_find_failed_lookup(j, "sts.host", f->policy_host, f->policy_aaaa, OTR_SAY(j, "the AAAA records of %s", f->policy_host))) {
        finding.status = is_published_later(j) ? OTR_CHECK_WARNING : v->found == OTR_STS_RECORD_ONE ? OTR_CHECK_CRITICAL : v->absence;
        finding.fix = OTR_SAY(j, "publish an address of %s, or an alias of the policy host", f->policy_host);
        otr_find(j, finding, "%s has no address: nobody gets the policy", f->policy_host);
    }
    return has_4 || has_6;
}

static otr_finding about(const otr_judge *j, const otr_fetch_facts *fetch, const char *id, otr_check_status status)
{
    return (otr_finding){ .id = id, .status = status, .host = j->facts->policy_host, .address = &fetch->address };
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
        otr_finding f = about(j, fetch, "sts.https", OTR_CHECK_CRITICAL);

        if (otr_verify_chain(j->facts->programs[p].set, fetch->chain, j->facts->policy_host, j->facts->at, &v) != OUTRIDER_OK) {
            j->is_out_of_memory = true;
        } else if (!v.is_accepted) {
            is_good = false;
            f.found = v.reason;
            f.fix = OTR_SAY(j, "get a certificate of a public CA for %s, and send its intermediates", j->facts->policy_host);
            otr_find(j, f, "senders with the roots of %s refuse the certificate of %s: %s", j->facts->programs[p].name,
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
        otr_find(j, about(j, fetch, "sts.https", OTR_CHECK_CRITICAL), "%s has the address %s, which nobody outside can reach", host, text);
    } else if (!fetch->was_made) {
        otr_find(j, about(j, fetch, "sts.https", OTR_CHECK_UNKNOWN), "%s [%s] was not asked in time", host, text);
    } else if (fetch->chain == NULL && fetch->failure != OTR_STS_NO_FAILURE) {
        otr_find(j, about(j, fetch, "sts.https", is_transport(fetch->cause) ? OTR_CHECK_UNKNOWN : OTR_CHECK_CRITICAL), "%s%s [%s]: %s",
                 is_transport(fetch->cause) ? "nothing was learned from this network of " : "no HTTPS at ", host, text, fetch->reason);
    } else if (check_programs(j, fetch)) {
        otr_find(j, about(j, fetch, "sts.https", OTR_CHECK_OK), "%s [%s] shows a certificate that is accepted", host, text);
        return true;
    }
    return false;
}

static void check_certificate_end(otr_judge *j, const otr_fetch_facts *fetch)
{
    const X509 *leaf = fetch->chain != NULL ? sk_X509_value(fetch->chain, 0) : NULL;
    otr_finding f = about(j, fetch, "sts.host-expiry", OTR_CHECK_OK);
    char date[OTR_TIME_TEXT], span[OTR_TIME_TEXT];
    otr_time end;

    if (leaf == NULL)
        return;
    end = otr_cert_not_after(leaf);
    f.status = otr_expiry_status(leaf, j->facts->at);
    f.found = otr_time_text(end, date);
    f.fix = f.status == OTR_CHECK_OK ? NULL : "renew the certificate";
    if (end < j->facts->at)
        otr_find(j, f, "the certificate of %s has expired on %s", j->facts->policy_host, date);
    else
        otr_find(j, f, "the certificate of %s ends in %s", j->facts->policy_host, otr_span_text(end - j->facts->at, span));
}

/* What the response was, in the order in which a sender gives up. */
static bool check_response(otr_judge *j, const otr_fetch_facts *fetch)
{
    const char *host = j->facts->policy_host;
    otr_finding f = about(j, fetch, "sts.status", OTR_CHECK_CRITICAL);

    if (fetch->http_status >= 300 && fetch->http_status < 400) {
        f.id = "sts.redirect";
        f.found = fetch->location;
        f.fix = OTR_SAY(j, "answer https://%s/.well-known/mta-sts.txt itself", host);
        otr_find(j, f, "%s sends senders elsewhere (status %ld, %s), and they must not follow", host, fetch->http_status,
                 *fetch->location != '\0' ? fetch->location : "without a location");
        return false;
    }
    otr_find(j, about(j, fetch, "sts.redirect", OTR_CHECK_OK), "no redirect");
    f.found = OTR_SAY(j, "%ld", fetch->http_status);
    if (fetch->http_status != 200) {
        f.expected = "200";
        otr_find(j, f, fetch->http_status == 0 ? "no HTTP response of %s: %s" : "%s: %s", host, fetch->reason);
        return false;
    }
    f.status = OTR_CHECK_OK;
    otr_find(j, f, "status 200");
    f = about(j, fetch, "sts.type", otr_is_text_plain(otr_slice_of(fetch->media_type)) ? OTR_CHECK_OK : OTR_CHECK_CRITICAL);
    f.found = fetch->media_type;
    f.expected = "text/plain";
    otr_find(j, f, f.status == OTR_CHECK_OK ? "media type %s" : "media type \"%s\" instead of text/plain", fetch->media_type);
    if (f.status != OTR_CHECK_OK)
        return false;
    f = about(j, fetch, "sts.size", fetch->is_too_long ? OTR_CHECK_CRITICAL : OTR_CHECK_OK);
    otr_find(j, f, fetch->is_too_long ? "more than %d octets" : "not more than %d octets", OTR_STS_POLICY_LIMIT);
    if (fetch->is_too_long)
        return false;
    if (fetch->failure == OTR_STS_NO_FAILURE)
        return true;
    /* An answer began and did not end well: a coding that was not asked for, a body cut short, no end in time. */
    otr_find(j, about(j, fetch, "sts.status", OTR_CHECK_CRITICAL), "%s answers, and no policy comes of it: %s", host, fetch->reason);
    return false;
}

static void check_speed(otr_judge *j, const otr_fetch_facts *fetch)
{
    bool is_slow = fetch->took_ms > SLOW_MS;
    otr_finding f = about(j, fetch, "sts.slow", is_slow ? OTR_CHECK_WARNING : OTR_CHECK_OK);

    f.found = OTR_SAY(j, "%u ms", fetch->took_ms);
    otr_find(j, f, "the policy took %u.%u s", fetch->took_ms / 1000, fetch->took_ms % 1000 / 100);
}

static void check_syntax(otr_judge *j, const otr_fetch_facts *fetch)
{
    otr_sts_policy *policy = NULL;
    otr_sts_notes notes = { 0 };
    outrider_err err = otr_sts_policy_parse(fetch->body, fetch->body_len, &policy, &notes);
    otr_finding f = about(j, fetch, "sts.syntax", OTR_CHECK_OK);

    if (err == OUTRIDER_E_NOMEM) {
        j->is_out_of_memory = true;
    } else if (err != OUTRIDER_OK) {
        f.status = OTR_CHECK_CRITICAL;
        f.fix = "\"outrider lint policy\" shows all mistakes";
        otr_find(j, f, "the policy is none: line %u: %s", notes.errors[0].line, notes.errors[0].message);
    } else if (notes.warning_count > 0) {
        f.status = OTR_CHECK_WARNING;
        f.fix = "\"outrider lint policy\" shows all of them";
        otr_find(j, f, "the policy has %zu oddit%s; line %u: %s", notes.warning_count, notes.warning_count == 1 ? "y" : "ies",
                 notes.warnings[0].line, notes.warnings[0].message);
    } else {
        otr_find(j, f, "the policy has no mistake");
    }
    otr_sts_policy_free(policy);
}

static void check_fetch(otr_judge *j, const otr_fetch_facts *fetch)
{
    bool is_accepted = check_https(j, fetch);

    check_certificate_end(j, fetch);
    if (!is_accepted) {
        otr_find_skipped(j, "sts.syntax", j->facts->policy_host, &fetch->address, "sts.https");
        return;
    }
    if (!check_response(j, fetch)) {
        otr_find_skipped(j, "sts.syntax", j->facts->policy_host, &fetch->address,
                         fetch->http_status >= 300 && fetch->http_status < 400 ? "sts.redirect"
                         : fetch->http_status != 200 || !fetch->is_too_long ? "sts.status" : "sts.size");
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
    otr_find(j, (otr_finding){ .id = "sts.views", .status = others > 0 ? OTR_CHECK_WARNING : OTR_CHECK_OK, .host = j->facts->policy_host,
                               .fix = others > 0 ? "bring all machines behind the policy host to the same text" : NULL },
             others > 0 ? "the addresses of %s serve different texts" : "all addresses of %s serve the same text", j->facts->policy_host);
}

/* RFC 8461 §8.3 --------------------------------------------------------------------------------------------------- */

static void check_exit(otr_judge *j, const sts_view *v)
{
    const otr_meant *meant = j->facts->meant;
    otr_finding f = { .id = "sts.exit", .status = OTR_CHECK_OK };
    char date[OTR_TIME_TEXT];

    if (meant == NULL || is_published_later(j) || meant->exit_clock <= j->facts->at)
        return;
    f.found = otr_time_text(meant->exit_clock, date);
    if (v->is_known && v->found == OTR_STS_RECORD_NONE) {
        f.status = OTR_CHECK_CRITICAL;
        f.fix = wanted_record(j);
        otr_find(j, f, "senders may hold an enforce policy until %s, and the record at _mta-sts.%s is gone: they do not learn of another", date,
                 j->facts->domain);
    } else {
        otr_find(j, f, "senders may hold an enforce policy until %s", date);
    }
}

void otr_check_sts(otr_judge *j)
{
    sts_view v = { 0 };
    outrider_diag diag = { 0 };

    find_record(j, &v, &diag);
    if (!otr_find_failed_lookup(j, "sts.txt", NULL, j->facts->sts_txt, OTR_SAY(j, "the record at _mta-sts.%s", j->facts->domain)))
        say_record(j, &v, &diag);
    check_place(j);
    if (!v.is_wanted)
        return;
    check_id_step(j, &v);
    if (check_host(j, &v)) {
        for (size_t i = 0; i < j->facts->fetch_count; i++)
            check_fetch(j, &j->facts->fetches[i]);
        check_views(j);
    } else {
        otr_find_skipped(j, "sts.https", j->facts->policy_host, NULL, "sts.host");
    }
    check_exit(j, &v);
}
