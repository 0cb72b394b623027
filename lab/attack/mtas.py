"""Who sends: mail servers with the files of integration/, one class each. Another one is another class in MTAS.

    name, short     for people; the short one heads a column
    ehlos           by which names it introduces itself: that tells MX hosts, and so the judge, who is talking
    columns         kinds of destinations it can protect
    send            a message to each recipient; {recipient: Delivery} when all have been tried
    send_together   one message to all of them
    send_reusing    messages to `others` and to the recipient in a way that makes it use its connections again if it can
    is_waiting      the mail is in the queue
"""

import contextlib
import os
import subprocess
import time

from lab import exim, packages, postfix
from lab.attack.kinds import ALL
from lab.delivery import LOST, Delivery

MESSAGE = b"Subject: lab\n\nHello.\n"
PATIENCE = 60
SLICE = 120  # messages that Postfix gets at once; its driver waits for a minute for all of them


class EximSender:
    name, short, columns = "exim", "E", ALL
    ehlos = ("sender.example",)

    def __init__(self, build, server=None):
        self.server = server or exim.Exim()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.forget()

    def send(self, recipients, on_result=lambda delivery: None):
        return self.server.send(recipients, on_result)

    def send_together(self, recipients):
        self.server.forget()
        return self._run(recipients, ["exim4", "-odi", "-f", "<>", *recipients])

    def send_reusing(self, others, recipient):
        """Queued, routed first, then delivered host by host: a queue run in two stages."""
        self.server.forget()
        for each in (*others, recipient):
            subprocess.run(["exim4", "-odq", "-f", "<>", each], input=MESSAGE, check=True, capture_output=True)
        return self._run([*others, recipient], ["exim4", "-qqff"])

    def _run(self, recipients, command):
        with open(exim.LOG, "ab") as log:
            begin = log.tell()
        subprocess.run(command, input=MESSAGE, capture_output=True, timeout=PATIENCE)
        with open(exim.LOG, errors="backslashreplace") as log:
            log.seek(begin)
            lines = log.readlines()
        return {recipient: exim.outcome(recipient, lines) or Delivery(recipient, LOST) for recipient in recipients}

    def is_waiting(self, recipient):
        return recipient in subprocess.run(["exim4", "-bp"], capture_output=True, text=True).stdout


class PostfixSender:
    name, short, columns = "postfix", "P", ALL
    ehlos = ("postfix.sender.example",)

    def __init__(self, build, server=None):
        self._is_ours = server is None
        self.server = server or postfix.Postfix(packages.unpacked(build))

    def __enter__(self):
        if self._is_ours:
            self.server.start()
        subprocess.run(["postconf", "-e", f"smtp_helo_name={self.ehlos[0]}"], check=True)
        return self

    def __exit__(self, *_):
        self.server.forget()
        subprocess.run(["postconf", "-X", "smtp_helo_name"], check=True)
        if self._is_ours:
            self.server.stop()

    def send(self, recipients, on_result=lambda delivery: None):
        sent = {}
        for begin in range(0, len(recipients), SLICE):
            sent.update(self.server.send(recipients[begin:begin + SLICE], on_result))
        return sent

    def send_together(self, recipients):
        self.server.forget()
        reader, found, deadline = postfix.LogReader(), {}, time.monotonic() + PATIENCE
        with open(postfix.LOG, errors="backslashreplace") as log:
            log.seek(0, os.SEEK_END)
            subprocess.run(["/usr/sbin/sendmail", "-f", "", *recipients], input=MESSAGE, check=True, capture_output=True)
            while set(found) != set(recipients) and time.monotonic() < deadline:
                line = log.readline()
                delivery = reader.take(line) if line else time.sleep(0.02)
                if delivery:
                    found[delivery.recipient] = delivery
        return {recipient: found.get(recipient, Delivery(recipient, LOST)) for recipient in recipients}

    def send_reusing(self, others, recipient):
        return self.server.send([*others, recipient])

    def is_waiting(self, recipient):
        return recipient in subprocess.run(["postqueue", "-p"], capture_output=True, text=True).stdout


MTAS = (EximSender, PostfixSender)


@contextlib.contextmanager
def started(build, exim=None, postfix=None):
    """All of them, ready to send. Those that run already are taken as they are."""
    with contextlib.ExitStack() as stack:
        servers = {"exim": exim, "postfix": postfix}
        yield [stack.enter_context(sender(build, servers.get(sender.name))) for sender in MTAS]
