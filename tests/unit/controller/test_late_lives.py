"""Lives in which a message is late: its sender waits for it, and everything else goes on."""

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st
from mljob.controller.ports import Json

from tests.unit.controller.lives import INTERFERENCES, LARGE, LIVES, PARAMS, Interference, Machine

CALLS = ["patch_mljob_status", "get_mljob", "get_job", "create_job", "dry_run"]


@dataclass(frozen=True)
class Late:
    """One late message, and what goes on until it arrives."""

    call: str
    fate: str
    newcomers: list[Json]
    """params of jobs that come before it is sent"""
    act: Interference | None
    which: int
    """of what the message is about, or of all there are"""
    rival: bool | None
    """such a job as the message is about comes: the first in line, the last, or none"""
    passes_before: int
    passes: int


LATE = st.builds(
    Late,
    call=st.sampled_from(CALLS),
    fate=st.sampled_from(["answer late", "request late"]),
    newcomers=st.lists(st.sampled_from(PARAMS), min_size=1, max_size=2),
    act=st.none() | st.sampled_from(INTERFERENCES),
    which=st.integers(0, 3),
    rival=st.sampled_from([None, None, True, False]),
    passes_before=st.integers(0, 4),
    passes=st.integers(0, 5),
)


def live(life: Machine, late: Late) -> None:
    wire, objects = life.model.wire, life.model.objects
    for params in late.newcomers:
        life.submit(False, guarded="text" not in params, suspend=False, priority=0, params=params)
    pass_time(life, late.passes_before)
    occasion(life, late.call)
    wire.fate_of[late.call] = late.fate
    pass_time(life, 1)
    about = wire.late_about
    concerned = [each for each in objects["MlJob"].values() if each["metadata"]["name"] in about]
    if late.rival is not None and concerned:
        params = concerned[0]["spec"]["params"]
        life.submit(late.rival, guarded=True, suspend=False, priority=0, params=params)
    if late.act is not None and objects[late.act[0]]:
        uids = [each["metadata"]["uid"] for each in concerned if late.act[0] == "MlJob"]
        choice = uids or sorted(objects[late.act[0]])
        late.act[1](life.model, choice[late.which % len(choice)])
    pass_time(life, late.passes)
    wire.fate_of.clear()
    wire.arrive()
    life.loop.work()
    life.check()


def occasion(life: Machine, call: str) -> None:
    """For a call that is rare otherwise."""
    if call == "dry_run":
        life.model.define(env=[{"name": "X", "value": "2"}])
    if call == "get_mljob":
        life.submit(True, guarded=False, suspend=False, priority=0, params={"n": 2, "text": LARGE})


def pass_time(life: Machine, passes: int) -> None:
    for _ in range(passes):
        life.loop.let_time_pass(["success"])
        life.check()


@settings(LIVES, max_examples=80)
@given(
    cap=st.integers(1, 2),
    definition=st.sampled_from([{}, {"exclusive": {}}]),
    lates=st.lists(LATE, min_size=3, max_size=8),
)
def test_no_promise_is_broken_while_a_message_is_late(cap: int, definition: Json, lates: list[Late]) -> None:
    life = Machine()
    life.begin(cap, definition, count=3, passes=0)
    try:
        for late in lates:
            live(life, late)
    finally:
        life.teardown()


@settings(LIVES, max_examples=20)
@given(
    cap=st.integers(1, 2),
    rounds=st.lists(
        st.tuples(st.sampled_from(["answer late", "request late"]), st.booleans(), st.integers(1, 3)),
        min_size=1,
        max_size=4,
    ),
)
def test_no_job_ends_because_its_definition_is_being_judged(
    cap: int, rounds: list[tuple[str, bool, int]]
) -> None:
    """Each round a creation is late, or lost, and the verdict on the changed definition is later still."""
    life = Machine()
    life.begin(cap, {}, count=2, passes=0)
    wire = life.model.wire
    try:
        for fate, lost, passes in rounds:
            life.submit(False, guarded=True, suspend=False, priority=0, params={"n": 1})
            wire.fate_of = {"create_job": fate}
            pass_time(life, 1)
            life.model.define(env=[{"name": "X", "value": "2"}])
            wire.fate_of["dry_run"] = "request late"
            pass_time(life, passes)
            if lost:
                wire.time_out(1)
                life.loop.work()
            wire.fate_of.clear()
            wire.arrive()
            pass_time(life, 3)
    finally:
        life.teardown()
