"""Shows what is being made and for how long: a live list on a terminal, plain lines elsewhere."""

import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

STILL_AT_IT_SECONDS = 30.0
WORTH_A_LINE_SECONDS = 0.5


class Display(Protocol):
    """A step is shown while it lasts, then kept as one line with its time."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    def step(self, title: str) -> AbstractContextManager[None]: ...
    def say(self, text: str) -> None: ...


def display_for(console: Console) -> Display:
    return LiveDisplay(console) if console.is_terminal else PlainDisplay(console)


class LiveDisplay:
    """Spinners with running clocks; what is done scrolls away above them."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        task: TaskID = self._progress.add_task(title, total=None)
        started = time.monotonic()
        try:
            yield
        finally:
            self._progress.remove_task(task)
        seconds = time.monotonic() - started
        if seconds >= WORTH_A_LINE_SECONDS:
            self._progress.console.print(f"[green]✓[/] {title} [dim]{_duration(seconds)}[/]")

    def say(self, text: str) -> None:
        self._progress.console.print(text)


class PlainDisplay:
    """One line when a step begins, one when it ends, one every half minute between."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._running: dict[str, float] = {}
        self._guard = threading.Lock()
        self._closed = threading.Event()
        self._reminder = threading.Thread(target=self._remind, daemon=True)

    def __enter__(self) -> Self:
        self._reminder.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed.set()
        self._reminder.join()

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        started = time.monotonic()
        with self._guard:
            self._running[title] = started
        self.say(f"{title} ...")
        try:
            yield
        finally:
            with self._guard:
                self._running.pop(title, None)
        self.say(f"{title}: done in {_duration(time.monotonic() - started)}")

    def say(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _remind(self) -> None:
        while not self._closed.wait(STILL_AT_IT_SECONDS):
            now = time.monotonic()
            with self._guard:
                longest = [(title, now - started) for title, started in self._running.items()]
            if longest:
                self.say("still at it: " + ", ".join(f"{title} ({_duration(s)})" for title, s in longest))


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s"
