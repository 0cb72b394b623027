"""The matrix for people, and everything as JSON."""

import dataclasses
import json

from lab.attack import judge
from lab.attack.kinds import KINDS

SYMBOLS = {judge.SECURE: "S", judge.ENCRYPTED: "t", judge.CLEAR: "c", judge.UNPROTECTED: "u", judge.DEFERRED: "w",
           judge.BOUNCED: "b", judge.LEAKED: "#", judge.REFUSED: "R", judge.LOST: "?"}
LEGEND = """
S  delivered securely: to the true host, which had proven itself as it promises to
w  waits: deferred, nobody heard of it
t  delivered over TLS, where no more is promised           c  delivered in clear, where no TLS is promised
u  unprotected: the attacker has it, where nothing forbids that (opportunistic, first contact) or the mail server cannot be
   told to look (Postfix at common-name): docs/attacks.md
#  LEAKED     R  REFUSED, what should have been delivered     b  bounced, what should have waited
?  LOST, or not as it should be: see below"""


def matrix(results, mtas):
    """Rows are attacks, columns are kinds; in each cell a letter for each mail server."""
    attacks = list(dict.fromkeys(result.cell.attack for result in results))
    kinds = [kind for kind in KINDS if any(result.cell.kind is kind for result in results)]
    words = {(result.cell.attack, result.cell.kind, result.mta): SYMBOLS[result.word] for result in results}
    width = max((len(attack.name) for attack in attacks), default=0)
    lines = []
    for number, kind in enumerate(kinds):  # the head of each column on a line of its own, above its column
        lines.append(" " * (width + 2) + f"{'|   ' * number}+-- {kind.short}")
    lines.append(" " * (width + 2) + " ".join("".join(mta.short for mta in mtas).ljust(3) for _ in kinds))
    for attack in attacks:
        cells = ["".join(words.get((attack, kind, mta.name), " ") for mta in mtas).ljust(3) for kind in kinds]
        lines.append(f"{attack.name.ljust(width)}  {' '.join(cells)} {attack.does}".rstrip())
    return "\n".join(lines) + "\n" + LEGEND


def failures(results):
    """What is not as it should be, with the mail server's words and what the MX hosts heard."""
    lines = []
    for result in results:
        for problem in result.problems:
            lines.append(f"NOT AS IT SHOULD BE {result.name} ({result.cell.domain}): {problem}")
        if result.problems:
            for verdict in (result.during, result.after):
                lines += [f"    {verdict.word}: {verdict.reason}"] if verdict else []
                lines += [f"    {session}" for session in verdict.sessions] if verdict else []
    return "\n".join(lines)


def write_json(path, results):
    with open(path, "w") as file:
        json.dump([as_json(result) for result in results], file, indent=1)
        file.write("\n")


def as_json(result):
    cell = result.cell
    return {"attack": cell.attack.name, "does": cell.attack.does, "kind": cell.kind.name, "has": cell.kind.has,
            "mta": result.mta, "domain": cell.domain, "word": result.word, "met": result.met,
            "must_be_delivered": cell.kind.name in cell.attack.must, "open": cell.attack.open.get(cell.kind.name, ""),
            "needs": cell.kind.needs_for(result.mta), "problems": result.problems,
            "during": _verdict(result.during), "after": _verdict(result.after)}


def _verdict(verdict):
    return verdict and dataclasses.asdict(verdict)
