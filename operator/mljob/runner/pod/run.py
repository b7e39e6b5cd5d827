"""The command of the job's container: run.py supervises, `run.py call N` is the function's process.

Nothing may happen when this file is merely imported: multiprocessing's spawn does that in every worker.
"""

import sys

OLDEST_PYTHON = (3, 8)


def main(arguments: "list[str]") -> int:
    """`[]`, `["supervise", STARTED]` (the monotonic time it began) or `["call", DESCRIPTOR]`."""
    import importlib
    import os
    import time

    if sys.version_info < OLDEST_PYTHON:
        return _refuse_python()
    home = os.path.dirname(os.path.abspath(__file__))
    if arguments[:1] == ["call"]:
        sys.path.insert(0, home)  # it is not there yet under PYTHONSAFEPATH
        return int(importlib.import_module("mljob_runner.call").main(home, int(arguments[1])))

    started = float(arguments[1]) if arguments else time.monotonic()
    _block_signals()
    if not arguments:
        _isolate(os.path.abspath(__file__), started)
    sys.path.insert(0, home)
    return int(importlib.import_module("mljob_runner.supervise").main(started))


def _refuse_python() -> int:
    """Said here, in words that older versions understand: the rest of the runner they cannot even parse."""
    import json
    import os
    import time

    now = round(time.time(), 3)
    found, oldest = (".".join(map(str, version[:2])) for version in (sys.version_info, OLDEST_PYTHON))
    error = f"The image's Python is {found}; jobs need Python {oldest} or later."
    report = {"v": 1, "outcome": "failed", "reason": "RunnerError", "error": error}
    report.update(startedAt=now, finishedAt=now)
    report.update(dict.fromkeys(("result", "errorClass", "traceback", "note")))
    with open(os.environ.get("MLJOB_TERMINATION_LOG") or "/dev/termination-log", "w") as file:
        json.dump(report, file)
    return 1


def _block_signals() -> None:
    """As pid 1 with default dispositions, a signal that comes before this is dropped."""
    import signal

    stops = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGCHLD, *stops))


def _isolate(script: str, started: float) -> None:
    """Start over in an interpreter that reads neither PYTHON* variables nor site-packages.

    A thread that a sitecustomize has started (tracing agents do) takes the signals that come while the
    supervisor is not waiting for one: a SIGCHLD lost so is a job that never ends. Nor may a module of the
    user's, by its name alone, take the place of one that the supervisor imports.
    """
    import os

    isolated = sys.flags.isolated and sys.flags.no_site
    # An interpreter that is told by PYTHONHOME where its library lies cannot start without.
    if isolated or not sys.executable or "PYTHONHOME" in os.environ:
        return
    os.execv(sys.executable, [sys.executable, "-I", "-S", script, "supervise", repr(started)])  # noqa: S606


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
