"""A zone of our own with two name servers: a primary that signs and takes dynamic updates, and a secondary that fetches when it is told to.

Nobody tells the secondary of changes by itself, so that a test decides who is late.
"""

import os
import subprocess

import dns.message
import dns.query
import dns.rdatatype
from cryptography.hazmat.primitives import serialization

from lab.process import Process, wait_until

PRIMARY, SECONDARY = "198.51.100.71", "198.51.100.72"

COMMON = """server:
  rundir: {folder}
  listen: {address}@53
  udp-workers: 1
  tcp-workers: 2
  background-workers: 1
control:
  listen: {folder}/knot.sock
database:
  storage: {folder}
log:
  - target: stderr
    any: warning
acl:
  - id: ours
    address: [127.0.0.0/8, 198.51.100.0/24]
    action: [update, transfer]
"""

SIGNING = """policy:
  - id: lab
    manual: on
    single-type-signing: on
zone:
  - domain: {zone}
    file: {folder}/zone
    zonefile-sync: -1
    zonefile-load: whole
    dnssec-signing: {signing}
    dnssec-policy: lab
    acl: ours
"""

FOLLOWING = """remote:
  - id: primary
    address: {primary}
zone:
  - domain: {zone}
    master: primary
    acl: ours
    zonefile-sync: -1
"""


class Server:
    """One knotd."""

    def __init__(self, folder, address, zone, text, **words):
        os.makedirs(folder)
        self.process = None
        self.folder, self.address, self.zone = folder, address, zone
        self.config = os.path.join(folder, "knot.conf")
        with open(self.config, "w") as file:
            file.write((COMMON + text).format(folder=folder, address=address, zone=zone, **words))

    def start(self):
        self.process = Process("knot", ["knotd", "-c", self.config], self.folder)
        self.process.wait_until(lambda: self.serial() is not None, 20)

    def stop(self):
        self.process.stop()

    def control(self, *words):
        subprocess.run(["knotc", "-c", self.config, "-b", *words], check=True, capture_output=True)

    def ask(self, name, rtype):
        try:
            return dns.query.udp(dns.message.make_query(name, rtype), self.address, timeout=1.0)
        except (OSError, dns.exception.DNSException):
            return None

    def serial(self):
        answer = self.ask(self.zone, "SOA")
        return answer.answer[0][0].serial if answer is not None and answer.answer else None

    def tlsa(self, owner):
        """The records as the program writes them."""
        answer = self.ask(owner, "TLSA")
        return {f"{r.usage} {r.selector} {r.mtype} {r.cert.hex().upper()}" for rrset in answer.answer if rrset.rdtype == dns.rdatatype.TLSA
                for r in rrset}


class OwnZone:
    """The zone NAME.example with an MX host mx.NAME.example."""

    def __init__(self, lab, folder, name, address, ttl=300, refresh=1800, is_signed=True):
        self.lab, self.name, self.host, self.ttl = lab, f"{name}.example", f"mx.{name}.example", ttl
        self.owner = f"_25._tcp.{self.host}"
        self.primary = Server(f"{folder}/primary", PRIMARY, self.name, SIGNING, signing="on" if is_signed else "off")
        self.secondary = Server(f"{folder}/secondary", SECONDARY, self.name, FOLLOWING, primary=PRIMARY)
        with open(f"{folder}/primary/zone", "w") as file:
            file.write(f"{self.name}. {ttl} SOA ns1.{self.name}. hostmaster.example. 1 {refresh} 600 86400 {ttl}\n"
                       f"{self.name}. {ttl} NS ns1.{self.name}.\n{self.name}. {ttl} NS ns2.{self.name}.\n"
                       f"ns1.{self.name}. {ttl} A {PRIMARY}\nns2.{self.name}. {ttl} A {SECONDARY}\n"
                       f"{self.name}. {ttl} MX 10 {self.host}.\n{self.host}. {ttl} A {address}\n")
        if is_signed:
            self._import_key(lab.zones.key.private, folder)
        self._delegate(is_signed)

    def _import_key(self, key, folder):
        """The lab's one key signs this zone as well, on line."""
        path = f"{folder}/zone.key"
        with open(path, "wb") as file:
            file.write(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        times = [f"{when}=20200101000000" for when in ("created", "publish", "ready", "active")]
        subprocess.run(["keymgr", "-c", self.primary.config, self.name, "import-pem", path, "algorithm=13", "ksk=yes", "zsk=yes", *times],
                       check=True, capture_output=True)

    def _delegate(self, is_signed):
        parent = self.lab.zones.zones["example."]
        for label, address in (("ns1", PRIMARY), ("ns2", SECONDARY)):
            parent.add(self.name, "NS", f"{label}.{self.name}.")
            parent.add(f"{label}.{self.name}", "A", address)
        if is_signed:
            parent.add(self.name, "DS", self.lab.zones.key.ds(f"{self.name}."))
        self.lab.publish(parent)

    def _undelegate(self):
        parent = self.lab.zones.zones["example."]
        for owner in (self.name, f"ns1.{self.name}", f"ns2.{self.name}"):
            for rtype in ("NS", "A", "DS"):
                parent.records.pop((f"{owner}.", rtype), None)
        self.lab.publish(parent)

    def __enter__(self):
        self.primary.start()
        self.secondary.start()
        return self

    def __exit__(self, *_):
        for server in (self.primary, self.secondary):
            if server.process is not None and server.process.status() is None:
                server.stop()
        self._undelegate()

    def update(self, lines, follow=True):
        """What nsupdate would do, at the primary; and the secondary, unless it is late."""
        done = subprocess.run(["knsupdate"], input=f"server {PRIMARY}\n{lines}", capture_output=True, text=True, timeout=20)
        assert done.returncode == 0 and not done.stderr.strip(), done.stdout + done.stderr
        if follow:
            self.follow()
        self.lab.resolver.forget()

    def publish(self, *records, follow=True):
        self.update(f"zone {self.name}.\n" + "".join(f"update add {self.owner}. {self.ttl} IN TLSA {r}\n" for r in records) + "send\n", follow)

    def withdraw(self, *records, follow=True):
        self.update(f"zone {self.name}.\n" + "".join(f"update delete {self.owner}. IN TLSA {r}\n" for r in records) + "send\n", follow)

    def follow(self):
        """The secondary fetches what the primary has."""
        self.secondary.control("zone-refresh", self.name)
        wait_until(lambda: self.secondary.serial() == self.primary.serial(), 20, "the secondary does not follow")
        self.lab.resolver.forget()
