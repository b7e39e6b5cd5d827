"""A job that someone deletes: its end is recorded first, then it may go. Its Job and pod follow it."""

from mljob.api.job import Phase
from mljob.core.decision import Decision
from mljob.core.facts import Facts, StatusFacts
from mljob.core.records import Rank
from mljob.core.rules.ended import ended, final_status
from mljob.core.rules.stopping import end_what_lives

DELETED_MESSAGE = "The MlJob was deleted before it finished"


def deleted(facts: Facts, now: float) -> Decision | None:
    """Canceled with reason Deleted, unless it had ended; the finalizer goes once SQL has the row."""
    if not facts.deleting:
        return None
    status = facts.status
    stop = end_what_lives(facts)
    if not status.phase.is_final:
        return Decision(status=end_of_deleted(facts, now), stop=stop)
    stored = facts.recorded is not None and facts.recorded[1] == Rank.FINAL
    return Decision(status=status, stop=stop, release=facts.has_record_finalizer and stored)


def end_of_deleted(facts: Facts, now: float) -> StatusFacts:
    """The final status of a job that is deleted unfinished. If its attempt had succeeded, it is done."""
    settled = ended(facts, now)
    if settled is not None and settled.status.phase is Phase.SUCCEEDED:
        return settled.status
    return final_status(facts, facts.status, Phase.CANCELED, "Deleted", DELETED_MESSAGE, now)
