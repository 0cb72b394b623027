"""Each protection in integration/exim, taken away: real Exim then does what it is there to prevent, and with the file as
it is shipped it does not. What was received is what the MX hosts saw, never what the log says alone.

The last rows are about the daemon's socket: refused, hanging, cut off, empty (NO-DOWNGRADE).
"""

import contextlib
import dataclasses
import itertools
import os
import re
import shutil
import subprocess
import time

import pytest

from files import file_changed
from impostor import RESET, SILENCE, Impostor
from lab import delivery, exim as exim_files
from lab.certs import _pem

PLAIN, ENFORCED, SELF_SIGNED, UNLISTED = "plain-tls.example", "sts-enforce.example", "sts-self-signed.example", "sts-unlisted.example"
TESTING = "sts-testing.example"  # its policy requires nothing yet
SHARED = "mx.sts-self-signed.example"  # good enough for PLAIN and TESTING, not for SELF_SIGNED
ROUTERS, TRANSPORT, RETRY = "routers.conf", "transport.conf", "retry.conf"
serial = itertools.count(1)


# --- the world around Exim ------------------------------------------------------------------------------------------

@contextlib.contextmanager
def as_usual(lab, _exim):
    yield


@contextlib.contextmanager
def shared_host(lab, _exim):
    """Domains that require nothing have the MX host of one whose policy that host fails."""
    with lab.records(PLAIN, "MX", [f"10 {SHARED}."]), lab.records(TESTING, "MX", [f"10 {SHARED}."]):
        yield


@contextlib.contextmanager
def alias_for(lab, _exim):
    """The MX host of a domain with a policy is an alias for that of another; its certificate is not for the alias."""
    with lab.records("mx.sts-wrong-name.example", "A", []), \
            lab.records("mx.sts-wrong-name.example", "CNAME", [f"mx.{ENFORCED}."]):
        yield


def no_ad(_lab, _exim):
    """Exim's resolver does not show what is secure; what the daemon does about DNSSEC is its own."""
    return file_changed("/etc/resolv.conf", " trust-ad", "")


@contextlib.contextmanager
def two_public_cas(lab, _exim):
    """The system trusts another CA besides those that the daemon trusts for its destinations."""
    bundle, pem = "/etc/ssl/certs/ca-certificates.crt", _pem(lab.certs.authority("other")).decode()
    with open(bundle) as file:
        before = file.read()
    with open(bundle, "w") as file:
        file.write(before + pem)
    name = subprocess.run(["openssl", "x509", "-noout", "-hash"], input=pem, check=True, capture_output=True, text=True)
    hashed = f"/etc/ssl/certs/{name.stdout.strip()}.0"  # where OpenSSL looks
    with open(hashed, "w") as file:
        file.write(pem)
    try:
        yield
    finally:
        os.unlink(hashed)
        with open(bundle, "w") as file:
            file.write(before)


def certificate(kind):
    """Another certificate for the MX host of sts-enforce.example."""
    @contextlib.contextmanager
    def world(lab, _exim):
        host = lab.mx[f"mx.{ENFORCED}"]
        before, host.chain = host.chain, lab.certs.issue(kind, host.name, ENFORCED)
        try:
            yield
        finally:
            host.chain = before
    return world


def tlsa(record):
    """Other records for dane-unusable.example."""
    return lambda lab, _exim: lab.records("_25._tcp.mx.dane-unusable.example", "TLSA", [record])


def answers(reply):
    """The daemon's place is taken by somebody with this answer for everything."""
    @contextlib.contextmanager
    def world(lab, exim):
        path = "/run/outrider/exim.sock"
        kept = f"{path}.kept"
        os.rename(path, kept)
        impostor = Impostor(path, reply) if reply != "refused" else None
        try:
            with exim.changed((ROUTERS, "{20s:", "{2s:")) if reply is SILENCE else contextlib.nullcontext():
                yield
        finally:
            if impostor:
                impostor.close()
            os.rename(kept, path)
    return world


# --- how mail is sent ------------------------------------------------------------------------------------------------

def each(exim, recipients):
    return exim.send(recipients)


def together(exim, recipients):
    exim.forget()
    return exim.send_together(*recipients)


def queued(exim, recipients):
    exim.forget()
    return exim.send_queued(*recipients)


def one_by_one(exim, recipients):
    """The second knows of the failure of the first; a while has passed."""
    exim.forget()
    results = {}
    for recipient in recipients:
        results |= exim.send([recipient], fresh=False)
        time.sleep(2)
    return results


# --- the table --------------------------------------------------------------------------------------------------------

