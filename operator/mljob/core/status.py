"""Job statuses as MLflow's clients and the `jobs` table know them, and their place beside our phases.

Names, integers and error texts are MLflow's; CANCELED is ours (5 and 6 stay unassigned: MLflow rejects
them in one version and gives them other meanings in the next).
"""

from enum import StrEnum
from typing import Self

from mljob.api.job import Phase


class JobStatus(StrEnum):
    """What REST, the SDK and SQL call a phase. `str(JobStatus.RUNNING) == "RUNNING"`."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    TIMEOUT = "TIMEOUT"
    CANCELED = "CANCELED"

    def to_int(self) -> int:
        """The value of the column `jobs.status`."""
        return _INTEGERS[self]

    @classmethod
    def from_int(cls, status_int: int) -> Self:
        """Raises ValueError, in MLflow's words, for an integer that is no status."""
        for status in cls:
            if _INTEGERS[status] == status_int:
                return status
        raise ValueError(f"The value {status_int} can't be converted to JobStatus enum value.")

    @classmethod
    def from_str(cls, status_str: str) -> Self:
        """Raises ValueError, in MLflow's words, for a text that is no status. Capitals matter."""
        try:
            return cls[status_str]
        except KeyError:
            raise ValueError(
                f"The string '{status_str}' can't be converted to JobStatus enum value."
            ) from None

    @staticmethod
    def is_finalized(status: "JobStatus") -> bool:
        """A final status never changes again."""
        return status not in (JobStatus.PENDING, JobStatus.RUNNING)

    @classmethod
    def from_phase(cls, phase: Phase) -> "JobStatus":
        return _BY_PHASE[phase]

    def to_phase(self) -> Phase:
        return _PHASES[self]


_INTEGERS = {
    JobStatus.PENDING: 0,
    JobStatus.RUNNING: 1,
    JobStatus.SUCCEEDED: 2,
    JobStatus.FAILED: 3,
    JobStatus.TIMEOUT: 4,
    JobStatus.CANCELED: 10,
}
_PHASES = {
    JobStatus.PENDING: Phase.PENDING,
    JobStatus.RUNNING: Phase.RUNNING,
    JobStatus.SUCCEEDED: Phase.SUCCEEDED,
    JobStatus.FAILED: Phase.FAILED,
    JobStatus.TIMEOUT: Phase.TIMED_OUT,
    JobStatus.CANCELED: Phase.CANCELED,
}
_BY_PHASE = {phase: status for status, phase in _PHASES.items()}
