"""make soak: a daemon under mixed load with faults for as long as was asked, and whether it stays as it was.

Warm and new questions over both protocols, commands of an operator, policies that change, clients that hang; the resolver goes and
comes back, policy hosts fail, addresses are refused. It ends by itself. What is looked at, the second quarter of the time against
the last: resident memory, descriptors, threads, and the 99th percentile of warm answers; and every answer, all the time: it is what
it was at the start, or "try again". Built with a sanitizer the daemon watches itself, and its end shows what leaks; with --valgrind
valgrind does, and as it has memory of its own and is slow, memory and latency are not judged.
"""

import argparse
import contextlib
import itertools
import json
import os
import random
import shutil
import statistics
import sys
import threading
import time

from lab import clients, namespace
from lab.outrider import Outrider
from lab.process import Failed, wait_until
from lab.world import World

ASKERS = 8            # clients that ask for what is known
STRANGERS = 2         # that ask for what nobody has asked for
CACHE = 1000          # limits.cache: small, so that it is full long before half time
MEMORY = 1.10         # of the second quarter, and 4 MiB
MEMORY_ROOM = 4 << 20
DESCRIPTORS = 32
LATENCY = 2.0         # times the second quarter, and 2 ms: two cores are shared with the whole internet of the lab
LATENCY_ROOM = 0.002
VALGRIND = ["valgrind", "--quiet", "--vgdb=no", "--num-callers=30", "--leak-check=full", "--show-leak-kinds=definite,indirect",
            "--errors-for-leak-kinds=definite,indirect", "--error-exitcode=99"]


class Load:
    """What is asked, and what was wrong."""

    def __init__(self, daemon, names):
        self.daemon, self.ended = daemon, threading.Event()
        self.wrong, self.answers, self.deferred = [], 0, 0
        self.times, self.lock = [], threading.Lock()
        self.expected = {}
        for name in names:
            answer = daemon.postfix(name)
            if not answer.startswith("TEMP "):
                self.expected[name] = answer

    def ask_on(self, seed):
        """One question after another, on one connection, and now and then on a new one."""
        dice, names = random.Random(seed), list(self.expected)
        while not self.ended.is_set():
            with clients.Socketmap(self.daemon.map_socket, 40) as connection:
                for _ in range(dice.randrange(1, 500)):
                    if self.ended.is_set():
                        break
                    name = dice.choice(names)
                    begin = time.monotonic()
                    answer = connection.ask("QUERY", name)
                    self.count(name, answer, time.monotonic() - begin)
                    time.sleep(0.002)

    def count(self, name, answer, seconds):
        with self.lock:
            self.answers += 1
            if answer == self.expected[name]:
                self.times.append(seconds)
            elif answer.startswith("TEMP "):
                self.deferred += 1
            else:
                self.wrong.append(f"{name}: {answer!r} in place of {self.expected[name]!r}")

    def ask_news(self, seed):
        """Names that are new to the daemon: what is remembered of them must be forgotten again."""
        for number in itertools.count():
            if self.ended.is_set():
                return
            with contextlib.suppress(OSError):
                answer = self.daemon.exim(f"stranger-{seed}-{number}.example", 40)
                if answer and "pol=none" not in answer:
                    self.wrong.append(f"stranger-{seed}-{number}: {answer!r}")
            time.sleep(0.01)

    def hang_on(self):
        """Clients that begin a request and say no more, and some that vanish."""
        hanging = []
        while not self.ended.wait(0.2):
            with contextlib.suppress(OSError):
                client = clients.connect(self.daemon.map_socket)
                client.sendall(b"100:QUERY")
                hanging.append(client)
            while len(hanging) > 50:
                hanging.pop(0).close()
        for client in hanging:
            client.close()

    def take_times(self):
        with self.lock:
            times, self.times = self.times, []
        return times


class Faults:
    """What goes wrong in the internet around it, one thing after another."""

    def __init__(self, world, daemon, ended, seed):
        self.world, self.daemon, self.ended, self.dice = world, daemon, ended, random.Random(seed)
        self.done = {}

    def run(self):
        acts = [self.resolver_restarts, self.resolver_is_away, self.policy_hosts_fail, self.operator]
        while not self.ended.wait(self.dice.uniform(1, 4)):
            act = self.dice.choice(acts)
            act()
            self.done[act.__name__] = self.done.get(act.__name__, 0) + 1

    def resolver_restarts(self):
        with self.world.outage():
            pass

    def resolver_is_away(self):
        with self.world.outage():
            self.ended.wait(self.dice.uniform(1, 5))

    def policy_hosts_fail(self):
        hosts = list(self.world.policies.values())
        before = [host.server for host in hosts]
        for host in hosts:
            host.server = self.dice.choice(["404", "unreachable"])
        self.ended.wait(3)
        for host, server in zip(hosts, before):
            host.server = server

    def operator(self):
        tomorrow = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 86400))
        self.daemon.override("add", "soak.example", "--level", "may", "--until", tomorrow, "--reason", "soak")
        self.daemon.override("remove", "soak.example")