@dataclasses.dataclass
class Trap:
    """Domains with what becomes of mail to them as shipped, and with the change."""

    what: str
    domains: dict
    changes: tuple
    world: object = as_usual
    send: object = each
    build: str = ""  # GnuTLS or OpenSSL only


def line(file, begin):
    """The change that removes an option with all its lines."""
    with open(os.path.join(exim_files.ROOT, "integration", "exim", file)) as text:
        found, lines = [], text.read().splitlines(keepends=True)
    for each in lines[next(i for i, each in enumerate(lines) if each.startswith(f"  {begin}")):]:
        found.append(each)
        if not each.endswith("\\\n"):
            return file, "".join(found), ""
    raise ValueError(begin)


NO_ANSWER = "{$1}{${eval:outrider sent no complete answer}}"
RELAXED = 'v=1 pol=none dane=* tls="" verify=""'
NO_RETRY_RULE = (RETRY, "\n*  tls_required", "\n#")
WITHOUT_DATA = (ROUTERS, NO_ANSWER, "{$1}")
ALL_ALIKE = ((ROUTERS, "${if eq{$address_data}", "${if def:address_data "),  # whatever the answer, nothing is required
             (ROUTERS, '{pol=none dane=* tls="" verify=""}{outrider', "{outrider"))

TRAPS = [
    Trap("multi_domain: a message to two domains goes out under the policy of the first",
         {TESTING: ("encrypted", "encrypted"), SELF_SIGNED: ("deferred", "encrypted")},
         (line(TRANSPORT, "multi_domain"),), shared_host, together),
    Trap("connection_max_messages: a connection made under a policy that requires nothing is used again under one that does",
         {TESTING: ("encrypted", "encrypted"), SELF_SIGNED: ("deferred", "encrypted")},
         (line(TRANSPORT, "connection_max_messages"),), shared_host, queued),
    Trap("transport, one message: what has no policy takes along what has one",
         {PLAIN: ("encrypted", "encrypted"), SELF_SIGNED: ("deferred", "encrypted")}, ALL_ALIKE, shared_host, together),
    Trap("transport, one connection: what has no policy takes along what has one",
         {PLAIN: ("encrypted", "encrypted"), SELF_SIGNED: ("deferred", "encrypted")}, ALL_ALIKE, shared_host, queued),
    Trap("retry_include_ip_address: a host that fails one policy is down for everybody",
         {SELF_SIGNED: ("deferred", "deferred"), PLAIN: ("encrypted", "deferred")},
         (line(TRANSPORT, "retry_include_ip_address"), NO_RETRY_RULE), shared_host, one_by_one),
    Trap("retry: a host that fails one policy is down for all others, and an alias does that to somebody else's",
         {"sts-wrong-name.example": ("deferred", "deferred"), ENFORCED: ("verified", "deferred")},
         (NO_RETRY_RULE,), alias_for, one_by_one),
    Trap("hosts_require_tls: after a bad certificate, clear text",
         {SELF_SIGNED: ("deferred", "clear"), "sts-no-starttls.example": ("deferred", "clear"),
          "dane-unusable-no-tls.example": ("deferred", "clear")},
         (line(TRANSPORT, "hosts_require_tls"),)),
    Trap("tls_verify_hosts: any certificate will do",
         {SELF_SIGNED: ("deferred", "encrypted"), "sts-wrong-name.example": ("deferred", "encrypted")},
         (line(TRANSPORT, "tls_verify_hosts"),)),
    Trap("hosts_try_dane: hosts_require_dane in its place bounces where DANE cannot be",
         {"dane-ee.example": ("deferred", "bounced")},
         ((TRANSPORT, "hosts_try_dane", "hosts_require_dane"),), no_ad),
    Trap("tls_verify_certificates: where Exim sees no DANE, a CA vouches for the wrong host",
         {"dane-ee-mismatch.example": ("deferred", "verified")},
         ((TRANSPORT, "tls_verify_certificates = OUTRIDER_ROOTS", "tls_verify_certificates = system"),
          (TRANSPORT, "{!eq{OUTRIDER_ROOTS}{system}}", "{eq{1}{2}}")), no_ad),
    Trap("event_action: with OpenSSL, whatever the file says",
         {"dane-ee-mismatch.example": ("deferred", "verified")},
         ((TRANSPORT, "{!eq{OUTRIDER_ROOTS}{system}}", "{eq{1}{2}}"),), no_ad, build="OpenSSL"),
    Trap("event_action: the anchor of a DANE-TA record is no root of any list",
         {"dane-ta-full.example": ("dane", "deferred")},
         ((TRANSPORT, "{eq{$tls_out_tlsa_usage}{0}}", ""),), build="OpenSSL"),
    Trap("dane_ta: the same for a host with DANE beside others under a policy",
         {"mixed-sts-broken.example": ("mx2", "mx1")},
         ((TRANSPORT, "{dane_ta}{ta}", "{ta}{ta}"),), no_ad),
    Trap("tls_verify_certificates: any root of the system vouches for a destination that has its own",
         {"sts-other-ca.example": ("deferred", "verified")},
         ((TRANSPORT, "tls_verify_certificates = OUTRIDER_ROOTS", "tls_verify_certificates = system"),),
         two_public_cas, build="GnuTLS"),
    Trap("event_action: with OpenSSL the system's roots always count",
         {"sts-other-ca.example": ("deferred", "verified")},
         ((TRANSPORT, "{!eq{OUTRIDER_ROOTS}{system}}", "{eq{1}{2}}"),), two_public_cas, build="OpenSSL"),
    Trap("tls_verify_certificates: with OpenSSL an empty value switches verification off",
         {SELF_SIGNED: ("deferred", "encrypted")},
         ((TRANSPORT, "tls_verify_certificates = OUTRIDER_ROOTS", "tls_verify_certificates ="),), build="OpenSSL"),
    Trap("event_action: a certificate that names the host as Common Name only (PKIX-02, PKIX-03)",
         {ENFORCED: ("deferred", "verified")},
         ((TRANSPORT, "{the certificate names no host}", "{}"),), certificate("lab cn-only")),
    Trap("event_action: a certificate for clients only (PKIX-10)",
         {ENFORCED: ("deferred", "verified")},
         ((TRANSPORT, "{the certificate is not for servers}", "{}"),), certificate("lab clients"), build="GnuTLS"),
    Trap("ignore_target_hosts: a host that the policy does not admit, with a perfect certificate",
         {UNLISTED: ("deferred", "verified"), "sts-second-listed.example": ("mx2", "mx1")},
         ((ROUTERS, " : ${extract{skip}{$address_data}}", ""),)),
    Trap("outrider_no_mx: a forged MX record bounces mail",
         {UNLISTED: ("deferred", "bounced")},
         ((ROUTERS, "  allow_defer\n  data = :defer:", "  allow_fail\n  data = :fail:"),)),
    Trap("more: a domain that does not exist waits for days",
         {"unregistered.example": ("bounced", "deferred")},
         (line(ROUTERS, "more"),)),
    Trap("hosts_try_dane: Exim's DANE fails by records that Outrider finds unusable",
         {"dane-unusable.example": ("encrypted", "deferred")},
         ((*line(TRANSPORT, "hosts_try_dane")[:2], "  hosts_try_dane = *\n"),),
         tlsa("3 1 0 c0ffee")),
    Trap("hosts_try_dane: with OpenSSL it crashes by records that it finds unusable itself",
         {"dane-unusable.example": ("encrypted", "deferred")},
         ((*line(TRANSPORT, "hosts_try_dane")[:2], "  hosts_try_dane = *\n"),),
         build="OpenSSL"),
    # The socket
    Trap("eval: an empty answer (a daemon that dies after accepting) admits hosts that the policy does not",
         {UNLISTED: ("deferred", "verified"), PLAIN: ("deferred", "deferred")}, (WITHOUT_DATA,), answers("")),
    Trap("eval: fail in its place bounces",
         {UNLISTED: ("deferred", "bounced")}, ((ROUTERS, NO_ANSWER, "{$1}fail"),), answers("")),
    Trap("end=1: an answer that was cut off relaxes everything",
         {SELF_SIGNED: ("deferred", "encrypted")}, ((ROUTERS, " end=1 *$", "$"),), answers(RELAXED)),
    Trap("v=1: an answer of another version", {PLAIN: ("deferred", "encrypted")},
         ((ROUTERS, "^v=1 (?!", "^v=. (?!"),), answers(RELAXED.replace("v=1", "v=2") + " end=1\n")),
    Trap('ta="": with OpenSSL it would switch verification off',
         {SELF_SIGNED: ("deferred", "encrypted")}, ((ROUTERS, '(?!.*ta="")', ""),),
         answers('v=1 pol=sts dane="" tls=* verify=* ta="" end=1\n'), build="OpenSSL"),
    # There is no default answer that could be taken away; Exim 4.96 would defer even with one.
    Trap("readsocket: nobody listens", {PLAIN: ("deferred",), "dane-ee.example": ("deferred",)}, (), answers("refused")),
    Trap("readsocket: a connection that is reset", {PLAIN: ("deferred",), UNLISTED: ("deferred",)}, (), answers(RESET)),
    Trap("readsocket: the daemon hangs", {PLAIN: ("deferred",), "dane-ee.example": ("deferred",)}, (), answers(SILENCE)),
]


