"""Exim as Debian ships it (GnuTLS), with the files of integration/exim and nothing else that is special."""

import concurrent.futures
import os
import re
import shutil
import subprocess

from lab.delivery import LOST, Delivery

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CONFIG = "/etc/exim4/exim4.conf"
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
bounce_return_message = false

begin routers
.include {folder}/routers.conf

begin transports
.include {folder}/transport.conf

begin retry
*  *  F,2d,15m
"""


class Exim:
    """No daemon runs: each message is submitted and delivered by a process of its own."""

    def __init__(self):
        folder = os.path.dirname(CONFIG)
        os.makedirs(folder, exist_ok=True)
        for name in ("routers.conf", "transport.conf"):
            shutil.copy(os.path.join(ROOT, "integration", "exim", name), folder)
        with open(CONFIG, "w") as file:
            file.write(SITE.format(folder=folder))
        for path in (os.path.dirname(LOG), SPOOL):
            os.makedirs(path, exist_ok=True)
            shutil.chown(path, "Debian-exim", "Debian-exim")

    def version(self):
        return subprocess.run(["exim4", "-bV"], check=True, capture_output=True, text=True).stdout.splitlines()[0]

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
        """Submit with delivery in the foreground. The null sender: a bounce ends in the log and not in the queue."""
        with open(LOG, "a") as log:
            shutil.chown(LOG, "Debian-exim", "Debian-exim")
            begin = log.tell()
        try:
            said = subprocess.run(["exim4", "-odi", "-f", "<>", recipient], timeout=PATIENCE, capture_output=True,
                                  input=f"Subject: lab\nTo: {recipient}\n\nHello from Exim.\n".encode()).stderr
        except subprocess.TimeoutExpired:
            said = b"not done after a minute"
        with open(LOG, errors="backslashreplace") as log:
            log.seek(begin)
            return outcome(recipient, log) or Delivery(recipient, LOST, reason=said.decode(errors="replace").strip())


# 2026-01-01 00:00:00 1abcde-000001-AB => user@domain R=outrider T=outrider_smtp H=mx [addr] X=TLS1.3:... CV=dane ...
RESULT = re.compile(r"^\S+ \S+ \S+ (=>|==|\*\*) ([^\s:]+):? (?:<[^>]*> )?(.*)$")


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
