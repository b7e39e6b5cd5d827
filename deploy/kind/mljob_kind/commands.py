"""Runs commands so that Ctrl-C ends them with all their children. It decides nothing about what they do."""

import os
import shlex
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from subprocess import DEVNULL, PIPE, STDOUT, Popen

from .errors import CommandError

TAIL_LINES = 15
GRACE_SECONDS = 5.0

Argument = str | Path


class Cancelled(Exception):
    """Raised in worker threads once the person has pressed Ctrl-C."""


class Commands:
    """Starts every command in a session of its own and remembers it until it has ended."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._running: set[Popen[str]] = set()
        self._begun: set[Path] = set()  # a log holds what one run did
        self._guard = threading.Lock()
        self.cancelled = threading.Event()

    def run(
        self,
        *command: Argument,
        log: str,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        stdin: str | None = None,
    ) -> None:
        """Run to the end with output in .local/log/<log>.log; raises CommandError with its last lines."""
        self._logs.mkdir(parents=True, exist_ok=True)
        file = self._logs / f"{log}.log"
        mode = "a" if file in self._begun else "w"
        self._begun.add(file)
        with file.open(mode) as sink:
            sink.write(f"$ {_text(command)}\n")
            sink.flush()
            start = sink.tell()
            code, _ = self._communicate(command, env, cwd, stdin, stdout=sink.fileno(), stderr=STDOUT)
        if code:
            raise CommandError(_text(command), code, f"{_tail(_from(file, start))}\n(all of it: {file})")

    def output(
        self,
        *command: Argument,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        stdin: str | None = None,
    ) -> str:
        """Standard output of a short command; raises CommandError."""
        code, text = self._communicate(command, env, cwd, stdin, stdout=PIPE, stderr=PIPE)
        if code:
            raise CommandError(_text(command), code, _tail(text))
        return text

    def succeeds(self, *command: Argument, env: Mapping[str, str] | None = None) -> bool:
        """Whether the command exists and ends with 0."""
        try:
            self.output(*command, env=env)
        except (CommandError, FileNotFoundError):
            return False
        return True

    def cancel(self) -> None:
        """End what runs, and let nothing more start."""
        self.cancelled.set()
        with self._guard:
            running = list(self._running)
        _end(running)

    def _communicate(
        self,
        command: Sequence[Argument],
        env: Mapping[str, str] | None,
        cwd: Path | None,
        stdin: str | None,
        *,
        stdout: int,
        stderr: int,
    ) -> tuple[int, str]:
        with self._guard:
            if self.cancelled.is_set():
                raise Cancelled
            process = Popen(
                [str(part) for part in command],
                env={**os.environ, **(env or {})},
                cwd=cwd,
                stdin=DEVNULL if stdin is None else PIPE,
                stdout=stdout,
                stderr=stderr,
                text=True,
                start_new_session=True,
            )
            self._running.add(process)
        try:
            out, err = process.communicate(stdin)
        except BaseException:  # Ctrl-C in the main thread: nobody else would end it
            _end([process])
            raise
        finally:
            with self._guard:
                self._running.discard(process)
        if self.cancelled.is_set():
            raise Cancelled
        return process.returncode, (out or "") if process.returncode == 0 else (err or "") + (out or "")


def _end(processes: Sequence[Popen[str]]) -> None:
    for process in processes:
        _signal(process, signal.SIGTERM)
    for process in processes:
        try:
            process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            _signal(process, signal.SIGKILL)


def _signal(process: Popen[str], number: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _text(command: Sequence[Argument]) -> str:
    text = shlex.join(str(part) for part in command)
    return text if len(text) <= 200 else f"{text[:200]}..."


def _from(file: Path, start: int) -> str:
    with file.open(errors="replace") as source:
        source.seek(start)
        return source.read()


def _tail(text: str) -> str:
    return "\n".join(text.strip().splitlines()[-TAIL_LINES:])
