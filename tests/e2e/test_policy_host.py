"""The policy server as the Internet meets it: TLS versions and names, requests good and bad, slow clients, limits, challenges of ACME.

tests/unit/daemon/policy_host.c runs the server with a site made by hand; what the publisher makes of a configuration is for other tests. Needs neither
the lab nor root. PUB-01 and PUB-02 of the conformance checklist.
"""

import contextlib
import itertools
import os
import re
import select
import socket
import ssl
import subprocess
import threading
import time
from pathlib import Path

import pytest

from lab.certs import Certificates
from lab.process import wait_until

BUILD = Path(os.environ.get("OUTRIDER_BUILD", "build")).resolve()
PROGRAM = BUILD / "tests/unit/daemon/policy_host"
PATH = "/.well-known/mta-sts.txt"
TOKENS = "/.well-known/acme-challenge/"
ORG, NET, BARE = "mta-sts.example.org", "mta-sts.example.net", "mta-sts.bare.example"
LOOPBACK = "127.0.0.1"
SANITIZERS = ("Sanitizer", "runtime error:")

pytestmark = pytest.mark.skipif(not PROGRAM.exists(), reason=f"{PROGRAM} is not built")


def policy(domain):
    return f"version: STSv1\r\nmode: testing\r\nmx: mx.{domain}\r\nmax_age: 86400\r\n"


def free_port():
    with socket.socket() as s:
        s.bind((LOOPBACK, 0))
        return s.getsockname()[1]


