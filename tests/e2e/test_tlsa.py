"""`outrider lint tlsa` and `outrider tlsa match` as a user calls them: options, JSON, exit status, messages.

No network and no root. OUTRIDER_BUILD names the folder with the program (default: build).
"""
import datetime
import hashlib
import json
import os
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

BUILD = Path(os.environ.get("OUTRIDER_BUILD", "build"))
DATA32 = "00112233445566778899AABBCCDDEEFF" * 2
OK, USAGE, DATAERR, NOINPUT = 0, 64, 65, 66


def outrider(*arguments, stdin=b""):
    program = next(p for p in (BUILD / "outrider", BUILD / "cli" / "outrider") if p.is_file())
    return subprocess.run([program, *arguments], input=stdin, capture_output=True, timeout=20, check=False)


def lint(*records):
    run = outrider("lint", "tlsa", "--json", *records)
    return run.returncode, json.loads(run.stdout)


# lint tlsa

def test_lint_usable_record():
    status, found = lint(f"3 1 1 {DATA32}")
    assert status == OK
    assert found["usable"] is True
    assert found["errors"] == []
    assert found["records"] == [{"usage": 3, "selector": 1, "mtype": 1, "usable": True, "reason": "usable"}]


@pytest.mark.parametrize("row, text, reason", [
    ("TLSA-01 empty data", "2 1 0", "no certificate association data"),
    ("TLSA-03 PKIX-EE", f"1 1 1 {DATA32}", "usages 0 and 1"),
    ("TLSA-04 unknown usage", f"4 1 1 {DATA32}", "usage is unknown"),
    ("TLSA-04 unknown selector", f"3 2 1 {DATA32}", "selector is unknown"),
    ("TLSA-04 unknown matching type", f"3 1 3 {DATA32}", "matching type is unknown"),
    ("TLSA-05 31 octets", f"3 1 1 {DATA32[2:]}", "wrong length"),
    ("TLSA-06 no certificate", "2 0 0 3000", "not exactly one certificate"),
])
def test_lint_unusable_record_keeps_its_parameters(row, text, reason):
    status, found = lint(text)
    one = found["records"][0]
    assert status == DATAERR, row
    assert found["usable"] is False and one["usable"] is False, row
    assert [one["usage"], one["selector"], one["mtype"]] == [int(word) for word in text.split()[:3]], row
    assert reason in one["reason"], row


def test_lint_is_fine_with_one_usable_record_among_others():  # TLSA-07
    status, found = lint("3 1 1 00", f"3 1 1 {DATA32}", f"0 0 1 {DATA32}")
    assert status == OK
    assert found["usable"] is True
    assert [one["usable"] for one in found["records"]] == [False, True, False]


@pytest.mark.parametrize("text, column, message", [
    ("256 1 1 ab", 1, "usage"), ("3 1", 4, "matching type"), ("3 1 1 abc", 10, "odd number"), ("3 1 1 0x", 8, "'x'"),
    ("", 1, "usage"), ("3 1 1 ab\n3 1 1 cd", 10, "each record by itself"), ("IN TLSA ( 3 1 1 ab", 9, "'('"),
])
def test_lint_points_at_what_does_not_parse(text, column, message):
    status, found = lint(f"3 1 1 {DATA32}", text)
    assert status == DATAERR
    assert found["records"][0]["usable"] is True
    bad = found["records"][1]
    assert (bad["usage"], bad["selector"], bad["mtype"], bad["usable"]) == (None, None, None, False)
    (error,) = found["errors"]
    assert (error["line"], error["column"]) == (2, column)
    assert message in error["message"] and bad["reason"] == error["message"]


def test_lint_warns_of_an_outranked_digest():  # TLSA-12
    status, found = lint(f"3 1 1 {DATA32}", f"3 1 2 {DATA32 * 2}")
    assert status == OK
    assert [warning["line"] for warning in found["warnings"]] == [1]


def test_lint_text_is_safe_for_a_terminal():
    run = outrider("lint", "tlsa", "3 1 1 ab\x1b[2J\n\x07")
    assert run.returncode == DATAERR
    assert b"TLSA:1:9: error: octet 0x1b is not a hexadecimal digit" in run.stdout
    assert b"\x1b" not in run.stdout + run.stderr


# tlsa match

class Cert:
    def __init__(self, name=None, issuer=None, expired=False):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name or "Test CA")])
        until = datetime.datetime.utcnow() + datetime.timedelta(days=-1 if expired else 30)
        extension = x509.SubjectAlternativeName([x509.DNSName(name)]) if name else x509.BasicConstraints(True, None)
        self.cert = (x509.CertificateBuilder().subject_name(self.name).issuer_name((issuer or self).name)
                     .public_key(self.key.public_key()).serial_number(x509.random_serial_number())
                     .not_valid_before(until - datetime.timedelta(days=60)).not_valid_after(until)
                     .add_extension(extension, name is None).sign((issuer or self).key, hashes.SHA256()))
        self.pem = self.cert.public_bytes(Encoding.PEM)
        self.until = until
        self.spki = self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def tlsa(self, usage, selector=1):
        octets = self.spki if selector == 1 else self.cert.public_bytes(Encoding.DER)
        return f"{usage} {selector} 1 {hashlib.sha256(octets).hexdigest().upper()}"


