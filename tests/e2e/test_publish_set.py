"""outrider publish set: enforce begins only where every MX host would pass (PUB-07), and what is served, what DNS says and what is told go in step
(PUB-05). A real outriderd serves the policies, on an IPv6 address that the lab's own policy hosts leave alone."""

import itertools
import json
import os
import re
import subprocess

import pytest

import domains
from lab import zones
from lab.model import UNSIGNED, Host
from lab.process import wait_until

numbers = itertools.count(1)
ADDRESS = "2001:db8:443::1"
GOOD_HOSTS = (Host("mx1", 10), Host("mx2", 20))


class Ours:
    """A domain with two good MX hosts, published by an outriderd of its own, in testing as its life begins."""

    def __init__(self, lab, outriders, mode="enforce", mx=None):
        self.lab = lab
        self.name = f"set-{next(numbers)}.example"
        self.row = domains.row(self.name.removesuffix(".example"), zone=UNSIGNED, hosts=GOOD_HOSTS)
        lab.add(self.row)
        self.hosts = [lab.mx[f"mx{i}.{self.name}"] for i in (1, 2)]
        lab.set_records(f"mta-sts.{self.name}", "AAAA", [ADDRESS])
        self.daemon = outriders(start=False, policy_host={"listen": [f"inet:[{ADDRESS}]:443"]},
                                **{f'publish "{self.name}"': {"mode": mode, "mx": mx or [f"mx1.{self.name}", f"mx2.{self.name}"], "max_age": "2w",
                                                              **self.certificate()}})
        self.daemon.start()

    def certificate(self):
        pem = open(self.lab.certs.issue("lab", f"mta-sts.{self.name}").pem).read()
        key, chain = re.match("(.*?)(-----BEGIN CERTIFICATE.*)", pem, re.S).groups()
        paths = {}
        for what, text in (("certificate", chain), ("key", key)):
            paths[what] = os.path.join(self.lab.folder, f"{self.name}.{what}")
            with open(paths[what], "w") as file:
                file.write(text)
            os.chmod(paths[what], 0o644)
        return paths

    def run(self, verb, *arguments, check=None, ehlo=True):
        done = self.daemon.run_cli("publish", verb, "--config", self.daemon.config, *(["--ehlo", "set.lab.test"] if ehlo else []), *arguments,
                                   timeout=150)
        if check is not None:
            assert done.returncode == check, (done.returncode, done.stdout, done.stderr)
        return done

    def set(self, *arguments, check=None):
        return self.run("set", *arguments, self.name, check=check)

    def status(self):
        return json.loads(self.run("status", "--json", self.name).stdout)

    def served(self):
        return json.loads(self.run("status", "--offline", "--json", self.name).stdout)["daemon"]

    def mode(self):
        return self.served()["serving"]["mode"]

    def publish_record(self, id):
        self.lab.set_records(f"_mta-sts.{self.name}", "TXT", [zones.quoted(f"v=STSv1; id={id};")])

    def reconfigure(self, mx):
        self.daemon.settings[f'publish "{self.name}"']["mx"] = mx
        self.daemon.write_config()


@pytest.fixture(scope="module", autouse=True)
def address(lab):
    """Every address of the lab is local; to listen on one of IPv6 it must be somebody's."""
    subprocess.run(["ip", "-6", "addr", "add", f"{ADDRESS}/128", "dev", "lo", "nodad"], check=True)


@pytest.fixture
def ours(lab, outrider):
    return Ours(lab, outrider)


def found(status, check):
    return [each["status"] for each in status["results"] if each["id"] == check]


# The way of a policy ---------------------------------------------------------------------------------------------------


