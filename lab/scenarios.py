"""THE table: every destination of the lab, what is wrong with it, and what must come of mail to it.

A row here is a scenario in `make demo` and in the system tests; nothing else needs to be edited. The words are those
of model.py, the names of certificates those of certs.py, the manners of servers those of mxhost.py and policyhost.py.
Every destination is NAME.example, unless the row names another top-level domain.
"""

from lab.model import ABSENT, EXPIRED, LAME, UNSIGNED, Host, Scenario, Sts

DANE, VERIFIED, TRUSTED, ENCRYPTED, CLEAR = "dane", "verified", "trusted", "encrypted", "clear"
DEFERRED, BOUNCED = "deferred", "bounced"
SIGNED_HOST, PLAIN_HOST = "signed-host.example", "plain-host.example"

DANE_ROWS = [
    Scenario(
        "dane-ee", "DANE 3 1 1, self-signed certificate",
        hosts=(Host(cert="self", tlsa=("3 1 1",)),),
        level="dane-only", auth=("dane",), exim=DANE, postfix=VERIFIED, rows="M2 A1 T1 V01",
        why="the key is the one the TLSA record names"),
    Scenario(
        "dane-ee-expired", "DANE 3 1 1, certificate expired and for another name",
        hosts=(Host(cert="self expired foreign", tlsa=("3 1 1",)),),
        level="dane-only", auth=("dane",), exim=DANE, postfix=VERIFIED, rows="M2 A1 T1 V03",
        why="usage 3 looks at the key alone (RFC 7672 §3.1.1)"),
    Scenario(
        "dane-ee-mismatch", "DANE 3 1 1 for another key, certificate of a public CA",
        hosts=(Host(tlsa=("3 1 1 wrong",)),),
        level="dane-only", auth=("dane",), exim=DEFERRED, postfix=DEFERRED, rows="M2 A1 T1 V02",
        why="no public CA stands in for a TLSA record that does not match"),
    Scenario(
        "dane-ta", "DANE 2 1 1, certificate of a private CA",
        hosts=(Host(cert="private", tlsa=("2 1 1",)),),
        level="dane-only", auth=("dane",), exim=DANE, postfix=VERIFIED, rows="M2 A1 T1",
        why="the chain ends at the key the TLSA record names, the name is right"),
    Scenario(
        "dane-ta-full", "DANE 2 0 1, certificate of a private CA",
        hosts=(Host(cert="private", tlsa=("2 0 1",)),),
        level="dane-only", auth=("dane",), exim=DANE, postfix=VERIFIED, rows="M2 A1 T1",
        why="the chain ends at the certificate the TLSA record names"),
    Scenario(
        "dane-ta-mismatch", "DANE 2 1 1 for another CA",
        hosts=(Host(cert="private", tlsa=("2 1 1 wrong",)),),
        level="dane-only", auth=("dane",), exim=DEFERRED, postfix=DEFERRED, rows="M2 A1 T1",
        why="no certificate of the chain is the one named"),
    Scenario(
        "dane-ta-foreign", "DANE 2 0 1, certificate for another name",
        hosts=(Host(cert="private foreign", tlsa=("2 0 1",)),),
        level="dane-only", auth=("dane",), exim=DEFERRED, postfix=DEFERRED, rows="M2 A1 T1 V05",
        why="usage 2 includes the name (RFC 7672 §3.1.2)"),
    Scenario(
        "dane-ta-expired", "DANE 2 0 1, certificate expired",
        hosts=(Host(cert="private expired", tlsa=("2 0 1",)),),
        level="dane-only", auth=("dane",), exim=DEFERRED, postfix=DEFERRED, rows="M2 A1 T1 V06",
        why="usage 2 includes the dates"),
    Scenario(
        "dane-ta-rootless", "DANE 2 1 1, chain without its root",
        hosts=(Host(cert="private rootless", tlsa=("2 1 1",)),),
        level="dane-only", auth=("dane",), exim=DEFERRED, postfix=DEFERRED, rows="M2 A1 T1 V07",
        why="a digest of a CA nobody sent cannot be checked"),
    Scenario(
        "dane-rollover", "DANE 3 1 1 of an old key and 2 1 1",
        hosts=(Host(cert="private", tlsa=("3 1 1 wrong", "2 1 1")),),
        level="dane-only", auth=("dane",), exim=DANE, postfix=VERIFIED, rows="M2 A1 T1 V10",
        why="one matching record is enough"),
    Scenario(
        "dane-malformed", "DANE 3 1 1 cut short, and a good one",
        hosts=(Host(cert="self", tlsa=("3 1 1 short", "3 1 1")),),
        level="dane-only", auth=("dane",), exim=DANE, postfix=VERIFIED, rows="M2 A1 T1 V12",
        why="a malformed record is as if it were not there"),
    Scenario(
        "dane-no-starttls", "DANE 3 1 1, no STARTTLS",
        hosts=(Host(tlsa=("3 1 1",), server="no-starttls"),),
        level="dane-only", auth=("dane",), exim=DEFERRED, postfix=DEFERRED, rows="M2 A1 T1 V08",
        why="TLSA records promise TLS; somebody took STARTTLS away"),
    Scenario(
        "dane-broken-tls", "DANE 3 1 1, handshake breaks off",
        hosts=(Host(tlsa=("3 1 1",), server="breaks-handshake"),),
        level="dane-only", auth=("dane",), exim=DEFERRED, postfix=DEFERRED, rows="M2 A1 T1 V09",
        why="no way back to clear text"),
    Scenario(
        "dane-unusable", "only TLSA 1 1 1, self-signed certificate",
        hosts=(Host(cert="self", tlsa=("1 1 1 wrong",)),),
        level="encrypt", auth=("none",), exim=ENCRYPTED, postfix=ENCRYPTED, rows="M2 A1 T2 V13",
        why="records that cannot be used still promise TLS (RFC 7672 §2.2)"),
    Scenario(
        "dane-unusable-no-tls", "only TLSA 1 1 1, no STARTTLS",
        hosts=(Host(tlsa=("1 1 1",), server="no-starttls"),),
        level="encrypt", auth=("none",), exim=DEFERRED, postfix=DEFERRED, rows="M2 A1 T2 V14",
        why="TLS was promised"),
    Scenario(
        "dane-ipv6", "DANE 3 1 1, IPv6 only",
        hosts=(Host(cert="self", tlsa=("3 1 1",), families="6"),),
        level="dane-only", auth=("dane",), exim=DANE, postfix=VERIFIED, rows="M2 A1 T1",
        why="an AAAA record is an address, too"),
    Scenario(
        "bücher", "DANE 3 1 1, internationalised domain",
        hosts=(Host(cert="self", tlsa=("3 1 1",)),),
        level="dane-only", auth=("dane",), exim=DANE, postfix=VERIFIED, rows="M2 A1 T1",
        why="U-labels become A-labels before anything is looked up"),
    Scenario(
        "dane-optout", "DANE 3 1 1 below a TLD with NSEC3 opt-out", tld="optout",
        hosts=(Host(cert="self", tlsa=("3 1 1",)),),
        level="dane-only", auth=("dane",), exim=DANE, postfix=VERIFIED, rows="M2 A1 T1",
        why="opt-out concerns the unsigned neighbours only"),
]

