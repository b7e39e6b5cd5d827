"""How one attempt is to be judged, fixed when its Job is created and carried by it.

A definition may change or vanish while a pod runs. What the attempt was started under travels in an
annotation of its Job, so that its end is judged, and a retry decided, by the same rules.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Self

from mljob.api.common import MAX_SECONDS


@dataclass(frozen=True, slots=True)
class AttemptPolicy:
    """Seconds are whole. `function` is None for a container that is not Python.

    The times to live are for a finished job whose definition is gone; None: the Job does not tell.
    """

    function: str | None = None
    timeout_seconds: int | None = None
    start_deadline_seconds: int = 3600
    max_workers: int = 1
    max_retries: int = 3
    base_delay_seconds: int = 15
    max_delay_seconds: int = 60
    exit_codes: tuple[int, ...] = (75,)
    disruption_limit: int = 5
    definition_uid: str = ""
    ttl_after_finished_seconds: int | None = None
    ttl_after_failed_seconds: int | None = None

    def to_json(self) -> str:
        """Compact text for the annotation."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    @lru_cache(maxsize=1_024)  # Jobs of one definition carry the same text, and are read at every event
    def from_json(cls, text: str | None) -> Self:
        """From the annotation, which others can write to. What is missing or impossible: the default's."""
        try:
            found = json.loads(text or "{}")
        except (ValueError, RecursionError):
            return cls()
        if not isinstance(found, dict):
            return cls()
        values = {key: found[key] for key, is_possible in _POSSIBLE.items() if is_possible(found.get(key))}
        if "exit_codes" in values:
            values["exit_codes"] = tuple(values["exit_codes"])
        return cls(**values)


def _is_count(value: object) -> bool:
    """A whole number that no sum of a few carries out of the range of times."""
    return type(value) is int and 0 <= value <= MAX_SECONDS


_POSSIBLE: dict[str, Callable[[object], bool]] = {
    "function": lambda value: isinstance(value, str),
    "timeout_seconds": _is_count,
    "start_deadline_seconds": _is_count,
    "max_workers": _is_count,
    "max_retries": _is_count,
    "base_delay_seconds": _is_count,
    "max_delay_seconds": _is_count,
    "exit_codes": lambda value: isinstance(value, list) and all(map(_is_count, value)),
    "disruption_limit": _is_count,
    "definition_uid": lambda value: isinstance(value, str),
    "ttl_after_finished_seconds": _is_count,
    "ttl_after_failed_seconds": _is_count,
}
