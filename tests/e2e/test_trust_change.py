"""Roots for some destinations until a date: `outrider trust add`, `list`, `remove` against a running daemon. What is added for
one destination is in its next answer and in nobody else's (LOCALITY), survives restarts and kill -9, and ends by itself."""

import concurrent.futures
import datetime
import hashlib
import itertools
import json
import os
import random
import re
import shutil
import socket
import sqlite3
import stat
import subprocess
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

import domains
from domains import level
from lab import namespace
from lab.model import Host, Sts

serial = itertools.count(1)
DAY = datetime.timedelta(days=1)


def now():
    return datetime.datetime.now(datetime.timezone.utc)


def tomorrow():
    return (now() + DAY).strftime("%Y-%m-%d")


def in_seconds(seconds):
    return (now() + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM)


def make_root(name="Lab root of its own", begin=-DAY, end=30 * DAY, ca=True, issuer=None, key=None):
    """A root, or what is none: key and certificate."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, f"{name} {next(serial)}")])
    signer, parent = issuer or (key, None)
    builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(parent.subject if parent else subject)
               .public_key(key.public_key()).serial_number(next(serial)).not_valid_before(now() + begin)
               .not_valid_after(now() + end).add_extension(x509.BasicConstraints(ca, None), True)
               .add_extension(x509.KeyUsage(not ca, False, False, False, False, ca, ca, False, False), True))
    return key, builder.sign(signer, hashes.SHA256())


@pytest.fixture
def root_file(tmp_path):
    """root_file(certificate...) writes them into a file of their own."""
    def write(*certificates, encode=pem):
        path = tmp_path / f"root-{next(serial)}.pem"
        path.write_bytes(b"".join(encode(each) for each in certificates))
        return str(path)
    return write


@pytest.fixture(scope="module")
def pair(lab):
    """Two destinations with a policy; nothing but their names tells them apart."""
    rows = [domains.row(f"trust-{name}", zone="unsigned", sts=Sts()) for name in "ab"]
    return [each.name for each in domains.add(lab, *rows)]


@pytest.fixture
def unknown_pair(lab):
    """The same, but the CA of their policy hosts is unknown: without an exception they have no policy."""
    number = next(serial)
    rows = [domains.row(f"unknown-{name}-{number}", zone="unsigned", sts=Sts(cert="other")) for name in "ab"]
    return domains.add(lab, *rows)


def add(daemon, path, *names, until=None, reason="ticket 4711", words=(), **options):
    names = [word for name in names for word in ("--for", name)]
    return daemon.trust("add", *names, "--until", until or tomorrow(), "--reason", reason, *words, path, **options)


def listed(daemon):
    return json.loads(daemon.trust("list", "--json").stdout)["exceptions"]


def told(daemon, *names):
    """All that mail servers get to hear."""
    return {name: (daemon.postfix(name), daemon.exim(name)) for name in names}


def files_named(daemon, name):
    """The anchor files that both mail servers are told of for a destination."""
    tafile = re.search(r" tafile=outrider/ta/(\S+)", daemon.postfix(name)).group(1)
    ta = re.search(r" ta=(\S+)", daemon.exim(name)).group(1)
    return [os.path.join(daemon.postfix_dir, tafile), ta]


def certificates_in(path):
    with open(path, "rb") as file:
        blocks = re.findall(rb"-----BEGIN.*?-----END CERTIFICATE-----\n", file.read(), re.S)
    return [x509.load_pem_x509_certificate(block) for block in blocks]


def anchor_files(daemon):
    return {name for name in os.listdir(daemon.exim_dir) if name.endswith(".pem") and name != "none.pem"}


def say(daemon, **request):
    """One request over the control socket, without a program for it."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(60)
        connection.connect(daemon.control_socket)
        connection.sendall(json.dumps(request).encode() + b"\n")
        return json.loads(b"".join(iter(lambda: connection.recv(65536), b"")))


# What is told ---------------------------------------------------------------------------------------------------------


