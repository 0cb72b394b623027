"""ACME clients and DANE: pebble issues, uacme, certbot and lego renew, outriderd answers their challenges on port 80, and
outrider-deploy stands between their files and those that a real Postfix or Exim reads (integration/acme).

PUB-13, PUB-16: a renewal with the same key goes through at once; one with another key waits until its record has settled, and the old
pair goes on.
"""

import concurrent.futures
import contextlib
import hashlib
import itertools
import os
import shutil
import signal
import smtplib
import ssl
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

import conftest
from lab import namespace
from lab.acme import Pebble
from lab.exim import PROGRAM as EXIM
from lab.own_domain import MX_ADDRESSES, POLICY_HOST, OwnDomain, key_pem, new_key
from lab.process import Process, wait_until

INTEGRATION = os.path.join(conftest.ROOT, "integration/acme")
ACME_IPV4 = "203.0.113.240"  # port 80 of the policy host: Debian's pebble finds no hosts that have IPv6 addresses only
HOUR = 3600
numbers = itertools.count(1)

pytestmark = pytest.mark.skipif(shutil.which("pebble") is None, reason="pebble is not installed: tools/install-deps")


@pytest.fixture(scope="module", name="pebble")
def an_authority(lab):
    with Pebble(lab, f"{namespace.HOME}/pebble") as pebble:
        yield pebble


@pytest.fixture(name="own")
def a_domain(lab, build):
    """A domain whose MX host lets its certificates come by ACME; nothing in DNS but its address."""
    label = f"hooks{next(numbers)}"
    with OwnDomain(lab, build, f"{namespace.HOME}/{label}", label, settings={
            "policy_host": {"listen": [f"inet:[{POLICY_HOST}]:443"],
                            "acme": [f"inet:{address}:80" for address in (MX_ADDRESSES[0], ACME_IPV4, f"[{POLICY_HOST}]")]}}) as own:
        own.daemon.settings["policy_host"]["acme_directory"] = own.path("acme")
        own.daemon.write_config()
        own.daemon.start()
        own.deploy_lines(f"{own.mx} {own.mx} {own.path('files/mx.pem')} root 0600 true",
                         f"{own.policy_host} - {own.path('files/sts.pem')} outrider 0600 true")
        yield own
    for complaint in conftest.COMPLAINTS:
        assert complaint not in own.daemon.log(), own.daemon.log()


def key_digest(public):
    octets = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(octets).hexdigest().upper()


def record_of(pem):
    """The record 3 1 1 of the first certificate in a text."""
    return f"3 1 1 {key_digest(x509.load_pem_x509_certificate(pem[pem.index(b'-----BEGIN CERTIFICATE'):]).public_key())}"


