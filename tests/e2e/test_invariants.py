"""The invariants, each with tests that carry its name, on the running daemon and, where mail is at stake, with real mail
servers. Here SAFE-TO-PUBLISH is about what recommends a policy, `outrider lint policy --mx`; what is served, test_publish_life.py walks through.

REMEMBER has more in test_store.py (kill -9, full disks), test_refresh.py and test_failing_networks.py; what a mail server
does without its daemon (NO-DOWNGRADE) is in test_dead_daemon.py.
"""

import concurrent.futures
import itertools
import json
import re
import sqlite3
import threading
import time

import pytest

import domains
from domains import ask, level, levels, row
from lab import clients, forwarder, policyhost
from lab import postfix as postfix_files
from lab.forwarder import at, claim, each, fail
from lab.model import SIGNED, UNSIGNED, Host, Sts
from lab.scenarios import SCENARIOS, SIGNED_HOST

SAFE = {"dane-only", "dane", "secure", "encrypt", "defer"}  # every level but "may"
serial = itertools.count(1)


def ask_all(daemon, names):
    """{name: verdict}, all at once."""
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        return dict(zip(names, pool.map(lambda name: ask(daemon, name), names)))


def deliver(server, *names):
    """{domain: outcome} of one message to each."""
    recipients = {f"inv-{next(serial)}@{name}": name for name in names}
    return {recipients[delivery.recipient]: delivery for delivery in server.send(list(recipients)).values()}


# LOCALITY -------------------------------------------------------------------------------------------------------

# Rows that say the same each time they are asked: not those that wait for a policy host until their time is up.
STEADY = [each.domain for each in SCENARIOS if not each.sts or each.sts.server == "good"]


def replies(daemon, names):
    """What mail servers are told, and by which roots."""
    told = {}
    for name in names:
        verdict = ask(daemon, name)
        exim = verdict["exim"].replace(daemon.exim_dir, "DIR")
        told[name] = verdict["level"], verdict["postfix"], exim, verdict["anchors"]
    return told


def test_locality_in_any_order(lab, outrider):
    """LOCALITY, SCOPE: what was asked before, and so what was learned and cached for others, changes no answer."""
    forth, back = replies(outrider(), STEADY), replies(outrider(), STEADY[::-1])
    for name in STEADY:
        assert forth[name] == back[name]


def test_locality_of_a_private_ca(lab, outrider, exim, postfix):
    """LOCALITY: a CA that one domain vouches for with DANE-TA is trusted for this domain only: for another one under
    MTA-STS it is unknown, though both have been delivered to by the same daemon and mail server a moment ago."""
    other = domains.add_sts(lab, "locality-sts", hosts=(Host(cert="private"),), ttl=300)
    daemon = outrider(for_mtas=True)
    for server, authenticated in ((exim, "dane"), (postfix, "verified")):
        assert deliver(server, "dane-ta.example")["dane-ta.example"].outcome == authenticated
        sent = deliver(server, other.name)[other.name]
        assert sent.outcome == "deferred", sent.reason
    assert level(daemon, other.name) == "secure"


def test_locality_of_a_policy_host(lab, outrider):
    """LOCALITY: a domain's own TLSA records do not vouch for its policy host, either."""
    domain = domains.add_sts(lab, "locality-policy-host", zone=SIGNED, hosts=(Host(cert="private", tlsa=("2 1 1",)),),
                             cert="private", ttl=300)
    verdict = ask(outrider(), domain.name)
    assert (verdict["level"], verdict["sts"]["failure"]) == ("dane-only", "sts-webpki-invalid")


# DANE-FIRST -----------------------------------------------------------------------------------------------------

DANE_FIRST = ["dane-and-sts", "dane-beats-sts", "dane-wrong-sts-good", "dane-sts-testing", "dane-sts-unlisted"]


@pytest.mark.parametrize("name", DANE_FIRST)
def test_dane_first(lab, outrider, name):
    """DANE-FIRST, COMBO-01, COMBO-03: behind signed MX records nothing of the policy and no public root gets into the
    answer, whatever the policy says of the host. (What becomes of mail is in test_scenarios.py.)"""
    daemon = outrider()
    verdict = ask(daemon, f"{name}.example")
    assert verdict["sts"]["state"] == "valid"
    assert verdict["postfix"] == "OK dane-only"
    fields = dict(re.findall(r'(\S+?)=("[^"]*"|\S+)', verdict["exim"]))
    assert fields["pol"].startswith("dane") and fields["ta"].endswith("/none.pem")
    assert "skip" not in fields


