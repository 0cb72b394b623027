"""Mail to next hops other than the recipient's MX hosts: smart hosts, relays, ports 587 and 465, fallback relays.
Real Exim and real Postfix follow the next hop's policy and TLSA records, and never the recipient's (RFC 8461 §3.4,
RFC 7672 §2.2)."""

import contextlib
import dataclasses
import itertools
import os
import re
import shutil
import socket
import subprocess

import pytest

import conftest
import domains
from domains import ask, row
from lab import exim as exim_files
from lab import postfix as postfix_files
from lab.model import UNSIGNED, Host, Sts
from lab.process import wait_until
from lab.sink import Sink

PATIENCE = 4  # seconds for a connection, instead of minutes
serial = itertools.count(1)


@pytest.fixture(scope="module", name="daemon")
def the_daemon(build, lab):
    daemon = conftest.start_outrider(build, lab, for_mtas=True)
    with daemon:
        yield daemon
    conftest.stop_outrider(daemon)


# The relays ----------------------------------------------------------------------------------------------------------

RELAYS = [
    row("hop-dane", 300, hosts=(Host(cert="self", tlsa=("3 1 1 wrong",)),)),
    row("hop-wrong", 300, hosts=(Host(cert="lab", tlsa=("3 1 1",)),)),
    row("hop-other-port", 300, hosts=(Host(cert="self", tlsa=("3 1 1 wrong",)),)),
    row("hop-bogus", 300, hosts=(Host(cert="self"),)),
    row("hop-sts", 300, zone=UNSIGNED, mx="implicit", sts=Sts()),
    row("hop-sts-self", 300, zone=UNSIGNED, mx="implicit", hosts=(Host(cert="self"),), sts=Sts()),
    row("hop-unlisted", 300, zone=UNSIGNED, sts=Sts(mx=("else.{domain}",))),
    row("hop-second", 300, zone=UNSIGNED, hosts=(Host("mx1", 10, cert="self"), Host("mx2", 20)),
        sts=Sts(mx=("mx2.{domain}",))),
    *(row(name, 300, zone=UNSIGNED, hosts=(Host("mx1", 10), Host("mx2", 20)), sts=Sts())
      for name in ("hop-closed", "hop-mute")),
    row("hop-plain", 300, zone=UNSIGNED, hosts=(Host(cert="self"),)),
]
# Nobody listens there; at the second one packets are lost as well.
SHUT = {"mx1.hop-closed.example", "mx1.hop-mute.example"}
TLSA = {"hop-dane": ("3 1 1", (587, 465)), "hop-wrong": ("3 1 1 wrong", (587, 465)), "hop-bogus": ("3 1 1", (587,))}


@contextlib.contextmanager
def packets_lost(address, port):
    """Connections are neither taken nor refused: a listener whose queue is full."""
    with contextlib.ExitStack() as open_ones:
        listener = open_ones.enter_context(socket.create_server((address, port), backlog=0))
        for _ in range(4):
            client = open_ones.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        yield


@pytest.fixture(scope="module")
def relays(lab, daemon):
    """{host name: (what listens on 587, what listens on 465)}. Nobody who follows the recipient gets here."""
    domains.add(lab, *RELAYS)
    for name, (record, ports) in TLSA.items():
        host = f"mx.{name}.example"
        for port in ports:
            lab.set_records(f"_{port}._tcp.{host}", "TLSA", [lab.certs.tlsa(record, lab.mx[host].chain)])
    with contextlib.ExitStack() as open_ones:
        made = {}
        for each in RELAYS:
            for host in map(each.host_name, each.hosts):
                chain, address = lab.mx[host].chain, lab.addresses[host][0]
                if host in SHUT:
                    continue
                made[host] = Sink(host, chain), Sink(host, chain, is_wrapped=True)
                for sink, port in zip(made[host], (587, 465)):
                    open_ones.enter_context(sink.listen((address, port)))
        open_ones.enter_context(packets_lost(lab.addresses["mx1.hop-mute.example"][0], 587))
        open_ones.enter_context(Sink("bare", offers=()).listen((lab.addresses["mx.hop-plain.example"][0], 2525)))
        open_ones.enter_context(lab.forged("_587._tcp.mx.hop-bogus.example", "TLSA", "3 1 1 " + 64 * "0"))
        yield made


@dataclasses.dataclass(frozen=True)
class Hop:
    """A next hop, who the mail is for, and what must come of it."""

    to: str                     # as Postfix writes it
    exim: str
    postfix: str
    recipient: str = "plain-clear.example"
    host: str = ""              # who took it

    @property
    def name(self):
        return re.sub(r"[\[\]]|:\d+$", "", self.to)

    @property
    def port(self):
        found = re.search(r":(\d+)$", self.to)
        return int(found[1]) if found else 25


