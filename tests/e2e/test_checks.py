"""outrider publish status: what the world sees of our own domains (the checks of docs/checks.md), with real servers that are good, bad or away.

PUB-01, PUB-02 and PUB-11 as an audit: what a sender would stumble over is named, with host and address."""

import contextlib
import json

import pytest

import domains
from lab import policyhost, zones
from lab.model import UNSIGNED, Host, Sts

TWO = (Host("mx1", 10), Host("mx2", 20, families="46"))
GOOD = "checks-good"
ROWS = [
    # name, settings of the scenario, {check: worst status}
    (GOOD, {"hosts": TWO, "sts": Sts(max_age=1209600)}, {}),
    ("checks-no-starttls", {"hosts": (Host("mx1"), Host("mx2", 20, server="no-starttls")), "sts": Sts()},
     {"smtp.starttls": "critical", "sts.mx-cert": "critical"}),
    ("checks-name", {"hosts": (Host(cert="lab foreign"),), "sts": Sts()}, {"cert.name": "critical", "sts.mx-cert": "critical"}),
    ("checks-self", {"hosts": (Host(cert="self"),), "sts": Sts()}, {"cert.trust": "critical", "sts.mx-cert": "critical"}),
    ("checks-self-testing", {"hosts": (Host(cert="self"),), "sts": Sts(mode="testing")}, {"cert.trust": "warning", "sts.mx-cert": "warning"}),
    ("checks-other", {"hosts": (Host(cert="other"),), "sts": Sts()},
     {"cert.trust": "critical", "cert.chain-complete": "critical", "sts.mx-cert": "critical"}),
    ("checks-expired", {"hosts": (Host(cert="lab expired"),), "sts": Sts()}, {"cert.expiry": "critical", "sts.mx-cert": "critical"}),
    ("checks-old-tls", {"hosts": (Host(server="tls1.1"),), "sts": Sts()}, {"tls.version": "critical", "sts.mx-cert": "critical"}),
    ("checks-injects", {"hosts": (Host(server="injects"),), "sts": Sts()}, {"smtp.starttls": "critical", "sts.mx-cert": "critical"}),
    ("checks-down", {"hosts": (Host(server="down"),), "sts": Sts()}, {"smtp.connect": "unknown", "sts.mx-cert": "unknown"}),
    ("checks-unlisted", {"hosts": TWO, "sts": Sts(mx=("mx1.{domain}",))}, {"sts.mx-cover": "critical"}),
    ("checks-redirect", {"sts": Sts(server="redirect")}, {"sts.redirect": "critical"}),
    ("checks-404", {"sts": Sts(server="404")}, {"sts.status": "critical"}),
    ("checks-html", {"sts": Sts(server="html")}, {"sts.type": "critical"}),
    ("checks-large", {"sts": Sts(server="oversized")}, {"sts.size": "critical"}),
    ("checks-bomb", {"sts": Sts(server="bomb")}, {"sts.status": "critical"}),
    ("checks-malformed", {"sts": Sts(server="malformed")}, {"sts.syntax": "critical"}),
    ("checks-policy-down", {"sts": Sts(server="unreachable")}, {"sts.https": "critical"}),
    ("checks-policy-name", {"sts": Sts(cert="lab foreign")}, {"sts.https": "critical"}),
    ("checks-policy-expired", {"sts": Sts(cert="lab expired")}, {"sts.https": "critical", "sts.host-expiry": "critical"}),
    ("checks-two-records", {"sts": Sts(records=("v=STSv1; id=1;", "v=STSv1; id=2;"))}, {"sts.txt": "critical"}),
    ("checks-record-fails", {"zone": "signed", "sts": Sts(record_fault="servfail")}, {"sts.txt": "unknown"}),
    ("checks-short", {"sts": Sts(max_age=3600)}, {"sts.max-age": "warning"}),
    ("checks-null", {"mx": "null", "hosts": (), "sts": Sts(mx=("mx.checks-null.example",))}, {"mx.null": "warning"}),
    ("checks-dane", {"zone": "signed", "hosts": (Host(cert="self", tlsa=("3 1 1",)),)}, {}),
    ("checks-dane-wrong", {"zone": "signed", "hosts": (Host(cert="self", tlsa=("3 1 1 wrong", "3 1 1 wrong")),)}, {"dane.match": "critical"}),
    ("checks-dane-mixed", {"zone": "signed", "hosts": (Host("mx1", cert="self", tlsa=("3 1 1",)), Host("mx2", 20, cert="self"))},
     {"dane.all-mx": "warning"}),
    ("checks-dane-rootless", {"zone": "signed", "hosts": (Host(cert="private rootless", tlsa=("2 1 1",)),)},
     {"dane.match": "critical", "dane.ta-in-chain": "critical"}),
    ("checks-tlsa-fails", {"zone": "signed", "hosts": (Host(tlsa_fault="servfail"),)}, {"dane.secure": "unknown"}),
    ("checks-tlsa-bogus", {"zone": "signed", "hosts": (Host(tlsa=("3 1 1",), tlsa_fault="bogus"),)}, {"dane.secure": "critical"}),
]
IDS = [name for name, _, _ in ROWS]
BADNESS = ("skipped", "ok", "info", "unknown", "warning", "critical")


