"""outriderd in the lab: its configuration, its process, and questions to it.

    with Outrider(build, world, folder, sts={"recheck": 1}) as outrider:
        outrider.query("sts-enforce.example")["level"]          # "secure"
        outrider.postfix("sts-enforce.example")                 # "OK secure match=..."
        outrider.kill(); outrider.start()                       # the store is still there
"""

import json
import os
import shutil
import signal
import subprocess

from lab import clients, nameservers, postfix
from lab.process import Failed, Process

USER = "outrider"


class Outrider:
    """One daemon with a folder of its own for sockets, store and log."""

    def __init__(self, build, world, folder, for_mtas=False, clock=None, **settings):
        """for_mtas: listen where the files in integration/ expect it (one such daemon at a time).

        clock: another date than that of the machine, for it and for the commands about it (clock.py).

        settings: what differs from the lab's configuration, section by section: sts={"recheck": 1}, combine="both".
        None takes a setting out. redis="redis://..." is the setting "store" at top level, which has the name of a section.
        """
        self._build, self._folder = build, folder
        self._environment = clock.environment if clock else None
        self.program, self.cli = os.path.join(build, "outriderd"), os.path.join(build, "outrider")
        self.config = os.path.join(folder, "outrider.conf")
        self.store = os.path.join(folder, "store", "outrider.db")
        run, jail = ("/run/outrider", f"{postfix.QUEUE}/outrider") if for_mtas else (folder, f"{folder}/jail")
        self.line_socket, self.map_socket = f"{run}/exim.sock", f"{jail}/policy.sock"
        self.sendmail_socket = f"{run}/sendmail.sock"
        self.control_socket = f"{run}/control.sock"
        self.exim_dir, self.postfix_dir = f"{run}/ta", f"{jail}/ta"
        for path in (folder, run, jail, self.exim_dir, self.postfix_dir, os.path.dirname(self.store)):
            os.makedirs(path, exist_ok=True)
            shutil.chown(path, USER)
        self.settings = merge(self._defaults(world), settings)
        self.process = None
        self.environment = {}  # of the program, beside ours
        self.runner = []       # what runs it, and takes its time: valgrind
        self.write_config()

    def _defaults(self, world):
        """The lab's configuration: what a user would write, and where this daemon has its files."""
        return {
            "socketmap": {"listen": [f"unix:{self.map_socket}", f"unix:{self.sendmail_socket}"], "group": "postfix", "mode": "0660"},
            "line": {"listen": [f"unix:{self.line_socket}"], "group": "Debian-exim", "mode": "0660"},
            "control": {"listen": [f"unix:{self.control_socket}"]},
            "dns": {"mode": "forward", "forwarders": [nameservers.RESOLVER], "root_hints": world.root_hints,
                    "trust_anchor": world.trust_anchor, "allow_localhost": True},
            'anchors "default"': {"roots": world.certs.bundle, "exim_dir": self.exim_dir,
                                  "postfix_dir": self.postfix_dir, "postfix_name": "outrider/ta"},
            "store": {"path": self.store},
            "user": USER,
            "sandbox": self._environment is None,  # libfaketime reads its file whenever the time is asked for
        }

    def write_config(self, text=None):
        """The configuration from self.settings, or any text."""
        with open(self.config, "w") as file:
            file.write(text if text is not None else render(self.settings))

    def start(self):
        """Start and wait until the sockets answer."""
        if not os.path.exists(self.program):
            raise Failed(f"{self.program} is not there; build first")
        self.process = Process("outriderd", [*self.runner, self.program, "-f", "-c", self.config], self._folder,
                               env={**(self._environment or os.environ), **self.environment})
        self.process.wait_until(self._answers, 120 if self.runner else 20)
        return self

    def _answers(self):
        try:
            return clients.line(self.line_socket, "v1 event\n", 1.0) == ""
        except OSError:
            return False

    def stop(self):
        """SIGTERM; returns the exit status."""
        return self.process.stop(120 if self.runner else 10)

    def kill(self):
        """kill -9, as in a power cut."""
        self.process.kill(signal.SIGKILL)
        self.process._popen.wait()

    def restart(self):
        self.stop()
        return self.start()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        if self.process.status() is None:
            self.stop()

    def log(self):
        return self.process.output()

    def run_cli(self, *arguments, **options):
        """outrider ARGUMENTS..., finished, with its output as text."""
        options = {"capture_output": True, "text": True, "env": self._environment, **options}
        return subprocess.run([self.cli, *arguments], **options)

    def override(self, *arguments, check=True, **options):
        """`outrider override ARGUMENTS...`, finished."""
        done = self.run_cli("override", arguments[0], "--config", self.config, *arguments[1:], **options)
        if check and done.returncode != 0:
            raise LookupError(f"outrider override {arguments}: exit status {done.returncode}: {done.stderr.strip()}")
        return done

    def trust(self, *arguments, check=True, **options):
        """`outrider trust ARGUMENTS...`, finished."""
        done = self.run_cli("trust", arguments[0], "--config", self.config, *arguments[1:], **options)
        if check and done.returncode != 0:
            raise LookupError(f"outrider trust {arguments}: exit status {done.returncode}: {done.stderr.strip()}")
        return done

    def query(self, destination, *options):
        """`outrider query --json`. Where it prints nothing, its complaint is raised as LookupError."""
        done = self.run_cli("query", "--json", "--config", self.config, *options, destination)
        if not done.stdout:
            raise LookupError(f"outrider query {destination}: exit status {done.returncode}: {done.stderr.strip()}")
        return json.loads(done.stdout)

    def postfix(self, key, name="QUERY", timeout=30.0):
        """One socketmap question on a connection of its own."""
        with clients.Socketmap(self.map_socket, timeout) as connection:
            return connection.ask(name, key)

    def exim(self, domain, timeout=30.0):
        """The line that Exim gets; "" where the daemon says nothing (which defers)."""
        return clients.line(self.line_socket, f"v1 policy domain={domain}\n", timeout)


def merge(defaults, settings):
    """Settings over defaults; sections are merged, everything else is replaced."""
    merged = {name: dict(value) if isinstance(value, dict) else value for name, value in defaults.items()}
    for name, value in settings.items():
        name = 'anchors "default"' if name == "anchors" else name
        if isinstance(value, dict):
            merged.setdefault(name, {}).update(value)
        else:
            merged[name] = value
    return merged


def render(settings):
    """libconfuse's syntax."""
    lines = []
    for name, value in settings.items():
        if isinstance(value, dict):
            lines.append(f"{name} {{")
            lines += [f"    {option} = {_value(v)}" for option, v in value.items() if v is not None]
            lines.append("}")
        elif value is not None:
            lines.append(f"{'store' if name == 'redis' else name} = {_value(value)}")
    return "\n".join(lines) + "\n"


def _value(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, (list, tuple)):
        return "{ " + ", ".join(_value(item) for item in value) + " }"
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
