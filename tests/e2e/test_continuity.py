"""Continuity of roots: a policy host or an MX host that comes to another CA, which is trusted as well. It is told, it is
recorded, and where a rule says on_change = defer the mail of that destination, and of no other, waits for the operator.

Real policy hosts, Exim and Postfix; what the store holds is read with SQLite's own library, as `trust report` would."""

import datetime
import itertools
import json
import os
import sqlite3
import urllib.request

import pytest
from cryptography.hazmat.primitives import serialization

import domains
from domains import QUICK, level
from lab import clients
from lab.model import SIGNED, Host
from lab.process import wait_until

METRICS = 18463
serial = itertools.count(1)


@pytest.fixture(scope="module")
def roots(lab, tmp_path_factory):
    """Both CAs of this story in one file: the lab's, and the other one."""
    path = lab.certs.bundle.replace("lab-ca.pem", "both-cas.pem")
    with open(path, "wb") as file:
        for name in ("lab", "other"):
            file.write(lab.certs.authority(name).public_bytes(serialization.Encoding.PEM))
    return path


def settings(roots, watched, on_change="defer", **more):
    """Both CAs count for everybody; what a change of root does is said of `watched` alone."""
    return {"sts": QUICK, "anchors": {"roots": roots},
            'anchors "watched"': {"roots": roots, "for": list(watched), "on_change": on_change},
            "http": {"listen": [f"inet:[127.0.0.1]:{METRICS}"]}, **more}


def tomorrow():
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)).strftime("%Y-%m-%d")