def test_the_next_answer_has_it_and_nobody_elses(lab, outrider, pair, root_file):
    """LOCALITY, C2: the roots of A are another file in the very next answer, in all spellings of A; B's answer is the same
    to the octet. Taken back, A's is what it was."""
    daemon, (a, b) = outrider(threads={"resolver": 2}), pair
    _, root = make_root()
    spellings = [a, f"{a}:587", f"[{a}]"]
    before = told(daemon, *spellings, b, f"sub.{a}")
    others = certificates_in(files_named(daemon, a)[0])
    done = add(daemon, root_file(root), a.upper() + ".")
    assert done.stdout.startswith(f"added: {a}  Lab root of its own"), done.stdout
    for name in spellings[:2]:
        for path in files_named(daemon, name):
            assert sorted(map(pem, certificates_in(path))) == sorted(map(pem, [*others, root])), name
            with open(path, "rb") as file:
                assert os.path.basename(path) == hashlib.sha256(file.read()).hexdigest() + ".pem"
            assert stat.S_IMODE(os.stat(path).st_mode) == 0o644
    after = told(daemon, *spellings, b, f"sub.{a}")
    assert {name: after[name] for name in (b, f"sub.{a}")} == {name: before[name] for name in (b, f"sub.{a}")}
    assert daemon.query(a)["anchors"]["rules"] == ["default", "exception"]
    assert daemon.query(b)["anchors"]["rules"] == ["default"]
    daemon.trust("remove", root_file(root))
    assert told(daemon, *spellings, b, f"sub.{a}") == before


def test_all_below_a_name(lab, outrider, root_file):
    """LOCALITY: ".parent" is for all below it, and not for the parent."""
    below, parent = domains.add(lab, domains.row("below.trust-parent", zone="unsigned", sts=Sts()),
                                domains.row("trust-parent", zone="unsigned", sts=Sts()))
    daemon = outrider()
    before = told(daemon, below.name, parent.name)
    add(daemon, root_file(make_root()[1]), f".{parent.name}")
    after = told(daemon, below.name, parent.name)
    assert after[below.name] != before[below.name] and after[parent.name] == before[parent.name]


def test_a_policy_that_could_not_be_fetched_is_fetched_with_it(lab, outrider, unknown_pair, root_file):
    """C11: the policy host's CA is unknown: no policy. With an exception for A the next question finds A's policy, though the
    back-off would hold for minutes; B's, at a host of the same CA, is refused as before."""
    a, b = unknown_pair
    daemon = outrider()
    assert [level(daemon, each.name) for each in (a, b)] == ["may", "may"]
    add(daemon, root_file(lab.certs.authority("other")), a.name)
    assert level(daemon, a.name) == "secure"
    assert level(daemon, b.name) == "may"
    assert daemon.query(b.name)["sts"]["error"], "B's policy host was refused"


def test_the_back_off_of_before_a_restart_is_forgiven_too(lab, outrider, unknown_pair, root_file):
    """Nobody has asked for A since the start, so its failure is in the store only."""
    a, b = unknown_pair
    daemon = outrider()
    assert level(daemon, a.name) == "may"
    daemon.restart()
    add(daemon, root_file(lab.certs.authority("other")), a.name)
    assert level(daemon, a.name) == "secure"
    assert level(daemon, b.name) == "may"


def test_ten_thousand_destinations_share_a_file(lab, outrider, pair, root_file):
    """One file for one set of roots, however many have it."""
    daemon = outrider()
    _, root = make_root()
    before = anchor_files(daemon)
    for i in range(3):
        assert say(daemon, do="trust.add", domains=[f"d{i}-{j}.example" for j in range(64)], until=tomorrow(), reason="many",
                   pem=pem(root).decode())["ok"]
    add(daemon, root_file(root), ".everything.example")
    assert len(listed(daemon)) == 3 * 64 + 1
    assert len(anchor_files(daemon) - before) == 1


# What is refused ------------------------------------------------------------------------------------------------------


