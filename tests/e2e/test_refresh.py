"""What happens to a policy, and to what DNS said, while time goes by (conformance areas D and E).

All destinations have records with a TTL of one second, and the daemon looks at the record of a policy every second:
hours of a real daemon's life pass in a few seconds, on the real clock.
"""

import datetime
import sqlite3
import time

import pytest

import domains
from domains import QUICK, ask, ask_until, level, levels
from lab import model
from lab.forwarder import at, deny
from lab.process import wait_until


pytestmark = pytest.mark.at_once


@pytest.fixture(scope="module")
def daemon(outriders):
    """For those that need no settings of their own."""
    return outriders(sts=QUICK)


def expiry(verdict):
    return datetime.datetime.strptime(verdict["sts"]["expires_at"], "%Y-%m-%dT%H:%M:%S%z").timestamp()


# A policy that changes ------------------------------------------------------------------------------------------


def test_a_new_id_brings_the_new_policy(lab, daemon):
    """S6, STS-APPLY-12, STS-APPLY-17: long before max_age has passed."""
    domain = domains.add_sts(lab, "new-id")
    assert ask(daemon, domain.name)["sts"]["mx"] == [f"mx.{domain.name}"]
    domain.set_policy(mx=[f"*.{domain.name}"])
    domain.set_record("2")
    last = ask_until(daemon, domain.name, lambda verdict: verdict["sts"]["id"] == "2")[-1]
    assert last["sts"]["mx"] == [f"*.{domain.name}"]
    assert domain.fetches == 2


def test_mode_none_replaces_enforce_at_once(lab, daemon):
    """RFC 8461 §8.3: the way out."""
    domain = domains.add_sts(lab, "way-out")
    assert level(daemon, domain.name) == "secure"
    domain.set_policy(mode="none")
    domain.set_record("2")
    seen = ask_until(daemon, domain.name, lambda verdict: verdict["level"] == "may")
    assert levels(seen) <= {"secure", "may"}
    assert seen[-1]["sts"]["mode"] == "none"


def test_an_id_that_goes_back(lab, daemon):
    """STS-APPLY-12: ids are compared for equality and nothing else; a, b, a are two changes."""
    domain = domains.add_sts(lab, "roll-back", records=("v=STSv1; id=20260102;",))
    assert level(daemon, domain.name) == "secure"
    for identity, mode, expected in (("20260103", "testing", "may"), ("20260102", "enforce", "secure")):
        domain.set_policy(mode=mode)
        domain.set_record(identity)
        last = ask_until(daemon, domain.name, lambda verdict, expected=expected: verdict["level"] == expected)[-1]
        assert last["sts"]["id"] == identity
    assert domain.fetches == 3


def test_the_same_id_is_no_reason_to_fetch(lab, daemon):
    """S5: looked at again and again, fetched once."""
    domain = domains.add_sts(lab, "same-id")
    first = ask(daemon, domain.name)
    last = ask_until(daemon, domain.name, lambda verdict: verdict["sts"]["row"] == "S5")[-1]
    assert domain.fetches == 1
    assert last["sts"]["expires_at"] == first["sts"]["expires_at"]


def test_a_changed_body_under_the_same_id(lab, daemon):
    """STS-APPLY-14, STS-APPLY-13: the refresh takes it over, though the id has not changed."""
    domain = domains.add_sts(lab, "same-id-new-body", max_age=6)  # fetched again when half of it has passed
    assert level(daemon, domain.name) == "secure"
    domain.set_policy(mode="testing", max_age=6)
    seen = ask_until(daemon, domain.name, lambda verdict: verdict["level"] == "may")
    assert levels(seen) <= {"secure", "may"}
    assert seen[-1]["sts"]["id"] == "1"
    assert expiry(seen[-1]) > expiry(seen[0])


# A policy whose record or host goes -----------------------------------------------------------------------------


