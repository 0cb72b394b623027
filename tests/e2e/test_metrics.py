"""The HTTP listener: /metrics as Prometheus reads it, /healthz as a monitor does, and what a rude client can do to it.

The numbers are held against what was asked: a counter that moves when nothing happened is as wrong as one that stands still.
"""

import contextlib
import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import time

import pytest

import domains
from domains import QUICK, ask
from lab import clients, model
from lab.forwarder import fail
from lab.outrider import USER
from lab.process import wait_until

LISTENERS = ("socketmap", "line")
LEVELS = ("dane-only", "dane", "secure", "encrypt", "may", "defer", "notfound", "refused", "timeout", "busy", "failed", "stopping")
LABELS = {  # every label value there may ever be: none of them comes from outside
    "outrider_answers_total": {"listener": LISTENERS, "level": LEVELS},
    "outrider_cache_lookups_total": {"result": ("hit", "miss")},
    "outrider_policy_refreshes_total": {"result": ("fetched", "unchanged", "absent", "held-back", "record-failed", "failed")},
    "outrider_policy_fetch_failures_total": {"reason": ("internal", "dns", "address", "connect", "timeout", "tls", "certificate",
                                                        "response", "policy", "fleet")},
    "outrider_dns_lookups_total": {"status": ("secure", "insecure", "bogus", "tempfail")},
    "outrider_dns_bogus_total": {"type": ("A", "AAAA", "MX", "TXT", "TLSA", "other")},
    "outrider_dns_failures_total": {"kind": ("timeout", "servfail", "refused", "malformed", "other")},
    "outrider_limit_hits_total": {"limit": ("connections", "waiting", "files", "http", "policy-host", "policy-host-address")},
    "outrider_trust_sightings_total": {"role": ("policy", "mx"), "outcome": ("accepted", "refused", "lost")},
    "outrider_trust_root_changes_total": {"role": ("policy", "mx")},
    "outrider_policy_host_replies_total": {"listener": ("https", "plain", "acme"),
                                           "status": ("200", "400", "404", "405", "413", "414", "421", "431", "503", "505")},
    "outrider_policy_host_handshakes_total": {"result": ("full", "resumed", "unknown-name", "failed", "timeout")},
    "outrider_publish_failures_total": {"what": ("store", "certificate", "challenges")},
    "outrider_fleet_records_total": {"result": ("sent", "taken", "refused", "lost")},
    "outrider_fleet_claims_total": {"result": ("fetched", "taken", "failed", "impatient", "alone")},
    "outrider_fleet_comparisons_total": {},
    "outrider_fleet_losses_total": {},
    "outrider_store_errors_total": {"operation": ("read", "write")},
    "outrider_log_lines_lost_total": {},
    "outrider_cache_entries": {},
    "outrider_policies": {"mode": ("enforce", "testing", "none")},
    "outrider_policy_refresh_overdue_seconds": {},
    "outrider_connections": {},
    "outrider_waiting_questions": {},
    "outrider_anchors": {},
    "outrider_trust_holds": {},
    "outrider_trust_exceptions": {},
    "outrider_trust_changed_seconds": {},
    "outrider_trust_files_changed_seconds": {},
    "outrider_trust_affected": {"effect": ("deferred", "own", "downgraded", "unknown", "reported", "other-path", "dane", "no-policy",
                                           "none")},
    "outrider_publish_domains": {"phase": ("none", "testing", "enforce", "retiring", "retired")},
    "outrider_publish_withheld": {},
    "outrider_publish_abandoned": {},
    "outrider_publish_lapsed": {},
    "outrider_publish_exit_seconds": {},
    "outrider_publish_certificate_expiry_seconds": {},
    "outrider_publish_certificates_failed": {},
    "outrider_fleet_up": {},
    "outrider_fleet_members": {},
    "outrider_fleet_compared_seconds": {},
    "outrider_build_info": {"version": None},
    "process_start_time_seconds": {},
}
PASSING = ("outrider_connections", "outrider_waiting_questions")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"')
SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:%s,?)*)\})? (\S+)' % LABEL.pattern)


