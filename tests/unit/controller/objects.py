"""Objects as the API server sends them, for tests of the controller. Each call is a new object."""

from typing import Any

from mljob.api import names
from mljob.core.policy import AttemptPolicy
from mljob.core.status_patch import format_time

Json = dict[str, Any]
NOW = 1_790_000_000.0
NAMESPACE = "default"


def uid_of(name: str) -> str:
    return f"uid-of-{name}"


def an_mljob(
    name: str = "a",
    *,
    version: int = 1,
    job_name: str = "train",
    namespace: str = NAMESPACE,
    status: Json | None = None,
    annotations: dict[str, str] | None = None,
    created: float = NOW,
    **spec: Any,
) -> Json:
    return {
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": uid_of(name),
            "resourceVersion": str(version),
            "generation": 1,
            "creationTimestamp": format_time(created),
            "annotations": annotations or {},
        },
        "spec": {"jobName": job_name, **spec},
        "status": {"phase": "Pending"} | (status or {}),
    }


def running(attempt: int = 1) -> Json:
    return {"phase": "Running", "attempt": attempt, "currentJob": f"job-{attempt}"}


def settled(attempt: int = 1) -> Json:
    """Its attempt has ended, and the status says so."""
    return {"phase": "Pending", "attempt": attempt, "reason": "Backoff"}


def final(phase: str = "Succeeded", attempt: int = 1) -> Json:
    return {"phase": phase, "attempt": attempt, "currentJob": f"job-{attempt}"}


def a_kube_job(
    name: str = "a",
    attempt: int = 1,
    *,
    version: int = 1,
    namespace: str = NAMESPACE,
    job_name: str = "train",
    ended: str | None = None,
    owner_kind: str = names.KIND_JOB,
    uid: str | None = None,
) -> Json:
    """The Job of an attempt; `ended`: type of its last condition, Complete or Failed."""
    conditions = [{"type": ended, "status": "True", "lastTransitionTime": format_time(NOW)}] if ended else []
    return {
        "metadata": {
            "name": f"{name}-{attempt}",
            "namespace": namespace,
            "uid": uid or uid_of(f"job-{name}-{attempt}"),
            "resourceVersion": str(version),
            "creationTimestamp": format_time(NOW),
            "labels": _labels(name, attempt, job_name),
            "annotations": {names.ANNOTATION_POLICY: AttemptPolicy(function="m.f").to_json()},
            "ownerReferences": [{"kind": owner_kind, "uid": uid_of(name), "controller": True}],
        },
        "spec": {"template": {"spec": {}}},
        "status": {"conditions": conditions},
    }


def a_pod(
    name: str = "a",
    attempt: int = 1,
    *,
    version: int = 1,
    namespace: str = NAMESPACE,
    job_name: str = "train",
    phase: str = "Running",
    exit_code: int | None = None,
    owner: str | None = None,
    replica: str = "x",
) -> Json:
    terminated = {"exitCode": exit_code, "startedAt": format_time(NOW), "finishedAt": format_time(NOW)}
    state = {"terminated": terminated} if exit_code is not None else {"running": {}}
    return {
        "metadata": {
            "name": f"{name}-{attempt}-{replica}",
            "namespace": namespace,
            "uid": uid_of(f"pod-{name}-{attempt}-{replica}"),
            "resourceVersion": str(version),
            "labels": _labels(name, attempt, job_name),
            "ownerReferences": [
                {"kind": "Job", "uid": owner or uid_of(f"job-{name}-{attempt}"), "controller": True}
            ],
        },
        "spec": {"containers": [{"name": "main"}]},
        "status": {"phase": phase, "containerStatuses": [{"name": "main", "state": state}]},
    }


def _labels(name: str, attempt: int, job_name: str) -> dict[str, str]:
    return {
        names.LABEL_UID: uid_of(name),
        names.LABEL_ATTEMPT: str(attempt),
        names.LABEL_JOB_NAME: job_name,
    }
