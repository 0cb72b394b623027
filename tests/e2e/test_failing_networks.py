"""DNS and policy hosts that are down, slow or hostile: what a daemon makes of them, with and without a policy on hand.

The words in capitals are the invariants of the design; rows and ids in docstrings are those of the decision table and of
the conformance list.
"""

import concurrent.futures
import os
import pathlib
import socket
import time

import pytest

import conftest
import domains
from domains import QUICK, SOON, ask, ask_until, level, levels
from lab import forwarder, model, namespace
from lab.forwarder import Forwarder, at, claim, each, fail, forge, strip
from lab.process import wait_until
from lab.scenarios import SCENARIOS

ATTACKER = "203.0.113.66"


def through(forwarder, **more):
    """Settings of a daemon that asks this forwarder."""
    return {"forwarders": [forwarder.address], "timeout": 5, **more}


def ask_all(daemon, names):
    """{name: verdict}, all at once."""
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        return dict(zip(names, pool.map(lambda name: ask(daemon, name), names)))


def wait_for_log(daemon, *words):
    """The first line of the log with all the words."""
    def find():
        return [line for line in daemon.log().splitlines() if all(word in line for word in words)]
    wait_until(find, SOON, lambda: f"no line with {words} in the log:\n{daemon.log()}")
    return find()[0]


# The resolver is down, or lies --------------------------------------------------------------------------------


@pytest.mark.at_once
@pytest.mark.parametrize("how", ["refused", "silent"])
def test_a_resolver_that_is_down(lab, outriders, how):
    """DNS-07, M8, V76: everything waits, secured or not, and the log says why. The port is closed, or a hole."""
    names = ["dane-ee.example", "sts-enforce.example", "plain-tls.example", "signed-plain.example"]
    address = next(forwarder.addresses)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as hole:
        if how == "silent":
            hole.bind((address, 53))
        daemon = outriders(dns={"forwarders": [address], "timeout": 1})
        verdicts = ask_all(daemon, names)
    assert levels(verdicts.values()) == {"defer"}
    assert {verdict["mx_security"] for verdict in verdicts.values()} == {"tempfail"}
    assert "mail to destinations that are not cached waits" in wait_for_log(daemon, "event=dns.selftest", "unreachable")


@pytest.mark.at_once
def test_the_resolver_comes_back(lab, outriders, forwarders):
    """M8: what failed is asked again, and mail goes."""
    address = next(forwarder.addresses)
    daemon = outriders(dns={"forwarders": [address], "timeout": 1})
    assert level(daemon, "dane-ee.example") == "defer"
    forwarders(address=address)
    seen = ask_until(daemon, "dane-ee.example", lambda verdict: verdict["level"] == "dane-only", 30)
    assert levels(seen) == {"defer", "dane-only"}


def test_while_the_resolver_is_down_warm_answers_stay(lab, outrider):
    """What was found out holds for its TTL, and nothing is asked for it."""
    daemon = outrider(dns={"timeout": 1})
    names = ["dane-ee.example", "sts-enforce.example", "plain-tls.example"]
    before = {name: daemon.postfix(name) for name in names}
    with lab.outage():
        assert {name: daemon.postfix(name) for name in names} == before
        assert level(daemon, "dane-ta.example") == "defer"


@pytest.mark.at_once
def test_a_forwarder_that_strips_signatures(lab, outriders, forwarders):
    """DNS-01: signed destinations wait, and the log says in words why and what it costs."""
    daemon = outriders(dns=through(forwarders(change=strip)))
    verdicts = ask_all(daemon, ["dane-ee.example", "signed-plain.example", "dane-and-sts.example", "hosted.example"])
    assert levels(verdicts.values()) == {"defer"}
    line = wait_for_log(daemon, "event=dns.selftest", "result=stripped")
    assert "level=error" in line
    assert "do not pass on the DNSSEC signatures" in line
    assert "forged from here" in line and "will wait" in line
    assert "Use a forwarder that supports DNSSEC" in line


FORGERIES = {
    "MX": forge("MX", "10 mx.attacker.example."),
    "A": forge("A", ATTACKER),
    "TLSA": forge("TLSA", "3 1 1 " + "ab" * 32),
    "TXT": forge("TXT", '"v=STSv1; id=forged;"'),
}


