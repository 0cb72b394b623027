"""The policy fetch against HTTPS servers of every kind (conformance area C).

Each test starts a server on 127.0.0.1, lets `fetch_probe` (the real fetcher behind a main function) fetch the
policy of example.org from it, and looks at what came of it and at what the server saw. Names and addresses are
independent: the probe is told the address, as the daemon would be by its own DNS lookups. So no test needs root,
a network namespace or the network.
"""
import contextlib
import datetime
import gzip
import json
import os
import pathlib
import socket
import ssl
import struct
import subprocess
import threading
import time
import warnings

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

BUILD = pathlib.Path(os.environ.get("OUTRIDER_BUILD", "build"))
PROBE = BUILD / "tests/unit/sts/fetch_probe"
HOST = "mta-sts.example.org"
POLICY = b"version: STSv1\nmode: enforce\nmx: mx.example.org\nmax_age: 86400\n"
LIMIT = 65536
DAY = datetime.timedelta(days=1)


# Certificates

class Issuer:
    """A CA with the certificates it has issued, as files."""

    def __init__(self, folder, name):
        self.folder, self.name = folder, name
        self.key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.cert = build(subject, subject, self.key, self.key, is_ca=True)
        self.file = folder / f"{name}.pem"
        self.file.write_bytes(pem(self.cert))
        self.issued = 0

    def issue(self, sans, common_name=None, start=-1, end=1, self_signed=False, usage=ExtendedKeyUsageOID.SERVER_AUTH,
              key=None):
        """A file with key and certificate; `start` and `end` in days from now."""
        key = key or ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)] if common_name else [])
        issuer, signer = (subject, key) if self_signed else (self.cert.subject, self.key)
        cert = build(subject, issuer, key, signer, sans=sans, start=start, end=end, usage=usage)
        self.issued += 1
        path = self.folder / f"{self.name}-{self.issued}.pem"
        path.write_bytes(pem(cert) + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        return path


def pem(cert):
    return cert.public_bytes(serialization.Encoding.PEM)


def build(subject, issuer, key, signer, sans=(), start=-1, end=1, is_ca=False, usage=None):
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
               .serial_number(x509.random_serial_number())
               .not_valid_before(now + start * DAY).not_valid_after(now + end * DAY)
               .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
               .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
               .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False))
    if sans:
        names = [san if isinstance(san, x509.GeneralName) else x509.DNSName(san) for san in sans]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    if usage:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    return builder.sign(signer, hashes.SHA256())


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    return Issuer(tmp_path_factory.mktemp("pki"), "ca")


@pytest.fixture(scope="module")
def good(pki):
    return pki.issue([HOST])


# Servers

def legacy_context(side):
    """One that still speaks TLS 1.0 and 1.1."""
    context = ssl.SSLContext(side)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


class Server:
    """Answers each TLS connection by calling respond(connection, request); keeps what clients sent."""

    def __init__(self, certificate, respond, maximum=None):
        self.respond = respond
        self.requests, self.names, self.errors = [], [], []
        self.connections = 0
        self.context = legacy_context(ssl.PROTOCOL_TLS_SERVER) if maximum else ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if maximum:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                self.context.maximum_version = maximum
        self.context.load_cert_chain(certificate)
        self.context.sni_callback = lambda sock, name, context: self.names.append(name)
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.closing = threading.Event()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while not self.closing.is_set():
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.handle, args=(connection,), daemon=True).start()

    def handle(self, connection):
        connection.settimeout(10)
        try:
            with self.context.wrap_socket(connection, server_side=True) as tls:
                request = b""
                while b"\r\n\r\n" not in request:
                    data = tls.recv(4096)
                    if not data:
                        return
                    request += data
                self.requests.append(request.decode("latin-1"))
                self.respond(tls, self)
                with contextlib.suppress(OSError):
                    tls.unwrap()
        except (OSError, ValueError) as error:
            self.errors.append(error)

    def close(self):
        self.closing.set()
        self.socket.close()


