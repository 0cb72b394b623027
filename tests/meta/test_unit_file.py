"""The systemd unit of outriderd: how little it may do by systemd's own reckoning, and that the daemon can build its own walls in it."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

UNIT = Path(__file__).resolve().parents[2] / "integration/systemd/outriderd.service"
EXPOSURE = 1.5  # at most, of 10


@pytest.fixture(scope="module")
def words():
    """{setting: all its words}"""
    found = {}
    for line in UNIT.read_text().splitlines():
        if match := re.match(r"(\w+)=(.*)", line):
            found.setdefault(match[1], []).extend(match[2].split())
    return found


def test_exposure():
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", str(UNIT)], capture_output=True, text=True,
                          timeout=60)
    level = re.search(r"exposure level for outriderd\.service: ([\d.]+)", done.stdout)
    assert level, done.stdout + done.stderr
    assert float(level[1]) <= EXPOSURE, done.stdout


def test_the_daemon_may_build_its_sandbox(words):
    """A call that the unit's filter kills or refuses would leave the daemon without Landlock, or dead."""
    assert {"landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self", "seccomp"} <= set(words["SystemCallFilter"])
    assert words["SystemCallErrorNumber"] == ["ENOSYS"]
