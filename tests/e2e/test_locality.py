"""LOCALITY with real mail servers: a root that counts for A counts for nobody else, at the same moment, on the same MX
host, over a connection or a TLS session that was made for A.

A and B have the same MX host, with a certificate of the CA "other", which the default does not know. A rule adds that CA
for A. C has it only; D has it confined to itself; the host of E has one of the lab's CA.
"""

import contextlib
import itertools
import ssl
import subprocess
import time

import pytest

import domains
from domains import row
from lab import postfix as postfix_files
from lab.certs import _pem
from lab.model import UNSIGNED, Host, Sts
from lab.sink import Sink
from test_sessions import edited

serial = itertools.count(1)
HOST, LAB_HOST = "mx.root-a.example", "mx.root-e.example"
SESSIONS = "smtp_tls_session_cache_database = btree:$data_directory/smtp_locality"
CONNECTIONS = (f"smtp_connection_cache_destinations = root-a.example, root-b.example, {HOST}\n"
               "smtp_connection_cache_time_limit = 20s\nsmtp_tls_connection_reuse = yes")


def rows():
    other, shared = Host(cert="other"), Host(shared=HOST)
    return [row("root-a", 300, zone=UNSIGNED, hosts=(other,), sts=Sts()),
            *(row(f"root-{name}", 300, zone=UNSIGNED, hosts=(shared,), sts=Sts()) for name in "bcd"),
            row("root-e", 300, zone=UNSIGNED, hosts=(Host(),), sts=Sts()),
            row("root-f", 300, zone=UNSIGNED, hosts=(Host(shared=LAB_HOST),), sts=Sts())]


def write(path, *certificates):
    with open(path, "wb") as file:
        file.writelines(_pem(certificate) for certificate in certificates)
    return path


@pytest.fixture(scope="module", name="daemon")
def the_daemon(lab, outriders):
    domains.add(lab, *rows())
    other, both = lab.certs.authority("other"), [lab.certs.authority(name) for name in ("lab", "other")]
    folder = lab.certs._folder
    return outriders(for_mtas=True, **{
        'anchors "a"': {"roots": write(f"{folder}/a.pem", other), "for": ["root-a.example"]},
        'anchors "c"': {"roots": write(f"{folder}/c.pem", *both), "for": ["root-c.example", "root-f.example"], "only": True},
        'anchors "f"': {"roots": write(f"{folder}/f.pem", other), "for": ["root-f.example", ".root-b.example"], "only": True},
    })


def send(server, *names):
    recipients = {name: f"local-{next(serial)}@root-{name}.example" for name in names}
    got = server.send(list(recipients.values()))
    return {name: got[recipient].outcome for name, recipient in recipients.items()}


@pytest.fixture(params=["exim", "postfix"])
def server(request, exim, postfix):
    return exim if request.param == "exim" else postfix


def test_one_host_and_its_root_for_one_destination(lab, daemon, server):
    """LOCALITY, PKIX-12: the same host and certificate, in the same minute: A goes, B and D wait, C goes by a rule of its own."""
    # Exim leaves a host alone for a second after it has failed somebody's policy: so B and D come last.
    assert send(server, "a", "c", "e") == {"a": "verified", "c": "verified", "e": "verified"}
    assert send(server, "b", "d") == {"b": "deferred", "d": "deferred"}
    seen = [recipient for session in lab.mx[HOST].sessions for recipient, _ in session.recipients]
    assert not any(recipient.endswith(("@root-b.example", "@root-d.example")) for recipient in seen)


def test_the_default_still_counts_for_a_and_not_under_only(daemon, server):
    """A rule adds to the default; `only` replaces it: F has both lists named for it by `only` rules, which add up."""
    assert send(server, "f") == {"f": "verified"}
    answer = daemon.query("root-f.example")["anchors"]
    assert answer["rules"] == ["c", "f"] and answer["count"] == 2
    assert daemon.query("root-a.example")["anchors"]["rules"] == ["default", "a"]
    assert daemon.query("root-b.example")["anchors"]["rules"] == ["default"]
    assert daemon.query("www.root-b.example")["anchors"]["rules"] == ["f"]  # ".root-b.example": below, and not itself


def test_equal_rules_share_a_file(daemon):
    """A and those whose rules come to the same roots name one file; everybody else another."""
    def file_of(name):
        return dict(word.partition("=")[::2] for word in daemon.postfix(name).split(" ")[2:])["tafile"]
    assert file_of("root-a.example") == file_of("root-c.example") == file_of("root-f.example")
    assert file_of("root-b.example") == file_of("root-e.example") != file_of("root-a.example")


def test_exim_queue_run(lab, daemon, exim):
    """LOCALITY, FLOW-10: `exim -qq` sorts the queue by hosts; a connection that A's root opened carries nothing of B."""
    exim.forget()
    recipients = [f"local-{next(serial)}@root-{name}.example" for name in "abab"]
    with Sink(HOST, lab.mx[HOST].chain).instead_of(lab, HOST) as sink:
        exim.send_queued(*recipients)
        time.sleep(1.5)  # the order of a queue run is Exim's; after a failure of B it leaves the host alone for a second
        subprocess.run(["exim4", "-R", "root-a.example"], check=True, timeout=60)
    assert [len(sink.deliveries(recipient)) for recipient in recipients] == [1, 0, 1, 0]
    assert all(visit.verbs().count("MAIL") <= 1 for visit in sink.visits)


def test_exim_one_message_for_both(lab, daemon, exim):
    """LOCALITY: one message, two recipients, one host: each recipient's answer counts for that recipient alone."""
    exim.forget()
    recipients = [f"local-{next(serial)}@root-{name}.example" for name in "ab"]
    with Sink(HOST, lab.mx[HOST].chain).instead_of(lab, HOST) as sink:
        got = exim.send_together(*recipients)
    assert [got[recipient].outcome for recipient in recipients] == ["verified", "deferred"]
    assert [len(sink.deliveries(recipient)) for recipient in recipients] == [1, 0]


@contextlib.contextmanager
def keeping(lab, postfix, setting, **manners):
    """Postfix keeps what it has, and the shared host is a sink that counts."""
    with postfix.changed(("", setting)), Sink(HOST, lab.mx[HOST].chain, **manners).instead_of(lab, HOST) as sink:
        yield sink


def send_in_turn(postfix, sink, names):
    outcomes = []
    for name in names:
        recipient = f"local-{next(serial)}@root-{name}.example"
        outcome = postfix.send([recipient], fresh=False)[recipient].outcome
        outcomes.append((name, outcome, len(sink.deliveries(recipient))))
    return outcomes


def test_a_tls_session_of_a_is_not_continued_for_b(lab, daemon, postfix):
    """LOCALITY, DANE-22, FLOW-10: a TLS session that was verified by A's root is no way in for B."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(lab.mx[HOST].chain.pem)
    with keeping(lab, postfix, SESSIONS, context=context) as sink:
        assert send_in_turn(postfix, sink, "aaba") == [("a", "verified", 1), ("a", "verified", 1), ("b", "deferred", 0),
                                                       ("a", "verified", 1)]
        assert [visit.is_resumed for visit in sink.visits] == [False, True, False, True]  # else it shows nothing


def test_a_kept_connection_of_a_is_not_used_for_b(lab, daemon, postfix):
    """LOCALITY, FLOW-10: the same with connections that Postfix keeps (smtp_tls_connection_reuse)."""
    with edited(f"{postfix_files.CONFIG}/master.cf", lambda text: text + "tlsproxy unix - - y - 0 tlsproxy\n"), \
            keeping(lab, postfix, CONNECTIONS) as sink:
        got = send_in_turn(postfix, sink, "abab")
        # Of a connection that it uses again, Postfix' log does not say again what it is worth.
        assert [(name, outcome == "deferred", count) for name, outcome, count in got] == [
            ("a", False, 1), ("b", True, 0), ("a", False, 1), ("b", True, 0)]
        assert any(len(visit.taken) == 2 for visit in sink.visits), sink.visits  # else it shows nothing
