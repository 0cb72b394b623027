/*
 * check_dns.c - the resolver, the domain's own records, and the names of its MX hosts.
 */
#include "publish/check_judge.h"

static void check_resolver(otr_judge *j)
{
    switch (j->facts->resolver) {
    case OTR_RESOLVER_NOT_TRIED:
        return;
    case OTR_RESOLVER_VALIDATES:
        otr_say(j, (otr_remark){ .id = "dns.resolver", .status = OTR_CHECK_OK }, "our resolver validates");
        return;
    case OTR_RESOLVER_DOES_NOT:
        otr_say(j, (otr_remark){ .id = "dns.resolver", .status = OTR_CHECK_UNKNOWN,
                                   .fix = "ask another resolver (dns.forwarders), or the root itself (dns.mode = recursive)" },
                 "the resolver that we ask does not pass on what validation needs: %s", j->facts->resolver_words);
        return;
    }
}

static bool has_null_mx(const otr_dns_answer *mx)
{
    for (size_t i = 0; i < mx->rr_count; i++)
        if (strcmp(mx->rrs[i].mx.exchange, ".") == 0)
            return true;
    return false;
}

static void check_domain_signed(otr_judge *j)
{
    const otr_dns_answer *mx = j->facts->mx;

    if (j->facts->resolver == OTR_RESOLVER_DOES_NOT) {
        otr_say_skipped(j, "dnssec.domain", NULL, NULL, "dns.resolver");
        return;
    }
    if (otr_say_failed_lookup(j, "dnssec.domain", NULL, mx, OTR_TEXT(j, "the MX records of %s", j->facts->domain)))
        return;
    if (mx->status == OTR_DNS_SECURE)
        otr_say(j, (otr_remark){ .id = "dnssec.domain", .status = OTR_CHECK_OK, .found = "signed" }, "the MX records of %s are signed",
                 j->facts->domain);
    else
        otr_say(j, (otr_remark){ .id = "dnssec.domain", .status = OTR_CHECK_INFO, .found = "not signed", .expected = "signed" },
                 "the MX records of %s are not signed: DANE does not protect the way to its hosts", j->facts->domain);
}

static void check_mx_exists(otr_judge *j)
{
    const otr_dns_answer *mx = j->facts->mx;
    const char *domain = j->facts->domain;

    if (otr_say_failed_lookup(j, "mx.exists", NULL, mx, OTR_TEXT(j, "the MX records of %s", domain)))
        return;
    switch (mx->content) {
    case OTR_DNS_NXDOMAIN:
        otr_say(j, (otr_remark){ .id = "mx.exists", .status = OTR_CHECK_CRITICAL, .found = "no such name" }, "%s does not exist in DNS",
                domain);
        break;
    case OTR_DNS_NODATA:
        otr_say(j, (otr_remark){ .id = "mx.exists", .status = OTR_CHECK_WARNING, .found = "no MX record",
                                   .fix = OTR_TEXT(j, "publish \"%s. IN MX 10 HOST\"", domain) },
                 "there is no MX record; mail goes to the addresses of %s itself", domain);
        break;
    case OTR_DNS_DATA:
        otr_say(j, (otr_remark){ .id = "mx.exists", .status = OTR_CHECK_OK }, "%zu MX record%s", mx->rr_count, mx->rr_count == 1 ? "" : "s");
        if (j->facts->is_cut)
            otr_say(j, (otr_remark){ .id = "mx.exists", .status = OTR_CHECK_UNKNOWN }, "only the first %zu of the MX hosts are looked at",
                    j->facts->host_count);
        break;
    case OTR_DNS_UNKNOWN: /* told above */
        break;
    }
}

/* A domain that takes no mail needs no policy, and one that has a policy hardly means to take no mail. */
static void check_null_mx(otr_judge *j)
{
    const otr_dns_answer *mx = j->facts->mx;

    if (!has_null_mx(mx))
        otr_say(j, (otr_remark){ .id = "mx.null", .status = OTR_CHECK_OK }, "no null MX");
    else if (mx->rr_count > 1)
        otr_say(j, (otr_remark){ .id = "mx.null", .status = OTR_CHECK_CRITICAL, .found = "0 .", .fix = "take the null MX away" },
                 "a null MX (\"0 .\") stands beside other MX records");
    else if (j->has_policy && j->mode != OTR_STS_NONE)
        otr_say(j, (otr_remark){ .id = "mx.null", .status = OTR_CHECK_WARNING, .found = "0 ." },
                 "a null MX says that %s takes no mail, and there is a policy for its mail", j->facts->domain);
    else
        otr_say(j, (otr_remark){ .id = "mx.null", .status = OTR_CHECK_INFO, .found = "0 ." }, "%s takes no mail (null MX)",
                j->facts->domain);
}

static void check_mx_twice(otr_judge *j)
{
    const otr_dns_answer *mx = j->facts->mx;
    size_t doubles = 0;

    for (size_t i = 0; i < mx->rr_count; i++) {
        bool is_double = false;

        for (size_t k = 0; k < i && !is_double; k++)
            is_double = strcmp(mx->rrs[i].mx.exchange, mx->rrs[k].mx.exchange) == 0;
        if (!is_double)
            continue;
        doubles++;
        otr_say(j, (otr_remark){ .id = "mx.dup", .status = OTR_CHECK_WARNING, .host = mx->rrs[i].mx.exchange,
                                   .fix = "take one of the records away" }, "%s is named in more than one MX record", mx->rrs[i].mx.exchange);
    }
    if (doubles == 0)
        otr_say(j, (otr_remark){ .id = "mx.dup", .status = OTR_CHECK_OK }, "each MX host is named once");
}

void otr_check_dns(otr_judge *j)
{
    check_resolver(j);
    check_domain_signed(j);
    check_mx_exists(j);
    if (j->facts->mx == NULL || j->facts->mx->content != OTR_DNS_DATA)
        return;
    check_null_mx(j);
    check_mx_twice(j);
}
