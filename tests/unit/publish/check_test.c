/*
 * check_test.c - the checks, one row a sentence: what is different in a good domain, and what the check says of it. Every id has a row in which all
 * is well, and one in which it says the worst that its table permits.
 */
#include "support/cmocka_all.h"
#include "check_scene.h"
#include "publish/gate.h"
#include "publish/staged.h"

#include <stdio.h>
#include <string.h>

#define OK OTR_CHECK_OK
#define INFO OTR_CHECK_INFO
#define WARN OTR_CHECK_WARNING
#define CRIT OTR_CHECK_CRITICAL
#define UNKNOWN OTR_CHECK_UNKNOWN
#define SKIPPED OTR_CHECK_SKIPPED
#define NOT_SAID (-1)
#define CHANGES 4
#define OPEN OTR_GATE_OPEN
#define SHUT OTR_GATE_SHUT
#define DUNNO OTR_GATE_UNKNOWN
#define UNHEARD OTR_GATE_UNHEARD
#define HEX_16(octet) octet octet octet octet octet octet octet octet octet octet octet octet octet octet octet octet
#define HEX_A HEX_16("AA") HEX_16("AA")
#define HEX_B HEX_16("BB") HEX_16("BB")
#define HEX_C HEX_16("CC") HEX_16("CC")
#define HEX_D HEX_16("DD") HEX_16("DD")
#define LONG_ID "v=STSv1; id=123456789012345678901234567890123;"

typedef struct row {
    const char *sentence, *id;
    int want;
    const char *says; /* part of the message; of what is skipped, the id of its parent */
    scene_change changes[CHANGES];
} row;

