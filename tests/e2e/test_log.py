"""Where the log goes: standard error, a real rsyslogd, a real systemd-journald; and that mail never waits for it.

Each daemon gets its own, in mount namespaces that it shares with nobody: unshare(1) makes one, in which /dev/log and
/run/systemd/journal are folders of the test.
"""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import time

import pytest

import domains
from domains import ask
from lab import model, namespace
from lab.process import Process, end, wait_until

JOURNALD = "/lib/systemd/systemd-journald"
LINE = re.compile(r'level=(error|warning|notice|info|debug) event=[a-z.]+(?: [a-z_]+=(?:[^\s"=\\]+|"(?:[^"\\]|\\["\\]|\\x[0-9a-f]{2})*"))*')


def enter(folder):
    """Words in front of a command: it sees `folder`/dev as /dev, `folder`/run as /run/systemd, `folder`/log as /run/log."""
    script = ("mount --make-rprivate / && mkdir -p /run/systemd /run/log && mount --bind {0}/run /run/systemd && "
              "mount --bind {0}/log /run/log && mount --rbind {0}/dev /dev && exec \"$@\"").format(folder)
    return ["unshare", "--mount", "sh", "-ec", script, "sh"]


def make_place(name):
    """A /dev with what daemons need of it, and an empty /run/systemd."""
    place = os.path.join(namespace.HOME, name)
    os.makedirs(f"{place}/dev")
    os.makedirs(f"{place}/run/journal")
    os.makedirs(f"{place}/log/journal")
    for device in ("null", "urandom", "random", "kmsg"):
        open(f"{place}/dev/{device}", "w").close()
        source = "/dev/null" if device == "kmsg" else f"/dev/{device}"
        subprocess.run(["mount", "--bind", source, f"{place}/dev/{device}"], check=True)
    return place


@pytest.fixture
def place(request, lab):
    made = make_place(re.sub(r"\W", "-", request.node.name))
    yield made
    for device in os.listdir(f"{made}/dev"):
        with contextlib.suppress(subprocess.CalledProcessError):
            if os.path.ismount(f"{made}/dev/{device}"):
                subprocess.run(["umount", "-l", f"{made}/dev/{device}"], check=True)


def start_inside(daemon, place, *options, **environment):
    """outriderd in the place; options beside the configuration."""
    daemon.process = Process("outriderd", [*enter(place), daemon.program, *options, "-c", daemon.config],
                             os.path.dirname(daemon.config), env={**os.environ, **environment})
    wait_until(daemon._answers, 20, daemon.log)
    return daemon


def end_background(daemon):
    """A daemon without -f is nobody's child: by its socket we know it."""
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(daemon.line_socket)
        credentials = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    end(int.from_bytes(credentials[:4], "little"))


# The lines ------------------------------------------------------------------------------------------------------------


def test_lines_of_an_errand_bear_its_flow(lab, outrider):
    """What one question causes bears one flow, in each line; the next question has another."""
    fine, broken = domains.add(lab, domains.row("flow-fine", ttl=300, zone=model.UNSIGNED, sts=model.Sts()), domains.row(
        "flow-broken", ttl=300, zone=model.UNSIGNED, sts=model.Sts(server="404")))
    daemon = outrider(log="debug")
    for domain in (fine, broken):
        ask(daemon, domain.name)
    lines = [line for line in daemon.log().splitlines() if line.startswith("level=")]
    assert all(LINE.fullmatch(line) for line in lines), [line for line in lines if not LINE.fullmatch(line)]
    flows = {}
    for domain, events in ((fine, {"sts.policy.new", "verdict.changed"}), (broken, {"sts.refresh.failed", "verdict.changed"})):
        mine = [line for line in lines if f"={domain.name} " in line]
        assert {re.search(r"event=(\S+)", line)[1] for line in mine} >= events, lines
        found = {re.search(r" flow=(\w+)", line)[1] for line in mine}
        assert len(found) == 1, mine
        flows[domain.name] = found.pop()
    assert len(set(flows.values())) == 2


