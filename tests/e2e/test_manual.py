"""The EXAMPLES of the manual pages, and what else in them can be typed, run as they stand there."""

import hashlib
import os
import re
import shutil
import subprocess

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import conftest
from lab import namespace
from lab.own_domain import OwnDomain

ENFORCED = "sts-enforce.example"
CONFIG = "/etc/outrider/outrider.conf"


def section(page, name):
    with open(os.path.join(conftest.ROOT, "man", page)) as file:
        return file.read().split(f"\n.Sh {name}\n")[1].split("\n.Sh ")[0]


def literal(mdoc):
    """The lines of the first literal display."""
    return re.search(r"^\.Bd -literal[^\n]*\n(.*?)^\.Ed", mdoc, re.M | re.S)[1]


def examples():
    lines = re.findall(r"^\.Dl (outrider .*)$", section("outrider.1", "EXAMPLES"), re.M)
    return [line.replace(r"\(aq", "'") for line in lines]


ABOUT_US = [line for line in examples() if line.startswith("outrider publish ")]
ABOUT_OTHERS = [line for line in examples() if line not in ABOUT_US]


def test_the_manual_has_examples():
    assert [line.split()[1] for line in ABOUT_OTHERS] == ["query", "setup", "setup", "override", "lint", "tlsa"] + 7 * ["trust"]
    assert [line.split()[2] for line in ABOUT_US] == ["status", "set"]


@pytest.fixture(name="typed")
def by_somebody_who_has_outrider_installed(build, tmp_path):
    """Types a command, with outrider on the PATH and its configuration where it belongs."""
    def type_command(command, configuration):
        os.makedirs(os.path.dirname(CONFIG), exist_ok=True)
        with open(CONFIG, "w") as file:
            file.write(configuration)
        try:
            return subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, text=True, timeout=120,
                                  env={**os.environ, "PATH": f"{build}:{os.environ['PATH']}"})
        finally:
            shutil.rmtree(os.path.dirname(CONFIG))
    return type_command


def content(path):
    with open(path) as file:
        return file.read()


@pytest.fixture(name="spki")
def files_of_the_examples(lab, tmp_path):
    """The files that examples name. The value: what `tlsa match` is to find, the hash of the key in new.pem."""
    def write(name, certificates):
        (tmp_path / name).write_bytes(b"".join(one.public_bytes(Encoding.PEM) for one in certificates))
    chain = lab.mx["mx.dane-ee.example"].chain
    ours, other = lab.certs.authority("lab"), lab.certs.authority("other")
    write("new.pem", chain.certificates)
    write("chain.pem", lab.mx[f"mx.{ENFORCED}"].chain.certificates)
    write("root.pem", [other])
    write("roots.pem", [ours, other])
    write("ca-certificates-new.crt", [ours])
    (tmp_path / "mta-sts.txt").write_text("version: STSv1\nmode: enforce\nmx: mx1.example.org\nmx: mx2.example.org\nmax_age: 86400\n")
    return hashlib.sha256(chain.leaf.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


@pytest.mark.parametrize("command", ABOUT_OTHERS)
def test_example_of_the_manual(lab, outrider, postfix, tmp_path, typed, spki, command):
    """Only the names are those of the lab."""
    is_setup = command.startswith("outrider setup")
    configuration = content(outrider(for_mtas=is_setup).config)
    if "--without" in command:  # the root that leaves must have been there
        configuration = configuration.replace(lab.certs.bundle, str(tmp_path / "roots.pem"))
    destination = ENFORCED if "verify" in command else "dane-ee.example"
    if "lint" not in command:
        command = command.replace("example.org", destination)
    done = typed(command.replace("'ISRG Root X1'", "root.pem").replace("HEX", spki), configuration)
    complaints = [line for line in done.stderr.splitlines() if not (is_setup and "before 3.10.5" in line)]
    assert (done.returncode, complaints) == (0, [])
    written = re.search("> (\\S+)$", command)
    assert content(tmp_path / written[1]).startswith("<?xml") if written else done.stdout


def test_examples_about_our_own_domains(lab, build, typed):
    with OwnDomain(lab, build, f"{namespace.HOME}/manual", "manual") as own:
        own.install("sts.pem", own.issue(own.policy_host))
        own.change(f"delete {own.name}. IN MX", f"add {own.name}. 300 IN MX 10 {own.mx}.")
        own.daemon.start()
        own.update(own.command("records", "--nsupdate", own.name))
        own.zone.follow()
        status, enforce = (typed(command.replace("example.org", own.name), content(own.daemon.config)) for command in ABOUT_US)
    assert (status.returncode, status.stderr) == (1, "") and "serves mode testing" in status.stdout, "1: it has no IPv4 address here"
    assert enforce.returncode == 0 and "served: mode enforce" in enforce.stdout, enforce


def test_example_configuration_of_the_manual(build, lab, tmp_path):
    config = tmp_path / "outrider.conf"
    config.write_text(literal(section("outrider.conf.5", "EXAMPLES")))
    done = subprocess.run([os.path.join(build, "outriderd"), "-t", "-c", config], capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_lines_for_postfix_in_the_manual_are_those_of_integration():
    with open(os.path.join(conftest.ROOT, "integration/postfix/main.cf")) as file:
        shipped = file.read().splitlines()
    for line in literal(section("outriderd.8", "DESCRIPTION")).splitlines():
        assert line in shipped


def test_the_request_in_the_manual_gets_an_answer_of_the_form_it_describes(outrider):
    (request,) = re.findall(r"^\.Dl (v1 policy .*)$", section("outriderd.8", "DESCRIPTION"), re.M)
    answer = outrider().exim(request.rpartition("=")[2].replace("example.org", "dane-ee.example"))
    assert re.fullmatch(r"v=1( [a-z]+=\S+)* end=1\n", answer)