static const row rows[] = {
    /* DNS */
    { "the resolver validates", "dns.resolver", OK, "validates", { { 0 } } },
    { "the resolver does not", "dns.resolver", UNKNOWN, "strips signatures", { { RESOLVER, "fails" } } },
    { "nobody tried the resolver", "dns.resolver", NOT_SAID, "", { { RESOLVER, "untried" } } },
    { "the domain is signed", "dnssec.domain", OK, "are signed", { { 0 } } },
    { "the domain is not signed", "dnssec.domain", INFO, "are not signed", { { MX, "insecure 10 mx.example.org" } } },
    { "its signatures do not hold", "dnssec.domain", CRIT, "do not hold", { { MX, "bogus expired" } } },
    { "its lookup failed", "dnssec.domain", UNKNOWN, "failed: SERVFAIL", { { MX, "tempfail SERVFAIL" } } },
    { "nothing is said of signatures without a resolver", "dnssec.domain", SKIPPED, "dns.resolver", { { RESOLVER, "fails" } } },
    { "the host is signed", "dnssec.mx", OK, "are signed", { { 0 } } },
    { "the host is not signed", "dnssec.mx", INFO, "not signed", { { A, "insecure 192.0.2.1" }, { AAAA, "insecure 2001:db8::1" } } },
    { "the host's signatures do not hold", "dnssec.mx", CRIT, "do not hold", { { A, "bogus expired" }, { AAAA, "bogus expired" } } },
    { "the host's lookup failed", "dnssec.mx", UNKNOWN, "failed", { { A, "tempfail timeout" }, { AAAA, "tempfail timeout" } } },
    { "nothing is said of the host's either", "dnssec.mx", SKIPPED, "dns.resolver", { { RESOLVER, "fails" } } },
    { "there is an MX", "mx.exists", OK, "1 MX record", { { 0 } } },
    { "the domain does not exist", "mx.exists", CRIT, "does not exist", { { MX, "secure nxdomain" } } },
    { "an address and no MX", "mx.exists", WARN, "no MX record", { { MX, "secure nodata" } } },
    { "the lookup of MX failed", "mx.exists", UNKNOWN, "lookup of the MX records of example.org failed", { { MX, "tempfail SERVFAIL" } } },
    { "the lookup of MX was not made", "mx.exists", UNKNOWN, "not made in time", { { MX, "-" } } },
    { "more hosts than are looked at", "mx.exists", UNKNOWN, "only the first", { { CUT, "hosts" } } },
    { "no null MX", "mx.null", OK, "no null MX", { { 0 } } },
    { "a null MX alone, and no policy", "mx.null", INFO, "takes no mail", { { MX, "secure 0 ." }, { MEANT, "no" }, { FETCH, "404" } } },
    { "a null MX, and a policy", "mx.null", WARN, "there is a policy", { { MX, "secure 0 ." } } },
    { "a null MX beside another", "mx.null", CRIT, "beside other", { { MX, "secure 0 ., 10 mx.example.org" } } },
    { "each host once", "mx.dup", OK, "named once", { { 0 } } },
    { "a host twice", "mx.dup", WARN, "more than one", { { MX, "secure 10 mx.example.org, 20 mx.example.org" } } },
    { "no alias", "mx.cname", OK, "no alias", { { 0 } } },
    { "an alias", "mx.cname", WARN, "alias of other.example.org", { { A, "secure cname=other.example.org 192.0.2.1" } } },
    { "two addresses", "mx.addr", OK, "2 addresses", { { 0 } } },
    { "no address", "mx.addr", CRIT, "has no address", { { A, "secure nodata" }, { AAAA, "secure nodata" } } },
    { "the lookup of one family failed", "mx.addr", UNKNOWN, "AAAA records of mx.example.org failed", { { AAAA, "tempfail timeout" } } },
    { "no name that a host can have", "mx.addr", CRIT, "no name", { { MX, "secure 10 mx_1.example.org" } } },
    { "more addresses than are looked at", "mx.addr", UNKNOWN, "has more", { { CUT, "addresses" } } },
    { "public addresses", "mx.reserved", OK, "public", { { 0 } } },
    { "a private address", "mx.reserved", CRIT, "10.0.0.1", { { A, "secure 10.0.0.1" } } },
    /* Mail TLS */
    { "both addresses answer", "smtp.connect", OK, "answers", { { 0 } } },
    { "one address cannot be reached", "smtp.connect", UNKNOWN, "[2001:db8::1] from this network", { { PROBE6, "unreachable" } } },
    { "turned away", "smtp.connect", UNKNOWN, "nothing was learned", { { PROBE, "turned-away" } } },
    { "not visited in time", "smtp.connect", UNKNOWN, "not visited in time", { { PROBE, "-" } } },
    { "a private address is not visited", "smtp.connect", SKIPPED, "mx.reserved", { { A, "secure 10.0.0.1" }, { AAAA, "secure nodata" } } },
    { "STARTTLS everywhere", "smtp.starttls", OK, "offers STARTTLS", { { 0 } } },
    { "no STARTTLS under enforce", "smtp.starttls", CRIT, "does not do STARTTLS", { { PROBE6, "no-starttls" }, { TLSA, "secure nodata" } } },
    { "no STARTTLS with TLSA records", "smtp.starttls", CRIT, "does not do", { { PROBE, "no-starttls" }, { MODE, "testing" } } },
    { "no STARTTLS, and nobody asks for it", "smtp.starttls", WARN, "does not do",
      { { PROBE, "no-starttls" }, { MODE, "testing" }, { TLSA, "secure nodata" } } },
    { "clear text behind STARTTLS", "smtp.starttls", CRIT, "does not do", { { PROBE, "injection" }, { MODE, "testing" } } },
    { "STARTTLS of a host that was not reached", "smtp.starttls", SKIPPED, "smtp.connect", { { PROBE, "timeout" } } },
    { "STARTTLS twice", "smtp.starttls-all", OK, "second visit", { { 0 } } },
    { "STARTTLS once", "smtp.starttls-all", CRIT, "not at the second", { { SECOND, "no-starttls" } } },
    { "nobody home at the second visit", "smtp.starttls-all", UNKNOWN, "came to nothing", { { SECOND, "closed" } } },
    { "visited once only", "smtp.starttls-all", NOT_SAID, "", { { SECOND, "-" } } },
    { "TLS 1.3", "tls.version", OK, "TLSv1.3", { { 0 } } },
    { "TLS 1.2", "tls.version", OK, "TLSv1.2", { { VERSION, "TLSv1.2" } } },
    { "TLS 1.1", "tls.version", CRIT, "too old", { { VERSION, "TLSv1.1" } } },
    { "no handshake", "tls.version", CRIT, "no handshake", { { PROBE, "tls-failed" } } },
    { "TLS of a host without STARTTLS", "tls.version", SKIPPED, "smtp.starttls", { { PROBE, "no-starttls" } } },
    { "the right name", "cert.name", OK, "for its name", { { 0 } } },
    { "another name under enforce", "cert.name", CRIT, "another name", { { CHAIN, "other-name" } } },
    { "another name while testing", "cert.name", WARN, "another name", { { CHAIN6, "other-name" }, { MODE, "testing" } } },
    { "another name, and no policy", "cert.name", INFO, "another name", { { CHAIN, "other-name" }, { MEANT, "no" }, { FETCH, "404" } } },
    { "a root vouches", "cert.trust", OK, "vouches", { { 0 } } },
    { "self-signed under enforce", "cert.trust", CRIT, "self-signed", { { CHAIN, "self" } } },
    { "self-signed while testing", "cert.trust", WARN, "self-signed", { { CHAIN, "self" }, { MODE, "testing" } } },
    { "self-signed in mode none", "cert.trust", INFO, "self-signed", { { CHAIN, "self" }, { MODE, "none" }, { PATTERNS, "" } } },
    { "trust of a certificate for another name", "cert.trust", SKIPPED, "cert.name", { { CHAIN, "other-name" } } },
    { "trust of an expired certificate", "cert.trust", SKIPPED, "cert.expiry", { { CHAIN, "expired" } } },
    { "one bundle only", "cert.root-program", NOT_SAID, "", { { 0 } } },
    { "one of two bundles refuses", "cert.root-program", CRIT, "/etc/other.pem", { { PROGRAMS, "root,other" } } },
    { "one of two bundles refuses, while testing", "cert.root-program", WARN, "/etc/other.pem", { { PROGRAMS, "root,other" }, { MODE, "testing" } } },
    { "both bundles refuse", "cert.root-program", SKIPPED, "cert.trust", { { PROGRAMS, "root,other" }, { CHAIN, "self" } } },
    { "the intermediate is sent", "cert.chain-complete", OK, "all of its chain", { { 0 } } },
    { "the intermediate is not sent", "cert.chain-complete", CRIT, "was not sent", { { CHAIN, "alone" } } },
    { "a self-signed certificate lacks nothing", "cert.chain-complete", OK, "all of", { { CHAIN, "self" } } },
    { "two months to go", "cert.expiry", OK, "ends in 60d", { { 0 } } },
    { "ten days to go", "cert.expiry", WARN, "ends in 10d", { { CHAIN, "ending" } } },
    { "two days to go", "cert.expiry", CRIT, "ends in 2d", { { CHAIN, "ended-soon" } } },
    { "expired", "cert.expiry", CRIT, "has expired", { { CHAIN, "expired" } } },
    { "not valid yet", "cert.expiry", CRIT, "not valid before", { { CHAIN, "future" } } },
    { "four days to go of six", "cert.expiry", OK, "ends in 4d", { { CHAIN, "short" } } },
    { "expired, and DANE-EE is all that anybody asks for", "cert.expiry", INFO, "has expired", { { CHAIN, "expired" }, { MEANT, "no" }, { FETCH, "404" } } },
    { "expired, and no policy, but a TLSA record of a CA", "cert.expiry", CRIT, "has expired",
      { { CHAIN, "expired" }, { MEANT, "no" }, { FETCH, "404" }, { TLSA, "secure 2 1 1 @ca" } } },
    { "the same key at both addresses", "cert.same-all", OK, "same key", { { 0 } } },
    { "another key at the second address", "cert.same-all", WARN, "different keys", { { CHAIN6, "next" } } },
    /* DANE */
    { "TLSA records", "dane.exists", OK, "2 TLSA records", { { 0 } } },
    { "no TLSA record", "dane.exists", INFO, "there is no TLSA record", { { TLSA, "secure nodata" } } },
    { "signed TLSA records", "dane.secure", OK, "are signed", { { 0 } } },
    { "TLSA records that are not signed", "dane.secure", WARN, "not signed", { { TLSA, "insecure 3 1 1 @leaf" } } },
    { "TLSA records of a host that is not signed", "dane.secure", WARN, "not signed", { { A, "insecure 192.0.2.1" }, { AAAA, "insecure 2001:db8::1" } } },
    { "TLSA records behind an MX that is not signed", "dane.secure", WARN, "can be led elsewhere", { { MX, "insecure 10 mx.example.org" } } },
    { "TLSA records whose signatures do not hold", "dane.secure", CRIT, "do not hold", { { TLSA, "bogus expired" } } },
    { "a lookup of TLSA that failed is no absence", "dane.secure", UNKNOWN, "lookup of the TLSA records", { { TLSA, "tempfail SERVFAIL" } } },
    { "a lookup of TLSA that was not made", "dane.secure", UNKNOWN, "not made in time", { { TLSA, "-" } } },
    { "nothing is said of TLSA without a resolver", "dane.secure", SKIPPED, "dns.resolver", { { RESOLVER, "fails" } } },
    { "a lookup of TLSA that failed, where no sender would ask", "dane.exists", INFO, "nobody asks for",
      { { A, "insecure 192.0.2.1" }, { AAAA, "insecure 2001:db8::1" }, { TLSA, "tempfail SERVFAIL" } } },
    { "and it is no failure then", "dane.secure", NOT_SAID, "",
      { { A, "insecure 192.0.2.1" }, { AAAA, "insecure 2001:db8::1" }, { TLSA, "tempfail SERVFAIL" } } },
    { "unless nobody can tell whether they are signed", "dane.secure", UNKNOWN, "failed",
      { { A, "insecure 192.0.2.1" }, { AAAA, "insecure 2001:db8::1" }, { TLSA, "tempfail SERVFAIL" }, { RESOLVER, "fails" } } },
    { "a lookup that failed is not told as absence", "dane.exists", NOT_SAID, "", { { TLSA, "tempfail SERVFAIL" } } },
    { "TLSA records at the end of a signed alias", "dane.match", OK, "matches",
      { { A, "secure cname=other.example.org 192.0.2.1" }, { AAAA, "secure nodata" }, { TLSA_ALIAS, "secure 3 1 1 @leaf" }, { TLSA, "secure nodata" } } },
    { "usable records", "dane.usable", OK, "all TLSA records", { { 0 } } },
    { "one of two is of usage 1", "dane.usable", WARN, "cannot be used", { { TLSA, "secure 3 1 1 @leaf, 1 1 1 @leaf" } } },
    { "none is usable", "dane.usable", CRIT, "cannot be used", { { TLSA, "secure 1 1 1 @leaf" } } },
    { "a digest that is cut short", "dane.usable", CRIT, "cannot be used", { { TLSA, "secure 3 1 1 abcd" } } },
    { "a record of no octet", "dane.usable", CRIT, "cut short", { { TLSA, "secure hex:0301" } } },
    { "a record matches", "dane.match", OK, "matches at", { { 0 } } },
    { "none of two matches", "dane.match", CRIT, "none of the 2 TLSA records", { { TLSA, "secure 3 1 1 @next, 3 1 1 @ca" } } },
    { "the only one does not match", "dane.match", CRIT, "the TLSA record of mx.example.org does not match", { { TLSA, "secure 3 1 1 @next" } } },
    { "it matches at one address only", "dane.match", CRIT, "[2001:db8::1]", { { TLSA, "secure 3 1 1 @leaf" }, { CHAIN6, "next" } } },
    { "no match of a host that was not reached", "dane.match", SKIPPED, "smtp.connect", { { PROBE, "timeout" } } },
    { "no match without STARTTLS", "dane.match", SKIPPED, "smtp.starttls", { { PROBE, "no-starttls" } } },
    { "no match without a handshake", "dane.match", SKIPPED, "tls.version", { { PROBE, "tls-failed" } } },
    { "which record", "dane.which", INFO, "3 1 1", { { 0 } } },
    { "no record, nothing in use", "dane.which", NOT_SAID, "", { { TLSA, "secure nodata" } } },
    { "nothing left over", "dane.stale", OK, "no TLSA record", { { 0 } } },
    { "more than one beside the one in use", "dane.stale", WARN, "match nothing", { { TLSA, "secure 3 1 1 @leaf, 3 1 1 @next, 3 1 1 @root" } } },
    { "what is left over is not known where none matches", "dane.stale", SKIPPED, "dane.match", { { TLSA, "secure 3 1 1 @next" } } },
    { "nor what is in use", "dane.which", NOT_SAID, "", { { TLSA, "secure 3 1 1 @next" } } },
    { "the one beside is staged", "dane.stale", OK, "no TLSA record", { { STAGED, "3 1 1 @next" } } },
    { "all that is beside is staged", "dane.rollover", OK, "under way", { { STAGED, "3 1 1 @next" } } },
    { "one beside is staged, another is not", "dane.stale", WARN, "match nothing",
      { { TLSA, "secure 3 1 1 @leaf, 3 1 1 @next, 3 1 1 @ca" }, { STAGED, "3 1 1 @next" } } },
    { "one that is not staged", "dane.stale", WARN, "match nothing", { { STAGED, "none" } } },
    { "a record for the next key", "dane.rollover", OK, "for a next key", { { 0 } } },
    { "no record for the next key is no fault", "dane.rollover", INFO, "no record", { { TLSA, "secure 3 1 1 @leaf" } } },
    { "the CA is sent", "dane.ta-in-chain", OK, "sends the CA", { { TLSA, "secure 2 1 1 @ca" } } },
    { "the root is named and not sent", "dane.ta-in-chain", CRIT, "does not send", { { TLSA, "secure 2 1 1 @root" } } },
    { "the root is named and sent", "dane.ta-in-chain", OK, "sends the CA", { { TLSA, "secure 2 1 1 @root" }, { CHAIN, "rooted" } } },
    { "not sent, and another record matches", "dane.ta-in-chain", WARN, "does not send", { { TLSA, "secure 2 1 1 @root, 3 1 1 @leaf" } } },
    { "no record of a CA", "dane.ta-in-chain", NOT_SAID, "", { { 0 } } },
    { "two records are not many", "dane.count", OK, "2 TLSA records", { { 0 } } },
    { "thirteen records are", "dane.count", WARN, "13 TLSA records",
      { { TLSA, "secure 3 1 1 @leaf, 3 1 1 @next, 3 1 1 @ca, 3 1 1 @root, 2 1 1 @leaf, 2 1 1 @next, 2 1 1 @ca, 2 1 1 @root, 3 0 1 @leaf, 3 0 1 @next, "
                "3 0 1 @ca, 3 0 1 @root, 2 0 1 @ca" } } },
    { "an hour", "dane.ttl", OK, "1h", { { 0 } } },
    { "two days", "dane.ttl", WARN, "2d", { { TLSA, "secure ttl=172800 3 1 1 @leaf" } } },
    { "all hosts have DANE", "dane.all-mx", OK, "all MX hosts", { { 0 } } },
    { "no host has DANE", "dane.all-mx", NOT_SAID, "", { { TLSA, "secure nodata" } } },
    /* MTA-STS */
    { "a record", "sts.txt", OK, "has the id", { { 0 } } },
    { "no record, and a policy that nobody asks for", "sts.txt", WARN, "there is no record for MTA-STS", { { STS, "secure nodata" } } },
    { "no record before the policy is published", "sts.txt", INFO, "there is no record", { { STS, "secure nodata" }, { MEANT, "proposal" } } },
    { "no MTA-STS at all", "sts.txt", INFO, "has no MTA-STS",
      { { STS, "secure nxdomain" }, { MEANT, "no" }, { POLICY_A, "secure nxdomain" }, { POLICY_AAAA, "secure nxdomain" } } },
    { "two records", "sts.txt", CRIT, "several", { { STS, "secure v=STSv1; id=1; | secure v=STSv1; id=2;" } } },
    { "an id with a dash", "sts.txt", CRIT, "broken", { { STS, "secure v=STSv1; id=2026-01;" } } },
    { "an id that is too long", "sts.txt", CRIT, "broken", { { STS, "secure " LONG_ID } } },
    { "a lookup that failed is no absence", "sts.txt", UNKNOWN, "failed: SERVFAIL", { { STS, "tempfail SERVFAIL" } } },
    { "signatures of the record that do not hold", "sts.txt", CRIT, "do not hold", { { STS, "bogus expired" } } },
    { "nothing where it does not belong", "sts.txt-place", OK, "nothing", { { 0 } } },
    { "the record at the domain itself", "sts.txt-place", WARN, "at example.org itself", { { APEX, "secure v=STSv1; id=1;" } } },
    { "SPF at _mta-sts", "sts.txt-place", WARN, "SPF", { { STS, "secure v=spf1 -all" } } },
    { "the lookup of the domain's TXT failed", "sts.txt-place", UNKNOWN, "failed", { { APEX, "tempfail SERVFAIL" } } },
    { "text and id go together", "sts.id-step", OK, "belong together", { { 0 } } },
    { "the text is new, the id is old", "sts.id-step", WARN, "do not look again", { { STS, "secure v=STSv1; id=old;" } } },
    { "the id is new, the text is old", "sts.id-step", WARN, "serves another text", { { BODY, "version: STSv1\r\nmode: none\r\nmax_age: 86400\r\n" } } },
    { "neither is what is meant", "sts.id-step", WARN, "neither",
      { { BODY, "version: STSv1\r\nmode: none\r\nmax_age: 86400\r\n" }, { STS, "secure v=STSv1; id=old;" } } },
    { "before a proposal: what we serve gets out", "sts.id-step", OK, "what we do", { { MEANT, "proposal-served" } } },
    { "before a proposal: somebody else's text gets out", "sts.id-step", WARN, "another text than we do",
      { { MEANT, "proposal-served" }, { BODY, "version: STSv1\r\nmode: none\r\nmax_age: 86400\r\n" } } },
    { "no step without a policy", "sts.id-step", SKIPPED, "sts.https", { { FETCH, "connect" } } },
    { "no step without a record", "sts.id-step", SKIPPED, "sts.txt", { { STS, "secure nodata" } } },
    { "nothing is known of before", "sts.id-step", NOT_SAID, "", { { MEANT, "no" } } },
    { "what is meant is not known as text", "sts.id-step", NOT_SAID, "", { { MEANT, "configured" } } },
    { "all as before", "sts.id-step", OK, "what they were", { { MEANT, "no" }, { BEFORE, "same" } } },
    { "both have changed", "sts.id-step", OK, "both changed", { { MEANT, "no" }, { BEFORE, "other" } } },
    { "the text alone has changed", "sts.id-step", WARN, "has not", { { MEANT, "no" }, { BEFORE, "other-text" } } },
    { "the id alone has changed", "sts.id-step", INFO, "the text has not", { { MEANT, "no" }, { BEFORE, "other-id" } } },
    { "IPv4 and IPv6", "sts.host", OK, "IPv4 and IPv6", { { 0 } } },
    { "IPv4 only", "sts.host", INFO, "IPv4 addresses only", { { POLICY_AAAA, "secure nodata" } } },
    { "IPv6 only", "sts.host", WARN, "IPv6 addresses only", { { POLICY_A, "secure nodata" } } },
    { "no address, and a record that leads there", "sts.host", CRIT, "has no address", { { POLICY_A, "secure nodata" }, { POLICY_AAAA, "secure nodata" } } },
    { "no address of a policy that is to be tested", "sts.host", WARN, "has no address",
      { { POLICY_A, "secure nodata" }, { POLICY_AAAA, "secure nodata" }, { MEANT, "proposal" }, { MODE, "testing" } } },
    { "no address of a policy that is to be enforced", "sts.host", CRIT, "has no address",
      { { POLICY_A, "secure nodata" }, { POLICY_AAAA, "secure nodata" }, { MEANT, "proposal" } } },
    { "the lookup of the policy host failed", "sts.host", UNKNOWN, "failed", { { POLICY_A, "tempfail timeout" }, { POLICY_AAAA, "tempfail timeout" } } },
    { "a certificate that is accepted", "sts.https", OK, "accepted", { { 0 } } },
    { "a certificate for another name", "sts.https", CRIT, "refuse the certificate", { { POLICY_CHAIN, "other-name" }, { FETCH, "certificate" } } },
    { "a certificate that one of two bundles refuses", "sts.https", CRIT, "/etc/other.pem", { { PROGRAMS, "root,other" } } },
    { "no HTTPS", "sts.https", CRIT, "no HTTPS", { { FETCH, "tls" } } },
    { "not reached from here", "sts.https", UNKNOWN, "from this network", { { FETCH6, "connect" } } },
    { "no answer in time", "sts.https", UNKNOWN, "from this network", { { FETCH, "timeout" } } },
    { "not asked in time", "sts.https", UNKNOWN, "not asked in time", { { FETCH, "-" } } },
    { "a private address", "sts.https", CRIT, "nobody outside", { { POLICY_A, "secure 10.0.0.1" } } },
    { "no HTTPS without an address", "sts.https", SKIPPED, "sts.host", { { POLICY_A, "secure nodata" }, { POLICY_AAAA, "secure nodata" } } },
    { "two months to go", "sts.host-expiry", OK, "ends in 60d", { { 0 } } },
    { "ten days to go", "sts.host-expiry", WARN, "ends in 10d", { { POLICY_CHAIN, "ending" } } },
    { "expired", "sts.host-expiry", CRIT, "has expired", { { POLICY_CHAIN, "expired" }, { FETCH, "certificate" } } },
    { "no redirect", "sts.redirect", OK, "no redirect", { { 0 } } },
    { "a redirect", "sts.redirect", CRIT, "www.example.org", { { FETCH, "301" }, { LOCATION, "https://www.example.org/" } } },
    { "status 200", "sts.status", OK, "200", { { 0 } } },
    { "status 404", "sts.status", CRIT, "as it was scripted", { { FETCH, "404" } } },
    { "no response", "sts.status", CRIT, "no HTTP response", { { FETCH, "0" } } },
    { "a coding that nobody asked for", "sts.status", CRIT, "no policy comes of it", { { FETCH, "coding" } } },
    { "text/plain", "sts.type", OK, "text/plain", { { 0 } } },
    { "text/html", "sts.type", CRIT, "\"text/html\" instead", { { TYPE, "text/html" } } },
    { "no type", "sts.type", CRIT, "\"\" instead", { { TYPE, "" } } },
    { "a small policy", "sts.size", OK, "not more", { { 0 } } },
    { "a policy that does not end", "sts.size", CRIT, "more than 65536", { { FETCH, "long" } } },
    { "quick", "sts.slow", OK, "0.1 s", { { 0 } } },
    { "slow", "sts.slow", WARN, "3.5 s", { { TOOK, "3500" } } },
    { "no mistake", "sts.syntax", OK, "no mistake", { { 0 } } },
    { "a policy that is none", "sts.syntax", CRIT, "line 2", { { BODY, "version: STSv1\r\nmode: perhaps\r\nmax_age: 86400\r\n" } } },
    { "an oddity", "sts.syntax", WARN, "oddit", { { BODY, "version: STSv1\r\nmode: none\r\nmax_age: 86400\r\nmax_age: 86400\r\n" } } },
    { "no syntax of what is not served", "sts.syntax", SKIPPED, "sts.status", { { FETCH, "404" } } },
    { "no syntax of another type", "sts.syntax", SKIPPED, "sts.type", { { TYPE, "text/html" } } },
    { "no syntax of what does not end", "sts.syntax", SKIPPED, "sts.size", { { FETCH, "long" } } },
    { "no syntax behind a redirect", "sts.syntax", SKIPPED, "sts.redirect", { { FETCH, "302" } } },
    { "the same text everywhere", "sts.views", OK, "the same text", { { 0 } } },
    { "another text at the second address", "sts.views", WARN, "different texts", { { BODY6, "version: STSv1\r\nmode: none\r\nmax_age: 86400\r\n" } } },
    { "one view only", "sts.views", NOT_SAID, "", { { FETCH6, "connect" } } },
    { "enforce", "sts.mode", OK, "enforce", { { 0 } } },
    { "testing protects nothing", "sts.mode", INFO, "nothing is protected", { { MODE, "testing" } } },
    { "none", "sts.mode", INFO, "there is none", { { MODE, "none" }, { PATTERNS, "" } } },
    { "two weeks", "sts.max-age", OK, "1209600", { { 0 } } },
    { "a day, while testing", "sts.max-age", OK, "86400", { { MAX_AGE, "86400" }, { MODE, "testing" } } },
    { "a day at enforce", "sts.max-age", INFO, "two weeks", { { MAX_AGE, "86400" } } },
    { "an hour", "sts.max-age", WARN, "less than a day", { { MAX_AGE, "3600" } } },
    { "an hour in mode none is right", "sts.max-age", NOT_SAID, "", { { MAX_AGE, "3600" }, { MODE, "none" }, { PATTERNS, "" } } },
    { "the host is named", "sts.mx-cover", OK, "names mx.example.org", { { 0 } } },
    { "the host is one of a wildcard", "sts.mx-cover", OK, "names", { { PATTERNS, "*.example.org" } } },
    { "the host is not named under enforce", "sts.mx-cover", CRIT, "does not name mx.example.org", { { PATTERNS, "mail.example.org" } } },
    { "a wildcard that is too short", "sts.mx-cover", CRIT, "does not name", { { PATTERNS, "*.org" } } },
    { "the host is not named while testing", "sts.mx-cover", WARN, "does not name", { { PATTERNS, "mail.example.org" }, { MODE, "testing" } } },
    { "no host is known", "sts.mx-cover", SKIPPED, "mx.exists", { { MX, "tempfail SERVFAIL" } } },
    { "each pattern is needed", "sts.mx-extra", OK, "each pattern", { { 0 } } },
    { "one is not", "sts.mx-extra", INFO, "old.example.org", { { PATTERNS, "mx.example.org,old.example.org" } } },
    { "the host would pass", "sts.mx-cert", OK, "2 addresses", { { 0 } } },
    { "self-signed at one address", "sts.mx-cert", CRIT, "[2001:db8::1] would not pass", { { CHAIN6, "self" } } },
    { "one of two bundles refuses", "sts.mx-cert", CRIT, "/etc/other.pem", { { PROGRAMS, "root,other" } } },
    { "no STARTTLS", "sts.mx-cert", CRIT, "would not pass", { { PROBE, "no-starttls" } } },
    { "no STARTTLS at the second visit", "sts.mx-cert", CRIT, "not at the second", { { SECOND, "no-starttls" } } },
    { "expired, while testing", "sts.mx-cert", WARN, "would not pass", { { CHAIN, "expired" }, { MODE, "testing" } } },
    { "not reached", "sts.mx-cert", UNKNOWN, "is not known", { { PROBE6, "unreachable" } } },
    { "no address", "sts.mx-cert", SKIPPED, "mx.addr", { { A, "secure nodata" }, { AAAA, "secure nodata" } } },
    { "the exit clock runs, and all stays", "sts.exit", OK, "until", { { EXIT, "86400" } } },
    { "the exit clock runs, and the record is gone", "sts.exit", CRIT, "is gone", { { EXIT, "86400" }, { STS, "secure nxdomain" } } },
    { "the exit clock has run out", "sts.exit", NOT_SAID, "", { { EXIT, "-1" }, { STS, "secure nxdomain" } } },
    { "the exit clock runs, and the lookup failed", "sts.exit", OK, "until", { { EXIT, "86400" }, { STS, "tempfail SERVFAIL" } } },
    /* TLSRPT */
    { "a record", "rpt.txt", OK, "asks for reports", { { 0 } } },
    { "no record, and none is wanted", "rpt.txt", INFO, "there is no record", { { RPT, "secure nodata" }, { REPORTS, "no" } } },
    { "no record, and reports are wanted", "rpt.txt", WARN, "there is no record", { { RPT, "secure nodata" } } },
    { "two records", "rpt.txt", WARN, "several",
      { { RPT, "secure v=TLSRPTv1; rua=mailto:a@example.org | secure v=TLSRPTv1; rua=mailto:b@example.org" } } },
    { "a broken record", "rpt.txt", WARN, "broken", { { RPT, "secure v=TLSRPTv1; rua=nobody" } } },
    { "a lookup that failed is no absence", "rpt.txt", UNKNOWN, "failed", { { RPT, "tempfail SERVFAIL" } } },
    { "nothing where it does not belong", "rpt.txt-place", OK, "nothing", { { 0 } } },
    { "at the domain itself", "rpt.txt-place", WARN, "itself", { { APEX, "secure v=TLSRPTv1; rua=mailto:a@example.org" } } },
    { "mailto:", "rpt.scheme", OK, "can be used", { { 0 } } },
    { "ftp:", "rpt.scheme", WARN, "1 address", { { RPT, "secure v=TLSRPTv1; rua=mailto:a@example.org,ftp://example.org/" } } },
    { "one address", "rpt.count", OK, "1 address", { { 0 } } },
    { "two addresses", "rpt.count", INFO, "2 addresses", { { RPT, "secure v=TLSRPTv1; rua=mailto:a@example.org,mailto:b@example.org" } } },
};
#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

