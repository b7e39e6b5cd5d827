"""The whole loop on the small cluster of `model`, driven by hand: nothing happens but what is asked for.

View, queue, gatherer, decisions, reconciler, admission and comparison are the real ones; the launcher makes
a bare Job, and rows are written at once.
"""

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from itertools import cycle
from typing import Any, cast

import pytest
from mljob.api import errors
from mljob.api.job import Phase
from mljob.controller import admission, reconcile
from mljob.controller.admission import Admitter
from mljob.controller.definitions import Definitions
from mljob.controller.gather import Gatherer
from mljob.controller.launch import Launch, Launched, Launcher
from mljob.controller.mirror import Mirror
from mljob.controller.ports import Json, Kind
from mljob.controller.queue import WorkQueue
from mljob.controller.reconcile import Reconciler
from mljob.controller.resync import Resync
from mljob.controller.view import Group, JobEntry, View
from mljob.core.config import OperatorConfig
from mljob.core.facts import DefinitionFacts
from mljob.core.records import AttemptRecord, JobRecord, Rank
from mljob.core.refusal import Refusal

from tests.unit.controller.fakes import Clock, FakeStore, StoreDown, StoreRefuses
from tests.unit.controller.model import Model, alive
from tests.unit.controller.objects import NAMESPACE

TRAIN: Group = (NAMESPACE, "train")
CONFIG = OperatorConfig(ttl_seconds_after_finished=900, ttl_seconds_after_failed=900)
WATCHED: tuple[Kind, ...] = ("MlJob", "Job", "Pod")
ENDS = {
    "transient": ('{"v": 1, "outcome": "transient", "error": "E()"}', 75),
    "success": ('{"v": 1, "outcome": "succeeded", "result": "1"}', 0),
    "error": ('{"v": 1, "outcome": "failed", "error": "E()"}', 1),
    "limit": ('{"v": 1, "outcome": "timed_out"}', 124),
    "crash": (None, 139),
}
"""Termination message and exit code of `main`"""
TURNS = 12
"""Steps of the event loop after which admission, and what it starts, have had their turn"""
LOOKS_WITHOUT_AN_EVENT = 60
"""More than this in a row, with nothing new to see, would be a loop"""
PASSES_TO_SETTLE = 80


class InstantMirror(Mirror):
    """Every row is stored at once."""

    def put(self, job: JobRecord, attempt: AttemptRecord | None = None) -> None:
        self._store.write([job], [attempt] if attempt is not None else [])
        self._on_stored(job.uid, (job.attempt, job.rank))


