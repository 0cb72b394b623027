"""The hook of apt (integration/debian): a real change of ca-certificates, by the real apt-get and dpkg, is stopped when
mail would wait, before anything is unpacked, and goes through when nobody's mail does.

Packages are made from the one that is installed here, with a CA of the lab in them or without. What apt and dpkg change
lies in folders that are the lab's own, as everything it changes.

Where it is about what the hook makes of apt's words and of outrider's answers, a stand-in for outrider keeps the bundle
that it is shown and ends as told; in the last tests all programs are the real ones.
"""

import contextlib
import datetime
import io
import itertools
import os
import re
import shutil
import subprocess
import tarfile

import pytest
from cryptography.hazmat.primitives import serialization

import conftest
import domains
from lab import namespace
from lab.model import UNSIGNED, Host, Sts
from lab.process import wait_until

serial = itertools.count(1)
HOOK = "/usr/local/lib/outrider/apt-hook"
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
PACKAGED, BY_HAND = "/usr/share/ca-certificates", "/usr/local/share/ca-certificates"
CONF = "/etc/ca-certificates.conf"
DEFAULTS = "/etc/default/outrider"
COVERED = ("/usr/local", "/var/cache")  # of the machine outside; debconf's answers are in the second
CHANGED = ("/etc/ssl", PACKAGED)        # what other tests may look at: put back
FOLDER = f"{namespace.HOME}/apt"
BIN = f"{FOLDER}/bin"                   # with the stand-in
STOPPED = "mail would wait that is delivered today"
CANNOT_SAY = "cannot say whether mail would wait"

with open(os.path.join(conftest.ROOT, "integration", "debian", "README.md")) as readme:
    INSTALL = "\n".join(re.findall(r"^ {4}(install .*)$", readme.read(), re.M))


def run(*command, check=True, env=None, **options):
    done = subprocess.run(command, capture_output=True, text=True, errors="backslashreplace", timeout=180,
                          env={**os.environ, "DEBIAN_FRONTEND": "noninteractive", **(env or {})}, **options)
    if check:
        assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done


def write(path, text, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)
    os.chmod(path, mode)


def read(path):
    with open(path) as file:
        return file.read()


def pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def certificates(text):
    return set(re.findall(r"-----BEGIN CERTIFICATE-----\n(.*?)-----END", text, re.S))


@contextlib.contextmanager
def overlaid(folder):
    upper, work = (f"{FOLDER}/{kind}{folder.replace('/', '-')}" for kind in ("upper", "work"))
    os.makedirs(upper)
    os.makedirs(work)
    run("mount", "-t", "overlay", "-o", f"lowerdir={folder},upperdir={upper},workdir={work}", "lab", folder)
    try:
        yield
    finally:
        run("umount", "-l", folder)


@contextlib.contextmanager
def put_back(folder):
    copy = f"{FOLDER}/before{folder.replace('/', '-')}"
    run("cp", "-a", folder, copy)
    try:
        yield
    finally:
        for name in os.listdir(folder):
            run("rm", "-rf", f"{folder}/{name}")
        run("cp", "-aT", copy, folder)


