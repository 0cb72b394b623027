"""Exim with the files of integration/exim, in a plain configuration of the lab's or in Debian's own.

The files are read anew by each Exim process, so tests may change them: `with exim.changed(...)` takes a protection away
and puts it back.
"""

import concurrent.futures
import contextlib
import os
import re
import shutil
import subprocess

from lab.delivery import LOST, Delivery
from lab.process import Failed

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PROGRAM = "/usr/sbin/exim4"
HOME = "/etc/exim4"
CONFIG = f"{HOME}/exim4.conf"
FRAGMENTS = f"{HOME}/outrider"  # where README.md of integration/exim puts them
SPOOL = "/var/spool/exim4"
LOG = "/var/log/exim4/mainlog"
AT_ONCE = 12   # messages on their way; most of the time they wait for somebody
PATIENCE = 60  # seconds for one message; a policy host that drips takes 10

SITE = """# A small site that only sends.
primary_hostname = sender.example
domainlist local_domains = sender.example
log_selector = +tls_sni +tls_peerdn
allow_utf8_domains = true
# The lab sends each message once and looks at what becomes of it.
queue_run_max = 0
queue_run_in_order = true
bounce_return_message = false

begin routers
.include {folder}/routers.conf

begin transports
.include {folder}/transport.conf

begin retry
.include {folder}/retry.conf
*  *  F,2d,15m
"""
# What Debian asks when exim4-config is installed, answered for a site with a name of its own.
DEBIAN = """dc_eximconfig_configtype='internet'
dc_other_hostnames='sender.example'
dc_local_interfaces=''
dc_readhost=''
dc_relay_domains=''
dc_minimaldns='false'
dc_relay_nets=''
dc_smarthost=''
CFILEMODE='644'
dc_use_split_config='{split}'
dc_hide_mailname=''
dc_mailname_in_oh='true'
dc_localdelivery='mail_spool'
"""


