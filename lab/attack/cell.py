"""One attack on one destination of its own: the destination in the lab, and how to put it back."""

from lab import forwarder, mxhost
from lab.attack.kinds import TLD
from lab.model import UNSIGNED, Host, Scenario

EVIL = f"evil.{TLD}"


def evil_scenario(cells):
    """The attacker's own domain, all in order: signed, certificates, TLSA records; a host for each cell."""
    hosts = tuple(Host(cell.label, cert="lab rooted", tlsa=("3 1 1",)) for cell in cells)
    return scenario("evil", "the attacker's", hosts=hosts, ttl=300)


def scenario(name, has, **settings):
    """Without expectations: those are the judge's."""
    return Scenario(name, has, level="", exim="", postfix="", why="", rows="", tld=TLD, **settings)


class Cell:
    """See attacks.py for attack, kinds.py for kind."""

    def __init__(self, attack, kind):
        self.attack, self.kind = attack, kind
        self.name = f"{attack.name}/{kind.name}"
        self.label = f"{kind.name}--{attack.label}"  # in DNS
        self.row = attack.shape(kind.scenario(self.label))
        self.domain = self.row.domain
        self.partners = [f"also-{self.label}.{TLD}"] if attack.companion else []  # sendmail sends in alphabetical order

    def rows(self):
        """What the lab must have for this cell: the destination and, for attacks that want one, an innocent domain
        without any policy at the same MX host."""
        yield self.row
        for partner in self.partners:
            yield scenario(partner.partition(".")[0], "no policy, the same MX host", zone=UNSIGNED, ttl=self.row.ttl,
                           hosts=(Host(shared=self.row.host_name(self.row.hosts[0])),))

    def settle(self, world, wire, near):
        """Called when everything is there. wire: before the name servers; near: before the resolver (wire.py)."""
        self.world, self.wire, self.near = world, wire, near
        self.hosts = [world.mx[self.row.host_name(host)] for host in self.row.hosts]
        self.evil = world.mx[f"{self.label}.{EVIL}"]
        self.evil.held_by = mxhost.ATTACKER
        self.evil_address = world.addresses[self.evil.name][0]
        self.policy = world.policies.get(self.row.policy_name()) if self.row.sts else None
        self._before = [(host, host.server, host.chain) for host in self.hosts]
        self._policy_before = self.policy and (self.policy.server, self.policy.chain, self.policy.text)
        self.chains = {host.name: host.chain for host in self.hosts}  # the true ones
        self._fetches = 0

    # What effects.py needs ----------------------------------------------------------------------------------

    def certificate(self, kind, name):
        """A fresh one in the attacker's hands; see effects.py for the braces."""
        return self.world.certs.issue(kind.format(ca=self.kind.ca, strange_ca=self.kind.strange_ca), name, self.domain)

    def tlsa_of_attacker(self):
        """What DNS would have to say to make the attacker's certificate good."""
        return self.world.certs.tlsa("3 1 1", self.hosts[0].chain)

    def mx_records(self):
        return [f"{host.preference} {self.row.host_name(host)}." for host in self.row.hosts]

    def change_dns(self, place, change, rtypes):
        """After what is changed there already; rtypes: of these questions, none: all."""
        def noted(question, reply):
            place.changed.add(self.label)
            return change(question, reply)
        before, limited = place.changes.get(self.label), forwarder.at(".", noted, *rtypes)
        place.changes[self.label] = forwarder.each(before, limited) if before else limited

    # On and off ---------------------------------------------------------------------------------------------

    def attack_it(self):
        self.forget_sessions()
        for place in (self.wire, self.near):
            place.changed.discard(self.label)
        self._fetches = self.policy.contacts if self.policy else 0
        for effect in self.attack.effects:
            effect(self)

    def restore(self):
        """Everybody honest again."""
        for place in (self.wire, self.near):
            place.changes.pop(self.label, None)
        for host, server, chain in self._before:
            host.held_by, host.server, host.chain, host.gate = mxhost.OWNER, server, chain, None
        if self.policy:
            self.policy.server, self.policy.chain, self.policy.text = self._policy_before

    def sessions_of(self, mta):
        """Its sessions with hosts of the destination and of its attacker since forget_sessions(). Who does not say who
        he is might be anybody."""
        return [session for host in (*self.hosts, self.evil) for session in list(host.sessions)
                if session.ehlo in (mta.ehlo, "")]

    def forget_sessions(self):
        for host in (*self.hosts, self.evil):
            host.sessions = []

    def met(self, mta):
        """Where the attack has been seen: one that nobody meets proves nothing. SMTP is what this mail server has seen,
        DNS and HTTPS may be what others have."""
        found = set()
        if {self.label} & (self.wire.changed | self.near.changed):
            found.add("dns")
        if self.policy and self.policy.contacts > self._fetches:
            found.add("https")
        if self.sessions_of(mta):
            found.add("smtp")
        return found
