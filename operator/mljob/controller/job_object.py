"""The Kubernetes Job of an attempt, as far as decisions need it, and how it is read. Pure."""

import math
from dataclasses import dataclass, field
from typing import Any

from mljob.api import names
from mljob.controller.parse import parse_time
from mljob.core.policy import AttemptPolicy

Json = dict[str, Any]


@dataclass(slots=True)
class JobObject:
    """Two that are equal cannot be told apart by any decision."""

    name: str
    uid: str
    resource_version: int = field(compare=False)
    created_time: float
    taken_up_time: float
    policy: AttemptPolicy
    suspended: bool
    stop_reason: str | None
    complete: bool
    failed: bool
    finished_time: float | None
    failed_reason: str | None
    failed_message: str | None
    source: str | None
    """name of the source ConfigMap that its pod mounts"""


def parse_job_object(body: Json) -> JobObject:
    """A Job of ours."""
    metadata, spec, status = body["metadata"], body["spec"], body.get("status") or {}
    conditions = {c["type"]: c for c in status.get("conditions") or () if c.get("status") == "True"}
    failed = conditions.get("Failed")
    complete = conditions.get("Complete")
    annotations = metadata.get("annotations") or {}
    volumes = spec["template"]["spec"].get("volumes") or ()
    source = next((v["configMap"].get("name") for v in volumes if v.get("name") == names.VOLUME_SOURCE), None)
    return JobObject(
        name=metadata["name"],
        uid=metadata["uid"],
        resource_version=int(metadata["resourceVersion"]),
        created_time=parse_time(metadata.get("creationTimestamp")) or 0.0,
        taken_up_time=_taken_up_time(spec, status),
        policy=AttemptPolicy.from_json(annotations.get(names.ANNOTATION_POLICY)),
        suspended=bool(spec.get("suspend")),
        stop_reason=annotations.get(names.ANNOTATION_STOP_REASON),
        complete=complete is not None,
        failed=failed is not None,
        finished_time=parse_time((failed or complete or {}).get("lastTransitionTime")),
        failed_reason=(failed or {}).get("reason"),
        failed_message=(failed or {}).get("message"),
        source=source,
    )


def _taken_up_time(spec: Json, status: Json) -> float:
    """When its controller began with it. One that is suspended never gets a startTime."""
    started = parse_time(status.get("startTime"))
    if started is not None:
        return started
    return 0.0 if spec.get("suspend") else math.inf
