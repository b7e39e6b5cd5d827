"""The function's process: sets up the import path, calls the function, sends the report.

Everything the runner needs is imported before the first line of the job's code runs.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import NoReturn

from .channel import Sender
from .failure import raised, returned, traceback_text
from .load import check_params, load_function, read_params
from .report import EXIT_CODES, Report
from .settings import Settings, read_settings

SHIM_FOLDER = "shim"


def main(home: str, descriptor: int) -> int:
    """`home` is the runner's folder, `descriptor` the channel. Returns the exit code."""
    sender = Sender(descriptor)
    settings = read_settings(os.environ)
    process = os.getpid()
    sys.path[:] = import_path(sys.path, home, settings.source_dir, _working_directory())
    sys.argv = sys.argv[:1]
    _write_line_by_line()
    report = call(settings)
    if os.getpid() != process:
        _leave_copy(report)
    sender.send(report)
    return EXIT_CODES[report.outcome]


def _write_line_by_line() -> None:
    """Else the last lines of a job that is killed never reach its log."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError):  # absent, or wrapped by a sitecustomize
            stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]


def import_path(
    path: list[str], home: str, source_dir: str | None, working_directory: str | None
) -> list[str]:
    """The job's sources first, the working directory as with `python -m`, the built-in `mljob` last, so
    that an installed SDK wins; the runner's own modules are out of sight."""
    first = [entry for entry in (source_dir, working_directory) if entry]
    return [*first, *(entry for entry in path if entry != home), os.path.join(home, SHIM_FOLDER)]


def _working_directory() -> str | None:
    if getattr(sys.flags, "safe_path", False):
        return None
    try:
        return os.getcwd()
    except OSError:
        return None


def call(settings: Settings) -> Report:
    """Load and call the function. SystemExit and KeyboardInterrupt pass: they end the process, as in any
    program, and the supervisor reports how."""
    try:
        params = read_params(settings.params_file)
        function = load_function(settings.function)
        check_params(function, params)
        value = function(**params)
    except (SystemExit, KeyboardInterrupt):
        raise
    except BaseException as error:  # noqa: BLE001 - the one place where whatever the job raises becomes its outcome
        _print_error(error)
        return raised(error, settings.transient_errors)
    return returned(value, settings.result_limit_bytes)


def _print_error(error: BaseException) -> None:
    """The job's log tells of the error as it would without a runner."""
    with contextlib.suppress(OSError, ValueError):  # the function may have closed stderr
        print(traceback_text(error), end="", file=sys.stderr, flush=True)


def _leave_copy(report: Report) -> NoReturn:
    """The function forked, and this is the copy: only the original reports."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, OSError, ValueError):  # closed by the function
            stream.flush()
    os._exit(EXIT_CODES[report.outcome])
