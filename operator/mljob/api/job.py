"""The MlJob resource: one submission."""

from enum import StrEnum


class Phase(StrEnum):
    """Where a job is. An open list: readers must expect values they do not know."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    TIMED_OUT = "TimedOut"
    CANCELED = "Canceled"

    @property
    def is_final(self) -> bool:
        """A final phase never changes again."""
        return self not in (Phase.PENDING, Phase.RUNNING)
