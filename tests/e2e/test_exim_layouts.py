"""The steps of integration/exim/README.md as they stand there, on each kind of configuration: Debian's own, in small files
and in one, from the real package exim4-config, and one that a site has written itself."""

import contextlib
import itertools
import os
import re

import pytest

from lab import delivery, packages
from lab import exim as exim_files

with open(os.path.join(exim_files.ROOT, "integration/exim/README.md")) as readme:
    TEXT = readme.read()
LAYOUTS = {"split": "Debian, configuration in small files", "unsplit": "Debian, one large file",
           "plain": "A configuration of your own"}
OUTCOMES = {"dane-ee.example": "dane", "dane-ee-mismatch.example": "deferred", "sts-enforce.example": "verified",
            "sts-self-signed.example": "deferred", "sts-unlisted.example": "deferred", "plain-tls.example": "encrypted",
            "plain-clear.example": "clear", "unregistered.example": "bounced", "null-mx.example": "bounced"}
TRANSPORTS = {"dane-ee.example": "outrider_smtp", "sts-enforce.example": "outrider_smtp",
              "plain-tls.example": "outrider_opportunistic", "plain-clear.example": "outrider_opportunistic"}
BY_HAND = """
primary_hostname = sender.example
domainlist local_domains = sender.example
log_selector = +tls_peerdn

begin routers

dnslookup:
  driver = dnslookup
  domains = ! +local_domains
  transport = remote_smtp

begin transports

remote_smtp:
  driver = smtp

begin retry

* * F,2h,15m
"""
serial = itertools.count(1)


def commands(*headings):
    """What is to be typed: the indented lines before the first heading, and below those that are named."""
    sections = dict(part.partition("\n")[::2] for part in ("install\n" + TEXT).split("\n## "))
    chosen = [text for name, text in sections.items() if name.startswith(("install", *headings))]
    return "\n".join(re.findall(r"^ {4}(.*)$", "\n".join(chosen), re.M))


@contextlib.contextmanager
def arranged(exim, build, layout, *more, settings=""):
    """Exim with that configuration, after the steps of the README."""
    typed = commands(LAYOUTS[layout], *more)
    assert "install" in typed and ".include" in typed
    if layout == "plain":
        typed = f"cat > {exim_files.CONFIG} <<'END'\n{settings}{BY_HAND}END\n{typed}"
    with exim.debian(packages.unpacked(build), layout == "split", typed, settings):
        yield


def send(exim, lab, domains):
    number = next(serial)
    recipients = {f"layout-{number}@{domain}": domain for domain in domains}
    for host in lab.mx.values():
        host.sessions.clear()
    sent = exim.send(list(recipients))
    assert [lie for found in sent.values() if (lie := delivery.contradiction(found, lab))] == []
    return {recipients[recipient]: found for recipient, found in sent.items()}


def outcomes(sent):
    return {domain: found.outcome for domain, found in sent.items()}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_mail_goes_and_waits_as_it_should(lab, build, exim, outrider, layout):
    daemon = outrider(for_mtas=True)
    with arranged(exim, build, layout):
        sent = send(exim, lab, OUTCOMES)
        assert outcomes(sent) == OUTCOMES, sent
        assert all(f"R=outrider T={TRANSPORTS[domain]} " in found.reason for domain, found in sent.items() if found.host)
        daemon.stop()
        sent = send(exim, lab, OUTCOMES)
        assert set(outcomes(sent).values()) == {"deferred"}, sent


@pytest.mark.parametrize("layout", LAYOUTS)
def test_no_other_router_tries_again(lab, build, exim, outrider, layout):
    """Another dnslookup router stands behind ours, without a policy: nothing may fall through to it."""
    outrider(for_mtas=True)
    open_end = (("routers.conf", "outrider_no_mx:\n", "outrider_no_mx:\n  condition = no\n"),)
    with arranged(exim, build, layout):
        assert outcomes(send(exim, lab, ["sts-unlisted.example"])) == {"sts-unlisted.example": "deferred"}
        with exim.changed(*open_end):
            sent = send(exim, lab, ["sts-unlisted.example"])
        assert outcomes(sent) == {"sts-unlisted.example": "verified"}
        assert "R=dnslookup" in sent["sts-unlisted.example"].reason


@pytest.mark.parametrize("layout", ["split", "unsplit"])
def test_what_debian_sends_by_other_ways_stays_there(lab, build, exim, outrider, layout):
    """Domains that this host relays to go by Debian's own router, and its macros apply to our transports as well."""
    outrider(for_mtas=True)
    ours = ("plain-tls.example", "sts-enforce.example")
    settings = "MAIN_RELAY_TO_DOMAINS = plain-clear.example\nREMOTE_SMTP_HELO_DATA = helo.sender.example\n"
    with arranged(exim, build, layout, "What else your mail needs", settings=settings):
        sent = send(exim, lab, ["plain-clear.example", *ours])
        assert "R=dnslookup_relay_to_domains T=remote_smtp" in sent["plain-clear.example"].reason
        assert all(f"R=outrider T={TRANSPORTS[domain]} " in sent[domain].reason for domain in ours)
    assert [{session.ehlo for session in lab.mx[f"mx.{domain}"].sessions} for domain in ours] == 2 * [{"helo.sender.example"}]
