"""The whole internet of the lab, running: opened once, then asked and changed by tests, the demo and the shell.

    with World() as world:
        world.mx["mx.sts-enforce.example"].server = "no-starttls"     # takes effect at once
        world.policies["mta-sts.sts-enforce.example"].server = "404"
        with world.records("_mta-sts.sts-enforce.example", "TXT", ['"v=STSv1; id=2;"']): ...
"""

import contextlib
import ipaddress
import itertools
import os
import threading

from lab import certs, mxhost, namespace, nameservers, policyhost, scenarios, zones
from lab.process import Failed

# Small networks first, whose addresses are easy to tell apart; tests may need more. 203.0.113.224/27 is given to nobody here: some
# hosts there have their addresses from a test or from a domain of ours (own_domain.py), and the rest are where nobody is.
MX_IPV4, MX_IPV6 = ("203.0.113.0/25", "203.0.113.128/26", "203.0.113.192/27", "198.18.0.0/16"), ("2001:db8:25::/64",)
POLICY_IPV4 = ("192.0.2.0/24", "198.19.0.0/16")


class World:
    """Names, certificates and servers of all scenarios (or of those given)."""

    def __init__(self, rows=scenarios.SCENARIOS, folder=os.path.join(namespace.HOME, "world")):
        self.scenarios = {row.name: row for row in rows}
        if len(self.scenarios) != len(rows):
            raise ValueError("two scenarios have the same name")
        self.folder = folder
        self._changing = threading.RLock()  # tests may change the world from several threads
        os.makedirs(folder)
        self.certs = certs.Certificates(os.path.join(folder, "certs"))
        self.mx, self.policies = {}, {}  # name -> MxHost, PolicyHost
        self.addresses = {}              # name -> list
        self._ipv4, self._ipv6, self._policy_ipv4 = (
            itertools.chain.from_iterable(ipaddress.ip_network(network).hosts() for network in networks)
            for networks in (MX_IPV4, MX_IPV6, POLICY_IPV4))
        os.makedirs(self.path("zones"))
        self.zones = zones.ZoneTree(self.path("zones"))
        self.trust_anchor, self.root_hints = self.path("root.key"), self.path("root.hints")
        for row in rows:
            self._settle(row)

    def path(self, name):
        return os.path.join(self.folder, name)

    @property
    def mx_server(self):
        """The listener on port 25."""
        return self._servers[0]

    def add(self, *rows, zones=()):
        """More destinations, while everything runs: for tests that need some of their own.

        zones: (name, kind, ttl) of zones that are to be there first, because the destinations lie below them.
        """
        with self._changing:
            self._add(rows, zones)

    def _add(self, rows, new_zones):
        before = {name: len(zone.records) for name, zone in self.zones.zones.items()}
        for name, kind, ttl in new_zones:
            self.zones.create(name, kind, ttl)
        for row in rows:
            if row.name in self.scenarios:
                raise ValueError(f"there is a scenario {row.name} already")
            self.scenarios[row.name] = row
            self._settle(row)
        changed = [name for name, zone in self.zones.zones.items() if len(zone.records) != before.get(name)]
        for name in set(changed) & set(before):
            self.zones.zones[name].serial += 1
        files = self.zones.write(changed)
        for server, hosts in zip(self._servers, (self.mx, self.policies)):
            server.hosts.update(self._by_address(hosts))
        self.authority.add({name: path for name, path in files.items() if name not in before})
        for name in set(changed) & set(before):
            self.authority.reload(name)
        self.resolver.forget()

    def _settle(self, row):
        """Addresses, certificates, servers and zone of one destination."""
        chains = {}
        for host in row.hosts:
            name = row.host_name(host)
            if host.shared:
                continue
            chains[name] = self.certs.issue(host.cert, name, row.domain)
            self.mx[name] = mxhost.MxHost(name, host.server, chains[name])
            self.addresses[name] = [str(next(self._ipv4 if family == "4" else self._ipv6)) for family in host.families]
        if row.sts:
            name = row.policy_name()
            text = policyhost.policy_text(row.sts.mode, row.patterns(), row.sts.max_age)
            self.policies[name] = policyhost.PolicyHost(name, text, row.sts.server, self.certs.issue(row.sts.cert, name))
            self.addresses[name] = [str(next(self._policy_ipv4))]
        zones.plant(self.zones, row, self.addresses, chains, self.certs)

    def __enter__(self):
        files = self.zones.write()
        self.zones.write_trust_anchor(self.trust_anchor)
        self.zones.write_root_hints(self.root_hints)
        self._lame = nameservers.LameServer()
        self.authority = nameservers.Authority(self.folder, files)
        self.resolver = nameservers.Resolver(self.folder, self.root_hints, self.trust_anchor)
        self._servers = [server(self._by_address(hosts)) for server, hosts in (
            (mxhost.MxHosts, self.mx), (policyhost.PolicyHosts, self.policies))]
        self._trust_lab_ca()
        self.authority.wait()
        self.resolver.wait()
        return self

    def __exit__(self, *_):
        for process in (self.authority.process, self.resolver.process):
            try:
                process.stop()
            except Failed as failed:
                print(f"lab: {failed}")
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def _by_address(self, hosts):
        return {address: host for name, host in hosts.items() for address in self.addresses[name]}

    def _trust_lab_ca(self):
        """In this internet the lab's CA is the one public CA, for everyone who uses the system's bundle."""
        with open(self.certs.bundle) as bundle, open("/etc/ssl/certs/ca-certificates.crt", "w") as system:
            system.write(bundle.read())

    def set_records(self, owner, rtype, rdatas):
        """Replace an RRset (none: remove it), sign, serve, and make the resolver forget. Returns what was there."""
        zone, key = self.zones.zone_of(owner), (zones.absolute(owner), rtype)
        with self._changing:
            before = zone.records.pop(key, [])
            if rdatas:
                zone.records[key] = list(rdatas)
            self.publish(zone)
        return before

    @contextlib.contextmanager
    def records(self, owner, rtype, rdatas):
        """set_records for the length of a `with` block."""
        before = self.set_records(owner, rtype, rdatas)
        try:
            yield
        finally:
            self.set_records(owner, rtype, before)

    @contextlib.contextmanager
    def forged(self, owner, rtype, rdata):
        """For the length of a `with` block, this is served in place of what was signed: bogus for who validates."""
        zone, key = self.zones.zone_of(owner), (zones.absolute(owner), rtype)
        before = zone.altered.get(key)
        zone.altered[key] = rdata
        self.publish(zone)
        try:
            yield
        finally:
            zone.altered[key] = before
            self.publish(zone)

    @contextlib.contextmanager
    def between(self, make):
        """For the length of a `with` block, what make(address, upstream) gives stands between resolver and name
        servers: at their address, where questions come; they themselves are at `upstream`."""
        self.authority.move(zones.BEHIND)
        try:
            with make(zones.SERVER, zones.BEHIND) as between:
                self.resolver.forget()
                yield between
        finally:
            self.authority.move(zones.SERVER)
            self.resolver.forget()

    @contextlib.contextmanager
    def outage(self):
        """For the length of a `with` block nobody resolves names for this machine."""
        self.resolver.stop()
        try:
            yield
        finally:
            self.resolver.start()
            self.resolver.wait()

    def publish(self, zone):
        """Sign and serve a zone that was changed."""
        with self._changing:
            self.zones.rewrite(zone)
            self.authority.reload(zone.name)
            self.resolver.forget()
