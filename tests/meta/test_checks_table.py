"""docs/checks.md against the table of checks in the code: ids in their order, and every word."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TITLES = {"DNS": "DNS", "SMTP": "Mail TLS", "DANE": "DANE", "STS": "MTA-STS", "RPT": "TLSRPT"}
WORST = {"I": "info", "W": "warning", "C": "critical", "U": "unknown"}


def table():
    """[(group, id, worst, says, why, ref)] of check_table.c."""
    text = (ROOT / "lib/publish/check_table.c").read_text()
    rows = text[text.index("otr_check_kinds[] = {"):text.index("otr_check_kind_count")]
    found = []
    for row in re.findall(r"^    \{ (.*?) \},$", rows, re.M | re.S):
        words = [word.replace('\\"', '"') for word in re.findall(r'"((?:[^"\\]|\\.)*)"', row)]
        group, worst = re.match(r'"[\w.-]+", (\w+), (\w),', row).groups()
        assert len(words) == 4, row
        found.append((TITLES[group], words[0], WORST[worst], *words[1:]))
    assert len(found) == len(re.findall(r'^    \{ "', rows, re.M)), "a row of the table was not understood"
    return found


def documented():
    """The same of the document."""
    found, group = [], None
    for line in (ROOT / "docs/checks.md").read_text().splitlines():
        if line.startswith("## "):
            group = line[3:]
        if line.startswith("| `"):
            id, worst, says, why, ref = (cell.strip() for cell in line.strip("|").split("|"))
            found.append((group, id.strip("`"), worst, says, why, ref))
    return found


def test_every_check_is_documented_and_nothing_else():
    assert documented() == table()


def test_ids_are_in_groups_and_each_is_one():
    ids = [row[1] for row in table()]
    assert len(ids) == len(set(ids))
    groups = {}
    for group, id, *_ in table():
        groups.setdefault(id.partition(".")[0], set()).add(group)
    assert all(len(names) == 1 for names in groups.values()), groups