@pytest.fixture
def serve():
    servers = []

    def start(*args, **kwargs):
        servers.append(Server(*args, **kwargs))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def response(body=POLICY, status="200 OK", fields=("Content-Type: text/plain",), length=None):
    """A handler that sends one response; length=False leaves Content-Length out."""
    lines = [f"HTTP/1.1 {status}", *fields]
    if length is not False:
        lines.append(f"Content-Length: {len(body) if length is None else length}")
    return raw("\r\n".join(lines).encode() + b"\r\n\r\n" + body)


def raw(text):
    return lambda tls, server: tls.sendall(text)


def probe(pki, port, timeout_ms=5000, addresses=("127.0.0.1",), roots=None, env=None):
    command = [PROBE, roots or pki.file, "example.org", str(port), str(timeout_ms), *addresses]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, env={**os.environ, **(env or {})})
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 1, "done() is called exactly once"
    result = json.loads(lines[0])
    assert result["inside"] is False, "done() is never called from inside start()"
    if result["failure"]:
        assert result["reason"] and result["length"] == 0
    return result


def failed(result, failure, reason):
    assert (result["failure"], result["reason"]) == (failure, reason)


# The request

def test_the_request_is_that_of_rfc_8461(pki, good, serve):
    """STS-FETCH-01, STS-FETCH-02, STS-FETCH-10, STS-FETCH-19: what the server sees."""
    server = serve(good, response())
    result = probe(pki, server.port)
    assert (result["failure"], result["status"], result["body"]) == ("", 200, POLICY.decode())
    assert server.names == [HOST]
    request, *fields = server.requests[0].split("\r\n")
    fields = {name.lower(): value for name, _, value in (field.partition(": ") for field in fields if field)}
    assert request == "GET /.well-known/mta-sts.txt HTTP/1.1"
    assert fields["host"] == HOST
    assert fields["user-agent"].startswith("outrider/")
    assert not {"accept-encoding", "if-none-match", "if-modified-since", "cookie", "authorization", "te"} & set(fields)


def test_proxies_of_the_environment_are_not_used(pki, good, serve):
    server = serve(good, response())
    proxy = "http://127.0.0.1:1"
    result = probe(pki, server.port, env={"https_proxy": proxy, "HTTPS_PROXY": proxy, "ALL_PROXY": proxy})
    assert result["failure"] == ""


def test_http_caching_is_not_used(pki, good, serve):
    """STS-FETCH-10"""
    server = serve(good, response(fields=("Content-Type: text/plain", "Cache-Control: max-age=1", "ETag: \"a\"")))
    assert probe(pki, server.port)["failure"] == ""


# The certificate


def names(*words):
    return f"the certificate is for {', '.join(words)}, not for {HOST}"


NAMELESS = f"the certificate names no host (a Common Name does not count), so it is not for {HOST}"
CERTIFICATES = {
    "STS-FETCH-03 self-signed": (dict(sans=[HOST], self_signed=True),
                                 "the certificate is self-signed, and no root that counts here"),
    "STS-FETCH-03 expired": (dict(sans=[HOST], start=-3, end=-1), "the certificate has expired (on"),
    "STS-FETCH-03 not yet valid": (dict(sans=[HOST], start=1, end=3), "the certificate is not yet valid (before"),
    "STS-FETCH-03 wrong name": (dict(sans=["www.example.org"]), names("www.example.org")),
    "STS-FETCH-03 policy domain only": (dict(sans=["example.org"]), names("example.org")),
    "STS-FETCH-03 for clients only": (dict(sans=[HOST], usage=ExtendedKeyUsageOID.CLIENT_AUTH),
                                      "the certificate is not made for TLS servers"),
    "STS-FETCH-04 Common Name only": (dict(sans=[], common_name=HOST), NAMELESS),
    "STS-FETCH-04 Common Name beside a foreign name": (dict(sans=["www.example.org"], common_name=HOST),
                                                       names("www.example.org")),
    "STS-FETCH-04 Common Name beside a mail address": (
        dict(sans=[x509.RFC822Name("postmaster@example.org")], common_name=HOST), NAMELESS),
    "STS-FETCH-05 wildcard": (dict(sans=["*.example.org"]), ""),
    "STS-FETCH-05 another case": (dict(sans=["MTA-STS.Example.ORG"]), ""),
    "STS-FETCH-05 m*": (dict(sans=["m*.example.org"]), names("m*.example.org")),
    "STS-FETCH-05 *s": (dict(sans=["*s.example.org"]), names("*s.example.org")),
    "STS-FETCH-05 wildcard below": (dict(sans=["*.mta-sts.example.org"]), names("*.mta-sts.example.org")),
    "STS-FETCH-05 wildcard of two labels": (dict(sans=["*.org"]), names("*.org")),
    "STS-FETCH-05 wildcard in the middle": (dict(sans=["mta-sts.*.org"]), names("mta-sts.*.org")),
    "STS-FETCH-06 CNAME target only": (dict(sans=["policies.provider.example"]), names("policies.provider.example")),
}


