"""make demo STORY=publish: the whole life of a domain that publishes a policy, and one mistake at each step that is caught before it hurts.

none -> testing -> enforce -> another certificate -> TLSA records and another key behind them -> retiring -> none. Publishing is where most
mistakes with MTA-STS and DANE happen: wrong certificates, hosts left out, steps in the wrong order, the end too early. Hours pass in
no time (lab/clock.py); everything else is real: our outriderd as the policy host, a signed zone on two name servers that takes
updates, MX hosts, and somebody else's machine with Exim, Postfix and an outriderd that send mail.
"""

import contextlib
import dataclasses
import os
import shlex
import subprocess

from cryptography.hazmat.primitives.serialization import load_pem_private_key

from lab import namespace, packages
from lab.exim import Exim
from lab.outrider import Outrider, render
from lab.own_domain import OwnDomain
from lab.postfix import Postfix
from lab.process import wait_until
from lab.stories import telling
from lab.stories.telling import Teller, Wrong
from lab.world import World

NAME = "gazette"
TTL, HOUR = 300, 3600
SOON = 30  # seconds


@dataclasses.dataclass
class Stage:
    """Everything that takes part."""

    own: OwnDomain
    sender: Outrider
    exim: Exim
    postfix: Postfix
    tell: Teller

    def show(self, typed, output, status):
        """A command as a postmaster types it: paths and options that only the lab needs are left out."""
        text = f"$ {typed}\n{output}" + (f"\n[exit status {status}]" if status else "")
        own = self.own
        for word in (f" --config {own.daemon.config}", f" --state {own.state}", f"{own.folder}/files/", f"{own.folder}/"):
            text = text.replace(word, "")
        self.tell.show("\n".join(line for line in text.splitlines() if line.strip()))

    def command(self, *arguments, status=0, has=(), only=None):
        """`outrider ARGUMENTS...` on our machine; its output. Another exit status, or words that are missing, are the end.

        only: of the output, the lines that have one of these words are enough to show.
        """
        done = self.own.run(*arguments)
        output = done.stdout + done.stderr
        shown = "\n".join(line for line in output.splitlines() if any(word in line for word in only)) if only else output
        typed = shlex.join(os.path.basename(each) if each.startswith("/") else each for each in ("outrider", *arguments))
        self.show(typed, shown, done.returncode)
        self.expect(done.returncode == status and all(word in output for word in has), f"{typed}: {done.returncode}, expected {status} "
                    f"and {has}: {output}")
        return done.stdout

    def deploy(self, *arguments, status):
        done = self.own.deploy(*arguments)
        self.show(shlex.join(("outrider-deploy", *map(os.path.basename, arguments))), done.stdout + done.stderr, done.returncode)
        self.expect(done.returncode == status, f"outrider-deploy: {done.returncode}, expected {status}: {done.stderr}")

    def publish(self, *arguments):
        """What may be changed in DNS now, piped into nsupdate, as it would be typed."""
        lines = self.own.run(*arguments, "--nsupdate").stdout
        done = [line.removeprefix("update ") for line in lines.splitlines() if line.startswith("update ")]
        self.show(f"outrider {' '.join(arguments)} --nsupdate | nsupdate", "\n".join(done), 0)
        self.expect(bool(done), f"nothing to change in DNS: {lines}")
        self.own.update(lines)
        return done

    def pass_time(self, seconds, what):
        self.tell.say(f"{what}: {seconds // 60} minutes pass.")
        self.own.pass_time(seconds)

    def query(self, level, mode):
        """What the sender's outriderd makes of us. It looks for a new policy every second."""
        seen = {}

        def is_so():
            seen.update(self.sender.query(self.own.name))
            return seen["level"] == level and (seen["sts"]["mode"] or "none") == mode
        wait_until(is_so, SOON, lambda: f"sender.example says {seen.get('level')} and {seen.get('sts')}, expected {level} and {mode}")
        self.tell.show(f"sender.example$ outrider query {self.own.name}\n"
                       + self.sender.run_cli("query", "--config", self.sender.config, self.own.name).stdout.strip())

    def foreigner(self, has):
        """postfix-mta-sts-resolver, of other people, asks for our policy."""
        done = subprocess.run(["mta-sts-query", self.own.name], capture_output=True, text=True, timeout=60)
        self.show(f"mta-sts-query {self.own.name}", done.stdout + done.stderr, done.returncode)
        self.expect(has in done.stdout, f"mta-sts-query: {done.stdout}{done.stderr}")

    def send(self, text, is_delivered=True):
        return telling.send(self.tell, (self.exim, self.postfix), {self.own.name: is_delivered}, text)[self.own.name]

    def expect(self, is_so, otherwise):
        if not is_so:
            raise Wrong(otherwise)


@contextlib.contextmanager
def staged(build, world, folder, exim, postfix, tell):
    """Our machine and somebody else's."""
    with OwnDomain(world, build, folder, NAME, ttl=TTL) as own, \
            Outrider(build, world, os.path.join(folder, "sender"), for_mtas=True, clock=own.clock, sts={"recheck": 1}) as sender:
        yield Stage(own, sender, exim, postfix, tell)


def tell_publish(stage):
    """The story. Wrong if it ends otherwise."""
    tell_none(stage)
    tell_testing(stage)
    tell_enforce(stage)
    tell_renewal(stage)
    tell_dane(stage)
    tell_key(stage)
    tell_end(stage)


def tell_none(stage):
    tell, own = stage.tell, stage.own
    tell.step(f"{own.name} takes mail and promises nothing. Its mail comes; it would come over a man in the middle, too.")
    stage.query("may", "none")
    stage.send("before")

    tell.step("A few lines of configuration make this machine the policy host. Which records does it take?")
    section = {name: value for name, value in own.publication.items() if name not in ("certificate", "key")}
    tell.show(render({f'publish "{own.name}"': {**section, "certificate": "sts.pem", "key": "sts.pem"}}))
    own.daemon.start()
    tell.say("MISTAKE: the record is to go out before there is a certificate. `records` knows that outriderd has none, and has it wait.")
    stage.command("records", own.name, has=("Give outriderd a certificate",), only=("What to do", "now:", "after", "Give", "Publish", "+ "))
    done = stage.publish("records", own.name)
    stage.expect(not any("_mta-sts" in line for line in done), f"the record is published: {done}")


def tell_testing(stage):
    tell, own = stage.tell, stage.own
    tell.step("The certificate comes, and the record may. Testing: senders fetch the policy, report, and enforce nothing.")
    own.install("sts.pem", own.issue(own.policy_host))
    own.wait_for_certificate()
    stage.pass_time(TTL + HOUR, "Caches forget that there was no such name")
    stage.publish("records", own.name)
    stage.pass_time(TTL, "Who has asked a moment too early asks again")
    stage.command("publish", "status", own.name, status=1, has=("serves mode testing",),
                  only=(own.name, "policy ", "exit ", "cert ", "DNS", "Mail", "MTA-STS", "TLSRPT"))
    stage.query("may", "testing")
    stage.foreigner("testing")
    stage.send("testing")


def tell_enforce(stage):
    tell, own = stage.tell, stage.own
    tell.step("A second MX host has come. Is it time to enforce?")
    name, address = own.add_host("mx2")
    own.install("mx2.pem", own.issue("mail.printers.example"))
    own.change(f"add {own.name}. {TTL} IN MX 20 {name}.", f"add {name}. {TTL} IN A {address}")
    tell.say("MISTAKE: nobody has told the policy. Senders that enforce it would not use the new host.")
    stage.command("publish", "set", "--mode", "enforce", own.name, status=65, has=("sts.mx-cover", name))

    tell.step("The host is added to mx, outriderd restarted: another policy, so another id.")
    own.reconfigure(mx=[own.mx, name])
    stage.publish("records", own.name)
    tell.say("MISTAKE: the new host shows a certificate for another name.")
    stage.command("publish", "set", "--mode", "enforce", own.name, status=65, has=("sts.mx-cert", name))

    tell.step("With a certificate of its own it passes. Enforce; and the record, after the policy.")
    own.install("mx2.pem", own.issue(name))
    stage.command("publish", "set", "--mode", "enforce", own.name, has=("served: mode enforce",))
    stage.publish("records", own.name)
    stage.pass_time(HOUR + 60, "Caches forget the former record")
    stage.query("secure", "enforce")
    stage.send("enforce")
    tell.say("Somebody stands in the middle, with another certificate. Mail waits, and does not go to him.")
    with man_in_the_middle(own):
        stage.send("under attack", is_delivered=False)


@contextlib.contextmanager
def man_in_the_middle(own):
    theirs = {host: host.chain for host in own.hosts.values()}
    for host in theirs:
        host.chain = own.world.certs.issue("other", host.name)
    try:
        yield
    finally:
        for host, chain in theirs.items():
            host.chain = chain


def tell_renewal(stage):
    tell, own = stage.tell, stage.own
    tell.step("The certificate of the policy host is renewed.")
    tell.say("MISTAKE: the wrong file is copied. outriderd says so, and the last good one goes on.")
    own.install("sts.pem", own.issue(f"www.{own.name}"))
    own.wait_for_certificate("former")
    stage.command("publish", "status", own.name, "--offline", status=1, has=(f"not for {own.policy_host}",), only=("cert",))
    stage.expect(own.fetch()[0] == "200", "the policy cannot be fetched")
    own.install("sts.pem", own.issue(own.policy_host, days=60))
    own.wait_for_certificate()
    stage.command("publish", "status", own.name, "--offline", only=("cert", "exit"))


