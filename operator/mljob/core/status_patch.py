"""The merge patch from one status to another: what changed and nothing else."""

from datetime import UTC, datetime
from typing import Any

from mljob.core.facts import Condition, StatusFacts

Json = dict[str, Any]

_TEXTS = {
    "reason": "reason",
    "message": "message",
    "result": "result",
    "error": "error",
    "current_job": "currentJob",
    "current_pod": "currentPod",
    "definition_uid": "definitionUid",
}
_NUMBERS = {
    "attempt": "attempt",
    "retry_count": "retryCount",
    "disruption_count": "disruptionCount",
    "observed_generation": "observedGeneration",
}
_TIMES = {
    "start_time": "startTime",
    "completion_time": "completionTime",
    "next_retry_time": "nextRetryTime",
    "queued_time": "queuedTime",
}


def status_patch(old: StatusFacts, new: StatusFacts) -> Json | None:
    """The body under `status`; None: nothing that a reader would notice has changed."""
    changed: Json = {}
    if new.phase != old.phase:
        changed["phase"] = str(new.phase)
    for attribute, field in (_TEXTS | _NUMBERS).items():
        value = getattr(new, attribute)
        if value != getattr(old, attribute):
            changed[field] = value
    for attribute, field in _TIMES.items():
        value = getattr(new, attribute)
        if format_time(value) != format_time(getattr(old, attribute)):
            changed[field] = format_time(value)
    if new.conditions != old.conditions:
        changed["conditions"] = [_condition(c) for c in new.conditions]
    if set(changed) == {"observedGeneration"}:
        # Having looked again is not news.
        return None
    if new.phase.is_final and not old.phase.is_final and new.start_time and new.completion_time:
        changed["duration"] = format_duration(new.completion_time - new.start_time)
    return changed or None


def format_time(seconds: float | None) -> str | None:
    """RFC 3339 in UTC, to the second, as Kubernetes writes times."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def format_duration(seconds: float) -> str:
    """`42s`, `1m12s`, `3h04m`, as kubectl's tables have it."""
    whole = max(0, int(seconds))
    minutes, rest = divmod(whole, 60)
    hours, minutes_rest = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes_rest:02d}m"
    return f"{minutes}m{rest:02d}s" if minutes else f"{whole}s"


def _condition(condition: Condition) -> Json:
    return {
        "type": condition.type,
        "status": "True" if condition.status else "False",
        "reason": condition.reason,
        "message": condition.message,
        "lastTransitionTime": format_time(condition.since),
    }
