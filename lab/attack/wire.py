"""The attacker's place on the path of DNS. Two of them: before the name servers, where everybody's questions pass, and
before the resolver, where those of outriderd pass. What he does to whose answers is told by name, so that hundreds of
destinations are attacked at the same time, each in its own way.

All datagrams go through one thread and two sockets, as through a router: with a thread for each (forwarder.py) a
thousand messages on their way would make DNS so slow that mail waits for that reason.
"""

import selectors
import socket
import socketserver
import struct
import threading

import dns.message

from lab import forwarder
from lab.attack.kinds import HOSTING, TLD
from lab.nameservers import RESOLVER

DOMAIN_DEPTH, HOSTED_DEPTH = TLD.count(".") + 2, HOSTING.count(".") + 2
BUFFER = 4 << 20  # octets of questions that may wait


class Wire:
    """Changes the answers for attacked destinations; everybody else's pass as they are."""

    def __init__(self, address=None, upstream=RESOLVER):
        self.address, self.upstream = address or next(forwarder.addresses), upstream
        self.changes = {}     # destination -> change (forwarder.py)
        self.changed = set()  # destinations for which changes had something to do
        self._waiting = {}    # id on our way up -> (who asked, under which id, what is to be changed)
        self._next = 0

    def __enter__(self):
        self._down, self._up = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        for each in (self._down, self._up):
            each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        self._down.bind((self.address, 53))
        self._up.connect((self.upstream, 53))
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._down, selectors.EVENT_READ, self._ask)
        self._selector.register(self._up, selectors.EVENT_READ, self._answer)
        self._bell, bell = socket.socketpair()
        self._selector.register(bell, selectors.EVENT_READ, None)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._streams = _Streams(self)
        return self

    def __exit__(self, *_):
        self._bell.close()
        self._thread.join()
        self._streams.shutdown()
        self._streams.server_close()
        for each in (self._down, self._up, self._selector):
            each.close()

    def _run(self):
        while True:
            for key, _ in self._selector.select():
                if key.data is None:
                    return
                try:
                    key.data()
                except OSError:
                    pass  # nobody up there, for now: silence

    def _ask(self):
        octets, client = self._down.recvfrom(65535)
        change = self.changes.get(destination(octets))
        self._next = (self._next + 1) & 0xFFFF
        self._waiting[self._next] = client, octets, change
        self._up.send(struct.pack("!H", self._next) + octets[2:])

    def _answer(self):
        octets = self._up.recv(65535)
        client, question, change = self._waiting.pop(struct.unpack("!H", octets[:2])[0], (None, None, None))
        if client is None:
            return
        reply = changed(change, question, question[:2] + octets[2:])
        if reply is not None:
            self._down.sendto(reply, client)


class _Streams(socketserver.ThreadingTCPServer):
    """The same over TCP, which is rare."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, wire):
        self.wire = wire
        super().__init__((wire.address, 53), _Stream)
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def handle_error(self, request, client_address):
        """Somebody went away."""


class _Stream(socketserver.StreamRequestHandler):
    def handle(self):
        wire = self.server.wire
        with socket.create_connection((wire.upstream, 53), timeout=10) as up, up.makefile("rwb") as file:
            while length := self.rfile.read(2):
                question = self.rfile.read(*struct.unpack("!H", length))
                file.write(length + question)
                file.flush()
                answer = file.read(*struct.unpack("!H", file.read(2)))
                reply = changed(wire.changes.get(destination(question)), question, answer)
                if reply is None:
                    return
                self.wfile.write(struct.pack("!H", len(reply)) + reply)


def changed(change, question, answer):
    """Octets to pass on, or None."""
    if change is None:
        return answer
    reply = change(dns.message.from_wire(question), dns.message.from_wire(answer))
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
