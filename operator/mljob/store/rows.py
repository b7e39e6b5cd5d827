"""Records to rows and back: which field lies in which column, and how long it may be. Reads no database."""

import logging
import math
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from sqlalchemy import RowMapping

from mljob.api.job import Phase
from mljob.core.records import AttemptRecord, JobRecord, Rank
from mljob.core.status import JobStatus
from mljob.store import texts
from mljob.store.errors import StoreError
from mljob.store.query import Known

log = logging.getLogger(__name__)

# Columns of `job_attempts` that hold a field of AttemptRecord as it is.
PLAIN_ATTEMPT_FIELDS = (
    "requested_cpu_millis",
    "requested_memory_bytes",
    "requested_gpus",
    "exit_code",
)
_ATTEMPT_TIMES = ("created_time", "start_time", "completion_time")
_ATTEMPT_HEADS = {
    "pod": 253,
    "pod_uid": texts.ID_CHARS,
    "node": 253,
    "image": 2048,
    "image_digest": 2048,
    "reason": texts.REASON_CHARS,
    "message": texts.MESSAGE_CHARS,
    "error": texts.ERROR_CHARS,
}
_ATTEMPT_TAILS = {"traceback": texts.TRACEBACK_CHARS, "log_tail": texts.LOG_TAIL_CHARS}

Row = dict[str, Any]
_T = TypeVar("_T")
_R = TypeVar("_R")


def status_of(phase: Phase) -> JobStatus:
    """Phases are an open list, the column is none. Raises StoreError for one that has no status."""
    try:
        return JobStatus.from_phase(phase)
    except KeyError:
        raise StoreError(f"phase {phase.value!r} has no status; expected one of {', '.join(Phase)}") from None


def row_of_job(record: JobRecord) -> Row:
    """Raises StoreError for a phase that has no status."""
    try:
        status = status_of(record.phase)
    except StoreError as error:
        raise StoreError(f"the row of job {record.uid} cannot be written: {error}") from error
    return {
        "id": texts.identity(record.uid, texts.ID_CHARS),
        "creation_time": record.creation_time_ms,
        "job_name": texts.identity(record.job_name),
        "params": _map(texts.clean, record.params),
        "timeout": record.timeout_seconds,
        "status": status.to_int(),
        "result": _map(_result_text(status), record.result),
        "retry_count": record.retry_count,
        "last_update_time": record.last_update_time_ms,
        "cluster": texts.identity(record.cluster, 64),
        "namespace": texts.identity(record.namespace, 63),
        "name": texts.identity(record.name, 253),
        "attempt": record.attempt,
        "rank": int(record.rank),
        "reason": _head(record.reason, texts.REASON_CHARS),
        "message": _head(record.message, texts.MESSAGE_CHARS),
        "disruption_count": record.disruption_count,
        "start_time": record.start_time_ms,
        "completion_time": record.completion_time_ms,
        "next_retry_time": record.next_retry_time_ms,
        "priority": record.priority,
        "job_group": _map(texts.identity, record.group),
        "submitted_by": _map(texts.identity, record.submitted_by),
        "exclusive_key": _map(texts.identity, record.exclusive_key),
    }


def known_of_row(row: RowMapping) -> Known:
    """Raises StoreError for what no row of this version holds: another one, or another program, wrote it."""
    try:
        return Known(row["attempt"], Rank(row["rank"]), JobStatus.from_int(row["status"]).to_phase())
    except ValueError as error:
        raise StoreError(f"the row of job {row['id']} cannot be read: {error}") from error


def readable(rows: Iterable[RowMapping], read: Callable[[RowMapping], _R]) -> list[_R]:
    """What `read` makes of the rows. One that it cannot read is left out: it must not hide all others."""
    found: list[_R] = []
    for row in rows:
        try:
            found.append(read(row))
        except StoreError as error:
            log.warning("left out: %s", error)
    return found


def job_of_row(row: RowMapping) -> JobRecord:
    """Raises StoreError as `known_of_row` does."""
    known = known_of_row(row)
    return JobRecord(
        uid=row["id"],
        cluster=row["cluster"],
        namespace=row["namespace"],
        name=row["name"],
        job_name=row["job_name"],
        creation_time_ms=row["creation_time"],
        attempt=row["attempt"],
        rank=Rank(known.rank),
        phase=known.phase,
        last_update_time_ms=row["last_update_time"],
        params=row["params"],
        timeout_seconds=_map(math.ceil, row["timeout"]),
        reason=row["reason"],
        message=row["message"],
        result=row["result"],
        retry_count=row["retry_count"],
        disruption_count=row["disruption_count"],
        start_time_ms=row["start_time"],
        completion_time_ms=row["completion_time"],
        next_retry_time_ms=row["next_retry_time"],
        priority=row["priority"],
        group=row["job_group"],
        submitted_by=row["submitted_by"],
        exclusive_key=row["exclusive_key"],
    )


def row_of_attempt(record: AttemptRecord) -> Row:
    row: Row = {
        "job_id": texts.identity(record.uid, texts.ID_CHARS),
        "attempt": record.attempt,
        "cluster": texts.identity(record.cluster, 64),
        "finished": record.finished,
        "job": texts.head(record.job, 253),
    }
    row |= {name: getattr(record, name) for name in PLAIN_ATTEMPT_FIELDS}
    row |= {name: getattr(record, f"{name}_ms") for name in _ATTEMPT_TIMES}
    row |= {name: _head(getattr(record, name), limit) for name, limit in _ATTEMPT_HEADS.items()}
    row |= {name: _tail(getattr(record, name), limit) for name, limit in _ATTEMPT_TAILS.items()}
    return row


def attempt_of_row(row: RowMapping) -> AttemptRecord:
    plain = (*PLAIN_ATTEMPT_FIELDS, *_ATTEMPT_HEADS, *_ATTEMPT_TAILS, "attempt", "cluster", "finished", "job")
    return AttemptRecord(
        uid=row["job_id"],
        **{name: row[name] for name in plain},
        **{f"{name}_ms": row[name] for name in _ATTEMPT_TIMES},
    )


def _result_text(status: JobStatus) -> Callable[[str], str]:
    """A result is JSON: cut, it would be none. An error is for people."""
    if status is JobStatus.SUCCEEDED:
        return texts.clean
    return lambda text: texts.head(text, texts.ERROR_CHARS)


def _map(function: Callable[[_T], _R], value: _T | None) -> _R | None:
    return None if value is None else function(value)


def _head(text: str | None, limit_chars: int) -> str | None:
    return None if text is None else texts.head(text, limit_chars)


def _tail(text: str | None, limit_chars: int) -> str | None:
    return None if text is None else texts.tail(text, limit_chars)
