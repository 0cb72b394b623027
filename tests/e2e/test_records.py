"""outrider records: what it prints is applied to a zone of a real Knot, signed by itself, by zone file and by dynamic update; then DNS, our
own query, lint and tlsa match agree. PUB-04, PUB-05, PUB-06, PUB-09 to PUB-14, PUB-20. No root, no lab."""

import contextlib
import hashlib
import json
import shutil
import socket
import subprocess
import threading
import time

import dns.message
import dns.query
import dns.rdatatype
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from dns_world import free_port, wait_for_dns

ZONE = "example.org"
SEARCH = "/usr/sbin:/usr/bin:/sbin:/bin"
POLICY = "version: STSv1\r\nmode: testing\r\nmx: mx1.example.org\r\nmax_age: 1209600\r\n"
HEAD = f"""$ORIGIN {ZONE}.
$TTL 300
@ SOA ns hostmaster {{serial}} 3600 600 86400 120
@ NS ns
ns A 127.0.0.1
@ MX 10 mx1
mx1 A 192.0.2.25
"""
CONFIG = """dns {{ mode = recursive  trust_anchor = "{anchor}"  allow_localhost = true  self_test = false  timeout = 4
      stub "example.org" {{ address = {{ "127.0.0.1@{port}" }} }} }}
control {{ listen = {{ "unix:{socket}" }} }}
policy_host {{ addresses = {{ "192.0.2.80", "2001:db8::80" }} }}
publish "example.org" {{ mx = {{ "mx1.example.org" }}  tlsrpt = {{ "mailto:tls@example.org", "https://example.org/tls" }} }}
publish "customer.example" {{ mx = {{ "mx1.example.org" }} }}
publish "other.example" {{ mx = {{ "mx9.example.org" }} }}
tlsa "mx1.example.org" {{ certificates = {{ "{chain}" }}  next_keys = {{ "{next}" }}  ttl = 600 }}
tlsa "mx2.example.org" {{ certificates = {{ "{chain}" }} }}
"""
KNOT = """server:
    rundir: {folder}
    listen: 127.0.0.1@{port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
control:
    listen: {folder}/knot.sock
database:
    storage: {folder}
log:
  - target: stderr
    any: warning
acl:
  - id: update
    address: 127.0.0.1
    action: update
policy:
  - id: sign
    algorithm: ecdsap256sha256
    single-type-signing: on
template:
  - id: default
    zonefile-sync: -1
    zonefile-load: difference-no-serial
    journal-content: all
    acl: update
zone:
  - domain: example.org
    file: {folder}/zone
    dnssec-signing: on
    dnssec-policy: sign
"""


def program(name):
    found = shutil.which(name, path=SEARCH)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


class Server:
    """Knot with one zone, and a configuration of Outrider that knows where it is."""

    def __init__(self, folder, build):
        self.folder, self.build, self.port = folder, build, free_port()
        self.knot, self.config, self.socket = folder / "knot.conf", folder / "outrider.conf", folder / "control.sock"
        self.serial, self.own = 1, ""
        self.chain, self.next = folder / "chain.pem", folder / "next.pem"
        self.knot.write_text(KNOT.format(folder=folder, port=self.port))
        (folder / "zone").write_text(HEAD.format(serial=1))
        self._make_chain()
        with open(folder / "knot.log", "w") as log:
            self.process = subprocess.Popen([program("knotd"), "-c", self.knot], stdout=log, stderr=log)
        wait_for_dns(self.port)
        self.wait_for("SOA", lambda answer: any(rr.rdtype == dns.rdatatype.RRSIG for rr in answer.answer))
        anchor = folder / "anchor"
        anchor.write_text(self.tool("keymgr", ZONE, "ds"))
        self.config.write_text(CONFIG.format(anchor=anchor, port=self.port, socket=self.socket, chain=self.chain, next=self.next))

    def _make_chain(self):
        def openssl(*arguments):
            subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, cwd=self.folder)
        curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30")
        openssl("req", "-x509", *curve, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=CA")
        openssl("req", *curve, "-keyout", "leaf.key", "-out", "leaf.csr", "-subj", "/CN=mx1.example.org")
        (self.folder / "san").write_text("subjectAltName=DNS:mx1.example.org\n")
        openssl("x509", "-req", "-in", "leaf.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "20", "-extfile", "san",
                "-out", "leaf.pem")
        self.chain.write_text((self.folder / "leaf.pem").read_text() + (self.folder / "ca.pem").read_text())
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", self.next)

    def tool(self, name, *words, check=True, **options):
        done = subprocess.run([program(name), "-c", self.knot, *words], capture_output=True, text=True, timeout=30, **options)
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def ask(self, name, rtype):
        query = dns.message.make_query(name, rtype, want_dnssec=True)
        return dns.query.udp_with_fallback(query, "127.0.0.1", port=self.port, timeout=5)[0]

    def wait_for(self, rtype, is_there, name=ZONE):
        end = time.monotonic() + 20
        while time.monotonic() < end:
            if is_there(self.ask(name, rtype)):
                return
            time.sleep(0.05)
        raise AssertionError(f"{name} {rtype}: {self.ask(name, rtype)}")

    def texts(self, name, rtype):
        return sorted(rr.to_text() for rrset in self.ask(f"{name}.{ZONE}", rtype).answer if rrset.rdtype == dns.rdatatype.from_text(rtype)
                      for rr in rrset)

    def load(self, more):
        """Serve the zone with these lines."""
        self.serial += 1
        (self.folder / "zone").write_text(HEAD.format(serial=self.serial) + more + f"\nmark TXT \"{self.serial}\"\n")
        self.tool("knotc", "-b", "zone-reload", ZONE)
        self.wait_for("TXT", lambda answer: any(str(self.serial) in rr.to_text() for rrset in answer.answer for rr in rrset),
                      f"mark.{ZONE}")

    def update(self, commands):
        done = subprocess.run([program("knsupdate")], input=f"server 127.0.0.1 {self.port}\n{commands}", capture_output=True, text=True,
                              timeout=30)
        assert done.returncode == 0 and "error" not in (done.stdout + done.stderr).lower(), done.stdout + done.stderr + commands

    def records(self, *options, domain=ZONE, status=0):
        done = subprocess.run([f"{self.build}/outrider", "records", "--config", self.config, *options, domain], capture_output=True,
                              text=True, timeout=120)
        assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
        return json.loads(done.stdout) if "--json" in options else done.stdout

    @contextlib.contextmanager
    def daemon(self, answer):
        """Somebody at the control socket who knows what outriderd serves (docs/protocols.md, "Control")."""
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self.socket))
        listener.listen()

        def serve():
            while True:
                try:
                    peer = listener.accept()[0]
                except OSError:
                    return
                with peer:
                    line = b""
                    while not line.endswith(b"\n") and (part := peer.recv(65536)):
                        line += part
                    if line:
                        assert json.loads(line) == {"do": "publish.status", "domain": ZONE}
                        peer.sendall(json.dumps(answer).encode() + b"\n")
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
            thread.join(5)
            self.socket.unlink()


def serving(policy=POLICY, identifier="abc123", phase="testing"):
    return {"ok": True, "publications": [{"domain": ZONE, "phase": phase, "withheld": None,
                                          "serving": {"id": identifier, "mode": "testing", "text": policy}}]}


@pytest.fixture(name="server")
def the_server(tmp_path, build):
    server = Server(tmp_path, build)
    yield server
    server.process.terminate()
    server.process.wait(10)


def states(found):
    """{role: states of its records}"""
    return {each["role"] + each["host"]: sorted(record["state"] for record in each["records"]) for each in found["sets"]}