/* The worst first; what is skipped and what is well only where there is nothing else. */
static int badness(otr_check_status status)
{
    static const int order[] = { [SKIPPED] = 0, [OK] = 1, [INFO] = 2, [UNKNOWN] = 3, [WARN] = 4, [CRIT] = 5 };

    return order[status];
}

static const otr_check_result *find_worst(const otr_check_report *report, const char *id)
{
    const otr_check_result *worst = NULL;

    for (size_t i = 0; i < report->count; i++)
        if (strcmp(report->results[i].id, id) == 0 && (worst == NULL || badness(report->results[i].status) > badness(worst->status)))
            worst = &report->results[i];
    return worst;
}

/* True of any result of any scene. */
static const char *find_flaw(const otr_check_report *report)
{
    size_t counts[SKIPPED + 1] = { 0 };

    for (size_t i = 0; i < report->count; i++) {
        const otr_check_result *r = &report->results[i];

        counts[r->status]++;
        if (r->status != UNKNOWN && r->status != SKIPPED && badness(r->status) > badness(r->kind->worst))
            return "worse than the table permits";
        if (r->status == SKIPPED && otr_check_kind_of(r->found) == NULL)
            return "skipped because of nothing that there is";
        if (*r->message == '\0')
            return "says nothing";
        if (strpbrk(r->message, "\r\n") != NULL || strpbrk(r->found, "\r\n") != NULL)
            return "has more than one line";
        if (i > 0 && report->results[i - 1].kind > r->kind)
            return "is out of order";
    }
    return memcmp(counts, report->counts, sizeof(counts)) == 0 ? NULL : "is not counted";
}

