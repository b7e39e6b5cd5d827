"""The mirror: rows follow the objects, off the reconcile path, in order, and none is lost.

What is waiting to be written is kept once per job. A batch is always all of it, in one transaction: rows go
from one instant of the loop to a later one, so that they never show more running than there were.
"""

import asyncio
import logging
from collections.abc import Callable, Set
from contextlib import suppress
from dataclasses import dataclass, replace

from mljob.controller.ports import Store
from mljob.core.records import AttemptRecord, JobRecord, Rank

log = logging.getLogger(__name__)

GATHER_SECONDS = 0.02
"""How long a first row waits for company: one transaction for a burst, and nobody notices"""
PERIOD_SECONDS = 0.1
"""Between transactions while rows keep coming: each costs its commit, however few rows it has"""
RETRY_FIRST_SECONDS = 0.5
RETRY_LAST_SECONDS = 15.0


@dataclass(slots=True)
class Backlog:
    """What is not written yet: newest row per job, newest row per attempt."""

    jobs: dict[str, JobRecord]
    attempts: dict[tuple[str, int], AttemptRecord]

    @classmethod
    def empty(cls) -> "Backlog":
        return cls({}, {})

    def __len__(self) -> int:
        return len(self.jobs) + len(self.attempts)

    def add(self, job: JobRecord, attempt: AttemptRecord | None) -> None:
        """A newer statement takes the place of an older one, but never loses the params it carried.

        None takes the place of a final one: as in the store, the first end of a job is its end.
        """
        known = self.jobs.get(job.uid)
        newest, other = job, known
        if known is not None and (known.rank == Rank.FINAL or job.version < known.version):
            newest, other = known, job
        if newest.params is None and other is not None and other.params is not None:
            newest = replace(newest, params=other.params)
        self.jobs[job.uid] = newest
        if attempt is not None:
            self._add_attempt(attempt)

    def _add_attempt(self, attempt: AttemptRecord) -> None:
        key = (attempt.uid, attempt.attempt)
        old = self.attempts.get(key)
        if old is None or attempt.finished or not old.finished:
            self.attempts[key] = attempt

    def put_back(self, older: "Backlog") -> None:
        """A batch that could not be written goes under what came since."""
        newer = Backlog(self.jobs, self.attempts)
        self.jobs, self.attempts = older.jobs, older.attempts
        for job in newer.jobs.values():
            self.add(job, None)
        for attempt in newer.attempts.values():
            self._add_attempt(attempt)

    def take_out(self, uids: Set[str]) -> "Backlog":
        """What there is of these jobs, no longer here."""
        taken = Backlog(
            {uid: job for uid, job in self.jobs.items() if uid in uids},
            {key: attempt for key, attempt in self.attempts.items() if key[0] in uids},
        )
        self.jobs = {uid: job for uid, job in self.jobs.items() if uid not in uids}
        self.attempts = {key: attempt for key, attempt in self.attempts.items() if key[0] not in uids}
        return taken


