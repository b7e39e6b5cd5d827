"""The supervisor: starts the function's process, stops it at its limit or on a signal, writes the report.

One thread, signals taken by sigtimedwait: nothing is missed and nothing is polled. It never imports a line
of the job's code.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time

from . import processes
from .channel import Channel
from .memory import kills_since, oom_kills
from .report import EXIT_CODES, FAILED, Report, Span, fit
from .settings import InvalidSetting, Settings, read_settings, termination_log
from .verdict import Seen, Stop, conclude

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)

# At the limit the function gets SIGTERM and this long to clean up; it has had its time.
GRACE_AT_LIMIT_SECONDS = 5.0
# How long the kernel may take to remove what was sent SIGKILL.
SWEEP_SECONDS = 5.0

# Longer ones overflow the kernel's clock.
_LONGEST_WAIT_SECONDS = 86_400.0
_DEFAULT_REPORT_BYTES = 4096


def main(started: float) -> int:
    """`started` is the monotonic time from which the limit counts. Returns the container's exit code."""
    started_at = time.time() - (time.monotonic() - started)
    limit_bytes = _DEFAULT_REPORT_BYTES
    try:
        settings = read_settings(os.environ)
        limit_bytes = settings.report_limit_bytes
        report = Attempt(settings, started).run()
    except InvalidSetting as error:
        report = Report(FAILED, "RunnerError", error=str(error))
    except OSError as error:  # no memory, no processes left: say so rather than die without a report
        report = Report(FAILED, "RunnerError", error=f"The function's process cannot be started: {error!r}")
    report, text = fit(report, Span(started_at, time.time()), limit_bytes)
    _write(termination_log(os.environ), text)
    return EXIT_CODES[report.outcome]


class Attempt:
    """One run of the function, from its start to the death of its last descendant."""

    def __init__(self, settings: Settings, started: float) -> None:
        self._settings = settings
        self._limit_seconds = settings.timeout_seconds
        self._limit_at = None if self._limit_seconds is None else started + self._limit_seconds
        self._oom_kills_before = oom_kills()
        processes.adopt_orphans()
        self._channel = Channel()
        self._process = _start(self._channel)
        self._stop: Stop | None = None
        self._reported_before_stop = False
        self._kill_at: float | None = None
        self._give_up_at: float | None = None

    def run(self) -> Report:
        exit_code = self._wait()
        swept = processes.sweep(self._process, SWEEP_SECONDS)
        seen = Seen(
            # Read only now: nobody is left who could still write.
            report=self._channel.read(),
            reported_before_stop=self._reported_before_stop,
            exit_code=exit_code,
            all_dead=swept,
            stop=self._stop,
            memory=kills_since(self._oom_kills_before),
        )
        return conclude(self._settings.function, seen)

    def _wait(self) -> int | None:
        """Until the function's process has ended: its exit code. None if not even SIGKILL ends it."""
        while True:
            exit_code = processes.reap(self._process)
            if exit_code is not None:
                return exit_code
            now = time.monotonic()
            if self._give_up_at is not None and now >= self._give_up_at:
                return None
            next_at = self._act(now)
            received = _next_signal(None if next_at is None else max(next_at - now, 0.0))
            if received in STOP_SIGNALS and self._stop is None:
                self._ask_to_stop(Stop(None, signal.Signals(received).name), self._settings.grace_seconds)

    def _act(self, now: float) -> float | None:
        """Do what is due; the time at which the next thing is."""
        if self._stop is None:
            if self._limit_at is None or now < self._limit_at:
                return self._limit_at
            grace = min(GRACE_AT_LIMIT_SECONDS, self._settings.grace_seconds)
            self._ask_to_stop(Stop(self._limit_seconds, None), grace)
        if self._give_up_at is None and self._kill_at is not None and now >= self._kill_at:
            processes.kill_descendants(self._process)
            self._give_up_at = now + SWEEP_SECONDS
        return self._give_up_at or self._kill_at

    def _ask_to_stop(self, stop: Stop, grace_seconds: float) -> None:
        """SIGTERM to the function's process alone, as without a runner: it may need its workers to finish."""
        self._stop = stop
        self._reported_before_stop = self._channel.read() is not None
        self._kill_at = time.monotonic() + grace_seconds
        processes.send(self._process, signal.SIGTERM)
        cause = stop.signal_name or f"the limit of {stop.limit_seconds:g} s"
        _say(f"stopping the job function: {cause}; SIGKILL follows in {grace_seconds:g} s")


def _start(channel: Channel) -> int:
    python = sys.executable or "/proc/self/exe"
    arguments = [python, os.path.abspath(sys.argv[0]), "call", str(channel.descriptor)]
    return processes.start(arguments, dict(os.environ))


def _next_signal(within_seconds: float | None) -> int | None:
    wanted = (signal.SIGCHLD, *STOP_SIGNALS)
    if within_seconds is None:
        return signal.sigwaitinfo(wanted).si_signo
    received = signal.sigtimedwait(wanted, min(within_seconds, _LONGEST_WAIT_SECONDS))
    return None if received is None else received.si_signo


def _write(path: str, text: bytes) -> None:
    try:
        with open(path, "wb") as file:
            file.write(text)
    except OSError as error:
        _say(f"cannot write the report to {path}: {error!r}")


def _say(text: str) -> None:
    with contextlib.suppress(OSError):  # nobody may be reading the log any more
        print(f"mljob: {text}", file=sys.stderr, flush=True)
