"""An operator's word for a destination that is broken on its side (FLOW-12): mail to it goes, mail to everybody else is as
protected as before; it ends by itself, is kept over restarts, and not everybody may say it. Real Exim and real Postfix."""

import datetime
import itertools
import json
import os
import re
import socket
import sqlite3
import stat
import subprocess
import time

import pytest

import domains
from domains import level
from lab import clients
from lab.model import Host, Sts

serial = itertools.count(1)

# Broken in three ways. Each has a neighbour at the same MX host, with the same fault and no override.
BROKEN = ["dane-ee-mismatch.example", "sts-self-signed.example", "tlsa-servfail.example"]
WENT = ("encrypted", "trusted", "verified")  # the last ones only say that a certificate happened to be good


def tomorrow():
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)).strftime("%Y-%m-%d")


def in_seconds(seconds):
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def add(daemon, domain, *options, until=None, reason="ticket 4711"):
    return daemon.override("add", "--until", until or tomorrow(), "--reason", reason, *options, domain)


def listed(daemon):
    return json.loads(daemon.override("list", "--json").stdout)["overrides"]


@pytest.fixture(params=["exim", "postfix"])
def mta(request):
    """Each of the two; send(domains) gives {domain: outcome}."""
    server = request.getfixturevalue(request.param)

    def send(*names):
        recipients = {f"{request.param}-{next(serial)}@{name}": name for name in names}
        sent = server.send(list(recipients), fresh=True)
        send.reasons = {recipients[each]: delivery.reason for each, delivery in sent.items()}
        return {recipients[each]: delivery.outcome for each, delivery in sent.items()}

    return send


@pytest.fixture(scope="module")
def neighbours(lab):
    """A DANE domain and one under a policy, whose MX hosts are those of broken ones."""
    shared = {"dane": "mx.dane-ee-mismatch.example", "sts": "mx.sts-self-signed.example"}
    found = {kind: domains.row(f"neighbour-{kind}", hosts=(Host(),), **more)
             for kind, more in {"dane": {}, "sts": {"sts": Sts(mx=(shared["sts"],)), "zone": "unsigned"}}.items()}
    lab.add(*found.values())
    for kind, row in found.items():
        lab.set_records(row.domain, "MX", [f"10 {shared[kind]}."])
    return [row.domain for row in found.values()]


# Mail -----------------------------------------------------------------------------------------------------------------


def test_mail_goes_to_the_broken_destination_and_stays_protected_elsewhere(lab, mta, outrider, neighbours):
    """FLOW-12, LOCALITY: DANE that does not match, a self-signed host under an enforced policy, TLSA that fails; a
    neighbour with the very same MX host waits on. What was said is withdrawn, and the next message waits again."""
    daemon = outrider(for_mtas=True)
    before = mta(*BROKEN, *neighbours)
    assert before == dict.fromkeys([*BROKEN, *neighbours], "deferred"), mta.reasons
    for name in BROKEN:
        add(daemon, name)
    during = mta(*BROKEN, *neighbours)
    assert all(during[name] in WENT for name in BROKEN), mta.reasons
    assert {name: during[name] for name in neighbours} == dict.fromkeys(neighbours, "deferred"), mta.reasons
    for name in BROKEN:
        daemon.override("remove", name)
    after = mta(*BROKEN)
    assert after == dict.fromkeys(BROKEN, "deferred"), mta.reasons


def test_the_levels_do_what_they_say(lab, mta, outrider):
    """FLOW-12: encrypt demands TLS of a host that has none to offer, may does not; defer holds mail back that would go."""
    daemon = outrider(for_mtas=True)
    names = ["dane-no-starttls.example", "sts-no-starttls.example", "dane-ee-mismatch.example", "plain-tls.example"]
    add(daemon, names[0])
    for name in names[1:3]:
        add(daemon, name, "--level", "encrypt")
    add(daemon, names[3], "--level", "defer")
    outcomes = mta(*names)
    assert [outcomes[names[0]], outcomes[names[1]], outcomes[names[3]]] == ["clear", "deferred", "deferred"], mta.reasons
    assert outcomes[names[2]] in WENT, mta.reasons


def test_undeliverable_mail_bounces_all_the_same(lab, mta, outrider):
    daemon = outrider(for_mtas=True)
    names = ["null-mx.example", "unregistered.example"]
    for name, chosen in zip(names, ("may", "defer")):
        add(daemon, name, "--level", chosen)
    assert mta(*names) == dict.fromkeys(names, "bounced"), mta.reasons


# What is told ---------------------------------------------------------------------------------------------------------