def test_dane_adds_to_sts_behind_unsigned_mx(lab, outrider, exim, postfix):
    """DANE-FIRST, COMBO-05, V42, V43: a host that proves itself by TLSA, and that an unsigned MX record named, is not
    spared what an enforced policy demands."""
    hosts = {"unlisted": Host(provider=SIGNED_HOST, tlsa=("3 1 1",)),
             "self-signed": Host(provider=SIGNED_HOST, cert="self", tlsa=("3 1 1",)),
             "fine": Host(provider=SIGNED_HOST, tlsa=("3 1 1",))}
    made = domains.add(lab, *[
        row(f"half-{name}", 300, zone=UNSIGNED, hosts=(host,), sts=Sts(mx=("mail.{domain}",) if name == "unlisted" else ()))
        for name, host in hosts.items()])
    names = dict(zip(hosts, (domain.name for domain in made)))
    daemon = outrider(for_mtas=True)
    verdicts = {how: ask(daemon, name) for how, name in names.items()}
    assert levels(verdicts.values()) == {"secure"}
    assert {verdict["mx"][0]["dane"]["state"] for verdict in verdicts.values()} == {"usable"}
    for server in (exim, postfix):
        sent = deliver(server, *names.values())
        assert {how: sent[name].outcome for how, name in names.items()} == {
            "unlisted": "deferred", "self-signed": "deferred", "fine": "verified"}, sent


# NO-PKIX-USAGES -------------------------------------------------------------------------------------------------

PKIX = {
    "1 1 1 that matches": (("1 1 1",), "encrypt", "unusable"),
    "0 0 1 of the issuer": (("0 0 1",), "encrypt", "unusable"),
    "0 and 1": (("0 1 1", "1 0 1", "1 1 2"), "encrypt", "unusable"),
    "1 1 1 beside a 3 1 1 for another key": (("1 1 1", "3 1 1 wrong"), "dane-only", "usable"),
    "0 0 1 beside a 3 1 1": (("0 0 1", "3 1 1"), "dane-only", "usable"),
}


def test_no_pkix_usages(lab, outrider, exim, postfix):
    """NO-PKIX-USAGES (RFC 7672 §3.1.3): records of usage 0 and 1 authenticate nobody, even where they would match, and
    still promise TLS; beside others they count for nothing."""
    names = {how: f"pkix-{number}" for number, how in enumerate(PKIX)}
    made = domains.add(lab, *[row(names[how], 300, hosts=(Host(tlsa=records),)) for how, (records, _, _) in PKIX.items()])
    daemon = outrider(for_mtas=True)
    by_exim, by_postfix = (deliver(server, *(domain.name for domain in made)) for server in (exim, postfix))
    for how, domain in zip(PKIX, made):
        _, expected, state = PKIX[how]
        verdict = ask(daemon, domain.name)
        assert (verdict["level"], verdict["mx"][0]["dane"]["state"]) == (expected, state), how
        outcome = {"1 1 1 beside a 3 1 1 for another key": ("deferred", "deferred"),
                   "0 0 1 beside a 3 1 1": ("dane", "verified")}.get(how)
        got = by_exim[domain.name].outcome, by_postfix[domain.name].outcome
        if outcome:
            assert got == outcome, how
        else:  # TLS without authentication; that the certificate is in order besides is Postfix' and Exim's remark
            assert got[0] in ("encrypted", "verified") and got[1] in ("encrypted", "trusted"), (how, got)
            assert "match" not in verdict["postfix"] and verdict["mx"][0]["auth"] == "none"


def test_no_pkix_usages_beside_a_policy(lab, outrider):
    """NO-PKIX-USAGES, COMBO-06: the enforced policy counts as if those records were not there."""
    domain = domains.add_sts(lab, "pkix-sts", zone=SIGNED, hosts=(Host(tlsa=("1 1 1", "0 1 1")),), ttl=300)
    verdict = ask(outrider(), domain.name)
    assert (verdict["level"], verdict["mx"][0]["auth"]) == ("secure", "sts")