# syslog ---------------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def rsyslogd(place):
    """The real one, on the place's /dev/log. Yields its file of mail lines and the process."""
    program = shutil.which("rsyslogd", path="/usr/sbin:/sbin:/usr/bin")
    assert program, "rsyslog is not installed: tools/install-deps"
    config = f"{place}/rsyslog.conf"
    with open(config, "w") as file:
        file.write('module(load="imuxsock" SysSock.Name="/dev/log" SysSock.RateLimit.Interval="0")\n'
                   'template(name="all" type="string" string="%pri-text%|%programname%|%procid%|%msg%\\n")\n'
                   f'mail.* action(type="omfile" file="{place}/mail.log" template="all")\n')
    process = Process("rsyslogd", [*enter(place), program, "-n", "-f", config, "-i", f"{place}/rsyslogd.pid"], place)
    process.wait_until(lambda: os.path.exists(f"{place}/dev/log"), 10)
    try:
        yield f"{place}/mail.log", process
    finally:
        process.stop()


def read(path):
    with contextlib.suppress(FileNotFoundError):
        with open(path) as file:
            return file.read()
    return ""


def test_syslog(lab, outrider, place):
    """rsyslogd gets each line with facility, severity, program and pid, and a hostile value as one line; a syslogd that is
    restarted gets the lines that follow."""
    daemon = outrider(start=False, log_to="syslog", log="info")
    with rsyslogd(place) as (path, _):
        start_inside(daemon, place, "-f")
        ask(daemon, "plain-tls.example")
        wait_until(lambda: "event=verdict.changed" in read(path), 10, lambda: read(path) + daemon.log())
        lines = read(path).splitlines()
        start = next(line for line in lines if "event=daemon.start" in line)
        assert start.startswith("mail.notice|outriderd|") and "| level=notice event=daemon.start version=" in start
        assert re.fullmatch(r"mail\.info\|outriderd\|\d+\| level=info event=verdict\.changed .*",
                            next(line for line in lines if "event=verdict.changed" in line))
    assert daemon.log() == ""
    os.unlink(path)
    ask(daemon, "dane-ee.example")  # nobody listens: lost
    with rsyslogd(place) as (path, _):
        ask(daemon, "sts-enforce.example")
        wait_until(lambda: "destination=sts-enforce.example" in read(path), 10, lambda: read(path) + daemon.log())
        assert re.search(r"level=warning event=log\.lost lines=[1-9]", read(path))
        assert "dane-ee.example" not in read(path)


def test_auto_in_the_background_is_syslog(lab, outrider, place):
    """Without -f and without a journal, as it always was."""
    daemon = outrider(start=False)
    with rsyslogd(place) as (path, _):
        start_inside(daemon, place)
        wait_until(lambda: "event=daemon.start" in read(path), 10, lambda: read(path) + daemon.log())
        assert daemon.process._popen.wait(10) == 0  # who started it has gone
        end_background(daemon)
        wait_until(lambda: "event=daemon.stop" in read(path), 10, lambda: read(path))


# journald -------------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def journald(place):
    """The real one, in the place. Yields a function that reads all entries of outriderd."""
    assert os.path.exists(JOURNALD), "systemd is not installed: tools/install-deps"
    process = Process("journald", [*enter(place), JOURNALD], place)
    process.wait_until(lambda: os.path.exists(f"{place}/run/journal/socket"), 10)

    def entries():
        done = subprocess.run(["journalctl", "-D", f"{place}/log/journal", "-o", "json", "SYSLOG_IDENTIFIER=outriderd"],
                              capture_output=True, text=True, timeout=20)
        return [json.loads(line) for line in done.stdout.splitlines()]
    try:
        yield entries, process
    finally:
        process.stop()


@pytest.fixture
def journal(place):
    with open("/etc/machine-id", "w") as file:
        file.write("0123456789abcdef0123456789abcdef\n")
    with journald(place) as running:
        yield running


