"""The lab itself: is its internet what the table says? Without this, a green demo might mean a broken lab."""

import http.client
import smtplib
import socket
import ssl
import subprocess
import time

import dns.flags
import dns.rcode
import dns.rdatatype
import pytest

from lab import certs, delivery, exim, model, mxhost, nameservers, outrider, policyhost, postfix, scenarios, zones
from lab.scenarios import SCENARIOS

NAMES = [row.name for row in SCENARIOS]


def look(name, rtype):
    """What a validating resolver says: "secure", "insecure", "servfail", "nxdomain"; and the number of such records."""
    answer = nameservers.ask(name, rtype)
    if answer.rcode() == dns.rcode.SERVFAIL:
        return "servfail", 0
    if answer.rcode() == dns.rcode.NXDOMAIN:
        return "nxdomain", 0
    records = sum(len(rrset) for rrset in answer.answer if rrset.rdtype == dns.rdatatype.from_text(rtype))
    return "secure" if nameservers.is_authentic(answer) else "insecure", records


# --- the table ------------------------------------------------------------------------------------------------


def test_the_table_is_large_enough_and_speaks_the_words_of_the_model():
    assert len(SCENARIOS) >= 30
    assert len(set(NAMES)) == len(NAMES)
    for row in SCENARIOS:
        assert row.exim in model.EXIM_OUTCOMES and row.postfix in model.POSTFIX_OUTCOMES, row.name
        assert not row.auth or len(row.auth) == len(row.hosts), row.name
        for host in row.hosts:
            assert host.server in mxhost.MANNERS, row.name
        if row.sts:
            assert row.sts.server in policyhost.MANNERS, row.name


@pytest.mark.parametrize("row", SCENARIOS, ids=NAMES)
def test_dns_says_what_the_table_says(lab, row):
    """MX, address and TLSA of each destination, as the lab's validating resolver sees them."""
    expected = {model.SIGNED: "secure", model.UNSIGNED: "insecure", model.EXPIRED: "servfail", model.LAME: "servfail",
                model.ABSENT: "nxdomain"}[row.zone]
    if row.mx == "bogus":
        expected = "servfail"
    assert look(row.domain, "MX")[0] == expected
    if expected == "servfail":
        return
    for host in row.hosts:
        state, count = look(row.host_name(host), "AAAA" if host.families == "6" else "A")
        if host.address_fault == "bogus":
            assert state == "servfail"
        elif host.address_fault == "absent":
            assert count == 0
        else:
            zone = model.PROVIDERS.get(host.alias or host.provider, row.zone)
            assert (state, count) == ("secure" if zone == model.SIGNED else "insecure", 1)
        owner = row.expanded_name(host) if host.tlsa_at_alias else row.host_name(host)
        state, count = look(f"_25._tcp.{owner}", "TLSA")
        if host.tlsa_fault:
            assert state == "servfail"
        else:
            assert count == len(host.tlsa)


@pytest.mark.parametrize("row", [row for row in SCENARIOS if row.sts], ids=lambda row: row.name)
def test_the_sts_record_is_what_the_table_says(lab, row):
    state, count = look(f"_mta-sts.{row.domain}", "TXT")
    assert (state == "servfail") == bool(row.sts.record_fault)
    assert count == (0 if row.sts.record_fault else len(row.sts.records))


def test_bogus_data_is_there_but_not_believed(lab):
    """SERVFAIL comes from validation alone: with checking disabled the forged record is in the answer."""
    question = dns.message.make_query("mx-bogus.example", "MX", want_dnssec=True)
    question.flags |= dns.flags.CD
    answer = dns.query.udp(question, nameservers.RESOLVER, timeout=5)
    assert answer.rcode() == dns.rcode.NOERROR and answer.answer
    assert look("mx-bogus.example", "MX") == ("servfail", 0)


def test_a_record_can_be_changed_and_comes_back(lab):
    owner = "_mta-sts.sts-enforce.example"
    with lab.records(owner, "TXT", [zones.quoted("v=STSv1; id=changed;"), zones.quoted("another")]):
        assert look(owner, "TXT") == ("insecure", 2)
    with lab.records(owner, "TXT", []):
        assert look(owner, "TXT")[1] == 0
    assert look(owner, "TXT") == ("insecure", 1)


def test_a_record_can_be_forged_and_comes_back(lab):
    with lab.forged("dane-ee.example", "MX", "10 mx.attacker.example."):
        assert look("dane-ee.example", "MX") == ("servfail", 0)
    assert look("dane-ee.example", "MX") == ("secure", 1)


def test_the_resolver_can_go_and_come_back(lab):
    with lab.outage():
        with pytest.raises((OSError, dns.exception.Timeout)):
            nameservers.ask("dane-ee.example", "MX", timeout=0.2)
    assert look("dane-ee.example", "MX") == ("secure", 1)


# --- policy hosts ---------------------------------------------------------------------------------------------


def get_policy(lab, name, timeout=5):
    """GET with the certificate checked as the public would: the lab's CA, the name, the dates."""
    context = ssl.create_default_context(cafile=lab.certs.bundle)
    connection = http.client.HTTPSConnection(name, timeout=timeout, context=context)
    try:
        connection.request("GET", policyhost.PATH)
        response = connection.getresponse()
        return response, response.read(200_000)
    finally:
        connection.close()


def first_fetch_error(lab, name):
    try:
        get_policy(lab, name, timeout=1.5)
    except ssl.SSLCertVerificationError as error:
        return error.verify_message
    except (OSError, http.client.HTTPException) as error:
        return type(error).__name__
    return ""


def test_a_good_policy_host(lab):
    response, body = get_policy(lab, "mta-sts.sts-enforce.example")
    assert response.status == 200 and response.getheader("Content-Type") == "text/plain"
    assert body == b"version: STSv1\r\nmode: enforce\r\nmx: mx.sts-enforce.example\r\nmax_age: 86400\r\n"
    assert lab.policies["mta-sts.sts-enforce.example"].requests[-1] == (policyhost.PATH, "mta-sts.sts-enforce.example")


@pytest.mark.parametrize("name, status", [("policy-404", 404), ("policy-redirect", 301), ("policy-html", 200),
                                          ("policy-malformed", 200), ("policy-oversized", 200)])
def test_policy_hosts_with_something_wrong_in_the_answer(lab, name, status):
    response, body = get_policy(lab, f"mta-sts.{name}.example")
    assert response.status == status
    assert response.getheader("Content-Type").startswith("text/html") == (name in ("policy-html", "policy-404"))
    assert (b"mode:" in body) == (name in ("policy-html", "policy-oversized"))
    assert (len(body) > 65536) == (name == "policy-oversized")
    assert bool(response.getheader("Location")) == (name == "policy-redirect")


@pytest.mark.parametrize("name, error", [
    ("policy-self-signed", "self-signed certificate"),
    ("policy-expired", "certificate has expired"),
    ("policy-other-ca", "unable to get local issuer certificate"),
    ("policy-wrong-name", "Hostname mismatch"),
    ("policy-unreachable", "Error"),
])
def test_policy_hosts_that_cannot_be_reached_safely(lab, name, error):
    assert error in first_fetch_error(lab, f"mta-sts.{name}.example")


def test_the_slow_policy_host_is_slow_octet_by_octet(lab):
    """No idle timeout catches it, only a limit on the whole."""
    begin, gaps = time.monotonic(), []
    context = ssl.create_default_context(cafile=lab.certs.bundle)
    connection = http.client.HTTPSConnection("mta-sts.policy-slow.example", timeout=5, context=context)
    connection.request("GET", policyhost.PATH)
    response = connection.getresponse()
    while len(gaps) < 2:
        assert len(response.read(1)) == 1
        gaps.append(time.monotonic() - begin)
    connection.close()
    assert 0.9 < gaps[1] - gaps[0] < 2


