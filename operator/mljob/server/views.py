"""How jobs look over REST: rows as MLflow's Job, and as the fuller one of `/api/v1`. Pure.

Stored texts are other people's: whatever they hold, an answer can be written.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NoReturn

from mljob.api.job import Phase
from mljob.core.records import AttemptRecord, JobRecord
from mljob.core.status import JobStatus
from mljob.server.jobs import Found
from mljob.server.nesting import MAX_DEPTH, depth

View = dict[str, Any]


def mlflow_job(record: JobRecord) -> View:
    """Exactly MLflow's fields."""
    return {
        "job_id": record.uid,
        "job_name": record.job_name,
        "params": params_of(record),
        "timeout": None if record.timeout_seconds is None else float(record.timeout_seconds),
        "status": status_text(record.phase),
        "result": parsed_result(record),
        "retry_count": record.retry_count,
        "creation_time": record.creation_time_ms,
        "last_update_time": record.last_update_time_ms,
    }


def job_view(record: JobRecord, *, stored: bool = True) -> View:
    """A job in lists and as the answer to a submission."""
    succeeded = record.phase is Phase.SUCCEEDED
    return {
        "id": record.uid,
        "namespace": record.namespace,
        "name": record.name,
        "jobName": record.job_name,
        "phase": record.phase.value,
        "status": status_text(record.phase),
        "reason": record.reason,
        "message": record.message,
        "params": params_of(record),
        "paramsJSON": record.params,
        "result": parsed_result(record) if succeeded else None,
        "resultJSON": record.result if succeeded else None,
        "error": None if succeeded else record.result,
        "activeDeadlineSeconds": record.timeout_seconds,
        "priority": record.priority,
        "group": record.group,
        "submittedBy": record.submitted_by,
        "attempt": record.attempt,
        "retryCount": record.retry_count,
        "disruptionCount": record.disruption_count,
        "creationTime": moment(record.creation_time_ms),
        "startTime": moment(record.start_time_ms),
        "completionTime": moment(record.completion_time_ms),
        "nextRetryTime": moment(record.next_retry_time_ms),
        "lastUpdateTime": moment(record.last_update_time_ms),
        "stored": stored,
    }


def job_detail(found: Found, attempts: Sequence[AttemptRecord]) -> View:
    """One job: its row, its attempts, and what only the object has."""
    item = found.item
    spec: Mapping[str, Any] = item["spec"] if item else {}
    status: Mapping[str, Any] = (item.get("status") or {}) if item else {}
    metadata: Mapping[str, Any] = item["metadata"] if item else {}
    return {
        **job_view(found.record, stored=found.stored),
        "inCluster": item is not None,
        "labels": dict(metadata.get("labels") or {}),
        "cancelRequested": bool(spec.get("cancel")),
        "suspended": bool(spec.get("suspend")),
        "currentJob": status.get("currentJob"),
        "currentPod": status.get("currentPod"),
        "conditions": list(status.get("conditions") or ()),
        "attempts": attempt_views(attempts),
    }


def attempt_views(attempts: Iterable[AttemptRecord]) -> list[View]:
    """Without the log tail: `/logs` has it."""
    return [
        {
            "attempt": attempt.attempt,
            "finished": attempt.finished,
            "job": attempt.job,
            "pod": attempt.pod,
            "node": attempt.node,
            "image": attempt.image,
            "imageDigest": attempt.image_digest,
            "requestedCpuMillis": attempt.requested_cpu_millis,
            "requestedMemoryBytes": attempt.requested_memory_bytes,
            "requestedGpus": attempt.requested_gpus,
            "creationTime": moment(attempt.created_time_ms),
            "startTime": moment(attempt.start_time_ms),
            "completionTime": moment(attempt.completion_time_ms),
            "exitCode": attempt.exit_code,
            "reason": attempt.reason,
            "message": attempt.message,
            "error": attempt.error,
            "traceback": attempt.traceback,
        }
        for attempt in attempts
    ]


def status_text(phase: Phase) -> str:
    """MLflow's name. A phase of a later version keeps its own."""
    try:
        return JobStatus.from_phase(phase).value
    except KeyError:
        return phase.value


def params_of(record: JobRecord) -> View:
    """The params as an object; empty where their text cannot be read."""
    try:
        value = _parse(record.params or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def parsed_result(record: JobRecord) -> Any:  # noqa: ANN401 - whatever the function returned
    """The value when it succeeded, the error's text when it failed, else None."""
    if record.result is None or record.phase not in (Phase.SUCCEEDED, Phase.FAILED):
        return None
    if record.phase is Phase.FAILED:
        return record.result
    try:
        return _parse(record.result)
    except ValueError:
        return record.result


def moment(time_ms: int | None) -> str | None:
    """RFC 3339 in UTC, to the millisecond."""
    if time_ms is None:
        return None
    text = datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def _parse(text: str) -> Any:  # noqa: ANN401 - any JSON value
    """Raises ValueError for what could not be written again: deep nesting, NaN, numbers beyond a float."""
    if depth(text.encode("utf-8", "replace")) > 4 * MAX_DEPTH:
        raise ValueError("nested too deeply")
    return json.loads(text, parse_constant=_refuse, parse_float=_finite)


def _finite(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _refuse(text)


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON number")
