"""Deletes final rows, with all that hangs on them. A row that is not final is never touched."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, bindparam, delete, select

from mljob.store import texts
from mljob.store.params_index import tokens_of_text
from mljob.store.tables import is_final, job_params, jobs

CHUNK_ROWS = 500


def delete_final_chunk(
    connection: Connection,
    *,
    cluster: str | None,
    older_than_ms: int | None,
    uids: Sequence[str] | None,
) -> int:
    """At most CHUNK_ROWS jobs, oldest first, within the caller's transaction; how many. 0: none is left."""
    rows = connection.execute(_doomed(cluster, older_than_ms, uids)).all()
    if not rows:
        return 0
    _delete_tokens(connection, rows)
    # Attempts go by their foreign key.
    return connection.execute(delete(jobs).where(jobs.c.id.in_([row.id for row in rows]))).rowcount


def _doomed(cluster: str | None, older_than_ms: int | None, uids: Sequence[str] | None) -> Select[Any]:
    conditions: list[ColumnElement[bool]] = [is_final]
    if cluster is not None:
        conditions.append(jobs.c.cluster == texts.clean(cluster))
    if older_than_ms is not None:
        # A job is created before it ends: the first condition lets the index leave out the younger rows.
        conditions += [jobs.c.creation_time < older_than_ms, jobs.c.last_update_time < older_than_ms]
    if uids is not None:
        conditions.append(jobs.c.id.in_([texts.clean(uid) for uid in uids]))
    columns = (jobs.c.id, jobs.c.creation_time, jobs.c.params)
    statement = select(*columns).where(*conditions).order_by(jobs.c.creation_time, jobs.c.name, jobs.c.id)
    # What a writer holds just now is for the next time: so this waits for nobody, and no circle can close.
    return statement.limit(CHUNK_ROWS).with_for_update(skip_locked=True)


def _delete_tokens(connection: Connection, rows: Sequence[Any]) -> None:
    """By their whole key, computed again from the params: an index by job would double what a job costs."""
    keys = [
        {"of_token": token, "of_time": row.creation_time, "of_job": row.id}
        for row in rows
        if row.params is not None
        for token in tokens_of_text(row.params)
    ]
    if keys:
        connection.execute(
            delete(job_params).where(
                job_params.c.token == bindparam("of_token"),
                job_params.c.creation_time == bindparam("of_time"),
                job_params.c.job_id == bindparam("of_job"),
            ),
            keys,
        )