def test_journal(lab, outrider, place, journal):
    """Each field is one of its own, with the line as MESSAGE."""
    entries, _ = journal
    daemon = outrider(start=False, log_to="journal", log="info")
    start_inside(daemon, place, "-f")
    broken = domains.add_sts(lab, "journal-broken", ttl=300, server="404")
    ask(daemon, broken.name)
    wait_until(lambda: any(entry.get("OUTRIDER_EVENT") == "sts.refresh.failed" for entry in entries()), 15,
               lambda: str(entries()) + daemon.log())
    entry = next(entry for entry in entries() if entry.get("OUTRIDER_EVENT") == "sts.refresh.failed")
    assert entry["MESSAGE"].startswith(f"level=notice event=sts.refresh.failed domain={broken.name} ")
    assert LINE.fullmatch(entry["MESSAGE"])
    expected = {"PRIORITY": "5", "SYSLOG_FACILITY": "2", "SYSLOG_IDENTIFIER": "outriderd", "OUTRIDER_DOMAIN": broken.name,
                "OUTRIDER_FAILURE": "sts-policy-fetch-error", "OUTRIDER_ERROR": f"mta-sts.{broken.name}: HTTP status 404"}
    assert {key: entry.get(key) for key in expected} == expected
    assert re.fullmatch(r"[0-9a-f]{8}", entry["OUTRIDER_FLOW"])
    assert daemon.log() == ""


def test_auto_finds_the_journal_behind_standard_error(lab, outrider, place, journal):
    """As systemd starts it: standard error is a socket of the journal, and JOURNAL_STREAM says which."""
    entries, _ = journal
    daemon = outrider(start=False)
    stream = socket.socket(socket.AF_UNIX)
    stream.connect(f"{place}/run/journal/stdout")
    stream.sendall(b"outriderd\n\n6\n0\n0\n0\n0\n")
    status = os.fstat(stream.fileno())
    process = subprocess.Popen([*enter(place), daemon.program, "-f", "-c", daemon.config], stderr=stream,
                               env={**os.environ, "JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"})
    try:
        wait_until(lambda: any(entry.get("OUTRIDER_EVENT") == "daemon.start" for entry in entries()), 15, lambda: str(entries()))
    finally:
        process.terminate()
        assert process.wait(10) == 0
        stream.close()
    wait_until(lambda: any(entry.get("OUTRIDER_EVENT") == "daemon.stop" for entry in entries()), 15, lambda: str(entries()))


# A log that hangs -----------------------------------------------------------------------------------------------------


def questions(daemon, count):
    """So many questions that are each logged, one after the other; the seconds that the slowest took."""
    slowest = 0
    for number in range(count):
        begun = time.monotonic()
        assert daemon.exim(f"nobody-{number}.plain-tls.example") is not None
        slowest = max(slowest, time.monotonic() - begun)
    return slowest


SINKS = {"syslog": "dev/log", "journal": "run/journal/socket"}


@pytest.mark.parametrize("sink", SINKS)
def test_a_log_that_hangs_does_not_stop_mail(lab, outrider, place, sink):
    """A socket that nobody reads from: its queue fills, lines are lost and counted, and every answer comes in time. When
    the reader is back, it is told how many it has missed."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as reader:
        reader.bind(f"{place}/{SINKS[sink]}")
        os.chmod(f"{place}/{SINKS[sink]}", 0o666)
        daemon = outrider(start=False, log_to=sink, log="debug")
        start_inside(daemon, place, "-f")
        assert questions(daemon, 400) < 5
        reader.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while reader.recv(65536):
                pass
        daemon.exim("plain-tls.example")
        got = b""
        reader.settimeout(5)
        while b"event=log.lost lines=" not in got:
            got = reader.recv(65536)
        assert int(re.search(rb"event=log\.lost lines=(\d+)", got)[1]) > 10


def test_standard_error_that_hangs_does_not_stop_mail(lab, outrider):
    """A pipe that nobody reads, then one whose reader has gone."""
    daemon = outrider(start=False, log="debug")
    reader, writer = os.pipe()
    process = subprocess.Popen([daemon.program, "-f", "-c", daemon.config], stderr=writer)
    os.close(writer)
    try:
        wait_until(daemon._answers, 20, lambda: "outriderd does not answer")
        assert questions(daemon, 600) < 5
        os.close(reader)
        assert questions(daemon, 50) < 5
        assert process.poll() is None
    finally:
        process.terminate()
        assert process.wait(10) == 0
