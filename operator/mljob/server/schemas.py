"""Bodies and queries as callers send them, and answers as OpenAPI describes them.

Answers are written from rows by `views.py`; a test holds the two together.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, Json
from pydantic.alias_generators import to_camel

from mljob.api.common import DelaySeconds, JobName, Model, ObjectName, Priority, Seconds
from mljob.api.job import Overrides
from mljob.core.status import JobStatus
from mljob.store import MAX_PAGE_ROWS, Order

MAX_SEARCHED_PARAMS = 32

KnownPhase = Literal["Pending", "Running", "Succeeded", "Failed", "TimedOut", "Canceled"]
"""Not the resource's open list: no row can have another one."""


class MlflowStatus(StrEnum):
    """The statuses that MLflow's routes take."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    TIMEOUT = "TIMEOUT"


class MlflowSubmission(BaseModel):
    """Unknown fields are ignored, null equals absent."""

    job_name: str
    params: dict[str, Any]
    timeout: float | None = None
    """Seconds."""


class MlflowSearch(BaseModel):
    """All that is set must hold; an empty list of statuses filters nothing."""

    job_name: str | None = None
    params: Annotated[dict[str, Any] | None, Field(max_length=MAX_SEARCHED_PARAMS)] = None
    statuses: list[MlflowStatus] | None = None


class MlflowJob(BaseModel):
    """A job as MLflow's clients know it. Times in milliseconds since the epoch."""

    job_id: str
    job_name: str
    params: dict[str, Any]
    timeout: float | None
    status: JobStatus
    result: Any
    retry_count: int
    creation_time: int
    last_update_time: int


class MlflowJobs(BaseModel):
    """The answer to a search, oldest first."""

    jobs: list[MlflowJob]


class Submission(Model):
    """A submission with all options."""

    job_name: JobName
    """The definition's job name."""
    namespace: ObjectName | None = None
    """Default: the server's."""
    params: dict[str, Any] | None = None
    """The parameters as an object."""
    params_json: Annotated[str | None, Field(alias="paramsJSON")] = None
    """The parameters as the exact text of a JSON object, instead of `params`."""
    timeout: float | None = None
    """Seconds of run time of one attempt, rounded up; the same as activeDeadlineSeconds."""
    active_deadline_seconds: Seconds | None = None
    """Run time of one attempt. Default: the definition's."""
    start_deadline_seconds: Seconds | None = None
    """How long the admitted job may take to start. Default: the definition's."""
    queue_deadline_seconds: Seconds | None = None
    """How long the job may wait for its turn. Default: the definition's."""
    ttl_seconds_after_finished: DelaySeconds | None = None
    """How long the finished job stays in the cluster. Default: the definition's."""
    priority: Priority | None = None
    """Higher goes first; at most the definition's maxPriority. Default 0."""
    overrides: Overrides | None = None
    """Resources and environment of this job, where the definition allows it."""
    suspend: bool | None = None
    """Submit without being admitted until `spec.suspend` is taken back."""
    group: JobName | None = None
    """A name that jobs of one sweep share."""
    labels: dict[str, str] | None = None
    """Labels of the MlJob, copied to its Job and pod."""


class JobQuery(BaseModel):
    """Filters of the list; all that is set must hold, of a repeated one any."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")

    namespace: list[str] | None = None
    job_name: str | None = None
    status: list[JobStatus] | None = None
    phase: list[KnownPhase] | None = None
    group: str | None = None
    submitted_by: str | None = None
    created_from: AwareDatetime | None = None
    """RFC 3339, inclusive."""
    created_before: AwareDatetime | None = None
    """RFC 3339, exclusive."""
    params: Annotated[Json[dict[str, Any]] | None, Field(max_length=MAX_SEARCHED_PARAMS)] = None
    """JSON text of an object: jobs that have at least these values."""
    error: Annotated[str, Field(max_length=1000)] | None = None
    """Text within the error or message of a job that did not succeed."""
    order: Order = Order.NEWEST_FIRST
    page_size: Annotated[int, Field(ge=1, le=MAX_PAGE_ROWS)] = 100
    cursor: Annotated[str, Field(max_length=4096)] | None = None
    """`nextCursor` of the page before."""


class LogQuery(BaseModel):
    """Which part of a log."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")

    attempt: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """Default: the latest."""
    follow: bool = False
    """Stay until the container ends."""
    tail_lines: Annotated[int, Field(ge=0, le=10_000_000)] | None = None
    """Only the last lines."""
    timestamps: bool = False
    """RFC 3339 time before each line."""


class _Answer(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class JobView(_Answer):
    """A job. Times are RFC 3339 in UTC."""

    id: str
    namespace: str
    name: str
    job_name: str
    phase: str
    status: str
    reason: str | None
    message: str | None
    params: dict[str, Any]
    params_json: Annotated[str | None, Field(alias="paramsJSON")]
    result: Any
    result_json: Annotated[str | None, Field(alias="resultJSON")]
    error: str | None
    active_deadline_seconds: int | None
    priority: int
    group: str | None
    submitted_by: str | None
    attempt: int
    retry_count: int
    disruption_count: int
    creation_time: datetime
    start_time: datetime | None
    completion_time: datetime | None
    next_retry_time: datetime | None
    last_update_time: datetime
    stored: bool
    """False: the row is not in SQL yet because the database is away."""


class AttemptView(_Answer):
    """One attempt: one Kubernetes Job, one pod."""

    attempt: int
    finished: bool
    job: str
    pod: str | None
    node: str | None
    image: str | None
    image_digest: str | None
    requested_cpu_millis: int | None
    requested_memory_bytes: int | None
    requested_gpus: int | None
    creation_time: datetime | None
    start_time: datetime | None
    completion_time: datetime | None
    exit_code: int | None
    reason: str | None
    message: str | None
    error: str | None
    traceback: str | None


class JobDetail(JobView):
    """One job, with what only its object knows."""

    in_cluster: bool
    """Whether its object still exists (and the API server answers)."""
    labels: dict[str, str]
    cancel_requested: bool
    suspended: bool
    current_job: str | None
    current_pod: str | None
    conditions: list[dict[str, Any]]
    attempts: list[AttemptView]


class JobPage(_Answer):
    """Some jobs in order."""

    jobs: list[JobView]
    next_cursor: str | None
    """For the next page; null: there are no more now."""


class AttemptList(_Answer):
    """All attempts of a job, the first first."""

    attempts: list[AttemptView]


class ProblemDetails(BaseModel):
    """RFC 9457, as `application/problem+json`; further members by type."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str


class MlflowError(BaseModel):
    """What MLflow's routes answer instead of a job."""

    detail: Any
