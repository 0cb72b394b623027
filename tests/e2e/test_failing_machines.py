"""A machine that fails under a running daemon: its disk is slow, its memory ends, its clock jumps, its network goes and comes back.

Each test names what may fail and what may not. A disk that is full or read-only and kill -9 are in test_store.py, resolvers that
fail in test_failing_networks.py, descriptors that run out in test_daemon_protocol.py.
"""

import concurrent.futures
import contextlib
import mmap
import os
import struct
import subprocess
import threading
import time

import pytest

import conftest
import domains
from domains import QUICK, SOON, ask, ask_until, level
from lab import clients
from lab.process import wait_until

DAY = 86400
WARM = "sts-enforce.example"


class Machine:
    """What the daemon believes of its clock and its disk (machine.c)."""

    def __init__(self, library, path):
        with open(path, "wb") as file:
            file.write(bytes(32))
        self.environment = {"LD_PRELOAD": library, "OUTRIDER_MACHINE": path,
                            "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"}
        with open(path, "r+b") as file:
            self._state = mmap.mmap(file.fileno(), 32)

    def set(self, clock=0, disk=0, memory=0):
        """clock: seconds that it is ahead; disk: milliseconds for each write; memory: of so many allocations one fails, 0: none."""
        self._state[:24] = struct.pack("=qqq", clock, disk, memory)

    @property
    def refused(self):
        """Allocations that have failed."""
        return struct.unpack("=q", self._state[24:])[0]


@pytest.fixture(scope="module")
def library(lab, is_sanitized, tmp_path_factory):
    path = str(tmp_path_factory.mktemp("machine") / "machine.so")
    source = os.path.join(conftest.ROOT, "tests/e2e/machine.c")
    options = ["-DIS_SANITIZED"] if is_sanitized else []
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", *options, "-o", path, source], check=True)
    return path


@pytest.fixture
def failing(lab, outrider, library, tmp_path):
    """failing(**settings): (daemon, its machine)"""
    def start(**settings):
        machine = Machine(library, str(tmp_path / "state"))
        os.chmod(tmp_path / "state", 0o644)
        daemon = outrider(start=False, **settings)
        daemon.environment = machine.environment
        return daemon.start(), machine
    return start


@contextlib.contextmanager
def asked_all_the_time(daemon, name, is_right):
    """A busy mail server asks for one name while something happens; every answer must be right."""
    ended, wrong, count = threading.Event(), [], [0]

    def ask_on():
        with clients.Socketmap(daemon.map_socket) as connection:
            while not ended.is_set():
                answer = connection.ask("QUERY", name)
                count[0] += 1
                if not is_right(answer):
                    wrong.append(answer)
                time.sleep(0.002)

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        asking = pool.submit(ask_on)
        try:
            yield count
        finally:
            ended.set()
        asking.result()
    assert wrong == [] and count[0] > 0


def is_secure(answer):
    return answer.startswith("OK secure match=")


# The disk -------------------------------------------------------------------------------------------------------


def test_a_slow_disk(lab, failing):
    """May fail: a new policy is answered late, or "try again", for it is stored first. May not: answers that are ready wait for
    no disk; a policy that was answered from is in the store."""
    domain = domains.add_sts(lab, "slow-disk", ttl=300)
    daemon, machine = failing()
    assert level(daemon, WARM) == "secure"
    machine.set(disk=400)
    with asked_all_the_time(daemon, WARM, is_secure) as count, concurrent.futures.ThreadPoolExecutor(1) as pool:
        cold = pool.submit(daemon.postfix, domain.name)
        wait_until(lambda: domain.fetches == 1, SOON, daemon.log)
        before = count[0]
        wait_until(lambda: count[0] >= before + 20 or cold.done(), SOON, daemon.log)
        assert count[0] >= before + 5, "ready answers waited for the disk"
        assert cold.result().startswith(("OK secure match=", "TEMP "))
        ask_until(daemon, domain.name, lambda verdict: verdict["level"] == "secure", 60)
    machine.set()
    domain.block()
    daemon.kill()
    daemon.start()
    assert level(daemon, domain.name) == "secure"


