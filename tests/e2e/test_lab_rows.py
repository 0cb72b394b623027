"""Rows of docs/conformance.md that need a whole internet and are no destination of the lab's table: what Exim and Postfix
make of certificates of every kind under an enforced policy, which SNI they send, and to whom a policy belongs.
"""

import itertools

import pytest

import conftest

MX, DOMAIN = "mx.sts-enforce.example", "sts-enforce.example"
serial = itertools.count(1)


@pytest.fixture(scope="module", name="daemon")
def the_daemon(build, lab):
    daemon = conftest.start_outrider(build, lab, for_mtas=True)
    with daemon:
        yield daemon
    conftest.stop_outrider(daemon)


@pytest.fixture(params=["exim", "postfix"])
def mta(request, daemon):
    server = request.getfixturevalue(request.param)

    def send(domain):
        """(outcome, the mail server's words, the recipient)"""
        recipient = f"{request.param}-row{next(serial)}@{domain}"
        delivery = server.send([recipient])[recipient]
        return delivery.outcome, delivery.reason, recipient

    return send


CERTIFICATES = {
    "PKIX-01 the mail domain only": ("lab domain", MX, "deferred"),
    "PKIX-01 another name": ("lab foreign", MX, "deferred"),
    "PKIX-04 another host of the domain": ("lab", "mx2.sts-enforce.example", "deferred"),
    "PKIX-05 a wildcard for one label": ("lab", "*.sts-enforce.example", "verified"),
    "PKIX-05 a wildcard in part of a label": ("lab", "m*.sts-enforce.example", "deferred"),
    "PKIX-05 a wildcard for a label below": ("lab", "*.mx.sts-enforce.example", "deferred"),
    "PKIX-06 letters of either case": ("lab", "MX.STS-Enforce.Example", "verified"),
    "PKIX-07 self-signed": ("self", MX, "deferred"),
    "PKIX-07 a CA that is not trusted": ("other", MX, "deferred"),
    "PKIX-07 a CA that is not trusted, sent along": ("private", MX, "deferred"),
    "PKIX-08 expired": ("lab expired", MX, "deferred"),
    "PKIX-08 not yet valid": ("lab future", MX, "deferred"),
}
# What a mail server does not check by itself, no answer can make it check (docs/trust-model.md).
LIMITS = {
    "PKIX-02 an e-mail address and an IP address only": ("lab no-dns", MX, {"exim": "deferred", "postfix": "verified"}),
    "PKIX-03 the name as Common Name only": ("lab cn-only", MX, {"exim": "deferred", "postfix": "verified"}),
    "PKIX-10 for TLS clients only": ("lab clients", MX, {"exim": "deferred", "postfix": "deferred"}),
}


@pytest.mark.parametrize("row", LIMITS)
def test_what_mail_servers_do_not_check(lab, mta, request, monkeypatch, row):
    kind, name, expected = LIMITS[row]
    monkeypatch.setattr(lab.mx[MX], "chain", lab.certs.issue(kind, name, DOMAIN))
    outcome, reason, _ = mta(DOMAIN)
    assert outcome == expected[request.node.callspec.params["mta"]], reason


@pytest.mark.parametrize("row", CERTIFICATES)
def test_certificates_under_an_enforced_policy(lab, mta, monkeypatch, row):
    kind, name, expected = CERTIFICATES[row]
    monkeypatch.setattr(lab.mx[MX], "chain", lab.certs.issue(kind, name, DOMAIN))
    outcome, reason, recipient = mta(DOMAIN)
    assert outcome == expected, reason
    assert bool(lab.mx[MX].deliveries(recipient)) == (expected != "deferred")


def test_a_certificate_of_another_host_that_the_policy_names(lab, mta, monkeypatch):
    """PKIX-04: patterns select hosts; a certificate that a pattern covers is still not this host's."""
    host = lab.mx["mx.sts-wildcard.example"]
    monkeypatch.setattr(host, "chain", lab.certs.issue("lab", "other.sts-wildcard.example"))
    outcome, reason, recipient = mta("sts-wildcard.example")
    assert outcome == "deferred", reason
    assert host.deliveries(recipient) == []


@pytest.mark.parametrize("row, domain, host", [
    ("PKIX-09", DOMAIN, MX), ("DANE-18", "dane-ee.example", "mx.dane-ee.example"),
    ("DANE-18, COMBO-10", "dane-beats-sts.example", "mx.dane-beats-sts.example")])
def test_sni_is_the_name_that_is_verified(lab, mta, row, domain, host):
    lab.mx[host].sessions.clear()
    outcome, reason, _ = mta(domain)
    assert outcome in ("verified", "dane"), f"{row}: {reason}"
    assert {session.sni for session in lab.mx[host].sessions} == {host}, row


def test_a_policy_is_for_its_own_domain_whatever_the_mx_host(lab, daemon, outrider):
    """SCOPE, STS-APPLY-10, DNS-11: not for another domain with the same MX host, an alias of the domain, or one below it."""
    other = outrider()
    with lab.records("plain-tls.example", "MX", [f"10 {MX}."]), lab.records("alias.plain-tls.example", "CNAME", [f"{DOMAIN}."]), \
            lab.records(f"below.{DOMAIN}", "MX", [f"10 {MX}."]):
        assert other.query(DOMAIN)["level"] == "secure"
        for name in ("plain-tls.example", "alias.plain-tls.example", f"below.{DOMAIN}"):
            found = other.query(name)
            assert [host["host"] for host in found["mx"]] == [MX], name
            assert (found["level"], found["sts"]["state"]) == ("may", "none"), name


def test_the_name_in_the_mx_record_is_matched_and_no_alias_target(lab, outrider):
    """STS-APPLY-01"""
    other = outrider()
    with lab.records("alias.plain-tls.example", "CNAME", [f"{MX}."]), \
            lab.records(DOMAIN, "MX", ["10 alias.plain-tls.example.", f"20 {MX.upper()}."]):
        hosts = other.query(DOMAIN)["mx"]
    assert [(host["host"], host["canonical"], host["sts_match"]) for host in hosts] == [
        ("alias.plain-tls.example", MX, False), (MX, MX, True)]
