"""A job without an attempt under way: canceled, suspended, waiting too long, backing off, or in the queue."""

from dataclasses import replace

from mljob.api.job import Phase
from mljob.core.decision import Decision, Note
from mljob.core.facts import DefinitionFacts, Facts, StatusFacts
from mljob.core.rules.ended import final_status
from mljob.core.rules.stopping import end_what_lives


def canceled(facts: Facts, now: float) -> Decision | None:
    """Nothing that the status knows of runs, so nothing has to end first."""
    if not facts.spec.cancel:
        return None
    message = "Canceled by spec.cancel before it ran" if facts.attempt is None else "Canceled by spec.cancel"
    status = final_status(facts, facts.status, Phase.CANCELED, "Canceled", message, now)
    return Decision(status=status, stop=end_what_lives(facts))


def suspended(facts: Facts, now: float) -> Decision | None:
    """It keeps its place and is not admitted; its queue deadline does not run."""
    if not facts.spec.suspend:
        return None
    told = facts.status.reason == "Suspended"
    status = replace(
        _clear_refusal(facts, now),
        phase=Phase.PENDING,
        reason="Suspended",
        message=facts.status.message if told else None,
        observed_generation=facts.generation,
    ).with_condition("Admitted", False, "Suspended", now=now)
    return Decision(status=status)


def resumed(facts: Facts, now: float) -> Decision | None:
    """No longer suspended: it waits from now."""
    if facts.status.reason != "Suspended":
        return None
    status = replace(
        _clear_refusal(facts, now),
        reason=None,
        message=None,
        queued_time=now,
        observed_generation=facts.generation,
    ).with_condition("Admitted", False, "Queued", now=now)
    return Decision(status=status, wake_at=now)


def queue_deadline(facts: Facts, now: float) -> Decision | None:
    """Failed after waiting for a slot longer than queueDeadlineSeconds; backoff does not count."""
    limit = facts.queue_deadline_seconds
    expires = _queue_expires(facts)
    if limit is None or expires is None or now < expires:
        return None
    message = f"Not admitted within queueDeadlineSeconds={limit}"
    status = final_status(facts, facts.status, Phase.FAILED, "QueueDeadlineExceeded", message, now)
    return Decision(
        status=replace(status, error=message),
        note=Note("QueueDeadlineExceeded", message),
        stop=end_what_lives(facts),
    )


def queued(facts: Facts, now: float) -> Decision:
    """In the queue, unless its backoff is not over or its definition admits none."""
    status = _clear_refusal(facts, now)
    not_before = max(status.next_retry_time or 0.0, facts.held_until or 0.0)
    expires = _queue_expires(facts)
    if now < not_before:
        return Decision(status=status, wake_at=not_before if expires is None else min(not_before, expires))
    if facts.attempt is None:
        definition = facts.definition
        held_back = isinstance(definition, DefinitionFacts) and definition.spec.suspend
    else:
        # A pod that comes to light after its attempt was settled (kubernetes#130683) may still run.
        held_back = facts.attempt.alive
    return Decision(status=status, wants_slot=not held_back, wake_at=expires)


def _clear_refusal(facts: Facts, now: float) -> StatusFacts:
    """Accepted after all: say so once. A job that was never refused needs no write to wait."""
    accepted = facts.status.condition("Accepted")
    if accepted is None or accepted.status:
        return facts.status
    cleared = replace(facts.status, reason=None, message=None, observed_generation=facts.generation)
    return cleared.with_condition("Accepted", True, "Accepted", now=now)


def _queue_expires(facts: Facts) -> float | None:
    if facts.queue_deadline_seconds is None:
        return None
    since = max(facts.status.queued_time or 0.0, facts.created_time)
    return since + facts.queue_deadline_seconds
