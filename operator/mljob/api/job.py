"""The MlJob resource: one submission."""

import json
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal, NoReturn, Self

from pydantic import AfterValidator, Field, WithJsonSchema

from mljob.api import names
from mljob.api.common import (
    DelaySeconds,
    JobName,
    Lenient,
    Model,
    NullIsAbsent,
    ObjectMeta,
    Priority,
    Resource,
    Seconds,
)
from mljob.api.conditions import Conditions
from mljob.api.definition import MlJobDefinitionSpec
from mljob.api.pod import Env, Resources
from mljob.api.rules import Rule, Transition
from mljob.api.structural import STORED_DEFAULT

MAX_PARAMS_BYTES = 128 * 1024


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

    @property
    def is_known(self) -> bool:
        """Has this version a name for it?"""
        return self in tuple(Phase)

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        """A phase of a later version is kept as it is: a member of its own, equal to its text."""
        if not isinstance(value, str) or not value:
            return None
        member = str.__new__(cls, value)
        member._name_ = member._value_ = value
        return member


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


def _check_size(text: str) -> None:
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_PARAMS_BYTES:
        raise ValueError(
            f"params are {size} bytes of JSON, at most {MAX_PARAMS_BYTES} (128 KiB) fit: "
            "pass a URI to larger data"
        )


