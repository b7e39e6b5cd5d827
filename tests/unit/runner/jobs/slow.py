"""Job functions that take their time. Each prints a line once it can be stopped."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from typing import Any


def _announce(*words: object) -> None:
    print(*words, flush=True)


def sleep() -> None:
    _announce("ready")
    time.sleep(600)


def deaf() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _announce("ready")
    while True:
        time.sleep(600)


def return_on_term(value: Any) -> Any:
    """A function that checkpoints and returns when it is told to stop."""

    class Told(Exception):
        pass

    def tell(*_: object) -> None:
        raise Told

    signal.signal(signal.SIGTERM, tell)
    try:
        _announce("ready")
        time.sleep(600)
    except Told:
        return value


def raise_on_term() -> None:
    def tell(*_: object) -> None:
        raise ConnectionError("told to stop")

    signal.signal(signal.SIGTERM, tell)
    _announce("ready")
    time.sleep(600)


def family() -> None:
    """A worker, a deaf worker in a session of its own, and a deaf daemon whose parent is gone."""
    for adopted, deaf_to_term, own_session in (
        (False, False, False),
        (False, True, True),
        (True, True, True),
    ):
        reader, writer = os.pipe()
        if os.fork() == 0:
            if adopted and os.fork() != 0:
                os._exit(0)
            if own_session:
                os.setsid()
            if deaf_to_term:
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
            os.write(writer, str(os.getpid()).encode())
            while True:
                time.sleep(600)
        _announce(os.read(reader, 32).decode())
    time.sleep(600)


def leave_family() -> str:
    """Returns at once and leaves a deaf daemon behind."""
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if os.fork() != 0:
            os._exit(0)
        os.write(writer, str(os.getpid()).encode())
        while True:
            time.sleep(600)
    return os.read(reader, 32).decode()


def worker_hears_nothing() -> str:
    """A worker that would report a SIGTERM; the function ends it itself."""
    reader, writer = os.pipe()
    worker = os.fork()
    if worker == 0:
        signal.signal(signal.SIGTERM, lambda *_: os.write(writer, b"heard"))
        os.write(writer, b"-")
        while True:
            time.sleep(600)

    def tell(*_: object) -> None:
        raise InterruptedError

    os.read(reader, 1)
    signal.signal(signal.SIGTERM, tell)
    with contextlib.suppress(InterruptedError):
        _announce("ready")
        time.sleep(600)
    os.set_blocking(reader, False)
    try:
        return os.read(reader, 5).decode()
    except BlockingIOError:
        return "nothing"
    finally:
        os.kill(worker, signal.SIGKILL)


def fork_bomb(seconds: float) -> None:
    """Forks as fast as it can for a while, each copy into a session of its own and deaf to SIGTERM."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _announce("ready")
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if os.fork() == 0:
            os.setsid()
            time.sleep(600)
        time.sleep(0.001)
    time.sleep(600)


def count_zombies(orphans: int = 20) -> int:
    """Makes orphans that end, and waits until somebody has collected all of them; else counts the rest."""
    pids = []
    for _ in range(orphans):
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            if os.fork() != 0:
                os._exit(0)
            os.write(writer, str(os.getpid()).encode())
            os._exit(0)
        pids.append(int(os.read(reader, 32)))
        os.waitpid(child, 0)
    deadline = time.monotonic() + 30
    while any(os.path.exists(f"/proc/{pid}") for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.01)
    return sum(os.path.exists(f"/proc/{pid}") for pid in pids)
