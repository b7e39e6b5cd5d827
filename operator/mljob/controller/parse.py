"""From objects as the API server sends them to the values that decisions use. Pure; never raises on odd input
that the schema of the resource lets through."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NoReturn

from pydantic import ValidationError

from mljob.api import names
from mljob.api.common import explain
from mljob.api.definition import MlJobDefinitionSpec
from mljob.api.job import Phase
from mljob.core.facts import Condition, PodFacts, SpecFacts, StartProblem, StatusFacts
from mljob.core.quantity import parse_quantity
from mljob.core.refusal import Refusal

Json = dict[str, Any]

CREATION_STAMP_TOLERANCE_MS = 2_000
MAIN = "main"
INIT_MESSAGE_LIMIT_CHARACTERS = 1_000
LARGEST_INTEGER = 2**63 - 1
"""A quantity can be larger; a column of SQL cannot"""


def parse_time(text: str | None) -> float | None:
    """Seconds since the epoch of an RFC 3339 time in UTC."""
    if not text:
        return None
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None


def changed_time(metadata: Json) -> float:
    """When an object was last changed, as far as it tells: its creation, or the latest of its writers."""
    writers = (entry.get("time") for entry in metadata.get("managedFields") or ())
    return max(parse_time(text) or 0.0 for text in (metadata.get("creationTimestamp"), *writers))


def creation_time_ms(metadata: Mapping[str, Any]) -> int:
    """When it was submitted. A stamp of REST's is believed only if it fits the server's own to 2 s."""
    server_ms = int((parse_time(metadata.get("creationTimestamp")) or 0.0) * 1000)
    stamp = (metadata.get("annotations") or {}).get(names.ANNOTATION_CREATION_TIME, "")
    if not stamp.isdecimal() or len(stamp) > 15:
        return server_ms
    # creationTimestamp is cut to the second: the true moment lies up to one second after it.
    return int(stamp) if abs(int(stamp) - server_ms) <= CREATION_STAMP_TOLERANCE_MS else server_ms


def parse_status(status: Mapping[str, Any]) -> StatusFacts:
    """MlJob.status."""
    get = status.get
    return StatusFacts(
        phase=Phase(get("phase") or Phase.PENDING),
        reason=get("reason"),
        message=get("message"),
        attempt=get("attempt") or 0,
        retry_count=get("retryCount") or 0,
        disruption_count=get("disruptionCount") or 0,
        start_time=parse_time(get("startTime")),
        completion_time=parse_time(get("completionTime")),
        next_retry_time=parse_time(get("nextRetryTime")),
        queued_time=parse_time(get("queuedTime")),
        result=get("result"),
        error=get("error"),
        current_job=get("currentJob"),
        current_pod=get("currentPod"),
        definition_uid=get("definitionUid"),
        observed_generation=get("observedGeneration") or 0,
        conditions=tuple(_condition(c) for c in get("conditions") or ()),
    )


def _condition(found: Mapping[str, Any]) -> Condition:
    return Condition(
        found.get("type", ""),
        found.get("status") == "True",
        found.get("reason", ""),
        found.get("message", ""),
        parse_time(found.get("lastTransitionTime")) or 0.0,
    )


def parse_spec(spec: Mapping[str, Any]) -> SpecFacts:
    """MlJob.spec, its params reduced to their names."""
    param_names, params_error = _param_names(spec)
    return SpecFacts(
        job_name=spec.get("jobName", ""),
        param_names=param_names,
        params_error=params_error,
        active_deadline_seconds=spec.get("activeDeadlineSeconds"),
        start_deadline_seconds=spec.get("startDeadlineSeconds"),
        queue_deadline_seconds=spec.get("queueDeadlineSeconds"),
        ttl_seconds_after_finished=spec.get("ttlSecondsAfterFinished"),
        priority=spec.get("priority") or 0,
        suspend=bool(spec.get("suspend")),
        cancel=bool(spec.get("cancel")),
        overrides=spec.get("overrides"),
        definition=_inline_definition(spec.get("definition")),
    )


def _param_names(spec: Mapping[str, Any]) -> tuple[tuple[str, ...] | None, str | None]:
    text = spec.get("paramsJSON")
    if text is None:
        return tuple(spec.get("params") or ()), None
    try:
        found = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        return None, f"spec.paramsJSON is not JSON: {error}"
    if not isinstance(found, dict):
        return None, f"spec.paramsJSON must be the text of a JSON object, found {type(found).__name__}"
    return tuple(found), None


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON number")


def _inline_definition(found: Mapping[str, Any] | None) -> MlJobDefinitionSpec | Refusal | None:
    if found is None:
        return None
    try:
        return MlJobDefinitionSpec.model_validate(found)
    except ValidationError as error:
        lines = "; ".join(f"spec.definition.{line}" for line in explain(error))
        return Refusal("InvalidDefinition", lines)


def parse_pod(pod: Mapping[str, Any]) -> PodFacts:
    """A pod of an attempt."""
    metadata, spec, status = pod["metadata"], pod.get("spec") or {}, pod.get("status") or {}
    conditions = {c["type"]: c for c in status.get("conditions") or ()}
    statuses = status.get("containerStatuses") or ()
    main: Json = next((c for c in statuses if c.get("name") == MAIN), {})
    state = main.get("state") or {}
    ended = state.get("terminated")
    running = state.get("running")
    waiting = _waiting(status, state)
    scheduled = conditions.get("PodScheduled", {})
    disruption = conditions.get("DisruptionTarget", {})
    container: Json = next((c for c in spec.get("containers") or () if c.get("name") == MAIN), {})
    resources = container.get("resources") or {}
    requests = resources.get("requests") or {}
    return PodFacts(
        uid=metadata["uid"],
        name=metadata["name"],
        phase=status.get("phase") or "Pending",
        node=spec.get("nodeName"),
        start_time=parse_time(status.get("startTime")),
        active_deadline_seconds=spec.get("activeDeadlineSeconds"),
        deletion_time=parse_time(metadata.get("deletionTimestamp")),
        reason=status.get("reason"),
        message=status.get("message"),
        disruption=disruption.get("reason") if disruption.get("status") == "True" else None,
        waiting_reason=waiting.get("reason"),
        waiting_message=waiting.get("message"),
        unschedulable=(
            scheduled.get("message") or "Unschedulable"
            if scheduled.get("status") == "False" and scheduled.get("reason") == "Unschedulable"
            else None
        ),
        init_failure=_init_failure(status),
        main_running=running is not None,
        main_start_time=parse_time((ended or running or {}).get("startedAt")),
        main_end_time=parse_time((ended or {}).get("finishedAt")),
        main_exit_code=ended.get("exitCode") if ended else None,
        main_reason=(ended or {}).get("reason"),
        main_message=(ended or {}).get("message"),
        image=container.get("image"),
        image_digest=main.get("imageID") or None,
        memory_limit=(resources.get("limits") or {}).get("memory"),
        requested_cpu_millis=_scaled(requests.get("cpu"), 1000),
        requested_memory_bytes=_scaled(requests.get("memory"), 1),
        requested_gpus=_scaled(requests.get("nvidia.com/gpu"), 1),
    )


def newest_warning(events: Iterable[Mapping[str, Any]], since: float) -> StartProblem | None:
    """What went wrong last with a pod that is at its node, from its Warnings, oldest first.

    Not what was over before `since`, and not what the scheduler said: it has found a node.
    """
    for event in reversed(tuple(events)):
        if event.get("reason") != "FailedScheduling" and _last_seen(event) >= since:
            return StartProblem(str(event.get("reason") or "PodWarning"), str(event.get("message") or ""))
    return None


def _last_seen(event: Mapping[str, Any]) -> float:
    """When it happened last. An Event of the new kind that repeats has that in its series."""
    repeated = (event.get("series") or {}).get("lastObservedTime")
    times = (repeated, event.get("lastTimestamp"), event.get("eventTime"))
    return max(parse_time(text) or 0.0 for text in times)


def _waiting(status: Mapping[str, Any], main_state: Mapping[str, Any]) -> Json:
    """What a container waits for: the first init container that does, else `main`."""
    for container in status.get("initContainerStatuses") or ():
        waiting = (container.get("state") or {}).get("waiting")
        if waiting and waiting.get("reason") != "PodInitializing":
            return dict(waiting)
    return dict(main_state.get("waiting") or {})


def _init_failure(status: Mapping[str, Any]) -> str | None:
    """The first init container that failed, and what it said."""
    for container in status.get("initContainerStatuses") or ():
        ended = (container.get("state") or {}).get("terminated") or {}
        if ended.get("exitCode"):
            said = str(ended.get("message") or "").strip()[-INIT_MESSAGE_LIMIT_CHARACTERS:]
            failed = f"Init container {container.get('name')} exited with code {ended['exitCode']}"
            return f"{failed}: {said}" if said else failed
    return None


def _scaled(quantity: str | None, factor: int) -> int | None:
    if quantity is None:
        return None
    value = parse_quantity(str(quantity))
    return None if value is None else min(round(value * factor), LARGEST_INTEGER)
