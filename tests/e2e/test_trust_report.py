"""`outrider trust report`: what hangs on which root. With a real daemon whose policy fetches and probes fill the record; and,
without the lab, from records of months (recorded.py): many destinations, names that mean harm, rows that cannot be believed.

What becomes of mail without a root `trust what-if` says as well, by another way: both must say the same."""

import datetime
import itertools
import json
import os
import sqlite3
import xml.etree.ElementTree

import pytest
from cryptography.hazmat.primitives import hashes, serialization

import domains
from domains import QUICK, level
from lab import clients
from lab.model import SIGNED, UNSIGNED, Host, Sts
from lab.process import wait_until
from recorded import DAY, Recorded

SVG = "{http://www.w3.org/2000/svg}"
OK, USAGE, DATAERR, NOINPUT = 0, 64, 65, 66


def report(run, config, *arguments, status=OK):
    """The JSON."""
    done = run("trust", "report", "--json", "--config", config, *arguments, timeout=300)
    assert done.returncode == status, done.stderr
    report.complaints = done.stderr
    return json.loads(done.stdout)


def text(run, config, *arguments):
    done = run("trust", "report", "--config", config, *arguments, timeout=300)
    assert done.returncode == OK, done.stderr
    return done.stdout


def seconds(stamp):
    return datetime.datetime.fromisoformat(stamp.replace("Z", "+00:00")).timestamp()


def by_root(found):
    return {each["root"]["subject"].partition(" (")[0]: each for each in found["roots"]}


def by_domain(found):
    return {each["domain"]: each for each in found["destinations"]}


def links(found, domain):
    """{root: (class, roles)}"""
    names = {each["root"]["sha256"]: each["root"]["subject"].partition(" (")[0] for each in found["roots"]}
    return {names[each["sha256"]]: (each["class"], {role for role, count in each["hosts"].items() if count})
            for each in by_domain(found)[domain]["roots"]}


def what_if_classes(run, config, root):
    """{domain: class}, as `trust what-if --without` has it."""
    done = run("trust", "what-if", "--json", "--all", "--config", config, "--without", root, timeout=120)
    assert done.returncode in (0, 1), done.stderr
    return {each["domain"]: each["class"] for each in json.loads(done.stdout)["destinations"]}


def check_against_what_if(run, config, found):
    """Each root taken away for itself. What was never seen may hang on any root; a report does not say so of each."""
    for each in found["roots"]:
        expected = {domain: c for domain, c in what_if_classes(run, config, each["root"]["sha256"]).items() if c not in "-?"}
        got = {row["domain"]: link["class"] for row in found["destinations"] for link in row["roots"]
               if link["sha256"] == each["root"]["sha256"] and link["class"] != "?"}
        assert got == expected, each["root"]["subject"]
        counts = {c: count for c, count in each["counts"].items() if count and c != "?"}
        assert counts == {c: list(expected.values()).count(c) for c in set(expected.values())}


def read_svg(picture):
    """The document, and what it says, a line each."""
    tree = xml.etree.ElementTree.fromstring(picture)
    assert tree.tag == SVG + "svg"
    words = [each.text or "" for each in tree.iter(SVG + "text")]
    return tree, "\n".join(words)


# In the lab -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", name="roots")
def the_roots(lab):
    """Two CAs count for everybody."""
    path = lab.certs.bundle.replace("lab-ca.pem", "report-cas.pem")
    with open(path, "wb") as file:
        for name in ("lab", "other"):
            file.write(lab.certs.authority(name).public_bytes(serialization.Encoding.PEM))
    return path


NAMES = ("report-plain", "report-other", "report-two", "report-dane", "report-testing", "report-unseen")


