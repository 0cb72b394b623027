"""A real outriderd that publishes: what a sender gets from it over restarts, kill -9, changes of the configuration, full disks and
certificates that are no good; and that the exit clock is never shorter than the truth (PUB-01, PUB-02, PUB-06, PUB-08; rules U1 to U5 of
docs/protocols.md).

What follows from time passing is in tests/unit/daemon/publisher_test.c, which sets the clock.
"""

import contextlib
import datetime
import http.client
import json
import os
import random
import re
import shutil
import socket
import sqlite3
import ssl
import subprocess
import threading
import time
import urllib.request

import pytest

from lab import clients
from lab.outrider import USER
from lab.process import Process, wait_until
from test_store import fill, small_disk

ADDRESS = "127.77.0.1"  # of our policy host; nobody else in the lab has it
HTTPS, PLAIN, ACME, HTTP = 8443, 8080, 8081, 8463
PATH = "/.well-known/mta-sts.txt"
BETWEEN = 120  # s that a policy may be on its way to a sender: caches, and slow clients (lifecycle.h)
HORIZON = 3600
TWO = ["mx1.own.example", "mx2.own.example"]
DOMAIN, HOST = "own.example", "mta-sts.own.example"


def write_pair(lab, folder, host, kind="lab", name=None):
    """A certificate and its key for a host, as two files that the daemon may read."""
    key, chain = re.match(r"(.*?)(-----BEGIN CERTIFICATE.*)", open(lab.certs.issue(kind, host).pem).read(), re.S).groups()
    paths = [os.path.join(folder, f"{name or host}.{end}") for end in ("pem", "key")]
    for path, text in zip(paths, (chain, key)):
        with open(path + ".new", "w") as file:
            file.write(text)
        shutil.chown(path + ".new", USER)
        os.rename(path + ".new", path)
    return paths


class Publishing:
    """A daemon with one domain of its own, or more."""

    def __init__(self, lab, daemon):
        self.lab, self.daemon = lab, daemon
        self.folder = os.path.dirname(daemon.config)
        self.tokens = os.path.join(self.folder, "tokens")
        os.makedirs(self.tokens)
        shutil.chown(self.tokens, USER)
        self.daemon.settings["policy_host"] = {
            "listen": [f"inet:{ADDRESS}:{HTTPS}"], "plain": [f"inet:127.0.0.1:{PLAIN}"], "acme": [f"inet:{ADDRESS}:{ACME}"],
            "acme_directory": self.tokens}
        self.daemon.settings["http"] = {"listen": [f"inet:127.0.0.1:{HTTP}"]}
        self.configure()

    def configure(self, domain=DOMAIN, mx=TWO, **settings):
        """The section of a domain, from now on; a restart makes it count."""
        certificate, key = write_pair(self.lab, self.folder, f"mta-sts.{domain}")
        self.daemon.settings[f'publish "{domain}"'] = {"mx": mx, "certificate": certificate, "key": key, **settings}
        self.daemon.write_config()

    def change(self, domain=DOMAIN, **settings):
        self.daemon.settings[f'publish "{domain}"'].update(settings)
        self.daemon.write_config()

    def forget(self, domain=DOMAIN):
        del self.daemon.settings[f'publish "{domain}"']
        self.daemon.write_config()

    def connect(self, host=HOST):
        context = ssl.create_default_context(cafile=self.lab.certs.bundle)
        return context.wrap_socket(socket.create_connection((ADDRESS, HTTPS), timeout=20), server_hostname=host)

    def fetch(self, host=HOST):
        """(status, {"mode": ..., "mx": [...], "max_age": ...}) as a sender gets it."""
        connection = http.client.HTTPConnection(host, timeout=20)
        connection.sock = self.connect(host)
        with contextlib.closing(connection):
            connection.request("GET", PATH)
            response = connection.getresponse()
            return response.status, parse(response.read().decode())

    def mode(self, host=HOST):
        status, policy = self.fetch(host)
        assert status == 200
        return policy["mode"]

    def ask(self, verb, **keys):
        """One request over the control socket."""
        answer = clients.line(self.daemon.control_socket, json.dumps({"do": f"publish.{verb}", **keys}) + "\n", 30.0)
        return json.loads(answer)

    def set(self, mode, domain=DOMAIN, **keys):
        answer = self.ask("set", domain=domain, mode=mode, **keys)
        assert answer["ok"], answer
        return answer["publication"]

    def status(self, domain=DOMAIN):
        return self.ask("status", domain=domain)["publications"][0]

    def retire(self, *options):
        return self.daemon.run_cli("publish", "retire", "--config", self.daemon.config, *options, DOMAIN)

    def metric(self, name):
        with urllib.request.urlopen(f"http://127.0.0.1:{HTTP}/metrics", timeout=20) as response:
            text = response.read().decode()
        return int(re.search(rf"^{re.escape(name)} (\d+)$", text, re.M)[1])