HOPS = {
    "EDGE-04, EDGE-05 TLSA records of the port": Hop("[mx.hop-dane.example]:587", "dane", "verified"),
    "EDGE-03 the recipient's TLSA records would fail": Hop(
        "[mx.hop-dane.example]:587", "dane", "verified", "dane-ee-mismatch.example"),
    "EDGE-03 the recipient's policy would fail": Hop(
        "[mx.hop-dane.example]:587", "dane", "verified", "sts-unlisted.example"),
    "EDGE-03 the recipient's domain does not exist": Hop(
        "[mx.hop-dane.example]:587", "dane", "verified", "nobody.invalid"),
    "EDGE-05 TLSA records of port 25 do not count on 587": Hop(
        "[mx.hop-other-port.example]:587", "encrypted", "encrypted"),
    "EDGE-05 TLSA records of port 25, on 25": Hop("[mx.hop-other-port.example]", "deferred", "deferred"),
    "EDGE-04 TLSA records that do not match, and a recipient without": Hop(
        "[mx.hop-wrong.example]:587", "deferred", "deferred"),
    "EDGE-04 the same, and a recipient with a good policy": Hop(
        "[mx.hop-wrong.example]:587", "deferred", "deferred", "sts-enforce.example"),
    "EDGE-04 TLSA records that are bogus": Hop("[mx.hop-bogus.example]:587", "deferred", "deferred"),
    "EDGE-03, EDGE-05 TLSA of the port behind MX records": Hop(
        "hop-dane.example:587", "dane", "verified", host="mx.hop-dane.example"),
    "EDGE-03 MX records, TLSA records that do not match": Hop("hop-wrong.example:587", "deferred", "deferred"),
    "EDGE-04 a policy of the host's own": Hop("[hop-sts.example]:587", "verified", "verified"),
    "EDGE-04 the same on port 25": Hop("[hop-sts.example]", "verified", "verified"),
    "EDGE-04 a policy of the host's own, self-signed": Hop("[hop-sts-self.example]:587", "deferred", "deferred"),
    "EDGE-03 the policy of a relay domain that names no MX": Hop("hop-unlisted.example:587", "deferred", "deferred"),
    "EDGE-03 the policy of a relay domain, second host": Hop(
        "hop-second.example:587", "verified", "verified", host="mx2.hop-second.example"),
    "FLOW-07 a closed port, and a second host": Hop(
        "hop-closed.example:587", "verified", "verified", host="mx2.hop-closed.example"),
    "FLOW-07 a closed port": Hop("[mx1.hop-closed.example]:587", "deferred", "deferred"),
    "FLOW-07 no answer to a connection, and a second host": Hop(
        "hop-mute.example:587", "verified", "verified", host="mx2.hop-mute.example"),
    "FLOW-07 no answer to a connection": Hop("[mx1.hop-mute.example]:587", "deferred", "deferred"),
    "EDGE-04 a host of that domain is not the domain": Hop("[mx1.hop-second.example]:587", "encrypted", "encrypted"),
    "EDGE-03 no policy; the recipient's would fail": Hop(
        "[mx.hop-plain.example]:587", "encrypted", "encrypted", "sts-no-starttls.example"),
}
WRAPPED = {
    "EDGE-05 port 465, TLSA records": Hop("[mx.hop-dane.example]:465", "dane", "verified"),
    "EDGE-05 port 465, TLSA records that do not match": Hop("[mx.hop-wrong.example]:465", "deferred", "deferred"),
    "EDGE-05 port 465, policy": Hop("[hop-sts.example]:465", "verified", "verified"),
    "EDGE-05 port 465, policy, self-signed": Hop("[hop-sts-self.example]:465", "deferred", "deferred"),
    "EDGE-05 port 465, no policy": Hop("[mx.hop-plain.example]:465", "encrypted", "encrypted"),
}


def verify(relays, hop, delivery, expected):
    """Both what the mail server says and what the relay saw."""
    assert delivery.outcome == expected, delivery.reason
    sinks = [sink for host, pair in relays.items() if host.endswith(hop.name) for sink in pair]
    taken = [tls for sink in sinks for tls in sink.deliveries(delivery.recipient)]
    if hop.port == 25 or expected == "deferred":
        assert taken == []
    else:
        assert len(taken) == 1 and taken[0].startswith("TLS")
        assert delivery.host == (hop.host or hop.name)


