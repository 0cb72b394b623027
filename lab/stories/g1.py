"""make demo STORY=g1: a root leaves the bundle while destinations still depend on it. What a postmaster sees, does, and gets.

In April 2026 a root of a large CA left the root programs, and mail hosts of a large provider still chained to it. Senders that
enforce MTA-STS deferred that mail. They could trust the root again, for everybody, or stop enforcing, for everybody. Here
the same happens to a root of the lab, "g1", with real mail servers and Outrider; each step is a command that is
shown with its output, and each must come out as told, or the story ends with status 1.
"""

import contextlib
import dataclasses
import json
import os
import shlex
import subprocess
import time

from lab import namespace, packages
from lab.certs import _pem
from lab.exim import Exim
from lab.model import UNSIGNED, Host, Scenario, Sts
from lab.outrider import Outrider
from lab.postfix import Postfix
from lab.process import wait_until
from lab.stories import telling
from lab.stories.telling import Teller, Wrong
from lab.world import World

SOON = 20  # seconds


def row(name, has, **settings):
    return Scenario(name, has=has, level="", exim="", postfix="", why="", rows="", ttl=1, **settings)


# The provider has one MX host for two of its domains, as the real one had.
ROWS = (
    row("g1-outlook", "MTA-STS enforce; its MX host has a certificate of g1", zone=UNSIGNED, hosts=(Host(cert="g1"),), sts=Sts()),
    row("g1-hotmail", "the same MX host", zone=UNSIGNED, hosts=(Host(shared="mx.g1-outlook.example"),), sts=Sts()),
    row("g1-trial", "MTA-STS testing, MX host under g1", zone=UNSIGNED, hosts=(Host(cert="g1"),), sts=Sts(mode="testing")),
    row("g1-web", "MTA-STS enforce; only its policy host is under g1", zone=UNSIGNED, sts=Sts(cert="g1")),
    row("g1-dane", "DANE and MTA-STS enforce, under g1", hosts=(Host(cert="g1", tlsa=("3 1 1",)),), sts=Sts()),
    row("g1-other", "MTA-STS enforce, under another CA", zone=UNSIGNED, sts=Sts()),
)
NAMES = tuple(each.name for each in ROWS)
EXPECTED = {"g1-outlook": "D", "g1-hotmail": "D", "g1-trial": "C", "g1-web": "E", "g1-dane": "A", "g1-other": "-"}


@dataclasses.dataclass
class Stage:
    """Everything that takes part."""

    world: World
    outrider: Outrider
    exim: Exim
    postfix: Postfix
    tell: Teller
    bundle: str

    @property
    def folder(self):
        return os.path.dirname(self.bundle)

    def write(self, name, *authorities):
        """A bundle, put in its place as a package manager does."""
        path = os.path.join(self.folder, name)
        with open(f"{path}.new", "wb") as file:
            file.writelines(_pem(self.world.certs.authority(each)) for each in authorities)
        os.rename(f"{path}.new", path)
        return path

    def command(self, *arguments, status=0, show=True):
        """`outrider trust ARGUMENTS...`; its output. Another exit status than expected is the end."""
        words = ("trust", arguments[0], "--config", self.outrider.config, *arguments[1:])
        done = subprocess.run([self.outrider.cli, *words], capture_output=True, text=True, timeout=120)
        if show:
            self.tell.show(f"$ outrider {shlex.join(('trust', *arguments))}".replace(self.folder + "/", ""))
            self.tell.show(done.stdout + done.stderr)
            self.tell.show(f"[exit status {done.returncode}]" if done.returncode else "")
        if done.returncode != status:
            raise Wrong(f"outrider trust {shlex.join(arguments)}: exit status {done.returncode}, not {status}: {done.stderr}")
        return done.stdout

    def send(self, text, names, expected):
        """A message to each with both mail servers; expected: {name: is delivered}."""
        telling.send(self.tell, (self.exim, self.postfix), {f"{name}.example": expected[name] for name in names}, text)


