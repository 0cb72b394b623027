"""What the checks against other people's vectors share: running outrider, comparing, and the table.

A check is a function that takes the folder and yields Case objects; main() runs those it is given and prints one
row for each file and, below, one for each disagreement. Vectors stay where they are: this folder has none.
"""
import argparse
import csv
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

BUILD = Path(os.environ.get("OUTRIDER_BUILD", "build"))


@dataclass
class Case:
    name: str
    expected: str
    ours: str
    remark: str = ""
    skipped: str = ""  # why this case is none for us

    @property
    def agrees(self):
        return self.expected == "either" or self.expected == self.ours


def program():
    for path in (BUILD / "outrider", BUILD / "cli" / "outrider"):
        if path.is_file():
            return str(path.resolve())
    sys.exit(f"no outrider in {BUILD}: build it, or set OUTRIDER_BUILD")


def outrider(*arguments, stdin=None):
    """The JSON that a command prints. Bytes and str arguments; anything but 0 and 65 is a broken run."""
    run = subprocess.run([program(), *arguments], input=stdin, capture_output=True, timeout=20)
    if run.returncode not in (0, 65):
        sys.exit(f"outrider {arguments}: exit {run.returncode}: {run.stderr.decode(errors='replace')}")
    return json.loads(run.stdout)


def rows(path):
    with open(path, encoding="utf-8", newline="") as table:
        yield from csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE)


def each(function, items):
    """Programs are started one by one for thousands of cases: keep the machine's cores busy."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield from pool.map(function, items)


def print_summary(results):
    width = max(len(name) for name, _ in results)
    print(f"{'file':{width}}  cases  agree  either  disagree  not ours")
    for name, cases in results:
        ours = [c for c in cases if not c.skipped]
        either = sum(c.expected == "either" for c in ours)
        agree = sum(c.agrees for c in ours) - either
        print(f"{name:{width}}  {len(cases):5}  {agree:5}  {either:6}  {len(ours) - agree - either:8}  "
              f"{len(cases) - len(ours):8}")


def print_disagreements(results, show_all):
    for name, cases in results:
        for case in cases:
            if case.skipped and show_all:
                print(f"not ours  {name} {case.name}: {case.skipped}")
            elif not case.skipped and (show_all or not case.agrees):
                word = "agree" if case.agrees else "DISAGREE"
                print(f"{word}  {name} {case.name}: expected {case.expected}, ours {case.ours}  [{case.remark}]")


def main(description, checks):
    """checks: file name within the folder -> function(folder). Exit status 1 if anything disagrees."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("folder", type=Path, help="folder with the vectors")
    parser.add_argument("--all", action="store_true", help="list every case, not only disagreements")
    options = parser.parse_args()
    results = [(name, list(check(options.folder))) for name, check in checks.items()]
    print_summary(results)
    print_disagreements(results, options.all)
    sys.exit(any(not c.skipped and not c.agrees for _, cases in results for c in cases))
