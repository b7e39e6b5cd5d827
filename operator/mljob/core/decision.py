"""What `decide` answers: the status as it should be, and what to do. Values only."""

from dataclasses import dataclass
from enum import StrEnum

from mljob.core.facts import StatusFacts


class StopReason(StrEnum):
    """Why the operator stops an attempt; written on its Job together with the stop."""

    CANCELED = "Canceled"
    SUSPENDED = "Suspended"
    START_DEADLINE_EXCEEDED = "StartDeadlineExceeded"
    EVICTED = "Evicted"


@dataclass(frozen=True, slots=True)
class Note:
    """An Event for people. `warning` makes it one of type Warning, else Normal."""

    reason: str
    message: str
    warning: bool = True


@dataclass(frozen=True, slots=True)
class Decision:
    """The desired status and the acts that go with it; acts come first, then the one status write."""

    status: StatusFacts
    note: Note | None = None
    wants_slot: bool = False
    """in the queue for admission from now on"""
    stop: StopReason | None = None
    """end the attempt: its Job's activeDeadlineSeconds becomes 0"""
    pod_deadline_seconds: int | None = None
    """lower the pod's own activeDeadlineSeconds to this"""
    read_events: bool = False
    """the Job has no pod: read its Events once and decide again"""
    read_pod_events: bool = False
    """the pod does not start and its own status does not say why: read its Events and decide again"""
    delete: bool = False
    """its time to live is over"""
    release: bool = False
    """its end is stored: take our finalizer off"""
    wake_at: float | None = None
    """decide again then, even if nothing happens"""