@pytest.fixture(scope="module", name="filled")
def the_filled_record(lab, outriders, roots):
    """A daemon that has fetched six policies, and looked at the MX hosts of five destinations."""
    domains.add(lab, *(domains.row(name, zone=zone, hosts=hosts, sts=sts) for name, zone, hosts, sts in (
        ("report-plain", UNSIGNED, (Host(),), Sts()),
        ("report-other", UNSIGNED, (Host(cert="other"),), Sts()),
        ("report-two", UNSIGNED, (Host(), Host(label="spare", preference=20, cert="other")), Sts()),
        ("report-dane", SIGNED, (Host(cert="other", tlsa=("3 1 1",)),), Sts()),
        ("report-testing", UNSIGNED, (Host(),), Sts(mode="testing")),
        ("report-unseen", UNSIGNED, (Host(),), Sts()))))
    daemon = outriders(sts=QUICK, anchors={"roots": roots})
    wanted = {"report-dane": "dane-only", "report-testing": "may"}
    for name in NAMES:
        assert level(daemon, f"{name}.example") == wanted.get(name, "secure")
    done = daemon.trust("probe", "--rate", "100", "--ehlo", "probe.lab.test", *(f"{name}.example" for name in NAMES[:5]), timeout=120)
    assert "not recorded" not in done.stderr, done.stderr
    with_hosts = "SELECT count(*) FROM destinations WHERE domain LIKE 'report-%'"
    wait_until(lambda: query(daemon.store, with_hosts) == [(len(NAMES),)], domains.SOON, daemon.log)
    return daemon


def query(path, statement):
    store = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return store.execute(statement).fetchall()
    finally:
        store.close()


def test_what_fetches_and_probes_have_seen(filled, run):
    """Roots, roles, classes, ends; the destination with DANE is on its root, and safe."""
    found = report(run, filled.config)
    lab_ca, other = "Outrider lab, lab CA", "Outrider lab, other CA"
    assert links(found, "report-plain.example") == {lab_ca: ("D", {"mx", "policy"})}
    assert links(found, "report-other.example") == {lab_ca: ("E", {"policy"}), other: ("D", {"mx"})}
    assert links(found, "report-two.example") == {lab_ca: ("E", {"mx", "policy"}), other: ("B", {"mx"})}
    assert links(found, "report-dane.example") == {lab_ca: ("A", {"policy"}), other: ("A", {"mx"})}
    assert links(found, "report-testing.example") == {lab_ca: ("C", {"mx", "policy"})}
    assert links(found, "report-unseen.example") == {lab_ca: ("E", {"policy"})}
    assert by_domain(found)["report-unseen.example"]["hosts_unseen"] == 1 and found["unseen"] == 1
    assert by_domain(found)["report-dane.example"]["dane"] and not by_domain(found)["report-plain.example"]["dane"]
    assert (found["recorded"], found["is_recorded"]) == (6, True)
    roots = by_root(found)
    assert (roots[lab_ca]["destinations"], roots[lab_ca]["roles"]) == (6, {"policy": 6, "mx": 3})
    assert (roots[other]["destinations"], roots[other]["roles"], roots[other]["dane"]) == (3, {"policy": 0, "mx": 3}, 1)
    assert roots[other]["other_path"] == 1
    assert all(each["first_end"] <= each["last_end"] for each in found["roots"])
    assert found["concentration"]["destinations"] == 5 and found["concentration"]["roots"] == 1


def test_it_says_what_what_if_says(filled, run):
    check_against_what_if(run, filled.config, report(run, filled.config))


def test_the_table_says_the_same(filled, run):
    shown = text(run, filled.config)
    assert "6 destinations recorded" in shown
    lines = {line.split(maxsplit=1)[0]: line for line in shown.splitlines() if "lab, lab CA" in line or "lab, other CA" in line}
    assert sorted(lines) == ["3", "6"] and "other CA" in lines["3"] and "lab CA" in lines["6"]
    advice = shown.partition("Worth asking for DANE")[2].split("\n\n")[0]
    assert "report-plain.example" in advice and "report-other.example" in advice and "report-dane.example" not in advice
    assert "1 destination with a policy has MX hosts whose certificates were never seen: outrider trust probe --all" in shown
    assert "rest on MTA-STS alone (5 of 5)" in shown
    assert "No host has come to another root in the last 30 days." in shown


def test_the_picture_is_of_them(filled, run):
    _, words = read_svg(text(run, filled.config, "--svg"))
    for each in ("Outrider lab, lab CA", "Outrider lab, other CA", "report-plain.example", "safe, DANE on every MX host: 1"):
        assert each in words, words
    dot = text(run, filled.config, "--dot")
    assert dot.startswith("digraph roots {") and dot.rstrip().endswith("}") and "report-plain.example" in dot


