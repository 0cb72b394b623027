"""Files of roots (A1, A2 of docs/protocols.md) as Postfix uses them from inside its jail, and certificates under exact names."""

import contextlib
import hashlib
import itertools
import os
import stat

import pytest

import domains
from lab import delivery, postfix as postfix_files
from lab.certs import _pem
from lab.model import UNSIGNED, Host, Sts

serial = itertools.count(1)
GOOD, OTHER = "sts-enforce.example", "sts-other-ca.example"
TWO = domains.row("roots-two", 300, zone=UNSIGNED, hosts=(Host("mx1", 10), Host("mx2", 20)), sts=Sts())


@pytest.fixture(scope="module", name="daemon")
def the_daemon(lab, outriders):
    domains.add(lab, TWO)
    return outriders(for_mtas=True)


def send_one(lab, postfix, domain, fresh=True):
    """Delivery; what the log says must be what the hosts saw."""
    recipient = f"roots-{next(serial)}@{domain}"
    got = postfix.send([recipient], fresh=fresh)[recipient]
    assert not (lie := delivery.contradiction(got, lab)), f"{lie}: {got}"
    return got


def attribute(daemon, domain, name):
    return dict(word.partition("=")[::2] for word in daemon.postfix(domain).split(" ")[2:])[name]


# The files ------------------------------------------------------------------------------------------------------------

def files_of(folder):
    """{name: path} of the roots; beside each lies a list for Exim."""
    return {name: os.path.join(folder, name) for name in os.listdir(folder) if not name.endswith(".fp")}


def content_of(path):
    with open(path, "rb") as file:
        return file.read()


def test_the_file_that_an_answer_names(daemon):
    """A1, A2: named by its content, readable for everybody, relative to the queue directory, so the same in the jail."""
    name = attribute(daemon, GOOD, "tafile")
    path = os.path.join(postfix_files.QUEUE, name)
    content = content_of(path)
    assert name == f"outrider/ta/{hashlib.sha256(content).hexdigest()}.pem"
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o644
    assert stat.S_IMODE(os.stat(os.path.dirname(path)).st_mode) == 0o755
    assert b"PRIVATE KEY" not in content


def test_both_views_hold_the_same(daemon):
    """A2: one folder for Exim, one in Postfix' jail, with none.pem in each and no file half written."""
    views = [files_of(folder) for folder in (daemon.exim_dir, daemon.postfix_dir)]
    assert all("none.pem" in view for view in views)
    hashed = [{name for name in view if name != "none.pem"} for view in views]
    assert hashed[0] == hashed[1] and hashed[0]
    for view in views:
        for name, path in view.items():
            content = content_of(path)
            assert name == "none.pem" or name == f"{hashlib.sha256(content).hexdigest()}.pem", path
            assert content.startswith(b"-----BEGIN CERTIFICATE-----") or b"\n-----BEGIN CERTIFICATE-----" in content


def test_a_file_is_there_when_the_sockets_are(lab, outrider, daemon):
    """A2: after a restart in an empty folder, the first answer already names a file that exists."""
    other = outrider()
    other.stop()
    for folder in (other.exim_dir, other.postfix_dir):
        for path in files_of(folder).values():
            os.unlink(path)
    other.start()
    name = os.path.basename(attribute(other, GOOD, "tafile"))
    assert {name, "none.pem"} <= set(os.listdir(other.postfix_dir))


def test_files_are_kept_over_a_restart(outrider, lab):
    """A1: an answer given before the restart may still be in use; its file stays, with the very same content."""
    other = outrider()
    before = {path: content_of(path) for name, path in files_of(other.postfix_dir).items() if name != "none.pem"}
    other.restart()
    assert before and before == {path: content_of(path) for path in before}


def test_new_roots_are_a_new_file(outrider, lab):
    """A1: other roots are another file; the one that earlier answers name is left alone."""
    other = outrider()
    old = attribute(other, GOOD, "tafile")
    both = os.path.join(os.path.dirname(other.config), "both.pem")
    with open(both, "w") as file, open(lab.certs.bundle) as bundle:
        file.write(bundle.read() + _pem(lab.certs.authority("other")).decode())
    other.settings['anchors "default"']["roots"] = both
    other.write_config()
    other.restart()
    new = attribute(other, GOOD, "tafile")
    assert new != old
    assert {os.path.basename(new), os.path.basename(old)} <= set(os.listdir(other.postfix_dir))


@pytest.mark.parametrize("what", ["missing", "empty", "garbage", "none.pem in its place"])
def test_without_its_file_mail_waits(lab, postfix, daemon, what):
    """A3: no roots, nothing verifies. none.pem is a root, and nobody has its key."""
    path = os.path.join(postfix_files.QUEUE, attribute(daemon, GOOD, "tafile"))
    content, none = content_of(path), content_of(os.path.join(daemon.postfix_dir, "none.pem"))
    os.unlink(path)
    try:
        if what != "missing":
            with open(path, "wb") as file:
                file.write({"empty": b"", "garbage": b"these are no roots\n"}.get(what, none))
        got = send_one(lab, postfix, GOOD)
    finally:
        with open(path, "wb") as file:
            file.write(content)
    assert got.outcome == "deferred", got.reason
    assert send_one(lab, postfix, GOOD).outcome == "verified"