DNSSEC_ROWS = [
    Scenario(
        "tlsa-servfail", "TLSA lookup fails",
        hosts=(Host(tlsa_fault="servfail"),),
        level="defer", auth=("none",), exim=DEFERRED, postfix=DEFERRED, rows="M2 A1 T3 V22",
        why="an attacker who blocks the lookup must not switch DANE off"),
    Scenario(
        "tlsa-bogus", "TLSA record forged",
        hosts=(Host(tlsa=("3 1 1",), tlsa_fault="bogus"),),
        level="defer", auth=("none",), exim=DEFERRED, postfix=DEFERRED, rows="M2 A1 T3",
        why="a signature that does not fit"),
    Scenario(
        "tlsa-bogus-sts", "TLSA record forged, MTA-STS enforce all good",
        hosts=(Host(tlsa=("3 1 1",), tlsa_fault="bogus"),), sts=Sts(),
        level="defer", auth=("none",), exim=DEFERRED, postfix=DEFERRED, rows="M2 A1 T3 S6 V23",
        why="MTA-STS is never the plan B for broken DANE"),
    Scenario(
        "signatures-expired", "DNSSEC signatures have lapsed", zone=EXPIRED,
        hosts=(Host(tlsa=("3 1 1",)),),
        level="defer", exim=DEFERRED, postfix=DEFERRED, rows="M9 V75",
        why="bogus is not insecure"),
    Scenario(
        "mx-bogus", "MX record forged", mx="bogus",
        level="defer", exim=DEFERRED, postfix=DEFERRED, rows="M9 V75",
        why="somebody wants our mail elsewhere"),
    Scenario(
        "mx-servfail", "name server refuses to answer", zone=LAME,
        level="defer", exim=DEFERRED, postfix=DEFERRED, rows="M8 V76",
        why="nothing is known, which is not nothing there"),
    Scenario(
        "address-bogus", "address of the MX host forged",
        hosts=(Host(address_fault="bogus"),),
        level="defer", auth=("none",), exim=DEFERRED, postfix=DEFERRED, rows="M2 A8 V30",
        why="no connection to a forged address"),
    Scenario(
        "null-mx", "null MX", mx="null", hosts=(),
        level="may", exim=BOUNCED, postfix=BOUNCED, rows="M4 V78",
        why="the domain takes no mail (RFC 7505)"),
    Scenario(
        "unregistered", "does not exist", zone=ABSENT, hosts=(),
        level="may", exim=BOUNCED, postfix=BOUNCED, rows="M7 V77",
        why="proven not to exist"),
    Scenario(
        "no-address", "MX host without an address",
        hosts=(Host(address_fault="absent"),),
        level="may", auth=("none",), exim=BOUNCED, postfix=BOUNCED, rows="M2 A4 V28",
        why="there is nowhere to connect to"),
]

