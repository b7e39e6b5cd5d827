"""Reads rows: one job, pages of many, and what the operator compares with the cluster. Changes nothing."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Select, and_, or_, select, tuple_

from mljob.core.records import AttemptRecord, JobRecord
from mljob.core.status import JobStatus
from mljob.store import cursors, texts
from mljob.store.params_index import tokens_of_search
from mljob.store.query import JobFilter, Known, Order, Page
from mljob.store.rows import attempt_of_row, job_of_row
from mljob.store.tables import is_unfinished, job_attempts, job_params, jobs
from mljob.store.writes import LOOKUP_CHUNK, chunks

_MAX_BIGINT = 2**63 - 1
_SUCCEEDED = JobStatus.SUCCEEDED.to_int()


def get(connection: Connection, uid: str) -> JobRecord | None:
    row = connection.execute(select(jobs).where(jobs.c.id == texts.clean(uid))).mappings().one_or_none()
    return None if row is None else job_of_row(row)


def attempts(connection: Connection, uid: str) -> list[AttemptRecord]:
    """By number, the first first."""
    statement = select(job_attempts).where(job_attempts.c.job_id == texts.clean(uid))
    rows = connection.execute(statement.order_by(job_attempts.c.attempt)).mappings()
    return [attempt_of_row(row) for row in rows]


def known(connection: Connection, cluster: str, uids: Iterable[str]) -> dict[str, Known]:
    """How far the rows of these jobs are; a job without a row is not in the answer."""
    found: dict[str, Known] = {}
    columns = (jobs.c.id, jobs.c.attempt, jobs.c.rank, jobs.c.status)
    for chunk in chunks(sorted(set(map(texts.clean, uids))), LOOKUP_CHUNK):
        statement = select(*columns).where(jobs.c.cluster == texts.clean(cluster), jobs.c.id.in_(chunk))
        for id_, attempt, rank, status in connection.execute(statement):
            found[id_] = Known(attempt, rank, JobStatus.from_int(status).to_phase())
    return found


def unfinished(connection: Connection, cluster: str, after_uid: str, limit: int) -> list[JobRecord]:
    """By uid, from the first after `after_uid` ("" is before all). The last page is a short one."""
    statement = (
        select(jobs)
        .where(is_unfinished, jobs.c.cluster == texts.clean(cluster), jobs.c.id > texts.clean(after_uid))
        .order_by(jobs.c.id)
        .limit(limit)
    )
    return [job_of_row(row) for row in connection.execute(statement).mappings()]


def page(connection: Connection, wanted: JobFilter, order: Order, page_size: int, cursor: str | None) -> Page:
    """Raises InvalidCursor. One row more than the page is read, to know whether there is a next one."""
    statement = _select(wanted)
    if statement is None:
        return Page((), None)
    if cursor is not None:
        statement = statement.where(_beyond(order, cursors.decode(order, cursor)))
    statement = statement.order_by(*_order_by(order)).limit(page_size + 1)
    rows = connection.execute(statement).mappings().all()
    found = tuple(job_of_row(row) for row in rows[:page_size])
    if len(rows) <= page_size:
        return Page(found, None)
    last = found[-1]
    return Page(found, cursors.encode(order, cursors.Place(last.creation_time_ms, last.name, last.uid)))


def _select(wanted: JobFilter) -> Select[Any] | None:
    """None: no job can match."""
    if wanted.namespaces == frozenset() or wanted.phases == frozenset():
        return None
    statement = select(jobs).where(*_column_conditions(wanted))
    if wanted.params:
        tokens = tokens_of_search(wanted.params)
        if tokens is None:
            return None
        for token in sorted(tokens):
            param = job_params.alias()
            statement = statement.join(
                param,
                and_(
                    param.c.job_id == jobs.c.id,
                    param.c.creation_time == jobs.c.creation_time,
                    param.c.token == token,
                ),
            )
    return statement


def _column_conditions(wanted: JobFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
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
    if wanted.phases is not None:
        numbers = sorted(JobStatus.from_phase(phase).to_int() for phase in wanted.phases)
        conditions.append(_among(jobs.c.status, numbers))
    if wanted.created_from_ms is not None:
        conditions.append(jobs.c.creation_time >= _in_bigint(wanted.created_from_ms))
    if wanted.created_before_ms is not None:
        conditions.append(jobs.c.creation_time < _in_bigint(wanted.created_before_ms))
    if wanted.error_contains:
        text = texts.clean(wanted.error_contains)
        conditions.append(jobs.c.status != _SUCCEEDED)
        conditions.append(
            or_(*(column.icontains(text, autoescape=True) for column in (jobs.c.result, jobs.c.message)))
        )
    return conditions


def _among(column: Column[Any], values: Sequence[object]) -> ColumnElement[bool]:
    """One value as an equation: then an index that goes on by creation time gives the rows in order."""
    return column == values[0] if len(values) == 1 else column.in_(values)


def _in_bigint(instant_ms: int) -> int:
    """No row lies beyond it, and no driver takes more."""
    return max(-_MAX_BIGINT, min(instant_ms, _MAX_BIGINT))


def _order_by(order: Order) -> list[Any]:
    columns = (jobs.c.creation_time, jobs.c.name, jobs.c.id)
    return [column.desc() if order is Order.NEWEST_FIRST else column.asc() for column in columns]


def _beyond(order: Order, place: cursors.Place) -> ColumnElement[bool]:
    here = tuple_(jobs.c.creation_time, jobs.c.name, jobs.c.id)
    return here < tuple(place) if order is Order.NEWEST_FIRST else here > tuple(place)
