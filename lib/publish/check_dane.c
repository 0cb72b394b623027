/*
 * check_dane.c - the TLSA records of the MX hosts: are they there, may they be believed, can mail use them.
 */
#include "publish/check_dane.h"

#include <stdlib.h>

#define RECORDS_MANY 12      /* some large senders could not process more (2024) */
#define TTL_LONG 86400       /* s */

/* Is it there, and may it be believed? -------------------------------------------------------------------------- */

static const char *records_of(otr_judge *j, const otr_host_records *r)
{
    return OTR_TEXT(j, "the TLSA records at _25._tcp.%s", r->tlsa.base_domain);
}

/* RFC 7672 §2.2.2: of a host whose address is not signed nobody looks up TLSA records, as some servers fail to answer there. */
static bool is_asked_for(const otr_judge *j, const otr_host_facts *host)
{
    const otr_dns_answer *address = otr_host_address_answer(host);
    bool is_signed = address == NULL || address->status != OTR_DNS_INSECURE || (host->cname != NULL && host->cname->status != OTR_DNS_INSECURE);

    return is_signed || j->facts->resolver != OTR_RESOLVER_VALIDATES;
}

static bool check_exists(otr_judge *j, const otr_host_records *r)
{
    switch (r->tlsa.state) {
    case OTR_HOST_DANE_UNKNOWN:
        if (!is_asked_for(j, r->host))
            otr_say(j, otr_about_records(r, "dane.exists", OTR_CHECK_INFO),
                    "the addresses of %s are not signed, so nobody asks for TLSA records: no DANE", r->host->host);
        else if (!otr_say_failed_lookup(j, "dane.secure", r->host->host, r->tlsa.answer, records_of(j, r)))
            otr_say_skipped(j, "dane.secure", r->host->host, NULL, "mx.addr");
        return false;
    case OTR_HOST_DANE_NONE:
        otr_say(j, otr_about_records(r, "dane.exists", OTR_CHECK_INFO), "there is no TLSA record at _25._tcp.%s: no DANE",
                r->tlsa.base_domain);
        return false;
    case OTR_HOST_DANE_UNSIGNED:
    case OTR_HOST_DANE_SIGNED:
        otr_say(j, otr_about_records(r, "dane.exists", OTR_CHECK_OK), "%zu TLSA record%s at _25._tcp.%s", r->count,
                r->count == 1 ? "" : "s",
                 r->tlsa.base_domain);
        return true;
    }
    return false;
}

static bool check_secure(otr_judge *j, const otr_host_records *r)
{
    const otr_dns_answer *mx = j->facts->mx;
    otr_remark f = otr_about_records(r, "dane.secure", OTR_CHECK_OK);

    if (j->facts->resolver == OTR_RESOLVER_DOES_NOT) {
        otr_say_skipped(j, f.id, f.host, NULL, "dns.resolver");
        return false;
    }
    f.status = OTR_CHECK_WARNING;
    f.found = "not signed";
    if (r->tlsa.state == OTR_HOST_DANE_UNSIGNED) {
        f.fix = "sign the zone, or take the records away";
        otr_say(j, f, "%s are not signed, or the addresses of %s are not: nobody may believe them", records_of(j, r), r->host->host);
        return false;
    }
    if (mx != NULL && mx->status == OTR_DNS_INSECURE) {
        f.fix = OTR_TEXT(j, "sign the zone of %s", j->facts->domain);
        otr_say(j, f, "%s are signed, and the MX records of %s are not: some senders do not use them, and the others can be led elsewhere",
                 records_of(j, r), j->facts->domain);
        return true;
    }
    f = otr_about_records(r, "dane.secure", OTR_CHECK_OK);
    f.found = "signed";
    otr_say(j, f, "%s are signed", records_of(j, r));
    return true;
}

/* What kind are they? ------------------------------------------------------------------------------------------- */

