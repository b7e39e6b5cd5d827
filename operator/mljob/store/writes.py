"""Writes records: idempotent upserts, guarded so that a row only moves forwards.

The guard is in SQL, where two writers meet; nothing here reads first and decides later.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, Table, and_, case, func, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import ReturningInsert

from mljob.core.records import AttemptRecord, JobRecord
from mljob.store.params_index import tokens_of_text
from mljob.store.query import WriteResult
from mljob.store.rows import Row, row_of_attempt, row_of_job
from mljob.store.tables import is_unfinished, job_attempts, job_params, jobs

LOOKUP_CHUNK = 500
# What a job has from birth. The first three keep their first known value; the others always had one.
_FILLED_ONCE = ("params", "job_group", "submitted_by")
_FIXED = ("id", "creation_time", "job_name", "cluster", "namespace", "name")
JOB_COLUMNS = [column.name for column in jobs.columns]
ATTEMPT_COLUMNS = [column.name for column in job_attempts.columns]
Insert = postgresql.Insert | sqlite.Insert
_T = TypeVar("_T")


def write(
    connection: Connection, records: Sequence[JobRecord], attempts: Sequence[AttemptRecord]
) -> WriteResult:
    """Within the caller's transaction. Up to 1,000 records are one statement, 1,000 params of theirs another,
    and 1,000 attempts one more; a record or attempt repeated within the batch adds a wave of the same."""
    missing: set[str] = set()
    job_rows = [row_of_job(record) for record in records]
    for wave in _waves(job_rows, lambda row: (row["id"],)):
        missing.difference_update(row["id"] for row in wave)
        missing.update(_write_jobs(connection, wave))
    rows = [row_of_attempt(record) for record in attempts]
    unknown = _without_job(connection, rows, {row["id"] for row in job_rows})
    for wave in _waves((row for row in rows if row["job_id"] not in unknown), _attempt_key):
        connection.execute(_attempts_upsert(connection), wave).all()
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


def _write_jobs(connection: Connection, rows: list[Row]) -> set[str]:
    """Returns the ids whose row has no params. One statement for all, since a second one would lock rows out
    of order; the params come back only when some were sent."""
    if not any(row["params"] for row in rows):
        # The length, as "params IS NULL" is wrong in a RETURNING clause of SQLite 3.40 (a text primary key
        # and a NULL: it says 0).
        length = func.length(jobs.c.params).label("length")
        written = connection.execute(_jobs_upsert(connection).returning(jobs.c.id, length), rows)
        return {row.id for row in written if row.length is None}
    written = connection.execute(_jobs_upsert(connection).returning(jobs.c.id, jobs.c.params), rows)
    stored: dict[str, str | None] = {row.id: row.params for row in written}
    for row in rows:
        if row["params"] is not None and row["id"] not in stored and _fill_params(connection, row):
            stored[row["id"]] = row["params"]
    # The first params of a job are the ones it has: later text that differs gets no tokens.
    _write_tokens(
        connection, [row for row in rows if row["params"] and row["params"] == stored.get(row["id"])]
    )
    return {id_ for id_, params in stored.items() if params is None}


def _write_tokens(connection: Connection, rows: list[Row]) -> None:
    tokens = [
        {"token": token, "creation_time": row["creation_time"], "job_id": row["id"]}
        for row in rows
        for token in sorted(tokens_of_text(row["params"]))
    ]
    if tokens:
        statement = _insert(connection, job_params).on_conflict_do_nothing()
        connection.execute(statement.returning(job_params.c.token), tokens).all()


def _fill_params(connection: Connection, row: Row) -> bool:
    """Params that come after a newer state, even the final one. They were the job's from birth: nothing that
    was said about it changes."""
    statement = (
        update(jobs).where(jobs.c.id == row["id"], jobs.c.params.is_(None)).values(params=row["params"])
    )
    return connection.execute(statement).rowcount > 0


def _jobs_upsert(connection: Connection) -> Insert:
    """Insert, or move forwards. Of records with one version the later in time wins, so that order of arrival
    does not matter."""
    statement = _insert(connection, jobs)
    new = statement.excluded
    moves = {name: new[name] for name in JOB_COLUMNS if name not in (*_FIXED, *_FILLED_ONCE)}
    fills = {name: func.coalesce(jobs.c[name], new[name]) for name in _FILLED_ONCE}
    version = ("attempt", "rank", "last_update_time")
    return statement.on_conflict_do_update(
        index_elements=[jobs.c.id],
        set_=moves | fills,
        where=and_(
            is_unfinished,
            tuple_(*(new[name] for name in version)) >= tuple_(*(jobs.c[name] for name in version)),
        ),
    )


def _attempts_upsert(connection: Connection) -> ReturningInsert[Any]:
    """Insert, or complete. What a finished attempt says stays, its gaps are filled; an unfinished one takes
    what is newer. Nothing known is erased."""
    statement = _insert(connection, job_attempts)
    new = statement.excluded
    fields = [name for name in ATTEMPT_COLUMNS if name not in ("job_id", "attempt", "cluster", "finished")]
    kept = {
        name: case(
            (job_attempts.c.finished, func.coalesce(job_attempts.c[name], new[name])),
            else_=func.coalesce(new[name], job_attempts.c[name]),
        )
        for name in fields
    }
    return statement.on_conflict_do_update(
        index_elements=[job_attempts.c.job_id, job_attempts.c.attempt],
        set_=kept | {"finished": job_attempts.c.finished | new.finished},
    ).returning(job_attempts.c.attempt)


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


def _insert(connection: Connection, table: Table) -> Insert:
    """The two dialects spell ON CONFLICT alike and share no class for it."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)