@pytest.mark.at_once
@pytest.mark.parametrize("believer", [False, True], ids=["unsigned", "with the AD bit"])
@pytest.mark.parametrize("rtype", ["MX", "A", "TLSA"])
def test_forged_answers_for_a_signed_zone(lab, outriders, forwarders, rtype, believer):
    """DNS-02: unsigned data where signatures are due is bogus, and a bit that says otherwise is not believed."""
    liar = at("dane-ee.example", each(FORGERIES[rtype], claim) if believer else FORGERIES[rtype], rtype)
    verdict = ask(outriders(dns=through(forwarders(change=liar))), "dane-ee.example")
    assert verdict["level"] == "defer"
    assert "attacker" not in verdict["postfix"] + verdict["exim"]
    assert any(line.startswith(f"{rtype} ") and ": bogus" in line for line in verdict["evidence"]), verdict["evidence"]


@pytest.mark.at_once
def test_the_ad_bit_makes_nothing_secure(lab, outriders, forwarders):
    """DNS-02: a forged TLSA record below an unsigned zone, with the AD bit on everything, is no DANE."""
    between = forwarders(change=at("plain-tls.example", each(FORGERIES["TLSA"], claim)))
    verdict = ask(outriders(dns=through(between)), "plain-tls.example")
    assert (verdict["level"], verdict["mx_security"], verdict["mx"][0]["dane"]["state"]) == ("may", "insecure", "insecure")
    assert not between.has_been_asked("_25._tcp.mx.plain-tls.example", "TLSA")


def test_recursion_and_forwarding_agree(lab, outrider):
    """The same verdicts from the root hints as through the resolver, for every row that does not wait for a policy."""
    rows = [row.domain for row in SCENARIOS if not row.sts or row.sts.server == "good"]
    forwarding, recursing = outrider(), outrider(dns={"mode": "recursive", "forwarders": None})
    by_forwarding, by_recursion = ask_all(forwarding, rows), ask_all(recursing, rows)

    def shape(verdict):
        return {**{key: verdict[key] for key in ("level", "mx_security", "undeliverable")},
                "hosts": [(host["host"], host["addresses"], host["auth"], host["dane"]["state"], sorted(host["dane"]["tlsa"]))
                          for host in verdict["mx"]],
                "sts": (verdict["sts"]["state"], verdict["sts"]["mode"])}

    for name in rows:
        assert shape(by_recursion[name]) == shape(by_forwarding[name])
    assert len(rows) > 50


@pytest.mark.at_once
def test_resolv_conf_is_followed_when_it_is_replaced(lab, outriders, forwarders):
    """By rename, as network managers do: the file is looked at by name."""
    folder = pathlib.Path(namespace.HOME, "resolv")
    folder.mkdir()
    path, between = folder / "resolv.conf", forwarders()
    with Forwarder() as second:
        path.write_text(f"nameserver {between.address}\n")
        daemon = outriders(dns={"forwarders": None, "resolv_conf": str(path), "timeout": 2})
        assert level(daemon, "dane-ee.example") == "dane-only"
        assert between.asked and not second.asked
        (folder / "new").write_text(f"nameserver {second.address}\n")
        os.rename(folder / "new", path)
        names = iter([row.domain for row in SCENARIOS if row.name.startswith("sts-")])
        wait_until(lambda: ask(daemon, next(names)) and second.asked, SOON, daemon.log)
        before = len(between.asked)
        assert level(daemon, "dane-ta.example") == "dane-only"
        assert second.has_been_asked("dane-ta.example", "MX")
        assert len(between.asked) == before
    assert second.address in wait_for_log(daemon, "event=dns.servers ")


FAULTS = {"servfail": fail("SERVFAIL"), "refused": fail("REFUSED"), "garbage": forwarder.garbage,
          "nxdomain": forwarder.deny, "nodata": forwarder.empty}

# The MTA-STS record cannot be looked up -----------------------------------------------------------------------


@pytest.mark.at_once
@pytest.mark.parametrize("on_unknown, expected", [("proceed", "may"), ("defer", "defer")])
@pytest.mark.parametrize("fault", ["servfail", "bogus"])
def test_the_record_cannot_be_looked_up_and_nothing_is_cached(lab, outriders, forwarders, fault, on_unknown, expected):
    """S3, V58, STS-DNS-13: unknown, not absent; a setting says what that means."""
    name = {"servfail": "record-servfail.example", "bogus": "signed-plain.example"}[fault]
    between = forwarders(change=at("_mta-sts.signed-plain.example", FORGERIES["TXT"]))
    verdict = ask(outriders(dns=through(between), sts={"on_unknown": on_unknown}), name)
    assert (verdict["level"], verdict["sts"]["row"], verdict["sts"]["state"]) == (expected, "S3", "tempfail")
    assert verdict["sts"]["error"]