# LOCALITY: whose roots count ------------------------------------------------------------------------------------------

@contextlib.contextmanager
def main_cf_trusts_both(lab, postfix):
    """smtp_tls_CAfile holds a CA that outriderd has no use for."""
    path = f"{postfix_files.CONFIG}/both.pem"
    with open(path, "w") as file, open(lab.certs.bundle) as bundle:
        file.write(bundle.read() + _pem(lab.certs.authority("other")).decode())
    with postfix.changed(("smtp_tls_CAfile = /etc/ssl/certs/ca-certificates.crt", f"smtp_tls_CAfile = {path}")):
        yield


def test_the_roots_of_an_answer_replace_those_of_main_cf(lab, postfix, daemon):
    """LOCALITY: a CA in smtp_tls_CAfile vouches for nobody whose answer names a file of roots."""
    with main_cf_trusts_both(lab, postfix):
        got = send_one(lab, postfix, OTHER, fresh=False)
        assert got.outcome == "deferred", got.reason
        assert send_one(lab, postfix, GOOD, fresh=False).outcome == "verified"


def test_the_systems_roots_are_those_of_main_cf(lab, postfix, daemon, outrider):
    """With roots = "system" there is no file, and the fragment's smtp_tls_CAfile counts; without that line mail waits.
    The test above must be able to fail: here the other CA does vouch."""
    daemon.stop()
    other = outrider(for_mtas=True, anchors={"roots": "system"})
    try:
        assert send_one(lab, postfix, GOOD).outcome == "verified"
        with main_cf_trusts_both(lab, postfix):
            assert send_one(lab, postfix, OTHER, fresh=False).outcome == "verified"
        with postfix.changed(("smtp_tls_CAfile = /etc/ssl/certs/ca-certificates.crt\n", "")):
            assert send_one(lab, postfix, GOOD, fresh=False).outcome == "deferred"
    finally:
        other.stop()
        daemon.start()


# match=: exact names --------------------------------------------------------------------------------------------------

def test_an_intruding_mx_host_is_refused(lab, postfix, daemon):
    """P3, STS-APPLY-03: the MX record that Postfix sees was forged after outriderd looked. The intruder has a valid certificate
    for its own name; the mail goes to the host that the policy admits."""
    assert "match=mx.sts-enforce.example " in daemon.postfix(GOOD)
    intruder = lab.mx["insecure-host-sts-mx.plain-host.example"]
    with lab.records(GOOD, "MX", [f"5 {intruder.name}.", "10 mx.sts-enforce.example."]):
        assert "match=mx.sts-enforce.example " in daemon.postfix(GOOD)  # still what it knows
        got = send_one(lab, postfix, GOOD)
    assert (got.outcome, got.host) == ("verified", "mx.sts-enforce.example")
    with lab.records(GOOD, "MX", [f"5 {intruder.name}."]):
        got = send_one(lab, postfix, GOOD)
    assert got.outcome == "deferred", got.reason


def test_one_admitted_host_may_show_the_certificate_of_another(lab, postfix, daemon, monkeypatch):
    """PKIX-04: OPEN before 3.10.5 (docs/trust-model.md). Should this ever fail: good, and the document is to be changed."""
    mx1, mx2 = (lab.mx[f"{label}.roots-two.example"] for label in ("mx1", "mx2"))
    monkeypatch.setattr(mx1, "chain", mx2.chain)
    got = send_one(lab, postfix, TWO.domain)
    assert (got.outcome, got.host) == ("verified", mx1.name), got.reason


def test_no_admitted_host_is_no_answer(lab, postfix, daemon):
    """P4: TEMP, not an empty match= and not main.cf's own level."""
    assert daemon.postfix("sts-unlisted.example").startswith("TEMP ")
    assert send_one(lab, postfix, "sts-unlisted.example").outcome == "deferred"


# The longest answers --------------------------------------------------------------------------------------------------

def test_the_largest_policy_fits_in_an_answer(lab, daemon):
    """P6: a policy at the limits; one line, single blanks, far below the 100000 octets that Postfix takes."""
    patterns = tuple(f"{'x' * 60}{i:03}.{'y' * 60}.{'z' * 60}.example" for i in range(250)) + ("*.{domain}",)
    for name, mx in (("roots-large", patterns), ("roots-many", patterns[:60] + patterns[-1:])):
        domains.add_sts(lab, name, mx=mx)
        for map_name in ("QUERY", "QUERYwithTLSRPT"):
            reply = daemon.postfix(f"{name}.example", map_name)
            assert reply.startswith(f"OK secure match=mx.{name}.example servername=hostname tafile="), reply[:200]
            assert len(reply) < 60000 and "\n" not in reply and "  " not in reply
            assert ("policy_type=sts" in reply) == (map_name == "QUERYwithTLSRPT" and name == "roots-many"), len(reply)
