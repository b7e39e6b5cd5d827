"""Ending a live attempt: cancel, suspend, a start that takes too long, an eviction by suspension.

The attempt keeps its slot until it is confirmed dead; what becomes of the job is settled then.
"""

from mljob.api.job import Phase
from mljob.core.decision import Decision, StopReason
from mljob.core.facts import AttemptFacts, Facts
from mljob.core.rules.ended import final_status


def stopping(facts: Facts, now: float) -> Decision | None:
    """Stop the attempt if something asks for it; the phase of a canceled job is final at once."""
    attempt = facts.unsettled
    if attempt is None or not attempt.alive:
        return None
    if facts.spec.cancel and not _succeeded(attempt):
        stop = StopReason.CANCELED if attempt.stop_reason is None else None
        status = final_status(facts, facts.status, Phase.CANCELED, "Canceled", "Canceled by spec.cancel", now)
        return Decision(status=status, stop=stop)
    if attempt.stop_reason is not None:
        # Already told to end: nothing to write until it has.
        return Decision(status=facts.status)
    if facts.spec.suspend:
        return Decision(status=facts.status, stop=StopReason.SUSPENDED)
    if attempt.suspended and facts.status.phase is Phase.RUNNING:
        # Someone (Kueue, for one) evicted it by suspending its Job; its pod is being deleted.
        return Decision(status=facts.status, stop=StopReason.EVICTED)
    if not _started(facts, attempt) and now >= _start_expires(attempt):
        return Decision(status=facts.status, stop=StopReason.START_DEADLINE_EXCEEDED)
    return None


def end_what_lives(facts: Facts) -> StopReason | None:
    """How to stop the attempt of a job that is final: None when nothing lives, or when it was told before."""
    attempt = facts.attempt
    lives = attempt is not None and attempt.alive and attempt.stop_reason is None
    return StopReason.CANCELED if lives else None


def _started(facts: Facts, attempt: AttemptFacts) -> bool:
    """Also one whose pod is gone (a lost node), until its Job says so: its start deadline is long met."""
    pod = attempt.pod
    return facts.seen_running or (pod is not None and (pod.main_running or pod.main_ended))


def _succeeded(attempt: AttemptFacts) -> bool:
    """The work is done and only the Job's condition is missing: nothing is left to cancel."""
    pod = attempt.pod
    return pod is not None and pod.main_exit_code == 0


def _start_expires(attempt: AttemptFacts) -> float:
    return attempt.created_time + attempt.policy.start_deadline_seconds
