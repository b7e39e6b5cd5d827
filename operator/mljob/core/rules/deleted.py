"""A job that someone deletes: its end is recorded first, then it may go. Its Job and pod follow it."""

from mljob.api.job import Phase
from mljob.core.decision import Decision, StopReason
from mljob.core.facts import Facts
from mljob.core.records import Rank
from mljob.core.rules.ended import final_status


def deleted(facts: Facts, now: float) -> Decision | None:
    """Canceled with reason Deleted, unless it had ended; the finalizer goes once SQL has the row."""
    if not facts.deleting:
        return None
    status = facts.status
    attempt = facts.attempt
    running = attempt is not None and attempt.alive and attempt.stop_reason is None
    stop = StopReason.CANCELED if running else None
    if not status.phase.is_final:
        message = "The MlJob was deleted before it finished"
        return Decision(
            status=final_status(facts, status, Phase.CANCELED, "Deleted", message, now), stop=stop
        )
    stored = facts.recorded is not None and facts.recorded[1] == Rank.FINAL
    return Decision(status=status, stop=stop, release=facts.has_record_finalizer and stored)
