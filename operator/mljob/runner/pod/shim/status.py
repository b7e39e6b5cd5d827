"""The status of a job, with the names, integers and texts that MLflow's clients know."""

from __future__ import annotations

from enum import Enum


class JobStatus(str, Enum):
    """5 and 6 stay unassigned: MLflow has given both a use of its own."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    TIMEOUT = "TIMEOUT"
    CANCELED = "CANCELED"

    def __str__(self) -> str:
        return self.name

    def to_int(self) -> int:
        return _INTEGERS[self]

    @classmethod
    def from_int(cls, status_int: int) -> JobStatus:
        for status, integer in _INTEGERS.items():
            if integer == status_int:
                return status
        raise ValueError(f"The value {status_int} can't be converted to JobStatus enum value.")

    @classmethod
    def from_str(cls, status_str: str) -> JobStatus:
        try:
            return cls[status_str]
        except KeyError:
            text = f"The string '{status_str}' can't be converted to JobStatus enum value."
            raise ValueError(text) from None

    @classmethod
    def is_finalized(cls, status: JobStatus) -> bool:
        return status not in (cls.PENDING, cls.RUNNING)


_INTEGERS = {
    JobStatus.PENDING: 0,
    JobStatus.RUNNING: 1,
    JobStatus.SUCCEEDED: 2,
    JobStatus.FAILED: 3,
    JobStatus.TIMEOUT: 4,
    JobStatus.CANCELED: 10,
}
