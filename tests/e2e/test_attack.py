"""The attack matrix (lab/attack, docs/attacks.md): one run with hundreds of destinations, and a test for each cell.

Then the proof that the matrix can say LEAKED: the same attacks on mail servers whose configuration lacks a protection.
"""

import contextlib
import dataclasses
import os
import re

import pytest

import conftest
from lab import mxhost, namespace, sendmail as sendmail_files
from lab.attack import attacks, judge, kinds, mtas, report, siege
from lab.attack.cell import Cell
from lab.delivery import Delivery

# The attacker speaks TLS 1.0 and 1.1, which Python would rather not.
pytestmark = pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
CELLS = siege.cells_of(attacks.ROWS)
EACH = [(f"{cell.attack.name}-{cell.kind.name}-{mta.name}", cell, mta.name) for cell in CELLS for mta in mtas.MTAS
        if cell.kind.name in mta.columns]


class Quiet:
    """Progress, for people, has none here."""

    def step(self, text):
        """Nothing to show."""

    def begin(self, **totals):
        """Nothing to show."""

    def count(self, name):
        """Nothing to show."""


# Protections taken away -------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Sabotage:
    """What is taken away, and the cell that must see it."""

    what: str
    attack: str
    kind: str
    mta: str
    changes: tuple

    def cell(self):
        """A destination of its own: the same attack under another name."""
        attack = next(row for row in attacks.ROWS if row.name == self.attack)
        attack = dataclasses.replace(attack, name=f"no-{SABOTAGES.index(self)}-{self.attack}")
        return Cell(attack, kinds.BY_NAME[self.kind])


def exim(what, attack, kind, *changes):
    return Sabotage(what, attack, kind, "exim", changes)


def option(name, value=None):
    """An option of Exim's transport, taken out or given another value."""
    with open(os.path.join(conftest.ROOT, "integration", "exim", "transport.conf")) as file:
        found = re.findall(rf"^  {name} = (?:.*\\\n)*.*\n", file.read(), re.MULTILINE)  # perhaps over several lines
    assert len(found) == 1, name
    return "transport.conf", found[0], "" if value is None else f"  {name} = {value}\n"


# Without it two protections stand in the way of mail without a policy that takes other mail with it.
ONE_TRANSPORT = ("routers.conf", "{outrider_opportunistic}{outrider_smtp}", "{outrider_smtp}{outrider_smtp}")

SABOTAGES = [
    exim("hosts_require_tls", "strip-starttls", "sts", option("hosts_require_tls")),
    exim("hosts_require_tls, for DANE without authentication", "starttls-454", "dane-unusable",
         option("hosts_require_tls")),
    exim("tls_verify_hosts", "self-signed", "sts", option("tls_verify_hosts")),
    exim("the roots of the answer", "strange-ca", "dane-ta-private",
         option("tls_verify_certificates", "system"), option("hosts_try_dane", "")),
    exim("TLS 1.2 or later", "tls-1.0-true", "sts", option("tls_require_ciphers", "NORMAL")),
    exim("hosts that the policy does not admit are ignored", "mx-forged", "sts",
         ("routers.conf", "OUTRIDER_NOT_HOSTS : ${extract{skip}{$address_data}}", "OUTRIDER_NOT_HOSTS")),
    exim("multi_domain", "together-tls", "sts", ONE_TRANSPORT, option("multi_domain", "true")),
    exim("connection_max_messages", "reuse-tls", "sts", ONE_TRANSPORT, option("connection_max_messages")),
    Sabotage("smtp_tls_policy_maps", "strip-starttls", "sts", "postfix",
             (("smtp_tls_policy_maps = socketmap:unix:outrider/policy.sock:QUERY\n", ""),)),
    Sabotage("DANE", "self-signed", "dane-ee", "postfix",
             (("smtp_tls_policy_maps = socketmap:unix:outrider/policy.sock:QUERY\n", ""),
              ("smtp_tls_security_level = dane\n", "smtp_tls_security_level = may\n"))),
    Sabotage("LOCAL_TLS_RCPT", "together-tls", "sts", "sendmail", ("LOCAL_TLS_RCPT",)),
]


@contextlib.contextmanager
def sabotaged(run, sabotage):
    server = next(mta.server for mta in run.mtas if mta.name == sabotage.mta)
    if sabotage.mta != "sendmail":
        with server.changed(*sabotage.changes):
            yield
        return
    with open(sendmail_files.FRAGMENT) as file:
        text = file.read()
    path = os.path.join(sendmail_files.CONFIG, "sabotaged.mc")
    with open(path, "w") as file:
        file.write("".join(without_block(text, name) for name in sabotage.changes))
    server.configure(path)
    try:
        yield
    finally:
        server.configure()


def without_block(text, name):
    """The lines of sendmail.mc without those of one local ruleset."""
    before, marker, after = text.partition(f"{name}\n")
    assert marker, name
    return before + after[after.index("dnl\n"):] if "dnl\n" in after else before


# The run --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def run(build, lab, exim, postfix, sendmail):
    """The siege with everything in place, after the whole matrix has been gone through."""
    folder = os.path.join(namespace.HOME, "siege")
    with siege.open_siege(build, lab, Quiet(), folder, exim=exim, postfix=postfix, sendmail=sendmail) as run:
        run.sabotaged = {sabotage: sabotage.cell() for sabotage in SABOTAGES}
        run.whole = siege.whole(run, CELLS, besides=list(run.sabotaged.values()))
        yield run
    conftest.stop_outrider(run.daemon)


@pytest.mark.parametrize("cell, mta", [pytest.param(cell, mta, id=name) for name, cell, mta in EACH])
def test_cell(lab, run, cell, mta):
    """FLOW-05, FLOW-06, NO-DOWNGRADE, SCOPE, LOCALITY, REMEMBER: nothing leaks, and what should be delivered is."""
    result = run.results[cell, mta]
    assert not result.problems, report.failures([result])


@pytest.mark.parametrize("sabotage", SABOTAGES, ids=lambda sabotage: f"{sabotage.mta} without {sabotage.what}")
def test_the_matrix_sees_a_leak(lab, run, sabotage):
    """With one protection less the very cell that is safe above says LEAKED, because an MX host heard it."""
    cell = run.sabotaged[sabotage]
    safe = next(result for result in run.whole if (result.cell.attack.name, result.cell.kind.name, result.mta)
                == (sabotage.attack, sabotage.kind, sabotage.mta))
    assert not safe.problems, report.failures([safe])
    with sabotaged(run, sabotage):
        run.attack([cell], only=sabotage.mta)
    cell.restore()
    result = run.results[cell, sabotage.mta]
    assert result.during.word == judge.LEAKED, report.failures([result]) or result.during
    assert result.during.sessions and report.SYMBOLS[result.word] == "#"


# The judge, without a lab -----------------------------------------------------------------------------------------


class Host:
    def __init__(self, name):
        self.name, self.sessions = name, []


def heard(*words, tls="", cipher="TLS_AES_128_GCM_SHA256"):
    texts = {"MAIL": "MAIL FROM:<>", "RCPT": "RCPT TO:<a@d>", "OTHER": "RCPT TO:<b@other>", "DATA": "x"}
    return [mxhost.Heard("RCPT" if word == "OTHER" else word, texts[word], tls, cipher) for word in words]


ALL = ("MAIL", "RCPT", "DATA")
TRUE = object()
JUDGED = {  # kind, session with the true host or the attacker's, what becomes of it
    "all over TLS with the true certificate": ("sts", dict(shown=TRUE, heard=heard(*ALL, tls="TLSv1.3")), judge.SECURE),
    "RCPT in clear, then the message over TLS": (
        "sts", dict(shown=TRUE, heard=heard("MAIL", "RCPT") + heard(*ALL, tls="TLSv1.3")), judge.LEAKED),
    "MAIL FROM alone": ("dane-ee", dict(heard=heard("MAIL")), judge.LEAKED),
    "another certificate": ("dane-ee", dict(shown=object(), heard=heard(*ALL, tls="TLSv1.3")), judge.LEAKED),
    "the attacker's host": ("sts", dict(host="evil", shown=TRUE, heard=heard("MAIL", tls="TLSv1.3")), judge.LEAKED),
    "the attacker's host, where nothing is promised": (
        "none", dict(host="evil", held_by=mxhost.ATTACKER, heard=heard(*ALL)), judge.UNPROTECTED),
    "TLS 1.0": ("sts", dict(shown=TRUE, heard=heard(*ALL, tls="TLSv1")), judge.LEAKED),
    "a cipher that encrypts nothing": (
        "sts", dict(shown=TRUE, heard=heard(*ALL, tls="TLSv1.2", cipher="ECDHE-ECDSA-NULL-SHA")), judge.LEAKED),
    "clear text where TLS is all that is promised": ("dane-unusable", dict(heard=heard(*ALL)), judge.LEAKED),
    "TLS where that is all that is promised": (
        "dane-unusable", dict(shown=object(), heard=heard(*ALL, tls="TLSv1.3")), judge.ENCRYPTED),
    "believed what was injected": ("none", dict(was_fooled=True, heard=heard(*ALL, tls="TLSv1.3")), judge.LEAKED),
    "somebody else's mail": ("sts", dict(heard=heard("MAIL", "OTHER", "DATA")), judge.DEFERRED),
    "nothing": ("sts", dict(tls="TLSv1.3"), judge.DEFERRED),
    "another mail server's session": ("sts", dict(ehlo="postfix.sender.example", heard=heard(*ALL)), judge.DEFERRED),
}


def judged(kind, session, delivery="deferred", **settings):
    cell = Cell(attacks.Attack("attack", "", (kind,), **settings), kinds.BY_NAME[kind])
    cell.hosts, cell.evil = [Host("mx")], Host("evil")
    cell.chains = {"mx": TRUE}
    said = mxhost.Session(**{"host": "mx", "ehlo": mtas.EximSender.ehlo, **session})
    said.messages = sum(each.verb == "DATA" for each in said.heard)
    cell.hosts[0].sessions.append(said)
    return judge.judge(cell, mtas.EximSender, "a@d", Delivery("a@d", delivery), False, must=False)


@pytest.mark.parametrize("row", JUDGED)
def test_judge(row):
    kind, session, word = JUDGED[row]
    verdict = judged(kind, session)
    assert verdict.word == word, verdict


def test_the_mail_servers_word_counts_only_where_nobody_heard_anything():
    assert judged("sts", {}, "bounced").has_failed
    assert judged("sts", {}, "verified").word == judge.LOST
    assert judged("sts", {}, "lost").word == judge.LOST
    assert judged("sts", dict(heard=heard(*ALL)), "deferred").word == judge.LEAKED


def test_what_is_open_by_design_is_open_there_only():
    """An attack that voids a policy voids no TLSA records."""
    everything = dict(held_by=mxhost.ATTACKER, shown=object(), heard=heard(*ALL, tls="TLSv1.3"))
    assert judged("sts", everything, open={"sts": "why"}).word == judge.UNPROTECTED
    assert judged("dane-ee", everything, open={"dane-ee": "why"}).word == judge.LEAKED


def test_attacks_and_kinds_speak_of_each_other():
    """The table: names that exist, labels that fit into DNS, and at least twenty attacks."""
    assert len({row.name for row in attacks.ROWS}) == len(attacks.ROWS) >= 20
    for row in attacks.ROWS:
        assert set(row.kinds) <= set(kinds.ALL) and set(row.must) <= set(kinds.ALL) and set(row.open) <= set(kinds.ALL)
        assert set(row.passes) <= {mta.name for mta in mtas.MTAS}
        assert row.sending == "each" or row.companion
    assert max(len(f"also-{cell.label}-mx") for cell in CELLS) <= 63


def test_the_page_tells_all_attacks_and_kinds():
    """docs/attacks.md has a line for each row and column, in their order."""
    with open(os.path.join(conftest.ROOT, "docs", "attacks.md")) as file:
        told = re.findall(r"^\| ([^ |]+) \| ([^|]+) \|", file.read().replace("`", ""), re.MULTILINE)
    rows = [*((kind.name, kind.has) for kind in kinds.KINDS), *((row.name, row.does) for row in attacks.ROWS)]
    assert [row for row in told if row in rows] == rows
