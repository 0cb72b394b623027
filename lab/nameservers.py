"""Who answers DNS in the lab: an authoritative server for all zones, one that refuses everything, and a validating
resolver for those who have none of their own."""

import os
import socket
import subprocess
import threading

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode

from lab.process import Process
from lab.zones import LAME_SERVER, SERVER

RESOLVER = "127.0.0.1"

KNOT = """server:
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
template:
  - id: default
    zonefile-sync: -1
    zonefile-load: whole
    journal-content: none
zone:
"""

# "test." and a few more are answered by unbound itself unless told otherwise; the lab keeps away from them.
UNBOUND = """server:
  interface: {resolver}
  access-control: 127.0.0.0/8 allow
  username: ""
  chroot: ""
  directory: {folder}
  pidfile: ""
  use-syslog: no
  logfile: ""
  verbosity: 1
  num-threads: 1
  do-ip6: no
  root-hints: {hints}
  trust-anchor-file: {anchor}
  module-config: "validator iterator"
  cache-max-negative-ttl: 60
remote-control:
  control-enable: yes
  control-interface: {folder}/unbound.sock
  control-use-cert: no
"""


class Authority:
    """Knot, with all zones."""

    def __init__(self, folder, files):
        self._folder, self._config = folder, os.path.join(folder, "knot.conf")
        self._files = dict(files)
        self._start(SERVER)

    def _start(self, address):
        self.address = address
        self._configure()
        self.process = Process("knot", ["knotd", "-c", self._config], self._folder)

    def _configure(self):
        with open(self._config, "w") as config:
            config.write(KNOT.format(folder=self._folder, address=self.address))
            config.writelines(f"  - domain: {name}\n    file: {path}\n" for name, path in self._files.items())

    def wait(self):
        self.process.wait_until(lambda: answers(self.address, ".", "SOA"))

    def move(self, address):
        """Answer there and nowhere else: for somebody who wants to stand in between."""
        self.process.stop()
        self._start(address)
        self.wait()

    def add(self, files):
        """Serve more zones."""
        self._files.update(files)
        self._configure()
        subprocess.run(["knotc", "-c", self._config, "-b", "reload"], check=True, capture_output=True)
        self.process.wait_until(lambda: all(answers(self.address, name, "SOA") for name in files))

    def reload(self, zone):
        """Serve the file of this zone anew."""
        subprocess.run(["knotc", "-c", self._config, "-b", "zone-reload", zone], check=True, capture_output=True)


class Resolver:
    """Unbound, which validates: the machine's resolver, for Exim and Postfix and everyone who forwards."""

    def __init__(self, folder, hints, anchor):
        self._config = os.path.join(folder, "unbound.conf")
        self._folder = folder
        with open(self._config, "w") as config:
            config.write(UNBOUND.format(folder=folder, resolver=RESOLVER, hints=hints, anchor=anchor))
        self.start()

    def start(self):
        """Also again, after stop(): an outage for tests."""
        self.process = Process("unbound", ["unbound", "-d", "-p", "-c", self._config], self._folder)

    def wait(self):
        self.process.wait_until(lambda: answers(RESOLVER, "example.", "SOA"))

    def stop(self):
        self.process.stop()

    def forget(self):
        """Drop all that is cached. One command for the answers, one for what is known about name servers."""
        for command in (["flush_zone", "."], ["flush_infra", "all"]):
            subprocess.run(["unbound-control", "-c", self._config, *command], check=True, capture_output=True)


class LameServer:
    """Answers REFUSED to every question: at a resolver that becomes SERVFAIL."""

    def __init__(self):
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((LAME_SERVER, 53))
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            question, peer = self._socket.recvfrom(4096)
            try:
                answer = dns.message.make_response(dns.message.from_wire(question))
            except dns.exception.DNSException:
                continue
            answer.set_rcode(dns.rcode.REFUSED)
            self._socket.sendto(answer.to_wire(), peer)


def ask(name, rtype, server=RESOLVER, timeout=5.0):
    """One question with DO set, over UDP and then TCP if need be; the whole message, also when it is an error."""
    question = dns.message.make_query(name, rtype, want_dnssec=True, payload=1232)
    question.flags |= dns.flags.AD
    return dns.query.udp_with_fallback(question, server, timeout=timeout)[0]


def is_authentic(answer):
    return bool(answer.flags & dns.flags.AD)


def answers(server, name, rtype):
    try:
        return ask(name, rtype, server, timeout=0.5).rcode() == dns.rcode.NOERROR
    except (dns.exception.DNSException, OSError):
        return False
