"""sendmail as Debian ships it: Debian's own sendmail.mc with the lines of integration/sendmail/outrider.mc."""

import concurrent.futures
import os
import re
import shutil
import socket
import subprocess
import threading
import time

from lab import namespace
from lab.delivery import LOST, Delivery
from lab.process import Failed

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PROGRAM = "/usr/libexec/sendmail/sendmail"  # /usr/sbin/sendmail is Postfix' here
FRAGMENT = os.path.join(ROOT, "integration", "sendmail", "outrider.mc")
MACROS = "/usr/share/sendmail/cf"
CONFIG = "/etc/mail"
QUEUE = "/var/spool/mqueue"
DEVICES = os.path.join(namespace.HOME, "sendmail-dev")
AT_ONCE = 12   # messages on their way; most of the time they wait for somebody
PATIENCE = 60  # seconds for one message; a policy host that drips takes 10

# Debian's includes these two from places where its maintainer scripts would have put files of the site.
SITE_INCLUDES = ("m4/dialup.m4", "m4/provider.m4")

SITE = """
dnl A small site that only sends.
define(`confDOMAIN_NAME', `sender.example')dnl
dnl /var/lib is that of the machine around the lab.
define(`STATUS_FILE', `/var/spool/sendmail.st')dnl
define(`confPID_FILE', `/var/spool/sendmail.pid')dnl
define(`confCONTROL_SOCKET_NAME', `')dnl
dnl A bounce of a message without a sender goes nowhere.
define(`confDOUBLE_BOUNCE_ADDRESS', `')dnl
dnl The lab has one address for everybody, and sends many messages at once.
define(`confQUEUE_LA', `1000')dnl
define(`confREFUSE_LA', `1000')dnl
define(`confDELAY_LA', `1000')dnl
"""


