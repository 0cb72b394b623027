"""`outrider trust verify` as a user calls it: rules of a configuration, exceptions of a store, options, JSON, exit status,
messages. No network and no root. (What is accepted and what is not: tests/unit/trust/verify_test.c.)
"""
import datetime
import json
import os
import subprocess
import time
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

BUILD = Path(os.environ.get("OUTRIDER_BUILD", "build"))
HOST = "mx.example.org"
OK, REFUSED, USAGE, DATAERR, NOINPUT, CONFIG = 0, 1, 64, 65, 66, 78
DAY = datetime.timedelta(days=1)
NOW = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
FINGERPRINT = hashes.SHA256()


def stamp(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


class Certificate:
    """One with its key; `issuer` None: signed by itself."""

    def __init__(self, name, issuer=None, sans=(), days=30, key=None, extra=None):
        self.key = key or ec.generate_private_key(ec.SECP256R1())
        self.subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)] if name else [])
        self.until = NOW + days * DAY
        builder = (x509.CertificateBuilder().subject_name(self.subject).public_key(self.key.public_key())
                   .issuer_name(issuer.subject if issuer else self.subject).serial_number(x509.random_serial_number())
                   .not_valid_before(NOW - 2 * DAY).not_valid_after(self.until)
                   .add_extension(x509.BasicConstraints(ca=not sans, path_length=None), critical=True))
        if sans:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(san) for san in sans]), critical=False)
        self.cert = builder.sign((issuer or self).key, hashes.SHA256())
        self.pem = self.cert.public_bytes(Encoding.PEM)
        self.sha256 = self.cert.fingerprint(FINGERPRINT).hex()


class World:
    """Two roots, of which one counts for all, rules for some, and chains below each."""

    def __init__(self, folder):
        self.folder = folder
        self.root, self.other = Certificate("Root One", days=300), Certificate("Root Two", days=200)
        self.inter, self.other_inter = Certificate("Inter One", self.root), Certificate("Inter Two", self.other)
        self.cross = Certificate("Root One", self.other, key=self.root.key)
        self.leaf = Certificate(None, self.inter, [HOST], days=10)
        self.other_leaf = Certificate("mx of two", self.other_inter, [HOST], days=10)
        self.good = self.write("good.pem", self.leaf, self.inter)
        self.crossed = self.write("crossed.pem", self.leaf, self.inter, self.cross)
        self.strange = self.write("strange.pem", self.other_leaf, self.other_inter)
        self.write("one.pem", self.root)
        self.write("two.pem", self.other)
        self.store = folder / "outrider.db"
        self.config = self.configure("""
            anchors "default" { roots = "%(one)s" }
            anchors "added" { roots = "%(two)s" for = { "both.example", ".below.example" } }
            anchors "instead" { roots = "%(two)s" for = { "two.example" } only = true }
            anchors "nothing" { roots = "none" for = { "nothing.example" } only = true }
        """)

    def write(self, name, *certificates):
        path = self.folder / name
        path.write_bytes(b"".join(certificate.pem for certificate in certificates))
        return path

    def configure(self, text):
        path = self.folder / f"outrider-{len(list(self.folder.glob('*.conf')))}.conf"
        places = {"one": self.folder / "one.pem", "two": self.folder / "two.pem"}
        path.write_text(text % places + f'\nstore {{ path = "{self.store}" }}\n')
        return path

    def call(self, *arguments, stdin=b"", config=None):
        program = next(p for p in (BUILD / "outrider", BUILD / "cli" / "outrider") if p.is_file())
        return subprocess.run([program, "trust", "verify", "--config", config or self.config, *arguments], input=stdin,
                              capture_output=True, timeout=20, check=False)

    def verify(self, chain, domain, *arguments, name=HOST, **more):
        done = self.call("--chain", chain, "--name", name, "--for", domain, "--json", *arguments, **more)
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return World(tmp_path_factory.mktemp("trust"))


# The answer

