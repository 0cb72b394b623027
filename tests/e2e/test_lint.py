"""outrider lint: text and JSON, exit statuses, wrong usage, odd input. Needs neither root nor network."""
import json
import os
import subprocess
from pathlib import Path

import pytest

BUILD = Path(os.environ.get("OUTRIDER_BUILD", "build")).resolve()
OUTRIDER = next((p for p in (BUILD / "outrider", BUILD / "cli" / "outrider") if p.is_file()), BUILD / "outrider")

GOOD = b"version: STSv1\nmode: enforce\nmx: mx1.example.org\nmx: *.example.net\nmax_age: 604800\n"
BAD = b"version: STSv1\nmode: enforced\nmx: a_b.example\nmax_age: 604800"


def lint(*arguments, stdin=b""):
    return subprocess.run([OUTRIDER, "lint", *arguments], input=stdin, capture_output=True, timeout=20)


def lint_json(*arguments, stdin=b"", status=0):
    run = lint(arguments[0], "--json", *arguments[1:], stdin=stdin)
    assert (run.returncode, run.stderr) == (status, b"")
    assert run.stdout.count(b"\n") == 1
    return json.loads(run.stdout)


def places(diags):
    for diag in diags:
        assert set(diag) == {"line", "column", "message"} and diag["message"]
    return [(diag["line"], diag["column"]) for diag in diags]


# policy

def test_good_policy_in_words(tmp_path):
    path = tmp_path / "policy.txt"
    path.write_bytes(GOOD)
    run = lint("policy", str(path), "--mx", "mx1.example.org", "--mx", "mx1.example.com")
    assert (run.returncode, run.stderr) == (0, b"")
    assert run.stdout.decode().splitlines() == [
        "valid policy", "mode: enforce", "max_age: 604800", "mx: mx1.example.org", "mx: *.example.net",
        "mx1.example.org is admitted", "mx1.example.com is not admitted", "not safe to publish: senders would leave out hosts that are not admitted"]


def test_bad_policy_in_words(tmp_path):
    path = tmp_path / "policy.txt"
    path.write_bytes(BAD)
    run = lint("policy", str(path))
    assert (run.returncode, run.stderr) == (65, b"")
    lines = run.stdout.decode().splitlines()
    assert [line.split(" ", 2)[:2] for line in lines] == [[f"{path}:2:7:", "error:"], [f"{path}:3:6:", "error:"]]


def test_good_policy_in_json():
    found = lint_json("policy", "-", "--mx", "MX1.Example.org.", "--mx", "a.b.example.net", stdin=GOOD)
    assert found == {"valid": True, "version": "STSv1", "mode": "enforce", "max_age": 604800,
                     "mx": ["mx1.example.org", "*.example.net"],
                     "match": {"MX1.Example.org.": True, "a.b.example.net": False}, "safe": False, "errors": [], "warnings": []}


def test_bad_policy_in_json():
    found = lint_json("policy", "-", "--mx", "mx1.example.org", stdin=BAD, status=65)
    assert places(found.pop("errors")) == [(2, 7), (3, 6)]
    assert found == {"valid": False, "version": None, "mode": None, "max_age": None, "mx": [],
                     "match": {"mx1.example.org": False}, "safe": False, "warnings": []}


@pytest.mark.parametrize("name, body, errors", [
    ("nothing", b"", [(1, 1), (1, 1), (1, 1)]),
    ("a NUL in the middle", GOOD + b"x: a\0b\n", [(6, 5)]),
    ("a NUL first", b"\0" + GOOD, [(1, 1), (6, 1)]),
    ("a byte order mark", b"\xef\xbb\xbf" + GOOD, [(1, 1)]),
    ("UTF-16", GOOD.decode().encode("utf-16"), [(1, 1)]),
    ("a missing field, line end last", b"version: STSv1\nmode: none\n", [(3, 1)]),
    ("a missing field, no line end last", b"version: STSv1\r\nmode: none", [(2, 11)]),
    ("a bare CR", b"version: STSv1\rmode: none\nmax_age: 1\n", [(1, 15), (3, 1)]),
    ("HTML", b"<html><body>not found</body></html>\n", [(1, 1), (2, 1), (2, 1), (2, 1)]),
])
def test_odd_policies_are_refused(name, body, errors):
    found = lint_json("policy", "-", stdin=body, status=65)
    assert found["valid"] is False and places(found["errors"]) == errors, name