def _json_object(text: str) -> str:
    """Exact text of a JSON object, readable by the runner's own `json.loads`."""
    _check_size(text)
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("paramsJSON is nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"paramsJSON is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise ValueError(f"paramsJSON must be the text of a JSON object, found {type(value).__name__}")
    return text


def _params_object(params: dict[str, Any]) -> dict[str, Any]:
    try:
        text = json.dumps(params, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"params cannot be written as JSON: {error}") from None
    _check_size(text)
    return params


ParamsJSON = Annotated[
    str,
    Field(
        max_length=MAX_PARAMS_BYTES, json_schema_extra={"pattern": r"^[ \t\r\n]*\{(.|[\r\n])*\}[ \t\r\n]*$"}
    ),
    AfterValidator(_json_object),
]
Params = Annotated[
    dict[str, Any],
    AfterValidator(_params_object),
    WithJsonSchema(
        {
            "type": "object",
            "x-kubernetes-preserve-unknown-fields": True,
            # Else managedFields hold every key a second time.
            "x-kubernetes-map-type": "atomic",
        }
    ),
]


class Overrides(Model):
    """What one job sets itself, where its definition allows it."""

    resources: Resources | None = None
    """Resources of the container `main`; merged by resource name."""
    env: Annotated[Env, NullIsAbsent] = ()
    """Environment of the container `main`; merged by name."""


class MlJobSpec(Model):
    """What to run, with which parameters, under which limits."""

    job_name: JobName
    """The definition's job name. It cannot change."""
    params: Params | None = None
    """Parameters as an object, for people; 128 KiB of JSON. They cannot change."""
    params_json: Annotated[ParamsJSON | None, Field(alias="paramsJSON")] = None
    """Parameters as the exact text of a JSON object, for programs; 128 KiB of UTF-8. It cannot change."""
    active_deadline_seconds: Seconds | None = None
    """Run time of one attempt, from the runner's start. Default: the definition's."""
    start_deadline_seconds: Seconds | None = None
    """How long the admitted job may take to start. Default: the definition's."""
    queue_deadline_seconds: Seconds | None = None
    """How long the job may wait for its turn. Default: the definition's."""
    ttl_seconds_after_finished: DelaySeconds | None = None
    """How long the finished job stays in the cluster, however it ended. Default: the definition's."""
    priority: Annotated[Priority, NullIsAbsent] = 0
    """Higher goes first, then the order of submission; at most the definition's maxPriority. Default 0."""
    overrides: Overrides | None = None
    """Resources and environment of this job, where the definition allows it. They cannot change."""
    suspend: Annotated[bool, NullIsAbsent] = False
    """A waiting job keeps its place and is not admitted; a running one is stopped and runs anew later."""
    cancel: Annotated[bool, NullIsAbsent] = False
    """End in Canceled. One way: it cannot be taken back."""
    definition: MlJobDefinitionSpec | None = None
    """The definition inline, for a manifest that stands alone. It cannot change."""

    rules: ClassVar = (
        Rule(
            cel="!has(self.params) || !has(self.paramsJSON)",
            holds=lambda spec: spec.params is None or spec.params_json is None,
            message="params and paramsJSON exclude each other: set one",
            field=".paramsJSON",
        ),
        Rule(
            cel=f"!has(self.paramsJSON) || bytes(self.paramsJSON).size() <= {MAX_PARAMS_BYTES}",
            holds=lambda spec: True,  # The field's own type says it in Python.
            message="paramsJSON is larger than 128 KiB of UTF-8: pass a URI to larger data",
            field=".paramsJSON",
        ),
        Rule(
            cel="!has(self.definition) || !has(self.definition.jobName)",
            holds=lambda spec: spec.definition is None or spec.definition.job_name is None,
            message="definition.jobName: spec.jobName names the job, set it there alone",
            field=".definition.jobName",
        ),
    )
    transitions: ClassVar = (
        Transition(
            cel="self.jobName == oldSelf.jobName",
            holds=lambda new, old: new.job_name == old.job_name,
            message="jobName cannot change: submit another MlJob",
            field=".jobName",
        ),
        Transition(
            cel="has(self.params) == has(oldSelf.params)",
            holds=lambda new, old: new.params == old.params,
            message="params cannot change: submit another MlJob",
            field=".params",
        ),
        Transition(
            cel="has(self.paramsJSON) == has(oldSelf.paramsJSON) && "
            "(!has(self.paramsJSON) || self.paramsJSON == oldSelf.paramsJSON)",
            holds=lambda new, old: new.params_json == old.params_json,
            message="paramsJSON cannot change: submit another MlJob",
            field=".paramsJSON",
        ),
        Transition(
            cel="has(self.definition) == has(oldSelf.definition)",
            holds=lambda new, old: new.definition == old.definition,
            message="definition cannot change: submit another MlJob",
            field=".definition",
        ),
        Transition(
            cel="has(self.overrides) == has(oldSelf.overrides)",
            holds=lambda new, old: new.overrides == old.overrides,
            message="overrides cannot change: submit another MlJob",
            field=".overrides",
        ),
        Transition(
            cel="!has(oldSelf.cancel) || !oldSelf.cancel || (has(self.cancel) && self.cancel)",
            holds=lambda new, old: new.cancel or not old.cancel,
            message="cancel cannot be taken back: submit another MlJob",
            field=".cancel",
        ),
    )

    def params_text(self) -> str:
        """The exact JSON text the job gets: paramsJSON unchanged, or params as `json.dumps` writes them."""
        return self.params_json if self.params_json is not None else json.dumps(self.params or {})


class MlJobStatus(Lenient):
    """How far the job has come. Written by the operator alone."""

    phase: Annotated[
        Phase, WithJsonSchema({"type": "string", "default": "Pending", STORED_DEFAULT: True}), NullIsAbsent
    ] = Phase.PENDING
    """Pending, Running, Succeeded, Failed, TimedOut or Canceled; more may come."""
    reason: str | None = None
    """Why the job is in this phase, in one CamelCase word."""
    message: str | None = None
    """Why, in a sentence."""
    attempt: Annotated[int, NullIsAbsent] = 0
    """The number of the latest attempt, from 1."""
    retry_count: Annotated[int, NullIsAbsent] = 0
    """Retries after transient errors."""
    disruption_count: Annotated[int, NullIsAbsent] = 0
    """New attempts after disruptions."""
    start_time: datetime | None = None
    """When the latest attempt started to run."""
    completion_time: datetime | None = None
    """When the job reached its final phase."""
    duration: str | None = None
    """How long the latest attempt ran, once it has ended: `1m12s`."""
    next_retry_time: datetime | None = None
    """When the next attempt is due."""
    queued_time: datetime | None = None
    """Since when it waits for its turn, if later than its creation."""
    result: str | None = None
    """The result as JSON text, up to 3,000 bytes; larger ones are where resultLocation says."""
    result_location: str | None = None
    """Where a large result is kept."""
    error: str | None = None
    """The error's text, if the job failed."""
    current_job: str | None = None
    """The Kubernetes Job of the latest attempt."""
    current_pod: str | None = None
    """The pod of the latest attempt."""
    definition_uid: str | None = None
    """The MlJobDefinition it was accepted with; it runs by no other."""
    observed_generation: int | None = None
    """The metadata.generation that was last acted upon."""
    conditions: Conditions = ()
    """Accepted, Admitted, and Complete and Failed as on a Job of batch/v1."""


class MlJob(Resource):
    """One submission of a job: a function or a container, run once to its end."""

    api_version: Literal["mljob.dev/v1alpha1"] = names.API_VERSION
    kind: Literal["MlJob"] = names.KIND_JOB
    metadata: ObjectMeta
    spec: MlJobSpec
    status: Annotated[MlJobStatus, NullIsAbsent] = MlJobStatus()
