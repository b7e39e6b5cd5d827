"""One child process: started with its log in a file, stopped by its own id, never outliving its parent."""

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

STOP_SECONDS = 10.0
TICK_SECONDS = 0.02
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)


class ProcessFailed(Exception):
    """The process ended, or was not ready in time; the message holds the end of its log."""


def _die_with_parent() -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Process:
    """A child process by name. Start it from the main thread: the kernel kills it when its thread ends."""

    def __init__(self, name: str, command: Sequence[str], log: Path) -> None:
        self.name = name
        self.command = list(command)
        self.log = log
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The id of the running child."""
        if self._child is None:
            raise ProcessFailed(f"{self.name} is not running")
        return self._child.pid

    @property
    def is_running(self) -> bool:
        """Whether the child is there; a paused one is."""
        return self._child is not None and self._child.poll() is None

    def start(self) -> None:
        """Start the child in a process group of its own, its output added to the log."""
        with self.log.open("ab") as output:
            self._child = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - one system call, no lock is taken
                process_group=0,
                env={"PATH": os.defpath, "HOME": str(self.log.parent)},
            )

    def wait_until(self, ready: Callable[[], bool], seconds: float) -> None:
        """Return once `ready` says so. Raises ProcessFailed when the child ends before, or time is up."""
        deadline = time.monotonic() + seconds
        while not ready():
            if self._child is None or self._ends_within(TICK_SECONDS):
                raise ProcessFailed(f"{self.name} ended:\n{self.log_tail()}")
            if time.monotonic() > deadline:
                raise ProcessFailed(f"{self.name} was not ready after {seconds:.0f} s:\n{self.log_tail()}")

    def _ends_within(self, seconds: float) -> bool:
        assert self._child is not None
        try:
            self._child.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def pause(self) -> None:
        """Freeze the child as a stalled machine would."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """End a pause."""
        os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """End the child as a crash would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Ask the child to leave; kill it when it does not in time."""
        self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        if self._child is None:
            return
        if self._child.poll() is None:
            self._child.send_signal(number)
            self._child.send_signal(signal.SIGCONT)
            if not self._ends_within(STOP_SECONDS):
                self._child.kill()
                self._child.wait()
        self._child = None

    def log_tail(self, lines: int = 30) -> str:
        """The end of the log, for messages."""
        if not self.log.exists():
            return "(no log)"
        return "\n".join(self.log.read_text("utf-8", "replace").splitlines()[-lines:])
