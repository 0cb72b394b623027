"""
The validating resolver against real servers: a signed private tree on knotd, a real unbound as forwarder, and
proxies that do to DNS what bad networks do. tests/unit/dns/ask.c asks; each of its lines is one answer.
Row ids are those of the conformance checklist (area F).
"""
import os
import re
import subprocess
from collections import Counter, namedtuple
from pathlib import Path

import pytest

pytest.importorskip("dns", reason="python3-dnspython is not installed")

import dns.flags  # noqa: E402
import dns.rcode  # noqa: E402
import dns.rdatatype  # noqa: E402

import dns_world  # noqa: E402
from dns_world import Proxy, strip  # noqa: E402

BUILD = Path(os.environ.get("OUTRIDER_BUILD", "build")).resolve()
ASK = BUILD / "tests/unit/dns/ask"
TLSA = "_25._tcp.mx.secure.test"

Answer = namedtuple("Answer", "name type status content ttl canonical records reason")

pytestmark = [
    pytest.mark.skipif(not ASK.exists(), reason=f"{ASK} is not built"),
    pytest.mark.skipif(bool(dns_world.missing_programs()),
                       reason="not installed: " + ", ".join(dns_world.missing_programs())),
]
needs_port_53 = pytest.mark.skipif(not dns_world.can_bind_53(f"{dns_world.LOOPBACK}.9"), reason="port 53 may not be bound here")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    w = dns_world.World(tmp_path_factory.mktemp("dns"))
    try:
        w.start()
        yield w
    finally:
        w.stop()


def run_ask(*args, status=0, timeout=60):
    """Run the probe; nothing of it or of the libraries below it may reach standard error."""
    done = subprocess.run([str(ASK), *map(str, args)], capture_output=True, text=True, timeout=timeout)
    assert (done.returncode, done.stderr) == (status, ""), f"{args}: {done.stdout}{done.stderr}"
    return done.stdout.splitlines()


def answers(lines):
    return [Answer(*(f := line.split(" ", 7))[:4], int(f[4]), *f[5:])
            for line in lines if not line.startswith(("note ", "selftest ", "freed"))]


def notes(lines):
    return [line[len("note "):] for line in lines if line.startswith("note ")]


def routes(world):
    forward = ["--forward", f"127.0.0.1@{world.forwarder_port}"]
    stubs = [word for zone, server in world.stub_servers().items() if zone != "."
             for word in ("--stub", f"{zone}={server}")]
    recursion = ["--hints", world.root_hints, "--localhost"]
    return {"forwarder": forward, "stubs": forward + stubs, "recursion": recursion}


def ask(world, *questions, route="forwarder", options=(), **kwargs):
    lines = run_ask(*routes(world)[route], "--anchor", world.root_anchor, *options, *questions, **kwargs)
    return answers(lines)


def ask_via(world, port, *questions, options=(), **kwargs):
    lines = run_ask("--forward", f"127.0.0.1@{port}", "--anchor", world.root_anchor, *options, *questions, **kwargs)
    return answers(lines)


