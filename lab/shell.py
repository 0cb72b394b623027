"""make lab: a shell inside the lab, with everything running."""

import os
import subprocess

from lab import namespace, packages
from lab.attack import by_hand
from lab.exim import Exim
from lab.outrider import Outrider
from lab.postfix import Postfix
from lab.world import World

HINTS = """
This is a private internet; nothing you do here reaches the real one, and all of it is gone when you leave.
Destinations are the rows of lab/scenarios.py. Things to try:

  outrider query dane-ee.example             what applies when sending there
  outrider query --explain sts-enforce.example
  kdig +dnssec TLSA _25._tcp.mx.dane-ee.example
  curl https://mta-sts.sts-enforce.example/.well-known/mta-sts.txt
  openssl s_client -starttls smtp -connect mx.dane-ta.example:25
  exim4 -odi -v you@sts-self-signed.example < /dev/null     Exim's attempt, step by step
  sendmail you@dane-ee-mismatch.example < /dev/null         Postfix' attempt; then: mailq; tail /var/log/mail.log

Be the attacker:

  attack server mx.sts-enforce.example no-starttls          strip STARTTLS ("good" gives it back)
  attack server mta-sts.sts-enforce.example unreachable     block the policy host
  attack forge dane-ee.example MX "10 mx.plain-tls.example."
  attack cert mx.dane-ee.example lab                        another certificate, of the public CA

Logs: /var/log/mail.log, /var/log/exim4/mainlog, {folder}/outriderd.log
"""


def main(build):
    """The status of the shell."""
    folder = os.path.join(namespace.HOME, "outrider")
    with World() as world, Outrider(build, world, folder, for_mtas=True) as outrider:
        Exim()
        postfix = Postfix(packages.unpacked(build))
        postfix.start()
        os.makedirs("/etc/outrider", exist_ok=True)
        os.symlink(outrider.config, "/etc/outrider/outrider.conf")  # where the programs look by themselves
        commands = os.path.join(namespace.HOME, "bin")
        by_hand.open_door(world, commands)
        print(HINTS.format(folder=folder))
        environment = {**os.environ, "PATH": f"{commands}:{build}:{os.environ['PATH']}", "PS1": "lab:\\w# "}
        try:
            return subprocess.run(["bash", "--norc", "-i"], env=environment).returncode
        finally:
            postfix.stop()