# NO-DOWNGRADE ---------------------------------------------------------------------------------------------------

FAULTS = {
    "SERVFAIL": fail("SERVFAIL"), "REFUSED": fail("REFUSED"), "NOTIMP": fail("NOTIMP"), "FORMERR": fail("FORMERR"),
    "silence": forwarder.silent, "garbage": forwarder.garbage, "truncation": forwarder.truncate,
    "stripped": forwarder.strip, "forged NODATA": forwarder.empty, "forged NXDOMAIN": forwarder.deny,
    "forged NODATA with AD": each(forwarder.empty, claim), "forged NXDOMAIN with AD": each(forwarder.deny, claim),
}
# Type of record that is hit, and a destination that has it. Whoever controls the answer for one of them could hope to
# make DANE disappear: also for the records that make the zone signed.
PLACES = {"MX": "dane-ta", "A": "dane-ta-full", "AAAA": "dane-ipv6", "TLSA": "dane-ee", "TLSA unusable": "dane-unusable",
          "DS": "dane-rollover", "DNSKEY": "dane-malformed"}
UNTOUCHED = ["dane-ee-expired.example", "sts-enforce.example", "plain-tls.example"]


@pytest.fixture(scope="module")
def downgrades(lab, outriders, forwarders):
    """{fault: {place: verdict}}: a daemon and a hostile forwarder for each fault, all at once."""
    def tell(fault):
        hostile = forwarders(change=each(*(at(f"{name}.example", FAULTS[fault], place.split()[0])
                                           for place, name in PLACES.items())))
        daemon = outriders(dns={"forwarders": [hostile.address], "timeout": 4, "self_test": False})
        untouched = {name: ask(daemon, name) for name in UNTOUCHED}
        found = ask_all(daemon, [f"{name}.example" for name in PLACES.values()])
        replies = {name: (daemon.postfix(name), daemon.exim(name)) for name in found}
        return untouched, {place: (found[f"{name}.example"], *replies[f"{name}.example"]) for place, name in PLACES.items()}

    with concurrent.futures.ThreadPoolExecutor(len(FAULTS)) as pool:
        return dict(zip(FAULTS, pool.map(tell, FAULTS)))


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("fault", FAULTS)
def test_no_downgrade(downgrades, fault, place):
    """NO-DOWNGRADE, DNS-04, DNS-28, DNS-34, M8, M9, A5, A8, T3: where DANE could apply, whoever breaks or forges an answer
    makes mail wait; he does not make it go without DANE."""
    verdict, postfix, exim = downgrades[fault][1][place]
    assert verdict["level"] == "defer"
    assert postfix.startswith("TEMP ") and exim == ""
    assert {host["requirement"] for host in verdict["mx"]} <= {"SKIP"}


@pytest.mark.parametrize("fault", FAULTS)
def test_no_downgrade_hits_nobody_else(downgrades, fault):
    """The same forwarder is believed where it does not lie: without this, the tests above could not fail."""
    assert [verdict["level"] for verdict in downgrades[fault][0].values()] == ["dane-only", "secure", "may"]


def test_no_downgrade_in_the_table(lab, outrider):
    """NO-DOWNGRADE: no row of the lab's table whose DNS is broken ends in "may", nor does one with DANE and a policy."""
    broken = [each for each in SCENARIOS if each.zone in ("expired", "lame") or each.mx == "bogus"
              or any(host.tlsa_fault or host.address_fault == "bogus" for host in each.hosts)]
    assert len(broken) >= 7
    for name, verdict in ask_all(outrider(), [each.domain for each in broken]).items():
        assert verdict["level"] in SAFE, name
        assert verdict["postfix"] != "NOTFOUND ", name


HIT = {"MX": "dane-ta", "A": "dane-ta-full", "TLSA": "dane-ee"}  # as in PLACES, for deliveries


def stripped(*rtypes):
    """A forwarder's answers without proofs, as from a resolver that knows no DNSSEC."""
    return each(*(at(f"{HIT[rtype]}.example", forwarder.strip, rtype) for rtype in rtypes))


def taken_by_mx_hosts(lab, names):
    return [address for host in lab.mx.values() for session in list(host.sessions) if session.messages
            for address, _ in session.recipients if address.rpartition("@")[2] in names]