class Mirror:
    """Writes rows in a thread of its own.

    `on_stored(uid, version)` is called, in the loop's thread, when a row is safe, `on_missing_params(uid)`
    when it was made without its params. The store raises `unavailable` for what passes, `refused` for what
    will not.
    """

    def __init__(
        self,
        store: Store,
        unavailable: type[Exception],
        refused: type[Exception],
        on_stored: Callable[[str, tuple[int, Rank]], None],
        on_missing_params: Callable[[str], None],
    ) -> None:
        self._store = store
        self._unavailable = unavailable
        self._refused = refused
        self._on_stored = on_stored
        self._on_missing_params = on_missing_params
        self._backlog = Backlog.empty()
        self._set_aside = Backlog.empty()
        """what the store refused, and what must not overtake it: tried again at its own time"""
        self._wakeup = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self.failing_since: float | None = None
        self.written_rows = 0

    def __len__(self) -> int:
        return len(self._backlog) + len(self._set_aside)

    def put(self, job: JobRecord, attempt: AttemptRecord | None = None) -> None:
        """Take a job's newest state, and its attempt's."""
        self._backlog.add(job, attempt)
        self._idle.clear()
        self._wakeup.set()

    async def run(self) -> None:
        """Write for ever. Cancel it when `drain` has returned."""
        delay = refused_delay = RETRY_FIRST_SECONDS
        now = asyncio.get_running_loop().time
        written_at = float("-inf")
        retry_at: float | None = None
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(retry_at):
                    await self._wakeup.wait()
            await asyncio.sleep(max(GATHER_SECONDS, written_at + PERIOD_SECONDS - now()))
            self._wakeup.clear()
            if retry_at is not None and now() >= retry_at:
                self._backlog.put_back(self._set_aside)
                self._set_aside, retry_at = Backlog.empty(), None
            reached = await self._write_all()
            written_at = now()
            if not reached:
                await asyncio.sleep(delay)
                delay = min(delay * 2, RETRY_LAST_SECONDS)
                self._wakeup.set()
                continue
            delay = RETRY_FIRST_SECONDS
            if not self._set_aside:
                refused_delay, retry_at = RETRY_FIRST_SECONDS, None
            elif retry_at is None:
                retry_at = now() + refused_delay
                refused_delay = min(refused_delay * 2, RETRY_LAST_SECONDS)

    async def drain(self, timeout_seconds: float) -> bool:
        """Wait until everything is written; False: it was not, in that time."""
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    async def _write_all(self) -> bool:
        """False: the store cannot be written now. What it refused is set aside."""
        batch, self._backlog = self._next_batch(), Backlog.empty()
        if not batch:
            return True
        jobs, attempts = list(batch.jobs.values()), list(batch.attempts.values())
        try:
            await self._write(jobs, attempts)
        except self._unavailable as error:
            if self.failing_since is None:
                log.warning("the store cannot be written now, %d rows wait: %s", len(batch), error)
                self.failing_since = asyncio.get_running_loop().time()
            self._backlog.put_back(batch)
            return False
        except self._refused:
            log.exception("the store refused a batch of %d rows; writing them one by one", len(batch))
            return await self._write_one_by_one(batch)
        self._note_success()
        return True

    def _next_batch(self) -> Backlog:
        """What waits, but for running rows of a name of which a row is set aside; a newer row of a job brings
        along what was set aside of it."""
        batch = self._backlog
        if self._set_aside:
            batch.put_back(self._set_aside.take_out(batch.jobs.keys()))
            bad = {_group(job) for job in self._set_aside.jobs.values()}
            self._set_aside.put_back(
                batch.take_out(
                    {
                        uid
                        for uid, job in batch.jobs.items()
                        if job.rank == Rank.RUNNING and _group(job) in bad
                    }
                )
            )
        return batch

    def _note_success(self) -> None:
        if self.failing_since is not None:
            log.info("the store can be written again")
            self.failing_since = None
        if not len(self):
            self._idle.set()

    async def _write(self, jobs: list[JobRecord], attempts: list[AttemptRecord]) -> None:
        result = await asyncio.to_thread(self._store.write, jobs, attempts)
        self.written_rows += len(jobs)
        for job in jobs:
            self._on_stored(job.uid, (job.attempt, job.rank))
        for uid in result.missing_params:
            self._on_missing_params(uid)

    async def _write_one_by_one(self, batch: Backlog) -> bool:
        """One bad row must not hold up all others; it is kept, and tried again later.

        Running ones come last, and not at all while another row of their name is refused (it may be the end
        that freed their slot): in no instant do the rows show more of them than there are slots.
        """
        attempts: dict[str, list[AttemptRecord]] = {}
        for attempt in batch.attempts.values():
            attempts.setdefault(attempt.uid, []).append(attempt)
        left = Backlog.empty()
        bad: set[tuple[str, str]] = set()
        reachable = True
        for job in sorted(batch.jobs.values(), key=lambda job: job.rank == Rank.RUNNING):
            mine = attempts.get(job.uid, [])
            group = _group(job)
            try:
                if reachable and not (job.rank == Rank.RUNNING and group in bad):
                    await self._write([job], mine)
                    continue
            except self._unavailable as error:
                log.warning("the store cannot be written any more: %s", error)
                reachable = False
            except self._refused as error:
                log.error("the row of job %s is not written: %s", job.uid, error)
                bad.add(group)
            left.add(job, None)
            for attempt in mine:
                left.add(job, attempt)
        if reachable:
            self._set_aside.put_back(left)
            self._note_success()
        else:
            self._backlog.put_back(left)
        return reachable


def _group(job: JobRecord) -> tuple[str, str]:
    return (job.namespace, job.job_name)