static void test_rows(void **state)
{
    size_t failed = 0;

    (void)state;
    for (size_t i = 0; i < ROW_COUNT; i++) {
        const row *r = &rows[i];
        otr_check_report *report = scene_report(r->changes, CHANGES, OTR_CHECKS_ALL);
        const otr_check_result *got = find_worst(report, r->id);
        const char *flaw = find_flaw(report), *said = got == NULL ? "" : got->status == SKIPPED ? got->found : got->message;

        if (flaw != NULL || (got != NULL ? (int)got->status : NOT_SAID) != r->want || strstr(said, r->says) == NULL) {
            failed++;
            print_error("%s: %s: got %s \"%s\", want %s \"%s\"; %s\n", r->id, r->sentence,
                        got != NULL ? otr_check_status_names[got->status] : "nothing", said,
                        r->want != NOT_SAID ? otr_check_status_names[r->want] : "nothing", r->says, flaw != NULL ? flaw : "");
        }
        otr_check_report_free(report);
    }
    assert_int_equal(failed, 0);
}

/* A check without a row is a check that nobody has tried; that of a second host is below. */
static void test_every_check_has_its_rows(void **state)
{
    static const char *const elsewhere[] = { "dane.all-mx", "cert.root-program",
                                             "dnssec.ns-agree", "dnssec.sig-expiry", "dane.next" /* of guard and roll-over */ };
    size_t failed = 0;

    (void)state;
    for (size_t k = 0; k < otr_check_kind_count; k++) {
        const otr_check_kind *kind = &otr_check_kinds[k];
        bool is_good = false, is_worst = false;

        for (size_t i = 0; i < ROW_COUNT; i++) {
            is_good = is_good || (strcmp(rows[i].id, kind->id) == 0 && (rows[i].want == OK || (rows[i].want == INFO && kind->worst == INFO)));
            is_worst = is_worst || (strcmp(rows[i].id, kind->id) == 0 && rows[i].want == (int)kind->worst);
        }
        for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++)
            is_good = is_good || strcmp(kind->id, elsewhere[i]) == 0, is_worst = is_worst || strcmp(kind->id, elsewhere[i]) == 0;
        if (is_good && is_worst)
            continue;
        failed++;
        print_error("%s has no row in which %s\n", kind->id, is_good ? "it says the worst" : "all is well");
    }
    assert_int_equal(failed, 0);
}

/* The good domain has nothing but good things said of it. */
static void test_all_well(void **state)
{
    otr_check_report *report = scene_report(NULL, 0, OTR_CHECKS_ALL);

    (void)state;
    for (size_t i = 0; i < report->count; i++)
        if (report->results[i].status != OK && report->results[i].status != INFO)
            print_error("%s: %s\n", report->results[i].id, report->results[i].message);
    assert_int_equal(otr_check_report_worst(report, OTR_CHECKS_ALL), OK);
    assert_int_equal(report->counts[SKIPPED], 0);
    otr_check_report_free(report);
}

static void test_groups(void **state)
{
    (void)state;
    for (size_t g = 0; g < OTR_CHECK_GROUPS; g++) {
        otr_check_report *report = scene_report(NULL, 0, 1u << g);

        assert_true(report->count > 0);
        for (size_t i = 0; i < report->count; i++)
            assert_int_equal(report->results[i].kind->group, 1u << g);
        otr_check_report_free(report);
    }
}

/* A record that the plan of a roll-over has published ahead is not told among those that are left over; and the other way round. */
static void test_who_is_left_over(void **state)
{
    const scene_change changes[] = { { TLSA, "secure 3 1 1 @leaf, 3 1 1 @next, 3 1 1 @ca" }, { STAGED, "3 1 1 @next" } };
    otr_check_report *report = scene_report(changes, 2, OTR_CHECKS_DANE);
    const otr_check_result *stale = find_worst(report, "dane.stale"), *next = find_worst(report, "dane.rollover");

    (void)state;
    assert_null(strchr(stale->found, ','));
    assert_null(strchr(next->found, ','));
    assert_string_not_equal(stale->found, next->found);
    otr_check_report_free(report);
}

