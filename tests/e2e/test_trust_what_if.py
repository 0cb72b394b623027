"""outrider trust what-if: destinations of every class, with real policy hosts, MX hosts, handshakes and a real daemon's record.

The root that goes is g1. Each destination depends on it in a way of its own; what becomes of its mail is known from how it was
made, and what-if must say so, of --without and of a bundle without it alike.
"""

import datetime
import json
import os
import re
import shutil
import sqlite3
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

import domains
from domains import row
from lab.certs import _pem
from lab.model import UNSIGNED, Host, Sts
from lab.process import wait_until

FAST = ("--rate", "100", "--at-once", "100", "--timeout", "5", "--ehlo", "probe.lab.test")
SOON = 30
WORST_FIRST = ("D", "G", "E", "?", "C", "B", "A", "F", "-")
OURS = "mx.wi-ours.example"
G1, LAB, OTHER = "Outrider lab, g1 CA", "Outrider lab, lab CA", "Outrider lab, other CA"
DAY = datetime.timedelta(days=1)


def mx(*certs, **settings):
    return tuple(Host(label=f"mx{n}" if n else "mx", preference=10 + n, cert=cert, **settings) for n, cert in enumerate(certs))


#   (class, a part of the reason, what it is)
ROWS = {
    row("wi-seldom", zone=UNSIGNED, hosts=mx("g1"), sts=Sts()): ("D", "mx.wi-seldom.example loses " + G1),
    row("wi-often", zone=UNSIGNED, hosts=mx("g1"), sts=Sts()): ("D", "no other root vouches for it"),
    row("wi-both", zone=UNSIGNED, hosts=mx("g1"), sts=Sts(cert="g1")): ("D", "so does its policy host"),
    row("wi-false", zone=UNSIGNED, hosts=mx("g1"), sts=Sts()): ("D", "mx.wi-false.example loses " + G1),
    row("wi-ours", zone=UNSIGNED, hosts=mx("g1"), sts=Sts()): ("G", f"ours: {OURS} loses {G1}"),
    row("wi-web", zone=UNSIGNED, sts=Sts(cert="g1")): ("E", f"the policy host mta-sts.wi-web.example loses {G1}; the policy in hand"),
    row("wi-unseen", zone=UNSIGNED, sts=Sts()): ("?", "no certificate was ever seen of mx.wi-unseen.example: outrider trust probe wi-unseen"),
    row("wi-testing", zone=UNSIGNED, hosts=mx("g1"), sts=Sts(mode="testing")): ("C", "delivered all the same"),
    row("wi-second", zone=UNSIGNED, hosts=mx("g1", "lab"), sts=Sts()): ("B", "left: mx1.wi-second.example"),
    row("wi-cross", zone=UNSIGNED, hosts=mx("g1"), sts=Sts()): ("B", f"mx.wi-cross.example ends in {LAB} instead of {G1}"),
    row("wi-dane", hosts=mx("g1", tlsa=("3 1 1",)), sts=Sts()): ("A", "DANE on every MX host"),
    row("wi-nothing", zone=UNSIGNED, hosts=mx("g1")): ("F", "no policy, opportunistic as before"),
    row("wi-other", zone=UNSIGNED, sts=Sts()): ("-", ""),
}
EXPECTED = {each.domain: want for each, want in ROWS.items()}


def cross_sign(lab, issuer, signer):
    """The CA g1 with its own key, as the CA `issuer` is said to have signed it; signer is whoever did."""
    _, subject = lab.certs.signer("g1")
    now = datetime.datetime.now(datetime.timezone.utc)
    return (x509.CertificateBuilder().subject_name(subject.subject).issuer_name(lab.certs.authority(issuer).subject)
            .public_key(subject.public_key()).serial_number(4711).not_valid_before(now - DAY).not_valid_after(now + 90 * DAY)
            .add_extension(x509.BasicConstraints(True, None), True)
            .add_extension(x509.KeyUsage(False, False, False, False, False, True, True, False, False), True)
            .sign(signer, hashes.SHA256()))


def send_along(lab, host, certificate):
    """The host sends this certificate behind its own."""
    chain = lab.mx[host].chain
    with open(chain.pem, "ab") as file:
        file.write(_pem(certificate))
    lab.mx[host].chain = type(chain)((*chain.certificates, certificate), chain.pem)