SHAPE_ROWS = [
    Scenario(
        "implicit-mx", "no MX record, an address; no TLSA", mx="implicit",
        hosts=(Host(cert="self"),),
        level="may", auth=("none",), exim=ENCRYPTED, postfix=ENCRYPTED, rows="M6 A1 T4",
        why="the domain is its own mail host, and promises nothing"),
    Scenario(
        "implicit-mx-dane", "no MX record, an address with DANE 3 1 1", mx="implicit",
        hosts=(Host(cert="self", tlsa=("3 1 1",)),),
        level="dane-only", auth=("dane",), exim=DANE, postfix=VERIFIED, rows="M6 A1 T1 V79",
        why="the domain is its own mail host, with TLSA records"),
    Scenario(
        "hosted", "unsigned domain at a provider with DANE 3 1 1", zone=UNSIGNED,
        hosts=(Host(cert="self", provider=SIGNED_HOST, tlsa=("3 1 1",)),),
        level="dane", auth=("dane",), exim=ENCRYPTED, postfix=TRUSTED, rows="M3 A1 T1 V39",
        why="the host can prove itself, the MX record that names it cannot; Exim does DANE behind a signed MX only"),
    Scenario(
        "insecure-host", "signed domain at a provider without DNSSEC",
        hosts=(Host(cert="self", provider=PLAIN_HOST),),
        level="may", auth=("none",), exim=ENCRYPTED, postfix=ENCRYPTED, rows="M2 A7 V25",
        why="no TLSA record can be trusted below an unsigned address"),
    Scenario(
        "insecure-host-sts", "signed domain at a provider without DNSSEC, MTA-STS enforce",
        hosts=(Host(provider=PLAIN_HOST),), sts=Sts(),
        level="secure", auth=("sts",), exim=VERIFIED, postfix=VERIFIED, rows="M2 A7 S6 V26",
        why="where DANE cannot be, MTA-STS protects"),
    Scenario(
        "cname-expanded", "MX host is a CNAME, TLSA at its target",
        hosts=(Host(cert="self", alias=SIGNED_HOST, tlsa=("3 1 1",), tlsa_at_alias=True),),
        level="dane-only", auth=("dane",), exim=DANE, postfix=VERIFIED, rows="M2 A2 T1 V31",
        why="the expanded name is the first TLSA base domain"),
    Scenario(
        "cname-original", "MX host is a CNAME, TLSA at the MX name",
        hosts=(Host(cert="self", alias=SIGNED_HOST, tlsa=("3 1 1",)),),
        level="dane-only", auth=("dane",), exim=DEFERRED, postfix=VERIFIED, rows="M2 A2 T4 T1 V32",
        why="no records at the expanded name, so the original counts; Exim looks at the expanded name only and waits"),
    Scenario(
        "cname-insecure", "MX host is a CNAME into an unsigned zone, TLSA at the MX name",
        hosts=(Host(cert="self", alias=PLAIN_HOST, tlsa=("3 1 1",)),),
        level="dane-only", auth=("dane",), exim=DEFERRED, postfix=VERIFIED, rows="M2 A3 T1 V35",
        why="the CNAME is signed, so the records of its owner count; Exim wants a signed address and waits"),
    Scenario(
        "mixed", "two hosts, the first with DANE 3 1 1",
        hosts=(Host("mx1", 10, cert="self", tlsa=("3 1 1",)), Host("mx2", 20, cert="self")),
        level="dane", auth=("dane", "none"), exim=DANE, postfix=VERIFIED, rows="M2 A1 T1 T4",
        why="each host by its own records"),
    Scenario(
        "mixed-broken", "two hosts, the first with a wrong TLSA, the second without any or STARTTLS",
        hosts=(Host("mx1", 10, cert="self", tlsa=("3 1 1 wrong",)), Host("mx2", 20, server="no-starttls")),
        level="dane", auth=("dane", "none"), exim=CLEAR, postfix=CLEAR, rows="M2 A1 T1 T4 V66",
        why="a domain is as safe as its weakest host"),
    Scenario(
        "mixed-servfail", "two hosts, TLSA of the first fails, the second with DANE 3 1 1",
        hosts=(Host("mx1", 10, tlsa_fault="servfail"), Host("mx2", 20, cert="self", tlsa=("3 1 1",))),
        level="dane-only", auth=("none", "dane"), exim=DANE, postfix=VERIFIED, rows="M2 A1 T3 T1 V70",
        why="the host whose records are hidden is passed over"),
]

