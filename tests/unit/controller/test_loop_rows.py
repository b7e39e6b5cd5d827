"""Rows in the whole loop: an end overtakes nobody, and a row says what its own job says, also later."""

import json

import pytest
from mljob.api.job import Phase
from mljob.core.records import Rank

from tests.unit.controller.loop import Loop
from tests.unit.controller.objects import Json, an_mljob, final, running, settled, uid_of

LARGE = {"text": "x" * 2_000}
"""Params that the view does not keep: they are read again"""


def phases(loop: Loop, *uids: str) -> list[Phase]:
    return [loop.store.rows[uid].phase for uid in uids]


def let_pass(loop: Loop, passes: int) -> None:
    for _ in range(passes):
        loop.let_time_pass(["success"])


@pytest.mark.parametrize("fate", ["answer late", "answer lost"])
def test_no_successors_row_overtakes_an_end_whose_answer_is_late(loop: Loop, fate: str) -> None:
    loop.define(maxWorkers=1)
    first, second = loop.model.submit(guarded=True), loop.model.submit(guarded=True)
    let_pass(loop, 3)
    loop.deliver("Pod", 9)
    loop.work()
    assert phases(loop, first, second) == [Phase.RUNNING, Phase.PENDING]
    loop.model.wire.fates = [fate]
    for _ in range(5):
        let_pass(loop, 1)
        assert phases(loop, first, second).count(Phase.RUNNING) <= 1
    assert loop.model.finals[first] == "Succeeded"
    assert phases(loop, first, second)[0] is Phase.SUCCEEDED, "it waited for an answer"
    loop.settle()
    loop.check_end([first, second])


def test_no_successors_row_overtakes_an_end_whose_params_are_read(loop: Loop) -> None:
    loop.define(maxWorkers=1)
    first, second = loop.model.submit(guarded=True, params=LARGE), loop.model.submit(guarded=True)
    let_pass(loop, 3)
    loop.view.jobs[first].needs_params = True
    loop.model.wire.fates = ["", "request late"]
    for _ in range(5):
        let_pass(loop, 1)
        assert phases(loop, first, second).count(Phase.RUNNING) <= 1
    assert phases(loop, first)[0] is Phase.SUCCEEDED
    loop.settle()
    loop.check_end([first, second])


def test_large_params_are_in_the_row_in_the_end(loop: Loop) -> None:
    uid = loop.model.submit(guarded=True, params=LARGE)
    loop.settle()
    params = loop.store.rows[uid].params
    assert params is not None
    assert json.loads(params) == LARGE


@pytest.mark.parametrize("successor", [True, False], ids=["its name is another's", "its name is nobody's"])
def test_a_job_that_is_gone_has_no_params_rather_than_those_of_another(loop: Loop, successor: bool) -> None:
    loop.define(suspend=True)
    uid = loop.model.submit(guarded=False, params=LARGE)
    loop.deliver("MlJob", 1)
    body = loop.model.objects["MlJob"][uid]
    loop.model.delete(uid)
    if successor:
        body["metadata"]["uid"] = uid_of("the successor")
        body["spec"]["params"] = {"text": "y" * 2_000}
        loop.model.put("MlJob", body)
    loop.work()
    assert loop.store.rows[uid].params is None
    loop.define(suspend=False)
    loop.settle()
    loop.check_end([uid])


def test_rows_follow_reasons_also_when_a_restart_found_them_stored(loop: Loop) -> None:
    loop.define(suspend=True)
    uid = loop.model.submit(guarded=True)
    loop.deliver("MlJob", 1)
    loop.work()
    rows = dict(loop.store.rows)
    after = Loop()
    try:
        after.define(suspend=True)
        after.store.rows = rows
        body = after.model.put("MlJob", loop.model.objects["MlJob"][uid])
        after.model.pending["MlJob"].clear()

        async def list_and_compare() -> None:
            after.resync.take("MlJob", body)
            after.view.jobs[uid].recorded = (0, Rank.QUEUED)

        after.run(list_and_compare())
        after.work()
        assert len(after.store.commits) == 0, "it was stored already"
        after.model.change(uid, suspend=True)
        after.deliver("MlJob", 1)
        after.work()
        assert after.store.rows[uid].reason == "Suspended"
    finally:
        after.close()


def test_a_phase_of_a_later_version_makes_no_row_and_holds_nobody_up(loop: Loop) -> None:
    loop.define(maxWorkers=1)
    strange, usual = loop.model.submit(guarded=True), loop.model.submit(guarded=True)
    body = loop.model.objects["MlJob"][strange]
    body["status"]["phase"] = "Hibernating"
    loop.model.put("MlJob", body)
    loop.settle()
    assert strange not in loop.store.rows
    assert loop.store.rows[usual].phase is Phase.SUCCEEDED


def test_an_end_that_only_the_deletion_tells_of_is_recorded(loop: Loop) -> None:
    uid = loop.model.submit(guarded=False)
    let_pass(loop, 3)
    loop.model.objects["MlJob"][uid]["status"] |= {"phase": "Succeeded", "result": "1"}
    loop.model.delete(uid)
    loop.settle()
    assert (loop.store.rows[uid].phase, loop.store.rows[uid].result) == (Phase.SUCCEEDED, "1")


@pytest.mark.parametrize(
    ("status", "recorded", "told"),
    [
        pytest.param(final(), (1, Rank.RUNNING), True, id="it ended, and its row runs"),
        pytest.param(settled(), (1, Rank.RUNNING), True, id="it is to be retried, and its row runs"),
        pytest.param(final(), None, True, id="it ended, and has no row"),
        pytest.param(final(), (1, Rank.FINAL), False, id="its row says so"),
        pytest.param(running(), (1, Rank.STARTING), False, id="it runs: a look comes first"),
    ],
)
def test_at_a_start_ends_are_recorded_before_anything_is_looked_at(
    loop: Loop, status: Json, recorded: tuple[int, Rank] | None, told: bool
) -> None:
    loop.view.upsert_job(an_mljob("old", status=status))
    loop.view.jobs[uid_of("old")].recorded = recorded
    loop.reconciler.recorder.record_ends()
    assert (uid_of("old") in loop.store.rows) is told
