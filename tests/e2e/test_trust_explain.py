"""`outrider trust explain`: which roots count for a destination, by which rules, and why others do not (PKIX-12, EXPLAIN).

What it says is held against a running outriderd, the files it hands to mail servers, and `outrider trust verify`, which tries
each root with a chain below it. The rest (words, options, bad input) needs neither network nor root.
"""
import datetime
import json
import os
import re
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

import domains
from domains import level
from lab.model import Sts
from test_trust_verify import BUILD, DAY, HOST, NOW, Certificate, stamp

OK, USAGE, DATAERR, NOINPUT, CONFIG = 0, 64, 65, 66, 78
NOBODY = 65534
FILLERS = 12  # roots of the default that only make it long


def program():
    return next(path for path in (BUILD / "outrider", BUILD / "cli" / "outrider") if path.is_file())


def root_of(found, certificate):
    """What is said of a root; None: nothing."""
    said = [root for root in found["roots"] if root["sha256"] == certificate.sha256]
    assert len(said) <= 1, "each root once"
    return said[0] if said else None


def counting(found):
    return {root["sha256"] for root in found["roots"] if root["state"] == "counts"}


def rule_of(found, name):
    return next(rule for rule in found["rules"] if rule["name"] == name)


class Roots:
    """Roots whose keys are at hand, so that each can be tried."""

    def __init__(self):
        names = ("default", "added", "instead", "narrow", "late", "other")
        self.all = {name: Certificate(f"Root {name}", days=300) for name in names}
        self.all["expired"] = Certificate("Root expired", days=-1)

    def __getattr__(self, name):
        return self.all[name]


def write(path, *pems):
    path.write_bytes(b"".join(pems))
    return path


# Beside a running outriderd -------------------------------------------------------------------------------------------


class Beside:
    """A daemon with rules of every kind; four destinations whose policy hosts have certificates of the lab's CA."""

    def __init__(self, lab, outriders):
        self.folder, self.roots = Path(os.path.dirname(lab.certs.bundle)), Roots()
        self.lab_root = lab.certs.authority("lab").public_bytes(Encoding.PEM)
        self.lab_sha256 = lab.certs.authority("lab").fingerprint(hashes.SHA256()).hex()
        rows = [domains.row(f"explain-{name}", zone="unsigned", sts=Sts()) for name in ("plain", "added", "instead", "home")]
        self.plain, self.added, self.instead, self.home = (each.name for each in domains.add(lab, *rows))
        self.names = [self.plain, self.added, self.instead, self.home, f"sub.{self.instead}"]
        self.daemon = outriders(**self.settings())

    def file(self, name, *certificates, lab=False):
        return str(write(self.folder / f"explain-{name}.pem", *([self.lab_root] if lab else []),
                         *(certificate.pem for certificate in certificates)))

    def settings(self):
        r, fillers = self.roots, [Certificate(f"Filler {i}", days=500 + i) for i in range(FILLERS)]
        return {"anchors": {"roots": self.file("default", r.default, r.expired, r.narrow, *fillers, lab=True)},
                'anchors "added"': {"roots": self.file("added", r.added, r.default), "for": [self.added], "on_change": "defer"},
                'anchors "instead"': {"roots": self.file("instead", r.instead, lab=True), "for": [self.instead], "only": True},
                'anchors "narrow"': {"roots": self.file("narrow", r.narrow), "for": [self.home], "confine": [self.home]}}

    def run(self, *arguments, **options):
        return self.daemon.trust("explain", *arguments, **options)

    def explain(self, *arguments):
        return json.loads(self.run("--json", *arguments).stdout)

    def add(self, root, name, reason="ticket 4711"):
        path = write(self.folder / "explain-exception.pem", root.pem)
        until = (datetime.datetime.now(datetime.timezone.utc) + DAY).strftime("%Y-%m-%d")
        self.daemon.trust("add", "--for", name, "--until", until, "--reason", reason, str(path))
        return f"{until}T23:59:59Z"

    def is_accepted(self, root, name):
        """Whether a certificate right below the root would do, says the verifier."""
        leaf = Certificate(None, root, [HOST], days=10)
        chain = write(self.folder / "explain-chain.pem", leaf.pem)
        done = self.daemon.trust("verify", "--chain", str(chain), "--name", HOST, "--for", name, "--json", check=False)
        return json.loads(done.stdout)["accepted"]


