"""`outrider query` as people and scripts use it: its JSON, its explanation, every form of destination, exit statuses."""

import json
import re

import pytest

import conftest
from lab import clients
from lab.scenarios import SCENARIOS

OK, USAGE, DATAERR, TEMPFAIL, CONFIG = 0, 64, 65, 75, 78
ROWS = {row.name: row for row in SCENARIOS}
# One of each kind: DANE of all sorts, what DNS can do wrong, policies in each mode and state, both, neither.
SAMPLE = ("dane-ee", "dane-ta", "dane-malformed", "dane-unusable", "dane-optout", "bücher", "tlsa-servfail", "tlsa-bogus-sts",
          "signatures-expired", "mx-servfail", "address-bogus", "null-mx", "unregistered", "no-address", "sts-enforce",
          "sts-second-listed", "sts-testing", "sts-none", "policy-404", "policy-malformed", "record-two",
          "record-servfail", "dane-and-sts", "unusable-sts", "mixed-sts", "plain-tls", "signed-plain")
EACH_SAMPLE = pytest.mark.parametrize("row", [ROWS[name] for name in SAMPLE], ids=SAMPLE)

A_LABELS = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
TLSA = re.compile(r"\d{1,3} \d{1,3} \d{1,3} ([0-9A-F]{2})*")


def is_text(value):
    return isinstance(value, str)


def is_number(value):
    return isinstance(value, int) and not isinstance(value, bool)


def one_of(*words):
    return lambda value: value in words


def or_null(test):
    return lambda value: value is None or test(value)


def matches(pattern):
    return lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None


def list_of(test):
    return lambda value: isinstance(value, list) and all(test(item) for item in value)


def has(keys):
    """An object that has at least these keys, each with a value that passes its test."""
    def check(value):
        for key, test in keys.items():
            assert key in value, f"no {key!r} in {value}"
            assert test(value[key]), f"{key!r} is {value[key]!r}"
        return True
    return check


CONTRACT = has({
    "domain": matches(A_LABELS), "port": is_number, "valid_until": matches(TIME), "evidence": list_of(is_text),
    "level": one_of("dane-only", "dane", "secure", "encrypt", "may", "defer"),
    "mx": list_of(has({
        "host": matches(A_LABELS), "preference": is_number,
        "addresses": one_of("secure", "insecure", "none", "tempfail"),
        "dane": has({"state": one_of("usable", "unusable", "none", "insecure", "tempfail"),
                     "base_domain": or_null(matches(A_LABELS)), "tlsa": list_of(matches(TLSA))}),
        "sts_match": one_of(True, False, None), "auth": one_of("dane", "sts", "none")})),
    "mx_security": one_of("secure", "insecure", "bogus", "tempfail", "none"),
    "sts": has({"state": one_of("none", "valid", "invalid", "tempfail"),
                "mode": one_of("enforce", "testing", "none", None), "id": or_null(is_text),
                "max_age": or_null(is_number), "mx": list_of(is_text), "source": one_of("fetched", "cache", None),
                "expires_at": or_null(matches(TIME)), "error": or_null(is_text)}),
    "anchors": has({"rules": list_of(is_text), "file": is_text, "count": is_number}),
    "postfix": is_text, "exim": is_text,
})


@pytest.fixture(scope="module", name="daemon")
def the_daemon(build, lab):
    daemon = conftest.start_outrider(build, lab)
    with daemon:
        yield daemon
    conftest.stop_outrider(daemon)


def ask(daemon, *arguments):
    return daemon.run_cli("query", "--config", daemon.config, *arguments)


# --- JSON ------------------------------------------------------------------------------------------------------


@EACH_SAMPLE
def test_json_is_as_promised(daemon, row):
    run = ask(daemon, "--json", row.shown)
    found = json.loads(run.stdout)
    assert run.stdout.count("\n") == 1 and run.stderr == ""
    assert CONTRACT(found)
    assert (found["domain"], found["port"], found["level"]) == (row.domain, 25, row.level)
    assert run.returncode == (TEMPFAIL if row.level == "defer" else OK)
    assert [host["preference"] for host in found["mx"]] == sorted(host["preference"] for host in found["mx"])
    assert (found["exim"] == "") == (row.level == "defer")


