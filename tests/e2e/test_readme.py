"""The five-minute set-ups of the README, step by step as they stand there: the configuration, the commands, the files of
integration/, real Exim and real Postfix.

Nothing is added but what the lab is: its root of DNSSEC lies where Debian's is.
"""

import datetime
import glob
import os
import re
import shutil
import subprocess

import pytest

import conftest
from lab import namespace
from lab.exim import Exim
from lab.own_domain import POLICY_HOST, OwnDomain, replace
from lab.process import end, wait_until

CONFIG = "/etc/outrider/outrider.conf"
ANCHOR = "/usr/share/dns/root.key"
INSTALLED = ("/usr/local/bin", "/usr/local/sbin")  # of the machine outside: covered before anything is put there
FOLDERS = ("/etc/outrider", "/run/outrider", "/var/spool/postfix/outrider", "/var/lib/outrider")

with open(os.path.join(conftest.ROOT, "README.md")) as readme:
    SECTIONS = dict(part.partition("\n")[::2] for part in readme.read().split("\n## ")[1:])


def steps(heading):
    """The numbered steps of a section."""
    return re.split(r"^\d+\. ", SECTIONS[heading], flags=re.M)[1:]


def block(step):
    """The indented block of a step."""
    return "".join(f"{line}\n" for line in re.findall(r"^ {7}(.*)$", step, re.M))


def run(commands):
    """As typed in the folder of the project."""
    done = subprocess.run(["sh", "-e", "-c", commands], capture_output=True, text=True, timeout=60, cwd=conftest.ROOT)
    assert done.returncode == 0, f"{commands}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture
def machine(lab, build):
    """A machine with nothing of Outrider on it but the tree in which it was built."""
    for folder in FOLDERS:
        shutil.rmtree(folder, ignore_errors=True)
    saved = {}
    for path in ("/etc/passwd", "/etc/group"):
        with open(path) as file:
            saved[path] = file.read()
        with open(path, "w") as file:
            file.write(re.sub(r"^outrider:.*\n", "", saved[path], flags=re.M))
    for folder in INSTALLED:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "lab", folder], check=True)
    subprocess.run(["mount", "--bind", lab.trust_anchor, ANCHOR], check=True)
    try:
        install(build)
        yield
    finally:
        stop_daemon()
        subprocess.run(["umount", ANCHOR, *INSTALLED], check=True)
        for folder in FOLDERS:
            shutil.rmtree(folder, ignore_errors=True)
        for path, text in saved.items():
            with open(path, "w") as file:
                file.write(text)


def install(build):
    """The section "Install", without what was done to get here."""
    typed = re.findall(r"^ {4}(.*)$", SECTIONS["Install"], re.M)
    assert typed[:2] == ["tools/install-deps", "make"]
    run("\n".join(typed[2:]).replace(" build/", f" {build}/"))


def daemons():
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                if os.path.basename(file.read().split(b"\0")[0]) == b"outriderd":
                    found.append(int(pid))
        except OSError:
            pass
    return found


def stop_daemon():
    for pid in daemons():
        end(pid)


def set_up(heading):
    """Configuration and start: the first two steps of each section."""
    written = steps(heading)
    assert CONFIG in written[0]
    os.makedirs(os.path.dirname(CONFIG))
    with open(CONFIG, "w") as file:
        file.write(block(written[0]))
    assert run(block(written[1])) == f"{CONFIG}: configuration is fine\n"
    (pid,) = daemons()
    with open(f"/proc/{pid}/status") as file:
        uid = re.search(r"^Uid:\t(\d+)", file.read(), re.M)[1]
    with open("/etc/passwd") as file:
        assert re.search(rf"^outrider:x:{uid}:", file.read(), re.M), "it runs as its own user"
    return written


OUTCOMES = {  # domain: (Exim, Postfix)
    "dane-ee.example": ("dane", "verified"), "dane-ee-mismatch.example": ("deferred", "deferred"),
    "sts-enforce.example": ("verified", "verified"), "sts-self-signed.example": ("deferred", "deferred"),
    "plain-tls.example": ("encrypted", "encrypted"),
}


def outcomes(server, name):
    sent = server.send([f"{name}@{domain}" for domain in OUTCOMES])
    return {recipient.partition("@")[2]: delivery.outcome for recipient, delivery in sent.items()}


def test_five_minutes_to_postfix(lab, postfix, machine):
    with open("/etc/postfix/main.cf") as file:
        before = file.read()
    with open(os.path.join(conftest.ROOT, "integration/postfix/main.cf")) as file:
        bare = before.replace(file.read(), "")  # as Debian's package and the site left it
    assert bare != before
    try:
        with open("/etc/postfix/main.cf", "w") as file:
            file.write(bare)
        written = set_up("Five minutes to Postfix")
        run(block(written[2]))
        assert outcomes(postfix, "readme") == {domain: outcome[1] for domain, outcome in OUTCOMES.items()}
        assert "Postfix  OK dane-only" in run(block(written[3]).replace("example.org", "dane-ee.example"))
        assert "Verified TLS connection" in written[3]
        stop_daemon()
        assert set(outcomes(postfix, "stopped").values()) == {"deferred"}
        run("outriderd")
        assert outcomes(postfix, "again") == {domain: outcome[1] for domain, outcome in OUTCOMES.items()}
    finally:
        with open("/etc/postfix/main.cf", "w") as file:
            file.write(before)
        subprocess.run(["postfix", "reload"], check=True, capture_output=True)


