"""The engine. Every cell has a destination of its own, so that all are attacked, and get mail, at the same time:

    prime     everybody is honest; outriderd is asked about each destination, and each kind gets a message
    attack    the attacks are switched on, and each mail server sends a message for each cell
    judge     by what the MX hosts heard (judge.py)
    lift      the attacks are off again, and the same destinations must get their mail

Mail servers start each time without memories of earlier failures, which would hide what they would do.
"""

import concurrent.futures
import contextlib
import dataclasses
import os
import time

from lab import namespace
from lab.attack import judge as verdicts
from lab.attack import mtas as senders
from lab.attack.cell import Cell, evil_scenario
from lab.attack.kinds import HOSTING, KINDS, TLD, TTL
from lab.attack.wire import Wire
from lab.model import SIGNED
from lab.outrider import Outrider
from lab.process import Failed

SETTINGS = {"sts": {"recheck": 1, "retry": 1}}  # life in fast motion: a policy's record is looked at every second
ASKING_AT_ONCE = 32
COMPANIONS = 3  # messages to an innocent domain at the same MX host


@dataclasses.dataclass
class Result:
    """One cell and one mail server."""

    cell: Cell
    mta: str
    during: verdicts.Verdict = None
    after: verdicts.Verdict = None
    met: tuple = ()
    problems: list = dataclasses.field(default_factory=list)

    @property
    def word(self):
        """What stands in the matrix: the attack's outcome, unless the time after it was worse."""
        if self.during.has_failed or not self.problems:
            return self.during.word
        return self.after.word if self.after and self.after.has_failed else verdicts.LOST

    @property
    def name(self):
        return f"{self.cell.name}/{self.mta}"


def cells_of(attacks, kinds=KINDS, only=()):
    """The cells of these rows and columns; `only` names attacks, kinds or ATTACK/KIND."""
    cells = [Cell(attack, kind) for attack in attacks for kind in kinds if kind.name in attack.kinds]
    return [cell for cell in cells if not only or {cell.name, cell.attack.name, cell.kind.name} & set(only)]