@EACH_SAMPLE
def test_json_holds_together(daemon, row):
    """Keys that speak of one another agree."""
    found = daemon.query(row.domain)
    sts = found["sts"]
    has_policy = sts["state"] == "valid"
    for key in ("mode", "id", "max_age", "source", "expires_at"):
        assert (sts[key] is not None) == has_policy, key
    assert bool(sts["error"]) == (sts["state"] in ("invalid", "tempfail"))
    for host in found["mx"]:
        assert (host["dane"]["base_domain"] is not None) == bool(host["dane"]["tlsa"])
        assert (host["sts_match"] is not None) == (has_policy and sts["mode"] != "none")
        assert host["auth"] != "dane" or host["dane"]["state"] == "usable"
        assert host["auth"] != "sts" or (sts["mode"] == "enforce" and host["sts_match"])


def without_times(found):
    """A verdict without what differs from one errand to the next: times, remaining TTLs, the order of records, whether
    the policy was on hand (S5) or just fetched (S6), so whether its host was looked up, and which signature the validator
    names first."""
    found = json.loads(re.sub(r"validation failure <[^\"]*", "validation failure", json.dumps(found)))
    for host in found["mx"]:
        host["dane"]["tlsa"].sort()
    del found["valid_until"]
    for key in ("source", "expires_at", "fetched_at"):
        found["sts"].pop(key)
    found["sts"]["row"] = found["sts"]["row"].replace("S5", "S6")
    found["evidence"] = sorted(re.sub(r"TTL \d+|\d{4}-\d\d-\d\dT\S+Z|\((just fetched|from the cache)\)", "", line)
                               for line in found["evidence"] if not re.match("A+ mta-sts[.]", line))
    return found


@EACH_SAMPLE
def test_direct_and_daemon_agree(daemon, row):
    assert without_times(daemon.query(row.domain, "--direct")) == without_times(daemon.query(row.domain))


def test_what_mail_servers_are_told_is_what_the_json_says(daemon):
    for name in ("dane-ee", "sts-enforce", "mixed-sts", "plain-tls", "tlsa-servfail"):
        found = daemon.query(ROWS[name].domain)
        assert daemon.postfix(ROWS[name].domain) == found["postfix"]
        assert daemon.exim(ROWS[name].domain).rstrip("\n") == found["exim"]


def test_answers_over_tcp_are_those_over_unix_sockets(outrider):
    """Both protocols listen where they are told to, IPv6 included."""
    ports = {"line": ("127.0.0.1", 9998), "socketmap": ("::1", 9997)}
    probe = outrider(start=False)
    own = outrider(line={"listen": [f"unix:{probe.line_socket}", "inet:127.0.0.1:9998"]},
                   socketmap={"listen": [f"unix:{probe.map_socket}", "inet:[::1]:9997"]}, start=False)
    own.line_socket, own.map_socket = probe.line_socket, probe.map_socket
    own.start()
    name = ROWS["sts-enforce"].domain
    assert clients.line(ports["line"], f"v1 policy domain={name}\n") == own.exim(name)
    with clients.Socketmap(ports["socketmap"]) as postfix:
        assert postfix.ask("QUERY", name) == own.postfix(name) != ""


# --- for people ------------------------------------------------------------------------------------------------


def test_the_first_line_is_the_answer(daemon):
    run = ask(daemon, "dane-ee.example")
    assert (run.returncode, run.stderr) == (OK, "")
    assert run.stdout == "dane-ee.example: dane-only - DANE on every host that can be used\n"
    assert ask(daemon, "null-mx.example").stdout.endswith("\nundeliverable: 5.1.10 null MX\n")


