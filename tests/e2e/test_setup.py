"""outrider setup: what it prints is what the lab's mail servers run, and what --check says of them is true: all is well
while it is, and for each protection that is taken away exactly the check of that name says so.
"""

import contextlib
import json
import os
import re
import shutil
import subprocess
import time

import pytest

from files import file_changed
from lab import exim as exim_files
from lab import namespace, packages
from lab import postfix as postfix_files
from lab.nameservers import RESOLVER
from lab.zones import SERVER

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DOMAIN = "sts-enforce.example"
RESOLV = "/etc/resolv.conf"
OK, WARNING, CRITICAL, UNKNOWN = 0, 1, 2, 3
WORDS = {OK: "ok", WARNING: "warning", CRITICAL: "critical", UNKNOWN: "unknown"}


def shipped(path):
    with open(os.path.join(ROOT, "integration", path)) as file:
        return file.read()


def active(text):
    """Lines that a mail server acts upon."""
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]


# --- printing without a mail server ----------------------------------------------------------------------------------


def printed(run, *arguments, **options):
    """The JSON of a plan."""
    done = run("setup", "--json", *arguments, **options)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def text_of(plan, end):
    """Of the one file whose path ends so."""
    texts = [file["text"] for file in plan["files"] if file["path"].endswith(end)]
    assert len(texts) == 1, plan["files"]
    return texts[0]


def test_debians_postfix_gets_the_file_as_it_is(run):
    plan = printed(run, "postfix", "--for-version", "3.7.11")
    assert active(text_of(plan, "main.cf")) == active(shipped("postfix/main.cf"))
    done = run("setup", "postfix", "--for-version", "3.7.11")
    assert active(done.stdout) == active(shipped("postfix/main.cf"))


@pytest.mark.parametrize("version", ["4.94", "4.96"])
def test_debians_exim_gets_the_files_as_they_are(run, version):
    plan = printed(run, "exim", "--for-version", version, "--layout", "plain")
    for name in ("routers.conf", "transport.conf", "retry.conf"):
        assert active(text_of(plan, f"outrider/{name}")) == active(shipped(f"exim/{name}"))
    assert plan["tls"] == "gnutls" and "dane" in plan["features"]


def test_exim_with_openssl_is_told_so(run):
    """Its roots are scoped by an event (4.98 with OpenSSL)."""
    plan = printed(run, "exim", "--for-version", "4.98", "--tls", "openssl", "--layout", "split")
    assert plan["tls"] == "openssl" and plan["layout"] == "split"
    assert "tls:cert" in text_of(plan, "outrider/transport.conf")
    assert ".include" in text_of(plan, "conf.d/router/190_outrider")
    assert ".include" in text_of(plan, "conf.d/retry/20_outrider")
    assert any("no_tlsv1_1" in lack["fix"] for lack in plan["missing"])  # TLS 1.0 cannot be forbidden in a fragment


QUERY, WITH_TLSRPT = "socketmap:unix:outrider/policy.sock:QUERY", "socketmap:unix:outrider/policy.sock:QUERYwithTLSRPT"
ABSOLUTE = "socketmap:unix:/var/spool/postfix/outrider/policy.sock:QUERY"


@pytest.mark.parametrize("version, maps, enforces, is_open", [
    ("3.4", QUERY, False, True), ("3.7", QUERY, False, True), ("3.9", QUERY, False, True),
    ("3.10", WITH_TLSRPT, False, True), ("3.10.4", WITH_TLSRPT, False, True), ("3.10.5", WITH_TLSRPT, True, False),
    ("3.11", WITH_TLSRPT, True, False),
])
def test_postfix_gets_what_its_version_knows(run, version, maps, enforces, is_open):
    """And is told whether one admitted MX host may stand in for another one."""
    plan = printed(run, "postfix", "--for-version", version)
    lines = active(text_of(plan, "main.cf"))
    assert [line for line in lines if "policy_maps" in line] == [f"smtp_tls_policy_maps = {maps}"]
    assert ("smtp_tls_enforce_sts_mx_patterns = yes" in lines) == enforces
    assert ("enforcement of MX patterns" in {lack["what"] for lack in plan["missing"]}) == is_open
    assert "#[" not in text_of(plan, "main.cf")


