"""A finished job: what is left to stop, and when it is removed. Its status never changes again."""

from mljob.core.decision import Decision
from mljob.core.facts import Facts
from mljob.core.records import Rank
from mljob.core.rules.stopping import end_what_lives


def finished(facts: Facts, now: float) -> Decision | None:
    """Remove it after its time to live, but only once its row is stored and its pod is gone."""
    if not facts.status.phase.is_final:
        return None
    attempt = facts.attempt
    if attempt is not None and attempt.alive:
        return Decision(status=facts.status, stop=end_what_lives(facts))
    if facts.ttl_seconds is None:
        return Decision(status=facts.status)
    expires = (facts.status.completion_time or facts.created_time) + facts.ttl_seconds
    if now < expires:
        return Decision(status=facts.status, wake_at=expires)
    stored = facts.recorded is not None and facts.recorded[1] == Rank.FINAL
    return Decision(status=facts.status, delete=stored)