class Siege:
    """One run. Made by open_siege()."""

    def __init__(self, world, daemon, mtas, wire, near, tell):
        self.world, self.daemon, self.mtas, self.wire, self.near, self.tell = world, daemon, mtas, wire, near, tell
        self.results = {}
        self.primed_at = 0

    def settle(self, cells):
        """Bring the destinations into the lab, and outriderd: not before, because a validator remembers for a while
        what did not exist."""
        self.world.add(*(row for cell in cells for row in cell.rows()), evil_scenario(cells),
                       zones=((TLD, SIGNED, TTL), (HOSTING, SIGNED, TTL)))
        for cell in cells:
            cell.settle(self.world, self.wire, self.near)
        self.daemon.start()

    def prove(self, cells):
        """As proof that all is set up well: one message for each kind and mail server, and nobody attacks."""
        kinds = {cell.kind.name: cell for cell in cells if cell.attack.primed}
        sent = self._send_all(list(kinds.values()), "before")
        for (cell, name), delivery in sent.items():
            mta = next(mta for mta in self.mtas if mta.name == name)
            verdict = verdicts.judge(cell, mta, address(mta, cell.domain, "before"), delivery, False, must=True)
            if verdict.has_failed:
                raise Failed(f"{cell.domain} is not attacked yet, and {name} does not deliver there: {verdict.word}: "
                             f"{verdict.reason}")

    def prime(self, cells):
        """outriderd gets to know them, as from earlier mail. Returns {domain: answer for Postfix}."""
        with concurrent.futures.ThreadPoolExecutor(ASKING_AT_ONCE) as pool:
            domains = [cell.domain for cell in cells if cell.attack.primed]
            answers = dict(zip(domains, pool.map(self.daemon.postfix, domains)))
        self.primed_at = time.monotonic()
        return answers

    def attack(self, cells, only=""):
        """Those on the wire all at once, those on the machine one after another. Who waits for DNS takes longest.

        only: this mail server.
        """
        everybody, self.mtas = self.mtas, [mta for mta in self.mtas if only in ("", mta.name)]
        try:
            self._attack_all(cells)
        finally:
            self.mtas = everybody

    def _attack_all(self, cells):
        by_machine = {}
        for cell in sorted(cells, key=lambda cell: cell.attack.meets != "dns"):
            by_machine.setdefault(cell.attack.machine, []).append(cell)
        for machine, together in sorted(by_machine.items(), key=lambda item: item[0] is not None):
            self._attack(together, machine)
            if again := [cell for cell in together if self._is_worth_another_try(cell)]:
                self._attack(again, machine)

    def _is_worth_another_try(self, cell):
        """Nobody met the attack, or mail waits that should not, and nothing worse: on a busy machine a question may run out of
        time before it came to that. A queue would try again as well; what is refused for another reason is refused again."""
        results = [self.results[cell, mta.name] for mta in self._for_cell(cell)]
        failed = {result.during.word for result in results if result.during.has_failed}
        return any(result.problems for result in results) and failed <= {verdicts.REFUSED}

    def _attack(self, cells, machine):
        if machine:  # the last attack may have cost outriderd its memory
            self.prime(cells)
        for cell in cells:
            cell.attack_it()
        self.world.resolver.forget()
        with machine(self, cells) if machine else contextlib.nullcontext():
            sent = self._send_all(cells, "attack")
        for mta in self.mtas:
            for cell in self._for(mta, cells):
                result = self.results[cell, mta.name] = Result(cell, mta.name, met=tuple(sorted(cell.met(mta))))
                result.during = self._judge(cell, mta, sent, "attack", cell.kind.name in cell.attack.must)
                if result.during.has_failed:
                    result.problems.append(f"{result.during.word}: {result.during.reason}")
                if cell.attack.meets and cell.attack.meets not in result.met:
                    result.problems.append(f"nobody met the attack on {cell.attack.meets}: it proves nothing")

    def lift(self, cells):
        """All is well again, or the attack has done lasting harm: to what outriderd knows, or to outriderd. An attack
        on SMTP leaves nothing behind; the mail servers forget, as they always do here."""
        cells = [cell for cell in cells if cell.attack.meets != "smtp" or cell.attack.machine]
        for cell in cells:
            cell.restore()
            cell.forget_sessions()
        self.world.resolver.forget()
        time.sleep(TTL + 1)  # what outriderd has learned under attack from DNS runs out
        sent = self._send_all(cells, "after")
        for mta in self.mtas:
            for cell in self._for(mta, cells):
                result = self.results[cell, mta.name]
                result.after = self._judge(cell, mta, sent, "after", must=True)
                if result.after.has_failed:
                    result.problems.append(f"{result.after.word} after the attack: {result.after.reason}")

    # Sending ----------------------------------------------------------------------------------------------------

    def _for(self, mta, cells):
        return [cell for cell in cells if cell.kind.name in mta.columns]

    def _for_cell(self, cell):
        return [mta for mta in self.mtas if cell.kind.name in mta.columns]

    def _send_all(self, cells, phase):
        """All mail servers at once. {(cell, mta name): Delivery}"""
        self.tell.begin(**{mta.name: len(self._for(mta, cells)) for mta in self.mtas})
        with concurrent.futures.ThreadPoolExecutor(len(self.mtas)) as pool:
            running = {mta.name: pool.submit(self._send, mta, self._for(mta, cells), phase) for mta in self.mtas}
            return {(cell, name): delivery for name, task in running.items()
                    for cell, delivery in task.result().items()}

    def _send(self, mta, cells, phase):
        groups = {way: {} for way in ("each", "together", "reusing")}
        for cell in cells:
            way = cell.attack.sending if phase == "attack" else "each"
            others = [address(mta, partner, f"{phase}{i}") for partner in cell.partners for i in range(COMPANIONS)]
            groups[way][cell] = [*others, address(mta, cell.domain, phase)]
        sent = {}
        if groups["each"]:
            sent.update(mta.send([group[-1] for group in groups["each"].values()], lambda _: self.tell.count(mta.name)))
        if groups["together"]:
            sent.update(mta.send_together(list(groups["together"].values())))
        if groups["reusing"]:
            sent.update(mta.send_reusing(list(groups["reusing"].values())))
        return {cell: sent[group[-1]] for way in groups.values() for cell, group in way.items()}

    def _judge(self, cell, mta, sent, phase, must):
        recipient, delivery = address(mta, cell.domain, phase), sent[cell, mta.name]
        is_waiting = delivery.outcome == "lost" and mta.is_waiting(recipient)
        return verdicts.judge(cell, mta, recipient, delivery, is_waiting, must)


def address(mta, domain, phase):
    return f"{mta.name}-{phase}@{domain}"


@contextlib.contextmanager
def open_siege(build, world, tell, folder=os.path.join(namespace.HOME, "siege"), **running):
    """The attacker takes his places, the mail servers start, or are those that are running already, by name."""
    with contextlib.ExitStack() as stack:
        wire = stack.enter_context(world.between(Wire))
        near = stack.enter_context(Wire())
        settings = {**SETTINGS, "dns": {"forwarders": [near.address]}}
        daemon = Outrider(build, world, folder, for_mtas=True, **settings)
        stack.callback(lambda: daemon.process and daemon.process.status() is None and daemon.stop())
        mtas = stack.enter_context(senders.started(build, running))
        yield Siege(world, daemon, mtas, wire, near, tell)


def whole(run, cells, besides=()):
    """All phases; a list of results. besides: cells that shall be there for later."""
    run.settle([*cells, *besides])
    run.tell.step(f"{len(cells)} destinations are up, {len(run.world.zones.zones)} zones")
    run.prove(cells)
    run.prime(cells)
    run.tell.step("mail arrives, outriderd knows everybody; the attack begins")
    run.attack(cells)
    run.tell.step("the attack is over")
    run.lift(cells)
    return [run.results[cell, mta.name] for cell in cells for mta in run.mtas if (cell, mta.name) in run.results]
