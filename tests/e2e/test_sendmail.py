"""sendmail with integration/sendmail/outrider.mc: what MTA-STS demands is kept, and what it cannot do is as documented.

What an MX host saw decides; the log only tells how sendmail sees it.
"""

import contextlib
import os
import ssl

import pytest

import domains
from impostor import Impostor
from lab import clients, delivery, scenarios, sendmail as lab_sendmail
from lab.model import UNSIGNED, Host, Sts
from lab.sink import Sink

VERIFIED, ENCRYPTED, CLEAR, DEFERRED = "verified", "encrypted", "clear", "deferred"
serial = iter(range(1, 1_000_000))

# Scenario -> what becomes of mail, where it differs from Exim's fate in lab/scenarios.py or says something of its own.
STS_ROWS = {row.name: row.exim for row in scenarios.STS_ROWS}
NO_POLICY = ("policy-404", "policy-wrong-name", "policy-malformed", "record-two", "record-invalid", "record-servfail")
OWN_WAY = {
    "insecure-host-sts": VERIFIED,    # V26
    "unusable-sts": VERIFIED,         # V15
    "unusable-sts-bad": DEFERRED,     # V16
    "dane-and-sts": VERIFIED,         # both: the policy alone decides
    "dane-beats-sts": DEFERRED,       # what only TLSA records could authenticate
    "mixed-sts": VERIFIED,            # the host whose certificate is good for MTA-STS
    "dane-ee": ENCRYPTED,             # DANE alone: as if nothing had been promised
    "dane-no-starttls": CLEAR,
    "plain-tls": ENCRYPTED,
    "plain-clear": CLEAR,
    "null-mx": "bounced",
    "unregistered": "bounced",
    **{name: ENCRYPTED for name in NO_POLICY},
}
EXPECTED = {**STS_ROWS, **OWN_WAY}


@pytest.fixture(scope="module")
def daemon(lab, outriders):
    return outriders(for_mtas=True)


@pytest.fixture(scope="module")
def fates(lab, daemon, sendmail):
    """One message to each destination, all at once."""
    addresses = {name: f"fate@{lab.scenarios[name].domain}" for name in EXPECTED}
    sent = sendmail.send(list(addresses.values()))
    return {name: sent[address] for name, address in addresses.items()}


@pytest.mark.parametrize("name", EXPECTED)
def test_mail_ends_as_the_policy_says(lab, fates, name):
    """FLOW-05, FLOW-08, V45-V53: real sendmail and every shape of a policy."""
    got = fates[name]
    assert got.outcome == EXPECTED[name], got.reason
    assert not delivery.contradiction(got, lab)


def test_the_unlisted_host_is_passed_over(lab, fates):
    """sts-second-listed: mx1 has a valid certificate and is not in the policy."""
    assert fates["sts-second-listed"].host == "mx2.sts-second-listed.example"
    assert not any(session.recipients for session in lab.mx["mx1.sts-second-listed.example"].sessions)


def test_the_server_is_named_in_sni(lab, fates):
    """RFC 8461 section 4.2: SNI is the MX host's name."""
    sessions = lab.mx["mx.sts-enforce.example"].sessions
    assert [session.sni for session in sessions if ("fate@sts-enforce.example", "TLSv1.3") in session.recipients] == \
        ["mx.sts-enforce.example"]


def test_a_wildcard_certificate_waits(lab, daemon, sendmail, monkeypatch):
    """Documented: sendmail wants the very name."""
    host = lab.mx["mx.sts-enforce.example"]
    monkeypatch.setattr(host, "chain", lab.certs.issue("lab", "*.sts-enforce.example"))
    got = sendmail.send_together(["wildcard@sts-enforce.example"])["wildcard@sts-enforce.example"]
    assert (got.outcome, host.deliveries("wildcard@sts-enforce.example")) == (DEFERRED, []), got.reason
    assert "not listed in SANs" in got.reason


GOOD = "mx.sts-enforce.example"
WEAK = {
    "TLS 1.0": {"versions": (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1), "ciphers": "ALL:@SECLEVEL=0"},
    "TLS 1.1": {"versions": (ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_1), "ciphers": "ALL:@SECLEVEL=0"},
    "no encryption": {"versions": (ssl.TLSVersion.TLSv1_2,) * 2, "ciphers": "eNULL:!aNULL:@SECLEVEL=0"},
    "no certificate": {"versions": (ssl.TLSVersion.TLSv1_2,) * 2, "ciphers": "aNULL:!eNULL:@SECLEVEL=0"},
}


@pytest.mark.parametrize("weakness", WEAK)
def test_weak_tls_is_no_tls(lab, daemon, sendmail, weakness):
    """PKIX-11: under a policy TLS 1.2 or later, with encryption and a certificate; nobody is named to such a server."""
    recipient = f"weak{next(serial)}@sts-enforce.example"
    with Sink(GOOD, lab.mx[GOOD].chain, **WEAK[weakness]).instead_of(lab, GOOD) as sink:
        got = sendmail.send([recipient])[recipient]
    assert got.outcome == DEFERRED, got.reason
    assert "STARTTLS" in sink.verbs() and not {"MAIL", "RCPT", "DATA"} & set(sink.verbs())


