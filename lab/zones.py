"""The zones of the lab: what the scenarios need, signed, and then broken where a scenario says so.

All zones are signed by one and the same key. That is no way to run a registry, but validation sees no difference,
and the lab opens in seconds because no key is ever generated.
"""

import base64
import concurrent.futures
import hashlib
import os
import struct
import subprocess

import dns.name
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from lab.model import ABSENT, EXPIRED, LAME, PROVIDERS, SIGNED, UNSIGNED

SERVER = "198.51.100.53"  # the authoritative server of every zone
BEHIND = "198.51.100.54"  # ... while somebody stands between it and its askers
LAME_SERVER = "198.51.100.66"  # answers REFUSED to everything
OPT_OUT = "opt-out"       # signed, and saying nothing about unsigned delegations (RFC 5155 §6)
TLDS = {"example": SIGNED, "optout": OPT_OUT, "plain": UNSIGNED}
TTL = 300
ALGORITHM = 13            # ECDSA P-256 with SHA-256


class SigningKey:
    """The one key: as a DNSKEY, as the files that dnssec-signzone reads, and as DS records."""

    def __init__(self, folder):
        self._folder = folder
        os.makedirs(folder, exist_ok=True)
        self.private = private = ec.generate_private_key(ec.SECP256R1())
        self._secret = private.private_numbers().private_value.to_bytes(32, "big")
        point = private.public_key().public_bytes(serialization.Encoding.X962,
                                                  serialization.PublicFormat.UncompressedPoint)[1:]
        self._rdata = struct.pack("!HBB", 257, 3, ALGORITHM) + point
        self.dnskey = f"257 3 {ALGORITHM} {base64.b64encode(point).decode()}"
        total = sum(byte << 8 if i % 2 == 0 else byte for i, byte in enumerate(self._rdata))  # RFC 4034 appendix B
        self.tag = (total + (total >> 16)) & 0xFFFF

    def write_for(self, zone):
        """The key pair under the names that dnssec-signzone expects; returns the path without its ending."""
        stem = os.path.join(self._folder, f"K{zone.rstrip('.')}.+{ALGORITHM:03}+{self.tag:05}")
        with open(stem + ".key", "w") as file:
            file.write(f"{zone} IN DNSKEY {self.dnskey}\n")
        with open(stem + ".private", "w") as file:
            file.write(f"Private-key-format: v1.3\nAlgorithm: {ALGORITHM} (ECDSAP256SHA256)\n"
                       f"PrivateKey: {base64.b64encode(self._secret).decode()}\n")
        return stem

    def ds(self, zone):
        owner = dns.name.from_text(zone).to_wire()
        return f"{self.tag} {ALGORITHM} 2 {hashlib.sha256(owner + self._rdata).hexdigest()}"


class Zone:
    """One zone: records by owner and type, how it is signed, and what is altered afterwards."""

    def __init__(self, name, kind, ttl=TTL):
        self.name = name  # absolute: "dane-ee.example." or "."
        self.kind = kind
        self.ttl = ttl
        self.records = {}   # (owner, type) -> list of rdata
        self.altered = {}   # (owner, type) -> rdata put in place of a signed one, so that its signature is wrong
        self.serial = 1

    def add(self, owner, rtype, *rdata):
        self.records.setdefault((absolute(owner), rtype), []).extend(rdata)

    def delegate(self, child, address, ds=None):
        self.add(child, "NS", f"ns.{absolute(child)}")
        self.add(f"ns.{absolute(child)}", "A", address)
        if ds:
            self.add(child, "DS", ds)

    def text(self, key):
        """The zone as a file, unsigned. The apex is the caller's except for SOA, NS and DNSKEY."""
        server = f"ns.{self.name.lstrip('.')}" if self.name != "." else "ns."
        ttl = self.ttl
        lines = [f"{self.name} {ttl} IN SOA {server} hostmaster.example. {self.serial} 3600 600 86400 {ttl}",
                 f"{self.name} {ttl} IN NS {server}", f"{server} {ttl} IN A {SERVER}"]
        if self.kind != UNSIGNED:
            lines.append(f"{self.name} {ttl} IN DNSKEY {key.dnskey}")
        lines += [f"{owner} {ttl} IN {rtype} {rdata}"
                  for (owner, rtype), rdatas in self.records.items() for rdata in rdatas]
        return "\n".join(lines) + "\n"

    def write(self, folder, key):
        """Write, sign and break the zone; returns the path of the file to serve."""
        path = os.path.join(folder, (self.name.rstrip(".") or "root") + ".zone")
        if self.kind == UNSIGNED:
            _replace(path, self.text(key))
            return path
        with open(path + ".plain", "w") as file:
            file.write(self.text(key))
        command = ["dnssec-signzone", "-q", "-P", "-z", "-O", "full", "-d", folder, "-o", self.name,
                   "-f", path + ".signed"]
        if self.kind == OPT_OUT:
            command += ["-3", "-", "-H", "0", "-A"]
        if self.kind == EXPIRED:
            command += ["-s", "20200101000000", "-e", "20200201000000"]
        subprocess.run([*command, path + ".plain", key.write_for(self.name)], check=True, capture_output=True, text=True)
        with open(path + ".signed") as file:
            _replace(path, "".join(self._alter(line) for line in file))
        return path

    def _alter(self, line):
        """dnssec-signzone -O full: owner, TTL, class, type and rdata on one line."""
        fields = line.split(None, 4)
        if len(fields) < 5:
            return line
        owner, ttl, _, rtype, _ = fields
        rdata = self.altered.get((owner, rtype))
        return f"{owner} {ttl} IN {rtype} {rdata}\n" if rdata else line