class Judge:
    """what-if at the daemon's configuration."""

    def __init__(self, daemon, folder, lab):
        self.daemon, self.folder, self.lab = daemon, folder, lab

    def bundle(self, name, *authorities):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.writelines(_pem(self.lab.certs.authority(each)) for each in authorities)
        return path

    def text(self, *arguments, config=None):
        return self.daemon.run_cli("trust", "what-if", "--config", config or self.daemon.config, *arguments, timeout=60)

    def __call__(self, *arguments, config=None):
        """(exit status, JSON)"""
        done = self.text("--json", *arguments, config=config)
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout)


def classes(answer):
    return {each["domain"]: each["class"] for each in answer["destinations"]}


def is_complete(answer):
    """Whether the daemon has put down what it does behind answers: which hosts there are, questions, our own policy."""
    found = {each["domain"]: each for each in answer["destinations"]}
    return set(found) >= set(EXPECTED) and found["wi-ours.example"]["mode"] == "enforce" and \
        found["wi-often.example"]["traffic"] > 1.5 and \
        all(each["traffic"] > 0 for domain, each in found.items() if domain not in ("wi-ours.example", "wi-nothing.example"))


@pytest.fixture(scope="module", name="what_if")
def the_judge(lab, outriders, tmp_path_factory):
    """All destinations were asked about and, but for wi-unseen, probed."""
    folder = str(tmp_path_factory.mktemp("what-if"))
    os.chmod(folder, 0o755)
    os.chmod(os.path.dirname(folder), 0o755)
    domains.add(lab, *ROWS)
    key, _ = lab.certs.signer("lab")
    send_along(lab, "mx.wi-cross.example", cross_sign(lab, "lab", key))
    send_along(lab, "mx.wi-false.example", cross_sign(lab, "lab", ec.generate_private_key(ec.SECP256R1())))
    shutil.copy(Judge(None, "/run", lab).bundle("what-if-default.pem", "lab", "g1", "other"), f"{folder}/default.pem")
    daemon = outriders(anchors={"roots": "/run/what-if-default.pem"}, own_hosts=[OURS])
    judge = Judge(daemon, folder, lab)
    # Questions are counted by the second in which they come.
    for _ in range(4):
        assert daemon.postfix("wi-often.example").startswith("OK secure")
        time.sleep(1)
    for each in EXPECTED:
        daemon.postfix(each)
    done = daemon.run_cli("trust", "probe", "--config", daemon.config, *FAST, *[each for each in EXPECTED if each != "wi-unseen.example"],
                          timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    wait_until(lambda: is_complete(judge("--without", G1, "--all")[1]), SOON, daemon.log)
    return judge


# Every class ----------------------------------------------------------------------------------------------------------


@pytest.fixture(params=["without", "bundle"], name="answer")
def the_answer(request, what_if):
    arguments = ("--without", G1) if request.param == "without" else ("--bundle", what_if.bundle("next.pem", "lab", "other"))
    status, answer = what_if(*arguments, "--all")
    assert status == 1
    return answer


def test_every_class(answer):
    """A to G of a real record; --without a root and a bundle without it come to the same."""
    found = {each["domain"]: each for each in answer["destinations"]}
    assert set(found) == set(EXPECTED)
    for domain, (letter, reason) in EXPECTED.items():
        assert found[domain]["class"] == letter and reason in found[domain]["reason"], found[domain]
    letters = [letter for letter, _ in EXPECTED.values()]
    assert answer["counts"] == {letter: letters.count(letter) for letter in WORST_FIRST}
    assert set(letters) == set(WORST_FIRST), "a class that no destination is in is not tried"
    assert [root["subject"] for root in answer["change"]["leaves"]] == [G1] and answer["change"]["comes"] == []


def test_worst_first_and_by_traffic(answer):
    order = [each["class"] for each in answer["destinations"]]
    assert order == sorted(order, key=WORST_FIRST.index)
    deferred = [each for each in answer["destinations"] if each["class"] == "D"]
    traffic = [each["traffic"] for each in deferred]
    assert traffic == sorted(traffic, reverse=True) and deferred[0]["domain"] == "wi-often.example" and traffic[0] > traffic[1] > 0
    assert answer["traffic"] == pytest.approx(sum(each["traffic"] for each in answer["destinations"]), rel=1e-3)


def test_the_dates(what_if, answer):
    """D is from now on; E when the policy that is in the store expires: then it is silently none. The others have none."""
    with sqlite3.connect(f"file:{what_if.daemon.store}?mode=ro", uri=True) as store:
        (expires_at,), = store.execute("SELECT expires_at FROM sts WHERE domain = 'wi-web.example'")
    expires = datetime.datetime.fromtimestamp(expires_at, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert time.time() + 80000 < expires_at < time.time() + 87000, "max_age of the lab is a day"
    for each in answer["destinations"]:
        assert each["when"] == {"D": answer["at"], "E": expires}.get(each["class"]), each
    web = next(each for each in answer["destinations"] if each["class"] == "E")
    assert web["policy_expires_at"] == expires and web["loses_policy_host"]


def test_in_words(what_if):
    done = what_if.text("--bundle", what_if.bundle("next.pem", "lab", "other"))
    assert done.returncode == 1, done.stderr
    out = done.stdout
    assert out.startswith(f"With {what_if.folder}/next.pem in place of /run/what-if-default.pem\n  leaves: ") and G1 in out.splitlines()[1]
    headings = [line[0] for line in out.splitlines() if line[1:3] == "  " and line[0] in WORST_FIRST and ": " in line]
    assert headings == list("DGE?CBAF"), out
    assert "\nD  mail would be deferred: 4\n  wi-often.example  at once  " in out and " % of questions\n" in out
    assert re.search(r"^  wi-web\.example  from 20\S+Z on( |$)", out, re.M), out
    assert out.endswith("For those with \"?\": outrider trust probe --all\nMail would be deferred.\n")
    assert "wi-other.example" not in out
    listed = what_if.text("--without", G1, "--all").stdout
    assert listed.startswith(f"Without {G1}\n") and "\n-  not affected: 1\n  wi-other.example  " in listed, listed


def test_only_some_destinations(what_if):
    """--domain: the status goes by these alone; of one that is not affected it is said; of a stranger that nothing is known."""
    status, answer = what_if("--without", G1, "--domain", "wi-web.example", "--domain", "WI-Other.example.", "--domain", "stranger.example")
    assert status == 0 and classes(answer) == {"wi-web.example": "E", "wi-other.example": "-"}
    assert answer["unrecorded"] == ["stranger.example"]
    assert what_if("--without", G1, "--domain", "wi-both.example")[0] == 1
    assert "Nothing is recorded of stranger.example: outrider trust probe" in \
        what_if.text("--without", G1, "--domain", "stranger.example").stdout
    assert what_if.text("--without", G1, "--domain", "no such").returncode == 65


# The status -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("authorities, status, leaves, comes", [
    pytest.param(("lab", "g1", "other"), 0, [], [], id="the same bundle"),
    pytest.param(("lab", "g1"), 0, [OTHER], [], id="without a root that nobody has"),
    pytest.param(("lab", "g1", "other", "private"), 0, [], ["Outrider lab, private CA"], id="one more"),
    pytest.param(("lab", "other"), 1, [G1], [], id="without g1"),
    pytest.param(("private",), 1, [G1, LAB, OTHER], ["Outrider lab, private CA"], id="all others"),
])
def test_status_1_if_and_only_if_somebody_is_in_d(what_if, authorities, status, leaves, comes):
    got, answer = what_if("--bundle", what_if.bundle("next.pem", *authorities))
    assert (got, answer["counts"]["D"] > 0) == (status, status == 1)
    for key, want in (("leaves", leaves), ("comes", comes)):
        assert sorted(root["subject"] for root in answer["change"][key]) == sorted(want)


