"""How the attempt ended, from what the supervisor has seen. Pure: no clock, no processes.

What the function's process reported decides, unless it was stopped first; only such a report can say
transient. A process that ends by itself without one has failed, whatever its exit code.
"""

from __future__ import annotations

import signal
from typing import NamedTuple

from .memory import MemoryKills
from .report import EXIT_CODES, FAILED, SUCCEEDED, TIMED_OUT, Report


class Stop(NamedTuple):
    """Why the function was asked to stop: at its limit of seconds, or by a signal to the container."""

    limit_seconds: float | None
    signal_name: str | None


class Seen(NamedTuple):
    """`reported_before_stop`: the report was complete when the stop came, only its process was still there.
    `exit_code` is -n for signal n, None if the function's process has outlived SIGKILL; `all_dead` tells
    whether all its descendants have gone."""

    report: Report | None
    reported_before_stop: bool
    exit_code: int | None
    all_dead: bool
    stop: Stop | None
    memory: MemoryKills


def conclude(function: str, seen: Seen) -> Report:
    report, stop = seen.report, seen.stop
    if stop is None or seen.reported_before_stop:
        concluded = _ended_by_itself(function, seen) if report is None else report
    elif stop.limit_seconds is not None:
        concluded = Report(TIMED_OUT, "TimedOut", error=_over_limit(function, stop.limit_seconds))
    elif report is not None and report.outcome == SUCCEEDED:
        concluded = report
    else:
        concluded = _terminated(function, report, stop)
    return concluded._replace(note=_join(concluded.note, *_notes(seen)))


def _ended_by_itself(function: str, seen: Seen) -> Report:
    if seen.exit_code == 0:
        return Report(
            FAILED,
            "NoResult",
            error=f"The process of job function {function} exited with code 0 before it returned.",
        )
    # MLflow's text, its grammar included: clients match on it.
    text = f"The subprocess that executes job function {function} exists with error code {seen.exit_code}"
    by_kernel = seen.exit_code == -signal.SIGKILL and seen.memory.processes > 0
    return Report(FAILED, "OOMKilled" if by_kernel else "ProcessExited", error=repr(RuntimeError(text)))


def _over_limit(function: str, limit_seconds: float) -> str:
    return f"The job function {function} did not finish within its limit of {limit_seconds:g} s."


def _terminated(function: str, report: Report | None, stop: Stop) -> Report:
    text = f"The job function {function} was stopped: the container received {stop.signal_name}."
    if report is None:
        return Report(FAILED, "Terminated", error=text)
    return report._replace(outcome=FAILED, reason="Terminated", note=_join(text, report.note))


def _notes(seen: Seen) -> list[str]:
    notes = []
    expected = None if seen.report is None else EXIT_CODES[seen.report.outcome]
    code = 0 if seen.exit_code is None else seen.exit_code
    if code < 0 and seen.stop is None:
        notes.append(f"The function's process was killed by {_signal_name(-code)}.")
    elif code > 0 and expected is not None and code != expected:
        notes.append(f"The function's process exited with code {code} after its report.")
    if seen.exit_code is None or not seen.all_dead:
        notes.append("A process of the job has outlived SIGKILL.")
    if seen.stop is not None and seen.reported_before_stop:
        notes.append("The function had reported, but its process did not end and was stopped.")
    if seen.memory.processes > 0:
        limit = "" if seen.memory.limit_bytes is None else f"; the limit is {seen.memory.limit_bytes} bytes"
        notes.append(f"Killed by the kernel for memory: {seen.memory.processes} process(es){limit}.")
    return notes


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _join(*notes: str | None) -> str | None:
    return " ".join(note for note in notes if note) or None
