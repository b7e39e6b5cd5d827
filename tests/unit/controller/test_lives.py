"""The parts of the loop together, on a cluster where anything may happen in any order.

View, queue, gatherer, decisions, reconciler, admission and comparison are the real ones; the launcher makes
a bare Job, and rows are written at once.
"""

import asyncio
from collections.abc import Callable, Coroutine
from itertools import cycle
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
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
Interference = tuple[Kind, Callable[[Model, str], None]]
INTERFERENCES: list[Interference] = [
    ("Job", lambda model, uid: model.remove("Job", uid)),
    ("Pod", lambda model, uid: model.remove("Pod", uid)),
    ("Pod", lambda model, uid: model.delete_pod(model.objects["Pod"][uid])),
    ("Pod", lambda model, uid: model.evict(model.objects["Pod"][uid])),
    ("Job", lambda model, uid: model.suspend_job(uid, suspend=True)),
    ("Job", lambda model, uid: model.suspend_job(uid, suspend=False)),
    ("MlJob", lambda model, uid: model.change(uid, cancel=True)),
    ("MlJob", lambda model, uid: model.change(uid, suspend=True)),
    ("MlJob", lambda model, uid: model.change(uid, suspend=False)),
    ("MlJob", Model.delete),
]
LOOKS_WITHOUT_AN_EVENT = 60
"""More than this in a row, with nothing new to see, would be a loop"""


class InstantMirror(Mirror):
    """Every row is stored at once."""

    def put(self, job: JobRecord, attempt: AttemptRecord | None = None) -> None:
        self._store.write([job], [attempt] if attempt is not None else [])
        self._on_stored(job.uid, (job.attempt, job.rank))


