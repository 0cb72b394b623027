/*
 * check_table.c - the checks in one table, in the order in which they are told.
 */
#include "publish/check.h"

#include <string.h>

const char *const otr_check_status_names[] = { "ok", "info", "warning", "critical", "unknown", "skipped" };
const char *const otr_check_group_names[OTR_CHECK_GROUPS] = { "dns", "smtp", "dane", "sts", "rpt" };
const char *const otr_check_group_titles[OTR_CHECK_GROUPS] = { "DNS", "Mail TLS", "DANE", "MTA-STS", "TLSRPT" };

#define DNS OTR_CHECKS_DNS
#define SMTP OTR_CHECKS_SMTP
#define DANE OTR_CHECKS_DANE
#define STS OTR_CHECKS_STS
#define RPT OTR_CHECKS_RPT
#define I OTR_CHECK_INFO
#define W OTR_CHECK_WARNING
#define C OTR_CHECK_CRITICAL
#define U OTR_CHECK_UNKNOWN

const otr_check_kind otr_check_kinds[] = {
    { "dns.resolver", DNS, U, "our own resolver validates",
      "Without it nothing can be said of signatures, and DANE is off for outgoing mail as well.", "RFC 7672 2.1.1" },
    { "dnssec.domain", DNS, C, "the domain is signed",
      "Unsigned MX records can be forged, and DANE does not protect a domain that has them; with broken signatures its mail waits.",
      "RFC 7672 2.2.1" },
    { "dnssec.mx", DNS, C, "the zones of the MX hosts are signed",
      "TLSA records of a host count only where its addresses are signed; with broken signatures mail waits.", "RFC 7672 2.2.2" },
    { "dnssec.ns-agree", DNS, W, "the servers of a zone have the same TLSA records",
      "One that is late hands out what was there before, and caches keep that as long as it is fresh.", "RFC 7671 8.4" },
    { "dnssec.sig-expiry", DNS, W, "the signature of TLSA records does not end soon",
      "A zone whose signer has stopped becomes bogus, and its mail waits. One that holds for long lets an old record be shown for long.",
      "RFC 7671 13" },
    { "mx.exists", DNS, C, "there are MX records",
      "Without them mail goes to the addresses of the domain itself, if it has any.", "RFC 5321 5.1" },
    { "mx.null", DNS, C, "a null MX stands alone",
      "\"MX 0 .\" says that the domain takes no mail. Beside other records it means nothing that senders agree on.", "RFC 7505 3" },
    { "mx.dup", DNS, W, "each MX host is named once", "Twice is a mistake in the zone; mail goes all the same.", "" },
    { "mx.cname", DNS, W, "no MX host is an alias",
      "Senders need not follow it, and those that do look for TLSA records in two places.", "RFC 5321 5.1" },
    { "mx.addr", DNS, C, "each MX host has an address", "Mail does not go to a host without one.", "RFC 5321 5.1" },
    { "mx.reserved", DNS, C, "no MX host has a private address", "Nobody outside reaches it.", "RFC 1918" },
    { "smtp.connect", SMTP, U, "each address answers as a mail server",
      "From another network it may look different: many providers block port 25.", "RFC 5321 3.1" },
    { "smtp.starttls", SMTP, C, "each address offers STARTTLS",
      "Senders that hold an enforce policy, or see TLSA records, do not deliver without it; all others send in clear.", "RFC 3207 4" },
    { "smtp.starttls-all", SMTP, C, "STARTTLS is offered at every visit",
      "Servers behind one address that differ, or filters that withhold it from strangers, lose mail now and then.", "RFC 7672 2.2" },
    { "tls.version", SMTP, C, "TLS 1.2 or later comes about", "Senders that enforce a policy speak nothing older.", "RFC 8461 4.2" },
    { "cert.name", SMTP, C, "the certificate bears the name of the MX host",
      "Under MTA-STS it must, as a DNS-ID; the common name does not count.", "RFC 8461 4.2" },
    { "cert.trust", SMTP, C, "the certificate is vouched for by a root",
      "Under MTA-STS it must be, by a root that the sender has. DANE asks for none.", "RFC 8461 4.2" },
    { "cert.root-program", SMTP, C, "each bundle of roots accepts the certificate",
      "Senders have different roots. Choose an issuer that all of them know, or send a cross-signed chain.", "RFC 8461 4.2" },
    { "cert.chain-complete", SMTP, C, "the intermediates are sent", "Mail servers fetch none that are missing.", "RFC 8446 4.4.2" },
    { "cert.expiry", SMTP, C, "the certificate does not end soon",
      "A warning 14 days before the end, critical 3 days before; of short lives a third and a tenth.", "RFC 8461 4.2" },
    { "cert.same-all", SMTP, W, "all addresses of a host show the same key",
      "Different keys are allowed; more often one server was forgotten at the last renewal.", "" },
    { "dane.exists", DANE, I, "the MX host has TLSA records", "Without them senders that know DANE send as all others do.",
     "RFC 7672 2.2" },
    { "dane.secure", DANE, C, "the TLSA records and what leads to them are signed",
      "Nobody may believe them otherwise. A lookup that fails makes mail wait.", "RFC 7672 2.2" },
    { "dane.usable", DANE, C, "TLSA records are of a kind that mail uses",
      "Usages 2 and 3, selectors 0 and 1, and digests of the right length. If none is usable senders encrypt and verify nothing.",
      "RFC 7672 3.1" },
    { "dane.match", DANE, C, "a TLSA record matches at each address",
      "Where none does senders that know DANE do not deliver. Publish the record first, wait, then change the key.", "RFC 7671 5" },
    { "dane.which", DANE, I, "which record matched", "Every other record is either for the next key, or left over.", "" },
    { "dane.stale", DANE, W, "no TLSA record is left over",
      "A record that matches nothing and is not for a next key vouches for a key that somebody else may have by now.", "RFC 7671 8" },
    { "dane.rollover", DANE, I, "a record for the next key is there",
      "Two records 3 1 1, one for the key in use and one for the next, make a change of key safe. One is no fault.", "RFC 7671 8.1" },
    { "dane.next", DANE, C, "a next key goes into service only when every cache has its record",
      "A cache that has the records of before refuses the new key, and mail waits. `outrider tlsa plan` knows when it is time.",
      "RFC 7671 8.1" },
    { "dane.ta-in-chain", DANE, C, "the CA that a TLSA record names is in the chain",
      "With usage 2 and a digest senders need the CA's certificate from the server, also if it is a root.", "RFC 7672 3.1.2" },
    { "dane.count", DANE, W, "there are no more than 12 TLSA records", "Some large senders could not process more.", "" },
    { "dane.ttl", DANE, W, "TLSA records are not kept longer than a day",
      "A change of key waits for twice the TTL, and so does the end of a stolen key. 5 minutes to an hour is usual.", "RFC 7671 13" },
    { "dane.all-mx", DANE, W, "all MX hosts have DANE, or none",
      "Who wants to read the mail keeps senders from the hosts that have it.", "RFC 7672 2.2" },
    { "sts.txt", STS, C, "there is one record at _mta-sts",
      "Senders look there first. None, or several, or a broken one: no policy.", "RFC 8461 3.1" },
    { "sts.txt-place", STS, W, "records for MTA-STS and nothing else are at _mta-sts", "At the domain itself nobody looks for them.",
      "RFC 8461 3.1" },
    { "sts.id-step", STS, W, "the id changes when the text does, and only then",
      "Senders that hold a policy fetch it again when the id changes. The text comes first, the record after it.", "RFC 8461 8.1" },
    { "sts.host", STS, C, "the policy host has addresses", "Without one nobody gets the policy.", "RFC 8461 3.3" },
    { "sts.https", STS, C, "the policy host answers HTTPS with a certificate that is accepted",
      "With another certificate senders take no policy, and go on with the one that they hold until it ends.", "RFC 8461 3.3" },
    { "sts.host-expiry", STS, C, "the certificate of the policy host does not end soon",
      "A warning 14 days before the end, critical 3 days before; of short lives a third and a tenth.", "RFC 8461 3.3" },
    { "sts.redirect", STS, C, "the policy is served without a redirect", "Senders must not follow one.", "RFC 8461 3.3" },
    { "sts.status", STS, C, "the policy is served with status 200", "Any other is no policy.", "RFC 8461 3.3" },
    { "sts.type", STS, C, "the policy is text/plain", "Senders may refuse everything else, and we do.", "RFC 8461 3.2" },
    { "sts.size", STS, C, "the policy has at most 64 KiB", "Senders may stop there.", "RFC 8461 3.3" },
    { "sts.slow", STS, W, "the policy comes within 2 seconds", "Mail waits for it, and some senders do not wait long.", "RFC 8461 3.3" },
    { "sts.syntax", STS, C, "the policy has no mistake", "What does not parse is no policy.", "RFC 8461 3.2" },
    { "sts.views", STS, W, "all addresses of the policy host serve the same text", "A sender gets any of them.", "RFC 8461 8.1" },
    { "sts.mode", STS, I, "the mode protects",
      "Testing stops nothing, it is for reports. Enforce protects; \"outrider publish set\" looks first.", "RFC 8461 5" },
    { "sts.max-age", STS, W, "the policy is kept long enough",
      "Under a day a sender hardly ever holds it when it is needed. At enforce two weeks or more are usual.", "RFC 8461 10.2" },
    { "sts.mx-cover", STS, C, "the policy names each MX host",
      "Under enforce mail does not go to a host that it does not name. Change the policy first, then the MX records.", "RFC 8461 4.1" },
    { "sts.mx-extra", STS, I, "each pattern of the policy is an MX host's",
      "One more is needed before a new MX host comes, and allowed; left over it admits a host that is not yours any more.",
      "RFC 8461 8.1" },
    { "sts.mx-cert", STS, C, "each MX host would pass under the policy",
      "STARTTLS, TLS 1.2, and a certificate that each bundle of roots accepts, at every address.", "RFC 8461 4.2" },
    { "sts.exit", STS, C, "the policy stays while senders may hold an enforce policy",
      "Take away neither the record nor the policy host before \"outrider publish retire\" says that it is over.", "RFC 8461 8.3" },
    { "rpt.txt", RPT, W, "there is one record at _smtp._tls", "Without it nobody reports what fails.", "RFC 8460 3" },
    { "rpt.txt-place", RPT, W, "records for TLSRPT are at _smtp._tls", "At the domain itself nobody looks for them.", "RFC 8460 3" },
    { "rpt.scheme", RPT, W, "each address for reports is mailto: or https:", "Others are passed over.", "RFC 8460 3" },
    { "rpt.count", RPT, I, "there is one address for reports", "Senders need not send to more than one.", "RFC 8460 3" },
};
const size_t otr_check_kind_count = sizeof(otr_check_kinds) / sizeof(otr_check_kinds[0]);

const otr_check_kind *otr_check_kind_of(const char *id)
{
    for (size_t i = 0; i < otr_check_kind_count; i++)
        if (strcmp(otr_check_kinds[i].id, id) == 0)
            return &otr_check_kinds[i];
    return NULL;
}
