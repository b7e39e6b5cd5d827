"""What follows from the end of an attempt: a final phase, a retry with backoff, or the queue again."""

import math
from dataclasses import replace

from mljob.api.job import Phase
from mljob.core.decision import Decision, Note
from mljob.core.facts import AttemptFacts, Facts, StatusFacts
from mljob.core.outcome import Ending, Outcome, judge
from mljob.core.retry import backoff_seconds

ERROR_LIMIT_CHARACTERS = 2_000
MESSAGE_LIMIT_CHARACTERS = 1_000
"""What goes into the object; the row in SQL keeps more. An object too large could never be written."""


def ended(facts: Facts, now: float) -> Decision | None:
    """Settle an attempt that is confirmed dead."""
    attempt = facts.unsettled
    if attempt is None or attempt.alive:
        return None
    outcome = _with_cause(facts, attempt, judge(attempt, seen_running=facts.seen_running))
    status = replace(
        facts.status,
        attempt=attempt.number,
        current_job=attempt.name,
        current_pod=attempt.pod.name if attempt.pod else facts.status.current_pod,
        start_time=_start_time(facts, attempt),
    )
    if facts.spec.cancel and outcome.ending is not Ending.SUCCEEDED:
        outcome = Outcome(Ending.CANCELED, "Canceled", "Canceled by spec.cancel")
    match outcome.ending:
        case Ending.SUCCEEDED:
            reason = "" if outcome.reason == "Succeeded" else outcome.reason
            done = final_status(
                facts, status, Phase.SUCCEEDED, reason, outcome.message, now, at=_end_time(attempt, now)
            )
            return Decision(status=replace(done, result=outcome.result))
        case Ending.TRANSIENT:
            return _retry(facts, status, attempt, outcome, now)
        case Ending.DISRUPTED:
            return _replace_disrupted(facts, status, attempt, outcome, now)
        case Ending.SUSPENDED:
            return _wait_again(facts, status, outcome, now)
        case Ending.TIMED_OUT:
            return _fail(facts, status, Phase.TIMED_OUT, attempt, outcome, now)
        case Ending.CANCELED:
            # Whoever canceled it knows: no Event.
            return replace(_fail(facts, status, Phase.CANCELED, attempt, outcome, now), note=None)
    return _fail(facts, status, Phase.FAILED, attempt, outcome, now)


def _with_cause(facts: Facts, attempt: AttemptFacts, outcome: Outcome) -> Outcome:
    """What kept a pod from starting is in the status; by now the pod itself, which said it, is gone."""
    status = facts.status
    cause = status.message if status.attempt == attempt.number and status.phase is Phase.PENDING else None
    if outcome.reason != "StartDeadlineExceeded" or not cause or cause in outcome.message:
        return outcome
    message = f"{outcome.message}: {cause}"
    return replace(outcome, message=message, error=message)


def final_status(
    facts: Facts,
    status: StatusFacts,
    phase: Phase,
    reason: str,
    message: str,
    now: float,
    *,
    at: float | None = None,
) -> StatusFacts:
    """In a final phase, with batch/v1's conditions, so that `kubectl wait` does what habit expects.

    `at`: when that came to be, if earlier than now (the operator was away).
    """
    attempt = facts.unsettled
    if attempt is not None:
        status = replace(status, attempt=attempt.number, current_job=attempt.name)
    kind = "Complete" if phase is Phase.SUCCEEDED else "Failed"
    short = message[:MESSAGE_LIMIT_CHARACTERS]
    done = replace(
        status,
        phase=phase,
        reason=reason or None,
        message=short or None,
        completion_time=now if at is None else at,
        next_retry_time=None,
        observed_generation=facts.generation,
    )
    return done.with_condition(kind, True, reason or str(phase), short, now=now)


