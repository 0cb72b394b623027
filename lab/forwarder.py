"""A forwarder that does to DNS answers what a test wants: it stands between a daemon and the lab's resolver, or, with
another `upstream`, wherever questions pass.

    with Forwarder() as forwarder:
        forwarder.change = fail("SERVFAIL", "TLSA")      # a function of (question, reply); see below
        forwarder.asked                                  # [("example.org.", "MX"), ...]

A change gets the question and the resolver's reply as dnspython messages and returns the reply to send, or octets, or
None for silence. What is asked over TCP is changed in the same way.
"""

import itertools
import socket
import socketserver
import struct
import threading

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

from lab.nameservers import RESOLVER

addresses = (f"198.51.100.{number}" for number in itertools.count(101))
PROOFS = (dns.rdatatype.RRSIG, dns.rdatatype.NSEC, dns.rdatatype.NSEC3)


class Forwarder:
    """One forwarder, on port 53 of an address of its own."""

    def __init__(self, address=None, change=None, upstream=RESOLVER):
        self.address = address or next(addresses)
        self.upstream = upstream
        self.change = change
        self.asked = []
        self._servers = []
        for kind, handler in ((socketserver.ThreadingUDPServer, _Datagram), (socketserver.ThreadingTCPServer, _Stream)):
            server = type("Server", (kind,), {"allow_reuse_address": True, "daemon_threads": True,
                                              "max_packet_size": 65535, "handle_error": lambda *_: None})
            server = server((self.address, 53), handler)
            server.forwarder = self
            self._servers.append(server)
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def has_been_asked(self, name, rtype):
        return (name.rstrip(".") + ".", rtype) in self.asked

    def reply(self, octets, ask):
        """Octets to send, or None."""
        question = dns.message.from_wire(octets)
        asked = question.question[0]
        self.asked.append((asked.name.to_text().lower(), dns.rdatatype.to_text(asked.rdtype)))
        received = ask(octets)
        if self.change is None:
            return received
        changed = self.change(question, dns.message.from_wire(received))
        return changed if changed is None or isinstance(changed, bytes) else changed.to_wire(max_size=65535)


class _Datagram(socketserver.BaseRequestHandler):
    def handle(self):
        octets, ours = self.request
        reply = self.server.forwarder.reply(octets, self._ask)
        if reply is not None:
            ours.sendto(reply, self.client_address)

    def _ask(self, octets):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(10)
            client.connect((self.server.forwarder.upstream, 53))
            client.send(octets)
            return client.recv(65535)


class _Stream(socketserver.StreamRequestHandler):
    def handle(self):
        while length := self.rfile.read(2):
            reply = self.server.forwarder.reply(self.rfile.read(*struct.unpack("!H", length)), self._ask)
            if reply is None:
                return
            self.wfile.write(struct.pack("!H", len(reply)) + reply)

    def _ask(self, octets):
        address = (self.server.forwarder.upstream, 53)
        with socket.create_connection(address, timeout=10) as client, client.makefile("rwb") as file:
            file.write(struct.pack("!H", len(octets)) + octets)
            file.flush()
            return file.read(*struct.unpack("!H", file.read(2)))


# What can be done to an answer --------------------------------------------------------------------------------


def at(zone, change, *rtypes):
    """The change, but only to answers for names at and below `zone`, and of these types (none: all)."""
    zone = dns.name.from_text(zone)

    def limited(question, reply):
        asked = question.question[0]
        fits = asked.name.is_subdomain(zone) and (not rtypes or dns.rdatatype.to_text(asked.rdtype) in rtypes)
        return change(question, reply) if fits else reply
    return limited


def each(*changes):
    """One change after the other; silence ends it."""
    def changed(question, reply):
        for change in changes:
            if not isinstance(reply, dns.message.Message):
                break
            reply = change(question, reply)
        return reply
    return changed


def silent(_question, _reply):
    """No answer at all."""
    return None


def garbage(question, _reply):
    """The right id, and noise."""
    return struct.pack("!H", question.id) + b"\x81\x80" + b"\xff" * 40


def fail(rcode):
    """An error code instead of the answer."""
    def failed(question, _reply):
        reply = dns.message.make_response(question)
        reply.set_rcode(dns.rcode.from_text(rcode))
        return reply
    return failed


def strip(_question, reply):
    """Signatures and proofs taken away, as old forwarders do."""
    for section in (reply.answer, reply.authority):
        section[:] = [rrset for rrset in section if rrset.rdtype not in PROOFS]
    reply.flags &= ~dns.flags.AD
    return reply


def claim(_question, reply):
    """The AD bit set on whatever it is."""
    reply.flags |= dns.flags.AD
    return reply


def empty(question, reply):
    """An unsigned "no such record"."""
    forged = dns.message.make_response(question)
    forged.flags |= dns.flags.RA
    forged.authority = [rrset for rrset in reply.authority if rrset.rdtype == dns.rdatatype.SOA]
    return forged


def deny(question, reply):
    """An unsigned "no such name"."""
    forged = empty(question, reply)
    forged.set_rcode(dns.rcode.NXDOMAIN)
    return forged


def forge(rtype, *rdatas):
    """These unsigned records instead of the true ones, for every question of that type."""
    def forged(question, reply):
        asked = question.question[0]
        if dns.rdatatype.to_text(asked.rdtype) != rtype:
            return reply
        made = dns.message.make_response(question)
        made.flags |= dns.flags.RA
        made.answer = [dns.rrset.from_text(asked.name, 300, "IN", rtype, *rdatas)]
        return made
    return forged


def truncate(question, _reply):
    """Cut to nothing with TC set, over TCP as well."""
    cut = dns.message.make_response(question)
    cut.flags |= dns.flags.TC
    return cut
