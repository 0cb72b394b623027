"""Every row of lab/scenarios.py: the verdict, what Exim and Postfix make of it, and whether the MX hosts agree.

The mail is sent once for all rows; each test looks at one row.
"""

import pytest

import conftest
from lab import demo, delivery
from lab.scenarios import SCENARIOS

EACH_ROW = pytest.mark.parametrize("row", SCENARIOS, ids=[row.name for row in SCENARIOS])


class Quiet:
    """The demo's progress, for people, has none here."""

    def step(self, text):
        """Nothing to show."""

    def begin(self, **totals):
        """Nothing to show."""

    def count(self, name):
        """Nothing to show."""


@pytest.fixture(scope="module")
def results(build, lab, exim, postfix):
    """{name: demo.Result}, and a daemon that must have lived through it all."""
    results = {row.name: demo.Result(row) for row in SCENARIOS}
    daemon = conftest.start_outrider(build, lab, for_mtas=True)
    with daemon:
        demo.ask_all(daemon, results, Quiet())
        demo.send_all(exim, postfix, results, Quiet())
    conftest.stop_outrider(daemon)
    return results


@EACH_ROW
def test_verdict(results, row):
    result = results[row.name]
    assert result.level == row.level, result.verdict_reason
    assert result.auth == row.auth


@EACH_ROW
def test_exim(results, row):
    sent = results[row.name].exim
    assert sent.outcome == row.exim, sent.reason


@EACH_ROW
def test_postfix(results, row):
    sent = results[row.name].postfix
    assert sent.outcome == row.postfix, sent.reason


@EACH_ROW
def test_mail_servers_say_what_the_mx_hosts_saw(results, row, lab):
    for sent in (results[row.name].exim, results[row.name].postfix):
        assert delivery.contradiction(sent, lab) == ""