def parse(text):
    """{(name, ((label, value), ...)): number} of Prometheus' text format 0.0.4; strict."""
    assert text.endswith("\n")
    helps, types, samples, current = {}, {}, {}, None
    for line in text.splitlines():
        if line.startswith("# HELP "):
            _, _, current, words = line.split(" ", 3)
            assert current not in helps and words
            helps[current] = words
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name == current and name not in types and kind in ("counter", "gauge")
            types[name] = kind
        else:
            whole = SAMPLE.fullmatch(line)
            assert whole, f"no sample: {line!r}"
            name, labels = whole[1], tuple(found.groups() for found in LABEL.finditer(whole[2] or ""))
            assert name == current and name in types, f"{line}: its HELP and TYPE do not stand above it"
            assert (types[name] == "counter") == name.endswith("_total")
            assert len(dict(labels)) == len(labels) and (name, labels) not in samples
            samples[name, labels] = float(whole[whole.lastindex])
    assert set(helps) == set(types) == {name for name, _ in samples}
    return samples


class Metrics(dict):
    """Samples, and what has changed between two scrapes."""

    def of(self, name, **labels):
        return self[name, tuple(labels.items())]

    def since(self, before):
        """{"name label=value": difference}, without those that stayed, and without what passes by itself."""
        return {name + "".join(f" {key}={value}" for key, value in labels): number - before[name, labels]
                for (name, labels), number in self.items() if number != before[name, labels] and name not in PASSING}


def address_of(daemon):
    return daemon.settings["http"]["listen"][0].removeprefix("unix:")


def request(daemon, path, method="GET", **options):
    """(status, headers, body) over a Unix socket."""
    connection = http.client.HTTPConnection("localhost", timeout=10)
    connection.sock = clients.connect(address_of(daemon))
    try:
        connection.request(method, path, **options)
        response = connection.getresponse()
        return response.status, response.headers, response.read().decode()
    finally:
        connection.close()


