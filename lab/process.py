"""Daemons that the lab starts, watches and stops, and waiting for what takes a moment."""

import os
import select
import signal
import subprocess
import time


class Failed(Exception):
    """Something of the lab did not start or did not answer; the text says what, and shows its log."""


class Process:
    """A program in the foreground, with a log file."""

    def __init__(self, name, command, folder, **options):
        self.name = name
        self.log = os.path.join(folder, f"{name}.log")
        with open(self.log, "ab") as log:
            self._popen = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **options)

    @property
    def pid(self):
        return self._popen.pid

    def status(self):
        """None while it runs, then its exit status (negative: a signal)."""
        return self._popen.poll()

    def output(self):
        with open(self.log, errors="backslashreplace") as file:
            return file.read()

    def wait_until(self, is_ready, seconds=10):
        """Until is_ready() is true; fails early when the program ends."""
        def check():
            if self.status() is not None:
                raise Failed(f"{self.name} ended with status {self.status()}:\n{self.output()}")
            return is_ready()
        wait_until(check, seconds, lambda: f"{self.name} does not answer:\n{self.output()}")

    def kill(self, number=signal.SIGKILL):
        """Send a signal and do not wait."""
        self._popen.send_signal(number)

    def stop(self, seconds=10):
        """Ask it to end; returns its exit status. One that does not listen is killed, which is an error."""
        if self.status() is None:
            self._popen.terminate()
            try:
                self._popen.wait(seconds)
            except subprocess.TimeoutExpired:
                self._popen.kill()
                self._popen.wait()
                raise Failed(f"{self.name} did not end within {seconds} s of SIGTERM:\n{self.output()}") from None
        return self.status()


def end(pid, seconds=10):
    """SIGTERM to a process that is not our child, and wait until it has ended."""
    handle = os.pidfd_open(pid)
    try:
        signal.pidfd_send_signal(handle, signal.SIGTERM)
        if not select.select([handle], [], [], seconds)[0]:
            raise Failed(f"process {pid} did not end within {seconds} s of SIGTERM")
    finally:
        os.close(handle)


def wait_until(is_done, seconds, complaint):
    """Poll is_done() often; raise Failed with complaint() when time is up."""
    deadline = time.monotonic() + seconds
    pause = 0.005
    while not is_done():
        if time.monotonic() > deadline:
            raise Failed(complaint())
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)