def test_it_counts_for_the_name_in_all_its_spellings_and_for_no_other(lab, outrider):
    """FLOW-12, LOCALITY: any port, the host of the name, U-labels; no name above, below or beside it."""
    daemon = outrider()
    mx = "mx.sts-enforce.example"
    others = [mx, "sts-self-signed.example", f"[{mx}]"]
    before = {name: daemon.postfix(name) for name in others}
    for name in ("sts-enforce.example", "sts-enforce.example:587", "[sts-enforce.example]"):
        daemon.postfix(name)  # now there is an answer, which must change
    add(daemon, "STS-Enforce.Example.")
    for name in ("sts-enforce.example", "sts-enforce.example:587", "[sts-enforce.example]", "sts-enforce.example:2525"):
        assert daemon.postfix(name) == "OK may", name
        assert daemon.postfix(name, "QUERYwithTLSRPT") == "OK may", name
    assert daemon.postfix("sts-enforce.example", "sts") == "NOTFOUND "
    assert daemon.exim("sts-enforce.example") == 'v=1 pol=override dane="" tls="" verify="" end=1\n'
    assert {name: daemon.postfix(name) for name in others} == before
    daemon.override("remove", "sts-enforce.example")
    assert daemon.postfix("sts-enforce.example").startswith("OK secure ")
    add(daemon, "bücher.example", "--level", "encrypt")
    assert [each["domain"] for each in listed(daemon)] == ["xn--bcher-kva.example"]


def test_it_is_shown_wherever_a_verdict_is(lab, outrider):
    """FLOW-12: listed, in the query's JSON, text and evidence, and in the log with who it was."""
    daemon = outrider()
    add(daemon, "dane-ee.example", "--level", "encrypt", until=in_seconds(3600),
        reason="Schlüssel verloren")
    verdict = daemon.query("dane-ee.example")
    assert verdict["level"] == "encrypt"
    assert verdict["minimum"] is None
    shown = verdict["override"]
    assert (shown["level"], shown["reason"], shown["in_force"]) == ("encrypt", "Schlüssel verloren", True)
    assert verdict["valid_until"] <= shown["until"]
    assert any(line.startswith("override encrypt until ") and "by uid 0" in line for line in verdict["evidence"])
    assert daemon.query("dane-ta.example")["override"] is None
    text = daemon.run_cli("query", "--explain", "--config", daemon.config, "dane-ee.example").stdout
    assert f"override: encrypt until {shown['until']}: Schlüssel verloren\n" in text
    entry = listed(daemon)[0]
    assert (entry["domain"], entry["level"], entry["reason"], entry["uid"]) == ("dane-ee.example", "encrypt",
                                                                               "Schlüssel verloren", 0)
    table = daemon.override("list").stdout
    assert table.startswith("dane-ee.example  encrypt  until ") and "by root: Schlüssel verloren" in table
    assert "event=override.added domain=dane-ee.example level=encrypt" in daemon.log()
    assert "uid=0" in daemon.log()


def test_the_policy_is_kept_underneath(lab, outrider):
    """REMEMBER: fetched and refreshed while the override stands; it holds at once when that ends."""
    daemon = outrider(sts=domains.QUICK)
    domain = domains.add_sts(lab, "override-underneath")
    add(daemon, domain.name)
    assert level(daemon, domain.name) == "may"
    assert domain.fetches == 1
    domain.set_record()
    domain.block()
    daemon.override("remove", domain.name)
    assert level(daemon, domain.name) == "secure"


# Its end --------------------------------------------------------------------------------------------------------------


def test_it_ends_by_itself(lab, outrider):
    """FLOW-12: no restart, no question in between; the list and the log know."""
    daemon = outrider()
    ends = time.time() + 4
    add(daemon, "dane-ee.example", until=in_seconds(4))
    assert daemon.postfix("dane-ee.example") == "OK may"
    time.sleep(max(0, ends - time.time()) + 1.5)
    assert daemon.postfix("dane-ee.example") == "OK dane-only"
    assert listed(daemon) == []
    assert daemon.override("remove", "dane-ee.example", check=False).returncode == os.EX_DATAERR
    deadline = time.monotonic() + domains.SOON
    while "event=override.expired domain=dane-ee.example" not in daemon.log():
        assert time.monotonic() < deadline, daemon.log()
        time.sleep(0.1)
    daemon.restart()
    assert listed(daemon) == []


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_it_outlives_the_daemon(lab, outrider, end):
    """FLOW-12: what was confirmed is on disk."""
    daemon = outrider()
    add(daemon, "dane-ee.example")
    add(daemon, "dane-ta.example", "--level", "encrypt")
    daemon.override("remove", "dane-ta.example")
    getattr(daemon, end)()
    daemon.start()
    assert daemon.postfix("dane-ee.example") == "OK may"
    assert daemon.postfix("dane-ta.example") == "OK dane-only"
    assert [each["domain"] for each in listed(daemon)] == ["dane-ee.example"]


