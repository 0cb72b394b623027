"""A daemon that is stopped, killed or hanging (NO-DOWNGRADE): real Exim and real Postfix keep the mail, whatever kind of
destination it is for, nobody speaks to an MX host, and the same messages go as they should when the daemon is back."""

import itertools
import signal
import subprocess
import time

import pytest

from lab import exim as exim_files
from lab import postfix as postfix_files
from lab.process import wait_until

DESTINATIONS = {"dane-ee.example": ("dane", "verified"), "sts-enforce.example": ("verified", "verified"),
                "plain-tls.example": ("encrypted", "encrypted")}
HANGING = 3  # seconds that Exim waits here for a daemon that hangs, instead of twenty
serial = itertools.count(1)


class Queue:
    """Messages in the queue of one mail server."""

    def __init__(self, server, lab):
        self.server, self.lab = server, lab
        number = next(serial)
        self.recipients = {f"dead-{number}@{domain}": outcomes for domain, outcomes in DESTINATIONS.items()}

    def send(self):
        """{outcome} of the first attempts."""
        for host in self.lab.mx.values():
            host.sessions.clear()
        return {delivery.outcome for delivery in self.server.send(list(self.recipients)).values()}

    def is_untouched(self):
        """Nobody has connected to an MX host since."""
        return not any(host.sessions for host in self.lab.mx.values())

    def wait_for_delivery(self):
        """Until the log tells of every message how it went."""
        wait_until(lambda: set(self.outcomes()) == set(self.recipients), 40,
                   lambda: f"of {set(self.recipients)} went only {self.outcomes()}")
        for recipient, found in self.outcomes().items():
            assert found == self.recipients[recipient][self.column], recipient


class EximQueue(Queue):
    column = 0

    def retry(self):
        for recipient in self.recipients:
            subprocess.run(["exim4", "-Rff", recipient], check=True, capture_output=True, timeout=60)

    def outcomes(self):
        with open(exim_files.LOG, errors="backslashreplace") as log:
            lines = log.readlines()
        found = {recipient: exim_files.outcome(recipient, lines) for recipient in self.recipients}
        return {recipient: each.outcome for recipient, each in found.items() if each and each.outcome != "deferred"}


class PostfixQueue(Queue):
    column = 1

    def retry(self):
        subprocess.run(["postqueue", "-f"], check=True)

    def outcomes(self):
        reader, found = postfix_files.LogReader(), {}
        with open(postfix_files.LOG, errors="backslashreplace") as log:
            for line in log:
                delivery = reader.take(line)
                if delivery and delivery.recipient in self.recipients and delivery.outcome != "deferred":
                    found[delivery.recipient] = delivery.outcome
        return found


@pytest.fixture(params=["exim", "postfix"])
def queue(request, lab):
    server = request.getfixturevalue(request.param)
    server.forget()
    return {"exim": EximQueue, "postfix": PostfixQueue}[request.param](server, lab)


@pytest.fixture
def daemon(outrider):
    """Warm: it has answered for all destinations before it fails."""
    daemon = outrider(for_mtas=True)
    for name in DESTINATIONS:
        assert daemon.postfix(name)
    return daemon


@pytest.mark.parametrize("end", ["stopped", "killed"])
def test_mail_waits_for_a_dead_daemon_and_then_goes(lab, queue, daemon, end):
    daemon.stop() if end == "stopped" else daemon.kill()
    assert queue.send() == {"deferred"}
    assert queue.is_untouched()
    daemon.start()
    queue.retry()
    queue.wait_for_delivery()


@pytest.fixture
def impatient_exim(lab, exim):
    """The timeout in routers.conf made shorter."""
    with exim.changed(("routers.conf", "{20s:", f"{{{HANGING}s:")):
        yield exim


@pytest.fixture
def hanging(daemon):
    """Connections are accepted by the kernel, and nothing is answered."""
    daemon.process.kill(signal.SIGSTOP)
    yield daemon
    daemon.process.kill(signal.SIGCONT)


def test_mail_waits_for_a_hanging_daemon_exim(lab, impatient_exim, hanging):
    """Exim gives up after its timeout, and defers."""
    queue = EximQueue(impatient_exim, lab)
    begin = time.monotonic()
    assert queue.send() == {"deferred"}
    assert time.monotonic() - begin >= HANGING
    assert queue.is_untouched()
    hanging.process.kill(signal.SIGCONT)
    queue.retry()
    queue.wait_for_delivery()


def test_mail_waits_for_a_hanging_daemon_postfix(lab, postfix, hanging):
    """Postfix would wait for a hundred seconds; for the time that we watch, nothing is sent, and then all of it goes."""
    postfix.forget()
    queue = PostfixQueue(postfix, lab)
    for host in lab.mx.values():
        host.sessions.clear()
    for recipient in queue.recipients:
        subprocess.run(["/usr/sbin/sendmail", "-f", "", recipient], check=True, input=b"Subject: lab\n\nHello.\n")
    wait_until(has_delivery_agents, 10, lambda: "no smtp(8) has started")
    time.sleep(HANGING)
    assert queue.is_untouched() and queue.outcomes() == {}
    hanging.process.kill(signal.SIGCONT)
    queue.wait_for_delivery()


def has_delivery_agents():
    return subprocess.run(["pgrep", "-x", "smtp"], stdout=subprocess.DEVNULL).returncode == 0
