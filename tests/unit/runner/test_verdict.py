"""Which of what was seen decides how an attempt ended."""

from __future__ import annotations

import itertools

import pytest
from mljob.runner.pod.memory import MemoryKills
from mljob.runner.pod.report import Report
from mljob.runner.pod.verdict import Seen, Stop, conclude

NO_KILLS = MemoryKills(0, None)
AT_LIMIT = Stop(limit_seconds=5.0, signal_name=None)
TOLD = Stop(limit_seconds=None, signal_name="SIGTERM")
SUCCEEDED = Report("succeeded", result="1")
FAILED = Report("failed", "Error", error="ValueError()")
TRANSIENT = Report("transient", "Error", error="OSError()")


def _end(
    report: Report | None = None,
    exit_code: int | None = 0,
    stop: Stop | None = None,
    *,
    early: bool = False,
    memory: MemoryKills = NO_KILLS,
    all_dead: bool = True,
) -> Report:
    return conclude("m.f", Seen(report, early, exit_code, all_dead, stop, memory))


@pytest.mark.parametrize(
    ("report", "exit_code", "stop", "early", "outcome", "reason"),
    [
        # The report decides, whatever the process does after it.
        (SUCCEEDED, 0, None, False, "succeeded", None),
        (SUCCEEDED, -11, None, False, "succeeded", None),
        (FAILED, 1, None, False, "failed", "Error"),
        (FAILED, 0, None, False, "failed", "Error"),
        (TRANSIENT, 75, None, False, "transient", "Error"),
        # No exit code is transient or timed out by itself.
        (None, 75, None, False, "failed", "ProcessExited"),
        (None, 124, None, False, "failed", "ProcessExited"),
        (None, -9, None, False, "failed", "ProcessExited"),
        (None, 0, None, False, "failed", "NoResult"),
        # At the limit only a report that was there before it counts.
        (None, -15, AT_LIMIT, False, "timed_out", "TimedOut"),
        (None, 0, AT_LIMIT, False, "timed_out", "TimedOut"),
        (SUCCEEDED, 0, AT_LIMIT, False, "timed_out", "TimedOut"),
        (TRANSIENT, 75, AT_LIMIT, False, "timed_out", "TimedOut"),
        (SUCCEEDED, -9, AT_LIMIT, True, "succeeded", None),
        (TRANSIENT, -9, AT_LIMIT, True, "transient", "Error"),
        # Told to stop, it may still finish; anything else was the signal's doing.
        (SUCCEEDED, 0, TOLD, False, "succeeded", None),
        (FAILED, 1, TOLD, False, "failed", "Terminated"),
        (TRANSIENT, 75, TOLD, False, "failed", "Terminated"),
        (TRANSIENT, 75, TOLD, True, "transient", "Error"),
        (None, -15, TOLD, False, "failed", "Terminated"),
        (None, None, TOLD, False, "failed", "Terminated"),
    ],
)
def test_who_decides(
    report: Report | None,
    exit_code: int | None,
    stop: Stop | None,
    early: bool,
    outcome: str,
    reason: str | None,
) -> None:
    ended = _end(report, exit_code, stop, early=early)
    assert (ended.outcome, ended.reason) == (outcome, reason)


def test_only_a_report_says_transient_and_only_a_limit_says_timed_out() -> None:
    reports = (None, SUCCEEDED, FAILED, TRANSIENT)
    codes = (None, 0, 1, 75, 124, -9, -15)
    for report, code, stop, early in itertools.product(reports, codes, (None, AT_LIMIT, TOLD), (False, True)):
        ended = _end(report, code, stop, early=early and report is not None)
        if ended.outcome == "transient":
            assert report is TRANSIENT
        if ended.outcome == "timed_out":
            assert stop is AT_LIMIT
        if ended.outcome == "succeeded":
            assert report is SUCCEEDED


def test_process_killed_for_memory_names_the_limit() -> None:
    ended = _end(exit_code=-9, memory=MemoryKills(1, 64 << 20))
    assert ended.reason == "OOMKilled"
    assert ended.error == (
        "RuntimeError('The subprocess that executes job function m.f exists with error code -9')"
    )
    assert ended.note == (
        "The function's process was killed by SIGKILL. "
        "Killed by the kernel for memory: 1 process(es); the limit is 67108864 bytes."
    )


def test_worker_killed_for_memory_is_noted_and_does_not_decide() -> None:
    ended = _end(FAILED, 1, memory=MemoryKills(2, None))
    assert (ended.reason, ended.note) == ("Error", "Killed by the kernel for memory: 2 process(es).")


def test_signal_without_a_name_is_numbered() -> None:
    assert "killed by signal 40" in (_end(exit_code=-40).note or "")


def test_survivor_of_sigkill_is_noted() -> None:
    assert "outlived SIGKILL" in (_end(exit_code=None, stop=AT_LIMIT).note or "")
    left = _end(SUCCEEDED, 0, all_dead=False)
    assert (left.outcome, left.note) == ("succeeded", "A process of the job has outlived SIGKILL.")