def worst(results):
    """{id: its worst status}"""
    found = {}
    for each in results:
        found[each["id"]] = max(found.get(each["id"], "skipped"), each["status"], key=BADNESS.index)
    return found


def sections(names):
    """Domains that have no MTA-STS of their own are configured in mode none: nothing is meant to be there."""
    return {f'publish "{name}.example"': {"mode": "enforce", "mx": [f"*.{name}.example"], "max_age": "2w"} for name in names}


@pytest.fixture(scope="module", name="ours")
def our_domains(lab):
    return domains.add(lab, *[domains.row(name, **{"zone": UNSIGNED, **settings}) for name, settings, _ in ROWS])


@pytest.fixture(scope="module", name="configured")
def a_configuration(outriders, ours):
    """No daemon runs: the checks need none."""
    return outriders(start=False, **sections(IDS))


def status(configured, *arguments, timeout=200):
    done = configured.run_cli("publish", "status", "--config", configured.config, "--ehlo", "checks.lab.test", *arguments, timeout=timeout)
    return done


def look(configured, *arguments):
    done = status(configured, "--no-daemon", "--json", *arguments)
    return done.returncode, {each["domain"]: each for each in map(json.loads, done.stdout.splitlines())}


@pytest.fixture(scope="module", name="all_of_them")
def one_look_at_all(configured):
    return look(configured)


@pytest.mark.parametrize("name, settings, expected", ROWS, ids=IDS)
def test_what_is_wrong_is_found_and_nothing_else(all_of_them, name, settings, expected):
    """Beside what the row says: a domain without a policy is told that there is none for the one that is configured."""
    found = worst(all_of_them[1][f"{name}.example"]["results"])
    wrong = {check: status for check, status in found.items() if status in ("unknown", "warning", "critical")}
    if "sts" not in settings:
        wrong = {check: status for check, status in wrong.items() if check.split(".")[0] not in ("sts", "cert")}
    assert wrong == expected
    assert all(found.get(check) == status for check, status in expected.items())


def test_the_exit_status_says_that_not_all_is_well(all_of_them, configured):
    assert all_of_them[0] == 1
    code, found = look(configured, f"{GOOD}.example")
    assert code == 0 and found[f"{GOOD}.example"]["status"] == "ok"


def test_results_name_host_and_address(all_of_them, lab):
    results = all_of_them[1]["checks-no-starttls.example"]["results"]
    bad = next(each for each in results if each["id"] == "smtp.starttls" and each["status"] == "critical")
    assert bad["subject"] == {"mx": "mx2.checks-no-starttls.example", "address": lab.addresses["mx2.checks-no-starttls.example"][0]}
    assert bad["fix"] and bad["group"] == "smtp"


