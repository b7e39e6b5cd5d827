"""Records for store tests: `a_job("train").running(1)` in place of thirty lines of fields."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from mljob.api.job import Phase
from mljob.core.records import AttemptRecord, JobRecord, Rank
from sqlalchemy import Connection, Engine, event

CLUSTER = "0a1b2c3d-0000-4000-8000-000000000000"
T0_MS = 1_790_000_000_000


def new_uid() -> str:
    return str(uuid.uuid4())


def a_job(job_name: str = "train", **fields: Any) -> JobRecord:
    """A job that has just been submitted."""
    uid = fields.pop("uid", None) or new_uid()
    defaults: dict[str, Any] = {
        "uid": uid,
        "cluster": CLUSTER,
        "namespace": "default",
        "name": f"{job_name}-{uid[:8]}",
        "job_name": job_name,
        "creation_time_ms": T0_MS,
        "attempt": 0,
        "rank": Rank.QUEUED,
        "phase": Phase.PENDING,
        "last_update_time_ms": T0_MS,
        "params": '{"lr": 0.1, "epochs": 3}',
    }
    return JobRecord(**(defaults | fields))


def at(job: JobRecord, attempt: int, rank: Rank, phase: Phase | None = None, **fields: Any) -> JobRecord:
    """The same job at another place in its life, without params, as the operator reports it later on."""
    usual = {Rank.RUNNING: Phase.RUNNING, Rank.FINAL: Phase.SUCCEEDED}.get(rank, Phase.PENDING)
    changes: dict[str, Any] = {
        "attempt": attempt,
        "rank": rank,
        "phase": phase or usual,
        "params": None,
    } | fields
    return replace(job, **changes)


def an_attempt(job: JobRecord, attempt: int = 1, *, finished: bool = False, **fields: Any) -> AttemptRecord:
    defaults: dict[str, Any] = {"job": f"{job.name}-{attempt}"}
    return AttemptRecord(
        uid=job.uid, cluster=job.cluster, attempt=attempt, finished=finished, **(defaults | fields)
    )


@contextmanager
def recorded_statements() -> Iterator[list[str]]:
    """The SQL that any engine of this process sends meanwhile, but for BEGIN and the like."""
    seen: list[str] = []

    def note(_connection: Connection, _cursor: object, statement: str, *_rest: object) -> None:
        if not statement.startswith("BEGIN"):
            seen.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", note)
