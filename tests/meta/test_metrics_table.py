"""docs/operation.md against the table of metrics in the code: names, types, labels and their words."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def table():
    """{name: (type, {label: words, or None where they are those of another file})} of metrics_table.c."""
    text = (ROOT / "daemon/metrics_table.c").read_text()
    arrays = {name: re.findall(r'"([^"]*)"', words)
              for name, words in re.findall(r"static const char \*const (\w+)\[\] = \{(.*?)\};", text, re.S)}
    rows = text[text.index("otr_metrics[] = {"):text.index("otr_metric_count")]
    found = {}
    for name, kind, rest in re.findall(r'\{ "(\w+)", OTR_(\w+),(.*?)\n(?=    \{ "|\};)', rows, re.S):
        labels = {label: arrays[words] for label, words in re.findall(r'LABEL\("(\w+)", (\w+)\)', rest)}
        labels.update({label: None for label in re.findall(r'\{ "(\w+)", otr_', rest)})
        found[name] = (kind.lower(), labels)
    assert len(found) == len(re.findall(r'^    \{ "', rows, re.M)), "a row of the table was not understood"
    return found


def documented():
    """{name: (type, [labels], words)} of the manual."""
    text = (ROOT / "docs/operation.md").read_text().split("\n## Metrics\n")[1].split("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| `")]
    return {name.strip("`"): (kind, re.findall(r"`(\w+)`", labels), words) for name, kind, labels, words in rows}


def test_every_metric_is_documented_and_nothing_else():
    assert list(documented()) == list(table())


def test_types_and_labels_are_those_of_the_code():
    for name, (kind, labels) in table().items():
        assert documented()[name][:2] == (kind, list(labels)), name


def test_the_words_of_a_label_are_explained():
    for name, (_, labels) in table().items():
        for label, words in labels.items():
            if label in ("version", "listener", "type"):
                continue  # they need no explanation
            for word in words or []:
                assert f"`{word}`" in documented()[name][2], (name, word)
