"""outrider trust probe: what the MX hosts show, whether mail would go to them, and what outriderd makes of it.

What would become of mail the table of the lab knows, from real mail servers: a probe must come to the same."""

import contextlib
import dataclasses
import datetime
import itertools
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import threading
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

import domains
from lab import scenarios
from lab.model import UNSIGNED, Host, Sts
from lab.process import Process, wait_until
from lab.sink import Sink

serial = itertools.count(1)
FAST = ("--rate", "100", "--at-once", "100", "--timeout", "5", "--ehlo", "probe.lab.test")


def probe(daemon, *arguments, record=False, text=False, pace=FAST):
    """Exit status and findings; for text=True the lines."""
    options = ["--config", daemon.config, *pace, *([] if record else ["--no-record"]), *([] if text else ["--json"])]
    done = daemon.run_cli("trust", "probe", *options, *arguments, timeout=120)
    probe.complaints = done.stderr
    if text:
        return done.returncode, done.stdout.splitlines()
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


def verdicts(findings):
    """{domain: {verdict of each address}}"""
    found = {}
    for each in findings:
        found.setdefault(each["domain"], set()).add(each["verdict"])
    return found


def rows(daemon, columns="host, source, root, error"):
    """{(domain, host): the rest} of the sightings of MX hosts."""
    with contextlib.closing(sqlite3.connect(f"file:{daemon.store}?mode=ro", uri=True)) as store:
        return {(row[0], row[1]): row[2:] for row in
                store.execute(f"SELECT domain, {columns} FROM sightings WHERE role = 'mx'")}


def heard(lab):
    """What any MX host of the lab has heard of a message since the last call."""
    return [each for host in lab.mx.values() for session in host.sessions for each in session.heard]


@pytest.fixture(scope="module", name="daemon")
def the_daemon(outriders):
    return outriders()


# What would become of mail --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", name="table")
def the_table(lab, daemon):
    """All destinations of the lab in one run: {domain: findings}, and its exit status."""
    before, counts = len(heard(lab)), {name: len(host.sessions) for name, host in lab.mx.items()}
    status, findings = probe(daemon, *[row.domain for row in scenarios.SCENARIOS])
    found = {}
    for each in findings:
        found.setdefault(each["domain"], []).append(each)
    visits = {name: len(host.sessions) - counts[name] for name, host in lab.mx.items()}
    return found, status, heard(lab)[before:], visits


@pytest.mark.parametrize("row", scenarios.SCENARIOS, ids=lambda row: row.name)
def test_a_probe_comes_to_what_comes_of_mail(table, row):
    """Every row of the lab's table: mail went (Postfix says so) exactly where a host is acceptable. Postfix has no DANE
    for unsigned MX records behind which something stands; those rows go by Exim's word as well."""
    findings = table[0][row.domain]
    accepted = any(each["verdict"] == "accepted" for each in findings)
    stays = {scenarios.DEFERRED, scenarios.BOUNCED}
    expected = {outcome not in stays for outcome in (row.exim, row.postfix)}
    assert accepted in expected, findings


def test_nobody_is_sent_mail_and_nobody_is_visited_twice(table, lab):
    """Over the whole table: no MAIL, no RCPT, no DATA; a host once for each address family, whoever has it."""
    _, status, said, visits = table
    assert status == 1 and said == []
    families = {name: len({":" in address for address in lab.addresses[name]}) for name in visits}
    assert {name: count for name, count in visits.items() if count > families[name]} == {}


