"""The benchmarks that run in the lab, in their short form: they run, every answer in them is right, and what they write can be read.

How fast it was is no matter here, where other tests run beside them; a benchmark ends with an error by itself when an answer is wrong or
missing, or a message did not arrive. Each opens a lab of its own inside this one.
"""

import json
import os
import subprocess
import tempfile

import pytest

import conftest
from lab import namespace

# Without the peer, which says NOTFOUND where it has no time: a busy machine is no error of ours.
COLD = ["--only", "parts", "--only", "threads", "--only", "delay", "--destinations", "40", "--peer", "8",
        "--delayed", "40", "--delayed-in-flight", "40", "--delay", "20", "--rounds", "1"]
UNDISTURBED = ["--destinations", "80", "--warm", "20", "--hanging", "40", "--policies", "200", "--seconds", "0.5", "--rounds", "1"]
DELIVERY = ["--messages", "8", "--destinations", "2", "--rounds", "1"]


@pytest.fixture
def bench(build, is_sanitized):
    """bench(NAME, options): what the benchmark found, and the pictures it drew."""
    if is_sanitized:
        pytest.skip("a build with a sanitizer: there is no speed to measure")
    folder = tempfile.TemporaryDirectory(prefix="outrider-bench-")  # not in /run, which is another one in each lab

    def run(name, *options):
        if os.geteuid() != 0:
            pytest.skip("the lab needs root")
        environment = {key: value for key, value in os.environ.items() if key != namespace.INSIDE}
        done = subprocess.run([f"{conftest.ROOT}/bench/{name}/run", build, *options, "--json", f"{folder.name}/it.json",
                               "--svg", folder.name],
                              env=environment, capture_output=True, text=True, timeout=600)
        if done.returncode == 77:
            pytest.skip(done.stderr.strip())
        assert done.returncode == 0, done.stdout + done.stderr
        with open(f"{folder.name}/it.json", encoding="utf-8") as file:
            return json.load(file), sorted(name for name in os.listdir(folder.name) if name.endswith(".svg"))
    with folder:
        yield run


def test_cold_discovery_is_taken_apart_and_nothing_is_lost(bench):
    rows, pictures = bench("cold", *COLD)
    parts = rows["parts"]
    assert (parts["lookups"], parts["fetches"]) == (6, 0.5)
    assert parts["total_us"] > 0 and parts["validation_us"] > 0 and parts["tls_us"] > 0 and parts["ratio"] > 0
    assert [(row["threads"], row["answered"], row["temporary"]) for row in rows["threads"]] == [(1, 40, 0), (2, 40, 0)]
    assert (rows["delay"]["answered"], rows["delay"]["lost"]) == (40, 0)
    assert rows["delay"]["p50_ms"] > 4 * 20, "the delay was not felt"
    assert pictures == ["cold.svg"]


def test_warm_answers_beside_all_that_disturbs(bench):
    rows, pictures = bench("undisturbed", *UNDISTURBED, *(word for name in ("storm", "hang", "dead", "slow") for word in ("--only", name)))
    assert list(rows["disturbed"]) == ["storm", "hang", "dead", "slow"]
    for row in rows["disturbed"].values():
        assert row["rounds"][0]["quiet"]["answers"] > 0 and row["rounds"][0]["disturbed"]["answers"] > 0
    assert rows["disturbed"]["hang"]["rounds"][0]["disturbed"]["note"] != "0 connections"
    assert pictures == ["undisturbed.svg"]


def test_every_message_arrives_with_and_without(bench):
    rows, pictures = bench("delivery", *DELIVERY)
    assert [(row["name"], row["kind"], row["messages"]) for row in rows["deliveries"]] == [
        ("Postfix", "none", 8), ("Postfix", "sts", 8), ("Exim", "none", 8), ("Exim", "sts", 8)]
    assert all(row["rounds"][0]["daemon_us"] > 0 for row in rows["deliveries"])
    assert pictures == ["delivery.svg"]