def shown_by(own):
    """The leaf that the MX host shows, in DER, as a sender sees it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with smtplib.SMTP(MX_ADDRESSES[0], timeout=30) as client:
        client.starttls(context=context)
        return client.sock.getpeercert(binary_form=True)


def leaf_of(path):
    with open(path, "rb") as file:
        pem = file.read()
    return x509.load_pem_x509_certificate(pem[pem.index(b"-----BEGIN CERTIFICATE"):]).public_bytes(serialization.Encoding.DER)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def publish(own, *records):
    """TLSA records that everybody has known for a day."""
    own.zone.publish(*records)
    own.command("tlsa", "plan", own.mx)
    own.pass_time(24 * HOUR)
    own.command("tlsa", "plan", own.mx)


# Clients -----------------------------------------------------------------------------------------------------------


class Uacme:
    """uacme, by way of integration/acme/uacme-renew."""

    def __init__(self, own, pebble):
        self.own, self.pebble, self.folder = own, pebble, own.path("uacme")
        os.makedirs(self.folder, exist_ok=True)
        done = pebble.uacme(self.folder, "new", challenges=own.path("acme"))
        assert done.returncode == 0, done.stderr
        self.key_file = f"{self.folder}/private/{own.mx}/key.pem"

    def renew(self, *names):
        """The finished uacme-renew."""
        names = names or (self.own.mx,)
        return self.pebble.uacme(self.folder, *names, challenges=self.own.path("acme"), program=f"{INTEGRATION}/uacme-renew",
                                 environment=self.own.hook_environment())

    def renew_now(self, *names):
        """uacme leaves a certificate alone that has a month to go; so it is taken away first."""
        name = (names or (self.own.mx,))[0]
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{self.folder}/{name}/cert.pem")
        return self.renew(*names)

    def give_key(self, key):
        """Another key than the one it has, as integration/acme/README.md says."""
        with open(self.key_file, "wb") as file:
            file.write(key_pem(key))


@pytest.fixture(name="uacme")
def the_small_client(own, pebble):
    return Uacme(own, pebble)


@contextlib.contextmanager
def postfix_behind(own, postfix):
    """A real Postfix is the MX host; the command with which it is told of new files."""
    service = "127.0.0.1:2525/inet"
    subprocess.run(["postconf", "-M", f"{service}=127.0.0.1:2525 inet n - n - - smtpd -o smtpd_tls_security_level=may"
                    f" -o smtpd_tls_chain_files={own.path('files/mx.pem')}"], check=True, capture_output=True)
    subprocess.run(["postfix", "reload"], check=True, capture_output=True)
    own.hosts["mx"].behind = ("127.0.0.1", 2525)
    try:
        yield "postfix reload"
    finally:
        subprocess.run(["postconf", "-MX", service], check=True, capture_output=True)
        subprocess.run(["postfix", "reload"], check=True, capture_output=True)


EXIM_MX = """primary_hostname = {name}
daemon_smtp_ports = 2526
local_interfaces = 127.0.0.1
tls_advertise_hosts = *
tls_certificate = {file}
tls_privatekey = {file}
pid_file_path = {folder}/exim.pid
acl_smtp_rcpt = deny
begin acl
deny:
  deny