# Exim ----------------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def smarthost_in(exim):
    """smarthost(NAME=..., PORT=...): the site's configuration with smarthost.conf instead of routers.conf."""
    folder = exim_files.FRAGMENTS
    shutil.copy(os.path.join(conftest.ROOT, "integration/exim/smarthost.conf"), folder)
    transport = os.path.join(folder, "transport.conf")
    with open(exim_files.CONFIG) as file:
        site = file.read()
    with open(transport) as file:
        usual_transport = file.read()

    def configure(is_fallback=False, protocol="smtp", **macros):
        include = f".include {folder}/routers.conf"
        assert include in site
        own = include.replace("routers.conf", "smarthost.conf")
        write(exim_files.CONFIG, "".join(f"OUTRIDER_SMARTHOST_{name} = {value}\n" for name, value in macros.items())
              + site.replace(include, f"{own}\n{include}" if is_fallback else own))
        # With TCP Fast Open it is the wait for the greeting in which Exim learns that there is no connection.
        write(transport, usual_transport.replace("driver = smtp", f"driver = smtp\n  protocol = {protocol}\n"
                                                 f"  connect_timeout = {PATIENCE}s\n  command_timeout = {PATIENCE}s"))
        return exim

    yield configure
    write(exim_files.CONFIG, site)
    write(transport, usual_transport)


@pytest.fixture
def smarthost(exim):
    with smarthost_in(exim) as configure:
        yield configure


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


def use(smarthost, hop, **settings):
    """The smart host of a row."""
    macros = {"NAME": hop.name, "PORT": hop.port, **({} if hop.to.startswith("[") else {"MX": "yes"}), **settings}
    return smarthost(protocol="smtps" if hop.port == 465 else "smtp", **macros)


@pytest.fixture(scope="module")
def sent_by_exim(request, relays):
    """{case: Delivery} of all rows in three batches: the local part of the recipient says which host and port are
    meant."""
    rows, sent = {**HOPS, **WRAPPED}, {}
    with smarthost_in(request.getfixturevalue("exim")) as configure:
        for protocol, is_mx in (("smtp", False), ("smtp", True), ("smtps", False)):
            recipients = {f"{hop.name}+{hop.port}+{next(serial)}@{hop.recipient}": case for case, hop in rows.items()
                          if (hop.port == 465, not hop.to.startswith("[")) == (protocol == "smtps", is_mx)}
            macros = {"NAME": "${extract{1}{+}{$local_part}}", "PORT": "${extract{2}{+}{$local_part}}"}
            exim = configure(protocol=protocol, **macros, **({"MX": "yes"} if is_mx else {}))
            sent.update({recipients[each.recipient]: each for each in exim.send(list(recipients)).values()})
    return sent


@pytest.mark.parametrize("case", [*HOPS, *WRAPPED])
def test_exim_smart_host(relays, sent_by_exim, case):
    hop = {**HOPS, **WRAPPED}[case]
    verify(relays, hop, sent_by_exim[case], hop.exim)


def test_exim_address_literal(relays, lab, smarthost):
    """V82, EDGE-01: nothing can be promised for an address; the mail goes, here in clear."""
    address = lab.addresses["mx.hop-plain.example"][0]
    exim = smarthost(NAME=address, PORT=2525)
    sent = exim.send(["literal@plain-tls.example"])["literal@plain-tls.example"]
    assert sent.outcome == "clear", sent.reason


def test_exim_without_an_answer(relays, daemon, smarthost):
    """A port that is none is no destination: the question is not answered, and mail waits (L1)."""
    assert daemon.exim("[mx.hop-dane.example]:0") == daemon.exim("[mx.hop-dane.example]:submit") == ""
    exim = smarthost(NAME="mx.hop-dane.example", PORT=70000)
    sent = exim.send(["typo@plain-tls.example"])["typo@plain-tls.example"]
    assert sent.outcome in ("deferred", "lost"), sent.reason  # "lost": Exim itself may refuse the port


FALLBACKS = {"a relay whose TLSA records match": ("[mx.hop-dane.example]:587", "dane", "verified"),
             "a relay whose TLSA records do not": ("[mx.hop-wrong.example]:587", "deferred", "deferred"),
             "a relay without": ("[mx.hop-plain.example]:587", "encrypted", "encrypted")}
# Recipients' domains that cannot be reached: by their own fault, by their TLSA records, by their policy.
STUCK = ["sts-down.example", "dane-ee-mismatch.example", "sts-unlisted.example"]


@pytest.fixture(scope="module")
def stuck(lab, relays):
    domains.add(lab, row("sts-down", 300, zone=UNSIGNED, hosts=(Host(server="down"),), sts=Sts()))
    return STUCK


@pytest.mark.parametrize("case", FALLBACKS)
def test_exim_fallback(relays, stuck, smarthost, case):
    """FLOW-09: what could not be delivered directly goes to the fallback relay by the relay's own TLSA records and
    policy."""
    to, expected, _ = FALLBACKS[case]
    hop = Hop(to, expected, "")
    exim = use(smarthost, hop, is_fallback=True, IF="${if first_delivery {no}{yes}}")
    recipients = [f"fallback-{next(serial)}@{name}" for name in stuck]
    first = exim.send(recipients)
    assert {each.outcome for each in first.values()} == {"deferred"}, first
    subprocess.run(["exim4", "-qff"], check=True, timeout=60)
    with open(exim_files.LOG, errors="backslashreplace") as log:
        lines = log.readlines()
    for recipient in recipients:
        verify(relays, hop, exim_files.outcome(recipient, lines), expected)


