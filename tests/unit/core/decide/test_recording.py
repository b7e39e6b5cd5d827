"""The rows of a job and of its attempt, from the facts that were acted upon."""

from dataclasses import replace

import pytest
from mljob.api import names
from mljob.api.job import Phase
from mljob.core.decide import decide
from mljob.core.facts import AttemptFacts, Facts, StatusFacts
from mljob.core.policy import AttemptPolicy
from mljob.core.recording import attempt_record, job_record, rank_of, vanished_attempt_record
from mljob.core.records import JobRecord, Rank
from mljob.core.status_patch import format_duration, status_patch

from tests.unit.core.decide.builders import CREATED, NOW, STARTED, a_job, a_pod, an_attempt


def row_of(facts: Facts, status: StatusFacts | None = None) -> JobRecord:
    return job_record(
        facts, status or facts.status, cluster="c", created_ms=5, submitted_by="eve", now=NOW, params="{}"
    )


@pytest.mark.parametrize(
    ("status", "rank"),
    [
        (StatusFacts(), Rank.QUEUED),
        (StatusFacts(attempt=1, current_job="j"), Rank.STARTING),
        (StatusFacts(attempt=1, current_job="j", phase=Phase.RUNNING), Rank.RUNNING),
        (StatusFacts(attempt=1), Rank.BACKOFF),
        (StatusFacts(attempt=1, phase=Phase.TIMED_OUT), Rank.FINAL),
        (StatusFacts(phase=Phase.CANCELED), Rank.FINAL),
    ],
)
def test_rank_of_a_status(status: StatusFacts, rank: Rank) -> None:
    assert rank_of(status) is rank


def test_a_row_has_what_the_job_has() -> None:
    job = a_job(priority=3).but(labels={names.LABEL_GROUP: "sweep"}).running()
    row = row_of(job)
    assert (row.uid, row.name, row.job_name, row.priority) == (job.uid, "train", "train", 3)
    assert (row.group, row.submitted_by, row.params) == ("sweep", "eve", "{}")
    assert (row.attempt, row.rank, row.phase) == (1, Rank.RUNNING, Phase.RUNNING)
    assert (row.creation_time_ms, row.start_time_ms) == (5, int((STARTED + 2) * 1000))


@pytest.mark.parametrize(
    ("phase", "result"),
    [
        (Phase.SUCCEEDED, "1.50"),
        (Phase.FAILED, "E()"),
        (Phase.TIMED_OUT, None),
        (Phase.CANCELED, None),
        (Phase.RUNNING, None),
    ],
)
def test_the_result_column_is_mlflows(phase: Phase, result: str | None) -> None:
    status = StatusFacts(phase=phase, result="1.50", error="E()", message="m", attempt=1)
    assert row_of(a_job(), status).result == result


def test_a_failure_without_an_error_text_has_its_message() -> None:
    assert row_of(a_job(), StatusFacts(phase=Phase.FAILED, message="gone")).result == "gone"


@pytest.mark.parametrize(
    ("job", "seconds"),
    [
        pytest.param(a_job().running(), 300, id="its attempt's"),
        pytest.param(a_job(active_deadline_seconds=9), 9, id="its own"),
        pytest.param(a_job().defined_as(activeDeadlineSeconds=7), 7, id="its definition's"),
        pytest.param(a_job(), None, id="none"),
        pytest.param(a_job().but(definition=None), None, id="no definition"),
        pytest.param(
            a_job(active_deadline_seconds=9).running(an_attempt(policy=AttemptPolicy())), 9, id="policy lost"
        ),
    ],
)
def test_the_timeout_of_a_row_is_the_one_in_force(job: Facts, seconds: int | None) -> None:
    assert row_of(job).timeout_seconds == seconds


def test_an_attempt_that_lives_has_no_end() -> None:
    record = attempt_record(a_job().running(), an_attempt().running(), "c")
    assert (record.finished, record.reason, record.completion_time_ms) == (False, None, None)
    assert (record.node, record.start_time_ms) == ("node-1", int((STARTED + 2) * 1000))


def test_an_attempt_without_a_pod_has_a_row_too() -> None:
    record = attempt_record(a_job(), an_attempt(), "c")
    assert (record.pod, record.node, record.created_time_ms) == (None, None, int(CREATED * 1000))


def test_an_attempt_that_ended_says_how() -> None:
    attempt = an_attempt().over(a_pod().reported("failed", error="E()", traceback="T"))
    record = attempt_record(a_job().running(attempt), attempt, "c")
    assert (record.finished, record.reason, record.error, record.traceback) == (True, "Error", "E()", "T")
    assert (record.exit_code, record.completion_time_ms) == (1, int((NOW - 1) * 1000))