def test_what_is_no_root_is_refused(lab, outrider, root_file, tmp_path):
    """C9: one certificate, a root, valid now. Each refusal says what the file has instead; nothing is ever kept."""
    daemon = outrider()
    key, root = make_root()
    chain = lab.certs.issue("lab", "mx.example")
    (tmp_path / "garbage").write_bytes(b"\x00\xff certificate\n")
    (tmp_path / "half").write_bytes(pem(root)[:200])
    (tmp_path / "key").write_bytes(pem(root) + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    cases = {
        root_file(chain.leaf): "certificate of a server",
        root_file(make_root(issuer=(key, root))[1]): "intermediate",
        root_file(make_root(begin=-30 * DAY, end=-DAY)[1]): "has expired",
        root_file(make_root(begin=DAY)[1]): "not valid before",
        root_file(make_root(key=rsa.generate_private_key(65537, 1024))[1]): "too weak",
        root_file(root, make_root()[1]): "2 certificates",
        str(tmp_path / "garbage"): "no certificate",
        str(tmp_path / "half"): "does not parse",
        str(tmp_path / "key"): "private key",
    }
    for path, words in cases.items():
        done = add(daemon, path, "a.example", check=False)
        assert (done.returncode, words in done.stderr) == (65, True), (path, words, done.stderr)
        # The daemon judges by itself: what the command would not send is refused there too.
        with open(path, "rb") as file:
            text = file.read()
        answer = say(daemon, do="trust.add", domains=["a.example"], until=tomorrow(), reason="x", pem=text.decode("latin-1")
                     .replace("\x00", " "))
        assert not answer["ok"] and answer["status"] == 65, (path, answer)
    assert add(daemon, str(tmp_path / "missing"), "a.example", check=False).returncode == 66
    assert listed(daemon) == []
    add(daemon, root_file(root, encode=lambda each: each.public_bytes(serialization.Encoding.DER)), "a.example")
    assert [each["root"]["sha256"] for each in listed(daemon)] == [root.fingerprint(hashes.SHA256()).hex()]


@pytest.fixture
def ruled(outrider, lab, tmp_path):
    """Rules of the configuration that an exception may meet."""
    _, confined = make_root("Confined root")
    (tmp_path / "bank.pem").write_bytes(pem(make_root("Bank root")[1]))
    (tmp_path / "gov.pem").write_bytes(pem(confined))
    for name in ("bank.pem", "gov.pem"):
        shutil.copy(tmp_path / name, f"/run/{name}")
    return outrider(**{'anchors "bank"': {"roots": "/run/bank.pem", "for": ["bank.example"], "only": True},
                       'anchors "gov"': {"roots": "/run/gov.pem", "for": [".gov.example"], "confine": [".gov.example"]}}), confined


def test_what_would_not_count_is_refused(ruled, lab, root_file):
    """C4, C8, C9, LOCALITY: an exception under `only`, or of a root that is confined to others, would change nothing, and whoever
    made it would not know. All names of a request, or none."""
    daemon, confined = ruled
    free = root_file(make_root()[1])
    cases = [((free, "bank.example"), 'the rule "bank" with only = true'),
             ((free, "a.example", "bank.example"), 'the rule "bank" with only = true'),
             ((root_file(confined), "a.example"), 'the rule "gov" confines this root'),
             ((free, "localhost"), "no destination"),
             ((free, "a.example:25"), "is no domain"),
             ((free, *(f"n{i}.example" for i in range(65))), "more than 64 domains")]
    for arguments, words in cases:
        done = add(daemon, *arguments, check=False)
        assert (done.returncode, words in done.stderr) == (65, True), (arguments, done.stderr)
    for options, words in [({"until": "2020-01-01"}, "past"), ({"until": "2999-01-01"}, "366 days"), ({"until": "soon"}, "date"),
                           ({"reason": " "}, "empty"), ({"reason": "a\nb"}, "one line")]:
        done = add(daemon, free, "a.example", check=False, **options)
        assert (done.returncode, words in done.stderr) == (65, True), (options, done.stderr)
    assert listed(daemon) == []
    add(daemon, root_file(confined), "tax.gov.example")
    add(daemon, free, "a.example", ".bank.example")
    again = add(daemon, free, "b.example", "a.example", check=False)
    assert again.returncode == 65 and f"a.example already, until {tomorrow()}T23:59:59Z: remove it first" in again.stderr
    assert [each["domain"] for each in listed(daemon) if each["domain"] == "b.example"] == []


def test_what_changes_nothing_is_noted(lab, outrider, pair, root_file):
    """A root that the destination has anyway may leave the bundle later: accepted, with a note."""
    daemon = outrider()
    before = told(daemon, pair[0])
    done = add(daemon, root_file(lab.certs.authority("lab")), pair[0], words=["--json"])
    assert json.loads(done.stdout)["notes"] == [f"{pair[0]} has this root today without the exception"]
    assert told(daemon, pair[0]) == before, "the same roots are the same file"


def test_removing(lab, outrider, root_file):
    daemon = outrider()
    (_, one), (_, two) = make_root(), make_root()
    add(daemon, root_file(one), "a.example", "b.example", ".c.example")
    add(daemon, root_file(two), "a.example")
    sha256 = one.fingerprint(hashes.SHA256()).hex()
    for arguments, words in [((sha256[:7],), "no such file"), ((f"0123456789{sha256[:6]}",), "no exception for a root"),
                             ((sha256, "--for", "d.example"), "no exception for this root and d.example"),
                             ((sha256, "--for", "a.example", "--for", "d.example"), "d.example")]:
        done = daemon.trust("remove", *arguments, check=False)
        assert done.returncode in (65, 66) and words in done.stderr.lower(), (arguments, done.stderr)
    assert len(listed(daemon)) == 4
    done = daemon.trust("remove", sha256[:8].upper(), "--for", "b.example", "--json")
    assert [each["domain"] for each in json.loads(done.stdout)["exceptions"]] == ["b.example"]
    colons = ":".join(sha256[i:i + 2] for i in range(0, 64, 2))
    daemon.trust("remove", colons)
    assert [(each["domain"], each["root"]["sha256"]) for each in listed(daemon)] == \
        [("a.example", two.fingerprint(hashes.SHA256()).hex())]
    assert daemon.log().count("event=trust.removed") == 3
    line = next(line for line in daemon.log().splitlines() if "event=trust.added" in line and "domain=b.example" in line)
    assert sha256 in line and "uid=0" in line and "4711" in line and f"until={tomorrow()}" in line


def test_a_list_as_long_as_there_can_be(lab, outrider):
    """10000 holds of the longest names, and names of roots with quotes, which JSON makes longer."""
    daemon = outrider(anchors={"on_change": "defer"})
    daemon.stop()
    long, root = ".".join(["x" * 60] * 3), '"' * 150
    with sqlite3.connect(daemon.store) as store:
        store.executemany("INSERT INTO holds VALUES (?, 'mx', ?, ?, ?, ?, ?, ?)",
                          [(f"d{i}.{long}.example", f"mx.d{i}.{long}.example", "a" * 64, root, "b" * 64, root, int(time.time()))
                           for i in range(10000)])
    daemon.start()
    assert len(json.loads(daemon.trust("list", "--json").stdout)["holds"]) == 10000


def test_accepting_another_root(lab, outrider, pair):
    """A hold is listed until the operator accepts it; then the mail goes, and there is nothing to accept any more."""
    daemon = outrider(anchors={"on_change": "defer"})
    daemon.stop()
    with sqlite3.connect(daemon.store) as store:
        store.execute("INSERT INTO holds VALUES (?, 'mx', ?, ?, 'Old CA', ?, 'New CA', ?)",
                      (pair[0], f"mx.{pair[0]}", "a" * 64, "b" * 64, int(time.time())))
    daemon.start()
    assert daemon.postfix(pair[0]).startswith("TEMP") and daemon.postfix(pair[1]).startswith("OK secure")
    text = daemon.trust("list").stdout
    assert f"held: {pair[0]} " in text and f"mx host mx.{pair[0]} came from Old CA to New CA" in text, text
    (hold,) = json.loads(daemon.trust("list", "--json").stdout)["holds"]
    assert (hold["domain"], hold["from"]["subject"], hold["to"]["sha256"]) == (pair[0], "Old CA", "b" * 64)
    assert daemon.trust("accept", pair[0]).stdout == f"accepted: {pair[0]}\n"
    assert daemon.postfix(pair[0]).startswith("OK secure")
    again = daemon.trust("accept", pair[0], check=False)
    assert again.returncode == 65 and again.stderr, again.stderr
    assert json.loads(daemon.trust("list", "--json").stdout) == {"exceptions": [], "holds": []}


MISUSE = {
    ("add", "--until", "2030-01-01", "--reason", "x", "file"): "--for is missing",
    ("add", "--for", "a.example", "--reason", "x", "file"): "--until is missing",
    ("add", "--for", "a.example", "--until", "2030-01-01", "file"): "--reason is missing",
    ("add", "--for", "a.example", "--until", "2030-01-01", "--reason", "x"): "takes one file",
    ("remove",): "takes one root",
    ("remove", "--reason", "x", "01234567"): "--until and --reason are for trust add",
    ("accept", "--for", "a.example", "b.example"): "--for is for trust add and trust remove",
    ("list", "a.example"): "takes no arguments",
    ("list", "--for", "a.example"): "unknown option",
}


@pytest.mark.parametrize("arguments", MISUSE, ids=" ".join)
def test_misuse(run, arguments):
    done = run("trust", *arguments)
    assert (done.returncode, MISUSE[arguments] in done.stderr) == (64, True), done.stderr


def test_only_root_and_the_daemons_user_get_in(lab, outrider):
    daemon = outrider()
    done = subprocess.run(["runuser", "-u", "nobody", "--", daemon.cli, "trust", "list", "--socket", daemon.control_socket],
                          capture_output=True, text=True)
    assert done.returncode == 77, done.stderr


# Time and failures ------------------------------------------------------------------------------------------------------


def test_it_ends_by_itself(lab, outrider, pair, root_file):
    """C10: within about two seconds of its end, also when that comes while the daemon is down."""
    daemon, (a, b) = outrider(), pair
    before = told(daemon, a, b)
    add(daemon, root_file(make_root()[1]), a, until=in_seconds(4))
    assert told(daemon, a)[a] != before[a]
    deadline = time.monotonic() + 4 + 2 + 4  # its time, the keeper's look, a busy machine
    while told(daemon, a)[a] != before[a]:
        assert time.monotonic() < deadline, daemon.log()
        time.sleep(0.1)
    assert listed(daemon) == [] and "event=trust.expired" in daemon.log()
    add(daemon, root_file(make_root("Ends while nobody looks")[1]), a, until=in_seconds(2))
    daemon.kill()
    time.sleep(3)
    daemon.start()
    assert told(daemon, a, b) == before
    assert re.search(r'event=trust.expired domain=\S+ root="Ends while nobody looks', daemon.log())
    with sqlite3.connect(daemon.store) as store:
        assert store.execute("SELECT count(*) FROM exceptions").fetchall() == [(0,)]


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_it_outlives_the_daemon(lab, outrider, pair, root_file, end):
    daemon, (a, b) = outrider(), pair
    add(daemon, root_file(make_root()[1]), a)
    before, files = told(daemon, a, b), files_named(daemon, a)
    getattr(daemon, end)()
    daemon.start()
    assert told(daemon, a, b) == before
    assert all(os.path.exists(path) for path in files)


def test_a_folder_that_cannot_be_written(lab, outrider, pair, root_file):
    """A6: nothing has changed, and the answer says what is wrong; what needs no new file can still be done."""
    daemon, (a, b) = outrider(), pair
    path = root_file(make_root()[1])
    before = told(daemon, a, b)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "none", daemon.postfix_dir], check=True)
    try:
        done = add(daemon, path, a, check=False)
        assert done.returncode == 74 and daemon.postfix_dir in done.stderr, done.stderr
        assert told(daemon, a, b) == before and listed(daemon) == []
    finally:
        subprocess.run(["umount", "-l", daemon.postfix_dir], check=True)
    add(daemon, path, a)
    assert told(daemon, a)[a] != before[a]