class BareLauncher:
    """Creates a Job without a manifest worth mentioning. While its gate is shut, requests are on their way;
    `refusals` are what the next ones meet."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self.gate = asyncio.Event()
        self.gate.set()
        self.refusals: list[Launched] = []

    async def launch(self, entry: JobEntry, attempt: int, definition: DefinitionFacts | None) -> Launch:
        job = self._model.job_of(entry.name, entry.uid, attempt)
        await self.gate.wait()
        if self.refusals:
            return Launch(self.refusals.pop(), refusal=Refusal("Refused", "by a quota or for good"))
        try:
            return Launch(Launched.CREATED, await self._model.create_job(entry.namespace, job))
        except errors.AlreadyExists:
            found = await self._model.get_job(entry.namespace, job["metadata"]["name"])
            return Launch(Launched.CREATED, found)


class Lives(RuleBasedStateMachine):
    """One job name, its jobs, and everything that can happen to them."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(reconcile, "request_delay_seconds", lambda failures, wish: 0.0)
        self.patch.setattr(admission, "FAILED_START_SECONDS", 0.0)
        self.loop = asyncio.new_event_loop()
        self.clock, self.store = Clock(), FakeStore()
        self.cap = self.highest_cap = 2
        self.model = Model(self.clock, lambda: self.cap)
        self.launcher = BareLauncher(self.model)
        self.submitted: list[str] = []
        self.loop.run_until_complete(self._build())

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
        self.generation = 0
        self.define()
        self.admission = asyncio.get_running_loop().create_task(self.admitter.run())
        self.admitter.open_doors()

    def define(self, **spec: Any) -> None:
        """The definition as it is from now on, judged and accepted."""
        self.generation += 1
        metadata = {
            "name": "train", "namespace": NAMESPACE, "uid": "definition",
            "resourceVersion": str(self.generation), "generation": self.generation,
        }  # fmt: skip
        self.definitions.upsert(
            {"metadata": metadata, "spec": {"function": "m.f", "maxWorkers": self.cap} | spec}
        )
        self.definitions.entries["definition"].judged_generation = self.generation
        self._group_changed(TRAIN)

    def _group_changed(self, group: Group) -> None:
        for uid in self.view.unfinished.get(group, ()):
            self.queue.add(uid)
        if hasattr(self, "admitter"):
            self.admitter.notice(group)

    def _stored(self, uid: str, version: tuple[int, Rank]) -> None:
        entry = self.view.jobs.get(uid)
        if entry is not None:
            entry.recorded = version
            if version[1] is Rank.FINAL:
                self.queue.add(uid)

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        self.loop.run_until_complete(work)

    # ---- people

    @initialize(count=st.integers(2, 5), passes=st.integers(0, 4))
    def begin(self, count: int, passes: int) -> None:
        for number in range(count):
            self.submit(guarded=number % 2 == 0, suspend=False, priority=0)
        for _ in range(passes):
            self._do(self._let_time_pass(["transient", "success"]))

    @rule(guarded=st.booleans(), suspend=st.booleans(), priority=st.sampled_from([0, 0, -1]))
    def submit(self, guarded: bool, suspend: bool, priority: int) -> None:
        if len(self.submitted) < 8:
            self.submitted.append(self.model.submit(guarded=guarded, suspend=suspend, priority=priority))

    @rule(data=st.data(), act=st.sampled_from(INTERFERENCES))
    def interfere(self, data: st.DataObject, act: Interference) -> None:
        kind, do = act
        if self.model.objects[kind]:
            do(self.model, data.draw(st.sampled_from(sorted(self.model.objects[kind]))))

    @rule(cap=st.integers(1, 3))
    def set_cap(self, cap: int) -> None:
        self.cap = cap
        self.highest_cap = max(cap, self.highest_cap)
        self.define()

    @rule(refusals=st.lists(st.sampled_from([Launched.QUOTA, Launched.REFUSED]), min_size=1, max_size=2))
    def refuse_creations(self, refusals: list[Launched]) -> None:
        self.launcher.refusals = refusals

    @rule(shut=st.booleans())
    def hold_creations_up(self, shut: bool) -> None:
        if shut:
            self.launcher.gate.clear()
        else:
            self.launcher.gate.set()

    # ---- the cluster

    @rule(data=st.data(), end=st.sampled_from(list(ENDS)))
    def take_one_step(self, data: st.DataObject, end: str) -> None:
        steps = [*self.model.objects["Job"], *self.model.objects["Pod"], "collect"]
        uid = data.draw(st.sampled_from(sorted(steps)))
        if uid in self.model.objects["Job"]:
            self.model.sync_job(uid)
        elif uid in self.model.objects["Pod"]:
            self.model.run_pod(uid, *ENDS[end])
        else:
            self.model.collect()

    @rule(fates=st.lists(st.sampled_from(["before", "after"]), max_size=3))
    def lose_messages(self, fates: list[str]) -> None:
        self.model.failures = fates

    @rule(seconds=st.sampled_from([1, 5, 20, 60, 4_000]))
    def wait(self, seconds: int) -> None:
        self._do(self._wait(seconds))

    async def _wait(self, seconds: int) -> None:
        self.clock.now += seconds
        self.queue._ring()

    @rule(ends=st.permutations(list(ENDS)), deliver=st.booleans(), work=st.booleans())
    def let_time_pass(self, ends: list[str], deliver: bool, work: bool) -> None:
        """Most of the time everybody does what they should."""
        self._do(self._let_time_pass(ends, deliver=deliver, work=work))

    async def _let_time_pass(self, ends: list[str], *, deliver: bool = True, work: bool = True) -> None:
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

    @rule(ends=st.permutations(list(ENDS)))
    def let_an_attempt_pass(self, ends: list[str]) -> None:
        for _ in range(5):
            self._do(self._let_time_pass(ends))
        self.wait(60)

    # ---- the watches

    @rule(kind=st.sampled_from(WATCHED), count=st.integers(1, 5))
    def deliver(self, kind: Kind, count: int) -> None:
        self._do(self._deliver(kind, count))

    async def _deliver(self, kind: Kind, count: int) -> None:
        events = self.model.pending[kind]
        for event_type, body in events[:count]:
            if event_type == "DELETED":
                await self._again(self.resync.forget(kind, body))
            else:
                self.resync.take(kind, body)
        del events[:count]

    async def _again(self, work: Coroutine[Any, Any, None]) -> None:
        """What a lost message makes of one event is the comparison's to find."""
        try:
            await work
        except errors.ApiError:
            self.model.failures.clear()

    @rule(data=st.data())
    def deliver_a_stale_event(self, data: st.DataObject) -> None:
        kind, body = data.draw(st.sampled_from(self.model.history))
        self.resync.take(kind, body)

    @rule(kind=st.sampled_from(WATCHED))
    def lose_the_watch_and_relist(self, kind: Kind) -> None:
        self.model.pending[kind].clear()
        self._do(self._again(self.resync.compare([kind])))

    @rule()
    def check_held(self) -> None:
        self._do(self._again(self.resync.check_held()))

    # ---- the operator

    @rule()
    def work(self) -> None:
        self._do(self._work())

    async def _work(self) -> None:
        looks = 0
        while True:
            for _ in range(12):
                # Admission and what it starts have their turn.
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

    # ---- what always holds

    @invariant()
    def the_cluster_has_seen_no_promise_broken(self) -> None:
        assert not self.model.violations

    @invariant()
    def rows_show_no_more_running_than_the_highest_cap(self) -> None:
        running = [row for row in self.store.rows.values() if row.rank is Rank.RUNNING]
        assert len(running) <= self.highest_cap

    @invariant()
    def slots_add_up(self) -> None:
        slots = self.view.slots
        assert len(slots.attempts) == slots.in_all == slots.in_namespace(NAMESPACE)
        assert sum(slots.by_group(group) for group in slots.groups) == slots.in_all
        assert all(slots.by_group(group) for group in slots.groups), "a group without attempts is forgotten"

    def teardown(self) -> None:
        try:
            self._do(self._settle())
            self._check_end()
        finally:
            self.admission.cancel()
            self.loop.run_until_complete(asyncio.gather(self.admission, return_exceptions=True))
            self.loop.close()
            self.patch.undo()

    async def _settle(self) -> None:
        """Nobody interferes any more, and everything takes its course."""
        self.model.failures = []
        self.launcher.refusals = []
        self.launcher.gate.set()
        for uid, body in list(self.model.objects["MlJob"].items()):
            if body["spec"].get("suspend"):
                self.model.change(uid, suspend=False)
        for uid in self.model.objects["Job"]:
            self.model.suspend_job(uid, suspend=False)
        for _ in range(80):
            before = (self.model.version, self.model.status_writes)
            await self._let_time_pass(["success"])
            await self.resync.check_held()
            await self._wait(20)
            if before == (self.model.version, self.model.status_writes) and not self._unfinished():
                return

    def _unfinished(self) -> list[Json]:
        bodies = self.model.objects["MlJob"].values()
        return [body for body in bodies if not Phase(body["status"]["phase"]).is_final]

    def _check_end(self) -> None:
        assert not self.model.violations
        assert not self._unfinished(), "a job never reached a final phase"
        assert not [pod for pod in self.model.objects["Pod"].values() if alive(pod)]
        slots = self.view.slots
        assert (slots.in_all, len(slots.in_flight), len(self.view.waiting)) == (0, 0, 0), "a slot leaked"
        for uid in self.submitted:
            row = self.store.rows.get(uid)
            assert row is None or row.rank is Rank.FINAL, "a row that never became final"
            assert uid not in self.model.finals or (row and row.phase == self.model.finals[uid])


