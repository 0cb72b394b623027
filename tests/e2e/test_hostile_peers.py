"""Clients that mean harm, by the thousand: what they do costs them their connections, and everybody else is answered meanwhile.

A short form by default; OUTRIDER_PEERS=10000 for the long one. Conditions, not times: a warm client asks all the while, every answer
must be right, and it must get on.
"""

import contextlib
import os
import resource
import socket
import threading
import time

import pytest

import domains
from domains import SOON, level
from lab import clients
from lab.process import wait_until
from test_failing_machines import asked_all_the_time, is_secure

PEERS = int(os.environ.get("OUTRIDER_PEERS", 1000))
WARM = "sts-enforce.example"
PROGRESS = 50  # warm answers that must come while a hostile act lasts


@pytest.fixture(scope="module")
def daemon(lab, outriders):
    """Room for all of them and for those who mean well."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = max(soft, PEERS + 1000)
    if hard != resource.RLIM_INFINITY and wanted > hard:
        pytest.skip(f"{PEERS} connections need more descriptors than the {hard} that this machine allows")
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    daemon = outriders(limits={"connections": PEERS + 500, "waiting": 200, "answer": 5})
    assert level(daemon, WARM) == "secure"
    yield daemon
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def connect(daemon):
    """One connection. Where so many come at once that they queue before accept(), a Unix socket says EAGAIN."""
    deadline = time.monotonic() + SOON
    while True:
        try:
            return clients.connect(daemon.map_socket)
        except BlockingIOError:
            assert time.monotonic() < deadline, "nobody accepts connections"
            time.sleep(0.001)


@contextlib.contextmanager
def many(daemon, count=PEERS):
    """So many connections."""
    with contextlib.ExitStack() as opened:
        yield [opened.enter_context(contextlib.closing(connect(daemon))) for _ in range(count)]


def resident(daemon):
    """Octets of memory."""
    with open(f"/proc/{daemon.process.pid}/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def wait_for_progress(daemon, count):
    """The warm client gets on."""
    before = count[0]
    wait_until(lambda: count[0] >= before + PROGRESS, SOON, lambda: f"{count[0] - before} warm answers\n{daemon.log()[-2000:]}")


def test_idle_connections(lab, daemon):
    """BOUNDED: thousands of connections on which nothing is said; they cost a little memory each."""
    before = resident(daemon)
    with asked_all_the_time(daemon, WARM, is_secure) as count, many(daemon) as idle:
        wait_for_progress(daemon, count)
        assert (resident(daemon) - before) / len(idle) < 16384
        for client in idle[:: max(len(idle) // 20, 1)]:  # and each of them may still ask
            client.sendall(b"25:QUERY sts-enforce.example,")
            assert client.recv(4096).split(b":", 1)[1].startswith(b"OK secure")


def test_one_octet_at_a_time(lab, daemon):
    """BOUNDED: requests that drip. Each of these connections is ended, however many they are."""
    with asked_all_the_time(daemon, WARM, is_secure) as count, many(daemon, PEERS // 2) as slow:
        deadline, alive = time.monotonic() + 60, list(slow)
        for octet in b"900:QUERY " + b"x" * 900:
            if not alive or time.monotonic() > deadline:
                break
            alive = [client for client in alive if say(client, bytes([octet]))]
            time.sleep(0.5)
        assert alive == []
        wait_for_progress(daemon, count)


def say(client, octets):
    """False: it was ended."""
    try:
        client.sendall(octets)
        client.setblocking(False)
        return client.recv(1) != b""
    except BlockingIOError:
        client.settimeout(10)
        return True
    except OSError:
        return False


@pytest.mark.parametrize("octets", [b"9", b"0", b"1000:", b"1:,", b"\0", b"4:aaaa,", b"5:QUERY,"])
def test_endless_netstrings(lab, daemon, octets):
    """BOUNDED: a stream without end, of digits, of headers, of frames that mean nothing: it ends at the first octet that cannot be, or
    is answered at the pace at which its answers are taken, from a buffer that does not grow."""
    before = resident(daemon)
    stream = octets * (65536 // len(octets))
    with asked_all_the_time(daemon, WARM, is_secure) as count, many(daemon, 20) as loud:
        for client in loud:
            client.setblocking(False)
        for _ in range(100):
            for client in loud:
                with contextlib.suppress(OSError):
                    client.send(stream)
        wait_for_progress(daemon, count)
    assert resident(daemon) - before < 8 * 1024 * 1024


def test_misses_without_end(lab, daemon):
    """BOUNDED: thousands of names that nobody has asked for, as fast as they can be said. What is too much is told to try again at
    once (limits.waiting); those who ask for what is known do not notice; new questions of others are answered when it is over."""
    ended, sent = threading.Event(), [0]

    def flood(number):
        with connect(daemon) as client:
            while not ended.is_set() and sent[0] < 10 * PEERS:
                request = b"QUERY miss-%d-%d.example" % (number, sent[0])
                client.sendall(b"%d:%s," % (len(request), request))
                reply = client.recv(4096)
                assert b"TEMP " in reply or b"NOTFOUND " in reply, reply
                sent[0] += 1

    domain = domains.add_sts(lab, "after-the-flood", ttl=300)
    flooding = [threading.Thread(target=flood, args=(number,)) for number in range(min(PEERS // 4, 400))]
    with asked_all_the_time(daemon, WARM, is_secure) as count:
        for thread in flooding:
            thread.start()
        wait_until(lambda: sent[0] > len(flooding), 60, daemon.log)
        wait_for_progress(daemon, count)
        wait_until(lambda: sent[0] >= PEERS, 120, lambda: f"{sent[0]} misses")
        ended.set()
        for thread in flooding:
            thread.join(60)
    assert not any(thread.is_alive() for thread in flooding)
    domains.ask_until(daemon, domain.name, lambda verdict: verdict["level"] == "secure", 60)
    assert daemon.process.status() is None


def test_connections_that_end_at_once(lab, daemon):
    """BOUNDED: thousands that connect and are gone, by a reset too: no descriptor is left behind."""
    def descriptors():
        return len(os.listdir(f"/proc/{daemon.process.pid}/fd"))

    before = descriptors()
    with asked_all_the_time(daemon, WARM, is_secure) as count:
        for number in range(PEERS):
            client = connect(daemon)
            if number % 2:
                client.sendall(b"25:QUERY sts")
                client.shutdown(socket.SHUT_RDWR)
            client.close()
        wait_for_progress(daemon, count)
    wait_until(lambda: descriptors() <= before + 5, SOON, lambda: f"{descriptors()} descriptors, {before} before")
