"""What happens on the wire between a mail server and an MX host, row by row: real Exim and real Postfix against
servers with one peculiarity each, which write down every command they are given (lab/sink.py)."""

import contextlib
import datetime
import itertools
import os
import ssl
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

import conftest
import domains
from domains import row
from lab import exim as exim_files
from lab import postfix as postfix_files
from lab.certs import Chain
from lab.model import UNSIGNED, Host, Sts
from lab.scenarios import SIGNED_HOST
from lab.sink import Sink

PATIENCE = 6  # seconds that the mail servers wait for a greeting here, instead of minutes
pytestmark = pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1")  # one server here speaks nothing better
serial = itertools.count(1)

# What is demanded of the host: by an enforced policy, by TLSA records, by nobody.
KINDS = {"sts": dict(zone=UNSIGNED, hosts=(Host(),), sts=Sts()),
         "dane": dict(hosts=(Host(cert="self", tlsa=("3 1 1",)),)),
         "plain": dict(zone=UNSIGNED, hosts=(Host(cert="self"),))}
WAITS = {"sts": ("deferred", "deferred"), "dane": ("deferred", "deferred")}
GOES = {"sts": ("verified", "verified"), "dane": ("dane", "verified"), "plain": ("encrypted", "encrypted")}
INJECTED = {"sts": ("deferred", "verified"), "dane": ("deferred", "verified"), "plain": ("clear", "encrypted")}
IN_CLEAR = {"plain": ("clear", "clear")}
OLD_TLS = {"versions": (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1), "ciphers": "ALL:@SECLEVEL=0"}
ANONYMOUS = {"versions": (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2), "ciphers": "aNULL:@SECLEVEL=0"}

# The peculiarity of the server, and {kind: what Exim and Postfix make of it}.
ROWS = {
    "FLOW-05 a plain server": ({}, GOES),
    # Exim takes it for an attack and hangs up; where nothing is demanded it goes on in clear, as after any failure of
    # TLS.
    "FLOW-05 a reply injected before TLS": ({"injected": b"250 2.0.0 injected\r\n"}, INJECTED),
    "FLOW-05 an EHLO reply injected": ({"injected": b"250-injected\r\n250 X-INJECTED\r\n"}, INJECTED),
    "FLOW-01 no STARTTLS": ({"offers": ("8BITMIME",)}, WAITS | IN_CLEAR),
    "FLOW-02 HELO only": ({"knows_ehlo": False}, WAITS | IN_CLEAR),
    "FLOW-07 a greeting of 421": ({"greeting": "421 4.3.2 busy"}, WAITS | {"plain": ("deferred", "deferred")}),
    "FLOW-07 no greeting": ({"greeting": ""}, {"sts": ("deferred", "deferred")}),
    "DANE-20, PKIX-11 TLS 1.0 and 1.1 only": (OLD_TLS, WAITS),
    "DANE-20 anonymous ciphers only": (ANONYMOUS, WAITS),
}


def cases():
    return [(name, kind) for name, (_, expected) in ROWS.items() for kind in expected]


# One batch for each mail server --------------------------------------------------------------------------------------


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


@contextlib.contextmanager
def edited(path, change):
    with open(path) as file:
        before = file.read()
    write(path, change(before))
    try:
        yield
    finally:
        write(path, before)


@contextlib.contextmanager
def hurried(postfix):
    """Both mail servers give up soon on a server that says nothing."""
    transport = os.path.join(exim_files.FRAGMENTS, "transport.conf")
    hurry = f"driver = smtp\n  command_timeout = {PATIENCE}s\n  connect_timeout = {PATIENCE}s"
    with edited(transport, lambda text: text.replace("driver = smtp", hurry)), \
            edited(f"{postfix_files.CONFIG}/main.cf", lambda text: text + f"smtp_helo_timeout = {PATIENCE}s\n"
                   f"smtp_connect_timeout = {PATIENCE}s\n"):
        yield
    postfix.forget()


@pytest.fixture(scope="module", name="daemon")
def the_daemon(build, lab):
    daemon = conftest.start_outrider(build, lab, for_mtas=True)
    with daemon:
        yield daemon
    conftest.stop_outrider(daemon)


class Stage:
    """A destination for each play: {key: (scenario, {host label: manners of its sink})}."""

    def __init__(self, lab, plays, names, open_ones):
        self.rows = {key: row(next(names), 300, **scenario) for key, (scenario, _) in plays.items()}
        domains.add(lab, *self.rows.values())
        self.sinks = {(key, label): Sink(self.host(key, label), lab.mx[self.host(key, label)].chain, **manners)
                      for key, (_, hosts) in plays.items() for label, manners in hosts.items()}
        for (key, label), sink in self.sinks.items():
            open_ones.enter_context(sink.instead_of(lab, self.host(key, label)))

    def host(self, key, label="mx"):
        scenario = self.rows[key]
        return next(scenario.host_name(host) for host in scenario.hosts if host.label == label)

    def send(self, server):
        """One message to each: {key: (Delivery, {label: visits})}."""
        for sink in self.sinks.values():
            sink.visits.clear()
        recipients = {f"session-{next(serial)}@{scenario.domain}": key for key, scenario in self.rows.items()}
        sent = {recipients[recipient]: delivery for recipient, delivery in server.send(list(recipients)).items()}
        return {key: (sent[key], {label: list(sink.visits) for (of, label), sink in self.sinks.items() if of == key})
                for key in self.rows}


@pytest.fixture(scope="module")
def stage(lab, daemon):
    names = (f"stage-{number}" for number in itertools.count(1))
    with contextlib.ExitStack() as open_ones:
        yield lambda plays: Stage(lab, plays, names, open_ones)


@pytest.fixture(scope="module")
def both(request):
    return request.getfixturevalue("exim"), request.getfixturevalue("postfix")


@pytest.fixture(scope="module")
def sessions(stage, both):
    """{"exim": {(row, kind): (Delivery, visits)}, "postfix": ...}"""
    plays = stage({(name, kind): (KINDS[kind], {"mx": ROWS[name][0]}) for name, kind in cases()})
    with hurried(both[1]):
        return {"exim": plays.send(both[0]), "postfix": plays.send(both[1])}


MTAS = pytest.mark.parametrize("mta", ["exim", "postfix"])


@MTAS
@pytest.mark.parametrize("name, kind", cases())
def test_session(sessions, mta, name, kind):
    """FLOW-01, FLOW-02, FLOW-05, FLOW-07, DANE-20, PKIX-11: what becomes of mail, and what the server saw of it."""
    delivery, visits = sessions[mta][name, kind]
    visits = visits["mx"]
    assert visits, "the server was never visited"
    assert delivery.outcome == ROWS[name][1][kind][mta == "postfix"], (delivery.reason, visits)
    taken = [visit.tls for visit in visits if delivery.recipient in visit.taken]
    assert len(taken) == (delivery.outcome != "deferred"), visits
    if kind != "plain":  # nothing was said in clear, or to a server that had not shown who it is
        for visit in visits:
            assert set(visit.verbs(tls="")) <= {"EHLO", "HELO", "STARTTLS", "QUIT"}, visit
            assert taken or "MAIL" not in visit.verbs(), visit


@MTAS
@pytest.mark.parametrize("name, kind", [case for case in cases() if "FLOW-05" in case[0]])
def test_nothing_is_believed_that_came_before_tls(sessions, mta, name, kind):
    """FLOW-05, RFC 3207 §4.2: EHLO is said again, and what stood behind the reply to STARTTLS is not taken for its
    answer."""
    for visit in sessions[mta][name, kind][1]["mx"]:
        assert not visit.is_hasty
        if visit.tls:
            assert visit.verbs(tls=visit.tls)[:1] in ([], ["EHLO"])


@MTAS
@pytest.mark.parametrize("kind", KINDS)
def test_the_client_hello(sessions, mta, kind):
    """DANE-20, PKIX-11: no SSL 2.0; where authentication is demanded TLS 1.2 and later, and no suite without it."""
    hello = sessions[mta]["FLOW-05 a plain server", kind][1]["mx"][0].hello
    assert hello.is_tls
    if kind != "plain":
        assert min(hello.versions) >= (3, 3), hello.versions
        assert not {suite for suite in hello.suites if is_anonymous(suite)}


def is_anonymous(suite):
    """NULL and anonymous suites of the IANA registry, and export ones."""
    return suite in {
        *range(0x00, 0x04), 0x06, 0x08, 0x0b, 0x0e, 0x11, 0x14, *range(0x17, 0x1c), 0x34, 0x3a, 0x3b, 0x46, 0x6c, 0x6d,
        0x89, 0x9b, 0xa6, 0xa7, 0xb0, 0xb1, 0xb4, 0xb5, 0xb8, 0xb9, 0xbf, 0xc5, 0xc001, 0xc006, 0xc00b, 0xc010,
        *range(0xc015, 0xc01a)}


# The next host -------------------------------------------------------------------------------------------------------

TROUBLES = {"a greeting of 421": {"greeting": "421 4.3.2 busy"}, "no greeting": {"greeting": ""}, "no route": {},
            "hangs up": {}}


@pytest.fixture(scope="module")
def troubled(lab, stage, both):
    """The better MX host has trouble with its connection, the other one is fine."""
    dane = dict(cert="self", tlsa=("3 1 1",))
    hosts = {"sts": (Host("mx"), Host("mx2", 20)), "dane": (Host("mx", **dane), Host("mx2", 20, **dane))}
    plays = stage({(trouble, kind): ({**KINDS[kind], "hosts": hosts[kind]},
                                     {"mx": manners, "mx2": {}} if manners else {"mx2": {}})
                   for trouble, manners in TROUBLES.items() for kind in hosts})
    routes = []
    for key in plays.rows:
        if key[0] == "hangs up":
            lab.mx[plays.host(key)].server = "down"
        elif key[0] == "no route":
            routes += lab.addresses[plays.host(key)]
    for address in routes:
        subprocess.run(["ip", "route", "add", "table", "local", "unreachable", address], check=True)
    with hurried(both[1]):
        yield {"exim": plays.send(both[0]), "postfix": plays.send(both[1])}
    for address in routes:
        subprocess.run(["ip", "route", "del", "table", "local", "unreachable", address], check=True)


@MTAS
@pytest.mark.parametrize("kind", ["sts", "dane"])
@pytest.mark.parametrize("trouble", TROUBLES)
def test_the_next_host_is_tried(troubled, mta, trouble, kind):
    """FLOW-07, FLOW-06: trouble with a connection is no verdict on the host; the next one is held to its own
    requirement."""
    delivery, visits = troubled[mta][trouble, kind]
    assert delivery.outcome == GOES[kind][mta == "postfix"], delivery.reason
    assert delivery.host.startswith("mx2."), delivery
    assert [visit.tls for visit in visits["mx2"] if delivery.recipient in visit.taken] == ["TLSv1.3"]


# Certificates --------------------------------------------------------------------------------------------------------


def name_of(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def make(subject, issuer, issuer_key, *extensions):
    """(key, certificate)"""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.utcnow()
    builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
               .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=1))
               .not_valid_after(now + datetime.timedelta(days=30)))
    for extension in extensions:
        builder = builder.add_extension(extension, True)
    return key, builder.sign(issuer_key, hashes.SHA256())


def ca(length=None):
    return x509.BasicConstraints(True, length)


def only(*names, excluded=()):
    return x509.NameConstraints(*([x509.DNSName(name) for name in each] or None for each in (names, excluded)))


def usage(may_sign):
    return x509.KeyUsage(not may_sign, False, False, False, False, may_sign, may_sign, False, False)


# The CAs between the lab's and the host, from above: extensions of each. "{domain}" has no meaning here: all is below
# "example".
INTERMEDIATES = {
    "one": (((ca(),),), "verified"),
    "names below the domain's zone": (((ca(), only("example")),), "verified"),
    "names elsewhere": (((ca(), only("elsewhere.test")),), "deferred"),
    "these names excluded": (((ca(), only(excluded=("example",))),), "deferred"),
    "no CA": (((x509.BasicConstraints(False, None),),), "deferred"),
    "nothing said of it": (((),), "deferred"),
    "may not sign": (((ca(), usage(False)),), "deferred"),
    "two": (((ca(1),), (ca(0),)), "verified"),
    "two where one may be": (((ca(0),), (ca(),)), "deferred"),
}


def chain_through(lab, host, intermediates, path):
    key, above = lab.certs.signer("lab")
    passed = []
    for number, extensions in enumerate(intermediates):
        next_key, above = make(name_of(f"intermediate {number}"), above.subject, key, *extensions)
        key = next_key
        passed.insert(0, above)
    leaf_key, leaf = make(name_of(host), above.subject, key, x509.SubjectAlternativeName([x509.DNSName(host)]))
    with open(path, "wb") as file:
        file.write(leaf_key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                          serialization.NoEncryption()))
        for certificate in (leaf, *passed):
            file.write(certificate.public_bytes(serialization.Encoding.PEM))
    return Chain((leaf, *passed), str(path))


@pytest.fixture(scope="module")
def constrained(lab, stage, both, tmp_path_factory):
    folder = tmp_path_factory.mktemp("chains")
    plays = stage({case: (KINDS["sts"], {"mx": {}}) for case in INTERMEDIATES})
    for number, (case, (intermediates, _)) in enumerate(INTERMEDIATES.items()):
        plays.sinks[case, "mx"].chain = chain_through(lab, plays.host(case), intermediates, folder / f"{number}.pem")
    return {"exim": plays.send(both[0]), "postfix": plays.send(both[1])}


@MTAS
@pytest.mark.parametrize("case", INTERMEDIATES)
def test_constraints_on_the_way_to_the_root(constrained, mta, case):
    """PKIX-07, RFC 5280 §6: CA flag, key usage, path length and name constraints of each CA, under an enforced
    policy."""
    delivery, visits = constrained[mta][case]
    assert delivery.outcome == INTERMEDIATES[case][1], delivery.reason
    assert ("MAIL" in [verb for visit in visits["mx"] for verb in visit.verbs()]) == (delivery.outcome == "verified")


# What an enforced policy refuses -------------------------------------------------------------------------------------

REFUSED = {"not named by the policy": ({**KINDS["sts"], "sts": Sts(mx=("else.{domain}",))}, None),
           "no STARTTLS": (KINDS["sts"], ["EHLO", "QUIT"]),
           "a certificate of nobody": ({**KINDS["sts"], "hosts": (Host(cert="self"),)}, ["EHLO", "STARTTLS"]),
           "a certificate for another name": ({**KINDS["sts"], "hosts": (Host(cert="lab foreign"),)},
                                              ["EHLO", "STARTTLS"])}


@pytest.fixture(scope="module")
def refused(stage, both):
    plays = stage({case: (scenario, {"mx": {"offers": ()} if case == "no STARTTLS" else {}})
                   for case, (scenario, _) in REFUSED.items()})
    return {"exim": plays.send(both[0]), "postfix": plays.send(both[1])}


@MTAS
@pytest.mark.parametrize("case", REFUSED)
def test_a_refused_host_is_not_told_whose_mail_it_is(refused, mta, case):
    """STS-APPLY-03, FLOW-01: no MAIL FROM, be it in clear or under TLS; a host that the policy does not name is not
    even visited."""
    delivery, visits = refused[mta][case]
    assert delivery.outcome == "deferred"
    verbs = [visit.verbs() for visit in visits["mx"]]
    expected = REFUSED[case][1]
    if expected is None:
        assert verbs == []
    else:
        assert verbs and all(each[:len(expected)] == expected and "MAIL" not in each for each in verbs), verbs


# Aliased hosts -------------------------------------------------------------------------------------------------------

ALIASES = {
    "TLSA records at the end of the alias": (
        dict(hosts=(Host(cert="self", alias=SIGNED_HOST, tlsa=("3 1 1",), tlsa_at_alias=True),)), "dane-only"),
    "an enforced policy": (dict(zone=UNSIGNED, hosts=(Host(alias=SIGNED_HOST),), sts=Sts()), "secure"),
}


@MTAS
@pytest.mark.parametrize("case", ALIASES)
def test_sni_of_an_aliased_host(lab, stage, both, daemon, mta, case):
    """COMBO-10, DANE-18, PKIX-09: under DANE the name at which the TLSA records are; under a policy the name of the
    MX record, for which Exim has no variable: it sends the end of the alias, and verifies the right name all the
    same."""
    scenario, level = ALIASES[case]
    plays = stage({case: (scenario, {"mx": {}})})
    delivery, visits = plays.send(both[mta == "postfix"])[case]
    base = plays.rows[case].expanded_name(plays.rows[case].hosts[0])
    assert domains.level(daemon, plays.rows[case].domain) == level
    assert delivery.outcome == GOES["dane" if level == "dane-only" else "sts"][mta == "postfix"], delivery.reason
    expected = plays.host(case) if (mta, level) == ("postfix", "secure") else base
    assert {visit.sni for visit in visits["mx"]} == {expected}


# One connection for several messages ---------------------------------------------------------------------------------


def shared_host(lab, name, enforced):
    """Two domains at one host that only the one without a policy accepts."""
    scenario = dict(zone=UNSIGNED, hosts=(Host(cert="self"),))
    made = domains.add(lab, row(f"{name}-free", 300, **scenario), row(f"{name}-bound", 300, **scenario, **enforced))
    host = f"mx.{made[0].name}"
    lab.set_records(made[1].name, "MX", [f"10 {host}."])
    return host, *made


def test_exim_queue_run_shares_no_connection_with_a_policy(lab, daemon, exim):
    """FLOW-10, STS-APPLY-10, SCOPE: `exim -qq`, which sorts a queue by hosts to use connections again. It does so among
    destinations without a policy; one of the messages is for both."""
    host, free, bound = shared_host(lab, "reuse-exim", dict(sts=Sts(mx=("*.reuse-exim-free.example",))))
    exim.forget()
    messages = [[f"{number}-{next(serial)}@{domain.name}" for domain in domains]
                for number, domains in enumerate(([free], [bound], [free, bound], [bound, free], [bound], [free]))]
    for recipients in messages:
        subprocess.run(["exim4", "-odq", "-f", "<>", *recipients], check=True, input=b"Subject: lab\n\nHello.\n")
    begin = os.path.getsize(exim_files.LOG)
    with Sink(host, lab.mx[host].chain).instead_of(lab, host) as sink:
        subprocess.run(["exim4", "-qq"], check=True, timeout=60)
    lines = exim_files.log_since(begin)
    for recipient in itertools.chain(*messages):
        is_free = recipient.endswith(free.name)
        assert exim_files.outcome(recipient, lines).outcome == ("encrypted" if is_free else "deferred"), lines
        assert len(sink.deliveries(recipient)) == is_free
    assert not [line for visit in sink.visits for _, line in visit.commands if bound.name in line]
    carried = [[recipient.partition("@")[2] for recipient in visit.taken] for visit in sink.visits]
    assert max(map(len, carried)) > 1, "no connection was used again, so the test shows nothing"


@pytest.mark.parametrize("reuse", ["no", "yes"])
def test_postfix_connection_cache_is_not_shared(lab, daemon, postfix, reuse):
    """FLOW-10, STS-APPLY-10, SCOPE: sessions that Postfix keeps open, also TLS sessions (smtp_tls_connection_reuse)
    and for these very destinations, are kept for those with the same policy."""
    name = f"reuse-postfix-sts{reuse}"
    host, free, bound = shared_host(lab, name, dict(sts=Sts(mx=(f"*.{name}-free.example",))))
    settings = (f"smtp_connection_cache_destinations = {free.name}, {bound.name}, {host}\n"
                f"smtp_connection_cache_time_limit = 20s\nsmtp_tls_connection_reuse = {reuse}\n")
    with edited(f"{postfix_files.CONFIG}/main.cf", lambda text: text + settings), \
            edited(f"{postfix_files.CONFIG}/master.cf", lambda text: text + "tlsproxy unix - - y - 0 tlsproxy\n"), \
            Sink(host, lab.mx[host].chain).instead_of(lab, host) as sink:
        postfix.forget()
        outcomes = []
        for number, domain in enumerate((free, bound, free, bound)):
            recipient = f"{number}-{next(serial)}@{domain.name}"
            outcomes.append(postfix.send([recipient], fresh=False)[recipient].outcome)
    postfix.forget()
    assert [outcome == "deferred" for outcome in outcomes] == [False, True, False, True], outcomes
    taken = [recipient for visit in sink.visits for recipient in visit.taken]
    assert len(taken) == 2 and all(recipient.endswith(free.name) for recipient in taken)
    if reuse == "yes":  # without this the test could not fail
        assert any(len(visit.taken) == 2 for visit in sink.visits), sink.visits


@pytest.mark.parametrize("domain, expected", [("dane-ee.example", "dane"), ("sts-enforce.example", "verified")])
def test_exim_continues_no_tls_session(lab, daemon, exim, domain, expected):
    """DANE-22, FLOW-10: each of Exim's sessions begins with a certificate that it looks at, so nothing is left of what was
    verified before. (Postfix does continue sessions: test_postfix_sessions.py.)"""
    host = f"mx.{domain}"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)  # the same for all connections: it knows earlier sessions
    context.load_cert_chain(lab.mx[host].chain.pem)

    def resumed():
        with Sink(host, lab.mx[host].chain, context=context).instead_of(lab, host) as sink:
            for _ in range(2):
                recipient = f"anew-{next(serial)}@{domain}"
                assert exim.send([recipient], fresh=False)[recipient].outcome == expected
                assert sink.deliveries(recipient) == ["TLSv1.3"]
        return [visit.is_resumed for visit in sink.visits]

    assert resumed() == [False, False]
    if expected == "verified":  # without this the test could not fail: an option that the transport does not set
        with exim.changed(("transport.conf", "driver = smtp", "driver = smtp\n  tls_resumption_hosts = *")):
            assert resumed() == [False, True]


# DANE and a policy ---------------------------------------------------------------------------------------------------


def test_both_as_far_as_mail_servers_can(lab, build, both, daemon):
    """COMBO-03: with combine = "both" a host that DANE authenticates must be named by the enforced policy as well."""
    scenario = dict(hosts=(Host(cert="self", tlsa=("3 1 1",)),))
    named, unnamed = domains.add(lab, row("both-named", 300, **scenario, sts=Sts()),
                                 row("both-unnamed", 300, **scenario, sts=Sts(mx=("else.{domain}",))))
    daemon.stop()
    other = conftest.start_outrider(build, lab, for_mtas=True, combine="both")
    try:
        with other:
            for server, expected in zip(both, ("dane", "verified")):
                recipients = {f"both-{next(serial)}@{domain.name}": domain for domain in (named, unnamed)}
                sent = {recipients[recipient]: each for recipient, each in server.send(list(recipients)).items()}
                assert (sent[named].outcome, sent[unnamed].outcome) == (expected, "deferred"), sent
        conftest.stop_outrider(other)
    finally:
        daemon.start()
    for server, expected in zip(both, ("dane", "verified")):  # and by default DANE alone decides
        recipient = f"both-{next(serial)}@{unnamed.name}"
        assert server.send([recipient])[recipient].outcome == expected
