"""Steps run after what they need, as many at once as their lane allows, and stop at the first failure."""

import io
import threading
from pathlib import Path

import pytest
from rich.console import Console

from deploy.kind.mljob_kind.commands import Cancelled, Commands
from deploy.kind.mljob_kind.display import PlainDisplay
from deploy.kind.mljob_kind.errors import CommandError
from deploy.kind.mljob_kind.pipeline import Lane, Step, run_steps


@pytest.fixture
def commands(tmp_path: Path) -> Commands:
    return Commands(tmp_path / "log")


def quiet() -> PlainDisplay:
    return PlainDisplay(Console(file=io.StringIO()))


def test_a_step_waits_for_what_it_needs(commands: Commands) -> None:
    order: list[str] = []
    steps = [
        Step("c", lambda: order.append("c"), after=("a", "b")),
        Step("b", lambda: order.append("b"), after=("a",)),
        Step("a", lambda: order.append("a")),
    ]
    run_steps(steps, quiet(), commands)
    assert order == ["a", "b", "c"]


def test_one_compiler_runs_at_a_time_and_downloads_beside_it(commands: Commands) -> None:
    compiling = threading.Semaphore(1)
    fetched = threading.Event()

    def compile_() -> None:
        assert compiling.acquire(blocking=False), "two compilers at once"
        assert fetched.wait(10), "no download ran beside the compiler"
        compiling.release()

    steps = [Step(f"compile {n}", compile_, Lane.COMPILE) for n in range(3)]
    run_steps([*steps, Step("fetch", fetched.set, Lane.FETCH)], quiet(), commands)


def test_a_failure_ends_what_runs_and_starts_nothing_more(commands: Commands) -> None:
    started: list[str] = []

    def fail() -> None:
        raise CommandError("false", 1, "no")

    steps = [
        Step("sleeps", lambda: commands.output("sleep", "60")),
        Step("fails", fail),
        Step("never", lambda: started.append("never"), after=("fails",)),
    ]
    with pytest.raises(CommandError):
        run_steps(steps, quiet(), commands)
    assert started == []
    with pytest.raises(Cancelled):
        commands.output("true")


@pytest.mark.parametrize(
    "steps",
    [
        [Step("a", print, after=("b",)), Step("b", print, after=("a",))],
        [Step("a", print, after=("nobody",))],
    ],
)
def test_steps_that_can_never_run_are_refused(steps: list[Step], commands: Commands) -> None:
    with pytest.raises(ValueError, match="wait for"):
        run_steps(steps, quiet(), commands)


def test_without_a_terminal_every_step_is_two_lines() -> None:
    screen = io.StringIO()
    with PlainDisplay(Console(file=screen)) as display, display.step("compiling x"):
        pass
    first, last = screen.getvalue().splitlines()
    assert first == "compiling x ..."
    assert last.startswith("compiling x: done in ")


def test_a_failed_command_says_what_it_last_said_and_where_the_rest_is(commands: Commands) -> None:
    with pytest.raises(CommandError) as caught:
        commands.run("sh", "-c", "seq 100; exit 3", log="counting")
    assert caught.value.code == 3
    assert "\n100\n" in str(caught.value)
    assert "\n1\n" not in str(caught.value)
    assert "counting.log" in str(caught.value)
