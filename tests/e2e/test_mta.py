"""Mail servers and a daemon that fails them: mail waits, and nothing goes out unprotected (NO-DOWNGRADE)."""

import pytest

from impostor import Impostor
from lab.postfix import smtp_clients

PROTECTED = ["dane-ee.example", "sts-enforce.example", "dane-unusable.example"]


@pytest.fixture(params=["exim", "postfix"])
def mta(request):
    """Each of the two; send(domains) gives outcomes and reasons."""
    server = request.getfixturevalue(request.param)

    def send(*domains, fresh=True):
        sent = server.send([f"{request.param}-{next(serial)}@{domain}" for domain in domains], fresh=fresh)
        return [delivery.outcome for delivery in sent.values()], [delivery.reason for delivery in sent.values()]

    return send


serial = iter(range(1, 1_000_000))  # a recipient of its own for each message, to find it in logs


def nobody_took(lab, domain):
    hosts = [host for name, host in lab.mx.items() if name.endswith(domain)]
    return not any(session.messages for host in hosts for session in host.sessions)


@pytest.fixture
def fresh_sinks(lab):
    for host in lab.mx.values():
        host.sessions.clear()


def test_without_a_daemon_mail_waits(lab, mta, outrider, fresh_sinks):
    """Stopped after it was asked once: the mail servers know nothing by themselves."""
    daemon = outrider(for_mtas=True)
    daemon.stop()
    outcomes, reasons = mta(*PROTECTED)
    assert outcomes == ["deferred"] * len(PROTECTED), reasons
    assert all(nobody_took(lab, domain) for domain in PROTECTED)


def test_after_a_restart_mail_goes(lab, mta, outrider):
    daemon = outrider(for_mtas=True)
    daemon.stop()
    assert mta("sts-enforce.example")[0] == ["deferred"]
    daemon.start()
    assert mta("sts-enforce.example")[0] == ["verified"]


@pytest.mark.parametrize("exim_reply, postfix_reply", [
    ("", ""),
    ('v=1 pol=none dane=* tls="" verify=""', "20:OK may"),
    ("garbage\n", "garbage"),
    ("v=1\n", "3:OK ,"),
], ids=["hangs up", "cut off", "garbage", "empty"])
def test_with_half_an_answer_mail_waits(lab, mta, request, outrider, fresh_sinks, exim_reply, postfix_reply):
    """An answer that was cut off is no answer, even where the part that arrived would let the mail go."""
    daemon = outrider(start=False, for_mtas=True)
    is_exim = "exim" in request.node.callspec.params["mta"]
    impostor = Impostor(daemon.line_socket if is_exim else daemon.map_socket, exim_reply if is_exim else postfix_reply)
    try:
        outcomes, reasons = mta("sts-enforce.example")
    finally:
        impostor.close()
    assert impostor.keys, reasons
    assert outcomes == ["deferred"], reasons
    assert nobody_took(lab, "sts-enforce.example")


def test_one_domain_does_not_spoil_another_at_the_same_host(lab, mta, outrider, monkeypatch):
    """A host that fails under one domain's policy is still good for a domain without one (LOCALITY)."""
    outrider(for_mtas=True)
    with lab.records("plain-tls.example", "MX", ["10 mx.sts-self-signed.example."]):
        assert mta("sts-self-signed.example")[0] == ["deferred"]
        outcomes, reasons = mta("plain-tls.example", fresh=False)
    assert outcomes == ["encrypted"], reasons


def test_no_smtp_client_outlives_a_reload(lab, postfix, outrider):
    """Of the lab's own Postfix: an SMTP client that read main.cf before could still be handed the next message."""
    outrider(for_mtas=True)
    for _ in range(5):
        assert postfix.send(["reload@plain-clear.example"])["reload@plain-clear.example"].outcome == "clear"
        before = smtp_clients()
        assert before
        postfix.reload()
        assert not before & smtp_clients()