def test_accepted(world):
    """PKIX-07, PKIX-12: the path with its names, the root, the rule that brings it, and the first end."""
    status, found = world.verify(world.good, "example.org")
    assert status == OK
    assert found["accepted"] is True
    assert found["root"] == {"subject": "Root One", "sha256": world.root.sha256, "rule": "default"}
    assert (found["rules"], found["reason"], found["depth"]) == (["default"], "", None)
    assert [one["subject"] for one in found["path"]] == [HOST, "Inter One", "Root One"]
    assert found["path"][0]["sha256"] == world.leaf.sha256
    assert found["expires_at"] == found["path"][0]["not_after"] == stamp(world.leaf.until)
    assert (found["domain"], found["name"]) == ("example.org", HOST)


def test_accepted_in_words(world):
    done = world.call("--chain", world.good, "--name", HOST, "--for", "both.example")
    assert (done.returncode, done.stderr) == (OK, b"")
    first, *lines = done.stdout.decode().splitlines()
    assert first.startswith(f"accepted: {HOST} for both.example, at 20")
    assert lines == [f"  0  {HOST}, until {stamp(world.leaf.until)}", f"  1  Inter One, until {stamp(world.inter.until)}",
                     f"  2  Root One, until {stamp(world.root.until)}", "root: Root One", f"      sha256 {world.root.sha256}",
                     f"      from the rule \"default\" ({world.folder}/one.pem)",
                     "rules for both.example: default, added (2 roots)", f"first end: {stamp(world.leaf.until)}"]


def test_refused_in_words(world):
    done = world.call("--chain", world.strange, "--name", HOST, "--for", "example.org")
    assert (done.returncode, done.stderr) == (REFUSED, b"")
    first, *lines = done.stdout.decode().splitlines()
    assert first.startswith(f"refused: {HOST} for example.org, at 20")
    assert lines == ['the intermediate certificate "Inter Two" is signed by "Root Two", which the server did not send and which is '
                     "no root that counts here",
                     f"  0  mx of two, until {stamp(world.other_leaf.until)}",
                     f"  1  Inter Two, until {stamp(world.other_inter.until)}", "rules for example.org: default (1 root)"]


RULES = {  # domain: (accepted with root one, with root two, rules)
    "LOCALITY a domain without rules": ("example.org", True, False, ["default"]),
    "LOCALITY a root is added for one domain": ("both.example", True, True, ["default", "added"]),
    "LOCALITY not for what is below it": ("a.both.example", True, False, ["default"]),
    "LOCALITY for what is below": ("a.b.below.example", True, True, ["default", "added"]),
    "LOCALITY not for the name itself": ("below.example", True, False, ["default"]),
    "LOCALITY one root instead of the default": ("two.example", False, True, ["instead"]),
    "no root at all": ("nothing.example", False, False, ["nothing"]),
    "another case, a final dot": ("TWO.Example.", False, True, ["instead"]),
}


@pytest.mark.parametrize("row", RULES)
def test_rules(world, row):
    domain, one, two, rules = RULES[row]
    for chain, accepted in ((world.good, one), (world.strange, two)):
        status, found = world.verify(chain, domain)
        assert (status, found["accepted"], found["rules"]) == (OK if accepted else REFUSED, accepted, rules)
        assert (found["root"] is not None, found["reason"] == "") == (accepted, accepted)


def test_the_name_is_that_of_the_host(world):
    """PKIX-01: not the destination's."""
    status, found = world.verify(world.good, "example.org", name="example.org")
    assert (status, found["depth"]) == (REFUSED, 0)
    assert found["reason"] == f"the certificate is for {HOST}, not for example.org"


@pytest.mark.parametrize("days, accepted, reason", [
    (0, True, ""), (9, True, ""), (11, False, "the certificate has expired (on "),
    (-3, False, 'the root "Root One" is not yet valid (before '),
])
def test_at(world, days, accepted, reason):
    """PKIX-08"""
    status, found = world.verify(world.good, "example.org", "--at", stamp(NOW + days * DAY))
    assert (status, found["accepted"]) == (OK if accepted else REFUSED, accepted)
    assert found["reason"].startswith(reason) and bool(found["reason"]) == bool(reason)
    assert found["at"] == stamp(NOW + days * DAY)


