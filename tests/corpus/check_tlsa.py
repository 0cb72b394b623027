#!/usr/bin/python3
"""Run `outrider lint tlsa` and `outrider tlsa match` on what the test suites of others contain.

usage: tests/corpus/check_tlsa.py FOLDER

Where a table describes a chain instead of giving one ("leaf, TA"), it is generated here. Cases about DNS, about
connections or about settings that these commands do not have are counted as not ours.
docs/corpus-tlsa.md has a sentence for every disagreement that stays.
"""
import datetime
import hashlib
import json
import re

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from harness import Case, each, main, outrider, rows

AT = datetime.datetime(2026, 1, 1)
MONTH = datetime.timedelta(days=30)


class Cert:
    """A certificate with its key; names are octets, so that odd ones can be made as well."""

    def __init__(self, subject, issuer=None, dns_id=None, until=AT + MONTH):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, subject)] if subject else [])
        signer = issuer or self
        builder = (x509.CertificateBuilder().subject_name(self.name).issuer_name(signer.name)
                   .public_key(self.key.public_key()).serial_number(x509.random_serial_number())
                   .not_valid_before(until - 2 * MONTH).not_valid_after(until))
        if dns_id is None:
            builder = builder.add_extension(x509.BasicConstraints(True, None), True)
        else:
            builder = builder.add_extension(alternative_name(dns_id), False)
        self.cert = builder.sign(signer.key, hashes.SHA256())

    def pem(self):
        return self.cert.public_bytes(Encoding.PEM)

    def selected(self, selector):
        if selector == "0":
            return self.cert.public_bytes(Encoding.DER)
        return self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def der(tag, content):
    length = len(content)
    size = b"" if length < 128 else length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([tag, 128 | len(size) if size else length]) + size + content


def alternative_name(dns_id):
    return x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.17"), der(0x30, der(0x82, dns_id)))


def associate(octets, mtype):
    return {"0": lambda o: o, "1": lambda o: hashlib.sha256(o).digest(), "2": lambda o: hashlib.sha512(o).digest()}[
        mtype](octets)


def record(text, certs):
    """"3 1 1 leaf SPKI" and the like as "3 1 1 HEX"; None if it says something else."""
    words = re.match(r"(\d+) (\d+) (\d+) (.*)", text)
    if words is None:
        return None
    usage, selector, mtype, data = words.groups()
    what = re.sub(r",? (SPKI|only|DANE-EE|allowed)\b.*", "", data)
    if re.fullmatch(r"[0-9a-fA-F]+", data):
        octets = bytes.fromhex(data)
    elif data == "zeros":
        octets = bytes({"1": 32, "2": 64}[mtype])
    elif re.fullmatch(r"\((\d+) zero octets\)", data):
        octets = bytes(int(data.split()[0][1:]))
    elif data == "first 16 octets only":
        octets = associate(certs["leaf"].selected(selector), mtype)[:16]
    elif data.endswith(" without its first octet"):
        octets = associate(certs[data.split()[0]].selected(selector), mtype)[1:]
    elif what in certs:
        octets = associate(certs[what].selected(selector), mtype)
    else:
        return None
    return f"{usage} {selector} {mtype} {octets.hex()}"


def match(records, pem, name, at=None):
    """What `tlsa match` says, in the words of the tables."""
    arguments = [word for text in records for word in ("--tlsa", text)]
    arguments += ["--at", at] if at else []
    found = outrider("tlsa", "match", "--json", "--name", name, "--chain", "-", *arguments, stdin=pem)
    if found["authenticated"]:
        return "success"
    if found["reason"].startswith("--"):
        return "refused"  # the option that was no record or no chain
    return "failure" if found["usable"] else "unusable"


def chain_of(row):
    """The generated certificates that a row speaks of, by their names in it."""
    is_expired = "expired" in row["server_chain"] or "expired in" in row["remark"]
    certs = {"root": Cert("Root")}
    certs["TA"] = certs["root"]
    certs["intermediate"] = Cert("Intermediate", certs["root"])
    issuer = certs["TA"] if "TA" in row["source"] or "leaf, TA" in row["source"] else certs["intermediate"]
    name = "localhost" if "localhost" in row["source"] else "mx.foobar.org"
    certs["leaf"] = Cert("", issuer, name.encode(), AT - MONTH if is_expired else AT + MONTH)
    parts = [part.replace("expired", "").replace("only", "").strip() for part in row["server_chain"].split(",")]
    return certs, b"".join(certs[part].pem() for part in parts)


def read_cert(path):
    octets = path.read_bytes()
    return octets if octets.startswith(b"-----") else x509.load_der_x509_certificate(octets).public_bytes(Encoding.PEM)


def compare(row, ours):
    """The first word of what is expected; "TLS required" is what we call unusable."""
    expected = row["expected"].split()[0].rstrip(":;(,")
    if "TLS required, no authentication" in row["expected"]:
        expected = "unusable"
    if ours == "unusable" and expected == "failure":
        ours = "failure"  # not authenticated; what follows from it is not in the table
    return Case(row["case"], expected, ours, row["remark"])