class Sendmail:
    """No daemon runs: each message is submitted and delivered by a process of its own, as with Exim.

    sendmail tells the syslog what became of a message, and nobody else. So its processes see a /dev of their own, in
    which we are the syslog.
    """

    def __init__(self, unpacked, fragment=FRAGMENT):
        """unpacked: the folder of packages.py."""
        os.makedirs(f"{CONFIG}/m4", exist_ok=True)
        for name in (*SITE_INCLUDES, "local-host-names", "relay-domains", "trusted-users", "access", "aliases"):
            with open(os.path.join(CONFIG, name), "w"):
                pass
        for name in ("helpfile", "service.switch"):
            shutil.copy(os.path.join(unpacked, "etc/mail", name), CONFIG)
        self.configure(fragment)
        for name in ("access", "aliases"):
            with open(os.path.join(CONFIG, name)) as file:
                _run("/usr/sbin/makemap", "hash", os.path.join(CONFIG, name), stdin=file)
        os.makedirs(QUEUE, mode=0o700, exist_ok=True)
        self._log, self._syslog = [], None

    def configure(self, fragment=FRAGMENT):
        """Make sendmail.cf as `sendmailconfig` would; fragment: the file with our lines."""
        with open(os.path.join(MACROS, "debian/sendmail.mc")) as packaged, open(fragment) as ours:
            before, marker, after = packaged.read().partition("MAILER_DEFINITIONS")
            head, rest = split_fragment(ours.read())
            with open(f"{CONFIG}/sendmail.mc", "w") as file:
                file.write(before + SITE + head + marker + after + rest)
        with open(f"{CONFIG}/sendmail.cf", "w") as file:
            file.write(_run("m4", f"-D_CF_DIR_={MACROS}/", f"{CONFIG}/sendmail.mc"))

    def version(self):
        return "sendmail " + re.search(r"Version (\S+)", self._run_sendmail("-d0.1", "-bt", input=b"").stdout.decode())[1]

    def __enter__(self):
        os.makedirs(DEVICES, exist_ok=True)
        for name in ("null", "zero", "urandom", "random"):
            path = os.path.join(DEVICES, name)
            with open(path, "w"):
                pass
            _run("mount", "--bind", f"/dev/{name}", path)
        self._syslog = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._syslog.bind(os.path.join(DEVICES, "log"))
        os.chmod(os.path.join(DEVICES, "log"), 0o666)
        threading.Thread(target=self._listen, args=(self._syslog,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self._syslog.shutdown(socket.SHUT_RDWR)
        self._syslog.close()
        os.unlink(os.path.join(DEVICES, "log"))
        for name in ("null", "zero", "urandom", "random"):
            _run("umount", os.path.join(DEVICES, name))

    def _listen(self, syslog):
        while True:
            try:
                line = syslog.recv(8192)
            except OSError:
                return
            if not line:
                return
            self._log.append(line.decode(errors="backslashreplace").rstrip("\0\n"))

    def log(self):
        """All that sendmail told the syslog."""
        return "\n".join(list(self._log))

    def forget(self):
        """What earlier failures left: the queue. With our lines sendmail keeps no status of hosts."""
        for entry in os.scandir(QUEUE):
            os.unlink(entry.path)

    def send(self, recipients, on_result=lambda delivery: None, fresh=True):
        """One message to each; returns {recipient: Delivery} when all have been tried.

        fresh: forget first what earlier failures left.
        """
        if fresh:
            self.forget()
        results = {}
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            running = [pool.submit(self.send_together, [recipient]) for recipient in recipients]
            for done in concurrent.futures.as_completed(running):
                for delivery in done.result().values():
                    results[delivery.recipient] = delivery
                    on_result(delivery)
        return results

    def send_together(self, recipients):
        """One message to all of them. The null sender: a bounce ends in the log and not in the queue."""
        begin = len(self._log)
        try:
            done = self.submit(recipients)
            said = (done.stdout + done.stderr).decode(errors="replace").strip()
        except subprocess.TimeoutExpired:
            said = "not done after a minute"
        return self.outcomes(recipients, begin, said)

    def submit(self, recipients, how="-odi"):
        """By default with delivery in the foreground; -odq leaves it to run_queue()."""
        text = f"Subject: lab\nTo: {', '.join(recipients)}\n\nHello from sendmail.\n"
        return self._run_sendmail(how, "-oi", "-f", "<>", *recipients, input=text.encode(), timeout=PATIENCE)

    def run_queue(self):
        """Try everything in the queue once more, in one process."""
        self._run_sendmail("-qf", timeout=PATIENCE)

    def mark(self):
        """A place in the log for outcomes()."""
        return len(self._log)

    def outcomes(self, recipients, begin=0, said=""):
        """The last word of the log on each, after the place that mark() gave."""
        deadline = time.monotonic() + 1  # the last datagram may still be on its way to our thread
        while True:
            lines = self._log[begin:]
            found = {recipient: outcome(recipient, lines) for recipient in recipients}
            if all(found.values()) or time.monotonic() > deadline:
                return {r: found[r] or Delivery(r, LOST, reason=said) for r in recipients}
            time.sleep(0.02)

    def _run_sendmail(self, *arguments, **options):
        command = ["unshare", "--mount", "sh", "-c", f'mount --rbind {DEVICES} /dev && exec "$@"', "sh", PROGRAM]
        return subprocess.run([*command, *arguments], capture_output=True, **options)


def split_fragment(text):
    """Our lines for the place before MAILER_DEFINITIONS, and those for the end: rulesets come after the mailers."""
    head, marker, rest = text.partition("dnl --- second part")
    return head, marker + rest


# <22>Jan  1 00:00:00 sendmail[12]: 5AO1xyz0000012: to=user@domain, ..., relay=mx. [203.0.113.1], dsn=2.0.0, stat=Sent (ok)
RESULT = re.compile(r"\[(\d+)\]: \w+: to=(.*?), (?:.*, )?delay=.*, dsn=([\d.]+), (?:.*, )?stat=(.*)$")
RELAY = re.compile(r", relay=([^, ]+)")
REJECT = re.compile(r"\[(\d+)\]: .*ruleset=tls_\w+, .*relay=\S+, reject=(.*)$")
TLS = re.compile(r"\[(\d+)\]: .*STARTTLS=client, relay=(\S+?)\.?, version=\S+, verify=(\w+),")


def outcome(recipient, lines):
    """The last word of the log on a recipient; None if there is none."""
    found, tls, reject = None, {}, {}
    for line in lines:
        if established := TLS.search(line):
            tls[established[1], established[2]] = "verified" if established[3] == "OK" else "encrypted"
        elif refused := REJECT.search(line):
            reject[refused[1]] = refused[2]
        result = RESULT.search(line)
        if not result or recipient not in re.sub("[<>]", "", result[2]).split(","):
            continue
        process, _, dsn, stat = result.groups()
        relay = RELAY.search(line)
        if stat.startswith("Sent"):
            host, security = _session(process, relay[1].rstrip(".") if relay else "", tls)
            found = Delivery(recipient, security, host=host, reason=stat)
        else:
            found = Delivery(recipient, "bounced" if dsn.startswith("5") else "deferred",
                             reason=stat if ":" in stat else f"{stat}: {reject.get(process, '')}")
    return found


def _session(process, relay, tls):
    """Host and security of a process' session with a relay, whose name the log may have shortened: "begin...end"."""
    begin, dots, end = relay.partition("...")
    for (of, host), security in tls.items():
        if of == process and (host == relay or dots and host.startswith(begin) and host.endswith(end)):
            return host, security
    return relay, "clear"


def _run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if done.returncode != 0:
        raise Failed(f"{' '.join(command)}: exit status {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout
