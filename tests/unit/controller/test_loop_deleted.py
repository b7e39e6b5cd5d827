"""Rows of attempts whose MlJob is deleted, in the whole loop: each has an end, and it is the first one."""

import pytest
from mljob.api.job import Phase
from mljob.controller.ports import KINDS
from mljob.core.records import AttemptRecord, Rank

from tests.unit.controller.loop import Loop


def begin(loop: Loop, *, guarded: bool) -> str:
    """A job whose attempt runs, and the row says so."""
    uid = loop.model.submit(guarded=guarded)
    loop.let_time_pass(["success"])
    for kind in KINDS:
        loop.deliver(kind, 9)
    loop.work()
    assert loop.store.rows[uid].phase is Phase.RUNNING
    assert not loop.store.attempts[uid, 1].finished
    return uid


def end_of(row: AttemptRecord) -> tuple[bool, str | None, int | None]:
    return row.finished, row.reason, row.completion_time_ms


def ms(loop: Loop) -> int:
    return int(loop.clock.now * 1000)


def let_it_go(loop: Loop) -> None:
    """Watches, the Job controller and the kubelets bring the deletion to its end."""
    for _ in range(5):
        loop.let_time_pass(["success"])


@pytest.mark.parametrize("guarded", [True, False])
def test_the_attempt_of_a_deleted_job_ends_with_it(loop: Loop, guarded: bool) -> None:
    uid = begin(loop, guarded=guarded)
    loop.wait(7)
    loop.model.delete(uid)
    loop.deliver("MlJob", 9)
    loop.work()
    ended = loop.store.attempts[uid, 1]
    assert end_of(ended) == (True, "Deleted", ms(loop))
    assert ended.start_time_ms == ms(loop) - 7_000
    loop.wait(1)
    let_it_go(loop)
    assert uid not in loop.model.objects["MlJob"]
    assert end_of(loop.store.attempts[uid, 1]) == end_of(ended), "an end that was told stays"
    assert loop.store.rows[uid].reason == "Deleted"


@pytest.mark.parametrize("guarded", [True, False])
def test_the_attempt_of_a_job_that_is_deleted_while_it_is_being_canceled_has_an_end(
    loop: Loop, guarded: bool
) -> None:
    uid = begin(loop, guarded=guarded)
    loop.model.change(uid, cancel=True)
    loop.deliver("MlJob", 9)
    loop.work()
    assert loop.store.rows[uid].reason == "Canceled"
    assert not loop.store.attempts[uid, 1].finished
    loop.model.delete(uid)
    loop.deliver("MlJob", 9)
    loop.work()
    assert end_of(loop.store.attempts[uid, 1]) == (True, "Canceled", ms(loop))


def test_what_the_pod_of_a_deleted_job_had_told_is_its_end(loop: Loop) -> None:
    uid = begin(loop, guarded=False)
    (pod,) = loop.model.objects["Pod"]
    loop.machines.run_pod(pod, '{"v": 1, "outcome": "failed", "error": "E()", "reason": "Error"}', 1)
    loop.deliver("Pod", 1)
    loop.work()
    told_at = ms(loop)
    loop.wait(5)
    loop.model.delete(uid)
    loop.deliver("MlJob", 9)
    loop.work()
    row = loop.store.attempts[uid, 1]
    assert (end_of(row), row.error, row.exit_code) == ((True, "Error", told_at), "E()", 1)
    assert loop.store.rows[uid].reason == "Deleted"


def test_an_attempt_whose_job_went_before_its_mljob_has_an_end_too(loop: Loop) -> None:
    uid = begin(loop, guarded=False)
    known = loop.store.attempts[uid, 1]
    loop.model.delete(uid)
    (pod,) = loop.model.objects["Pod"]
    (job,) = loop.model.objects["Job"]
    loop.model.remove("Pod", pod)
    loop.model.remove("Job", job)
    for kind in ("Pod", "Job", "MlJob"):
        loop.deliver(kind, 9)
    loop.work()
    row = loop.store.attempts[uid, 1]
    assert (end_of(row), row.job) == ((True, "Deleted", ms(loop)), known.job)
    assert row.created_time_ms in (None, known.created_time_ms)


def test_a_job_that_is_deleted_before_it_began_has_no_attempt(loop: Loop) -> None:
    loop.define(suspend=True)
    uid = loop.model.submit(guarded=False)
    loop.deliver("MlJob", 9)
    loop.work()
    loop.model.delete(uid)
    loop.deliver("MlJob", 9)
    loop.work()
    assert (loop.store.rows[uid].reason, loop.store.attempts) == ("Deleted", {})


@pytest.mark.parametrize("guarded", [True, False])
def test_a_final_job_that_is_deleted_costs_no_row(loop: Loop, guarded: bool) -> None:
    uid = begin(loop, guarded=guarded)
    for _ in range(4):
        loop.let_time_pass(["success"])
    assert loop.store.rows[uid].phase is Phase.SUCCEEDED
    ended, commits = loop.store.attempts[uid, 1], len(loop.store.commits)
    loop.wait(5)
    loop.model.delete(uid)
    let_it_go(loop)
    assert uid not in loop.model.objects["MlJob"]
    assert loop.store.attempts[uid, 1] == ended
    assert len(loop.store.commits) == commits


@pytest.mark.parametrize("job_is_there", [True, False])
def test_the_attempt_of_a_job_that_vanished_unseen_has_an_end(loop: Loop, job_is_there: bool) -> None:
    uid = begin(loop, guarded=False)
    known = loop.store.attempts[uid, 1]
    after = Loop()
    try:
        after.store.rows, after.store.attempts = dict(loop.store.rows), dict(loop.store.attempts)
        if job_is_there:
            after.model.objects["Job"] = loop.model.objects["Job"]
            after.compare(["Job"])
        after.clock.now += 60
        after.run(after.resync.compare_store())
        row = after.store.attempts[uid, 1]
        assert (after.store.rows[uid].reason, after.store.rows[uid].rank) == ("Deleted", Rank.FINAL)
        assert (end_of(row), row.job) == ((True, "Deleted", ms(after)), known.job)
        assert row.message == after.store.rows[uid].message
    finally:
        after.close()
