"""A domain of ours goes none -> testing -> enforce -> none, and senders that are not ours look on: Debian's postfix-mta-sts-resolver beside
Postfix, and curl. (With our own outriderd, Exim and Postfix the whole life is told by test_story_publish.py.)

SAFE-TO-PUBLISH: no state of configuration, files or DNS makes the daemon serve a policy that contradicts itself.
"""

import contextlib
import hashlib
import itertools
import os
import random
import re
import shutil
import subprocess

import pytest

import conftest
from lab import namespace
from lab.own_domain import OwnDomain
from lab.process import Failed, Process, wait_until

HOUR, DAY = 3600, 86400
SOON = 30
numbers = itertools.count(1)


@pytest.fixture(name="own")
def a_domain(lab, build):
    label = f"life{next(numbers)}"
    with OwnDomain(lab, build, f"{namespace.HOME}/{label}", label) as own:
        yield own
    if own.daemon.process is not None:
        for complaint in conftest.COMPLAINTS:
            assert complaint not in own.daemon.log(), own.daemon.log()


def publish_now(own):
    """All that `records` lets us do at once, and after each wait that it asks for."""
    for _ in range(4):
        lines = own.run("records", own.name, "--nsupdate").stdout
        if "update " not in lines:
            return
        if "\nupdate " in lines:
            own.update(lines)
        own.pass_time(HOUR + 60)


def begin(own):
    """Testing, and everybody may know."""
    own.install("sts.pem", own.issue(own.policy_host))
    own.daemon.start()
    publish_now(own)


# Senders that are not ours --------------------------------------------------------------------------------------------

FOREIGN = """host: 127.0.0.1
port: 8461
cache_grace: 0
cache:
  type: internal
  options:
    cache_size: 100
default_zone:
  strict_testing: false
  timeout: 10
"""
OURS = "smtp_tls_policy_maps = socketmap:unix:outrider/policy.sock:QUERY"
THEIRS = "socketmap:inet:127.0.0.1:8461:postfix"


@pytest.fixture(name="foreign")
def somebody_elses_machine(postfix, tmp_path):
    """Postfix with postfix-mta-sts-resolver and no Outrider; a function that asks as Postfix does."""
    if shutil.which("mta-sts-daemon") is None:
        pytest.skip("postfix-mta-sts-resolver is not installed: tools/install-deps")
    config = tmp_path / "mta-sts-daemon.yml"
    config.write_text(FOREIGN)
    process = Process("mta-sts-daemon", ["mta-sts-daemon", "-c", str(config)], str(tmp_path))

    def ask(domain):
        return subprocess.run(["postmap", "-q", domain, THEIRS], capture_output=True, text=True, timeout=60).stdout.strip()

    def is_up():
        return subprocess.run(["postmap", "-q", "nobody.example", THEIRS], capture_output=True, timeout=60).stderr == b""

    process.wait_until(is_up, SOON)
    with postfix.changed((OURS, OURS.partition(" = ")[0] + f" = {THEIRS}")):
        yield ask
    process.stop()


@contextlib.contextmanager
def man_in_the_middle(own):
    before = own.hosts["mx"].chain
    own.hosts["mx"].chain = own.world.certs.issue("other", own.mx)
    try:
        yield
    finally:
        own.hosts["mx"].chain = before


def outcome(own, postfix):
    return postfix.send([f"life@{own.name}"])[f"life@{own.name}"].outcome


def test_a_foreign_sender_follows_us_in_and_out(own, foreign, postfix):
    """PUB-01, PUB-05, PUB-08: what postfix-mta-sts-resolver makes of each phase, and what Postfix does with the mail."""
    assert foreign(own.name) == "" and outcome(own, postfix) in ("encrypted", "trusted", "verified")
    begin(own)
    assert own.told()["phase"] == "testing"
    assert foreign(own.name) == "", "testing demands nothing"
    with man_in_the_middle(own):
        assert outcome(own, postfix) == "encrypted"

    own.command("publish", "set", own.name, "--mode", "enforce")
    publish_now(own)
    assert foreign(own.name).startswith(f"secure match={own.mx}")
    assert outcome(own, postfix) == "verified"
    with man_in_the_middle(own):
        assert outcome(own, postfix) == "deferred"

    own.command("publish", "retire", own.name)
    own.update(own.run("records", own.name, "--nsupdate").stdout)
    assert foreign(own.name) == "", "it has seen the new id, and mode none"
    with man_in_the_middle(own):
        assert outcome(own, postfix) == "encrypted"
    own.pass_time(HOUR + 180)
    wait_until(lambda: own.told()["phase"] == "retired" or own.command("publish", "retire", own.name) == "", 90, own.daemon.log)


def test_a_policy_that_vanishes_keeps_a_foreign_sender(own, foreign, postfix):
    """What the way out is for: withdrawn at once, the policy goes on to be enforced by those who have it (RFC 8461 §8.3)."""
    begin(own)
    own.command("publish", "set", own.name, "--mode", "enforce")
    publish_now(own)
    assert foreign(own.name).startswith("secure")
    own.change(f"delete _mta-sts.{own.name}. IN TXT", f"delete {own.policy_host}. IN AAAA")
    own.daemon.stop()
    assert foreign(own.name).startswith("secure")
    with man_in_the_middle(own):
        assert outcome(own, postfix) == "deferred"


def test_any_client_that_a_sender_may_be(own):
    """PUB-01: HTTP/1.0 and 1.1, HEAD, TLS 1.2 and 1.3, the name of a mail server's software: the same octets; HTTP/2 is not insisted on."""
    begin(own)
    text = own.told()["serving"]["text"]
    for options in ([], ["--http1.0"], ["--http1.1"], ["--http2"], ["--tls-max", "1.2"], ["--tlsv1.3"], ["-A", "Postfix"], ["-A", ""]):
        status, body, said = own.fetch(*options)
        assert (status, body.replace("\r\n", "\n")) == ("200", text.replace("\r\n", "\n")), (options, said)
    status, body, said = own.fetch("-I")
    assert status == "200" and re.search(r"^content-type: text/plain\b", body, re.M | re.I), said
    assert own.fetch("--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0")[0] == "000"


# SAFE-TO-PUBLISH --------------------------------------------------------------------------------------------------------

def served(own):
    """What the world gets: (mode, patterns, id of the text), or None; and it must be a whole and valid policy."""
    status, text, said = own.fetch()
    assert status in ("200", "404", "421", "503", "000"), said
    if status != "200":
        return None
    text = re.sub(r"\r?\n", "\r\n", text)
    lint = subprocess.run([own.daemon.cli, "lint", "policy", "-"], input=text.encode(), capture_output=True, timeout=60)
    assert lint.returncode == 0, (text, lint.stdout)
    mode, patterns = re.search(r"^mode: (\w+)\r$", text, re.M)[1], tuple(re.findall(r"^mx: (\S+)\r$", text, re.M))
    return mode, patterns, hashlib.sha256(text.encode()).hexdigest()


class Watcher:
    """Looks at what is served after each change, and knows what may be."""

    def __init__(self, own):
        self.own, self.ids, self.was_released, self.is_leaving = own, {}, False, False
        self.modes = set()

    def look(self, what):
        own, got, told = self.own, served(self.own), self.own.told()
        serving = told["serving"]
        if got is None:
            assert serving is None or told["certificate"]["state"] == "none" or told["fault"], (what, told)
            return
        mode, patterns, digest = got
        self.modes.add(mode)
        assert serving["mode"] == mode and tuple(serving["mx"]) == patterns, (what, told)
        assert self.ids.setdefault(serving["id"], digest) == digest, f"{what}: two texts have one id"
        assert len(set(self.ids.values())) == len(self.ids), f"{what}: one text has two ids"
        if mode == "enforce":
            assert self.was_released, f"{what}: enforce without anybody having looked"
            assert own.mx in patterns or f"*.{own.name}" in patterns, f"{what}: an MX host is left out: {patterns}"
        if self.is_leaving:
            assert mode == "none", f"{what}: retired, and then {mode}"


CONFIGURATIONS = [
    {"mode": "testing"}, {"mode": "enforce"}, {"mode": "none"}, {"mode": None}, {"max_age": "1h"}, {"max_age": "2w"}, {"max_age": "52w"},
    {"mx": ["mx.{name}"]}, {"mx": ["*.{name}"]}, {"mx": ["elsewhere.example"]}, {"mx": ["mx.{name}", "mx2.{name}", "*.elsewhere.example"]},
    {"mx": ["MX.{name}"]}, {"mx": []},
]
FILES = ["good", "other name", "expired", "another's key", "half", "empty", "gone", "good"]


def put_certificate(own, kind):
    good, path = own.issue(own.policy_host), own.path("files/sts.pem")
    if kind == "gone":
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        return
    begin = b"-----BEGIN CERT"
    own.install("sts.pem", {
        "good": good, "other name": own.issue("www.example"), "expired": own.issue(own.policy_host, days=-5),
        "another's key": own.issue("x.example").partition(begin)[0] + begin + good.partition(begin)[2],
        "half": good[:len(good) // 2], "empty": b""}[kind])


@pytest.mark.parametrize("seed, begins", ((1, "testing"), (2, "enforce"), (3, "enforce")))
def test_safe_to_publish_in_any_state(own, seed, begins):
    """SAFE-TO-PUBLISH, PUB-03, PUB-04: a walk through configurations, files, restarts, crashes, words of the operator and DNS. Whatever
    comes, what is served is one whole valid policy; its id and its text belong together; enforce is served only after somebody looked,
    and names the MX host that DNS has."""
    dice, watch = random.Random(seed), Watcher(own)
    put_certificate(own, "good")
    own.daemon.start()
    own.change(f"add {own.policy_host}. 60 IN AAAA 2001:db8:443::1")
    watch.look("the beginning")
    if begins == "enforce":
        own.command("publish", "set", own.name, "--mode", "enforce")
        watch.was_released = True
        watch.look("enforce")
        assert "enforce" in watch.modes
    for _ in range(14):
        step = dice.choice(("configure", "configure", "file", "crash", "set", "set", "retire", "mx"))
        if step == "configure":
            change = dice.choice(CONFIGURATIONS)
            if "mx" in change:
                change = {"mx": [each.format(name=own.name) for each in change["mx"]]}
            own.publication.update(change)
            own.daemon.write_config()
            done = subprocess.run([own.daemon.program, "-t", "-c", own.daemon.config], capture_output=True, text=True, timeout=60)
            own.daemon.stop()
            if done.returncode != 0:  # an administrator who is told so does not start it; one who does all the same gets no nonsense
                step = f"{change}: {done.stdout.strip()}{done.stderr.strip()}"
            try:
                own.daemon.start()
            except Failed:  # it says why, and nothing is served
                own.publication.update({"mode": "testing", "mx": [own.mx], "max_age": "1h"})
                own.daemon.write_config()
                own.daemon.start()
        elif step == "file":
            put_certificate(own, dice.choice(FILES))
        elif step == "crash":
            own.daemon.kill()
            own.daemon.start()
        elif step == "set":
            mode = dice.choice(("testing", "enforce"))
            done = own.run("publish", "set", own.name, "--mode", mode)
            watch.was_released = mode == "enforce" if done.returncode == 0 else watch.was_released
            watch.is_leaving &= done.returncode != 0
            assert done.returncode in (0, 65, 75), done.stderr
        elif step == "retire" and dice.random() < 0.3:
            done = own.run("publish", "retire", own.name)
            watch.is_leaving |= done.returncode == 0
            watch.was_released &= done.returncode != 0
        elif step == "mx":  # a host that no policy names comes, or goes
            has = dice.random() < 0.5
            own.change(f"{'add' if has else 'delete'} {own.name}. {'300 ' if has else ''}IN MX 30 mx.elsewhere.example.")
        watch.look(step)


def test_safe_to_publish_enforce_is_for_those_who_looked(own):
    """SAFE-TO-PUBLISH, PUB-07: by DNS, file or time, what the look would have refused is refused: a host that is unlisted, unreachable,
    without TLS, with another's certificate; and one that cannot be found out about."""
    begin(own)
    host = own.hosts["mx"]

    def refused(status, check):
        done = own.run("publish", "set", own.name, "--mode", "enforce")
        assert (done.returncode, check in done.stderr) == (status, True), done.stderr
        assert own.told()["phase"] == "testing" and served(own)[0] == "testing"

    for manners, check, status in (("no-starttls", "smtp.starttls", 65), ("tls1.1", "tls.version", 65), ("down", "smtp.connect", 75)):
        host.server = manners
        refused(status, check)
    host.server = "good"
    with man_in_the_middle(own):
        refused(65, "sts.mx-cert")
    own.change(f"add {own.name}. 300 IN MX 30 mx.elsewhere.example.")
    refused(65, "sts.mx-cover")
    own.change(f"delete {own.name}. IN MX 30 mx.elsewhere.example.")
    with own.world.outage():
        assert own.run("publish", "set", own.name, "--mode", "enforce").returncode == 75
    assert own.told()["phase"] == "testing"
    own.world.resolver.forget()
    own.command("publish", "set", own.name, "--mode", "enforce")
    assert served(own)[0] == "enforce"
