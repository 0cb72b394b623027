"""Postfix as Debian ships it, smtp(8) in its chroot jail, with the lines of integration/postfix/main.cf."""

import contextlib
import os
import re
import shutil
import subprocess
import time

from lab.delivery import LOST, Delivery
from lab.process import Failed

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CONFIG, SHARED = "/etc/postfix", "share/postfix"
QUEUE = "/var/spool/postfix"
MASTER_PID = f"{QUEUE}/pid/master.pid"
DATA = "/run/postfix"
LOG = "/var/log/mail.log"
RELOADING = 2  # seconds
PATIENCE = 60  # seconds for all messages together; a policy host that drips takes 10

SITE = """
# A small site that only sends.
myhostname = sender.example
mydestination = sender.example
inet_interfaces = loopback-only
maillog_file = {log}
# Not in /var/lib, which the lab shares with the machine around it.
data_directory = {data}
smtputf8_enable = yes
# The lab sends each message once and looks at what becomes of it.
queue_run_delay = 3600s
minimal_backoff_time = 3600s
maximal_backoff_time = 3600s

"""


class Postfix:
    """Master and its daemons, from start() to stop()."""

    def __init__(self, unpacked):
        """unpacked: the folder of packages.py."""
        for folder in ("dynamicmaps.cf.d", "postfix-files.d"):
            os.makedirs(os.path.join(CONFIG, folder), exist_ok=True)
        packaged = os.path.join(unpacked, "usr", SHARED)
        for name in ("postfix-files", "postfix-script", "post-install"):
            shutil.copy(os.path.join(unpacked, "etc/postfix", name), CONFIG)
        shutil.copy(os.path.join(packaged, "dynamicmaps.cf"), CONFIG)
        # Nobody receives mail here, and port 25 belongs to the MX hosts of the lab.
        with open(os.path.join(packaged, "master.cf.dist")) as dist, open(f"{CONFIG}/master.cf", "w") as master:
            master.writelines(line for line in dist if not re.match(r"smtp\s+inet", line))
        with open(f"{CONFIG}/main.cf", "w") as main:
            for source in (os.path.join(packaged, "main.cf.debian"), None,
                           os.path.join(ROOT, "integration/postfix/main.cf")):
                if source:
                    with open(source) as file:
                        main.write(file.read() + "\n")
                else:
                    main.write(SITE.format(log=LOG, data=DATA))
        os.makedirs(QUEUE, exist_ok=True)
        os.makedirs(DATA, exist_ok=True)
        shutil.chown(DATA, "postfix")

    def version(self):
        return "Postfix " + _run("postconf", "-dh", "mail_version").strip()

    def start(self):
        """As Debian's scripts do: give away what is not root's, fill the jail, start."""
        for program in ("postdrop", "postqueue"):
            shutil.chown(f"/usr/sbin/{program}", group="postdrop")
            os.chmod(f"/usr/sbin/{program}", 0o2755)
        _run("/usr/lib/postfix/configure-instance.sh", "-")
        try:
            _run("postfix", "start")
        except Failed as failed:
            raise Failed(f"{failed}\n{_read(LOG)}") from None

    def stop(self):
        _run("postfix", "stop")

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    @contextlib.contextmanager
    def changed(self, *changes):
        """For the length of a `with` block; each change is (old text, new text) in main.cf; old text "" adds a line."""
        path = f"{CONFIG}/main.cf"
        before = text = _read(path)
        for old, new in changes:
            if old not in text:
                raise ValueError(f"{path} does not have: {old}")
            text = text.replace(old, new) if old else text + new + "\n"
        _write_long_ago(path, text)
        try:
            self.forget()
            yield
        finally:
            _write_long_ago(path, before)
            self.forget()

    def forget(self):
        """What earlier failures left: the queue, and destinations that the queue manager would not try for a while."""
        _run("postsuper", "-d", "ALL")
        self.reload()

    def reload(self):
        """Returns when no idle SMTP client is left that read main.cf before: it could still be handed the next message.

        One that is busy ends after its delivery and takes no other; it is not waited for longer than RELOADING.
        """
        before = smtp_clients()
        _run("postfix", "reload")
        deadline = time.monotonic() + RELOADING
        while before & smtp_clients() and time.monotonic() < deadline:
            time.sleep(0.01)

    def send(self, recipients, on_result=lambda delivery: None, fresh=True, patience=PATIENCE):
        """One message to each; returns {recipient: Delivery} when all have been tried, or time is up.

        fresh: forget first what earlier failures left. patience: seconds, once all of them are in the queue.
        """
        if fresh:
            self.forget()
        begin = os.path.getsize(LOG) if os.path.exists(LOG) else 0
        waiting, results = {ascii_domain(recipient): recipient for recipient in recipients}, {}
        for recipient in recipients:
            subprocess.run(["/usr/sbin/sendmail", "-f", "", recipient], check=True, capture_output=True,
                           input=f"Subject: lab\nTo: {recipient}\n\nHello from Postfix.\n".encode())
        deadline = time.monotonic() + patience
        reader = LogReader()
        with open(LOG, errors="backslashreplace") as log:
            log.seek(begin)
            while waiting and time.monotonic() < deadline:
                line = log.readline()
                if not line:
                    time.sleep(0.02)
                    continue
                delivery = reader.take(line)
                recipient = delivery and waiting.pop(ascii_domain(delivery.recipient), None)
                if recipient:
                    results[recipient] = delivery
                    on_result(delivery)
        for recipient in waiting.values():
            results[recipient] = Delivery(recipient, LOST, reason=f"no word in {LOG} after {patience} s; it ends:\n{_read(LOG)[-2000:]}")
        return results


