"""
dns_world - a private DNS tree for tests of the resolver: zones signed with dnssec-signzone, served by knotd on
a high port of loopback, and a real unbound in front of it as the forwarder. Proxies may stand in between and
mangle what passes. Everything lives in one temporary folder and needs no privilege.
"""
import os
import shutil
import socket
import subprocess
import threading
import time
from pathlib import Path

import dns.flags
import dns.message
import dns.query
import dns.rdatatype

PROGRAMS = ("knotd", "unbound", "dnssec-signzone", "dnssec-keygen", "dnssec-dsfromkey")
SEARCH = "/usr/sbin:/usr/bin:/sbin:/bin"

# Addresses of this run alone, so that two runs at once do not meet on port 53.
LOOPBACK = f"127.{100 + os.getpid() % 100}.{1 + os.getpid() // 100 % 250}"
KNOT_ADDRESS = f"{LOOPBACK}.1"  # on port 53 too, where that is allowed: for recursion from root hints

HEAD = """$TTL 3600
@ SOA ns.test. hostmaster.test. 1 3600 600 86400 300
@ NS ns.test.
"""

ROOT = HEAD + "test. NS ns.test.\norg. NS ns.test.\n"

ORG = HEAD

TEST = HEAD + f"ns A {KNOT_ADDRESS}\n" + "".join(
    f"{name} NS ns.test.\n"
    for name in ("secure", "insecure", "bogus", "expired", "island", "optout", "refused", "silent"))

SECURE = HEAD + """@ MX 10 mx
@ TXT "v=STSv1; " "id=1;"
mx A 192.0.2.1
mx AAAA 2001:db8::1
_25._tcp.mx TLSA 3 1 1 """ + "ab" * 32 + """
nullmx MX 0 .
alias CNAME mx
to-insecure CNAME www.insecure.test.
to-island CNAME www.island.test.
to-bogus CNAME bad.bogus.test.
to-nothing CNAME nothing.secure.test.
loop-a CNAME loop-b
loop-b CNAME loop-a
old DNAME new
host.new A 192.0.2.9
*.wild TXT "wildcard"
brief 1 A 192.0.2.3
tlsa-alias CNAME _25._tcp.mx
big TXT """ + " ".join('"' + "x" * 250 + '"' for _ in range(16)) + """
huge TXT """ + " ".join('"' + "x" * 250 + '"' for _ in range(20)) + "\n" + "".join(
    f"chain{i} CNAME chain{i + 1}\n" for i in range(8)) + "chain8 A 192.0.2.8\n" + "".join(
    f"long{i} CNAME long{i + 1}\n" for i in range(17)) + "long17 A 192.0.2.17\n" + "".join(
    f"many TLSA 3 1 1 {i:064x}\n" for i in range(120))

INSECURE = HEAD + """@ MX 10 mx
mx A 192.0.2.2
www A 192.0.2.2
back CNAME mx.secure.test.
"""

BOGUS = HEAD + "bad A 192.0.2.66\nbad TLSA 3 1 1 " + "cd" * 32 + "\ngood A 192.0.2.67\n"
PLAIN = HEAD + "www A 192.0.2.4\nwww TXT \"text\"\n"
OPTOUT = PLAIN + "child NS ns.test.\n"


def missing_programs():
    return [p for p in PROGRAMS if shutil.which(p, path=SEARCH) is None]


def program(name):
    return shutil.which(name, path=SEARCH)


def free_port(address="127.0.0.1"):
    """A port that is free for UDP and TCP alike."""
    for _ in range(100):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
            udp.bind((address, 0))
            port = udp.getsockname()[1]
            try:
                tcp.bind((address, port))
                return port
            except OSError:
                continue
    raise RuntimeError("no free port")


def can_bind_53(address):
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.bind((address, 53))
        return True
    except OSError:
        return False


def wait_for_dns(port, address="127.0.0.1", seconds=15):
    query = dns.message.make_query(".", "SOA")
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            dns.query.udp(query, address, port=port, timeout=0.3)
            return
        except Exception:
            time.sleep(0.05)
    raise RuntimeError(f"no DNS server at {address}:{port}")


class World:
    def __init__(self, folder):
        self.folder = Path(folder)
        self.keys = {}
        self.zones = {}
        self.processes = []
        self.knot_port = free_port()
        self.forwarder_port = free_port()
        self.silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)  # bound, and never read
        self.silent.bind(("127.0.0.1", 0))
        self.has_port_53 = can_bind_53(KNOT_ADDRESS)
        self.root_hints = self.folder / "root.hints"
        self.root_anchor = self.folder / "root.ds"
        self.island_anchor = self.folder / "island.ds"

    # -- zones --

    def run(self, *command):
        done = subprocess.run([str(c) for c in command], cwd=self.folder, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"{command}: {done.stdout}{done.stderr}")
        return done.stdout

    def make_key(self, zone):
        self.keys[zone] = self.run(program("dnssec-keygen"), "-q", "-a", "ECDSAP256SHA256", "-f", "KSK", zone).strip()

    def ds(self, zone):
        return self.run(program("dnssec-dsfromkey"), "-2", self.keys[zone] + ".key")

    def write_zone(self, zone, text, *, sign=True, options=(), change=None):
        """Write a zone, sign it, and change the signed text if a broken one is wanted."""
        plain = self.folder / ((zone if zone != "." else "root") + ".zone")
        signed = plain.with_suffix(".signed")
        if sign:
            text += (self.folder / (self.keys[zone] + ".key")).read_text()
        plain.write_text(text)
        if not sign:
            self.zones[zone] = plain
            return
        self.run(program("dnssec-signzone"), "-q", "-z", "-P", "-O", "full", "-o", zone, "-f", signed, *options, plain,
                 self.keys[zone] + ".key")
        if change is not None:
            signed.write_text(change(signed.read_text()))
        self.zones[zone] = signed

    def make_zones(self):
        below_test = ("secure", "bogus", "expired", "island", "optout", "refused", "silent")
        for zone in (".", "org", "test", *(f"{z}.test" for z in below_test)):
            self.make_key(zone)
        self.write_zone("secure.test", SECURE)
        self.write_zone("insecure.test", INSECURE, sign=False)
        self.write_zone("bogus.test", BOGUS, change=lambda text: text.replace("192.0.2.66", "192.0.2.6").replace(
            "CDCD", "CDCE", 1))
        self.write_zone("expired.test", PLAIN, options=("-s", "20200101000000", "-e", "20200201000000"))
        self.write_zone("island.test", PLAIN)
        self.write_zone("optout.test", OPTOUT, options=("-3", "-", "-H", "0", "-A"))
        signed = [f"{z}.test" for z in below_test if z != "island"]
        self.write_zone("test", TEST + "".join(self.ds(z) for z in signed))
        self.write_zone("org", ORG)
        self.write_zone(".", ROOT + self.ds("test") + self.ds("org"))
        self.root_hints.write_text(f". 3600000 NS ns.test.\nns.test. 3600000 A {KNOT_ADDRESS}\n")
        self.root_anchor.write_text(self.ds("."))
        self.island_anchor.write_text(self.ds("island.test"))

    # -- servers --

    def spawn(self, name, *command):
        with open(self.folder / f"{name}.log", "w") as log:
            self.processes.append(subprocess.Popen([str(c) for c in command], stdout=log, stderr=log, cwd=self.folder))
        return self.processes[-1]

    def start_knot(self):
        conf = self.folder / "knot.conf"
        (self.folder / "knot").mkdir()
        lines = [
            "server:", f"    rundir: {self.folder}/knot", f"    listen: 127.0.0.1@{self.knot_port}",
            *([f"    listen: {KNOT_ADDRESS}@53"] if self.has_port_53 else []),
            "    udp-workers: 1", "    tcp-workers: 1", "    background-workers: 1",
            "control:", f"    listen: {self.folder}/knot/knot.sock",
            "database:", f"    storage: {self.folder}/knot",
            "log:", "  - target: stderr", "    any: warning",
            "zone:"]
        for zone, path in self.zones.items():
            lines += [f"  - domain: {zone}", f"    file: {path}",
                      "    zonefile-load: whole", "    journal-content: none"]
        conf.write_text("\n".join(lines) + "\n")
        self.spawn("knot", program("knotd"), "-c", conf)
        wait_for_dns(self.knot_port)

    def stub_servers(self):
        """Each zone and who serves it."""
        servers = {zone: f"127.0.0.1@{self.knot_port}" for zone in (*self.zones, "refused.test")}
        servers["silent.test"] = f"127.0.0.1@{self.silent.getsockname()[1]}"
        return servers

    def start_forwarder(self):
        conf = self.folder / "unbound.conf"
        lines = [
            "server:", "    interface: 127.0.0.1", f"    port: {self.forwarder_port}",
            '    username: ""', '    chroot: ""',
            f'    directory: "{self.folder}"', f'    pidfile: "{self.folder}/unbound.pid"', "    do-daemonize: no",
            "    use-syslog: no", '    logfile: ""', "    do-not-query-localhost: no", "    num-threads: 1",
            '    module-config: "iterator"',  # it passes on what it gets: validating is our side's work
            '    local-zone: "test." nodefault', "    access-control: 127.0.0.0/8 allow", "    infra-host-ttl: 1",
            "remote-control:", "    control-enable: no"]
        for zone, server in self.stub_servers().items():
            lines += ["stub-zone:", f'    name: "{zone}"', f"    stub-addr: {server}"]
        conf.write_text("\n".join(lines) + "\n")
        self.spawn("unbound", program("unbound"), "-d", "-c", conf)
        wait_for_dns(self.forwarder_port)

    def start(self):
        self.make_zones()
        self.start_knot()
        self.start_forwarder()

    def stop(self):
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.silent.close()


class Proxy:
    """
    A UDP server that passes questions on and mangles the answers: mangle(question, answer) returns the message to
    send, bytes to send as they are, or None for silence. It counts what it was asked.
    """

    def __init__(self, upstream_port, mangle=None, address="127.0.0.1", port=0, delay=0.0):
        self.upstream_port = upstream_port
        self.mangle = mangle or (lambda question, answer: answer)
        self.delay = delay
        self.questions = []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, port))
        self.socket.settimeout(0.1)
        self.address, self.port = self.socket.getsockname()
        self.is_stopping = False
        self.thread = threading.Thread(target=self.serve)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.is_stopping = True
        self.thread.join()
        self.socket.close()

    def serve(self):
        helpers = []
        while not self.is_stopping:
            try:
                data, peer = self.socket.recvfrom(65535)
            except TimeoutError:
                continue
            helper = threading.Thread(target=self.answer, args=(data, peer))
            helper.start()
            helpers.append(helper)
        for helper in helpers:
            helper.join()

    def answer(self, data, peer):
        question = dns.message.from_wire(data)
        asked = question.question[0]
        self.questions.append((asked.name.to_text(), dns.rdatatype.to_text(asked.rdtype)))
        try:
            reply, _ = dns.query.udp_with_fallback(question, "127.0.0.1", port=self.upstream_port, timeout=3)
        except Exception:
            return
        time.sleep(self.delay)
        mangled = self.mangle(question, reply)
        if mangled is None or self.is_stopping:
            return
        self.socket.sendto(mangled if isinstance(mangled, bytes) else mangled.to_wire(max_size=65535), peer)


def strip(types, sections=("answer", "authority")):
    """A mangler that removes records of some types, with their signatures."""
    wanted = {dns.rdatatype.from_text(t) for t in types}

    def mangle(question, answer):
        for section in sections:
            kept = [r for r in getattr(answer, section) if r.rdtype not in wanted and r.covers not in wanted]
            setattr(answer, section, kept)
        return answer

    return mangle
