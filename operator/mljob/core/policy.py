"""How one attempt is to be judged, fixed when its Job is created and carried by it.

A definition may change or vanish while a pod runs. What the attempt was started under travels in an
annotation of its Job, so that its end is judged, and a retry decided, by the same rules.
"""

import json
from dataclasses import asdict, dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class AttemptPolicy:
    """Seconds are whole. `function` is None for a container that is not Python."""

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

    def to_json(self) -> str:
        """Compact text for the annotation."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str | None) -> Self:
        """From the annotation. Fields that are missing, unknown or of another type: the default's."""
        try:
            found = json.loads(text or "{}")
        except ValueError:
            return cls()
        if not isinstance(found, dict):
            return cls()
        defaults = asdict(cls())
        values = {key: found.get(key, default) for key, default in defaults.items()}
        values["exit_codes"] = tuple(values["exit_codes"])
        return cls(**values)
