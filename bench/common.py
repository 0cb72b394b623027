"""What the benchmarks in the lab share: getting into it, what the machine is, CPU time of others, and goals in words."""

import contextlib
import json
import os
import platform
import subprocess
import sys
import time

BENCH = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(BENCH)


def enter_lab(script, arguments):
    """Run this very script again inside the lab's namespaces, unless it is there; returns inside only.

    The lab keeps the working directory, so paths may be relative.
    """
    sys.path[:0] = [ROOT, BENCH, os.path.join(BENCH, "warm"), os.path.join(BENCH, "cold"), os.path.dirname(os.path.abspath(script))]
    from lab import namespace
    if namespace.is_inside():
        return
    build = next((each for each in arguments if not each.startswith("-")), None)
    if build is None or {"-h", "--help"} & set(arguments):
        return
    os.execv(f"{ROOT}/tools/run-in-lab", ["run-in-lab", build, "run", "/usr/bin/python3", "-s", os.path.abspath(script), *arguments])


def machine():
    with open("/proc/cpuinfo", encoding="ascii") as file:
        model = next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), "unknown")
    return {"processor": model, "processors": os.cpu_count(), "kernel": platform.release(), "load": os.getloadavg()[0]}


def tell_machine(facts):
    print("{processors} x {processor}, Linux {kernel}, load {load:.1f} at the start\n".format(**facts), flush=True)


def threads_cpu(pid):
    """Seconds of CPU time of each thread, {tid: seconds}; threads that have ended are missing."""
    spent = {}
    for tid in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(OSError):
            with open(f"/proc/{pid}/task/{tid}/schedstat", encoding="ascii") as file:
                spent[int(tid)] = int(file.read().split()[0]) / 1e9
    return spent


def process_cpu(pid):
    """Seconds of CPU time, those of threads that have ended too."""
    return time.clock_gettime(~pid << 3 | 2)  # CPUCLOCK_SCHED of the process, as clock_getcpuclockid(3) makes it


def run_json(*command, timeout=900):
    """A program whose standard output is one JSON object."""
    return json.loads(subprocess.run([*map(str, command)], stdout=subprocess.PIPE, check=True, timeout=timeout).stdout)


def scrape(daemon):
    """What the daemon counts (its HTTP listener is a Unix socket): {name with labels: value}."""
    from lab import clients
    with clients.connect(daemon.settings["http"]["listen"][0].removeprefix("unix:")) as client:
        client.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        text = b""
        while octets := client.recv(65536):
            text += octets
    lines = [line.rsplit(" ", 1) for line in text.decode().splitlines() if line.startswith("outrider_")]
    return {name: float(value) for name, value in lines}


def verdict(is_met):
    return "met" if is_met else "MISSED"


def write(options, rows, plots):
    """--json FILE and --svg FOLDER; plots: {file name: SVG}."""
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(rows, file, indent=1)
            file.write("\n")
    if options.svg:
        os.makedirs(options.svg, exist_ok=True)
        for name, svg in plots.items():
            with open(os.path.join(options.svg, name), "w", encoding="utf-8") as file:
                file.write(svg)


def add_outputs(parser):
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--svg", metavar="FOLDER")
