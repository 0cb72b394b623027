"""outriderd as its clients see it: both protocols under friendly and hostile clients, limits, start and stop.

Needs neither root nor the lab: each daemon has Unix sockets in a folder of its own and asks a name server of ours on
a high port. The trust anchor covers a name that nobody asks for, so that everything else is provably insecure.

    NAME.test      MX 10 mx.NAME.test with an address, no MTA-STS
    slow.test      never answered
    broken.test    SERVFAIL
"""

import contextlib
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import tempfile
import threading
import time

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest

from lab.process import end

NOT_FOUND = b"9:NOTFOUND ,"
NO_POLICY = b'v=1 pol=none dane=* tls="" verify="" end=1\n'
ANCHOR = "anchored.test. IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D\n"
SOA = "ns.test. host.test. 1 3600 600 86400 60"


class NameServer(threading.Thread):
    """Answers on UDP; remembers nothing but how often each name was asked for."""

    def __init__(self):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.start()

    def run(self):
        while True:
            packet, peer = self.socket.recvfrom(4096)
            with contextlib.suppress(Exception):
                answer = self.answer(dns.message.from_wire(packet))
                if answer is not None:
                    self.socket.sendto(answer.to_wire(), peer)

    def answer(self, query):
        name, kind = query.question[0].name, query.question[0].rdtype
        text = name.to_text(omit_final_dot=True).lower()
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        if text.endswith("slow.test"):
            return None
        if text.endswith("broken.test"):
            answer.set_rcode(dns.rcode.SERVFAIL)
        elif kind == dns.rdatatype.MX and not text.startswith("mx."):
            answer.answer.append(dns.rrset.from_text(name, 300, "IN", "MX", f"10 mx.{text}."))
        elif kind == dns.rdatatype.A and text.startswith("mx."):
            answer.answer.append(dns.rrset.from_text(name, 300, "IN", "A", "192.0.2.25"))
        else:
            answer.authority.append(dns.rrset.from_text("test.", 300, "IN", "SOA", SOA))
        return answer


class Daemon:
    def __init__(self, build, nameserver, **settings):
        self.program = os.path.join(build, "outriderd")
        if not os.path.exists(self.program):
            self.program = os.path.join(build, "daemon", "outriderd")
        self.folder = tempfile.mkdtemp(prefix="outriderd-")
        self.nameserver = nameserver
        self.postfix = f"{self.folder}/postfix.sock"
        self.exim = f"{self.folder}/exim.sock"
        self.control = f"{self.folder}/control.sock"
        self.config = f"{self.folder}/outrider.conf"
        self.logfile = f"{self.folder}/log"
        self.process = None
        with open(f"{self.folder}/anchor", "w") as out:
            out.write(ANCHOR)
        self.configure(**settings)

    def configure(self, limits="", store=None, more="", timeout=10):
        with open(self.config, "w") as out:
            out.write(f"""
                socketmap {{ listen = {{ "unix:{self.postfix}" }} }}
                line {{ listen = {{ "unix:{self.exim}" }} }}
                control {{ listen = {{ "unix:{self.control}" }} }}
                dns {{ forwarders = {{ "127.0.0.1@{self.nameserver.port}" }} allow_localhost = true
                      trust_anchor = "{self.folder}/anchor" self_test = false timeout = {timeout} }}
                anchors "default" {{ exim_dir = "{self.folder}/ta" postfix_dir = "{self.folder}/jail/ta" }}
                store {{ path = "{store or self.folder + '/outrider.db'}" }}
                limits {{ {limits} }}
                log = debug
                {more}
            """)

    def run(self, *arguments, **options):
        """Run it to its end."""
        return subprocess.run([self.program, "-c", self.config, *arguments], capture_output=True, text=True, timeout=60,
                              **options)

    def start(self):
        starts = self.log().count("event=daemon.start")
        self.process = subprocess.Popen([self.program, "-f", "-c", self.config], stderr=open(self.logfile, "a"))
        wait_for(lambda: self.log().count("event=daemon.start") > starts or self.process.poll() is not None)
        assert self.process.poll() is None, self.log()
        return self

    def log(self):
        if not os.path.exists(self.logfile):
            return ""
        with open(self.logfile) as log:
            return log.read()

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            assert self.process.wait(10) == 0, self.log()
        self.process = None
        for complaint in ("Sanitizer", "runtime error:"):
            assert complaint not in self.log(), self.log()

    def socketmap(self):
        return connect(self.postfix)

    def ask(self, key, name="QUERY"):
        with contextlib.closing(self.socketmap()) as client:
            client.sendall(request(key, name))
            return reply(client)

    def line(self, text, end=True):
        """Send it, perhaps say that this was all, and read to the end."""
        with contextlib.closing(connect(self.exim)) as client:
            client.sendall(text)
            if end:
                client.shutdown(socket.SHUT_WR)
            return read_all(client)