@pytest.fixture(scope="module")
def beside(lab, outriders):
    return Beside(lab, outriders)


def certificates_in(path):
    with open(path, "rb") as file:
        blocks = re.findall(rb"-----BEGIN.*?-----END CERTIFICATE-----\n", file.read(), re.S)
    return {x509.load_pem_x509_certificate(block).fingerprint(hashes.SHA256()).hex() for block in blocks}


def check_files(beside, name):
    """What explain says is what the daemon hands out, and what lies there."""
    found, daemon = beside.explain(name), beside.daemon
    assert level(daemon, name) == "secure", daemon.query(name)
    exim = re.search(r" ta=(\S+)", daemon.exim(name)).group(1)
    postfix = re.search(r" tafile=(\S+)", daemon.postfix(name)).group(1)
    on_disk = os.path.join(daemon.postfix_dir, os.path.basename(postfix))
    assert found["exim"] == {"state": "file", "file": exim, "path": exim, "exists": True}
    assert found["postfix"] == {"state": "file", "file": postfix, "path": on_disk, "exists": True}
    assert counting(found) == certificates_in(exim) == certificates_in(on_disk)
    assert found["anchors"] == daemon.query(name)["anchors"]
    assert found["anchors"]["count"] == len(counting(found))
    return found


def check_verifier(beside, name):
    """Each root of which the key is at hand: it counts and can be used, or the verifier refuses what is below it."""
    found = beside.explain(name)
    for word, root in beside.roots.all.items():
        said = root_of(found, root)
        is_good = said is not None and said["state"] == "counts" and said["usable"]
        assert beside.is_accepted(root, name) == is_good, (name, word, said)


def test_it_agrees_with_what_is_handed_out(beside):
    """PKIX-12, EXPLAIN, A1, A2: the file that Exim and Postfix are told of holds the roots that count, for each destination."""
    for name in (beside.plain, beside.added, beside.instead, beside.home):
        check_files(beside, name)


def test_it_agrees_with_the_verifier(beside):
    """PKIX-12, LOCALITY"""
    for name in beside.names:
        check_verifier(beside, name)


def test_why(beside):
    """EXPLAIN: added, confined, displaced, expired; each with the rules that did it."""
    plain, added, instead, home = beside.explain(*beside.names[:4])
    r = beside.roots
    assert [each["domain"] for each in (plain, added, instead, home)] == beside.names[:4]

    assert plain["anchors"]["rules"] == ["default"] and plain["on_change"] == "log"
    assert {rule["name"]: rule["state"] for rule in plain["rules"]} == {
        "default": "counts", "added": "others", "instead": "others", "narrow": "others"}
    assert root_of(plain, r.added) is None, "a rule for others concerns nobody else"
    confined = root_of(plain, r.narrow)
    assert (confined["state"], confined["rules"], confined["barred_by"]) == ("confined", ["default"], "narrow")
    expired = root_of(plain, r.expired)
    assert (expired["state"], expired["usable"]) == ("counts", False)
    assert expired["why_not"] == f"Root expired has expired ({stamp(r.expired.until)})"
    assert expired["not_after"] == stamp(r.expired.until)
    assert (rule_of(plain, "default")["roots"], rule_of(plain, "default")["counting"]) == (FILLERS + 4, FILLERS + 3)

    assert added["anchors"]["rules"] == ["default", "added"] and added["on_change"] == "defer"
    assert root_of(added, r.default)["rules"] == ["default", "added"]
    assert root_of(added, r.added)["rules"] == ["added"]
    assert rule_of(added, "added")["for"] == [beside.added]

    assert instead["anchors"]["rules"] == ["instead"]
    assert rule_of(instead, "default")["state"] == "not-only" and rule_of(instead, "default")["barred_by"] == "instead"
    displaced = root_of(instead, r.default)
    assert (displaced["state"], displaced["rules"], displaced["barred_by"]) == ("not-only", ["default"], "instead")
    assert counting(instead) == {r.instead.sha256, beside.lab_sha256}

    assert root_of(home, r.narrow)["state"] == "counts"
    assert root_of(home, r.narrow)["rules"] == ["default", "narrow"]
    assert rule_of(home, "narrow")["confine"] == [beside.home]


