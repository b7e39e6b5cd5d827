"""The whole loop on the small cluster of `model`, driven by hand: nothing happens but what is asked for.

View, queues, workers, decisions, launcher, admission, judge and comparison are the real ones; rows are
written at once.
"""

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from itertools import cycle
from typing import Any

import pytest
from mljob.api import errors
from mljob.api.job import Phase
from mljob.controller import admission, reconcile
from mljob.controller.admission import Admitter
from mljob.controller.definitions import DefinitionJudge, Definitions
from mljob.controller.gather import Gatherer
from mljob.controller.launch import Launcher
from mljob.controller.mirror import Mirror
from mljob.controller.ports import KINDS, Json, Kind
from mljob.controller.queue import WorkQueue
from mljob.controller.reconcile import Reconciler
from mljob.controller.resync import Resync
from mljob.controller.view import Group, JobEntry, View
from mljob.core.config import OperatorConfig
from mljob.core.records import AttemptRecord, JobRecord, Rank
from mljob.core.subject import RunnerRef

from tests.unit.controller.fakes import Clock, FakeStore, StoreDown, StoreRefuses
from tests.unit.controller.machines import Machines
from tests.unit.controller.model import Model, alive

CONFIG = OperatorConfig(ttl_seconds_after_finished=900, ttl_seconds_after_failed=900)
RUNNER = RunnerRef("0" * 64, {"run.py": "x"}, (("run.py", "run.py"),))
ENDS = {
    "transient": ('{"v": 1, "outcome": "transient", "error": "E()"}', 75),
    "success": ('{"v": 1, "outcome": "succeeded", "result": "1"}', 0),
    "error": ('{"v": 1, "outcome": "failed", "error": "E()"}', 1),
    "limit": ('{"v": 1, "outcome": "timed_out"}', 124),
    "crash": (None, 139),
}
"""Termination message and exit code of `main`"""
WORKERS = 3
TURNS = 12
"""Of the event loop: when nobody did anything for that many, everybody waits for something"""
LOOKS_WITHOUT_AN_EVENT = 100
"""More than this in a row, with nothing new to see, would be a loop"""
ANSWER_SECONDS = 15
"""How long the operator's client waits for an answer"""
PASSES_TO_SETTLE = 80


class InstantMirror(Mirror):
    """Every row is stored at once."""

    def put(self, job: JobRecord, attempt: AttemptRecord | None = None) -> None:
        result = self._store.write([job], [attempt] if attempt is not None else [])
        self._on_stored(job.uid, (job.attempt, job.rank))
        for uid in result.missing_params:
            self._on_missing_params(uid)


