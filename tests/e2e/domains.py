"""Destinations that a test has for itself, and waiting for what a daemon says of them.

Their records have a TTL of one second, so that what a test changes arrives soon.
"""

import json
import time

from lab import clients, policyhost, zones
from lab.model import UNSIGNED, Host, Scenario, Sts

QUICK = {"recheck": 1}   # the record of a policy in use is looked at every second
SOON = 20                # seconds in which a change must have arrived; most take one or two, on an idle machine


def row(name, ttl=1, **settings):
    """A scenario without expectations."""
    return Scenario(name, has="", level="", exim="", postfix="", why="", rows="", ttl=ttl, **settings)


class Domain:
    """One destination in the lab, and what its owner can do with it."""

    def __init__(self, lab, scenario):
        self.lab, self.row, self.name = lab, scenario, scenario.domain
        self.policy = lab.policies.get(scenario.policy_name())

    @property
    def fetches(self):
        return len(self.policy.requests)

    def set_record(self, *ids):
        """The id of the MTA-STS record; none: no record."""
        self.lab.set_records(f"_mta-sts.{self.name}", "TXT", [zones.quoted(f"v=STSv1; id={each};") for each in ids])

    def set_policy(self, mode="enforce", mx=None, max_age=86400):
        self.policy.text = policyhost.policy_text(mode, mx or self.row.patterns(), max_age)

    def block(self, manners="404"):
        """The policy host from now on has no policy."""
        self.policy.server = manners


def add(lab, *scenarios):
    """Domains for scenarios, in one go."""
    lab.add(*scenarios)
    return [Domain(lab, scenario) for scenario in scenarios]


def add_sts(lab, name, zone=UNSIGNED, hosts=(Host(),), ttl=1, **sts):
    """One domain with a policy."""
    return add(lab, row(name, ttl, zone=zone, hosts=hosts, sts=Sts(**{"records": ("v=STSv1; id=1;",), **sts})))[0]


def ask(daemon, destination, timeout=30.0):
    """`outrider query --json` without starting a program for it; None where the daemon says nothing."""
    answer = clients.line(daemon.line_socket, f"v1 query domain={destination} form=json\n", timeout)
    return json.loads(answer) if answer else None


def level(daemon, destination):
    verdict = ask(daemon, destination)
    return verdict["level"] if verdict else None


def ask_until(daemon, destination, is_done, seconds=SOON):
    """Ask again and again, as a busy mail server does, until is_done(verdict). Returns all verdicts; the last is it."""
    seen, deadline = [], time.monotonic() + seconds
    while True:
        seen.append(ask(daemon, destination))
        if seen[-1] and is_done(seen[-1]):
            return seen
        assert time.monotonic() < deadline, f"{destination} after {seconds} s: {seen[-1]}\n{daemon.log()}"
        time.sleep(0.05)


def levels(verdicts):
    return {verdict["level"] if verdict else None for verdict in verdicts}