def test_a_host_that_comes_to_another_root(lab, filled, run):
    """Told of by a probe: from which root to which, and the root counts one that came and one that left. It runs last: the
    record is another afterwards."""
    host = "mx.report-other.example"
    pem = "".join(each.public_bytes(serialization.Encoding.PEM).decode() for each in lab.certs.issue("lab", host).certificates)
    request = {"do": "trust.record", "domain": "report-other.example", "role": "mx", "host": host, "chain": pem}
    answer = json.loads(clients.line(filled.control_socket, json.dumps(request) + "\n", 30.0))
    assert answer["sighting"]["accepted"], answer
    found = report(run, filled.config, "--recent", "1")
    (change,) = found["changes"]
    assert (change["domain"], change["role"], change["host"]) == ("report-other.example", "mx", host)
    assert (change["from"], change["to"]["subject"]) == ("Outrider lab, other CA", "Outrider lab, lab CA")
    roots = by_root(found)
    assert [roots[f"Outrider lab, {name} CA"][way] for name in ("lab", "other") for way in ("came", "left")] == [1, 0, 0, 1]
    shown = text(run, filled.config)
    assert f"report-other.example, MX host {host}" in shown and "from Outrider lab, other CA" in shown
    check_against_what_if(run, filled.config, found)


# Records of months ----------------------------------------------------------------------------------------------------


@pytest.fixture(name="record")
def the_record(build, tmp_path):
    number = itertools.count(1)

    def make(roots=None, **more):
        folder = tmp_path / str(next(number))
        folder.mkdir()
        return Recorded(build, str(folder), roots or {"a": "Root A", "b": "Root B", "c": "Root C"}, **more)
    return make


@pytest.fixture(scope="module", name="crowd")
def the_crowd(build, tmp_path_factory):
    """Two thousand destinations on thirty roots, the first roots with most."""
    made = Recorded(build, str(tmp_path_factory.mktemp("crowd")), {f"r{i}": f"Root number {i}" for i in range(30)})
    for i in range(2000):
        mx = {f"mx{k}.d{i}.example": f"r{(i * (k + 3)) % 30 * (i % 7) // 6}" for k in range(1 + i % 3)}
        made.add(f"d{i}.example", mode=(None, "testing", "enforce", "enforce", "enforce")[i % 5], mx=mx,
                 policy=f"r{i % 11}" if i % 5 else None, dane=tuple(mx) if i % 6 == 0 else (), traffic=i % 13)
    return made.write()


@pytest.fixture(scope="module", name="of_crowd")
def the_report_of_the_crowd(run, crowd):
    return report(run, crowd.config)


@pytest.fixture(scope="module", name="picture")
def the_picture(run, crowd):
    return text(run, crowd.config, "--svg")


def test_two_thousand_destinations(run, crowd, of_crowd):
    """Each is in one class; each root's classes add up to its destinations; a sample agrees with what-if."""
    found = of_crowd
    assert found["recorded"] == sum(found["counts"].values()) == len(found["destinations"]) == 2000
    for each in found["roots"]:
        assert sum(each["counts"].values()) == each["destinations"]
        assert max(each["roles"].values()) <= each["destinations"] <= sum(each["roles"].values())
    sizes = [each["destinations"] for each in found["roots"]]
    assert sizes == sorted(sizes, reverse=True)
    order = [each["class"] for each in found["destinations"]]
    assert order == sorted(order, key="DGE?CBAF-".index)
    check_against_what_if(run, crowd.config, {**found, "roots": [found["roots"][0], found["roots"][-1]]})


def test_a_picture_of_two_thousand(run, crowd, of_crowd, picture):
    """It stays a picture: bounded, and everybody is in it; the same each time but for the clock."""
    tree, words = read_svg(picture)
    width, height = (float(each) for each in tree.get("viewBox").split()[2:])
    assert (width, tree.get("width")) == (1160, "1160") and height < 5000
    assert len(picture) < 400_000
    counts = of_crowd["counts"]
    for letter, ending in (("D", "mail would be deferred"), ("A", "safe, DANE on every MX host"), ("F", "no policy in force")):
        assert f"{ending}: {counts[letter]}" in words, letter
    assert "smaller groups" in words and "other roots" in words
    again = text(run, crowd.config, "--svg")
    undated = [line for line in picture.splitlines() if "as recorded until" not in line]
    assert undated == [line for line in again.splitlines() if "as recorded until" not in line]


