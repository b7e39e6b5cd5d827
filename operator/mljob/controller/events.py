"""Events for people: one object per attempt, by name, so that a repeat after a crash adds none."""

from typing import Any

from mljob.api import names
from mljob.controller.view import JobEntry
from mljob.core.decision import Note
from mljob.core.status_patch import format_time

NAME_LIMIT = 253
MESSAGE_LIMIT = 1_024


def event_for(entry: JobEntry, note: Note, attempt: int, now: float) -> dict[str, Any]:
    """The core/v1 Event about a job."""
    suffix = f".{entry.uid[:8]}.{attempt}"
    # What is cut must not end in the middle of a label.
    head = entry.name[: NAME_LIMIT - len(suffix)].rstrip("-.")
    when = format_time(now)
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": head + suffix, "namespace": entry.namespace},
        "involvedObject": {
            "apiVersion": names.API_VERSION,
            "kind": names.KIND_JOB,
            "name": entry.name,
            "namespace": entry.namespace,
            "uid": entry.uid,
        },
        "type": "Warning" if note.warning else "Normal",
        "reason": note.reason,
        "message": note.message[:MESSAGE_LIMIT],
        "source": {"component": "mljob-operator"},
        "reportingComponent": "mljob.dev/operator",
        "reportingInstance": "mljob-operator",
        "firstTimestamp": when,
        "lastTimestamp": when,
        "count": 1,
    }
