"""An internet of many destinations for the lab's namespaces: each a signed zone of its own, a quarter each of the KINDS.

    with Internet(folder, build, 20_000, plain=5000) as internet:
        internet.destinations["sts"]          # names; "plain": with a policy, in zones that are not signed
        internet.forget()                     # the resolver between knows nothing any more
        with internet.far_away(100) as how:   # every packet takes 100 ms; "netem", or "relay" where the kernel has none

Knot answers for all zones, unbound stands between as the machine's resolver, bench_policy_hosts serves every policy from
the name that a client asks for. Nobody listens at the MX hosts: nothing here sends mail.
"""

import contextlib
import multiprocessing
import os
import subprocess

from cryptography.hazmat.primitives import serialization

import signed
from lab import certs, nameservers, zones
from lab.process import Process

KINDS = ("dane", "sts", "both", "none")
PLAIN = "plain"
FAR_RESOLVER = "127.0.0.3"
NETEM, NETEM_AT = ("tc", "qdisc"), ("dev", "lo", "root", "netem", "delay")
SERVER_NAME = "ns.example."
POLICY_ADDRESSES = 200  # for the ports of connections that have ended
TLSA = "3 1 1 " + "5a" * 32

UNBOUND = """server:
  interface: {resolver}
  access-control: 127.0.0.0/8 allow
  username: ""
  chroot: ""
  directory: {folder}
  pidfile: ""
  use-syslog: no
  logfile: ""
  verbosity: 0
  num-threads: 1
  do-ip6: no
  root-hints: {hints}
  trust-anchor-file: {anchor}
  module-config: "validator iterator"
  outgoing-range: 4096
  num-queries-per-thread: 4096
  outgoing-num-tcp: 64
  incoming-num-tcp: 64
  so-rcvbuf: 4m
  so-sndbuf: 4m
  msg-cache-size: 128m
  rrset-cache-size: 256m
  key-cache-size: 64m
  neg-cache-size: 16m
  discard-timeout: 0
remote-control:
  control-enable: yes
  control-interface: {folder}/unbound.sock
  control-use-cert: no
"""


def name_of(i):
    return f"d{i}.example"


def kind_of(i):
    return KINDS[i % len(KINDS)]


def policy_address(i):
    return f"192.0.2.{1 + i % POLICY_ADDRESSES}"


def names_of(i, kind):
    """The records of destination i."""
    domain = name_of(i)
    names = {domain: {"MX": [f"10 mx.{domain}."]}, f"mx.{domain}": {"A": [f"203.0.113.{1 + i % 250}"]}}
    if kind in ("dane", "both"):
        names[f"_25._tcp.mx.{domain}"] = {"TLSA": [TLSA]}
    if kind in ("sts", "both", PLAIN):
        names[f"_mta-sts.{domain}"] = {"TXT": ['"v=STSv1; id=1;"']}
        names[f"mta-sts.{domain}"] = {"A": [policy_address(i)]}
    return names


class _Writer:
    """Called in other processes: writes the zones i, i + step, ..."""

    def __init__(self, folder, key, kinds):
        self._folder, self._key, self._kinds = folder, key, kinds

    def __call__(self, part):
        first, step = part
        for i in range(first, len(self._kinds), step):
            key = self._key if self._kinds[i] != PLAIN else None
            zone = signed.Zone(name_of(i), key, SERVER_NAME, names_of(i, self._kinds[i]))
            with open(os.path.join(self._folder, name_of(i) + ".zone"), "w") as file:
                file.write(zone.text())


