"""Certificates of every kind, and TLSA records from them.

A certificate is asked for in words: an issuer, then what is wrong with it.

    lab        issued by the lab's CA, the only one that stands in the lab's system bundle
    other      issued by a CA that nobody trusts
    private    issued by a CA that only DANE-TA records can vouch for; sent with its root
    g1         issued by a CA that leaves the bundle in the story of that name
    self       self-signed
    ...
    expired    valid until a week ago
    future     valid from tomorrow on
    clients    for TLS clients only
    servers    for TLS servers, and it says so: no flaw
    foreign    for a name that has nothing to do with the destination
    domain     for the mail domain instead of the host
    cn-only    the name stands in the subject only
    no-dns     the same, beside an e-mail address and an IP address
    rootless   the chain is sent without its root
    rooted     the chain is sent with its root, for issuers that do not do so anyway

"private expired" is a chain of the private CA whose leaf has expired.
"""

import dataclasses
import datetime
import hashlib
import ipaddress
import itertools
import os

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

ISSUERS = ("lab", "other", "private", "g1", "self")
FLAWS = ("expired", "future", "clients", "servers", "foreign", "domain", "cn-only", "no-dns", "rootless", "rooted")
FOREIGN_NAME = "somebody-else.example"
DAY = datetime.timedelta(days=1)


@dataclasses.dataclass(frozen=True)
class Chain:
    """What a server presents: leaf first. pem holds key and chain, as servers like it."""

    certificates: tuple
    pem: str

    @property
    def leaf(self):
        return self.certificates[0]


class Certificates:
    """The lab's PKI. Keys are made afresh each time; nothing here is worth keeping."""

    def __init__(self, folder):
        self._folder, self._serial = folder, itertools.count(1)
        os.makedirs(folder, exist_ok=True)
        self._authorities = {name: self._new_authority(name) for name in ISSUERS if name != "self"}
        self.bundle = os.path.join(folder, "lab-ca.pem")  # the lab's "system" roots
        with open(self.bundle, "wb") as file:
            file.write(_pem(self._authorities["lab"][1]))

    def _new_authority(self, name):
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _subject(f"Outrider lab, {name} CA")
        certificate = _sign(subject, key.public_key(), subject, key, -30 * DAY, 365 * DAY, (
            (x509.BasicConstraints(ca=True, path_length=None), True),
            (x509.KeyUsage(False, False, False, False, False, True, True, False, False), True),
            (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)))
        return key, certificate

    def authority(self, name):
        """The certificate of a CA."""
        return self._authorities[name][1]

    def signer(self, name):
        """Key and certificate of a CA, for chains that issue() has no word for."""
        return self._authorities[name]

    def issue(self, kind, host, domain=""):
        """A fresh chain of this kind for a host (of a mail domain)."""
        issuer, *flaws = kind.split()
        if issuer not in ISSUERS or not set(flaws) <= set(FLAWS):
            raise ValueError(f"no such kind of certificate: {kind}")
        key = ec.generate_private_key(ec.SECP256R1())
        name = FOREIGN_NAME if "foreign" in flaws else domain if "domain" in flaws else host
        subject = _subject(name[:64])  # the limit of a common name
        signer, root = (key, None) if issuer == "self" else self._authorities[issuer]
        end = -7 * DAY if "expired" in flaws else 90 * DAY
        extensions = [(x509.BasicConstraints(ca=False, path_length=None), True)]
        names = [] if "cn-only" in flaws else [x509.DNSName(name)]
        if "no-dns" in flaws:
            names = [x509.RFC822Name(f"postmaster@{name}"), x509.IPAddress(ipaddress.ip_address("192.0.2.1"))]
        if names:
            extensions.append((x509.SubjectAlternativeName(names), False))
        if "clients" in flaws:
            extensions.append((x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False))
        if "servers" in flaws:
            usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
            extensions.append((x509.ExtendedKeyUsage(usages), False))
        begin = DAY if "future" in flaws else -20 * DAY
        leaf = _sign(subject, key.public_key(), root.subject if root else subject, signer, begin, end, extensions)
        sends_root = root is not None and ("rooted" in flaws or issuer == "private" and "rootless" not in flaws)
        return self._store(key, (leaf, root) if sends_root else (leaf,), f"{host}-{kind}".replace(" ", "-"))

    def issue_below(self, host):
        """A chain of a CA below the lab's, sent without the root; returns it and that CA's certificate."""
        ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        signer, root = self._authorities["lab"]
        ca = _sign(_subject("Outrider lab, CA below"), ca_key.public_key(), root.subject, signer, -20 * DAY, 90 * DAY,
                   [(x509.BasicConstraints(ca=True, path_length=0), True)])
        leaf = _sign(_subject(host[:64]), key.public_key(), ca.subject, ca_key, -20 * DAY, 90 * DAY,
                     [(x509.BasicConstraints(ca=False, path_length=None), True),
                      (x509.SubjectAlternativeName([x509.DNSName(host)]), False)])
        return self._store(key, (leaf, ca), f"{host}-below"), ca

    def _store(self, key, certificates, name):
        path = os.path.join(self._folder, f"{name}-{next(self._serial)}.pem")  # two of a kind are two keys
        with open(path, "wb") as file:
            file.write(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                         serialization.NoEncryption()))
            for certificate in certificates:
                file.write(_pem(certificate))
        return Chain(tuple(certificates), path)

    def tlsa(self, record, chain):
        """Rdata of a TLSA record that a scenario asks for: "3 1 1", "2 0 1 wrong", "3 1 1 short"."""
        usage, selector, mtype, *fault = record.split()
        # 0 and 2 speak of a CA, 1 and 3 of the server's own certificate (RFC 6698 §2.1.1).
        certificate = chain.certificates[-1] if usage in "02" and len(chain.certificates) > 1 else \
            self.authority("private") if usage in "02" else chain.leaf
        data = certificate.public_bytes(serialization.Encoding.DER) if selector == "0" else \
            certificate.public_key().public_bytes(serialization.Encoding.DER,
                                                  serialization.PublicFormat.SubjectPublicKeyInfo)
        if mtype != "0":
            data = (hashlib.sha512 if mtype == "2" else hashlib.sha256)(data).digest()
        if fault == ["wrong"]:
            data = hashlib.sha256(b"another key").digest()
        elif fault == ["short"]:
            data = data[:16]
        return f"{usage} {selector} {mtype} {data.hex()}"


def _subject(name):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM)


def _sign(subject, public_key, issuer, signer, begin, end, extensions):
    now = datetime.datetime.utcnow()
    builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(public_key)
               .serial_number(x509.random_serial_number()).not_valid_before(now + begin).not_valid_after(now + end))
    for extension, is_critical in extensions:
        builder = builder.add_extension(extension, is_critical)
    return builder.sign(signer, hashes.SHA256())