def look(pid):
    """(octets of memory, descriptors, threads)"""
    with open(f"/proc/{pid}/statm") as file:
        memory = int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")
    return memory, len(os.listdir(f"/proc/{pid}/fd")), len(os.listdir(f"/proc/{pid}/task"))


def watch(daemon, load, seconds, parts=40):
    """A sample at the end of each part of the time."""
    samples, begin = [], time.monotonic()
    for part in range(1, parts + 1):
        time.sleep(max(begin + seconds * part / parts - time.monotonic(), 0))
        if daemon.process.status() is not None:
            raise Failed(f"outriderd ended with status {daemon.process.status()}:\n{daemon.log()[-4000:]}")
        times = sorted(load.take_times())
        memory, descriptors, threads = look(daemon.process.pid)
        samples.append({"at": round(time.monotonic() - begin, 1), "memory": memory, "descriptors": descriptors, "threads": threads,
                        "answers": len(times), "p99": times[len(times) * 99 // 100] if times else None})
        if sys.stdout.isatty() or part % 10 == 0:
            print(f"{samples[-1]['at']:8.0f} s {memory >> 10:8} KiB {descriptors:5} descriptors {len(times):7} warm answers, "
                  f"p99 {1000 * (samples[-1]['p99'] or 0):.2f} ms", flush=True)
    return samples


def judge(samples, load, is_slow):
    """What is not as it was: a list of sentences. is_slow: memory and latency are those of valgrind."""
    quarter = len(samples) // 4
    early, late = samples[quarter:2 * quarter], samples[-quarter:]

    def middle(part, what):
        return statistics.median(sample[what] for sample in part if sample[what] is not None)

    problems = [f"a wrong answer: {each}" for each in load.wrong[:20]]
    for what, factor, room in (("descriptors", 1, DESCRIPTORS), ("threads", 1, 0),
                               *([] if is_slow else [("memory", MEMORY, MEMORY_ROOM), ("p99", LATENCY, LATENCY_ROOM)])):
        if middle(late, what) > factor * middle(early, what) + room:
            problems.append(f"{what} grew from {middle(early, what)} to {middle(late, what)}")
    # Where what is known has lapsed and nobody can look it up, all askers may wait at once; not for long, limits.answer is 15 s.
    silent = [sample["at"] for sample in samples if sample["answers"] == 0]
    if len(silent) > len(samples) // 10:
        problems.append(f"no warm answer at {silent}")
    return problems


def main(build, arguments):
    """0 if nothing grew and no answer was wrong, else 1."""
    parser = argparse.ArgumentParser(prog="tools/run-in-lab BUILD soak", allow_abbrev=False)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--json", metavar="FILE", help="write all samples there as well")
    parser.add_argument("--valgrind", action="store_true", help="the daemon runs under valgrind")
    options = parser.parse_args(arguments)
    if not 0 < options.minutes <= 7 * 24 * 60:
        parser.error("minutes: more than 0, and a week at most")
    if options.valgrind and shutil.which(VALGRIND[0]) is None:
        parser.error("valgrind is not installed; apt-get install valgrind")
    # What valgrind does beside the program is nothing that the sandbox allows.
    more = {"sandbox": False} if options.valgrind else {}
    with contextlib.ExitStack() as stack:
        world = stack.enter_context(World())
        daemon = Outrider(build, world, os.path.join(namespace.HOME, "outrider"), sts={"recheck": 30},
                          limits={"cache": CACHE, "connections": 500}, **more)
        daemon.runner = VALGRIND if options.valgrind else []
        stack.enter_context(daemon)
        load = Load(daemon, [row.domain for row in world.scenarios.values()])
        faults = Faults(world, daemon, load.ended, 1)
        threads = [threading.Thread(target=load.ask_on, args=(number,)) for number in range(ASKERS)]
        threads += [threading.Thread(target=load.ask_news, args=(number,)) for number in range(STRANGERS)]
        threads += [threading.Thread(target=load.hang_on), threading.Thread(target=faults.run)]
        print(f"{len(load.expected)} destinations, {options.minutes:g} minutes", flush=True)
        for thread in threads:
            thread.start()
        try:
            samples = watch(daemon, load, 60 * options.minutes)
        finally:
            load.ended.set()
            for thread in threads:
                thread.join(60)
        problems = judge(samples, load, options.valgrind)
        problems += ["a thread of the load did not end"] if any(thread.is_alive() for thread in threads) else []
        wait_until(lambda: load.daemon.postfix(next(iter(load.expected))) in load.expected.values(), 60, daemon.log)
        status = daemon.stop()
        problems += [f"it ended with status {status}" + (f": {daemon.log()[-20000:]}" if options.valgrind else "")] if status != 0 else []
        problems += [f"a sanitizer complains: {daemon.log()[-4000:]}"] if "Sanitizer" in daemon.log() else []
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"samples": samples, "faults": faults.done, "problems": problems}, file, indent=1)
    print(f"\n{load.answers} answers, {load.deferred} of them \"try again\"; faults: {faults.done}")
    good = "descriptors and threads as before; valgrind found nothing" if options.valgrind else \
        "memory, descriptors, threads and latency as before"
    print("\n".join(problems) if problems else good + "; no wrong answer")
    return 1 if problems else 0
