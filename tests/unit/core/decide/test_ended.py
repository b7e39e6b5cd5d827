"""What follows from an attempt that is confirmed dead: the end, a retry, a replacement, the queue."""

import pytest
from mljob.api.job import Phase
from mljob.core.decide import decide
from mljob.core.decision import StopReason
from mljob.core.facts import AttemptFacts, Facts

from tests.unit.core.decide.builders import NOW, STARTED, a_job, a_pod, an_attempt

POD = a_pod().running()
SUCCEEDED = an_attempt().over(POD.reported("succeeded", 0, result='{"score": 0.5}'))
FAILED = an_attempt().over(POD.reported("failed", error="ValueError('x')"))
TRANSIENT = an_attempt().over(POD.reported("transient", 75, error="TimeoutError()"))
TIMED_OUT = an_attempt().over(POD.reported("timed_out", 124))
EVICTED = an_attempt().over(POD.exited(143).but(disruption="EvictionByEvictionAPI"))
NO_RESULT = "The process exited with code 0 without a result"
SUSPENDED = an_attempt().over(POD.exited(143)).stopped(StopReason.SUSPENDED)


def conditions(job: Facts) -> dict[str, bool]:
    return {c.type: c.status for c in decide(job, NOW).status.conditions}


def test_success_keeps_the_exact_result_and_is_complete() -> None:
    decision = decide(a_job().running(SUCCEEDED), NOW)
    status = decision.status
    assert (status.phase, status.result, status.error) == (Phase.SUCCEEDED, '{"score": 0.5}', None)
    assert (status.reason, status.message, decision.note) == (None, None, None)
    assert (status.attempt, status.current_job) == (1, SUCCEEDED.name)
    assert conditions(a_job().running(SUCCEEDED))["Complete"]


@pytest.mark.parametrize(
    ("attempt", "phase", "reason", "error"),
    [
        (FAILED, Phase.FAILED, "Error", "ValueError('x')"),
        (TIMED_OUT, Phase.TIMED_OUT, "TimedOut", None),
        (an_attempt().over(POD.exited(0)), Phase.FAILED, "NoResult", NO_RESULT),
    ],
)  # fmt: skip
def test_an_end_without_success_says_why(
    attempt: AttemptFacts, phase: Phase, reason: str, error: str | None
) -> None:
    job = a_job().running(attempt)
    decision = decide(job, NOW)
    assert (decision.status.phase, decision.status.reason, decision.status.error) == (phase, reason, error)
    assert decision.status.message
    assert decision.note is not None
    assert conditions(job)["Failed"]


def test_an_end_that_nobody_watched_keeps_its_own_time() -> None:
    """The operator was away for an hour: its return is not when the job ended."""
    status = decide(a_job().with_attempt(SUCCEEDED), NOW + 3_600).status
    assert (status.start_time, status.completion_time) == (STARTED + 2, NOW - 1)


def test_an_end_is_never_in_the_future_whatever_the_nodes_clock_says() -> None:
    attempt = an_attempt().over(POD.reported("failed").but(main_end_time=NOW + 500))
    assert decide(a_job().running(attempt), NOW).status.completion_time == NOW


def test_an_end_without_a_time_is_now() -> None:
    assert decide(a_job().running(an_attempt(job_exists=False)), NOW).status.queued_time == NOW


def test_long_errors_are_cut_for_the_object() -> None:
    attempt = an_attempt().over(POD.reported("failed", error="x" * 9_000))
    status = decide(a_job().running(attempt), NOW).status
    assert (len(status.error or ""), len(status.message or "")) == (2_000, 1_000)


# ---- retries


