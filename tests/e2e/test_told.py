"""Chains that Exim tells of: they arrive as the hosts have shown them, are judged and recorded by the daemon; and a delivery
is what it was, whatever becomes of them."""

import base64
import contextlib
import itertools
import os
import socket
import sqlite3
import threading
import time

import pytest
from cryptography.hazmat.primitives import serialization

import domains
from lab import clients
from lab.model import SIGNED, UNSIGNED, Host, Sts
from lab.process import wait_until

serial = itertools.count(1)
TELL = ("transport.conf", "# Outrider's transports:", "OUTRIDER_TELL = yes\n# Outrider's transports:")


@pytest.fixture
def told(exim):
    with exim.changed(TELL):
        yield exim


def send(server, *names):
    recipients = {f"told-{next(serial)}@{name}": name for name in names}
    return {recipients[each]: delivery.outcome for each, delivery in server.send(list(recipients), fresh=True).items()}


def sightings(daemon, domain):
    """{host: (source, error, certificates in the chain)} of MX hosts."""
    store = sqlite3.connect(f"file:{daemon.store}?mode=ro", uri=True)
    try:
        rows = store.execute("SELECT host, source, error, certificates FROM sightings JOIN chains ON chains.id = chain "
                             "WHERE domain = ? AND role = 'mx'", (domain,)).fetchall()
    finally:
        store.close()
    return {host: (source, error, len(chain.split())) for host, source, error, chain in rows}


def until_told(daemon, domain):
    wait_until(lambda: sightings(daemon, domain), domains.SOON, daemon.log)
    return sightings(daemon, domain)


def test_a_chain_arrives_as_it_was_shown(lab, told, outrider):
    """L15: with a CA in between, over the name in the MX record; what is refused is told as well, and mail waits as before."""
    good, long, bad = domains.add(lab, *(domains.row(name, zone=UNSIGNED, hosts=(host,), sts=Sts()) for name, host in {
        "told-good": Host(), "told-long": Host(cert="lab rooted"), "told-bad": Host(cert="other")}.items()))
    daemon = outrider(for_mtas=True)
    assert send(told, good.name, long.name, bad.name) == {good.name: "verified", long.name: "verified", bad.name: "deferred"}
    assert until_told(daemon, good.name) == {f"mx.{good.name}": ("mta", "", 1)}
    assert until_told(daemon, long.name) == {f"mx.{long.name}": ("mta", "", 2)}
    ((source, error, length),) = until_told(daemon, bad.name).values()
    assert (source, length) == ("mta", 1) and "Outrider lab, other CA" in error


def test_nothing_is_told_where_no_ca_is_asked(lab, told, outrider):
    """DANE-FIRST: neither of DANE nor of opportunistic TLS; and nothing at all without the macro."""
    (dane,) = domains.add(lab, domains.row("told-dane", zone=SIGNED, hosts=(Host(tlsa=("3 1 1",)),), sts=Sts()))
    daemon = outrider(for_mtas=True)
    assert send(told, dane.name, "plain-tls.example") == {dane.name: "dane", "plain-tls.example": "encrypted"}
    time.sleep(0.5)
    assert sightings(daemon, dane.name) == sightings(daemon, "plain-tls.example") == {}


def test_without_the_macro_nothing_is_told(lab, exim, outrider):
    daemon = outrider(for_mtas=True)
    assert send(exim, "sts-enforce.example") == {"sts-enforce.example": "verified"}
    time.sleep(0.5)
    assert sightings(daemon, "sts-enforce.example") == {}


# A delivery is what it was ------------------------------------------------------------------------------------------


@contextlib.contextmanager
def somebody_else(manner):
    """The socket that events go to, when it is not outriderd's: absent, silent, talkative."""
    path = f"/run/lab/{manner}.sock"
    if manner == "absent":
        yield path
        return
    stop = threading.Event()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        os.chmod(path, 0o666)
        listener.listen(64)
        listener.settimeout(0.1)
        kept = []

        def serve():
            while not stop.is_set():
                try:
                    kept.append(listener.accept()[0])
                except TimeoutError:
                    continue
                if manner == "talkative":
                    kept.pop().sendall(b"this certificate is refused\n" * 10)
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield path
        finally:
            stop.set()
            thread.join()
            for each in kept:
                each.close()
            os.unlink(path)


@pytest.mark.parametrize("manner", ["absent", "silent", "talkative"])
def test_who_does_not_listen_stops_no_mail(lab, told, outrider, manner):
    """L15, and NO-DOWNGRADE the other way round: neither is mail let through that must wait, nor held that may go; a daemon that hangs
    costs a second for each certificate."""
    outrider(for_mtas=True)
    with somebody_else(manner) as path:
        with told.changed(("transport.conf", "${readsocket{OUTRIDER_SOCKET}{v1 event", "${readsocket{%s}{v1 event" % path)):
            begin = time.monotonic()
            assert send(told, "sts-enforce.example") == {"sts-enforce.example": "verified"}
            assert time.monotonic() - begin < 8
            assert send(told, "sts-self-signed.example") == {"sts-self-signed.example": "deferred"}