def absolute(name):
    return name if name.endswith(".") else name + "."


def quoted(text):
    """A TXT record's rdata: character-strings of at most 255 octets."""
    parts = [text[i:i + 255] for i in range(0, len(text), 255)] or [""]
    return " ".join('"' + part.replace("\\", "\\\\").replace('"', '\\"') + '"' for part in parts)


def _replace(path, text):
    """A name server that reloads never sees half a zone."""
    with open(path + ".new", "w") as file:
        file.write(text)
    os.rename(path + ".new", path)


class ZoneTree:
    """All zones, from the root down."""

    def __init__(self, folder):
        self._folder = folder
        self.key = SigningKey(os.path.join(folder, "keys"))
        self.zones = {}
        self.root = self._new(".", SIGNED)
        for name, kind in {**TLDS, **PROVIDERS}.items():
            self.create(name, kind)

    def _new(self, name, kind, ttl=TTL):
        self.zones[absolute(name)] = zone = Zone(absolute(name), kind, ttl)
        return zone

    def create(self, name, kind, ttl=TTL):
        """A zone and its delegation from the closest zone above it. A lame one is delegated and served nowhere."""
        parent = self.zone_of(name)
        address = LAME_SERVER if kind == LAME else SERVER
        parent.delegate(name, address, None if kind == UNSIGNED else self.key.ds(absolute(name)))
        return None if kind == LAME else self._new(name, kind, ttl)

    def zone_of(self, name):
        """The zone that a name belongs to."""
        name = absolute(name)
        while name not in self.zones:
            name = name.partition(".")[2] or "."
        return self.zones[name]

    def add(self, owner, rtype, *rdata):
        self.zone_of(owner).add(owner, rtype, *rdata)

    def alter(self, owner, rtype, rdata):
        """After signing, this stands in place of what was signed."""
        self.zone_of(owner).altered[(absolute(owner), rtype)] = rdata

    def cut_off(self, name):
        """Everything below this name is somebody else's, who refuses to answer: SERVFAIL at a resolver."""
        self.zone_of(name).delegate(name, LAME_SERVER)

    def write(self, names=None):
        """Write all zones, or those named; returns {name: path}."""
        names = list(self.zones if names is None else names)
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            paths = pool.map(lambda name: self.zones[name].write(self._folder, self.key), names)
            return dict(zip(names, paths))

    def rewrite(self, zone):
        """Write one zone again after a change, under a new serial."""
        zone.serial += 1
        return zone.write(self._folder, self.key)

    def write_trust_anchor(self, path):
        """The root key, as resolvers want it."""
        with open(path, "w") as file:
            file.write(f". IN DS {self.key.ds('.')}\n. IN DNSKEY {self.key.dnskey}\n")

    def write_root_hints(self, path):
        with open(path, "w") as file:
            file.write(f". 3600000 IN NS ns.\nns. 3600000 IN A {SERVER}\n")


def plant(tree, scenario, addresses, chains, certs):
    """The records of one destination.

    addresses {host name: [address]}; chains {host name: Chain} for TLSA. Both under the names that MX records bear,
    and, for the policy host, mta-sts.DOMAIN.
    """
    if scenario.zone == ABSENT:
        return
    if tree.create(scenario.domain, scenario.zone, scenario.ttl) is None:
        return
    if scenario.mx == "null":
        tree.add(scenario.domain, "MX", "0 .")
    for host in scenario.hosts:
        _plant_host(tree, scenario, host, addresses, chains, certs)
    if scenario.sts:
        _plant_sts(tree, scenario, addresses)


def _plant_host(tree, scenario, host, addresses, chains, certs):
    name, expanded = scenario.host_name(host), scenario.expanded_name(host)
    if scenario.mx not in ("implicit", "null"):
        tree.add(scenario.domain, "MX", f"{host.preference} {absolute(name)}")
        if scenario.mx == "bogus":
            tree.alter(scenario.domain, "MX", f"{host.preference + 1} {absolute(name)}")
    if host.shared:
        return
    if expanded != name:
        tree.add(name, "CNAME", absolute(expanded))
    for address in () if host.address_fault == "absent" else addresses[name]:
        rtype = "AAAA" if ":" in address else "A"
        tree.add(expanded, rtype, address)
        if host.address_fault == "bogus":
            tree.alter(expanded, rtype, "203.0.113.250")
    owner = f"_25._tcp.{expanded if host.tlsa_at_alias else name}"
    if host.tlsa_fault == "servfail":
        tree.cut_off(owner)
        return
    for record in host.tlsa:
        rdata = certs.tlsa(record, chains[name])
        tree.add(owner, "TLSA", rdata)
        if host.tlsa_fault == "bogus":
            tree.alter(owner, "TLSA", rdata[:-2] + ("00" if rdata[-2:] != "00" else "01"))


def _plant_sts(tree, scenario, addresses):
    owner = f"_mta-sts.{scenario.domain}"
    if scenario.sts.record_fault == "servfail":
        tree.cut_off(owner)
    else:
        tree.add(owner, "TXT", *(quoted(record) for record in scenario.sts.records))
        if scenario.sts.record_fault == "bogus":
            tree.alter(owner, "TXT", quoted("v=STSv1; id=forged;"))
    for address in addresses[scenario.policy_name()]:
        tree.add(scenario.policy_name(), "A", address)