static void check_usable(otr_judge *j, otr_host_records *r)
{
    for (size_t i = 0; i < r->count; i++)
        r->usable += otr_tlsa_check(&r->list[i]) == OTR_TLSA_USABLE;
    if (r->usable == r->count)
        otr_say(j, otr_about_records(r, "dane.usable", OTR_CHECK_OK), "all TLSA records of %s are of a kind that mail uses", r->host->host);
    for (size_t i = 0; i < r->count; i++) {
        otr_tlsa_usability why = otr_tlsa_check(&r->list[i]);
        otr_remark f = otr_about_records(r, "dane.usable", r->usable > 0 ? OTR_CHECK_WARNING : OTR_CHECK_CRITICAL);

        if (why == OTR_TLSA_USABLE)
            continue;
        f.found = otr_show_tlsa(j, &r->list[i]);
        f.expected = "3 1 1 and a SHA-256";
        f.fix = "replace it; \"outrider records\" prints the right ones";
        otr_say(j, f, "a TLSA record of %s (%s) cannot be used for mail: %s", r->host->host, f.found, otr_tlsa_usability_names[why]);
    }
}

static void check_count(otr_judge *j, const otr_host_records *r)
{
    bool is_good = r->count <= RECORDS_MANY;
    otr_remark f = otr_about_records(r, "dane.count", is_good ? OTR_CHECK_OK : OTR_CHECK_WARNING);

    f.fix = is_good ? NULL : "keep one record for each key in use and one for the next";
    otr_say(j, f, "%s has %zu TLSA record%s", r->host->host, r->count, r->count == 1 ? "" : "s");
}

static void check_ttl(otr_judge *j, const otr_host_records *r)
{
    bool is_good = r->tlsa.answer->ttl <= TTL_LONG;
    otr_remark f = otr_about_records(r, "dane.ttl", is_good ? OTR_CHECK_OK : OTR_CHECK_WARNING);
    char span[OTR_TIME_TEXT];

    f.found = OTR_TEXT(j, "%u s", r->tlsa.answer->ttl);
    f.expected = "300 s to 3600 s";
    f.fix = is_good ? NULL : "lower the TTL, so that a key can be changed";
    otr_say(j, f, "the TLSA records of %s are kept for %s", r->host->host, otr_span_text(r->tlsa.answer->ttl, span));
}

/* One host, and all of them -------------------------------------------------------------------------------------- */

static bool check_host(otr_judge *j, const otr_host_facts *host)
{
    otr_host_records *r = calloc(1, sizeof(*r)); /* too large for a stack that somebody may have made small */
    bool is_good = false;

    if (r == NULL) {
        j->is_out_of_memory = true;
        return false;
    }
    r->host = host;
    r->tlsa = otr_host_tlsa_of(host);
    for (size_t i = 0; r->tlsa.answer != NULL && i < r->tlsa.answer->rr_count && i < OTR_TLSA_MAX; i++)
        r->list[r->count++] = otr_tlsa_from_rdata(r->tlsa.answer->rrs[i].tlsa.rdata, r->tlsa.answer->rrs[i].tlsa.len);
    if (check_exists(j, r)) {
        is_good = check_secure(j, r);
        check_usable(j, r);
        check_count(j, r);
        check_ttl(j, r);
        if (is_good && r->usable > 0)
            otr_check_dane_match(j, r);
    }
    free(r);
    return is_good;
}

void otr_check_dane(otr_judge *j)
{
    size_t with = 0, without = 0;

    for (size_t i = 0; i < j->facts->host_count; i++) {
        check_host(j, &j->facts->hosts[i]);
        with += otr_host_tlsa_of(&j->facts->hosts[i]).state == OTR_HOST_DANE_SIGNED;
        without += otr_host_tlsa_of(&j->facts->hosts[i]).state == OTR_HOST_DANE_NONE ||
                   otr_host_tlsa_of(&j->facts->hosts[i]).state == OTR_HOST_DANE_UNSIGNED;
    }
    if (with > 0 && without > 0)
        otr_say(j, (otr_remark){ .id = "dane.all-mx", .status = OTR_CHECK_WARNING, .fix = "publish TLSA records for the others too" },
                 "%zu MX host%s ha%s signed TLSA records and %zu do%s not: mail can be steered to those", with, with == 1 ? "" : "s",
                 with == 1 ? "s" : "ve", without, without == 1 ? "es" : "");
    else if (with > 0 && with == j->facts->host_count)
        otr_say(j, (otr_remark){ .id = "dane.all-mx", .status = OTR_CHECK_OK }, "all MX hosts have signed TLSA records");
}