def smtp_clients():
    """The process ids of the SMTP clients that Postfix's master has started."""
    master, found = _read(MASTER_PID).strip(), set()
    for process in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):  # it may have ended
            with open(f"/proc/{process}/stat") as stat:
                name, _, fields = stat.read().partition("(")[2].rpartition(") ")
            if name == "smtp" and fields.split()[1] == master:
                found.add(process)
    return found


def ascii_domain(recipient):
    local, _, domain = recipient.rpartition("@")
    return f"{local}@{domain.encode('idna').decode()}"


class LogReader:
    """Finds deliveries in mail.log. TLS is logged before the result and without queue id: the process id ties them."""

    _TLS = re.compile(r"(\w+) TLS connection established to ([^\[]+)\[")
    _RESULT = re.compile(r"to=<([^>]*)>, (?:orig_to=<[^>]*>, )?relay=([^,\[]+)[^,]*,.* status=(\w+) \((.*)\)$")
    _WORDS = {"Verified": "verified", "Trusted": "trusted", "Untrusted": "encrypted", "Anonymous": "encrypted"}

    def __init__(self):
        self._tls, self._warning = {}, {}  # process -> {host: word}; process -> text

    def take(self, line):
        """Delivery if this line tells one, else None."""
        process = re.search(r" (postfix/\w+\[\d+\]): (.*)", line)
        if not process:
            return None
        process, text = process[1], process[2]
        if text.startswith("warning: "):
            self._warning[process] = text.removeprefix("warning: ")
        elif established := self._TLS.match(text):
            self._tls.setdefault(process, {})[established[2].lower()] = self._WORDS[established[1]]
        elif result := self._RESULT.search(text):
            return self._result(process, *result.groups())
        return None

    def _result(self, process, recipient, host, status, reason):
        tls, warning = self._tls.pop(process, {}), self._warning.pop(process, "")
        if status == "sent":
            return Delivery(recipient, tls.get(host.lower(), "clear"), host=host, reason=reason)
        # "TLS configuration problem" is all the queue says of a policy lookup that failed; the warning says more.
        return Delivery(recipient, status, reason=f"{reason}; {warning}" if warning else reason)


def _write_long_ago(path, text):
    """Postfix waits until nobody seems to be writing a file any more, which takes it seconds."""
    with open(path, "w") as file:
        file.write(text)
    past = time.time() - 60
    os.utime(path, (past, past))


def _read(path):
    with open(path, errors="backslashreplace") as file:
        return file.read()


def _run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise Failed(f"{' '.join(command)}: exit status {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout
