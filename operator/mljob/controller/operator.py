"""The operator: all parts of the loop put together, its workers, its start and its end."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

from mljob.api import errors
from mljob.controller.admission import Admitter
from mljob.controller.definitions import DefinitionJudge, Definitions
from mljob.controller.gather import Gatherer
from mljob.controller.launch import Launcher
from mljob.controller.metrics import Metrics
from mljob.controller.mirror import Mirror
from mljob.controller.ports import KINDS, Cluster, Json, Kind, Store
from mljob.controller.queue import WorkQueue
from mljob.controller.reconcile import Reconciler
from mljob.controller.resync import Resync
from mljob.controller.sources import collect_sources
from mljob.controller.view import Group, View
from mljob.controller.watching import BOOKMARK, Watch
from mljob.core.config import OperatorConfig
from mljob.core.manifest import RunnerRef
from mljob.core.records import Rank
from mljob.core.retry import request_delay_seconds

log = logging.getLogger(__name__)

WATCHED_KINDS: tuple[Kind, ...] = ("Job", "Pod")
"""They bring ten of a job's thirteen events, and need nothing that kopf does with one: controller/watching"""
WORKERS = 16
"""Looks at different jobs at once; each waits for the API server most of its time"""
HELD_PERIOD_SECONDS = 60.0
COMPARE_PERIOD_SECONDS = 600.0
RELIST_DELAY_SECONDS = 3.0
"""After a watch has begun anew: its own list comes first"""
STUCK_SECONDS = 120.0
"""A key that waits longer than this in front of the queue means that the loop is dead"""
FIRST_STORE_PATIENCE_SECONDS = 5.0