@pytest.mark.at_once
@pytest.mark.parametrize("fault", ["servfail", "refused", "garbage", "nxdomain", "nodata"])
def test_the_record_cannot_be_looked_up_under_a_cached_policy(lab, outriders, forwarders, fault):
    """S2, S4, V56, V57, STS-FETCH-17: the policy stays, also when somebody says that there never was a record."""
    domain, between = domains.add_sts(lab, f"txt-{fault}"), forwarders()
    daemon = outriders(dns=through(between), sts=QUICK)
    assert level(daemon, domain.name) == "secure"
    between.change = at(f"_mta-sts.{domain.name}", FAULTS[fault])
    seen = ask_until(daemon, domain.name, lambda verdict: verdict["sts"]["row"] in ("S2", "S4"))
    assert levels(seen) == {"secure"}
    is_denial = fault in ("nxdomain", "nodata")
    assert seen[-1]["sts"]["row"] == ("S2" if is_denial else "S4")
    assert bool(seen[-1]["sts"]["error"]) != is_denial


@pytest.mark.at_once
def test_tlsa_fails_after_it_worked(lab, outriders, forwarders):
    """DNS-28, T3 (NO-DOWNGRADE): the DANE state holds for its TTL, then mail waits; it is never opportunistic."""
    domain = domains.add(lab, domains.row("tlsa-later", hosts=(model.Host(cert="self", tlsa=("3 1 1",)),)))[0]
    between = forwarders()
    daemon = outriders(dns=through(between))
    assert level(daemon, domain.name) == "dane-only"
    between.change = at(f"_25._tcp.mx.{domain.name}", fail("SERVFAIL"))
    seen = ask_until(daemon, domain.name, lambda verdict: verdict["level"] == "defer")
    assert levels(seen) <= {"dane-only", "defer"}
    assert seen[-1]["mx"][0]["dane"]["state"] == "tempfail"


@pytest.mark.at_once
def test_mx_fails_under_a_cached_policy(lab, outriders, forwarders):
    """V75, V76, M8: the policy says who may take the mail, not who does."""
    domain, between = domains.add_sts(lab, "mx-later"), forwarders()
    daemon = outriders(dns=through(between), sts=QUICK)
    assert level(daemon, domain.name) == "secure"
    between.change = at(domain.name, fail("SERVFAIL"), "MX")
    seen = ask_until(daemon, domain.name, lambda verdict: verdict["level"] == "defer")
    assert levels(seen) <= {"secure", "defer"}
    assert seen[-1]["sts"]["mode"] == "enforce"
    assert daemon.postfix(domain.name).startswith("TEMP ")
    assert daemon.exim(domain.name) == ""


# The policy host fails ----------------------------------------------------------------------------------------

FAILURES = {
    # what the host does: row with nothing cached, row under a cached policy, failure as in RFC 8460, words
    "404": ("S7", "S8", "sts-policy-fetch-error", "HTTP status 404"),
    "500": ("S7", "S8", "sts-policy-fetch-error", "HTTP status 500"),
    "redirect": ("S7", "S8", "sts-policy-fetch-error", "redirects are not followed"),
    "slow": ("S7", "S8", "sts-policy-fetch-error", "within 3.0 s"),
    "endless": ("S7", "S8", "sts-policy-fetch-error", "more than 65536 octets"),
    "oversized": ("S7", "S8", "sts-policy-fetch-error", "more than 65536 octets"),
    "malformed": ("S9", "S10", "sts-policy-invalid", "policy has no mode"),
    "html": ("S7", "S8", "sts-policy-fetch-error", "text/html"),
    "bomb": ("S7", "S8", "sts-policy-fetch-error", "gzip"),
    "silent": ("S7", "S8", "sts-policy-fetch-error", "within 3.0 s"),
    "unreachable": ("S7", "S8", "", ""),
    "self-signed": ("S7", "S8", "sts-webpki-invalid", "self-signed"),
    "refused": ("S7", "S8", "sts-policy-fetch-error", "refused"),
    "dropped": ("S7", "S8", "sts-policy-fetch-error", "within 3.0 s"),
    "no address": ("S7", "S8", "sts-policy-fetch-error", "no address"),
    "private": ("S7", "S8", "sts-policy-fetch-error", "only private addresses (127.0.0.1)"),
}
EACH_FAILURE = pytest.mark.parametrize("failure", FAILURES)
IP_FREEBIND = 15  # of Linux; Python has no name for it
REFUSED, DROPPED = "2001:db8:443::1", "2001:db8:443::2"  # the policy hosts of the lab listen on IPv4 only