@pytest.mark.parametrize("arguments, what", [
    (["exim", "--for-version", "4.93"], "Exim 4.94 or later"),
    (["postfix", "--for-version", "3.3.1"], "Postfix 3.4 or later"),
    (["sendmail", "--for-version", "8.16"], "sendmail 8.17 or later"),
    (["sendmail", "--for-version", "8.17"], "DANE"),
    (["exim", "--for-version", "4.96"], "outrider.conf"),
])
def test_what_is_missing_is_said_in_each_form(run, arguments, what):
    done = run("setup", *arguments)
    assert done.returncode == 0
    assert f"outrider: {what}: missing: " in done.stderr
    assert f"* {what}: " in done.stdout
    missing = {lack["what"]: lack for lack in printed(run, *arguments)["missing"]}
    assert missing[what]["why"] and missing[what]["fix"]


@pytest.mark.parametrize("mta, settings, expected, missing", [
    ("exim", 'line { listen = { "unix:/srv/o/line" } group = "root" mode = "0666" }', "OUTRIDER_SOCKET = /srv/o/line",
     None),
    ("exim", 'line { listen = { "inet:[127.0.0.1]:99" } }', "OUTRIDER_SOCKET = inet:127.0.0.1:99", None),
    ("exim", 'anchors "default" { exim_dir = "/srv/ta" }', "OUTRIDER_ANCHORS = /srv/ta", "access to the socket"),
    ("postfix", 'socketmap { listen = { "unix:/var/spool/postfix/o/s" } mode = "0666" }', "socketmap:unix:o/s:QUERY",
     None),
    ("postfix", 'socketmap { listen = { "unix:/run/elsewhere", "inet:[::1]:7" } }', "socketmap:inet:[::1]:7:QUERY",
     None),
    ("postfix", 'anchors "default" { roots = "HERE/roots.pem" }', 'postfix_dir = "/var/spool/postfix/outrider/ta"',
     "anchor files"),
    ("postfix", 'socketmap { listen = { "unix:/run/elsewhere" } }', QUERY, "a socket to ask"),
    ("sendmail", 'socketmap { listen = { "inet:127.0.0.1:7" } }', "inet:7@127.0.0.1", None),
    ("sendmail", 'socketmap { listen = { "unix:/srv/sendmail" } }', "local:/srv/sendmail", None),
])
def test_sockets_and_folders_come_from_outrider_conf(run, tmp_path, mta, settings, expected, missing):
    config = tmp_path / "outrider.conf"
    config.write_text(settings.replace("HERE", str(tmp_path)))
    (tmp_path / "roots.pem").write_text("of a private CA\n")
    versions = {"exim": "4.96", "postfix": "3.7", "sendmail": "8.17"}
    plan = printed(run, mta, "--for-version", versions[mta], "--config", str(config))
    assert expected in "\n".join(file["text"] for file in plan["files"])
    lacks = {lack["what"] for lack in plan["missing"]}
    ours = {"access to the socket", "a socket to ask", "anchor files", "outrider.conf"}
    assert lacks & ours <= {missing, "anchor files"} and (missing is None or missing in lacks)