def test_a_policy_without_its_record(lab, outriders, forwarders):
    """S2, V56, STS-APPLY-13: the policy stays in force, and is fetched again all the same when half of max_age has passed."""
    domain, between = domains.add_sts(lab, "record-removed", max_age=6), forwarders()
    daemon = outriders(sts=QUICK, dns={"forwarders": [between.address]})
    first = ask(daemon, domain.name)
    between.change = at(f"_mta-sts.{domain.name}", deny)
    seen = ask_until(daemon, domain.name, lambda verdict: verdict["sts"]["row"] == "S2")
    seen += ask_until(daemon, domain.name, lambda verdict: expiry(verdict) > expiry(first))
    assert levels(seen) == {"secure"}
    assert any("_mta-sts" in line and "no such name" in line for line in seen[-1]["evidence"])
    assert domain.fetches == 2


def test_an_expired_policy_is_never_applied(lab, outriders):
    """S7, V59, STS-APPLY-11 (REMEMBER): held to its last second, also by kill -9, and then gone, although the record's id
    has not changed."""
    domain = domains.add_sts(lab, "expires", max_age=3)
    daemon = outriders(sts=QUICK)
    first = ask(daemon, domain.name)
    domain.block()
    daemon.kill()
    daemon.start()
    seen = ask_until(daemon, domain.name, lambda verdict: verdict["level"] != "secure")
    assert time.time() >= expiry(first)
    assert time.time() < expiry(first) + 3
    assert {verdict["sts"]["expires_at"] for verdict in seen[:-1]} == {first["sts"]["expires_at"]}
    assert (seen[-1]["level"], seen[-1]["sts"]["row"], seen[-1]["sts"]["mode"]) == ("may", "S7", None)
    assert "servername" not in daemon.postfix(domain.name)
    daemon.restart()
    assert level(daemon, domain.name) == "may"


def test_a_clock_that_is_set_back_lengthens_no_life(lab, outriders):
    """STS-APPLY-18: what a former run has seen of the time counts; here its clock was a day ahead."""
    domain = domains.add_sts(lab, "clock", max_age=3600)
    daemon = outriders(sts=QUICK)
    assert level(daemon, domain.name) == "secure"
    daemon.stop()
    domain.block()
    with sqlite3.connect(daemon.store) as database:
        database.execute("UPDATE clock SET latest = ?", (int(time.time()) + 86400,))
    database.close()
    daemon.start()
    assert level(daemon, domain.name) == "may"


def test_max_age_0_governs_the_attempt_that_fetched_it(lab, outriders):
    """STS-BODY-09: applied once, kept nowhere, and not fetched without end."""
    domain = domains.add_sts(lab, "max-age-0", max_age=0)
    daemon = outriders(sts=QUICK)
    verdict = ask(daemon, domain.name)
    assert (verdict["level"], verdict["sts"]["max_age"]) == ("secure", 0)
    domain.block()
    before = domain.fetches
    daemon.kill()
    daemon.start()
    assert level(daemon, domain.name) == "may"
    assert before == 1


def test_a_failure_between_two_successes(lab, daemon):
    """STS-APPLY-12: a fetch that fails leaves the new id untried; once the host is well, that id is fetched."""
    domain = domains.add_sts(lab, "well-again")
    assert level(daemon, domain.name) == "secure"
    domain.block("500")
    domain.set_policy(mode="testing")
    domain.set_record("2")
    seen = ask_until(daemon, domain.name, lambda verdict: verdict["sts"]["row"] == "S8")
    assert seen[-1]["sts"]["id"] == "1"
    domain.policy.server = "good"
    domain.set_record("3")  # at once, not after the back-off
    seen += ask_until(daemon, domain.name, lambda verdict: verdict["level"] == "may")
    assert levels(seen) <= {"secure", "may"}
    assert (seen[-1]["sts"]["id"], seen[-1]["sts"]["error"]) == ("3", None)


def test_back_off_ends(lab, outriders):
    """STS-FETCH-14: after sts.retry seconds the same id is tried again."""
    domain = domains.add_sts(lab, "back-off-ends")
    domain.block()
    daemon = outriders(sts={**QUICK, "retry": 3})
    assert level(daemon, domain.name) == "may"
    domain.policy.server = "good"
    begin = time.monotonic()
    ask_until(daemon, domain.name, lambda verdict: verdict["level"] == "secure")
    assert time.monotonic() - begin > 1.5
    assert domain.fetches == 2