class PolicyHost:
    """One server; `options` are those of the program."""

    def __init__(self, folder, certificates, debug=False, **options):
        self.https, self.plain, self.acme = free_port(), free_port(), free_port()
        self.ca, self.stderr = certificates.bundle, folder / "log"
        self.tokens = folder / "tokens"
        self.tokens.mkdir(exist_ok=True)
        self.sockets = folder / "plain.sock"
        words = ["https", f"inet:{LOOPBACK}:{self.https}", "plain", f"inet:{LOOPBACK}:{self.plain}", "plain", f"unix:{self.sockets}",
                 "acme", f"inet:{LOOPBACK}:{self.acme}", "tokens", str(self.tokens), "policy", "bare.example"]
        for domain in ("example.org", "example.net"):
            key, chain = re.match("(.*?)(-----BEGIN CERTIFICATE.*)", Path(certificates.issue("lab", f"mta-sts.{domain}").pem).read_text(),
                                  re.S).groups()
            (folder / f"{domain}.chain").write_text(chain)
            (folder / f"{domain}.key").write_text(key)
            words += ["policy", f"{domain}:{folder / domain}.chain:{folder / domain}.key"]
        for name, value in options.items():
            words += [name.replace("_", "-"), str(value)]
        environment = {**os.environ, **({"POLICY_HOST_DEBUG": "1"} if debug else {})}
        with open(self.stderr, "wb") as log:
            self.process = subprocess.Popen([str(PROGRAM), *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
                                            env=environment)
        assert self.process.stdout.readline() == "ready\n", self.log()

    def log(self):
        return self.stderr.read_text(errors="backslashreplace")

    def replace(self):
        """Another site, made of the same files."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "replaced\n"

    def end(self):
        """Its last words: counts of fetches and the metrics, {words before the number: number}."""
        output, _ = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, self.log()
        assert not any(word in self.log() for word in SANITIZERS), self.log()
        return {line.rpartition(" ")[0]: int(line.rpartition(" ")[2]) for line in output.splitlines() if not line.startswith("#")}

    def connect(self, port, source=None, timeout=30):
        return socket.create_connection((LOOPBACK, port), timeout=timeout, source_address=(source, 0) if source else None)

    def shake(self, name=ORG, low=None, high=None, alpn=None, source=None, check=True):
        context = ssl.create_default_context(cafile=self.ca)
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        if low:
            context.minimum_version = low
        if high:
            context.maximum_version = high
        if alpn:
            context.set_alpn_protocols(alpn)
        context.check_hostname = check
        if not check:
            context.verify_mode = ssl.CERT_NONE
        raw = self.connect(self.https, source)
        try:
            return context.wrap_socket(raw, server_hostname=name)
        except BaseException:
            raw.close()
            raise


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return Certificates(str(tmp_path_factory.mktemp("certificates")))


@pytest.fixture
def start(tmp_path, certificates):
    with contextlib.ExitStack() as stack:
        def start(**options):
            host = PolicyHost(tmp_path, certificates, **options)

            @stack.callback
            def end():
                if host.process.returncode is None:
                    host.end()
            return host
        yield start


@pytest.fixture(scope="module")
def host(tmp_path_factory, certificates):
    """For tests that do not mind each other."""
    shared = PolicyHost(tmp_path_factory.mktemp("shared"), certificates)
    yield shared
    shared.end()


def request(path=PATH, host=ORG, method="GET", version="HTTP/1.1", fields=""):
    return f"{method} {path} {version}\r\nHost: {host}\r\n{fields}\r\n".encode()


def read_reply(stream, is_head=False):
    """(status, {field: value}, body) of one answer."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        octet = stream.recv(1)
        if not octet:
            raise EOFError(head)
        head += octet
    first, *lines = head.decode("ascii").split("\r\n")[:-2]
    fields = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    assert len(fields) == len(lines), "a field twice"
    left = 0 if is_head else int(fields["content-length"])
    body = b""
    while len(body) < left:
        part = stream.recv(left - len(body))
        if not part:
            raise EOFError(body)
        body += part
    assert first.startswith("HTTP/1.1 ")
    return int(first.split(" ")[1]), fields, body.decode("ascii")


def ask(stream, octets, is_head=False):
    stream.sendall(octets)
    return read_reply(stream, is_head)


def is_closed(stream):
    """Whether the server ends the connection, without another octet."""
    try:
        return stream.recv(1) == b""
    except (ConnectionResetError, BrokenPipeError):
        return True


# What senders do ---------------------------------------------------------------------------------------------------


def curl(host, name, path=PATH, *options):
    return subprocess.run(["curl", "-sS", "-i", "--cacert", host.ca, "--max-time", "20", "--resolve", f"{name}:{host.https}:{LOOPBACK}", *options,
                           f"https://{name}:{host.https}{path}"], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("name, domain", [(ORG, "example.org"), (NET, "example.net"), (ORG.upper(), "example.org")])
def test_curl_gets_the_policy(host, name, domain):
    """PUB-01: 200, text/plain, the whole body, no redirect."""
    done = curl(host, name)
    assert done.returncode == 0, done.stderr
    head, body = done.stdout.split("\n\n", 1)
    assert head.startswith("HTTP/1.1 200 OK")
    assert "Content-Type: text/plain\n" in head + "\n" and "Cache-Control: max-age=60\n" in head + "\n"
    assert body.encode() == policy(domain).replace("\r\n", "\n").encode()


def test_curl_with_every_tls_it_has(host):
    for options in (["--tlsv1.2", "--tls-max", "1.2"], ["--tlsv1.3"], ["--http1.0"], ["--no-alpn"], ["--head"]):
        done = curl(host, ORG, PATH, *options)
        assert done.returncode == 0 and done.stdout.startswith("HTTP/1.1 200 OK"), (options, done)


def test_policy_octets_are_those_of_the_rfc(host):
    """Lines end with CR LF (PUB-03), on the wire too."""
    with host.shake() as stream:
        assert ask(stream, request())[2] == policy("example.org")


@pytest.mark.parametrize("low, high, version", [(ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2, "TLSv1.2"),
                                                (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_3, "TLSv1.3"), (None, None, "TLSv1.3")])
def test_tls_versions(host, low, high, version):
    with host.shake(low=low, high=high) as stream:
        assert stream.version() == version
        assert "GCM" in stream.cipher()[0] or "CHACHA20" in stream.cipher()[0]
        assert stream.compression() is None
        assert ask(stream, request())[0] == 200


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_older_tls_is_refused(host, version):
    with pytest.raises((ssl.SSLError, ConnectionResetError)) as refused:
        host.shake(low=version, high=version)
    assert "PROTOCOL_VERSION" in str(refused.value).upper().replace(" ", "_")


def s_client(host, *options):
    done = subprocess.run(["openssl", "s_client", "-connect", f"{LOOPBACK}:{host.https}", "-CAfile", host.ca, *options], input="",
                          capture_output=True, text=True, timeout=60)
    return done.stdout + done.stderr


@pytest.mark.parametrize("row, options", [("no SNI", ["-noservername"]), ("unknown", ["-servername", "mta-sts.example.com"]),
                                          ("the domain", ["-servername", "example.org"]),
                                          ("the name and more", ["-servername", ORG + ".example"]),
                                          ("a policy without a certificate", ["-servername", BARE]), ("no name at all", ["-servername", "a b"])])
@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_handshake_without_a_certificate_that_fits_is_ended(host, row, options, version):
    """PUB-02."""
    told = s_client(host, version, *options)
    assert "unrecognized name" in told and "BEGIN CERTIFICATE" not in told, (row, told)


@pytest.mark.parametrize("name", [ORG, NET])
@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_certificate_is_that_of_the_name(host, name, version):
    """PUB-02."""
    told = s_client(host, version, "-servername", name, "-verify_hostname", name, "-verify_return_error")
    assert "Verify return code: 0 (ok)" in told, told
    assert "Compression: NONE" in told


@pytest.mark.parametrize("cipher", ["AES256-GCM-SHA384", "AES128-SHA", "ECDHE-ECDSA-AES128-SHA", "DHE-RSA-AES128-GCM-SHA256"])
def test_suites_without_forward_secrecy_or_authentication_are_refused(host, cipher):
    told = s_client(host, "-tls1_2", "-servername", ORG, "-cipher", cipher + ":@SECLEVEL=0")
    assert "handshake failure" in told, told


def test_renegotiation_is_refused(host):
    with subprocess.Popen(["openssl", "s_client", "-connect", f"{LOOPBACK}:{host.https}", "-servername", ORG, "-tls1_2"], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as client:
        told, _ = client.communicate("R\n", timeout=30)
    assert re.search("no renegotiation|unexpected message|handshake failure", told), told


@pytest.mark.parametrize("offered, chosen", [(["http/1.1"], "http/1.1"), (["h2", "http/1.1"], "http/1.1"), (["http/1.0"], "http/1.0"), (None, None)])
def test_alpn(host, offered, chosen):
    with host.shake(alpn=offered) as stream:
        assert stream.selected_alpn_protocol() == chosen
        assert ask(stream, request())[0] == 200


def test_alpn_without_http_1_is_refused(host):
    with pytest.raises(ssl.SSLError, match="(?i)no.application.protocol"):
        host.shake(alpn=["h2"])


def session_of(host, file, version):
    """Into the file, from the first connection."""
    with subprocess.Popen(["openssl", "s_client", "-connect", f"{LOOPBACK}:{host.https}", "-servername", ORG, "-CAfile", host.ca, version, "-sess_out",
                           str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as client:
        client.stdin.write(request(fields="Connection: close\r\n").decode())
        client.stdin.flush()
        wait_until(file.exists, 20, lambda: "no session")  # of TLS 1.3: comes with the answer
        client.communicate(timeout=30)


def resumed(host, file, name, version, *options):
    return "Reused, " in s_client(host, version, "-servername", name, *options, str(file))


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_session_is_resumed_for_its_name_only(start, tmp_path, version):
    """A ticket for one name would otherwise let another in without a look at its certificate."""
    host, file = start(), tmp_path / "session"
    session_of(host, file, version)
    assert resumed(host, file, ORG, version, "-sess_in")
    assert not resumed(host, file, NET, version, "-sess_in")
    counts = host.end()
    assert counts['outrider_policy_host_handshakes_total{result="resumed"}'] == 1
    assert counts['outrider_policy_host_handshakes_total{result="full"}'] == 2


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_tickets_end_with_their_key(start, tmp_path, version):
    host, file = start(tickets=1), tmp_path / "session"
    session_of(host, file, version)
    time.sleep(0.01)
    assert not resumed(host, file, ORG, version, "-sess_in")


# Requests ----------------------------------------------------------------------------------------------------------

REQUESTS = [
    ("HEAD", request(method="HEAD"), 200),
    ("another path", request("/"), 404),
    ("another path below", request(PATH + "/x"), 404),
    ("a way round", request("/.well-known/../.well-known/mta-sts.txt"), 404),
    ("another host", request(host=NET), 421),
    ("no such host", request(host="localhost"), 421),
    ("POST", request(method="POST"), 405),
    ("PUT", request(method="PUT"), 405),
    ("TRACE", request(method="TRACE"), 405),
    ("a method of nobody", request(method="BREW"), 405),
    ("a body", request(fields="Content-Length: 5\r\n") + b"hello", 413),
    ("a chunked body", request(fields="Transfer-Encoding: chunked\r\n") + b"0\r\n\r\n", 413),
    ("HTTP/2 by prior knowledge", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    ("LF alone", request().replace(b"\r\n", b"\n"), 400),
    ("no Host", f"GET {PATH} HTTP/1.1\r\n\r\n".encode(), 400),
    ("Host twice", request(fields=f"Host: {ORG}\r\n"), 400),
    ("a folded line", request(fields="X: a\r\n b\r\n"), 400),
    ("NUL in the target", request(PATH + "\0"), 400),
    ("NUL in a field", request(fields="X: a\0b\r\n"), 400),
    ("NULs alone", b"\0" * 100, 400),
    ("a header of 16 KiB", request(fields="X: " + "x" * 16384 + "\r\n"), 431),
    ("65 fields", request(fields="X: y\r\n" * 64), 431),
    ("a target of 16 KiB", request("/" + "x" * 16384), 414),
    ("TLS within TLS", b"\x16\x03\x01\x00\xa5\x01\x00", 400),
]
ENDING = (400, 413, 414, 431, 505)


@pytest.mark.parametrize("row, octets, status", REQUESTS, ids=[row for row, _, _ in REQUESTS])
@pytest.mark.parametrize("kind", ["https", "plain"])
def test_requests(host, kind, row, octets, status):
    with (host.shake() if kind == "https" else host.connect(host.plain)) as stream:
        if kind == "plain" and row == "another host":
            status = 200  # the proxy has chosen
        got, fields, body = ask(stream, octets, is_head=row == "HEAD")
        assert got == status
        assert fields["content-type"] == "text/plain" and "date" in fields
        assert (fields.get("allow") == "GET, HEAD") == (status == 405)
        assert (fields["cache-control"] == "max-age=60") == (status == 200)
        assert "location" not in fields
        if status in ENDING:
            assert fields["connection"] == "close" and is_closed(stream)
        elif row != "HEAD":
            assert ask(stream, request())[0] == 200  # and it goes on


@pytest.mark.parametrize("kind", ["https", "plain"])
def test_answer_survives_what_the_client_still_sends(host, kind):
    """RFC 9112 §9.6: closing at once would reset the connection, and take the answer from the client."""
    with (host.shake() if kind == "https" else host.connect(host.plain)) as stream:
        with contextlib.suppress(ConnectionResetError, BrokenPipeError, ssl.SSLError):
            stream.sendall(request(fields="Content-Length: 60000\r\n") + b"x" * 60000)
        time.sleep(0.3)  # for a reset to arrive
        assert read_reply(stream)[0] == 413


def test_keep_alive_and_close(host):
    with host.shake() as stream:
        for _ in range(5):
            status, fields, _ = ask(stream, request())
            assert status == 200 and "connection" not in fields
        assert ask(stream, request(fields="Connection: close\r\n"))[1]["connection"] == "close"
        assert is_closed(stream)


@pytest.mark.parametrize("fields, goes_on", [("", False), ("Connection: keep-alive\r\n", True)])
def test_http_1_0(host, fields, goes_on):
    with host.connect(host.plain) as stream:
        assert ask(stream, request(version="HTTP/1.0", fields=fields))[1]["connection"] == ("keep-alive" if goes_on else "close")
        if goes_on:
            assert ask(stream, request())[0] == 200
        else:
            assert is_closed(stream)


@pytest.mark.parametrize("kind", ["https", "plain"])
@pytest.mark.parametrize("count", [2, 100, 2000])
def test_pipelining(host, kind, count):
    """Answers in the order of their requests; 2000 of them are more than any buffer holds."""
    with (host.shake() if kind == "https" else host.connect(host.plain)) as stream:
        octets = b"".join(request(PATH if i % 2 == 0 else "/") for i in range(count))
        sending = threading.Thread(target=stream.sendall, args=(octets,))
        if kind == "https":  # Python's TLS is not for two threads: what fits into buffers is sent first
            octets = octets[:40 * len(request())]
            count = min(count, octets.count(b"\r\n\r\n"))
            stream.sendall(octets)
        else:
            sending.start()
        for i in range(count):
            assert read_reply(stream)[0] == (200 if i % 2 == 0 else 404)
        if kind == "plain":
            sending.join()


def ask_until_full(stream):
    """Requests, and no look at an answer, until nothing more fits into any buffer."""
    octets, sent = request() * 1000, 0
    stream.setblocking(False)
    while select.select([], [stream], [], 0.5)[1]:
        with contextlib.suppress(BlockingIOError):
            sent += stream.send(octets[sent % len(octets):])
    return sent


def test_client_that_reads_late_is_waited_for(start):
    """Its answers wait in one small buffer, in order and whole; others do not wait with it."""
    host = start(timeout=30000)
    with host.connect(host.plain) as late:
        whole = ask_until_full(late) // len(request())
        with host.connect(host.plain) as other:
            assert ask(other, request())[0] == 200
        late.setblocking(True)
        late.settimeout(30)
        rest, count = b"", 0
        while count < whole:
            rest += late.recv(1 << 20)
            *answers, rest = re.split(b"(?<=max_age: 86400\r\n)", rest)
            assert all(re.fullmatch(b"HTTP/1.1 200 OK\r\n.*\r\n\r\nversion: STSv1\r\n.*", answer, re.S) for answer in answers)
            count += len(answers)


def test_client_that_never_reads_is_dropped(start):
    host = start(timeout=1500)
    with host.connect(host.plain) as never:
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            ask_until_full(never)
        poll = select.poll()
        poll.register(never, 0)
        assert poll.poll(20000), "it is still there"  # reset or hung up, with its answers unread


@pytest.mark.parametrize("kind", ["https", "plain"])
def test_half_close(host, kind):
    """A client may say all that it has to say, end its side, and still get its answer."""
    if kind == "plain":
        with host.connect(host.plain) as stream:
            stream.sendall(request())
            stream.shutdown(socket.SHUT_WR)
            assert read_reply(stream)[0] == 200 and is_closed(stream)
        return
    done = subprocess.run(["openssl", "s_client", "-quiet", "-connect", f"{LOOPBACK}:{host.https}", "-servername", ORG, "-CAfile", host.ca],
                          input=request(fields="Connection: close\r\n"), capture_output=True, timeout=30)
    assert policy("example.org").encode() in done.stdout


def test_requests_in_single_octets(host):
    with host.shake() as stream:
        for octet in request():
            stream.sendall(bytes([octet]))
        assert read_reply(stream)[0] == 200


# Slow clients and limits -------------------------------------------------------------------------------------------


def test_slow_clients_do_not_matter(start):
    """One octet a second, for ever: others are answered at once, and the slow ones are gone when their time is over, not when they pause."""
    host = start(timeout=2000)
    stop = threading.Event()
    ended = []

    def drip(stream, octets):
        begin = time.monotonic()
        try:
            for octet in octets:
                stream.sendall(bytes([octet]))
                if stop.wait(0.5):
                    return
        except OSError:
            ended.append(time.monotonic() - begin)

    raw = [host.connect(host.https) for _ in range(20)]
    heads = [host.shake() for _ in range(5)] + [host.connect(host.plain) for _ in range(5)]
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500)
    threads = [threading.Thread(target=drip, args=(stream, hello)) for stream in raw]
    threads += [threading.Thread(target=drip, args=(stream, request(fields="X: " + "x" * 500))) for stream in heads]
    for thread in threads:
        thread.start()
    try:
        begin, answered = time.monotonic(), 0
        while len(ended) < len(threads):
            with host.shake() as stream:
                assert ask(stream, request())[0] == 200
            answered += 1
            assert time.monotonic() - begin < 60 and not stop.wait(0.05)
        assert answered > 5
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        for stream in raw + heads:
            stream.close()
    assert min(ended) > 1.5
    assert host.end()['outrider_policy_host_handshakes_total{result="timeout"}'] == 20


def test_silent_client_is_dropped(start):
    host = start(timeout=1000)
    with host.connect(host.https) as stream:
        assert is_closed(stream)


def test_limit_by_address(start):
    host = start(per_address=3)
    with contextlib.ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(host.shake(source="127.0.0.5"))
        with pytest.raises(OSError):
            host.shake(source="127.0.0.5")
        with host.shake(source="127.0.0.6") as other:
            assert ask(other, request())[0] == 200
        for _ in range(5):  # the proxy is not limited so
            assert ask(stack.enter_context(host.connect(host.plain)), request())[0] == 200
    def is_admitted():
        with contextlib.suppress(OSError), host.shake(source="127.0.0.5") as again:
            return ask(again, request())[0] == 200
        return False
    wait_until(is_admitted, 20, lambda: "not let in again")
    assert host.end()['outrider_limit_hits_total{limit="policy-host-address"}'] >= 1


def test_full_house_lets_new_clients_in(start):
    """The one that has been idle longest makes room; where none is idle, the one that has been busy longest."""
    host = start(connections=5)
    with contextlib.ExitStack() as stack:
        idle = [stack.enter_context(host.shake()) for _ in range(5)]
        assert ask(idle[0], request())[0] == 200  # now the youngest of them
        with host.shake() as stream:
            assert ask(stream, request())[0] == 200
            assert is_closed(idle[1])
            assert ask(idle[0], request())[0] == 200
        for stream in idle:
            stream.close()
        slow = [stack.enter_context(host.connect(host.https)) for _ in range(8)]
        for stream in slow:
            with contextlib.suppress(OSError):
                stream.sendall(b"\x16")
        with host.shake() as stream:
            assert ask(stream, request())[0] == 200
        assert is_closed(slow[0])
    assert host.end()['outrider_limit_hits_total{limit="policy-host"}'] >= 1


def test_short_of_descriptors(start):
    """Accepting pauses, and an idle connection gives its descriptor; nobody who is at work is disturbed."""
    host = start()
    limit = len(os.listdir(f"/proc/{host.process.pid}/fd")) + 6
    subprocess.run(["prlimit", f"--pid={host.process.pid}", f"--nofile={limit}:{limit}"], check=True)
    with contextlib.ExitStack() as stack:
        for _ in range(6):
            stack.enter_context(host.connect(host.plain))
        for _ in range(3):
            with host.connect(host.plain) as stream:
                assert ask(stream, request())[0] == 200
    assert host.end()['outrider_limit_hits_total{limit="files"}'] >= 1


# Proxies, counts, versions -----------------------------------------------------------------------------------------


def test_unix_socket_and_forwarded_addresses(start):
    host = start()
    for forwarded in ("X-Forwarded-For: 10.0.0.1, 192.0.2.77\r\n", "X-Forwarded-For: 192.0.2.1:4711\r\n", "X-Forwarded-For: [2001:db8:1:2::3]\r\n", "",
                      "X-Forwarded-For: unknown\r\n"):
        with socket.socket(socket.AF_UNIX) as stream:
            stream.connect(str(host.sockets))
            stream.settimeout(20)
            assert ask(stream, request(fields=forwarded))[0] == 200
    with host.shake(NET, source="127.7.7.7") as stream:  # nobody believes it from the Internet
        assert ask(stream, request(host=NET, fields="X-Forwarded-For: 192.0.2.99\r\n"))[0] == 200
    counts = host.end()
    assert counts["example.org 192.0.2.0/24"] == 2
    assert counts["example.org 2001:db8:1::/48"] == 1
    assert counts["example.org other"] == 2
    assert counts["example.net 127.7.7.0/24"] == 1
    assert abs(counts["last example.org"] - time.time()) < 60


def test_what_may_not_be_handed_out_is_not(start):
    """Beyond the horizon of a version the exit clock might become shorter than the truth."""
    host = start(horizon=-10)
    with host.shake() as stream:
        status, fields, body = ask(stream, request())
        assert status == 503 and "STSv1" not in body and fields["cache-control"] == "no-store"
    counts = host.end()
    assert counts["last example.org"] == 0 and "example.org 127.0.0.0/24" not in counts


def test_horizon_covers_the_time_that_an_answer_may_take(start):
    host = start(horizon=5, timeout=10000)
    with host.shake() as stream:
        assert ask(stream, request())[0] == 503


def test_site_is_replaced_under_traffic(start):
    host = start()
    stop, answers = threading.Event(), []

    def fetch():
        while not stop.is_set():
            with host.shake() as stream:
                answers.extend(ask(stream, request())[0] for _ in range(10))

    threads = [threading.Thread(target=fetch) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(50):
        host.replace()
    stop.set()
    for thread in threads:
        thread.join()
    assert len(answers) >= 40 and set(answers) == {200}
    assert host.end()["example.org 127.0.0.0/24"] == len(answers)


def test_log(start):
    """One line a fetch: the network of the client, not its address; what it says of itself cannot forge another."""
    host = start(debug=True)
    with host.shake(source="127.9.8.7") as stream:
        assert ask(stream, request(fields='User-Agent: evil" status=200 \xff' + "x" * 200 + "\r\n"))[0] == 200
        assert ask(stream, request("/secret"))[0] == 404
    host.end()
    served, = re.findall("^.*event=policy.served.*$", host.log(), re.M)
    refused, = re.findall("^.*event=policy.refused.*$", host.log(), re.M)
    assert re.search(r"domain=example\.org id=\w+ listener=https client=127\.9\.8\.0/24 method=GET status=200 tls=TLSv1\.3 agent=", served)
    assert "127.9.8.7" not in host.log() and len(served) < 400
    assert "path=/secret status=404" in refused


# ACME --------------------------------------------------------------------------------------------------------------


def ask_acme(host, path, method="GET"):
    with host.connect(host.acme) as stream:
        return ask(stream, request(path, "whoever.example", method), method == "HEAD")


def test_challenge(host):
    """From memory, under any name, without a redirect; what is not a token is not looked for."""
    (host.tokens / "tok_en-1").write_text("tok_en-1.thumbprint")
    wait_until(lambda: ask_acme(host, TOKENS + "tok_en-1")[0] == 200, 20, lambda: "never seen")
    status, fields, body = ask_acme(host, TOKENS + "tok_en-1")
    assert (status, body, fields["cache-control"]) == (200, "tok_en-1.thumbprint", "no-store")
    assert ask_acme(host, TOKENS + "tok_en-1", "HEAD")[1]["content-length"] == "19"
    assert ask_acme(host, TOKENS + "tok_en-1", "POST")[0] == 405
    for path in ("/", PATH, TOKENS, TOKENS + "../tok_en-1", TOKENS + "tok_en-1/", TOKENS + "%74ok_en-1", "//x"):
        assert ask_acme(host, path)[0] == 404, path
    (host.tokens / "tok_en-1").unlink()
    wait_until(lambda: ask_acme(host, TOKENS + "tok_en-1")[0] == 404, 20, lambda: "never gone")


def test_challenge_that_is_just_being_written(start):
    """A CA that is quicker than inotify finds the token all the same. (Where the machine is slower than that, with another token.)"""
    host = start()
    tokens = itertools.count(1)

    def is_found_late():
        token, begin = f"late{next(tokens)}", time.monotonic()
        late = threading.Timer(0.05, lambda: (host.tokens / token).write_text("late.thumbprint"))
        late.start()
        status = ask_acme(host, TOKENS + token)[0]
        late.join()
        assert time.monotonic() - begin >= 0.25 or status == 200
        return status == 200 and time.monotonic() - begin >= 0.25

    wait_until(is_found_late, 30, lambda: "never")
    with host.connect(host.acme) as stream:  # answers stay in order, and nobody else waits
        stream.sendall(request(TOKENS + "missing") + request("/"))
        assert ask_acme(host, "/")[0] == 404
        assert [read_reply(stream)[0], read_reply(stream)[0]] == [404, 404]


def test_half_close_while_a_challenge_is_waited_for(host):
    with host.connect(host.acme) as stream:
        stream.sendall(request(TOKENS + "never"))
        stream.shutdown(socket.SHUT_WR)
        assert read_reply(stream)[0] == 404 and is_closed(stream)
