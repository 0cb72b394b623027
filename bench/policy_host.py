#!/usr/bin/python3 -s
"""policy_host.py BUILD [--json] [ROW...]: what our policy host costs beside nginx serving the same file, in one run.

Both get the same work from bench/web_load.c, in turns; what counts is the CPU time that the serving process spent on it (/proc/PID/schedstat), and for
idle connections the memory that it keeps for itself (/proc/PID/smaps_rollup). So other things that the machine does disturb little. bench/README.md
tells how to read the table.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

HOST = "mta-sts.example.org"
POLICY = "version: STSv1\r\nmode: testing\r\nmx: mx.example.org\r\nmax_age: 86400\r\n"
ROUNDS = 15
IDLE = 1000

NGINX = """
worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log crit;
events {{ worker_connections 4096; }}
http {{
    access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000; keepalive_timeout 600s; default_type text/plain;
    open_file_cache max=100 inactive=600s; open_file_cache_valid 600s;
    client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3; uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
    ssl_protocols TLSv1.2 TLSv1.3; ssl_session_tickets on; ssl_session_timeout 300s;
    server {{
        listen 127.0.0.1:{https} ssl; listen 127.0.0.1:{plain}; server_name {host};
        ssl_certificate {folder}/{kind}.pem; ssl_certificate_key {folder}/{kind}.key;
        root {folder}/www; add_header Cache-Control max-age=60; add_header X-Content-Type-Options nosniff;
    }}
}}
"""

# key, words, certificate, version, what, how often
WORK = [
    ("requests_tls", "request over TLS 1.3, connection kept", "ec", "tls1.3", "requests", 4000),
    ("requests_plain", "request over plain HTTP, connection kept", "ec", "plain", "requests", 8000),
    ("connections_plain", "connection and request, plain HTTP", "ec", "plain", "full", 1600),
    ("full_13_ec", "handshake and request, TLS 1.3, P-256", "ec", "tls1.3", "full", 320),
    ("full_12_ec", "handshake and request, TLS 1.2, P-256", "ec", "tls1.2", "full", 320),
    ("full_13_rsa", "handshake and request, TLS 1.3, RSA 2048", "rsa", "tls1.3", "full", 160),
    ("full_12_rsa", "handshake and request, TLS 1.2, RSA 2048", "rsa", "tls1.2", "full", 160),
    ("resumed_13", "resumed handshake and request, TLS 1.3", "ec", "tls1.3", "resumed", 320),
    ("resumed_12", "resumed handshake and request, TLS 1.2", "ec", "tls1.2", "resumed", 320),
]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def make_certificate(folder, kind):
    key = {"ec": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "rsa": ["rsa:2048"]}[kind]
    subprocess.run(["openssl", "req", "-x509", "-newkey", *key, "-nodes", "-keyout", f"{folder}/{kind}.key", "-out", f"{folder}/{kind}.pem",
                    "-days", "30", "-subj", "/CN=bench", "-addext", f"subjectAltName=DNS:{HOST}"], check=True, stderr=subprocess.DEVNULL)


class Server:
    """One of the two; `pid` is that of the process that serves."""

    def __init__(self, build, folder, kind):
        self.ports = {"tls1.3": free_port(), "plain": free_port()}
        self.ports["tls1.2"] = self.ports["tls1.3"]
        self.process = subprocess.Popen(self.command(build, folder, kind), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while not self.is_ready():
            if time.monotonic() > deadline or self.process.poll() is not None:
                self.stop()
                sys.exit(f"policy_host.py: {self.name} does not start")
            time.sleep(0.05)

    def is_ready(self):
        self.pid = self.find_pid()
        try:
            socket.create_connection(("127.0.0.1", self.ports["plain"])).close()
        except ConnectionRefusedError:
            return False
        return self.pid is not None

    def find_pid(self):
        return self.process.pid

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def spent(self):
        """Nanoseconds of CPU, of all its threads."""
        return sum(int(open(f"/proc/{self.pid}/task/{task}/schedstat").read().split()[0]) for task in os.listdir(f"/proc/{self.pid}/task"))

    def memory(self):
        """KiB that nobody else uses."""
        lines = (line.split() for line in open(f"/proc/{self.pid}/smaps_rollup"))
        return sum(int(line[1]) for line in lines if line[0] in ("Private_Dirty:", "Private_Clean:"))


class Ours(Server):
    name = "outrider"

    def command(self, build, folder, kind):
        return [f"{build}/tests/unit/daemon/policy_host", "https", f"inet:127.0.0.1:{self.ports['tls1.3']}", "plain",
                f"inet:127.0.0.1:{self.ports['plain']}", "policy", f"example.org:{folder}/{kind}.pem:{folder}/{kind}.key", "connections", "4096",
                "per-address", "4096"]


class Nginx(Server):
    name = "nginx"

    def command(self, build, folder, kind):
        with open(f"{folder}/nginx.conf", "w") as file:
            file.write(NGINX.format(folder=folder, kind=kind, host=HOST, https=self.ports["tls1.3"], plain=self.ports["plain"]))
        return ["nginx", "-c", f"{folder}/nginx.conf", "-e", f"{folder}/error.log"]

    def find_pid(self):
        workers = open(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read().split()
        return int(workers[0]) if workers else None


def load(build, server, version, what, count):
    return [f"{build}/bench/web_load", str(server.ports[version]), HOST, version, what, str(count)]


def measure(build, server, version, what, count):
    """Microseconds of CPU for one."""
    before = server.spent()
    subprocess.run(load(build, server, version, what, count), check=True)
    return (server.spent() - before) / count / 1000


def measure_idle(build, server, version):
    """KiB for each of IDLE connections that are kept."""
    before = server.memory()
    with subprocess.Popen(load(build, server, version, "idle", IDLE), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as clients:
        if clients.stdout.readline() != b"ready\n":
            sys.exit("policy_host.py: connections could not be opened")
        kept = (server.memory() - before) / IDLE
        clients.stdin.close()
    return kept


def run(build, folder, wanted):
    results = {}
    for kind in ("ec", "rsa"):
        make_certificate(folder, kind)
        servers = [Ours(build, folder, kind), Nginx(build, folder, kind)]
        try:
            for key, _, certificate, version, what, count in WORK:
                if certificate != kind or wanted and key not in wanted:
                    continue
                for server in servers:  # what is made once is not counted
                    measure(build, server, version, what, 160)
                rounds = [[measure(build, server, version, what, count) for server in servers] for _ in range(ROUNDS)]
                results[key] = [min(each[i] for each in rounds) for i in range(2)]
        finally:
            for server in servers:
                server.stop()
    for version in ("tls1.3", "tls1.2"):
        if wanted and f"idle_{version}" not in wanted:
            continue
        kept = []
        for make in (Ours, Nginx):
            server = make(build, folder, "ec")
            measure(build, server, version, "full", 160)
            kept.append(measure_idle(build, server, version))
            server.stop()
        results[f"idle_{version}"] = kept
    return results


def show(results):
    words = {key: f"{text} (µs)" for key, text, *_ in WORK}
    words.update({f"idle_{version}": f"idle connection, {version.upper().replace('TLS', 'TLS ')} (KiB)" for version in ("tls1.3", "tls1.2")})
    print(f"{'CPU time or memory of the server, for one':<50}{'outrider':>10}{'nginx':>10}{'nginx/ours':>12}")
    for key, (ours, theirs) in results.items():
        print(f"{words[key]:<50}{ours:>10.1f}{theirs:>10.1f}{theirs / ours:>12.2f}")


def main(arguments):
    rows = [word for word in arguments[1:] if word != "--json"]
    if not arguments or set(rows) - {work[0] for work in WORK} - {"idle_tls1.3", "idle_tls1.2"}:
        print("usage: policy_host.py BUILD [--json] [ROW...]", file=sys.stderr)
        return 64
    if shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin") is None:
        print("policy_host.py: skipped: nginx is not installed (Debian package nginx-light)", file=sys.stderr)
        return 0
    os.environ["PATH"] += ":/usr/sbin"
    with tempfile.TemporaryDirectory(prefix="outrider-bench-") as folder:
        os.chmod(folder, 0o755)  # nginx's worker is another user
        os.makedirs(f"{folder}/www/.well-known")
        with open(f"{folder}/www/.well-known/mta-sts.txt", "w", newline="") as file:
            file.write(POLICY)
        results = run(os.path.abspath(arguments[0]), folder, rows)
    if "--json" in arguments:
        print(json.dumps({key: {"outrider": ours, "nginx": theirs, "ratio": theirs / ours} for key, (ours, theirs) in results.items()}))
    else:
        show(results)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