def test_alert_before_a_policy_is_lost(lab, outriders):
    """STS-APPLY-15: refreshes that fail again and again are told of, with the time that is left; not under "none"."""
    loud, quiet = domains.add(lab, *[
        domains.row(f"alert-{mode}", zone=model.UNSIGNED, sts=model.Sts(mode=mode, records=("v=STSv1; id=1;",)))
        for mode in ("enforce", "none")])
    daemon = outriders(sts={**QUICK, "retry": 1})
    assert (level(daemon, loud.name), level(daemon, quiet.name)) == ("secure", "may")
    for domain in (loud, quiet):
        domain.block()
        domain.set_record("2")

    def is_told():
        ask(daemon, loud.name)
        ask(daemon, quiet.name)
        return "event=sts.refresh.alert" in daemon.log() and f"domain={quiet.name} failure=" in daemon.log()
    wait_until(is_told, 20, daemon.log)
    alerts = [line for line in daemon.log().splitlines() if "event=sts.refresh.alert" in line]
    assert all(f"domain={loud.name}" in line for line in alerts)
    assert "level=error" in alerts[0] and "mode=enforce" in alerts[0] and "expires_in=" in alerts[0]


# DNS beside a policy ----------------------------------------------------------------------------------------------


def test_tlsa_published_while_a_policy_is_cached(lab, daemon):
    """COMBO-09: noticed when the TTLs in DNS end, however long the policy holds."""
    domain = domains.add_sts(lab, "tlsa-beside-sts", zone=model.SIGNED)
    assert level(daemon, domain.name) == "secure"
    chain = lab.mx[f"mx.{domain.name}"].chain
    lab.set_records(f"_25._tcp.mx.{domain.name}", "TLSA", [lab.certs.tlsa("3 1 1", chain)])
    seen = ask_until(daemon, domain.name, lambda verdict: verdict["level"] == "dane-only")
    assert levels(seen) <= {"secure", "dane-only"}
    assert seen[-1]["sts"]["mode"] == "enforce"
    lab.set_records(f"_25._tcp.mx.{domain.name}", "TLSA", [])
    seen = ask_until(daemon, domain.name, lambda verdict: verdict["level"] != "dane-only")
    assert levels(seen) <= {"dane-only", "secure"}
    assert domain.fetches == 1


def test_a_policy_published_while_dane_is_cached(lab, outriders):
    """COMBO-09, the other way round: long TTLs of the MX host do not delay the look at the record."""
    domain = domains.add_sts(lab, "sts-beside-dns", records=())
    daemon = outriders(sts=QUICK)
    assert level(daemon, domain.name) == "may"
    domain.set_record("1")
    assert levels(ask_until(daemon, domain.name, lambda verdict: verdict["level"] == "secure")) <= {"may", "secure"}


def test_an_mx_that_moves(lab, daemon):
    """M3: a new MX host is judged by the policy on hand as soon as the old record's TTL ends."""
    domain = domains.add_sts(lab, "moves")
    assert ask(daemon, domain.name)["mx"][0]["sts_match"] is True
    lab.set_records(domain.name, "MX", ["10 mx.sts-enforce.example."])
    seen = ask_until(daemon, domain.name, lambda verdict: verdict["mx"][0]["host"] == "mx.sts-enforce.example")
    assert levels(seen) == {"secure"}
    assert seen[-1]["mx"][0]["sts_match"] is False
    assert daemon.postfix(domain.name).startswith("TEMP ")


def test_a_policy_in_use_is_refreshed_before_it_lapses(lab, daemon):
    """STS-APPLY-13: no client ever sees a gap."""
    domain = domains.add_sts(lab, "no-gap", max_age=2)
    seen = ask_until(daemon, domain.name, lambda _: domain.fetches >= 4)
    assert levels(seen) == {"secure"}