@pytest.mark.parametrize(("retries", "delay_seconds"), [(0, 15), (1, 30), (2, 60), (3, None)], ids=str)
def test_transient_errors_are_retried_with_mlflows_delays(retries: int, delay_seconds: int | None) -> None:
    decision = decide(a_job().running(TRANSIENT).with_status(retry_count=retries), NOW)
    if delay_seconds is None:
        assert (decision.status.phase, decision.status.reason) == (Phase.FAILED, "RetriesExhausted")
        assert (decision.status.retry_count, decision.status.error) == (3, "TimeoutError()")
        return
    assert (decision.status.phase, decision.status.reason) == (Phase.PENDING, "Backoff")
    assert (decision.status.retry_count, decision.status.attempt) == (retries + 1, 1)
    assert decision.status.next_retry_time == decision.wake_at == NOW + delay_seconds
    assert decision.status.queued_time == NOW + delay_seconds
    assert decision.status.current_job is None
    assert decision.note is not None


def test_no_retry_is_a_budget_too() -> None:
    job = a_job().running(TRANSIENT.policy_of(max_retries=0))
    assert decide(job, NOW).status.reason == "RetriesExhausted"


def test_a_delay_is_not_shortened_by_the_objects_whole_seconds() -> None:
    assert decide(a_job().running(TRANSIENT), NOW + 0.9).status.next_retry_time == NOW + 16


def test_a_retry_is_judged_by_what_its_attempt_was_started_under() -> None:
    job = (
        a_job().running(TRANSIENT.policy_of(base_delay_seconds=2)).defined_as(retry={"baseDelaySeconds": 50})
    )
    assert decide(job, NOW).status.next_retry_time == NOW + 2


# ---- disruptions


def test_a_disruption_has_a_budget_of_its_own_and_no_delay() -> None:
    status = decide(a_job().running(EVICTED).with_status(retry_count=3), NOW).status
    assert (status.phase, status.reason) == (Phase.PENDING, "EvictionByEvictionAPI")
    assert (status.retry_count, status.disruption_count) == (3, 1)
    assert (status.next_retry_time, status.queued_time) == (None, NOW)


def test_a_spent_disruption_budget_fails_the_job() -> None:
    status = decide(a_job().running(EVICTED).with_status(disruption_count=5), NOW).status
    assert (status.phase, status.reason) == (Phase.FAILED, "DisruptionLimitExceeded")
    assert (status.disruption_count, status.error) == (5, status.message)


def test_a_suspended_attempt_is_charged_to_no_budget() -> None:
    status = decide(a_job(suspend=True).running(SUSPENDED), NOW).status
    assert (status.phase, status.reason) == (Phase.PENDING, "Suspended")
    assert (status.retry_count, status.disruption_count, status.attempt) == (0, 0, 1)


def test_a_job_that_was_resumed_before_its_attempt_had_ended_waits_like_any_other() -> None:
    status = decide(a_job().running(SUSPENDED), NOW).status
    assert (status.phase, status.reason, status.queued_time) == (Phase.PENDING, None, NOW)


# ---- canceled meanwhile


@pytest.mark.parametrize("attempt", [FAILED, TRANSIENT, TIMED_OUT, EVICTED, SUSPENDED])
def test_a_canceled_job_is_canceled_however_its_attempt_ended(attempt: AttemptFacts) -> None:
    decision = decide(a_job(cancel=True).running(attempt), NOW)
    assert (decision.status.phase, decision.status.reason) == (Phase.CANCELED, "Canceled")
    assert decision.note is None


def test_a_canceled_job_that_had_succeeded_has_succeeded() -> None:
    assert decide(a_job(cancel=True).running(SUCCEEDED), NOW).status.phase is Phase.SUCCEEDED


# ---- the start deadline


def test_a_start_deadline_keeps_the_cause_that_the_status_had() -> None:
    """By the time the attempt has ended its pod, which said it, is deleted."""
    stopped = an_attempt().stopped(StopReason.START_DEADLINE_EXCEEDED).failed_by("DeadlineExceeded")
    job = a_job().with_attempt(stopped).with_status(
        attempt=1, current_job=stopped.name, reason="ImagePullBackOff", message="Back-off pulling image"
    )  # fmt: skip
    status = decide(job, NOW).status
    assert status.reason == "StartDeadlineExceeded"
    assert status.error == "Not started within startDeadlineSeconds=3600: Back-off pulling image"