def tell_dane(stage):
    tell, own = stage.tell, stage.own
    tell.step("The zone is signed, so there is something better: DANE. TLSA records for both hosts, from their certificate files.")
    for label, host in own.hosts.items():
        own.daemon.settings[f'tlsa "{host.name}"'] = {"certificates": [own.path(f"files/{label}.pem")], "ttl": "5m"}
    own.reconfigure()
    stage.publish("records", own.name)
    for host in own.hosts.values():
        stage.command("tlsa", "plan", host.name, has=("idle",), only=("idle",))
    stage.pass_time(24 * HOUR, "A day later")
    stage.query("dane-only", "enforce")
    stage.send("DANE")


def tell_key(stage):
    tell, own = stage.tell, stage.own
    tell.step(f"{own.mx} gets another key: its record first.")
    plan = own.json("tlsa", "plan", own.mx, "--new-key", "ecdsa")
    stage.command("tlsa", "plan", own.mx, has=("staged",), only=("staged", "add ", "next "))
    stage.publish("tlsa", "plan", own.mx)
    tell.say("MISTAKE: the ACME client is done with the new key and installs it at once. Its deploy hook does not: caches may still have\n"
             "      the old records alone. The old certificate goes on.")
    with open(plan["pairs"][0]["key"], "rb") as file:
        key = load_pem_private_key(file.read(), None)
    own.deploy_lines(f"{own.mx} {own.mx} {own.path('files/mx.pem')} root 0600 true")
    chain, key_file = own.pair("next", own.issue(own.mx, key))
    before = own.shown("mx")
    stage.deploy(own.mx, chain, key_file, status=1)
    stage.command("tlsa", "plan", own.mx, has=("published",), only=("published", "next "))
    stage.expect(own.shown("mx") == before, "the new certificate is in service")
    stage.send("before the switch")

    stage.pass_time(2 * HOUR, "All caches come to know the new record")
    tell.step("Settled. The hook, which tries again every hour, installs it; the next run of the plan verifies it from outside.")
    stage.command("tlsa", "plan", own.mx, has=("settled",), only=("settled", "next "))
    stage.deploy("--retry", status=0)
    stage.expect(own.shown("mx") != before, "the old certificate is in service")
    stage.command("tlsa", "plan", own.mx, has=("verified",), only=("verified", "next "))
    stage.send("after the switch")
    stage.pass_time(2 * TTL, "To go back stays possible for a TTL")
    stage.command("tlsa", "plan", own.mx, has=("delete",), only=("verified", "delete ", "next "))
    stage.publish("tlsa", "plan", own.mx)
    stage.command("tlsa", "plan", own.mx, has=("trimmed",), only=("trimmed",))


def tell_end(stage):
    tell, own = stage.tell, stage.own
    tell.step("All senders that matter do DANE; MTA-STS shall go.")
    tell.say("MISTAKE: mode = \"none\" in the configuration, and done? Senders that hold the policy would go on by it, whatever becomes\n"
             "      of the hosts. outriderd goes on serving it, and says what to do.")
    own.reconfigure(mode="none")
    stage.command("publish", "status", own.name, "--offline", has=("serves mode enforce", "retire"),
                  only=("policy", "withheld", "retire", "exit"))

    tell.step("The way out: mode none first, with a clock that says when nobody can hold the former policy any more.")
    stage.command("publish", "retire", own.name, has=("retiring", "may hold enforce"))
    stage.publish("records", own.name)
    stage.foreigner("none")
    stage.pass_time(HOUR // 2, "Half of it")
    tell.say("MISTAKE: to take the record away now. The clock still runs; `records` sees nothing to take away.")
    stage.command("publish", "retire", own.name, has=("retiring", "until"), only=("retiring", "until"))
    stage.command("records", own.name, has=("There is nothing to do.",), only=("nothing to do",))

    stage.pass_time(HOUR, "The rest")
    stage.query("dane-only", "none")
    tell.step("It is over: now, and not before, the records may go.")
    stage.command("publish", "retire", own.name, has=("retired",))
    stage.publish("records", own.name)
    stage.pass_time(HOUR + TTL, "Caches forget the record")
    stage.publish("records", own.name)
    stage.command("records", own.name, has=("There is nothing to do.",), only=("policy retired", "nothing to do"))
    stage.query("dane-only", "none")
    stage.send("afterwards")


def play(build, tell):
    """The story in a world of its own."""
    exim = Exim()
    with World(()) as world, Postfix(packages.unpacked(build)) as postfix, \
            staged(build, world, os.path.join(namespace.HOME, "story"), exim, postfix, tell) as stage:
        tell_publish(stage)
