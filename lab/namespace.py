"""A machine of our own inside the machine: network, mounts, processes and host name that nobody else sees.

What runs in the lab finds port 25, 53 and 443 free, /etc/exim4, /etc/postfix, /run/outrider and /var/spool where a
user would have them, and can break all of it: everything is on a tmpfs that vanishes with the last process, and the
last process vanishes with the first (a pid namespace dies with its init, also by kill -9).
"""

import ctypes
import os
import signal
import subprocess
import sys
import traceback

from lab import packages

INSIDE = "OUTRIDER_LAB"          # set in the environment inside the lab, to the folder of its own files
HOME = "/run/lab"                # that folder; /run is a tmpfs by then
OVERLAID = ("/usr/sbin", "/usr/lib", "/usr/libexec", "/usr/share")  # where the mail servers have their files; never a checkout
CHANGED = ("/etc", "/var/lib")       # as they are, and what the lab changes stays in the lab
SCRATCH = ("/var/spool", "/var/log")  # written by mail servers: empty and private in the lab
NETWORKS = ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "198.18.0.0/15", "2001:db8::/32")  # the whole internet
NAMESPACES = 0x00020000 | 0x04000000 | 0x08000000 | 0x20000000 | 0x40000000  # CLONE_NEWNS, NEWUTS, NEWIPC, NEWPID, NEWNET
PR_SET_PDEATHSIG = 1
USERS = ("Debian-exim", "postfix", "smmta", "smmsp", "outrider")
GROUPS = (*USERS, "postdrop")


def is_inside():
    return INSIDE in os.environ


def cannot(reason):
    """Say why there can be no lab here. 77 is what test runners take for 'skipped'."""
    print(f"run-in-lab: {reason}", file=sys.stderr)
    return 77


def enter(build, command):
    """Run command() in fresh namespaces; returns its exit status, or 77 with the reason why there can be no lab.

    Two processes are made: the caller waits outside, init is the first process inside, and supervise() has the
    command run in a child of init. Whoever kills the process they started, by whatever signal, ends the lab.
    """
    if os.geteuid() != 0:
        return cannot("the lab needs root for its namespaces, mounts and ports; try sudo")
    try:
        packages.unpacked(build)  # the network of this machine is out of reach later
    except packages.Unavailable as reason:
        return cannot(reason)
    libc = ctypes.CDLL(None, use_errno=True)  # Python 3.11 has no os.unshare()
    if libc.unshare(NAMESPACES) != 0:
        return cannot(f"this system does not let us open namespaces: {os.strerror(ctypes.get_errno())}")
    init = os.fork()
    if init == 0:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # a namespace without its init is empty
        os.environ[INSIDE] = HOME
        os._exit(_status_of(lambda: _be_init(build, command)))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the command too, which ends in its own time
    signal.signal(signal.SIGTERM, lambda *_: os.kill(init, signal.SIGTERM))
    return _exit_status(os.waitpid(init, 0)[1])


def _be_init(build, command):
    furnish(build)
    return supervise(command)


def furnish(build):
    """Make the namespaces habitable: mounts, users, resolv.conf, network. Exits with 77 where the system refuses."""
    try:
        _mount_all(packages.unpacked(build))
    except subprocess.CalledProcessError as failed:
        sys.exit(cannot(f"{' '.join(failed.cmd)}: {failed.stderr.strip()} (is this a container without overlayfs or"
                        " CAP_SYS_ADMIN? the lab needs both)"))
    _add_accounts()
    _configure_names()
    _configure_network()


def _run(*command):
    subprocess.run(command, check=True, capture_output=True, text=True)


def _mount_all(unpacked):
    """Cover what the lab writes to, and lay the files of the mail servers over the system's own."""
    _run("mount", "--make-rprivate", "/")  # or the machine would see our mounts
    _run("mount", "-t", "proc", "proc", "/proc")
    _run("mount", "-t", "tmpfs", "-o", "mode=755", "lab", "/run")
    os.makedirs(HOME)
    for folder in CHANGED:
        _overlay(folder, folder)
    for folder in OVERLAID:
        _overlay(folder, f"{unpacked}{folder}:{folder}")
    for folder in SCRATCH:
        _run("mount", "-t", "tmpfs", "-o", "mode=755", "lab", folder)


def _overlay(folder, lower):
    """Show `lower` at `folder`; what is written there goes to the tmpfs and vanishes with it."""
    upper, work = (f"{HOME}/overlay{kind}{folder.replace('/', '-')}" for kind in ("", ".work"))
    os.mkdir(upper)
    os.mkdir(work)
    _run("mount", "-t", "overlay", "-o", f"lowerdir={lower},upperdir={upper},workdir={work}", "lab", folder)


def _add_accounts():
    """Users that the packages' scripts would have made. Plain appends: useradd would want PAM, mail spools and more."""
    number = 64000  # beyond what adduser hands out, below nobody
    with open("/etc/group", "r+") as file:
        groups = {line.split(":")[0]: line.split(":")[2] for line in file}
        for name in GROUPS:
            if name not in groups:
                groups[name] = str(number)
                file.write(f"{name}:x:{number}:\n")
                number += 1
    with open("/etc/passwd", "r+") as file:
        known = {line.split(":")[0] for line in file}
        for name in USERS:
            if name not in known:
                file.write(f"{name}:x:{groups[name]}:{groups[name]}::/nonexistent:/usr/sbin/nologin\n")


def _configure_names():
    """The lab's resolver for everyone. Without trust-ad, glibc hides the AD bit and Exim's own DANE is silently off.

    Our own name is in hosts: Knot looks it up before it answers the first question, and the resolver would ask Knot.
    """
    subprocess.run(["hostname", "sender.example"], check=True)
    for name, text in (("resolv.conf", "nameserver 127.0.0.1\noptions edns0 trust-ad\n"),
                       ("hosts", "127.0.0.1 localhost sender.example\n::1 localhost\n"),
                       ("nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\nservices: files\n"),
                       ("mailname", "sender.example\n")):
        path = f"/etc/{name}"
        if os.path.lexists(path):
            os.unlink(path)  # resolv.conf is often a link into /run
        with open(path, "w") as file:
            file.write(text)


def _configure_network():
    """Loopback only, on which every address of the lab's internet is local. Servers may have one of them for their own."""
    _run("ip", "link", "set", "lo", "up")
    with open("/proc/sys/net/ipv6/ip_nonlocal_bind", "w") as file:
        file.write("1")  # for IPv4 the route is enough
    for network in NETWORKS:
        _run("ip", *(("-6",) if ":" in network else ()), "route", "add", "local", network, "dev", "lo")


def supervise(command):
    """Run the command in a child and be init: reap what mail servers leave behind, end when the command ends."""
    child = os.fork()
    if child == 0:
        os._exit(_status_of(command))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGTERM))
    while True:
        ended, status = os.wait()
        if ended == child:
            return _exit_status(status)


def _status_of(command):
    """Call it and turn every way it may end into an exit status: a forked child must not return to its caller."""
    status = 70
    try:
        status = command()
    except KeyboardInterrupt:
        status = 130
    except SystemExit as leaving:
        status = leaving.code if isinstance(leaving.code, int) else 1
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    return status or 0


def _exit_status(waited):
    return os.WEXITSTATUS(waited) if os.WIFEXITED(waited) else 128 + os.WTERMSIG(waited)