class Internet:
    """`count` destinations in signed zones, a quarter each, and `plain` more that have a policy and are not signed."""

    def __init__(self, folder, build, count, plain=0):
        self.folder, self._build, self.count = folder, build, count
        self._kinds = [kind_of(i) for i in range(count)] + [PLAIN] * plain
        self.kinds = self._kinds[:count]
        self.all = [name_of(i) for i in range(count)]  # those that are signed
        self.destinations = {kind: [] for kind in (*KINDS, PLAIN)}
        for i, kind in enumerate(self._kinds):
            self.destinations[kind].append(name_of(i))
        os.makedirs(folder, exist_ok=True)
        self.certs = certs.Certificates(self.path("certs"))
        self.signer = self.path("signer.pem")
        self.trust_anchor, self.root_hints = self.path("root.key"), self.path("root.hints")
        self._key = zones.SigningKey(self.path("keys"))

    def path(self, name):
        return os.path.join(self.folder, name)

    def _write(self):
        """All zones; returns {name: path}."""
        os.makedirs(self.path("zones"))
        step = os.cpu_count() or 1
        context = multiprocessing.get_context("fork")  # the key cannot be pickled
        global _writer
        _writer = _Writer(self.path("zones"), self._key, self._kinds)
        with context.Pool(step) as pool:
            pool.map(_write_part, [(first, step) for first in range(step)])
        top = {name: {"NS": [SERVER_NAME], "DS": [self._key.ds(name + ".")]} for name in self.all}
        top.update({name: {"NS": [SERVER_NAME]} for name in self.destinations[PLAIN]})
        glue = {"ns.example": {"A": [zones.SERVER]}}
        root = {"example": {"NS": [SERVER_NAME], "DS": [self._key.ds("example.")]}}
        for name, names, below in (("example", {**top, **glue}, {}), ("", root, glue)):
            with open(self.path(f"zones/{name or 'root'}.zone"), "w") as file:
                file.write(signed.Zone(name, self._key, SERVER_NAME, names, below).text())
        files = {name + ".": self.path(f"zones/{name}.zone") for name in (*self.all, *self.destinations[PLAIN], "example")}
        return {".": self.path("zones/root.zone"), **files}

    def _write_anchors(self):
        with open(self.trust_anchor, "w") as file:
            file.write(f". IN DS {self._key.ds('.')}\n. IN DNSKEY {self._key.dnskey}\n")
        with open(self.root_hints, "w") as file:
            file.write(f". 3600000 IN NS {SERVER_NAME}\n{SERVER_NAME} 3600000 IN A {zones.SERVER}\n")
        key, root = self.certs.signer("lab")
        with open(self.signer, "wb") as file:
            file.write(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                         serialization.NoEncryption()) + root.public_bytes(serialization.Encoding.PEM))

    def __enter__(self):
        files = self._write()
        self._write_anchors()
        self.authority = nameservers.Authority(self.folder, files)
        self.start_resolver()
        self.start_policy_hosts()
        self.authority.process.wait_until(lambda: self._is_served(name_of(len(self._kinds) - 1)), 120)
        return self

    def start_policy_hosts(self, *options):
        self.policy_hosts = Process("policy_hosts", [f"{self._build}/bench/cold/bench_policy_hosts", *(options or (self.signer,))],
                                    self.folder)

    def hang_policy_hosts(self):
        """From here on they accept, and say nothing."""
        self.policy_hosts.stop()
        self.start_policy_hosts("--hang")

    @contextlib.contextmanager
    def far_away(self, milliseconds):
        """Each packet takes so long: of the resolver, the name servers and the policy hosts. Caches are empty at its start.

        Yields the address of the resolver, and "netem" or "relay": where the kernel has no netem, relays stand before both DNS
        servers, and the policy hosts let words wait.
        """
        self.resolver.stop()
        if subprocess.run([*NETEM, "add", *NETEM_AT, f"{milliseconds}ms", "limit", "200000"], capture_output=True).returncode == 0:
            try:
                self.start_resolver()
                yield nameservers.RESOLVER, "netem"
            finally:
                subprocess.run([*NETEM, "del", "dev", "lo", "root"], check=True)
            return
        self.policy_hosts.stop()
        self.authority.move(zones.BEHIND)
        relays = [Process(f"delay{i}", [f"{self._build}/bench/cold/bench_delay", str(milliseconds), *addresses], self.folder)
                  for i, addresses in enumerate(((zones.SERVER, zones.BEHIND), (FAR_RESOLVER, nameservers.RESOLVER)))]
        try:
            self.start_policy_hosts(self.signer, str(2 * milliseconds))
            self.start_resolver()
            yield FAR_RESOLVER, "relay"
        finally:
            for process in (*relays, self.policy_hosts):
                process.stop()
            self.authority.move(zones.SERVER)
            self.start_policy_hosts()
            self.forget()

    def start_resolver(self):
        config = self.path("unbound.conf")
        with open(config, "w") as file:
            file.write(UNBOUND.format(folder=self.folder, resolver=nameservers.RESOLVER, hints=self.root_hints,
                                      anchor=self.trust_anchor))
        self.resolver = Process("unbound", ["unbound", "-d", "-p", "-c", config], self.folder)
        self.resolver.wait_until(lambda: nameservers.answers(nameservers.RESOLVER, "example.", "SOA"), 60)

    def _is_served(self, name):
        return nameservers.answers(zones.SERVER, name, "SOA")

    def forget(self):
        """The resolver between has an empty cache again."""
        self.resolver.stop()
        self.start_resolver()

    def __exit__(self, *_):
        for process in (self.policy_hosts, self.resolver, self.authority.process):
            if process.status() is None:
                process.stop()


_writer = None


def _write_part(part):
    _writer(part)