def metric(sample):
    with urllib.request.urlopen(f"http://127.0.0.1:{METRICS}/metrics", timeout=10) as page:
        lines = page.read().decode().splitlines()
    return next(int(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(sample + " "))


def rows(daemon, query, *values):
    store = sqlite3.connect(f"file:{daemon.store}?mode=ro", uri=True)
    try:
        return store.execute(query, values).fetchall()
    finally:
        store.close()


def sighting(daemon, domain, role="policy"):
    """host, source, error, and whether the root has changed."""
    return rows(daemon, "SELECT host, source, error, root_before <> '' FROM sightings WHERE domain = ? AND role = ?",
                domain, role)


def change_ca(domain, record, issuer="other"):
    """The policy host comes with a certificate of another CA, and says that there is a new policy."""
    domain.policy.chain = domain.lab.certs.issue(issuer, domain.policy.name)
    domain.set_record(record)


def events(daemon, name, destination):
    return [line for line in daemon.log().splitlines() if f"event={name} destination={destination} " in line]


def accept(daemon, *arguments):
    return daemon.run_cli("trust", "accept", "--config", daemon.config, *arguments)


def waiting(daemon):
    """The destinations that `outrider trust list` shows as held."""
    listed = daemon.run_cli("trust", "list", "--json", "--config", daemon.config)
    return [each["domain"] for each in json.loads(listed.stdout)["holds"]]


def tell_chain(daemon, domain, host, chain):
    """What `outrider trust probe` tells the daemon of an MX host."""
    pem = "".join(each.public_bytes(serialization.Encoding.PEM).decode() for each in chain.certificates)
    request = {"do": "trust.record", "domain": domain.name, "role": "mx", "host": host, "chain": pem}
    return json.loads(clients.line(daemon.control_socket, json.dumps(request) + "\n", 30.0))


# Told and recorded ----------------------------------------------------------------------------------------------------


def test_another_root_is_told_recorded_and_used(lab, outrider, roots):
    """Under on_change = log: one event, one count, the row; the new policy takes effect, mail goes on."""
    domain = domains.add_sts(lab, "continuity-log")
    daemon = outrider(**settings(roots, [domain.name], "log"))
    assert level(daemon, domain.name) == "secure"
    assert sighting(daemon, domain.name) == [(domain.policy.name, "fetch", "", 0)]
    assert metric('outrider_trust_sightings_total{role="policy",outcome="accepted"}') == 1
    assert not events(daemon, "trust.root.changed", domain.name)
    domain.set_policy("testing")
    change_ca(domain, "2")
    domains.ask_until(daemon, domain.name, lambda verdict: verdict["level"] == "may")
    (line,) = events(daemon, "trust.root.changed", domain.name)
    assert line.startswith("level=notice ") or " level=notice " in line
    for field in ("role=policy", f"host={domain.policy.name}", 'from="Outrider lab, lab CA"', 'to="Outrider lab, other CA"'):
        assert field in line, line
    assert sighting(daemon, domain.name) == [(domain.policy.name, "fetch", "", 1)]
    assert metric('outrider_trust_root_changes_total{role="policy"}') == 1
    assert metric('outrider_trust_root_changes_total{role="mx"}') == 0
    assert metric("outrider_trust_holds") == 0


def test_what_is_refused_is_recorded_and_no_change(lab, outrider, roots):
    """A certificate that nobody trusts holds nothing: the anchors have refused it. The policy on hand stays (REMEMBER)."""
    domain = domains.add_sts(lab, "continuity-refused")
    daemon = outrider(**settings(roots, [domain.name]))
    assert level(daemon, domain.name) == "secure"
    change_ca(domain, "2", "self")
    wait_until(lambda: level(daemon, domain.name) == "secure" and sighting(daemon, domain.name)[0][2] != "",
               domains.SOON, daemon.log)
    assert metric('outrider_trust_sightings_total{role="policy",outcome="refused"}') == 1
    assert level(daemon, domain.name) == "secure"
    assert not events(daemon, "trust.root.changed", domain.name)
    assert metric("outrider_trust_holds") == 0


def test_what_was_decided_is_in_the_store(lab, outrider, roots):
    """The hosts, and which have DANE; nothing of a destination without a policy."""
    hosts = (Host(), Host(label="spare", preference=20, tlsa=("3 1 1",)))
    domain = domains.add_sts(lab, "continuity-hosts", zone=SIGNED, hosts=hosts, mx=("mx.continuity-hosts.example",))
    daemon = outrider(**settings(roots, []) | {'anchors "watched"': None})
    level(daemon, domain.name)
    level(daemon, "plain-tls.example")
    wait_until(lambda: rows(daemon, "SELECT 1 FROM destinations WHERE domain = ?", domain.name), domains.SOON,
               daemon.log)
    ((told,),) = rows(daemon, "SELECT hosts FROM destinations WHERE domain = ?", domain.name)
    assert sorted(told.split()) == [f"mx.{domain.name}", f"spare.{domain.name}/dane"]
    assert not rows(daemon, "SELECT 1 FROM destinations WHERE domain = 'plain-tls.example'")


# Held -----------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def story(lab):
    """Three destinations whose policy hosts change their CA in the same way: one watched, one with DANE and watched, and
    one that no rule speaks of."""
    held, dane, other = (domains.add_sts(lab, f"continuity-{name}", **more) for name, more in {
        "held": {}, "dane": {"zone": SIGNED, "hosts": (Host(tlsa=("3 1 1",)),)}, "other": {}}.items())
    return held, dane, other


def outcomes(server, *names):
    recipients = {f"continuity-{next(serial)}@{name}": name for name in names}
    return {recipients[each]: delivery.outcome for each, delivery in server.send(list(recipients), fresh=True).items()}


def test_mail_waits_until_the_operator_accepts(lab, exim, postfix, outrider, roots, story):
    """LOCALITY, DANE-FIRST, REMEMBER: the watched destination waits, over a restart as well; its neighbours do not; the new
    policy takes effect with the word of the operator, and at once."""
    held, dane, other = names = story
    daemon = outrider(for_mtas=True, **settings(roots, [held.name, dane.name]))
    assert [level(daemon, each.name) for each in names] == ["secure", "dane-only", "secure"]
    for each in names:
        change_ca(each, "2")
    held.set_policy("none")  # what an attacker would serve: it must not take effect
    verdict = domains.ask_until(daemon, held.name, lambda seen: seen["level"] == "defer")[-1]
    for each in (dane, other):
        domains.ask_until(daemon, each.name, lambda _: events(daemon, "trust.root.changed", each.name))

    shown = verdict["hold"]
    assert (shown["role"], shown["host"], shown["in_force"]) == ("policy", held.policy.name, True)
    assert (shown["from"]["subject"], shown["to"]["subject"]) == ("Outrider lab, lab CA", "Outrider lab, other CA")
    assert (verdict["sts"]["id"], verdict["sts"]["mode"], verdict["sts"]["source"]) == ("1", "enforce", "cache")
    answer = daemon.postfix(held.name)
    assert answer.startswith(f'TEMP held until "outrider trust accept {held.name}"') and held.policy.name in answer
    assert daemon.exim(held.name) == ""
    verdict = domains.ask(daemon, dane.name)
    assert (verdict["level"], verdict["hold"]["in_force"]) == ("dane-only", False)
    assert domains.ask(daemon, other.name)["hold"] is None
    text = daemon.run_cli("query", "--explain", "--config", daemon.config, held.name).stdout
    assert f'held until "outrider trust accept {held.name}"' in text and "hold of policy" in text
    assert metric("outrider_trust_holds") == 2

    expected = {held.name: "deferred", other.name: "verified"}
    assert outcomes(exim, *(each.name for each in names)) == expected | {dane.name: "dane"}
    assert outcomes(postfix, *(each.name for each in names)) == expected | {dane.name: "verified"}

    daemon.kill()
    daemon.start()
    assert [level(daemon, each.name) for each in names] == ["defer", "dane-only", "secure"]
    assert outcomes(exim, held.name) == {held.name: "deferred"}

    assert waiting(daemon) == sorted([held.name, dane.name])
    held.set_policy("enforce")
    done = accept(daemon, held.name.upper())
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"accepted: {held.name}\n"
    assert level(daemon, held.name) == "secure"
    domains.ask_until(daemon, held.name, lambda seen: seen["sts"]["id"] == "2")
    assert outcomes(exim, held.name) == outcomes(postfix, held.name) == {held.name: "verified"}
    assert f"event=trust.accepted destination={held.name} " in daemon.log() and "uid=0" in daemon.log()
    assert waiting(daemon) == [dane.name]
    daemon.restart()
    assert level(daemon, held.name) == "secure"
    assert accept(daemon, held.name).returncode == os.EX_DATAERR


def test_an_mx_host_can_hold_the_mail_too(lab, outrider, roots):
    """The chain of an MX host, as a probe tells of it; the answers that are out change with it."""
    domain = domains.add_sts(lab, "continuity-mx")
    host = domain.row.host_name(domain.row.hosts[0])
    daemon = outrider(**settings(roots, [domain.name]))
    assert daemon.postfix(domain.name).startswith("OK secure ")
    assert tell_chain(daemon, domain, host, lab.certs.issue("lab", host))["sighting"]["accepted"]
    assert daemon.postfix(domain.name).startswith("OK secure ")
    assert tell_chain(daemon, domain, host, lab.certs.issue("other", host))["sighting"]["accepted"]
    assert daemon.postfix(domain.name).startswith("TEMP held until ")
    assert sighting(daemon, domain.name, "mx") == [(host, "probe", "", 1)]
    assert metric('outrider_trust_root_changes_total{role="mx"}') == 1
    assert accept(daemon, domain.name).returncode == 0
    assert daemon.postfix(domain.name).startswith("OK secure ")


def test_an_override_counts_before_a_hold(lab, outrider, roots):
    domain = domains.add_sts(lab, "continuity-override")
    host = domain.row.host_name(domain.row.hosts[0])
    daemon = outrider(**settings(roots, [domain.name]))
    level(daemon, domain.name)
    for issuer in ("lab", "other"):
        tell_chain(daemon, domain, host, lab.certs.issue(issuer, host))
    assert daemon.postfix(domain.name).startswith("TEMP held")
    daemon.override("add", "--until", tomorrow(), "--reason", "they told me", domain.name)
    assert daemon.postfix(domain.name) == "OK may"
    daemon.override("remove", domain.name)
    assert daemon.postfix(domain.name).startswith("TEMP held")


# The command ----------------------------------------------------------------------------------------------------------


MISUSED = {
    "no domain": ([], 64, "takes one domain"),
    "two domains": (["a.example", "b.example"], 64, "takes one domain"),
    "no domain at all": (["a..example"], 65, "the domain is none"),
    "one that is not held": (["a.example"], 65, "nothing of a.example is held"),
}


@pytest.fixture(scope="module")
def idle(outriders, lab):
    return outriders()


@pytest.mark.parametrize("sentence", MISUSED)
def test_refused(idle, sentence):
    arguments, status, words = MISUSED[sentence]
    done = accept(idle, *arguments)
    assert (done.returncode, done.stdout) == (status, ""), done
    assert done.stderr.startswith("outrider: trust accept: ") and words in done.stderr, done.stderr