def test_what_the_store_cannot_keep_is_not_applied(lab, outrider):
    daemon = outrider()
    assert daemon.postfix("dane-ee.example") == "OK dane-only"
    with sqlite3.connect(daemon.store) as other:
        other.execute("BEGIN IMMEDIATE")  # somebody holds the lock for longer than the daemon waits
        done = daemon.override("add", "--until", tomorrow(), "--reason", "x", "dane-ee.example", check=False)
        other.rollback()
    assert done.returncode == os.EX_IOERR, done.stderr
    assert daemon.postfix("dane-ee.example") == "OK dane-only"
    assert listed(daemon) == []


# What is refused ------------------------------------------------------------------------------------------------------


REFUSED = {
    "a date in the past": (["--until", "2020-01-01", "--reason", "x", "a.example"], 65, "in the past"),
    "a date too far ahead": (["--until", "2099-01-01", "--reason", "x", "a.example"], 65, "366 days"),
    "no date": (["--until", "tomorrow", "--reason", "x", "a.example"], 65, "until is a date such as"),
    "no end": (["--reason", "x", "a.example"], 64, "--until is missing"),
    "no reason": (["--until", "TOMORROW", "a.example"], 64, "--reason is missing"),
    "an empty reason": (["--until", "TOMORROW", "--reason", " ", "a.example"], 65, "the reason is empty"),
    "a reason of two lines": (["--until", "TOMORROW", "--reason", "a\nb", "a.example"], 65, "one line of printable"),
    "a reason that is too long": (["--until", "TOMORROW", "--reason", "x" * 201, "a.example"], 65, "more than 200"),
    "a level above what can be said": (["--until", "TOMORROW", "--reason", "x", "--level", "secure", "a.example"], 65,
                                       "none of may, encrypt, defer"),
    "no domain": (["--until", "TOMORROW", "--reason", "x", "a..example"], 65, "the domain is none"),
    "a single label": (["--until", "TOMORROW", "--reason", "x", "example"], 65, "one label"),
    "a parent": (["--until", "TOMORROW", "--reason", "x", ".example"], 65, "the domain is none"),
    "a pattern": (["--until", "TOMORROW", "--reason", "x", "*.example"], 65, "the domain is none"),
    "an address": (["--until", "TOMORROW", "--reason", "x", "192.0.2.1"], 65, "the domain is none"),
    "two domains": (["--until", "TOMORROW", "--reason", "x", "a.example", "b.example"], 64, "takes one domain"),
    "below the minimum": (["--until", "TOMORROW", "--reason", "x", "bank.example"], 65, 'below the minimum secure that '
                          'the configuration sets for "bank.example"'),
    "below the minimum of a parent": (["--until", "TOMORROW", "--reason", "x", "--level", "encrypt", "a.gov.example"], 65,
                                      'below the minimum dane-only that the configuration sets for ".gov.example"'),
}
MINIMUM = {"bank.example": "secure", ".gov.example": "dane-only"}


@pytest.fixture(scope="module")
def strict(outriders, lab):
    return outriders(minimum=MINIMUM)


@pytest.mark.parametrize("sentence", REFUSED)
def test_refused(strict, sentence):
    arguments, status, words = REFUSED[sentence]
    arguments = [tomorrow() if each == "TOMORROW" else each for each in arguments]
    done = strict.override("add", *arguments, check=False)
    assert (done.returncode, done.stdout) == (status, ""), done
    assert done.stderr.startswith("outrider: override add: ") and words in done.stderr, done.stderr
    assert listed(strict) == []


def test_above_the_minimum_there_is_room(strict):
    add(strict, "bank.example", "--level", "defer")
    assert strict.postfix("bank.example").startswith(("TEMP", "NOTFOUND"))
    strict.override("remove", "bank.example")


def test_a_minimum_that_came_later_is_stronger(lab, outrider):
    """It was said while the configuration allowed it; minimum wins, and the verdict shows both."""
    daemon = outrider()
    add(daemon, "dane-ee.example")
    daemon.stop()
    daemon.settings["minimum"] = {"dane-ee.example": "encrypt"}
    daemon.write_config()
    daemon.start()
    verdict = daemon.query("dane-ee.example")
    assert (verdict["level"], verdict["minimum"], verdict["override"]["in_force"]) == ("dane-only", "encrypt", False)


# The control socket ---------------------------------------------------------------------------------------------------