def test_row_and_status_agree_on_a_lost_attempt() -> None:
    job = a_job().running(an_attempt().failed_by("DeadlineExceeded"))
    assert job.attempt is not None
    status = decide(job, NOW).status
    assert attempt_record(job, job.attempt, "c").reason == status.reason == "TimedOut"


# ---- the patch


def test_the_first_final_patch_tells_the_duration() -> None:
    running = a_job().running().status
    final = replace(running, phase=Phase.SUCCEEDED, completion_time=STARTED + 2 + 72)
    patch = status_patch(running, final)
    assert patch is not None
    assert patch["duration"] == "1m12s"
    again = status_patch(final, replace(final, reason="x"))
    assert again == {"reason": "x"}


def test_a_job_that_never_ran_has_no_duration() -> None:
    patch = status_patch(StatusFacts(), StatusFacts(phase=Phase.CANCELED, completion_time=NOW))
    assert patch is not None
    assert "duration" not in patch


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (42.9, "42s"), (72, "1m12s"), (3_600, "1h00m"), (11_040, "3h04m"), (-5, "0s")],
)
def test_durations_read_as_kubectls(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


def test_versions_order_the_rows_of_a_job() -> None:
    first, second = an_attempt().running(), an_attempt(2).running()
    lives = [
        row_of(a_job()),
        row_of(a_job().running(first)),
        row_of(a_job().backing_off(until=NOW)),
        row_of(a_job().running(second)),
        row_of(a_job().running(second).with_status(phase=Phase.FAILED)),
    ]
    versions = [row.version for row in lives]
    assert versions == sorted(set(versions))


# ---- the attempt of a job that is deleted

DELETED = StatusFacts(Phase.CANCELED, "Deleted", "The MlJob was deleted", completion_time=NOW)


@pytest.mark.parametrize(
    ("attempt", "reason", "ended_at"),
    [
        pytest.param(an_attempt(), "Deleted", NOW, id="no pod yet"),
        pytest.param(an_attempt().running(), "Deleted", NOW, id="it runs"),
        pytest.param(an_attempt(job_exists=False), "Deleted", NOW, id="its Job went first"),
        pytest.param(
            an_attempt().with_pod(a_pod().reported("failed")), "Error", NOW - 1, id="told, and alive"
        ),
        pytest.param(an_attempt().over(a_pod().reported("failed")), "Error", NOW - 1, id="told, and dead"),
        pytest.param(an_attempt().failed_by("DeadlineExceeded"), "TimedOut", NOW, id="the Job tells"),
        pytest.param(
            an_attempt(complete=True, finished_time=NOW - 3),
            "ResultLost",
            NOW - 3,
            id="done, its pod is gone",
        ),
    ],
)
def test_the_attempt_of_a_deleted_job_has_its_own_end_or_that_of_its_job(
    attempt: AttemptFacts, reason: str, ended_at: float
) -> None:
    record = attempt_record(a_job().running(attempt), attempt, "c", deleted=DELETED)
    assert (record.finished, record.reason) == (True, reason)
    assert record.completion_time_ms == int(ended_at * 1000)


VANISHED = row_of(a_job().running())


@pytest.mark.parametrize(
    "there", [None, an_attempt(0).over(a_pod())], ids=["nothing is left", "only of the one before"]
)
def test_the_attempt_of_a_job_that_vanished_is_known_by_name(there: AttemptFacts | None) -> None:
    record = vanished_attempt_record(VANISHED, there, DELETED)
    assert record is not None
    assert (record.uid, record.attempt, record.job) == (VANISHED.uid, 1, "train-0a1b2c3d-1")
    assert (record.finished, record.reason, record.completion_time_ms) == (True, "Deleted", int(NOW * 1000))
    assert (record.created_time_ms, record.pod) == (None, None), "what the row knows stays"


def test_what_is_left_of_the_attempt_of_a_job_that_vanished_tells_its_end() -> None:
    record = vanished_attempt_record(VANISHED, an_attempt().over(a_pod().exited(0)), DELETED)
    assert record is not None
    assert (record.exit_code, record.completion_time_ms) == (0, int((NOW - 1) * 1000))


@pytest.mark.parametrize("rank", [Rank.QUEUED, Rank.BACKOFF])
def test_a_job_that_vanished_between_attempts_has_none_to_end(rank: Rank) -> None:
    assert vanished_attempt_record(replace(VANISHED, rank=rank), None, DELETED) is None