@pytest.fixture
def exception(beside):
    """One for `plain`, added while the daemon runs: its end. Taken back when the test has not done so."""
    yield beside.add(beside.roots.late, beside.plain, reason="moves in December")
    beside.daemon.trust("remove", beside.roots.late.sha256, check=False)


def test_exceptions_come_and_go(beside, request):
    """LOCALITY: added while the daemon runs, told with end and reason, tried, and gone when it is taken back."""
    before = {name: beside.explain(name) for name in beside.names}
    late, until = beside.roots.late, request.getfixturevalue("exception")
    found = check_files(beside, beside.plain)
    check_verifier(beside, beside.plain)
    rule = rule_of(found, "exception")
    assert (rule["state"], rule["until"], rule["reason"], rule["sha256"], rule["for"], rule["file"]) == \
        ("counts", until, "moves in December", late.sha256, [beside.plain], None)
    assert root_of(found, late)["rules"] == ["exception"]
    for name in beside.names[1:]:
        other = beside.explain(name)
        assert (counting(other), other["exim"]) == (counting(before[name]), before[name]["exim"]), "it concerns nobody else"
        assert rule_of(other, "exception")["state"] == "others"
    beside.daemon.trust("remove", late.sha256)
    after = check_files(beside, beside.plain)
    assert (after["rules"], after["roots"]) == (before[beside.plain]["rules"], before[beside.plain]["roots"])


def test_an_exception_ends(beside, exception):
    """LOCALITY: it counts until its end, and from then on it is why the root does not."""
    late, last = beside.roots.late, exception.replace("23:59:59", "23:59:58")
    over = beside.explain("--at", exception, beside.plain)
    assert (rule_of(over, "exception")["state"], over["anchors"]["rules"]) == ("ended", ["default"])
    said = root_of(over, late)
    assert (said["state"], said["rules"], said["ended_at"]) == ("ended", ["exception"], exception)
    assert root_of(beside.explain("--at", last, beside.plain), late)["state"] == "counts"


def test_an_exception_in_words(beside, exception):
    late, count = beside.roots.late, beside.explain(beside.plain)["anchors"]["count"]
    shown = beside.run(beside.plain).stdout
    assert f"  exception    {late.sha256[:16]}  Root late, for {beside.plain}, until {exception}: moves in December\n" in shown
    text = beside.daemon.run_cli("query", "--explain", "--config", beside.daemon.config, beside.plain).stdout
    assert f"\nTrust anchors: rule default + exception ({count} certificates)\n" in text


def test_query_names_the_rules(beside):
    """The contract of `outrider query --json` (DESIGN §8): rules, file, count; --explain says the same in words."""
    for name, rules, file in ((beside.plain, ["default"], "explain-default.pem"), (beside.added, ["default", "added"], ""),
                              (beside.instead, ["instead"], "explain-instead.pem")):
        anchors = beside.daemon.query(name)["anchors"]
        assert anchors["rules"] == rules and os.path.basename(anchors["file"]) == file
        assert anchors["count"] == len(counting(beside.explain(name)))
        text = beside.daemon.run_cli("query", "--explain", "--config", beside.daemon.config, name).stdout
        assert f"\nTrust anchors: rule {' + '.join(rules)}" in text


def test_the_daemon_does_not_notice(beside):
    """The store and the folders of anchor files stay as they are, and no log of ours lies beside the store."""
    def state():
        return {path: (os.stat(path).st_mtime_ns, os.stat(path).st_size)
                for folder in (os.path.dirname(beside.daemon.store), beside.daemon.exim_dir, beside.daemon.postfix_dir)
                for path in [folder, *(os.path.join(folder, name) for name in os.listdir(folder))] if not path.endswith("-shm")}

    def stays():
        before = state()
        beside.explain(*beside.names)
        return state() == before

    # Now and then the daemon writes something by itself, but not each time.
    assert any(stays() for _ in range(3))


