"""Who belongs to the function's process, as /proc tells."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from mljob.runner.pod import processes

from tests.unit.runner.harness import PYTHON

# A child that stays, and an orphan of the same session whose parent has gone; the name is hard to parse.
FAMILY = """
import os, time
open("/proc/self/comm", "w").write("a) 1 (b")
if os.fork() == 0:
    if os.fork() != 0:
        os._exit(0)
    print(os.getpid(), flush=True)
    time.sleep(600)
    os._exit(0)
os.wait()
time.sleep(600)
"""


@pytest.fixture
def family() -> Iterator[tuple[int, int]]:
    """(leader of a session, an orphan in it)"""
    process = subprocess.Popen(
        [PYTHON, "-c", FAMILY], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    orphan = int(process.stdout.readline())
    yield process.pid, orphan
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()


def test_children_and_their_children_are_descendants(family: tuple[int, int]) -> None:
    leader, _ = family
    assert leader in processes.descendants(os.getpid(), session=-1)


def test_orphans_are_known_by_their_session(family: tuple[int, int]) -> None:
    nobody = 2**22 + 1
    assert processes.descendants(nobody, session=family[0]) == sorted(family)
    assert processes.descendants(nobody, session=nobody) == []


def test_without_proc_nobody_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: str) -> list[str]:
        raise FileNotFoundError("/proc")

    monkeypatch.setattr(os, "listdir", refuse)
    assert processes.descendants(os.getpid(), os.getsid(0)) == []


def test_a_process_that_was_quicker_is_no_error() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    processes.send(ended.pid, signal.SIGTERM)