class Loop:
    """One job name, `train`, with a cap. Close it: it has an event loop of its own."""

    def __init__(self, cap: int = 2, **definition: Any) -> None:
        self._patch = pytest.MonkeyPatch()
        self._patch.setattr(reconcile, "request_delay_seconds", lambda failures, wish: 0.0)
        self._patch.setattr(admission, "FAILED_START_SECONDS", 0.0)
        self._runner = asyncio.new_event_loop()
        self._looks = 0
        self._admitted_under: dict[str, int] = {}
        self.clock, self.store = Clock(), FakeStore()
        self.model = Model(self.clock, self._admitted_under.__getitem__)
        self.machines = Machines(self.model)
        self.run(self._build())
        self.define(maxWorkers=cap, **definition)

    async def _build(self) -> None:
        self.queue, self.definition_queue = WorkQueue(self.clock), WorkQueue(self.clock)
        self.view = View(self.queue.add, lambda group: self.admitter.notice(group))  # noqa: PLW0108
        self.definitions = Definitions(self.definition_queue.add, self._group_changed)
        mirror = InstantMirror(self.store, StoreDown, StoreRefuses, self._stored, self._params_missing)
        self._gatherer = Gatherer(self.view, self.definitions, self.model, CONFIG)
        launcher = Launcher(self.model, CONFIG, RUNNER, "epoch", self.clock)
        self.reconciler = Reconciler(
            self.view, self.queue, self._gatherer, launcher, self.model, mirror, "c", self.clock
        )
        self.admitter = Admitter(
            self.view, self.model, CONFIG.limits, self._cap_of, self.reconciler.start, self.clock
        )
        judge = DefinitionJudge(self.definitions, self.model, CONFIG, RUNNER, self._group_changed, self.clock)
        self.resync = Resync(
            self.view, self.definitions, self.model, self.store, mirror, "c",
            self.reconciler.record_deleted, self.clock,
        )  # fmt: skip
        self.admitter.open_doors()
        work = [self._worker(self.queue, self.reconciler.reconcile) for _ in range(WORKERS)]
        work += [self._worker(self.definition_queue, judge.judge), self.admitter.run()]
        self._tasks = [asyncio.create_task(each) for each in work]

    def close(self) -> None:
        """End what runs for ever."""
        for task in asyncio.all_tasks(self._runner):
            task.cancel()
        self._runner.run_until_complete(asyncio.gather(*self._tasks, return_exceptions=True))
        self._runner.close()
        self._patch.undo()

    def run(self, work: Coroutine[Any, Any, object]) -> None:
        """Let everybody go on until this is done."""
        self._runner.run_until_complete(work)
        for task in self._tasks:
            assert not task.done() or task.result(), "it ends with a bug or not at all"

    @property
    def cap(self) -> int:
        """As people have it in the definition."""
        return int(self.model.objects["MlJobDefinition"]["definition"]["spec"]["maxWorkers"])

    # ---- callbacks, as the operator has them

    def _cap_of(self, entry: JobEntry) -> int:
        cap = self._admitted_under[entry.uid] = self._gatherer.cap(entry)
        return cap

    def _stored(self, uid: str, version: tuple[int, Rank]) -> None:
        entry = self.view.jobs.get(uid)
        if entry is not None:
            entry.recorded = version
            if version[1] is Rank.FINAL:
                self.queue.add(uid)

    def _params_missing(self, uid: str) -> None:
        entry = self.view.jobs.get(uid)
        if entry is not None:
            entry.needs_params = True
            self.queue.add(uid)

    def _group_changed(self, group: Group) -> None:
        for uid in self.view.unfinished.get(group, ()):
            self.queue.add(uid)
        self.admitter.notice(group)

    # ---- the definition

    def define(self, **changes: Any) -> None:
        """Have people create the definition, or change it, and the operator judge it."""
        self.model.define(**changes)
        self.deliver("MlJobDefinition", 10)
        self.work()

    # ---- time and the watches

    def wait(self, seconds: int) -> None:
        """Let the clock go on."""
        self.run(self._wait(seconds))

    async def _wait(self, seconds: int) -> None:
        self.clock.now += seconds
        if seconds > ANSWER_SECONDS:
            self.model.wire.time_out()
        self.queue._ring()
        self.definition_queue._ring()

    def deliver(self, kind: Kind, count: int) -> None:
        """Let the watch of a kind bring its next events."""
        self.run(self._deliver(kind, count))

    async def _deliver(self, kind: Kind, count: int) -> None:
        events = self.model.pending[kind][:count]
        del self.model.pending[kind][:count]
        for event_type, body in events:
            if event_type == "DELETED":
                await self._again(self.resync.forget(kind, body))
            else:
                self.resync.take(kind, body)

    def compare(self, kinds: Iterable[Kind]) -> None:
        """Have the view compared with lists of these kinds."""
        self.run(self._again(self.resync.compare(kinds)))

    def check_held(self) -> None:
        """Have attempts that hold a slot looked at."""
        self.run(self._again(self.resync.check_held()))

    async def _again(self, work: Coroutine[Any, Any, object]) -> None:
        """What a lost message makes of one event is the comparison's to find."""
        self.model.wire.prompt = True
        try:
            await work
        except errors.ApiError:
            self.model.wire.fates.clear()
        finally:
            self.model.wire.prompt = False

    # ---- the operator

    def work(self) -> None:
        """Have the operator work until there is nothing to do, or everybody waits for an answer."""
        self.run(self._work())

    async def _work(self) -> None:
        at_first, quiet = self._looks, 0
        while quiet < TURNS:
            before = self._looks, self.model.wire.calls
            await asyncio.sleep(0)
            quiet = quiet + 1 if before == (self._looks, self.model.wire.calls) else 0
            assert self._looks - at_first < LOOKS_WITHOUT_AN_EVENT, "looks at jobs for ever"

    async def _worker(self, queue: WorkQueue, look: Any) -> None:
        while True:
            key = await queue.get()
            self._looks += 1
            try:
                await look(key)
            except errors.ApiError:
                queue.add_at(key, self.clock.now + 1)
            finally:
                queue.done(key)

    # ---- everything in its turn

    def let_time_pass(self, ends: Sequence[str], *, deliver: bool = True, work: bool = True) -> None:
        """Watches, operator, Job controller and kubelets have their turn once; pods end as `ends` say."""
        self.run(self._let_time_pass(ends, deliver=deliver, work=work))

    async def _let_time_pass(self, ends: Sequence[str], *, deliver: bool = True, work: bool = True) -> None:
        for kind in KINDS:
            if deliver:
                await self._deliver(kind, 10_000)
        if work:
            await self._work()
        self.machines.collect()
        for uid in list(self.model.objects["Job"]):
            self.machines.sync_job(uid)
        for uid, end in zip(list(self.model.objects["Pod"]), cycle(ends), strict=False):
            self.machines.run_pod(uid, *ENDS[end])

    def settle(self) -> None:
        """Nobody interferes any more, and everything takes its course."""
        self.model.wire.fates = []
        self.model.wire.arrive()
        self.model.refusals = []
        self.model.hold_creations_up(shut=False)
        for uid, body in list(self.model.objects["MlJob"].items()):
            if body["spec"].get("suspend"):
                self.model.change(uid, suspend=False)
        for uid in self.model.objects["Job"]:
            self.model.suspend_job(uid, suspend=False)
        self.run(self._settle())

    async def _settle(self) -> None:
        for _ in range(PASSES_TO_SETTLE):
            before = (self.model.version, self.model.status_writes)
            await self._let_time_pass(["success"])
            await self.resync.check_held()
            await self._wait(20)
            if before == (self.model.version, self.model.status_writes) and not self.unfinished():
                return

    def status_of(self, uid: str) -> tuple[str, str | None]:
        """Phase and reason that the object of a job has."""
        status = self.model.objects["MlJob"][uid]["status"]
        return status["phase"], status.get("reason")

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
