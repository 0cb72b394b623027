"""docs/publishing.md: its configuration and its commands, in the order in which they stand there, for a domain of the lab."""

import os
import re
import shlex
import subprocess

import pytest

import conftest
from lab import namespace
from lab.own_domain import POLICY_HOST, OwnDomain
from lab.own_zone import PRIMARY
from lab.process import wait_until

HOUR, WEEKS = 3600, 14 * 86400

with open(os.path.join(conftest.ROOT, "docs/publishing.md")) as guide:
    GUIDE = guide.read()
SECTIONS = dict(part.partition("\n")[::2] for part in GUIDE.split("\n## ")[1:])


def blocks(heading):
    """The indented blocks of a section's steps."""
    return re.findall(r"(?:^ {7}\S.*\n(?: {7}.*\n|\n(?= {8}))*)+", SECTIONS[heading], re.M)


def commands(heading):
    return [line.strip() for block in blocks(heading) for line in block.splitlines() if re.match(r" {7}outrider[ -]", line)]


@pytest.fixture(name="own")
def a_domain(lab, build):
    with OwnDomain(lab, build, f"{namespace.HOME}/guide", "guide") as own:
        own.change(f"delete {own.name}. IN MX")
        for number in (1, 2):
            name, address = own.add_host(f"mx{number}")
            own.change(f"add {own.name}. 300 IN MX {number}0 {name}.", f"add {name}. 300 IN A {address}")
        yield own


def typed(own, command, status=0):
    """As in the guide, with our domain; nsupdate is told where the name server is by an option of the lab's."""
    command = command.replace("example.org", own.name).replace("nsupdate -k /etc/outrider/zone.key", "update-the-zone")
    with open(own.path("bin/update-the-zone"), "w") as file:
        file.write(f"#!/bin/sh\n{{ echo server {PRIMARY}; cat; }} >{own.path('lines')}\nexec knsupdate {own.path('lines')}\n")
    os.chmod(own.path("bin/update-the-zone"), 0o755)
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=120, env=own.hook_environment())
    assert done.returncode == status, f"{command}: {done.returncode}: {done.stdout}{done.stderr}"
    own.zone.follow()
    return done.stdout


def configuration(own):
    """The block of the guide, with what only the lab has otherwise."""
    text = blocks("From nothing to testing")[0].replace("example.org", own.name)
    for old, new in (("inet:[::]:443", f"inet:[{POLICY_HOST}]:443"), ("inet:[::]:80", f"inet:[{POLICY_HOST}]:80"),
                     ('"192.0.2.80", "2001:db8::80"', f'"{POLICY_HOST}"'), ("/var/lib/outrider-acme", own.path("acme")),
                     ("/etc/outrider/mta-sts.pem", own.path("files/sts.pem")),
                     ("unix:/run/outrider/control.sock", f"unix:{own.daemon.control_socket}")):
        assert old in text, f"the guide has no {old} any more"
        text = text.replace(old, new)
    with open(own.daemon.config) as file:
        before = file.read()
    before = re.sub(r'^(policy_host|publish ".*"|control) \{\n(.*\n)*?\}\n', "", before, flags=re.M)
    return before + re.sub(r"^ {7}", "", text, flags=re.M)


def test_from_nothing_to_enforce_and_back(own):
    """PUB-01, PUB-05, PUB-07, PUB-08: what the guide tells to type does what it says."""
    own.daemon.write_config(configuration(own))
    own.daemon.start()
    assert own.daemon.run_cli("--version").returncode == 0
    first, dns, again, status = commands("From nothing to testing")
    assert "Give outriderd a certificate" in typed(own, first)
    typed(own, dns)
    assert own.zone.primary.ask(f"_mta-sts.{own.name}", "TXT").answer == [], "it has to wait, as the guide says"
    own.install("sts.pem", own.issue(own.policy_host))
    own.wait_for_certificate()
    own.pass_time(HOUR)
    typed(own, again)
    own.world.resolver.forget()
    assert "serves mode testing" in typed(own, status, status=1), "1: it has no IPv4 address here"

    enforce, dns = commands("From testing to enforce")
    assert "served: mode enforce" in typed(own, enforce)
    typed(own, dns)
    code, text, said = own.fetch()
    assert (code, "mode: enforce" in text) == ("200", True), said

    retire, dns, look, last = commands("The way out")
    assert "retiring" in typed(own, retire)
    typed(own, dns)
    own.pass_time(WEEKS - HOUR)
    assert "retiring" in typed(own, look), "an hour too early"
    own.pass_time(2 * HOUR)
    wait_until(lambda: "retired since" in typed(own, look), 20, lambda: typed(own, look))
    typed(own, last)
    own.pass_time(2 * HOUR)
    typed(own, last)
    for name, rtype in ((f"_mta-sts.{own.name}", "TXT"), (own.policy_host, "AAAA")):
        assert own.zone.primary.ask(name, rtype).answer == [], f"{name} is gone"


def test_each_option_of_the_guide_is_one():
    """Whatever stands in `...` or in a block, of outrider's options, the manual page has."""
    with open(os.path.join(conftest.ROOT, "man/outrider.1")) as file:
        manual = file.read()
    spoken = re.findall(r"outrider (?:records|publish|tlsa)[^`\n|]*", GUIDE)
    assert len(spoken) > 15
    for words in map(shlex.split, (each.replace("'", "") for each in spoken)):
        for option in (word.removeprefix("--") for word in words if word.startswith("--")):
            assert re.search(rf"Fl -{option}\b", manual), f"outrider.1 has no --{option} ({' '.join(words)})"


def test_checks_of_the_guide_exist(run):
    """The names of checks in the table are those of `publish status --explain`."""
    names = set(re.findall(r"`((?:sts|smtp|dane|mx|cert)\.[a-z0-9-]+)`", GUIDE))
    assert len(names) > 8
    for name in names:
        assert run("publish", "status", "--explain", name).returncode == 0, name