def check_zone(tmp_path, text):
    path = tmp_path / "checked.zone"
    path.write_text(HEAD.format(serial=1) + text)
    done = subprocess.run([program("named-checkzone"), "-k", "fail", "-i", "none", ZONE, path], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stdout + done.stderr + text


def ready(found):
    return [step for step in found["steps"] if step["ready"]]


def test_a_zone_file_from_nothing(server, run, tmp_path):  # PUB-04, PUB-05, PUB-10, PUB-13, PUB-20
    first = server.records("--zone")
    check_zone(tmp_path, first)
    assert "\n_mta-sts" not in first and "\n; _mta-sts" in first  # HTTPS first, which nobody was asked of
    server.load(first)
    found = server.records("--json")
    assert states(found) == {"policy-host": ["same", "same"], "sts": ["missing"], "tlsrpt": ["same"],
                             "tlsamx1.example.org": ["same", "same"]}
    assert [step["kind"] for step in found["steps"]] == ["serve", "records", "key"]
    assert found["steps"][1]["after"] == [{"step": 1, "wait": 60}]
    assert found["steps"][2]["optional"] and found["steps"][2]["wait"] == 3600  # two TTLs of 600 s are less than the least
    with server.daemon(serving()):  # it is served: now the record may be there
        second = server.records("--zone")
        check_zone(tmp_path, second)
        server.load(second)
        found = server.records("--json")
    assert set(sum(states(found).values(), [])) == {"same"}
    assert [step["kind"] for step in found["steps"]] == ["key"]
    assert found["policy"] == {"source": "in-service", "mode": "testing", "id": "abc123"} and found["whole_ttls"]
    (record,) = server.texts("_mta-sts", "TXT")
    assert run("lint", "record", record.strip('"')).returncode == 0
    (report,) = server.texts("_smtp._tls", "TXT")
    assert report == '"v=TLSRPTv1; rua=mailto:tls@example.org,https://example.org/tls"'
    assert run("lint", "tlsrpt", report.strip('"')).returncode == 0
    tlsa = server.texts("_25._tcp.mx1", "TLSA")
    matched = run("tlsa", "match", *sum((["--tlsa", one] for one in tlsa), []), "--chain", str(server.chain), "--name", "mx1.example.org",
                  "--json")
    assert json.loads(matched.stdout)["authenticated"]
    query = json.loads(run("query", "--direct", "--json", "--config", str(server.config), ZONE).stdout)
    assert query["mx"][0]["dane"]["state"] == "usable" and len(query["mx"][0]["dane"]["tlsa"]) == 2


def test_dynamic_update_takes_away_the_very_record(server):  # PUB-04, PUB-13
    """The strings of a record are part of it: deleting must name them as they are cut."""
    server.load('_mta-sts 7200 TXT "v=STSv1; " "id=old;"\n_mta-sts 7200 TXT "something \\"else\\" \\\\ \\010"\n'
                'mta-sts A 192.0.2.80\nmta-sts AAAA 2001:db8::80\n_25._tcp.mx1 7200 TLSA 3 1 1 ' + "ab" * 32 + "\n")
    with server.daemon(serving()):
        found = server.records("--json")
        assert states(found)["sts"] == ["different", "extra", "missing"]
        server.update(server.records("--nsupdate"))
        after = server.records("--json")
    assert server.texts("_mta-sts", "TXT") == ['"something \\"else\\" \\\\ \\010"', '"v=STSv1; id=abc123;"']
    assert states(after)["sts"] == ["extra", "same"] and states(after)["policy-host"] == ["same", "same"]
    assert states(after)["tlsamx1.example.org"] == ["extra", "same", "same"]  # added beside; nothing was replaced
    trim = next(step for step in after["steps"] if step["remove"])
    assert trim["wait"] == 14400 and trim["optional"] and not trim["ready"]
    assert [step for step in ready(after)] == []


def test_nothing_is_planned_on_what_could_not_be_looked_up(server):
    server.process.terminate()
    server.process.wait(10)
    found = server.records("--json", status=75)
    assert set(states(found)["sts"] + states(found)["tlsrpt"] + states(found)["policy-host"]) == {"unknown"}
    assert not any(step["add"] or step["remove"] for step in found["steps"])
    assert not [line for line in server.records("--nsupdate", status=75).splitlines() if line.strip() and not line.startswith(";")]


def test_tlsa_only_in_a_signed_zone(server):  # PUB-11
    """The zone is not signed any more, and its keys are not known above."""
    other = server.folder / "other.anchor"
    other.write_text("elsewhere.example. IN DS 1 13 2 " + "00" * 32 + "\n")
    server.config.write_text(server.config.read_text().replace(str(server.folder / "anchor"), str(other)))
    found = server.records("--json")
    steps = {step["step"]: step for step in found["steps"]}
    (tlsa,) = [step for step in found["steps"] if any(record["type"] == "TLSA" for record in step["add"])]
    assert steps[tlsa["after"][0]["step"]]["kind"] == "sign" and not tlsa["ready"]
    assert not [line for line in server.records("--nsupdate").splitlines() if "TLSA" in line and not line.startswith(";")]
    assert not [line for line in server.records("--zone").splitlines() if "TLSA" in line and not line.startswith(";")]


def test_a_host_comes_and_another_goes(server):  # PUB-06
    server.load('_mta-sts 900 TXT "v=STSv1; id=abc123;"\n@ 1800 MX 20 mx3\nmx3 A 192.0.2.26\nmx2 A 192.0.2.27\n')
    policy = POLICY.replace("max_age", "mx: mx3.example.org\r\nmax_age")
    with server.daemon(serving(policy)):
        found = server.records("--json", "--add-mx", "mx2.example.org", "--remove-mx", "mx3.example.org")
    widen, enter, leave, narrow = [step for step in found["steps"] if step["kind"] in ("configure", "mx")]
    assert [s["kind"] for s in (widen, enter, leave, narrow)] == ["configure", "mx", "mx", "configure"]
    assert {"step": widen["step"], "wait": 900} in enter["after"]
    assert any(found["steps"][after["step"] - 1]["add"] for after in enter["after"])  # its TLSA records are there before it
    assert leave["after"] == [{"step": enter["step"], "wait": 1800}]
    assert narrow["after"] == [{"step": leave["step"], "wait": 1800}] and narrow["optional"]


def test_a_customer(server):  # PUB-09
    found = server.records("--json", "--offline", "--provider", ZONE, domain="customer.example")
    assert [record["zone"] for each in found["sets"] for record in each["records"] if each["role"] in ("policy-host", "sts")] == [
        "mta-sts.customer.example. 3600 IN CNAME mta-sts.example.org.", "_mta-sts.customer.example. 3600 IN CNAME _mta-sts.example.org."]
    server.records("--provider", ZONE, "--offline", domain="other.example", status=78)  # another policy: the id would say nothing of it


def test_retired(server):  # PUB-08
    server.load('_mta-sts TXT "v=STSv1; id=abc123;"\nmta-sts A 192.0.2.80\n')
    with server.daemon(serving(phase="retired")):
        found = server.records("--json")
        server.update(server.records("--nsupdate"))
    assert [[record["zone"].split()[0] for record in step["remove"]] for step in found["steps"] if step["remove"]] == [
        [f"_mta-sts.{ZONE}."], [f"mta-sts.{ZONE}."]]
    assert not server.texts("_mta-sts", "TXT") and server.texts("mta-sts", "A")


@pytest.mark.parametrize("arguments, status", [
    ((), 64), (("--zone", "--json", ZONE), 64), (("a..b",), 65), ((ZONE, "more"), 64), (("--offline", "--socket", "/x", ZONE), 64),
    (("--add-mx", "a.example", "--remove-mx", "a.example", ZONE), 64), (("--provider", ZONE, ZONE), 64), (("--nonsense", ZONE), 64),
    (("--config", "/nonexistent/outrider.conf", ZONE), 78),
])
def test_misuse(run, arguments, status):
    done = run("records", *arguments)
    assert done.returncode == status and done.stderr.startswith("outrider: ") and not done.stdout


def test_a_key_file_that_is_none(server):
    server.next.write_text("no key\n")
    done = subprocess.run([f"{server.build}/outrider", "records", "--offline", "--config", server.config, ZONE], capture_output=True,
                          text=True)
    assert done.returncode == 65 and "no certificate and no key" in done.stderr


# outrider tlsa generate


def test_records_from_files(server, run):  # PUB-10
    done = run("tlsa", "generate", "--cert", str(server.chain), "--key", str(server.next), "--host", "MX1.Example.org.", "--ttl", "600")
    assert done.returncode == 0 and done.stdout.count("\n_25._tcp.mx1.example.org. 600 IN TLSA 3 1 1 ") == 2
    issuer = run("tlsa", "generate", "--cert", str(server.chain), "2 1 1", "3 1 2", "--json")
    made = [record["record"] for record in json.loads(issuer.stdout)["records"]]
    assert [one[:5] for one in made] == ["2 1 1", "3 1 1", "3 1 2"] and "SHA2-512 is never alone" in issuer.stderr
    for one in made:
        assert run("tlsa", "match", "--tlsa", one, "--chain", str(server.chain), "--name", "mx1.example.org").returncode == 0, one
    commands = run("tlsa", "generate", "--cert", str(server.chain), "--host", "mx1.example.org", "--nsupdate").stdout
    server.update(f"zone {ZONE}.\n{commands}")  # nsupdate would find the zone; knsupdate does not
    assert len(server.texts("_25._tcp.mx1", "TLSA")) == 1


@pytest.mark.parametrize("arguments, status", [
    ((), 64), (("--cert", "chain", "1 1 1"), 65), (("--cert", "chain", "3 1 0"), 65), (("--cert", "chain", "--usage", "0"), 65),
    (("--cert", "next"), 65), (("--key", "chain"), 65), (("--key", "next", "2 1 1"), 65), (("--cert", "nothing"), 66),
    (("--cert", "chain", "--zone"), 64), (("--cert", "chain", "--live", "mx1.example.org"), 64), (("--cert", "chain", "--ttl", "1"), 64),
    (("--live", "mx1.example.org", "--host", "mx2.example.org"), 64), (("--cert", "chain", "--host", "a..b"), 65),
])
def test_misuse_of_generate(server, run, arguments, status):
    files = {"chain": str(server.chain), "next": str(server.next), "nothing": str(server.folder / "nothing")}
    done = run("tlsa", "generate", *[files.get(word, word) for word in arguments])
    assert done.returncode == status and done.stderr.startswith("outrider: ") and not done.stdout, done


def test_records_of_what_a_host_shows(outrider, lab):  # PUB-10; in the lab
    daemon = outrider()
    seen = 0
    for name in ("dane-ee", "dane-ta"):
        for host in daemon.query(lab.scenarios[name].domain)["mx"]:
            if host["dane"]["state"] != "usable":
                continue
            done = daemon.run_cli("tlsa", "generate", "--config", daemon.config, "--live", host["host"], "--json", timeout=120)
            made = [record["record"] for record in json.loads(done.stdout)["records"]]
            is_of_key = any(one.startswith("3 1 1") for one in host["dane"]["tlsa"])
            assert made and done.returncode == 0 and bool(set(made) & set(host["dane"]["tlsa"])) == is_of_key, done
            seen += is_of_key
    assert seen > 0


def test_the_policy_that_a_real_daemon_serves(outrider, lab):  # PUB-04; in the lab
    domain = lab.scenarios["dane-ee"].domain
    daemon = outrider(**{"policy_host": {"plain": ["unix:/run/outrider-records.sock"], "addresses": ["192.0.2.80"]},
                         f'publish "{domain}"': {"mx": [f"*.{domain}"]}})
    done = daemon.run_cli("records", "--config", daemon.config, "--json", domain, timeout=120)
    found = json.loads(done.stdout)
    assert found["policy"]["source"] == "in-service" and found["policy"]["mode"] == "testing", done
    told = json.loads(daemon.run_cli("records", "--config", daemon.config, "--json", "--offline", domain).stdout)["policy"]
    assert told == {"source": "configured", "mode": "testing", "id": found["policy"]["id"]}


def sha256_of_key(chain):
    key = chain.leaf.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(key).hexdigest().upper()


@pytest.mark.parametrize("name, state", [("dane-ee", "same"), ("signed-plain", "missing"), ("dane-no-starttls", "extra")])
def test_records_of_hosts_without_a_section(outrider, lab, name, state):  # PUB-11; in the lab
    """--live: of what an MX host shows; of one without STARTTLS none."""
    daemon, row = outrider(), lab.scenarios[name]
    done = daemon.run_cli("records", "--config", daemon.config, "--json", "--live", row.domain, timeout=120)
    told = json.loads(done.stdout)
    (host,) = row.hosts
    (found,) = [one for one in told["sets"] if one["role"] == "tlsa"]
    if name == "dane-no-starttls":
        assert "STARTTLS is not offered" in str(told["notes"]), told
        assert not [one for one in found["records"] if one["state"] == "missing"], told
        return
    chain = lab.mx[row.host_name(host)].chain
    (record,) = [one for one in found["records"] if sha256_of_key(chain) in str(one).upper()]
    assert record["state"] == state and "3 1 1" in str(record), told
    without = json.loads(daemon.run_cli("records", "--config", daemon.config, "--json", row.domain, timeout=120).stdout)
    (plain,) = [one for one in without["sets"] if one["role"] == "tlsa"]
    assert "--live" in plain["note"] or state == "same", plain
