"""What a destination's owner changes takes effect on mail servers that run on: nothing is restarted, and what waits
in a queue goes, or stays, by what holds at the next attempt (FLOW-11). And how old the news may be that a mail
server acts on (docs/operation.md), with the last attempt before mail is given up (STS-APPLY-06, V90)."""

import contextlib
import datetime
import itertools
import os
import re
import signal
import socket
import subprocess
import threading
import time

import pytest

import domains
from domains import QUICK, level, row
from lab import exim as exim_files
from lab import postfix as postfix_files
from lab.model import SIGNED, UNSIGNED, Host, Sts
from lab.process import wait_until

ENFORCE = {"records": ("v=STSv1; id=1;",), "max_age": 86400}
serial = itertools.count(1)


# Two queues ----------------------------------------------------------------------------------------------------------


class EximQueue:
    """Exim with a daemon of its own that tries everything in the queue again each second."""

    column, log = 0, exim_files.LOG

    def __init__(self, server):
        self.server = server

    @contextlib.contextmanager
    def running(self):
        pid_file = "/run/exim-queue.pid"
        subprocess.run(["exim4", "-qff1s", "-oP", pid_file], check=True)
        wait_until(lambda: os.path.exists(pid_file) and os.path.getsize(pid_file), 10, lambda: "Exim's daemon has not started")
        with open(pid_file) as file:
            pid = int(file.read())
        try:
            yield
        finally:
            os.kill(pid, signal.SIGTERM)

    def retry(self):
        """The daemon does."""

    def outcomes(self, recipients, begin):
        with open(self.log, errors="backslashreplace") as log:
            log.seek(begin)
            lines = log.readlines()
        found = {recipient: exim_files.outcome(recipient, lines) for recipient in recipients}
        return {recipient: each for recipient, each in found.items() if each}


class PostfixQueue:
    """Postfix as it runs all the time."""

    column, log = 1, postfix_files.LOG

    def __init__(self, server):
        self.server = server

    @contextlib.contextmanager
    def running(self):
        before = manager()
        yield
        assert manager() == before

    def retry(self):
        subprocess.run(["postqueue", "-f"], check=True)

    def outcomes(self, recipients, begin):
        reader, found = postfix_files.LogReader(), {}
        with open(self.log, errors="backslashreplace") as log:
            log.seek(begin)
            for line in log:
                delivery = reader.take(line)
                if delivery and delivery.recipient in recipients:
                    found[delivery.recipient] = delivery
        return found


def manager():
    return subprocess.run(["pgrep", "-x", "qmgr"], capture_output=True, check=True).stdout


@pytest.fixture(params=["exim", "postfix"])
def queue(request, lab):
    server = request.getfixturevalue(request.param)
    return (EximQueue if request.param == "exim" else PostfixQueue)(server)


# What an owner may change --------------------------------------------------------------------------------------------


class Change:
    """A destination: how it begins, what its owner does, the daemon's level before and after, and what becomes of
    mail to it, be it new or waiting since before."""

    def __init__(self, scenario, act, levels, waiting):
        self.scenario, self.act, self.levels, self.waiting = scenario, act, levels, waiting


def publish_tlsa(record):
    def act(lab, domain):
        chain = lab.mx[f"mx.{domain.name}"].chain
        lab.set_records(f"_25._tcp.mx.{domain.name}", "TLSA", [lab.certs.tlsa(record, chain)])
    return act


def replace(mode, identity="2"):
    def act(lab, domain):
        domain.set_policy(mode=mode)
        domain.set_record(identity)
    return act


def withdraw_tlsa(lab, domain):
    lab.set_records(f"_25._tcp.mx.{domain.name}", "TLSA", [])


def new_mx(lab, domain):
    """The owner moves, and says so in the policy."""
    lab.set_records(domain.name, "MX", ["10 mx.sts-enforce.example."])
    domain.set_policy(mx=["mx.sts-enforce.example"])
    domain.set_record("2")


def block(lab, domain):
    domain.block()


SELF, DOWN = Host(cert="self"), Host(cert="self", server="down")
CHANGES = {
    "enforce to none": Change(
        dict(zone=UNSIGNED, hosts=(SELF,), sts=Sts(**ENFORCE)), replace("none"), ("secure", "may"),
        ("encrypted", "encrypted")),
    "enforce to testing": Change(
        dict(zone=UNSIGNED, hosts=(SELF,), sts=Sts(**ENFORCE)), replace("testing"), ("secure", "may"),
        ("encrypted", "encrypted")),
    "none to enforce": Change(
        dict(zone=UNSIGNED, hosts=(DOWN,), sts=Sts(mode="none", **ENFORCE)), replace("enforce"), ("may", "secure"),
        ("deferred", "deferred")),
    "a first policy": Change(
        dict(zone=UNSIGNED, hosts=(DOWN,), sts=Sts(records=())), replace("enforce", "1"), ("may", "secure"),
        ("deferred", "deferred")),
    "other MX hosts": Change(
        dict(zone=UNSIGNED, hosts=(SELF,), sts=Sts(**ENFORCE)), new_mx, ("secure", "secure"), ("verified", "verified")),
    "TLSA records published that match": Change(
        dict(zone=SIGNED, hosts=(DOWN,)), publish_tlsa("3 1 1"), ("may", "dane-only"), ("dane", "verified")),
    "TLSA records published that do not": Change(
        dict(zone=SIGNED, hosts=(DOWN,)), publish_tlsa("3 1 1 wrong"), ("may", "dane-only"), ("deferred", "deferred")),
    "TLSA records withdrawn": Change(
        dict(zone=SIGNED, hosts=(Host(cert="self", tlsa=("3 1 1 wrong",)),)), withdraw_tlsa, ("dane-only", "may"),
        ("encrypted", "encrypted")),
    "a policy expires": Change(
        dict(zone=UNSIGNED, hosts=(SELF,), sts=Sts(records=ENFORCE["records"], max_age=8)), block, ("secure", "may"),
        ("encrypted", "encrypted")),
    "the daemon restarts, the policy host is gone": Change(
        dict(zone=UNSIGNED, hosts=(SELF,), sts=Sts(**ENFORCE)), block, ("secure", "secure"), ("deferred", "deferred")),
}


def test_changes_take_effect_on_a_running_mail_server(lab, outrider, queue):
    """FLOW-11, STS-APPLY-17, COMBO-09: requirements are those of the attempt, not of the time when mail was queued."""
    prefix = f"run{queue.column}"
    made = dict(zip(CHANGES, domains.add(lab, *[row(f"{prefix}-{number}", **change.scenario)
                                               for number, change in enumerate(CHANGES.values())])))
    daemon = outrider(for_mtas=True, sts=QUICK)
    waiting = {f"waits-{next(serial)}@{domain.name}": case for case, domain in made.items()}
    first = queue.server.send(list(waiting))
    assert {each.outcome for each in first.values()} == {"deferred"}, first
    for case, change in CHANGES.items():
        assert level(daemon, made[case].name) == change.levels[0], case
    expected = {case: change.waiting[queue.column] for case, change in CHANGES.items()}
    with queue.running():
        begin = os.path.getsize(queue.log)
        for case, change in CHANGES.items():
            change.act(lab, made[case])
        daemon.restart()
        for case, change in CHANGES.items():
            wait_until(lambda: level(daemon, made[case].name) == change.levels[1] and
                       (case != "other MX hosts" or "servername" in daemon.postfix(made[case].name)), 30,
                       lambda: f"{case}: {domains.ask(daemon, made[case].name)}")
        settled = os.path.getsize(queue.log)
        for domain in made.values():  # those that were down are up now, and the same old message is tried again
            lab.mx[f"mx.{domain.name}"].server = "good"
        queue.retry()

        def results():
            """What went, whenever that was, and what was tried since and did not."""
            gone = [each for each in queue.outcomes(waiting, begin).values() if each.outcome != "deferred"]
            return {waiting[each.recipient]: each for each in [*queue.outcomes(waiting, settled).values(), *gone]}

        wait_until(lambda: {case: each.outcome for case, each in results().items()} == expected, 40,
                   lambda: str(results()))
        fresh = {f"fresh-{next(serial)}@{domain.name}": case for case, domain in made.items()}
        sent = {fresh[recipient]: each for recipient, each in queue.server.send(list(fresh), fresh=False).items()}
    assert {case: each.outcome for case, each in sent.items()} == expected, sent


def test_nothing_is_kept_for_more_than_an_hour(lab, outrider):
    """STS-APPLY-06, docs/operation.md: a TTL of a day puts no look off for a day, neither at DNS nor at the policy's
    record."""
    domain = domains.add_sts(lab, "day-long", ttl=86400, max_age=864000)
    verdict = domains.ask(outrider(), domain.name)
    told = " ".join(verdict["evidence"])
    assert max(int(ttl) for ttl in re.findall(r"TTL (\d+)", told)) == 3600, told  # denials last 60 s in the lab
    until = datetime.datetime.strptime(verdict["valid_until"], "%Y-%m-%dT%H:%M:%S%z").timestamp()
    assert time.time() < until <= time.time() + 3600 * 1.1 + 30


# How often mail servers ask ------------------------------------------------------------------------------------------


class Between:
    """Sits between a mail server and the daemon, and writes down what is asked."""

    def __init__(self, path, daemon_path):
        self.asked, self._target = b"", daemon_path
        if os.path.exists(path):
            os.unlink(path)
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(path)
        os.chmod(path, 0o666)
        self._socket.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client = self._socket.accept()[0]
            except OSError:
                return
            daemon = socket.socket(socket.AF_UNIX)
            daemon.connect(self._target)
            threading.Thread(target=self._pass_on, args=(client, daemon, True), daemon=True).start()
            threading.Thread(target=self._pass_on, args=(daemon, client, False), daemon=True).start()

    def _pass_on(self, source, target, is_question):
        with contextlib.suppress(OSError):
            while octets := source.recv(65536):
                if is_question:
                    self.asked += octets
                target.sendall(octets)
            target.shutdown(socket.SHUT_WR)

    def questions(self, domain):
        return len(re.findall(rb"[ =]%s\b" % re.escape(domain.encode()), self.asked))

    def close(self):
        self._socket.close()


@pytest.fixture
def exim_asks(exim, lab, outrider):
    daemon = outrider(for_mtas=True)
    between = Between("/run/lab/between-exim.sock", daemon.line_socket)
    with open(exim_files.CONFIG) as file:
        site = file.read()
    write(exim_files.CONFIG, "OUTRIDER_SOCKET = /run/lab/between-exim.sock\n" + site)
    yield between
    write(exim_files.CONFIG, site)
    between.close()


@pytest.fixture
def postfix_asks(postfix, lab, outrider):
    daemon = outrider(for_mtas=True)
    between = Between(f"{postfix_files.QUEUE}/outrider/between.sock", daemon.map_socket)
    path = f"{postfix_files.CONFIG}/main.cf"
    with open(path) as file:
        site = file.read()
    subprocess.run(["postconf", "-e", "smtp_tls_policy_maps=socketmap:unix:outrider/between.sock:QUERY"], check=True)
    yield between
    write(path, site)
    postfix.forget()
    between.close()


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


def submit(command, *recipients):
    subprocess.run([*command, *recipients], check=True, input=b"Subject: lab\n\nHello.\n", timeout=60)


def test_exim_asks_for_each_message(lab, exim, exim_asks):
    """docs/operation.md: three recipients of a domain are one question, another message is another."""
    recipients = [f"count-{number}@sts-enforce.example" for number in range(4)]
    submit(["exim4", "-odi", "-f", "<>"], *recipients[:3])
    assert exim_asks.questions("sts-enforce.example") == 1
    submit(["exim4", "-odi", "-f", "<>"], recipients[3])
    assert exim_asks.questions("sts-enforce.example") == 2
    assert all(len(lab.mx["mx.sts-enforce.example"].deliveries(recipient)) == 1 for recipient in recipients)


def test_postfix_asks_for_each_delivery_request(lab, postfix, postfix_asks):
    """docs/operation.md: also when it is the same smtp(8) process that delivers."""
    postfix.forget()
    for number in range(5):  # an smtp(8) of before that is not yet gone asks whom it knew
        recipient = f"count-warm-{number}@sts-enforce.example"
        submit(["/usr/sbin/sendmail", "-f", ""], recipient)
        wait_until(lambda: PostfixQueue(postfix).outcomes([recipient], 0), 20, lambda: f"{recipient} not delivered")
        if postfix_asks.questions("sts-enforce.example") > 0:
            break
    before, begin = postfix_asks.questions("sts-enforce.example"), os.path.getsize(postfix_files.LOG)
    for number in range(3):
        recipients = [f"count-{number}-{letter}@sts-enforce.example" for letter in "ab"]
        submit(["/usr/sbin/sendmail", "-f", ""], *recipients)
        wait_until(lambda: set(PostfixQueue(postfix).outcomes(recipients, begin)) == set(recipients), 20,
                   lambda: f"{recipients} not delivered")
        assert postfix_asks.questions("sts-enforce.example") == before + number + 1
    with open(postfix_files.LOG) as log:
        log.seek(begin)
        assert len(set(re.findall(r"postfix/smtp\[(\d+)\]: \w+: to=<count-", log.read()))) == 1


# The last attempt ----------------------------------------------------------------------------------------------------