@pytest.mark.parametrize("server", ["500", "silent", "endless", "bomb"])
def test_a_policy_host_changes_its_manners_at_once(lab, monkeypatch, server):
    """Manners that no row of the table has; tests of the fetcher use them."""
    monkeypatch.setattr(lab.policies["mta-sts.sts-enforce.example"], "server", server)
    if server == "silent":
        assert first_fetch_error(lab, "mta-sts.sts-enforce.example") == "TimeoutError"
        return
    response, body = get_policy(lab, "mta-sts.sts-enforce.example")
    assert response.status == (500 if server == "500" else 200)
    assert (len(body) == 200_000) == (server == "endless")
    assert (response.getheader("Content-Encoding") == "gzip") == (server == "bomb")


# --- mail servers ---------------------------------------------------------------------------------------------


def smtp_session(lab, name):
    """Speak to an MX host: (offers STARTTLS, reply code or error of STARTTLS, the certificate)."""
    with smtplib.SMTP(name, 25, local_hostname="sender.example", timeout=5) as client:
        client.ehlo()
        if not client.has_extn("starttls"):
            return False, None, None
        context = ssl._create_unverified_context()
        try:
            code, _ = client.starttls(context=context)
        except (OSError, smtplib.SMTPException) as error:
            return True, error.smtp_code if isinstance(error, smtplib.SMTPResponseException) else "broken", None
        return True, code, client.sock.getpeercert(binary_form=True)


@pytest.mark.parametrize("name, offers, code", [("sts-enforce", True, 220), ("plain-clear", False, None),
                                                ("plain-refuses", True, 454), ("plain-broken-tls", True, "broken"),
                                                ("dane-ipv6", True, 220)])
def test_the_manners_of_mail_servers(lab, name, offers, code):
    got_offers, got_code, certificate = smtp_session(lab, f"mx.{name}.example")
    assert (got_offers, got_code) == (offers, code)
    assert (certificate is not None) == (code == 220)


def test_a_mail_server_that_is_down(lab, monkeypatch):
    monkeypatch.setattr(lab.mx["mx.plain-tls.example"], "server", "down")
    with pytest.raises((smtplib.SMTPServerDisconnected, OSError)):
        smtp_session(lab, "mx.plain-tls.example")


def test_sessions_are_written_down(lab):
    """With SNI, and with what was said in clear kept apart from what was said in TLS."""
    host = lab.mx["mx.sts-enforce.example"]
    with smtplib.SMTP(host.name, 25, local_hostname="sender.example", timeout=5) as client:
        client.ehlo()
        client.mail("someone@sender.example")
        client.rcpt("clear@sts-enforce.example")
        client.starttls(context=ssl.create_default_context(cafile=lab.certs.bundle))
        client.sendmail("someone@sender.example", ["secret@sts-enforce.example"], "Subject: x\r\n\r\nx\r\n")
    session = host.sessions[-1]
    assert session.ehlo == "sender.example" and session.sni == host.name and session.tls == "TLSv1.3"
    assert host.deliveries("secret@sts-enforce.example") == ["TLSv1.3"]
    assert host.deliveries("clear@sts-enforce.example") == []


def test_tlsa_records_match_the_certificates_they_should(lab):
    """A digest taken here from what the server sends, against what DNS says."""
    import hashlib
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
    for name in ("dane-ee", "dane-ee-mismatch"):
        certificate = x509.load_der_x509_certificate(smtp_session(lab, f"mx.{name}.example")[2])
        key = certificate.public_key().public_bytes(serialization.Encoding.DER,
                                                    serialization.PublicFormat.SubjectPublicKeyInfo)
        answer = nameservers.ask(f"_25._tcp.mx.{name}.example", "TLSA")
        published = next(rrset for rrset in answer.answer if rrset.rdtype == dns.rdatatype.TLSA)[0].cert
        assert (published == hashlib.sha256(key).digest()) == (name == "dane-ee")


def test_certificates_are_asked_for_in_words(tmp_path):
    made = certs.Certificates(str(tmp_path))
    with pytest.raises(ValueError):
        made.issue("lab misspelt", "mx.example")
    assert len(made.issue("private", "mx.example").certificates) == 2
    assert len(made.issue("private rootless", "mx.example").certificates) == 1


# --- the lab keeps to itself, and its tools read logs right -----------------------------------------------------