/* What a plan says is meant: all of it while it is under way, and nothing before and after. */
static void test_what_is_staged(void **state)
{
    otr_domain_facts *facts = otr_facts_new("example.org", 0);
    otr_rollover plan = { .pairs = { { .algorithm = "rsa", .current = "3 1 1 " HEX_A, .next = "3 1 1 " HEX_B },
                                     { .algorithm = "ecdsa", .current = "", .next = "3 1 1 " HEX_C } },
                          .pair_count = 2, .kept = { "3 1 1 " HEX_D }, .kept_count = 1, .issuers = { "2 1 1 " HEX_A }, .issuer_count = 1 };

    (void)state;
    for (int s = 0; s < OTR_ROLLOVER_STATE_COUNT; s++) {
        bool is_over = s == OTR_ROLLOVER_IDLE || s == OTR_ROLLOVER_TRIMMED;
        otr_host_facts host = { .host = "mx.example.org" };

        plan.state = (otr_rollover_state)s;
        assert_true(otr_staged_take(facts, &host, &plan));
        assert_int_equal(host.knows_staged, !is_over);
        assert_int_equal(host.staged_count, is_over ? 0 : 5);
        if (is_over)
            continue;
        assert_int_equal(host.staged[0].data[0], 0xbb);
        assert_int_equal(host.staged[1].data[31], 0xaa);
        assert_int_equal(host.staged[4].usage, 2);
        assert_false(otr_staged_add(facts, &host, "3 1 1 what"));
        assert_int_equal(host.staged_count, 5);
    }
    otr_facts_free(facts);
}

