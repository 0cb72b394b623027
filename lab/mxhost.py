"""The mail servers of the lab: one listener on port 25, an address for each host, and for each its manners.

    good               offers STARTTLS and takes every message
    no-starttls        does not offer it
    helo-only          knows no EHLO
    refuses-starttls   offers it, then answers 454
    starttls-500       offers it, then answers 500
    starttls-garbage   offers it, then answers something that is no SMTP
    breaks-handshake   says "ready" and closes the connection in the middle of the handshake
    injects            says "ready" and, still in clear, what looks like replies to later commands
    tls1.0, tls1.1     speaks no later version of TLS
    null-cipher        agrees to ciphers that encrypt nothing, and to no others
    anonymous-cipher   agrees to ciphers without certificate, and to no others
    export-cipher      chooses an export cipher, whether that was offered or not
    waits              answers EHLO when its gate opens
    down               closes the connection at once

A host may also be a real mail server that listens elsewhere, as port 25 is ours: what comes is passed on, octet by octet.

Each session is written down: who came, with which SNI and TLS, who sat at the keyboard, which certificate was shown,
and every octet of what is worth protecting: MAIL FROM, RCPT TO and the message, with the TLS it came in. That is what
tests go by: the log of a mail server is its opinion.
"""

import dataclasses
import select
import socket
import socketserver
import ssl
import threading

from lab.certs import Chain

OWNER, ATTACKER = "owner", "attacker"
REFUSALS = {"no-starttls": "454 4.7.0 TLS not available", "refuses-starttls": "454 4.7.0 TLS not available",
            "starttls-500": "500 5.5.1 what?", "starttls-garbage": "\x16\x03<html>"}
VERSIONS = {"tls1.0": ssl.TLSVersion.TLSv1, "tls1.1": ssl.TLSVersion.TLSv1_1}
# OpenSSL wants to be talked into these: security level 0, and TLS 1.2, because TLS 1.3 has nothing of the kind.
CIPHERS = {"tls1.0": "ALL:@SECLEVEL=0", "tls1.1": "ALL:@SECLEVEL=0", "null-cipher": "eNULL:!aNULL:@SECLEVEL=0",
           "anonymous-cipher": "aNULL:!eNULL:@SECLEVEL=0"}
MANNERS = ("good", "helo-only", *REFUSALS, "breaks-handshake", "injects", *CIPHERS, "export-cipher", "waits", "down")

INJECTED = "250-injected.example\r\n250 SIZE 1\r\n"  # the reply to the EHLO that the client will send inside TLS
EXPORT_CIPHER = 0x0003  # TLS_RSA_EXPORT_WITH_RC4_40_MD5
PATIENCE, GARBAGE = 30, 3  # seconds


@dataclasses.dataclass(frozen=True)
class Heard:
    """MAIL, RCPT or DATA with the octets that came, and the TLS they came in."""

    verb: str
    text: str
    tls: str       # version, "" in clear
    cipher: str = ""


@dataclasses.dataclass
class Session:
    """What happened on one connection."""

    host: str
    held_by: str = OWNER      # of the host, as it was when the session began
    manners: str = "good"
    ehlo: str = ""
    sni: str = ""
    tls: str = ""             # version, "" while in clear
    cipher: str = ""
    tls_error: str = ""
    shown: Chain = None       # what the host showed, once TLS was up
    was_fooled: bool = False  # the client took what was injected in clear for a reply within TLS
    recipients: list = dataclasses.field(default_factory=list)  # (address, version of TLS or ""), of this TLS state
    heard: list = dataclasses.field(default_factory=list)       # of Heard, from the first octet on
    messages: int = 0         # accepted after DATA


class MxHost:
    """One MX host. Tests may change server, chain, held_by, gate and behind while it serves."""

    def __init__(self, name, server="good", chain=None):
        self.name, self.server, self.chain = name, server, chain
        self.also = None  # a second chain, with a key of another algorithm
        self.behind = None  # (address, port) of the mail server that this host really is
        self.held_by = OWNER
        self.gate = None  # a threading.Event, for manners that wait
        self.sessions = []

    def deliveries(self, recipient):
        """TLS version ("" for clear) of each accepted message for this recipient."""
        return [tls for session in list(self.sessions) if session.messages
                for address, tls in session.recipients if address == recipient]


