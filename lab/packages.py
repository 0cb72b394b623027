"""Exim, Postfix and sendmail from Debian, without installing them.

As packages they exclude one another and would replace the mail system of this machine. Their files do not: each is
downloaded, unpacked into a folder of the build tree, and laid over /usr inside the lab only (namespace.py).
"""

import fcntl
import os
import shutil
import subprocess
import tempfile

PACKAGES = ("exim4-base", "exim4-config", "exim4-daemon-heavy", "postfix", "sendmail-bin", "sendmail-base",
            "sendmail-cf")
NAMED = {"exim4": "exim4-daemon-heavy", "postfix": "postfix", "sendmail": "sendmail-bin"}  # whose versions name the folder


class Unavailable(Exception):
    """The packages are neither in the cache nor can apt get them."""


def unpacked(build):
    """Folder holding usr/ and etc/ of all PACKAGES; downloads them once per build tree.

    The folder is named after the versions, and is moved into place when complete, so that an interrupted download
    leaves nothing that looks finished. To move on to newer packages remove BUILD/lab/packages.

    Exim and Postfix both have a /usr/sbin/sendmail; the one unpacked last wins, which is Postfix'. Exim is called by
    its own name, and sendmail's program lies in /usr/libexec/sendmail.
    """
    cache = os.path.join(build, "lab", "packages", "+".join(PACKAGES))  # another list, another folder
    os.makedirs(cache, exist_ok=True)
    with open(os.path.join(cache, "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two labs may start at once
        ready = sorted(e.path for e in os.scandir(cache) if e.is_dir() and not e.name.startswith("."))
        return ready[-1] if ready else _fetch(cache)


def _fetch(cache):
    scratch = tempfile.mkdtemp(prefix=".fetch-", dir=cache)
    try:
        # As root apt would download as user _apt, who cannot write here.
        got = subprocess.run(["apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", *PACKAGES],
                             cwd=scratch, capture_output=True, text=True)
        if got.returncode != 0:
            raise Unavailable(f"apt-get download {' '.join(PACKAGES)}: {got.stderr.strip()}"
                              " (has apt-get update ever been run on this machine? tools/install-deps does it)")
        debs = sorted(name for name in os.listdir(scratch) if name.endswith(".deb"))
        tree = os.path.join(scratch, "tree")
        for deb in debs:
            subprocess.run(["dpkg-deb", "-x", os.path.join(scratch, deb), tree], check=True)
        versions = dict(deb.split("_")[:2] for deb in debs)
        name = "+".join(f"{name}-{versions[package]}" for name, package in NAMED.items()).replace("%3a", "-")
        ready = os.path.join(cache, name)
        os.rename(tree, ready)
        return ready
    finally:
        shutil.rmtree(scratch)