def test_five_minutes_to_exim(lab, machine):
    written = set_up("Five minutes to Exim")
    run(block(written[2]))
    exim = Exim()  # which includes the three files where the step says
    assert outcomes(exim, "readme") == {domain: outcome[0] for domain, outcome in OUTCOMES.items()}
    assert "Exim     v=1 pol=dane" in run(block(written[3]).replace("example.org", "dane-ee.example"))
    assert "CV=dane" in written[3]
    stop_daemon()
    assert set(outcomes(exim, "stopped").values()) == {"deferred"}
    run("outriderd")
    assert outcomes(exim, "again") == {domain: outcome[0] for domain, outcome in OUTCOMES.items()}


def test_an_override_and_a_minimum(lab, postfix, machine):
    """When a destination is broken: the command and the lines as they stand there."""
    minimum = re.search(r"^    (minimum \{.*?^    \})", SECTIONS["When a destination is broken"], re.M | re.S)[1]
    (command,) = re.findall(r"^    (outrider override add .*)$", SECTIONS["When a destination is broken"], re.M)
    os.makedirs(os.path.dirname(CONFIG))
    with open(CONFIG, "w") as file:
        file.write(block(steps("Five minutes to Postfix")[0]) + minimum.replace("bank.example", "plain-tls.example"))
    run("outriderd")
    until = datetime.date.today() + datetime.timedelta(days=30)
    run(re.sub(r"--until \S+", f"--until {until}", command).replace("example.org", "sts-self-signed.example"))
    assert "sts-self-signed.example" in run("outrider override list")
    assert outcomes(postfix, "override") == {**{domain: outcome[1] for domain, outcome in OUTCOMES.items()},
                                             "sts-self-signed.example": "encrypted", "plain-tls.example": "deferred"}


def test_publish_your_own_policy(lab, build, machine):
    """The section and its commands: what is in DNS afterwards is what senders need, and the world sees a policy in testing."""
    written = steps("Publish your own policy")
    with OwnDomain(lab, build, f"{namespace.HOME}/readme", "readme", ttl=1) as own:
        ours = (block(written[0]).replace("mx1.example.org", own.mx).replace("example.org", own.name)
                .replace("inet:[::]:443", f"inet:[{POLICY_HOST}]:443").replace('"192.0.2.80", "2001:db8::80"', f'"{POLICY_HOST}"'))
        os.makedirs(os.path.dirname(CONFIG), exist_ok=True)
        with open(CONFIG, "w") as file:
            file.write(block(steps("Five minutes to Postfix")[0]) + ours)
        replace("/etc/outrider/mta-sts.pem", own.issue(own.policy_host))
        run("outriderd -t && outriderd")
        records = block(written[1]).replace("example.org", own.name).strip()
        assert "Publish _mta-sts." in run(records)
        wait_until(lambda: is_published(own, run(f"{records} --nsupdate")), 60, lambda: run(records))
        status = block(written[2]).replace("example.org", own.name).strip()
        done = subprocess.run(["sh", "-c", status], capture_output=True, text=True, timeout=120)
        assert "serves mode testing" in done.stdout and " 0 critical" in done.stdout, done.stdout + done.stderr
        (enforce,) = re.findall(r"`(outrider publish set .*?)`", SECTIONS["Publish your own policy"])
        assert "served: mode enforce" in run(enforce.replace("example.org", own.name))
        (retire,) = re.findall(r"`(outrider publish retire .*?)`", SECTIONS["Publish your own policy"])
        assert "retir" in run(retire.replace("example.org", own.name))


def is_published(own, lines):
    """What may be published now goes into DNS; true when nothing is left to do."""
    if "\nupdate " in lines:
        own.update(lines)
    return "update " not in lines


def test_sockets_of_the_service_are_those_of_the_set_ups():
    """systemd hands a socket over only if the configuration names the same one."""
    for heading, unit in (("Five minutes to Postfix", "postfix"), ("Five minutes to Exim", "exim")):
        with open(os.path.join(conftest.ROOT, f"integration/systemd/outriderd-{unit}.socket")) as file:
            settings = dict(re.findall(r"^(\w+)=(.*)$", file.read(), re.M))
        configured = block(steps(heading)[0])
        assert f'listen = {{ "unix:{settings["ListenStream"]}" }}' in configured
        assert f'group = "{settings["SocketGroup"]}"' in configured


def test_the_units_are_sound(tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    for path in glob.glob(os.path.join(conftest.ROOT, "integration/systemd/*")) + glob.glob(os.path.join(conftest.ROOT, "integration/acme/*.[st]*er*")):
        name = os.path.basename(path)
        with open(path) as file:
            # The manual and the program are not installed on the machine of a test.
            text = re.sub(r"^Documentation=.*\n", "", file.read(), flags=re.M)
        (tmp_path / name).write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", text, flags=re.M))
    done = subprocess.run(["systemd-analyze", "verify", *map(str, tmp_path.iterdir())], capture_output=True, text=True, timeout=60)
    assert [line for line in (done.stdout + done.stderr).splitlines() if "outrider" in line] == []
