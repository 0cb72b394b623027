"""Files of the anchor rules that change while outriderd runs: they are noticed, what comes of it is found out and told, and
only then they are used. What cannot be used changes nothing. Real files, replaced in the ways in which people replace them."""

import itertools
import os
import re
import subprocess
import time

import pytest
from cryptography.hazmat.primitives import serialization

import domains
from domains import level
from lab.model import Sts

SOON = 30  # seconds: three looks of two seconds, and a busy machine
serial = itertools.count(1)


def pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM)


class Watched:
    """A daemon whose roots lie in a file of its own, and what its log says of them."""

    def __init__(self, lab, outriders, name):
        self.lab, self.path = lab, f"/run/bundle-{name}-{next(serial)}.pem"
        self.lab_ca, self.other_ca = (pem(lab.certs.authority(each)) for each in ("lab", "other"))
        self.write(self.lab_ca)
        self.daemon = outriders(anchors={"roots": self.path}, sts={"recheck": 1})

    def write(self, content):
        with open(self.path, "wb") as file:
            file.write(content)

    def replace(self, content):
        with open(f"{self.path}.new", "wb") as file:
            file.write(content)
        os.rename(f"{self.path}.new", self.path)

    def lines(self, event):
        return [line for line in self.daemon.log().splitlines() if f"event={event} " in line]

    def wait(self, event, count=1):
        deadline = time.monotonic() + SOON
        while len(self.lines(event)) < count:
            assert time.monotonic() < deadline, f"no {event}:\n{self.daemon.log()}"
            time.sleep(0.1)
        return self.lines(event)[count - 1]

    def wait_for_answer(self, name, is_done):
        deadline = time.monotonic() + SOON
        while not is_done(self.daemon.postfix(name)):
            assert time.monotonic() < deadline, f"{self.daemon.postfix(name)}\n{self.daemon.log()}"
            time.sleep(0.1)
        return self.daemon.postfix(name)


@pytest.fixture(scope="module")
def watched(lab, outriders):
    return lambda name: Watched(lab, outriders, name)


@pytest.fixture(scope="module")
def under_policy(lab):
    """Some destinations under a policy, of which each test has its own."""
    rows = [domains.row(f"bundle-{i}", zone="unsigned", sts=Sts()) for i in range(6)]
    return [each.name for each in domains.add(lab, *rows)]


def tafile(answer):
    return re.search(r"tafile=outrider/ta/(\S+)", answer).group(1)


@pytest.mark.at_once
@pytest.mark.parametrize("manner", ["replace", "write"])
def test_a_new_bundle_is_used(watched, under_policy, manner):
    """A root is added: the answer of everybody names another file, which is there; nobody is harmed."""
    w, name = watched(manner), under_policy[0]
    before = w.daemon.postfix(name)
    getattr(w, manner)(w.lab_ca + w.other_ca)
    after = w.wait_for_answer(name, lambda answer: answer != before)
    line = w.wait("trust.bundle.changed")
    assert 'added="Outrider lab, other CA' in line and 'removed=""' in line, line
    assert not w.lines("trust.affected")
    for folder in (w.daemon.postfix_dir, w.daemon.exim_dir):
        assert {tafile(before), tafile(after)} <= set(os.listdir(folder)), "the file of the old set stays"
    w.wait("trust.applied")


@pytest.mark.at_once
def test_what_cannot_be_used_changes_nothing(watched, under_policy):
    """Cut short, garbage, empty, gone: told once each, the old roots go on; and what comes next is used again."""
    w, name = watched("bad"), under_policy[1]
    before = w.daemon.postfix(name)
    for count, content in enumerate([w.lab_ca + w.other_ca[:300], b"\x00\xff", b"", None], 1):
        if content is None:
            os.unlink(w.path)
        else:
            w.write(content)
        line = w.wait("trust.bundle.failed", count)
        assert w.path in line and "the roots that were read before go on" in line, line
    time.sleep(5)
    assert len(w.lines("trust.bundle.failed")) == 4, "once each"
    assert w.daemon.postfix(name) == before
    assert level(w.daemon, under_policy[5]) == "secure", "a policy is fetched by the roots in memory: the file is gone"
    w.replace(w.other_ca + w.lab_ca)
    w.wait_for_answer(name, lambda answer: answer != before)


@pytest.mark.at_once
def test_who_is_harmed_is_told_before_it_is_used(watched, under_policy):
    """A root leaves: the destination whose policy host has it is told of, by class; the policy that is on hand goes on, and the
    change is used all the same: it is the administrator's, not ours."""
    w, name = watched("harm"), under_policy[2]
    assert level(w.daemon, name) == "secure"
    before = w.daemon.postfix(name)
    w.replace(w.other_ca)
    w.wait_for_answer(name, lambda answer: answer != before)
    changed, affected = w.wait("trust.bundle.changed"), w.wait("trust.affected")
    assert 'removed="Outrider lab, lab CA' in changed, changed
    assert f"destination={name} " in affected and re.search(r" class=[DE?]", affected), affected
    log = w.daemon.log()
    assert log.index("event=trust.affected") < log.index("event=trust.applied")
    assert level(w.daemon, name) == "secure", "the policy that is on hand goes on (REMEMBER)"


def test_what_could_not_be_taken_over_gives_way_to_the_next(watched, under_policy):
    """The folder of anchor files cannot be written, so a new bundle is not used. The one that comes next is not kept waiting for it."""
    w, name = watched("waits"), under_policy[4]
    before, folder = w.daemon.postfix(name), w.daemon.postfix_dir
    subprocess.run(["mount", "--bind", folder, folder], check=True)
    subprocess.run(["mount", "-o", "remount,ro,bind", folder], check=True)
    try:
        w.replace(w.lab_ca + w.other_ca)
        assert folder in w.wait("trust.bundle.failed")
        assert w.daemon.postfix(name) == before
    finally:
        subprocess.run(["umount", "-l", folder], check=True)
    w.replace(w.lab_ca + pem(w.lab.certs.authority("private")))
    after = w.wait_for_answer(name, lambda answer: answer != before)  # well before the next attempt, after a minute
    with open(os.path.join(folder, tafile(after)), "rb") as file:
        content = file.read()
    assert pem(w.lab.certs.authority("private")) in content and w.other_ca not in content


@pytest.mark.at_once
def test_a_request_does_not_wait_and_an_exception_stays(watched, under_policy, tmp_path_factory):
    """An exception that is added while a file changes is in force before and after."""
    w, name = watched("request"), under_policy[3]
    path = tmp_path_factory.mktemp("root") / "other.pem"
    path.write_bytes(w.other_ca)
    before = w.daemon.postfix(name)
    w.replace(pem(w.lab.certs.authority("private")) + w.lab_ca)
    w.daemon.trust("add", "--for", name, "--until", time.strftime("%Y-%m-%d", time.gmtime(time.time() + 86400)), "--reason", "x",
                   str(path))
    during = w.daemon.postfix(name)
    assert during != before
    w.wait("trust.bundle.changed")
    after = w.wait_for_answer(name, lambda answer: answer != during)
    with open(os.path.join(w.daemon.postfix_dir, tafile(after)), "rb") as file:
        assert file.read().count(b"BEGIN CERTIFICATE") == 3
    w.daemon.kill()
    w.daemon.start()
    assert w.daemon.postfix(name) == after