@contextlib.contextmanager
def staged(build, world, folder, exim, postfix, tell):
    """The rows are in the world; a daemon whose default is a bundle with g1 in it."""
    os.makedirs(folder, exist_ok=True)
    stage = Stage(world, None, exim, postfix, tell, os.path.join(folder, "bundle.pem"))
    stage.write("bundle.pem", "lab", "g1")
    stage.outrider = Outrider(build, world, os.path.join(folder, "outrider"), for_mtas=True,
                              anchors={"roots": stage.bundle}, sts={"recheck": 1})
    with stage.outrider:
        yield stage


def tell_g1(stage):
    """The story. Wrong if it ends otherwise."""
    tell, everybody = stage.tell, dict.fromkeys(NAMES, True)
    g1 = stage.write("g1.pem", "g1")

    tell.step("Six destinations. The bundle of roots has g1 and the lab's CA; all mail flows.")
    for each in ROWS:
        tell.show(f"{each.domain:<22}{each.has}")
    tell.show("")
    stage.send("before", NAMES, everybody)

    tell.step("Which CAs does the mail depend on? A handshake with each MX host, no mail; then the report.")
    stage.command("probe", *(each.domain for each in ROWS), show=False)
    stage.command("report")

    tell.step("The next bundle comes without g1. What would that do? (This is what the hook of apt asks.)")
    following = stage.write("next.pem", "lab")
    stage.command("what-if", "--bundle", following, "--all", status=1)
    classes = {each["domain"].partition(".")[0]: each["class"] for each in
               json.loads(stage.command("what-if", "--bundle", following, "--all", "--json", status=1, show=False))["destinations"]}
    if {name: classes.get(name) for name in EXPECTED} != EXPECTED:
        raise Wrong(f"what-if says {classes}, expected {EXPECTED}")

    tell.step("Somebody installs it all the same. outriderd notices, says who is affected, and then uses it.")
    stage.write("bundle.pem", "lab")
    wait_until(lambda: "event=trust.bundle.changed" in stage.outrider.log(), SOON, stage.outrider.log)
    tell.show("\n".join(line for line in stage.outrider.log().splitlines() if "event=trust." in line))
    wait_until(lambda: stage.outrider.query("g1-outlook.example")["anchors"]["count"] == 1, SOON, stage.outrider.log)

    tell.step("Mail to those two waits. It does not leak, and nobody else's is concerned.")
    stopped = {**everybody, "g1-outlook": False, "g1-hotmail": False}
    stage.send("without g1", NAMES, stopped)

    tell.step("An exception: g1 for these two domains, until a date, with a reason. Nobody else gets it.")
    until = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 30 * 86400))
    stage.command("add", "--for", "g1-outlook.example", "--for", "g1-hotmail.example", "--until", until, "--reason",
                  "G1 transition", g1)
    stage.command("list")
    stage.command("explain", "g1-outlook.example")

    tell.step("The next deliveries go.")
    stage.send("with the exception", NAMES, everybody)

    tell.step("Another domain takes up that root now. It is still refused: the exception is for two.")
    host, chain = stage.world.mx["mx.g1-other.example"], stage.world.mx["mx.g1-other.example"].chain
    host.chain = stage.world.certs.issue("g1", "mx.g1-other.example", "g1-other.example")
    try:
        stage.send("a newcomer", ("g1-outlook", "g1-other"), {"g1-outlook": True, "g1-other": False})
    finally:
        host.chain = chain

    tell.step("The provider has moved to another CA. The exception goes; at its date it would go by itself.")
    host = stage.world.mx["mx.g1-outlook.example"]
    host.chain = stage.world.certs.issue("lab", "mx.g1-outlook.example", "g1-outlook.example")
    stage.command("remove", g1)
    stage.send("afterwards", NAMES, everybody)


def play(build, tell):
    """The story in a world of its own."""
    exim = Exim()
    with World(ROWS) as world, Postfix(packages.unpacked(build)) as postfix, \
            staged(build, world, os.path.join(namespace.HOME, "story"), exim, postfix, tell) as stage:
        tell_g1(stage)
