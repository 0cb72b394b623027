"""The mail servers of the lab: one listener on port 25, an address for each host, and for each its manners.

    good               offers STARTTLS and takes every message
    no-starttls        does not offer it
    refuses-starttls   offers it, then answers 454
    breaks-handshake   says "ready" and closes the connection in the middle of the handshake
    down               closes the connection at once

Each session is written down: who came, with which SNI and TLS version, and which recipients were named in clear.
"""

import dataclasses
import socket
import socketserver
import ssl
import threading

MANNERS = ("good", "no-starttls", "refuses-starttls", "breaks-handshake", "down")


@dataclasses.dataclass
class Session:
    """What happened on one connection."""

    host: str
    ehlo: str = ""
    sni: str = ""
    tls: str = ""             # version, "" while in clear
    tls_error: str = ""
    recipients: list = dataclasses.field(default_factory=list)  # (address, version of TLS or "")
    messages: int = 0         # accepted after DATA


class MxHost:
    """One MX host. Tests may change server and chain while it serves."""

    def __init__(self, name, server="good", chain=None):
        self.name, self.server, self.chain = name, server, chain
        self.sessions = []

    def deliveries(self, recipient):
        """TLS version ("" for clear) of each accepted message for this recipient."""
        return [tls for session in list(self.sessions) if session.messages
                for address, tls in session.recipients if address == recipient]


class _Handler(socketserver.StreamRequestHandler):
    """One SMTP session (RFC 5321, 3207), as much of it as a sending MTA needs."""

    timeout = 30

    def handle(self):
        self.host = self.server.hosts.get(_plain(self.connection.getsockname()[0]))
        if self.host is None or self.host.server == "down":
            return
        self.session = Session(self.host.name)
        self.host.sessions.append(self.session)
        try:
            self._reply(f"220 {self.host.name} ESMTP")
            while True:
                line = self.rfile.readline(4096)
                if not line or not self._command(line.decode("utf-8", "backslashreplace").rstrip("\r\n")):
                    return
        except (OSError, ValueError):
            pass  # a client that does not like us hangs up; its own log says why

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
        if verb in ("EHLO", "HELO"):
            self.session.ehlo = line[5:]
            offer = not self.session.tls and self.host.server != "no-starttls"
            self._reply(f"250 {self.host.name}", "250 8BITMIME", "250 SMTPUTF8", *(["250 STARTTLS"] if offer else []),
                        "250 PIPELINING")
        elif verb == "STARTTLS":
            return self._start_tls()
        elif verb in ("MAIL", "RSET", "NOOP"):
            self._reply("250 2.0.0 OK")
        elif verb == "RCPT":
            self.session.recipients.append((line.partition("<")[2].partition(">")[0], self.session.tls))
            self._reply("250 2.1.5 OK")
        elif verb == "DATA":
            self._reply("354 Go ahead")
            while self.rfile.readline(65536) not in (b".\r\n", b""):
                pass
            self.session.messages += 1
            self._reply("250 2.0.0 taken")
        elif verb == "QUIT":
            self._reply("221 2.0.0 bye")
            return False
        else:
            self._reply("502 5.5.1 not here")
        return True

    def _start_tls(self):
        if self.host.server in ("no-starttls", "refuses-starttls"):
            self._reply("454 4.7.0 TLS not available")
            return True
        self._reply("220 2.0.0 Ready to start TLS")
        if self.host.server == "breaks-handshake":
            self.connection.recv(1)  # the hello has begun
            self.connection.shutdown(socket.SHUT_RDWR)
            return False
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.host.chain.pem)
        context.sni_callback = self._note_sni
        try:
            self.connection = context.wrap_socket(self.connection, server_side=True)
        except OSError as error:
            self.session.tls_error = str(error)
            return False
        # What a man in the middle put after STARTTLS in clear must not count (CVE-2011-0411): new buffers.
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb")
        self.session.tls = self.connection.version()
        self.session.recipients.clear()
        return True

    def _note_sni(self, _socket, name, _context):
        self.session.sni = name or ""


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