class Machine:
    """A Debian system with the hook in its place."""

    def __init__(self, authorities):
        self.authorities = authorities  # name: PEM
        self._revision = 0
        self._version = run("dpkg-query", "-W", "-f", "${Version}", "ca-certificates").stdout
        self._tree = f"{FOLDER}/installed"
        self._keep_installed()

    def _keep_installed(self):
        """Debian's package, but for its manuals (their triggers take longer than all else)."""
        control = run("dpkg-query", "-s", "ca-certificates").stdout
        other_fields = re.sub(r"^(Status|Version|Conffiles|Config-Version):.*\n(?: .*\n)*", "", control, flags=re.M)
        self._control = other_fields.rstrip()
        for name in run("dpkg-query", "--control-list", "ca-certificates").stdout.split():
            if name != "md5sums":
                source = run("dpkg-query", "--control-path", "ca-certificates", name).stdout.strip()
                self._keep(source, f"/DEBIAN/{name}")
        for path in run("dpkg-query", "-L", "ca-certificates").stdout.splitlines():
            if not path.startswith(("/usr/share/doc/", "/usr/share/man/")) and os.path.isfile(path):
                self._keep(path, path)

    def _keep(self, source, path):
        os.makedirs(os.path.dirname(self._tree + path), exist_ok=True)
        shutil.copy2(source, self._tree + path)

    def package(self, authorities=(), only=None):
        """A newer ca-certificates: the installed one with these CAs besides, or with `only` these of Debian's roots (of
        140, its scripts take seconds). Its path has a space."""
        self._revision += 1
        version, root = f"{self._version}+lab{self._revision}", f"{FOLDER}/tree-{self._revision}"
        shutil.copytree(self._tree, root)
        write(f"{root}/DEBIAN/control", f"{self._control}\nVersion: {version}\n")
        if only is not None:
            shutil.rmtree(f"{root}{PACKAGED}")
            for name in only:
                write(f"{root}{PACKAGED}/{name}", read(f"{self._tree}{PACKAGED}/{name}"))
            config = read(f"{root}/DEBIAN/config")
            shorter = re.sub('^CERTS_LIST=".*"$', f'CERTS_LIST="{", ".join(only)}"', config, flags=re.M)
            write(f"{root}/DEBIAN/config", shorter, 0o755)
        for name in authorities:
            write(f"{root}{PACKAGED}/lab/{name}.crt", self.authorities[name])
        return self._build(root, f"ca-certificates {version}.deb")

    def other_package(self, name, files):
        """One that brings CAs of its own, as a company's would."""
        self._revision += 1
        root = f"{FOLDER}/tree-{self._revision}"
        write(f"{root}/DEBIAN/control", f"Package: {name}\nVersion: {self._revision}\nArchitecture: all\n"
              "Maintainer: lab <lab@sender.example>\nDescription: CAs of the lab\n")
        write(f"{root}/DEBIAN/triggers", "activate-noawait update-ca-certificates\n")
        for path, text in files.items():
            write(root + path, text)
        return self._build(root, f"{name}_{self._revision}.deb")

    def _build(self, root, name):
        path = f"{FOLDER}/packages/{name}"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        run("dpkg-deb", "-Znone", "--root-owner-group", "-b", root, path)
        return path

    def apt(self, *arguments, **env):
        """apt-get that knows no package source; without a terminal, as unattended-upgrades runs it."""
        no_source = ("-o", "Dir::Etc::SourceList=/dev/null", "-o", "Dir::Etc::SourceParts=/dev/null")
        return run("apt-get", "-q", "-y", *no_source, *arguments, check=False, stdin=subprocess.DEVNULL, env=env)

    def installed(self, name="ca-certificates"):
        return run("dpkg-query", "-W", "-f", "${db:Status-Status} ${Version}", name, check=False).stdout


class StandIn:
    """In the place of outrider: notes its arguments, keeps the bundle, says something, ends with a status."""

    PATH = f"{BIN}:/usr/sbin:/usr/bin:/sbin:/bin"
    asked, bundle = f"{FOLDER}/asked", f"{FOLDER}/shown.pem"

    def __init__(self):
        write(f"{BIN}/outrider", f"""#!/bin/sh
for argument; do printf '%s\\n' "$argument"; done > {self.asked}
cp "$4" {self.bundle}
echo "D  bank.example"
exit "${{STATUS-0}}"
""", 0o755)

    def forget(self):
        for path in (self.asked, self.bundle):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)

    def was_asked(self):
        return os.path.exists(self.asked)

    def shown(self):
        return certificates(read(self.bundle))


@pytest.fixture(scope="module")
def machine(lab):
    with contextlib.ExitStack() as undo:
        for folder in COVERED:
            undo.enter_context(overlaid(folder))
        for folder in CHANGED:
            undo.enter_context(put_back(folder))
        shutil.rmtree(BY_HAND, ignore_errors=True)
        os.makedirs(BY_HAND)
        run("sh", "-e", "-c", INSTALL, cwd=conftest.ROOT)
        undo.callback(os.unlink, "/etc/apt/apt.conf.d/80outrider")
        yield Machine({name: pem(lab.certs.authority(name)) for name in ("lab", "other", "private")})


@pytest.fixture
def stand_in(machine):
    stand_in = StandIn()
    stand_in.forget()
    yield stand_in
    with contextlib.suppress(FileNotFoundError):
        os.unlink(DEFAULTS)


def hook(stdin, **env):
    return run(HOOK, input=stdin, check=False, env={"PATH": StandIn.PATH, **env})


# --- what apt says --------------------------------------------------------------------------------------------------

SETTINGS = "APT::Architecture=amd64\nAPT::Build-Essential::=build-essential\n\n"
OTHER_STEPS = ("bash 5.2-1 amd64 foreign < 5.2-2 amd64 foreign /nowhere/bash.deb\n"
               "ca-certificates-java 1 all foreign < 2 all foreign /nowhere/ca-certificates-java.deb\n")


def version_3(path, name="ca-certificates"):
    return f"VERSION 3\n{SETTINGS}{OTHER_STEPS}{name} 1 all foreign < 2 all foreign {path}\n"


PLANS = [  # sentence, what apt writes, of which {deb} is a package without the lab's CA; what comes of it
    ("protocol 3", version_3("{deb}"), "asked"),
    ("protocol 3: configured after it was unpacked",
     version_3("{deb}") + "ca-certificates 1 all foreign < 2 all foreign **CONFIGURE**\n", "asked"),
    ("protocol 3: a new installation",
     f"VERSION 3\n{SETTINGS}ca-certificates - - none < 2 all foreign {{deb}}\n", "asked"),
    ("protocol 3: a downgrade",
     f"VERSION 3\n{SETTINGS}ca-certificates 3 all foreign > 2 all foreign {{deb}}\n", "asked"),
    ("protocol 2",
     f"VERSION 2\n{SETTINGS}bash 5.2-1 < 5.2-2 /nowhere/bash.deb\nca-certificates 1 < 2 {{deb}}\n", "asked"),
    ("protocol 1", "{deb}\n", "asked"),
    ("protocol 1: among others", "{other_deb}\n{deb}\n{other_deb}\n", "asked"),
    ("protocol 3: others only", f"VERSION 3\n{SETTINGS}{OTHER_STEPS}", "silent"),
    ("protocol 2: others only", f"VERSION 2\n{SETTINGS}bash 5.2-1 < 5.2-2 /nowhere/bash.deb\n", "silent"),
    ("protocol 1: others only", "{other_deb}\n", "silent"),
    ("ca-certificates is removed: its bundle stays until it is purged",
     f"VERSION 3\n{SETTINGS}ca-certificates 1 all foreign > - - none **REMOVE**\n", "silent"),
    ("nothing at all", "", "silent"),
    ("settings and no step", f"VERSION 3\n{SETTINGS}", "silent"),
    ("settings that do not end", "VERSION 3\nAPT::Architecture=amd64\n", "silent"),
    ("a package that is not there", version_3("/nowhere/ca-certificates.deb"), "cannot say"),
    ("a package that is none", version_3("/etc/passwd"), "cannot say"),
    ("no path", version_3(""), "cannot say"),
    ("an option for a path", version_3("--help"), "cannot say"),
    ("a newline in the path, protocol 3", version_3("/tmp/new\nline.deb"), "cannot say"),
    ("a newline in the path, protocol 1", "/tmp/new\nline.deb\n", "cannot say"),
    ("the second line of a path that looks like a step",
     version_3("/tmp/new\nca-certificates 1 all foreign < 2 all foreign /tmp/$(touch {folder}/ran).deb"), "cannot say"),
    ("protocol 4", f"VERSION 4\n{SETTINGS}", "cannot say"),
]


@pytest.fixture(scope="module")
def packages(machine):
    return {"deb": machine.package(), "folder": FOLDER,
            "other_deb": machine.other_package("lab-files", {"/usr/share/lab-files/x": "x\n"})}


@pytest.mark.parametrize("plan, outcome", [pytest.param(*row, id=sentence) for sentence, *row in PLANS])
def test_what_apt_says(stand_in, packages, plan, outcome):
    """A package whose bundle cannot be known stops nothing, and is told of."""
    done = hook(plan.format(**packages), STATUS="1")
    assert stand_in.was_asked() == (outcome == "asked"), done.stderr
    assert done.returncode == (1 if outcome == "asked" else 0), done.stderr
    assert (CANNOT_SAY in done.stderr) == (outcome == "cannot say"), done.stderr
    if outcome == "silent":
        assert done.stderr == done.stdout == ""
    assert not os.path.exists(f"{FOLDER}/ran")


def test_what_outrider_is_asked(stand_in, packages, tmp_path):
    """The path of a file in a folder that nobody else can enter and that is gone afterwards, and what it stands for."""
    assert hook(version_3(packages["deb"]), TMPDIR=str(tmp_path)).returncode == 0
    *words, path, in_place, of = read(stand_in.asked).splitlines()
    assert words == ["trust", "what-if", "--bundle"] and (in_place, of) == ("--in-place-of", BUNDLE)
    assert path.startswith(f"{tmp_path}/") and os.listdir(tmp_path) == []


ANSWERS = [  # sentence, environment, /etc/default/outrider, exit status, what is said
    ("nobody's mail would wait", {"STATUS": "0"}, None, 0, None),
    ("somebody's would", {"STATUS": "1"}, None, 1, STOPPED),
    ("bad usage: an outrider that does not know the command", {"STATUS": "64"}, None, 0, CANNOT_SAY),
    ("no store", {"STATUS": "69"}, None, 0, CANNOT_SAY),
    ("try later", {"STATUS": "75"}, None, 0, CANNOT_SAY),
    ("no time", {"STATUS": "124"}, None, 0, "within 60 seconds"),
    ("killed for not listening", {"STATUS": "137"}, None, 0, "within 60 seconds"),
    ("crashed", {"STATUS": "139"}, None, 0, CANNOT_SAY),
    ("no outrider", {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}, None, 0, 'no program "outrider"'),
    ("no temporary folder", {"STATUS": "1", "TMPDIR": "/nowhere"}, None, 0, "no temporary folder"),
    ("warn", {"STATUS": "1", "OUTRIDER_WHAT_IF": "warn"}, None, 0, "will wait"),
    ("warn, and it cannot be said", {"STATUS": "70", "OUTRIDER_WHAT_IF": "warn"}, None, 0, CANNOT_SAY),
    ("warn by the file", {"STATUS": "1"}, "# what apt's hook does\nOUTRIDER_WHAT_IF=\"warn\"\n", 0, "will wait"),
    ("the environment before the file", {"STATUS": "1", "OUTRIDER_WHAT_IF": "stop"}, "OUTRIDER_WHAT_IF=warn\n",
     1, STOPPED),
    ("a mistake in the file", {"STATUS": "1"}, "if then fi (\nexit 0\n", 1, STOPPED),
    ("a word that means nothing", {"STATUS": "1", "OUTRIDER_WHAT_IF": "no"}, None, 1, "stop, warn or off"),
]


def test_hostile_package(stand_in, packages):
    """Its folder of certificates is a link to somewhere else, and a name leads upwards: nothing is written there."""
    outside = f"{FOLDER}/outside"
    os.makedirs(outside)
    for name, members in (("control.tar", {"./control": b"Package: ca-certificates\nVersion: 9\nArchitecture: all\n"
                                           b"Maintainer: lab <lab@sender.example>\nDescription: none\n"}),
                          ("data.tar", {f".{PACKAGED}": outside, f".{PACKAGED}/evil.crt": b"evil",
                                        f"./{'../' * 20}{outside}/evil.crt": b"evil"})):
        with tarfile.open(f"{FOLDER}/{name}", "w") as archive:
            for path, content in members.items():
                member = tarfile.TarInfo(path)
                if isinstance(content, str):
                    member.type, member.linkname, content = tarfile.SYMTYPE, content, b""
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    write(f"{FOLDER}/debian-binary", "2.0\n")
    with open(f"{FOLDER}/hostile.deb", "wb") as file:  # ar(1) is no part of every Debian
        file.write(b"!<arch>\n")
        for name in ("debian-binary", "control.tar", "data.tar"):
            with open(f"{FOLDER}/{name}", "rb") as part:
                content = part.read()
            file.write(f"{name:16}{0:<12}{0:<6}{0:<6}{'100644':8}{len(content):<10}`\n".encode())
            file.write(content + b"\n" * (len(content) % 2))
    assert run("dpkg-deb", "-f", f"{FOLDER}/hostile.deb", "Package").stdout == "ca-certificates\n", "well-formed"
    done = hook(version_3(f"{FOLDER}/hostile.deb"), STATUS="1")
    assert done.returncode == 0 and CANNOT_SAY in done.stderr, done.stderr
    assert os.listdir(outside) == []


@pytest.mark.parametrize("env, defaults, status, said", [pytest.param(*row, id=sentence) for sentence, *row in ANSWERS])
def test_what_outrider_answers(stand_in, packages, env, defaults, status, said):
    """Only exit status 1, a clear answer, stops the installation."""
    if defaults is not None:
        write(DEFAULTS, defaults)
    done = hook(version_3(packages["deb"]), **env)
    assert done.returncode == status, done.stderr
    assert done.stdout == "", "apt's output is for others to parse"
    assert said is None or said in done.stderr, done.stderr
    assert ("D  bank.example" in done.stderr) == stand_in.was_asked(), done.stderr


def test_off(stand_in, packages):
    """Nobody is asked, nothing is said."""
    done = hook(version_3(packages["deb"]), STATUS="1", OUTRIDER_WHAT_IF="off")
    assert (done.returncode, done.stderr, stand_in.was_asked()) == (0, "", False)


# --- the bundle -----------------------------------------------------------------------------------------------------

def debconf(question, kind, value):
    run("debconf-set-selections", input=f"ca-certificates ca-certificates/{question} {kind} {value}\n")


def install_and_compare(machine, stand_in, path):
    """What the hook showed before is what is there afterwards."""
    stand_in.forget()
    done = machine.apt("install", path, PATH=StandIn.PATH)
    assert done.returncode == 0, done.stdout + done.stderr
    assert stand_in.was_asked(), done.stderr
    made = certificates(read(BUNDLE))
    assert stand_in.shown() == made, "the hook's bundle is another than update-ca-certificates made"
    return made


def test_bundle_is_that_of_update_ca_certificates(machine, stand_in):
    """Roots that come, go, were deselected, are the administrator's own or another package's; and debconf's three
    answers to what becomes of new ones. Each bundle is compared with the one that the real installation made."""
    lab, other, private = (certificates(machine.authorities[name]).pop() for name in ("lab", "other", "private"))
    mozilla = [name for name in read(CONF).splitlines() if name.startswith("mozilla/")]
    sixth_pem = read(f"{PACKAGED}/{mozilla[5]}")
    *files, sixth = (certificates(read(f"{PACKAGED}/{name}")).pop() for name in mozilla[:6])
    mozilla = mozilla[:5]
    write(CONF, "# as somebody has shortened it\n\n" + "".join(f"{name}\n" for name in mozilla))

    debconf("trust_new_crts", "select", "yes")
    made = install_and_compare(machine, stand_in, machine.package(["lab"], only=mozilla))
    assert made == {lab, *files}, "a new root is taken up"

    made = install_and_compare(machine, stand_in, machine.package(["other"], only=mozilla[1:]))
    assert made == {other, *files[1:]}, "roots that are gone"

    for name in ("lab/other.crt", mozilla[1]):
        write(CONF, read(CONF).replace(f"\n{name}\n", f"\n!{name}\n"))
    write(CONF, f"!{mozilla[2]}\n{read(CONF)}")  # and further down it is listed
    write(f"{BY_HAND}/a company's/own (1).crt", machine.authorities["private"].rstrip())  # no newline at its end
    write(f"{BY_HAND}/notes.txt", machine.authorities["lab"])
    made = install_and_compare(machine, stand_in, machine.package(["other"], only=mozilla))
    assert made == {private, *files[3:]}, "what was deselected (so is a root that was gone and is back); what is added"

    debconf("trust_new_crts", "select", "no")
    write(CONF, read(CONF).replace("!lab/other.crt\n", "").replace("!lab/lab.crt\n", "").replace("lab/lab.crt\n", ""))
    made = install_and_compare(machine, stand_in, machine.package(["other"], only=mozilla))
    assert other not in made, "trust_new_crts: no"

    debconf("trust_new_crts", "select", "ask")
    write(CONF, read(CONF).replace("!lab/other.crt\n", ""))
    made = install_and_compare(machine, stand_in, machine.package(["other", "lab"], only=mozilla))
    assert not {lab, other} & made, "trust_new_crts: ask, with nobody to answer"

    write(CONF, read(CONF).replace("!lab/other.crt\n", "").replace("!lab/lab.crt\n", ""))
    enabled = [name for name in read(CONF).splitlines() if name.startswith("mozilla/")]
    debconf("enable_crts", "multiselect", ", ".join([*enabled, "lab/lab.crt"]))  # as 70debconf does with apt-utils
    made = install_and_compare(machine, stand_in, machine.package(["other", "lab"], only=mozilla))
    assert lab in made and other not in made, "trust_new_crts: ask, answered"

    debconf("trust_new_crts", "select", "yes")
    own = {f"{PACKAGED}/company/other.crt": machine.authorities["other"]}
    stand_in.forget()
    assert machine.apt("install", machine.other_package("company-roots", own), PATH=StandIn.PATH).returncode == 0
    assert not stand_in.was_asked(), "a package that is new can only add"
    write(CONF, read(CONF) + "company/other.crt\n")
    run("update-ca-certificates")
    own[f"{PACKAGED}/company/sixth.crt"] = sixth_pem
    write(CONF, f"!company/other.crt\n{read(CONF)}")
    made = install_and_compare(machine, stand_in, machine.other_package("company-roots", own))
    assert other in made and sixth not in made, "only the scripts of ca-certificates change the list"
    write(CONF, read(CONF).replace("!company/other.crt\n", ""))
    made = install_and_compare(machine, stand_in, machine.package(only=mozilla))
    assert {other, sixth} <= made and lab not in made, "another package's roots stay when ca-certificates changes"

    stand_in.forget()
    done = machine.apt("remove", "company-roots", PATH=StandIn.PATH, STATUS="1")
    assert done.returncode != 0 and STOPPED in done.stderr, "its removal is a change, too"
    assert other not in stand_in.shown()
    assert machine.installed("company-roots").startswith("installed")
    assert machine.apt("remove", "company-roots", PATH=StandIn.PATH).returncode == 0
    run("update-ca-certificates")  # on a removal its trigger does nothing by itself
    assert stand_in.shown() == certificates(read(BUNDLE))
    shutil.rmtree(f"{BY_HAND}/a company's")


def test_refused(machine, stand_in):
    """apt stops before anything is unpacked and says what to do; the same package goes in when nobody's mail waits."""
    before, bundle = machine.installed(), read(BUNDLE)
    path = machine.package()
    done = machine.apt("install", path, PATH=StandIn.PATH, STATUS="1")
    assert done.returncode == 100, done.stdout + done.stderr
    for words in ("D  bank.example", STOPPED, "outrider trust add --for", "apt-mark hold", "OUTRIDER_WHAT_IF=warn"):
        assert words in done.stderr
    assert (machine.installed(), read(BUNDLE)) == (before, bundle)
    assert machine.apt("install", path, PATH=StandIn.PATH, STATUS="0").returncode == 0
    assert machine.installed() != before


def test_missing_hook(machine, stand_in):
    """The line in apt's configuration without the program: nothing is kept away."""
    os.rename(HOOK, f"{HOOK}.away")
    try:
        done = machine.apt("install", machine.package(), PATH=StandIn.PATH, STATUS="1")
    finally:
        os.rename(f"{HOOK}.away", HOOK)
    assert done.returncode == 0, done.stdout + done.stderr


# --- all of it, real --------------------------------------------------------------------------------------------------

@pytest.fixture
def mail(lab, machine, build, outrider):
    """A ca-certificates with the CA "other", mail that depends on it, and a daemon that has seen so; the hook finds the real
    outrider with the configuration in its usual place."""
    number = next(serial)
    names = [f"apt-other-{number}", f"apt-lab-{number}"]
    domains.add(lab, domains.row(names[0], zone=UNSIGNED, hosts=(Host(cert="other"),), sts=Sts()),
                domains.row(names[1], zone=UNSIGNED, sts=Sts()))
    debconf("trust_new_crts", "select", "yes")
    mozilla = [name for name in read(CONF).splitlines() if name.startswith("mozilla/")][:2]
    write(CONF, "".join(f"{name}\n" for name in mozilla))
    assert machine.apt("install", machine.package(["lab", "other"], only=mozilla), OUTRIDER_WHAT_IF="off").returncode == 0
    daemon = outrider(anchors={"roots": "system"})
    os.makedirs("/etc/outrider", exist_ok=True)
    shutil.copy(daemon.config, "/etc/outrider/outrider.conf")
    os.makedirs(f"{FOLDER}/real", exist_ok=True)
    with contextlib.suppress(FileExistsError):
        os.symlink(f"{build}/outrider", f"{FOLDER}/real/outrider")
    for name in names:
        assert daemon.postfix(f"{name}.example").startswith("OK secure")
    probed = daemon.run_cli("trust", "probe", "--config", daemon.config, "--rate", "100", "--ehlo", "probe.lab.test",
                            *(f"{name}.example" for name in names), timeout=60)
    assert probed.returncode == 0, probed.stdout + probed.stderr
    yield daemon, mozilla, names
    os.unlink("/etc/outrider/outrider.conf")


def test_a_root_that_mail_depends_on_leaves_ca_certificates(machine, mail):
    """The whole way: apt, dpkg, the hook, outrider, the daemon's record. apt stops; an exception for the one destination lets it
    go on; the daemon notices the bundle; that destination has the root still, and nobody else."""
    daemon, mozilla, (other, lab_only) = mail
    tomorrow = (datetime.date.today() + datetime.timedelta(days=2)).isoformat()
    path, real = machine.package(["lab"], only=mozilla), f"{FOLDER}/real:/usr/sbin:/usr/bin:/sbin:/bin"
    before, bundle = machine.installed(), read(BUNDLE)
    done = machine.apt("install", path, PATH=real)
    assert done.returncode == 100, done.stdout + done.stderr
    assert f"D  mail would be deferred: 1\n  {other}.example  at once" in done.stderr and STOPPED in done.stderr, done.stderr
    assert "leaves: " in done.stderr and "Outrider lab, other CA" in done.stderr and lab_only not in done.stderr
    assert (machine.installed(), read(BUNDLE)) == (before, bundle)

    root = f"{PACKAGED}/lab/other.crt"  # as the hook advises: the file is still there
    daemon.trust("add", "--for", f"{other}.example", "--until", tomorrow, "--reason", "apt", root)
    done = machine.apt("install", path, PATH=real)
    assert done.returncode == 0 and STOPPED not in done.stderr, done.stdout + done.stderr
    assert machine.installed() != before and certificates(machine.authorities["other"]).isdisjoint(certificates(read(BUNDLE)))
    wait_until(lambda: "event=trust.bundle.changed" in daemon.log() and "event=trust.applied" in daemon.log().split("trust.bundle.changed")[1],
               30, daemon.log)
    assert "event=trust.affected" not in daemon.log(), "nobody's mail waits"
    has_root = {name: daemon.query(name)["anchors"]["count"] for name in (f"{other}.example", f"{lab_only}.example")}
    assert has_root[f"{other}.example"] == has_root[f"{lab_only}.example"] + 1
    assert daemon.postfix(f"{other}.example").startswith("OK secure")


def test_nobody_depends_on_the_root_that_leaves(machine, mail):
    """The same machine, another root: apt goes on, and shows what it was told."""
    daemon, mozilla, _ = mail
    done = machine.apt("install", machine.package(["lab", "other"], only=mozilla[1:]), PATH=f"{FOLDER}/real:/usr/sbin:/usr/bin:/sbin:/bin")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No mail would be deferred, as far as is recorded." in done.stderr, done.stderr
