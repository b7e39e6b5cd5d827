"""A small API server and a small store in memory, with failures on demand. They keep what they are told."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from mljob.api import errors
from mljob.api.job import Phase
from mljob.controller.ports import Json, Kind, Page
from mljob.core.records import AttemptRecord, JobRecord, Rank


class Clock:
    """Seconds since the epoch, set by the test."""

    def __init__(self, now: float = 1_790_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


async def until(condition: Callable[[], object], seconds: float = 5.0) -> None:
    """Wait for what other tasks and threads bring about, not for a time."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.001)


class StoreDown(Exception):
    """It passes."""


class StoreRefuses(Exception):
    """It does not."""


@dataclass(frozen=True)
class Written:
    missing_params: frozenset[str] = frozenset()


@dataclass
class FakeStore:
    """Rows in memory, guarded as the real ones: by (attempt, rank), and never once final.

    `fails(jobs)` may return an exception to raise instead of writing; `commits` has the rows after each.
    """

    fails: Callable[[Sequence[JobRecord]], Exception | None] = lambda jobs: None
    rows: dict[str, JobRecord] = field(default_factory=dict)
    attempts: dict[tuple[str, int], AttemptRecord] = field(default_factory=dict)
    commits: list[dict[str, JobRecord]] = field(default_factory=list)

    def write(self, jobs: Sequence[JobRecord], attempts: Sequence[AttemptRecord]) -> Written:
        failure = self.fails(jobs)
        if failure is not None:
            raise failure
        for job in jobs:
            old = self.rows.get(job.uid)
            newest = (
                job if old is None or (old.rank is not Rank.FINAL and job.version >= old.version) else old
            )
            first_params = old.params if old is not None and old.params is not None else job.params
            self.rows[job.uid] = replace(newest, params=first_params)
        self.attempts |= {(attempt.uid, attempt.attempt): attempt for attempt in attempts}
        self.commits.append(dict(self.rows))
        return Written(frozenset(job.uid for job in jobs if self.rows[job.uid].params is None))

    def known(self, cluster: str, uids: Iterable[str]) -> Mapping[str, tuple[int, int, Phase]]:
        found = (self.rows[uid] for uid in uids if uid in self.rows)
        return {row.uid: (row.attempt, int(row.rank), row.phase) for row in found}

    def unfinished(self, cluster: str, after_uid: str = "", limit: int = 500) -> Sequence[JobRecord]:
        rows = sorted(
            (row for row in self.rows.values() if row.rank is not Rank.FINAL), key=lambda row: row.uid
        )
        return [row for row in rows if row.uid > after_uid][:limit]

    def get(self, uid: str) -> JobRecord | None:
        return self.rows.get(uid)


class FakeCluster:
    """What the parts under test ask of an API server; everything else is refused: no test may rely on it."""

    def __init__(self) -> None:
        self.annotations: dict[str, dict[str, str] | errors.ApiError] = {}
        self.annotation_reads = 0
        self._annotations_answered = asyncio.Event()
        self._annotations_answered.set()
        self.config_maps: list[Json] = []
        self.deleted_config_maps: list[tuple[str, str]] = []

    def hold_annotations(self) -> asyncio.Event:
        """Answers about Namespaces are on their way until it is set."""
        self._annotations_answered.clear()
        return self._annotations_answered

    async def namespace_annotations(self, namespace: str) -> Mapping[str, str]:
        self.annotation_reads += 1
        await self._annotations_answered.wait()
        found = self.annotations.get(namespace, {})
        if isinstance(found, errors.ApiError):
            raise found
        return found

    async def source_config_maps(self) -> Sequence[Json]:
        return list(self.config_maps)

    async def delete_config_map(self, namespace: str, name: str, uid: str) -> None:
        self.deleted_config_maps.append((namespace, name))

    def list_all(self, kind: Kind) -> AsyncIterator[Page]:
        raise _unexpected(kind)

    def watch(self, kind: Kind, scope: str | None, version: int) -> AsyncIterator[tuple[str, Json]]:
        raise _unexpected(kind)

    async def get_mljob(self, namespace: str, name: str) -> Json:
        raise _unexpected(name)

    async def patch_mljob_status(self, namespace: str, name: str, patch: Json) -> Json:
        raise _unexpected(name)

    async def release_mljob(self, namespace: str, name: str, finalizers: Sequence[str], version: int) -> None:
        raise _unexpected(name)

    async def delete_mljob(self, namespace: str, name: str, uid: str) -> None:
        raise _unexpected(name)

    async def patch_definition_status(self, namespace: str, name: str, patch: Json) -> Json:
        raise _unexpected(name)

    async def create_job(self, namespace: str, manifest: Json) -> Json:
        raise _unexpected(namespace)

    async def get_job(self, namespace: str, name: str) -> Json:
        raise _unexpected(name)

    async def stop_job(self, namespace: str, name: str, reason: str, *, unsuspend: bool) -> Json:
        raise _unexpected(name)

    async def lower_pod_deadline(self, namespace: str, name: str, uid: str, seconds: int) -> Json:
        raise _unexpected(name)

    async def pods_of(self, namespace: str, uid: str, attempt: int) -> Sequence[Json]:
        raise _unexpected(uid)

    async def warnings_about(self, namespace: str, name: str, uid: str) -> Sequence[Json]:
        raise _unexpected(name)

    async def dry_run(self, namespace: str, job: Json, pod: Json) -> None:
        raise _unexpected(namespace)

    async def create_config_map(self, namespace: str, manifest: Json) -> Json:
        raise _unexpected(namespace)

    async def get_config_map(self, namespace: str, name: str) -> Json:
        raise _unexpected(name)

    async def put_event(self, namespace: str, event: Json) -> None:
        raise _unexpected(namespace)


def _unexpected(what: str) -> AssertionError:
    return AssertionError(f"not expected of this test: {what}")
