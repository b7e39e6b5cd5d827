"""An attempt that has its slot and no running container yet: says what keeps it, once it lasts."""

from dataclasses import replace

from mljob.api.job import Phase
from mljob.core.decision import Decision, Note
from mljob.core.facts import AttemptFacts, Facts, StartProblem, StatusFacts

PATIENCE_SECONDS = 5
"""A pod that starts within this is nobody's problem, and costs no write"""

PROBLEMS = {
    "ErrImagePull": "ImagePullBackOff",
    "ImagePullBackOff": "ImagePullBackOff",
    "ErrImageNeverPull": "ErrImageNeverPull",
    "InvalidImageName": "InvalidImageName",
    "RegistryUnavailable": "ImagePullBackOff",
    "CreateContainerConfigError": "CreateContainerConfigError",
    "CreateContainerError": "CreateContainerError",
    "RunContainerError": "RunContainerError",
}
"""Waiting reasons of a container that do not pass by themselves, to ours (one for the two of a pull)"""


def starting(facts: Facts, now: float) -> Decision | None:
    """Pending with the reason; wakes when patience or the start deadline is over."""
    attempt = facts.unsettled
    if attempt is None or not attempt.alive:
        return None
    if facts.seen_running:
        # Its pod is gone, and the Job will say what that means: Running never becomes Pending in between.
        return Decision(status=facts.status)
    expires = attempt.created_time + attempt.policy.start_deadline_seconds
    # A Job that its controller has not come to yet has no pod either, and no Events: a burst of a thousand
    # Jobs is no reason to read as many lists of Events.
    patience_ends = max(attempt.created_time, attempt.taken_up_time) + PATIENCE_SECONDS
    if now < patience_ends:
        return Decision(status=facts.status, wake_at=min(patience_ends, expires))
    if not attempt.pods and not attempt.events_read and not attempt.suspended:
        return Decision(status=facts.status, read_events=True, wake_at=expires)
    problem = start_problem(attempt)
    if problem is None:
        still_waits = facts.status.attempt != attempt.number and facts.status.reason is not None
        status = _starting_status(facts, attempt, "Starting", None, now) if still_waits else facts.status
        return Decision(status=status, wake_at=expires)
    if _already_told(facts, attempt, problem):
        return Decision(status=facts.status, wake_at=expires)
    note = Note(problem.reason, f"Attempt {attempt.number} cannot start: {problem.message}"[:1_000])
    status = _starting_status(facts, attempt, problem.reason, problem.message[:1_000], now)
    return Decision(status=status, note=note, wake_at=expires)


def start_problem(attempt: AttemptFacts) -> StartProblem | None:
    """What keeps the attempt from starting, if it is more than ordinary start-up."""
    if attempt.suspended:
        return StartProblem("JobSuspended", f"Job {attempt.name} is suspended by someone else")
    pod = attempt.pod
    if pod is None:
        return attempt.events_problem
    if pod.unschedulable is not None:
        return StartProblem("Unschedulable", pod.unschedulable)
    reason = PROBLEMS.get(pod.waiting_reason or "")
    if reason is None:
        return None
    return StartProblem(reason, pod.waiting_message or reason)


def _starting_status(
    facts: Facts, attempt: AttemptFacts, reason: str, message: str | None, now: float
) -> StatusFacts:
    """Pending, and no longer for want of a slot: a reason why it waited is replaced by this one."""
    status = replace(
        facts.status,
        phase=Phase.PENDING,
        attempt=attempt.number,
        current_job=attempt.name,
        current_pod=attempt.pod.name if attempt.pod else None,
        reason=reason,
        message=message,
        next_retry_time=None,
        observed_generation=facts.generation,
    )
    return status.with_condition("Admitted", True, "Admitted", now=now)


def _already_told(facts: Facts, attempt: AttemptFacts, problem: StartProblem) -> bool:
    """Same attempt, same reason: a message that only counts up is not worth a write."""
    status = facts.status
    return status.attempt == attempt.number and status.reason == problem.reason