def test_no_downgrade_of_mail(lab, outrider, forwarders, exim, postfix):
    """NO-DOWNGRADE: whoever breaks or forges DNS for the daemon stops the mail and does not get it; others' mail goes."""
    faults = {"MX": fail("SERVFAIL"), "A": forwarder.silent, "TLSA": forwarder.deny}
    hostile = forwarders(change=each(*(at(f"{HIT[rtype]}.example", fault, rtype) for rtype, fault in faults.items())))
    outrider(for_mtas=True, dns={"forwarders": [hostile.address], "timeout": 3, "self_test": False})
    names = [f"{name}.example" for name in HIT.values()]
    for host in lab.mx.values():
        host.sessions.clear()
    for server, authenticated in ((exim, "dane"), (postfix, "verified")):
        sent = deliver(server, *names, "dane-ee-expired.example")
        assert {sent[name].outcome for name in names} == {"deferred"}, sent
        assert sent["dane-ee-expired.example"].outcome == authenticated
    assert taken_by_mx_hosts(lab, names) == []


def test_no_downgrade_by_a_mail_server_without_dnssec(lab, outrider, forwarders, exim, postfix):
    """NO-DOWNGRADE, L7: the daemon knows of TLSA records; the mail server, which looks for itself, is told that nothing is signed.
    It does not do without DANE, then: nothing verifies, and mail waits."""
    hostile = forwarders(change=stripped(*HIT))
    names = [f"{name}.example" for name in HIT.values()]
    daemon = outrider(for_mtas=True)
    assert levels(ask_all(daemon, names).values()) == {"dane-only"}
    for host in lab.mx.values():
        host.sessions.clear()
    files = ["/etc/resolv.conf", f"{postfix_files.QUEUE}/etc/resolv.conf"]
    before = [open(path).read() for path in files]
    try:
        for path in files:
            with open(path, "w") as file:
                file.write(f"nameserver {hostile.address}\noptions edns0 trust-ad\n")
        for server, authenticated in ((exim, "dane"), (postfix, "verified")):
            sent = deliver(server, *names, "dane-ee-expired.example")
            assert {sent[name].outcome for name in names} == {"deferred"}, sent
            assert sent["dane-ee-expired.example"].outcome == authenticated
    finally:
        for path, text in zip(files, before):
            with open(path, "w") as file:
                file.write(text)
        postfix.forget()
    assert taken_by_mx_hosts(lab, names) == []


# REMEMBER -------------------------------------------------------------------------------------------------------


def test_remember(lab, outrider, exim, postfix):
    """REMEMBER, STS-APPLY-11, STS-APPLY-18: a policy that was once answered from stops mail to a host that it does not allow, also
    after kill -9 and with record and policy host gone; once its time is over, it does not."""
    domain = domains.add_sts(lab, "remember", hosts=(Host(cert="self"),), max_age=86400)
    daemon = outrider(for_mtas=True, sts=domains.QUICK)

    def outcomes():
        return [deliver(server, domain.name)[domain.name].outcome for server in (exim, postfix)]

    assert outcomes() == ["deferred", "deferred"]
    daemon.kill()
    domain.block("unreachable")
    domain.set_record()
    daemon.start()
    assert outcomes() == ["deferred", "deferred"]
    daemon.stop()
    with sqlite3.connect(daemon.store) as database:  # a day and more goes by
        database.execute("UPDATE clock SET latest = ?", (int(time.time()) + 90000,))
    database.close()
    daemon.start()
    assert outcomes() == ["encrypted", "encrypted"]


# SCOPE ----------------------------------------------------------------------------------------------------------


def test_scope_of_domains_with_the_same_mx(lab, outrider, exim, postfix, monkeypatch):
    """SCOPE, STS-APPLY-10: two domains at one host, one has a policy. The host fails under it; mail for the other
    domain goes, whichever was first."""
    monkeypatch.setattr(lab.mx["mx.sts-enforce.example"], "chain", lab.certs.issue("self", "mx.sts-enforce.example"))
    daemon = outrider(for_mtas=True)
    with lab.records("plain-tls.example", "MX", ["10 mx.sts-enforce.example."]):
        assert [level(daemon, f"{name}.example") for name in ("sts-enforce", "plain-tls")] == ["secure", "may"]
        for server in (exim, postfix):
            sent = deliver(server, "sts-enforce.example", "plain-tls.example")
            assert [sent[f"{name}.example"].outcome for name in ("sts-enforce", "plain-tls")] == ["deferred", "encrypted"]


