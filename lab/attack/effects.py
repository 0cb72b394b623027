"""What an attacker can do, each thing a function of the destination (cell.py) that it is done to.

Attacks (attacks.py) are made of these, several at a time. Nothing here needs to be undone: Cell.restore() does that.
In certificates, {ca} is the issuer that the destination would believe, and {strange_ca} one that others would.
"""

import datetime

import dns.dnssec
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from lab import forwarder, mxhost, policyhost, zones
from lab.attack.kinds import TTL
from lab.model import SIGNED

DAY = datetime.timedelta(days=1)


# SMTP ---------------------------------------------------------------------------------------------------------


def man_in_the_middle(server="good", cert="self", first_only=False):
    """The attacker answers at the addresses of the MX hosts, with these manners and a certificate of his own."""
    def effect(cell):
        for host in cell.hosts[:1] if first_only else cell.hosts:
            host.held_by, host.server, host.chain = mxhost.ATTACKER, server, cell.certificate(cert, host.name)
    return effect


def tampered(server):
    """The sessions with the true hosts, changed on the way."""
    def effect(cell):
        for host in cell.hosts:
            host.server = server
    return effect


def downgraded(server):
    """The true hosts and their certificates, but TLS so weak that the attacker reads along and writes."""
    def effect(cell):
        for host in cell.hosts:
            host.held_by, host.server = mxhost.ATTACKER, server
    return effect


# DNS: where ---------------------------------------------------------------------------------------------------


def everywhere(change, *rtypes):
    """Answers are changed on their way from the name servers: Outrider and the mail servers see the same."""
    return lambda cell: cell.change_dns(cell.wire, _authoritative(_of(cell, change)), rtypes)


def for_outrider(change, *rtypes):
    """Answers are changed between the resolver and outriderd: the mail servers see the truth."""
    return lambda cell: cell.change_dns(cell.near, _of(cell, change), rtypes)


def _of(cell, change):
    return change.made_for(cell) if hasattr(change, "made_for") else change


def _authoritative(change):
    """What is forged claims to come from the name server itself."""
    def changed(question, reply):
        reply = change(question, reply)
        if isinstance(reply, dns.message.Message):
            reply.flags = (reply.flags | dns.flags.AA) & ~dns.flags.RA
        return reply
    return changed


class For:
    """A change that depends on the destination: made_for(cell) gives the change."""

    def __init__(self, make):
        self.made_for = make


# DNS: what ----------------------------------------------------------------------------------------------------

deny, strip, silent = forwarder.empty, forwarder.strip, forwarder.silent
servfail = forwarder.fail("SERVFAIL")


def only(rtype, *rdatas):
    """These unsigned records, and soon others again."""
    forge = forwarder.forge(rtype, *rdatas)

    def forged(question, reply):
        reply = forge(question, reply)
        for rrset in reply.answer:
            rrset.ttl = TTL
        return reply
    return forged


# The attacker's host, which has a certificate of a public CA and TLSA records, all of it for its own name.
forged_mx = For(lambda cell: only("MX", f"5 {cell.evil.name}."))
forged_mx_beside = For(lambda cell: only("MX", f"5 {cell.evil.name}.", *cell.mx_records()))
forged_address = For(lambda cell: only("A", cell.evil_address))
forged_tlsa = For(lambda cell: only("TLSA", cell.tlsa_of_attacker()))


def _claim_ad(cell):
    forge = forged_tlsa.made_for(cell)
    return lambda question, reply: forwarder.claim(question, forge(question, reply))


forged_tlsa_with_ad = For(_claim_ad)


def _replayed(cell):
    """A TLSA record that was true once, for a key that the attacker has got hold of: its signature has expired. Not
    just yesterday: validators allow for clocks that are wrong by a day."""
    def change(question, _reply):
        owner = question.question[0].name
        end = datetime.datetime.now(datetime.timezone.utc) - 3 * DAY
        old = dns.rrset.from_text(owner, TTL, "IN", "TLSA", cell.tlsa_of_attacker())
        return signed_answer(cell.world, question, old, end - 30 * DAY, end)
    return change


replayed_tlsa = For(_replayed)


def _borrowed(cell):
    """A true and properly signed denial, but of another name."""
    def change(question, _reply):
        asked = question.question[0]
        zone = cell.world.zones.zone_of(asked.name.to_text())
        other = dns.message.make_query(f"nothing-here.{zone.name}", asked.rdtype, want_dnssec=True)
        proof = dns.query.udp(other, cell.wire.upstream, timeout=5)
        reply = dns.message.make_response(question)
        reply.authority = proof.authority
        return reply
    return change


borrowed_denial = For(_borrowed)


def _nsec3(cell):
    """An NSEC3 record out of thin air that opts everything out, under a signature that is noise."""
    def change(question, reply):
        zone = dns.name.from_text(cell.world.zones.zone_of(question.question[0].name.to_text()).name)
        owner = dns.name.from_text("0" * 32, zone)
        signature = (f"NSEC3 13 {len(zone)} {TTL} 20990101000000 20200101000000 {cell.world.zones.key.tag} {zone} "
                     + "ABCD" * 22)
        forged = forwarder.empty(question, reply)
        forged.authority += [dns.rrset.from_text(owner, TTL, "IN", "NSEC3", f"1 1 1 ab {'v' * 32} NS"),
                             dns.rrset.from_text(owner, TTL, "IN", "RRSIG", signature)]
        return forged
    return change


forged_nsec3 = For(_nsec3)


def signed_answer(world, question, rrset, begin=None, end=None):
    """The zone's own answer, signed where the zone is. Attackers have none of these; owners do, also of old ones."""
    reply = dns.message.make_response(question)
    reply.answer.append(rrset)
    zone = world.zones.zone_of(rrset.name.to_text())
    if zone.kind == SIGNED:
        now = datetime.datetime.now(datetime.timezone.utc)
        key = world.zones.key
        dnskey = dns.rdata.from_text("IN", "DNSKEY", key.dnskey)
        signature = dns.dnssec.sign(rrset, key.private, dns.name.from_text(zone.name), dnskey,
                                    begin or now - DAY, end or now + DAY)
        reply.answer.append(dns.rrset.from_rdata(rrset.name, rrset.ttl, signature))
    return reply


# MTA-STS ------------------------------------------------------------------------------------------------------


def _new_id(cell):
    def change(question, _reply):
        owner = question.question[0].name
        new = dns.rrset.from_text(owner, TTL, "IN", "TXT", zones.quoted("v=STSv1; id=2;"))
        return signed_answer(cell.world, question, new)
    return change


def new_id(cell):
    """The owner announces another policy: that is when a policy host is asked again, and attacks on it can begin."""
    everywhere(For(_new_id), "TXT")(cell)


def policy_host(server="good", cert="", text=None):
    """The policy host, or who answers in its place: manners, certificate (none: the true one), text made from the cell.
    A destination without one has nothing to fear."""
    def effect(cell):
        if cell.policy is None:
            return
        cell.policy.server = server
        if cert:
            cell.policy.chain = cell.certificate(cert, cell.policy.name)
        if text:
            cell.policy.text = text(cell)
    return effect


def mode_none(_cell):
    return policyhost.policy_text("none", (), 86400)


def attackers_policy(cell):
    return policyhost.policy_text("enforce", [cell.evil.name], 86400)


def older_policy(cell):
    """As it was before the domain went from testing to enforce."""
    return policyhost.policy_text("testing", cell.row.patterns(), 86400)