def parse(text):
    lines = [line.split(": ", 1) for line in text.split("\r\n") if ": " in line]
    return {"mx": [value for key, value in lines if key == "mx"], **{key: value for key, value in lines if key != "mx"}}


def seconds(text):
    """A time of the JSON, in seconds since 1970; None stays."""
    return text and datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


@pytest.fixture
def publishing(lab, outrider):
    return Publishing(lab, outrider(start=False))


# The whole life --------------------------------------------------------------------------------------------------


def test_a_domain_goes_in_and_out(publishing):
    """U1, U2, U4: testing, enforce, a host less, retiring; a restart between all steps."""
    daemon = publishing.daemon.start()
    status, policy = publishing.fetch()
    assert (status, policy["mode"], policy["mx"], policy["max_age"]) == (200, "testing", TWO, "1209600")
    assert publishing.set("enforce", checks="12 ok")["phase"] == "enforce"
    assert publishing.mode() == "enforce"
    before = publishing.status()["serving"]["id"]

    publishing.change(mx=TWO[:1])
    daemon.restart()
    told = publishing.status()
    assert (publishing.fetch()[1]["mx"], told["serving"]["id"], told["withheld"]["what"]) == (TWO, before, "patterns")
    assert "event=publish.withheld domain=own.example" in daemon.log()
    told = publishing.set("enforce")
    assert (publishing.fetch()[1]["mx"], told["withheld"]) == (TWO[:1], None) and told["serving"]["id"] != before

    handed_out = time.time()
    assert publishing.mode() == "enforce"
    done = publishing.retire("--json", "--reason", "we move")
    told = json.loads(done.stdout)
    assert (done.returncode, told["phase"], told["over"], told["reason"]) == (0, "retiring", False, "we move")
    assert told["record"] == {"name": "_mta-sts.own.example", "type": "TXT", "text": f"v=STSv1; id={told['serving']['id']};",
                              "do": "change"}
    assert handed_out + 1209600 + BETWEEN - 1 <= seconds(told["exit"]) <= time.time() + 1209600 + BETWEEN + 1
    assert publishing.fetch()[1] == {"version": "STSv1", "mode": "none", "mx": [], "max_age": "86400"}
    daemon.restart()
    again = publishing.retire()
    assert again.returncode == 0 and "retiring since" in again.stdout and told["exit"] in again.stdout
    assert re.search(r"may hold enforce  until \S+Z \(1[34]d \d+h\)", again.stdout)
    assert publishing.mode() == "none"


def test_enforce_is_not_begun_by_a_configuration(publishing):
    publishing.change(mode="enforce")
    daemon = publishing.daemon.start()
    assert publishing.mode() == "testing"
    assert publishing.status()["withheld"]["what"] == "enforce"
    assert publishing.metric("outrider_publish_withheld") == 1
    assert publishing.metric('outrider_publish_domains{phase="testing"}') == 1
    assert publishing.set("enforce", forced=True, reason="no time")["forced"]
    line = next(line for line in daemon.log().splitlines() if "event=publish.set" in line)
    assert "level=warning" in line and "uid=0" in line and 'reason="no time"' in line
    daemon.restart()
    assert publishing.mode() == "enforce"


def test_a_domain_that_leaves_the_configuration_too_early_is_told_of(publishing):
    daemon = publishing.daemon.start()
    publishing.set("enforce")
    publishing.mode()
    publishing.forget()
    daemon.restart()
    assert "level=error event=publish.abandoned domain=own.example" in daemon.log()
    assert publishing.metric("outrider_publish_abandoned") == 1
    told = publishing.status()
    assert not told["configured"] and told["exit_seconds"] > 1209600
    done = publishing.retire()
    assert done.returncode == 65 and "put it back" in done.stderr
    with pytest.raises(ssl.SSLError):
        publishing.fetch()


def test_nobody_had_fetched_it(publishing):
    """Then there is nothing to wait for."""
    publishing.daemon.start()
    done = publishing.retire("--wait")
    assert done.returncode == 0 and "no sender can hold a policy of it any more" in done.stdout
    assert publishing.status()["phase"] == "retired"


# Clocks ----------------------------------------------------------------------------------------------------------