# Lies ---------------------------------------------------------------------------------------------------------------


def event(daemon, destination, host, chain, conn=1, depths=None):
    """One line for each certificate, root first."""
    certificates = list(enumerate(chain.certificates))[::-1]
    for depth, certificate in certificates if depths is None else [(d, chain.certificates[d]) for d in depths]:
        der = base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()
        line = f"v1 event kind=tls.cert destination={destination} host={host} conn={conn} depth={depth} cert={der}\n"
        assert clients.line(daemon.line_socket, line, 5.0) == ""


def test_what_is_told_is_not_believed(lab, outrider):
    """L15: only hosts that DNS names, of destinations that were asked about; the daemon judges by itself; halves, garbage and lines
    that are too long come to nothing."""
    domain = domains.add_sts(lab, "told-lies")
    host = f"mx.{domain.name}"
    daemon = outrider()
    event(daemon, domain.name, host, lab.certs.issue("lab", host))  # nobody has asked about it
    assert domains.level(daemon, domain.name) == "secure"
    event(daemon, domain.name, "mx.sts-enforce.example", lab.certs.issue("lab", "mx.sts-enforce.example"))
    event(daemon, domain.name, host, lab.certs.issue("lab rooted", host), depths=[1])
    event(daemon, domain.name, host, lab.certs.issue("lab rooted", host), depths=[1, 1])
    for cert in ("AAAA", "====", "A" * 8000, "A" * 15000):
        line = f"v1 event kind=tls.cert destination={domain.name} host={host} conn=1 depth=0 cert={cert}\n"
        assert clients.line(daemon.line_socket, line, 5.0) == ""
    try:
        assert clients.line(daemon.line_socket, line.replace("cert=", "cert=" + "A" * 20000), 5.0) == ""
    except (BrokenPipeError, ConnectionResetError):
        pass  # it hung up before it had read all of that
    time.sleep(0.5)
    assert sightings(daemon, domain.name) == {}
    event(daemon, domain.name, host, lab.certs.issue("self", host))
    assert until_told(daemon, domain.name)[host][1] != ""  # judged here, and refused
    event(daemon, domain.name, host.upper(), lab.certs.issue("lab rooted", host), conn=7)
    wait_until(lambda: sightings(daemon, domain.name) == {host: ("mta", "", 2)}, domains.SOON, daemon.log)
    assert domains.level(daemon, domain.name) == "secure"


def test_two_connections_at_once_are_two_chains(lab, outrider):
    """The lines of two Exim processes, mixed."""
    domain = domains.add_sts(lab, "told-mixed")
    host = f"mx.{domain.name}"
    daemon = outrider()
    domains.level(daemon, domain.name)
    one, other = lab.certs.issue("lab rooted", host), lab.certs.issue("private", host)
    event(daemon, domain.name, host, one, conn=1, depths=[1])
    event(daemon, domain.name, host, other, conn=2, depths=[1])
    event(daemon, domain.name, host, one, conn=1, depths=[0])
    wait_until(lambda: sightings(daemon, domain.name) == {host: ("mta", "", 2)}, domains.SOON, daemon.log)
    event(daemon, domain.name, host, other, conn=2, depths=[0])
    wait_until(lambda: sightings(daemon, domain.name)[host][1] != "", domains.SOON, daemon.log)


def test_another_root_seen_by_exim_holds_the_mail(lab, told, outrider):
    """What mail itself meets is compared, too: a host that comes to another CA, both trusted, under on_change = defer."""
    domain = domains.add_sts(lab, "told-change")
    host = f"mx.{domain.name}"
    both = lab.certs.bundle.replace("lab-ca.pem", "both-for-told.pem")
    with open(both, "wb") as file:
        for name in ("lab", "other"):
            file.write(lab.certs.authority(name).public_bytes(serialization.Encoding.PEM))
    daemon = outrider(for_mtas=True, anchors={"roots": both},
                      **{'anchors "watched"': {"roots": both, "for": [domain.name], "on_change": "defer"}})
    assert send(told, domain.name) == {domain.name: "verified"}
    until_told(daemon, domain.name)
    event(daemon, domain.name, host, lab.certs.issue("other", host))
    domains.ask_until(daemon, domain.name, lambda verdict: verdict["level"] == "defer")
    assert send(told, domain.name) == {domain.name: "deferred"}
    assert f"event=trust.root.changed destination={domain.name} role=mx host={host}" in daemon.log()
    assert "source=mta" in daemon.log()