def test_one_admitted_host_cannot_show_the_certificate_of_another(lab, daemon, sendmail, monkeypatch):
    """PKIX-04: unlike Postfix before 3.10.5, sendmail wants the name of the very host; the other one takes the mail."""
    domains.add(lab, domains.row("sendmail-two", 300, zone=UNSIGNED, hosts=(Host("mx1", 10), Host("mx2", 20)), sts=Sts()))
    mx1, mx2 = (lab.mx[f"{label}.sendmail-two.example"] for label in ("mx1", "mx2"))
    monkeypatch.setattr(mx1, "chain", mx2.chain)
    got = sendmail.send(["swap@sendmail-two.example"])["swap@sendmail-two.example"]
    assert (got.outcome, got.host, mx1.deliveries("swap@sendmail-two.example")) == (VERIFIED, mx2.name, []), got.reason


@pytest.mark.parametrize("provider", ["signed-host.example", "plain-host.example"])
def test_an_alias_as_mx_host(lab, daemon, sendmail, provider):
    """STS-APPLY-01: the name in the MX record counts, wherever its CNAME leads."""
    name = f"sendmail-{provider.split('-')[0]}"
    domains.add(lab, domains.row(name, 300, zone=UNSIGNED, hosts=(Host(alias=provider),), sts=Sts()))
    got = sendmail.send([f"alias@{name}.example"])[f"alias@{name}.example"]
    assert (got.outcome, got.host) == (VERIFIED, f"mx.{name}.example"), got.reason
    assert not delivery.contradiction(got, lab)


# Two domains at one MX host whose certificate nobody vouches for: one has a policy, the other has none.
POLICY, NONE = "sts-self-signed.example", "plain-tls.example"
SHARED = f"mx.{POLICY}"


@pytest.fixture
def shared_host(lab, daemon):
    lab.mx[SHARED].sessions.clear()
    with lab.records(NONE, "MX", [f"10 {SHARED}."]):
        yield lab.mx[SHARED]
    lab.mx[SHARED].sessions.clear()


@pytest.fixture
def mutated(sendmail):
    """mutated(edit): sendmail with an edited fragment, until the test ends."""
    def configure(edit):
        with open(lab_sendmail.FRAGMENT) as file:
            text = file.read()
        changed = edit(text)
        assert changed != text
        path = os.path.join(lab_sendmail.CONFIG, "mutated.mc")
        with open(path, "w") as file:
            file.write(changed)
        sendmail.configure(path)
    yield configure
    sendmail.configure()


def without_ruleset(name):
    """The fragment without one LOCAL_... block."""
    def edit(text):
        before, _, after = text.partition(f"{name}\n")
        return before + after[after.index("dnl\n"):] if "dnl\n" in after else before
    return edit


def two_in_one_message(sendmail):
    number = next(serial)
    recipients = [f"together{number}@{NONE}", f"together{number}@{POLICY}"]
    sendmail.forget()
    return recipients, sendmail.send_together(recipients)


def test_a_second_recipient_does_not_ride_along(shared_host, sendmail):
    """SCOPE, FLOW-10: two recipients at one MX host, one with a policy and one without, in one message."""
    (free, bound), sent = two_in_one_message(sendmail)
    assert [sent[free].outcome, sent[bound].outcome] == [ENCRYPTED, DEFERRED], sent
    assert (len(shared_host.deliveries(free)), shared_host.deliveries(bound)) == (1, [])


def test_without_our_ruleset_it_does(shared_host, sendmail, mutated):
    """The mutation: FEATURE(`sts') alone sends both over the connection that nobody authenticated."""
    mutated(without_ruleset("LOCAL_TLS_RCPT"))
    (_, bound), _ = two_in_one_message(sendmail)
    assert shared_host.deliveries(bound) == ["TLSv1.3"]


def test_a_kept_connection_is_judged_anew(shared_host, daemon, sendmail):
    """SCOPE, FLOW-10: a queue run keeps connections; one opened for a domain without a policy does not serve the other."""
    number = next(serial)
    free = [f"queued{number}-{i}@{NONE}" for i in range(2)]
    bound = [f"queued{number}-{i}@{POLICY}" for i in range(2)]
    sendmail.forget()
    daemon.stop()
    try:
        sendmail.send([*free, *bound])
    finally:
        daemon.start()
    sendmail.run_queue()
    assert [len(shared_host.deliveries(r)) for r in free] == [1, 1]
    assert [shared_host.deliveries(r) for r in bound] == [[], []]


def test_one_domain_does_not_stop_another_at_the_same_host(shared_host, sendmail):
    """LOCALITY: after a failure under one domain's policy, mail of another goes to the same host at once."""
    sendmail.forget()
    assert sendmail.send_together([f"first@{POLICY}"])[f"first@{POLICY}"].outcome == DEFERRED
    assert sendmail.send_together([f"second@{NONE}"])[f"second@{NONE}"].outcome == ENCRYPTED


