"""The daemon's threads under the load generator of bench/: many clients by both protocols, more destinations than are kept awake or
fit into the cache, two resolver threads. All questions are answered, none by a temporary failure; and a build with a sanitizer finds
nothing (under ThreadSanitizer: no data race). How fast it was is no matter here.
"""

import json
import subprocess
import threading

import pytest

SECONDS = 3
ROOM = 5000  # destinations that the cache has room for; 2048 of them stay awake

# Options of bench_load, and how many destinations it asks for.
CLIENTS = {
    "one question at a time": ("-p", "socketmap", "-c", 64, "-n", 4000, "-z", 1),
    "all alike, so that many rest and wake": ("-p", "socketmap", "-c", 16, "-n", 4500, "-m", "QUERYwithTLSRPT"),
    "more than fit": ("-p", "socketmap", "-c", 8, "-b", 16, "-n", 7000),
    "a connection for each": ("-p", "line", "-c", 16, "-n", 4000, "-z", 1),
}


@pytest.fixture
def serve(build, tmp_path):
    """The process of bench_serve; it must be alive at the end, and have said nothing."""
    sockets = {protocol: f"unix:{tmp_path}/{protocol}.sock" for protocol in ("socketmap", "line")}
    process = subprocess.Popen([f"{build}/bench/warm/bench_serve", "-n", str(ROOM), "-r", "2", f"{tmp_path}/store.db",
                                sockets["socketmap"], sockets["line"]], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "ready\n", process.communicate(timeout=30)
        process.sockets = sockets
        yield process
    finally:
        process.terminate()
        said = process.communicate(timeout=30)[1]
    assert (process.returncode, said) == (0, "")


def load(build, serve, options, results):
    at = f"serve={serve.sockets[options[1]]},{serve.pid}"
    done = subprocess.run([f"{build}/bench/warm/bench_load", *map(str, options), "-t", at, "-s", str(SECONDS), "-R", "1"],
                          capture_output=True, text=True)
    results.append((done.returncode, done.stderr, done.stdout))


def test_many_clients_are_answered_and_no_thread_meets_another(build, serve):
    results = {name: [] for name in CLIENTS}
    threads = [threading.Thread(target=load, args=(build, serve, options, results[name])) for name, options in CLIENTS.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name, [(status, error, output)] in results.items():
        assert status == 0, (name, error)
        target = json.loads(output)["targets"][0]
        assert target["answered"] > 0, name
        assert (target["bad"], target["lost"]) == (0, 0), (name, target)
