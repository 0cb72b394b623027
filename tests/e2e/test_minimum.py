"""The least that the operator accepts (`minimum` in the configuration): below it mail waits, at real Exim and real Postfix, and
what the sinks saw is what counts. Also own_hosts (M12)."""

import contextlib
import itertools
import subprocess

import pytest

import domains
from lab import delivery
from lab.model import UNSIGNED, Host, Sts

serial = itertools.count(1)
SELF, DANE = Host("mx1", 10, cert="self"), Host("mx2", 20, cert="self", tlsa=("3 1 1",))

# name -> (scenario, minimum, outcome with Exim, with Postfix). None: the lab has the domain.
ROWS = {
    # the first two rows are the vectors of the decision table
    "V73 a denial under an enforced policy": ("signed-denial", dict(hosts=(Host(),), sts=Sts()), "dane-only", "deferred", "deferred"),
    "V74 unsigned MX records": ("sts-enforce", None, "dane-only", "deferred", "deferred"),
    "V74 DANE behind unsigned MX records": ("hosted", None, "dane-only", "deferred", "deferred"),
    "TLSA-11 unusable records only": ("dane-unusable", None, "dane-only", "deferred", "deferred"),
    "dane-only, and DANE": ("dane-ee", None, "dane-only", "dane", "verified"),
    "dane-only, and DANE that does not match": ("dane-ee-mismatch", None, "dane-only", "deferred", "deferred"),
    "dane-only, DANE and a policy": ("dane-and-sts", None, "dane-only", "dane", "verified"),
    "secure, and a policy": ("sts-wildcard", None, "secure", "verified", "verified"),
    "secure, and nothing": ("plain-tls", None, "secure", "deferred", "deferred"),
    "secure, and a policy in testing mode": ("sts-testing", None, "secure", "deferred", "deferred"),
    "secure, and DANE": ("dane-ta", None, "secure", "dane", "verified"),
    "encrypt, and nothing": ("signed-plain", None, "encrypt", "encrypted", "encrypted"),
    "encrypt, and no STARTTLS": ("plain-clear", None, "encrypt", "deferred", "deferred"),
    "encrypt, and a policy": ("sts-second-listed", None, "encrypt", "verified", "verified"),
    "no such domain": ("unregistered", None, "secure", "bounced", "bounced"),
    "null MX": ("null-mx", None, "dane-only", "bounced", "bounced"),
    # mixed sets: the host without DANE comes first and would take the message
    "secure, mixed": ("mixed-secure", dict(hosts=(SELF, DANE)), "secure", "dane", "verified"),
    "dane-only, mixed": ("mixed-only", dict(hosts=(SELF, DANE)), "dane-only", "dane", "verified"),
    "dane-only, mixed under an enforced policy": ("mixed-only-sts", dict(hosts=(Host("mx1", 10), DANE), sts=Sts()), "dane-only",
                                                  "dane", "verified"),
    "secure, mixed and the DANE host broken": ("mixed-secure-down", dict(hosts=(SELF, Host("mx2", 20, cert="self", tlsa=(
        "3 1 1",), server="down"))), "secure", "deferred", "deferred"),
    "encrypt, mixed: the host without STARTTLS is passed over": (
        "mixed-encrypt", dict(hosts=(Host("mx1", 10, server="no-starttls"), Host("mx2", 20, cert="self"))), "encrypt", "encrypted",
        "encrypted"),
    "encrypt, a host without STARTTLS beside one with DANE": (
        "mixed-encrypt-dane", dict(hosts=(Host("mx1", 10, server="no-starttls"), DANE)), "encrypt", "dane", "verified"),
}
LEFT_ASIDE = ["mixed-secure", "mixed-only", "mixed-only-sts", "mixed-secure-down"]  # mx1 must not see a connection
UNTOUCHED = {"dane-ee-expired": ("dane", "verified"), "optout-plain": ("encrypted", "encrypted")}  # no rule names them


@pytest.fixture(scope="module")
def sent(lab, outriders, exim, postfix):
    """All rows in one batch for each mail server: {(row or name, server): Delivery}."""
    own = [domains.row(name, **settings) for name, settings, *_ in ROWS.values() if settings is not None]
    lab.add(*own)
    domains_of = {sentence: row[0] + ".example" for sentence, row in ROWS.items()}
    minimum = {domains_of[sentence]: row[2] for sentence, row in ROWS.items()}
    assert len(minimum) == len(ROWS)
    outriders(for_mtas=True, minimum=minimum)
    for host in lab.mx.values():
        host.sessions.clear()
    names = domains_of | {name: lab.scenarios[name].domain for name in UNTOUCHED}
    found = {}
    for column, server in (("exim", exim), ("postfix", postfix)):
        recipients = {f"{column}-minimum-{next(serial)}@{domain}": name for name, domain in names.items()}
        for recipient, result in server.send(list(recipients)).items():
            found[recipients[recipient], column] = result
    return found


@pytest.mark.parametrize("column", ["exim", "postfix"])
@pytest.mark.parametrize("sentence", ROWS)
def test_mail_below_the_minimum_waits(lab, sent, sentence, column):
    got, want = sent[sentence, column], dict(zip(("exim", "postfix"), ROWS[sentence][3:]))[column]
    assert got.outcome == want, got.reason
    assert delivery.contradiction(got, lab) == ""


@pytest.mark.parametrize("name", LEFT_ASIDE)
def test_a_host_below_the_minimum_gets_no_message(lab, sent, name):
    """Of a mixed set, only the DANE host is used: what the other one saw is the proof."""
    seen = lab.mx[f"mx1.{name}.example"].sessions
    assert [session for session in seen if session.recipients or session.messages] == []