# A row is a sentence: this question has this security and this content (and these records, this canonical name).
STATES = [
    ("signed MX", "secure.test", "MX", "secure", "data", "10:mx.secure.test", None),
    ("signed A", "mx.secure.test", "A", "secure", "data", "192.0.2.1", None),
    ("signed AAAA", "mx.secure.test", "AAAA", "secure", "data", "2001:db8::1", None),
    ("signed TLSA", TLSA, "TLSA", "secure", "data", "030101" + "AB" * 5, None),
    ("TXT strings joined (STS-DNS-03)", "secure.test", "TXT", "secure", "data", "v=STSv1;_id=1;", None),
    ("null MX (DNS-13)", "nullmx.secure.test", "MX", "secure", "data", "0:.", None),
    ("signed wildcard", "x.wild.secure.test", "TXT", "secure", "data", "wildcard", None),
    ("unsigned zone", "insecure.test", "MX", "insecure", "data", "10:mx.insecure.test", None),
    ("signed zone without DS or anchor (DNS-05)", "www.island.test", "A", "insecure", "data", "192.0.2.4", None),
    ("forged data (DNS-04)", "bad.bogus.test", "A", "bogus", "unknown", "-", None),
    ("forged TLSA (DNS-04)", "bad.bogus.test", "TLSA", "bogus", "unknown", "-", None),
    ("the honest record beside it", "good.bogus.test", "A", "secure", "data", "192.0.2.67", None),
    ("expired signatures", "www.expired.test", "A", "bogus", "unknown", "-", None),
    ("expired signatures below a denial", "nx.expired.test", "A", "bogus", "unknown", "-", None),
    ("secure NXDOMAIN (DNS-06)", "nx.secure.test", "A", "secure", "nxdomain", "-", None),
    ("secure NODATA (DNS-06)", "secure.test", "AAAA", "secure", "nodata", "-", None),
    ("insecure NXDOMAIN (DNS-06)", "nx.insecure.test", "A", "insecure", "nxdomain", "-", None),
    ("insecure NODATA (DNS-06)", "insecure.test", "AAAA", "insecure", "nodata", "-", None),
    ("NXDOMAIN in an opt-out span (DNS-06)", "nx.optout.test", "A", "insecure", "nxdomain", "-", None),
    ("NODATA at a name that opt-out does not touch", "www.optout.test", "MX", "secure", "nodata", "-", None),
    ("secure denial of a TLD", "nosuch", "A", "secure", "nxdomain", "-", None),
    ("secure alias, secure target (DNS-12)", "alias.secure.test", "A", "secure", "data", "192.0.2.1", "mx.secure.test"),
    ("secure alias into an unsigned zone (DNS-12)", "to-insecure.secure.test", "A", "insecure", "data", "192.0.2.2",
     "www.insecure.test"),
    ("unsigned alias back into a signed zone (DNS-12)", "back.insecure.test", "A", "insecure", "data", "192.0.2.1",
     "mx.secure.test"),
    ("secure alias into an island (DNS-12)", "to-island.secure.test", "A", "insecure", "data", "192.0.2.4",
     "www.island.test"),
    ("secure alias to forged data (DNS-07)", "to-bogus.secure.test", "A", "bogus", "unknown", "-", None),
    ("secure alias to nothing", "to-nothing.secure.test", "A", "secure", "nxdomain", "-", "nothing.secure.test"),
    ("the alias itself, secure (DNS-23)", "to-insecure.secure.test", "CNAME", "secure", "data", "www.insecure.test",
     "to-insecure.secure.test"),
    ("the alias itself, insecure (DNS-23)", "back.insecure.test", "CNAME", "insecure", "data", "mx.secure.test", None),
    ("alias at a TLSA name (DNS-25)", "tlsa-alias.secure.test", "TLSA", "secure", "data", "030101" + "AB" * 5, TLSA),
    ("below a DNAME (DNS-12)", "host.old.secure.test", "A", "secure", "data", "192.0.2.9", "host.new.secure.test"),
    ("eight links (STS-DNS-02)", "chain0.secure.test", "A", "secure", "data", "192.0.2.8", "chain8.secure.test"),
    ("seventeen links (STS-DNS-02)", "long0.secure.test", "A", "tempfail", "unknown", "-", None),
    ("alias loop (STS-DNS-02)", "loop-a.secure.test", "A", "tempfail", "unknown", "-", None),
    ("4000 octets of TXT over TCP (DNS-34)", "big.secure.test", "TXT", "secure", "data", "[4000]", None),
    ("TXT beyond our limit is left out, audibly", "huge.secure.test", "TXT", "secure", "data", "-,cut", None),
]


@pytest.mark.parametrize("route", ["forwarder", "stubs", pytest.param("recursion", marks=needs_port_53)])
def test_states(world, route):
    """DNS-04, DNS-05, DNS-06, DNS-12, DNS-34 and what else the table names, on each way to the data."""
    got = ask(world, *(word for row in STATES for word in row[1:3]), route=route)
    wrong = []
    assert len(got) == len(STATES)
    for (words, name, rr_type, status, content, records, canonical), answer in zip(STATES, got):
        want = (name, rr_type, status, content, records, canonical or name)
        have = (answer.name, answer.type, answer.status, answer.content, answer.records, answer.canonical)
        if have != want:
            wrong.append(f"{words}: got {have}, want {want} ({answer.reason})")
    assert not wrong, "\n".join(wrong)


def test_reasons(world):
    """A failure says why: the validator's own words for a bogus answer, also when it comes from the cache."""
    names = ["bad.bogus.test", "A", "www.expired.test", "A", "x.refused.test", "A"]
    got = ask(world, *names, *names)
    for first in (got[0], got[3]):
        assert "signature verification failed" in first.reason
    for first in (got[1], got[4]):
        assert "expired" in first.reason
    for refused in (got[2], got[5]):
        assert refused.status in ("bogus", "tempfail") and refused.content == "unknown" and refused.reason