def test_what_an_exception_keeps_flows(what_if):
    """An exception for some brings the root of a bundle that leaves, for them alone; --without takes it from everywhere."""
    g1 = what_if.bundle("g1.pem", "g1")
    until = (datetime.datetime.now(datetime.timezone.utc) + 30 * DAY).strftime("%Y-%m-%d")
    kept = ["wi-often.example", "wi-seldom.example", "wi-both.example"]
    what_if.daemon.trust("add", *[word for name in kept for word in ("--for", name)], "--until", until, "--reason", "moving", g1)
    try:
        status, answer = what_if("--bundle", what_if.bundle("next.pem", "lab", "other"), "--all")
        assert status == 1 and [name for name, letter in classes(answer).items() if letter == "D"] == ["wi-false.example"]
        assert {classes(answer)[name] for name in kept} == {"-"}
        assert [root["subject"] for root in answer["change"]["leaves"]] == [G1], "it leaves all others"
        assert what_if("--bundle", what_if.bundle("next.pem", "lab", "other"), "--domain", kept[0])[0] == 0
        status, answer = what_if("--bundle", what_if.bundle("next.pem", "lab", "other"), "--at",
                                 (datetime.datetime.now(datetime.timezone.utc) + 40 * DAY).strftime("%Y-%m-%d"))
        assert status == 1 and {classes(answer)[name] for name in kept} == {"D"}, "when it has ended"
        assert classes(what_if("--without", G1)[1])[kept[0]] == "D"
    finally:
        what_if.daemon.trust("remove", g1)