def test_a_full_disk(lab, build, pair, root_file, outrider):
    daemon, (a, b) = outrider(start=False), pair
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=755", "none", daemon.exim_dir], check=True)
    try:
        shutil.chown(daemon.exim_dir, "outrider")
        daemon.start()
        before = told(daemon, a, b)
        subprocess.run(["dd", "if=/dev/zero", f"of={daemon.exim_dir}/ballast", "bs=4096"], capture_output=True)
        done = add(daemon, root_file(make_root()[1]), a, check=False)
        assert done.returncode == 74 and "No space left" in done.stderr, done.stderr
        assert told(daemon, a, b) == before and listed(daemon) == []
        os.unlink(f"{daemon.exim_dir}/ballast")
        add(daemon, root_file(make_root()[1]), a)
        assert not [name for name in os.listdir(daemon.exim_dir) if name.startswith(".")], "nothing half-written lies about"
    finally:
        daemon.stop()
        subprocess.run(["umount", "-l", daemon.exim_dir], check=True)
        daemon.process = None


def test_what_the_store_cannot_keep_is_not_applied(lab, outrider, pair, root_file):
    daemon, (a, b) = outrider(), pair
    before = told(daemon, a, b)
    lock = sqlite3.connect(daemon.store, isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    try:
        done = add(daemon, root_file(make_root()[1]), a, check=False)
        assert done.returncode in (74, 75), done.stderr
        assert told(daemon, a, b) == before and listed(daemon) == []
    finally:
        lock.execute("ROLLBACK")
        lock.close()


def test_killed_at_any_time_it_is_all_or_nothing(lab, outrider, pair, root_file):
    """A6, C8: whatever was answered with ok is there after kill -9; of a request that was not, all names or none."""
    daemon = outrider()
    groups = {}
    chance = random.Random(4711)
    for round in range(5):
        kept = []

        def keep_adding():
            for number in itertools.count():
                names = [f"k{round}-{number}-{i}.example" for i in range(5)]
                groups[tuple(names)] = False
                try:
                    say(daemon, do="trust.add", domains=names, until=tomorrow(), reason="x", pem=pem(make_root()[1]).decode())
                except (OSError, ValueError):
                    return
                kept.append(tuple(names))

        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            adding = pool.submit(keep_adding)
            time.sleep(chance.uniform(0.05, 0.4))
            daemon.kill()
            adding.result()
        daemon.start()
        there = {each["domain"] for each in listed(daemon)}
        for names in kept:
            groups[names] = True
        for names, was_told in groups.items():
            found = len(there & set(names))
            assert found in ((5,) if was_told else (0, 5)), (names, was_told, found)
    for name in list(there)[:3]:
        assert daemon.query(name)["anchors"]["rules"] == ["default", "exception"]


def test_two_hundred_while_questions_run(lab, outrider, pair, root_file):
    """C2 under load: each addition is in the next answer, and B's answer never changes."""
    daemon, (a, b) = outrider(threads={"resolver": 2, "front": 2}), pair
    names = [f"{next(serial)}-busy.example" for _ in range(200)]
    _, root = make_root()
    before = told(daemon, b)[b]
    stop = time.monotonic() + 120

    def ask_on(done=[]):
        answers = set()
        while not finished and time.monotonic() < stop:
            answers.add((daemon.postfix(b), daemon.exim(b)))
            daemon.postfix(a)
        return answers

    finished = []
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        asking = [pool.submit(ask_on) for _ in range(2)]
        try:
            for name in names:
                answer = say(daemon, do="trust.add", domains=[name], until=tomorrow(), reason="x", pem=pem(root).decode())
                assert answer["ok"], answer
                assert domains.ask(daemon, name)["anchors"]["rules"] == ["default", "exception"], name
        finally:
            finished.append(True)
        assert set().union(*(each.result() for each in asking)) == {before}
    assert len(listed(daemon)) == 200


# Files -----------------------------------------------------------------------------------------------------------------


def test_files_in_use_stay_and_forgotten_ones_go(lab, outrider, pair, root_file):
    """A4: a set that is gone has its file for a week; what is in use is touched; what is not ours is left alone."""
    daemon, (a, _) = outrider(), pair
    path = root_file(make_root()[1])
    add(daemon, path, a)
    old = files_named(daemon, a)
    daemon.trust("remove", path)
    current = files_named(daemon, a)
    for name in old + current:
        assert os.path.exists(name) and os.path.exists(name.replace(".pem", ".fp"))
    forgotten = [os.path.join(daemon.exim_dir, name) for name in ("ab" * 32 + ".pem", "ab" * 32 + ".fp", "." + "cd" * 32 + ".pem.77")]
    others = [os.path.join(daemon.exim_dir, name) for name in ("AB" * 32 + ".pem", "notes.pem", "ab" * 31 + ".pem")]
    for name in forgotten + others:
        open(name, "w").close()
    week = time.time() - 8 * 86400
    for name in forgotten + others + current:
        os.utime(name, (week, week))
    daemon.restart()
    deadline = time.monotonic() + 10
    while any(map(os.path.exists, forgotten)):
        assert time.monotonic() < deadline, "forgotten files stay"
        time.sleep(0.1)
    assert all(map(os.path.exists, old + current + others))
    assert all(os.stat(name).st_mtime > time.time() - 3600 for name in current)


def test_a_folder_from_the_time_when_root_wrote_the_files(lab, outrider, pair, root_file):
    """A5: after an upgrade the folder belongs to the user that outriderd runs as; one with files of others is left alone."""
    daemon = outrider()
    daemon.stop()
    for folder in (daemon.exim_dir, daemon.postfix_dir):
        shutil.chown(folder, "root")
        for name in os.listdir(folder):
            shutil.chown(os.path.join(folder, name), "root")
    daemon.start()
    add(daemon, root_file(make_root()[1]), pair[0])
    assert len(anchor_files(daemon)) == 2
    daemon.stop()
    shutil.chown(daemon.exim_dir, "root")
    open(os.path.join(daemon.exim_dir, "somebody-elses"), "w").close()
    done = subprocess.run([daemon.program, "-f", "-c", daemon.config], capture_output=True, text=True, timeout=30)
    assert done.returncode == 74 and daemon.exim_dir in done.stderr, done.stderr
    assert os.stat(daemon.exim_dir).st_uid == 0
    os.unlink(os.path.join(daemon.exim_dir, "somebody-elses"))
    shutil.chown(daemon.exim_dir, "outrider")
    daemon.start()