@pytest.mark.parametrize("name", CERTIFICATES)
def test_certificate(pki, serve, name):
    plan, reason = CERTIFICATES[name]
    server = serve(pki.issue(**plan), response())
    result = probe(pki, server.port)
    if reason:
        assert (result["failure"], result["reason"][:len(reason)]) == ("sts-webpki-invalid", reason)
        judged = {"accepted": False, "depth": 0, "reason": result["reason"], "sent": 1, "root": None, "expires_at": 0}
        assert judged.items() <= result["judgement"].items(), "the chain that was refused is handed over"
        assert server.requests == [], "nothing is asked of a server that is not authenticated"
    else:
        assert result["failure"] == ""


def test_a_root_that_is_not_among_the_anchors(pki, serve, tmp_path):
    """STS-FETCH-03, LOCALITY: only the anchor set of the destination counts, not that of the system."""
    other = Issuer(tmp_path, "other")
    server = serve(other.issue([HOST]), response())
    reason = 'the certificate is signed by "other", which the server did not send and which is no root that counts here'
    failed(probe(pki, server.port), "sts-webpki-invalid", reason)
    env = {"SSL_CERT_FILE": str(other.file), "CURL_CA_BUNDLE": str(other.file)}
    failed(probe(pki, server.port, env=env), "sts-webpki-invalid", reason)
    assert probe(other, server.port)["failure"] == ""


def test_the_chain_is_handed_over_with_the_policy(pki, good, serve):
    """What a policy fetch has seen is recorded by others: the chain as sent, the path, the root, the first end."""
    ends = {round(x509.load_pem_x509_certificate(file.read_bytes()).not_valid_after.replace(
        tzinfo=datetime.timezone.utc).timestamp()) for file in (good, pki.file)}
    judged = probe(pki, serve(good, response()).port)["judgement"]
    assert judged == {"accepted": True, "depth": -1, "reason": "", "sent": 1, "path": 2, "root": "ca", "expires_at": min(ends)}


@pytest.mark.parametrize("maximum", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_the_chain_is_handed_over_whatever_comes_after(pki, good, serve, maximum, tmp_path):
    """Also with each version of TLS: accepted, and no policy; refused."""
    server = serve(good, response(status="404 Not Found"), maximum)
    result = probe(pki, server.port)
    assert (result["failure"], result["judgement"]["accepted"]) == ("sts-policy-fetch-error", True)
    judged = probe(Issuer(tmp_path, "other"), server.port)["judgement"]
    assert (judged["accepted"], judged["depth"], judged["sent"]) == (False, 0, 1)


def test_without_a_handshake_there_is_no_chain(pki, serve):
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        result = probe(pki, deaf.getsockname()[1], timeout_ms=200)
    assert (result["failure"], result["judgement"]) == ("sts-policy-fetch-error", None)


LAX_OPENSSL = """openssl_conf = init
[init]
ssl_conf = ssl
[ssl]
system_default = lax
[lax]
MinProtocol = TLSv1
CipherString = ALL:@SECLEVEL=0
"""


def test_tls_before_1_2(pki, good, serve, tmp_path):
    """STS-FETCH-07: also where the system's settings would permit it."""
    server = serve(good, response(), maximum=ssl.TLSVersion.TLSv1_1)
    client = legacy_context(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", server.port)) as plain, client.wrap_socket(plain) as tls:
        assert tls.version() == "TLSv1.1", "the server does speak it, to those who want it"
    server.connections = 0
    (tmp_path / "openssl.cnf").write_text(LAX_OPENSSL)
    result = probe(pki, server.port, env={"OPENSSL_CONF": str(tmp_path / "openssl.cnf")})
    assert result["failure"] == "sts-policy-fetch-error"
    assert server.connections == 1, "no second try with anything weaker"
    assert server.requests == []


def test_a_weak_key(pki, serve, tmp_path):
    """STS-FETCH-03: whatever the system's settings would permit."""
    weak = pki.issue([HOST], key=rsa.generate_private_key(public_exponent=65537, key_size=1024))
    (tmp_path / "openssl.cnf").write_text(LAX_OPENSSL)
    result = probe(pki, serve(weak, response(), maximum=ssl.TLSVersion.TLSv1_3).port,
                   env={"OPENSSL_CONF": str(tmp_path / "openssl.cnf")})
    failed(result, "sts-webpki-invalid", "the certificate has a key that is too weak (RSA needs 2048 bits)")


def test_tls_1_2(pki, good, serve):
    assert probe(pki, serve(good, response(), maximum=ssl.TLSVersion.TLSv1_2).port)["failure"] == ""


# The response

@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(pki, good, serve, status):
    """STS-FETCH-08: not even to the same host."""
    server = serve(good, response(b"", f"{status} Moved", [f"Location: https://{HOST}/policy", "Content-Type: text/plain"]))
    result = probe(pki, server.port)
    failed(result, "sts-policy-fetch-error", f"HTTP status {status}, and redirects are not followed")
    assert result["status"] == status
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [203, 204, 206, 304, 400, 403, 404, 410, 500, 503])
def test_only_200_yields_a_policy(pki, good, serve, status):
    """STS-FETCH-09"""
    body = b"" if status in (204, 304) else POLICY
    result = probe(pki, serve(good, response(body, f"{status} Words")).port)
    assert result["failure"] == "sts-policy-fetch-error"
    assert result["reason"].startswith(f"HTTP status {status}")
    assert result["status"] == status


TYPES = {
    "text/plain": "", "TEXT/PLAIN": "", "text/plain; charset=utf-8": "", "text/plain;charset=US-ASCII": "",
    "text/plain; charset=iso-8859-1": "", "text/plain; format=flowed": "",
    "text/html": 'media type is not text/plain: "text/html"',
    "application/octet-stream": 'media type is not text/plain: "application/octet-stream"',
    "text/plainer": 'media type is not text/plain: "text/plainer"',
}


@pytest.mark.parametrize("media_type", TYPES)
def test_media_type(pki, good, serve, media_type):
    """STS-FETCH-11"""
    result = probe(pki, serve(good, response(fields=[f"Content-Type: {media_type}"])).port)
    failed(result, "sts-policy-fetch-error" if TYPES[media_type] else "", TYPES[media_type])


def test_missing_media_type(pki, good, serve):
    """STS-FETCH-11"""
    failed(probe(pki, serve(good, response(fields=[])).port), "sts-policy-fetch-error", "no media type")


@pytest.mark.parametrize("length", [LIMIT, LIMIT + 1])
@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_size_limit(pki, good, serve, length, framing):
    """STS-FETCH-13: 65536 octets are a policy, one more is none, however framed."""
    body = b"x" * length
    if framing == "length":
        handler = response(body)
    elif framing == "close":
        handler = response(body, length=False)
    else:
        chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part)
                          for part in (body[at:at + 5000] for at in range(0, length, 5000)))
        handler = response(chunks + b"0\r\n\r\n", fields=["Content-Type: text/plain", "Transfer-Encoding: chunked"],
                           length=False)
    result = probe(pki, serve(good, handler).port)
    if length > LIMIT:
        failed(result, "sts-policy-fetch-error", "body of more than 65536 octets")
    else:
        assert (result["failure"], result["length"]) == ("", LIMIT)


def endless(head, piece):
    def respond(tls, server):
        tls.sendall(head)
        while not server.closing.is_set():
            tls.sendall(piece)
    return respond


ENDLESS = {
    "body": (b"Content-Type: text/plain\r\n\r\n", b"x" * 4096, "body of more than 65536 octets"),
    "chunks": (b"Content-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n", b"100\r\n" + b"x" * 256 + b"\r\n",
               "body of more than 65536 octets"),
    "header": (b"", b"X-Field: " + b"x" * 100 + b"\r\n", "header of more than 32768 octets"),
    "interim responses": (b"\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", "header of more than 32768 octets"),
}


@pytest.mark.parametrize("kind", ENDLESS)
def test_what_has_no_end_is_ended(pki, good, serve, kind):
    """STS-FETCH-13"""
    head, piece, reason = ENDLESS[kind]
    status = b"HTTP/1.1 100 Continue\r\n" if kind == "interim responses" else b"HTTP/1.1 200 OK\r\n"
    start = time.monotonic()
    failed(probe(pki, serve(good, endless(status + head, piece)).port), "sts-policy-fetch-error", reason)
    assert time.monotonic() - start < 3, "by its size, not by the deadline"


@pytest.mark.parametrize("where", ["header", "body"])
def test_a_slow_drip_does_not_extend_the_deadline(pki, good, serve, where):
    """STS-FETCH-12"""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 60\r\n\r\n"

    def respond(tls, server):
        tls.sendall(head if where == "body" else b"HTTP/1.1 200 OK\r\nX: ")
        while not server.closing.wait(0.05):
            tls.sendall(b"x")

    start = time.monotonic()
    result = probe(pki, serve(good, respond).port, timeout_ms=1000)
    failed(result, "sts-policy-fetch-error", "no complete answer within 1.0 s")
    assert 0.9 < time.monotonic() - start < 2


def test_a_silent_server_meets_the_deadline(pki):
    """STS-FETCH-12: also before TLS has begun."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        start = time.monotonic()
        result = probe(pki, silent.getsockname()[1], timeout_ms=500)
    failed(result, "sts-policy-fetch-error", "no complete answer within 0.5 s")
    assert time.monotonic() - start < 2


def test_a_body_shorter_than_announced(pki, good, serve):
    """STS-FETCH-13: a truncated body is never parsed."""
    failed(probe(pki, serve(good, response(length=len(POLICY) + 1)).port), "sts-policy-fetch-error",
           "the body ends too early")


def test_chunks_without_an_end(pki, good, serve):
    """STS-FETCH-13"""
    handler = response(b"%x\r\n%s\r\n" % (len(POLICY), POLICY), length=False,
                       fields=["Content-Type: text/plain", "Transfer-Encoding: chunked"])
    assert probe(pki, serve(good, handler).port)["failure"] == "sts-policy-fetch-error"


def test_a_connection_cut_without_close_notify_is_a_truncation(pki, good, serve):
    """STS-FETCH-13: without length and chunks only TLS itself tells the end of the body from an attacker's cut."""
    def respond(tls, server):
        response(length=False)(tls, server)
        tls.shutdown(socket.SHUT_RDWR)

    failed(probe(pki, serve(good, respond).port), "sts-policy-fetch-error",
           "the connection was cut, so the body may not be whole")
    failed(probe(pki, serve(good, respond, maximum=ssl.TLSVersion.TLSv1_2).port), "sts-policy-fetch-error",
           "the connection was cut, so the body may not be whole")


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_whole_body_needs_no_close_notify(pki, good, serve, framing):
    """Servers that hang up without a word are many; length or chunks have told where the body ends."""
    handler = response() if framing == "length" else response(
        b"%x\r\n%s\r\n0\r\n\r\n" % (len(POLICY), POLICY), length=False,
        fields=["Content-Type: text/plain", "Transfer-Encoding: chunked"])

    def respond(tls, server):
        handler(tls, server)
        tls.shutdown(socket.SHUT_RDWR)

    assert probe(pki, serve(good, respond).port)["failure"] == ""


