"""Writes records in one transaction: in what groups and order, and what the caller learns from it.

The guard is in SQL, where two writers meet (upserts.py); nothing here reads first and decides later.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, select, update

from mljob.core.records import AttemptRecord, JobRecord
from mljob.store.params_index import tokens_of_text
from mljob.store.query import WriteResult
from mljob.store.rows import Row, row_of_attempt, row_of_job
from mljob.store.tables import jobs
from mljob.store.upserts import Upserts, upserts_for

LOOKUP_CHUNK = 500
_T = TypeVar("_T")


def write(
    connection: Connection, records: Sequence[JobRecord], attempts: Sequence[AttemptRecord]
) -> WriteResult:
    """Within the caller's transaction. Up to 1,000 records are one statement, 1,000 params of theirs another,
    and 1,000 attempts one more; a record or attempt repeated within the batch adds a wave of the same."""
    upserts = upserts_for(connection.dialect.name)
    missing: set[str] = set()
    job_rows = [row_of_job(record) for record in records]
    for wave in _waves(job_rows, lambda row: (row["id"],)):
        missing.difference_update(row["id"] for row in wave)
        missing.update(_write_jobs(connection, upserts, wave))
    rows = [row_of_attempt(record) for record in attempts]
    unknown = _without_job(connection, rows, {row["id"] for row in job_rows})
    for wave in _waves((row for row in rows if row["job_id"] not in unknown), _attempt_key):
        upserts.attempts.run(connection, wave)
    return WriteResult(
        missing_params=frozenset(missing),
        unknown_attempts=frozenset(_attempt_key(row) for row in rows if row["job_id"] in unknown),
    )


def _waves(rows: Iterable[Row], key: Callable[[Row], tuple[Any, ...]]) -> Iterator[list[Row]]:
    """The rows in their order, in groups without a repeated key: no statement may touch a row twice. Each is
    sorted, so that two writers lock rows in one order and never wait for each other in a circle."""
    waves: list[dict[tuple[Any, ...], Row]] = []
    seen: dict[tuple[Any, ...], int] = {}
    for row in rows:
        number = seen.get(key(row), 0)
        seen[key(row)] = number + 1
        if number == len(waves):
            waves.append({})
        waves[number][key(row)] = row
    return ([wave[key] for key in sorted(wave)] for wave in waves)


def _write_jobs(connection: Connection, upserts: Upserts, rows: list[Row]) -> set[str]:
    """Returns the ids whose row has no params. One statement for all, since a second one would lock rows out
    of order; the params come back only when some were sent."""
    if not any(row["params"] for row in rows):
        return {row.id for row in upserts.jobs.run(connection, rows) if row.length is None}
    written = upserts.jobs_with_params.run(connection, rows)
    stored: dict[str, str | None] = {row.id: row.params for row in written}
    for row in rows:
        if row["params"] is not None and row["id"] not in stored and _fill_params(connection, row):
            stored[row["id"]] = row["params"]
    # The first params of a job are the ones it has: later text that differs gets no tokens.
    kept = [row for row in rows if row["params"] and row["params"] == stored.get(row["id"])]
    tokens = [
        {"token": token, "creation_time": row["creation_time"], "job_id": row["id"]}
        for row in kept
        for token in sorted(tokens_of_text(row["params"]))
    ]
    if tokens:
        upserts.tokens.run(connection, tokens)
    return {id_ for id_, params in stored.items() if params is None}


def _fill_params(connection: Connection, row: Row) -> bool:
    """Params that come after a newer state, even the final one. They were the job's from birth: nothing that
    was said about it changes."""
    statement = update(jobs).where(jobs.c.id == row["id"], jobs.c.params.is_(None))
    return connection.execute(statement.values(params=row["params"])).rowcount > 0


def _without_job(connection: Connection, attempts: list[Row], written: set[str]) -> set[str]:
    """Of attempts alone: their job may have been deleted (retention). They must not fail their batch."""
    asked = sorted({row["job_id"] for row in attempts} - written)
    found: set[str] = set()
    for chunk in chunks(asked, LOOKUP_CHUNK):
        statement = select(jobs.c.id).where(jobs.c.id.in_(chunk)).order_by(jobs.c.id)
        # The lock keeps a job found here from being deleted before its attempt is in.
        found.update(connection.execute(statement.with_for_update(read=True, key_share=True)).scalars())
    return set(asked) - found


def _attempt_key(row: Row) -> tuple[str, int]:
    return (row["job_id"], row["attempt"])


def chunks(items: Sequence[_T], size: int) -> Iterator[Sequence[_T]]:
    return (items[start : start + size] for start in range(0, len(items), size))
