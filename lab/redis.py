"""A real redis-server for daemons that are a fleet: one of its own for each test, in the lab's namespace, on any address.

    with Redis(folder, password="secret") as redis:
        daemon = outrider(redis=redis.url(), fleet={"name": "a"})
        redis.command("GET", "outrider:seq")
        redis.hang(); redis.go_on()          # SIGSTOP: it is there, and does not answer
        redis.kill(); redis.start()          # everything is gone: nothing is kept on disk
"""

import os
import signal
import socket

from lab.process import Process

PROGRAM = "/usr/bin/redis-server"


class RedisError(Exception):
    """What Redis refuses."""


class Redis:
    """One server. password: of the default user. users: lines as of "user" in redis.conf. tls: a chain of lab/certs.py, and the bundle."""

    def __init__(self, folder, host="127.0.0.1", port=6379, password=None, users=(), tls=None, unix=False):
        self.folder, self.host, self.port, self.password = folder, host, port, password
        self.tls, self.process = tls, None
        self.socket = os.path.join(folder, "redis.sock") if unix else None
        os.makedirs(folder, exist_ok=True)
        lines = [f"bind {host}", f"port {0 if tls else port}", 'save ""', "appendonly no", f"dir {folder}", "daemonize no",
                 "protected-mode no", *(f"user {line}" for line in users)]
        if password:
            lines.append(f"requirepass {password}")
        if unix:
            lines += [f"unixsocket {self.socket}", "unixsocketperm 777"]
        if tls:
            lines += [f"tls-port {port}", f"tls-cert-file {tls.pem}", f"tls-key-file {tls.pem}", "tls-auth-clients no",
                      f"tls-ca-cert-file {tls.pem}"]
        self._config = os.path.join(folder, "redis.conf")
        with open(self._config, "w") as file:
            file.write("\n".join(lines) + "\n")

    def url(self, who="", host=None):
        who = who or (f":{self.password}@" if self.password else "")
        return f"redis{'s' if self.tls else ''}://{who}{host or self.host}:{self.port}/0"

    def start(self):
        self.process = Process("redis-server", [PROGRAM, self._config], self.folder)
        self.process.wait_until(self._answers, 20)
        return self

    def _answers(self):
        try:
            with socket.create_connection((self.host, self.port), 1):
                return bool(self.tls) or self.command("PING") == "PONG"
        except (OSError, RedisError):
            return False

    def stop(self):
        self.process.stop()

    def kill(self):
        self.process.kill(signal.SIGKILL)
        self.process._popen.wait()

    def hang(self):
        self.process.kill(signal.SIGSTOP)

    def go_on(self):
        self.process.kill(signal.SIGCONT)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        if self.process.status() is None:
            self.go_on()
            self.kill()

    def command(self, *words):
        """One command on a connection of its own, without TLS; octets become text where they can."""
        with socket.create_connection((self.host, self.port), 5) as connection:
            file = connection.makefile("rwb")
            if self.password:
                ask(file, "AUTH", self.password)
            return ask(file, *words)

    def keys(self, pattern):
        return sorted(self.command("KEYS", pattern))


def ask(file, *words):
    octets = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    file.write(b"*%d\r\n" % len(octets) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in octets))
    file.flush()
    return _reply(file)


def _reply(file):
    line = file.readline().rstrip(b"\r\n")
    kind, rest = line[:1], line[1:]
    if kind == b"-":
        raise RedisError(rest.decode())
    if kind == b":":
        return int(rest)
    if kind == b"+":
        return rest.decode()
    count = int(rest)
    if count < 0:
        return None
    if kind == b"*":
        return [_reply(file) for _ in range(count)]
    octets = file.read(count + 2)[:-2]
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return octets
