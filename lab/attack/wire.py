"""The attacker's place on the path of DNS. Two of them: before the name servers, where everybody's questions pass, and
before the resolver, where those of outriderd pass. What he does to whose answers is told by name, so that hundreds of
destinations are attacked at the same time, each in its own way.
"""

import dns.message

from lab.attack.kinds import HOSTING, TLD
from lab.forwarder import Forwarder

DOMAIN_DEPTH, HOSTED_DEPTH = TLD.count(".") + 2, HOSTING.count(".") + 2


class Wire(Forwarder):
    """Changes the answers for attacked destinations; everybody else's pass as they are, and quickly."""

    def __init__(self, address=None, upstream=None):
        super().__init__(address, **({"upstream": upstream} if upstream else {}))
        self.changes = {}     # destination -> change (forwarder.py)
        self.changed = set()  # destinations for which changes had something to do

    def reply(self, octets, ask):
        name = destination(octets)
        change = self.changes.get(name)
        received = ask(octets)
        if change is None:
            return received
        reply = change(dns.message.from_wire(octets), dns.message.from_wire(received))
        return reply if reply is None or isinstance(reply, bytes) else reply.to_wire(max_size=65535)


def destination(octets):
    """The name of the destination that a question is about: NAME.attacked, or NAME-mx.hosting.attacked; or ""."""
    labels = question_labels(octets)
    if len(labels) >= HOSTED_DEPTH and ".".join(labels[1 - HOSTED_DEPTH:]) == HOSTING:
        return labels[-HOSTED_DEPTH].rpartition("-")[0]
    if len(labels) >= DOMAIN_DEPTH and labels[-1] == TLD:
        return labels[-DOMAIN_DEPTH]
    return ""


def question_labels(octets):
    """The first question's name, in lower case, without decoding the rest of the message."""
    at, labels = 12, []
    while at < len(octets) and octets[at]:
        labels.append(octets[at + 1:at + 1 + octets[at]].decode("latin-1").lower())
        at += 1 + octets[at]
    return labels