CODINGS = {
    "gzip body": (gzip.compress(POLICY), "Content-Encoding: gzip", 'content coding that was not asked for: "gzip"'),
    "bomb": (gzip.compress(b"x" * 10_000_000), "Content-Encoding: gzip", 'content coding that was not asked for: "gzip"'),
    "plain body called gzip": (POLICY, "Content-Encoding: gzip", 'content coding that was not asked for: "gzip"'),
    "br": (POLICY, "content-encoding: br", 'content coding that was not asked for: "br"'),
    "identity": (POLICY, "Content-Encoding: identity", ""),
}


@pytest.mark.parametrize("coding", CODINGS)
def test_content_coding(pki, good, serve, coding):
    """STS-FETCH-19"""
    body, field, reason = CODINGS[coding]
    result = probe(pki, serve(good, response(body, fields=["Content-Type: text/plain", field])).port)
    failed(result, "sts-policy-fetch-error" if reason else "", reason)


def test_a_compressed_transfer_is_refused(pki, good, serve):
    """STS-FETCH-19"""
    body = gzip.compress(POLICY)
    handler = response(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body), length=False,
                       fields=["Content-Type: text/plain", "Transfer-Encoding: gzip, chunked"])
    failed(probe(pki, serve(good, handler).port), "sts-policy-fetch-error",
           'transfer coding that was not asked for: "gzip, chunked"')


@pytest.mark.parametrize("text", [b"", b"hello\r\n", b"\x00\x01\x02", b"HTTP/0.9 what\r\n\r\n", b"HTTP/1.1 20", b"220 mx ESMTP\r\n"])
def test_what_is_no_http(pki, good, serve, text):
    result = probe(pki, serve(good, raw(text)).port)
    assert result["failure"] == "sts-policy-fetch-error"


def test_a_body_with_odd_bytes_arrives_as_it_is(pki, good, serve):
    """The parser judges it, not the fetch."""
    result = probe(pki, serve(good, response(b"a\x00b\r\n\xff")).port)
    assert (result["failure"], result["length"], result["body"]) == ("", 6, None)


# Addresses

def test_connection_refused(pki):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    failed(probe(pki, port), "sts-policy-fetch-error", "cannot connect: Connection refused")


@pytest.mark.parametrize("addresses", [("127.0.0.2", "127.0.0.1"), ("127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.1"),
                                       ("::1", "127.0.0.1"), ("127.0.0.1", "::1")])
def test_the_next_address_is_tried(pki, good, serve, addresses):
    server = serve(good, response())
    assert probe(pki, server.port, addresses=addresses)["failure"] == ""
    assert server.names == [HOST]


def test_an_address_that_swallows_everything_leaves_time_for_the_next(pki, good, serve):
    """One deadline for all addresses, not all of it for the first."""
    server = serve(good, response())
    hole = socket.socket()
    hole.bind(("127.0.0.9", server.port))
    hole.listen(0)
    fillers = []
    for _ in range(4):  # with a full backlog the kernel drops further SYNs
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex(("127.0.0.9", server.port))
        fillers.append(filler)
    time.sleep(0.1)
    try:
        assert probe(pki, server.port, timeout_ms=4000, addresses=("127.0.0.9", "127.0.0.1"))["failure"] == ""
    finally:
        for sock in (hole, *fillers):
            sock.close()


def test_the_server_resets_the_connection(pki):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def reset():
            connection, _ = listener.accept()
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
        threading.Thread(target=reset, daemon=True).start()
        result = probe(pki, listener.getsockname()[1])
    assert result["failure"] == "sts-policy-fetch-error"