def test_the_clock_is_exact_after_a_stop_and_never_too_short_after_a_crash(publishing):
    daemon = publishing.daemon.start()
    publishing.set("enforce")
    earliest = int(time.time())
    publishing.mode()
    latest = time.time()
    daemon.restart()
    exact = publishing.status()["exit"]
    assert earliest + 1209600 + BETWEEN <= seconds(exact) <= latest + 1 + 1209600 + BETWEEN
    daemon.restart()
    assert publishing.status()["exit"] == exact
    publishing.mode()
    fetched, killed = int(time.time()), time.time()
    daemon.kill()
    daemon.start()
    assert fetched + 1209600 <= seconds(publishing.status()["exit"]) <= killed + HORIZON + 1209600 + BETWEEN + 60


def test_kill_at_any_moment(publishing):
    """What was answered holds, and no sender holds an enforce policy beyond the exit clock; whatever happens when."""
    daemon = publishing.daemon.start()
    chance = random.Random(5)
    handed_out = 0  # until when somebody may hold enforce by what was fetched here
    phases = {"testing": "testing", "enforce": "enforce", "retire": "retiring"}
    for turn in range(12):
        verb = chance.choice(("enforce", "testing", "retire"))
        answers = []

        def order():
            with contextlib.suppress(OSError, ValueError):
                answers.append(publishing.ask("retire", domain=DOMAIN) if verb == "retire" else
                               publishing.ask("set", domain=DOMAIN, mode=verb, forced=True))

        thread = threading.Thread(target=order)
        thread.start()
        if turn % 2 == 0:
            thread.join()
        time.sleep(chance.random() * 0.03)
        with contextlib.suppress(OSError, http.client.HTTPException):
            status, policy = publishing.fetch()
            if policy.get("mode") == "enforce":
                handed_out = max(handed_out, int(time.time()) - 1 + int(policy["max_age"]))
        daemon.kill()
        thread.join()
        daemon.start()
        told = publishing.status()
        mode = {"enforce": "enforce", "testing": "testing"}.get(told["phase"], "none")
        assert publishing.mode() == mode == told["serving"]["mode"]
        if mode == "enforce":
            handed_out = max(handed_out, int(time.time()) - 1 + 1209600)
            told = publishing.status()
        if answers and answers[0]["ok"]:
            assert told["phase"] in (phases[verb], "retired"), (verb, told)
        assert (seconds(told["exit"]) or 0) >= handed_out, turn
    with sqlite3.connect(f"file:{daemon.store}?mode=ro", uri=True) as store:
        assert store.execute("SELECT count(*) FROM versions WHERE since <= 0 OR horizon < last AND horizon > 0").fetchone() == (0,)


# Disks -----------------------------------------------------------------------------------------------------------


def test_a_full_disk_changes_nothing(publishing):
    """U3: what is in service goes on, what cannot be stored is refused; with room again all goes on."""
    daemon, folder = publishing.daemon, os.path.dirname(publishing.daemon.store)
    with small_disk(folder, "512k"):
        daemon.start()
        assert publishing.mode() == "testing"
        filler = fill(folder)
        answer = publishing.ask("set", domain=DOMAIN, mode="enforce")
        assert (answer["ok"], answer["status"]) == (False, 74) and "full" in answer["error"]
        done = publishing.retire()
        assert done.returncode == 74 and "full" in done.stderr
        assert publishing.mode() == "testing" and publishing.status()["phase"] == "testing"
        assert "level=error event=publish.failed" in daemon.log()
        assert publishing.metric('outrider_publish_failures_total{what="store"}') >= 1
        os.unlink(filler)
        assert publishing.set("enforce")["phase"] == "enforce"
        assert publishing.mode() == "enforce"
        assert "event=publish.recovered" in daemon.log()
        daemon.stop()


# Certificates ----------------------------------------------------------------------------------------------------


def leaf_of(publishing, host=HOST):
    with publishing.connect(host) as connection:
        return connection.getpeercert(binary_form=True)


def check(publishing):
    return subprocess.run([publishing.daemon.program, "-t", "-c", publishing.daemon.config], capture_output=True, text=True, timeout=30)