class Operator:
    """One start of the operator. `store_errors`: (what passes, what does not) of the store's exceptions."""

    def __init__(
        self,
        cluster: Cluster,
        store: Store,
        store_errors: tuple[type[Exception], type[Exception]],
        config: OperatorConfig,
        runner: RunnerRef,
        *,
        cluster_id: str,
        epoch: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._clock = clock
        self._store_errors = store_errors
        self._cluster = cluster
        self.metrics = Metrics()
        self.queue = WorkQueue(clock)
        self.definition_queue = WorkQueue(clock)
        self.view = View(on_job=self.queue.add, on_slot=self._slot_changed)
        self.definitions = Definitions(self.definition_queue.add, self._group_changed)
        self.mirror = Mirror(store, *store_errors, self._stored, self._params_missing)
        gatherer = Gatherer(self.view, self.definitions, cluster, config)
        self._launcher = Launcher(cluster, config, runner, epoch, clock)
        self.reconciler = Reconciler(
            self.view, self.queue, gatherer, self._launcher, cluster, self.mirror, cluster_id, clock
        )
        self.admitter = Admitter(
            self.view, cluster, config.limits, gatherer.cap, self.reconciler.start, clock
        )
        self.judge = DefinitionJudge(self.definitions, cluster, config, runner, self._group_changed, clock)
        self.resync = Resync(
            self.view, self.definitions, cluster, store, self.mirror, cluster_id,
            self.reconciler.record_deleted, clock,
        )  # fmt: skip
        self._tasks: list[asyncio.Task[None]] = []
        self._relisted: set[Kind] = set()
        self._relist_timer: asyncio.TimerHandle | None = None
        self._compare_now = asyncio.Event()
        self._deaf: Kind | None = None
        """a kind whose watch lets changes pass"""
        self._failures: dict[str, int] = {}
        self.started = False

    # ---- life

    async def start(self) -> None:
        """List everything, then begin to work and to admit. Tries for ever."""
        self._spawn("mirror", self.mirror.run())
        await self._until_it_works("the first list", self.resync.compare)
        await self._learn_from_store()
        self.reconciler.recorder.record_ends()
        for number in range(WORKERS):
            self._spawn(f"worker {number}", self._work(self.queue, self._reconcile))
        self._spawn("definitions", self._work(self.definition_queue, self.judge.judge))
        self._spawn("admission", self.admitter.run())
        for kind in WATCHED_KINDS:
            for scope, version in self.resync.listed[kind].items():
                watch = Watch(self._cluster, kind, scope, self.observe, partial(self._list, kind, scope))
                self._spawn(f"watch of {kind}s in {scope or 'all namespaces'}", watch.run(version))
        self._spawn("held", self._periodically(HELD_PERIOD_SECONDS, self.resync.check_held))
        self._spawn("compare", self._compare_for_ever())
        self.admitter.open_doors()
        self.started = True
        log.info("started: %d jobs, %d definitions", len(self.view.jobs), len(self.definitions.entries))

    async def stop(self, grace_seconds: float) -> None:
        """Admit no more, finish what is in flight, write what is queued, within the time given."""
        deadline = asyncio.get_running_loop().time() + grace_seconds
        try:
            async with asyncio.timeout_at(deadline):
                await self.admitter.close()
                await self.queue.idle()
                await self.mirror.drain(grace_seconds)
        except TimeoutError:
            log.warning("not everything was finished in %.0f s; the next start takes it up", grace_seconds)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def dead_part(self) -> str | None:
        """The name of what no longer works, for the liveness probe; None: all is well."""
        for task in self._tasks:
            if task.done():
                return f"task {task.get_name()!r} has ended"
        if self._deaf is not None:
            return f"the watch of {self._deaf}s brings nothing: a comparison found changes that it had not"
        for name, queue in (("jobs", self.queue), ("definitions", self.definition_queue)):
            if queue.oldest_seconds > STUCK_SECONDS:
                return f"the queue of {name} has not moved for {queue.oldest_seconds:.0f} s"
        return None

    # ---- what the watches bring

    async def observe(self, kind: Kind, event_type: str | None, body: Json) -> None:
        """Take one watch event; type None: the object is part of a list that a watch began with."""
        self.metrics.last_event.labels(kind).set(self._clock())
        if event_type == BOOKMARK:
            return
        self.metrics.events.labels(kind).inc()
        if event_type == "DELETED":
            await self.resync.forget(kind, body)
            return
        if event_type is None:
            self._note_relist()
        self.resync.take(kind, body)

    async def _list(self, kind: Kind, scope: str | None) -> int:
        """The view compared with a new list of a kind; the list's resourceVersion."""
        await self.resync.compare([kind])
        return self.resync.listed[kind][scope]

    def _note_relist(self) -> None:
        """A new list brings no tombstones: compare once it is through."""
        # An empty list makes no event: the other kind that kopf watches may have been listed as well.
        self._relisted.update(each for each in KINDS if each not in WATCHED_KINDS)
        if self._relist_timer is None:
            loop = asyncio.get_running_loop()
            self._relist_timer = loop.call_later(RELIST_DELAY_SECONDS, self._compare_now.set)

    # ---- callbacks

    def _slot_changed(self, group: Group) -> None:
        self.admitter.notice(group)

    def _group_changed(self, group: Group) -> None:
        """What is in force for a name has changed: all its unfinished jobs look again."""
        for uid in self.view.unfinished.get(group, ()):
            self.queue.add(uid)
        self.admitter.notice(group)

    def _stored(self, uid: str, version: tuple[int, Rank]) -> None:
        entry = self.view.jobs.get(uid)
        if entry is None:
            return
        entry.recorded = version
        if version[1] == Rank.FINAL:
            self.queue.add(uid)

    def _params_missing(self, uid: str) -> None:
        entry = self.view.jobs.get(uid)
        if entry is not None:
            entry.needs_params = True
            self.queue.add(uid)

    # ---- tasks

    def _spawn(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.create_task(work, name=name))

    async def _reconcile(self, uid: str) -> None:
        with self.metrics.reconciles.time():
            await self.reconciler.reconcile(uid)

    async def _work(self, queue: WorkQueue, look: Callable[[str], Awaitable[None]]) -> None:
        while True:
            key = await queue.get()
            try:
                await look(key)
                self._failures.pop(key, None)
            except errors.ApiError as error:
                self._again(queue, key, error.reason or str(error.code), error.retry_after_seconds)
                log.info("job %s: %s; it is looked at again", key, error)
            except Exception:
                self._again(queue, key, "Bug", None)
                log.exception("job %s: a bug; it is looked at again", key)
            finally:
                queue.done(key)

    def _again(self, queue: WorkQueue, key: str, reason: str, wish_seconds: float | None) -> None:
        self.metrics.failures.labels(reason).inc()
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        queue.add_at(key, self._clock() + request_delay_seconds(failures, wish_seconds))

    async def _until_it_works(self, what: str, attempt: Callable[[], Awaitable[object]]) -> None:
        failures = 0
        while True:
            try:
                await attempt()
            except errors.ApiError as error:
                failures += 1
                delay = request_delay_seconds(failures, error.retry_after_seconds)
                log.warning("%s: %s; again in %.1f s", what, error, delay)
                await asyncio.sleep(delay)
            else:
                return

    async def _learn_from_store(self) -> None:
        """What SQL knows is wanted before the first admission, but its absence holds nothing up."""
        try:
            async with asyncio.timeout(FIRST_STORE_PATIENCE_SECONDS):
                await self.resync.compare_store()
        except (TimeoutError, *self._store_errors) as error:
            log.warning("the store is not there yet: %s; going on without it", error or "no answer")
            self._compare_now.set()
        except errors.ApiError as error:
            log.warning("the store is compared later: %s", error)

    def _note_lost(self, lost: Counter[Kind]) -> None:
        for kind, count in lost.items():
            self._deaf = kind
            self.metrics.missed.labels(kind).inc(count)
            log.error("the watch of %ss missed %d changes of more than a minute ago", kind, count)

    async def _periodically(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(seconds)
            await self._until_it_works(f"{work.__name__}", work)

    async def _compare_for_ever(self) -> None:
        """After a relist the kinds concerned, and all of them now and then."""
        while True:
            try:
                async with asyncio.timeout(COMPARE_PERIOD_SECONDS):
                    await self._compare_now.wait()
            except TimeoutError:
                self._relisted.update(KINDS)
            self._compare_now.clear()
            self._relist_timer = None
            kinds = [kind for kind in KINDS if kind in self._relisted]
            self._relisted.clear()
            try:
                self._note_lost(await self.resync.compare(kinds))
                await self.resync.compare_store()
                await collect_sources(
                    self._cluster, self.view, self.definitions, self._launcher.launched_lately
                )
            except (errors.ApiError, *self._store_errors) as error:
                log.warning("comparing %s: %s; it is done again later", ", ".join(kinds) or "rows", error)
                self._relisted.update(kinds)
                loop = asyncio.get_running_loop()
                self._relist_timer = loop.call_later(RELIST_DELAY_SECONDS * 5, self._compare_now.set)