def test_what_is_told_of_a_host(table):
    """Version, root, end, DANE, requirement, reason."""
    found = table[0]
    enforced, = found["sts-enforce.example"]
    assert (enforced["requirement"], enforced["policy"], enforced["outcome"]) == ("STS", "enforce", "tls")
    assert enforced["tls"] == "TLSv1.3" and enforced["pkix"]["accepted"] and "lab CA" in enforced["pkix"]["root"]
    assert enforced["dane"]["state"] != "usable"
    assert enforced["expires_at"].endswith("Z") and enforced["host"] == "mx.sts-enforce.example"
    dane, = found["dane-ee.example"]
    assert dane["requirement"] == "DANE" and dane["dane"]["authenticated"] and dane["verdict"] == "accepted"
    assert not dane["pkix"]["accepted"], "DANE-06: a CA has no say, and does not vouch for it either"
    mismatch, = found["dane-ee-mismatch.example"]
    assert mismatch["pkix"]["accepted"] and mismatch["verdict"] == "refused", "DANE-06: and none mends it"
    bare, = found["dane-no-starttls.example"]
    assert (bare["outcome"], bare["verdict"], bare["tls"], bare["pkix"]) == ("no-starttls", "refused", None, None)
    nobody, = found["null-mx.example"]
    assert nobody["host"] is None and nobody["verdict"] == "unknown" and "null MX" in nobody["reason"]


def test_rules_of_this_machine_count(lab, outrider):
    """COMBO-03: under combine = both a host with good DANE and a certificate of nobody is refused; else DANE decides.
    Under testing it is accepted and said what enforcing would do."""
    both = domains.row("probe-both", 300, hosts=(Host(cert="self", tlsa=("3 1 1",)),), sts=Sts())
    testing = domains.row("probe-testing", 300, zone=UNSIGNED, hosts=(Host(cert="self"),), sts=Sts(mode="testing"))
    domains.add(lab, both, testing)
    for combine, verdict in [("dane-first", "accepted"), ("both", "refused")]:
        status, findings = probe(outrider(start=False, combine=combine), "probe-both.example")
        assert (status, findings[0]["verdict"]) == (verdict == "refused", verdict), findings
    status, findings = probe(outrider(start=False), "probe-testing.example")
    assert status == 0 and "testing mode" in findings[0]["reason"] and not findings[0]["pkix"]["accepted"]


def test_a_policy_that_is_remembered_counts(lab, outrider):
    """REMEMBER: without a root for the policy host no policy is found, as at a first contact; the one in the store
    refuses the MX host, which has no root left either. No other destination is concerned (LOCALITY)."""
    daemon = outrider()
    daemon.settings['anchors "none"'] = {"roots": "none", "for": ["sts-enforce.example"], "only": True}
    daemon.write_config()
    names = "sts-enforce.example", "probe-neighbour-of-enforce.example"
    domains.add(lab, domains.row("probe-neighbour-of-enforce", 300, zone=UNSIGNED, hosts=(Host(),), sts=Sts()))
    first = probe(daemon, *names)
    assert domains.level(daemon, "sts-enforce.example") == "secure"  # by the configuration that it was started with
    second = probe(daemon, *names)
    for (status, findings), want in [(first, "accepted"), (second, "refused")]:
        assert (status, verdicts(findings)) == (want == "refused", {names[0]: {want}, names[1]: {"accepted"}})
    policies = {each["domain"]: each["policy"] for each in second[1]}
    assert policies == dict.fromkeys(names, "enforce")


# What is said ---------------------------------------------------------------------------------------------------------


def test_what_the_server_hears(lab, daemon):
    """EHLO, STARTTLS, EHLO, QUIT, and not an octet more; SNI is the host."""
    name = "mx.sts-enforce.example"
    with Sink(name, lab.mx[name].chain).instead_of(lab, name) as sink:
        status, findings = probe(daemon, "sts-enforce.example")
    assert status == 0, findings
    visit, = sink.visits
    assert visit.commands == [("", "EHLO probe.lab.test"), ("", "STARTTLS"), ("TLSv1.3", "EHLO probe.lab.test"),
                              ("TLSv1.3", "QUIT")]
    assert visit.sni == name and not visit.is_resumed and not visit.error
    assert min(visit.hello.versions) >= (3, 3), "nothing older than TLS 1.2 is offered"