def explained(daemon, name):
    """The JSON of a verdict and the lines of its explanation. A verdict on what failed is kept for seconds only, and the
    validator may have other words the next time; so the JSON must be the same before and after."""
    def words(found):
        return found["postfix"], [host["reason"] for host in found["mx"]]
    before = daemon.query(name)
    for _ in range(5):
        lines, after = ask(daemon, "--explain", name).stdout.splitlines(), daemon.query(name)
        if words(after) == words(before):
            return after, lines
        before = after
    raise AssertionError(f"{name}: other words each time, last {words(before)}")


@EACH_SAMPLE
def test_explain(daemon, row):
    """FLOW-13: each lookup with its DNSSEC state and TTL, each MX host with its reason, the policy with its age."""
    found, lines = explained(daemon, row.domain)
    assert lines[0].startswith(f"{row.domain}: {row.level} - ")
    for host in found["mx"]:
        (line,) = [line for line in lines if re.match(rf" +{host['preference']} {re.escape(host['host'])}  ", line)]
        assert line.endswith(host["reason"])
        for record in host["dane"]["tlsa"]:
            assert any(line.strip().startswith(f"TLSA {record}") for line in lines), record
    lookups = [line.strip() for line in lines[lines.index("Lookups:") + 1:lines.index("Answers:")] if line]
    assert lookups[0].startswith(f"MX {row.domain}: ")
    for line in lookups:
        if re.match(r"(MX|A|AAAA|CNAME|TLSA|TXT) ", line):
            assert re.search(r": (secure|insecure), .*TTL \d+( \(asked |$)|: (bogus|tempfail), |: not asked$", line), line
        else:
            assert re.match(r"policy |fetch of https://mta-sts\.", line), line
    if found["sts"]["state"] == "valid":
        assert any(re.fullmatch(rf"MTA-STS: mode {found['sts']['mode']}, \S+ old, .+ left", line) for line in lines)
    answers = lines[lines.index("Answers:") + 1:]
    assert answers[0] == f"  Postfix  {found['postfix']}"
    assert answers[1] == f"  Exim     {found['exim'] or '(none: Exim defers)'}"


@EACH_SAMPLE
def test_explanations_are_readable(daemon, row):
    """Every octet is printable ASCII, and none had to be replaced to make it so."""
    text = ask(daemon, "--explain", row.domain).stdout
    assert text.isascii() and text.replace("\n", "").isprintable() and "??" not in text


# --- destinations ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("written, domain, port, key, level", [
    ("dane-ee.example", "dane-ee.example", 25, "dane-ee.example", "dane-only"),
    ("DANE-ee.Example.", "dane-ee.example", 25, "dane-ee.example", "dane-only"),  # EDGE-08
    ("BÜCHER.example", "xn--bcher-kva.example", 25, "xn--bcher-kva.example", "dane-only"),  # EDGE-07
    ("xn--bcher-kva.example", "xn--bcher-kva.example", 25, "xn--bcher-kva.example", "dane-only"),
    ("dane-ee.example:25", "dane-ee.example", 25, "dane-ee.example", "dane-only"),
    ("dane-ee.example:smtp", "dane-ee.example", 25, "dane-ee.example", "dane-only"),
    ("dane-ee.example:587", "dane-ee.example", 587, "dane-ee.example:587", "may"),  # EDGE-05: TLSA of that port only
    ("dane-ee.example:submission", "dane-ee.example", 587, "dane-ee.example:587", "may"),
    ("sts-enforce.example:587", "sts-enforce.example", 587, "sts-enforce.example:587", "secure"),  # EDGE-05
    ("[mx.dane-ee.example]", "mx.dane-ee.example", 25, "[mx.dane-ee.example]", "dane-only"),  # EDGE-04
    ("[mx.dane-ee.example]:587", "mx.dane-ee.example", 587, "[mx.dane-ee.example]:587", "may"),
    ("[mx.sts-enforce.example]", "mx.sts-enforce.example", 25, "[mx.sts-enforce.example]", "may"),  # EDGE-03, EDGE-06
])
def test_destinations(daemon, written, domain, port, key, level):
    run = ask(daemon, "--json", written)
    found = json.loads(run.stdout)
    assert run.returncode == OK and CONTRACT(found)
    assert (found["domain"], found["port"], found["destination"], found["level"]) == (domain, port, key, level)
    assert without_times(daemon.query(written, "--direct")) == without_times(found)


