"""The store as coroutines, and the accepted jobs it could not take yet.

A submission is never refused because the database is away: its row is kept here and written before the next
answer that reads rows. (The operator mirrors the object as well; whoever comes first, the row is the same.)
"""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TypeVar

import anyio
import anyio.to_thread

from mljob.core.records import AttemptRecord, JobRecord
from mljob.server.metrics import Metrics
from mljob.server.problems import StoreAway
from mljob.store import JobFilter, Order, Page, Store, StoreError, StoreUnavailable

log = logging.getLogger(__name__)

STORE_THREADS = 8
SLOW_FAILURE_SECONDS = 0.5
PAUSE_AFTER_SLOW_FAILURE_SECONDS = 2.0
"""How long an outage that costs a timeout to notice is taken for granted: not every request shall wait."""
INSERT_PATIENCE_SECONDS = 5.0
"""A caller who gets no answer submits once more, and has two jobs."""
MAX_UNSTORED_JOBS = 10_000
FLUSH_BATCH_ROWS = 500

T = TypeVar("T")


class Ledger:
    """All methods but `insert` raise StoreAway while the database is away. For one event loop."""

    def __init__(
        self, store: Store, metrics: Metrics, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._metrics = metrics
        self._monotonic = monotonic
        self._threads = anyio.CapacityLimiter(STORE_THREADS)
        self._away_until = float("-inf")
        self._away_because = ""
        self._is_away = False
        self._unstored: OrderedDict[str, JobRecord] = OrderedDict()

    async def migrate(self) -> None:
        """Bring the tables up to date, as the operator does: whoever starts first."""
        await self._call(self._store.migrate)

    async def check(self) -> None:
        """The database answers and its tables are there."""
        await self._call(self._store.check)

    async def insert(self, record: JobRecord) -> bool:
        """False: it is not stored. Then the row follows: from here, or from the operator."""
        self._unstored[record.uid] = record
        try:
            async with asyncio.timeout(INSERT_PATIENCE_SECONDS):
                refused = await self._flush()
        except StoreAway as problem:
            log.warning("row not stored yet: %s", problem.detail, extra={"job_id": record.uid})
        except TimeoutError:
            # Its thread goes on; what it writes is written once more, which changes nothing.
            log.warning("row not stored yet: no answer in time", extra={"job_id": record.uid})
            self._take_for_away("no answer in time.")
        else:
            return record.uid not in refused
        self._note_unstored()
        return False

    def unstored(self, uid: str) -> JobRecord | None:
        """An accepted job whose row is not stored yet."""
        return self._unstored.get(uid)

    async def get(self, uid: str) -> JobRecord | None:
        await self._flush()
        return await self._call(self._store.get, uid)

    async def attempts(self, uid: str) -> Sequence[AttemptRecord]:
        """By number, the first first."""
        return await self._call(self._store.attempts, uid)

    async def page(self, wanted: JobFilter, order: Order, page_size: int, cursor: str | None) -> Page:
        """Raises InvalidCursor."""
        await self._flush()

        def read() -> Page:
            return self._store.list(wanted, order=order, page_size=page_size, cursor=cursor)

        return await self._call(read)

    async def _flush(self) -> set[str]:
        """Write what waits. Concurrent flushes may write a row twice: the store does not mind.

        Returns the uids of rows that the store will never take. They must not stand in the way of others.
        """
        refused: set[str] = set()
        while self._unstored:
            batch = list(self._unstored.values())[:FLUSH_BATCH_ROWS]
            uids = [record.uid for record in batch]
            try:
                await self._call(self._store.write, batch)
            except StoreError:
                log.exception("rows not stored", extra={"job_ids": uids})
                refused.update(uids)
            for uid in uids:
                self._unstored.pop(uid, None)
            self._note_unstored()
        return refused

    def _note_unstored(self) -> None:
        while len(self._unstored) > MAX_UNSTORED_JOBS:
            # The operator writes its row from the object; until then it is found there.
            self._unstored.popitem(last=False)
        self._metrics.unstored.set(len(self._unstored))

    async def _call(self, function: Callable[..., T], *arguments: Sequence[JobRecord] | str) -> T:
        started = self._monotonic()
        if started < self._away_until:
            raise StoreAway(self._away_because)
        try:
            answer = await anyio.to_thread.run_sync(function, *arguments, limiter=self._threads)
        except StoreUnavailable as error:
            self._note(error)
            because = f"{error.why.rstrip('.')}."
            if self._monotonic() - started > SLOW_FAILURE_SECONDS:
                self._take_for_away(because)
            raise StoreAway(because) from error
        self._note(None)
        return answer

    def _take_for_away(self, because: str) -> None:
        self._away_until = self._monotonic() + PAUSE_AFTER_SLOW_FAILURE_SECONDS
        self._away_because = because

    def _note(self, error: StoreUnavailable | None) -> None:
        """The log hears of an outage once, in the database's own words: callers do not."""
        if error is not None and not self._is_away:
            log.warning("store: %s", error)
        elif error is None and self._is_away:
            log.info("the store answers again")
        self._is_away = error is not None
