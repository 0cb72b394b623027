/*
 * check_mx.c - each MX host in DNS: alias, addresses, signatures.
 */
#include "publish/check_judge.h"

static void check_alias(otr_judge *j, const otr_host_facts *host)
{
    const otr_dns_answer *answer = otr_host_address_answer(host);

    if (answer == NULL || answer->content == OTR_DNS_UNKNOWN)
        return; /* mx.addr says so */
    if (answer->cname_count == 0)
        otr_say(j, (otr_remark){ .id = "mx.cname", .status = OTR_CHECK_OK, .host = host->host }, "%s is no alias", host->host);
    else
        otr_say(j, (otr_remark){ .id = "mx.cname", .status = OTR_CHECK_WARNING, .host = host->host, .found = answer->canonical,
                                   .fix = OTR_TEXT(j, "name %s in the MX record", answer->canonical) },
                 "%s is an alias of %s", host->host, answer->canonical);
}

/* One family that fails while the other has addresses is told of: senders that use it wait. */
static void check_addresses(otr_judge *j, const otr_host_facts *host)
{
    const char *name = host->host;

    if (!host->is_host_name) {
        otr_say(j, (otr_remark){ .id = "mx.addr", .status = OTR_CHECK_CRITICAL, .host = name }, "%s is no name that a host can have", name);
        return;
    }
    if (host->address_count > 0)
        otr_say(j, (otr_remark){ .id = "mx.addr", .status = OTR_CHECK_OK, .host = name }, "%s has %zu address%s", name,
                host->address_count, host->address_count == 1 ? "" : "es");
    if (host->is_cut)
        otr_say(j, (otr_remark){ .id = "mx.addr", .status = OTR_CHECK_UNKNOWN, .host = name },
                "only %d addresses of each kind are looked at, and %s has more", OTR_ADDRESSES_MAX, name);
    if (otr_say_failed_lookup(j, "mx.addr", name, host->a, OTR_TEXT(j, "the A records of %s", name)) ||
        otr_say_failed_lookup(j, "mx.addr", name, host->aaaa, OTR_TEXT(j, "the AAAA records of %s", name)) || host->address_count > 0)
        return;
    otr_say(j, (otr_remark){ .id = "mx.addr", .status = OTR_CHECK_CRITICAL, .host = name,
                               .found = host->a->content == OTR_DNS_NXDOMAIN ? "no such name" : "no A and no AAAA record",
                               .fix = OTR_TEXT(j, "publish an address of %s, or take its MX record away", name) },
             "%s has no address", name);
}

static void check_private(otr_judge *j, const otr_host_facts *host)
{
    size_t refused = 0;

    for (size_t i = 0; i < host->address_count; i++) {
        char text[OTR_ADDRESS_SIZE];

        if (!host->addresses[i].is_refused)
            continue;
        refused++;
        otr_say(j, (otr_remark){ .id = "mx.reserved", .status = OTR_CHECK_CRITICAL, .host = host->host,
                                .address = &host->addresses[i].address,
                                   .fix = "take the address out of DNS" },
                 "%s has the address %s, which nobody outside can reach", host->host, otr_address_text(&host->addresses[i].address, text));
    }
    if (refused == 0 && host->address_count > 0)
        otr_say(j, (otr_remark){ .id = "mx.reserved", .status = OTR_CHECK_OK, .host = host->host }, "%s has public addresses", host->host);
}

static void check_signed(otr_judge *j, const otr_host_facts *host)
{
    const otr_dns_answer *answer = otr_host_address_answer(host);

    if (j->facts->resolver == OTR_RESOLVER_DOES_NOT) {
        otr_say_skipped(j, "dnssec.mx", host->host, NULL, "dns.resolver");
        return;
    }
    if (otr_say_failed_lookup(j, "dnssec.mx", host->host, answer, OTR_TEXT(j, "the addresses of %s", host->host)))
        return;
    if (answer->status == OTR_DNS_SECURE)
        otr_say(j, (otr_remark){ .id = "dnssec.mx", .status = OTR_CHECK_OK, .host = host->host, .found = "signed" },
                 "the addresses of %s are signed", host->host);
    else
        otr_say(j, (otr_remark){ .id = "dnssec.mx", .status = OTR_CHECK_INFO, .host = host->host, .found = "not signed",
                                .expected = "signed" },
                 "the addresses of %s are not signed: TLSA records of it would not count", host->host);
}

void otr_check_mx_hosts(otr_judge *j)
{
    for (size_t i = 0; i < j->facts->host_count; i++) {
        const otr_host_facts *host = &j->facts->hosts[i];

        check_addresses(j, host);
        if (!host->is_host_name)
            continue;
        if (!j->facts->is_implicit) /* a domain that is its own host may be an alias */
            check_alias(j, host);
        check_private(j, host);
        check_signed(j, host);
    }
}
