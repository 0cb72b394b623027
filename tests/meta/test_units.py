"""The units of integration/systemd are units: systemd itself reads them. Needs neither root nor a running systemd."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

UNITS = sorted((Path(__file__).resolve().parents[2] / "integration/systemd").iterdir())


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_units_are_understood_whole(tmp_path):
    """No unknown setting, no missing unit; only the program need not be installed yet."""
    for unit in UNITS:
        (tmp_path / unit.name).write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", unit.read_text(), flags=re.M))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", *(str(tmp_path / unit.name) for unit in UNITS)], capture_output=True,
                          text=True, timeout=120)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_sockets_of_the_policy_host_are_those_that_their_comment_configures():
    text = next(unit for unit in UNITS if unit.name == "outriderd-policy-host.socket").read_text()
    assert re.findall(r'"inet:([^"]+)"', text) == re.findall(r"^ListenStream=(.*)$", text, re.M)
