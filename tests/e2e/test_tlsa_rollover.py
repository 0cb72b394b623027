"""A change of keys behind TLSA records: a signed zone with two name servers, an MX host with STARTTLS, and the commands in between.

Waits are of hours. A test lets time pass by making what was written down older: the state file of the host.
"""

import itertools
import json
import os
import re
import signal
import subprocess
import threading
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

import domains
from lab import certs, mxhost
from lab.model import UNSIGNED
from lab.own_zone import OwnZone

ADDRESS = "203.0.113.241"
HOUR = 3600
numbers = itertools.count(1)


class Host:
    """One MX host of ours, its zone, and the commands about it."""

    def __init__(self, lab, daemon, zone, folder):
        self.lab, self.daemon, self.zone, self.folder = lab, daemon, zone, folder
        self.name, self.state = zone.host, os.path.join(folder, "state")
        self.file = os.path.join(self.state, f"{self.name}_25.json")
        self.mx = mxhost.MxHost(self.name, "good", self.issue(new_key("ecdsa")))
        lab.mx_server.hosts[ADDRESS] = self.mx

    def issue(self, key, issuer="lab", sends_issuer=False):
        """A chain for this key."""
        signer, root = self.lab.certs.signer(issuer)
        subject = certs._subject(self.name)
        leaf = certs._sign(subject, key.public_key(), root.subject, signer, -20 * certs.DAY, 90 * certs.DAY, [
            (x509.BasicConstraints(ca=False, path_length=None), True),
            (x509.SubjectAlternativeName([x509.DNSName(self.name)]), False)])
        return self.lab.certs._store(key, (leaf, root) if sends_issuer else (leaf,), f"own-{next(numbers)}")

    def record(self, chain):
        return three_one_one(self.lab, chain)

    def write_key(self, key):
        path = os.path.join(self.folder, f"next-{next(numbers)}.key")
        with open(path, "wb") as file:
            file.write(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        return path

    def run(self, *words, options=()):
        return self.daemon.run_cli("tlsa", *words, "--config", self.daemon.config, "--state", self.state, *options, timeout=120)

    def plan(self, *words, status=0):
        done = self.run("plan", self.name, *words, "--json")
        assert done.returncode == status, done.stdout + done.stderr
        return json.loads(done.stdout) if done.stdout else done.stderr

    def status(self):
        done = self.run("status", self.name, "--json")
        return done.returncode, json.loads(done.stdout)[0]

    def guard(self, chain, *words):
        done = self.run("guard", "--cert", chain.pem, "--host", self.name, *words, "--json")
        return done.returncode, json.loads(done.stdout)["hosts"][0] if done.stdout else done.stderr

    def pass_time(self, seconds):
        """All that was written down was that much earlier."""
        with open(self.file) as file:
            plan = json.load(file)
        history = plan["history"]
        for each, names in [(history, ("begun", "last")), (plan["rollover"], ("since",)),
                            *((s, ("first", "last", "gone")) for s in history["sets"]), *((t, ("last",)) for t in history["ttls"])]:
            for name in names:
                each[name] = max(each[name] - seconds, 1) if each[name] else 0
        with open(self.file, "w") as file:
            json.dump(plan, file)

    def records(self):
        return self.zone.primary.tlsa(self.zone.owner), self.zone.secondary.tlsa(self.zone.owner)


def new_key(algorithm):
    return rsa.generate_private_key(65537, 2048) if algorithm == "rsa" else ec.generate_private_key(ec.SECP256R1())


def three_one_one(lab, chain):
    return lab.certs.tlsa("3 1 1", chain).upper()


def ids(findings, status):
    return {each["id"] for each in findings["results"] if each["status"] == status}


@pytest.fixture(name="make")
def the_factory(lab, outrider, tmp_path):
    """make(signed=True) gives a host; all of it is taken away again."""
    opened = []

    def make(is_signed=True, settings=None, **words):
        number = next(numbers)
        folder = tmp_path / str(number)
        folder.mkdir()
        zone = OwnZone(lab, str(folder), f"roll{number}", ADDRESS, is_signed=is_signed, **words)
        opened.append(zone)
        zone.__enter__()
        lab.resolver.forget()
        return Host(lab, outrider(start=False, **(settings or {})), zone, str(folder))

    yield make
    for zone in opened:
        zone.__exit__(None, None, None)
    lab.mx_server.hosts.pop(ADDRESS, None)


def begin(make, **words):
    """A host that has been in order for long: its record is published, and the program has known it for a day."""
    host = make(**words)
    host.zone.publish(host.record(host.mx.chain))
    assert host.plan()["state"] == "idle"
    host.pass_time(24 * HOUR)
    return host


def test_a_whole_change_of_keys(make):
    """PUB-13: current and next beside each other, wait, switch, verify, take the old record away; each step only when it is
    safe, each printed as a change that adds or deletes one record and replaces none."""
    host = begin(make)
    old, key = host.mx.chain, new_key("ecdsa")
    new, path = host.issue(key), host.write_key(key)
    staged = host.plan("--next-key", path)
    assert (staged["state"], staged["act"]) == ("staged", "change-dns")
    assert staged["add"] == [host.record(new)] and staged["remove"] == []
    assert staged["nsupdate"].splitlines() == [f"zone {host.zone.name}.",
                                               f"update add {host.zone.owner}. 300 IN TLSA {host.record(new)}", "send"]
    host.zone.update(staged["nsupdate"], follow=False)
    late = host.plan()
    assert late["state"] == "staged" and "others have not got them yet" in late["next"], "the secondary is late"
    host.zone.follow()
    published = host.plan()
    assert (published["state"], published["act"]) == ("published", "wait")
    refused, found = host.guard(new)
    assert refused == 1 and found["outcome"] == "would-break" and found["safe_from"] == published["until"]
    host.pass_time(2 * 300 + 1800 - 60)  # two TTLs and the refresh of the secondary that was late, but a minute
    assert host.plan()["state"] == "published" and host.guard(new)[0] == 1
    host.pass_time(HOUR)
    settled = host.plan()
    assert (settled["state"], settled["act"]) == ("settled", "switch") and "tlsa guard" in settled["command"]
    assert host.guard(new)[0] == 0 and host.guard(old)[0] == 0
    host.mx.chain = new
    verified = host.plan()
    assert (verified["state"], verified["act"]) == ("verified", "wait") and verified["remove"] == []
    host.pass_time(301)
    trimming = host.plan()
    assert trimming["remove"] == [host.record(old)] and trimming["add"] == []
    assert f"update delete {host.zone.owner}. IN TLSA {host.record(old)}" in trimming["nsupdate"].splitlines()
    host.zone.update(trimming["nsupdate"])
    assert host.plan()["state"] == "trimmed"
    assert host.plan("--next-key", path)["state"] == "idle", "a command that is repeated once too often does nothing"
    assert host.records() == ({host.record(new)}, {host.record(new)})
    assert host.plan()["state"] == "idle"
    code, found = host.status()
    assert code == 0 and found["state"] == "idle", found


def test_a_premature_certificate_is_refused(make):
    """PUB-13: the guard looks at DNS and at what it saw before, with or without a plan."""
    host = begin(make)
    new = host.issue(new_key("ecdsa"))
    code, found = host.guard(new)
    assert (code, found["record"]) == (1, host.record(new)) and found["safe_from"], "no record at all: here it is"
    host.zone.publish(host.record(new))
    code, found = host.guard(new)
    assert code == 1 and found["record"] is None and found["safe_from"]
    assert host.guard(new, "--at", found["safe_from"])[0] == 0, "what if it were then"
    assert host.guard(new)[0] == 1, "that was asked, and not written down"
    host.pass_time(HOUR + 60)
    assert host.guard(new)[0] == 0
    text = host.run("guard", "--cert", host.issue(new_key("ecdsa")).pem, "--host", host.name)
    assert text.returncode == 1 and f"{host.zone.owner}. 300 IN TLSA 3 1 1 " in text.stdout and "safe from" in text.stdout


def test_a_renewal_with_the_same_key(make):
    """PUB-16: safe at once with 3 1 1, even at the first look at a host; with 3 0 1 it is another certificate."""
    host = make()
    key = new_key("ecdsa")
    host.mx.chain = host.issue(key)
    host.zone.publish(host.record(host.mx.chain))
    renewed = host.issue(key)
    code, found = host.guard(renewed)
    assert (code, found["outcome"]) == (0, "safe"), found
    selector0 = host.lab.certs.tlsa("3 0 1", host.mx.chain).upper()
    host.zone.publish(selector0)
    code, found = host.guard(renewed)
    assert code == 1 and found["record"].startswith("3 0 1"), "every combination has to match (PUB-12)"


def test_what_cannot_be_found_out(make):
    """NO-DOWNGRADE: a server that is down, a resolver that is down, a bogus answer, an odd file: 75, and no guess."""
    host = begin(make)
    chain = host.mx.chain
    assert host.guard(chain)[0] == 0
    host.zone.secondary.stop()
    code, found = host.guard(chain)
    assert code == 75 and found["outcome"] == "unknown" and any("ns2" in r["message"] for r in found["results"])
    assert host.plan(status=75)["act"] == "find-out"
    assert host.status()[0] == 3
    host.zone.secondary.start()
    assert host.guard(chain)[0] == 0
    with host.lab.outage():
        assert host.guard(chain)[0] == 75
    host.lab.resolver.forget()
    with open(host.file, "a") as file:
        file.write("{")
    assert host.run("guard", "--cert", chain.pem, "--host", host.name).returncode == 75
    assert host.run("plan", host.name).returncode == 65


def test_a_zone_that_is_not_signed(make):
    """PUB-11: DANE does not apply; the guard says so and lets the certificate pass, the plan refuses to begin."""
    host = make(is_signed=False)
    host.zone.publish(host.record(host.mx.chain))
    code, found = host.guard(host.issue(new_key("ecdsa")))
    assert (code, found["outcome"]) == (0, "insecure")
    refused = host.run("plan", host.name, "--new-key", "ecdsa")
    assert refused.returncode == 65 and "not signed" in refused.stderr
    assert [name for name in os.listdir(host.state) if name.endswith(".key")] == [], "no key is made for nothing"


def test_a_host_without_records(make):
    """The guard has nothing against any certificate; and a first publication waits for the denials in caches too."""
    host = make()
    assert host.guard(host.mx.chain)[1]["outcome"] == "no-tlsa"
    host.pass_time(24 * HOUR)
    staged = host.plan("--new-key", "ecdsa")
    assert sorted(staged["add"]) == sorted([host.record(host.mx.chain), staged["pairs"][0]["next"]])
    assert os.stat(staged["pairs"][0]["key"]).st_mode & 0o777 == 0o600
    again = host.plan("--new-key", "ecdsa")
    assert again["pairs"] == staged["pairs"], "a key that is staged is not made again"
    host.zone.update(staged["nsupdate"])
    assert host.plan()["state"] == "published"
    host.pass_time(2 * HOUR - 60)  # the records came with a TTL of an hour
    assert host.plan()["state"] == "published"
    host.pass_time(120)
    assert host.plan()["state"] == "settled"


def test_two_algorithms(make):
    """One pair an algorithm: the RSA key changes, the ECDSA key stays, and both are seen at the host."""
    host = make()
    rsa_chain = host.issue(new_key("rsa"))
    host.mx.also = rsa_chain
    host.zone.publish(host.record(host.mx.chain), host.record(rsa_chain))
    host.plan()
    host.pass_time(24 * HOUR)
    key = new_key("rsa")
    staged = host.plan("--next-key", host.write_key(key))
    assert {(s["algorithm"], s["record"]) for s in staged["service"]} == {
        ("ecdsa", host.record(host.mx.chain)), ("rsa", host.record(rsa_chain))}
    assert [p["algorithm"] for p in staged["pairs"]] == ["rsa"]
    host.zone.update(staged["nsupdate"])
    host.plan()
    host.pass_time(2 * HOUR)
    assert host.plan()["state"] == "settled"
    host.mx.also = host.issue(key)
    assert host.plan()["state"] == "verified"
    host.pass_time(301)
    trimming = host.plan()
    assert trimming["remove"] == [host.record(rsa_chain)]
    host.zone.update(trimming["nsupdate"])
    assert host.plan()["state"] == "trimmed"


def test_one_algorithm_that_is_not_covered(make):
    """5.3, mistake 8: only one of RSA and ECDSA has a record. Nothing begins from there, and status is critical."""
    host = make()
    host.mx.also = host.issue(new_key("rsa"))
    host.zone.publish(host.record(host.mx.chain))
    refused = host.run("plan", host.name, "--new-key", "ecdsa")
    assert refused.returncode == 65 and "repair first" in refused.stderr
    code, found = host.status()
    assert code == 2 and "dane.match" in ids(found, "critical")


def test_a_host_without_starttls(make):
    """PUB-11: records and no STARTTLS: mail waits. Critical, and nothing begins there."""
    host = begin(make)
    host.mx.server = "no-starttls"
    code, found = host.status()
    assert code == 2 and "smtp.starttls" in ids(found, "critical")
    assert host.run("plan", host.name, "--new-key", "ecdsa").returncode == 75


def test_the_issuer_as_well(make):
    """PUB-15: 3 1 1 and 2 1 1. A renewal by another CA is refused until its record has settled."""
    host = make()
    host.mx.chain = host.issue(new_key("ecdsa"), "private", sends_issuer=True)
    host.zone.publish(host.record(host.mx.chain))
    host.plan()
    host.pass_time(24 * HOUR)
    key = new_key("ecdsa")
    staged = host.plan("--next-key", host.write_key(key), "--scheme", "3-1-1+2-1-1")
    assert len(staged["add"]) == 2 and any(r.startswith("2 1 1") for r in staged["add"])
    host.zone.update(staged["nsupdate"])
    host.plan()
    host.pass_time(2 * HOUR)
    assert host.plan()["state"] == "settled"
    same, other = (host.issue(key, issuer, sends_issuer=True) for issuer in ("private", "other"))
    assert host.guard(same)[0] == 0
    code, found = host.guard(other)
    assert code == 1 and found["record"].startswith("2 1 1")
    chained = host.plan("--next-key", other.pem)
    assert chained["state"] == "staged" and chained["add"] == [found["record"]]
    host.zone.update(chained["nsupdate"])
    host.plan()
    host.pass_time(2 * HOUR)
    assert host.plan()["state"] == "settled" and host.guard(other)[0] == 0
    host.mx.chain = other
    host.plan()
    host.pass_time(301)
    trimming = host.plan()
    assert len(trimming["remove"]) == 2, "the old key, and the CA that is not used any more"
    host.zone.update(trimming["nsupdate"])
    assert host.plan()["state"] == "trimmed"


def test_an_anchor_that_is_not_sent(make):
    """PUB-17: with 2 1 1 the chain must have the certificate of the CA."""
    host = make()
    key = new_key("ecdsa")
    with_ca, without = host.issue(key, "private", sends_issuer=True), host.issue(key, "private")
    host.mx.chain = with_ca
    host.zone.publish(host.lab.certs.tlsa("2 1 1", with_ca).upper())
    host.plan()
    host.pass_time(24 * HOUR)
    assert host.guard(with_ca)[0] == 0
    assert host.guard(without)[0] == 1


def test_records_behind_an_alias(make):
    """The owner is an alias, as where many hosts share one RRset: its TTL counts, and changes are made where the records are."""
    host = make()
    target, old = f"_dane.{host.zone.name}", host.record(host.mx.chain)
    host.zone.update(f"zone {host.zone.name}.\nupdate add {host.zone.owner}. 7200 IN CNAME {target}.\n"
                     f"update add {target}. 300 IN TLSA {old}\nsend\n")
    assert host.plan()["state"] == "idle"
    host.pass_time(24 * HOUR)
    staged = host.plan("--new-key", "ecdsa")
    assert staged["nsupdate"].splitlines()[1].startswith(f"update add {target}. 300 IN TLSA 3 1 1 ")
    host.zone.update(staged["nsupdate"])
    assert host.plan()["state"] == "published"
    host.pass_time(4 * HOUR - 60)
    assert host.plan()["state"] == "published", "twice the TTL of the alias"
    host.pass_time(120)
    assert host.plan()["state"] == "settled"


def test_an_emergency(make):
    """PUB-18: the key is in the wrong hands: its record goes at once, and the next key, whose record is there, takes over at once."""
    host = begin(make)
    old, key = host.mx.chain, new_key("ecdsa")
    staged = host.plan("--next-key", host.write_key(key))
    host.zone.update(staged["nsupdate"])
    assert host.plan()["state"] == "published"
    urgent = host.plan("--emergency")
    assert (urgent["state"], urgent["act"], urgent["remove"]) == ("settled", "switch", [host.record(old)])
    host.zone.update(urgent["nsupdate"])
    host.mx.chain = host.issue(key)
    assert host.plan(status=1)["state"] == "trimmed", "done; and critical, as long as caches have the old record"


def test_going_back(make):
    """A key that is in service again leads back to settled; a record that was taken away leads back to staged."""
    host = begin(make)
    old, key = host.mx.chain, new_key("ecdsa")
    new = host.issue(key)
    host.zone.update(host.plan("--next-key", host.write_key(key))["nsupdate"])
    host.plan()
    host.pass_time(2 * HOUR)
    host.plan()
    host.mx.chain = new
    assert host.plan()["state"] == "verified"
    host.mx.chain = old
    assert host.plan()["state"] == "settled"
    host.zone.withdraw(host.record(new))
    gone = host.plan(status=1)
    assert (gone["state"], gone["add"]) == ("staged", [host.record(new)]) and "dane.next" in ids(gone, "critical")
    host.zone.publish(host.record(new))
    assert host.plan()["state"] == "published", "and the wait begins anew"


def test_a_switch_that_came_too_early(make):
    """What is done behind the guard's back is seen: critical, in plan and in status."""
    host = begin(make)
    key = new_key("ecdsa")
    host.zone.update(host.plan("--next-key", host.write_key(key))["nsupdate"])
    host.plan()
    host.mx.chain = host.issue(key)
    early = host.plan(status=1)
    assert early["state"] == "published" and "dane.match" in ids(early, "critical")
    assert host.status()[0] == 2


def test_a_killed_run_is_run_again(make):
    """kill -9 in every state, at many moments: the file is whole, and the next run comes to what it would have come to."""
    host = begin(make)
    key = new_key("ecdsa")
    path, old = host.write_key(key), host.record(host.mx.chain)

    def kill_some():
        for delay in (0, 0.02, 0.05, 0.08, 0.12, 0.2, 0.3):
            words = [host.daemon.cli, "tlsa", "plan", host.name, "--next-key", path, "--config", host.daemon.config, "--state", host.state]
            process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(delay)
            process.send_signal(signal.SIGKILL)
            process.wait()
            with open(host.file) as file:
                json.load(file)

    kill_some()
    staged = host.plan("--next-key", path)
    assert staged["state"] == "staged"
    host.zone.update(staged["nsupdate"])
    kill_some()
    assert host.plan()["state"] == "published"
    host.pass_time(2 * HOUR)
    kill_some()
    assert host.plan()["state"] == "settled"
    host.mx.chain = host.issue(key)
    kill_some()
    assert host.plan()["state"] == "verified"
    host.pass_time(301)
    kill_some()
    trimming = host.plan()
    assert trimming["remove"] == [old]
    host.zone.update(trimming["nsupdate"])
    assert host.plan()["state"] == "trimmed"


def test_two_runs_at_once(make):
    """One works, the other waits or says 75; the file has one change of keys."""
    host = begin(make)
    done = []
    threads = [threading.Thread(target=lambda: done.append(host.run("plan", host.name, "--new-key", "ecdsa"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {each.returncode for each in done} <= {0, 75} and 0 in {each.returncode for each in done}
    assert len([name for name in os.listdir(host.state) if name.endswith(".key")]) == 1


HOOK = """#!/bin/sh
{ echo "server 198.51.100.71"; cat; } > "$0.lines"
echo "$OUTRIDER_HOST $OUTRIDER_ZONE" > "$0.seen"
knsupdate "$0.lines" || exit 3
knotc -c @config@ -b zone-refresh @zone@ > /dev/null
"""


def test_the_commands_that_are_told_can_be_pasted(make):
    """With the settings and the state that were given: what somebody pastes does what was meant."""
    host = begin(make)
    host.plan("--next-key", host.write_key(new_key("ecdsa")))
    spaced = os.path.join(host.folder, "it's mine")
    os.symlink(host.state, spaced)
    host.state = spaced
    told = [host.plan()["command"], host.status()[1]["command"]]
    told += [re.search(r"^  then: +(.*)$", host.run(*words).stdout, re.M)[1]
             for words in (("guard", "--cert", host.issue(new_key("ecdsa")).pem, "--host", host.name),)]
    for command in told:
        assert "it'\\''s mine" in command and host.daemon.config in command, command
        folder = os.path.dirname(host.daemon.cli)
        done = subprocess.run(["sh", "-c", command], env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}, capture_output=True, text=True,
                              timeout=120)
        assert done.returncode in (0, 1) and host.name in done.stdout, (command, done.stdout, done.stderr)
    assert "staged" in subprocess.run(["sh", "-c", told[1]], env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}, capture_output=True,
                                      text=True, timeout=120).stdout


def test_a_staged_record_is_not_left_over(make, lab):
    """dane.stale: what a plan has published ahead is meant, and what nobody has planned is not."""
    host = begin(make)
    domain = domains.row("staged", zone=UNSIGNED, hosts=())
    lab.add(domain)
    lab.set_records(domain.domain, "MX", [f"10 {host.name}."])
    host.daemon.settings[f'publish "{domain.domain}"'] = {"mode": "testing", "mx": [host.name]}
    host.daemon.write_config()
    keys = [new_key("ecdsa"), new_key("rsa")]
    staged = host.plan(*[word for key in keys for word in ("--next-key", host.write_key(key))])
    host.zone.update(staged["nsupdate"])

    def look(*options):
        lab.resolver.forget()
        done = host.daemon.run_cli("publish", "status", "--json", "--no-daemon", "--only", "dane", "--config", host.daemon.config, "--ehlo", "x.lab.test",
                                   *options, domain.domain, timeout=120)
        return {each["id"]: each for each in json.loads(done.stdout)["results"]}, done.stderr

    found, _ = look("--state", os.path.join(host.folder, "elsewhere"))
    assert found["dane.stale"]["status"] == "warning", "two records that match nothing, and no plan is known"
    found, errors = look("--state", host.state)
    assert found["dane.stale"]["status"] == "ok" and "under way" in found["dane.rollover"]["message"] and errors == ""
    host.zone.publish(host.record(host.issue(new_key("ecdsa"))))
    found, _ = look("--state", host.state)
    assert found["dane.stale"]["status"] == "warning"
    with open(host.file, "w") as file:
        file.write("{")
    found, errors = look("--state", host.state)
    assert "staged is not known" in errors and "dane.stale" in found


def test_the_hook(make, lab, tmp_path):
    """The program gets the lines, and what it did is looked at; one that fails, hangs or cannot be run is told of."""
    hook = tmp_path / "hook"
    host = begin(make, settings={'tlsa "mx.none.example"': {"certificates": ["/dev/null"]}})
    host.daemon.settings[f'tlsa "{host.name}"'] = {"certificates": [host.mx.chain.pem], "hook": str(hook), "ttl": "5m"}
    host.daemon.write_config()
    hook.write_text("#!/bin/sh\necho no such zone >&2\nexit 9\n")
    hook.chmod(0o755)
    failed = host.run("plan", host.name, "--new-key", "ecdsa", "--run-hook")
    assert failed.returncode == 69 and "exit status 9" in failed.stderr and "no such zone" in failed.stderr
    assert host.plan()["state"] == "staged", "what was staged is kept before anybody acts on it"
    hook.write_text(HOOK.replace("@config@", host.zone.secondary.config).replace("@zone@", host.zone.name))
    lab.resolver.forget()
    done = host.run("plan", host.name, "--run-hook", "--json")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "hook.seen").read_text().split() == [host.name, host.zone.name]
    host.zone.follow()
    assert host.plan()["state"] == "published"
    no_hook = host.run("plan", "mx.none.example", "--run-hook")
    assert no_hook.returncode == 78


def test_hosts_of_the_configuration(make):
    """Without --host: the sections whose host the certificate names. Without HOST, status: all of them."""
    host = begin(make)
    host.daemon.settings[f'tlsa "{host.name}"'] = {"certificates": [host.mx.chain.pem]}
    host.daemon.write_config()
    done = host.run("guard", "--cert", host.mx.chain.pem)
    assert done.returncode == 0 and done.stdout.startswith(f"{host.name}:25  safe")
    foreign = host.lab.certs.issue("lab foreign", host.name)
    assert host.run("guard", "--cert", foreign.pem).returncode == 64
    done = host.run("status")
    assert done.returncode == 0 and done.stdout.startswith(f"{host.name}:25  idle"), done.stdout


def test_wrong_files(make):
    """65 for what is no chain, or another's key; 66 for what is not there."""
    host = make()
    other = host.write_key(new_key("ecdsa"))
    assert host.run("guard", "--cert", other, "--host", host.name).returncode == 65
    assert host.run("guard", "--cert", host.mx.chain.pem, "--key", other, "--host", host.name).returncode == 65
    assert host.run("guard", "--cert", host.mx.chain.pem, "--key", host.mx.chain.pem, "--host", host.name).returncode == 0
    assert host.run("guard", "--cert", "/nonexistent", "--host", host.name).returncode == 66
    assert host.run("plan", host.name, "--next-key", "/nonexistent").returncode == 66
    assert host.run("plan", host.name, "--new-key", "dsa").returncode == 64