def test_from_testing_to_enforce(ours):
    """The daemon begins with testing, whatever the configuration says. HTTPS is switched first, then the record is asked for (PUB-05)."""
    begin = ours.status()
    assert begin["daemon"]["phase"] == "testing" and begin["daemon"]["withheld"]["what"] == "enforce"
    assert found(begin, "sts.txt") == ["warning"] and found(begin, "sts.syntax") == ["ok"] and found(begin, "sts.mode") == ["info"]
    ours.publish_record(begin["daemon"]["serving"]["id"])
    assert found(ours.status(), "sts.id-step") == ["ok"]

    done = ours.set("--mode", "enforce", check=0)
    id = re.search(r"^served: mode enforce, id (\w+)$", done.stdout, re.M)[1]
    assert f'_mta-sts.{ours.name}. IN TXT "v=STSv1; id={id};"' in done.stdout and re.search(r"^when: +now", done.stdout, re.M)

    between = ours.status()
    assert between["daemon"]["phase"] == "enforce" and between["daemon"]["withheld"] is None
    assert found(between, "sts.mode") == ["ok"] and found(between, "sts.id-step") == ["warning"]
    step = next(each for each in between["results"] if each["id"] == "sts.id-step")
    assert step["expected"] == id and id in step["fix"]

    ours.publish_record(id)
    end = ours.status()
    assert found(end, "sts.id-step") == ["ok"] and found(end, "sts.mx-cert") == ["ok", "ok"]
    assert end["status"] == "warning" and found(end, "sts.host") == ["warning"]  # IPv6 only, and nothing else
    assert end["counts"]["warning"] == 1 and end["counts"]["critical"] == end["counts"]["unknown"] == 0
    assert "nothing to change" in ours.set("--mode", "enforce", check=0).stdout


def test_who_fetched_and_until_when_it_is_held(ours):
    ours.set("--mode", "enforce", check=0)
    ours.status()  # which fetches the policy as a stranger
    wait_until(lambda: sum(day["count"] for day in ours.served()["fetches"]["days"]) > 0, 20, "nobody has fetched")
    told = ours.served()
    assert told["exit"] is not None and 14 * 86400 <= told["exit_seconds"] <= 14 * 86400 + 7200
    text = ours.run("status", "--offline", ours.name, check=0).stdout
    assert f"may hold an enforce policy until {told['exit']}" in text and "2001:db8" in text
    assert re.search(r"cert +ends in \d+d", text) and "serves mode enforce" in text


def test_the_exit_clock_and_a_record_that_is_gone(ours):
    """PUB-08: a record that vanishes while senders hold an enforce policy."""
    ours.publish_record(ours.served()["serving"]["id"])
    ours.publish_record(json.loads(ours.set("--mode", "enforce", "--json", check=0).stdout)["publication"]["serving"]["id"])
    ours.status()
    wait_until(lambda: ours.served()["exit"], 20, "no exit clock")
    assert found(ours.status(), "sts.exit") == ["ok"]
    ours.lab.set_records(f"_mta-sts.{ours.name}", "TXT", [])
    assert found(ours.status(), "sts.exit") == ["critical"]


# What bars it ----------------------------------------------------------------------------------------------------------


def without_starttls(ours):
    ours.hosts[1].server = "no-starttls"


def with_old_tls(ours):
    ours.hosts[1].server = "tls1.1"


def with_another(kind):
    def change(ours):
        ours.hosts[1].chain = ours.lab.certs.issue(kind, ours.hosts[1].name, ours.name)
    change.__name__ = kind.replace(" ", "-")
    return change


def not_in_the_policy(ours):
    ours.lab.set_records(ours.name, "MX", [f"10 mx1.{ours.name}.", "20 mx.sts-enforce.example."])


def without_an_address(ours):
    ours.lab.set_records(ours.name, "MX", [f"10 mx1.{ours.name}.", f"20 nowhere.{ours.name}."])


def with_a_private_address(ours):
    ours.lab.set_records(f"mx2.{ours.name}", "A", ["10.0.0.1"])


def without_mx(ours):
    ours.lab.set_records(ours.name, "MX", ["0 ."])


def unreachable(ours):
    ours.lab.set_records(f"mx2.{ours.name}", "A", ["203.0.113.253"])  # where nobody is


def down(ours):
    ours.hosts[1].server = "down"


def one_address_more(ours):
    ours.lab.set_records(f"mx2.{ours.name}", "AAAA", ["2001:db8:25::ffff"])


SHUT = [(without_starttls, "smtp.starttls"), (with_old_tls, "tls.version"), (with_another("lab foreign"), "sts.mx-cert"),
        (with_another("self"), "sts.mx-cert"), (with_another("other"), "sts.mx-cert"), (with_another("lab expired"), "sts.mx-cert"),
        (not_in_the_policy, "sts.mx-cover"), (without_an_address, "mx.addr"), (with_a_private_address, "mx.reserved"), (without_mx, "mx.null")]
