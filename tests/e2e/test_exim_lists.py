"""What Exim makes of the lists in an answer: names, patterns, and how large they may be. Real Exim, real mail."""

import contextlib
import itertools

import pytest

from lab import delivery
from lab.model import Host, Scenario, Sts

PLAIN = "plain-tls.example"
LONG = ".".join(["a" * 60] * 3)
ROWS = (
    Scenario("list-mixed", "usable TLSA records that do not match, beside a host with unusable ones",
             hosts=(Host("mx1", tlsa=("3 1 1 wrong",)), Host("mx2", 20, tlsa=("1 1 1 wrong",), server="down")),
             level="dane", auth=("dane", "none"), exim="deferred", postfix="deferred", rows="M2 A1 T1 T2", why=""),
    Scenario("list-skip", "a TLSA lookup that fails, beside a host without records",
             hosts=(Host("mx1", tlsa_fault="servfail"), Host("mx2", 20, server="down")),
             level="dane", auth=("none", "none"), exim="deferred", postfix="deferred", rows="M2 A1 T3 T4", why=""),
    Scenario("list-huge", "a policy as long as one may be",
             sts=Sts(mx=("mx.{domain}", *(f"host{number}.{LONG}.example.org" for number in range(250)))),
             level="secure", auth=("sts",), exim="verified", postfix="verified", rows="M2 A1 T4 S6", why=""),
    Scenario("list-large", "a policy as long as Exim can have it as patterns",
             sts=Sts(mx=("mx.{domain}", *(f"*.host{number}.{LONG}.example.org" for number in range(135)))),
             level="secure", auth=("sts",), exim="verified", postfix="verified", rows="M2 A1 T4 S6", why=""),
    Scenario("list-upper", "a policy, and an MX record in capitals", sts=Sts(),
             level="secure", auth=("sts",), exim="verified", postfix="verified", rows="M2 A1 T4 S6", why=""),
)
serial = itertools.count(1)


@pytest.fixture(scope="module", name="daemon")
def the_daemon(lab, outriders):
    lab.add(*ROWS)
    return outriders(for_mtas=True)


@contextlib.contextmanager
def changed_file(path, change):
    with open(path) as file:
        before = file.read()
    with open(path, "w") as file:
        file.write(change(before))
    try:
        yield
    finally:
        with open(path, "w") as file:
            file.write(before)


def moved(name):
    """The system's resolver gives another address whenever it is asked for this name by itself, as with DNS that balances
    load. Exim's own lookups of MX hosts go to DNS and find what they always found."""
    return changed_file("/etc/hosts", lambda text: f"{text}192.0.2.250 {name}\n")


def without_ad():
    return changed_file("/etc/resolv.conf", lambda text: text.replace(" trust-ad", ""))


@pytest.mark.parametrize("domain", ["list-mixed.example", "list-skip.example"])
def test_lists_do_not_depend_on_the_addresses_of_their_names(lab, exim, daemon, domain):
    """L13: Exim looks up a bare name in a host list and compares addresses; one that has moved, or is not found, would be
    in no list: neither left out nor verified (NO-DOWNGRADE)."""
    host = lab.mx[f"mx1.{domain}"]
    host.sessions.clear()
    recipient = f"list-{next(serial)}@{domain}"
    with moved(host.name), without_ad() if "skip" in domain else contextlib.nullcontext():
        found = exim.send([recipient])[recipient]
    assert found.outcome == "deferred", (found, daemon.exim(domain))
    assert sum(session.messages for session in host.sessions) == 0, daemon.exim(domain)


@pytest.mark.parametrize("domain, by_pattern", [("list-huge.example", False), ("list-large.example", True)])
def test_a_huge_policy_concerns_its_own_domain(lab, exim, daemon, domain, by_pattern):
    """L14, LOCALITY: a regular expression that PCRE cannot compile ends the whole delivery process, other recipients
    included."""
    assert ("host1" in daemon.exim(domain)) == by_pattern
    recipients = [f"list-{next(serial)}@{domain}", f"list-{next(serial)}@{PLAIN}"]
    exim.forget()
    results = exim.send_together(*recipients)
    assert [results[each].outcome for each in recipients] == ["verified", "encrypted"], results
    assert not [lie for each in recipients if (lie := delivery.contradiction(results[each], lab))]


def test_an_mx_record_in_capitals_is_admitted(lab, exim, daemon):
    """EDGE-08"""
    recipient = f"list-{next(serial)}@list-upper.example"
    with lab.records("list-upper.example", "MX", ["10 MX.LIST-UPPER.EXAMPLE."]):
        found = exim.send([recipient])[recipient]
    assert found.outcome == "verified", found
