"""The statements that write rows, with the guard that lets a row only move forwards. Built once per database.

Building and hashing one costs milliseconds, running it microseconds; so they are kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import (
    Connection,
    Executable,
    Table,
    and_,
    bindparam,
    case,
    column,
    func,
    select,
    tuple_,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Row as SqlRow

from mljob.store.rows import Row
from mljob.store.tables import is_unfinished, job_attempts, job_params, jobs

# What a job has from birth. The first three keep their first known value; the others always had one.
_FILLED_ONCE = ("params", "job_group", "submitted_by")
_FIXED = ("id", "creation_time", "job_name", "cluster", "namespace", "name")
_ATTEMPT_FIXED = ("job_id", "attempt", "cluster", "finished")

Insert = postgresql.Insert | sqlite.Insert

STATEMENT_ROWS = 1000
"""A backlog of an hour is one transaction, but no statement of it may take as long as its time limit."""


@dataclass(frozen=True, slots=True)
class Bulk:
    """A statement for any number of rows. PostgreSQL takes one array per column: one text to parse and one
    plan whatever the number, a quarter of the CPU of a VALUES list. SQLite takes the rows as they are."""

    statement: Executable
    array_columns: tuple[str, ...]
    """Empty: not by arrays."""

    def run(self, connection: Connection, rows: Sequence[Row]) -> list[SqlRow[Any]]:
        """What the statement returns, if it does, for the rows that it inserted or changed."""
        returned: list[SqlRow[Any]] = []
        for start in range(0, len(rows), STATEMENT_ROWS):
            chunk = rows[start : start + STATEMENT_ROWS]
            result = connection.execute(self.statement, self._parameters(chunk))
            if result.returns_rows:
                returned.extend(result)
        return returned

    def _parameters(self, rows: Sequence[Row]) -> Row | Sequence[Row]:
        if self.array_columns:
            return {name: [row[name] for row in rows] for name in self.array_columns}
        return rows


@dataclass(frozen=True, slots=True)
class Upserts:
    jobs: Bulk
    """returns id, length: of the stored params, None where there are none"""
    jobs_with_params: Bulk
    """returns id, params: as stored"""
    tokens: Bulk
    attempts: Bulk


@cache
def upserts_for(dialect: str) -> Upserts:
    """ "postgresql" or "sqlite"."""
    job = _jobs(_insert(dialect, jobs))
    # The length, as "params IS NULL" is wrong in a RETURNING clause of SQLite 3.40 (a text primary key and a
    # NULL: it says 0).
    length = func.length(jobs.c.params).label("length")
    token = _insert(dialect, job_params).on_conflict_do_nothing()
    attempt = _attempts(_insert(dialect, job_attempts))
    return Upserts(
        jobs=_bulk(dialect, jobs, job.returning(jobs.c.id, length)),
        jobs_with_params=_bulk(dialect, jobs, job.returning(jobs.c.id, jobs.c.params)),
        tokens=_bulk(dialect, job_params, token),
        attempts=_bulk(dialect, job_attempts, attempt),
    )


def _jobs(statement: Insert) -> Insert:
    """Insert, or move forwards. Of records with one version the later in time wins, so that order of arrival
    does not matter."""
    new = statement.excluded
    moves = {name: new[name] for name in _names(jobs) if name not in (*_FIXED, *_FILLED_ONCE)}
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


def _attempts(statement: Insert) -> Insert:
    """Insert, or complete. What a finished attempt says stays, its gaps are filled; an unfinished one takes
    what is newer. Nothing known is erased."""
    new = statement.excluded
    kept = {
        name: case(
            (job_attempts.c.finished, func.coalesce(job_attempts.c[name], new[name])),
            else_=func.coalesce(new[name], job_attempts.c[name]),
        )
        for name in _names(job_attempts)
        if name not in _ATTEMPT_FIXED
    }
    return statement.on_conflict_do_update(
        index_elements=[job_attempts.c.job_id, job_attempts.c.attempt],
        set_=kept | {"finished": job_attempts.c.finished | new.finished},
    )


def _insert(dialect: str, table: Table) -> Insert:
    """The two dialects spell ON CONFLICT alike and share no class for it."""
    if dialect != "postgresql":
        return sqlite.insert(table)
    arrays = [bindparam(col.name, type_=postgresql.ARRAY(col.type)) for col in table.columns]
    names = _names(table)
    rows = func.unnest(*arrays).table_valued(*(column(name) for name in names)).render_derived()
    return postgresql.insert(table).from_select(names, select(*rows.c))


def _bulk(dialect: str, table: Table, statement: Executable) -> Bulk:
    return Bulk(statement, tuple(_names(table)) if dialect == "postgresql" else ())


def _names(table: Table) -> list[str]:
    return [col.name for col in table.columns]