# Postfix -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def configured(postfix):
    """configured("name=value", ...): with these lines of main.cf; afterwards everything is as it was."""
    files = [f"{postfix_files.CONFIG}/{name}" for name in ("main.cf", "master.cf")]
    before = {}
    for path in files:
        with open(path) as file:
            before[path] = file.read()

    def configure(*lines, services=()):
        for service in services:
            subprocess.run(["postconf", "-M", service], check=True)
        subprocess.run(["postconf", "-e", *lines], check=True)
        return postfix

    yield configure
    for path, text in before.items():
        write(path, text)
    postfix.forget()


# TLS from the first octet is a matter of the transport: what policy or default there is for it, it must be mandatory.
SMTPS = ("relay-smtps/unix=relay-smtps unix - - y - - smtp"
         " -o smtp_tls_wrappermode=yes -o smtp_tls_security_level=encrypt")


@pytest.fixture(scope="module")
def sent_by_postfix(request, lab, relays):
    """{case: Delivery} of all rows, in one batch: a transport for each recipient."""
    postfix = request.getfixturevalue("postfix")
    rows = {**HOPS, **WRAPPED, "V82": Hop(f"[{lab.addresses['mx.hop-plain.example'][0]}]:2525", "", "clear")}
    recipients = {case: f"hop-{next(serial)}@{hop.recipient}" for case, hop in rows.items()}
    with open(f"{postfix_files.CONFIG}/transport", "w") as table:
        for case, hop in rows.items():
            table.write(f"{recipients[case]} {'relay-smtps' if hop.port == 465 else 'smtp'}:{hop.to}\n")
    subprocess.run(["postconf", "-M", SMTPS], check=True)
    subprocess.run(["postconf", "-e", f"transport_maps=texthash:{postfix_files.CONFIG}/transport",
                    f"smtp_connect_timeout={PATIENCE}s"], check=True)
    sent = postfix.send(list(recipients.values()))
    subprocess.run(["postconf", "-X", "transport_maps", "smtp_connect_timeout"], check=True)
    subprocess.run(["postconf", "-MX", "relay-smtps/unix"], check=True)
    postfix.forget()
    return {case: sent[recipient] for case, recipient in recipients.items()}


@pytest.mark.parametrize("case", [*HOPS, *WRAPPED])
def test_postfix_transport(relays, sent_by_postfix, case):
    hop = {**HOPS, **WRAPPED}[case]
    verify(relays, hop, sent_by_postfix[case], hop.postfix)


def test_postfix_address_literal(sent_by_postfix):
    """V82, EDGE-01"""
    assert sent_by_postfix["V82"].outcome == "clear", sent_by_postfix["V82"].reason


@pytest.mark.parametrize("to, expected", [
    ("[mx.hop-dane.example]:587", "verified"), ("[mx.hop-wrong.example]:587", "deferred"),
    ("hop-second.example:587", "verified"), ("hop-unlisted.example:587", "deferred")])
def test_postfix_relayhost(relays, configured, to, expected):
    """EDGE-03, EDGE-04: whoever the mail is for."""
    hop = Hop(to, "", expected, host="mx2.hop-second.example" if "second" in to else "")
    names = ("plain-clear.example", "sts-unlisted.example", "dane-ee-mismatch.example")
    sent = configured(f"relayhost={to}").send([f"relayhost-{next(serial)}@{name}" for name in names])
    for delivery in sent.values():
        verify(relays, hop, delivery, expected)


@pytest.mark.parametrize("case", FALLBACKS)
def test_postfix_fallback(relays, stuck, configured, case):
    """FLOW-09"""
    to, _, expected = FALLBACKS[case]
    hop = Hop(to, "", expected)
    postfix = configured(f"smtp_fallback_relay={to}")
    for delivery in postfix.send([f"fallback-{next(serial)}@{name}" for name in stuck]).values():
        verify(relays, hop, delivery, expected)


# The daemon ----------------------------------------------------------------------------------------------------------


def test_what_the_daemon_is_asked_for(relays, daemon):
    """EDGE-05: Exim's question may name host and port; the answer is the verdict of `outrider query` for them."""
    for hop in {hop.to for hop in HOPS.values()}:
        verdict = ask(daemon, hop)
        assert verdict["port"] == int(re.search(r":(\d+)$", hop)[1]) if ":" in hop else 25
        assert daemon.exim(hop) == (verdict["exim"] + "\n" if verdict["exim"] else "")
    assert "_587._tcp.mx.hop-dane.example" in str(ask(daemon, "[mx.hop-dane.example]:587")["evidence"])