def test_each_address_is_visited(all_of_them, lab):
    results = all_of_them[1][f"{GOOD}.example"]["results"]
    visited = {each["subject"]["address"] for each in results if each["id"] == "smtp.starttls" and each["status"] == "ok"}
    assert visited == {*lab.addresses[f"mx1.{GOOD}.example"], *lab.addresses[f"mx2.{GOOD}.example"]} and len(visited) == 3


def test_no_mail_is_sent_and_hosts_are_visited_twice(lab, configured):
    """smtp.starttls-all wants a second visit; nobody says MAIL."""
    before = {name: len(host.sessions) for name, host in lab.mx.items()}
    look(configured, f"{GOOD}.example")
    sessions = [each for name, host in lab.mx.items() if f"{GOOD}." in name for each in host.sessions[before[name]:]]
    assert len(sessions) == 6 and all(each.heard == [] and each.tls for each in sessions)


def test_starttls_that_is_gone_at_the_second_visit(lab, configured, monkeypatch):
    """PUB-11: a server that offers it to some and not to others."""
    class Fickle(str):
        asked = 0

        def __ne__(self, other):
            if other == "no-starttls":
                Fickle.asked += 1
                return Fickle.asked % 2 == 1
            return super().__ne__(other)

        __hash__ = str.__hash__
    monkeypatch.setattr(lab.mx[f"mx1.{GOOD}.example"], "server", Fickle("good"))
    _, found = look(configured, f"{GOOD}.example")
    assert worst(found[f"{GOOD}.example"]["results"])["smtp.starttls-all"] == "critical"


def test_the_fetch_is_that_of_a_stranger(lab, configured):
    """Each address of the policy host is asked, each time anew, with its name in TLS."""
    policy = lab.policies[f"mta-sts.{GOOD}.example"]
    before = len(policy.requests)
    look(configured, f"{GOOD}.example")
    look(configured, f"{GOOD}.example")
    assert policy.requests[before:] == [(policyhost.PATH, policy.name)] * 2


def test_a_record_at_the_wrong_place(lab, configured):
    name = f"{GOOD}.example"
    with lab.records(name, "TXT", [zones.quoted("v=STSv1; id=1;"), zones.quoted("v=TLSRPTv1; rua=mailto:a@b.example")]):
        found = worst(look(configured, name)[1][name]["results"])
    assert (found["sts.txt-place"], found["rpt.txt-place"]) == ("warning", "warning")


def test_without_a_resolver_nothing_is_known_and_nothing_is_absent(lab, configured):
    name = f"{GOOD}.example"
    with lab.outage():
        code, found = look(configured, name)
    results = found[name]["results"]
    assert code == 1 and worst(results)["mx.exists"] == "unknown" and worst(results)["sts.txt"] == "unknown"
    assert not any("there is no" in each["message"] for each in results)
    assert found[name]["status"] == "unknown"


def test_a_deadline_is_a_deadline(lab, configured, monkeypatch):
    """A policy host that takes the request and says nothing, a mail server that never greets: unknown, in time."""
    import threading
    import time
    name = f"{GOOD}.example"
    host = lab.mx[f"mx1.{name}"]
    monkeypatch.setattr(host, "gate", threading.Event())
    monkeypatch.setattr(host, "server", "waits")
    monkeypatch.setattr(lab.policies[f"mta-sts.{name}"], "server", "silent")
    begin = time.monotonic()
    _, found = look(configured, "--timeout", "4", name)
    took = time.monotonic() - begin
    host.gate.set()
    statuses = worst(found[name]["results"])
    assert statuses["smtp.connect"] == "unknown" and statuses["sts.https"] == "unknown" and took < 30


