"""Runs steps that need each other's results, as many at once as their lanes allow. It knows no step."""

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from enum import Enum

from .commands import Commands
from .display import Display


class Lane(Enum):
    """What a step mainly uses."""

    COMPILE = "compile"
    FETCH = "fetch"
    LOAD = "load"
    LIGHT = "light"


# How many of a lane run at once.
WIDTH = {
    Lane.COMPILE: 1,  # the Go compiler uses every core by itself
    Lane.FETCH: 2,  # downloads and unpacking: runs beside the compiler
    Lane.LOAD: 1,  # images that share a base: together they would unpack it once each
    Lane.LIGHT: 3,
}


@dataclass(frozen=True)
class Step:
    """A unit of work; `after` names the steps that must be done before."""

    name: str
    action: Callable[[], object]
    lane: Lane = Lane.LIGHT
    after: tuple[str, ...] = ()
    title: str = ""


def run_steps(steps: Sequence[Step], display: Display, commands: Commands) -> None:
    """Run all; on the first failure or Ctrl-C end what runs and raise it."""
    names = {step.name for step in steps}
    if missing := {need for step in steps for need in step.after} - names:
        raise ValueError(f"steps wait for steps that are not there: {sorted(missing)}")
    with ThreadPoolExecutor(max_workers=sum(WIDTH.values())) as pool:
        try:
            _drive(list(steps), pool, display)
        except BaseException:
            commands.cancel()
            raise


def _drive(waiting: list[Step], pool: ThreadPoolExecutor, display: Display) -> None:
    done: set[str] = set()
    running: dict[Future[None], Step] = {}
    while waiting or running:
        for step in _startable(waiting, done, list(running.values())):
            waiting.remove(step)
            running[pool.submit(_perform, step, display)] = step
        if not running:
            raise ValueError(f"steps wait for each other: {[step.name for step in waiting]}")
        finished, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in finished:
            step = running.pop(future)
            future.result()
            done.add(step.name)


def _startable(waiting: Sequence[Step], done: set[str], running: Sequence[Step]) -> list[Step]:
    free = {lane: width - sum(step.lane is lane for step in running) for lane, width in WIDTH.items()}
    chosen = []
    for step in waiting:
        if free[step.lane] > 0 and done.issuperset(step.after):
            free[step.lane] -= 1
            chosen.append(step)
    return chosen


def _perform(step: Step, display: Display) -> None:
    if step.title:
        with display.step(step.title):
            step.action()
    else:
        step.action()
