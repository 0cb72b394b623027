"""The hook of apt (integration/debian): a real change of ca-certificates, by the real apt-get and dpkg, is stopped before
anything is unpacked when mail would wait, and goes through when nobody's mail does.

Packages are made from the one that is installed here, with a CA of the lab in them or without. What apt and dpkg change
lies in folders that are the lab's own, as everything it changes.

Where it is about what the hook makes of apt's words and of outrider's answers, a stand-in for outrider keeps the bundle
that it is shown and ends as told; in the last tests all programs are the real ones.
"""

import contextlib
import os
import re
import shutil
import subprocess

import pytest
from cryptography.hazmat.primitives import serialization

import conftest
from lab import namespace

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
        self._control = re.sub(r"^(Status|Version|Conffiles|Config-Version):.*\n(?: .*\n)*", "", control, flags=re.M).rstrip()
        for name in run("dpkg-query", "--control-list", "ca-certificates").stdout.split():
            if name != "md5sums":
                self._keep(run("dpkg-query", "--control-path", "ca-certificates", name).stdout.strip(), f"/DEBIAN/{name}")
        for path in run("dpkg-query", "-L", "ca-certificates").stdout.splitlines():
            if not path.startswith(("/usr/share/doc/", "/usr/share/man/")) and os.path.isfile(path):
                self._keep(path, path)

    def _keep(self, source, path):
        os.makedirs(os.path.dirname(self._tree + path), exist_ok=True)
        shutil.copy2(source, self._tree + path)

    def package(self, authorities=(), without=()):
        """A newer ca-certificates: the installed one with these CAs besides, without these files. Its path has a space."""
        self._revision += 1
        version, root = f"{self._version}+lab{self._revision}", f"{FOLDER}/tree-{self._revision}"
        shutil.copytree(self._tree, root)
        write(f"{root}/DEBIAN/control", f"{self._control}\nVersion: {version}\n")
        for name in without:
            os.unlink(f"{root}{PACKAGED}/{name}")
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
        return run("apt-get", "-q", "-y", "-o", "Dir::Etc::SourceList=/dev/null", "-o", "Dir::Etc::SourceParts=/dev/null",
                   *arguments, check=False, stdin=subprocess.DEVNULL, env=env)

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


# --- what apt says ------------------------------------------------------------------------------------------------------

SETTINGS = "APT::Architecture=amd64\nAPT::Build-Essential::=build-essential\n\n"
OTHER_STEPS = ("bash 5.2-1 amd64 foreign < 5.2-2 amd64 foreign /nowhere/bash.deb\n"
               "ca-certificates-java 1 all foreign < 2 all foreign /nowhere/ca-certificates-java.deb\n")


def version_3(path, name="ca-certificates"):
    return f"VERSION 3\n{SETTINGS}{OTHER_STEPS}{name} 1 all foreign < 2 all foreign {path}\n"


PLANS = [  # sentence, what apt writes, of which {deb} is a package without the lab's CA; what comes of it
    ("protocol 3", version_3("{deb}"), "asked"),
    ("protocol 3: configured after it was unpacked", version_3("{deb}") + "ca-certificates 1 all foreign < 2 all foreign"
     " **CONFIGURE**\n", "asked"),
    ("protocol 3: a new installation", f"VERSION 3\n{SETTINGS}ca-certificates - - none < 2 all foreign {{deb}}\n", "asked"),
    ("protocol 3: a downgrade", f"VERSION 3\n{SETTINGS}ca-certificates 3 all foreign > 2 all foreign {{deb}}\n", "asked"),
    ("protocol 2", f"VERSION 2\n{SETTINGS}bash 5.2-1 < 5.2-2 /nowhere/bash.deb\nca-certificates 1 < 2 {{deb}}\n", "asked"),
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
    ("the second line of a path that looks like a step", version_3("/tmp/new\nca-certificates 1 all foreign < 2 all foreign"
     " /tmp/$(touch {folder}/ran).deb"), "cannot say"),
    ("protocol 4", f"VERSION 4\n{SETTINGS}", "cannot say"),
]


@pytest.fixture(scope="module")
def packages(machine):
    return {"deb": machine.package(), "folder": FOLDER,
            "other_deb": machine.other_package("lab-files", {"/usr/share/lab-files/x": "x\n"})}


@pytest.mark.parametrize("plan, outcome", [pytest.param(plan, outcome, id=sentence) for sentence, plan, outcome in PLANS])
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
    """One option, the path of a file in a folder that nobody else can enter and that is gone afterwards."""
    assert hook(version_3(packages["deb"]), TMPDIR=str(tmp_path)).returncode == 0
    *words, path = read(stand_in.asked).splitlines()
    assert words == ["trust", "what-if", "--bundle"]
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
    ("the environment before the file", {"STATUS": "1", "OUTRIDER_WHAT_IF": "stop"}, "OUTRIDER_WHAT_IF=warn\n", 1, STOPPED),
    ("a mistake in the file", {"STATUS": "1"}, "if then fi (\nexit 0\n", 1, STOPPED),
    ("a word that means nothing", {"STATUS": "1", "OUTRIDER_WHAT_IF": "no"}, None, 1, "stop, warn or off"),
]


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


# --- the bundle ---------------------------------------------------------------------------------------------------------

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
    """Roots that come, go, were deselected, are the administrator's own or another package's; and debconf's three answers
    to what becomes of new ones. Each bundle is compared with the one that the real installation made."""
    lab, other, private = (next(iter(certificates(machine.authorities[name]))) for name in ("lab", "other", "private"))
    mozilla = [name for name in read(CONF).splitlines() if name.startswith("mozilla/")]
    files = {name: next(iter(certificates(read(f"{PACKAGED}/{name}")))) for name in mozilla[:2]}

    debconf("trust_new_crts", "select", "yes")
    made = install_and_compare(machine, stand_in, machine.package(["lab"]))
    assert lab in made and files[mozilla[0]] in made, "a new root is taken up"

    made = install_and_compare(machine, stand_in, machine.package(["other"], without=mozilla[:1]))
    assert other in made and not {lab, files[mozilla[0]]} & made, "roots that are gone"

    write(CONF, read(CONF).replace("lab/other.crt", "!lab/other.crt").replace(f"\n{mozilla[1]}\n", f"\n!{mozilla[1]}\n"))
    write(f"{BY_HAND}/a company's/own (1).crt", machine.authorities["private"].rstrip())  # no newline at its end
    write(f"{BY_HAND}/notes.txt", machine.authorities["lab"])
    made = install_and_compare(machine, stand_in, machine.package(["other"]))
    assert private in made and not {lab, other, files[mozilla[1]]} & made, "what was deselected, and what is added by hand"

    debconf("trust_new_crts", "select", "no")
    write(CONF, read(CONF).replace("!lab/other.crt\n", "").replace("!lab/lab.crt\n", "").replace("lab/lab.crt\n", ""))
    made = install_and_compare(machine, stand_in, machine.package(["other"]))
    assert other not in made, "trust_new_crts: no"

    debconf("trust_new_crts", "select", "ask")
    write(CONF, read(CONF).replace("!lab/other.crt\n", ""))
    made = install_and_compare(machine, stand_in, machine.package(["other", "lab"]))
    assert not {lab, other} & made, "trust_new_crts: ask, with nobody to answer"

    write(CONF, read(CONF).replace("!lab/other.crt\n", "").replace("!lab/lab.crt\n", ""))
    enabled = [name for name in read(CONF).splitlines() if name.startswith("mozilla/")]
    debconf("enable_crts", "multiselect", ", ".join([*enabled, "lab/lab.crt"]))  # as 70debconf leaves it, with apt-utils
    made = install_and_compare(machine, stand_in, machine.package(["other", "lab"]))
    assert lab in made and other not in made, "trust_new_crts: ask, answered"

    debconf("trust_new_crts", "select", "yes")
    own = {f"{PACKAGED}/company/other.crt": machine.authorities["other"]}
    stand_in.forget()
    assert machine.apt("install", machine.other_package("company-roots", own), PATH=StandIn.PATH).returncode == 0
    assert not stand_in.was_asked(), "a package that is new can only add"
    write(CONF, read(CONF) + "company/other.crt\n")
    run("update-ca-certificates")
    made = install_and_compare(machine, stand_in, machine.other_package("company-roots", own))
    assert other in made, "the same roots"
    made = install_and_compare(machine, stand_in, machine.package())
    assert other in made and lab not in made, "what another package brings outlives a change of ca-certificates"

    stand_in.forget()
    done = machine.apt("remove", "company-roots", PATH=StandIn.PATH, STATUS="1")
    assert done.returncode != 0 and STOPPED in done.stderr and other not in stand_in.shown(), "its removal is a change, too"
    assert machine.installed("company-roots").startswith("installed")
    assert machine.apt("remove", "company-roots", PATH=StandIn.PATH).returncode == 0
    run("update-ca-certificates")  # on a removal its trigger does nothing by itself
    assert stand_in.shown() == certificates(read(BUNDLE))
    shutil.rmtree(f"{BY_HAND}/a company's")


def test_refused(machine, stand_in):
    """apt stops before anything is unpacked, says what to do, and the same package goes in once nobody's mail would wait."""
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
