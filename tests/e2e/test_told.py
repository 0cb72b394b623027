"""Chains that Exim tells of: they arrive as the hosts have shown them, are judged and recorded by the daemon; and a delivery
is what it was, whatever becomes of them."""

import itertools
import os
import signal
import sqlite3
import time

import pytest

import domains
from lab import clients
from lab.model import SIGNED, UNSIGNED, Host, Sts
from lab.process import wait_until

serial = itertools.count(1)
TELL = ("transport.conf", "# Outrider's transport:", "OUTRIDER_TELL = yes\n# Outrider's transport:")


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
    """With a CA in between, over the name in the MX record; what is refused is told as well, and mail waits as before."""
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
