"""The limit, SIGTERM, and what becomes of everybody the function has started."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.unit.runner.harness import PYTHON, Container, Pod, Ran, interpreters, is_alive

OTHER_PYTHONS = [path for path in interpreters() if path != PYTHON]
LIMIT = {"MLJOB_TIMEOUT_SECONDS": "1", "MLJOB_GRACE_SECONDS": "0.4"}
# Nothing waits that long; a busy machine may need some of it.
SOON_SECONDS = 15
AS_PID_1 = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")


def _pid_namespaces() -> bool:
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*AS_PID_1, "true"], capture_output=True, check=False).returncode == 0


needs_pid_namespaces = pytest.mark.skipif(not _pid_namespaces(), reason="may not create process namespaces")


def _stop(container: Container, number: int = signal.SIGTERM) -> Ran:
    """Signal the container once its function is ready."""
    container.ready()
    container.process.send_signal(number)
    return container.wait()


def _timed_out(ran: Ran) -> bool:
    return (ran.exit_code, ran["outcome"], ran["reason"], ran["result"]) == (
        124,
        "timed_out",
        "TimedOut",
        None,
    )


@pytest.mark.parametrize("python", [PYTHON, *OTHER_PYTHONS], ids=lambda path: path)
def test_function_is_stopped_at_its_limit(pod: Pod, python: str) -> None:
    ran = pod.run("slow.sleep", env=LIMIT, python=python)
    assert _timed_out(ran)
    assert ran["error"] == "The job function slow.sleep did not finish within its limit of 1 s."
    assert 0.99 <= ran["finishedAt"] - ran["startedAt"] < SOON_SECONDS
    assert ran.stderr == "mljob: stopping the job function: the limit of 1 s; SIGKILL follows in 0.4 s\n"


def test_deaf_function_is_killed_after_a_grace(pod: Pod) -> None:
    ran = pod.run("slow.deaf", env=LIMIT)
    assert _timed_out(ran)
    assert 1.39 <= ran["finishedAt"] - ran["startedAt"] < SOON_SECONDS


def test_stopped_function_is_killed_too(pod: Pod) -> None:
    assert _timed_out(pod.run("hostile.stop_itself", env=LIMIT))


def test_limit_counts_imports(pod: Pod) -> None:
    assert _timed_out(pod.run("slow_import.never", env=LIMIT))


def test_limit_may_be_longer_than_any_clock(pod: Pod) -> None:
    assert pod.run("ordinary.nothing", env={"MLJOB_TIMEOUT_SECONDS": "1e300"})["outcome"] == "succeeded"


def test_what_is_returned_after_the_limit_does_not_count(pod: Pod) -> None:
    assert _timed_out(pod.run("slow.return_on_term", {"value": 1}, env={"MLJOB_TIMEOUT_SECONDS": "1"}))


def test_result_before_the_limit_counts_though_a_thread_lingers(pod: Pod) -> None:
    ran = pod.run("hostile.lingering_thread", env={**LIMIT, "MLJOB_TIMEOUT_SECONDS": "4"})
    assert (ran.exit_code, ran["outcome"], ran["result"]) == (0, "succeeded", '"done"')
    assert ran["note"] == "The function had reported, but its process did not end and was stopped."


@pytest.mark.parametrize("python", [PYTHON, *OTHER_PYTHONS], ids=lambda path: path)
def test_nobody_outlives_a_stop(pod: Pod, python: str) -> None:
    container = pod.start("slow.family", python=python)
    family = _family(container)
    container.process.send_signal(signal.SIGTERM)
    assert container.wait()["reason"] == "Terminated"
    assert not any(is_alive(pid) for pid in family)


def test_nobody_outlives_the_limit(pod: Pod) -> None:
    container = pod.start("slow.family", env={**LIMIT, "MLJOB_TIMEOUT_SECONDS": "4"})
    family = _family(container)
    assert _timed_out(container.wait())
    assert not any(is_alive(pid) for pid in family)


def _family(container: Container) -> list[int]:
    family = [int(container.ready()) for _ in range(3)]
    assert all(is_alive(pid) for pid in family)
    return family


def test_nobody_outlives_the_function(pod: Pod) -> None:
    ran = pod.run("slow.leave_family")
    assert ran["outcome"] == "succeeded"
    assert not is_alive(int(json.loads(ran["result"])))


def test_nobody_escapes_by_forking(pod: Pod) -> None:
    before = _processes()
    ran = pod.run("slow.fork_bomb", {"seconds": 2}, env={**LIMIT, "MLJOB_TIMEOUT_SECONDS": "1.5"})
    assert _timed_out(ran)
    assert ran["note"] is None
    # A process that was killed takes a moment to be gone on a busy machine.
    deadline = time.monotonic() + 10
    while left := [pid for pid in _processes() - before if b"run.py" in _command(pid)]:
        assert time.monotonic() < deadline, f"still there: {left}"
        time.sleep(0.05)


def _processes() -> set[int]:
    return {int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()}


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


@pytest.mark.parametrize("python", [PYTHON, *OTHER_PYTHONS], ids=lambda path: path)
def test_sigterm_is_passed_on_and_reported(pod: Pod, python: str) -> None:
    ran = _stop(pod.start("slow.sleep", python=python))
    assert (ran.exit_code, ran["outcome"], ran["reason"]) == (1, "failed", "Terminated")
    assert ran["error"] == "The job function slow.sleep was stopped: the container received SIGTERM."


@pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGQUIT, signal.SIGHUP], ids=lambda number: number.name
)
def test_stop_signals_of_other_images_are_understood(pod: Pod, number: signal.Signals) -> None:
    ran = _stop(pod.start("slow.return_on_term", {"value": None}), number)
    assert (ran["outcome"], ran["result"]) == ("succeeded", "null")
    assert number.name in ran.stderr


def test_function_may_return_when_told_to_stop(pod: Pod) -> None:
    ran = _stop(pod.start("slow.return_on_term", {"value": {"step": 3}}))
    assert (ran.exit_code, ran["outcome"], ran["result"]) == (0, "succeeded", '{"step": 3}')


def test_what_a_stopped_function_raises_is_kept_but_it_was_terminated(pod: Pod) -> None:
    ran = _stop(pod.start("slow.raise_on_term", env={"MLJOB_TRANSIENT_ERRORS": '["ConnectionError"]'}))
    assert (ran.exit_code, ran["outcome"], ran["reason"]) == (1, "failed", "Terminated")
    assert (ran["error"], ran["errorClass"]) == (
        "ConnectionError('told to stop')",
        "builtins.ConnectionError",
    )
    assert ran["note"].startswith("The job function slow.raise_on_term was stopped")


def test_deaf_function_gets_the_grace_period_when_told_to_stop(pod: Pod) -> None:
    began = time.monotonic()
    ran = _stop(pod.start("slow.deaf", env={"MLJOB_GRACE_SECONDS": "1"}))
    assert ran["reason"] == "Terminated"
    assert 0.99 <= time.monotonic() - began < SOON_SECONDS


def test_second_sigterm_changes_nothing(pod: Pod) -> None:
    container = pod.start("slow.deaf", env={"MLJOB_GRACE_SECONDS": "1"})
    container.ready()
    container.process.send_signal(signal.SIGTERM)
    container.process.send_signal(signal.SIGINT)
    assert container.wait()["reason"] == "Terminated"


def test_workers_of_the_function_are_its_own_to_stop(pod: Pod) -> None:
    assert _stop(pod.start("slow.worker_hears_nothing"))["result"] == '"nothing"'


def test_function_may_ask_its_supervisor_to_stop(pod: Pod) -> None:
    assert pod.run("hostile.terminate_parent")["reason"] == "Terminated"


@needs_pid_namespaces
def test_as_pid_1_sigterm_is_not_ignored(pod: Pod) -> None:
    container = pod.start("slow.family", before=AS_PID_1)
    for _ in range(3):
        container.ready()
    os.kill(_first_child(container.process.pid), signal.SIGTERM)
    ran = container.wait()
    assert (ran.exit_code, ran["reason"], ran["note"]) == (1, "Terminated", None)


def _first_child(pid: int) -> int:
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


@needs_pid_namespaces
@pytest.mark.parametrize("function", ["slow.family", "slow.deaf", "slow.sleep"])
def test_as_pid_1_everybody_is_stopped_at_the_limit(pod: Pod, function: str) -> None:
    ran = pod.run(function, env=LIMIT, before=AS_PID_1)
    assert _timed_out(ran)
    assert ran["note"] is None


@needs_pid_namespaces
def test_as_pid_1_orphans_are_reaped_and_the_function_goes_on(pod: Pod) -> None:
    ran = pod.run("slow.count_zombies", before=AS_PID_1)
    assert (ran["outcome"], ran["result"]) == ("succeeded", "0")