@pytest.mark.parametrize("name, body, warnings", [
    ("mixed line ends", GOOD.replace(b"\n", b"\r\n", 2), []),
    ("no final line end", GOOD.rstrip(), []),
    ("a blank line last", GOOD + b"\n", [(6, 1)]),
    ("max_age above the limit", GOOD.replace(b"604800", b"9999999999"), [(5, 10)]),
    ("a dotted quad", GOOD + b"mx: 192.0.2.1\n", [(6, 5)]),
    ("a repeated mode", GOOD + b"mode: none\n", [(6, 1)]),
])
def test_odd_policies_are_tolerated(name, body, warnings):
    found = lint_json("policy", "-", stdin=body)
    assert found["valid"] is True and places(found["warnings"]) == warnings, name


def test_policy_size_limit():
    body = GOOD + b"x: "
    assert lint_json("policy", "-", stdin=body.ljust(65536, b"x"))["valid"] is True
    for size in (65537, 65538, 1000000):
        found = lint_json("policy", "-", stdin=body.ljust(size, b"x"), status=65)
        assert found["valid"] is False and places(found["errors"]) == [(6, 65536 - len(GOOD) + 1)]


def test_mx_that_is_no_host_name():
    found = lint_json("policy", "-", "--mx", "192.0.2.1", "--mx", "-x", "--mx", b"a\xff", stdin=GOOD)
    assert found["valid"] is True
    assert found["match"] == {"192.0.2.1": False, "-x": False, "a\\xFF": False}
    assert len(found["warnings"]) == 3 and all("--mx" in warning["message"] for warning in found["warnings"])


def test_mx_as_u_label():
    body = GOOD.replace(b"mx1.example.org", b"xn--bcher-kva.example")
    assert lint_json("policy", "-", "--mx", "BÜCHER.example", stdin=body)["match"] == {"BÜCHER.example": True}


def test_no_input(tmp_path):
    for path in (str(tmp_path / "missing"), str(tmp_path)):
        run = lint("policy", "--json", path)
        assert run.returncode == 66 and run.stdout == b"" and run.stderr.startswith(b"outrider: " + path.encode())


def test_file_name_is_escaped(tmp_path):
    path = tmp_path / "a\x1b[31m\nb"
    path.write_bytes(BAD)
    run = lint("policy", str(path))
    assert b"a\\x1B[31m\\x0Ab:2:7: error:" in run.stdout and b"\x1b" not in run.stdout
    run = lint("policy", str(path) + "\x1b")
    assert run.returncode == 66 and b"\x1b" not in run.stderr


def test_file_name_that_begins_with_a_hyphen(tmp_path):
    (tmp_path / "-policy").write_bytes(GOOD)
    run = subprocess.run([OUTRIDER, "lint", "policy", "--", "-policy"], cwd=tmp_path, capture_output=True, timeout=20)
    assert run.returncode == 0


# record

def test_record_in_words():
    run = lint("record", "v=STSv1; id=2026a")
    assert (run.returncode, run.stdout) == (0, b"valid record, id 2026a\n")
    run = lint("record", "v=STSv1; id=2026-a")
    assert run.returncode == 65 and run.stdout.startswith(b"TXT:1:17: error: ")


@pytest.mark.parametrize("txts, identity, errors, warnings", [
    (["v=STSv1; id=a"], "a", [], []),
    (["v=spf1 -all", "v=STSv1; id=a", "v=STSv1 ; id=b"], "a", [], [(1, 3), (3, 8)]),
    (["v=STSv1; id=a", "v=STSv1; id=b"], None, [(2, 1)], []),
    (["v=STSv1 ; id=a"], None, [(1, 8)], []),
    (["x", "v=STSv1; id=a;;"], None, [(2, 15)], []),
    ([""], None, [(1, 1)], []),
    (["v=STSv1; id=a\nb"], None, [(1, 14)], []),
    ([b"v=STSv1; id=a\xff"], None, [(1, 14)], []),
    (["--", "-v=STSv1; id=a"], None, [(1, 1)], []),
])
def test_record_in_json(txts, identity, errors, warnings):
    found = lint_json("record", *txts, status=65 if errors else 0)
    assert (found["valid"], found["id"]) == (not errors, identity)
    assert (places(found["errors"]), places(found["warnings"])) == (errors, warnings)