@pytest.mark.parametrize("manners, outcome", [
    ({"offers": ("SIZE",)}, "no-starttls"), ({"knows_ehlo": False}, "no-starttls"),
    ({"greeting": "421 4.3.2 busy"}, "turned-away"), ({"greeting": "554 5.7.1 not you"}, "turned-away"),
    ({"greeting": ""}, "timeout"), ({"injected": b"250-evil\r\n250 x\r\n"}, "injection"), ({"is_wrapped": True}, "timeout"),
])
def test_what_the_server_hears_where_there_is_no_tls(lab, daemon, manners, outcome):
    """Whatever goes wrong, nothing is said that begins a message."""
    name = "mx.sts-enforce.example"
    with Sink(name, lab.mx[name].chain, **manners).instead_of(lab, name) as sink:
        status, findings = probe(daemon, "sts-enforce.example", pace=(*FAST[:4], "--timeout", "1", "--ehlo", "a.b"))
    assert findings[0]["outcome"] == outcome, findings
    assert set(sink.verbs()) <= {"EHLO", "STARTTLS", "QUIT"}
    learned = outcome in ("no-starttls", "injection")
    assert (status, findings[0]["verdict"]) == ((1, "refused") if learned else (75, "unknown"))


# Real servers ---------------------------------------------------------------------------------------------------------

RECEIVER = """
primary_hostname = mx.sts-enforce.example
local_interfaces = {address}
daemon_smtp_ports = 2525
pid_file_path = {folder}/exim.pid
log_file_path = {folder}/%slog
log_selector = +smtp_no_mail +smtp_connection
tls_advertise_hosts = *
tls_certificate = {chain}
host_lookup =
rfc1413_query_timeout = 0s
"""


@pytest.fixture
def receiver_files(lab):
    """A folder that mail servers may write to, and the chain of a host there; the address of that host."""
    folder = os.path.join("/run/lab", f"receiver-{next(serial)}")
    os.makedirs(folder)
    chain = shutil.copy(lab.mx["mx.sts-enforce.example"].chain.pem, folder)
    for path in (folder, chain):
        shutil.chown(path, "Debian-exim", "Debian-exim")
    return folder, chain, lab.addresses["mx.sts-enforce.example"][0]


def last_words(path, part):
    """The last line of a log that has this part; waits for it."""
    found = []

    def look():
        with open(path, errors="replace") as log:
            found[:] = [line for line in log if part in line]
        return found

    wait_until(look, 20, lambda: f"{path}: no line with {part}")
    return found[-1]


def test_a_real_exim_is_spoken_to_as_it_should_be(lab, daemon, exim, receiver_files):
    """Its log names each command of a session without mail."""
    folder, chain, address = receiver_files
    with open(f"{folder}/exim.conf", "w") as file:
        file.write(RECEIVER.format(address=address, folder=folder, chain=chain))
    process = Process("exim", ["/usr/sbin/exim4", "-bdf", "-C", f"{folder}/exim.conf"], folder)
    try:
        process.wait_until(lambda: is_open(address, 2525), 20)
        status, findings = probe(daemon, "--port", "2525", "sts-enforce.example")
        line = last_words(f"{folder}/mainlog", "no MAIL in SMTP connection from (probe.lab.test)")
    finally:
        process.stop()
    assert status == 0 and findings[0]["verdict"] == "accepted" and findings[0]["pkix"]["accepted"], findings
    assert "C=EHLO,STARTTLS,EHLO,QUIT" in line