def break_host(lab, domain, failure):
    """Make the policy host fail in this way from now on."""
    owner = f"mta-sts.{domain.name}"
    moved = {"refused": ("AAAA", [REFUSED]), "dropped": ("AAAA", [DROPPED]), "no address": ("TXT", ['"nothing"']),
             "private": ("A", ["127.0.0.1"])}
    if failure == "self-signed":
        domain.policy.chain = lab.certs.issue("self", owner)
    elif failure in moved:
        lab.set_records(owner, "A", [])
        lab.set_records(owner, *moved[failure])
    else:
        domain.block(failure)


@pytest.fixture(scope="module")
def hole():
    """Where connections are neither accepted nor refused: a listener whose queue is full."""
    with socket.socket(socket.AF_INET6) as listener:
        listener.setsockopt(socket.SOL_IP, IP_FREEBIND, 1)  # a route leads there, no interface has it
        listener.bind((DROPPED, 443))
        listener.listen(0)
        fillers = []
        for _ in range(4):
            fillers.append(socket.socket(socket.AF_INET6))
            fillers[-1].setblocking(False)
            fillers[-1].connect_ex((DROPPED, 443))
        yield
        for filler in fillers:
            filler.close()


class Story:
    """What two daemons said of a domain: one had its policy before the policy host failed, the other never."""

    cached = fresh = restarted = None
    fetches = fetches_after_restart = 0


@pytest.fixture(scope="module")
def stories(lab, build, hole):
    """{failure: Story}; all failures at once."""
    names = {failure: f"host-{failure.replace(' ', '-')}" for failure in FAILURES}
    made = dict(zip(FAILURES, domains.add(lab, *[
        domains.row(name, zone=model.UNSIGNED, sts=model.Sts(records=("v=STSv1; id=1;",))) for name in names.values()])))
    settings = {"sts": {**QUICK, "fetch_timeout": 3}, "limits": {"answer": 9}}
    told = {failure: Story() for failure in FAILURES}
    remembering, forgetting = (conftest.start_outrider(build, lab, **settings) for _ in range(2))
    with remembering, forgetting, concurrent.futures.ThreadPoolExecutor(32) as pool:
        list(pool.map(lambda domain: ask_until(remembering, domain.name, lambda verdict: verdict["level"] == "secure"),
                      made.values()))
        for failure, domain in made.items():
            break_host(lab, domain, failure)
            domain.set_record("2")

        def tell(failure):
            domain, story = made[failure], told[failure]
            story.cached = ask_until(remembering, domain.name, lambda verdict: verdict["sts"]["error"])
            story.fresh = ask(forgetting, domain.name)
        list(pool.map(tell, FAILURES))
        for failure, domain in made.items():
            told[failure].fetches = domain.fetches
        remembering.kill()
        remembering.start()
        forgetting.restart()
        again, other = (ask_all(daemon, [domain.name for domain in made.values()]) for daemon in (remembering, forgetting))
        for failure, domain in made.items():
            told[failure].restarted = again[domain.name], other[domain.name]
            told[failure].fetches_after_restart = domain.fetches
    conftest.stop_outrider(remembering)
    conftest.stop_outrider(forgetting)
    return told


@EACH_FAILURE
def test_a_failing_policy_host_and_nothing_cached(stories, failure):
    """S7, S9, V54, V61, STS-FETCH-16, STS-FETCH-18: as without MTA-STS, and the failure has its class and its words."""
    row, _, kind, words = FAILURES[failure]
    verdict = stories[failure].fresh
    assert (verdict["level"], verdict["sts"]["row"], verdict["sts"]["mode"]) == ("may", row, None)
    assert verdict["sts"]["failure"] == (kind or "sts-policy-fetch-error")
    assert words in verdict["sts"]["error"]


