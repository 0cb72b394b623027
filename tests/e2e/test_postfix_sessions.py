"""What Postfix keeps between deliveries, and how it asks: resumed TLS sessions, connections to the map."""

import concurrent.futures
import contextlib
import itertools
import os
import ssl
import time

import pytest

import domains
from lab import clients
from lab.certs import _pem
from lab.model import UNSIGNED, Host, Sts
from lab.sink import Sink

serial = itertools.count(1)
CACHE = ("", "smtp_tls_session_cache_database = btree:${data_directory}/smtp_scache")


@pytest.fixture(scope="module", name="daemon")
def the_daemon(outriders):
    return outriders(for_mtas=True, sts=domains.QUICK)


def remembering(chain):
    """What a server needs so that clients can continue earlier TLS sessions."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain.pem)
    return context


def send_one(postfix, domain):
    recipient = f"session-{next(serial)}@{domain}"
    return postfix.send([recipient], fresh=False)[recipient].outcome, recipient


@contextlib.contextmanager
def resuming(lab, postfix, host, chain):
    """Postfix keeps TLS sessions, and this host lets it."""
    with postfix.changed(CACHE), Sink(host, chain, context=remembering(chain)).instead_of(lab, host) as sink:
        yield sink


@pytest.mark.parametrize("kind", ["dane", "sts"])
def test_a_resumed_session_counts_for_what_it_was_verified_for(lab, postfix, daemon, kind):
    """DANE-22, FLOW-10: with smtp_tls_session_cache_database (Debian sets it) a session is continued without a certificate being
    shown. Once other TLSA records, or another host name, are to be verified, the old session is good for nothing."""
    if kind == "dane":
        row = domains.row("resumed-dane", hosts=(Host(cert="self", tlsa=("3 1 1",)),))
    else:
        row = domains.row("resumed-sts", zone=UNSIGNED, sts=Sts())
    domain, = domains.add(lab, row)
    host = f"mx.{domain.name}"
    with resuming(lab, postfix, host, lab.mx[host].chain) as sink:
        for _ in range(3):
            assert send_one(postfix, domain.name)[0] == "verified"
        # The control: without resumption this test shows nothing.
        assert [visit.is_resumed for visit in sink.visits] == [False, True, True]
        if kind == "dane":
            lab.set_records(f"_25._tcp.{host}", "TLSA", ["3 1 1 " + "5e" * 32])
            time.sleep(3)  # an smtp(8) process keeps TLSA records as long as their TTL, here a second, and one more
            outcome, recipient = send_one(postfix, domain.name)
            assert (outcome, sink.deliveries(recipient)) == ("deferred", [])
            assert not sink.visits[-1].is_resumed
        else:
            # Another host name is to be verified; the server is the same and still knows the session.
            lab.addresses[f"new.{domain.name}"] = lab.addresses[host]
            lab.set_records(f"new.{domain.name}", "A", lab.addresses[host])
            lab.set_records(domain.name, "MX", [f"10 new.{domain.name}."])
            domain.set_policy(mx=[f"new.{domain.name}"])
            domain.set_record(2)
            domains.ask_until(daemon, domain.name, lambda v: [h["host"] for h in v["mx"]] == [f"new.{domain.name}"]
                              and v["sts"]["id"] == "2")
            outcome, recipient = send_one(postfix, domain.name)
            assert (outcome, sink.deliveries(recipient)) == ("deferred", [])


def test_a_resumed_session_counts_for_the_roots_it_was_verified_by(lab, postfix, daemon, outrider):
    """LOCALITY, FLOW-10: when a root is trusted no more, a session that its certificate began is not continued."""
    domain = domains.add_sts(lab, "resumed-roots", ttl=300)
    host = f"mx.{domain.name}"
    daemon.stop()
    other = outrider(for_mtas=True)
    try:
        with resuming(lab, postfix, host, lab.mx[host].chain) as sink:
            assert [send_one(postfix, domain.name)[0] for _ in range(2)] == ["verified"] * 2
            assert sink.visits[-1].is_resumed
            path = f"{os.path.dirname(other.config)}/other.pem"
            with open(path, "w") as file:
                file.write(_pem(lab.certs.authority("other")).decode())
            other.settings['anchors "default"']["roots"] = path
            other.write_config()
            other.restart()
            outcome, recipient = send_one(postfix, domain.name)
        assert (outcome, sink.deliveries(recipient)) == ("deferred", [])
    finally:
        other.stop()
        daemon.start()


def test_a_session_without_verification_is_not_continued_under_a_policy(lab, postfix, daemon):
    """FLOW-10, SCOPE: two domains at one host; a session begun for the one without a policy is none for the other."""
    free, bound = domains.add(
        lab, domains.row("resumed-free", zone=UNSIGNED, hosts=(Host(cert="self"),)),
        domains.row("resumed-bound", zone=UNSIGNED, hosts=(Host(cert="self"),), sts=Sts(mx=("mx.resumed-free.example",))))
    host = f"mx.{free.name}"
    lab.set_records(bound.name, "MX", [f"10 {host}."])
    with resuming(lab, postfix, host, lab.mx[host].chain) as sink:
        outcomes = [send_one(postfix, name)[0] for name in (free.name, free.name, bound.name, free.name)]
    assert outcomes == ["encrypted", "encrypted", "deferred", "encrypted"]
    assert sink.visits[1].is_resumed and not sink.visits[2].is_resumed


# The map --------------------------------------------------------------------------------------------------------------

def test_one_connection_for_hundreds_of_questions(daemon):
    """An smtp(8) process keeps its connection; the order is that of the questions."""
    names = ["sts-enforce.example", "dane-ee.example", "plain-tls.example", ".example", "[203.0.113.1]"]
    with clients.Socketmap(daemon.map_socket) as connection:
        answers = [[connection.ask("QUERY", name) for name in names] for _ in range(100)]
    assert answers[0][0].startswith("OK secure ") and answers[0][1:] == ["OK dane-only"] + ["NOTFOUND "] * 3
    assert all(each == answers[0] for each in answers)


def test_two_hundred_connections_at_once(daemon):
    """As many as smtp(8) processes may run, twice; all stay open, and each is answered again and again."""
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(clients.Socketmap(daemon.map_socket)) for _ in range(200)]
        with concurrent.futures.ThreadPoolExecutor(32) as pool:
            for _ in range(3):
                answers = set(pool.map(lambda c: c.ask("QUERY", "dane-ee.example"), connections))
                assert answers == {"OK dane-only"}


def test_attributes_are_chosen_by_the_maps_name(daemon):
    """P6: QUERY never carries what 3.7 does not know; the level is the same in both (a policy in testing mode needs one to hang them on)."""
    for name in ("sts-enforce.example", "sts-testing.example", "dane-ee.example", "dane-unusable.example", "plain-tls.example"):
        plain, full = (daemon.postfix(name, map_name) for map_name in ("QUERY", "QUERYwithTLSRPT"))
        assert full.startswith("OK may " if name == "sts-testing.example" else plain)
        assert not any(word in plain for word in ("policy_", "mx_host_pattern", "{"))
    assert daemon.postfix("sts-testing.example") == "NOTFOUND "  # as without a policy: the site's own default counts


def test_many_messages_at_once(lab, postfix, daemon):
    """A burst to many destinations, as a queue run makes it; each is asked for, none is confused with another."""
    kinds = {"sts-enforce": "verified", "sts-self-signed": "deferred", "dane-ee": "verified", "dane-ee-mismatch": "deferred",
             "plain-tls": "encrypted", "sts-testing": "encrypted", "dane-unusable": "encrypted"}
    recipients = {f"burst-{i}@{name}.example": outcome for i in range(12) for name, outcome in kinds.items()}
    sent = postfix.send(list(recipients))
    wrong = {recipient: sent[recipient] for recipient, outcome in recipients.items() if sent[recipient].outcome != outcome}
    assert not wrong
    taken = {recipient for recipient in recipients for host in lab.mx.values() if host.deliveries(recipient)}
    assert taken == {recipient for recipient, outcome in recipients.items() if outcome != "deferred"}