def test_a_real_postfix_is_spoken_to_as_it_should_be(lab, daemon, postfix, receiver_files):
    """Its log counts the commands of each session."""
    _, chain, address = receiver_files
    with open("/etc/postfix/master.cf") as file:
        before = file.read()
    try:
        with open("/etc/postfix/master.cf", "w") as file:
            file.write(f"{before}\n{address}:2526 inet n - n - - smtpd\n    -o smtpd_tls_security_level=may\n"
                       f"    -o smtpd_tls_cert_file={chain}\n    -o smtpd_tls_key_file={chain}\n"
                       "    -o smtpd_peername_lookup=no\n    -o smtpd_relay_restrictions=reject\n")
        postfix.forget()
        wait_until(lambda: is_open(address, 2526), 20, lambda: "smtpd does not listen")
        status, findings = probe(daemon, "--port", "2526", "sts-enforce.example")
        line = last_words("/var/log/mail.log", "ehlo=2")
    finally:
        with open("/etc/postfix/master.cf", "w") as file:
            file.write(before)
        postfix.forget()
    assert status == 0 and findings[0]["verdict"] == "accepted" and findings[0]["pkix"]["accepted"], findings
    assert line.rstrip().endswith("ehlo=2 starttls=1 quit=1 commands=4")


def is_open(address, port):
    with contextlib.suppress(OSError), socket.create_connection((address, port), 1):
        return True
    return False


# What is recorded -----------------------------------------------------------------------------------------------------


def test_the_daemon_records_what_it_judges_itself(lab, outrider):
    """trust.record: a good chain with its root, a bad one with why, one under DANE as well; and it survives."""
    daemon = outrider()
    status, findings = probe(daemon, "sts-enforce.example", "sts-self-signed.example", "dane-ee.example",
                             "dane-no-starttls.example", record=True)
    assert status == 1, probe.complaints
    assert {each["domain"]: each["recorded"] for each in findings} == {
        "sts-enforce.example": True, "sts-self-signed.example": True, "dane-ee.example": True,
        "dane-no-starttls.example": False}
    daemon.kill()
    seen = rows(daemon)
    good = seen["sts-enforce.example", "mx.sts-enforce.example"]
    assert good == ("probe", next(each["pkix"]["root_sha256"] for each in findings
                                  if each["domain"] == "sts-enforce.example"), "")
    source, root, error = seen["sts-self-signed.example", "mx.sts-self-signed.example"]
    assert (source, root) == ("probe", "") and error
    assert set(seen) == {(f"{name}.example", f"mx.{name}.example") for name in
                         ("sts-enforce", "sts-self-signed", "dane-ee")}


def say(daemon, text):
    """A request by hand: the answer."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(daemon.control_socket)
        connection.sendall(text.encode() + b"\n")
        with connection.makefile("rb") as file:
            return json.loads(file.read())


def test_a_teller_is_not_believed(lab, daemon):
    """trust.record has no place for the teller's opinion; a chain is judged under the roots of the destination named."""
    with open(lab.mx["mx.sts-enforce.example"].chain.pem) as file:
        pem = "".join(file.read().partition("-----BEGIN CERTIFICATE-----")[1:])
    pem = pem[:pem.rindex("-----END CERTIFICATE-----")] + "-----END CERTIFICATE-----\n"
    base = {"do": "trust.record", "domain": "told.example", "role": "mx", "host": "mx.sts-enforce.example", "chain": pem}
    assert say(daemon, json.dumps(base))["sighting"]["accepted"] is True
    assert rows(daemon)["told.example", "mx.sts-enforce.example"][0] == "probe"
    assert say(daemon, json.dumps({**base, "domain": "told-by-mta.example", "source": "mta"}))["ok"]
    assert rows(daemon)["told-by-mta.example", "mx.sts-enforce.example"][0] == "mta"
    other = say(daemon, json.dumps({**base, "host": "mx.other.example"}))["sighting"]
    assert other["accepted"] is False and "mx.other.example" in other["error"]
    before = rows(daemon)
    for wrong, part in [({"accepted": "yes"}, "does not know"), ({"chain": ""}, "the chain"), ({"chain": "x" * 40000}, "the chain"),
                        ({"chain": pem.replace("A", "?")}, "the chain"), ({"role": "policy"}, "role"), ({"host": "a b"}, "host")]:
        answer = say(daemon, json.dumps({**base, "domain": "untold.example", **wrong}))
        assert not answer["ok"] and answer["status"] == 65 and part in answer["error"], answer
    assert rows(daemon) == before


