"""The parts of the loop together, on a cluster where anything may happen in any order."""

from collections.abc import Callable

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from mljob.api import errors
from mljob.controller.ports import KINDS, Kind
from mljob.core.records import Rank

from tests.unit.controller.loop import ENDS, Loop
from tests.unit.controller.model import INVALID, QUOTA, Model
from tests.unit.controller.objects import NAMESPACE

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


class Lives(RuleBasedStateMachine):
    """One job name, its jobs, and everything that can happen to them."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = Loop()
        self.model = self.loop.model
        self.highest_cap = 2
        self.submitted: list[str] = []

    # ---- people

    @initialize(count=st.integers(2, 5), passes=st.integers(0, 4))
    def begin(self, count: int, passes: int) -> None:
        for number in range(count):
            self.submit(guarded=number % 2 == 0, suspend=False, priority=0)
        for _ in range(passes):
            self.loop.let_time_pass(["transient", "success"])

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
        self.highest_cap = max(cap, self.highest_cap)
        self.model.define(maxWorkers=cap)

    @rule(refusals=st.lists(st.sampled_from([QUOTA, INVALID]), min_size=1, max_size=2))
    def refuse_creations(self, refusals: list[errors.ApiError]) -> None:
        self.model.refusals = refusals

    @rule(shut=st.booleans())
    def hold_creations_up(self, shut: bool) -> None:
        self.model.hold_creations_up(shut=shut)

    # ---- the cluster

    @rule(data=st.data(), end=st.sampled_from(list(ENDS)))
    def take_one_step(self, data: st.DataObject, end: str) -> None:
        steps = [*self.model.objects["Job"], *self.model.objects["Pod"], "collect"]
        uid = data.draw(st.sampled_from(sorted(steps)))
        if uid in self.model.objects["Job"]:
            self.loop.machines.sync_job(uid)
        elif uid in self.model.objects["Pod"]:
            self.loop.machines.run_pod(uid, *ENDS[end])
        else:
            self.loop.machines.collect()

    @rule(fates=st.lists(st.sampled_from(["request lost", "answer lost"]), max_size=3))
    def lose_messages(self, fates: list[str]) -> None:
        self.model.wire.fates = fates

    @rule(seconds=st.sampled_from([1, 5, 20, 60, 4_000]))
    def wait(self, seconds: int) -> None:
        self.loop.wait(seconds)

    @rule(ends=st.permutations(list(ENDS)), deliver=st.booleans(), work=st.booleans())
    def let_time_pass(self, ends: list[str], deliver: bool, work: bool) -> None:
        """Most of the time everybody does what they should."""
        self.loop.let_time_pass(ends, deliver=deliver, work=work)

    @rule(ends=st.permutations(list(ENDS)))
    def let_an_attempt_pass(self, ends: list[str]) -> None:
        for _ in range(5):
            self.loop.let_time_pass(ends)
        self.loop.wait(60)

    # ---- the watches and the operator

    @rule(kind=st.sampled_from(KINDS), count=st.integers(1, 5))
    def deliver(self, kind: Kind, count: int) -> None:
        self.loop.deliver(kind, count)

    @rule(data=st.data())
    def deliver_a_stale_event(self, data: st.DataObject) -> None:
        kind, body = data.draw(st.sampled_from(self.model.history))
        self.loop.resync.take(kind, body)

    @rule(kind=st.sampled_from(KINDS))
    def lose_the_watch_and_relist(self, kind: Kind) -> None:
        self.model.pending[kind].clear()
        self.loop.compare([kind])

    @rule()
    def check_held(self) -> None:
        self.loop.check_held()

    @rule()
    def work(self) -> None:
        self.loop.work()

    # ---- what always holds

    @invariant()
    def the_cluster_has_seen_no_promise_broken(self) -> None:
        assert not self.model.violations

    @invariant()
    def rows_show_no_more_running_than_the_highest_cap(self) -> None:
        running = [row for row in self.loop.store.rows.values() if row.rank is Rank.RUNNING]
        assert len(running) <= self.highest_cap

    @invariant()
    def slots_add_up(self) -> None:
        slots = self.loop.view.slots
        assert len(slots.attempts) == slots.in_all == slots.in_namespace(NAMESPACE)
        assert sum(slots.by_group(group) for group in slots.groups) == slots.in_all
        assert all(slots.by_group(group) for group in slots.groups), "a group without attempts is forgotten"

    def teardown(self) -> None:
        try:
            self.loop.settle()
            self.loop.check_end(self.submitted)
        finally:
            self.loop.close()


TestLives = Lives.TestCase
# The same lives every time: a search for new ones is a matter of hours, not of every build.
TestLives.settings = settings(
    deadline=None,
    derandomize=True,
    max_examples=60,
    stateful_step_count=40,
    suppress_health_check=list(HealthCheck),
)