def test_lines_for_outrider_conf_are_a_configuration(run, build, tmp_path):
    """What is printed for outriderd is what outriderd takes, but for groups that this machine may not have."""
    for mta, version in (("exim", "4.96"), ("postfix", "3.7")):
        text = text_of(printed(run, mta, "--for-version", version), "outrider.conf")
        config = tmp_path / f"{mta}.conf"
        config.write_text(re.sub(r'group = ".*"', 'group = "root"', text))
        done = subprocess.run([f"{build}/outriderd", "-t", "-c", config], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        plan = printed(run, mta, "--for-version", version, "--config", str(config))
        assert "a socket to ask" not in {lack["what"] for lack in plan["missing"]}


@pytest.mark.parametrize("arguments, status, words", [
    ([], 64, "takes one mail server"),
    (["exim", "postfix"], 64, "takes one mail server"),
    (["opensmtpd"], 64, "opensmtpd: no mail server that is known"),
    (["exim", "--for-version", "new"], 65, "new: no version"),
    (["exim", "--for-version", "4.96", "--tls", "schannel"], 64, "--tls is"),
    (["exim", "--tls", "gnutls"], 64, "--for-version"),
    (["exim", "--layout", "flat"], 64, "--layout is"),
    (["postfix", "--layout", "split"], 64, "for Exim"),
    (["exim", "--domain", "example.org"], 64, "--check"),
    (["exim", "--check", "--for-version", "4.96"], 64, "--check asks"),
    (["exim", "--no-such-option"], 64, "unrecognized option"),
    (["exim", "--for-version", "4.96", "--config", "/nonexistent"], 78, "/nonexistent"),
    (["exim", "--program", "/nonexistent/exim"], 69, "no such program"),
    (["exim", "--program", "/bin/true"], 69, "names no version"),
    (["postfix", "--check", "--program", "/nonexistent/postconf"], 3, "no such program"),
])
def test_bad_input(run, arguments, status, words):
    done = run("setup", *arguments)
    assert (done.returncode, done.stdout) == (status, ""), done
    assert words in done.stderr


# --- the mail servers of the lab -------------------------------------------------------------------------------------


@pytest.fixture
def daemon(outrider):
    return outrider(for_mtas=True)


def test_exim_runs_what_is_printed(lab, exim, daemon):
    plan = json.loads(daemon.run_cli("setup", "exim", "--json", "--config", daemon.config).stdout)
    assert plan["layout"] == "plain" and plan["missing"] == []
    for name in ("routers.conf", "transport.conf"):
        with open(f"{exim_files.FRAGMENTS}/{name}") as file:
            assert active(file.read()) == active(text_of(plan, f"outrider/{name}"))


def test_postfix_runs_what_is_printed(lab, postfix, daemon):
    done = daemon.run_cli("setup", "postfix", "--config", daemon.config)
    for line in active(done.stdout):
        name, _, value = line.partition(" = ")
        assert subprocess.run(["postconf", "-h", name], capture_output=True, text=True).stdout.strip() == value
    assert "resolver" not in done.stderr and "outrider.conf" not in done.stderr


def install(plan):
    """Do what the plan says, as an administrator would."""
    for file in plan["files"]:
        if file["action"].startswith("create"):
            os.makedirs(os.path.dirname(file["path"]), exist_ok=True)
            with open(file["path"], "w") as out:
                out.write(file["text"])
            continue
        line = re.search(r'insert below (?:the line )?"([^"]*)"', file["action"])[1]
        with open(file["path"]) as source:
            before = source.read()
        assert before.count(f"\n{line}\n") == 1, line
        with open(file["path"], "w") as out:
            out.write(before.replace(f"\n{line}\n", f"\n{line}\n{file['text']}"))


@pytest.mark.parametrize("layout", ["split", "unsplit"])
def test_debians_own_configuration_of_exim(lab, build, exim, daemon, layout):
    """Found by itself, set up as the plan says, and then checked."""
    with exim.debian(packages.unpacked(build), layout == "split", "update-exim4.conf"):
        plan = json.loads(daemon.run_cli("setup", "exim", "--json", "--config", daemon.config).stdout)
        assert plan["layout"] == layout, exim.about()
        install(plan)
        subprocess.run(["update-exim4.conf"], check=True)
        report = check(daemon, "exim")
        assert report.status == OK, report
        assert exim.send([f"setup-{layout}@{DOMAIN}"])[f"setup-{layout}@{DOMAIN}"].outcome == "verified"


# --- --check ---------------------------------------------------------------------------------------------------------


class Report:
    """What --check found."""

    def __init__(self, done):
        assert done.returncode in WORDS, done.stderr
        self.status, self.json = done.returncode, json.loads(done.stdout)
        assert self.json["status"] == WORDS[self.status]

    def bad(self):
        """{id: status} of all that is not well."""
        return {check["id"]: check["status"] for check in self.json["checks"] if check["status"] != "ok"}

    def __repr__(self):
        return "\n".join(str(check) for check in self.json["checks"] if check["status"] != "ok")


def check(daemon, mta, *arguments):
    return Report(daemon.run_cli("setup", mta, "--check", "--json", "--config", daemon.config, *arguments))


@pytest.mark.parametrize("mta", ["exim", "postfix"])
def test_all_is_well_in_the_lab(lab, request, daemon, mta):
    request.getfixturevalue(mta)
    for arguments in ([], ["--domain", DOMAIN], ["--domain", "dane-ee.example"]):
        report = check(daemon, mta, *arguments)
        assert report.status == OK, report
        ids = [each["id"] for each in report.json["checks"]]
        assert {"socket", "answer", "anchors", "fails-closed", "resolver"} <= set(ids)
    shown = daemon.run_cli("setup", mta, "--check", "--config", daemon.config)
    assert shown.returncode == OK and re.match(r"\w+: ok: 0 critical, 0 warning, 0 unknown, \d+ ok\n", shown.stdout)


@contextlib.contextmanager
def mode_changed(path, mode):
    before = os.stat(path).st_mode & 0o7777
    os.chmod(path, mode)
    try:
        yield
    finally:
        os.chmod(path, before)


@contextlib.contextmanager
def group_changed(path):
    before = os.stat(path).st_gid
    os.chown(path, -1, 0)
    try:
        yield
    finally:
        os.chown(path, -1, before)


@contextlib.contextmanager
def stopped(daemon):
    daemon.stop()
    try:
        yield
    finally:
        daemon.start()


ROUTERS, TRANSPORT = f"{exim_files.FRAGMENTS}/routers.conf", f"{exim_files.FRAGMENTS}/transport.conf"
LAST = "  tls_sni = $host\n"  # a line of the transport, below which others can be put
IN_ROUTER = "{outrider_opportunistic}{outrider_smtp}}\n"
OPPORTUNISTIC = "outrider_opportunistic:\n  driver = smtp\n"
OTHER_ROUTER = "other:\n  driver = dnslookup\n  domains = ! +local_domains\n  transport = outrider_smtp\n\noutrider:\n"


def without(option):
    """The line of an option is taken out."""
    def change():
        with open(TRANSPORT) as file:
            line = re.search(rf"^  {option} = (?:.*\\\n)*.*\n", file.read(), re.M)[0]
        return file_changed(TRANSPORT, line, "")
    return change


def more(line):
    return lambda: file_changed(TRANSPORT, LAST, f"{LAST}  {line}\n")


def opportunistic(line):
    return lambda: file_changed(TRANSPORT, OPPORTUNISTIC, f"{OPPORTUNISTIC}  {line}\n")


def routers(old, new):
    return lambda: file_changed(ROUTERS, old, new)


# id: (what is done, the checks that tell, and how bad it is)
EXIM_MUTATIONS = {
    "multi-domain": (without("multi_domain"), CRITICAL),
    "connection-reuse": (without("connection_max_messages"), CRITICAL),
    "require-tls": (without("hosts_require_tls"), CRITICAL),
    "verify": (without("tls_verify_hosts"), CRITICAL),
    "verify-anchors": (without("tls_verify_certificates"), CRITICAL),
    "verify-names": (more("tls_verify_cert_hostnames ="), CRITICAL),
    "sni": (without("tls_sni"), CRITICAL),
    "try-dane": (without("hosts_try_dane"), CRITICAL),
    "require-dane": (more("hosts_require_dane = *"), CRITICAL),
    "avoid-tls": (more("hosts_avoid_tls = *"), CRITICAL),
    "fallback-hosts": (more("fallback_hosts = mx.plain-tls.example"), CRITICAL),
    "tls-resumption": (more("tls_resumption_hosts = *"), WARNING),
    "opportunistic-dane": (opportunistic("hosts_try_dane ="), WARNING),
    "require-dane (opportunistic)": (opportunistic("hosts_require_dane = *"), CRITICAL),
    "avoid-tls (opportunistic)": (opportunistic("hosts_avoid_tls = *"), CRITICAL),
    "retry-key": (without("retry_include_ip_address"), WARNING),
    "tls-cert-event": (lambda: file_changed(TRANSPORT, "{eq{$event_name}{tls:cert}}", "{eq{$event_name}{never}}"),
                       WARNING),
    "complete-answer": (routers(" end=1 *$", ""), CRITICAL),
    "failing-answer": (routers("{${eval:outrider sent no complete answer}}", "fail"), CRITICAL),
    "skip-hosts": (routers(" : ${extract{skip}{$address_data}}", ""), CRITICAL),
    "router-dnssec": (routers(IN_ROUTER, f"{IN_ROUTER}  dnssec_request_domains =\n"), CRITICAL),
    "pass-on-timeout": (routers(IN_ROUTER, f"{IN_ROUTER}  pass_on_timeout\n"), CRITICAL),
    "defer-stub": (routers("  allow_defer\n  data = :defer: ", "  data = "), CRITICAL),
    "router-order": (routers("outrider:\n", OTHER_ROUTER), CRITICAL),
    "transport": (routers("{pol=none dane=* tls", "{pol=sts mode=enforce tls"), CRITICAL),
    "router": (routers("v1 policy domain=", "v1 something domain="), CRITICAL),
    "set": (routers(IN_ROUTER, f"{IN_ROUTER}  set = r_x = ${{lookup{{$domain}}lsearch{{/etc/hosts}}}}\n"), WARNING),
    "fails-closed": (routers("{readsocket{OUTRIDER_SOCKET}", "{readsocket{/run/outrider/exim.sock}"), CRITICAL),
    "dns-dnssec-ok": (lambda: file_changed(exim_files.CONFIG, "queue_run_max", "dns_dnssec_ok = 0\nqueue_run_max"),
                      CRITICAL),
    "trust-ad": (lambda: file_changed(RESOLV, " trust-ad", ""), CRITICAL),
}


@pytest.mark.parametrize("broken", EXIM_MUTATIONS)
def test_a_protection_that_exim_has_lost_is_missed(lab, exim, daemons, broken):
    change, status = EXIM_MUTATIONS[broken]
    if broken == "tls-cert-event" and exim.is_openssl:
        status = CRITICAL  # the event is all that keeps the system's roots out
    with change():
        report = check(daemons, "exim")
    assert report.bad() == {broken.partition(" ")[0]: WORDS[status]}, report
    assert report.status == status


SMARTHOST = {
    "host-find-failed": ("host_find_failed = defer", "host_find_failed = decline"),
    "host-all-ignored": ("host_all_ignored = defer", "host_all_ignored = decline"),
    "by-dns": (" bydns", " byname"),
}


def test_a_smart_host(lab, exim, daemons):
    """integration/exim/smarthost.conf in place of routers.conf: another router, with protections of its own."""
    before = "SMARTHOST_NAME = mx.plain-tls.example\n"
    for broken, (old, new) in {None: (" bydns", " bydns"), **SMARTHOST}.items():
        text = before + shipped("exim/smarthost.conf").replace(f"{old}\n", f"{new}\n")
        with open(ROUTERS) as file:
            routers_conf = file.read()
        with file_changed(ROUTERS, routers_conf, text):
            report = check(daemons, "exim")
        assert report.bad() == ({broken: "critical"} if broken else {}), (broken, report)


@contextlib.contextmanager
def older_file(path, text):
    """For the length of a block; programs of Postfix wait for a second where a file is as new as now."""
    with open(path) as file:
        before = file.read()
    try:
        write_older(path, text(before))
        yield
    finally:
        write_older(path, before)


def write_older(path, text):
    with open(path, "w") as file:
        file.write(text)
    os.utime(path, (time.time() - 60,) * 2)


def postconf(line):
    """A line of main.cf instead of those that set the same."""
    name = line.split(" =")[0]
    return lambda: older_file(f"{postfix_files.CONFIG}/main.cf",
                              lambda text: re.sub(rf"^{name} =.*\n", "", text, flags=re.M) + line + "\n")


def master(service, override):
    """An option of a service in master.cf."""
    return lambda: older_file(f"{postfix_files.CONFIG}/master.cf",
                              lambda text: re.sub(rf"^({service} +unix .*)$", rf"\1 -o {override}", text, flags=re.M))


POSTFIX_MUTATIONS = {
    "dnssec": (postconf("smtp_dns_support_level = enabled"), {"dnssec": CRITICAL}),
    "host-lookup": (postconf("smtp_host_lookup = native"), {"host-lookup": CRITICAL}),
    "insecure-mx": (postconf("smtp_tls_dane_insecure_mx_policy = may"), {"insecure-mx": CRITICAL}),
    "level": (postconf("smtp_tls_security_level = may"), {"level": WARNING}),
    "wrapper-mode": (postconf("smtp_tls_wrappermode = yes"), {"wrapper-mode": CRITICAL}),
    "connection-reuse": (postconf("smtp_tls_connection_reuse = yes"), {"connection-reuse": WARNING}),
    "per-site": (postconf("smtp_tls_per_site = hash:/etc/postfix/sites"), {"per-site": WARNING}),
    "protocols": (postconf("smtp_tls_mandatory_protocols = !SSLv2, !SSLv3"), {"protocols": WARNING}),
    "level in master.cf": (master("relay", "smtp_tls_security_level=may"), {"overrides": WARNING}),
    "map in master.cf": (master("smtp", "smtp_tls_policy_maps="), {"overrides": CRITICAL}),
    "DNSSEC in master.cf": (master("smtp", "smtp_dns_support_level=enabled"), {"overrides": CRITICAL}),
    "no map": (postconf("smtp_tls_policy_maps ="), {"map": CRITICAL}),
    "another map": (postconf("smtp_tls_policy_maps = static:may"), {"map": CRITICAL}),
    "a map before it that answers": (postconf(f"smtp_tls_policy_maps = static:may, {QUERY}"),
                                     {"shadowing-map": CRITICAL, "fails-closed": CRITICAL}),
    "a map before it that does not": (postconf(f"smtp_tls_policy_maps = inline:{{ {{x.example = may}} }} {QUERY}"),
                                      {"shadowing-map": WARNING}),
    "a map behind it": (postconf(f"smtp_tls_policy_maps = {QUERY} static:may"), {}),
    "attributes that 3.7 does not know": (postconf(f"smtp_tls_policy_maps = {WITH_TLSRPT}"), {"map-name": CRITICAL}),
    "an absolute path": (postconf(f"smtp_tls_policy_maps = {ABSOLUTE}"),
                         {"chroot": CRITICAL, "socket": CRITICAL}),
    "another socket": (postconf(f"smtp_tls_policy_maps = {QUERY.replace('policy', 'other')}"), {"socket": CRITICAL}),
}


@pytest.mark.parametrize("broken", POSTFIX_MUTATIONS)
def test_a_protection_that_postfix_has_lost_is_missed(lab, postfix, daemons, broken):
    change, wanted = POSTFIX_MUTATIONS[broken]
    with change():
        report = check(daemons, "postfix")
    assert report.bad() == {name: WORDS[status] for name, status in wanted.items()}, report
    assert report.status == max(wanted.values(), default=OK)


def test_the_systems_roots_are_postfix_own(lab, postfix, daemons, tmp_path):
    """Answers name a file for other roots only."""
    config = tmp_path / "outrider.conf"
    with open(daemons.config) as file:
        config.write_text(re.sub('roots = ".*"', 'roots = "system"', file.read()))
    arguments = ["setup", "postfix", "--check", "--json", "--config", str(config)]
    assert Report(daemons.run_cli(*arguments)).status == OK
    with postconf("smtp_tls_CAfile =")():
        assert Report(daemons.run_cli(*arguments)).bad() == {"roots": "critical"}
        assert check(daemons, "postfix").status == OK


@pytest.fixture(scope="module")
def daemons(outriders):
    """One for the whole module, for tests that leave it as it is."""
    return outriders(for_mtas=True)


def resolv_conf(mta):
    """That the mail server reads: Postfix' is in its jail."""
    return RESOLV if mta == "exim" else f"{postfix_files.QUEUE}{RESOLV}"


SURROUNDINGS = {
    "a socket for root only": (lambda d, mta: mode_changed(socket_of(d, mta), 0o600), {"socket": CRITICAL}),
    "a socket of another group": (lambda d, mta: group_changed(socket_of(d, mta)), {"socket": CRITICAL}),
    "a folder that is closed": (lambda d, mta: mode_changed(os.path.dirname(socket_of(d, mta)), 0o700),
                                {"socket": CRITICAL, "anchors": CRITICAL}),
    "a daemon that is stopped": (lambda d, mta: stopped(d), {"socket": CRITICAL}),
    "anchors that cannot be read": (lambda d, mta: mode_changed(f"{anchors_of(d, mta)}/none.pem", 0o600),
                                    {"anchors": CRITICAL}),
    "anchors that are garbage": (lambda d, mta: file_changed(f"{anchors_of(d, mta)}/none.pem", "BEGIN", "BEGUN"),
                                 {"anchors": CRITICAL}),
    "a resolver that does not answer": (lambda d, mta: file_changed(resolv_conf(mta), RESOLVER, "127.9.9.9"),
                                        {"resolver": CRITICAL}),
    "a server that does not validate": (lambda d, mta: file_changed(resolv_conf(mta), RESOLVER, SERVER),
                                        {"resolver": CRITICAL}),
}


def socket_of(daemon, mta):
    return daemon.line_socket if mta == "exim" else daemon.map_socket


def anchors_of(daemon, mta):
    return daemon.exim_dir if mta == "exim" else daemon.postfix_dir


@pytest.mark.parametrize("mta", ["exim", "postfix"])
@pytest.mark.parametrize("broken", SURROUNDINGS)
def test_what_is_broken_around_the_mail_server_is_found(lab, request, daemons, mta, broken):
    request.getfixturevalue(mta)
    change, wanted = SURROUNDINGS[broken]
    with change(daemons, mta):
        report = check(daemons, mta)
    assert report.bad() == {name: WORDS[status] for name, status in wanted.items()}, report


@pytest.mark.parametrize("mta", ["exim", "postfix"])
def test_a_domain_whose_mail_must_wait(lab, request, daemons, mta):
    """--domain shows what the mail server is told, and that it is no answer to send by."""
    request.getfixturevalue(mta)
    report = check(daemons, mta, "--domain", "tlsa-servfail.example")
    assert report.bad() == {"answer": "critical"}, report


SENDMAIL = "/etc/mail/sendmail.cf"
SENDMAIL_MUTATIONS = {
    "map": (("\nKsts ", "\nKother "), {"map": CRITICAL}),
    "option": (("O StrictTransportSecurity=true", "O StrictTransportSecurity=false"), {"option": CRITICAL}),
    "names": (("O SetCertAltnames=true\n", ""), {"names": CRITICAL}),
    "roots": (("O CACertFile=", "#O CACertFile="), {"roots": CRITICAL}),
    "roots-folder": (("O CACertPath=", "#O CACertPath="), {"roots-folder": CRITICAL}),
    "aliases": (("O DontExpandCnames=True", "O DontExpandCnames=False"), {"aliases": CRITICAL}),
    "host-status": (("#O HostStatusDirectory", "O HostStatusDirectory"), {"host-status": WARNING}),
    "rulesets": (("\nSLocal_tls_rcpt\n", "\nSother\n"), {"rulesets": CRITICAL}),
    "fails-closed": (("Ksts socket -d20 -T<TMPF>", "Ksts socket -d20"), {"fails-closed": CRITICAL}),
    "another socket": (("local:/run/outrider/sendmail.sock", "local:/run/outrider/other.sock"), {"socket": CRITICAL}),
    "a user without access": (("#O RunAsUser=sendmail", "O RunAsUser=nobody:nogroup"), {"socket": CRITICAL}),
}


def test_sendmail(lab, sendmail, daemons):
    """What is printed is what the lab runs; all is well, and each thing that is taken away is missed."""
    plan = json.loads(daemons.run_cli("setup", "sendmail", "--json", "--config", daemons.config).stdout)
    assert text_of(plan, "sendmail.mc") == shipped("sendmail/outrider.mc")
    assert {"mta-sts", "socketmap", "starttls"} <= set(plan["features"])
    assert "DANE" in {lack["what"] for lack in plan["missing"]}
    for arguments in ([], ["--domain", DOMAIN]):
        assert check(daemons, "sendmail", *arguments).status == OK
    for broken, (change, wanted) in SENDMAIL_MUTATIONS.items():
        with file_changed(SENDMAIL, *change):
            report = check(daemons, "sendmail")
        assert report.bad() == {name: WORDS[status] for name, status in wanted.items()}, (broken, report)


@pytest.mark.parametrize("mta", ["exim", "postfix"])
def test_who_is_not_root_is_told_what_needs_root(lab, request, build, daemons, mta):
    """Everything else is still checked."""
    request.getfixturevalue(mta)
    program = os.path.join(namespace.HOME, "outrider-for-all")
    shutil.copy(os.path.join(build, "outrider"), program)
    os.chmod(program, 0o755)
    with mode_changed(namespace.HOME, 0o755), mode_changed(os.path.dirname(daemons.config), 0o755), \
            mode_changed(daemons.config, 0o644):
        nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
        done = subprocess.run([*nobody, program, "setup", mta, "--check", "--json", "--config", daemons.config],
                              capture_output=True, text=True)
    report = Report(done)
    bad = report.bad()
    assert report.status == UNKNOWN and set(bad) <= {"socket", "anchors", "fails-closed", "configuration"}, report
    assert set(bad.values()) == {"unknown"} and "socket" in bad