def test_what_is_told_changes_no_answer(lab, daemon):
    """H2: whatever is told of the host, a chain that is refused too, the answers stay the same to the octet."""
    name, host = "sts-enforce.example", "mx.sts-enforce.example"
    before = daemon.postfix(name), daemon.exim(name)
    for issuer, accepted in (("other", False), ("lab", True)):
        with open(lab.certs.issue(issuer, host).pem) as file:
            pem = "".join(file.read().partition("-----BEGIN CERTIFICATE-----")[1:])
        answer = say(daemon, json.dumps({"do": "trust.record", "domain": name, "role": "mx", "host": host, "chain": pem}))
        assert answer["sighting"]["accepted"] is accepted, answer
        assert (daemon.postfix(name), daemon.exim(name)) == before


def ballast(count, octets):
    """Certificates of that size that have nothing to do with anything."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "ballast")])
    now = datetime.datetime.now(datetime.timezone.utc)
    return b"".join(
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(n + 1).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=9))
        .add_extension(x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.32473.1"), bytes(octets)), False)
        .sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM) for n in range(count))


def test_a_chain_that_is_too_long_for_a_request(lab, outrider, tmp_path):
    """It is cut at the end of a certificate, recorded, and it is said so."""
    daemon, name = outrider(), "mx.sts-enforce.example"
    chain = dataclasses.replace(lab.mx[name].chain, pem=str(tmp_path / "long.pem"))
    with open(lab.mx[name].chain.pem, "rb") as short, open(chain.pem, "wb") as long:
        long.write(short.read() + ballast(12, 6000))
    with Sink(name, chain).instead_of(lab, name):
        status, findings = probe(daemon, "sts-enforce.example", record=True)
    assert status == 0 and findings[0]["recorded"], probe.complaints
    assert "too long" in probe.complaints
    with contextlib.closing(sqlite3.connect(f"file:{daemon.store}?mode=ro", uri=True)) as store:
        kept, = store.execute("SELECT c.certificates FROM sightings s JOIN chains c ON s.chain = c.id"
                              " WHERE s.role = 'mx'").fetchone()
    assert 4 < len(kept.split()) < 12


def test_all_that_is_recorded_is_probed_again(lab, outrider):
    """--all: what was probed, and each destination that outriderd was asked about with a policy."""
    daemon = outrider()
    assert probe(daemon, "--all")[0] == 65 and "no destination" in probe.complaints, probe.complaints
    probe(daemon, "dane-ee.example", record=True)
    assert domains.level(daemon, "sts-enforce.example") == "secure"
    status, findings = probe(daemon, "--all", record=True)
    assert status == 0 and {"dane-ee.example", "sts-enforce.example"} <= {each["domain"] for each in findings}
    assert ("sts-enforce.example", "mx.sts-enforce.example") in rows(daemon)


def test_a_list_in_a_file(lab, daemon, tmp_path):
    """--file: comments, empty lines, U-labels, doubles; and what is wrong with a line is said with its number."""
    names = tmp_path / "names"
    names.write_text("# ours\n\n  dane-ee.example \r\nDANE-EE.example.\nbücher.example")
    status, findings = probe(daemon, "--file", str(names))
    assert status == 0 and sorted(each["domain"] for each in findings) == ["dane-ee.example", "xn--bcher-kva.example"]
    names.write_text("dane-ee.example\nno such name\n")
    assert probe(daemon, "--file", str(names)) == (65, []) and "line 2" in probe.complaints


def test_without_a_daemon_to_record_nobody_is_visited(lab, outrider):
    """75, and the servers are left alone; --no-record goes on."""
    daemon = outrider(start=False)
    visits = len(lab.mx["mx.dane-ee.example"].sessions)
    status, findings = probe(daemon, "dane-ee.example", record=True)
    assert (status, findings) == (75, []) and "--no-record" in probe.complaints
    assert len(lab.mx["mx.dane-ee.example"].sessions) == visits
    assert probe(daemon, "dane-ee.example")[0] == 0


# Manners --------------------------------------------------------------------------------------------------------------


class Crowd(Sink):
    """Counts who waits for the greeting at the same time; it takes its time over that, so that they meet."""

    def __init__(self, *arguments, linger=0.3):
        super().__init__(*arguments)
        self.lock, self.here, self.most, self.linger, self.times = threading.Lock(), 0, 0, linger, []

    def serve(self, connection):
        with self.lock:
            self.times.append((connection.getsockname()[0], time.monotonic()))
            self.here += 1
            self.most = max(self.most, self.here)
        time.sleep(self.linger)
        with self.lock:
            self.here -= 1
        super().serve(connection)


@pytest.fixture(scope="module", name="crowd_hosts")
def the_hosts(lab):
    """A destination with eight MX hosts, and one with four names for one machine."""
    many = domains.row("probe-many", 300, zone=UNSIGNED, hosts=tuple(Host(f"mx{n}", 10) for n in range(8)))
    one = domains.row("probe-one", 300, zone=UNSIGNED, hosts=tuple(Host(f"mx{n}", 10) for n in range(4)))
    domains.add(lab, many, one)
    for n in range(1, 4):
        lab.set_records(f"mx{n}.probe-one.example", "A", [lab.addresses["mx0.probe-one.example"][0]])
        lab.set_records(f"mx{n}.probe-one.example", "AAAA", [])
    lab.set_records("mx0.probe-one.example", "AAAA", [])
    return many, one


@contextlib.contextmanager
def crowd_at(lab, *names):
    crowd = Crowd("crowd", lab.mx[names[0]].chain)
    with contextlib.ExitStack() as stack:
        for name in names:
            stack.enter_context(crowd.instead_of(lab, name))
        yield crowd


def test_no_more_at_once_than_allowed(lab, daemon, crowd_hosts):
    """--at-once 2 with eight hosts; none is left out."""
    names = [f"mx{n}.probe-many.example" for n in range(8)]
    with crowd_at(lab, *names) as crowd:
        status, findings = probe(daemon, "probe-many.example", pace=("--rate", "100", "--at-once", "2"))
    assert status == 0 and {each["host"] for each in findings} == set(names)
    assert crowd.most == 2


def test_one_address_is_never_visited_twice_at_once_nor_in_haste(lab, daemon, crowd_hosts):
    """Four names for one machine: one after the other, a second between them, however fast we may go elsewhere."""
    with crowd_at(lab, "mx0.probe-one.example") as crowd:
        status, findings = probe(daemon, "probe-one.example", pace=("--rate", "100", "--at-once", "100"))
    assert len(findings) == 4 and status == 0
    begun = sorted(when for _, when in crowd.times)
    assert crowd.most == 1 and len(begun) == 4
    assert min(later - earlier for earlier, later in zip(begun, begun[1:])) >= 1.0


def test_the_rate(lab, daemon, crowd_hosts):
    """--rate 4: eight starts take seven gaps of at least half a quarter of a second."""
    names = [f"mx{n}.probe-many.example" for n in range(8)]
    with crowd_at(lab, *names) as crowd:
        assert probe(daemon, "probe-many.example", pace=("--rate", "4"))[0] == 0
    begun = sorted(when for _, when in crowd.times)
    assert begun[-1] - begun[0] >= 7 * 0.125


def test_a_host_of_two_destinations_is_visited_once(lab, daemon):
    """... and told of for both, each under its own rules."""
    neighbour = domains.row("probe-neighbour", 300, zone=UNSIGNED, hosts=(Host(),),
                            sts=Sts(mx=("mx.sts-self-signed.example",)))
    domains.add(lab, neighbour)
    lab.set_records("probe-neighbour.example", "MX", ["10 mx.sts-self-signed.example."])
    open_one = domains.row("probe-open", 300, zone=UNSIGNED, hosts=(Host(),))
    domains.add(lab, open_one)
    lab.set_records("probe-open.example", "MX", ["10 mx.sts-self-signed.example."])
    host = lab.mx["mx.sts-self-signed.example"]
    visits = len(host.sessions)
    status, findings = probe(daemon, "probe-neighbour.example", "probe-open.example", "sts-self-signed.example")
    assert len(host.sessions) == visits + 1
    assert (status, verdicts(findings)) == (1, {"probe-neighbour.example": {"refused"}, "probe-open.example": {"accepted"},
                                                "sts-self-signed.example": {"refused"}})


def test_private_addresses_are_left_alone(lab, outrider):
    """STS-FETCH-20 for MX hosts: a zone of somebody else's does not lead us into our own network, unless it may."""
    row = domains.row("probe-private", 300, zone=UNSIGNED, hosts=(Host(families="4"),))
    domains.add(lab, row)
    with lab.records("mx.probe-private.example", "A", ["127.0.0.1"]), \
            Sink("mx.probe-private.example", lab.mx["mx.probe-private.example"].chain).listen(("127.0.0.1", 2525)) as sink:
        status, findings = probe(outrider(start=False), "--port", "2525", "probe-private.example")
        assert status == 69 and findings[0]["outcome"] == "no-address" and "private" in findings[0]["reason"]
        assert sink.visits == []
        daemon = outrider(start=False, sts={"allow_private": True})
        assert probe(daemon, "--port", "2525", "probe-private.example")[0] == 0 and len(sink.visits) == 1


