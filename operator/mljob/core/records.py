"""What the SQL store keeps of a job and of an attempt. Plain values; the store maps them to tables.

A record is a full statement of the state at one instant, not a change to it: writing it twice, or
writing an older one after a newer one, leaves the row as the newest left it (`version` decides).
"""

from dataclasses import dataclass
from enum import IntEnum

from mljob.api.job import Phase


class Rank(IntEnum):
    """How far a job has come within one attempt. Ordered; with the attempt it is a row's version."""

    QUEUED = 0
    STARTING = 1
    RUNNING = 2
    BACKOFF = 3
    FINAL = 9


@dataclass(frozen=True, slots=True)
class JobRecord:
    """One row of `jobs`. Times are whole milliseconds since the epoch, UTC."""

    uid: str
    cluster: str
    """uid of the kube-system namespace: two clusters on one database never meet."""
    namespace: str
    name: str
    job_name: str
    creation_time_ms: int
    attempt: int
    rank: Rank
    phase: Phase
    last_update_time_ms: int
    params: str | None = None
    """Exact JSON text; None: not carried by this record, the stored text stays."""
    timeout_seconds: int | None = None
    reason: str | None = None
    message: str | None = None
    result: str | None = None
    """JSON text when Succeeded, the error's text when Failed."""
    retry_count: int = 0
    disruption_count: int = 0
    start_time_ms: int | None = None
    completion_time_ms: int | None = None
    next_retry_time_ms: int | None = None
    priority: int = 0
    group: str | None = None
    submitted_by: str | None = None
    exclusive_key: str | None = None

    @property
    def version(self) -> tuple[int, int]:
        """(attempt, rank): rows move only forwards in it, and never once final."""
        return (self.attempt, int(self.rank))


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """One row of `job_attempts`, keyed by (uid, attempt). Times in milliseconds since the epoch."""

    uid: str
    cluster: str
    attempt: int
    finished: bool
    job: str
    """name of the Kubernetes Job"""
    pod: str | None = None
    pod_uid: str | None = None
    node: str | None = None
    image: str | None = None
    image_digest: str | None = None
    requested_cpu_millis: int | None = None
    requested_memory_bytes: int | None = None
    requested_gpus: int | None = None
    created_time_ms: int | None = None
    start_time_ms: int | None = None
    completion_time_ms: int | None = None
    exit_code: int | None = None
    reason: str | None = None
    message: str | None = None
    error: str | None = None
    traceback: str | None = None
    log_tail: str | None = None