@pytest.mark.parametrize("refusal", [Launched.QUOTA, Launched.REFUSED])
def test_a_creation_that_is_refused_does_not_undo_a_cancellation(refusal: Launched) -> None:
    lives = Lives()
    uid = lives.model.submit(guarded=True)
    lives.submitted.append(uid)
    lives.launcher.refusals = [refusal]
    lives.hold_creations_up(shut=True)
    lives.deliver(kind="MlJob", count=1)
    lives.work()
    lives.model.change(uid, cancel=True)
    lives.deliver(kind="MlJob", count=1)
    lives.work()
    lives.hold_creations_up(shut=False)
    lives.work()
    status = lives.model.objects["MlJob"][uid]["status"]
    assert (status["phase"], status["reason"]) == ("Canceled", "Canceled")
    lives.teardown()


def test_params_that_are_no_json_end_an_exclusive_job_and_harm_no_other() -> None:
    lives = Lives()
    lives.define(exclusive={})
    bad = lives.model.submit(guarded=True, paramsJSON='{"lr": NaN}')
    good = lives.model.submit(guarded=True, paramsJSON='{"lr": 1}')
    lives.submitted += [bad, good]
    lives.deliver(kind="MlJob", count=2)
    lives.work()
    assert lives.model.objects["MlJob"][bad]["status"]["reason"] == "InvalidParams"
    assert lives.view.slots.in_all == 1
    lives.teardown()


TestLives = Lives.TestCase
# The same lives every time: a search for new ones is a matter of hours, not of every build.
TestLives.settings = settings(
    deadline=None,
    derandomize=True,
    max_examples=60,
    stateful_step_count=40,
    suppress_health_check=list(HealthCheck),
)