def test_without(world):
    """All paths count, also over cross-signs; the answer is tried."""
    def root(chain, *without):
        return (world.verify(chain, "both.example", *(word for each in without for word in ("--without", each)))[1]["root"]
                or {}).get("subject")

    assert root(world.crossed) == "Root One"
    assert root(world.crossed, "Root One") == "Root Two"
    assert root(world.crossed, world.root.sha256[:12]) == "Root Two"
    assert root(world.crossed, world.folder / "one.pem") == "Root Two"
    assert root(world.crossed, "Root Two") == "Root One"
    assert root(world.crossed, "Root One", "Root Two") is None
    assert root(world.good, "Root One") is None
    done = world.call("--chain", world.good, "--name", HOST, "--for", "example.org", "--without", "Root Three")
    assert (done.returncode, done.stdout) == (DATAERR, b"")
    assert b"outrider: Root Three: none of the roots" in done.stderr


def test_revocation(world):
    """STS-FETCH-22: a list of the configuration counts."""
    crl = (x509.CertificateRevocationListBuilder().issuer_name(world.inter.subject).last_update(NOW - DAY)
           .next_update(NOW + DAY).add_revoked_certificate(
               x509.RevokedCertificateBuilder().serial_number(world.leaf.cert.serial_number).revocation_date(NOW - DAY).build())
           .sign(world.inter.key, hashes.SHA256()))
    path = world.folder / "crls.pem"
    path.write_bytes(crl.public_bytes(Encoding.PEM))
    config = world.configure(f'anchors "default" {{ roots = "%(one)s" crls = "{path}" }}')
    status, found = world.verify(world.good, "example.org", config=config)
    assert (status, found["accepted"]) == (REFUSED, False)
    assert found["reason"] == "the certificate has been revoked, says a revocation list of the configuration"


# Exceptions in the store

def test_exceptions(tmp_path):
    """LOCALITY: one for a domain counts for it until it ends; the store is only looked at."""
    world = World(tmp_path)
    assert world.verify(world.strange, "example.org")[0] == REFUSED
    assert not world.store.exists(), "nothing is created"
    until = int(time.time()) + 86400
    subprocess.run([BUILD / "tests/unit/store/put_exception", world.store, world.folder / "two.pem", "example.org",
                    str(until), "the transition"], check=True)
    before = world.store.stat().st_mtime_ns, sorted(path.name for path in tmp_path.iterdir())
    status, found = world.verify(world.strange, "example.org")
    end = stamp(datetime.datetime.fromtimestamp(until, datetime.timezone.utc))
    assert (status, found["rules"]) == (OK, ["default", "exception"])
    assert found["root"] == {"subject": "Root Two", "sha256": world.other.sha256, "rule": "exception", "until": end}
    words = world.call("--chain", world.strange, "--name", HOST, "--for", "example.org").stdout.decode()
    assert f"      from an exception until {end}: the transition\n" in words
    assert world.verify(world.strange, "sub.example.org")[0] == REFUSED
    assert world.verify(world.strange, "other.example")[0] == REFUSED
    assert world.verify(world.strange, "example.org", "--at", stamp(NOW + 2 * DAY))[0] == REFUSED, "it has ended by then"
    assert (world.store.stat().st_mtime_ns, sorted(path.name for path in tmp_path.iterdir())) == before


# What is no question

def test_standard_input_and_several_files(world):
    chain = world.good.read_bytes()
    assert world.verify("-", "example.org", stdin=chain)[0] == OK
    leaf, inter = world.write("leaf.pem", world.leaf), world.write("inter.pem", world.inter)
    assert world.verify(leaf, "example.org")[0] == REFUSED
    assert world.verify(leaf, "example.org", "--chain", inter)[0] == OK


