"""Exclusive jobs: of those with one key, the earliest that is unfinished stays, later ones are Canceled."""

from mljob.api.job import Phase
from mljob.core.decision import Decision, Note
from mljob.core.facts import Facts
from mljob.core.rules.ended import final_status


def exclusivity(facts: Facts, now: float) -> Decision | None:
    """Cancel a job that never ran when an earlier one holds its key."""
    if facts.exclusive_holder is None or facts.attempt is not None:
        return None
    message = f"MlJob {facts.exclusive_holder} with the same exclusive params is not finished"
    return Decision(
        status=final_status(facts, facts.status, Phase.CANCELED, "Exclusive", message, now),
        note=Note("Exclusive", message),
    )
