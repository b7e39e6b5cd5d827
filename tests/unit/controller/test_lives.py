"""The parts of the loop together, on a cluster where anything may happen in any order."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import rule
from mljob.api import errors
from mljob.controller.ports import KINDS, Kind

from tests.unit.controller.lives import INTERFERENCES, LIVES, Interference, Machine
from tests.unit.controller.loop import ENDS
from tests.unit.controller.model import INVALID, QUOTA
from tests.unit.controller.wire import FATES


class Lives(Machine):
    """Everything that can happen, in steps that are as small as can be."""

    # ---- people

    @rule(data=st.data(), act=st.sampled_from(INTERFERENCES))
    def interfere(self, data: st.DataObject, act: Interference) -> None:
        kind, do = act
        if self.model.objects[kind]:
            do(self.model, data.draw(st.sampled_from(sorted(self.model.objects[kind]))))

    @rule(cap=st.sampled_from([1, 1, 2, 3]))
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

    @rule(fates=st.lists(st.sampled_from([*FATES, "request late", "answer late", ""]), max_size=4))
    def lose_or_delay_messages(self, fates: list[str]) -> None:
        self.model.wire.fates = fates

    @rule(count=st.sampled_from([1, 1, None]))
    def let_late_messages_arrive(self, count: int | None) -> None:
        self.model.wire.arrive(count)

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


TestLives = Lives.TestCase
TestLives.settings = settings(LIVES, max_examples=60, stateful_step_count=40)