def scrape(daemon):
    status, headers, body = request(daemon, "/metrics")
    assert (status, headers["Content-Type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    return Metrics(parse(body))


def health(daemon):
    """(status, reasons)."""
    status, headers, body = request(daemon, "/healthz")
    assert headers["Content-Type"] == "application/json"
    told = json.loads(body)
    assert told["status"] == ("ok" if status == 200 else "failing")
    return status, told["reasons"]


def listening(outriders, **settings):
    """A daemon with an HTTP listener on a Unix socket."""
    daemon = outriders(start=False, **settings)
    daemon.settings["http"] = {"listen": [f"unix:{os.path.dirname(daemon.config)}/http.sock"], **settings.get("http", {})}
    daemon.write_config()
    return daemon.start()


@pytest.fixture(scope="module")
def daemon(lab, outriders):
    """It looks at nothing by itself while a test counts."""
    return listening(outriders, dns={"self_test": False, "timeout": 3}, sts={"retry": 3600})


# The format ---------------------------------------------------------------------------------------------------------


def test_every_line_is_understood_and_every_label_is_from_a_fixed_set(lab, daemon):
    seen = {}
    for name, labels in scrape(daemon):
        for label, value in labels or [(None, None)]:
            seen.setdefault(name, {}).setdefault(label, set()).add(value)
    assert set(seen) == set(LABELS)
    for name, labels in LABELS.items():
        assert set(seen[name]) == (set(labels) or {None}), name
        for label, values in labels.items():
            assert values is None or seen[name][label] == set(values), (name, label)


def test_what_stands_for_the_process(lab, daemon):
    metrics = scrape(daemon)
    version = subprocess.run([daemon.program, "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    assert metrics.of("outrider_build_info", version=version) == 1
    assert time.time() - 600 < metrics.of("process_start_time_seconds") <= time.time()
    with open(lab.certs.bundle) as bundle:
        assert metrics.of("outrider_anchors") == bundle.read().count("BEGIN CERTIFICATE")


# The numbers --------------------------------------------------------------------------------------------------------


def test_answers_are_counted_by_level_and_listener(lab, daemon):
    """Warm questions change the counters of answers and hits and nothing else."""
    names = {"sts-enforce.example": "secure", "dane-ee.example": "dane-only", "plain-tls.example": "may", "mx-bogus.example": None}
    names = {name: ask(daemon, name)["level"] for name in names if name.removesuffix(".example") in lab.scenarios}
    assert {"secure", "dane-only", "may"} <= set(names.values())
    before = scrape(daemon)
    for name in names:
        daemon.exim(name)
        with clients.Socketmap(daemon.map_socket) as connection:
            connection.ask("QUERY", name)
            connection.ask("QUERY", name)
    expected = {"outrider_cache_lookups_total result=hit": 3.0 * len(names)}
    for level in names.values():
        for listener, times in (("line", 1), ("socketmap", 2)):
            key = f"outrider_answers_total listener={listener} level={level}"
            expected[key] = expected.get(key, 0) + times
    assert scrape(daemon).since(before) == expected


def test_what_is_no_question_is_counted_too(lab, daemon):
    before = scrape(daemon)
    assert daemon.postfix("localhost") == "NOTFOUND "
    assert daemon.postfix("[192.0.2.1]") == "NOTFOUND "
    assert daemon.postfix("example.org", name="nomap").startswith("TEMP ")
    assert "pol=none" in daemon.exim("localhost")
    assert clients.line(daemon.line_socket, "v2 nonsense\n") == ""
    assert scrape(daemon).since(before) == {
        "outrider_answers_total listener=socketmap level=notfound": 2, "outrider_answers_total listener=line level=notfound": 1,
        "outrider_answers_total listener=socketmap level=refused": 1, "outrider_answers_total listener=line level=refused": 1}


def test_a_first_question_is_a_miss_with_its_lookups_and_its_policy(lab, daemon):
    domain = domains.add_sts(lab, "counted-once", ttl=300)
    before = scrape(daemon)
    assert ask(daemon, domain.name)["level"] == "secure"
    changed = scrape(daemon).since(before)
    lookups = [changed.pop(key) for key in list(changed) if key.startswith("outrider_dns_lookups_total")]
    assert sum(lookups) >= 5  # MX, A, AAAA, TXT, A and AAAA of the policy host
    assert changed.pop("outrider_policies mode=enforce", 1) == 1  # within OTR_WATCH_EVERY_S
    assert changed == {"outrider_cache_lookups_total result=miss": 1, "outrider_cache_entries": 1,
                       "outrider_answers_total listener=line level=secure": 1, "outrider_policy_refreshes_total result=fetched": 1,
                       "outrider_trust_sightings_total role=policy outcome=accepted": 1}
    held = before.of("outrider_policies", mode="enforce")
    wait_until(lambda: scrape(daemon).of("outrider_policies", mode="enforce") >= held + 1, 8, daemon.log)
    assert domain.fetches == 1


BROKEN = {  # what is wrong with the policy host: the reason that counts it
    "404": (dict(server="404"), "response"),
    "redirect": (dict(server="redirect"), "response"),
    "oversized": (dict(server="oversized"), "response"),
    "malformed": (dict(server="malformed"), "policy"),
    "self-signed": (dict(cert="self"), "certificate"),
}


def test_fetches_that_fail_are_counted_by_reason(lab, daemon):
    """Each broken policy host once, and one whose address is bogus. No domain name appears anywhere."""
    made = domains.add(lab, *[domains.row(f"fails-{name}", ttl=300, zone=model.UNSIGNED, sts=model.Sts(
        **{"records": ("v=STSv1; id=1;",), **settings})) for name, (settings, _) in BROKEN.items()])
    bogus, = domains.add(lab, domains.row("fails-bogus", ttl=300, zone=model.SIGNED, sts=model.Sts()))
    before = scrape(daemon)
    with lab.forged(bogus.row.policy_name(), "A", "192.0.2.99"):
        for domain in [*made, bogus]:
            ask(daemon, domain.name)
    changed = scrape(daemon).since(before)
    expected = {}
    for _, reason in [*BROKEN.values(), (None, "dns")]:
        key = f"outrider_policy_fetch_failures_total reason={reason}"
        expected[key] = expected.get(key, 0) + 1
    assert {key: value for key, value in changed.items() if "fetch_failures" in key} == expected, daemon.log()
    assert changed["outrider_policy_refreshes_total result=failed"] == len(made) + 1
    assert changed["outrider_dns_bogus_total type=A"] >= 1
    text = request(daemon, "/metrics")[2] + request(daemon, "/healthz")[2]
    assert "example" not in text and "fails" not in text


def test_bogus_and_failed_lookups_are_counted_by_type_and_kind(lab, daemon):
    rows = [row for row in lab.scenarios.values() if row.mx == "bogus"]
    lame = [row for row in lab.scenarios.values() if row.zone == model.LAME]
    assert rows and lame
    before = scrape(daemon)
    for row in (rows[0], lame[0]):
        assert ask(daemon, row.domain)["level"] == "defer"
    changed = scrape(daemon).since(before)
    assert changed["outrider_dns_bogus_total type=MX"] == 1
    assert changed["outrider_dns_lookups_total status=bogus"] == 1
    assert changed["outrider_dns_failures_total kind=servfail"] == changed["outrider_dns_lookups_total status=tempfail"] == 1
    assert changed["outrider_answers_total listener=line level=defer"] == 2


def test_a_failure_that_libunbound_kept_is_what_it_was(lab, daemon):
    """The second lookup, after our own five seconds, is answered from libunbound's cache: the same words, the same kind,
    and no sign of life of a name server."""
    lame = next(row for row in lab.scenarios.values() if row.zone == model.LAME)
    words, before = set(), scrape(daemon)

    def new(kind):
        return scrape(daemon).of("outrider_dns_failures_total", kind=kind) - before.of("outrider_dns_failures_total", kind=kind)

    def is_asked_twice():
        words.add(ask(daemon, lame.domain)["reason"])
        return new("servfail") + new("malformed") >= 2
    wait_until(is_asked_twice, 20, daemon.log)
    assert (new("servfail"), new("malformed")) == (2, 0)
    assert len(words) == 1, words


def test_a_policy_that_is_not_refreshed_is_seen(lab, outriders):
    """The oldest policy whose refresh is due and fails. The store is looked at every 5 s; this one is late for 8 s."""
    domain = domains.add_sts(lab, "overdue", ttl=1, max_age=16)
    daemon = listening(outriders, sts={**QUICK, "retry": 1})
    assert ask(daemon, domain.name)["level"] == "secure"
    domain.block()

    def late():
        ask(daemon, domain.name)
        return scrape(daemon).of("outrider_policy_refresh_overdue_seconds")
    wait_until(lambda: late() > 0, 30, daemon.log)
    assert late() <= 8


# Gauges of connections and limits -------------------------------------------------------------------------------------


def test_connections_and_limits(lab, outriders):
    daemon = listening(outriders, limits={"connections": 2})
    base = scrape(daemon)
    with clients.Socketmap(daemon.map_socket) as first, clients.Socketmap(daemon.map_socket) as second:
        first.ask("QUERY", "localhost"), second.ask("QUERY", "localhost")
        assert scrape(daemon).of("outrider_connections") == 2
        with pytest.raises((ConnectionError, ValueError)), clients.Socketmap(daemon.map_socket) as third:
            third.ask("QUERY", "localhost")
        assert scrape(daemon).since(base)["outrider_limit_hits_total limit=connections"] == 1
    wait_until(lambda: scrape(daemon).of("outrider_connections") == 0, 5, daemon.log)


# Health ---------------------------------------------------------------------------------------------------------------


def test_a_healthy_daemon(lab, daemon):
    assert health(daemon) == (200, [])


def test_health_follows_the_store(lab, outriders):
    """503 while the disk is full, with the reason and nothing of the domain; 200 when there is room again."""
    daemon = outriders(start=False, sts={"retry": 1})
    folder = os.path.dirname(daemon.store)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=384k,mode=755", "small", folder], check=True)
    shutil.chown(folder, USER)
    try:
        daemon.settings["http"] = {"listen": [f"unix:{os.path.dirname(daemon.config)}/http.sock"]}
        daemon.write_config()
        daemon.start()
        assert health(daemon) == (200, [])
        filler = os.path.join(folder, "filler")
        with open(filler, "wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(b"x" * 4096) == 4096:
                pass
        names = [domain.name for domain in domains.add(lab, *[domains.row(
            f"no-room-{number}", ttl=300, zone=model.UNSIGNED, sts=model.Sts()) for number in range(3)])]
        for name in names:
            assert daemon.postfix(name).startswith("TEMP ")
        assert health(daemon) == (503, ["store: cannot be written"])
        metrics = scrape(daemon)
        assert metrics.of("outrider_store_errors_total", operation="write") >= 3
        assert metrics.of("outrider_answers_total", listener="socketmap", level="failed") == 3
        os.unlink(filler)
        wait_until(lambda: health(daemon) == (200, []), 10, daemon.log)  # by itself: nobody asks
    finally:
        if daemon.process and daemon.process.status() is None:
            daemon.stop()
        subprocess.run(["umount", "-l", folder], check=True)


def test_health_follows_the_resolver(lab, outriders, forwarders):
    """503 when nobody answers any more, without a question of its own; 200 as soon as somebody does."""
    between = forwarders()
    daemon = listening(outriders, dns={"forwarders": [between.address], "timeout": 1, "self_test": False})
    assert ask(daemon, "plain-tls.example")["level"] == "may"
    assert health(daemon) == (200, [])
    between.change = lambda *_: None
    for number in range(3):
        assert ask(daemon, f"dead-{number}.example")["level"] == "defer"
    asked = len(between.asked)
    wait_until(lambda: health(daemon)[0] == 503, 5, daemon.log)
    assert health(daemon) == (503, ["dns: no usable answer to any recent lookup"])
    assert scrape(daemon).of("outrider_dns_failures_total", kind="timeout") >= 3
    between.change = None
    assert ask(daemon, "dane-ee.example")["level"] == "dane-only"
    assert health(daemon) == (200, [])
    assert asked > 0


def test_health_while_every_lookup_fails(lab, outriders, forwarders):
    """503, and it stays so while mail asks for the same names again and again: of their failures each second one is
    libunbound's, kept for some seconds, and no sign of life."""
    between = forwarders()
    daemon = listening(outriders, dns={"forwarders": [between.address], "self_test": False})
    assert ask(daemon, "plain-tls.example")["level"] == "may"
    between.change = fail("SERVFAIL")

    def status_after_mail():
        for number in range(4):
            assert ask(daemon, f"dead-{number}.example")["level"] == "defer"
        return health(daemon)[0]
    wait_until(lambda: status_after_mail() == 503, 20, daemon.log)
    end = time.monotonic() + 14  # twice our own five seconds, and more
    while time.monotonic() < end:
        assert status_after_mail() == 503
        time.sleep(0.2)
    between.change = None
    assert ask(daemon, "dane-ee.example")["level"] == "dane-only"
    assert health(daemon) == (200, [])


def test_one_broken_domain_is_no_dead_resolver(lab, daemon):
    lame = next(row for row in lab.scenarios.values() if row.zone == model.LAME)
    for _ in range(5):
        ask(daemon, lame.domain)
        time.sleep(0.5)
    assert health(daemon) == (200, [])


def test_health_follows_the_self_test(lab, outriders, forwarders):
    """A resolver that strips signatures."""
    def strip(question, reply):
        for section in (reply.answer, reply.authority):
            section[:] = [rrset for rrset in section if rrset.rdtype not in (46, 47, 50)]
        return reply
    between = forwarders(change=strip)
    daemon = listening(outriders, dns={"forwarders": [between.address]})
    wait_until(lambda: health(daemon)[0] == 503, 20, daemon.log)
    assert health(daemon)[1][0].startswith("dns: the self-test failed")
    assert daemon.log().count("event=dns.selftest") == 1


def test_a_resolver_that_comes_up_later(lab, outriders, forwarders):
    """The self-test that failed is made again, and says so once it succeeds."""
    between = forwarders(change=fail("SERVFAIL"))
    daemon = listening(outriders, dns={"forwarders": [between.address], "timeout": 3})
    wait_until(lambda: health(daemon)[0] == 503, 20, daemon.log)
    assert "dns: the self-test failed, no name server answers" in health(daemon)[1]
    between.change = None
    wait_until(lambda: health(daemon) == (200, []), 30, daemon.log)
    assert "level=notice event=dns.selftest result=ok" in daemon.log()
    assert daemon.log().count("event=dns.selftest") == 2


# Rude clients -----------------------------------------------------------------------------------------------------------


def raw(daemon, octets, timeout=10):
    """What comes back until the daemon hangs up."""
    with clients.connect(address_of(daemon), timeout) as client:
        client.sendall(octets)
        answer = b""
        with contextlib.suppress(ConnectionError):
            while more := client.recv(65536):
                answer += more
        return answer.decode()


REQUESTS = {
    # what is sent: the status
    "GET / HTTP/1.1": 404,
    "GET /metrics/ HTTP/1.1": 404,
    "GET /%6detrics HTTP/1.1": 404,
    "GET /../metrics HTTP/1.1": 404,
    "GET /secret-probe HTTP/1.1": 404,
    "GET /metrics?secret-probe=1 HTTP/1.1": 200,
    "GET http://secret-probe/metrics HTTP/1.1": 200,
    "GET /healthz HTTP/1.0": 200,
    "POST /metrics HTTP/1.1": 405,
    "PUT /metrics HTTP/1.1": 405,
    "DELETE /healthz HTTP/1.1": 405,
    "OPTIONS /metrics HTTP/1.1": 405,
    "TRACE /metrics HTTP/1.1": 405,
    "PROPFIND /metrics HTTP/1.1": 501,
}


@pytest.mark.parametrize("line", REQUESTS)
def test_only_two_pages_and_two_methods(lab, daemon, line):
    """Nothing of the request comes back, whatever its Host is."""
    answer = raw(daemon, f"{line}\r\nHost: secret-probe.example\r\nX: secret-probe\r\n\r\n".encode())
    assert re.match(rf"HTTP/1\.[01] {REQUESTS[line]} ", answer), answer[:200]
    assert "secret-probe" not in answer
    assert ("Allow: GET, HEAD\r\n" in answer) == (REQUESTS[line] == 405)


def test_head_is_get_without_a_body(lab, daemon):
    status, headers, body = request(daemon, "/metrics", "HEAD")
    assert (status, body) == (200, "") and int(headers["Content-Length"]) > 1000


RUDE = {
    "a body": b"POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    "a body in chunks": b"POST /metrics HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "a long header": b"GET /metrics HTTP/1.1\r\nX: " + b"x" * 20000 + b"\r\n\r\n",
    "many headers": b"GET /metrics HTTP/1.1\r\n" + b"X: y\r\n" * 4000 + b"\r\n",
    "a long path": b"GET /" + b"m" * 20000 + b" HTTP/1.1\r\n\r\n",
    "noise": bytes(range(1, 255)) * 4 + b"\r\n\r\n",
    "TLS": bytes.fromhex("160301020001000001fc0303") + b"\x00" * 500 + b"\r\n\r\n",
}


@pytest.mark.parametrize("what", RUDE)
def test_what_is_too_much_is_refused(lab, daemon, what):
    answer = raw(daemon, RUDE[what])
    assert answer == "" or re.match(r"HTTP/1\.[01] (400|413|501) ", answer), answer[:200]
    assert "outrider_" not in answer
    assert health(daemon)[0] == 200


def test_clients_that_never_end_cost_a_few_seconds(lab, daemon):
    """As many as may be open at once, silent or dripping: they are cut off, others wait that long, and mail does not wait
    at all."""
    idle = [clients.connect(address_of(daemon)) for _ in range(40)]
    begun = time.monotonic()
    try:
        assert daemon.postfix("localhost") == "NOTFOUND " and time.monotonic() - begun < 2
        idle[0].sendall(b"GET /metrics HTTP/1.1\r\n")
        with contextlib.suppress(ConnectionError):
            while time.monotonic() - begun < 12:  # busy, but never done
                idle[0].sendall(b"X: y\r\n")
                time.sleep(0.2)
        assert 4.5 < time.monotonic() - begun < 9
        assert health(daemon)[0] == 200
        assert time.monotonic() - begun < 14
    finally:
        for client in idle:
            client.close()
    assert scrape(daemon).of("outrider_limit_hits_total", limit="http") >= 1


# Sockets ----------------------------------------------------------------------------------------------------------------


def test_tcp_and_unix_sockets_and_none(lab, outrider):
    """Both families; the socket file has mode and group as configured; without the section nothing listens."""
    quiet = outrider()
    listeners = subprocess.run(["ss", "-Hltnp"], capture_output=True, text=True, check=True).stdout
    assert f"pid={quiet.process.pid}," not in listeners
    quiet.stop()
    path = os.path.join(os.path.dirname(quiet.config), "http.sock")
    daemon = outrider(http={"listen": ["inet:[127.0.0.1]:8463", "inet:[::1]:8463", f"unix:{path}"], "mode": "0600",
                            "group": "postfix"})
    for host in ("127.0.0.1", "::1"):
        with socket.create_connection((host, 8463), 5) as client:
            client.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
            assert b" 200 OK\r\n" in client.recv(65536)
    assert os.stat(path).st_mode & 0o777 == 0o600
    daemon.stop()
    assert not os.path.exists(path)


def test_a_socket_of_the_service_manager(lab, outrider):
    """Handed over by systemd (LISTEN_FDS): taken, not opened, and left alone at the end."""
    daemon = outrider(start=False)
    path = os.path.join(os.path.dirname(daemon.config), "http.sock")
    daemon.settings["http"] = {"listen": [f"unix:{path}"]}
    daemon.write_config()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        os.chmod(path, 0o666)
        listener.listen()
        command = f"LISTEN_FDS=1 LISTEN_PID=$$ exec {daemon.program} -f -c {daemon.config} 3<&{listener.fileno()}"
        process = subprocess.Popen(["bash", "-c", command], pass_fds=[listener.fileno()])
        assert health(daemon)[0] == 200  # it waited in the socket until somebody came
        process.terminate()
        assert process.wait(10) == 0
    assert os.path.exists(path)