"""


@contextlib.contextmanager
def exim_behind(own, exim):
    """A real Exim is the MX host."""
    config = own.path("exim-mx.conf")
    with open(config, "w") as file:
        file.write(EXIM_MX.format(name=own.mx, file=own.path("files/mx.pem"), folder=own.path("files")))
    process = Process("exim-mx", [EXIM, "-C", config, "-bdf"], own.folder)
    own.hosts["mx"].behind = ("127.0.0.1", 2526)
    process.wait_until(lambda: is_up(own), 20)
    try:
        yield f"kill -HUP {process.pid}"
    finally:
        process.stop()


def is_up(own):
    try:
        return bool(shown_by(own))
    except (OSError, smtplib.SMTPException):
        return False


BEHIND = {"postfix": postfix_behind, "exim": exim_behind}


def shows(own, path):
    """In a moment: a mail server that was told to look again finishes what it has."""
    wait_until(lambda: is_up(own) and shown_by(own) == leaf_of(path), 30, lambda: f"the host does not show {path}")


@pytest.mark.parametrize("server", BEHIND)
def test_renewals_and_a_real_mail_server(own, uacme, request, server):
    """PUB-13, PUB-16: the same key goes through at once; another key waits, and the old certificate is shown, until its record has
    settled."""
    mx_file = own.path("files/mx.pem")
    with BEHIND[server](own, request.getfixturevalue(server)) as told:
        own.deploy_lines(f"{own.mx} {own.mx} {mx_file} {'root:Debian-exim 0640' if server == 'exim' else 'root 0600'} {told}")
        first = uacme.renew()
        assert first.returncode == 0, first.stderr
        shows(own, f"{uacme.folder}/{own.mx}/cert.pem")
        publish(own, record_of(read(mx_file)))

        same = uacme.renew_now()
        assert same.returncode == 0, same.stderr
        assert leaf_of(mx_file) != leaf_of(f"{mx_file}.previous"), "it was renewed"
        assert record_of(read(mx_file)) == record_of(read(f"{mx_file}.previous")), "with the same key"
        shows(own, f"{uacme.folder}/{own.mx}/cert.pem")

        before, key = read(mx_file), new_key()
        uacme.give_key(key)
        other = uacme.renew_now()
        assert other.returncode == 1 and "WOULD BREAK DANE" in other.stderr, other.stderr
        assert f"TLSA 3 1 1 {key_digest(key.public_key())}" in other.stderr, "the record to publish is told"
        assert read(mx_file) == before and shown_by(own) == leaf_of(mx_file)
        assert own.deploy("--pending").stdout.startswith(f"{own.mx} since ")

        own.zone.publish(f"3 1 1 {key_digest(key.public_key())}")
        early = own.deploy("--retry")
        assert early.returncode == 1 and read(mx_file) == before, "published, and not known to all caches"
        own.pass_time(2 * HOUR)
        late = own.deploy("--retry")
        assert late.returncode == 0, late.stderr
        assert read(f"{mx_file}.previous") == before and own.deploy("--pending").stdout == ""
        shows(own, f"{uacme.folder}/{own.mx}/cert.pem")


def test_guard_cannot_find_out(own, uacme, lab):
    """NO-DOWNGRADE: while names cannot be resolved nobody can say; the old pair goes on, and the new one waits."""
    assert uacme.renew().returncode == 0
    mx_file = own.path("files/mx.pem")
    publish(own, record_of(read(mx_file)))
    assert uacme.renew_now().returncode == 0
    before = read(mx_file)
    pair = own.pair("again", own.issue(own.mx, serialization.load_pem_private_key(read(uacme.key_file), None)))
    with lab.outage():
        done = own.deploy(own.mx, *pair)
        assert done.returncode == 75 and "could not be found out" in done.stderr, done.stderr
        assert own.deploy("--retry").returncode == 75
    assert read(mx_file) == before
    lab.resolver.forget()
    assert own.deploy("--retry").returncode == 0
    assert leaf_of(mx_file) == leaf_of(pair[0])


def test_a_guard_that_is_not_there(own):
    """Without the program, or when it is killed, nobody can say, either."""
    pair = own.pair("new", own.issue(own.mx))
    before = read(own.path("files/mx.pem"))
    for text in ("exec /nonexistent/outrider\n", "kill -9 $$\n", "exit 64\n", "exit 78\n"):
        with open(own.path("bin/outrider"), "w") as file:
            file.write(f"#!/bin/sh\n{text}")
        assert own.deploy(own.mx, *pair).returncode == 75
        assert read(own.path("files/mx.pem")) == before


BROKEN = [
    # what is handed over, exit status, what is said
    ("nothing", 65, "no certificate in PEM"),
    ("another's key", 65, "is not the key of the certificate"),
    ("a key for a chain", 65, "no certificate in PEM"),
    ("a chain for a key", 65, "no private key in PEM"),
    ("half a chain", 65, "no certificate in PEM"),
    ("an unknown name", 78, "no line begins with"),
    ("a name with a slash", 64, "no name of a certificate"),
    ("a name that is a folder above", 64, "no name of a certificate"),
]


@pytest.mark.parametrize("what, status, said", BROKEN, ids=[row[0] for row in BROKEN])
def test_broken_files(own, what, status, said):
    """What is no pair is refused, and neither installed nor kept for later."""
    before, name = read(own.path("files/mx.pem")), own.mx
    chain, key = own.pair("pair", own.issue(own.mx))
    _, other = own.pair("other", own.issue(own.mx))
    if what == "nothing":
        chain = own.install("empty", b"")
    elif what == "another's key":
        key = other
    elif what == "a key for a chain":
        chain = key
    elif what == "a chain for a key":
        key = chain
    elif what == "half a chain":
        chain = own.install("half", read(chain)[:300])
    elif what == "an unknown name":
        name = "mail.nowhere.example"
    elif what == "a name with a slash":
        name = "../../etc/passwd"
    elif what == "a name that is a folder above":
        name = ".."
    done = own.deploy(name, chain, key)
    assert (done.returncode, said in done.stderr) == (status, True), done.stderr
    assert read(own.path("files/mx.pem")) == before and own.deploy("--pending").stdout == ""


def test_a_file_that_cannot_be_written(own):
    """74, and the old one stays whole."""
    folder = own.path("read-only")
    os.makedirs(folder)
    own.deploy_lines(f"{own.mx} - {folder}/mx.pem root 0600 true")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "lab", folder], check=True)
    try:
        done = own.deploy(own.mx, *own.pair("new", own.issue(own.mx)))
    finally:
        subprocess.run(["umount", folder], check=True)
    assert done.returncode == 74 and "cannot be written" in done.stderr


def test_a_command_that_fails(own):
    """The file is the new one, and it is said that the mail server was not told: that is tried again, also by another run of the hook."""
    log = own.path("files/told")
    own.deploy_lines(f"{own.mx} - {own.path('files/mx.pem')} root 0600 exit 3")
    pair = own.pair("new", own.issue(own.mx))
    done = own.deploy(own.mx, *pair)
    assert done.returncode == 70 and "this failed, and waits: exit 3" in done.stderr
    assert leaf_of(own.path("files/mx.pem")) == leaf_of(pair[0])
    assert own.deploy("--retry").returncode == 70 and own.deploy(own.mx, *pair).returncode == 70
    own.deploy_lines(f"{own.mx} - {own.path('files/mx.pem')} root 0600 echo told >>{log}")
    assert own.deploy("--retry").returncode == 0 and read(log) == b"told\n"
    assert own.deploy("--retry").returncode == 0 and own.deploy(own.mx, *pair).returncode == 0
    assert read(log) == b"told\n" and own.deploy("--pending").stdout == "", "once is enough"


def test_a_command_that_leaves_a_server_running(own):
    """What it has started does not keep the next run waiting."""
    pid = own.path("files/pid")
    own.deploy_lines(f"{own.mx} - {own.path('files/mx.pem')} root 0600 sleep 900 >/dev/null 2>&1 & echo $! >{pid}")
    assert own.deploy(own.mx, *own.pair("new", own.issue(own.mx))).returncode == 0
    try:
        lock = subprocess.run(["flock", "-w", "20", own.path("deploy/lock"), "true"], check=False)
        assert lock.returncode == 0, "the lock is still held"
    finally:
        os.kill(int(read(pid)), signal.SIGKILL)
    assert own.deploy("--retry").returncode == 0


def test_a_hook_that_is_killed(own):
    """kill -9 while the command runs: the next --retry runs it again."""
    log = own.path("files/told")
    own.deploy_lines(f"{own.mx} - {own.path('files/mx.pem')} root 0600 kill -9 $PPID")
    pair = own.pair("new", own.issue(own.mx))
    assert own.deploy(own.mx, *pair).returncode == -9
    assert leaf_of(own.path("files/mx.pem")) == leaf_of(pair[0])
    own.deploy_lines(f"{own.mx} - {own.path('files/mx.pem')} root 0600 echo told >>{log}")
    assert own.deploy("--retry").returncode == 0 and read(log) == b"told\n"


def test_hooks_at_the_same_time(own):
    """One after the other, so that the file is always a whole pair: that of the last; and the command has run for each."""
    log = own.path("files/told")
    own.deploy_lines(f"{own.mx} - {own.path('files/mx.pem')} root 0600 echo told >>{log}")
    pairs = [own.pair(f"pair{number}", own.issue(own.mx)) for number in range(6)]
    with concurrent.futures.ThreadPoolExecutor(len(pairs)) as pool:
        done = list(pool.map(lambda pair: own.deploy(own.mx, *pair), pairs))
    assert {each.returncode for each in done} == {0}, [each.stderr for each in done]
    assert read(log).count(b"told") == len(pairs)
    pem = read(own.path("files/mx.pem"))
    key = serialization.load_pem_private_key(pem[:pem.index(b"-----BEGIN CERTIFICATE")], None)
    assert f"3 1 1 {key_digest(key.public_key())}" == record_of(pem)
    assert own.deploy("--pending").stdout == ""


def test_the_policy_host_renews_itself(own, uacme):
    """No guard for what is no MX host; outriderd answers the challenge, and takes the file up by itself."""
    own.change(f"add {own.policy_host}. 60 IN A {ACME_IPV4}")
    done = uacme.renew(own.policy_host)
    assert done.returncode == 0, done.stderr
    own.change(f"delete {own.policy_host}. IN A", f"add {own.policy_host}. 60 IN AAAA {POLICY_HOST}")
    own.wait_for_certificate()
    status, text, said = own.fetch_from(uacme.pebble)
    assert (status, "mode: testing" in text) == ("200", True), said


def test_certbot(own, pebble):
    """--reuse-key keeps the record; the hook gets both renewals through, and a new key waits."""
    webroot = own.path("webroot")
    os.makedirs(f"{webroot}/.well-known")
    os.symlink(own.path("acme"), f"{webroot}/.well-known/acme-challenge")
    folder, mx_file = own.path("certbot"), own.path("files/mx.pem")
    hooks = ["--deploy-hook", f"{INTEGRATION}/certbot-hook"]

    def certbot(*arguments):
        return pebble.certbot(folder, "certonly", "--webroot", "-w", webroot, "-d", own.mx, "--key-type", "ecdsa", *hooks, *arguments,
                              environment=own.hook_environment())

    first = certbot("--reuse-key")
    assert first.returncode == 0, first.stdout + first.stderr
    live = f"{folder}/config/live/{own.mx}/fullchain.pem"
    assert leaf_of(mx_file) == leaf_of(live)
    publish(own, record_of(read(mx_file)))
    assert certbot("--reuse-key", "--force-renewal").returncode == 0
    assert leaf_of(mx_file) == leaf_of(live) and record_of(read(mx_file)) == record_of(read(f"{mx_file}.previous"))
    before = read(mx_file)
    rekeyed = certbot("--new-key", "--force-renewal")
    assert record_of(read(live)) != record_of(before), "certbot has another key, and thinks that it is in service"
    assert read(mx_file) == before and "would break DANE" in rekeyed.stdout + rekeyed.stderr
    assert own.deploy("--pending").stdout.startswith(f"{own.mx} since ")


@pytest.mark.skipif(shutil.which("lego") is None, reason="lego is not installed")
def test_lego(own, pebble):
    """The same with lego, which takes a folder for its web root."""
    webroot, folder, mx_file = own.path("webroot"), own.path("lego"), own.path("files/mx.pem")
    os.makedirs(f"{webroot}/.well-known")
    os.symlink(own.path("acme"), f"{webroot}/.well-known/acme-challenge")
    options = ["--domains", own.mx, "--http", "--http.webroot", webroot, "--key-type", "ec256"]
    environment = own.hook_environment()
    first = pebble.lego(folder, *options, "run", "--run-hook", f"{INTEGRATION}/lego-hook", environment=environment)
    assert first.returncode == 0, first.stderr
    publish(own, record_of(read(mx_file)))
    renew = [*options, "renew", "--days", "4000", "--no-random-sleep", "--renew-hook", f"{INTEGRATION}/lego-hook"]
    same = pebble.lego(folder, *renew, "--reuse-key", environment=environment)
    assert same.returncode == 0, same.stderr
    assert leaf_of(mx_file) != leaf_of(f"{mx_file}.previous") and record_of(read(mx_file)) == record_of(read(f"{mx_file}.previous"))
    before = read(mx_file)
    pebble.lego(folder, *renew, environment=environment)
    assert read(mx_file) == before and own.deploy("--pending").stdout.startswith(f"{own.mx} since ")