# Memory ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("every", [100, 10, 3, 1])
def test_memory_ends(lab, failing, is_sanitized, every):
    """May fail: new questions, with "try again". May not: the process ends, warm answers fail, anything is told that is not so; and
    with memory again everything is answered. Of `every` allocations of our own code one fails. (Libraries are another matter: some
    of them end the process, which the service manager then starts anew.)"""
    names = [f"{name}.example" for name in ("dane-ee", "plain-tls", "sts-testing")]
    if is_sanitized:
        pytest.skip("a build with a sanitizer, which has an allocator of its own")
    daemon, machine = failing(limits={"answer": 3}, dns={"timeout": 2})
    assert level(daemon, WARM) == "secure"
    with asked_all_the_time(daemon, WARM, is_secure) as count:
        wait_until(lambda: count[0] > 0, SOON, daemon.log)
        machine.set(memory=every)
        before = count[0]
        for number in range(20):
            for name in (f"nobody-{number}.example", names[number % len(names)]):
                with contextlib.suppress(OSError, ConnectionError):
                    answer = daemon.postfix(name, timeout=2)
                    assert answer.startswith(("TEMP ", "OK ", "NOTFOUND ")), answer
        assert machine.refused > 0
        wait_until(lambda: count[0] > before, SOON, daemon.log)
    machine.set()
    assert daemon.process.status() is None, daemon.log()
    ask_until(daemon, "dane-ee.example", lambda verdict: verdict["level"] == "dane-only", 60)
    domain = domains.add_sts(lab, f"after-memory-{every}", ttl=300)
    ask_until(daemon, domain.name, lambda verdict: verdict["level"] == "secure", 60)


# The clock ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("jump", [-400 * DAY, -DAY, DAY // 24, 400 * DAY])
def test_the_clock_jumps_and_comes_back(lab, failing, jump):
    """May fail: new lookups while the clock is wrong, since signatures seem too old or not made yet: mail waits. May not: mail to
    a domain with a policy or with DANE goes without; and when the clock is right, all is as before, with no restart."""
    domain = domains.add_sts(lab, f"clock-jumps-{abs(jump)}-{jump > 0}", ttl=300)
    daemon, machine = failing(sts=QUICK)
    assert level(daemon, domain.name) == "secure"
    assert level(daemon, "dane-ee.example") == "dane-only"
    machine.set(clock=jump)
    for _ in range(20):
        for name, good in ((domain.name, "OK secure match="), ("dane-ee.example", "OK dane-only"), (WARM, "OK secure match=")):
            with contextlib.suppress(OSError):
                assert daemon.postfix(name).startswith((good, "TEMP ")), name
        time.sleep(0.1)
    machine.set()
    ask_until(daemon, domain.name, lambda verdict: verdict["level"] == "secure", 60)
    ask_until(daemon, "dane-ee.example", lambda verdict: verdict["level"] == "dane-only", 60)
    assert daemon.process.status() is None


# The network ----------------------------------------------------------------------------------------------------


def ip(*arguments):
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


@contextlib.contextmanager
def no_network(how):
    """Every packet of this machine is lost ("blackhole") or refused ("unreachable"), to its own addresses too: here they are the
    internet. Unix sockets are none of it."""
    for family in ("-4", "-6"):
        ip(family, "rule", "add", "pref", "10", "lookup", "local")
        ip(family, "rule", "add", "pref", "5", how)
        ip(family, "rule", "del", "pref", "0")
    try:
        yield
    finally:
        for family in ("-4", "-6"):
            ip(family, "rule", "add", "pref", "0", "lookup", "local")
            ip(family, "rule", "del", "pref", "5")
            ip(family, "rule", "del", "pref", "10")


@pytest.mark.parametrize("how", ["unreachable", "blackhole"])
def test_the_network_goes_and_comes_back(lab, outrider, how):
    """May fail: what must be looked up; mail could not go anyhow. May not: a known policy is forgotten, a name whose records cannot
    be looked up is called free of them; and when the network is back nobody needs to do anything."""
    known, new = domains.add_sts(lab, f"network-{how}", ttl=1), domains.add_sts(lab, f"network-new-{how}", ttl=1)
    daemon = outrider(sts=QUICK, dns={"timeout": 2})
    assert level(daemon, known.name) == "secure"
    with no_network(how):
        end = time.monotonic() + 5  # its records lapse after one second
        while time.monotonic() < end:
            assert daemon.postfix(known.name).startswith(("OK secure match=", "TEMP "))
        assert daemon.postfix(new.name).startswith("TEMP ")
        assert daemon.postfix("dane-ee.example").startswith("TEMP ")
    for domain in (known, new):
        ask_until(daemon, domain.name, lambda verdict: verdict["level"] == "secure", 60)
    ask_until(daemon, "dane-ee.example", lambda verdict: verdict["level"] == "dane-only", 60)
