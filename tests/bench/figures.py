"""What a benchmark finds: samples of a subject next to samples of its peer. Knows not how they came."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Comparison:
    """One line of a table. The two were measured in turns, in one run."""

    what: str
    unit: str
    subject: Sequence[float]
    peer_name: str
    peer: Sequence[float]

    @property
    def ratio(self) -> float:
        """Median of the subject over median of the peer."""
        return statistics.median(self.subject) / statistics.median(self.peer)

    def to_json(self) -> dict[str, Any]:
        return {
            "what": self.what,
            "unit": self.unit,
            "subject": list(self.subject),
            "peer_name": self.peer_name,
            "peer": list(self.peer),
            "median": {"subject": statistics.median(self.subject), "peer": statistics.median(self.peer)},
            "ratio": self.ratio,
        }


@dataclass(frozen=True, slots=True)
class Findings:
    """Of one part: what is compared, and everything else that it measured."""

    comparisons: Sequence[Comparison]
    details: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        return {"comparisons": [c.to_json() for c in self.comparisons], **self.details}


class CannotMeasureError(Exception):
    """A part has no ground to stand on; the message says what is missing and how to get it."""
