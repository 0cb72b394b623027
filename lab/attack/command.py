"""make attack: the whole matrix. Exit status 0 only if nothing leaked or was refused that should be delivered."""

import argparse
import collections
import time

from lab.attack import attacks, report, siege
from lab.demo import Progress
from lab.world import World


def main(build, arguments):
    parser = argparse.ArgumentParser(prog="tools/run-in-lab BUILD attack")
    parser.add_argument("--json", metavar="FILE", help="write all results there as well")
    parser.add_argument("--only", metavar="NAME,...", help="these attacks, kinds, or ATTACK/KIND, instead of all")
    options = parser.parse_args(arguments)
    cells = siege.cells_of(attacks.ROWS, only=options.only.split(",") if options.only else ())
    if not cells:
        parser.error(f"no such attack or kind: {options.only} (see lab/attack/attacks.py and kinds.py)")
    started = time.monotonic()
    tell = Progress(started)
    with World(()) as world, siege.open_siege(build, world, tell) as run:
        results = siege.whole(run, cells)
        print()
        print(report.matrix(results, run.mtas))
        print(report.failures(results))
    if options.json:
        report.write_json(options.json, results)
    wrong = [result for result in results if result.problems]
    words = collections.Counter(result.word for result in results)
    print(f"\n{len({cell.attack for cell in cells})} attacks, {len({cell.kind for cell in cells})} kinds of "
          f"destinations, {len(results)} cells, {time.monotonic() - started:.0f} s: "
          + ", ".join(f"{count} {word}" for word, count in words.most_common()))
    print(f"{len(wrong)} not as they should be" if wrong else "nothing leaked, nothing refused")
    return 1 if wrong else 0
