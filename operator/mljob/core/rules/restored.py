"""A job that is unfinished here but final in SQL came back from an older etcd: it does not run again."""

from dataclasses import replace

from mljob.core.decision import Decision
from mljob.core.facts import Facts
from mljob.core.rules.ended import final_status
from mljob.core.rules.stopping import end_what_lives


def restored(facts: Facts, now: float) -> Decision | None:
    """Take the phase that the store has."""
    end = facts.stored_end
    if end is None or facts.status.phase.is_final:
        return None
    message = "Taken from the store, which had this job as finished"
    status = final_status(facts, facts.status, end.phase, "RestoredFromStore", message, now)
    return Decision(status=replace(status, result=end.result), stop=end_what_lives(facts))
