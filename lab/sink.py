"""A mail server for one test: on any port, with manners that the table of the lab has no word for. It writes down every
command it is given, and how TLS began.

    sink = Sink("relay.example", chain)
    with sink.listen("203.0.113.9", 587): ...            # a port of its own
    with sink.instead_of(world, "mx.dane-ee.example"): ...  # port 25 of a host of the lab's
    sink.deliveries("a@b.example")                       # [TLS version, "" for clear] of each accepted message
"""

import contextlib
import dataclasses
import select
import socket
import ssl
import threading

IDLE = 20  # seconds after which a client that says nothing is left alone


@dataclasses.dataclass
class Hello:
    """A TLS client hello (RFC 8446 §4.1.2), as far as tests look at it."""

    is_tls: bool                 # a handshake record of TLS; not SSL 2.0, not garbage
    versions: tuple = ()         # (3, 3) is TLS 1.2, (3, 4) TLS 1.3
    suites: tuple = ()           # numbers


@dataclasses.dataclass
class Visit:
    """One connection."""

    commands: list = dataclasses.field(default_factory=list)  # (TLS version or "", command line)
    hello: Hello = None
    tls: str = ""
    cipher: str = ""
    sni: str = ""
    error: str = ""
    is_hasty: bool = False       # spoke before it was answered, right after TLS had begun: believed what was injected
    is_resumed: bool = False     # the client continued an earlier TLS session: no certificate was shown
    taken: list = dataclasses.field(default_factory=list)     # recipients of accepted messages

    def verbs(self, tls=None):
        """The commands in order, or those under this version of TLS ("" for clear)."""
        return [line.split(" ")[0].upper() for version, line in self.commands if tls is None or version == tls]


class Sink:
    """One server. Its manners are attributes, which may change while it serves."""

    def __init__(self, name, chain=None, **manners):
        self.name, self.chain = name, chain
        self.greeting = f"220 {name} ESMTP"  # "": none, ever
        self.offers = ("8BITMIME", "SMTPUTF8", "STARTTLS")
        self.knows_ehlo = True
        self.is_wrapped = False   # TLS from the first octet, as on port 465
        self.injected = b""       # sent in clear behind the reply to STARTTLS
        self.versions = None      # (lowest, highest) ssl.TLSVersion
        self.ciphers = ""         # what OpenSSL calls them
        self.context = None       # ssl.SSLContext kept over connections, so that TLS sessions can be resumed
        for manner, value in manners.items():
            if not hasattr(self, manner):
                raise TypeError(f"a sink has no {manner}")
            setattr(self, manner, value)
        self.visits = []

    def deliveries(self, recipient):
        return [visit.tls for visit in list(self.visits) for address in visit.taken if address == recipient]

    def verbs(self):
        """Of all visits together."""
        return [verb for visit in list(self.visits) for verb in visit.verbs()]

    # Where it serves ------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def listen(self, *places):
        """places: (address, port), ..."""
        sockets = []
        try:
            for address, port in places:
                sockets.append(socket.create_server((address, port), backlog=64, family=socket.AF_INET6
                                                    if ":" in address else socket.AF_INET))
                threading.Thread(target=self._accept, args=(sockets[-1],), daemon=True).start()
            yield self
        finally:
            for each in sockets:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits in accept()
                each.close()

    def _accept(self, listener):
        while True:
            try:
                connection = listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    @contextlib.contextmanager
    def instead_of(self, world, name):
        """Take the connections to port 25 of one of the lab's MX hosts."""
        server, addresses = world.mx_server, set(world.addresses[name])
        before = server.finish_request

        def finish_request(request, client):
            if request.getsockname()[0].removeprefix("::ffff:") in addresses:
                self.serve(request)
            else:
                before(request, client)

        server.finish_request = finish_request
        try:
            yield self
        finally:
            server.finish_request = before

    # One session ----------------------------------------------------------------------------------------------

    def serve(self, connection):
        visit = Visit()
        self.visits.append(visit)
        connection.settimeout(IDLE)
        session = _Session(self, visit, connection)
        try:
            session.run()
        except (OSError, ValueError) as error:  # a client that does not like us hangs up; its own log says why
            visit.error = str(error)
        finally:
            with contextlib.suppress(OSError):
                session.file.close()  # a socket stays open as long as its file; sendmail waits for the end
                session.connection.close()