def not_ours(row, why):
    return Case(row["case"], row["expected"], "", row["remark"], skipped=why)


def check_usability(row):
    text = record(row["tlsa_records"], {})
    found = outrider("lint", "tlsa", "--json", text)
    return Case(row["case"], row["expected"], "usable" if found["usable"] else "unusable", row["remark"])


def zone_records(folder, host):
    """The TLSA records of a host that the zone marks as secure. A line without owner goes on with the last."""
    found, owner = [], ""
    for zone in sorted((folder / "exim").glob("db.*")):
        for line in zone.read_text().splitlines():
            line = re.sub(r"^DNSSEC\b", "", line)
            if (words := re.match(r"\s*(\S*)\s+TLSA\s+(.*)", line)) is None:
                continue
            owner = words[1] or owner
            if owner == f"_PORT_D._tcp.{host}":
                found.append(words[2])
    return found


def check_exim(folder, row):
    if re.search(r"insecure|lookup|NXDOMAIN|CNAME|DANE only|temporary|^same", row["tlsa_records"]):
        return not_ours(row, "DNS")
    name = row["reference_name"]
    target = re.search(r"MX -> (\w+)", row["tlsa_records"])
    host = target[1] if target else name.split(".")[0]
    server = "net" if name.endswith("example.com") else "com"  # as the comment in the zone says
    pem = (folder / "exim/certs" / f"example.{server}_server1.example.{server}_fullchain.pem").read_bytes()
    ours = match(zone_records(folder, host), pem, f"{host}.{name.split('.', 1)[1]}")
    expected = "success" if row["expected"].startswith("delivered with DANE") else "failure"
    return Case(row["case"], expected, ours, row["remark"])


def check_case(folder, row):
    group, chain = row["group"], row["server_chain"]
    if group == "usability":
        return check_usability(row)
    if group == "exim":
        return check_exim(folder, row)
    if group == "discovery" or "insecure" in row["expected"] + row["tlsa_records"]:
        return not_ours(row, "DNS")
    if chain.startswith("(") or not row["tlsa_records"] or row["tlsa_records"] == "none":
        return not_ours(row, "no chain or no record")
    if "allowed" in row["tlsa_records"]:
        return not_ours(row, "a setting")
    if "/" in chain:
        certs, pem = {}, b"".join(read_cert(folder / file) for file in chain.split())
    else:
        certs, pem = chain_of(row)
    texts = row["tlsa_records"].split("; ")
    name = row["reference_name"]
    if "name " in texts[-1]:  # "2 0 1 TA, name example."
        texts[-1], name = re.match(r"(.*), name (\S+)", texts[-1]).groups()
    records = [record(text, certs) or text for text in texts]
    if not any(record(text, certs) for text in texts) and "TLSA" in row["tlsa_records"]:
        return not_ours(row, "DNS")
    at = re.search(r"verification time ([0-9TZ:-]+)", row["source"])
    generated = AT.isoformat() + "Z" if certs else None
    return compare(row, match(records, pem, name, at[1] if at else generated))


def cases(folder):
    return each(lambda row: check_case(folder / "tlsa", row), rows(folder / "tlsa" / "cases.tsv"))


def presentation(folder):
    """A line is accepted if it parses; the octets are printed again by a match that cannot succeed."""
    def check(row):
        line = row["zone_line"].replace("\\t", "\t").replace("\\\\", "\\")
        found = outrider("lint", "tlsa", "--json", "--", line)
        ours, expected = "accept" if found["valid"] else "reject", row["expected"]
        if ours == expected == "accept":
            one = found["records"][0]
            ours += " " + bytes([one["usage"], one["selector"], one["mtype"]]).hex()
            expected += " " + row["rdata_hex"][:6].lower()
        return Case(row["case"], expected, ours, row["remark"])

    return each(check, rows(folder / "tlsa" / "presentation.tsv"))


def dns_ids(folder):
    """A certificate with this one DNS-ID below a DANE-TA anchor: then the name alone decides."""
    anchor = Cert("Anchor")
    text = record("2 0 1 anchor", {"anchor": anchor})

    def check(row):
        presented = json.loads(row["presented_json"]).encode()
        leaf = Cert("", anchor, presented)
        ours = match([text], leaf.pem() + anchor.pem(), json.loads(row["reference_json"]), AT.isoformat() + "Z")
        return Case(row["case"], row["expected"], "match" if ours == "success" else "no match", row["remark"])

    return each(check, rows(folder / "mx-match" / "dns-id.tsv"))


if __name__ == "__main__":
    main(__doc__.splitlines()[0], {"tlsa/cases.tsv": cases, "tlsa/presentation.tsv": presentation,
                                   "mx-match/dns-id.tsv": dns_ids})