@pytest.fixture(scope="module", name="daemon")
def the_daemon(outriders):
    return outriders(for_mtas=True)


def seen(found, lab):
    """The outcome, or the MX host where that is the point; what the sinks saw must agree."""
    assert not (lie := delivery.contradiction(found, lab)), f"{lie}: {found}"
    return found.outcome


def send(trap, exim, lab, is_by_host):
    number = next(serial)
    recipients = {domain: f"trap-{number}@{domain}" for domain in trap.domains}
    for host in lab.mx.values():
        host.sessions.clear()
    results = trap.send(exim, list(recipients.values()))
    outcomes = {domain: seen(results[recipient], lab) for domain, recipient in recipients.items()}
    for domain, recipient in recipients.items():
        if is_by_host[domain]:
            outcomes[domain] = results[recipient].host.partition(".")[0]
    return outcomes, {domain: results[recipient].reason for domain, recipient in recipients.items()}


@pytest.mark.parametrize("trap", TRAPS, ids=lambda trap: trap.what.partition(":")[0])
def test_a_protection_and_what_happens_without_it(lab, exim, daemon, trap):
    if trap.build not in ("", "OpenSSL" if exim.is_openssl else "GnuTLS"):
        pytest.skip(f"with {trap.build} only")
    is_by_host = {domain: both[0].startswith("mx") for domain, both in trap.domains.items()}
    with trap.world(lab, exim):
        outcomes, reasons = send(trap, exim, lab, is_by_host)
        assert outcomes == {domain: both[0] for domain, both in trap.domains.items()}, f"as shipped: {reasons}"
        if not trap.changes:
            return
        with exim.changed(*trap.changes):
            outcomes, reasons = send(trap, exim, lab, is_by_host)
        assert outcomes == {domain: both[1] for domain, both in trap.domains.items()}, f"without: {reasons}"


