"""Reads rows by uid: one job, its attempts, and what the operator compares with the cluster."""

from collections.abc import Iterable

from sqlalchemy import Connection, select

from mljob.core.records import AttemptRecord, JobRecord
from mljob.store import texts
from mljob.store.query import Known
from mljob.store.rows import attempt_of_row, job_of_row, known_of_row, readable
from mljob.store.tables import is_unfinished, job_attempts, jobs
from mljob.store.writes import LOOKUP_CHUNK, chunks


def get(connection: Connection, uid: str) -> JobRecord | None:
    """Raises StoreError for a row that cannot be read. Wherever several are read it is left out."""
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
        rows = connection.execute(statement).mappings()
        found.update(readable(rows, lambda row: (row["id"], known_of_row(row))))
    return found


def unfinished(connection: Connection, cluster: str, after_uid: str, limit: int) -> list[JobRecord]:
    """By uid, from the first after `after_uid` ("" is before all). The last page is a short one."""
    found: list[JobRecord] = []
    place = texts.clean(after_uid)
    while len(found) < limit:
        wanted = limit - len(found)
        statement = (
            select(jobs)
            .where(is_unfinished, jobs.c.cluster == texts.clean(cluster), jobs.c.id > place)
            .order_by(jobs.c.id)
            .limit(wanted)
        )
        rows = connection.execute(statement).mappings().all()
        found += readable(rows, job_of_row)
        if len(rows) < wanted:
            break
        place = rows[-1]["id"]
    return found