def test_a_picture_of_three(run, record):
    made = record()
    made.add("one.example", policy="a", mx={"mx.one.example": "b"})
    made.add("two.example", policy="a", mx={"mx.two.example": "b"})
    made.add("safe.example", policy="a", mx={"mx.safe.example": "c"}, dane=("mx.safe.example",))
    tree, words = read_svg(text(run, made.write().config, "--svg"))
    assert float(tree.get("viewBox").split()[3]) < 700
    for each in ("2 destinations", "one.example, two.example", "safe.example", "Root A", "Root B", "Root C"):
        assert each in words, words
    assert not [each for each in tree.iter() if each.tag not in {SVG + name for name in (
        "svg", "title", "desc", "defs", "clipPath", "rect", "text", "path", "g")}]


EVIL = "</text><script>alert('x')</script>\" \\N ]; g0 -> &"


def test_names_of_roots_mean_no_harm(run, record):
    """Whoever makes a root chooses its name."""
    made = record({"a": EVIL, "b": "two\nlines \x1b[31m\x07"}, owners={"b": "R\u00f6\u00dfler & S\u00f6hne"})
    made.add("one.example", policy="a", mx={"mx.one.example": "b"}, before="a", changed=3)
    made.write()
    tree, words = read_svg(text(run, made.config, "--svg"))
    assert "</text><script>" in words and not list(tree.iter(SVG + "script"))
    dot = text(run, made.config, "--dot")
    assert '\\"' in dot and "\\\\N" in dot
    assert report(run, made.config)["recorded"] == 1
    for arguments in ([], ["--svg"], ["--dot"], ["--intermediates"]):
        shown = text(run, made.config, *arguments)
        assert not [each for each in shown if not (" " <= each <= "~" or each == "\n")], arguments


def test_intermediates(run, record):
    made = record()
    made.add("one.example", policy="a", mx={"mx.one.example": ("a", "Middle One")})
    made.add("two.example", policy=("a", "Middle One"), mx={"mx1.two.example": ("a", "Middle One"), "mx2.two.example": ("b", "Middle Two")})
    made.write()
    assert "intermediates" not in report(run, made.config)["roots"][0]
    roots = by_root(report(run, made.config, "--intermediates"))
    (one,) = roots["Root A"]["intermediates"]
    assert (one["ca"]["subject"], one["destinations"], one["roles"]) == ("Middle One", 2, {"policy": 1, "mx": 2})
    (two,) = roots["Root B"]["intermediates"]
    assert (two["ca"]["subject"], two["destinations"], two["roles"]) == ("Middle Two", 1, {"policy": 0, "mx": 1})
    shown = text(run, made.config, "-m")
    assert "by Middle One" in shown and "by Middle Two" in shown


def test_ends_of_chains(run, record):
    made = record()
    made.add("soon.example", policy=None, mx={"mx.soon.example": "a"}, end=5)
    made.add("late.example", policy=None, mx={"mx.late.example": "a"}, end=40)
    made.write()
    (root,) = report(run, made.config)["roots"]
    days = [(seconds(root[key]) - made.now) / DAY for key in ("first_end", "last_end")]
    assert days == pytest.approx([5, 40], abs=0.1)
    ends = {each["domain"]: each["roots"][0]["expires_at"] for each in report(run, made.config)["destinations"]}
    assert ends == {"soon.example": root["first_end"], "late.example": root["last_end"]}


@pytest.mark.parametrize("days, told", [("30", ["new"]), ("29", ["new"]), ("60", ["new", "old"]), ("1", [])])
def test_how_long_a_change_is_recent(run, record, days, told):
    made = record()
    made.add("new.example", mx={"mx.new.example": "a"}, before="b", changed=3)
    made.add("old.example", mx={"mx.old.example": "a"}, before="b", changed=45)
    made.add("never.example", mx={"mx.never.example": "a"})
    found = report(run, made.write().config, "--recent", days)
    assert [each["domain"] for each in found["changes"]] == [f"{name}.example" for name in told]
    assert {each["from"] for each in found["changes"]} <= {"Root B"}


def test_traffic_weighs_where_it_is_known(run, record):
    made = record()
    made.add("much.example", mx={"mx.much.example": "a"}, traffic=75)
    made.add("less.example", mx={"mx.less.example": "b"}, traffic=25)
    shown = text(run, made.write().config)
    assert "75.0 %" in shown and "25.0 %" in shown
    advice = shown.partition("Worth asking for DANE")[2]
    assert advice.index("much.example") < advice.index("less.example")
    quiet = record()
    quiet.add("one.example", mx={"mx.one.example": "a"})
    assert "traffic" not in text(run, quiet.write().config)