def test_tlsa_limit(world):
    got, = ask(world, "many.secure.test", "TLSA")
    records = got.records.split(",")
    assert (len(records), records[-1], got.status) == (101, "cut", "secure")


def test_negative_ttl(world):
    """DNS-32: the lesser of the SOA's TTL (3600) and its MINIMUM (300), counted down by the time in the cache."""
    first, again = ask(world, "nx.secure.test", "TXT", "sleep", 1500, "nx.secure.test", "TXT")
    assert first.ttl <= 300 and again.ttl < first.ttl


def test_island_with_its_own_anchor(world):
    got, = ask(world, "www.island.test", "A", options=["--extra-anchor", world.island_anchor])
    assert (got.status, got.records) == ("secure", "192.0.2.4")


def test_no_anchor_for_the_root(world):
    """DNS-05: what no anchor covers is insecure, and that is no error."""
    lines = run_ask(*routes(world)["forwarder"], "--anchor", world.island_anchor, "secure.test", "MX",
                    "www.island.test", "A")
    assert [a.status for a in answers(lines)] == ["insecure", "secure"]


def test_silence_ends_at_the_deadline(world):
    got, = ask(world, "x.silent.test", "A", options=["--timeout", 1200])
    assert (got.status, got.content, got.ttl) == ("tempfail", "unknown", 5)
    assert got.reason == "no answer within 1.2 seconds"


def test_names_that_dns_cannot_hold(world):
    """A name too long for DNS does not exist; what is no name is refused; neither is sent."""
    long = "_25._tcp." + ".".join(["a" * 60] * 4) + ".bcdefgh"
    got = ask(world, long, "TLSA", "a..b", "A", "x" * 64 + ".test", "A", "a+b.test", "A", ".", "SOA")
    assert [(a.status, a.content) for a in got[:1]] == [("insecure", "nxdomain")]
    assert "not a domain name" in got[1].reason and "not a domain name" in got[2].reason
    assert got[4].status == "secure"


# -- the interface's promises: one callback, from the loop, never after cancel --

MIX = ["secure.test", "MX", "nx.secure.test", "A", "bad.bogus.test", "A", "big.secure.test", "TXT",
       "x.silent.test", "A"]


def test_cached_answers_do_not_recurse(world):
    """libunbound calls back inside the call for these; the probe exits with 70 if that reaches the asker."""
    got = ask(world, *["secure.test", "MX"] * 3000)
    assert Counter(a.status for a in got) == {"secure": 3000}


def test_many_at_once(world):
    got = ask(world, *MIX, options=["--together", "--repeat", 200, "--timeout", 3000])
    assert Counter((a.name, a.status) for a in got) == {
        ("secure.test", "secure"): 200, ("nx.secure.test", "secure"): 200, ("bad.bogus.test", "bogus"): 200,
        ("big.secure.test", "secure"): 200, ("x.silent.test", "tempfail"): 200}


def test_cancel(world):
    """A quarter is cancelled at once, a quarter in flight; the rest is answered, once each."""
    got = ask(world, *MIX, options=["--cancel", "--repeat", 200, "--timeout", 2000])
    count = Counter((a.name, a.status) for a in got)
    assert 500 <= sum(count.values()) <= 750
    assert count["secure.test", "secure"] >= 100 and count["x.silent.test", "tempfail"] == 100


@pytest.mark.parametrize("after", [1, 7, 30])
def test_free_inside_a_callback(world, after):
    """Callbacks that cancel others and free the resolver with a self-test under way: nobody is called afterwards."""
    lines = run_ask(*routes(world)["forwarder"], "--anchor", world.root_anchor, "--free-after", after,
                    "--timeout", 1000, *MIX)
    assert lines[-1] == "freed" and len(answers(lines)) == after, lines


# -- bad upstreams --

def set_rcode(rcode):
    def mangle(question, answer):
        reply = dns.message.make_response(question)
        reply.set_rcode(rcode)
        return reply
    return mangle


def forge_ad(question, answer):
    """An unsigned answer that claims to be validated."""
    answer = strip(["RRSIG", "NSEC", "NSEC3"])(question, answer)
    answer.flags |= dns.flags.AD
    return answer


@pytest.mark.parametrize("rcode", [dns.rcode.SERVFAIL, dns.rcode.REFUSED, dns.rcode.NOTIMP, dns.rcode.FORMERR])
def test_error_codes_are_errors(world, rcode):
    """DNS-04: an rcode that is an error is never "no data" and never "insecure"."""
    with Proxy(world.forwarder_port, set_rcode(rcode)) as proxy:
        got = ask_via(world, proxy.port, "secure.test", "MX", "insecure.test", "MX", options=["--timeout", 4000])
    assert {(a.status in ("tempfail", "bogus"), a.content, a.records) for a in got} == {(True, "unknown", "-")}


def test_garbage_is_an_error(world):
    """DNS-04: a malformed reply."""
    with Proxy(world.forwarder_port, lambda q, a: q.to_wire()[:2] + b"\x81\x80\0\1\0\1\0\0\0\0\xff\xff\xff") as proxy:
        got, = ask_via(world, proxy.port, "insecure.test", "MX", options=["--timeout", 2500])
    assert (got.status, got.content) == ("tempfail", "unknown")


def test_ad_bit_of_the_network_is_not_believed(world):
    """DNS-02: what an upstream claims with AD makes nothing secure; without signatures a signed zone is bogus."""
    with Proxy(world.forwarder_port, forge_ad) as proxy:
        got = ask_via(world, proxy.port, "secure.test", "MX", options=["--timeout", 8000])
    assert [a.status for a in got] == ["bogus"]


def test_queries_ask_for_signatures(world):
    """DNS-03: DO is set."""
    seen = []
    with Proxy(world.forwarder_port, lambda q, a: seen.append((q.ednsflags & dns.flags.DO, q.payload)) or a) as proxy:
        ask_via(world, proxy.port, "secure.test", "MX")
    assert set(seen) == {(dns.flags.DO, 1232)}


def test_truncation_without_tcp_is_an_error(world):
    """DNS-34: TC over UDP and nobody listening on TCP."""
    def truncate(question, answer):
        if question.question[0].rdtype == dns.rdatatype.TXT:
            answer.flags |= dns.flags.TC
            answer.answer = []
        return answer

    with Proxy(world.forwarder_port, truncate) as proxy:
        got, = ask_via(world, proxy.port, "big.secure.test", "TXT", options=["--timeout", 4000])
    assert (got.status, got.content, got.records) == ("tempfail", "unknown", "-")


def test_nothing_is_answered_past_its_ttl(world):
    """DNS-33: a record with a TTL of one second, then the upstream goes away: no stale answer."""
    is_away = []

    def go_away(question, answer):
        if question.question[0].name.to_text().startswith("nx."):  # the record has come by then, retransmissions and all
            is_away.append(True)
        return None if is_away else answer

    with Proxy(world.forwarder_port, go_away) as proxy:
        got = ask_via(world, proxy.port, "secure.test", "MX", "brief.secure.test", "A", "nx.secure.test", "A",
                      "sleep", 2200, "brief.secure.test", "A", options=["--timeout", 2500])
    assert [(a.status, a.content) for a in got[1:]] == [("secure", "data"), ("tempfail", "unknown"), ("tempfail", "unknown")]
    assert got[1].ttl <= 1


def test_recovery_after_an_outage(world):
    """A forwarder that was away for a while is used again soon after it is back."""
    asked = []

    def outage(question, answer):
        if "www.island" in question.question[0].name.to_text():
            asked.append(True)
        return answer if len(asked) > 6 else None

    with Proxy(world.forwarder_port, outage) as proxy:
        got = ask_via(world, proxy.port, *["www.island.test", "A", "sleep", 300] * 12,
                      options=["--timeout", 3000], timeout=90)
    assert got[0].status == "tempfail" and got[-1].status == "insecure"


# -- self-test (DNS-01) --

def selftest(port, anchor, *options):
    lines = run_ask("--forward", f"127.0.0.1@{port}", "--anchor", anchor, *options, "selftest", "-", timeout=90)
    _, result, words = lines[-1].split(" ", 2)
    return result, words


def test_selftest_ok(world):
    assert selftest(world.forwarder_port, world.root_anchor)[0] == "ok"


@pytest.mark.parametrize("types", [["RRSIG"], ["RRSIG", "NSEC", "NSEC3"], ["RRSIG", "NSEC", "NSEC3", "DS", "DNSKEY"]])
def test_selftest_stripped(world, types):
    """DNS-01: signatures stripped on the way are named, with what it costs."""
    with Proxy(world.forwarder_port, strip(types)) as proxy:
        result, words = selftest(proxy.port, world.root_anchor)
    assert result == "stripped"
    assert "Every domain, signed or not, looks forged from here" in words and "Use a forwarder that supports" in words