class Exim:
    """No daemon runs: each message is submitted and delivered by a process of its own."""

    def __init__(self, program=None):
        """program: another Exim than Debian's, put in its place for the rest of this lab."""
        if program:
            os.unlink(PROGRAM)
            shutil.copy(program, PROGRAM)
            os.chmod(PROGRAM, 0o4755)  # it becomes root again for each delivery
        os.makedirs(FRAGMENTS, exist_ok=True)
        for name in ("routers.conf", "transport.conf", "retry.conf"):
            shutil.copy(os.path.join(ROOT, "integration", "exim", name), FRAGMENTS)
        with open(CONFIG, "w") as file:
            file.write(SITE.format(folder=FRAGMENTS))
        for path in (os.path.dirname(LOG), SPOOL):
            os.makedirs(path, exist_ok=True)
            shutil.chown(path, "Debian-exim", "Debian-exim")
        self.is_openssl = "OpenSSL" in self.about()
        self.release = tuple(map(int, re.search(r"version (\d+)\.(\d+)", self.version()).groups()))

    def about(self):
        """Version and features, after it has read its configuration."""
        done = subprocess.run([PROGRAM, "-bV"], capture_output=True, text=True)
        if done.returncode != 0:
            raise Failed(f"exim -bV: {done.stdout}{done.stderr}")
        return done.stdout

    def version(self):
        return self.about().splitlines()[0]

    @contextlib.contextmanager
    def changed(self, *changes):
        """For the length of a `with` block; each change is (file, old text, new text)."""
        before = {}
        for name, old, new in changes:
            path = os.path.join(FRAGMENTS, name)
            with open(path) as file:
                text = file.read()
            before.setdefault(path, text)
            if old not in text:
                raise ValueError(f"{path} does not have: {old}")
            with open(path, "w") as file:
                file.write(text.replace(old, new))
        try:
            self.about()
            yield
        finally:
            for path, text in before.items():
                with open(path, "w") as file:
                    file.write(text)

    @contextlib.contextmanager
    def debian(self, packages, split, commands, settings=""):
        """Debian's own configuration for the length of a `with` block: that of exim4-config, after the commands.

        settings: macros that an administrator would have set.
        """
        saved = f"{HOME}.saved"
        os.rename(HOME, saved)
        try:
            shutil.copytree(os.path.join(packages, "etc/exim4"), HOME)
            with open(f"{HOME}/update-exim4.conf.conf", "w") as file:
                file.write(DEBIAN.format(split=str(split).lower()))
            path = "conf.d/main/000_localmacros" if split else "exim4.conf.localmacros"
            with open(f"{HOME}/{path}", "w") as file:
                file.write(settings)
            os.makedirs("/var/lib/exim4", exist_ok=True)
            done = subprocess.run(["sh", "-e", "-c", commands], cwd=ROOT, capture_output=True, text=True)
            if done.returncode != 0:
                raise Failed(f"{commands}: {done.stdout}{done.stderr}")
            yield
        finally:
            shutil.rmtree(HOME)
            os.rename(saved, HOME)

    def forget(self):
        """What earlier failures left: hosts and domains that Exim would not try again for a while, and the queue."""
        for folder in ("db", "input", "msglog"):
            shutil.rmtree(os.path.join(SPOOL, folder), ignore_errors=True)

    def send(self, recipients, on_result=lambda delivery: None, fresh=True):
        """One message to each; returns {recipient: Delivery} when all have been tried.

        fresh: forget first what earlier failures left.
        """
        if fresh:
            self.forget()
        results = {}
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            running = [pool.submit(self._send_one, recipient) for recipient in recipients]
            for done in concurrent.futures.as_completed(running):
                delivery = done.result()
                results[delivery.recipient] = delivery
                on_result(delivery)
        return results

    def _send_one(self, recipient):
        begin = end_of_log()
        said = self.submit([recipient])
        return outcome(recipient, log_since(begin)) or Delivery(recipient, LOST, reason=said)

    def send_together(self, *recipients):
        """One message to all of them."""
        begin = end_of_log()
        said = self.submit(recipients)
        lines = log_since(begin)
        return {each: outcome(each, lines) or Delivery(each, LOST, reason=said) for each in recipients}

    def send_queued(self, *recipients):
        """A message to each into the queue, then one queue run that routes all before it delivers any (-qq)."""
        begin = end_of_log()
        said = "".join(self.submit([each], "-odq") for each in recipients)
        said += subprocess.run([PROGRAM, "-qq"], timeout=PATIENCE, capture_output=True).stderr.decode(errors="replace")
        lines = log_since(begin)
        return {each: outcome(each, lines) or Delivery(each, LOST, reason=said) for each in recipients}

    def submit(self, recipients, how="-odi"):
        """Submit a message, by default with delivery in the foreground. Returns what Exim said; that is not much.

        The null sender: a bounce ends in the log and not in the queue.
        """
        try:
            return subprocess.run([PROGRAM, how, "-f", "<>", *recipients], timeout=PATIENCE, capture_output=True,
                                  input=f"Subject: lab\nTo: {', '.join(recipients)}\n\nHello from Exim.\n".encode()
                                  ).stderr.decode(errors="replace").strip()
        except subprocess.TimeoutExpired:
            return "not done after a minute"


def end_of_log():
    with open(LOG, "a") as log:
        shutil.chown(LOG, "Debian-exim", "Debian-exim")
        return log.tell()


def log_since(begin):
    with open(LOG, errors="backslashreplace") as log:
        log.seek(begin)
        return log.readlines()


# 2026-01-01 00:00:00 1abcde-000001-AB => user@domain R=outrider T=outrider_smtp H=mx [addr] X=TLS1.3:... CV=dane ...
RESULT = re.compile(r"^\S+ \S+ \S+ (=>|->|==|\*\*) ([^\s:]+):? (?:<[^>]*> )?(.*)$")


def outcome(recipient, lines):
    """The last word of the log on a recipient; None if there is none."""
    found = None
    for line in lines:
        match = RESULT.match(line)
        if not match or match[2] != recipient:
            continue
        kind, rest = match[1], match[3]
        if kind == "==":
            found = Delivery(recipient, "deferred", reason=rest.partition(" defer ")[2])
        elif kind == "**":
            found = Delivery(recipient, "bounced", reason=rest)
        else:
            security = re.search(r" CV=(\S+)", rest)
            word = {"dane": "dane", "yes": "verified", "no": "encrypted"}[security[1]] if security else "clear"
            host = re.search(r" H=(\S+)", " " + rest)
            found = Delivery(recipient, word, host=host[1] if host else "", reason=rest)
    return found
