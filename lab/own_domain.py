"""A domain of ours, as its postmaster has it: a signed zone that takes updates, MX hosts whose keys are ours, and an outriderd that
publishes its policy. The address of that policy host is an IPv6 one: on IPv4 port 443 is that of all others (policyhost.py).

    with OwnDomain(world, build, folder, "gazette") as own:
        own.daemon.start()
        own.command("records", own.name)
"""

import datetime
import json
import os
import shlex
import shutil
import subprocess

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from lab import certs
from lab.clock import Clock
from lab.mxhost import MxHost
from lab.outrider import USER, Outrider
from lab.own_zone import OwnZone
from lab.process import wait_until

POLICY_HOST = "2001:db8:443::1"
MX_ADDRESSES = [f"203.0.113.{number}" for number in range(241, 250)]  # of nobody else
DEPLOY = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "integration/acme/outrider-deploy")


def new_key():
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(key):
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def replace(path, octets):
    """As a careful program does: by one rename."""
    with open(f"{path}.new", "wb") as file:
        file.write(octets)
    shutil.chown(f"{path}.new", USER)
    os.rename(f"{path}.new", path)


class OwnDomain:
    """NAME.example: its zone, mx.NAME.example (and more), mta-sts.NAME.example."""

    def __init__(self, world, build, folder, label, clock=None, ttl=300, settings=None):
        self.world, self.folder, self.name = world, folder, f"{label}.example"
        for path in (folder, self.path("files"), self.path("acme")):
            os.makedirs(path, exist_ok=True)
            shutil.chown(path, USER)
        self.clock = clock or Clock(self.path("clock"))
        self.zone = OwnZone(world, folder, label, MX_ADDRESSES[0], ttl=ttl)
        self.state = self.path("tlsa")
        self.hosts, self._addresses = {}, {}
        self.add_host("mx", MX_ADDRESSES[0])
        section, certificate = f'publish "{self.name}"', self.path("files/sts.pem")
        self.daemon = Outrider(build, world, self.path("outrider"), clock=self.clock, **{
            "policy_host": {"listen": [f"inet:[{POLICY_HOST}]:443"], "acme": [f"inet:[{POLICY_HOST}]:80"],
                            "acme_directory": self.path("acme"), "addresses": [POLICY_HOST], "root_programs": [world.certs.bundle]},
            section: {"mx": [self.mx], "max_age": "1h", "certificate": certificate, "key": certificate,
                      "tlsrpt": [f"mailto:tls-reports@{self.name}"]}, **(settings or {})})
        self.publication = self.daemon.settings[section]
        self._make_programs()

    @property
    def mx(self):
        return f"mx.{self.name}"

    @property
    def policy_host(self):
        return f"mta-sts.{self.name}"

    def path(self, name):
        return os.path.join(self.folder, name)

    def __enter__(self):
        self.zone.__enter__()
        self.world.resolver.forget()
        return self

    def __exit__(self, *_):
        process = self.daemon.process
        if process is not None and process.status() is None:
            self.daemon.stop()
        for label, address in self._addresses.items():
            self.world.mx_server.hosts.pop(address, None)
            self.world.mx.pop(self.hosts[label].name, None)
            self.world.addresses.pop(self.hosts[label].name, None)
        self.zone.__exit__()

    # Certificates and hosts

    def issue(self, name, key=None, issuer="lab", days=90):
        """Key and chain for a name, in PEM."""
        key = key or new_key()
        signer, root = self.world.certs.signer(issuer)
        leaf = certs._sign(certs._subject(name), key.public_key(), root.subject, signer, -20 * certs.DAY, datetime.timedelta(days=days), [
            (x509.BasicConstraints(ca=False, path_length=None), True), (x509.SubjectAlternativeName([x509.DNSName(name)]), False)])
        return key_pem(key) + leaf.public_bytes(serialization.Encoding.PEM)

    def install(self, name, octets):
        """A file of certificates, in its place at once; its path."""
        path = self.path(f"files/{name}")
        replace(path, octets)
        return path

    def pair(self, name, octets):
        """As an ACME client leaves them: chain and key in two files."""
        key, end, chain = octets.partition(b"-----END PRIVATE KEY-----\n")
        self.install(f"{name}.key", key + end)
        return self.install(f"{name}.chain", chain), self.path(f"files/{name}.key")

    def shown(self, label):
        """The certificates in the file of a host."""
        with open(self.path(f"files/{label}.pem")) as file:
            return file.read().partition("-----BEGIN CERTIFICATE")[2]

    def add_host(self, label, address=None):
        """One more MX host (its DNS records are the caller's). It shows what lies in its file."""
        name = f"{label}.{self.name}"
        address = address or MX_ADDRESSES[len(self.hosts)]
        path = self.install(f"{label}.pem", self.issue(name))
        host = MxHost(name, "good", certs.Chain((), path))
        self.hosts[label], self._addresses[label] = host, address
        self.world.mx_server.hosts[address] = host
        self.world.mx[name], self.world.addresses[name] = host, [address]
        return name, address

    # DNS

    def update(self, lines):
        """What nsupdate would do with these lines."""
        self.zone.update(lines)

    def change(self, *updates):
        """`update ...` lines for our zone."""
        self.update("".join(f"{line}\n" for line in (f"zone {self.name}.", *(f"update {each}" for each in updates), "send")))

    def pass_time(self, seconds):
        """For all who go by our clock. outriderd sees within seconds that it must write down how long it hands the policy out from now."""
        self.clock.forward(seconds)
        self.world.resolver.forget()
        if self.is_running():
            wait_until(self._hands_out, 30, self.daemon.log)

    def is_running(self):
        return self.daemon.process is not None and self.daemon.process.status() is None

    def _hands_out(self):
        horizon = self.told()["serving"]["horizon"]
        return datetime.datetime.strptime(horizon, "%Y-%m-%dT%H:%M:%S%z").timestamp() > self.clock.now()

    # Commands

    def run(self, *arguments, **options):
        """`outrider ARGUMENTS...` with our configuration and state, finished."""
        words = 1 if arguments[0] in ("records", "query") else 2
        mine = ["--config", self.daemon.config]
        if arguments[0] == "tlsa" and arguments[1] in ("guard", "plan", "status"):
            mine += ["--state", self.state]
        return self.daemon.run_cli(*arguments[:words], *mine, *arguments[words:], timeout=120, **options)

    def command(self, *arguments, status=0):
        """The same, which must end so; its output."""
        done = self.run(*arguments)
        if done.returncode != status:
            raise AssertionError(f"outrider {' '.join(arguments)}: exit status {done.returncode}, not {status}: {done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def json(self, *arguments, status=0):
        done = self.run(*arguments, "--json")
        if done.returncode != status:
            raise AssertionError(f"outrider {' '.join(arguments)}: exit status {done.returncode}, not {status}: {done.stdout}{done.stderr}")
        return json.loads(done.stdout)

    def told(self):
        """What outriderd says of the domain, whether it finds something wrong or not."""
        done = self.run("publish", "status", "--offline", "--json", self.name)
        if done.returncode not in (0, 1):
            raise AssertionError(f"outrider publish status: exit status {done.returncode}: {done.stdout}{done.stderr}")
        return json.loads(done.stdout)["daemon"]

    def reconfigure(self, **publication):
        """What an administrator does after changing the section."""
        self.publication.update(publication)
        self.daemon.write_config()
        self.daemon.restart()

    def wait_for_certificate(self, state="good"):
        """The files are looked at every few seconds, and taken when they have stood still. state: of what is served then."""
        wait_until(lambda: self.told()["certificate"]["state"] == state, 60, self.daemon.log)

    # The deploy hook

    def deploy_lines(self, *lines):
        """/etc/outrider/deploy.conf of this machine."""
        with open(self.path("deploy.conf"), "w") as file:
            file.writelines(f"{line}\n" for line in lines)

    def deploy(self, *arguments):
        """`outrider-deploy ARGUMENTS...`, finished."""
        return subprocess.run([self.path("bin/outrider-deploy"), *arguments], capture_output=True, text=True, timeout=180,
                              env=self.hook_environment())

    def hook_environment(self):
        """Of whoever calls outrider-deploy, such as an ACME client: it finds our programs, and they find our configuration and state."""
        return {**os.environ, "PATH": f"{self.path('bin')}:{os.environ['PATH']}", "OUTRIDER_DEPLOY_STATE": self.path("deploy")}

    def _make_programs(self):
        """As they would be installed, but for where this machine has its files, and its clock."""
        clock = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in self.clock.variables.items())
        os.makedirs(self.path("bin"), exist_ok=True)
        for name, text in (("outrider", f'{clock}case "$1 $2" in\n'
                                        f'"tlsa guard" | "tlsa plan" | "tlsa status") set -- "$@" --state {self.state} ;;\n'
                                        f'esac\nexec {self.daemon.cli} "$@" --config {self.daemon.config}\n'),
                           ("outrider-deploy", f'exec {DEPLOY} --config {self.path("deploy.conf")} "$@"\n')):
            with open(self.path(f"bin/{name}"), "w") as file:
                file.write(f"#!/bin/sh\n{text}")
            os.chmod(self.path(f"bin/{name}"), 0o755)

    # The policy

    def fetch(self, *options):
        """The policy with curl, as the world gets it: (status, text, complaint)."""
        done = subprocess.run(["curl", "-sS", "--max-time", "10", "-w", "%{http_code}", *options,
                               f"https://{self.policy_host}/.well-known/mta-sts.txt"], capture_output=True, text=True)
        return done.stdout[-3:], done.stdout[:-3], done.stderr

    def fetch_from(self, authority):
        """The same, by somebody who trusts the roots of an ACME server (acme.py) and no others."""
        with open(self.path("roots.pem"), "w") as file:
            file.write(authority.root())
        return self.fetch("--cacert", self.path("roots.pem"))
