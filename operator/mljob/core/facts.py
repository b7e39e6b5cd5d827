"""What `decide` looks at: one MlJob, the definition it runs by, its latest attempt. Values only.

Times are seconds since the epoch, UTC. Everything here is what the API server last said; nothing is
computed from a clock.
"""

from dataclasses import dataclass, field, replace
from typing import Any

from mljob.api.definition import MlJobDefinitionSpec
from mljob.api.job import Phase
from mljob.core.policy import AttemptPolicy
from mljob.core.records import Rank
from mljob.core.refusal import Refusal

OrderKey = tuple[int, int, str, str]
"""(-priority, creation time in ms, name, uid): the one order of admission, search and lists."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition of a status; `since` is its lastTransitionTime."""

    type: str
    status: bool
    reason: str
    message: str
    since: float


@dataclass(frozen=True, slots=True)
class StatusFacts:
    """MlJob.status. `current_job` is set exactly while an attempt is under way or was the last one."""

    phase: Phase = Phase.PENDING
    reason: str | None = None
    message: str | None = None
    attempt: int = 0
    retry_count: int = 0
    disruption_count: int = 0
    start_time: float | None = None
    completion_time: float | None = None
    next_retry_time: float | None = None
    queued_time: float | None = None
    """since when it waits for a slot, where that is later than its creation"""
    result: str | None = None
    error: str | None = None
    current_job: str | None = None
    current_pod: str | None = None
    definition_uid: str | None = None
    observed_generation: int = 0
    conditions: tuple[Condition, ...] = ()

    def condition(self, kind: str) -> Condition | None:
        """The condition of that type."""
        return next((c for c in self.conditions if c.type == kind), None)

    def with_condition(
        self, kind: str, status: bool, reason: str, message: str = "", *, now: float
    ) -> "StatusFacts":
        """With that condition set; `since` moves only when the status moves, as users of batch/v1 expect."""
        old = self.condition(kind)
        since = old.since if old is not None and old.status == status else now
        fresh = Condition(kind, status, reason, message, since)
        if old is None:
            return replace(self, conditions=(*self.conditions, fresh))
        return replace(self, conditions=tuple(fresh if c.type == kind else c for c in self.conditions))

    def settled(self, attempt: int) -> bool:
        """Whether the end of that attempt (or of the job) is already in this status."""
        if self.phase.is_final or self.attempt > attempt:
            return True
        return self.attempt == attempt and self.current_job is None


@dataclass(frozen=True, slots=True)
class SpecFacts:
    """MlJob.spec without its params: what decisions need of it. Seconds are whole."""

    job_name: str
    param_names: tuple[str, ...] | None = None
    """Top-level names of the params; None: they could not be read (the message of that is `params_error`)"""
    params_error: str | None = None
    active_deadline_seconds: int | None = None
    start_deadline_seconds: int | None = None
    queue_deadline_seconds: int | None = None
    ttl_seconds_after_finished: int | None = None
    priority: int = 0
    suspend: bool = False
    cancel: bool = False
    overrides: dict[str, Any] | None = None
    definition: MlJobDefinitionSpec | Refusal | None = None
    """the inline definition, or why it cannot be read"""


@dataclass(frozen=True, slots=True)
class DefinitionFacts:
    """The definition a job runs by. `uid` is empty for an inline one."""

    uid: str
    name: str
    spec: MlJobDefinitionSpec


@dataclass(frozen=True, slots=True)
class PodFacts:
    """A pod of an attempt. `main_*` is the container `main`, whose exit is the outcome."""

    uid: str
    name: str
    phase: str = "Pending"
    node: str | None = None
    start_time: float | None = None
    active_deadline_seconds: int | None = None
    deletion_time: float | None = None
    """deletionTimestamp: when its grace period is over; None: nobody deleted it"""
    reason: str | None = None
    message: str | None = None
    disruption: str | None = None
    """reason of its DisruptionTarget condition"""
    waiting_reason: str | None = None
    waiting_message: str | None = None
    unschedulable: str | None = None
    init_failure: str | None = None
    """which of its init containers failed, and how: `main` never ran"""
    main_running: bool = False
    main_start_time: float | None = None
    main_end_time: float | None = None
    main_exit_code: int | None = None
    main_reason: str | None = None
    main_message: str | None = None
    """the termination message: the runner's report"""
    image: str | None = None
    image_digest: str | None = None
    memory_limit: str | None = None
    requested_cpu_millis: int | None = None
    requested_memory_bytes: int | None = None
    requested_gpus: int | None = None

    @property
    def alive(self) -> bool:
        """May its containers still run? A deleted pod stays alive until its kubelet has confirmed."""
        return self.phase not in ("Succeeded", "Failed")

    @property
    def main_ended(self) -> bool:
        """The container `main` has an exit code."""
        return self.main_exit_code is not None


@dataclass(frozen=True, slots=True)
class StartProblem:
    """What keeps a pod from starting: a CamelCase reason and a sentence."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class PodEvents:
    """What the Events about a pod said when they were read last."""

    pod_uid: str
    reads: int
    """how often they were read"""
    read_time: float
    problem: StartProblem | None = None
    """the newest Warning since the read before; None: nothing went wrong any more"""


@dataclass(frozen=True, slots=True)
class AttemptFacts:
    """One attempt: its Kubernetes Job and pods, as far as they are still there."""

    number: int
    name: str
    policy: AttemptPolicy
    job_exists: bool = True
    created_time: float = 0.0
    taken_up_time: float = 0.0
    """when the Job controller first looked at its Job; infinite: it has not yet"""
    suspended: bool = False
    stop_reason: str | None = None
    """why the operator stopped it; None: it did not"""
    complete: bool = False
    failed: bool = False
    finished_time: float | None = None
    failed_reason: str | None = None
    failed_message: str | None = None
    pods: tuple[PodFacts, ...] = ()
    events_problem: StartProblem | None = None
    """what the Job's Events said when it had no pod; read once"""
    events_read: bool = False
    pod_events: PodEvents | None = None
    """of a pod that was slow to start"""

    @property
    def alive(self) -> bool:
        """Does it hold its slot: the Job is unfinished, or a pod may still run?"""
        return (self.job_exists and not (self.complete or self.failed)) or any(p.alive for p in self.pods)

    @property
    def pod(self) -> PodFacts | None:
        """The pod that tells most: one whose `main` runs, else one whose `main` ended, else the newest.

        There is one, but for a Job that others suspended and resumed.
        """
        if not self.pods:
            return None
        return max(self.pods, key=lambda p: (p.main_running, p.main_ended, p.start_time or 0.0, p.uid))


@dataclass(frozen=True, slots=True)
class StoredEnd:
    """The final phase that SQL has for a job whose object does not have it (an older etcd came back)."""

    phase: Phase
    result: str | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """All that `decide` knows of one MlJob."""

    uid: str
    namespace: str
    name: str
    created_time: float
    spec: SpecFacts
    status: StatusFacts
    definition: DefinitionFacts | Refusal | None
    """None: its definition has not been judged yet; wait"""
    generation: int = 1
    resource_version: str = ""
    deleting: bool = False
    has_record_finalizer: bool = False
    recorded: tuple[int, Rank] | None = None
    """the version of its row that SQL is known to hold"""
    stored_end: StoredEnd | None = None
    attempt: AttemptFacts | None = None
    """the latest attempt, when one was ever made"""
    in_flight: bool = False
    """the creation of an attempt is on its way: whether there is a Job is not known"""
    exclusive_holder: str | None = None
    """name of the earlier unfinished job with the same exclusive key"""
    ttl_seconds: int | None = None
    """how long it stays once final, as spec, definition and configuration say; None: for good"""
    queue_deadline_seconds: int | None = None
    held_until: float | None = None
    """the API server refused its Job (a quota): not before then"""
    labels: dict[str, str] = field(default_factory=dict)

    @property
    def unsettled(self) -> AttemptFacts | None:
        """The latest attempt, if its end is not yet in the status."""
        if self.attempt is None or self.status.settled(self.attempt.number):
            return None
        return self.attempt

    @property
    def seen_running(self) -> bool:
        """Was the container of the attempt under way seen to run, even if its pod can no longer be read?"""
        return self.status.phase is Phase.RUNNING
