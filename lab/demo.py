"""make demo: Exim and Postfix send a message to every destination of the table, and each must end as the table says."""

import argparse
import concurrent.futures
import dataclasses
import json
import os
import sys
import threading
import time

from lab import delivery, model, namespace, packages, scenarios
from lab.exim import Exim
from lab.outrider import Outrider
from lab.postfix import Postfix
from lab.world import World

QUERIES_AT_ONCE = 16  # some wait ten seconds for a policy host


@dataclasses.dataclass
class Result:
    """One destination after the demo."""

    scenario: model.Scenario
    level: str = ""
    auth: tuple = ()
    verdict_reason: str = ""
    exim: delivery.Delivery = None
    postfix: delivery.Delivery = None
    problems: list = dataclasses.field(default_factory=list)


def main(build, arguments):
    """Returns 0 if every row is as expected, else 1."""
    parser = argparse.ArgumentParser(prog="tools/run-in-lab BUILD demo")
    parser.add_argument("--json", metavar="FILE", help="write all results there as well")
    parser.add_argument("--only", metavar="NAME,...", help="these destinations instead of all")
    options = parser.parse_args(arguments)
    rows = choose(options.only)
    started = time.monotonic()
    tell = Progress(started)
    with World(rows) as world:
        tell.step(f"a root, {len(world.zones.zones) - 1} zones, {len(world.policies)} policy hosts and "
                  f"{len(world.mx)} mail servers are up")
        results = {row.name: Result(row) for row in rows}
        with Outrider(build, world, os.path.join(namespace.HOME, "outrider"), for_mtas=True) as outrider:
            tell.step("outriderd is up")
            ask_all(outrider, results, tell)
            exim, postfix = Exim(), Postfix(packages.unpacked(build))
            tell.step(f"sending with {exim.version()} and {postfix.version()}")
            with postfix:
                send_all(exim, postfix, results, tell)
        judge(results.values(), world)
    show(results.values())
    if options.json:
        write_json(options.json, results.values())
    wrong = sum(bool(result.problems) for result in results.values())
    print(f"\n{len(rows)} destinations, 2 mail servers, {time.monotonic() - started:.0f} s: "
          + (f"{wrong} not as expected" if wrong else "all as expected"))
    return 1 if wrong else 0


def choose(only):
    if not only:
        return scenarios.SCENARIOS
    names = only.split(",")
    unknown = set(names) - {row.name for row in scenarios.SCENARIOS}
    if unknown:
        sys.exit(f"no such destination: {', '.join(sorted(unknown))} (see lab/scenarios.py)")
    return [row for row in scenarios.SCENARIOS if row.name in names]


class Progress:
    """Says what goes on: counts on one line at a terminal, a line every now and then elsewhere."""

    def __init__(self, started):
        self._started, self._counts, self._lock = started, {}, threading.Lock()

    def step(self, text):
        print(f"[{time.monotonic() - self._started:5.1f} s] {text}", flush=True)

    def begin(self, **totals):
        self._counts = {name: [0, total] for name, total in totals.items()}

    def count(self, name):
        with self._lock:
            self._counts[name][0] += 1
            text = ", ".join(f"{name} {done} of {total}" for name, (done, total) in self._counts.items())
            is_end = all(done == total for done, total in self._counts.values())
            if sys.stdout.isatty():
                print(f"\r[{time.monotonic() - self._started:5.1f} s] {text}", end="\n" if is_end else "", flush=True)
            elif is_end or sum(done for done, _ in self._counts.values()) % 40 == 0:
                self.step(text)


def ask_all(outrider, results, tell):
    """The verdict on each destination, as `outrider query` tells it."""
    tell.begin(verdicts=len(results))

    def ask(result):
        try:
            answer = outrider.query(result.scenario.shown)
            result.level = answer["level"]
            result.auth = tuple(host["auth"] for host in answer["mx"])
            result.verdict_reason = answer.get("reason", "")
        except (LookupError, ValueError, KeyError) as error:
            result.level, result.verdict_reason = "none", str(error)
        tell.count("verdicts")

    with concurrent.futures.ThreadPoolExecutor(QUERIES_AT_ONCE) as pool:
        list(pool.map(ask, results.values()))


def send_all(exim, postfix, results, tell):
    """Both mail servers at once, one message each to every destination."""
    tell.begin(exim=len(results), postfix=len(results))

    def send(name, server):
        sent = server.send([address(name, result) for result in results.values()], lambda _: tell.count(name))
        for result in results.values():
            setattr(result, name, sent[address(name, result)])

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for running in [pool.submit(send, "exim", exim), pool.submit(send, "postfix", postfix)]:
            running.result()


def address(sender, result):
    """Exim gets the A-label, Postfix the U-label: it hands that to outriderd as it is (SMTPUTF8)."""
    return f"{sender}@{result.scenario.domain if sender == 'exim' else result.scenario.shown}"


def judge(results, world):
    """Compare with the table, and what the mail servers say of themselves with what the MX hosts saw."""
    for result in results:
        row = result.scenario
        if result.level != row.level:
            result.problems.append(f"verdict: {result.level}, expected {row.level} ({result.verdict_reason})")
        elif result.auth != row.auth:
            result.problems.append(f"verdict: hosts authenticated by {result.auth}, expected {row.auth}")
        for name, got, expected in (("Exim", result.exim, row.exim), ("Postfix", result.postfix, row.postfix)):
            if got.outcome != expected:
                result.problems.append(f"{name}: {got.outcome}, expected {expected} ({got.reason})")
            if lie := delivery.contradiction(got, world):
                result.problems.append(f"{name}: {lie}")


def show(results):
    """The table, and below it what was not as expected."""
    head = ("destination", "what it has", "verdict", "Exim", "Postfix", "why")
    table = [head] + [(r.scenario.shown, r.scenario.has, cell(r.level, r.scenario.level),
                       cell(r.exim.outcome, r.scenario.exim), cell(r.postfix.outcome, r.scenario.postfix),
                       r.scenario.why) for r in results]
    widths = [max(len(row[i]) for row in table) for i in range(len(head))]
    print()
    for row in table:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip())
    for result in results:
        for problem in result.problems:
            print(f"\nNOT AS EXPECTED {result.scenario.shown}: {problem}", end="")
    print()


def cell(got, expected):
    return got if got == expected else f"{got} (not {expected})"


def write_json(path, results):
    """One object for each destination."""
    with open(path, "w") as file:
        json.dump([{"domain": r.scenario.domain, "has": r.scenario.has, "rows": r.scenario.rows, "why": r.scenario.why,
                    "level": r.level, "auth": r.auth, "exim": dataclasses.asdict(r.exim),
                    "postfix": dataclasses.asdict(r.postfix),
                    "expected": {"level": r.scenario.level, "auth": r.scenario.auth, "exim": r.scenario.exim,
                                 "postfix": r.scenario.postfix},
                    "problems": r.problems} for r in results], file, indent=1, ensure_ascii=False)
        file.write("\n")