def test_two_bundles_of_roots(lab, outriders, ours, tmp_path):
    """PUB-07: a certificate that only some senders accept."""
    other = tmp_path / "other.pem"
    from cryptography.hazmat.primitives import serialization
    other.write_bytes(lab.certs.authority("other").public_bytes(serialization.Encoding.PEM))
    both = outriders(start=False, policy_host={"root_programs": ["system", str(other)]}, **sections([GOOD]))
    _, found = look(both, f"{GOOD}.example")
    statuses = worst(found[f"{GOOD}.example"]["results"])
    assert (statuses["cert.root-program"], statuses["sts.mx-cert"], statuses["sts.https"]) == ("critical",) * 3
    assert any(str(other) in each["message"] for each in found[f"{GOOD}.example"]["results"])


# The form -------------------------------------------------------------------------------------------------------------


def test_text_has_a_verdict_the_groups_and_what_to_do(configured):
    done = status(configured, "--no-daemon", "checks-no-starttls.example", f"{GOOD}.example")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("checks-no-starttls.example  CRITICAL  ")
    assert any(line.split() == ["Mail", "TLS", "CRITICAL"] for line in lines)
    assert any("smtp.starttls" in line and "mx2.checks-no-starttls.example" in line for line in lines)
    assert any(line.startswith("  next: ") for line in lines)
    good = lines[next(i for i, line in enumerate(lines) if line.startswith(GOOD)):]
    assert good[0].split()[1] == "ok" and len(good) < 10


def test_verbose_tells_everything_and_only_chooses(configured):
    name = f"{GOOD}.example"
    everything = status(configured, "--no-daemon", "--verbose", name).stdout
    some = status(configured, "--no-daemon", "--verbose", "--only", "sts,rpt", name).stdout
    assert "mx.cname" in everything and "dane.exists" in everything and "sts.mx-cover" in everything
    assert "sts.mx-cover" in some and "rpt.txt" in some and "mx.cname" not in some and "dane.exists" not in some


def test_what_a_check_is_about(configured):
    done = status(configured, "--explain", "sts.mx-cover")
    assert done.returncode == 0 and "RFC 8461" in done.stdout
    assert json.loads(status(configured, "--json", "--explain", "sts.mx-cover").stdout)["worst"] == "critical"
    assert status(configured, "--explain", "sts.mx").returncode == 64


@pytest.mark.parametrize("arguments, code", [
    (("--offline", "--no-daemon"), 64), (("--offline", "--only", "sts"), 64), (("--only", "sts,tls"), 64), (("--only", ""), 64),
    (("--timeout", "0"), 64), (("--timeout", "601"), 64), (("--no-daemon", "--socket", "/x"), 64), (("--no-daemon", "nobody.example"), 65),
    (("--no-daemon", "a..b"), 65), (("--ehlo", "a b", "--no-daemon"), 64), (("--wrong",), 64),
], ids=lambda value: " ".join(value) if isinstance(value, tuple) else "")
def test_misuse(configured, arguments, code):
    done = status(configured, *arguments)
    assert (done.returncode, done.stdout) == (code, "")


def test_without_a_section_there_is_nothing_to_look_at(outriders):
    done = status(outriders(start=False), "--no-daemon")
    assert done.returncode == 78 and "publish" in done.stderr


def test_without_a_daemon_the_rest_is_told(configured):
    done = status(configured, f"{GOOD}.example")
    assert done.returncode == 75 and "is outriderd running?" in done.stderr and GOOD in done.stdout


def test_nothing_is_left_open(configured):
    """Interrupted in the middle it ends at once."""
    import signal
    import subprocess
    import time
    with contextlib.ExitStack() as stack:
        process = stack.enter_context(subprocess.Popen([configured.cli, "publish", "status", "--no-daemon", "--config", configured.config],
                                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        _, complaints = process.communicate(timeout=20)
    assert process.returncode in (1, 130, -2) and complaints == ""
