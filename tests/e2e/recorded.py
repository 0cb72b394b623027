"""A store with what outriderd would have recorded over months, for commands that only look at it: destinations by the
thousand, roots, dates, changes. No lab, no daemon.

    record = Recorded(build, folder, roots={"a": "Root A", "b": "Root B"})
    record.add("example.org", mode="enforce", policy="a", mx={"mx.example.org": "b"}, dane=(), traffic=5)
    record.write()                       # record.config names the store and the roots
"""

import datetime
import os
import sqlite3
import subprocess
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = 86400
PERIOD = 60  # days, of a server's certificate


class Recorded:
    """In memory until it is written."""

    def __init__(self, build, folder, roots, owners=None):
        """roots: {short name: common name}; owners: {short name: organisation}."""
        self.folder, self.now = folder, int(time.time())
        self.store, self.config = os.path.join(folder, "outrider.db"), os.path.join(folder, "outrider.conf")
        self.bundle = os.path.join(folder, "roots.pem")
        self._build, self._tables, self._made = build, [], {}
        self._chains, self._serial = {}, 1
        self.roots = {key: self._authority(name, (owners or {}).get(key)) for key, name in roots.items()}
        self.middles = {}

    # certificates

    def _sign(self, subject, key, issuer, signer, days, extensions):
        def when(offset):
            return datetime.datetime.fromtimestamp(self.now + offset * DAY, datetime.timezone.utc)
        self._serial += 1
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key()) \
            .serial_number(self._serial).not_valid_before(when(-days)).not_valid_after(when(days))
        for extension, is_critical in extensions:
            builder = builder.add_extension(extension, is_critical)
        return builder.sign(signer, hashes.SHA256())

    def _authority(self, name, owner=None, issuer=None):
        key = ec.generate_private_key(ec.SECP256R1())
        words = [x509.NameAttribute(NameOID.COMMON_NAME, name)]
        words += [x509.NameAttribute(NameOID.ORGANIZATION_NAME, owner)] if owner else []
        subject = x509.Name(words)
        signer, above = (issuer[0], issuer[1].subject) if issuer else (key, subject)
        ca = (x509.BasicConstraints(ca=True, path_length=None), True)
        return key, self._sign(subject, key, above, signer, 700, (ca,))

    def middle(self, root, name):
        """A CA between, below this root: chains for it are asked for as (root, name)."""
        if (root, name) not in self.middles:
            self.middles[root, name] = self._authority(name, None, self.roots[root])
        return self.middles[root, name]

    def _chain(self, host, kind, end):
        """(ids of the certificates, the root): kind is a root, or (root, name of a CA between)."""
        root, name = kind if isinstance(kind, tuple) else (kind, None)
        key, certificate = self.middle(root, name) if name else self.roots[root]
        if (host, kind, end) not in self._made:
            leaf_key = self._made.setdefault("key", ec.generate_private_key(ec.SECP256R1()))
            leaf = self._sign(x509.Name([]), leaf_key, certificate.subject, key, end,
                              ((x509.SubjectAlternativeName([x509.DNSName(host)]), True),))
            self._made[host, kind, end] = [self._keep(each) for each in ([leaf, certificate] if name else [leaf])]
        return self._made[host, kind, end], self._keep(self.roots[root][1])

    def _keep(self, certificate):
        sha256 = certificate.fingerprint(hashes.SHA256()).hex()
        self._put("INSERT OR IGNORE INTO certificates VALUES (?, ?)", sha256,
                  certificate.public_bytes(serialization.Encoding.DER))
        return sha256

    # rows

    def _put(self, statement, *values):
        self._tables.append((statement, values))

    def see(self, domain, role, host, kind, end=PERIOD, before=None, changed=0):
        """A sighting. before, changed: the root that the host had until so many days ago."""
        chain, root = self._chain(host, kind, end)
        text = " ".join(chain)
        if text not in self._chains:
            self._chains[text] = len(self._chains) + 1
            self._put("INSERT INTO chains VALUES (?, ?)", self._chains[text], text)
        former = self._keep(self.roots[before][1]) if before else ""
        self._put("INSERT INTO sightings VALUES (?, ?, ?, 'probe', ?, ?, ?, '', ?, ?, ?)", domain, role, host,
                  self.now - DAY, self._chains[text], root, self.now + end * DAY, former,
                  self.now - changed * DAY if before else 0)

    def add(self, domain, mode="enforce", policy=None, mx=None, dane=(), traffic=0.0, unseen=(), **more):
        """mx: {host: kind of chain}; dane: those of the hosts that have it; unseen: hosts of which no chain is known."""
        hosts = [*(mx or {}), *unseen, *(host for host in dane if host not in (mx or {}))]
        if mode:
            body = "".join(f"{line}\r\n" for line in
                           ("version: STSv1", f"mode: {mode}", *(f"mx: {host}" for host in hosts), "max_age: 864000"))
            self._put("INSERT INTO sts (domain, mode, id, body, fetched_at, expires_at, failure, error, tried_id, tried_at,"
                      " retry_at, failures) VALUES (?, ?, '1', ?, ?, ?, '', '', '', 0, 0, 0)",
                      domain, mode, body.encode(), self.now - DAY, self.now - DAY + 864000)
        if hosts:
            words = " ".join(host + ("/dane" if host in dane else "") for host in sorted(hosts))
            self._put("INSERT INTO destinations VALUES (?, ?, ?, ?)", domain, words, float(traffic), self.now)
        if policy:
            self.see(domain, "policy", f"mta-sts.{domain}", policy)
        for host, kind in (mx or {}).items():
            self.see(domain, "mx", host, kind, **more)

    def write(self):
        """The store, as outriderd makes it, with these rows; the roots; the configuration."""
        with open(self.bundle, "wb") as file:
            file.writelines(certificate.public_bytes(serialization.Encoding.PEM) for _, certificate in self.roots.values())
        with open(self.config, "w") as file:
            file.write(f'store {{ path = "{self.store}" }}\nanchors "default" {{ roots = "{self.bundle}" }}\n')
        made = subprocess.run([os.path.join(self._build, "tests/unit/store/put_exception"), self.store, self.bundle, "none.example",
                               str(self.now + DAY), "makes the store"], capture_output=True, text=True)
        assert made.returncode == 0, made.stderr
        with sqlite3.connect(self.store) as store:
            store.execute("DELETE FROM exceptions")
            for statement, values in self._tables:
                store.execute(statement, values)
        store.close()
        return self