# tlsrpt

def test_tlsrpt_in_words():
    run = lint("tlsrpt", "v=TLSRPTv1; rua=mailto:tls@example.org,https://example.org/r")
    assert run.returncode == 0
    assert run.stdout.decode().splitlines() == ["valid record, reports go to", "  mailto:tls@example.org",
                                                "  https://example.org/r"]
    run = lint("tlsrpt", "v=TLSRPTv1;")
    assert run.returncode == 65 and run.stdout.startswith(b"TXT:1:12: error: ")


@pytest.mark.parametrize("txts, rua, errors, warnings", [
    (["v=TLSRPTv1;rua=mailto:a@b.example"], ["mailto:a@b.example"], [], []),
    (["v=TLSRPTv1;rua=ftp://c.example,mailto:a@b.example"], ["mailto:a@b.example"], [], [(0, 0)]),
    (["v=TLSRPTv1;rua=mailto:a@b.example!10m"], [], [(1, 16)], []),
    (["v=TLSRPTv1;rua=mailto:a@b.example", "v=TLSRPTv1;"], [], [(2, 1)], []),
    (["foreign", "v=TLSRPTv1;rua=mailto:a@b.example"], ["mailto:a@b.example"], [], [(1, 1)]),
])
def test_tlsrpt_in_json(txts, rua, errors, warnings):
    found = lint_json("tlsrpt", *txts, status=65 if errors else 0)
    assert (found["valid"], found["rua"]) == (not errors, rua)
    assert (places(found["errors"]), places(found["warnings"])) == (errors, warnings)


# domain

def test_domain_in_words():
    run = lint("domain", "Bücher.Example.", "a..b")
    assert run.returncode == 65
    first, second = run.stdout.decode().splitlines()
    assert first == "xn--bcher-kva.example" and second.startswith("a..b:1:3: error: ")


@pytest.mark.parametrize("name, domain, errors", [
    ("Mail.EXAMPLE.org.", "mail.example.org", []),
    ("BÜCHER.example", "xn--bcher-kva.example", []),
    ("a_b.example", None, [(1, 2)]),
    ("192.0.2.1", None, [(1, 1)]),
    ("[IPv6:::1]", None, [(1, 1)]),
    ("", None, [(1, 1)]),
    (b"\xff.example", None, [(1, 1)]),
])
def test_domain_in_json(name, domain, errors):
    found = lint_json("domain", name, status=65 if errors else 0)
    assert (found["valid"], found["domain"], places(found["errors"])) == (not errors, domain, errors)


def test_several_domains_in_json():
    found = lint_json("domain", "--", "A.example", "-b", "c.example", status=65)
    assert [one["domain"] for one in found] == ["a.example", None, "c.example"]
    assert [one["valid"] for one in found] == [True, False, True]


# usage

@pytest.mark.parametrize("command", ["policy", "record", "tlsrpt", "domain"])
def test_help(command):
    run = lint(command, "--help")
    assert run.returncode == 0 and run.stdout.startswith(f"usage: outrider lint {command} ".encode())
    assert b"--json" in run.stdout and run.stderr == b""


@pytest.mark.parametrize("arguments", [
    ["policy"], ["policy", "a", "b"], ["policy", "--mx"], ["policy", "--mx=a"], ["record"], ["record", "--"],
    ["tlsrpt"], ["domain", "--json"], ["domain", "--mx", "a", "b"], ["record", "--bad\x1b", "v"], ["tlsrpt", "-x", "v"],
    ["domain", "--json=yes", "a"],
])
def test_wrong_usage(arguments):
    run = lint(*arguments)
    assert run.returncode == 64 and run.stdout == b""
    assert run.stderr.startswith(f"outrider: lint {arguments[0]}: ".encode()) and b"\x1b" not in run.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
@pytest.mark.parametrize("arguments", [
    ["domain", "a.example"], ["domain", "--json", "a.example"], ["domain", "--help"]])
def test_output_that_cannot_be_written(arguments):
    with open("/dev/full", "wb") as full:
        run = subprocess.run([OUTRIDER, "lint", *arguments], stdout=full, stderr=subprocess.PIPE, timeout=20)
    assert run.returncode == 74 and run.stderr.startswith(b"outrider: standard output: ")
