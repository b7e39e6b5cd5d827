"""Comparison with the server and the store: what a watch may have missed, and what nobody saw happen.

A watch tells of changes, never that it is complete, and brings no tombstones after a relist. So: a full,
quorum-consistent list before the first admission and after every relist; held attempts once a minute.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from itertools import islice

from mljob.api import errors
from mljob.api.job import Phase
from mljob.controller.definitions import DefinitionEntry, Definitions
from mljob.controller.mirror import Mirror
from mljob.controller.parse import changed_time
from mljob.controller.ports import KINDS, Cluster, Json, Kind, Store
from mljob.controller.view import AttemptId, JobEntry, View
from mljob.core.facts import StatusFacts, StoredEnd
from mljob.core.recording import vanished_attempt_record
from mljob.core.records import JobRecord, Rank
from mljob.core.rules.deleted import DELETED_MESSAGE

log = logging.getLogger(__name__)

KNOWN_CHUNK = 500
LOST_AFTER_SECONDS = 60.0
"""What changed longer ago than this and is news to the view was lost by its watch"""
HELD_CHUNK = 50
"""How many held attempts are looked at in one round: bounded, whatever runs"""


class Resync:
    """Brings view and store into line with the server. `on_gone(entry)` hears of MlJobs that vanished."""

    def __init__(
        self,
        view: View,
        definitions: Definitions,
        cluster: Cluster,
        store: Store,
        mirror: Mirror,
        cluster_id: str,
        on_gone: Callable[[JobEntry], Awaitable[None]],
        clock: Callable[[], float],
    ) -> None:
        self._view = view
        self._definitions = definitions
        self._cluster = cluster
        self._store = store
        self._mirror = mirror
        self._cluster_id = cluster_id
        self._on_gone = on_gone
        self._clock = clock
        self._last_held: AttemptId = ("", 0)
        self.listed: dict[Kind, dict[str | None, int]] = {}
        """resourceVersion of the latest list, by kind and scope"""

    async def compare(self, kinds: Iterable[Kind] = KINDS) -> Counter[Kind]:
        """List these kinds; take what is new, drop what is gone. Raises ApiError.

        Returns how many changes of our own resources were found that their watch should have brought.
        """
        lost: Counter[Kind] = Counter()
        for kind in kinds:
            while True:
                with suppress(errors.Gone):
                    # The list took longer than the server keeps its snapshot: begin again.
                    lost[kind] = await self._compare_kind(kind)
                    break
        return +lost

    async def _compare_kind(self, kind: Kind) -> int:
        listed: set[str] = set()
        lost = 0
        versions: dict[str | None, int] = {}
        async for page in self._cluster.list_all(kind):
            versions[page.scope] = page.resource_version
            for body in page.items:
                listed.add(body["metadata"]["uid"])
                lost += self._is_lost(kind, body)
                self.take(kind, body)
            await asyncio.sleep(0)
        self.listed[kind] = versions
        # Scopes are listed one after the other: what came meanwhile into the first is in no list.
        for body in self._absent(kind, listed, min(versions.values())):
            await self.forget(kind, body)
        return lost

    def _is_lost(self, kind: Kind, body: Json) -> bool:
        """Should the view have known this? Asked of our own resources: the other watches notice silence."""
        uid, version = body["metadata"]["uid"], int(body["metadata"]["resourceVersion"])
        known: JobEntry | DefinitionEntry | None = None
        if kind == "MlJob":
            known = self._view.jobs.get(uid)
        elif kind == "MlJobDefinition":
            known = self._definitions.entries.get(uid)
        else:
            return False
        if known is not None and known.resource_version >= version:
            return False
        return self._clock() - changed_time(body["metadata"]) > LOST_AFTER_SECONDS

    def take(self, kind: Kind, body: Json) -> None:
        match kind:
            case "MlJob":
                self._view.upsert_job(body)
            case "MlJobDefinition":
                self._definitions.upsert(body)
            case "Job":
                self._view.upsert_kube_job(body)
            case "Pod":
                self._view.upsert_pod(body)

    async def forget(self, kind: Kind, body: Json) -> None:
        """An object is gone."""
        uid = body["metadata"]["uid"]
        match kind:
            case "MlJob":
                if body.get("status") is not None:
                    # A tombstone carries the last state: an end may be in it that nothing else has told.
                    self._view.upsert_job(body)
                entry = self._view.remove_job(uid)
                if entry is not None:
                    await self._on_gone(entry)
            case "MlJobDefinition":
                self._definitions.remove(uid)
            case "Job":
                self._view.remove_kube_job(body)
            case "Pod":
                self._view.remove_pod(body)

    def _absent(self, kind: Kind, listed: set[str], version: int) -> list[Json]:
        """What the view has and a list at least as new as it has not."""
        return [
            body
            for body in self._view_of(kind)
            if body["metadata"]["uid"] not in listed and int(body["metadata"]["resourceVersion"]) <= version
        ]

    def _view_of(self, kind: Kind) -> list[Json]:
        """The identities of all objects of a kind in the view, as `forget` wants them."""
        match kind:
            case "MlJob":
                return [_identity(e.uid, e.resource_version) for e in self._view.jobs.values()]
            case "MlJobDefinition":
                return [_identity(e.uid, e.resource_version) for e in self._definitions.entries.values()]
            case "Job":
                return self._view.kube_job_identities()
            case "Pod":
                return self._view.pod_identities()

    async def check_held(self) -> None:
        """Look at some attempts that hold a slot: a lost event must not hold one for good."""
        held = sorted(self._view.slots.attempts)
        if not held:
            return
        later = [attempt for attempt in held if attempt > self._last_held] or held
        for attempt_id in islice(later, HELD_CHUNK):
            self._last_held = attempt_id
            await self._check_attempt(*attempt_id)

    async def _check_attempt(self, uid: str, number: int) -> None:
        attempt = self._view.attempts.get(uid, {}).get(number)
        if attempt is None or attempt.job is None or attempt.job_gone:
            return
        namespace = attempt.group[0]
        try:
            self._view.upsert_kube_job(await self._cluster.get_job(namespace, attempt.job.name))
        except errors.NotFound:
            self._view.forget_kube_job((uid, number))
        pods = await self._cluster.pods_of(namespace, uid, number)
        for pod in pods:
            self._view.upsert_pod(pod)
        self._view.keep_pods((uid, number), {pod["metadata"]["uid"] for pod in pods})

    async def compare_store(self) -> None:
        """Learn what SQL has: rows up to date, ends that the cluster lost, jobs that vanished unseen.

        Raises the store's errors and ApiError.
        """
        uids = list(self._view.jobs)
        for start in range(0, len(uids), KNOWN_CHUNK):
            chunk = uids[start : start + KNOWN_CHUNK]
            known = await asyncio.to_thread(self._store.known, self._cluster_id, chunk)
            for uid, (attempt, rank, phase) in known.items():
                await self._learn(uid, (attempt, Rank(rank)), phase)
        await self._find_vanished()

    async def _learn(self, uid: str, version: tuple[int, Rank], phase: Phase) -> None:
        entry = self._view.jobs.get(uid)
        if entry is None:
            return
        if entry.recorded is None or version > entry.recorded:
            entry.recorded = version
        if version[1] == Rank.FINAL and not entry.status.phase.is_final:
            row = await asyncio.to_thread(self._store.get, uid)
            entry.stored_end = StoredEnd(phase, row.result if row and phase is Phase.SUCCEEDED else None)
            self._view.touch(uid)

    async def _find_vanished(self) -> None:
        """Rows that are not final and whose MlJob is no more: it was deleted while nobody looked."""
        after = ""
        while True:
            rows = await asyncio.to_thread(self._store.unfinished, self._cluster_id, after, KNOWN_CHUNK)
            for row in rows:
                if row.uid not in self._view.jobs and await self._is_gone(row):
                    self._record_vanished(row)
            if len(rows) < KNOWN_CHUNK:
                return
            after = rows[-1].uid

    def _record_vanished(self, row: JobRecord) -> None:
        now = self._clock()
        deleted = StatusFacts(Phase.CANCELED, "Deleted", DELETED_MESSAGE, completion_time=now)
        attempt = self._view.attempt_facts(row.uid)
        self._mirror.put(_deleted(row, now), vanished_attempt_record(row, attempt, deleted))

    async def _is_gone(self, row: JobRecord) -> bool:
        try:
            body = await self._cluster.get_mljob(row.namespace, row.name)
        except errors.NotFound:
            return True
        except errors.Forbidden:
            # A namespace that is no longer ours to watch.
            return False
        return bool(body["metadata"]["uid"] != row.uid)


def _identity(uid: str, version: int) -> Json:
    return {"metadata": {"uid": uid, "resourceVersion": str(version)}}


def _deleted(row: JobRecord, now: float) -> JobRecord:
    return replace(
        row,
        rank=Rank.FINAL,
        phase=Phase.CANCELED,
        reason="Deleted",
        message=DELETED_MESSAGE,
        last_update_time_ms=int(now * 1000),
        completion_time_ms=int(now * 1000),
        next_retry_time_ms=None,
    )