def test_scope_of_an_alias(lab, outrider):
    """SCOPE, DNS-11, V85: a domain that is an alias has the MX hosts of its target, and not its policy."""
    daemon = outrider()
    assert level(daemon, "sts-enforce.example") == "secure"
    with lab.records("alias.plain-tls.example", "CNAME", ["sts-enforce.example."]):
        verdict = ask(daemon, "alias.plain-tls.example")
    assert [host["host"] for host in verdict["mx"]] == ["mx.sts-enforce.example"]
    assert (verdict["level"], verdict["sts"]["row"], verdict["sts"]["mode"]) == ("may", "S1", None)


def test_scope_of_a_subdomain(lab, outrider):
    """SCOPE, EDGE-06: the policy of the parent is not looked at."""
    daemon = outrider()
    assert level(daemon, "sts-enforce.example") == "secure"
    with lab.records("sub.sts-enforce.example", "MX", ["10 mx.sts-enforce.example."]):
        verdict = ask(daemon, "sub.sts-enforce.example")
    assert (verdict["level"], verdict["sts"]["row"]) == ("may", "S1")


def test_scope_of_next_hops(lab, outrider):
    """SCOPE, EDGE-01, EDGE-04, EDGE-05, M1, M13: the policy belongs to the name that was given, TLSA records to the port."""
    daemon = outrider()
    forms = {
        "sts-enforce.example": ("secure", 25), "sts-enforce.example:587": ("secure", 587),
        "STS-Enforce.Example.": ("secure", 25), "[mx.sts-enforce.example]": ("may", 25),
        "dane-ee.example": ("dane-only", 25), "dane-ee.example:587": ("may", 587),
        "[mx.dane-ee.example]": ("dane-only", 25), "[mx.dane-ee.example]:25": ("dane-only", 25),
        "[mx.dane-ee.example]:587": ("may", 587), "[203.0.113.1]": ("may", 25),
    }
    verdicts = ask_all(daemon, list(forms))
    assert {form: (verdict["level"], verdict["port"]) for form, verdict in verdicts.items()} == forms
    policies = [verdicts[form]["sts"] for form in forms if form.lower().startswith("sts-enforce")]
    assert len({policy["id"] for policy in policies} & {None}) == 0
    assert len({policy["fetched_at"] for policy in policies}) == 1  # one domain, one policy, one fetch
    assert verdicts["[mx.sts-enforce.example]"]["sts"]["row"] == "S1"


# EXPLAIN --------------------------------------------------------------------------------------------------------

EXPLAINED = ["mixed-sts", "cname-expanded", "cname-original", "cname-insecure", "insecure-host-sts", "tlsa-servfail",
             "dane-unusable", "implicit-mx-dane", "policy-404", "sts-testing", "null-mx", "unregistered", "mx-bogus"]
INFRASTRUCTURE = ("DNSKEY", "DS", "NS")


@pytest.mark.parametrize("name", EXPLAINED)
def test_explain(lab, outrider, between, name):
    """EXPLAIN: everything that was asked of DNS is told with its DNSSEC state and its TTL, each MX host with its reason, the
    policy with its age. What was asked is known from the resolver's side."""
    domain = f"{name}.example"
    daemon = outrider(dns={"forwarders": [between.address], "self_test": False})
    text = daemon.run_cli("query", "--explain", "--config", daemon.config, domain).stdout
    told = re.findall(r"^  ([A-Z]+) (\S+): (secure|insecure|bogus|tempfail), (.*)$", text, re.MULTILINE)
    asked = {(rtype, question.rstrip(".")) for question, rtype in between.asked
             if rtype not in INFRASTRUCTURE and question.rstrip(".").endswith(domain)}
    assert asked and asked <= {(rtype, question) for rtype, question, _, _ in told}
    for rtype, question, state, rest in told:
        assert re.search(r"TTL \d+|\(.+\)", rest), rest
    verdict = ask(daemon, domain)
    for host in verdict["mx"]:
        assert re.search(rf"^ +{host['preference']} {re.escape(host['host'])}  \S.*$", text, re.MULTILINE)
        assert host["reason"] in text
    if verdict["sts"]["mode"]:
        assert re.search(rf"^MTA-STS: mode {verdict['sts']['mode']}, \d+s old, \S+ \S+ left$", text, re.MULTILINE)
        assert re.search(r"^  policy \S+: mode .*, fetched 20.*, expires 20.*$", text, re.MULTILINE)
    assert f"{domain}: {verdict['level']} - " in text


@pytest.fixture
def between():
    with forwarder.Forwarder() as made:
        yield made


# BOUNDED --------------------------------------------------------------------------------------------------------


def test_bounded_warm_answers(lab, outrider, monkeypatch):
    """BOUNDED: while everything that can be slow is asked for, a warm answer is as quick as ever, and another cold one is
    not held up: with one resolver thread, and one front thread."""
    names = [domain.name for domain in domains.add(lab, *[
        row(f"slow-{number}", 300, zone=UNSIGNED, sts=Sts(server=("slow", "silent", "endless")[number % 3]))
        for number in range(40)])]
    daemon = outrider(sts={"fetch_timeout": 4}, limits={"answer": 9}, threads={"front": 1, "resolver": 1})
    with clients.Socketmap(daemon.map_socket) as warm:
        expected = warm.ask("QUERY", "sts-enforce.example")
        threads = [threading.Thread(target=daemon.postfix, args=(name,)) for name in names]
        for thread in threads:
            thread.start()
        took, cold = [], iter(["dane-ta.example", "mixed.example", "hosted.example", "plain-clear.example"])
        end = time.monotonic() + 2
        while time.monotonic() < end:
            begin = time.monotonic()
            assert warm.ask("QUERY", "sts-enforce.example") == expected
            took.append(time.monotonic() - begin)
        begin = time.monotonic()
        assert levels(ask_all(daemon, list(cold)).values()) == {"dane-only", "dane", "may"}
        assert time.monotonic() - begin < 1.5
        assert any(thread.is_alive() for thread in threads), "the slow ones were still being waited for"
        for thread in threads:
            thread.join()
    assert len(took) > 100
    # Who waits behind a slow peer waits for four seconds. (The peers share this process and machine, and cost some time.)
    assert sorted(took)[len(took) * 99 // 100] < 0.3 and max(took) < 3


def test_bounded_mx_hosts(lab, outrider):
    """BOUNDED: of more than limits.mx_hosts MX hosts the best are looked at, and it is said that the rest is not."""
    domain = domains.add(lab, row("many-mx", 300, hosts=tuple(Host(f"mx{number}", number) for number in range(1, 56))))[0]
    verdict = ask(outrider(), domain.name)
    assert [host["preference"] for host in verdict["mx"]] == list(range(1, 51))
    assert "more than 50 MX hosts: the last are left out" in verdict["evidence"]
    assert verdict["level"] == "may"


@pytest.mark.parametrize("kind, expected", [("3 1 1", "dane-only"), ("3 1 9", "defer")])
def test_bounded_tlsa_records(lab, outrider, kind, expected):
    """BOUNDED, NO-DOWNGRADE: of more than limits.tlsa_records the first are kept; if none of them is usable the others may
    be, so that it is a failure and not "unusable"."""
    domain = domains.add(lab, row(f"many-tlsa-{expected}", 300, hosts=(Host(cert="self"),)))[0]
    lab.set_records(f"_25._tcp.mx.{domain.name}", "TLSA", [f"{kind} {number:064x}" for number in range(120)])
    verdict = ask(outrider(), domain.name)
    assert verdict["level"] == expected
    assert len(verdict["mx"][0]["dane"]["tlsa"]) == (100 if expected == "dane-only" else 0)
    assert "more than 100 TLSA records: the rest is left out" in verdict["evidence"]


def padded(size):
    """A policy of exactly so many octets, with a long line that means nothing."""
    text = policyhost.policy_text("enforce", ["mx.example"], 86400)
    return text + "x-filler: " + "x" * (size - len(text) - 12) + "\r\n"


POLICIES = {
    "65536 octets": (padded(65536), "S6"),
    "65537 octets": (padded(65537), "S7"),
    "255 mx lines": (policyhost.policy_text("enforce", [f"m{number}.example" for number in range(255)], 86400), "S6"),
    "256 mx lines": (policyhost.policy_text("enforce", [f"m{number}.example" for number in range(256)], 86400), "S9"),
    "NUL": ("version: STSv1\r\nmode: enforce\r\nmx: a\0.example\r\nmax_age: 86400\r\n", "S9"),
    "8-bit": ("version: STSv1\r\nmode: enforce\r\nmx: b\u00fccher.example\r\nmax_age: 86400\r\n", "S9"),
    "CRLF and LF mixed": ("version: STSv1\nmode: enforce\r\nmx: a.example\nmax_age: 86400\r\n", "S6"),
    "no max_age": ("version: STSv1\r\nmode: enforce\r\nmx: a.example\r\n", "S9"),
    "two modes": ("version: STSv1\r\nmode: testing\r\nmode: enforce\r\nmx: a.example\r\nmax_age: 86400\r\n", "S6"),
    "10-digit max_age": ("version: STSv1\r\nmode: enforce\r\nmx: a.example\r\nmax_age: 4294967296\r\n", "S6"),
    "empty": ("", "S9"),
}


def test_bounded_policies(lab, outrider):
    """BOUNDED, S9, STS-FETCH-13: what a policy host may send, from the wire to the verdict."""
    made = dict(zip(POLICIES, domains.add(lab, *[row(f"body-{number}", 300, zone=UNSIGNED, sts=Sts())
                                                for number in range(len(POLICIES))])))
    for what, domain in made.items():
        domain.policy.text = POLICIES[what][0]
    daemon = outrider()
    verdicts = {what: ask(daemon, domain.name) for what, domain in made.items()}
    assert {what: verdict["sts"]["row"] for what, verdict in verdicts.items()} == {
        what: expected for what, (_, expected) in POLICIES.items()}
    assert len(verdicts["255 mx lines"]["sts"]["mx"]) == 255
    assert verdicts["two modes"]["sts"]["mode"] == "testing"
    assert verdicts["10-digit max_age"]["sts"]["max_age"] == 31557600
    assert all(verdict["sts"]["error"] for verdict in verdicts.values() if verdict["sts"]["row"] in ("S7", "S9"))


# SAFE-TO-PUBLISH ------------------------------------------------------------------------------------------------

# The MX hosts of a domain, and what is to be published for it. Each policy goes from the file that is checked to a policy
# host and to a sender, so that "safe" is what senders make of it: {case: (policy, is it safe)}
ENFORCE = "version: STSv1\r\nmode: enforce\r\n"
PUBLISHED = {
    "names both": (ENFORCE + "mx: mx1.{domain}\r\nmx: mx2.{domain}\r\nmax_age: 86400\r\n", True),
    "a pattern for both": (ENFORCE + "mx: *.{domain}\r\nmax_age: 86400\r\n", True),
    "names one of two": (ENFORCE + "mx: mx1.{domain}\r\nmax_age: 86400\r\n", False),
    "the domain instead of its hosts": (ENFORCE + "mx: {domain}\r\nmax_age: 86400\r\n", False),
    "a pattern for a label more": (ENFORCE + "mx: *.mx.{domain}\r\nmax_age: 86400\r\n", False),
    "testing, names one of two": ("version: STSv1\r\nmode: testing\r\nmx: mx1.{domain}\r\nmax_age: 86400\r\n", False),
    "a mode that is none": ("version: STSv1\r\nmode: enforced\r\nmx: *.{domain}\r\nmax_age: 86400\r\n", False),
    "no max_age": (ENFORCE + "mx: *.{domain}\r\n", False),
    "a pattern that is none": (ENFORCE + "mx: *\r\nmx: *.{domain}\r\nmax_age: 86400\r\n", False),
    "a byte order mark": ("\ufeff" + ENFORCE + "mx: *.{domain}\r\nmax_age: 86400\r\n", False),
    "too long": (ENFORCE + "mx: *.{domain}\r\nmax_age: 86400\r\nx-filler: " + 65536 * "x" + "\r\n", False),
    "mode none": ("version: STSv1\r\nmode: none\r\nmax_age: 86400\r\n", True),
}


def test_safe_to_publish(lab, outrider, tmp_path):
    """SAFE-TO-PUBLISH: a policy that a sender would refuse, or under which it would leave out one of the MX hosts, is never
    called fine, in words or in JSON. And one without such a fault is."""
    hosts = (Host("mx1", 10), Host("mx2", 20))
    made = dict(zip(PUBLISHED, domains.add(lab, *[row(f"publish-{number}", 300, zone=UNSIGNED, hosts=hosts, sts=Sts())
                                                  for number in range(len(PUBLISHED))])))
    daemon = outrider()
    for case, domain in made.items():
        text, is_safe = PUBLISHED[case]
        domain.policy.text = text.replace("{domain}", domain.name)
        path = tmp_path / f"{domain.name}.txt"
        path.write_bytes(domain.policy.text.encode())
        options = [word for host in hosts for word in ("--mx", f"{host.label}.{domain.name}")]
        done = daemon.run_cli("lint", "policy", "--json", *options, path)
        assert json.loads(done.stdout)["safe"] == is_safe, case
        said = daemon.run_cli("lint", "policy", *options, path)
        assert (said.returncode == 0 and "not safe to publish" not in said.stdout) == is_safe, case
        verdict = ask(daemon, domain.name)  # what is fine is what every host stands under
        assert is_safe == (verdict["sts"]["state"] == "valid" and (verdict["sts"]["mode"] == "none" or all(
            host["sts_match"] for host in verdict["mx"]))), (case, verdict)


def test_safe_to_publish_says_nothing_of_hosts_that_nobody_named(run, tmp_path):
    """SAFE-TO-PUBLISH: without --mx a policy is valid; whether it is safe is not known."""
    path = tmp_path / "policy.txt"
    path.write_text(PUBLISHED["names both"][0].replace("{domain}", "example.org"))
    done = run("lint", "policy", "--json", str(path))
    assert (done.returncode, json.loads(done.stdout)["valid"], json.loads(done.stdout)["safe"]) == (0, True, None)


# One decision, many renderings -------------------------------------------------------------------------------------

SAMPLE = ["dane-ee", "dane-unusable", "tlsa-servfail", "mx-bogus", "null-mx", "unregistered", "hosted", "mixed", "sts-enforce",
          "sts-testing", "sts-unlisted", "policy-404", "policy-malformed", "record-two", "dane-and-sts", "plain-tls"]


def test_query_with_and_without_a_daemon(lab, outrider):
    """The same verdict, and the same exit status, whoever resolves."""
    daemon = outrider()

    def both(name):
        return [daemon.run_cli("query", "--json", "--config", daemon.config, *options, f"{name}.example")
                for options in ([], ["--direct"])]

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for name, (asked, resolved) in zip(SAMPLE, pool.map(both, SAMPLE)):
            assert asked.stderr == resolved.stderr == ""
            told, found = (json.loads(done.stdout) for done in (asked, resolved))
            for key in ("level", "mx_security", "undeliverable", "postfix", "exim", "reason"):
                assert told[key] == found[key], (name, key)
            assert asked.returncode == resolved.returncode == (75 if told["level"] == "defer" else 0)


def test_query_without_a_daemon(lab, outrider):
    """A clear word, and the exit status of a temporary failure: mail servers and scripts try again."""
    daemon = outrider(start=False)
    never = daemon.run_cli("query", "--config", daemon.config, "dane-ee.example")
    daemon.start()
    daemon.kill()
    killed = daemon.run_cli("query", "--config", daemon.config, "dane-ee.example")
    for done, why in ((never, "No such file or directory"), (killed, "Connection refused")):
        assert (done.returncode, done.stdout) == (75, "")
        assert done.stderr == f"outrider: {daemon.line_socket}: {why}; is outriderd running? --direct asks no daemon\n"


@pytest.mark.parametrize("arguments, status", [
    (["query"], 64), (["query", "a.example", "b.example"], 64), (["query", "--nonsense", "a.example"], 64),
    (["query", "not a domain"], 65), (["query", "a..example"], 65),
    (["query", "--config", "/nonexistent/outrider.conf", "a.example"], 78)])
def test_query_exit_codes(run, arguments, status):
    """sysexits, and the reason on standard error."""
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr
