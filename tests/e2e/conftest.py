"""Fixtures of the system tests.

    build     the folder with the programs under test; is_sanitized: whether they watch themselves, and are slow
    run       outrider ARGUMENTS..., for tests of the command line that need no lab
    lab       the lab's World: opened once; tests that use it run as root inside tools/run-in-lab, elsewhere they
              are skipped by name. Change servers with monkeypatch (monkeypatch.setattr(lab.mx[NAME], "server", ...)) and
              DNS with lab.records(), lab.forged() and lab.outage(): all of them put back what was there.
    outrider  a factory: outrider(sts={"recheck": 1}) starts a daemon with that configuration in a folder of its own and
              stops it when the test ends; one that ends badly, or whose log has a sanitizer's complaint, fails the test
    outriders the same for the length of a module: for tests that are marked so:
    forwarders      forwarders(change=...) puts a forwarder between a daemon and the lab's resolver (lab/forwarder.py)
    exim, postfix, sendmail   the mail servers; they ask the daemon made with outrider(for_mtas=True).
              OUTRIDER_EXIM=PROGRAM in the environment puts another Exim in the place of Debian's (tests/long)

Tests marked `at_once` mostly wait. Those of a module run together, each in a thread, when the first of them is due; so
they take fixtures of module or session scope only, and leave alone what others may be using.
"""

import concurrent.futures
import contextlib

import itertools
import os
import subprocess
import sys

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, ROOT)

import side_by_side  # noqa: E402
from lab import namespace, packages  # noqa: E402
from lab.exim import Exim  # noqa: E402
from lab.forwarder import Forwarder  # noqa: E402
from lab.outrider import Outrider  # noqa: E402
from lab.postfix import Postfix  # noqa: E402
from lab.sendmail import Sendmail  # noqa: E402
from lab.world import World  # noqa: E402

COMPLAINTS = ("Sanitizer", "runtime error:")  # of sanitizer builds, on standard error
folders = itertools.count(1)


def pytest_configure(config):
    config.addinivalue_line("markers", "at_once: run together with the others of its module that are marked so")


def pytest_runtestloop(session):
    """None: pytest's own way."""
    folder = os.environ.get(side_by_side.FOLDER)
    if folder is None or session.config.option.collectonly or session.testsfailed:
        return None
    side_by_side.run(session, folder)
    return True


def arguments(item):
    """What a test function is called with; fixtures of a wider scope than one function only."""
    params = item.callspec.params if hasattr(item, "callspec") else {}
    return {name: params[name] if name in params else item._request.getfixturevalue(name)
            for name in item._fixtureinfo.argnames}


def pytest_pyfunc_call(pyfuncitem):
    if pyfuncitem.get_closest_marker("at_once") is None:
        return None
    running = pyfuncitem.session.__dict__.setdefault("at_once", {})
    if pyfuncitem not in running:
        together = [item for item in pyfuncitem.session.items
                    if item.path == pyfuncitem.path and item.get_closest_marker("at_once")]
        calls = [(item, arguments(item)) for item in together]
        with concurrent.futures.ThreadPoolExecutor(len(calls)) as pool:
            running.update({item: pool.submit(item.obj, **values) for item, values in calls})
    running[pyfuncitem].result()
    return True


def pytest_collection_modifyitems(items):
    if namespace.is_inside():
        return
    skip = pytest.mark.skip(reason="needs the lab: run `make test` as root")
    for item in items:
        if "lab" in getattr(item, "fixturenames", ()):
            item.add_marker(skip)


@pytest.fixture(scope="session")
def build():
    return os.environ.get("OUTRIDER_BUILD", os.path.join(ROOT, "build"))


@pytest.fixture(scope="session")
def is_sanitized(build):
    needed = subprocess.run(["ldd", os.path.join(build, "outriderd")], check=True, capture_output=True, text=True).stdout
    return any(name in needed for name in ("libasan", "libtsan"))


@pytest.fixture(scope="session")
def run(build):
    """run("lint", "policy", "-", input=...) returns the finished process, its output as text."""
    def run(*arguments, **options):
        options = {"capture_output": True, "text": True, "timeout": 60, **options}
        return subprocess.run([os.path.join(build, "outrider"), *arguments], **options)
    return run


@pytest.fixture(scope="session")
def lab():
    with World() as world:
        yield world


def start_outrider(build, lab, **settings):
    """Not a fixture, so that module- and session-wide daemons can be made as well."""
    folder = os.path.join(namespace.HOME, f"outrider-{next(folders)}")
    return Outrider(build, lab, folder, **settings)


def stop_outrider(daemon):
    """Stop it and look whether it was well."""
    if daemon.process is None:
        return
    status = daemon.process.status()
    was_killed = status == -9  # by the test itself
    if status is None:
        status = daemon.stop()
    assert was_killed or status == 0, f"outriderd ended with status {status}:\n{daemon.log()}"
    for complaint in COMPLAINTS:
        assert complaint not in daemon.log(), daemon.log()


def make_outriders(build, lab):
    """A factory of daemons, and their end."""
    started = []

    def make(start=True, **settings):
        daemon = start_outrider(build, lab, **settings)
        started.append(daemon)
        return daemon.start() if start else daemon

    yield make
    for daemon in reversed(started):
        stop_outrider(daemon)


@pytest.fixture
def outrider(build, lab):
    yield from make_outriders(build, lab)


@pytest.fixture(scope="module")
def outriders(build, lab):
    yield from make_outriders(build, lab)


@pytest.fixture(scope="module")
def forwarders(lab):
    with contextlib.ExitStack() as started:
        yield lambda **settings: started.enter_context(Forwarder(**settings))


@pytest.fixture(scope="session")
def exim(lab):
    return Exim(os.environ.get("OUTRIDER_EXIM"))


@pytest.fixture(scope="session")
def postfix(lab, build):
    with Postfix(packages.unpacked(build)) as server:
        yield server


@pytest.fixture(scope="session")
def sendmail(lab, build):
    with Sendmail(packages.unpacked(build)) as server:
        yield server