# Which root -------------------------------------------------------------------------------------------------------------


def test_a_root_by_all_its_names(what_if):
    sha256 = what_if.lab.certs.authority("g1").fingerprint(hashes.SHA256()).hex()
    colons = ":".join(sha256[i:i + 2] for i in range(0, 64, 2)).upper()
    for words in (sha256, sha256[:8], sha256[:12].upper(), colons, colons[:26], G1, "lab, G1 ca", "g1", what_if.bundle("g1.pem", "g1")):
        status, answer = what_if("--without", words)
        assert status == 1 and answer["change"]["without"]["sha256"] == sha256, words


@pytest.mark.parametrize("words, said", [
    ("Outrider lab", "3 roots are called so"),
    ("no such CA", "none of the roots in question"),
    ("", "none of the roots in question"),
    ("0123456789abcdef", "none of the roots in question"),
    ("Outrider lab, private CA", "none of the roots in question"),
    ("/dev/null", "no certificate in PEM form"),
    ("{folder}/default.pem", "has several roots"),
    ("{folder}/private.pem", "none of the roots in question"),
])
def test_a_root_that_is_none_or_several(what_if, words, said):
    what_if.bundle("private.pem", "private")
    done = what_if.text("--without", words.format(folder=what_if.folder))
    assert (done.returncode, done.stdout) == (65, "") and said in done.stderr, done.stderr
    if "3 roots" in said:  # what to choose from, with fingerprints that can be given instead
        for name in ("g1", "lab", "other"):
            authority = what_if.lab.certs.authority(name)
            assert f"{authority.fingerprint(hashes.SHA256()).hex()[:16]}  Outrider lab, {name} CA" in done.stderr


# Bad input --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content, status, said", [
    (b"", 65, "no certificate in PEM form"),
    (b"\x00\xff\x1b[31m not a bundle", 65, "no certificate in PEM form"),
    (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", 65, "does not parse"),
    ("cut", 65, "does not parse"),
    ("key", 65, "not a certificate"),
    (None, 66, "No such file"),
    ("folder", 66, "Is a directory"),
])
def test_a_bundle_that_is_none(what_if, tmp_path, content, status, said):
    """Nothing is said of the mail where the bundle cannot be read as a whole: half a bundle would be a false alarm."""
    path = tmp_path / "bundle.pem"
    whole = _pem(what_if.lab.certs.authority("lab"))
    if content == "folder":
        path.mkdir()
    elif content == "cut":
        path.write_bytes(whole + whole[:300])
    elif content == "key":
        with open(what_if.lab.mx["mx.wi-other.example"].chain.pem, "rb") as file:
            path.write_bytes(file.read())
    elif content is not None:
        path.write_bytes(content)
    done = what_if.text("--json", "--bundle", str(path))
    assert (done.returncode, done.stdout) == (status, ""), done.stdout
    assert str(path) in done.stderr and said in done.stderr and "\x1b" not in done.stderr, done.stderr


