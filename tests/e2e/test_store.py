"""The store under a real daemon: full and read-only disks, files that are no good, and kill -9 at any moment.

What the store does by itself is tested in tests/unit/store; here it is what an administrator and a mail server see.
"""

import concurrent.futures
import contextlib
import hashlib
import os
import random
import shutil
import sqlite3
import subprocess
import threading
import time

import pytest

import domains
from domains import QUICK, ask, ask_until, level, levels
from lab import clients, forwarder, model
from lab.outrider import USER
from lab.process import wait_until

IO_ERROR = 74  # EX_IOERR of sysexits


@contextlib.contextmanager
def small_disk(folder, size="384k"):
    """A file system of its own, for the user that the daemon becomes."""
    os.makedirs(folder, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "small", folder], check=True)
    shutil.chown(folder, USER)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def fill(folder):
    """Not an octet is left; returns the file to remove."""
    path = os.path.join(folder, "filler")
    with open(path, "wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b"x" * 4096) == 4096:
            pass
    return path


def start_and_fail(daemon):
    """The daemon must not start. Returns what it says."""
    done = subprocess.run([daemon.program, "-f", "-c", daemon.config], capture_output=True, text=True, timeout=20)
    assert done.returncode == IO_ERROR, done.stderr
    with pytest.raises(OSError):
        clients.connect(daemon.line_socket)
    return done.stderr


@pytest.fixture
def disk(outrider):
    """A daemon (not started) whose store lies on a small disk, and that disk."""
    daemon = outrider(start=False, sts={**QUICK, "retry": 1})
    folder = os.path.dirname(daemon.store)
    with small_disk(folder):
        yield daemon, folder
        if daemon.process and daemon.process.status() is None:
            daemon.stop()


# A disk without room --------------------------------------------------------------------------------------------


def test_a_policy_that_cannot_be_stored_is_not_answered_from(lab, disk):
    """REMEMBER: mail waits while the disk is full, the log says why, and mail goes when there is room again."""
    daemon, folder = disk
    domain = domains.add_sts(lab, "full-disk", ttl=300)
    daemon.start()
    filler = fill(folder)
    assert daemon.postfix(domain.name).startswith("TEMP ")
    assert daemon.exim(domain.name) == ""
    done = daemon.run_cli("query", "--config", daemon.config, domain.name)
    assert (done.returncode, done.stdout) == (75, "")
    assert level(daemon, "plain-tls.example") == "may"  # what needs no store is answered
    errors = [line for line in daemon.log().splitlines()
              if "event=store.failed" in line and 'doing="recording a chain"' not in line]
    assert errors and "level=error" in errors[0] and daemon.store in errors[0]
    assert "full" in errors[0] and "mail to this domain is deferred" in errors[0]
    os.unlink(filler)
    ask_until(daemon, domain.name, lambda verdict: verdict["level"] == "secure")
    assert domain.fetches == 1  # what was fetched was kept in memory until it could be stored
    domain.block()
    daemon.kill()
    daemon.start()
    assert level(daemon, domain.name) == "secure"


def test_an_older_policy_goes_on_while_the_disk_is_full(lab, disk):
    """REMEMBER: a new policy that cannot be stored does not take away the one that is."""
    daemon, folder = disk
    domain = domains.add_sts(lab, "full-disk-later")
    daemon.start()
    assert level(daemon, domain.name) == "secure"
    filler = fill(folder)
    domain.set_policy(mode="enforce", mx=[f"*.{domain.name}"])
    domain.set_record("2")
    wait_until(lambda: ask(daemon, domain.name) and "event=store.failed" in daemon.log(), 10, daemon.log)
    assert ask(daemon, domain.name)["sts"]["id"] == "1"
    os.unlink(filler)
    seen = ask_until(daemon, domain.name, lambda verdict: verdict["sts"]["id"] == "2")
    assert levels(seen) == {"secure"}


def test_start_on_a_full_disk(lab, disk):
    """Without a store there would be nothing to remember in: the daemon says so and does not start."""
    daemon, folder = disk
    filler = fill(folder)
    said = start_and_fail(daemon)
    assert daemon.store in said and "full" in said
    assert os.listdir(folder) == ["filler"]
    os.unlink(filler)
    daemon.start()
    assert level(daemon, "sts-enforce.example") == "secure"


# A disk that cannot be written ----------------------------------------------------------------------------------


def test_start_on_a_read_only_disk(lab, disk):
    daemon, folder = disk
    daemon.start()
    assert level(daemon, "sts-enforce.example") == "secure"
    daemon.stop()
    before = contents(folder)
    subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
    said = start_and_fail(daemon)
    assert folder in said and ("Read-only file system" in said or "cannot be written" in said)
    assert contents(folder) == before


def test_start_in_a_folder_of_somebody_else(lab, outrider):
    daemon = outrider(start=False)
    folder = os.path.dirname(daemon.store)
    shutil.chown(folder, "root", "root")
    os.chmod(folder, 0o755)
    said = start_and_fail(daemon)
    assert folder in said and "Permission denied" in said
    assert os.listdir(folder) == []


# A file that is no good -----------------------------------------------------------------------------------------


def contents(folder):
    """{file: digest}: nothing is changed, added or removed."""
    return {name: hashlib.sha256(open(os.path.join(folder, name), "rb").read()).hexdigest() for name in os.listdir(folder)}


def as_text(path):
    with open(path, "w") as file:
        file.write("This is my shopping list, and I want to keep it.\n" * 200)


def as_other_program(path):
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE precious (id INTEGER)")
        database.commit()


def as_newer_schema(path):
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA user_version = 99")
        database.commit()


def as_damaged(path):
    with open(path, "r+b") as file:
        size = os.path.getsize(path)
        file.seek(4096)
        file.write(random.Random(1).randbytes(size - 4096))


def as_cut_short(path):
    os.truncate(path, os.path.getsize(path) // 2 + 100)


def as_empty(path):
    os.truncate(path, 0)


BAD_FILES = {
    # how it came about: words that the message must have, beside the name of the file
    "text": (as_text, ["not a database"]),
    "other program": (as_other_program, ["another program", "name another file"]),
    "newer schema": (as_newer_schema, ["schema version 99", "use the newer program"]),
    "damaged": (as_damaged, ["damaged", "restore it, or move it away"]),
    "cut short": (as_cut_short, ["damaged", "restore it, or move it away"]),
    "empty": (as_empty, ["empty", "remove it"]),
}


@pytest.fixture(scope="module")
def used_store(lab, outriders):
    """A database as a daemon leaves it, with two hundred policies more than it had."""
    daemon = outriders()
    assert level(daemon, "sts-enforce.example") == "secure"
    daemon.stop()
    with contextlib.closing(sqlite3.connect(daemon.store)) as database:
        for number in range(200):
            database.execute("INSERT INTO sts SELECT 'd' || ?1 || '.example', mode, id, body, fetched_at, expires_at, failure, "
                             "error, tried_id, tried_at, retry_at, failures FROM sts WHERE domain = 'sts-enforce.example'",
                             (number,))
        database.commit()
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return daemon.store


@pytest.mark.parametrize("how", BAD_FILES)
def test_a_file_that_is_no_good(lab, outrider, used_store, how):
    """A clear word that names the file and says what to do, and not an octet of it is changed. (SQLite may leave an empty
    log and its index beside a file that it had to open to find the damage.)"""
    spoil, words = BAD_FILES[how]
    daemon = outrider(start=False)
    folder = os.path.dirname(daemon.store)
    if how != "other program":
        shutil.copy(used_store, daemon.store)
    spoil(daemon.store)
    shutil.chown(daemon.store, USER)
    before = contents(folder)
    said = start_and_fail(daemon)
    assert f"{daemon.store}: " in said
    for word in words:
        assert word in said
    after = contents(folder)
    assert {name: after.pop(name) for name in before} == before
    assert set(after) <= {"outrider.db-shm", "outrider.db-wal"} and how in ("damaged", "cut short") or not after
    assert "outrider.db-wal" not in after or os.path.getsize(f"{daemon.store}-wal") == 0


def test_a_folder_in_place_of_the_file(lab, outrider):
    daemon = outrider(start=False)
    os.mkdir(daemon.store)
    assert f"{daemon.store}: is no regular file" in start_and_fail(daemon)


def test_a_row_that_is_no_good(lab, outrider, used_store):
    """One row that was tampered with costs one policy, which is fetched again, and is told of."""
    daemon = outrider(start=False)
    shutil.copy(used_store, daemon.store)
    with contextlib.closing(sqlite3.connect(daemon.store)) as database:
        database.execute("UPDATE sts SET body = x'00' WHERE domain = 'sts-enforce.example'")
        database.commit()
    for name in os.listdir(os.path.dirname(daemon.store)):
        shutil.chown(os.path.join(os.path.dirname(daemon.store), name), USER)
    daemon.start()
    verdict = ask(daemon, "sts-enforce.example")
    assert (verdict["level"], verdict["sts"]["source"]) == ("secure", "fetched")
    line = next(line for line in daemon.log().splitlines() if "event=store.row.unusable" in line)
    assert "domain=sts-enforce.example" in line and "does not parse" in line


# kill -9 --------------------------------------------------------------------------------------------------------

KILLS, DAEMONS, DOMAINS = int(os.environ.get("OUTRIDER_KILLS", 32)), 4, 12  # OUTRIDER_KILLS=1000 for a night


class Victim:
    """A daemon that is killed while many domains are asked for the first time."""

    def __init__(self, outriders, forwarders, names, seed):
        self.between, self.names, self.random = forwarders(), names, random.Random(seed)
        self.daemon = outriders(start=False, dns={"forwarders": [self.between.address], "timeout": 5}, log="warning")
        self.answered, self.lost = 0, []

    def run(self, kills):
        for _ in range(kills):
            self.one_round()

    def one_round(self):
        shutil.rmtree(os.path.dirname(self.daemon.store))
        os.mkdir(os.path.dirname(self.daemon.store))
        shutil.chown(os.path.dirname(self.daemon.store), USER)
        self.between.change = None
        self.daemon.start()
        promised = self.ask_and_kill()
        # Neither the record nor the policy host can be reached now: what is known, is known from the store.
        self.between.change = forwarder.each(*(blocked(name) for name in self.names))
        self.daemon.start()
        with concurrent.futures.ThreadPoolExecutor(len(self.names)) as pool:
            found = pool.map(lambda name: ask(self.daemon, name), promised)
            self.lost += [name for name, verdict in zip(promised, found) if verdict["sts"]["mode"] != "enforce"]
        self.answered += len(promised)
        self.daemon.kill()

    def ask_and_kill(self):
        """The domains whose policy a client was promised before the end."""
        promised = set()

        def ask_one(name):
            with contextlib.suppress(OSError, ConnectionError, ValueError):
                while not self.daemon.postfix(name).startswith("OK secure match="):
                    time.sleep(0.05)  # a busy machine answers DNS late: again later, as a mail server does
                promised.add(name)

        threads = [threading.Thread(target=ask_one, args=(name,)) for name in self.names]
        for thread in threads:
            thread.start()
        wanted = self.random.randrange(len(self.names))
        wait_until(lambda: len(promised) >= wanted, 60, self.daemon.log)
        time.sleep(self.random.uniform(0, 0.01))
        self.daemon.kill()
        for thread in threads:
            thread.join()
        return promised


def blocked(name):
    return forwarder.each(forwarder.at(f"_mta-sts.{name}", forwarder.fail("SERVFAIL")),
                          forwarder.at(f"mta-sts.{name}", forwarder.fail("SERVFAIL")))


def test_kill_at_any_moment_loses_no_policy(lab, outriders, forwarders):
    """REMEMBER: whatever a client was told, the daemon knows after kill -9, although no policy host can be reached."""
    names = [domain.name for domain in domains.add(lab, *[
        domains.row(f"kill-{number}", ttl=300, zone=model.UNSIGNED, sts=model.Sts()) for number in range(DOMAINS)])]
    victims = [Victim(outriders, forwarders, names, seed) for seed in range(DAEMONS)]
    with concurrent.futures.ThreadPoolExecutor(DAEMONS) as pool:
        list(pool.map(lambda victim: victim.run(KILLS // DAEMONS), victims))
    answered = sum(victim.answered for victim in victims)
    assert [victim.lost for victim in victims] == [[]] * DAEMONS
    assert 0.05 < answered / (KILLS * DOMAINS) < 0.95, "killed in the middle of it, not before or after"


class Renewed(Victim):
    """A daemon that is killed while it takes over new policies in the place of those that it has."""

    generation = 0

    def one_round(self):
        """The names are known, with policies of this generation or an earlier one, and become those of the next."""
        if self.generation == 0:
            self.daemon.start()
            for name in self.names:
                ask_until(self.daemon, name, lambda verdict: verdict["level"] == "secure", 60)
            self.known = dict.fromkeys(self.names, "1")
        self.generation += 1
        for domain in self.domains:
            domain.set_policy(mx=[f"*.{domain.name}", f"mx.{domain.name}", f"g{self.generation}.{domain.name}"])
            domain.set_record(f"g{self.generation}")
        told = self.watch_and_kill()
        self.between.change = forwarder.each(*(blocked(name) for name in self.names))
        self.daemon.start()
        for name in self.names:
            verdict = ask(self.daemon, name)
            allowed = {f"g{self.generation}"} if name in told else {f"g{self.generation}", self.known[name]}
            if verdict["level"] != "secure" or verdict["sts"]["id"] not in allowed:
                self.lost.append((name, verdict["level"], verdict["sts"]["id"], sorted(allowed)))
            self.known[name] = verdict["sts"]["id"]
        self.answered += len(told)
        self.between.change = None

    def watch_and_kill(self):
        """The domains of which a client was told the new id before the end."""
        told, wanted = set(), self.random.randrange(len(self.names))
        deadline = time.monotonic() + 60
        while len(told) < wanted and time.monotonic() < deadline:
            told |= {name for name in self.names if ask(self.daemon, name)["sts"]["id"] == f"g{self.generation}"}
        assert len(told) >= wanted, self.daemon.log()
        time.sleep(self.random.uniform(0, 0.01))
        self.daemon.kill()
        return told


def test_kill_during_refresh_leaves_the_old_policy_or_the_new_one(lab, outriders, forwarders):
    """REMEMBER: kill -9 while policies are renewed: each is the one before or the one after, and whoever was told the new
    one does not see the old one again."""
    found = domains.add(lab, *[domains.row(f"renew-{number}", zone=model.UNSIGNED, sts=model.Sts(records=("v=STSv1; id=1;",)))
                               for number in range(DOMAINS // 2)])
    victim = Renewed(outriders, forwarders, [domain.name for domain in found], 7)
    victim.daemon.settings["sts"] = QUICK
    victim.daemon.write_config()
    victim.domains = found
    victim.run(max(KILLS // 4, 1))
    assert victim.lost == []
    assert victim.answered > 0