UNKNOWN = [(unreachable, "smtp.connect"), (down, "smtp.connect"), (one_address_more, "smtp.connect")]


@pytest.mark.parametrize("change, check", SHUT, ids=lambda value: getattr(value, "__name__", ""))
def test_enforce_is_refused_with_reasons(ours, change, check):
    """PUB-07: refused, with the reason and the command to look closer, and nothing has changed."""
    before = ours.served()["serving"]
    change(ours)
    done = ours.set("--mode", "enforce", check=65)
    assert "enforce is refused, because mail would not come" in done.stderr and check in done.stderr and done.stdout == ""
    assert f"outrider publish status --verbose --only dns,smtp,sts --config {ours.daemon.config} --ehlo set.lab.test {ours.name}" in done.stderr
    assert {**ours.served()["serving"], "last": None, "horizon": None} == {**before, "last": None, "horizon": None}


@pytest.mark.parametrize("change, check", UNKNOWN, ids=lambda value: getattr(value, "__name__", ""))
def test_what_is_not_known_refuses_in_other_words(ours, change, check):
    change(ours)
    done = ours.set("--mode", "enforce", "--timeout", "10", check=75)
    assert "could not be found out" in done.stderr and "would not come" not in done.stderr and check in done.stderr
    assert ours.mode() == "testing"


def test_without_dns_nothing_is_enforced(ours, lab):
    with lab.outage():
        done = ours.set("--mode", "enforce", check=75)
    assert "mx.exists" in done.stderr and ours.mode() == "testing"


def test_every_bundle_must_accept(lab, outrider, tmp_path):
    from cryptography.hazmat.primitives import serialization
    bundle = tmp_path / "other.pem"
    bundle.write_bytes(lab.certs.authority("other").public_bytes(serialization.Encoding.PEM))
    os.chmod(tmp_path, 0o755)
    ours = Ours(lab, outrider)
    ours.daemon.settings["policy_host"]["root_programs"] = ["system", str(bundle)]
    ours.daemon.write_config()
    done = ours.set("--mode", "enforce", check=65)
    assert str(bundle) in done.stderr and ours.mode() == "testing"


# The policy host ---------------------------------------------------------------------------------------------------------


def test_enforce_is_refused_where_nobody_would_hear_of_it(ours):
    """No mail is lost by that, but nobody is protected: other words, and --force all the same."""
    ours.lab.set_records(f"mta-sts.{ours.name}", "AAAA", [])
    done = ours.set("--mode", "enforce", check=65)
    assert "the policy host would not hand it out" in done.stderr and "would not come" not in done.stderr and "sts.host" in done.stderr
    told = json.loads(ours.set("--mode", "enforce", "--json", check=65).stdout)
    assert told["done"] is False and "policy host" in told["refused"] and [each["id"] for each in told["reasons"]] == ["sts.host"]
    assert "sts.host" in ours.set("--mode", "testing", check=0).stderr and ours.mode() == "testing"
    done = ours.set("--mode", "enforce", "--force", check=0)
    assert "forced, although the policy host" in done.stderr and ours.mode() == "enforce"


def test_a_policy_host_elsewhere(ours):
    """One address of two leads to a machine that knows nothing of the policy."""
    ours.lab.set_records(f"mta-sts.{ours.name}", "A", ours.lab.addresses["mta-sts.sts-enforce.example"])
    done = ours.set("--mode", "enforce", check=65)
    assert "sts.https" in done.stderr and ours.lab.addresses["mta-sts.sts-enforce.example"][0] in done.stderr, done.stderr
    assert ours.mode() == "testing"


def test_a_policy_host_that_is_not_reached_from_here_is_told(ours):
    """It may be this network (and often is: a router that leads no packet back inside), so it is no refusal."""
    ours.lab.set_records(f"mta-sts.{ours.name}", "AAAA", ["2001:db8:443::dead"])
    done = ours.set("--mode", "enforce", "--json", check=0)
    told = json.loads(done.stdout)
    assert told["done"] and told["reasons"] == [] and "sts.https" in [each["id"] for each in told["warnings"]]
    done = ours.set("--mode", "enforce", check=0)
    assert "warning: look whether the policy gets out" in done.stderr and "sts.https" in done.stderr


def test_the_id_counts_however_the_record_is_written(ours):
    id = ours.served()["serving"]["id"]
    ours.lab.set_records(f"_mta-sts.{ours.name}", "TXT", [zones.quoted(f"v=STSv1;id={id}")])
    assert "nothing to change" in ours.set("--mode", "testing", check=0).stdout


def test_what_outriderd_itself_finds_wrong_is_not_fine(ours):
    """--offline: exit status 0 is for nothing that is wrong."""
    ours.run("status", "--offline", ours.name, check=0)
    certificate = ours.daemon.settings[f'publish "{ours.name}"']["certificate"]
    with open(certificate, "w") as file:
        file.write("no certificate\n")
    ours.daemon.restart()
    done = ours.run("status", "--offline", ours.name, check=1)
    assert re.search(r"^  cert ", done.stdout, re.M), done.stdout


def test_refused_in_json(ours):
    without_starttls(ours)
    told = json.loads(ours.set("--mode", "enforce", "--json", check=65).stdout)
    assert told["done"] is False and {"smtp.starttls", "sts.mx-cert"} <= {each["id"] for each in told["reasons"]}
    assert {each["subject"]["mx"] for each in told["reasons"]} == {ours.hosts[1].name}


def test_forced_it_is_done_and_logged(ours):
    without_starttls(ours)
    done = ours.set("--mode", "enforce", "--force", "--reason", "the other side was told", check=0)
    assert "smtp.starttls" in done.stderr and ours.mode() == "enforce"
    line = next(line for line in ours.daemon.log().splitlines() if "event=publish.set" in line)
    assert "level=warning" in line and "forced=yes" in line and "smtp.starttls" in line and "the other side was told" in line


def test_testing_warns_and_goes_on(ours):
    ours.set("--mode", "enforce", check=0)
    without_starttls(ours)
    done = ours.set("--mode", "testing", check=0)
    assert "warning" in done.stderr and "smtp.starttls" in done.stderr and "served: mode testing" in done.stdout


# Patterns under enforce -------------------------------------------------------------------------------------------------


def test_new_patterns_under_enforce_are_looked_at(ours):
    """A host less in the policy than in DNS: what is served stays until the MX record is gone as well (PUB-06)."""
    ours.set("--mode", "enforce", check=0)
    ours.reconfigure([f"mx1.{ours.name}"])
    ours.daemon.restart()
    assert ours.served()["withheld"]["what"] == "patterns" and len(ours.served()["serving"]["mx"]) == 2
    done = ours.set(check=65)
    assert f"mx2.{ours.name}" in done.stderr and "sts.mx-cover" in done.stderr and len(ours.served()["serving"]["mx"]) == 2
    ours.lab.set_records(ours.name, "MX", [f"10 mx1.{ours.name}."])
    assert "served: mode enforce" in ours.set(check=0).stdout
    assert ours.served()["serving"]["mx"] == [f"mx1.{ours.name}"] and ours.served()["withheld"] is None


def test_a_configuration_that_the_daemon_has_not_read(ours):
    """What was looked at and what would be served are two things then, and neither is served."""
    ours.reconfigure([f"*.{ours.name}"])
    done = ours.set("--mode", "enforce")
    assert done.returncode not in (0, 1) and "restart" in done.stderr and ours.mode() == "testing"
    ours.daemon.restart()
    ours.set("--mode", "enforce", check=0)


# Form -------------------------------------------------------------------------------------------------------------------


def test_misuse(lab, outrider):
    ours = Ours(lab, outrider)
    for arguments, code in ((("set",), 64), (("set", ours.name, "b.example"), 64), (("set", "--mode", "perhaps", ours.name), 64),
                            (("set", "--mode", "none", ours.name), 64), (("set", "--timeout", "0", ours.name), 64), (("set", "nobody.example"), 65),
                            (("set", "a..b"), 65), (("set", "--wrong", ours.name), 64)):
        done = ours.run(*arguments, ehlo=False)
        assert (done.returncode, done.stdout) == (code, ""), (arguments, done.stderr)
    assert "retire" in ours.run("set", "--mode", "none", ours.name).stderr
    assert ours.mode() == "testing"
    ours.daemon.stop()
    done = ours.set("--mode", "enforce", check=75)
    assert "is outriderd running?" in done.stderr