@pytest.mark.parametrize("arguments, said", [
    ((), "needs one of --without and --bundle"),
    (("--without", "g1", "--bundle", "x"), "needs one of --without and --bundle"),
    (("--without", "g1", "--in-place-of", "x"), "--in-place-of goes with --bundle"),
    (("--without", "g1", "more"), "takes no arguments"),
    (("--without", "g1", "--at", "soon"), "--at: write"),
    (("--without",), "unknown option, or one without its value"),
    (("--frobnicate",), "unknown option, or one without its value"),
])
def test_misuse(run, arguments, said):
    done = run("trust", "what-if", *arguments)
    assert (done.returncode, done.stdout) == (64, "") and said in done.stderr, done.stderr


# Records and stores -------------------------------------------------------------------------------------------------------


@pytest.fixture(name="elsewhere")
def a_configuration_of_its_own(what_if, tmp_path):
    """elsewhere(store) writes a configuration like the daemon's with another store."""
    def write(store, **settings):
        path = tmp_path / "outrider.conf"
        text = "".join(f'{name} {{ {value} }}\n' for name, value in settings.items())
        path.write_text(f'anchors "default" {{ roots = "/run/what-if-default.pem" }}\nstore {{ path = "{store}" }}\n{text}')
        return str(path)
    return write


def test_no_store_yet(what_if, elsewhere, tmp_path):
    """Nothing is recorded, which is no answer: it is said, and made by nobody who only looks."""
    config = elsewhere(tmp_path / "missing.db")
    status, answer = what_if("--without", G1, config=config)
    assert (status, answer["is_recorded"], answer["destinations"], answer["counts"]["D"]) == (0, False, [], 0)
    text = what_if.text("--without", G1, config=config).stdout
    assert "Nothing is recorded: there is no store at" in text and "cannot be told" in text and "No mail" not in text
    assert not os.path.exists(tmp_path / "missing.db")


def test_an_empty_record(what_if, elsewhere, outrider):
    fresh = outrider(anchors={"roots": "/run/what-if-default.pem"})
    config = elsewhere(fresh.store)
    status, answer = what_if("--without", G1, config=config)
    assert (status, answer["is_recorded"], answer["destinations"]) == (0, True, []) and set(answer["counts"].values()) == {0}
    text = what_if.text("--without", G1, config=config).stdout
    assert "\n0 destinations recorded:" in text and text.endswith("No mail would be deferred, as far as is recorded.\n")


def test_a_store_that_is_none(what_if, elsewhere, tmp_path):
    (tmp_path / "none.db").write_text("this is no database, whatever its name says\n" * 100)
    done = what_if.text("--without", G1, config=elsewhere(tmp_path / "none.db"))
    assert done.returncode == 66 and "none.db" in done.stderr and done.stdout == "", done.stderr


def test_a_row_that_cannot_be_believed(what_if, elsewhere, tmp_path):
    """It is left out and told of; what all the others say is shown; and the status is no all-clear."""
    copy = tmp_path / "copy.db"
    with sqlite3.connect(f"file:{what_if.daemon.store}?mode=ro", uri=True) as store, sqlite3.connect(copy) as target:
        store.backup(target)
        target.execute("UPDATE destinations SET hosts = '!!' WHERE domain = 'wi-other.example'")
    done = what_if.text("--json", "--without", OTHER, "--all", config=elsewhere(copy))
    assert done.returncode == 65 and "wi-other.example" in done.stderr, done.stderr
    assert set(classes(json.loads(done.stdout))) >= {"wi-often.example", "wi-web.example"}
    assert what_if("--without", G1, config=elsewhere(copy))[0] == 1, "somebody in D is somebody in D"


def test_a_file_that_no_rule_has(what_if):
    status, answer = what_if("--bundle", what_if.bundle("next.pem", "lab"), "--in-place-of", "/etc/elsewhere.pem")
    assert (status, answer["change"]["is_used"], answer["counts"]["D"]) == (0, False, 0)
    assert "No rule of the configuration has that file" in \
        what_if.text("--bundle", f"{what_if.folder}/next.pem", "--in-place-of", "/etc/elsewhere.pem").stdout


def test_without_the_daemon(what_if):
    """The record can be looked at while outriderd does not run, as at an upgrade of both."""
    before = what_if("--without", G1, "--all")[1]
    what_if.daemon.stop()
    try:
        status, answer = what_if("--without", G1, "--all")
    finally:
        what_if.daemon.start()
    assert status == 1 and answer["counts"] == before["counts"] and classes(answer) == classes(before)