WRONG_NAME = "mx.sts-wrong-name.example"


def verbs_of_refused_delivery(lab, sendmail):
    """What a host with somebody else's valid certificate is told."""
    recipient = f"foreign{next(serial)}@sts-wrong-name.example"
    with Sink(WRONG_NAME, lab.mx[WRONG_NAME].chain).instead_of(lab, WRONG_NAME) as sink:
        assert sendmail.send([recipient])[recipient].outcome == DEFERRED
    return sink.verbs()


def test_a_host_with_a_foreign_certificate_hears_no_sender(lab, daemon, sendmail):
    """V49, FLOW-01: a valid certificate for another name; the envelope stays here."""
    assert not {"MAIL", "RCPT", "DATA"} & set(verbs_of_refused_delivery(lab, sendmail))


def test_without_our_ruleset_it_hears_one(lab, daemon, sendmail, mutated):
    """The mutation: FEATURE(`sts') compares names after MAIL FROM."""
    mutated(without_ruleset("LOCAL_TLS_SERVER"))
    assert "MAIL" in verbs_of_refused_delivery(lab, sendmail)


# --- a daemon that fails ---------------------------------------------------------------------------------------

def test_without_a_daemon_mail_waits(lab, daemon, sendmail):
    """NO-DOWNGRADE: also for a domain without a policy, since nobody can know that."""
    recipients = ["stopped@sts-enforce.example", "stopped@plain-clear.example"]
    daemon.stop()
    try:
        sent = sendmail.send(recipients)
    finally:
        daemon.start()
    assert [sent[r].outcome for r in recipients] == [DEFERRED, DEFERRED], sent
    assert not any(delivery.contradiction(sent[r], lab) for r in recipients)


@pytest.fixture
def fake_map(daemon):
    """fake_map(reply) answers sendmail while the daemon rests."""
    daemon.stop()
    with contextlib.ExitStack() as fakes:
        yield lambda reply: fakes.enter_context(Impostor(daemon.sendmail_socket, reply))
    daemon.start()


@pytest.mark.parametrize("reply", [b"", b"9:NOTFOU", b"garbage", b"7:TEMP no,", b"9:TIMEOUT x,"],
                         ids=["hangs up", "cut off", "garbage", "TEMP", "TIMEOUT"])
def test_with_half_an_answer_mail_waits(lab, fake_map, sendmail, reply):
    """NO-DOWNGRADE: what is no answer defers, even where the part that arrived would let the mail go."""
    fake = fake_map(reply)
    recipient = f"half{next(serial)}@plain-clear.example"
    got = sendmail.send([recipient])[recipient]
    assert fake.keys
    assert got.outcome == DEFERRED, got.reason
    assert not delivery.contradiction(got, lab)


def test_perm_lets_mail_go(lab, fake_map, sendmail):
    """P9, and why: to sendmail PERM says that there is no policy."""
    fake_map(b"7:PERM no,")
    recipient = f"perm{next(serial)}@plain-clear.example"
    assert sendmail.send([recipient])[recipient].outcome == CLEAR


def test_a_socket_where_others_may_write_is_not_asked(lab, daemon, sendmail):
    """Whoever could put a socket of his own there would decide; sendmail looks, and mail waits."""
    folder, recipient = os.path.dirname(daemon.sendmail_socket), f"unsafe{next(serial)}@plain-clear.example"
    os.chmod(folder, 0o777)
    try:
        got = sendmail.send([recipient])[recipient]
    finally:
        os.chmod(folder, 0o755)
    assert got.outcome == DEFERRED and "unsafe" in sendmail.log(), got.reason
    assert not delivery.contradiction(got, lab)


def test_an_alias_is_asked_for_by_its_own_name(lab, fake_map, sendmail, mutated):
    """SCOPE: a recipient domain that is a CNAME keeps its own policy; without our line sendmail asks for the target's."""
    fake = fake_map(b"9:NOTFOUND ,")
    with lab.records("alias.plain-clear.example", "CNAME", ["plain-tls.example."]):
        sendmail.send(["alias@alias.plain-clear.example"])
        assert set(fake.keys) == {"sts alias.plain-clear.example"}
        fake.keys.clear()
        mutated(lambda text: text.replace("define(`confDONT_EXPAND_CNAMES', `True')dnl\n", ""))
        sendmail.send(["alias@alias.plain-clear.example"])
        assert set(fake.keys) == {"sts plain-tls.example"}


def test_the_answer_has_exactly_one_form(daemon):
    """P7: two attributes in this order; P1: any case."""
    with clients.Socketmap(daemon.sendmail_socket) as sts:
        assert sts.ask("sts", "STS-Enforce.Example") == "OK secure match=mx.sts-enforce.example servername=hostname"
        assert sts.ask("sts", "dane-ee.example") == "NOTFOUND "
        assert sts.ask("sts", "sts-testing.example") == "NOTFOUND "
        assert sts.ask("sts", "sts-unlisted.example").startswith("TEMP ")