class _Session:
    """SMTP (RFC 5321, 3207), as much of it as a sending mail server needs."""

    def __init__(self, sink, visit, connection):
        self.sink, self.visit = sink, visit
        self.recipients = []
        self._use(connection)

    def _use(self, connection):
        """From here on everything goes over this connection; what an earlier one had in its buffer is gone."""
        self.connection, self.file = connection, connection.makefile("rb")

    def run(self):
        if self.sink.is_wrapped:
            self._handshake()
        if not self.sink.greeting:
            self.file.readline()  # until the client has had enough
            return
        self._reply(self.sink.greeting)
        if not self.sink.greeting.startswith("220"):
            return
        while line := self.file.readline(4096):
            line = line.decode("utf-8", "backslashreplace").rstrip("\r\n")
            self.visit.commands.append((self.visit.tls, line))
            if not self._command(line):
                return

    def _reply(self, *lines):
        text = "".join(f"{line[:3]}-{line[4:]}\r\n" for line in lines[:-1]) + lines[-1] + "\r\n"
        self.connection.sendall(text.encode())

    def _command(self, line):
        """False ends the session."""
        verb = line.split(" ")[0].upper()
        if verb == "EHLO" and self.sink.knows_ehlo:
            self._greet()
        elif verb in ("HELO", "MAIL", "RSET", "NOOP"):
            self._reply("250 2.0.0 OK")
        elif verb == "STARTTLS" and "STARTTLS" in self.sink.offers:
            self.connection.sendall(b"220 2.0.0 Ready to start TLS\r\n" + self.sink.injected)
            self._handshake()
        elif verb == "RCPT":
            self.recipients.append(line.partition("<")[2].partition(">")[0])
            self._reply("250 2.1.5 OK")
        elif verb == "DATA":
            self._reply("354 Go ahead")
            while self.file.readline(65536) not in (b".\r\n", b""):
                pass
            self.visit.taken += self.recipients
            self.recipients = []
            self._reply("250 2.0.0 taken")
        elif verb == "QUIT":
            self._reply("221 2.0.0 bye")
            return False
        else:
            self._reply("502 5.5.1 not here")
        return True

    def _greet(self):
        if self.visit.tls and self.sink.injected:
            # Who took the injected line for the answer goes on at once.
            self.visit.is_hasty = bool(self.connection.pending() or select.select([self.connection], [], [], 1.0)[0])
        offers = [offer for offer in self.sink.offers if not (self.visit.tls and offer == "STARTTLS")]
        self._reply(f"250 {self.sink.name}", *(f"250 {offer}" for offer in offers))

    def _handshake(self):
        self.visit.hello = read_hello(peek_record(self.connection))
        context = self.sink.context or ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.sink.chain.pem)
        if self.sink.ciphers:
            context.set_ciphers(self.sink.ciphers)
        if self.sink.versions:
            context.minimum_version, context.maximum_version = self.sink.versions
        context.sni_callback = self._note_sni
        self._use(context.wrap_socket(self.connection, server_side=True))
        self.visit.tls, self.visit.cipher = self.connection.version(), self.connection.cipher()[0]
        self.visit.is_resumed = self.connection.session_reused
        self.recipients = []

    def _note_sni(self, _socket, name, _context):
        self.visit.sni = name or ""


def peek_record(connection):
    """The first TLS record without taking it: what follows reads it again."""
    wanted, octets = 5, b""
    while len(octets) < wanted:
        ready = connection.recv(wanted, socket.MSG_PEEK | socket.MSG_WAITALL)
        if len(ready) <= len(octets):
            break
        octets = ready
        if len(octets) == 5 and octets[0] == 22:
            wanted = 5 + int.from_bytes(octets[3:5], "big")
    return octets


def read_hello(record):
    """Hello of a record: header (5), type and length (4), version (2), random (32), session id, suites, compression,
    extensions."""
    if len(record) < 44 or record[0] != 22 or record[5] != 1:
        return Hello(False)
    at = 43 + 1 + record[43]
    length = int.from_bytes(record[at:at + 2], "big")
    suites = tuple(int.from_bytes(record[at + 2 + i:at + 4 + i], "big") for i in range(0, length, 2))
    at += 2 + length
    at += 1 + record[at] + 2
    versions = (tuple(record[9:11]),)
    while at + 4 <= len(record):
        kind, size = int.from_bytes(record[at:at + 2], "big"), int.from_bytes(record[at + 2:at + 4], "big")
        if kind == 43:  # supported_versions
            listed = record[at + 5:at + 4 + size]
            versions = tuple(tuple(listed[i:i + 2]) for i in range(0, len(listed), 2))
        at += 4 + size
    return Hello(True, versions, suites)