class BareLauncher:
    """Creates a Job without a manifest worth mentioning. While held up, its requests are on their way;
    `refusals` are what the next ones meet."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._gate = asyncio.Event()
        self._gate.set()
        self.refusals: list[Launched] = []

    def hold_up(self, *, shut: bool) -> None:
        """Keep requests on their way, or let them through."""
        if shut:
            self._gate.clear()
        else:
            self._gate.set()

    async def launch(self, entry: JobEntry, attempt: int, definition: DefinitionFacts | None) -> Launch:
        job = self._model.job_of(entry.name, entry.uid, attempt)
        await self._gate.wait()
        if self.refusals:
            return Launch(self.refusals.pop(), refusal=Refusal("Refused", "by a quota or for good"))
        try:
            return Launch(Launched.CREATED, await self._model.create_job(entry.namespace, job))
        except errors.AlreadyExists:
            found = await self._model.get_job(entry.namespace, job["metadata"]["name"])
            return Launch(Launched.CREATED, found)


class Loop:
    """One job name, `train`, with a cap. Close it: it has an event loop of its own."""

    def __init__(self, cap: int = 2) -> None:
        self._patch = pytest.MonkeyPatch()
        self._patch.setattr(reconcile, "request_delay_seconds", lambda failures, wish: 0.0)
        self._patch.setattr(admission, "FAILED_START_SECONDS", 0.0)
        self._runner = asyncio.new_event_loop()
        self.cap = cap
        self.clock, self.store = Clock(), FakeStore()
        self.model = Model(self.clock, lambda: self.cap)
        self.launcher = BareLauncher(self.model)
        self._generation = 0
        self._do(self._build())

    async def _build(self) -> None:
        self.queue = WorkQueue(self.clock)
        self.view = View(self.queue.add, lambda group: self.admitter.notice(group))  # noqa: PLW0108
        self.definitions = Definitions(lambda uid: None, self._group_changed)
        mirror = InstantMirror(self.store, StoreDown, StoreRefuses, self._stored, lambda uid: None)
        gatherer = Gatherer(self.view, self.definitions, self.model, CONFIG)
        self.reconciler = Reconciler(
            self.view,
            self.queue,
            gatherer,
            cast(Launcher, self.launcher),
            self.model,
            mirror,
            "c",
            self.clock,
        )
        self.admitter = Admitter(
            self.view, self.model, CONFIG.limits, gatherer.cap, self.reconciler.start, self.clock
        )
        self.resync = Resync(
            self.view, self.definitions, self.model, self.store, mirror, "c",
            self.reconciler.record_deleted, self.clock,
        )  # fmt: skip
        self.define()
        self._admission = asyncio.get_running_loop().create_task(self.admitter.run())
        self.admitter.open_doors()

    def close(self) -> None:
        """End what runs for ever."""
        self._admission.cancel()
        self._runner.run_until_complete(asyncio.gather(self._admission, return_exceptions=True))
        self._runner.close()
        self._patch.undo()

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        self._runner.run_until_complete(work)

    def _stored(self, uid: str, version: tuple[int, Rank]) -> None:
        entry = self.view.jobs.get(uid)
        if entry is not None:
            entry.recorded = version
            if version[1] is Rank.FINAL:
                self.queue.add(uid)

    # ---- the definition

    def define(self, **spec: Any) -> None:
        """The definition as it is from now on, judged and accepted."""
        self._generation += 1
        metadata = {
            "name": "train", "namespace": NAMESPACE, "uid": "definition",
            "resourceVersion": str(self._generation), "generation": self._generation,
        }  # fmt: skip
        self.definitions.upsert(
            {"metadata": metadata, "spec": {"function": "m.f", "maxWorkers": self.cap} | spec}
        )
        self.definitions.entries["definition"].judged_generation = self._generation
        self._group_changed(TRAIN)

    def set_cap(self, cap: int) -> None:
        """As `define`, with another cap."""
        self.cap = cap
        self.define()

    def _group_changed(self, group: Group) -> None:
        for uid in self.view.unfinished.get(group, ()):
            self.queue.add(uid)
        if hasattr(self, "admitter"):
            self.admitter.notice(group)

    # ---- time and the watches

    def wait(self, seconds: int) -> None:
        """Let the clock go on."""
        self._do(self._wait(seconds))

    async def _wait(self, seconds: int) -> None:
        self.clock.now += seconds
        self.queue._ring()

    def deliver(self, kind: Kind, count: int) -> None:
        """Let the watch of a kind bring its next events."""
        self._do(self._deliver(kind, count))

    async def _deliver(self, kind: Kind, count: int) -> None:
        events = self.model.pending[kind]
        for event_type, body in events[:count]:
            if event_type == "DELETED":
                await self._again(self.resync.forget(kind, body))
            else:
                self.resync.take(kind, body)
        del events[:count]

    def compare(self, kinds: Iterable[Kind]) -> None:
        """Have the view compared with lists of these kinds."""
        self._do(self._again(self.resync.compare(kinds)))

    def check_held(self) -> None:
        """Have attempts that hold a slot looked at."""
        self._do(self._again(self.resync.check_held()))

    async def _again(self, work: Coroutine[Any, Any, object]) -> None:
        """What a lost message makes of one event is the comparison's to find."""
        try:
            await work
        except errors.ApiError:
            self.model.failures.clear()

    # ---- the operator

    def work(self) -> None:
        """Look at jobs until there is nothing to look at."""
        self._do(self._work())

    async def _work(self) -> None:
        looks = 0
        while True:
            for _ in range(TURNS):
                await asyncio.sleep(0)
            if not len(self.queue):
                return
            looks += 1
            assert looks < LOOKS_WITHOUT_AN_EVENT, "looks at jobs for ever"
            key = await self.queue.get()
            try:
                await self.reconciler.reconcile(key)
            except errors.ApiError:
                self.queue.add_at(key, self.clock.now + 1)
            finally:
                self.queue.done(key)

    # ---- everything in its turn

    def let_time_pass(self, ends: Sequence[str], *, deliver: bool = True, work: bool = True) -> None:
        """Watches, operator, Job controller and kubelets have their turn once; pods end as `ends` say."""
        self._do(self._let_time_pass(ends, deliver=deliver, work=work))

    async def _let_time_pass(self, ends: Sequence[str], *, deliver: bool = True, work: bool = True) -> None:
        for kind in WATCHED:
            if deliver:
                await self._deliver(kind, 10_000)
        if work:
            await self._work()
        self.model.collect()
        for uid in list(self.model.objects["Job"]):
            self.model.sync_job(uid)
        for uid, end in zip(list(self.model.objects["Pod"]), cycle(ends), strict=False):
            self.model.run_pod(uid, *ENDS[end])

    def settle(self) -> None:
        """Nobody interferes any more, and everything takes its course."""
        self.model.failures = []
        self.launcher.refusals = []
        self.launcher.hold_up(shut=False)
        for uid, body in list(self.model.objects["MlJob"].items()):
            if body["spec"].get("suspend"):
                self.model.change(uid, suspend=False)
        for uid in self.model.objects["Job"]:
            self.model.suspend_job(uid, suspend=False)
        self._do(self._settle())

    async def _settle(self) -> None:
        for _ in range(PASSES_TO_SETTLE):
            before = (self.model.version, self.model.status_writes)
            await self._let_time_pass(["success"])
            await self.resync.check_held()
            await self._wait(20)
            if before == (self.model.version, self.model.status_writes) and not self.unfinished():
                return

    def unfinished(self) -> list[Json]:
        """The MlJobs that have not reached a final phase."""
        bodies = self.model.objects["MlJob"].values()
        return [body for body in bodies if not Phase(body["status"]["phase"]).is_final]

    def check_end(self, submitted: Iterable[str]) -> None:
        """What holds once everything has settled: all jobs told to their end, no slot leaked."""
        assert not self.model.violations
        assert not self.unfinished(), "a job never reached a final phase"
        assert not [pod for pod in self.model.objects["Pod"].values() if alive(pod)]
        slots = self.view.slots
        assert (slots.in_all, len(slots.in_flight), len(self.view.waiting)) == (0, 0, 0), "a slot leaked"
        for uid in submitted:
            row = self.store.rows.get(uid)
            assert row is None or row.rank is Rank.FINAL, "a row that never became final"
            assert uid not in self.model.finals or (row and row.phase == self.model.finals[uid])