MX = "mx.example.com"
ROOT = Cert()
LEAF = Cert(MX, ROOT)
EXPIRED = Cert(MX, ROOT, expired=True)


@pytest.fixture(name="chain")
def chain_file(tmp_path):
    path = tmp_path / "chain.pem"
    path.write_bytes(LEAF.pem + ROOT.pem)
    return str(path)


def match(*arguments, stdin=b""):
    run = outrider("tlsa", "match", "--json", *arguments, stdin=stdin)
    return run.returncode, json.loads(run.stdout)


def test_match_dane_ee(chain):
    status, found = match("--tlsa", LEAF.tlsa(3), "--chain", chain, "--name", "other.example")
    assert status == OK
    assert found == {"usable": True, "authenticated": True, "matched": LEAF.tlsa(3), "depth": 0,
                     "reason": found["reason"]}
    assert "DANE-EE" in found["reason"]


def test_match_dane_ta_among_several_records(chain):
    status, found = match("--tlsa", "2 1 0", "--tlsa", ROOT.tlsa(3), "--tlsa", f"IN TLSA {ROOT.tlsa(2, 0)}",
                          "--chain", chain, "--name", "example.com", "--name", "MX.Example.com.")
    assert status == OK
    assert (found["authenticated"], found["matched"], found["depth"]) == (True, ROOT.tlsa(2, 0), 1)


def test_match_says_why_not(chain):
    status, found = match("--tlsa", ROOT.tlsa(2), "--chain", chain, "--name", "mx.example.org")
    assert status == DATAERR
    assert (found["usable"], found["authenticated"], found["matched"], found["depth"]) == (True, False, None, None)
    assert found["reason"] == f"the certificate is for {MX}, not for mx.example.org"


def test_match_tells_unusable_from_unauthenticated(chain):
    status, found = match("--tlsa", f"1 1 1 {DATA32}", "--chain", chain, "--name", MX)
    assert status == DATAERR
    assert (found["usable"], found["authenticated"], found["matched"]) == (False, False, None)
    run = outrider("tlsa", "match", "--tlsa", f"1 1 1 {DATA32}", "--chain", chain, "--name", MX)
    assert run.stdout.startswith(b"not usable: ")
    run = outrider("tlsa", "match", "--tlsa", f"3 1 1 {DATA32}", "--chain", chain, "--name", MX)
    assert run.stdout.startswith(b"not authenticated: ")


def test_match_reads_the_chain_from_standard_input():
    status, found = match("--tlsa", ROOT.tlsa(2), "--chain", "-", "--name", MX, stdin=LEAF.pem + ROOT.pem)
    assert (status, found["authenticated"]) == (OK, True)


def test_match_joins_several_files(tmp_path):
    (tmp_path / "leaf").write_bytes(LEAF.pem.rstrip())
    (tmp_path / "root").write_bytes(ROOT.pem)
    status, found = match("--tlsa", ROOT.tlsa(2), "--chain", str(tmp_path / "leaf"), "--chain", str(tmp_path / "root"),
                          "--name", MX)
    assert (status, found["depth"]) == (OK, 1)


def test_match_now_is_the_default_time():
    status, found = match("--tlsa", ROOT.tlsa(2), "--chain", "-", "--name", MX, stdin=EXPIRED.pem + ROOT.pem)
    assert status == DATAERR
    assert found["reason"] == f"the certificate expired on {EXPIRED.until:%Y-%m-%dT%H:%M:%SZ}"


@pytest.mark.parametrize("offset", ["Z", "z", ".25Z", "+00:00", "-00:00"])
def test_match_at_a_time(offset):
    before = EXPIRED.until - datetime.timedelta(hours=1)
    status, found = match("--tlsa", ROOT.tlsa(2), "--chain", "-", "--name", MX, "--at", f"{before:%Y-%m-%dT%H:%M:%S}{offset}",
                          stdin=EXPIRED.pem + ROOT.pem)
    assert (status, found["authenticated"]) == (OK, True)


def test_match_at_a_time_in_another_zone():
    """12:00+02:00 is 10:00Z: two hours before the end, not at it."""
    shown = EXPIRED.until + datetime.timedelta(hours=1)
    arguments = ("--tlsa", ROOT.tlsa(2), "--chain", "-", "--name", MX, "--at")
    pem = EXPIRED.pem + ROOT.pem
    assert match(*arguments, f"{shown:%Y-%m-%dT%H:%M:%S}+02:00", stdin=pem)[0] == OK
    assert match(*arguments, f"{shown:%Y-%m-%dT%H:%M:%S}-02:00", stdin=pem)[0] == DATAERR


