"""The HTTPS servers of MTA-STS policies: one listener, an address for each host, and for each its manners.

    good          200, text/plain, the policy
    404, 500      that status
    redirect      301 to a host where the policy lies
    slow          an octet a second
    endless       never stops
    oversized     a policy of 100 KiB
    malformed     a policy whose mode line is none
    html          the policy as text/html
    bomb          the policy, then 50 MB of blanks, as a small gzip
    silent        takes the request and says nothing
    unreachable   closes the connection at once
"""

import gzip
import http.server
import socketserver
import ssl
import threading
import time

PATH = "/.well-known/mta-sts.txt"
MANNERS = ("good", "404", "500", "redirect", "slow", "endless", "oversized", "malformed", "html", "bomb", "silent",
           "unreachable")


def policy_text(mode, mx, max_age):
    """A policy file (RFC 8461 §3.2)."""
    lines = ["version: STSv1", f"mode: {mode}", *(f"mx: {pattern}" for pattern in mx), f"max_age: {max_age}"]
    return "".join(line + "\r\n" for line in lines)


class PolicyHost:
    """One policy host. Tests may change text, server and chain while it serves."""

    def __init__(self, name, text, server="good", chain=None):
        self.name, self.text, self.chain = name, text, chain
        self.server = server
        self.contacts = 0   # connections, whatever became of them
        self.requests = []  # the path and SNI of each

    def body(self):
        """What goes out: octets, content type."""
        text = self.text if isinstance(self.text, bytes) else self.text.encode()
        if self.server == "oversized":
            text += b"mx: filler.example\r\n" * 5000
        elif self.server == "malformed":
            text = text.replace(b"mode: ", b"mood: ")
        return text, "text/html" if self.server == "html" else "text/plain"


class _Handler(http.server.BaseHTTPRequestHandler):
    """One request to one host; which one, the address tells."""

    protocol_version = "HTTP/1.1"
    timeout = 30

    def handle(self):
        self.host = self.server.hosts.get(self.connection.getsockname()[0])
        if self.host is None:
            return
        self.host.contacts += 1
        if self.host.server == "unreachable":
            return
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.host.chain.pem)
        context.sni_callback = self._note_sni
        self.sni = None
        try:
            self.connection.settimeout(self.timeout)
            self.connection = context.wrap_socket(self.connection, server_side=True)
            self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", buffering=0)
            super().handle()
        except (OSError, ValueError):
            pass  # a client that does not like us hangs up; its own log says why

    def finish(self):
        try:
            super().finish()
            self.connection.close()
        except OSError:
            pass

    def _note_sni(self, _socket, name, _context):
        self.sni = name

    def do_GET(self):
        host = self.host
        host.requests.append((self.path, self.sni))
        body, content_type = host.body()
        if host.server in ("404", "500"):
            self.send_error(int(host.server))
        elif host.server == "redirect":
            self._head(301, "text/plain", 0, ("Location", f"https://{host.name}/elsewhere.txt"))
        elif host.server == "silent":
            time.sleep(self.timeout)
        elif self.path not in (PATH, "/elsewhere.txt"):
            self.send_error(404)
        elif host.server == "slow":
            self._head(200, content_type, len(body))
            for octet in body:
                self.wfile.write(bytes([octet]))
                time.sleep(1)
        elif host.server == "endless":
            self._head(200, content_type, None, ("Connection", "close"))
            while True:
                self.wfile.write(b"mx: more.example\r\n" * 100)
        elif host.server == "bomb":
            packed = gzip.compress(body + b" " * 50_000_000)
            self._head(200, content_type, len(packed), ("Content-Encoding", "gzip"))
            self.wfile.write(packed)
        else:
            self._head(200, content_type, len(body))
            self.wfile.write(body)

    def _head(self, status, content_type, length, *more):
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        if length is not None:
            self.send_header("Content-Length", str(length))
        for name, value in more:
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_):
        """Requests are kept in PolicyHost.requests."""


class PolicyHosts(socketserver.ThreadingTCPServer):
    """All policy hosts: {address: PolicyHost}."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, hosts):
        self.hosts = hosts
        super().__init__(("0.0.0.0", 443), _Handler)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def handle_error(self, request, client_address):
        """A client that goes away in the middle is none of our business."""