/* Enforce, PUB-07 ----------------------------------------------------------------------------------------------- */

static const struct {
    const char *sentence;
    otr_gate want;
    scene_change changes[CHANGES];
} gates[] = {
    { "all is well", OPEN, { { 0 } } },
    { "an MX that is not signed", OPEN, { { MX, "insecure 10 mx.example.org" } } },
    { "no record yet", OPEN, { { STS, "secure nxdomain" } } },
    { "no policy host yet", UNHEARD, { { STS, "secure nxdomain" }, { POLICY_A, "secure nxdomain" }, { POLICY_AAAA, "secure nxdomain" } } },
    { "the certificate of the policy host is for another name", UNHEARD, { { POLICY_CHAIN, "other-name" }, { FETCH, "certificate" } } },
    { "no HTTPS at one address of the policy host", UNHEARD, { { FETCH6, "tls" } } },
    { "the policy host leads elsewhere", UNHEARD, { { FETCH, "302" } } },
    { "the policy is not there", UNHEARD, { { FETCH, "404" } } },
    { "what is there is no policy", UNHEARD, { { BODY, "version: STSv1\r\nmode: perhaps\r\nmax_age: 86400\r\n" } } },
    { "mail comes first: no policy host, and no STARTTLS", SHUT, { { PROBE, "no-starttls" }, { FETCH, "404" } } },
    { "no policy host, and a host not reached", DUNNO, { { PROBE, "timeout" }, { FETCH, "404" } } },
    { "the policy host is not reached from here", OPEN, { { FETCH, "connect" } } },
    { "the policy host has IPv6 addresses only", OPEN, { { POLICY_A, "secure nodata" } } },
    { "the certificate of the policy host ends soon", OPEN, { { POLICY_CHAIN, "ended-soon" } } },
    { "the served policy names no host, the proposal does", OPEN, { { BODY, "version: STSv1\r\nmode: testing\r\nmx: a.example\r\nmax_age: 86400\r\n" } } },
    { "TLSA records that do not match are no matter of a policy", OPEN, { { TLSA, "secure 3 1 1 @next" } } },
    { "a host that the policy does not name", SHUT, { { PATTERNS, "mail.example.org" } } },
    { "no STARTTLS", SHUT, { { PROBE, "no-starttls" } } },
    { "no STARTTLS at one address", SHUT, { { PROBE6, "no-starttls" } } },
    { "no STARTTLS at the second visit", SHUT, { { SECOND, "no-starttls" } } },
    { "TLS 1.1", SHUT, { { VERSION, "TLSv1.1" } } },
    { "no handshake", SHUT, { { PROBE6, "tls-failed" } } },
    { "a certificate for another name", SHUT, { { CHAIN6, "other-name" } } },
    { "a certificate that one of two bundles refuses", SHUT, { { PROGRAMS, "root,other" } } },
    { "an expired certificate", SHUT, { { CHAIN, "expired" } } },
    { "a host without an address", SHUT, { { A, "secure nodata" }, { AAAA, "secure nodata" } } },
    { "a host with a private address", SHUT, { { A, "secure 10.0.0.1" } } },
    { "a domain that takes no mail", SHUT, { { MX, "secure 0 ." } } },
    { "a domain that does not exist", SHUT, { { MX, "secure nxdomain" } } },
    { "MX records whose signatures do not hold", SHUT, { { MX, "bogus expired" } } },
    { "not reached", DUNNO, { { PROBE, "timeout" } } },
    { "one address not reached", DUNNO, { { PROBE6, "unreachable" } } },
    { "not visited in time", DUNNO, { { PROBE6, "-" } } },
    { "nobody home at the second visit", DUNNO, { { SECOND, "closed" } } },
    { "MX lookup failed", DUNNO, { { MX, "tempfail SERVFAIL" } } },
    { "MX lookup not made", DUNNO, { { MX, "-" } } },
    { "one address lookup failed", DUNNO, { { AAAA, "tempfail SERVFAIL" } } },
    { "more hosts than are looked at", DUNNO, { { CUT, "hosts" } } },
    { "more addresses than are looked at", DUNNO, { { CUT, "addresses" } } },
    { "one host not reached and not named", SHUT, { { PROBE, "timeout" }, { PATTERNS, "mail.example.org" } } },
};

