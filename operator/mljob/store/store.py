"""The store as its callers know it: records in, records out, and two errors. Synchronous and thread-safe."""

from collections.abc import Iterable, Iterator, Sequence

from sqlalchemy import Engine

from mljob.core.records import AttemptRecord, JobRecord
from mljob.store import migrate, reads, retention, search, writes
from mljob.store.engine import engine_for, reading, writing
from mljob.store.query import JobFilter, Known, Order, Page, WriteResult

SEARCH_PAGE_ROWS = 500
MAX_PAGE_ROWS = 1000


def open_store(url: str) -> "Store":
    """`sqlite:////absolute/path.db` or `postgresql://user:password@host:port/name`. Connects to nothing yet.

    Raises StoreRefused for what cannot work: one sentence for whoever configured it."""
    return Store(engine_for(url))


class Store:
    """Every method raises StoreUnavailable (try again) or StoreError (a fault), and nothing of SQLAlchemy's.
    After an outage the same object works again."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def migrate(self) -> None:
        """Bring the tables to this program's version. Safe when several processes start at once; a database
        of a newer version raises StoreError."""
        migrate.upgrade(self._engine)

    def check(self) -> None:
        """One cheap statement: the database answers and its tables are there."""
        with reading(self._engine) as connection:
            migrate.require_current(connection)

    def close(self) -> None:
        """Close all connections. The object can be used again; it opens new ones."""
        self._engine.dispose()

    def write(self, jobs: Sequence[JobRecord], attempts: Sequence[AttemptRecord] = ()) -> WriteResult:
        """All of it in one transaction, or nothing. Idempotent. A stored row changes only if the record is at
        least as far in (attempt, rank) and, when equal, as late in time; a final row never does."""
        with writing(self._engine) as connection:
            return writes.write(connection, jobs, attempts)

    def known(self, cluster: str, uids: Iterable[str]) -> dict[str, Known]:
        """How far the rows of these jobs are: uid to (attempt, rank, phase). No row: not in the answer."""
        with reading(self._engine) as connection:
            return reads.known(connection, cluster, uids)

    def unfinished(self, cluster: str, after_uid: str = "", limit: int = 500) -> Sequence[JobRecord]:
        """Rows that are not final, by uid, from the first after `after_uid`. The last page is a short one."""
        with reading(self._engine) as connection:
            return reads.unfinished(connection, cluster, after_uid, limit)

    def get(self, uid: str) -> JobRecord | None:
        with reading(self._engine) as connection:
            return reads.get(connection, uid)

    def attempts(self, uid: str) -> Sequence[AttemptRecord]:
        """By number, the first first."""
        with reading(self._engine) as connection:
            return reads.attempts(connection, uid)

    def list(
        self,
        wanted: JobFilter,
        *,
        order: Order = Order.NEWEST_FIRST,
        page_size: int = 100,
        cursor: str | None = None,
    ) -> Page:
        """1 to MAX_PAGE_ROWS jobs that match. Raises InvalidCursor for a cursor this did not return."""
        if not 1 <= page_size <= MAX_PAGE_ROWS:
            raise ValueError(f"page_size must be from 1 to {MAX_PAGE_ROWS}; found {page_size}")
        with reading(self._engine) as connection:
            return search.page(connection, wanted, order, page_size, cursor)

    def search(self, wanted: JobFilter, *, order: Order = Order.OLDEST_FIRST) -> Iterator[JobRecord]:
        """All jobs that match, read in pages of their own transactions: no lock and no snapshot is held while
        the caller works."""
        cursor: str | None = None
        while True:
            page = self.list(wanted, order=order, page_size=SEARCH_PAGE_ROWS, cursor=cursor)
            yield from page.jobs
            cursor = page.next_cursor
            if cursor is None:
                return

    def delete_final(
        self,
        *,
        older_than_ms: int | None = None,
        job_ids: Sequence[str] | None = None,
        cluster: str | None = None,
    ) -> int:
        """Delete final rows with their attempts and params; how many jobs. `older_than_ms` is an instant:
        rows last updated before it. In chunks of a transaction each, so that writers never wait long."""
        deleted = 0
        wanted = [None] if job_ids is None else writes.chunks(job_ids, retention.CHUNK_ROWS)
        for uids in wanted:
            while chunk := self._delete_chunk(cluster, older_than_ms, uids):
                deleted += chunk
        return deleted

    def _delete_chunk(
        self, cluster: str | None, older_than_ms: int | None, uids: Sequence[str] | None
    ) -> int:
        with writing(self._engine) as connection:
            return retention.delete_final_chunk(
                connection, cluster=cluster, older_than_ms=older_than_ms, uids=uids
            )