def test_match_at_a_date():
    arguments = ("--tlsa", ROOT.tlsa(2), "--chain", "-", "--name", MX, "--at")
    day = EXPIRED.until - datetime.timedelta(days=2)
    assert match(*arguments, f"{day:%Y-%m-%d}", stdin=EXPIRED.pem + ROOT.pem)[0] == OK
    assert match(*arguments, "1999-12-31", stdin=EXPIRED.pem + ROOT.pem)[0] == DATAERR


@pytest.mark.parametrize("date", ["", "yesterday", "2026-02-30", "2026-13-01", "2026-01-01T25:00:00Z",
                                  "2026-01-01T00:00:00", "2026-01-01Z", "2026-1-1", "2026-01-01T00:00:00Zx"])
def test_match_refuses_what_is_no_date(chain, date):
    run = outrider("tlsa", "match", "--tlsa", ROOT.tlsa(2), "--chain", chain, "--name", MX, "--at", date)
    assert run.returncode == USAGE
    assert run.stderr.startswith(b"outrider: tlsa match: --at is no date")


@pytest.mark.parametrize("text, place", [("3 1 1 abc", ":1:10"), ("300 1 1 ab", ":1:1"), ("3 1 1 zz", ":1:7")])
def test_match_points_at_a_record_that_does_not_parse(chain, text, place):
    arguments = ("--tlsa", LEAF.tlsa(3), "--tlsa", text, "--chain", chain, "--name", MX)
    run = outrider("tlsa", "match", *arguments)
    assert run.returncode == DATAERR
    assert run.stderr.startswith(f"outrider: tlsa match: --tlsa number 2{place}: ".encode())
    status, found = match(*arguments)
    assert (status, found["authenticated"], found["matched"]) == (DATAERR, False, None)


@pytest.mark.parametrize("content, message", [
    (b"", "no certificate"), (b"hello", "no certificate"),
    (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", ":1:1: a certificate that does not parse"),
    (LEAF.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), "not a certificate"),
])
def test_match_refuses_what_is_no_chain(content, message):
    run = outrider("tlsa", "match", "--tlsa", LEAF.tlsa(3), "--chain", "-", "--name", MX, stdin=content)
    assert run.returncode == DATAERR
    assert run.stderr.startswith(b"outrider: tlsa match: --chain")
    assert message in run.stderr.decode()


def test_match_says_which_file_it_cannot_read():
    run = outrider("tlsa", "match", "--tlsa", LEAF.tlsa(3), "--chain", "/nonexistent/chain.pem", "--name", MX)
    assert run.returncode == NOINPUT
    assert run.stderr == b"outrider: /nonexistent/chain.pem: No such file or directory\n"


@pytest.mark.parametrize("name", [".example.com", "*.example.com", "192.0.2.1", "", "mx_1.example.com", "a..b"])
def test_match_without_a_possible_name_is_not_authenticated(chain, name):  # DANE-07
    status, found = match("--tlsa", ROOT.tlsa(2), "--chain", chain, "--name", name)
    assert (status, found["usable"], found["authenticated"]) == (DATAERR, True, False)
    assert "host name" in found["reason"]


@pytest.mark.parametrize("arguments", [
    ["--chain", "-", "--name", MX], ["--tlsa", "3 1 1 ab", "--name", MX], ["--tlsa"], ["--frobnicate"],
    ["--tlsa", "3 1 1 ab", "--chain", "-", "stray\x1b"],
])
def test_match_usage(arguments):
    run = outrider("tlsa", "match", *arguments)
    assert run.returncode == USAGE
    assert run.stderr.startswith(b"outrider: tlsa match: ")
    assert b"\x1b" not in run.stderr


@pytest.mark.parametrize("command", [("lint", "tlsa"), ("tlsa", "match")])
def test_help(command):
    run = outrider(*command, "--help")
    assert run.returncode == OK
    assert run.stdout.startswith(b"usage: outrider " + " ".join(command).encode())
    assert run.stderr == b""


def test_the_names_of_a_certificate_are_escaped():
    odd = Cert(MX, ROOT)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "\x1b[31mred\n\u202e")])
    odd.cert = (x509.CertificateBuilder().subject_name(name).issuer_name(ROOT.name).public_key(odd.key.public_key())
                .serial_number(1).not_valid_before(ROOT.cert.not_valid_before).not_valid_after(ROOT.until)
                .sign(ROOT.key, hashes.SHA256()))
    pem = odd.cert.public_bytes(Encoding.PEM) + ROOT.pem
    run = outrider("tlsa", "match", "--tlsa", ROOT.tlsa(2), "--chain", "-", "--name", MX, stdin=pem)
    assert run.returncode == DATAERR
    assert b"\\x1B[31mred\\x0A" in run.stdout
    assert not set(run.stdout[:-1]) & set(range(32)) and max(run.stdout) < 127