def test_rules_that_no_daemon_has_read(beside, tmp_path):
    """A configuration that is not in force yet: the file it comes to lies nowhere, and that is said."""
    new = beside.file("new", beside.roots.other)
    with open(beside.daemon.config) as file:
        (tmp_path / "new.conf").write_text(file.read() + f'anchors "new" {{ roots = "{new}" for = {{ "{beside.plain}" }} }}\n')
    done = beside.run("--config", str(tmp_path / "new.conf"), beside.plain)
    assert done.stdout.count("it is not there: no outriderd runs with these rules") == 2
    found = beside.explain("--config", str(tmp_path / "new.conf"), beside.plain)
    assert found["exim"]["exists"] is False and found["anchors"]["rules"] == ["default", "new"]


def test_a_hold(lab, outrider):
    """Mail that waits since a host has come to another root; where the rules do not say so any more, the hold is not in force."""
    (name,) = (each.name for each in domains.add(lab, domains.row("explain-held", zone="unsigned", sts=Sts())))
    daemon = outrider(anchors={"on_change": "defer"})
    daemon.stop()
    with sqlite3.connect(daemon.store) as store:
        store.execute("INSERT INTO holds VALUES (?, 'mx', ?, ?, 'Old CA', ?, 'New CA', ?)",
                      (name, f"mx.{name}", "a" * 64, "b" * 64, int(time.time())))
    daemon.start()
    assert daemon.postfix(name).startswith("TEMP held until")
    found = json.loads(daemon.trust("explain", "--json", name).stdout)
    assert (found["held"], found["on_change"]) == (True, "defer")
    (hold,) = found["holds"]
    assert (hold["role"], hold["host"], hold["from"], hold["to"]) == (
        "mx", f"mx.{name}", {"subject": "Old CA", "sha256": "a" * 64}, {"subject": "New CA", "sha256": "b" * 64})
    assert f'held until "outrider trust accept {name}": the MX host mx.{name}' in daemon.trust("explain", name).stdout
    assert json.loads(daemon.trust("explain", "--json", "other.example").stdout)["holds"] == []
    daemon.settings['anchors "default"']["on_change"] = "log"
    daemon.write_config()
    found = json.loads(daemon.trust("explain", "--json", name).stdout)
    assert (found["held"], len(found["holds"])) == (False, 1)
    assert "\nnot in force, as on_change is log now: held until" in daemon.trust("explain", name).stdout
    daemon.trust("accept", name)
    assert json.loads(daemon.trust("explain", "--json", name).stdout)["holds"] == []


# Without a daemon -----------------------------------------------------------------------------------------------------


class World:
    """A configuration and a store in a folder of its own."""

    def __init__(self, folder):
        self.folder, self.roots = folder, Roots()
        folder.chmod(0o755)
        for name, root in self.roots.all.items():
            write(folder / f"{name}.pem", root.pem)
        write(folder / "many.pem", *(Certificate(f"Filler {i}", days=500 - i).pem for i in range(FILLERS)),
              self.roots.default.pem, self.roots.expired.pem)
        self.store = folder / "outrider.db"
        self.config = self.configure('''
            anchors "default" { roots = "%(d)s/many.pem" exim_dir = "%(d)s/ta" postfix_dir = "%(d)s/ta" postfix_name = "jail/ta" }
            anchors "added" { roots = "%(d)s/added.pem" for = { "both.example", ".both.example" } }
            anchors "instead" { roots = "%(d)s/instead.pem" for = { "instead.example" } only = true }
            anchors "nothing" { roots = "none" for = { "nothing.example" } only = true }
            anchors "narrow" { roots = "%(d)s/narrow.pem" for = { "home.example", "away.example" } confine = { "home.example" } }
        ''')

    def configure(self, text):
        path = self.folder / f"outrider-{len(list(self.folder.glob('*.conf')))}.conf"
        path.write_text(text % {"d": self.folder} + f'\nstore {{ path = "{self.store}" }}\n')
        return path

    def put_exception(self, root, name, until, reason):
        subprocess.run([BUILD / "tests/unit/store/put_exception", self.store, self.folder / f"{root}.pem", name, str(until), reason],
                       check=True)

    def call(self, *arguments, config=None, **options):
        return subprocess.run([program(), "trust", "explain", "--config", config or self.config, *arguments], capture_output=True,
                              text=True, timeout=30, check=False, **options)

    def explain(self, *arguments, config=None):
        done = self.call("--json", *arguments, config=config)
        assert (done.returncode, done.stderr) == (OK, "")
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return World(tmp_path_factory.mktemp("explain"))


