"""An attempt that has its slot and no running container yet: says what keeps it, once it lasts."""

from dataclasses import replace

from mljob.api.job import Phase
from mljob.core.decision import Decision, Note
from mljob.core.facts import AttemptFacts, Facts, PodEvents, PodFacts, StartProblem, StatusFacts

PATIENCE_SECONDS = 5
"""A pod that starts within this is nobody's problem, and costs no write"""

POD_PATIENCE_SECONDS = 15
"""How long a pod may be at its node without a word: volumes are mounted and its sandbox made within this"""
EVENTS_PATIENCE_SECONDS = (POD_PATIENCE_SECONDS, 60)
"""Before the Events about a pod are read for the first and for the second time"""
EVENTS_INTERVAL_SECONDS = 300
"""Between later ones; longer than the two minutes after which a kubelet tries a mount again"""
SILENT = (None, "ContainerCreating", "PodInitializing")
"""Waiting reasons that a pod has both while all goes well and while a volume cannot be mounted"""

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
    read_at = _next_read(attempt)
    if read_at is not None and now >= read_at:
        return Decision(status=facts.status, read_pod_events=True, wake_at=expires)
    decision = _told(facts, attempt, now)
    return replace(decision, wake_at=expires if read_at is None else min(read_at, expires))


def _told(facts: Facts, attempt: AttemptFacts, now: float) -> Decision:
    """The status and the Event that say what keeps it."""
    problem = start_problem(attempt)
    if problem is None:
        status = facts.status
        is_past = _is_past(status, attempt)
        return Decision(_starting_status(facts, attempt, "Starting", None, now) if is_past else status)
    if _already_told(facts, attempt, problem):
        return Decision(status=facts.status)
    note = Note(problem.reason, f"Attempt {attempt.number} cannot start: {problem.message}"[:1_000])
    status = _starting_status(facts, attempt, problem.reason, problem.message[:1_000], now)
    return Decision(status=status, note=note)


def _next_read(attempt: AttemptFacts) -> float | None:
    """When the Events about its pod are to be read; None: never, its own status says what it waits for."""
    pod = attempt.pod
    if pod is None or pod.start_time is None or not _is_silent(attempt, pod):
        return None
    events = _events_of(attempt, pod)
    if events is None:
        return pod.start_time + EVENTS_PATIENCE_SECONDS[0]
    if events.reads < len(EVENTS_PATIENCE_SECONDS):
        return events.read_time + EVENTS_PATIENCE_SECONDS[events.reads]
    return events.read_time + EVENTS_INTERVAL_SECONDS


def _is_silent(attempt: AttemptFacts, pod: PodFacts) -> bool:
    """Has it come to its node, and neither a container nor anybody else says what keeps it?"""
    told_otherwise = attempt.suspended or pod.unschedulable is not None or not pod.alive
    return not told_otherwise and pod.waiting_reason in SILENT


def _events_of(attempt: AttemptFacts, pod: PodFacts) -> PodEvents | None:
    events = attempt.pod_events
    return events if events is not None and events.pod_uid == pod.uid else None


def _is_past(status: StatusFacts, attempt: AttemptFacts) -> bool:
    """Does the status speak of what is over: a wait for a slot, or a problem that the pod's Events had?"""
    if status.reason is None or status.attempt != attempt.number:
        return status.reason is not None
    pod = attempt.pod
    quiet = pod is not None and _is_silent(attempt, pod) and _events_of(attempt, pod) is not None
    return quiet and status.reason != "Starting"


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
        events = _events_of(attempt, pod) if _is_silent(attempt, pod) else None
        return events.problem if events is not None else None
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
