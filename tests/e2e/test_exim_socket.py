"""What Exim and outriderd expect of one another, beside the answers themselves: who may ask, what an answer may hold, what
the files of roots do, and that a restart refuses nobody (docs/protocols.md)."""

import itertools
import os
import shutil
import socket
import subprocess

import pytest

from lab import certs, delivery, exim as exim_files
from lab.model import SIGNED, Host
from lab.process import Process, wait_until
import domains
from test_exim_traps import answers

ENFORCED = "sts-enforce.example"
serial = itertools.count(1)


def send(exim, domain):
    recipient = f"socket-{next(serial)}@{domain}"
    return exim.send([recipient])[recipient]


def route_as_exim(address):
    """What Exim's own user is told while a message comes in: where would this recipient go?"""
    return subprocess.run(["setpriv", "--reuid=Debian-exim", "--regid=Debian-exim", "--clear-groups", exim_files.PROGRAM,
                           "-bv", address], capture_output=True, text=True, cwd="/", timeout=60).stdout


def test_the_socket_is_for_exims_own_user_too(lab, exim, outrider):
    """Exim delivers as root, and verifies recipients as its own user: by the group of the socket."""
    daemon = outrider(for_mtas=True)
    found = os.stat(daemon.line_socket)
    assert found.st_mode & 0o777 == 0o660 and found.st_gid == shutil._get_gid("Debian-exim")
    assert "verified" in route_as_exim(f"user@{ENFORCED}")
    assert "cannot be resolved at this time" in route_as_exim("user@sts-unlisted.example")
    os.chown(daemon.line_socket, 0, 0)
    assert "cannot be resolved at this time" in route_as_exim(f"user@{ENFORCED}")


@pytest.mark.parametrize("reply, outcome", [
    ('v=1 later="a b" pol=none dane=* tls="" verify="" more=* end=1\n', "encrypted"),
    ('v=1 pol=none dane=* tls="" verify="" end=1', "encrypted"),
    ('v=1 pol=none end=1\n', "deferred"),
    ('v=1 pol=none dane=* tls="" verify="" ta="" end=1\n', "deferred"),
    ('v=2 pol=none dane=* tls="" verify="" end=1\n', "deferred"),
    ('v=1 pol=none dane=* tls="" verify="" end=1\nv=1 end=1 x\n', "deferred"),
    ('x v=1 pol=none dane=* tls="" verify="" end=1\n', "deferred"),
    ('v=1 pol=none dane=* tls="" verify="" end=1\0x', "encrypted"),  # Exim loses what is behind it
], ids=["keys of later versions are passed over", "without a newline", "what is missing is strict (L3)", "no file of roots (L11)", "another version",
        "more behind it", "more before it", "a NUL behind it"])
def test_answers_of_other_forms(lab, exim, outrider, reply, outcome):
    outrider(for_mtas=True)
    with answers(reply)(lab, exim):
        assert send(exim, "plain-tls.example").outcome == outcome


def test_nothing_verifies_where_there_should_be_no_host(lab, exim, outrider):
    """L7: what Exim is told under an enforced policy of a domain that has no MX host by Outrider's knowledge (V77). Should
    Exim see one, a perfect certificate of a public CA does not help."""
    daemon = outrider(for_mtas=True)
    with answers(f'v=1 pol=sts mode=enforce dane="" tls=* verify=* ta={daemon.exim_dir}/none.pem end=1\n')(lab, exim):
        found = send(exim, ENFORCED)
    assert found.outcome == "deferred", found
    assert delivery.contradiction(found, lab) == ""


def test_an_aliased_host_under_a_policy(lab, exim, outrider):
    """L5: Exim knows it by the name in the MX record for its first address and by the end of the alias for the next."""
    (domain,) = domains.add(lab, domains.row("socket-alias", zone=SIGNED, hosts=(Host(alias="signed-host.example"),),
                                             sts=domains.Sts()))
    daemon = outrider(for_mtas=True)
    host, end = domain.row.host_name(domain.row.hosts[0]), domain.row.expanded_name(domain.row.hosts[0])
    line = daemon.exim(domain.name)
    assert host.replace(".", "\\.") in line and end.replace(".", "\\.") in line, line
    found = send(exim, domain.name)
    assert (found.outcome, found.host) == ("verified", end), found


def test_an_intermediate_as_only_root(lab, exim, outrider):
    """GnuTLS takes whatever stands in the file as an anchor; OpenSSL wants a root, and mail waits."""
    daemon = outrider(for_mtas=True)
    host = lab.mx["mx.sts-enforce.example"]
    chain, intermediate = lab.certs.issue_below(host.name)
    path = os.path.join(daemon.exim_dir, "intermediate.pem")
    with open(path, "wb") as file:
        file.write(certs._pem(intermediate))
    before, host.chain = host.chain, chain
    try:
        with answers(f'v=1 pol=sts mode=enforce dane="" tls=* verify=* ta={path} end=1\n')(lab, exim):
            found = send(exim, ENFORCED)
    finally:
        host.chain = before
        os.unlink(path)
    assert found.outcome == ("deferred" if exim.is_openssl else "verified"), found


class Activated:
    """outriderd as systemd runs it: the socket belongs to somebody else and stays when the daemon goes."""

    def __init__(self, daemon):
        self.daemon, self.process = daemon, None
        if os.path.exists(daemon.line_socket):
            os.unlink(daemon.line_socket)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.bind(daemon.line_socket)
        os.chmod(daemon.line_socket, 0o660)
        shutil.chown(daemon.line_socket, "root", "Debian-exim")
        self.socket.listen(1024)

    def start(self):
        number = self.socket.fileno()
        self.process = Process("outriderd", ["bash", "-c", f"LISTEN_FDS=1 LISTEN_PID=$$ exec {self.daemon.program} -f"
                                             f" -c {self.daemon.config} 3<&{number}"], os.path.dirname(self.daemon.config),
                               pass_fds=[number])

    def waiting(self):
        """Clients that nobody has accepted yet."""
        listed = subprocess.run(["ss", "-xlH"], capture_output=True, text=True, check=True).stdout.splitlines()
        return sum(int(line.split()[2]) for line in listed if self.daemon.line_socket in line.split())

    def close(self):
        if self.process:
            self.process.stop()
        self.socket.close()
        os.unlink(self.daemon.line_socket)


@pytest.fixture
def activated(outrider):
    service = Activated(outrider(start=False, for_mtas=True))
    yield service
    service.close()


def test_a_restart_refuses_nobody(lab, exim, activated):
    """Messages that ask while no daemon runs are answered by the next one: nothing is deferred."""
    activated.start()
    assert send(exim, ENFORCED).outcome == "verified"
    assert activated.process.stop() == 0
    exim.forget()
    recipients = [f"restart-{number}@{ENFORCED}" for number in range(3)]
    waiting = [subprocess.Popen([exim_files.PROGRAM, "-odi", "-f", "<>", each], stdin=subprocess.PIPE) for each in recipients]
    begin = exim_files.end_of_log()
    for process in waiting:
        process.stdin.write(b"Subject: lab\n\nHello.\n")
        process.stdin.close()
    wait_until(lambda: activated.waiting() == len(recipients), 20, lambda: "nobody asks")
    activated.start()
    for process in waiting:
        assert process.wait(30) == 0
    lines = exim_files.log_since(begin)
    assert [exim_files.outcome(each, lines).outcome for each in recipients] == ["verified"] * len(recipients)
    assert not any(" == " in line for line in lines)