@pytest.mark.parametrize("written, address", [
    ("[192.0.2.1]", "192.0.2.1"), ("[IPv6:2001:DB8::1]", "2001:db8::1"), ("[2001:db8:0::1]:587", "2001:db8::1")])
def test_address_literals(daemon, written, address):
    """EDGE-01: neither DANE nor MTA-STS, and nothing is looked up."""
    for options in ([], ["--direct"]):
        found = daemon.query(written, *options)
        assert (found["domain"], found["level"], found["mx_security"]) == (address, "may", "none")
        assert found["sts"]["state"] == "none" and found["evidence"] == []
        assert [host["auth"] for host in found["mx"]] == ["none"]


@pytest.mark.parametrize("written, column, why", [
    ("localhost", 1, "at least two labels"), ("192.0.2.1", 1, "stands in brackets"), (".example.org", 1, "empty label"),
    ("a..example", 3, "empty label"), ("", 1, "expected a domain"), ("[]", 2, "expected a domain"), ("[a.example", 11, '"]"'),
    ("a.example:", 11, "port"), ("a.example:0", 11, "1 to 65535"), ("a.example:65536", 11, "1 to 65535"),
    ("a.example:imap", 11, "port"), ("[a.example]x", 12, "the end"), ("user@a.example", 5, "@"), ("a b.example", 2, "white space"),
    ("a_b.example", 2, "underscore"), ("*.example", 1, "wildcard"), (b"\xff.example", 1, ""), ("x" * 64 + ".example", None, ""),
])
@pytest.mark.parametrize("options", [[], ["--direct"], ["--json"]], ids=" ".join)
def test_what_is_no_destination(run, written, column, why, options):
    """Refused before any daemon or name server is asked, with the place and the reason."""
    done = run("query", *options, "--", written, env={"LC_ALL": "C.UTF-8"})
    assert (done.returncode, done.stdout) == (DATAERR, "")
    assert re.match(r"outrider: destination: column \d+: \S", done.stderr) and done.stderr.count("\n") == 1
    assert why in done.stderr and (column is None or f"column {column}:" in done.stderr), done.stderr


# --- usage -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [[], ["a.example", "b.example"], ["--frobnicate", "a.example"], ["--config"],
                                       ["--direct", "--socket", "/nowhere", "a.example"]], ids=" ".join)
def test_wrong_usage(run, arguments):
    done = run("query", *arguments)
    assert (done.returncode, done.stdout) == (USAGE, "") and "outrider" in done.stderr


def test_without_a_daemon(run, tmp_path):
    done = run("query", "--socket", str(tmp_path / "none.sock"), "a.example")
    assert (done.returncode, done.stdout) == (TEMPFAIL, "")
    assert done.stderr.startswith(f"outrider: {tmp_path}/none.sock: No such file or directory") and "--direct" in done.stderr


def test_mistakes_in_the_configuration_are_shown_with_their_lines(run, tmp_path):
    config = tmp_path / "outrider.conf"
    config.write_text('dns { mode = "sideways" }\nspeed = "high"\n')
    for options in ([], ["--direct"]):
        done = run("query", *options, "--config", str(config), "a.example")
        assert (done.returncode, done.stdout) == (CONFIG, "")
        assert [line.split(": ")[:3] for line in done.stderr.splitlines()] == [
            ["outrider", str(config), "line 1"], ["outrider", str(config), "line 2"]]


def test_a_daemon_that_dies_in_the_middle_is_no_answer(run, tmp_path):
    """An answer without its end is not shown as if it were one."""
    import socket
    import threading
    path = str(tmp_path / "half.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()

        def half():
            connection, _ = listener.accept()
            connection.recv(1000)
            connection.sendall(b'{"domain":"a.example","level":"may"')
            connection.close()
        thread = threading.Thread(target=half)
        thread.start()
        done = run("query", "--json", "--socket", path, "a.example")
        thread.join()
    assert (done.returncode, done.stdout) == (TEMPFAIL, "") and "cut off" in done.stderr
