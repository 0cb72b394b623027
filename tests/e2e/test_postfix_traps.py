"""Each protection in integration/postfix/main.cf, taken away: real Postfix then does what it is there to prevent, and with the
file as it is shipped it does not. What was received is what the MX hosts saw, never what the log says alone.
"""

import contextlib
import dataclasses
import itertools
import os

import pytest

import domains
from impostor import Impostor
from lab import delivery, postfix as postfix_files
from lab.model import UNSIGNED, Host, Sts

serial = itertools.count(1)
FRAGMENT = os.path.join(postfix_files.ROOT, "integration", "postfix", "main.cf")
HOSTED = "trap-hosted.example"   # an unsigned domain at a provider with DANE, whose TLSA records do not match
MIXED = "trap-mixed.example"     # level dane: a first host whose TLSA records do not match, a second that is down
IDN = "trap-bücher.example"      # an enforced policy that its host fails
ROWS = (
    domains.row("trap-hosted", zone=UNSIGNED, hosts=(Host(cert="self", provider="signed-host.example", tlsa=("3 1 1 wrong",)),)),
    domains.row("trap-mixed", hosts=(Host("mx1", 10, cert="self", tlsa=("3 1 1 wrong",)), Host("mx2", 20, server="down"))),
    domains.row("trap-sts-500", zone=UNSIGNED, hosts=(Host(server="starttls-500"),), sts=Sts()),
    domains.row("trap-dane-500", hosts=(Host(cert="self", tlsa=("3 1 1",), server="starttls-500"),)),
    domains.row("trap-bücher", zone=UNSIGNED, hosts=(Host(cert="self"),), sts=Sts()),
)


@pytest.fixture(scope="module", name="daemon")
def the_daemon(lab, outriders):
    domains.add(lab, *ROWS)
    return outriders(for_mtas=True)


def line(parameter):
    """The change that removes a parameter."""
    with open(FRAGMENT) as file:
        found = [each for each in file if each.startswith(f"{parameter} =")]
    assert len(found) == 1, parameter
    return found[0], ""


def setting(parameter, value):
    old, _ = line(parameter)
    return old, f"{parameter} = {value}\n"


@dataclasses.dataclass
class Trap:
    """Domains with what becomes of mail to them as shipped, and with the change."""

    what: str
    domains: dict
    changes: tuple


TRAPS = [
    Trap("smtp_dns_support_level: without DNSSEC, level dane is opportunistic and dane-only waits",
         {HOSTED: ("deferred", "encrypted"), MIXED: ("deferred", "encrypted"), "dane-ee.example": ("verified", "deferred"),
          "dane-ee-mismatch.example": ("deferred", "deferred")},
         (line("smtp_dns_support_level"),)),
    Trap("smtp_tls_dane_insecure_mx_policy: TLSA records behind an unsigned MX record are only taken note of",
         {HOSTED: ("deferred", "encrypted")},
         (line("smtp_tls_dane_insecure_mx_policy"), setting("smtp_tls_security_level", "may"))),
    Trap("smtp_tls_security_level: without it mail that nothing is promised for goes in clear",
         {"plain-tls.example": ("encrypted", "clear"), "dane-ee-mismatch.example": ("deferred", "deferred")},
         (line("smtp_tls_security_level"),)),
    Trap("smtp_tls_policy_maps: without it nobody asks for policies",
         {"sts-self-signed.example": ("deferred", "encrypted"), "sts-no-starttls.example": ("deferred", "clear"),
          "dane-ee-mismatch.example": ("deferred", "deferred")},
         (line("smtp_tls_policy_maps"),)),
    Trap("smtp_delivery_status_filter: without it somebody on the wire has mail returned",
         {"trap-sts-500.example": ("deferred", "bounced"), "trap-dane-500.example": ("deferred", "bounced")},
         (line("smtp_delivery_status_filter"),)),
    Trap("QUERY: the attributes of 3.10 defer mail here",
         {"sts-enforce.example": ("verified", "deferred"), "sts-testing.example": ("encrypted", "deferred")},
         ((":QUERY\n", ":QUERYwithTLSRPT\n"),)),
]


def send(lab, postfix, names, fresh=True):
    recipients = {name: f"trap-{next(serial)}@{name}" for name in names}
    results = postfix.send(list(recipients.values()), fresh=fresh)
    for name, recipient in recipients.items():
        # What is recorded has A-labels and U-labels as they were sent.
        assert not (lie := delivery.contradiction(results[recipient], lab)), f"{name}: {lie}"
    return {name: results[recipient].outcome for name, recipient in recipients.items()}, \
        {name: results[recipient].reason for name, recipient in recipients.items()}


@pytest.fixture(scope="module")
def as_shipped(lab, postfix, daemon):
    """All domains of the table in one go."""
    return send(lab, postfix, sorted({name for trap in TRAPS for name in trap.domains}))


@pytest.mark.parametrize("trap", TRAPS, ids=lambda trap: trap.what.partition(":")[0])
def test_a_protection_and_what_happens_without_it(lab, postfix, daemon, as_shipped, trap):
    outcomes, reasons = as_shipped
    for name, (shipped, _) in trap.domains.items():
        assert outcomes[name] == shipped, reasons[name]
    with postfix.changed(*trap.changes):
        outcomes, reasons = send(lab, postfix, trap.domains, fresh=False)
    assert outcomes == {name: without for name, (_, without) in trap.domains.items()}, f"without: {reasons}"


SPELLINGS = ["sts-self-signed.example", "STS-Other-CA.Example", IDN, IDN.encode("idna").decode(), "Trap-BÜCHER.example"]


@contextlib.contextmanager
def a_map_that_knows_one_spelling(daemon):
    """Outrider's answers, for keys in lower case and A-labels only."""
    known = {name: daemon.postfix(name) for name in ("sts-self-signed.example", "sts-other-ca.example", IDN.encode("idna").decode())}
    daemon.stop()

    def reply(request):
        text = known.get(request.partition(" ")[2], "NOTFOUND ").encode()
        return b"%d:%s," % (len(text), text)

    try:
        with Impostor(daemon.map_socket, reply):
            yield
    finally:
        daemon.start()


def test_any_spelling_is_the_same_domain(lab, postfix, daemon):
    """P1: Postfix asks with the letters of the address, also in U-labels. A map that takes them for other names sends."""
    outcomes, reasons = send(lab, postfix, SPELLINGS)
    assert set(outcomes.values()) == {"deferred"}, reasons
    with a_map_that_knows_one_spelling(daemon):
        outcomes, reasons = send(lab, postfix, SPELLINGS)
    assert outcomes == dict(zip(SPELLINGS, ("deferred", "encrypted", "encrypted", "deferred", "encrypted"))), reasons


# Postfix' words for what the map says -------------------------------------------------------------------------------

@pytest.mark.parametrize("reply", ["TEMP later", "PERM never", "TIMEOUT slow", "HUH", "OK ", "OK secure match=",
                                   "OK secure servername=hostname tafile=outrider/ta/missing.pem", "OK may match=x.example",
                                   "OK dane-only policy_type=sts"])
def test_an_answer_that_is_none_defers(lab, postfix, daemon, reply):
    """P4, P6, L1's counterpart: whatever is no policy that this version understands, mail waits; never a bounce, never clear."""
    daemon.stop()
    try:
        with Impostor(daemon.map_socket, b"%d:%s," % (len(reply), reply.encode())) as fake:
            outcomes, reasons = send(lab, postfix, ["plain-tls.example"])
    finally:
        daemon.start()
    assert fake.keys[0] == "QUERY plain-tls.example"
    assert outcomes == {"plain-tls.example": "deferred"}, reasons
