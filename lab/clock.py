"""A clock that some programs go by, and that can be put forward: weeks of max_age and hours of TTL pass in no time.

    clock = Clock(folder)
    Outrider(build, world, folder, clock=clock)      # this daemon, and the commands about it
    clock.forward(3600)

Nothing is built into the programs for that: Debian's libfaketime stands between them and the C library. Timers go on as they
were; only the date is another. Everybody else in the lab (mail servers, name servers, Python) has the real time.
"""

import glob
import os
import time

from lab.process import Failed

LIBRARY = "/usr/lib/*/faketime/libfaketimeMT.so.1"


class Clock:
    """How far ahead of the real time it is stands in a file, which the programs read whenever they look at the clock."""

    def __init__(self, folder):
        found = glob.glob(LIBRARY)
        if not found:
            raise Failed(f"{LIBRARY} is not there; tools/install-deps installs it")
        self._library = found[0]
        os.makedirs(folder, exist_ok=True)
        self._file, self.ahead = os.path.join(folder, "clock"), 0
        self.forward(0)

    def forward(self, seconds):
        self.ahead += int(seconds)
        with open(self._file + ".new", "w") as file:
            file.write(f"+{self.ahead}\n")
        os.rename(self._file + ".new", self._file)

    def now(self):
        return time.time() + self.ahead

    @property
    def variables(self):
        """What makes a program go by it. The dates of files stay what they are."""
        return {"LD_PRELOAD": self._library, "FAKETIME_TIMESTAMP_FILE": self._file, "FAKETIME_NO_CACHE": "1",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1",
                "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"}

    @property
    def environment(self):
        """Of such a program."""
        return {**os.environ, **self.variables}