def test_named_domains_only(run, record):
    made = record()
    for name in ("one", "two"):
        made.add(f"{name}.example", mx={f"mx.{name}.example": "a"})
    made.write()
    found = report(run, made.config, "--domain", "ONE.example.", "--domain", "one.example", "--domain", "unknown.example")
    assert ([each["domain"] for each in found["destinations"]], found["unrecorded"]) == (["one.example"], ["unknown.example"])
    assert "Nothing is recorded of unknown.example: outrider trust probe" in text(run, made.config, "-d", "unknown.example")


def test_rules_of_this_machine_count(run, record):
    """LOCALITY: what a rule says of one destination decides what that one hangs on, and is nothing to its neighbour."""
    made = record()
    for name in ("one", "two"):
        made.add(f"{name}.example", mx={f"mx.{name}.example": "a"})
    made.write()
    only = f"{made.folder}/b.pem"
    with open(only, "wb") as file:
        file.write(made.roots["b"][1].public_bytes(serialization.Encoding.PEM))
    with open(made.config, "a") as file:
        file.write(f'anchors "b" {{ roots = "{only}" for = {{ "one.example" }} only = true }}\n')
    found = report(run, made.config)
    assert links(found, "one.example") == {} and by_domain(found)["one.example"]["hosts_refused"] == 1
    assert links(found, "two.example") == {"Root A": ("D", {"mx"})}
    assert "1 destination with a policy has an MX host whose certificate no root vouches for already" in text(run, made.config)
    check_against_what_if(run, made.config, found)


# Nothing, and trouble -------------------------------------------------------------------------------------------------


def test_nothing_is_recorded(run, record):
    """The sentence says what to do; a picture is one all the same."""
    made = record().write()
    shown = text(run, made.config)
    assert shown.startswith("Nothing is recorded") and "outrider trust probe --all" in shown
    assert "Nothing is recorded" in read_svg(text(run, made.config, "--svg"))[1]
    assert "Nothing is recorded" in text(run, made.config, "--dot")
    found = report(run, made.config)
    assert (found["recorded"], found["is_recorded"], found["roots"]) == (0, True, [])


def test_there_is_no_store(run, record):
    """And none is made."""
    made = record().write()
    os.unlink(made.store)
    shown = text(run, made.config)
    assert f"there is no store at {made.store} yet" in shown and "outrider trust probe --all" in shown
    assert not report(run, made.config)["is_recorded"] and not os.path.exists(made.store)


def test_a_row_that_cannot_be_believed(run, record):
    """The others count; it is said; the exit status tells."""
    made = record()
    made.add("bad.example", mx={"mx.bad.example": "a"})
    made.add("good.example", mx={"mx.good.example": "b"})
    made.write()
    with sqlite3.connect(made.store) as store:
        sha256 = made.roots["a"][1].fingerprint(hashes.SHA256()).hex()
        store.execute("UPDATE certificates SET der = x'00' WHERE sha256 = ?", (sha256,))
    found = report(run, made.config, status=DATAERR)
    assert links(found, "good.example") == {"Root B": ("D", {"mx"})} and links(found, "bad.example") == {}
    assert "bad.example" in report.complaints and "missing or damaged" in report.complaints
    done = run("trust", "report", "--svg", "--config", made.config)
    assert done.returncode == DATAERR
    read_svg(done.stdout)


@pytest.mark.parametrize("arguments, status, why", [
    (["--svg", "--dot"], USAGE, "one of --json, --svg and --dot"),
    (["--json", "--svg"], USAGE, "one of --json, --svg and --dot"),
    (["--recent", "0"], USAGE, "--recent"), (["--recent", "-1"], USAGE, "--recent"), (["--recent", "3651"], USAGE, "--recent"),
    (["--recent", "7d"], USAGE, "--recent"), (["--recent", ""], USAGE, "--recent"),
    (["--recent", "99999999999999999999"], USAGE, "--recent"),
    (["example.org"], USAGE, "takes no arguments"), (["--nonsense"], USAGE, "unknown option"),
    (["--domain", "a..example"], DATAERR, "a..example"), (["--config", "/nonexistent.conf"], None, "/nonexistent.conf"),
])
def test_bad_words(run, record, arguments, status, why):
    made = record().write()
    config = [] if "--config" in arguments else ["--config", made.config]
    done = run("trust", "report", *config, *arguments)
    assert done.returncode == status or (status is None and done.returncode != OK), done
    assert why in done.stderr and "outrider: " in done.stderr and done.stdout == ""