LIFE = 4  # seconds that mail may wait here


class LastExim:
    """A retry rule that ends."""

    def __init__(self, request):
        self.server = request.getfixturevalue("exim")

    @contextlib.contextmanager
    def impatient(self):
        with open(exim_files.CONFIG) as file:
            site = file.read()
        changed = re.sub(r"(?s)(begin retry\n).*", rf"\1*  *  F,{LIFE}s,1s\n", site)
        assert changed != site
        write(exim_files.CONFIG, changed)
        yield
        write(exim_files.CONFIG, site)

    def last_words(self, recipients):
        """{recipient: outcome} of the attempt after the end of the rule, and all that the log says of it."""
        begin = os.path.getsize(exim_files.LOG)
        subprocess.run(["exim4", "-q"], check=True, timeout=60)
        found = EximQueue(self.server).outcomes(recipients, begin)
        return {recipient: each.outcome for recipient, each in found.items()}, read_from(exim_files.LOG, begin)


class LastPostfix:
    """maximal_queue_lifetime (bounce_queue_lifetime for mail that is a bounce itself)."""

    def __init__(self, request):
        self.server = request.getfixturevalue("postfix")

    @contextlib.contextmanager
    def impatient(self):
        path = f"{postfix_files.CONFIG}/main.cf"
        with open(path) as file:
            site = file.read()
        subprocess.run(["postconf", "-e", f"maximal_queue_lifetime={LIFE}s", f"bounce_queue_lifetime={LIFE}s"],
                       check=True)
        yield
        write(path, site)
        self.server.forget()

    def last_words(self, recipients):
        begin = os.path.getsize(postfix_files.LOG)
        subprocess.run(["postqueue", "-f"], check=True)

        def log():
            return read_from(postfix_files.LOG, begin)
        wait_until(lambda: len(re.findall(r"qmgr\[\d+\]: \w+: removed", log())) >= len(recipients), 30, log)
        outcomes = {}
        for recipient, found in PostfixQueue(self.server).outcomes(recipients, begin).items():
            identity = re.search(rf"(\w+): to=<{recipient}>", log())[1]
            is_expired = re.search(rf"{identity}: from=<>, status=expired, returned to sender", log())
            outcomes[recipient] = "bounced" if is_expired else found.outcome
        return outcomes, log()


def read_from(path, begin):
    with open(path, errors="backslashreplace") as file:
        file.seek(begin)
        return file.read()


@pytest.mark.parametrize("kind", [LastExim, LastPostfix])
def test_the_last_attempt_looks_at_the_record_first(lab, outrider, request, kind):
    """STS-APPLY-06, V90, FLOW-06: an enforced policy fails until the mail's time is up. If the owner has published
    another one by then, the last attempt goes by it; if not, the mail comes back, and the reason is told."""
    mta, name = kind(request), kind.__name__.lower()
    made = domains.add(lab, *[
        row(f"{name}-{case}", zone=UNSIGNED, hosts=(Host(cert=cert),), sts=Sts(mx=mx, records=("v=STSv1; id=1;",)))
        for case, cert, mx in (("listed-late", "lab", ("old.{domain}",)), ("never-listed", "lab", ("old.{domain}",)),
                               ("freed-late", "self", ()), ("never-freed", "self", ()))])
    listed_late, never_listed, freed_late, never_freed = made
    outrider(for_mtas=True, sts=QUICK)
    recipients = {domain: f"last-{next(serial)}@{domain.name}" for domain in made}
    with mta.impatient():
        first = mta.server.send(list(recipients.values()))
        assert {each.outcome for each in first.values()} == {"deferred"}, first
        time.sleep(LIFE + 1)
        listed_late.set_policy(mx=[f"mx.{listed_late.name}"])
        freed_late.set_policy(mode="none")
        for domain in (listed_late, freed_late):
            domain.set_record("2")
        assert [domain.fetches for domain in made] == [1, 1, 1, 1]  # nobody has looked since: the attempt itself will
        found, log = mta.last_words(list(recipients.values()))
    assert {domain: found[recipient] for domain, recipient in recipients.items()} == {
        listed_late: "verified", never_listed: "bounced", freed_late: "encrypted", never_freed: "bounced"}, log
    assert [domain.fetches for domain in made] == [2, 1, 2, 1]
    assert re.search(f"{never_listed.name}.*(MTA-STS policy|TLS policy|TLS configuration)", log), log
    assert re.search(f"{never_freed.name}.*certificate", log, re.IGNORECASE), log
