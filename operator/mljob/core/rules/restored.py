"""A job that is unfinished here but final in SQL came back from an older etcd: it does not run again."""

from dataclasses import replace

from mljob.core.decision import Decision, StopReason
from mljob.core.facts import Facts
from mljob.core.rules.ended import final_status


def restored(facts: Facts, now: float) -> Decision | None:
    """Take the phase that the store has."""
    end = facts.stored_end
    if end is None or facts.status.phase.is_final:
        return None
    message = "Taken from the store, which had this job as finished"
    status = final_status(facts, facts.status, end.phase, "RestoredFromStore", message, now)
    attempt = facts.attempt
    running = attempt is not None and attempt.alive and attempt.stop_reason is None
    return Decision(status=replace(status, result=end.result), stop=StopReason.CANCELED if running else None)
