"""A finished job, one that is deleted, and one that an older etcd brought back."""

import pytest
from mljob.api.job import Phase
from mljob.core.decide import decide
from mljob.core.decision import StopReason
from mljob.core.facts import AttemptFacts, Facts, StoredEnd
from mljob.core.records import Rank

from tests.unit.core.decide.builders import NOW, AJob, a_job, a_pod, an_attempt

FINAL = a_job().final(ago=10).but(ttl_seconds=60)
FINALS = [Phase.SUCCEEDED, Phase.FAILED, Phase.TIMED_OUT, Phase.CANCELED]
OVER = an_attempt().over(a_pod().exited(0))


# ---- finished


@pytest.mark.parametrize("phase", FINALS)
@pytest.mark.parametrize("job", [a_job(cancel=True), a_job(suspend=True), a_job(priority=9)])
def test_a_final_status_never_changes(phase: Phase, job: AJob) -> None:
    job = job.final(phase).but(queue_deadline_seconds=1, exclusive_holder="x")
    decision = decide(job, NOW)
    assert decision.status == job.status
    assert not decision.wants_slot


def test_a_finished_job_stays_for_its_time_to_live() -> None:
    decision = decide(FINAL.recorded_as(Rank.FINAL), NOW)
    assert (decision.delete, decision.wake_at) == (False, NOW + 50)


def test_a_finished_job_is_removed_only_once_its_row_is_stored() -> None:
    for job in (FINAL, FINAL.recorded_as(Rank.RUNNING)):
        decision = decide(job, NOW + 50)
        assert (decision.delete, decision.wake_at) == (False, None)
    assert decide(FINAL.recorded_as(Rank.FINAL), NOW + 50).delete


def test_a_finished_job_may_stay_for_good() -> None:
    job = a_job().final().recorded_as(Rank.FINAL)
    decision = decide(job, NOW + 1e9)
    assert (decision.delete, decision.wake_at) == (False, None)


@pytest.mark.parametrize(
    ("attempt", "stop"),
    [
        (an_attempt().running(), StopReason.CANCELED),
        (an_attempt().running().stopped(StopReason.CANCELED), None),
    ],
)
def test_a_finished_job_stays_until_its_pod_is_gone(attempt: AttemptFacts, stop: StopReason | None) -> None:
    decision = decide(FINAL.recorded_as(Rank.FINAL).but(attempt=attempt), NOW + 999)
    assert (decision.delete, decision.stop) == (False, stop)


# ---- deleted


@pytest.mark.parametrize(
    ("job", "stop"),
    [
        pytest.param(a_job(), None, id="waiting"),
        pytest.param(a_job().backing_off(until=NOW + 5), None, id="in backoff"),
        pytest.param(a_job().with_attempt(an_attempt()), StopReason.CANCELED, id="starting"),
        pytest.param(a_job().running(), StopReason.CANCELED, id="running"),
        pytest.param(
            a_job().running(an_attempt().running().stopped(StopReason.SUSPENDED)), None, id="being stopped"
        ),
        pytest.param(a_job().running(an_attempt().over(a_pod().exited(143).deleted())), None, id="pod gone"),
        pytest.param(a_job().running(an_attempt().over(a_pod().exited(3))), None, id="failed just now"),
        pytest.param(a_job().but(definition=None), None, id="not judged yet"),
    ],
)
def test_a_deleted_job_is_canceled_whatever_it_did(job: Facts, stop: StopReason | None) -> None:
    deleting = a_job().but(status=job.status, attempt=job.attempt, deleting=True, has_record_finalizer=True)
    decision = decide(deleting, NOW)
    assert (decision.status.phase, decision.status.reason) == (Phase.CANCELED, "Deleted")
    assert (decision.stop, decision.release, decision.wants_slot) == (stop, False, False)


def test_a_job_that_had_succeeded_when_it_was_deleted_has_succeeded() -> None:
    attempt = an_attempt().over(a_pod().reported("succeeded", 0, result="1"))
    status = decide(a_job().running(attempt).but(deleting=True), NOW).status
    assert (status.phase, status.result) == (Phase.SUCCEEDED, "1")


@pytest.mark.parametrize(
    ("finalizer", "rank", "release"),
    [(True, Rank.FINAL, True), (True, Rank.RUNNING, False), (True, None, False), (False, Rank.FINAL, False)],
)
def test_a_deleted_job_is_let_go_once_its_row_is_stored(
    finalizer: bool, rank: Rank | None, release: bool
) -> None:
    job = a_job().final().but(deleting=True, has_record_finalizer=finalizer, attempt=OVER)
    if rank is not None:
        job = job.recorded_as(rank)
    decision = decide(job, NOW)
    assert (decision.release, decision.stop, decision.status) == (release, None, job.status)


def test_a_deleted_final_job_still_has_its_attempt_stopped() -> None:
    job = a_job().final(Phase.CANCELED).but(deleting=True, attempt=an_attempt().running())
    assert decide(job, NOW).stop is StopReason.CANCELED


# ---- restored


def test_a_job_that_sql_has_as_finished_does_not_run_again() -> None:
    decision = decide(a_job().but(stored_end=StoredEnd(Phase.SUCCEEDED, '"x"')), NOW)
    assert (decision.status.phase, decision.status.result) == (Phase.SUCCEEDED, '"x"')
    assert (decision.status.reason, decision.wants_slot) == ("RestoredFromStore", False)


@pytest.mark.parametrize(("attempt", "stop"), [(an_attempt().running(), StopReason.CANCELED), (OVER, None)])
def test_what_still_runs_of_a_restored_job_is_stopped(attempt: AttemptFacts, stop: StopReason | None) -> None:
    decision = decide(a_job().running(attempt).but(stored_end=StoredEnd(Phase.FAILED)), NOW)
    assert (decision.status.phase, decision.stop) == (Phase.FAILED, stop)


def test_a_job_that_is_final_is_not_restored() -> None:
    job = a_job().final(Phase.CANCELED).but(stored_end=StoredEnd(Phase.SUCCEEDED, "1"))
    assert decide(job, NOW).status == job.status
