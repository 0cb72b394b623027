"""What all stories are told with."""

import sys

NOT_SENT = ("deferred", "bounced", "lost")
NEVER = ("bounced", "lost", "clear")  # whatever a story is about


class Wrong(Exception):
    """A step did not come out as it must."""


class Teller:
    """Shows what is done and what comes of it."""

    def __init__(self, out=sys.stdout):
        self._out, self._number = out, 0

    def step(self, text):
        self._number += 1
        print(f"\n{self._number}. {text}\n", file=self._out, flush=True)

    def say(self, text):
        """In between, in the voice of the narrator."""
        print(f"\n   -- {text}\n", file=self._out, flush=True)

    def show(self, text):
        for line in text.rstrip().splitlines():
            print(f"   {line}", file=self._out, flush=True)


def send(tell, servers, expected, text):
    """A message to each domain with each mail server, shown as a table; expected: {domain: is delivered}."""
    outcomes = {}
    for server in servers:
        outcomes[server] = {}
        # One by one, those that wait first: Exim rests a second after a host has failed.
        for domain in sorted(expected, key=lambda domain: not expected[domain]):
            recipient = f"story@{domain}"
            outcomes[server][domain] = server.send([recipient])[recipient]
    tell.show(f"{'':<22}" + "".join(f"{type(server).__name__:<12}" for server in servers))
    for domain in expected:
        tell.show(f"{domain:<22}" + "".join(f"{outcomes[server][domain].outcome:<12}" for server in servers))
        for server in servers:
            word = outcomes[server][domain].outcome
            if (word not in NOT_SENT) != expected[domain] or word in NEVER:
                raise Wrong(f"{text}: {domain} with {type(server).__name__}: {outcomes[server][domain]}")
    return {domain: [outcomes[server][domain].outcome for server in servers] for domain in expected}
