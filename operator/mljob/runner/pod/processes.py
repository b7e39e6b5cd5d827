"""The process tree below the supervisor: adopt orphans, find everybody, kill everybody, reap.

As pid 1 of the container the kernel does most of it. Elsewhere (a shared process namespace) the supervisor
becomes the reaper of its orphans, so that a grandchild that has called setsid is still found.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time

_PR_SET_CHILD_SUBREAPER = 36
_LOOK_AGAIN_SECONDS = 0.05


def adopt_orphans() -> None:
    """Have the orphans among our descendants become our children. Pid 1 has them anyway; where Python was
    built without ctypes, those that leave the session of the function's process are lost from sight."""
    if os.getpid() == 1:
        return
    try:
        import ctypes
    except ImportError:
        return
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def start(arguments: list[str], environ: dict[str, str]) -> int:
    """Start a process in a session of its own, with the signals as an ordinary program finds them."""
    ignored_by_python = (signal.SIGPIPE, signal.SIGXFSZ)
    return os.posix_spawn(
        arguments[0], arguments, environ, setsid=True, setsigmask=(), setsigdef=ignored_by_python
    )


def reap(process: int) -> int | None:
    """Collect every child that has ended; the exit code of `process` if it is among them, -n for signal n."""
    code = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return code
        if pid == 0:
            return code
        if pid == process:
            code = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def send(process: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):  # it may be quicker
        os.kill(process, number)


def kill_descendants(session: int) -> None:
    """SIGKILL for every descendant, and for whoever is left of the session of the function's process."""
    if os.getpid() == 1:
        # One call under the kernel's lock, so that not even a fork bomb slips through.
        send(-1, signal.SIGKILL)
        return
    for pid in descendants(os.getpid(), session):
        send(pid, signal.SIGKILL)


def sweep(session: int, within_seconds: float) -> bool:
    """Kill and reap until nobody is left; False when somebody outlives SIGKILL (uninterruptible I/O)."""
    deadline = time.monotonic() + within_seconds
    while True:
        reap(session)
        if not descendants(os.getpid(), session):
            return True
        if time.monotonic() > deadline:
            return False
        kill_descendants(session)
        signal.sigtimedwait({signal.SIGCHLD}, _LOOK_AGAIN_SECONDS)


def descendants(root: int, session: int) -> list[int]:
    """Everybody below `root`, and everybody in `session`: its orphans, where they cannot be adopted."""
    children: dict[int, list[int]] = {}
    found = set()
    for pid, (parent, session_of_pid) in _process_table().items():
        children.setdefault(parent, []).append(pid)
        if session_of_pid == session:
            found.add(pid)
    below = list(children.get(root, ()))
    while below:
        pid = below.pop()
        found.add(pid)
        below.extend(children.get(pid, ()))
    return sorted(found)


def _process_table() -> dict[int, tuple[int, int]]:
    """pid to (parent, session) of every process that /proc shows; none without /proc."""
    table = {}
    try:
        entries = os.listdir("/proc")
    except OSError:
        return {}
    for entry in entries:
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat", "rb") as file:
                # pid (name) state ppid pgrp session; the name may hold spaces and parentheses
                fields = file.read().rpartition(b")")[2].split()
        except OSError:
            continue  # it has ended meanwhile
        table[int(entry)] = int(fields[1]), int(fields[3])
    return table