static void test_gate(void **state)
{
    static const char *const names[] = { "open", "shut", "unknown", "unheard" };
    size_t failed = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(gates) / sizeof(gates[0]); i++) {
        scene_change changes[CHANGES + 1] = { { MEANT, "proposal" } };
        otr_check_report *report;
        otr_gate got;
        size_t reasons = 0;

        memcpy(changes + 1, gates[i].changes, sizeof(gates[i].changes));
        report = scene_report(changes, CHANGES + 1, OTR_GATE_GROUPS);
        got = otr_gate_judge(report);
        for (size_t k = 0; k < report->count; k++)
            reasons += otr_gate_is_barred_by(&report->results[k]);
        if (got != gates[i].want || (reasons == 0) != (got == OPEN)) {
            failed++;
            print_error("%s: got %s with %zu reasons, want %s\n", gates[i].sentence, names[got], reasons, names[gates[i].want]);
        }
        otr_check_report_free(report);
    }
    assert_int_equal(failed, 0);
}

/* What bars nothing, and is told. */
static void test_what_the_gate_warns_of(void **state)
{
    static const struct {
        const char *sentence, *id; /* NULL: nothing */
        scene_change changes[CHANGES];
    } warnings[] = {
        { "all is well", NULL, { { 0 } } },
        { "the policy host is not reached from here", "sts.https", { { FETCH, "connect" } } },
        { "its lookup failed", "sts.host", { { POLICY_A, "tempfail timeout" }, { POLICY_AAAA, "tempfail timeout" } } },
        { "its certificate ends soon", "sts.host-expiry", { { POLICY_CHAIN, "ended-soon" } } },
        { "its addresses serve different texts", "sts.views", { { BODY6, "version: STSv1\r\nmode: none\r\nmax_age: 86400\r\n" } } },
        { "it serves another text than we do", "sts.id-step", { { MEANT, "proposal-served" }, { BODY, "version: STSv1\r\nmode: none\r\nmax_age: 86400\r\n" } } },
        { "it has IPv6 addresses only", NULL, { { POLICY_A, "secure nodata" } } },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(warnings) / sizeof(warnings[0]); i++) {
        scene_change changes[CHANGES + 1] = { { MEANT, "proposal-served" } };
        otr_check_report *report;
        size_t others = 0, wanted = 0;

        memcpy(changes + 1, warnings[i].changes, sizeof(warnings[i].changes));
        report = scene_report(changes, CHANGES + 1, OTR_GATE_GROUPS);
        assert_int_equal(otr_gate_judge(report), OPEN);
        for (size_t k = 0; k < report->count; k++) {
            bool is_wanted = warnings[i].id != NULL && strcmp(report->results[k].id, warnings[i].id) == 0;

            wanted += is_wanted && otr_gate_warns_of(&report->results[k]);
            others += !is_wanted && otr_gate_warns_of(&report->results[k]);
        }
        if (others > 0 || (wanted > 0) != (warnings[i].id != NULL))
            fail_msg("%s: %zu wanted, %zu others", warnings[i].sentence, wanted, others);
        otr_check_report_free(report);
    }
}

static int open_scene(void **state)
{
    (void)state;
    scene_open();
    return 0;
}

static int close_scene(void **state)
{
    (void)state;
    scene_close();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows), cmocka_unit_test(test_every_check_has_its_rows), cmocka_unit_test(test_all_well),
        cmocka_unit_test(test_groups), cmocka_unit_test(test_gate),
        cmocka_unit_test(test_what_the_gate_warns_of), cmocka_unit_test(test_who_is_left_over), cmocka_unit_test(test_what_is_staged),
    };

    return cmocka_run_group_tests(tests, open_scene, close_scene);
}