def test_the_last_good_certificate_goes_on(publishing):
    """U5, PUB-02: each domain its own; what does not fit is refused, and told of."""
    publishing.configure("other.example", ["mx.other.example"])
    assert check(publishing).returncode == 0
    daemon = publishing.daemon.start()
    first, other = leaf_of(publishing), leaf_of(publishing, "mta-sts.other.example")
    assert first != other
    for kind, why in (("lab expired", "expired"), ("lab foreign", "not for mta-sts.own.example")):
        write_pair(publishing.lab, publishing.folder, HOST, kind)
        json_form, text = (daemon.run_cli("publish", "reload", "--config", daemon.config, *options) for options in (["--json"], []))
        (failure,) = json.loads(json_form.stdout)["failures"]
        assert failure["domain"] == DOMAIN and why in failure["error"]
        assert text.stderr.startswith(f"outrider: {DOMAIN}: {failure['error']}") and text.stdout == ""
        assert (json_form.returncode, text.returncode) == (65, 65)
        assert leaf_of(publishing) == first and publishing.mode("mta-sts.other.example") == "testing"
        told = publishing.status()["certificate"]
        assert told["state"] == "former" and why in told["error"] and told["days"] in (89, 90)
        assert publishing.metric("outrider_publish_certificates_failed") == 1
        done = check(publishing)
        assert done.returncode == 78 and why in done.stderr and 'publish "own.example"' in done.stderr
    assert "event=publish.certificate.failed domain=own.example" in daemon.log()
    write_pair(publishing.lab, publishing.folder, HOST)
    wait_until(lambda: leaf_of(publishing) != first, 30, daemon.log)  # without being told to
    assert publishing.status()["certificate"]["state"] == "good" and check(publishing).returncode == 0
    first = leaf_of(publishing)
    write_pair(publishing.lab, publishing.folder, HOST)
    for words in ("other certificates are shown now\n", "nothing has changed\n"):
        done = daemon.run_cli("publish", "reload", "--config", daemon.config)
        assert (done.returncode, done.stdout, done.stderr) == (0, words, "")
        assert leaf_of(publishing) != first
    write_pair(publishing.lab, publishing.folder, HOST, "lab expired")
    daemon.restart()  # now there is no former one
    assert publishing.status()["certificate"]["state"] == "none"
    with pytest.raises(ssl.SSLError):
        publishing.connect()
    assert publishing.mode("mta-sts.other.example") == "testing"


# Around it -------------------------------------------------------------------------------------------------------


def test_challenges(publishing):
    publishing.daemon.start()

    def challenge():
        connection = http.client.HTTPConnection(ADDRESS, ACME, timeout=20)
        with contextlib.closing(connection):
            connection.request("GET", "/.well-known/acme-challenge/token-1", headers={"Host": HOST})
            response = connection.getresponse()
            return response.status, response.read()

    assert challenge()[0] == 404
    with open(os.path.join(publishing.tokens, "token-1"), "w") as file:
        file.write("token-1.thumbprint")
    wait_until(lambda: challenge() == (200, b"token-1.thumbprint"), 20, publishing.daemon.log)
    shutil.rmtree(publishing.tokens)
    wait_until(lambda: challenge()[0] == 404, 20, publishing.daemon.log)
    os.makedirs(publishing.tokens)
    shutil.chown(publishing.tokens, USER)
    with open(os.path.join(publishing.tokens, "token-1"), "w") as file:
        file.write("again")
    wait_until(lambda: challenge() == (200, b"again"), 30, publishing.daemon.log)


def test_fetches_are_counted_by_day_and_network(publishing):
    """Also those of the last moment before a stop; a proxy tells whose they are."""
    daemon = publishing.daemon.start()
    for client in ("192.0.2.7", "192.0.2.9", "2001:db8:5::1"):
        connection = http.client.HTTPConnection("127.0.0.1", PLAIN, timeout=20)
        with contextlib.closing(connection):
            connection.request("GET", PATH, headers={"Host": HOST, "X-Forwarded-For": client})
            assert connection.getresponse().status == 200
    publishing.mode()
    daemon.restart()
    fetches = publishing.status()["fetches"]
    assert sum(day["count"] for day in fetches["days"]) == 4
    assert {each["network"]: each["count"] for each in fetches["networks"]} == {
        "192.0.2.0/24": 2, "2001:db8:5::/48": 1, "127.77.0.0/24" if "127.77.0.0/24" in str(fetches) else "127.0.0.0/24": 1}


def test_a_policy_host_alone(publishing):
    """Without any listener for mail servers."""
    daemon = publishing.daemon
    daemon.settings["socketmap"] = {"listen": []}
    daemon.settings["line"] = {"listen": []}
    daemon.write_config()
    daemon.process = Process("outriderd", [daemon.program, "-f", "-c", daemon.config], publishing.folder)

    def answers():
        with contextlib.suppress(OSError, ValueError):
            return publishing.ask("status")["ok"]

    daemon.process.wait_until(answers, 20)
    assert publishing.mode() == "testing"
    assert daemon.stop() == 0