def test_selftest_proofs_stripped(world):
    """Answers pass whole, denials lose their proof."""
    with Proxy(world.forwarder_port, strip(["NSEC", "NSEC3"], ["authority"])) as proxy:
        assert selftest(proxy.port, world.root_anchor)[0] == "stripped"


def test_selftest_stripped_below_the_root(world):
    """Signatures of one TLD are missing: the others are tried before anybody is blamed, and here they do not exist."""
    def mangle(question, answer):
        return strip(["RRSIG"])(question, answer) if question.question[0].name.to_text() == "org." else answer

    with Proxy(world.forwarder_port, mangle) as proxy:
        assert selftest(proxy.port, world.root_anchor)[0] == "ok"


def test_selftest_unreachable(world):
    result, words = selftest(world.silent.getsockname()[1], world.root_anchor, "--timeout", 1500)
    assert result == "unreachable" and "no answer within 1.5 seconds" in words


def test_selftest_no_anchor(world):
    result, words = selftest(world.forwarder_port, world.island_anchor)
    assert result == "no-anchor" and "DANE is off" in words


# -- resolv.conf --

FIRST, SECOND, GONE = (f"{dns_world.LOOPBACK}.{i}" for i in (11, 12, 13))


@pytest.fixture
def two_servers(world):
    """Two proxies on port 53; which one was asked is told by its list of questions."""
    with Proxy(world.forwarder_port, address=FIRST, port=53) as first:
        with Proxy(world.forwarder_port, address=SECOND, port=53) as second:
            yield first, second


def replace(path, text):
    new = path.with_name(path.name + ".new")
    new.write_text(text)
    os.replace(new, path)


def turn_link(path, target):
    new = path.with_name(path.name + ".link")
    new.symlink_to(target)
    os.replace(new, path)


class Background:
    """The probe while a test changes things: it prints as it goes."""

    def __init__(self, world, conf, *words):
        self.process = subprocess.Popen(
            [str(ASK), "--resolv-conf", str(conf), "--anchor", str(world.root_anchor), "--timeout", "2500",
             *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.lines = []

    def until_answer(self):
        while True:
            line = self.process.stdout.readline()
            assert line, f"the probe ended: {self.process.stderr.read()}"
            self.lines.append(line.rstrip("\n"))
            if not line.startswith("note "):
                return answers(self.lines[-1:])[0]

    def finish(self):
        out, err = self.process.communicate(timeout=30)
        assert (self.process.returncode, err) == (0, "")
        self.lines += out.splitlines()
        return self.lines


@needs_port_53
@pytest.mark.parametrize("how", ["rename", "symlink", "in place"])
def test_resolv_conf_is_followed(world, two_servers, tmp_path, how):
    first, second = two_servers
    conf = tmp_path / "resolv.conf"
    if how == "symlink":
        (tmp_path / "one").write_text(f"nameserver {FIRST}\n")
        (tmp_path / "two").write_text(f"nameserver {SECOND}\n")
        conf.symlink_to("one")
    else:
        conf.write_text(f"nameserver {FIRST}\n")
    probe = Background(world, conf, "secure.test", "MX", "sleep", 1200, "insecure.test", "MX", "nx.secure.test", "A")
    assert probe.until_answer().status == "secure"
    if how == "rename":
        replace(conf, f"nameserver {SECOND}\n")
    elif how == "symlink":
        turn_link(conf, "two")
    else:
        conf.write_text(f"nameserver {SECOND}\n")
    lines = probe.finish()
    assert [(a.name, a.status, a.content) for a in answers(lines)] == [
        ("secure.test", "secure", "data"), ("insecure.test", "insecure", "data"),
        ("nx.secure.test", "secure", "nxdomain")]
    assert notes(lines) == [f"dns.servers {SECOND}"]
    assert ("secure.test.", "MX") in first.questions and ("secure.test.", "MX") not in second.questions
    assert ("insecure.test.", "MX") in second.questions and ("insecure.test.", "MX") not in first.questions


@needs_port_53
def test_queries_in_flight_end_on_the_old_server(world, tmp_path):
    conf = tmp_path / "resolv.conf"
    conf.write_text(f"nameserver {FIRST}\n")
    with Proxy(world.forwarder_port, address=FIRST, port=53, delay=1.6) as first, \
            Proxy(world.forwarder_port, address=SECOND, port=53):
        probe = Background(world, conf, "+insecure.test", "MX", "sleep", 1200, "mx.secure.test", "A")
        while not first.questions:
            pass
        replace(conf, f"nameserver {SECOND}\n")
        lines = probe.finish()
    # Asked second, answered first; the first one ends too, with an answer or at its deadline.
    assert [a.name for a in answers(lines)][0] == "mx.secure.test" and len(answers(lines)) == 2
    assert answers(lines)[0].status == "secure" and answers(lines)[1].status in ("insecure", "tempfail")


@needs_port_53
@pytest.mark.parametrize("how", ["removed", "emptied", "without servers", "unreadable"])
def test_resolv_conf_in_trouble_keeps_the_servers(world, two_servers, tmp_path, how):
    conf = tmp_path / "resolv.conf"
    conf.write_text(f"nameserver {FIRST}\n")
    probe = Background(world, conf, "secure.test", "MX", "sleep", 1200, "insecure.test", "MX", "sleep", 1200,
                       "nx.secure.test", "A", "sleep", 1200, "nx.insecure.test", "A")
    assert probe.until_answer().status == "secure"
    if how == "removed":
        conf.unlink()
    elif how == "unreadable":
        conf.unlink()
        conf.mkdir()
    else:
        conf.write_text("" if how == "emptied" else "search example.org\nnameserver bad\n")
    assert probe.until_answer().status == "insecure"
    if how == "unreadable":
        conf.rmdir()
    assert probe.until_answer().status == "secure"
    replace(conf, f"nameserver {SECOND}\nnameserver {FIRST}\n")
    lines = probe.finish()
    assert answers(lines)[-1].status == "insecure"
    kept, changed = notes(lines)
    assert kept.startswith(f"dns.servers.kept {conf}: ") and changed == f"dns.servers {SECOND} {FIRST}"


@needs_port_53
def test_one_dead_server_of_two(world, two_servers, tmp_path):
    conf = tmp_path / "resolv.conf"
    conf.write_text(f"nameserver {GONE}\nnameserver {FIRST}\n")
    lines = run_ask("--resolv-conf", conf, "--anchor", world.root_anchor, "secure.test", "MX")
    assert [a.status for a in answers(lines)] == ["secure"]


# -- settings that cannot work: the error names the file or the word --

def test_bad_settings(world, tmp_path):
    garbage = tmp_path / "garbage.ds"
    garbage.write_text("example. IN DS not a digest\n")
    empty = tmp_path / "empty.key"
    empty.write_text("; nothing\n")
    fine = ["--anchor", world.root_anchor]
    rows = [
        (["--anchor", "/nonexistent/root.key"], r"/nonexistent/root\.key: No such file or directory"),
        (["--anchor", tmp_path], re.escape(str(tmp_path)) + ": Is a directory"),
        (["--anchor", empty], re.escape(str(empty)) + ": holds no DS or DNSKEY record"),
        (["--anchor", garbage], re.escape(str(garbage)) + ": not a list of DS or DNSKEY records"),
        ([*fine, "--extra-anchor", garbage], re.escape(str(garbage)) + ": not a list"),
        ([*fine, "--hints", "/nonexistent/hints"], "/nonexistent/hints: No such file"),
        ([*fine, "--hints", empty], re.escape(str(empty)) + ": holds no A or AAAA record"),
        ([*fine, "--forward", "dns.example.org"], 'forwarder "dns.example.org": expected an address'),
        ([*fine, "--forward", "192.0.2.1@0"], 'forwarder "192.0.2.1@0"'),
        ([*fine, "--forward", "192.0.2.1@65536"], 'forwarder "192.0.2.1@65536"'),
        ([*fine, "--forward", "192.0.2.1@53", "--stub", "a..b=192.0.2.1"], 'stub zone "a..b": not a domain name'),
        ([*fine, "--forward", "192.0.2.1@53", "--stub", "example.org=localhost"], 'server of a stub zone "localhost"'),
        ([*fine, "--resolv-conf", tmp_path], re.escape(str(tmp_path)) + ": Invalid argument"),
    ]
    for options, words in rows:
        done = subprocess.run([str(ASK), *map(str, options), "localhost", "A"], capture_output=True, text=True,
                              timeout=30)
        assert done.returncode == 78 and re.search(words, done.stderr), f"{options}: {done.returncode} {done.stderr}"


def test_localhost_is_answered_without_asking(world):
    got, = ask_via(world, world.silent.getsockname()[1], "localhost", "A", options=["--timeout", 500])
    assert (got.status, got.records) == ("insecure", "127.0.0.1")
