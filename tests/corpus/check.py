#!/usr/bin/python3
"""Run `outrider lint` on what the test suites of others contain, and show where we differ.

usage: tests/corpus/check.py FOLDER

FOLDER holds tables of vectors with the answer that a reader of the RFCs expects; `either` means that both answers
can be defended and always agrees. docs/corpus.md has a sentence for every disagreement that stays.
"""
import json
import os

from harness import Case, each, main, outrider, rows


def verdict(is_valid):
    return "valid" if is_valid else "invalid"


def policies(folder):
    """Validity, and for valid policies mode, max_age and the patterns."""
    def check(row):
        found = outrider("lint", "policy", "--json", str(folder / "sts-policies" / row["file"]))
        expected, ours = row["expected"], verdict(found["valid"])
        if expected == "valid":
            expected = " ".join(["valid", row["mode"], str(min(int(row["max_age"]), 31557600)), row["mx"].lower()])
            if found["valid"]:
                ours = " ".join(["valid", found["mode"], str(found["max_age"]), ",".join(found["mx"])])
        return Case(row["file"], expected, ours, row["remark"])

    return each(check, rows(folder / "sts-policies" / "index.tsv"))


def joined(rrset_json):
    """An RRset as arguments: the character-strings of each record joined, as the programs expect."""
    return ["".join(strings) for strings in json.loads(rrset_json)]


def record_cases(path, kind, value_of):
    """none, multiple and invalid all mean that there is no valid record; which of them is in the message."""
    def check(row):
        txts = joined(row["rrset_json"])
        found = outrider("lint", kind, "--json", "--", *txts)
        expected, ours = row["expected"], verdict(found["valid"])
        if expected in ("none", "multiple", "unusable"):
            expected = "invalid"
        if expected == "valid":
            expected += " " + value_of(row, None)
            if found["valid"]:
                ours += " " + value_of(row, found)
        return Case(row["case"], expected, ours, row["remark"])

    return each(check, rows(path))


def records(folder):
    return record_cases(folder / "sts-txt" / "records.tsv", "record",
                        lambda row, found: row["id"] if found is None else found["id"])


def tlsrpt_records(folder):
    return record_cases(folder / "tlsrpt-txt" / "records.tsv", "tlsrpt",
                        lambda row, found: row["usable_rua"] if found is None else " ".join(found["rua"]))


def mx_matches(folder):
    """Patterns become an enforced policy; one that is invalid admits nobody."""
    def check(row):
        host = json.loads(row["hostname_json"])
        lines = ["version: STSv1", "mode: enforce", "max_age: 86400"]
        lines += [f"mx: {pattern}" for pattern in json.loads(row["patterns_json"])]
        found = outrider("lint", "policy", "--json", "--mx", host, "-", stdin="\n".join(lines).encode())
        ours = "match" if found["match"][host] else "no match"
        return Case(row["case"], row["expected"], ours, row["remark"])

    return each(check, rows(folder / "mx-match" / "mta-sts.tsv"))


def names(folder):
    """Normal forms. Next hops with brackets or a port are no domains: `outrider query` reads those."""
    def check(row):
        name = json.loads(row["input_json"])
        found = outrider("lint", "domain", "--json", "--", os.fsencode(name))
        ours = found["domain"] if found["valid"] else "error"
        expected = "error" if row["expected"] == "address literal" else row["expected"]
        case = Case(row["case"], expected, ours, row["remark"])
        if row["kind"] == "next-hop" and expected != "error" and (name[:1] == "[" or ":" in name):
            case.skipped = "a next hop with brackets or a port"
        return case

    return each(check, rows(folder / "domains" / "names.tsv"))


if __name__ == "__main__":
    main(__doc__, {
        "sts-policies/index.tsv": policies,
        "sts-txt/records.tsv": records,
        "mx-match/mta-sts.tsv": mx_matches,
        "tlsrpt-txt/records.tsv": tlsrpt_records,
        "domains/names.tsv": names,
    })