@pytest.mark.parametrize("kind", ["lab", "lab servers"])
def test_good_certificates_pass_without_complaint(lab, exim, daemon, kind):
    """With an extended key usage and without."""
    begin = exim_files.end_of_log()
    with certificate(kind)(lab, exim):
        assert exim.send([f"good@{ENFORCED}"])[f"good@{ENFORCED}"].outcome == "verified"
    assert "event" not in "".join(exim_files.log_since(begin))


def test_a_failing_set_discards_mail(lab, exim, daemon):
    """Before 4.98 an expansion that fails in a router's "set" ends in "Completed": no delivery, no queue, no bounce."""
    def in_queue():
        return subprocess.run(["exim4", "-bpc"], capture_output=True, text=True, check=True).stdout.strip()

    if exim.release >= (4, 98):
        pytest.skip("mended in 4.98")
    variable = ((ROUTERS, "address_data =", "set = r_outrider ="), (ROUTERS, "{$address_data}", "{$r_outrider}"),
                (TRANSPORT, "{$address_data}", "{$r_outrider}"))
    with answers("refused")(lab, exim):
        exim.forget()
        assert exim.send([f"set@{PLAIN}"])[f"set@{PLAIN}"].outcome == "deferred"
        assert in_queue() == "1"
        with exim.changed(*variable):
            exim.forget()
            assert exim.send([f"set@{PLAIN}"])[f"set@{PLAIN}"].outcome == delivery.LOST
            assert in_queue() == "0"


def test_the_sni_is_sent(lab, exim, daemon):
    host = lab.mx[f"mx.{ENFORCED}"]
    for changes, sni in ((), host.name), ((line(TRANSPORT, "tls_sni"),), ""):
        host.sessions.clear()
        with exim.changed(*changes):
            assert exim.send([f"sni@{ENFORCED}"])[f"sni@{ENFORCED}"].outcome == "verified"
        assert [session.sni for session in host.sessions] == [sni]


@pytest.mark.parametrize("suffix", ["pem", "fp"])
def test_without_the_file_of_roots_nothing_verifies(lab, exim, daemon, suffix):
    """A.. and A3 of docs/protocols.md: it is always there; were it not, no root would be trusted."""
    file = re.search(r" ta=(\S+)\.pem ", daemon.exim(ENFORCED))[1]
    path = f"{file}.{suffix}"
    shutil.move(path, f"{path}.away")
    try:
        found = exim.send([f"file@{ENFORCED}"])[f"file@{ENFORCED}"]
    finally:
        shutil.move(f"{path}.away", path)
    is_fatal = exim.is_openssl or suffix == "pem"
    assert found.outcome in (("deferred", delivery.LOST) if is_fatal else ("verified",)), found
    assert delivery.contradiction(found, lab) == ""