def _fail(
    facts: Facts, status: StatusFacts, phase: Phase, attempt: AttemptFacts, outcome: Outcome, now: float
) -> Decision:
    end = _end_time(attempt, now)
    done = final_status(facts, status, phase, outcome.reason, outcome.message, now, at=end)
    error = (outcome.error or "")[:ERROR_LIMIT_CHARACTERS] or None
    note = Note(outcome.reason, f"Attempt {status.attempt}: {outcome.message or phase}")
    return Decision(status=replace(done, error=error), note=note)


def _queued_again(
    facts: Facts, status: StatusFacts, reason: str, message: str, now: float, *, at: float | None = None
) -> StatusFacts:
    """Pending once more, without a slot. `at`: not before then."""
    waiting = replace(
        status,
        phase=Phase.PENDING,
        reason=reason,
        message=message[:MESSAGE_LIMIT_CHARACTERS] or None,
        current_job=None,
        current_pod=None,
        next_retry_time=at,
        queued_time=at if at is not None else now,
        observed_generation=facts.generation,
    )
    return waiting.with_condition("Admitted", False, reason, now=now)


def _wait_again(facts: Facts, status: StatusFacts, outcome: Outcome, now: float) -> Decision:
    """Suspended, and charged to no budget. One that was resumed meanwhile waits like any other."""
    if facts.spec.suspend:
        return Decision(status=_queued_again(facts, status, "Suspended", outcome.message, now))
    return Decision(status=replace(_queued_again(facts, status, "Queued", "", now), reason=None))


def _retry(
    facts: Facts, status: StatusFacts, attempt: AttemptFacts, outcome: Outcome, now: float
) -> Decision:
    policy = attempt.policy
    if status.retry_count >= policy.max_retries:
        message = f"{outcome.message}; retried {status.retry_count} times, the most that is allowed"
        spent = Outcome(Ending.FAILED, "RetriesExhausted", message, error=outcome.error)
        return _fail(facts, status, Phase.FAILED, attempt, spent, now)
    number = status.retry_count + 1
    delay = backoff_seconds(number, policy.base_delay_seconds, policy.max_delay_seconds)
    message = f"Attempt {attempt.number}: {outcome.message}; retry {number} of {policy.max_retries}"
    counted = replace(status, retry_count=number)
    # The object keeps whole seconds: rounded up, so that no delay is shortened.
    waiting = _queued_again(facts, counted, "Backoff", message, now, at=math.ceil(now + delay))
    return Decision(
        status=waiting, note=Note("Retrying", f"{message} in {delay} s"), wake_at=waiting.next_retry_time
    )


def _replace_disrupted(
    facts: Facts, status: StatusFacts, attempt: AttemptFacts, outcome: Outcome, now: float
) -> Decision:
    limit = attempt.policy.disruption_limit
    if status.disruption_count >= limit:
        times = status.disruption_count + 1
        message = f"{outcome.message}; disrupted {times} times, retry.disruptionLimit is {limit}"
        spent = Outcome(Ending.FAILED, "DisruptionLimitExceeded", message, error=message)
        return _fail(facts, status, Phase.FAILED, attempt, spent, now)
    number = status.disruption_count + 1
    message = f"Attempt {attempt.number}: {outcome.message or outcome.reason}; disruption {number} of {limit}"
    again = _queued_again(
        facts, replace(status, disruption_count=number), outcome.reason or "Disrupted", message, now
    )
    return Decision(status=again, note=Note("Disrupted", message), wake_at=now)


def _end_time(attempt: AttemptFacts, now: float) -> float:
    """When it ended, as its node or the Job controller saw it; never later than now (clocks differ)."""
    pod = attempt.pod
    ended = pod.main_end_time if pod is not None else None
    return min(ended or attempt.finished_time or now, now)


def _start_time(facts: Facts, attempt: AttemptFacts) -> float | None:
    pod = attempt.pod
    if pod is not None and pod.main_start_time is not None:
        return pod.main_start_time
    return facts.status.start_time if facts.status.attempt == attempt.number else None