@pytest.mark.parametrize("column", ["exim", "postfix"])
@pytest.mark.parametrize("name", UNTOUCHED)
def test_a_domain_without_a_rule_is_as_before(sent, name, column):
    got = sent[name, column]
    assert got.outcome == dict(zip(("exim", "postfix"), UNTOUCHED[name]))[column], got.reason


# What is told ---------------------------------------------------------------------------------------------------------


def test_the_verdict_says_why(lab, outrider):
    """TLSA-11, V74: level, reason, hosts, evidence; and sendmail, which cannot be told, waits."""
    daemon = outrider(minimum={".example": "secure", "plain-tls.example": "dane-only", "dane-ee.example": "encrypt"})
    verdict = daemon.query("plain-tls.example")
    assert (verdict["level"], verdict["minimum"], verdict["override"]) == ("defer", "dane-only", None)
    assert verdict["reason"] == "minimum dane-only for plain-tls.example is not met: dane-required, mx-insecure"
    assert verdict["mx"][0]["requirement"] == "SKIP" and not verdict["mx"][0]["usable"]
    assert verdict["mx"][0]["reason"].startswith("not used, below the minimum dane-only: dane-required, mx-insecure")
    assert "configuration: minimum dane-only" in verdict["evidence"]
    assert daemon.postfix("plain-tls.example").startswith("TEMP minimum dane-only for plain-tls.example is not met")
    assert daemon.exim("plain-tls.example") == ""
    # the most specific rule, though a less specific one demands more
    assert daemon.query("dane-ee.example")["minimum"] == "encrypt"
    assert daemon.postfix("dane-ee.example", "sts") == "TEMP minimum encrypt: sendmail cannot enforce it without an MTA-STS policy"
    assert daemon.query("signed-plain.example")["minimum"] == "secure"
    direct = daemon.run_cli("query", "--direct", "--config", daemon.config, "plain-tls.example")
    assert direct.returncode == 75 and "minimum: dane-only\n" in direct.stdout


def test_a_mistyped_rule_stops_the_start(outrider):
    """Mail must not go unprotected because of a typing error."""
    daemon = outrider(start=False)
    with open(daemon.config, "a") as file:
        file.write('minimum {\n    "bank.example" = secur\n}\n')
    with open(daemon.config) as file:
        line = file.read().split("\n").index("minimum {") + 2
    done = daemon.run_cli("override", "list", "--config", daemon.config)
    assert done.returncode == 78
    assert f'line {line}: minimum: "secur" is none of encrypt, secure, dane-only' in done.stderr


# Own hosts ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def at_home(lab):
    """Three hosts; the one in the middle is this mail server."""
    row = domains.row("at-home", zone=UNSIGNED, hosts=(Host("mx1", 10), Host("own", 20), Host("mx3", 20), Host("mx4", 30)), sts=Sts())
    lab.add(row)
    return row.domain


def test_behind_an_own_host_the_list_ends(lab, outrider, at_home):
    """DNS-16, STS-APPLY-09, M12: equal and worse preferences go, too; the evidence says so."""
    daemon = outrider(own_hosts=[f"OWN.{at_home}."])
    verdict = daemon.query(at_home)
    assert [host["host"] for host in verdict["mx"]] == [f"mx1.{at_home}"]
    assert any("is one of own_hosts: of 4 MX hosts 1 remain" in line for line in verdict["evidence"])
    assert daemon.postfix(at_home).startswith(f"OK secure match=mx1.{at_home} ")


def test_where_nothing_remains_mail_cannot_go(lab, outrider, at_home):
    """DNS-16, M12: a loop; no other question is asked, and no policy is looked for."""
    daemon = outrider(own_hosts=[f"mx1.{at_home}"])
    verdict = daemon.query(at_home)
    assert verdict["undeliverable"] == "5.4.6 the best MX host is this mail server itself"
    assert (verdict["level"], verdict["mx"], verdict["sts"]["state"]) == ("may", [], "none")
    assert not any(line.startswith(("A ", "TXT ")) and "not asked" not in line for line in verdict["evidence"])


@contextlib.contextmanager
def being(address, postfix):
    """This address is this mail server's."""
    subprocess.run(["ip", "address", "add", f"{address}/32", "dev", "lo"], check=True)
    try:
        with postfix.changed(("inet_interfaces = loopback-only", f"inet_interfaces = loopback-only\nproxy_interfaces = {address}")):
            yield
    finally:
        subprocess.run(["ip", "address", "del", f"{address}/32", "dev", "lo"], check=True)


def test_mail_servers_know_themselves(lab, sent, exim, postfix):
    """DNS-16, STS-APPLY-09, M12: also without own_hosts nothing goes to a host that is equal to ours or worse. Were it not
    ours, it would. (No rule of the daemon of `sent` names this domain.)"""
    hosts = (Host("mx1", 10, server="down"), Host("own", 20, server="down"), Host("mx3", 20), Host("mx4", 30))
    (domain,) = domains.add(lab, domains.row("know-home", 300, zone=UNSIGNED, hosts=hosts, sts=Sts()))
    (address,) = lab.addresses[f"own.{domain.name}"]

    def outcomes():
        recipients = [f"home-{next(serial)}@{domain.name}" for _ in range(2)]
        return [server.send([each])[each].outcome for server, each in zip((exim, postfix), recipients)]

    with being(address, postfix):
        assert outcomes() == ["deferred", "deferred"]
        assert [len(lab.mx[f"{label}.{domain.name}"].sessions) for label in ("mx3", "mx4")] == [0, 0]
    assert outcomes() == ["verified", "verified"]