def test_only_root_and_the_daemons_user_get_in(lab, outrider):
    daemon = outrider()
    info = os.stat(daemon.control_socket)
    assert stat.S_IMODE(info.st_mode) == 0o600
    assert info.st_uid == int(subprocess.run(["id", "-u", "outrider"], capture_output=True, text=True).stdout)
    for user, status in (("Debian-exim", os.EX_NOPERM), ("postfix", os.EX_NOPERM), ("nobody", os.EX_NOPERM),
                         ("outrider", os.EX_OK), ("root", os.EX_OK)):
        done = subprocess.run(["setpriv", f"--reuid={user}", "--regid=nogroup", "--clear-groups", daemon.cli, "override",
                               "list", "--socket", daemon.control_socket], capture_output=True, text=True)
        assert done.returncode == status, (user, done.stderr)
        if status != os.EX_OK:
            assert "Permission denied; only root and the user of outriderd may do this" in done.stderr


def test_who_said_it_is_what_the_kernel_says(lab, outrider):
    """C3: logged and kept."""
    daemon = outrider()
    uid = int(subprocess.run(["id", "-u", "outrider"], capture_output=True, text=True).stdout)
    done = subprocess.run(["setpriv", f"--reuid={uid}", "--regid=nogroup", "--clear-groups", daemon.cli, "override", "add", "--until",
                           tomorrow(), "--reason", "x", "--socket", daemon.control_socket, "dane-ee.example"],
                          capture_output=True, text=True)
    assert done.returncode == os.EX_OK, done.stderr
    daemon.restart()
    assert uid != 0 and [each["uid"] for each in listed(daemon)] == [uid]
    assert re.search(rf"event=override.added domain=dane-ee.example .*uid={uid}\b", daemon.log())


def test_without_a_daemon_nothing_is_done(lab, outrider):
    daemon = outrider()
    daemon.stop()
    done = daemon.override("list", check=False)
    assert done.returncode == os.EX_TEMPFAIL
    assert "is outriderd running?" in done.stderr
    done = daemon.run_cli("override", "list", "--config", "/nowhere/outrider.conf")
    assert done.returncode == os.EX_CONFIG


def say(daemon, data, shut=True):
    """What comes back, whole."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(20)
        connection.connect(daemon.control_socket)
        connection.sendall(data)
        if shut:
            connection.shutdown(socket.SHUT_WR)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    return answer


MALFORMED = [
    b"\n", b"{}\n", b"[]\n", b"null\n", b"hello\n", b'{"do":"override.list"\n', b'{"do":"reboot"}\n', b'{"do":1}\n',
    b'{"do":"override.list","domain":"a.example"}\n', b'{"do":"override.remove"}\n', b'{"do":"override.remove","domain":7}\n',
    b'{"do":"override.remove","domain":"a.example","domain":"b.example"}\n', b'{"do":"override.list"} {}\n',
    b'{"do":"override.remove","domain":"a\\u0000.example"}\n', b"\xff\xfe\n", b"\x00\n", b"[" * 60000 + b"\n", b"x" * 65536 + b"\n",
]


def test_the_channel_answers_each_request_once(lab, outrider):
    """One line there, one line back, then the end; what is none is refused with its reason."""
    daemon = outrider()
    for data in MALFORMED:
        answer = say(daemon, data)
        reply = json.loads(answer)
        assert (reply["ok"], reply["status"]) == (False, 65), (data[:60], answer)
        assert answer.endswith(b"\n") and answer.count(b"\n") == 1
    assert json.loads(say(daemon, b'{"do":"override.list"}\n', shut=False)) == {"ok": True, "overrides": []}
    assert json.loads(say(daemon, b'{"do":"override.list"}')) == {"ok": True, "overrides": []}, "the end stands for the LF"
    assert json.loads(say(daemon, b'{"do":"override.list"}\n{"do":"override.list"}\n'))["ok"]
    assert say(daemon, b"") == b""
    assert clients.line(daemon.line_socket, '{"do":"override.list"}\n') == "", "nothing for mail servers' sockets"


def test_an_operator_gets_in_when_mail_servers_have_taken_all_connections(lab, outrider):
    daemon = outrider(limits={"connections": 3})
    held = []
    for _ in range(3):
        held.append(socket.socket(socket.AF_UNIX))
        held[-1].connect(daemon.map_socket)
    time.sleep(0.3)
    assert listed(daemon) == []
    for each in held:
        each.close()


def test_with_several_threads_the_next_answer_reflects_it(lab, outrider):
    """Every front thread, and whichever resolver thread owns the domain."""
    daemon = outrider(threads={"front": 3, "resolver": 3})
    names = ["dane-ee.example", "dane-ta.example", "dane-ipv6.example", "dane-rollover.example", "implicit-mx-dane.example"]
    for _ in range(3):
        for name in names:
            assert {daemon.postfix(name) for _ in range(6)} == {"OK dane-only"}
            add(daemon, name)
            assert {daemon.postfix(name) for _ in range(6)} == {"OK may"}
        assert [each["domain"] for each in listed(daemon)] == sorted(names)
        for name in names:
            daemon.override("remove", name)