STS_ROWS = [
    Scenario(
        "sts-enforce", "MTA-STS enforce", zone=UNSIGNED, sts=Sts(),
        level="secure", auth=("sts",), exim=VERIFIED, postfix=VERIFIED, rows="M3 A7 S6 V45",
        why="listed host, certificate of a trusted CA for its name"),
    Scenario(
        "sts-self-signed", "MTA-STS enforce, self-signed MX", zone=UNSIGNED, sts=Sts(),
        hosts=(Host(cert="self"),),
        level="secure", auth=("sts",), exim=DEFERRED, postfix=DEFERRED, rows="M3 A7 S6",
        why="no trusted CA vouches for the certificate"),
    Scenario(
        "sts-other-ca", "MTA-STS enforce, MX certificate of an unknown CA", zone=UNSIGNED, sts=Sts(),
        hosts=(Host(cert="other"),),
        level="secure", auth=("sts",), exim=DEFERRED, postfix=DEFERRED, rows="M3 A7 S6",
        why="no trusted CA vouches for the certificate"),
    Scenario(
        "sts-expired", "MTA-STS enforce, MX certificate expired", zone=UNSIGNED, sts=Sts(),
        hosts=(Host(cert="lab expired"),),
        level="secure", auth=("sts",), exim=DEFERRED, postfix=DEFERRED, rows="M3 A7 S6 V48",
        why="dates count"),
    Scenario(
        "sts-wrong-name", "MTA-STS enforce, MX certificate for another name", zone=UNSIGNED, sts=Sts(),
        hosts=(Host(cert="lab foreign"),),
        level="secure", auth=("sts",), exim=DEFERRED, postfix=DEFERRED, rows="M3 A7 S6 V49",
        why="the certificate must bear the name of the MX host"),
    Scenario(
        "sts-unlisted", "MTA-STS enforce, the only MX is not listed", zone=UNSIGNED,
        sts=Sts(mx=("mail.{domain}",)),
        level="secure", auth=("none",), exim=DEFERRED, postfix=DEFERRED, rows="M3 A7 S6 V46",
        why="a host the policy does not name gets no mail, whatever its certificate"),
    Scenario(
        "sts-second-listed", "MTA-STS enforce, only the second MX is listed", zone=UNSIGNED,
        hosts=(Host("mx1", 10), Host("mx2", 20)), sts=Sts(mx=("mx2.{domain}",)),
        level="secure", auth=("none", "sts"), exim=VERIFIED, postfix=VERIFIED, rows="M3 A7 S6",
        why="the unlisted host is passed over"),
    Scenario(
        "sts-wildcard", "MTA-STS enforce, mx: *.sts-wildcard.example", zone=UNSIGNED,
        sts=Sts(mx=("*.{domain}",)),
        level="secure", auth=("sts",), exim=VERIFIED, postfix=VERIFIED, rows="M3 A7 S6",
        why="a wildcard stands for one label"),
    Scenario(
        "sts-no-starttls", "MTA-STS enforce, no STARTTLS", zone=UNSIGNED, sts=Sts(),
        hosts=(Host(server="no-starttls"),),
        level="secure", auth=("sts",), exim=DEFERRED, postfix=DEFERRED, rows="M3 A7 S6 V47",
        why="somebody took STARTTLS away"),
    Scenario(
        "sts-refuses-starttls", "MTA-STS enforce, STARTTLS refused", zone=UNSIGNED, sts=Sts(),
        hosts=(Host(server="refuses-starttls"),),
        level="secure", auth=("sts",), exim=DEFERRED, postfix=DEFERRED, rows="M3 A7 S6",
        why="454 is no permission to go on in clear"),
    Scenario(
        "sts-testing", "MTA-STS testing, self-signed MX", zone=UNSIGNED, sts=Sts(mode="testing"),
        hosts=(Host(cert="self"),),
        level="may", auth=("none",), exim=ENCRYPTED, postfix=ENCRYPTED, rows="M3 A7 S6 V52",
        why="testing reports and does not stop mail"),
    Scenario(
        "sts-testing-clear", "MTA-STS testing, MX not listed and without STARTTLS", zone=UNSIGNED,
        hosts=(Host(server="no-starttls"),), sts=Sts(mode="testing", mx=("mail.{domain}",)),
        level="may", auth=("none",), exim=CLEAR, postfix=CLEAR, rows="M3 A7 S6 V51",
        why="testing reports and does not stop mail"),
    Scenario(
        "sts-none", "MTA-STS none, no STARTTLS", zone=UNSIGNED, sts=Sts(mode="none"),
        hosts=(Host(server="no-starttls"),),
        level="may", auth=("none",), exim=CLEAR, postfix=CLEAR, rows="M3 A7 S6 V53",
        why="the domain has withdrawn its policy"),
]


