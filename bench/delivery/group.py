"""CPU time of everything that a benchmark starts, to the nanosecond and whoever has ended: a control group of its own."""

import contextlib
import os
import time

OLD, UNIFIED = "/sys/fs/cgroup/cpuacct", "/sys/fs/cgroup"


class Group:
    """with Group() as group: ... group.seconds()

    This process is in it, and so is what it starts from then on. Its own time is not counted, which is that of the
    benchmark. Raises OSError where the system lets us make no group.
    """

    def __init__(self):
        self._parent = OLD if os.path.isdir(OLD) else UNIFIED + self._own("")
        self._path = f"{self._parent}/outrider-bench-{os.urandom(4).hex()}"

    @staticmethod
    def _own(controller):
        with open("/proc/self/cgroup", encoding="ascii") as file:
            for line in file:
                _, names, path = line.strip().split(":", 2)
                if names == controller:
                    return path.rstrip("/")
        return ""

    def __enter__(self):
        os.mkdir(self._path)
        self.take(0)
        return self

    def take(self, pid):
        """This process is counted as well, from now on."""
        self._move(self._path, pid)

    def leave(self, pid):
        """It is counted no more."""
        self._move(self._parent, pid)

    @staticmethod
    def _move(path, pid):
        with open(f"{path}/cgroup.procs", "w", encoding="ascii") as file:
            file.write(str(pid))

    def seconds(self):
        """CPU time so far, without that of this process."""
        if self._parent == OLD:
            with open(f"{self._path}/cpuacct.usage", encoding="ascii") as file:
                used = int(file.read()) / 1e9
        else:
            with open(f"{self._path}/cpu.stat", encoding="ascii") as file:
                used = next(int(line.split()[1]) / 1e6 for line in file if line.startswith("usage_usec"))
        return used - time.process_time()

    def __exit__(self, *_):
        self.leave(0)
        for _ in range(100):  # until what was stopped has gone
            with contextlib.suppress(OSError):
                os.rmdir(self._path)
                return
            time.sleep(0.05)
