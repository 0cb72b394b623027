"""A certificate authority that speaks ACME (RFC 8555): Debian's pebble, with the lab's names and resolver.

    with Pebble(world) as pebble:
        pebble.uacme(folder, "new")                    # an account
        pebble.uacme(folder, "issue", "mx1.example")   # challenges are looked for on port 80 of mx1.example
        pebble.root()                                  # what its certificates end in
"""

import json
import os
import ssl
import subprocess
import urllib.request

from lab.process import Process

NAME = "acme.example"      # in its own certificate; not a scenario
PORT, MANAGEMENT = 14000, 15000
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"


class Pebble:
    """One authority, with new keys at each start."""

    def __init__(self, world, folder):
        self.folder = folder
        os.makedirs(folder, exist_ok=True)
        self.certificate = world.certs.issue("lab", "localhost").pem
        self.url = f"https://localhost:{PORT}/dir"
        self._config = os.path.join(folder, "pebble.json")
        with open(self._config, "w") as file:
            json.dump({"pebble": {"listenAddress": f"127.0.0.1:{PORT}", "managementListenAddress": f"127.0.0.1:{MANAGEMENT}",
                                  "certificate": self.certificate, "privateKey": self.certificate, "httpPort": 80,
                                  "tlsPort": 443, "ocspResponderURL": ""}}, file)

    def __enter__(self):
        self.process = Process("pebble", ["pebble", "-config", self._config, "-dnsserver", "127.0.0.1:53"], self.folder,
                               env={**os.environ, "PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0",
                                    "PEBBLE_AUTHZREUSE": "0"})
        self.process.wait_until(self._answers, 20)
        return self

    def __exit__(self, *_):
        self.process.stop()

    def _answers(self):
        try:
            return bool(self.root())
        except OSError:
            return False

    def _managed(self, path):
        context = ssl.create_default_context(cafile=BUNDLE)
        with urllib.request.urlopen(f"https://localhost:{MANAGEMENT}/{path}", context=context, timeout=5) as answer:
            return answer.read()

    def root(self):
        """PEM."""
        return self._managed("roots/0").decode()

    def intermediate(self):
        return self._managed("intermediates/0").decode()

    def uacme(self, confdir, *arguments, challenges, program="uacme", environment=None):
        """Finished, with its output as text. challenges: the folder where they are to be written; program: uacme, or what calls it."""
        options = ["-a", self.url, "-h", "/usr/share/uacme/uacme.sh", "-o", "-y", "-t", "EC"]
        words = [program, "-c", confdir, *options, *arguments] if program == "uacme" else [program, *arguments]
        return _run(words, {**(environment or os.environ), "UACME_CHALLENGE_PATH": challenges, "UACME_CONFDIR": confdir,
                            "UACME_OPTIONS": " ".join(options)})

    def certbot(self, folder, *arguments, environment):
        """`certbot ARGUMENTS...`, with all that is its own below a folder."""
        places = [word for name in ("config", "work", "logs") for word in (f"--{name}-dir", os.path.join(folder, name))]
        return _run(["certbot", *arguments, "--server", self.url, "--non-interactive", "--agree-tos", "--register-unsafely-without-email",
                     *places], {**environment, "REQUESTS_CA_BUNDLE": BUNDLE})

    def lego(self, folder, *arguments, environment):
        """`lego ARGUMENTS...`, the same."""
        return _run(["lego", "--server", self.url, "--accept-tos", "--email", "postmaster@sender.example", "--path", folder, *arguments],
                    {**environment, "LEGO_CA_CERTIFICATES": BUNDLE})


def _run(words, environment):
    return subprocess.run(words, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL, env=environment)