def no_policy(name, has, rows="S7", **sts):
    """A destination whose policy cannot be had: its MX host would fail under one, so delivery shows that none applies."""
    return Scenario(name, has, zone=UNSIGNED, hosts=(Host(cert="self"),), sts=Sts(**sts),
                    level="may", auth=("none",), exim=ENCRYPTED, postfix=ENCRYPTED, rows=f"M3 A7 {rows}",
                    why="no policy was ever had, so none applies (RFC 8461 §3.3)")


NO_POLICY_ROWS = [
    no_policy("policy-404", "MTA-STS record, policy host says 404", server="404"),
    no_policy("policy-redirect", "MTA-STS record, policy host redirects", server="redirect"),
    no_policy("policy-wrong-name", "MTA-STS record, policy host's certificate for another name", cert="lab foreign"),
    no_policy("policy-self-signed", "MTA-STS record, policy host self-signed", cert="self"),
    no_policy("policy-expired", "MTA-STS record, policy host's certificate expired", cert="lab expired"),
    no_policy("policy-other-ca", "MTA-STS record, policy host's certificate of an unknown CA", cert="other"),
    no_policy("policy-slow", "MTA-STS record, policy arrives an octet a second", server="slow"),
    no_policy("policy-oversized", "MTA-STS record, policy of 100 KiB", server="oversized"),
    no_policy("policy-malformed", "MTA-STS record, policy without a mode", "S9", server="malformed"),
    no_policy("policy-html", "MTA-STS record, policy as text/html", server="html"),
    no_policy("policy-unreachable", "MTA-STS record, policy host hangs up", server="unreachable"),
    no_policy("record-two", "two MTA-STS records", "S1", records=("v=STSv1; id=1;", "v=STSv1; id=2;")),
    no_policy("record-invalid", "MTA-STS record without an id", "S1", records=("v=STSv1; max_age=86400;",)),
    no_policy("record-servfail", "lookup of the MTA-STS record fails", "S3 V58", record_fault="servfail"),
]

BOTH_ROWS = [
    Scenario(
        "dane-and-sts", "DANE 3 1 1 and MTA-STS enforce, all good",
        hosts=(Host(tlsa=("3 1 1",)),), sts=Sts(),
        level="dane-only", auth=("dane",), exim=DANE, postfix=VERIFIED, rows="M2 A1 T1 S6",
        why="DANE comes first"),
    Scenario(
        "dane-beats-sts", "DANE 3 1 1 and MTA-STS enforce, self-signed certificate",
        hosts=(Host(cert="self", tlsa=("3 1 1",)),), sts=Sts(),
        level="dane-only", auth=("dane",), exim=DANE, postfix=VERIFIED, rows="M2 A1 T1 S6 V62",
        why="no public CA is asked where TLSA records decide"),
    Scenario(
        "dane-wrong-sts-good", "DANE 3 1 1 for another key, MTA-STS enforce all good",
        hosts=(Host(tlsa=("3 1 1 wrong",)),), sts=Sts(),
        level="dane-only", auth=("dane",), exim=DEFERRED, postfix=DEFERRED, rows="M2 A1 T1 S6 V63",
        why="MTA-STS does not override a failing DANE (RFC 8461 §2)"),
    Scenario(
        "dane-sts-testing", "DANE 3 1 1 for another key, MTA-STS testing",
        hosts=(Host(tlsa=("3 1 1 wrong",)),), sts=Sts(mode="testing"),
        level="dane-only", auth=("dane",), exim=DEFERRED, postfix=DEFERRED, rows="M2 A1 T1 S6 V64",
        why="a policy in testing does not soften DANE"),
    Scenario(
        "dane-sts-unlisted", "DANE 3 1 1, MTA-STS enforce that does not list the host",
        hosts=(Host(tlsa=("3 1 1",)),), sts=Sts(mx=("mail.{domain}",)),
        level="dane-only", auth=("dane",), exim=DANE, postfix=VERIFIED, rows="M2 A1 T1 S6 V65",
        why="behind a signed MX record, DANE alone decides"),
    Scenario(
        "unusable-sts", "only TLSA 3 1 9, MTA-STS enforce all good",
        hosts=(Host(tlsa=("3 1 9",)),), sts=Sts(),
        level="secure", auth=("sts",), exim=VERIFIED, postfix=VERIFIED, rows="M2 A1 T2 S6 V15",
        why="unusable records are neither success nor failure, the policy still counts"),
    Scenario(
        "unusable-sts-bad", "only TLSA 3 1 9, MTA-STS enforce, self-signed MX",
        hosts=(Host(cert="self", tlsa=("3 1 9",)),), sts=Sts(),
        level="secure", auth=("sts",), exim=DEFERRED, postfix=DEFERRED, rows="M2 A1 T2 S6 V16",
        why="unusable records are neither success nor failure, the policy still counts"),
    Scenario(
        "mixed-sts", "two hosts under MTA-STS enforce, the first with DANE 3 1 1",
        hosts=(Host("mx1", 10, cert="self", tlsa=("3 1 1",)), Host("mx2", 20)), sts=Sts(),
        level="dane-only", auth=("dane", "sts"), exim=DANE, postfix=VERIFIED, rows="M2 A1 T1 T4 S6",
        why="each host by its own promise"),
    Scenario(
        "mixed-sts-broken", "two hosts under MTA-STS enforce, the first with a wrong TLSA",
        hosts=(Host("mx1", 10, tlsa=("3 1 1 wrong",)), Host("mx2", 20)), sts=Sts(),
        level="dane-only", auth=("dane", "sts"), exim=VERIFIED, postfix=DEFERRED, rows="M2 A1 T1 T4 S6 V67",
        why="the second host is safe by the policy; Postfix has one level for both hosts and waits for the first"),
]

NOTHING_ROWS = [
    Scenario(
        "plain-tls", "nothing; self-signed MX", zone=UNSIGNED, hosts=(Host(cert="self"),),
        level="may", auth=("none",), exim=ENCRYPTED, postfix=ENCRYPTED, rows="M3 A7 S1",
        why="opportunistic TLS"),
    Scenario(
        "plain-clear", "nothing; no STARTTLS", zone=UNSIGNED, hosts=(Host(server="no-starttls"),),
        level="may", auth=("none",), exim=CLEAR, postfix=CLEAR, rows="M3 A7 S1",
        why="mail goes as it went in 1995"),
    Scenario(
        "plain-refuses", "nothing; STARTTLS refused", zone=UNSIGNED, hosts=(Host(server="refuses-starttls"),),
        level="may", auth=("none",), exim=CLEAR, postfix=CLEAR, rows="M3 A7 S1",
        why="opportunistic: a refusal is no failure"),
    Scenario(
        "plain-broken-tls", "nothing; handshake breaks off", zone=UNSIGNED, hosts=(Host(server="breaks-handshake"),),
        level="may", auth=("none",), exim=CLEAR, postfix=DEFERRED, rows="M3 A7 S1",
        why="opportunistic: after a failed handshake clear text is allowed; Postfix does that from its second try on"),
    Scenario(
        "signed-plain", "signed, but no TLSA; self-signed MX", hosts=(Host(cert="self"),),
        level="may", auth=("none",), exim=ENCRYPTED, postfix=ENCRYPTED, rows="M2 A1 T4 S1 V18",
        why="it is proven that nothing is promised"),
    Scenario(
        "optout-plain", "unsigned, below a TLD with NSEC3 opt-out", tld="optout", zone=UNSIGNED,
        hosts=(Host(cert="self"),),
        level="may", auth=("none",), exim=ENCRYPTED, postfix=ENCRYPTED, rows="M3 A7 S1",
        why="an opt-out span proves an insecure delegation"),
    Scenario(
        "unsigned-tld", "below a TLD without DNSSEC", tld="plain", zone=UNSIGNED, hosts=(Host(cert="self"),),
        level="may", auth=("none",), exim=ENCRYPTED, postfix=ENCRYPTED, rows="M3 A7 S1",
        why="insecure by its top-level domain"),
]

SCENARIOS = (*DANE_ROWS, *DNSSEC_ROWS, *SHAPE_ROWS, *STS_ROWS, *NO_POLICY_ROWS, *BOTH_ROWS, *NOTHING_ROWS)
