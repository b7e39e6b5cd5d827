"""Finds jobs: which condition leads, so that every page is read from an index in order. Changes nothing.

Params are looked up in `job_params`, whose key goes on by creation time as every index of `jobs` does.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Select,
    and_,
    func,
    literal_column,
    or_,
    select,
    tuple_,
)

from mljob.core.status import JobStatus
from mljob.store import cursors, texts
from mljob.store.params_index import tokens_of_search
from mljob.store.query import JobFilter, Order, Page
from mljob.store.rows import job_of_row, readable, status_of
from mljob.store.tables import job_params, jobs

COUNTED_ROWS = 1000
"""How far a condition is counted, to tell rare from common: a millisecond at most."""
_leading = job_params.alias("leading")
_MAX_BIGINT = 2**63 - 1
_SUCCEEDED = JobStatus.SUCCEEDED.to_int()


def page(connection: Connection, wanted: JobFilter, order: Order, page_size: int, cursor: str | None) -> Page:
    """Raises InvalidCursor. One row more than the page is read, to know whether there is a next one."""
    place = None if cursor is None else cursors.decode(order, cursor)
    tokens = tokens_of_search(wanted.params or {})
    if tokens is None or wanted.namespaces == frozenset() or wanted.phases == frozenset():
        return Page((), None)
    leader = _leading_token(connection, wanted, sorted(tokens))
    statement = _led_by_columns(tokens) if leader is None else _led_by_token(leader, tokens)
    time = jobs.c.creation_time if leader is None else _leading.c.creation_time
    statement = statement.where(*_conditions(wanted), *_within(wanted, time), *_beyond(order, time, place))
    statement = statement.order_by(*_order_by(order, time)).limit(page_size + 1)
    rows = connection.execute(statement).mappings().all()
    found = tuple(readable(rows[:page_size], job_of_row))
    if len(rows) <= page_size:
        return Page(found, None)
    last = rows[page_size - 1]
    return Page(found, cursors.encode(order, cursors.Place(last["creation_time"], last["name"], last["id"])))


def _led_by_columns(tokens: frozenset[int]) -> Select[Any]:
    return select(jobs).where(*(_has(token, jobs.c.creation_time, jobs.c.id) for token in sorted(tokens)))


def _led_by_token(leader: int, tokens: frozenset[int]) -> Select[Any]:
    others = sorted(tokens - {leader})
    statement = select(jobs).join_from(_leading, jobs, jobs.c.id == _leading.c.job_id)
    # SQLite counts no values and would start anywhere: this leaves it one way to the jobs, by their id.
    statement = statement.with_hint(jobs, "INDEXED BY sqlite_autoindex_jobs_1", "sqlite")
    return statement.where(
        _leading.c.token == leader,
        *(_has(token, _leading.c.creation_time, _leading.c.job_id) for token in others),
    )


def _has(token: int, time: ColumnElement[int], job_id: ColumnElement[str]) -> ColumnElement[bool]:
    """By the whole key of `job_params`. Not EXISTS: PostgreSQL would make a join of it, and sort all that it
    finds before it gives the first page (270 ms among 100,000 rows)."""
    param = job_params.alias()
    key = and_(param.c.token == token, param.c.creation_time == time, param.c.job_id == job_id)
    return select(literal_column("1")).select_from(param).where(key).scalar_subquery().is_not(None)


def _leading_token(connection: Connection, wanted: JobFilter, tokens: Sequence[int]) -> int | None:
    """The rarest token, or None where a column's value is rarer still (or there is no token)."""
    columns = _rare_conditions(wanted)
    if len(tokens) + bool(columns) < 2:
        return tokens[0] if tokens else None
    counts = [_counted(select(literal_column("1")).where(job_params.c.token == token)) for token in tokens]
    if columns:
        counts.append(_counted(select(literal_column("1")).select_from(jobs).where(*columns)))
    found = connection.execute(select(*counts)).one()
    rarest = min(range(len(found)), key=lambda index: found[index])
    return tokens[rarest] if rarest < len(tokens) else None


def _counted(statement: Select[Any]) -> ColumnElement[int]:
    return select(func.count()).select_from(statement.limit(COUNTED_ROWS).subquery()).scalar_subquery()


def _rare_conditions(wanted: JobFilter) -> list[ColumnElement[bool]]:
    """Of one index of `jobs`, the one most likely to leave few rows."""
    if wanted.group is not None:
        return [jobs.c.job_group == texts.identity(wanted.group)]
    if wanted.job_name is not None:
        return [jobs.c.job_name == texts.identity(wanted.job_name), *_status_conditions(wanted)]
    if wanted.submitted_by is not None:
        return [jobs.c.submitted_by == texts.identity(wanted.submitted_by)]
    return _status_conditions(wanted)


def _conditions(wanted: JobFilter) -> list[ColumnElement[bool]]:
    """All but params and time."""
    conditions = _status_conditions(wanted)
    for column, value in (
        (jobs.c.cluster, wanted.cluster),
        (jobs.c.job_name, wanted.job_name),
        (jobs.c.job_group, wanted.group),
        (jobs.c.submitted_by, wanted.submitted_by),
    ):
        if value is not None:
            conditions.append(column == texts.identity(value))
    if wanted.namespaces is not None:
        conditions.append(_among(jobs.c.namespace, sorted(map(texts.clean, wanted.namespaces))))
    if wanted.error_contains:
        text = texts.clean(wanted.error_contains)
        conditions.append(jobs.c.status != _SUCCEEDED)
        conditions.append(
            or_(*(column.icontains(text, autoescape=True) for column in (jobs.c.result, jobs.c.message)))
        )
    return conditions


def _status_conditions(wanted: JobFilter) -> list[ColumnElement[bool]]:
    if wanted.phases is None:
        return []
    return [_among(jobs.c.status, sorted(status_of(phase).to_int() for phase in wanted.phases))]


def _among(column: Column[Any], values: Sequence[object]) -> ColumnElement[bool]:
    """One value as an equation: then an index that goes on by creation time gives the rows in order."""
    return column == values[0] if len(values) == 1 else column.in_(values)


def _within(wanted: JobFilter, time: ColumnElement[int]) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.created_from_ms is not None:
        conditions.append(time >= _in_bigint(wanted.created_from_ms))
    if wanted.created_before_ms is not None:
        conditions.append(time < _in_bigint(wanted.created_before_ms))
    return conditions


def _in_bigint(instant_ms: int) -> int:
    """No row lies beyond it, and no driver takes more."""
    return max(-_MAX_BIGINT, min(instant_ms, _MAX_BIGINT))


def _order_by(order: Order, time: ColumnElement[int]) -> list[ColumnElement[Any]]:
    columns = (time, jobs.c.name, jobs.c.id)
    return [column.desc() if order is Order.NEWEST_FIRST else column.asc() for column in columns]


def _beyond(order: Order, time: ColumnElement[int], place: cursors.Place | None) -> list[ColumnElement[bool]]:
    """The second condition follows from the first; it is what an index without the name can begin at."""
    if place is None:
        return []
    here = tuple_(time, jobs.c.name, jobs.c.id)
    if order is Order.NEWEST_FIRST:
        return [here < tuple(place), time <= place.creation_time]
    return [here > tuple(place), time >= place.creation_time]