def test_in_words(world):
    """EXPLAIN: many roots in a line, with the first that ends, and each that nothing verifies by."""
    r, name = world.roots, world.explain("both.example")["anchors"]["name"]
    done = world.call("both.example")
    assert (done.returncode, done.stderr) == (OK, "")
    assert done.stdout.splitlines() == [
        f"both.example: {FILLERS + 3} roots count, by default + added; nothing verifies by 1 of them",
        "When a host comes to another of these roots: log, the mail goes",
        "Rules:",
        f"  default      {FILLERS + 2} roots of {world.folder}/many.pem",
        f"  added        1 root of {world.folder}/added.pem, for both.example, .both.example",
        f"  instead      is for others: 1 root of {world.folder}/instead.pem, for instead.example, only",
        "  nothing      is for others: 0 roots, for nothing.example, only",
        f"  narrow       is for others: 1 root of {world.folder}/narrow.pem, for home.example, away.example, confined to home.example",
        f"  no exceptions: there is no store at {world.store} yet",
        "Mail servers are handed, where a policy decides:",
        f"  Exim     {world.folder}/ta/{name}.pem",
        "           it is not there: no outriderd runs with these rules",
        f"  Postfix  jail/ta/{name}.pem ({world.folder}/ta/{name}.pem)",
        "           it is not there: no outriderd runs with these rules",
        "Roots that count:"] + done.stdout.splitlines()[15:]
    assert sorted(done.stdout.splitlines()[15:]) == sorted([
        f"  {FILLERS + 2} roots by default, the first to end on {r.default.until:%Y-%m-%d}: Root default (--all lists them)",
        f"  {r.expired.sha256[:16]}  until {r.expired.until:%Y-%m-%d}  Root expired, by default",
        f"                    nothing verifies by it: it has expired ({stamp(r.expired.until)})",
        f"  {r.added.sha256[:16]}  until {r.added.until:%Y-%m-%d}  Root added, by added"])


def test_all_in_words(world):
    shown = world.call("--all", "both.example").stdout
    assert len(re.findall(r"^  [0-9a-f]{16}  until ", shown, re.M)) == FILLERS + 3
    assert "--all" not in shown


def test_roots_that_do_not_count_in_words(world):
    r = world.roots
    shown = world.call("instead.example", "away.example").stdout
    first, _, second = shown.partition("\n\n")
    assert first.startswith("instead.example: 1 root counts, by instead\n")
    assert f'  default      does not count, since the rule "instead" says only: {FILLERS + 2} roots of' in first
    assert first.endswith(f'Roots that do not:\n  {FILLERS + 2} roots by default: the rule "instead" says only (--all lists them)')
    assert "  narrow       0 of 1 root of " in second
    assert (f'Roots that do not:\n  {r.narrow.sha256[:16]}  until {r.narrow.until:%Y-%m-%d}  Root narrow, by narrow, which the rule '
            '"narrow" confines to home.example\n') in second


def test_no_root_at_all(world):
    """The file is none.pem, to which nothing chains."""
    shown = world.call("nothing.example").stdout
    assert shown.startswith("nothing.example: 0 roots count, by nothing\n")
    assert "Roots that count: none, so no certificate will do\n" in shown
    assert world.explain("nothing.example")["exim"]["file"] == f"{world.folder}/ta/none.pem"


def test_what_mail_servers_have_by_themselves(world):
    """A2, A3: no file where it is the same, where there is no directory, and for nobody who does not ask."""
    config = world.configure('''
        anchors "default" { roots = "%(d)s/many.pem" exim_own = "%(d)s/many.pem" }
        anchors "added" { roots = "%(d)s/added.pem" for = { "both.example" } }
    ''')
    plain, both = world.explain("example.org", "both.example", config=config)
    assert (plain["exim"]["state"], plain["postfix"]["state"], both["exim"]["state"]) == ("own", "no-folder", "file")
    assert both["exim"]["file"] == f"/run/outrider/ta/{both['anchors']['name']}.pem"
    shown = world.call("example.org", config=config).stdout
    assert "  Exim     no file: what it trusts by itself is the same\n" in shown
    assert "  Postfix  no file, as postfix_dir is not set: what it trusts by itself counts, not these rules\n" in shown
    config = world.configure('anchors "default" { roots = "%(d)s/many.pem" }\nline { listen = { } }')
    assert world.explain("example.org", config=config)["exim"] == {"state": "not-asked", "file": None, "path": None, "exists": None}
    assert "  Exim     not asked: section line listens nowhere\n" in world.call("example.org", config=config).stdout


def test_an_exception_that_came_before_only(tmp_path):
    """One that the daemon would refuse today: a rule with `only` came later, and displaces it."""
    world = World(tmp_path)
    until = int(time.time()) + 86400
    world.put_exception("late", "instead.example", until, "from before")
    world.put_exception("other", ".elsewhere.example", until, "of others")
    found = world.explain("instead.example")
    assert (rule_of(found, "exception")["state"], rule_of(found, "exception")["barred_by"]) == ("not-only", "instead")
    assert root_of(found, world.roots.late)["barred_by"] == "instead"
    assert counting(found) == {world.roots.instead.sha256}
    shown = world.call("instead.example").stdout
    assert '  exception    does not count, since the rule "instead" says only: ' in shown
    assert "  and 1 exception for others: --all\n" in shown
    assert "of others" in world.call("--all", "instead.example").stdout
    assert root_of(world.explain("x.elsewhere.example"), world.roots.other)["state"] == "counts"


def test_at(world):
    """PKIX-08: a root that has expired by then; the default is fine until it ends."""
    end = world.roots.default.until
    for moment, usable in ((end - datetime.timedelta(seconds=1), True), (end, False)):
        found = world.explain("--at", stamp(moment), "example.org")
        assert (found["at"], root_of(found, world.roots.default)["usable"]) == (stamp(moment), usable)
    assert f", as of {stamp(end)}; nothing verifies by " in world.call("--at", stamp(end), "example.org").stdout


def test_revocation_lists(world):
    """STS-FETCH-22: told with their file; a root that its own list names can be used no more."""
    root = world.roots.default
    crl = (x509.CertificateRevocationListBuilder().issuer_name(root.subject).last_update(NOW - DAY).next_update(NOW + DAY)
           .add_revoked_certificate(x509.RevokedCertificateBuilder().serial_number(root.cert.serial_number)
                                    .revocation_date(NOW - DAY).build()).sign(root.key, hashes.SHA256()))
    write(world.folder / "crls.pem", crl.public_bytes(Encoding.PEM))
    config = world.configure('anchors "default" { roots = "%(d)s/many.pem" crls = "%(d)s/crls.pem" }')
    found = world.explain("example.org", config=config)
    assert found["crls"] == {"file": f"{world.folder}/crls.pem", "count": 1}
    assert root_of(found, root)["why_not"] == "Root default has been revoked, says a revocation list of the configuration"
    shown = world.call("example.org", config=config).stdout
    assert f"\n1 revocation list of {world.folder}/crls.pem: Outrider asks it, mail servers do not\n" in shown
    assert world.explain("example.org")["crls"] is None


def test_spellings_of_a_destination(world):
    for word, domain in (("Both.EXAMPLE.", "both.example"), ("both.example:587", "both.example"), ("[both.example]", "both.example"),
                         ("b\u00fccher.example", "xn--bcher-kva.example")):
        assert world.explain(word)["domain"] == domain