@pytest.mark.parametrize("row, option, value, reason", [
    ("an IPv4 address", "--name", "192.0.2.1", "an address; certificates are for names"),
    ("an IPv6 address", "--name", "2001:db8::1", "an address; certificates are for names"),
    ("no name", "--name", "", ""),
    ("an underscore", "--name", "_mx.example.org", ""),
    ("a wildcard", "--name", "*.example.org", ""),
    ("a line feed", "--name", "mx.example.org\nx", ""),
    ("no domain", "--for", "..", ""),
    ("a domain that is an address", "--for", "192.0.2.1", "an address; certificates are for names"),
])
def test_names_that_are_none(world, row, option, value, reason):
    options = {"--chain": world.good, "--name": HOST, "--for": "example.org", option: value}
    done = world.call("--json", *(word for pair in options.items() for word in pair))
    found = json.loads(done.stdout)
    assert (done.returncode, found["accepted"], found["root"]) == (DATAERR, False, None)
    assert found["reason"] == reason or (not reason and found["reason"])
    assert done.stderr.startswith(b"outrider: " + option.encode() + b": ") and done.stderr.count(b"\n") == 1


KEY = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize("row, text, reason", [
    ("nothing", b"", "no certificate in PEM form"),
    ("text", b"hello", "no certificate in PEM form"),
    ("a key", KEY, "line 1: a PEM block that is not a certificate"),
    ("a broken certificate", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
     "line 1: a certificate that does not parse"),
    ("too many", "MANY", "more than 32 certificates"),
    ("too large", "LARGE", None),
])
def test_chains_that_are_none(world, row, text, reason):
    stdin = {"MANY": world.leaf.pem * 33, "LARGE": b"x" * (256 * 1024 + 1)}.get(text, text)
    if text == "MANY":
        reason = f"line {world.leaf.pem.count(10) * 32 + 1}: {reason}"
    done = world.call("--chain", "-", "--name", HOST, "--for", "example.org", "--json", stdin=stdin)
    assert done.returncode == DATAERR
    if reason:
        assert json.loads(done.stdout) == {"accepted": False, "root": None, "rules": [], "reason": reason}
        assert done.stderr == f"outrider: --chain: {reason}\n".encode()
        assert world.call("--chain", "-", "--name", HOST, "--for", "example.org", stdin=stdin).stdout == b""


@pytest.mark.parametrize("arguments, status, message", [
    ([], USAGE, "--chain is missing"),
    (["--chain", "GOOD"], USAGE, "--name is missing"),
    (["--chain", "GOOD", "--name", HOST], USAGE, "--for is missing"),
    (["--chain", "GOOD", "--name"], USAGE, "a value is missing after --name"),
    (["--bogus"], USAGE, "unknown option --bogus"),
    (["--chain", "GOOD", "--name", HOST, "--for", "example.org", "more"], USAGE, "unexpected argument: more"),
    (["--chain", "GOOD", "--name", HOST, "--for", "example.org", "--at", "soon"], USAGE, "--at"),
    (["--chain", "/nonexistent", "--name", HOST, "--for", "example.org"], NOINPUT, "/nonexistent: No such file"),
    (["--chain", "GOOD", "--name", HOST, "--for", "example.org", "--config", "/nonexistent"], CONFIG, "/nonexistent"),
])
def test_misuse(world, arguments, status, message):
    done = world.call(*(world.good if word == "GOOD" else word for word in arguments))
    assert (done.returncode, done.stdout) == (status, b"")
    assert message in done.stderr.decode()


def test_a_root_file_that_is_missing_is_named(world):
    config = world.configure('anchors "default" { roots = "/nonexistent/roots.pem" }')
    done = world.call("--chain", world.good, "--name", HOST, "--for", "example.org", config=config)
    assert done.returncode != OK and b"/nonexistent/roots.pem" in done.stderr


def test_a_store_that_is_none_is_named(tmp_path):
    """An answer without the exceptions could be wrong, so there is none."""
    world = World(tmp_path)
    world.store.write_bytes(b"not a database" * 100)
    done = world.call("--chain", world.good, "--name", HOST, "--for", "example.org")
    assert (done.returncode, done.stdout) == (NOINPUT, b"")
    assert str(world.store) in done.stderr.decode()