def wait_for(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def connect(path):
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    client.settimeout(30)
    client.connect(path)
    return client


def netstring(content):
    return b"%d:%s," % (len(content), content)


def request(key, name="QUERY"):
    return netstring(name.encode() + b" " + (key if isinstance(key, bytes) else key.encode()))


def reply(client):
    """The content of one netstring; b"" if the connection ends first."""
    length = b""
    while not length.endswith(b":"):
        byte = client.recv(1)
        if not byte:
            return b""
        length += byte
    content = b""
    while len(content) <= int(length[:-1]):
        piece = client.recv(int(length[:-1]) + 1 - len(content))
        if not piece:
            return b""
        content += piece
    assert content.endswith(b",")
    return content[:-1]


def read_all(client):
    received = b""
    while True:
        try:
            piece = client.recv(65536)
        except ConnectionResetError:
            return received
        if not piece:
            return received
        received += piece


def is_closed(client):
    return read_all(client) == b""


@pytest.fixture(scope="module")
def nameserver():
    return NameServer()


@pytest.fixture
def make(build, nameserver):
    """make(limits="waiting = 2"): a daemon that is not started yet; it is stopped and looked at when the test ends."""
    made = []

    def make(**settings):
        made.append(Daemon(build, nameserver, **settings))
        return made[-1]

    yield make
    for daemon in made:
        daemon.stop()
        shutil.rmtree(daemon.folder)


@pytest.fixture
def start(make):
    return lambda **settings: make(**settings).start()


@pytest.fixture(scope="module")
def daemon(build, nameserver):
    """One for all tests that leave it as it was: what a hostile client does must not show to the next."""
    daemon = Daemon(build, nameserver).start()
    yield daemon
    daemon.stop()
    shutil.rmtree(daemon.folder)


# Socketmap


def test_many_requests_on_one_connection(daemon):
    """Postfix keeps its connection."""
    with contextlib.closing(daemon.socketmap()) as client:
        for i in range(50):
            client.sendall(request(f"d{i % 5}.test"))
            assert reply(client) == b"NOTFOUND "


def test_pipelined_requests_are_answered_in_order(daemon):
    """Cold, warm, wrong and unanswerable ones, sent in one piece."""
    with contextlib.closing(daemon.socketmap()) as client:
        client.sendall(request("cold.test") + request("x", "NOMAP") + request(".test") + request("broken.test") +
                       request("cold.test") + netstring(b"nothing"))
        got = [reply(client) for _ in range(6)]
    assert [content.split(b" ")[0] for content in got] == [b"NOTFOUND", b"TEMP", b"NOTFOUND", b"TEMP", b"NOTFOUND", b"TEMP"]


def test_requests_in_single_bytes(daemon):
    with contextlib.closing(daemon.socketmap()) as client:
        for byte in request("bytes.test") + request("[192.0.2.1]"):
            client.sendall(bytes([byte]))
        assert reply(client) == b"NOTFOUND " and reply(client) == b"NOTFOUND "


@pytest.mark.parametrize("key", ["example.test", "EXAMPLE.Test", "example.test.", "bücher.test", "xn--bcher-kva.test",
                                 ".example.test", ".test", "localhost", "[192.0.2.1]", "[IPv6:2001:db8::1]", "", " ",
                                 "a b.test", "user@example.test", "exa\x00mple.test", "exa\x01mple.test", "a\r\nb.test",
                                 b"b\xfccher.test", "x" * 64 + ".test", ".".join(["label"] * 60), "_dmarc.example.test",
                                 "[mx.example.test]", "[mx.example.test]:587", "example.test:smtp"])
def test_keys_without_a_policy_are_not_found(daemon, key):
    """P2: never a failure for what cannot be a destination."""
    for name in ("QUERY", "QUERYwithTLSRPT", "sts"):
        got = daemon.ask(key, name)
        assert got == b"NOTFOUND " or (name == "QUERYwithTLSRPT" and got.startswith(b"OK may policy_type=no-policy-found")), got


def test_spellings_of_a_name_are_one_destination(daemon):
    """EDGE-07, EDGE-08: folded before anything is looked up."""
    for key in ("Spelled.TEST", "spelled.test.", "spelled.test:25", "spelled.test"):
        daemon.ask(key)
    assert daemon.log().count("destination=spelled.test ") == 1


@pytest.mark.parametrize("garbage", [b"GET / HTTP/1.1\r\n\r\n", b"-1:x,", b"01:x,", b":,", b"3:abcd", b"99999999999999999999:",
                                     b"1025:", b"\x16\x03\x01\x02\x00", b"\xff" * 2000, b"\n", b"11 QUERY a.test,"])
def test_malformed_netstrings_end_their_own_connection(daemon, garbage):
    with contextlib.closing(daemon.socketmap()) as good, contextlib.closing(daemon.socketmap()) as bad:
        good.sendall(request("example.test"))
        with contextlib.suppress(BrokenPipeError):
            bad.sendall(garbage)
        assert is_closed(bad)
        assert reply(good) == b"NOTFOUND "


def test_answers_before_garbage_are_given(daemon):
    with contextlib.closing(daemon.socketmap()) as client:
        client.sendall(request("example.test") + b"garbage")
        assert reply(client) == b"NOTFOUND "
        assert is_closed(client)


def test_the_longest_request(daemon):
    """P2: 1024 octets are a request that names nothing, one more is none."""
    assert daemon.ask("x" * (1024 - 6)) == b"NOTFOUND "
    with contextlib.closing(daemon.socketmap()) as client:
        with contextlib.suppress(BrokenPipeError):
            client.sendall(request("x" * (1025 - 6)))
        assert is_closed(client)


def test_clients_that_vanish(daemon):
    """At every point of a conversation, also with a reset; the others do not notice."""
    whole = request("vanish.test")
    for cut in range(len(whole) + 1):
        client = daemon.socketmap()
        client.sendall(whole[:cut])
        client.close()
    for _ in range(20):
        client = daemon.socketmap()
        client.sendall(request("slow.test"))
        client.close()
    assert daemon.ask("vanish.test") == b"NOTFOUND "


def test_end_of_stream_behind_requests(daemon):
    """A client that has said all it will still gets its answers; half a request gets none."""
    with contextlib.closing(daemon.socketmap()) as client:
        client.sendall(request("eof1.test") + request("eof2.test") + b"10:QUERY")
        client.shutdown(socket.SHUT_WR)
        assert reply(client) == b"NOTFOUND " and reply(client) == b"NOTFOUND "
        assert is_closed(client)


def test_many_connections(daemon):
    """Two hundred and more at once."""
    clients = [daemon.socketmap() for _ in range(400)]
    for i, client in enumerate(clients):
        client.sendall(request(f"many{i % 7}.test"))
    assert all(reply(client) == b"NOTFOUND " for client in clients)
    for client in clients:
        client.close()


def test_slow_clients_harm_only_themselves(daemon):
    """BOUNDED: one drips a request byte by byte, one never reads its answers; both are ended, all others are served
    at once meanwhile. A connection that is idle between requests stays."""
    drip, deaf, idle = daemon.socketmap(), daemon.socketmap(), daemon.socketmap()
    idle.sendall(request("example.test"))
    assert reply(idle) == b"NOTFOUND "
    deaf.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            deaf.send(request("nomap", "x" * 900))
    started = time.monotonic()
    drip.settimeout(0.5)
    ended = None
    for byte in (b"1000:QUERY " + b"x" * 100)[:40]:
        before = time.monotonic()
        assert daemon.ask("example.test") == b"NOTFOUND "
        assert time.monotonic() - before < 1
        try:
            drip.sendall(bytes([byte]))
            if drip.recv(1) == b"":
                ended = time.monotonic() - started
                break
        except socket.timeout:
            continue
        except OSError:
            ended = time.monotonic() - started
            break
    assert ended is not None and 8 < ended < 13
    deaf.settimeout(10)
    wait_for(lambda: is_broken(deaf), 10)
    idle.sendall(request("example.test"))
    assert reply(idle) == b"NOTFOUND "
    for client in (drip, deaf, idle):
        client.close()


def is_broken(client):
    try:
        client.send(b"1")
    except socket.timeout:
        return False
    except OSError:
        return True
    return False


# Line protocol


def test_exim_asks(daemon):
    """L1: the answer is whole, one line, and the connection ends with it; with and without the end of the request."""
    for text, end in ((b"v1 policy domain=exim.test\n", True), (b"v1 policy domain=exim.test\n", False),
                      (b"v1 policy domain=exim.test", True), (b"v1 policy domain=EXIM.test\r\n", False)):
        assert daemon.line(text, end) == NO_POLICY


def test_exim_gets_no_answer_where_there_is_doubt(daemon):
    """L1: an empty answer defers."""
    assert daemon.line(b"v1 policy domain=broken.test\n") == b""


@pytest.mark.parametrize("text", [b"", b"\n", b"v1", b"v2 policy domain=example.test\n", b"v1 policy\n",
                                  b"v1 policy domain=\n", b"v1 policy domain=example.test x=1\n", b"v1 policy domain=a\x00b.test\n",
                                  b"v1 policy domain=b\xfccher.test\n", b"QUERY example.test\n", b"21:QUERY example.test,",
                                  b"v1 query domain=-\n", b"x" * 5000, b"v1 event name=tcp:close cv=1\n", b"v1 event\n"])
def test_lines_that_are_not_answered(daemon, text):
    with contextlib.closing(connect(daemon.exim)) as client:
        with contextlib.suppress(BrokenPipeError):
            client.sendall(text)
            client.shutdown(socket.SHUT_WR)
        assert is_closed(client)


@pytest.mark.parametrize("domain", ["localhost", "[192.0.2.1]", "a_b.test", "x" * 64 + ".test"])
def test_exim_domains_that_can_have_no_policy(daemon, domain):
    assert daemon.line(f"v1 policy domain={domain}\n".encode()) == NO_POLICY


def test_a_line_in_single_bytes_and_more_behind_it(daemon):
    with contextlib.closing(connect(daemon.exim)) as client:
        for byte in b"v1 policy domain=bytes.test\n":
            client.sendall(bytes([byte]))
        assert read_all(client) == NO_POLICY
    assert daemon.line(b"v1 policy domain=bytes.test\nv1 policy domain=other.test\n") == NO_POLICY


def test_queries(daemon):
    found = json.loads(daemon.line(b"v1 query domain=query.test\n"))
    assert found["domain"] == "query.test" and found["level"] == "may" and found["mx"][0]["host"] == "mx.query.test"
    assert found["postfix"] == "NOTFOUND " and found["sts"]["state"] == "none"
    assert b"query.test" in daemon.line(b"v1 query domain=query.test form=text\n")
    assert b"MX query.test: insecure" in daemon.line(b"v1 query domain=query.test form=explain\n")
    assert json.loads(daemon.line(b"v1 query domain=[192.0.2.1]\n"))["level"] == "may"


# Limits


def test_connections_over_the_limit(start):
    """The newest is closed at once and it is logged; those that are open stay; when one goes there is room again."""
    daemon = start(limits="connections = 5")
    clients = [daemon.socketmap() for _ in range(5)]
    for client in clients:
        client.sendall(request("example.test"))
        assert reply(client) == b"NOTFOUND "
    for _ in range(3):
        with contextlib.closing(daemon.socketmap()) as refused:
            assert is_closed(refused)
    assert daemon.log().count("event=limit.connections") == 1
    clients.pop().close()

    def is_admitted():
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            return daemon.ask("example.test") == b"NOTFOUND "
    wait_for(is_admitted)
    for client in clients:
        client.sendall(request("example.test"))
        assert reply(client) == b"NOTFOUND "
        client.close()


def test_descriptors_run_out(make):
    """accept() fails: no spinning, a word in the log, and service when there is room again."""
    daemon = make()
    daemon.process = subprocess.Popen(["sh", "-c", f"ulimit -n 90; exec {daemon.program} -f -c {daemon.config}"],
                                      stderr=open(daemon.logfile, "a"))
    wait_for(lambda: "event=daemon.start" in daemon.log())
    assert "event=limit.files" in daemon.log()
    clients = [daemon.socketmap() for _ in range(120)]
    wait_for(lambda: "event=accept.failed" in daemon.log())
    ticks = cpu_ticks(daemon.process.pid)
    time.sleep(1)
    assert cpu_ticks(daemon.process.pid) - ticks < 30, "it spins"
    for client in clients:
        client.close()
    assert daemon.ask("[192.0.2.1]") == b"NOTFOUND "


def cpu_ticks(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def test_answers_have_a_deadline(start):
    """P5: nobody waits longer than limits.answer; others are not kept waiting at all."""
    daemon = start(limits="answer = 2", timeout=4, more="sts { fetch_timeout = 1 }")
    assert daemon.ask("warm.test") == b"NOTFOUND "
    begun = time.monotonic()
    with contextlib.closing(daemon.socketmap()) as client, contextlib.closing(connect(daemon.exim)) as exim:
        client.sendall(request("slow.test") + request("warm.test"))
        exim.sendall(b"v1 policy domain=slow.test\n")
        assert daemon.ask("warm.test") == b"NOTFOUND "
        assert time.monotonic() - begun < 1
        assert reply(client).startswith(b"TEMP ")
        assert 1.5 < time.monotonic() - begun < 4
        assert reply(client) == b"NOTFOUND "
        assert read_all(exim) == b""
        assert time.monotonic() - begun < 4
        # The verdict comes when its client has been answered and asks something else: nothing is mixed up.
        wait_for(lambda: "destination=slow.test" in daemon.log())
        client.sendall(request("[192.0.2.1]") + request("x", "nomap"))
        assert reply(client) == b"NOTFOUND " and reply(client).startswith(b"TEMP")


def test_questions_over_the_limit(start):
    """limits.waiting: more are answered with a temporary failure at once."""
    daemon = start(limits="waiting = 2")
    clients = [daemon.socketmap() for _ in range(3)]
    for i, client in enumerate(clients):
        client.sendall(request(f"d{i}.slow.test"))
        time.sleep(0.2)
    assert reply(clients[2]) == b"TEMP too many questions are waiting; see outriderd log"
    assert daemon.line(b"v1 policy domain=another.slow.test\n") == b""
    assert "event=limit.waiting" in daemon.log()
    for client in clients:
        client.close()


def test_idle_connections_end(start):
    daemon = start(limits="idle = 1")
    with contextlib.closing(daemon.socketmap()) as client:
        client.sendall(request("example.test"))
        assert reply(client) == b"NOTFOUND "
        begun = time.monotonic()
        assert is_closed(client)
        assert 0.4 < time.monotonic() - begun < 4


# Start and stop


def test_the_end_while_questions_wait(start):
    """SIGTERM: waiting clients are told to try again, at once; sockets are gone; the exit status is 0."""
    daemon = start()
    postfix, exim = daemon.socketmap(), connect(daemon.exim)
    postfix.sendall(request("slow.test"))
    exim.sendall(b"v1 policy domain=slow.test\n")
    time.sleep(0.3)
    begun = time.monotonic()
    daemon.process.send_signal(signal.SIGTERM)
    assert reply(postfix) == b"TEMP outriderd is shutting down"
    assert read_all(exim) == b""
    assert daemon.process.wait(10) == 0
    assert time.monotonic() - begun < 5
    assert not os.path.exists(daemon.postfix) and not os.path.exists(daemon.exim)
    postfix.close()
    exim.close()


def test_hangup_is_answered_honestly(daemon):
    daemon.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "event=daemon.hangup" in daemon.log())
    assert daemon.ask("example.test") == b"NOTFOUND "


def test_anchor_files(daemon):
    """A1 to A3: there before the first answer, for everyone to read, one that verifies nothing, and lists of roots."""
    for folder in (f"{daemon.folder}/ta", f"{daemon.folder}/jail/ta"):
        files = sorted(os.listdir(folder))
        assert files[2:] == ["none.fp", "none.pem"] and files[0][:64] == files[1][:64]
        assert [name[64:] for name in files[:2]] == [".fp", ".pem"]
        assert os.stat(folder).st_mode & 0o777 == 0o755
        for name in files:
            assert os.stat(f"{folder}/{name}").st_mode & 0o777 == 0o644
        with open(f"{folder}/{files[0]}") as fingerprints, open(f"{folder}/{files[1]}") as pem:
            blocks = re.findall("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", pem.read(), re.S)
            assert fingerprints.read() == "".join(
                hashlib.sha256(ssl.PEM_cert_to_DER_cert(block)).hexdigest().upper() + "\n" for block in blocks)
    subject = subprocess.run(["openssl", "x509", "-in", f"{daemon.folder}/ta/none.pem", "-noout", "-subject"],
                             capture_output=True, text=True)
    assert "nothing verifies" in subject.stdout


def test_only_one_can_have_the_sockets(daemon, make):
    second = make(store="/nowhere/x")
    shutil.copy(daemon.config, second.config)
    done = second.run("-f")
    assert done.returncode == 74 and "another process answers on this socket" in done.stderr
    assert daemon.ask("example.test") == b"NOTFOUND "


def test_a_dead_process_leaves_nothing_in_the_way(start):
    daemon = start()
    daemon.process.kill()
    daemon.process.wait()
    assert os.path.exists(daemon.postfix)
    daemon.start()
    assert daemon.ask("example.test") == b"NOTFOUND "


def test_a_store_that_is_none(make):
    """Refused with the name of the file, and left as it is."""
    daemon = make()
    with open(f"{daemon.folder}/outrider.db", "w") as out:
        out.write("my diary\n" * 1000)
    done = daemon.run("-f")
    assert done.returncode != 0 and f"{daemon.folder}/outrider.db" in done.stderr
    with open(f"{daemon.folder}/outrider.db") as diary:
        assert diary.read() == "my diary\n" * 1000
    assert not os.path.exists(daemon.postfix)


def test_inherited_sockets_outlive_a_restart(make):
    """A client that connects while nobody runs is answered by the next one."""
    daemon = make()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(daemon.postfix)
    listener.listen()
    for _ in range(2):
        with contextlib.closing(daemon.socketmap()) as client:
            client.sendall(request("early.test"))
            process = subprocess.Popen(
                ["bash", "-c", f"LISTEN_FDS=1 LISTEN_PID=$$ exec {daemon.program} -f -c {daemon.config} 3<&{listener.fileno()}"],
                pass_fds=[listener.fileno()], stderr=open(daemon.logfile, "a"))
            assert reply(client) == b"NOTFOUND "
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert os.path.exists(daemon.postfix) and not os.path.exists(daemon.exim)
    assert "from=inherited" in daemon.log()
    listener.close()


def test_the_service_manager_is_told(make):
    daemon = make()
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.settimeout(20)
    manager.bind(f"{daemon.folder}/notify")
    process = subprocess.Popen([daemon.program, "-f", "-c", daemon.config], stderr=open(daemon.logfile, "a"),
                               env={**os.environ, "NOTIFY_SOCKET": f"{daemon.folder}/notify"})
    assert manager.recv(100) == b"READY=1"
    assert daemon.ask("example.test") == b"NOTFOUND "
    process.send_signal(signal.SIGTERM)
    assert manager.recv(100) == b"STOPPING=1"
    assert process.wait(10) == 0
    manager.close()


def test_the_background(make):
    """The command returns when the daemon is ready, or with its mistake."""
    daemon = make()
    done = daemon.run()
    assert done.returncode == 0, done.stderr
    with contextlib.closing(daemon.socketmap()) as client:
        client.sendall(request("example.test"))
        assert reply(client) == b"NOTFOUND "
        credentials = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    end(struct.unpack("3i", credentials)[0])
    assert not os.path.exists(daemon.postfix)

    daemon.configure(store="/nowhere/at/all/outrider.db")
    done = daemon.run()
    assert done.returncode == 74 and "/nowhere/at/all" in done.stderr


# Options and the configuration


def test_a_good_configuration(make):
    daemon = make()
    done = daemon.run("-t")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{daemon.config}: configuration is fine\n", "")


@pytest.mark.parametrize("text, complaints", [
    ("loud = yes\n", [':1: there is no setting or section "loud" here']),
    ("dns {\n timeout = soon\n}\n\nlimits { idle = 0\n idel = 1 }\n",
     [':2: timeout: "soon" is not a whole number', ":5: idle: 0 is not between 1 and 86400",
      ':6: there is no setting or section "idel" here']),
    ("# comment\n\nanchors \"default\" { roots = \"/nowhere.pem\" }\n", [":3: roots: /nowhere.pem: No such file or directory"]),
    ("user = \"nobody-here\"\n", [':1: user: "nobody-here" is no user of this system']),
    ("line { listen = { \"unix:x\" } }\n", [':1: listen: "unix:x": the path after "unix:" must begin with "/"']),
    ("log = info\ndns {\n", [":2: brace is never closed"]),
    ("line { listen = { \"inet:[127.0.0.1]:8461\" } }", [":1: listen: inet:[127.0.0.1]:8461 is given twice"]),
])
def test_mistakes_have_file_line_and_reason(make, text, complaints):
    """All of them in one run, on standard error, and nothing else."""
    daemon = make()
    with open(daemon.config, "w") as out:
        out.write(text)
    done = daemon.run("-t")
    assert done.returncode == 78 and done.stdout == ""
    assert done.stderr.splitlines() == [daemon.config + complaint for complaint in complaints]
    assert daemon.run("-f").returncode == 78


def test_anchors_are_loaded_by_the_check(make):
    """A bundle without a certificate, a trust anchor file without an anchor."""
    daemon = make()
    with open(f"{daemon.folder}/empty.pem", "w"):
        pass
    with open(daemon.config) as config:
        text = config.read()
    with open(daemon.config, "w") as out:
        out.write(text.replace('anchors "default" {', f'anchors "default" {{ roots = "{daemon.folder}/empty.pem" '))
    done = daemon.run("-t")
    assert done.returncode == 78 and "empty.pem" in done.stderr
    with open(daemon.config, "w") as out:
        out.write(text.replace(f"{daemon.folder}/anchor", f"{daemon.folder}/empty.pem"))
    done = daemon.run("-t")
    assert done.returncode == 78 and "empty.pem" in done.stderr


def test_options(make):
    daemon = make()
    assert subprocess.run([daemon.program, "--version"], capture_output=True, text=True).stdout.startswith("outriderd ")
    assert "usage:" in subprocess.run([daemon.program, "--help"], capture_output=True, text=True).stdout
    for wrong in (["--loud"], ["extra"], ["-c"]):
        done = subprocess.run([daemon.program, *wrong], capture_output=True, text=True)
        assert done.returncode == 64 and "usage:" in done.stderr
    done = subprocess.run([daemon.program, "-c", "/nowhere/outrider.conf", "-t"], capture_output=True, text=True)
    assert done.returncode == 78 and done.stderr == "/nowhere/outrider.conf: cannot be opened: No such file or directory\n"