@EACH_FAILURE
def test_a_failing_policy_host_under_a_cached_policy(stories, failure):
    """S8, S10, V55, STS-FETCH-17, STS-APPLY-12 (REMEMBER): the policy stays, under the old id, with the old expiry."""
    _, row, kind, words = FAILURES[failure]
    seen = stories[failure].cached
    assert levels(seen) == {"secure"}
    first, last = seen[0]["sts"], seen[-1]["sts"]
    assert (last["row"], last["mode"], last["id"]) == (row, "enforce", "1")
    assert last["failure"] == (kind or "sts-policy-fetch-error")
    assert words in last["error"]
    assert last["expires_at"] == first["expires_at"]


@EACH_FAILURE
def test_a_failing_policy_host_after_a_restart(stories, failure):
    """STS-FETCH-15, STS-APPLY-18 (REMEMBER): policy and back-off survive kill -9 and restart; no host is asked again."""
    story = stories[failure]
    remembered, never_known = story.restarted
    assert (remembered["level"], remembered["sts"]["mode"]) == ("secure", "enforce")
    assert (never_known["level"], never_known["sts"]["row"]) == ("may", FAILURES[failure][0])
    assert story.fetches_after_restart == story.fetches


@pytest.mark.at_once
def test_a_slow_policy_host_does_not_hold_up_an_impatient_client(lab, outriders):
    """S11, STS-APPLY-16: with less time for an answer than for a fetch, the answer comes without the policy, while the fetch is
    under way (after it the row would be S7)."""
    domain = domains.add_sts(lab, "patience")
    domain.block("slow")
    daemon = outriders(sts={"fetch_timeout": 2}, limits={"answer": 3})
    verdict = ask(daemon, domain.name)
    assert (verdict["level"], verdict["sts"]["row"]) == ("may", "S11")


@pytest.mark.at_once
def test_unknown_because_slow_defers_if_so_configured(lab, outriders):
    """S11 with sts.on_unknown."""
    domain = domains.add_sts(lab, "patience-defer")
    domain.block("silent")
    daemon = outriders(sts={"fetch_timeout": 2, "on_unknown": "defer"}, limits={"answer": 3})
    assert level(daemon, domain.name) == "defer"


@pytest.mark.at_once
@pytest.mark.parametrize("manners", ["good", "404"])
def test_a_hundred_questions_are_one_fetch(lab, outriders, manners):
    """STS-FETCH-15"""
    domain = domains.add_sts(lab, f"hundred-{manners}", ttl=300)
    domain.block(manners)
    daemon = outriders()
    with concurrent.futures.ThreadPoolExecutor(100) as pool:
        replies = set(pool.map(lambda _: daemon.postfix(domain.name), range(100)))
    assert len(replies) == 1
    assert domain.fetches == 1


@pytest.mark.at_once
def test_back_off_and_a_new_id(lab, outriders, forwarders):
    """STS-FETCH-14: what failed is left alone for long; a record with another id is tried at once."""
    domain, between = domains.add_sts(lab, "back-off"), forwarders()
    domain.block("404")
    daemon = outriders(dns=through(between), sts=QUICK)
    looks = lambda: between.asked.count((f"_mta-sts.{domain.name}.", "TXT"))  # noqa: E731
    assert level(daemon, domain.name) == "may"
    ask_until(daemon, domain.name, lambda _: looks() >= 3)
    assert domain.fetches == 1
    domain.policy.server = "good"
    domain.set_record("2")
    seen = ask_until(daemon, domain.name, lambda verdict: verdict["level"] == "secure")
    assert levels(seen) <= {"may", "secure"}
    assert seen[-1]["sts"]["id"] == "2"
    assert domain.fetches == 2


def test_the_failure_is_logged_once_with_the_time_of_the_next_try(lab, outrider):
    """One event, one line."""
    daemon = outrider()
    for _ in range(3):
        assert level(daemon, "policy-404.example") == "may"
    lines = [line for line in daemon.log().splitlines() if "sts.refresh.failed domain=policy-404.example" in line]
    assert len(lines) == 1
    assert "HTTP status 404" in lines[0] and "retry_at=" in lines[0] and "policy=none" in lines[0]
