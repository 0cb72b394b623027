"""Who sends: mail servers with the files of integration/, one class each. Another one is another class in MTAS.

    name, short     for people; the short one heads a column
    ehlo            by which name it introduces itself: that tells MX hosts, and so the judge, who is talking
    columns         kinds of destinations it can protect, or need not
    send            a message to each recipient; {recipient: Delivery} when all have been tried
    send_together   a message to each group of recipients
    send_reusing    a message to each recipient of each group, the last one last, in a way that makes the mail server
                    use a connection for several messages, if it ever does
    is_waiting      the mail is in the queue
"""

import concurrent.futures
import contextlib
import os
import subprocess
import time

from lab import exim, packages, postfix, sendmail
from lab.attack.kinds import ALL, BY_POLICY, OPEN
from lab.delivery import LOST, Delivery

PATIENCE = 150  # seconds for all messages of a phase
AT_ONCE = 20    # more, and a small machine is so slow that mail waits for that reason


class EximSender:
    name, short, ehlo, columns = "exim", "E", "exim.sender.example", ALL

    def __init__(self, build, server=None):
        self.server = server or exim.Exim()

    def __enter__(self):
        self._options = os.path.join(exim.FRAGMENTS, "options")  # of the site, says transport.conf
        with open(self._options, "w") as file:
            file.write(f"helo_data = {self.ehlo}\n")
        return self

    def __exit__(self, *_):
        os.unlink(self._options)
        self.server.forget()

    def send(self, recipients, on_result):
        return self.server.send(recipients, on_result)

    def send_together(self, groups):
        return _each_group(self.server, lambda group: self.server.send_together(*group), groups)

    def send_reusing(self, groups):
        self.server.forget()
        return self.server.send_queued(*(recipient for group in groups for recipient in group))

    def is_waiting(self, recipient):
        return recipient in subprocess.run(["exim4", "-bp"], capture_output=True, text=True).stdout


class PostfixSender:
    name, short, ehlo, columns = "postfix", "P", "postfix.sender.example", ALL

    def __init__(self, build, server=None):
        self._is_ours = server is None
        self.server = server or postfix.Postfix(packages.unpacked(build))

    def __enter__(self):
        if self._is_ours:
            self.server.start()
        subprocess.run(["postconf", "-e", f"smtp_helo_name={self.ehlo}", f"default_process_limit={AT_ONCE}"],
                       check=True)
        return self

    def __exit__(self, *_):
        self.server.forget()
        subprocess.run(["postconf", "-X", "smtp_helo_name", "default_process_limit"], check=True)
        if self._is_ours:
            self.server.stop()

    def send(self, recipients, on_result):
        return self.server.send(recipients, on_result, patience=PATIENCE)

    def send_together(self, groups):
        self.server.forget()
        waiting = {recipient for group in groups for recipient in group}
        reader, found, deadline = postfix.LogReader(), {}, time.monotonic() + PATIENCE
        with open(postfix.LOG, errors="backslashreplace") as log:
            log.seek(0, os.SEEK_END)
            for group in groups:
                subprocess.run(["/usr/sbin/sendmail", "-f", "", *group], check=True, capture_output=True,
                               input=f"Subject: lab\nTo: {', '.join(group)}\n\nHello from Postfix.\n".encode())
            while waiting - set(found) and time.monotonic() < deadline:
                line = log.readline()
                delivery = reader.take(line) if line else time.sleep(0.02)
                if delivery:
                    found[delivery.recipient] = delivery
        return {recipient: found.get(recipient, Delivery(recipient, LOST)) for recipient in waiting}

    def send_reusing(self, groups):
        return self.server.send([recipient for group in groups for recipient in group], patience=PATIENCE)

    def is_waiting(self, recipient):
        return recipient in subprocess.run(["postqueue", "-p"], capture_output=True, text=True).stdout


class SendmailSender:
    """It has no DANE: where there is a policy as well, that alone decides."""

    name, short, ehlo = "sendmail", "s", "sender.example"
    columns = (*BY_POLICY, "dane-sts", *OPEN)

    def __init__(self, build, server=None):
        self._is_ours = server is None
        self.server = server or sendmail.Sendmail(packages.unpacked(build))

    def __enter__(self):
        if self._is_ours:
            self.server.__enter__()
        return self

    def __exit__(self, *error):
        self.server.forget()
        if self._is_ours:
            self.server.__exit__(*error)

    def send(self, recipients, on_result):
        return self.server.send(recipients, on_result)

    def send_together(self, groups):
        return _each_group(self.server, self.server.send_together, groups)

    def send_reusing(self, groups):
        """One process with a connection cache: a queue run."""
        self.server.forget()
        begin = self.server.mark()
        for group in groups:
            for recipient in group:
                self.server.submit([recipient], "-odq")
        self.server.run_queue()
        return self.server.outcomes([recipient for group in groups for recipient in group], begin)

    def is_waiting(self, recipient):
        return any(recipient in open(entry.path, errors="replace").read() for entry in os.scandir(sendmail.QUEUE)
                   if entry.name.startswith("qf"))


def _each_group(server, send, groups):
    server.forget()
    sent = {}
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        for found in pool.map(send, groups):
            sent.update(found)
    return sent


MTAS = (EximSender, PostfixSender, SendmailSender)


@contextlib.contextmanager
def started(build, running):
    """All of them, ready to send. running: {name: server} of those that run already."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(sender(build, running.get(sender.name))) for sender in MTAS]
