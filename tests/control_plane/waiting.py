"""Waiting for what another process does: a condition and a deadline, never a guess."""

import time
from collections.abc import Callable

TICK_SECONDS = 0.05


def wait_for(condition: Callable[[], object], seconds: float = 20, what: str = "the condition") -> None:
    """Return as soon as `condition` is true. Raises AssertionError when it is not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come true within {seconds:g} s")
        time.sleep(TICK_SECONDS)
