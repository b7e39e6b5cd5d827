"""What may happen to the jobs of one name, and what always holds: for tests that try many lives."""

from collections.abc import Callable

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from mljob.controller.ports import Json, Kind
from mljob.core.records import Rank

from tests.unit.controller.loop import Loop
from tests.unit.controller.model import Model
from tests.unit.controller.objects import NAMESPACE

LARGE = "x" * 2_000
"""A param of that size is not kept in the view: it is read again where it is needed"""
PARAMS: list[Json] = [{"n": 0}, {"n": 1}, {"n": 1, "text": LARGE}]
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
    ("MlJobDefinition", lambda model, uid: model.define(env=[{"name": "X", "value": "1"}])),
    ("MlJobDefinition", lambda model, uid: model.label_definition()),
]
MOST_UNFINISHED = 6

# The same lives every time: a search for new ones is a matter of hours, not of every build.
LIVES = settings(deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


class Machine(RuleBasedStateMachine):
    """One job name and its jobs, and what people do with them."""

    def __init__(self) -> None:
        super().__init__()
        self.submitted: list[str] = []
        self.highest_cap = 0

    # ---- people

    @initialize(
        cap=st.integers(1, 2),
        definition=st.sampled_from([{}, {}, {"exclusive": {}}]),
        count=st.integers(2, 5),
        passes=st.integers(0, 4),
    )
    def begin(self, cap: int, definition: Json, count: int, passes: int) -> None:
        self.loop = Loop(cap, **definition)
        self.model = self.loop.model
        self.highest_cap = cap
        for number in range(count):
            self.submit(False, guarded=number % 2 == 0, suspend=False, priority=0, params={"n": number})
        for _ in range(passes):
            self.loop.let_time_pass(["transient", "success"])

    @rule(
        first=st.booleans(),
        guarded=st.booleans(),
        suspend=st.booleans(),
        priority=st.sampled_from([0, 0, -1]),
        params=st.sampled_from(PARAMS),
    )
    def submit(self, first: bool, guarded: bool, suspend: bool, priority: int, params: Json) -> None:
        """`first`: before all others that were submitted at that time."""
        if len(self.loop.unfinished()) < MOST_UNFINISHED:
            name = "a" if first else "j"
            uid = self.model.submit(name, guarded=guarded, suspend=suspend, priority=priority, params=params)
            self.submitted.append(uid)

    # ---- what always holds

    @invariant()
    def the_cluster_has_seen_no_promise_broken(self) -> None:
        assert not self.model.violations

    @invariant()
    def rows_never_showed_more_running_than_the_highest_cap(self) -> None:
        for rows in self.loop.store.commits:
            assert sum(row.rank is Rank.RUNNING for row in rows.values()) <= self.highest_cap
        self.loop.store.commits.clear()

    @invariant()
    def slots_add_up(self) -> None:
        slots = self.loop.view.slots
        assert len(slots.attempts) == slots.in_all == slots.in_namespace(NAMESPACE)
        assert sum(slots.by_group(group) for group in slots.groups) == slots.in_all
        assert all(slots.by_group(group) for group in slots.groups), "a group without attempts is forgotten"

    def check(self) -> None:
        """All that always holds, for whoever is no machine."""
        self.the_cluster_has_seen_no_promise_broken()
        self.rows_never_showed_more_running_than_the_highest_cap()
        self.slots_add_up()

    def teardown(self) -> None:
        if not self.submitted:
            return
        try:
            self.loop.settle()
            self.loop.check_end(self.submitted)
        finally:
            self.loop.close()