class _Handler(socketserver.StreamRequestHandler):
    """One SMTP session (RFC 5321, 3207), as much of it as a sending MTA needs."""

    timeout = PATIENCE

    def handle(self):
        self.host = self.server.hosts.get(_plain(self.connection.getsockname()[0]))
        if self.host is None or self.host.server == "down":
            return
        if self.host.behind:
            self._pass_on()
            return
        self.manners, self.chain = self.host.server, self.host.chain  # whatever becomes of the host meanwhile
        self.session = Session(self.host.name, self.host.held_by, self.manners)
        self.host.sessions.append(self.session)
        try:
            self._reply(f"220 {self.host.name} ESMTP")
            while True:
                line = self.rfile.readline(4096)
                if not line or not self._command(line.decode("utf-8", "backslashreplace").rstrip("\r\n")):
                    return
        except (OSError, ValueError):
            pass  # a client that does not like us hangs up; its own log says why

    def _pass_on(self):
        """Both ways, until one side is done."""
        try:
            with socket.create_connection(self.host.behind, PATIENCE) as server:
                ends = {self.connection: server, server: self.connection}
                while readable := select.select(list(ends), [], [], PATIENCE)[0]:
                    for end in readable:
                        octets = end.recv(65536)
                        if not octets:
                            return
                        ends[end].sendall(octets)
        except OSError:
            pass  # as a host that is down

    def finish(self):
        try:
            super().finish()
            self.connection.close()
        except OSError:
            pass

    def _reply(self, *lines):
        """One reply; all lines but the last with a dash after the code."""
        text = "".join(f"{line[:3]}-{line[4:]}\r\n" for line in lines[:-1]) + lines[-1] + "\r\n"
        self.wfile.write(text.encode())
        self.wfile.flush()

    def _command(self, line):
        """Answer one command; False ends the session."""
        verb = line.split(" ")[0].upper()
        if verb in ("MAIL", "RCPT"):
            self._note(verb, line)
        if verb == "EHLO" and self.manners == "helo-only":
            self._reply("502 5.5.1 not here")
        elif verb in ("EHLO", "HELO"):
            self._greet(verb, line[5:])
        elif verb == "STARTTLS":
            return self._start_tls()
        elif verb in ("MAIL", "RSET", "NOOP"):
            self._reply("250 2.0.0 OK")
        elif verb == "RCPT":
            self.session.recipients.append((line.partition("<")[2].partition(">")[0], self.session.tls))
            self._reply("250 2.1.5 OK")
        elif verb == "DATA":
            self._take_message()
        elif verb == "QUIT":
            self._reply("221 2.0.0 bye")
            return False
        else:
            self._reply("502 5.5.1 not here")
        return True

    def _note(self, verb, text):
        self.session.heard.append(Heard(verb, text, self.session.tls, self.session.cipher))

    def _greet(self, verb, name):
        self.session.ehlo = name
        if self.manners == "waits" and self.host.gate:
            self.host.gate.wait(PATIENCE)
        if self.manners == "injects" and self.session.tls:
            # A client that goes on before it was answered has had its answer from somebody else.
            goes_on = self.connection.pending() or select.select([self.connection], [], [], 0.5)[0]
            self.session.was_fooled = bool(goes_on)
        offer = not self.session.tls and self.manners != "no-starttls"
        self._reply(f"250 {self.host.name}", *([] if verb == "HELO" else
                    ["250 8BITMIME", "250 SMTPUTF8", *(["250 STARTTLS"] if offer else []), "250 PIPELINING"]))

    def _take_message(self):
        self._reply("354 Go ahead")
        octets = b""
        while (line := self.rfile.readline(65536)) not in (b".\r\n", b""):
            octets += line
        self._note("DATA", octets.decode("utf-8", "backslashreplace"))
        self.session.messages += line != b""
        self._reply("250 2.0.0 taken")

    def _start_tls(self):
        if self.manners in REFUSALS:
            self._reply(REFUSALS[self.manners])
            if self.manners == "starttls-garbage":
                self.connection.settimeout(GARBAGE)  # some wait for a better reply
            return True
        self._reply("220 2.0.0 Ready to start TLS" + (f"\r\n{INJECTED}".rstrip() if self.manners == "injects" else ""))
        if self.manners == "breaks-handshake":
            self.connection.recv(1)  # the hello has begun
            self.connection.shutdown(socket.SHUT_RDWR)
            return False
        if self.manners == "export-cipher":
            self.session.tls_error = self._choose_export_cipher()
            return False
        try:
            self.connection = self._context().wrap_socket(self.connection, server_side=True)
        except OSError as error:
            self.session.tls_error = str(error)
            return False
        # What a man in the middle put after STARTTLS in clear must not count (CVE-2011-0411): new buffers. And none at
        # all where we want to know whether the client waits for its reply.
        self.rfile = self.connection.makefile("rb", buffering=0 if self.manners == "injects" else -1)
        self.wfile = self.connection.makefile("wb")
        self.session.tls, self.session.cipher = self.connection.version(), self.connection.cipher()[0]
        self.session.shown = None if self.manners == "anonymous-cipher" else self.chain
        self.session.recipients.clear()
        return True

    def _context(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if self.manners in CIPHERS:
            context.minimum_version = VERSIONS.get(self.manners, ssl.TLSVersion.TLSv1_2)
            context.maximum_version = context.minimum_version
            context.set_ciphers(CIPHERS[self.manners])
        if self.manners != "anonymous-cipher":
            context.load_cert_chain(self.chain.pem)
            if self.host.also:
                context.load_cert_chain(self.host.also.pem)
        context.sni_callback = self._note_sni
        return context

    def _note_sni(self, _socket, name, _context):
        self.session.sni = name or ""

    def _choose_export_cipher(self):
        """A ServerHello by hand, because OpenSSL 3 knows no such cipher. Says what the client made of it."""
        header = self.rfile.read(5)
        self.rfile.read(int.from_bytes(header[3:], "big"))  # the ClientHello
        body = b"\x03\x03" + bytes(range(32)) + b"\x00" + EXPORT_CIPHER.to_bytes(2, "big") + b"\x00"
        message = b"\x02" + len(body).to_bytes(3, "big") + body
        self.connection.sendall(b"\x16\x03\x03" + len(message).to_bytes(2, "big") + message)
        answer = self.rfile.read(7)
        return f"alert {answer[6]}" if answer[:1] == b"\x15" else f"answered {answer.hex() or 'nothing'}"


class MxHosts(socketserver.ThreadingTCPServer):
    """All MX hosts: {address: MxHost}."""

    address_family = socket.AF_INET6  # and IPv4 by mapped addresses
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, hosts):
        self.hosts = hosts
        super().__init__(("::", 25), _Handler)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def server_bind(self):
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()

    def handle_error(self, request, client_address):
        """A client that goes away in the middle is none of our business."""


def _plain(address):
    return address.removeprefix("::ffff:")
