"""Names and moments of submission. They only increase in one process, so that a loop's jobs keep their order.

An object's name ends in its moment and some random bits, in an alphabet that sorts as it counts.
"""

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
TIME_CHARS = 9
"""45 bits of milliseconds: until the year 3084."""
RANDOM_CHARS = 5
"""25 bits: what keeps two replicas apart within one millisecond."""
PREFIX_CHARS = 35
"""Leaves room for `-<uid, 8>-<attempt>` within the 63 characters of the attempt's Job."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When a job was submitted, and the name its object gets."""

    creation_time_ms: int
    name: str


class Moments:
    """Hands out moments. `now_ms` is wall clock time; `random_below` as `random.randrange`."""

    def __init__(self, now_ms: Callable[[], int], random_below: Callable[[int], int]) -> None:
        self._now_ms = now_ms
        self._random_below = random_below
        self._last_ms = 0
        self._lock = threading.Lock()

    def next(self, job_name: str) -> Moment:
        """Later than every moment before it, also when the clock stands still or goes back a little."""
        with self._lock:
            self._last_ms = max(self._now_ms(), self._last_ms + 1)
            stamp = self._last_ms
        tail = _encode(stamp, TIME_CHARS) + _encode(self._random_below(32**RANDOM_CHARS), RANDOM_CHARS)
        return Moment(stamp, f"{dns_safe(job_name)}-{tail}")


def dns_safe(job_name: str) -> str:
    """A job name (a label value) as the beginning of an object name: lower case, dashes for `_` and `.`."""
    cut = re.sub(r"[^a-z0-9]+", "-", job_name.lower()).strip("-")[:PREFIX_CHARS].rstrip("-")
    return cut or "job"


def _encode(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, 32)
        digits.append(ALPHABET[digit])
    return "".join(reversed(digits))