def test_nothing_of_the_machine_outside_is_reachable(lab):
    """Only the loopback device, and no route beyond the lab."""
    links = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout
    assert len(links.splitlines()) == 1
    with pytest.raises(OSError):
        socket.create_connection(("9.9.9.9", 53), timeout=1)


@pytest.mark.parametrize("lines, expected", [
    (["=> x@a.example R=outrider T=outrider_smtp H=mx.a.example [203.0.113.1] "
      "X=TLS1.3:ECDHE_X25519__AES_256_GCM:256 CV=dane SNI=\"mx.a.example\" C=\"250 taken\""], "dane"),
    (["=> x@a.example R=outrider T=outrider_smtp H=mx.a.example [203.0.113.1] X=TLS1.3:x:256 CV=no"], "encrypted"),
    (["=> x@a.example R=outrider T=outrider_smtp H=mx.a.example [203.0.113.1] C=\"250 ok\""], "clear"),
    (["H=mx1.a.example [203.0.113.1] TLS session: (certificate verification failed)",
      "== x@a.example R=outrider T=outrider_smtp defer (-37): certificate invalid"], "deferred"),
    (["** x@a.example: Unrouteable address"], "bounced"),
    (["=> other@a.example R=outrider T=outrider_smtp H=mx [203.0.113.1]"], None),
])
def test_reading_exims_log(lines, expected):
    found = exim.outcome("x@a.example", ["2026-01-01 00:00:00 1a-2b-3c " + line for line in lines])
    assert (found.outcome if found else None) == expected


PID = "Jan  1 00:00:00 sender postfix/smtp[7]: "
DELAYS = "delay=0.1, delays=0/0/0/0"


@pytest.mark.parametrize("lines, expected", [
    (["Verified TLS connection established to mx.a.example[203.0.113.1]:25: TLSv1.3 with cipher x",
      "4bX: to=<x@a.example>, relay=mx.a.example[203.0.113.1]:25, " + DELAYS + ", dsn=2.0.0, status=sent (250 ok)"],
     "verified"),
    (["Untrusted TLS connection established to mx1.a.example[203.0.113.1]:25: TLSv1.3 with cipher x",
      "4bX: to=<x@a.example>, relay=mx2.a.example[203.0.113.2]:25, " + DELAYS + ", dsn=2.0.0, status=sent (250 ok)"],
     "clear"),
    (["warning: socketmap server refused",
      "4bX: to=<x@a.example>, relay=none, " + DELAYS + ", dsn=4.7.5, status=deferred (client TLS problem)"], "deferred"),
])
def test_reading_postfix_log(lines, expected):
    reader = postfix.LogReader()
    found = [reader.take(PID + line) for line in lines]
    assert found[-1].outcome == expected and found[:-1] == [None] * (len(lines) - 1)


def test_a_mail_server_that_lies_is_found_out():
    """The log says encrypted, the MX host saw clear text."""
    host = mxhost.MxHost("mx.a.example")
    host.sessions.append(mxhost.Session("mx.a.example", recipients=[("x@a.example", "")], messages=1))

    class World:
        mx = {host.name: host}

    def verdict(outcome):
        return delivery.contradiction(delivery.Delivery("x@a.example", outcome), World)

    assert verdict("clear") == ""
    assert "no TLS" in verdict("verified")
    assert "took the message" in verdict("deferred")


def test_configurations_are_rendered_in_libconfuse_syntax():
    settings = outrider.merge({"dns": {"mode": "forward", "self_test": True}, "user": "outrider"},
                              {"dns": {"mode": "recursive", "self_test": None, "stubs": ["a", 'b"c']}, "combine": "both"})
    assert outrider.render(settings) == ('dns {\n    mode = "recursive"\n    stubs = { "a", "b\\"c" }\n}\n'
                                         'user = "outrider"\ncombine = "both"\n')


def test_the_lab_is_up_in_seconds(lab):
    """A wrong turn (a server waiting for another one's time-out) shows here first."""
    begin = time.monotonic()
    lab.resolver.forget()
    assert look("dane-ee.example", "MX") == ("secure", 1)
    assert time.monotonic() - begin < 5
    assert scenarios.SCENARIOS