# What is no question ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["", "..", ".example.org", "localhost", "192.0.2.1", "[192.0.2.1]", "[IPv6:2001:db8::1]", "a b.example",
                                  "a.example\nb.example", "a" * 64 + ".example", "x." * 130 + "example", "a.example:0"])
def test_names_that_are_none(world, word):
    """Nothing is told, of the good ones neither; the word is named so that a terminal shows it and no more."""
    done = world.call("--json", "both.example", word)
    assert (done.returncode, done.stdout) == (DATAERR, "")
    assert done.stderr.startswith("outrider: ") and done.stderr.count("\n") == 1


@pytest.mark.parametrize("arguments, status, message", [
    ([], USAGE, "needs a domain"),
    (["--bogus", "both.example"], USAGE, "--help shows the options"),
    (["--at", "soon", "both.example"], USAGE, "--at: write 2026-12-31"),
    (["both.example", "--config", "/nonexistent"], CONFIG, "outrider: /nonexistent: "),
])
def test_misuse(world, arguments, status, message):
    done = world.call(*arguments)
    assert (done.returncode, done.stdout) == (status, "")
    assert message in done.stderr


def test_files_that_cannot_be_read(world):
    config = world.configure('anchors "default" { roots = "/nonexistent/roots.pem" }')
    done = world.call("both.example", config=config)
    assert (done.returncode, done.stdout) == (CONFIG, "") and "/nonexistent/roots.pem" in done.stderr
    write(world.folder / "none.pem", b"these are no roots\n")
    config = world.configure('anchors "default" { roots = "%(d)s/none.pem" }')
    done = world.call("both.example", config=config)
    assert (done.returncode, done.stdout) == (DATAERR, "") and f"{world.folder}/none.pem: no certificate" in done.stderr
    config = world.configure('anchors "default" { roots = "%(d)s/many.pem" } nonsense = 1')
    done = world.call("both.example", config=config)
    assert (done.returncode, done.stdout) == (CONFIG, "") and f"{config}: line 1" in done.stderr


def test_a_store_that_cannot_be_read(tmp_path):
    """An answer without the exceptions could be wrong, so there is none."""
    world = World(tmp_path)
    world.store.write_bytes(b"not a database" * 100)
    done = world.call("both.example")
    assert (done.returncode, done.stdout) == (NOINPUT, "") and str(world.store) in done.stderr


def test_a_hold_that_cannot_be_believed(tmp_path):
    """It holds nothing, as in outriderd: the rest is told, and the exit status says that something is wrong."""
    world = World(tmp_path)
    world.put_exception("late", "both.example", int(time.time()) + 86400, "a reason")
    with sqlite3.connect(world.store) as store:
        store.execute("INSERT INTO holds VALUES ('both.example', 'mx', 'mx.both.example', ?, 'Old CA', ?, 'New CA', ?)",
                      ("no fingerprint", "b" * 64, int(time.time())))
    store.close()
    done = world.call("--json", "both.example")
    found = json.loads(done.stdout)
    assert (done.returncode, found["holds"], found["anchors"]["rules"]) == (DATAERR, [], ["default", "added", "exception"])
    assert done.stderr.startswith("outrider: trust explain: ") and 'the hold of "both.example" is not used' in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
@pytest.mark.parametrize("private", ["store", "configuration"])
def test_without_privileges(private):
    """Whoever may not read it is told what to become."""
    import tempfile
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="outrider-explain-") as folder:
        world = World(Path(folder))
        world.put_exception("late", "both.example", int(time.time()) + 86400, "a reason")
        (world.store if private == "store" else world.config).chmod(0o600)
        done = world.call("both.example", user=NOBODY, group=NOBODY, extra_groups=[])
        assert (done.returncode, done.stdout) == (NOINPUT if private == "store" else CONFIG, "")
        assert "Permission denied" in done.stderr
        if private == "store":
            assert "run this as root or as the user of outriderd" in done.stderr
        assert world.call("both.example").returncode == OK