def test_an_interrupt_ends_it_cleanly(lab, daemon, crowd_hosts):
    """What was done is told; 130; nothing hangs."""
    slow = lab.mx["mx7.probe-many.example"]
    slow.server, slow.gate, before = "waits", threading.Event(), len(slow.sessions)
    try:
        process = subprocess.Popen([daemon.cli, "trust", "probe", "--config", daemon.config, "--no-record", "--json",
                                    "--rate", "100", "probe-many.example", "dane-ee.example"],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        told = [json.loads(process.stdout.readline()) for _ in range(8)]  # of nine
        wait_until(lambda: len(slow.sessions) > before, 20, lambda: "the slow host was not visited")
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=10)
    finally:
        slow.gate.set()
        slow.server, slow.gate = "good", None
    assert process.returncode == 130, errors
    assert rest == "" and {each["verdict"] for each in told} == {"accepted"}
    assert "mx7.probe-many.example" not in {each["host"] for each in told}


# Words ----------------------------------------------------------------------------------------------------------------


def test_the_lines_for_people(lab, daemon):
    status, lines = probe(daemon, "dane-ee-mismatch.example", "sts-enforce.example", text=True)
    assert status == 1
    assert lines[-1] == "1 accepted, 1 refused, 0 unknown"
    text = "\n".join(lines)
    assert "refused   dane-ee-mismatch.example  mx.dane-ee-mismatch.example [" in text
    assert "DANE does not match" in text and "TLSv1.3, root Outrider lab, lab CA" in text


@pytest.mark.parametrize("arguments, status, word", [
    ((), 64, "takes domains"), (("--all", "a.example"), 64, "takes domains"), (("--rate", "0", "a.example"), 64, "0"),
    (("--rate", "1e3", "a.example"), 64, "1e3"), (("--port", "65536", "a.example"), 64, "65536"),
    (("--ehlo", "a b", "a.example"), 64, "--ehlo"), (("localhost",), 65, "one label"), (("192.0.2.1",), 65, "192.0.2.1"),
    (("--no-record", "--socket", "/x", "a.example"), 64, "--socket"), (("--nonsense",), 64, "--help"),
    (("--config", "/nonexistent", "a.example"), 78, "/nonexistent"), (("--file", "/nonexistent"), 66, "/nonexistent"),
])
def test_what_is_refused(run, arguments, status, word):
    done = run("trust", "probe", *arguments)
    assert (done.returncode, done.stdout) == (status, "") and word in done.stderr
