"""Attacks on the sending machine, or its bad days: each a context in which the mail is sent. siege.py runs them one
after another, because they concern all destinations.

The lab cannot turn the clock of the machine (it would turn everybody's). It turns the store instead: all times in it
are moved while outriderd is down, which is the same to a daemon that starts: what it wrote yesterday now seems to be
from long ago, or from the future.
"""

import contextlib
import dataclasses
import os
import signal
import socket
import sqlite3
import threading
import time

from lab import clients
from lab.attack.kinds import TTL

MAX_AGE = 4            # seconds, of policies that are to run out
HANG = 22              # seconds; Exim gives up after 20, and Postfix would after 100
BACKLOG_FULL = 6       # seconds
FEW_CONNECTIONS = 16
FEW_WAITING = 4
TURN = 2 * 86400       # seconds; policies live for one day
TIMES = {"sts": ("fetched_at", "expires_at", "tried_at", "retry_at"), "clock": ("latest",)}


@contextlib.contextmanager
def stopped(siege, _cells):
    siege.daemon.stop()
    yield
    siege.daemon.start()


@contextlib.contextmanager
def killed_while_asked(siege, _cells):
    """outriderd has been asked and waits for an answer itself (which the attack keeps from it) when it dies."""
    time.sleep(TTL + 1)  # what it knows already
    with _later(2, siege.daemon.kill):
        yield
    siege.daemon.start()


@contextlib.contextmanager
def killed_during_delivery(siege, cells):
    """outriderd has answered, and the mail server speaks to an MX host already, which takes its time: until then."""
    gate = threading.Event()
    for cell in cells:
        for host in cell.hosts:
            host.gate = gate

    def kill():
        siege.daemon.kill()
        gate.set()

    with _later(3, kill):
        yield
    siege.daemon.start()


@contextlib.contextmanager
def hanging(siege, _cells):
    """The kernel takes connections, and nobody answers."""
    siege.daemon.process.kill(signal.SIGSTOP)
    with _later(HANG, lambda: siege.daemon.process.kill(signal.SIGCONT)):
        yield


@contextlib.contextmanager
def backlog_full(siege, _cells):
    """Nor does the kernel take connections any more."""
    siege.daemon.process.kill(signal.SIGSTOP)
    with contextlib.ExitStack() as held:
        for path in (siege.daemon.line_socket, siege.daemon.map_socket, siege.daemon.sendmail_socket):
            _fill(path, held)
        with _later(BACKLOG_FULL, lambda: (held.close(), siege.daemon.process.kill(signal.SIGCONT))):
            yield


def _fill(path, held):
    while True:
        client = held.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        client.setblocking(False)
        try:
            client.connect(path)
        except BlockingIOError:
            return


@contextlib.contextmanager
def connections_taken(siege, _cells):
    """As many idle connections as outriderd allows."""
    with _settings(siege.daemon, limits={"connections": FEW_CONNECTIONS}), contextlib.ExitStack() as held:
        for _ in range(FEW_CONNECTIONS):
            held.enter_context(clients.connect(siege.daemon.line_socket))
        yield


@contextlib.contextmanager
def waiting_taken(siege, cells):
    """As many questions as outriderd lets wait, about names whose servers the attacker keeps silent."""
    with _settings(siege.daemon, limits={"waiting": FEW_WAITING}), contextlib.ExitStack() as held:
        for number in range(FEW_WAITING):
            client = held.enter_context(clients.connect(siege.daemon.line_socket))
            client.sendall(f"v1 policy domain=hold{number}.{cells[0].domain}\n".encode())
        time.sleep(0.2)
        yield


@contextlib.contextmanager
def _settings(daemon, **settings):
    """Restarted with other settings, and back: what it knew of DNS is forgotten, what is in the store is not."""
    before = dict(daemon.settings)
    daemon.settings.update(settings)
    daemon.write_config()
    daemon.restart()
    try:
        yield
    finally:
        daemon.settings = before
        daemon.write_config()
        daemon.restart()


@contextlib.contextmanager
def restarted(siege, _cells):
    """A power cut: what is not in the store is gone."""
    siege.daemon.kill()
    siege.daemon.start()
    yield


@contextlib.contextmanager
def store_unlinked(siege, _cells):
    """Somebody cleans up while outriderd is running."""
    _delete_store(siege.daemon)
    yield
    siege.daemon.restart()


@contextlib.contextmanager
def store_lost(siege, _cells):
    """... and then it is restarted: it meets everybody for the first time."""
    siege.daemon.stop()
    _delete_store(siege.daemon)
    siege.daemon.start()
    yield


def _delete_store(daemon):
    folder = os.path.dirname(daemon.store)
    for name in os.listdir(folder):
        os.unlink(os.path.join(folder, name))


@contextlib.contextmanager
def clock_forward(siege, _cells):
    with _clock_turned(siege.daemon, TURN):
        yield


@contextlib.contextmanager
def clock_back(siege, _cells):
    with _clock_turned(siege.daemon, -TURN):
        yield


@contextlib.contextmanager
def _clock_turned(daemon, seconds):
    _turn(daemon, seconds)
    yield
    _turn(daemon, -seconds)


def _turn(daemon, seconds):
    """As if the clock had jumped by so many seconds while outriderd was down."""
    daemon.stop()
    with contextlib.closing(sqlite3.connect(daemon.store)) as database, database:
        for table, columns in TIMES.items():
            for column in columns:
                database.execute(f"UPDATE {table} SET {column} = max({column} - ?, 0) WHERE {column} > 0", (seconds,))
    daemon.start()


def short_lived(row):
    """A destination whose policy runs out while we wait."""
    return dataclasses.replace(row, sts=dataclasses.replace(row.sts, max_age=MAX_AGE))


@contextlib.contextmanager
def policy_run_out(siege, _cells):
    """Time passes until the policies have expired."""
    time.sleep(max(0, siege.primed_at + MAX_AGE + 1 - time.monotonic()))
    yield


@contextlib.contextmanager
def resolver_dead(siege, _cells):
    with siege.world.outage():
        yield


@contextlib.contextmanager
def _later(seconds, act):
    """Once, so many seconds after the mail servers have begun; at the latest when they have finished."""
    done = threading.Lock()

    def once():
        if done.acquire(blocking=False):
            act()

    timer = threading.Timer(seconds, once)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        once()
