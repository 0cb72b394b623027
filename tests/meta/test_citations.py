"""docs/conformance.md and docs/decision-table.md: every row is there, and every test that they cite exists. So with the rules of
docs/protocols.md and the invariants.

A citation is `path:test_name`, or `path:test_name[row]` for one row of a table of tests. Needs neither root nor network.
"""

import re
from functools import lru_cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONFORMANCE, TABLE = ROOT / "docs/conformance.md", ROOT / "docs/decision-table.md"
CITATION = re.compile(r"`([\w./-]+\.(?:c|py)):(\w+)(?:\[([^`]*)\])?`")
AREAS = {"STS-DNS": 14, "STS-BODY": 18, "STS-FETCH": 22, "STS-APPLY": 20, "COMBO": 11, "DNS": 34, "TLSA": 15, "DANE": 23,
         "FLOW": 13, "PKIX": 12, "EDGE": 8, "RPT-DNS": 8, "PUB": 20}
STEPS = {"M": 13, "A": 8, "T": 5, "S": 11}
VECTORS = 90
INVARIANTS = ["LOCALITY", "DANE-FIRST", "NO-PKIX-USAGES", "NO-DOWNGRADE", "REMEMBER", "SCOPE", "EXPLAIN", "BOUNDED", "SAFE-TO-PUBLISH"]
REASONS = ("later: ", "not done: ", "there is no such setting", "never negotiated")


@lru_cache
def text_of(path):
    return (ROOT / path).read_text()


def rows(page):
    """{row: the last cell of its line}"""
    found = {}
    for line in page.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("| ") and cells[0] not in ("row", "vector", "area", "invariant", "rule"):
            assert cells[0] not in found, f"{cells[0]} has two lines"
            found[cells[0]] = cells[-1]
    return found


def citations(page):
    return sorted({match for match in CITATION.findall(page.read_text())})


ALL = sorted({*citations(CONFORMANCE), *citations(TABLE)})


def test_conformance_has_every_row():
    found = rows(CONFORMANCE)
    for area, count in AREAS.items():
        assert [row for row in found if re.fullmatch(area + r"-\d\d", row)] == [f"{area}-{n:02}" for n in range(1, count + 1)]


def test_decision_table_has_every_row():
    found = rows(TABLE)
    for step, count in STEPS.items():
        assert [row for row in found if re.fullmatch(step + r"\d+", row)] == [f"{step}{n}" for n in range(1, count + 1)]
    assert [row for row in found if re.fullmatch(r"V\d\d", row)] == [f"V{n:02}" for n in range(1, VECTORS + 1)]
    assert any(row.startswith("step 5") for row in found)


def test_every_rule_of_the_protocols_has_a_test():
    rules = re.findall(r"^\* \*\*([A-Z]\d+)\*\*", (ROOT / "docs/protocols.md").read_text(), re.MULTILINE)
    found = rows(CONFORMANCE)
    assert [row for row in found if re.fullmatch(r"[A-Z]\d+", row)] == rules
    assert [rule for rule in rules if not CITATION.search(found[rule])] == []


def test_every_invariant_has_a_test_of_its_name():
    found = rows(CONFORMANCE)
    assert [row for row in found if row in INVARIANTS] == INVARIANTS
    for name in INVARIANTS:
        cited = {test for path, test, _ in CITATION.findall(found[name]) if path == "tests/e2e/test_invariants.py"}
        of_its_name = re.compile(rf"^def (test_{name.lower().replace('-', '_')}\w*)\(", re.MULTILINE)
        written = set(of_its_name.findall(text_of("tests/e2e/test_invariants.py")))
        assert written and written <= cited, name


@pytest.mark.parametrize("page", [CONFORMANCE, TABLE], ids=["conformance", "decision-table"])
def test_every_row_is_shown_or_says_why_not(page):
    for row, cell in rows(page).items():
        assert CITATION.search(cell) or cell.startswith(REASONS), row


@pytest.mark.parametrize("page", [CONFORMANCE, TABLE], ids=["conformance", "decision-table"])
def test_everything_in_backquotes_that_looks_like_a_citation_is_one(page):
    for quoted in re.findall(r"`([^`]*tests/[^`]*:[^`]*)`", page.read_text()):
        assert CITATION.fullmatch(f"`{quoted}`"), quoted


@pytest.mark.parametrize("path, name, row", ALL, ids=[f"{path}:{name}[{row}]" for path, name, row in ALL])
def test_the_test_exists(path, name, row):
    assert (ROOT / path).is_file(), path
    text = text_of(path)
    if path.endswith(".py"):
        assert re.search(rf"^def {name}\(", text, re.M) and name.startswith("test_")
    else:
        assert re.search(rf"^static void {name}\(void \*\*", text, re.M)
        assert len(re.findall(rf"\b{name}\b", text)) > 1, f"{name} is defined and never run"
    if row:  # a row of a table, in the same file or among the destinations of the lab
        in_table = rf'(?<![\w-]){re.escape(row)}(?![\w-])'
        assert re.search(in_table, text) or re.search(rf'"{re.escape(row)}",', text_of("lab/scenarios.py"))


def test_rows_that_tests_name_exist():
    """A row id in a test that is none in the documents is a slip of the pen."""
    known = {*rows(CONFORMANCE)}
    named = re.compile(r"\b(?:" + "|".join(AREAS) + r")-\d\d\b")
    for path in [*ROOT.glob("tests/**/*.c"), *ROOT.glob("tests/**/*.py")]:
        unknown = set(named.findall(path.read_text(errors="replace"))) - known
        assert not unknown, f"{path.relative_to(ROOT)}: {sorted(unknown)}"
