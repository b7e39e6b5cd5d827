"""How an attempt ended, from what is left of it: report, exit code, pod and Job conditions.

Order of belief: what the job itself said before anyone stopped it; why we stopped it; what the
cluster did to the pod; the exit code; and last the Job's own condition, when no pod can be read.
"""

import signal
from dataclasses import dataclass
from enum import Enum

from mljob.core.decision import StopReason
from mljob.core.facts import AttemptFacts, PodFacts
from mljob.core.report import Report, is_json, parse_report, printable

COMMAND_RESULT_LIMIT_BYTES = 3000
COMMAND_OUTPUT_LIMIT_CHARACTERS = 1000
"""How much of what a failed command printed last becomes part of its error"""
SIDECAR_DEADLINE_SECONDS = 1
"""The pod's deadline once `main` has ended: over at once, it ends what others injected"""
DEADLINE_EXCEEDED = "DeadlineExceeded"
"""Reason of a pod that its kubelet stopped at its deadline, and of a Job's Failed condition"""
KUBELET_REFUSALS = frozenset(
    {
        "Evicted",
        "NodeAffinity",
        "NodeLost",
        "NodeShutdown",
        "Preempting",
        "Shutdown",
        "Terminated",
        "TopologyAffinityError",
        "UnexpectedAdmissionError",
    }
)
"""pod.status.reason when a kubelet turns away or gives up a pod through no fault of its own"""
KUBELET_SHORTAGE = "OutOf"
"""...or, followed by the name of any resource, when it has too little: OutOfcpu, OutOfnvidia.com/gpu"""
LOST_CONTAINERS = frozenset({"ContainerStatusUnknown", "Unknown"})
"""Reasons of a container whose end nobody saw: its node or runtime was restarted"""
START_ERRORS = frozenset({"ContainerCannotRun", "StartError"})
"""Reasons of a container that the runtime could not start; its message says why"""


class Ending(Enum):
    """What kind of end it was; what follows from it is `rules.ended`'s to say."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed out"
    TRANSIENT = "transient"
    DISRUPTED = "disrupted"
    CANCELED = "canceled"
    SUSPENDED = "suspended"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of one attempt. `result` is JSON text; `error` the text that semantics promise."""

    ending: Ending
    reason: str
    message: str = ""
    result: str | None = None
    error: str | None = None
    traceback: str | None = None


def judge(attempt: AttemptFacts, *, seen_running: bool = False) -> Outcome:
    """The outcome of an attempt that is no longer alive. `seen_running`: its container was seen to run."""
    pod = attempt.pod
    if pod is None:
        return _without_pod(attempt, seen_running=seen_running)
    return (
        _own_word(attempt, pod)
        or _stopped(attempt)
        or _deadline(attempt, pod, seen_running=seen_running)
        or _disruption(attempt, pod)
        or _never_ran(pod)
        or _exit(attempt, pod)
    )


def _own_word(attempt: AttemptFacts, pod: PodFacts) -> Outcome | None:
    """What the job reported by itself; a report of having been told to stop is not its own word."""
    if not pod.main_ended:
        return None
    if attempt.policy.function is None:
        # Many a container exits with 0 when it is told to stop: that is no success.
        told = attempt.stop_reason is not None and pod.deletion_time is not None
        if pod.main_exit_code != 0 or told or _cut_short(attempt, pod):
            return None
        return Outcome(Ending.SUCCEEDED, "Succeeded", result=_command_result(pod.main_message))
    report = parse_report(pod.main_message)
    if report is None or report.reason == "Terminated":
        return None
    return _reported(attempt, report)


def _reported(attempt: AttemptFacts, report: Report) -> Outcome:
    if report.outcome == "succeeded":
        return Outcome(Ending.SUCCEEDED, "Succeeded", report.note or "", result=report.result)
    if report.outcome == "timed_out":
        return _timed_out(attempt)
    error = report.error or "RuntimeError()"
    message = f"{error} ({report.note})" if report.note else error
    if report.outcome == "transient":
        return Outcome(Ending.TRANSIENT, "TransientError", message, error=error, traceback=report.traceback)
    reason = report.reason or "Error"
    return Outcome(Ending.FAILED, reason, message, error=error, traceback=report.traceback)


def _timed_out(attempt: AttemptFacts) -> Outcome:
    limit = attempt.policy.timeout_seconds
    return Outcome(Ending.TIMED_OUT, "TimedOut", f"Ran longer than its limit of {limit} s")


def _stopped(attempt: AttemptFacts) -> Outcome | None:
    """The operator ended it, and wrote down why."""
    match attempt.stop_reason:
        case StopReason.CANCELED:
            return Outcome(Ending.CANCELED, "Canceled", "Canceled while it ran")
        case StopReason.SUSPENDED:
            return Outcome(Ending.SUSPENDED, "Suspended", "Stopped because spec.suspend is true")
        case StopReason.EVICTED:
            return Outcome(Ending.DISRUPTED, "JobSuspended", f"Job {attempt.name} was suspended while it ran")
        case StopReason.START_DEADLINE_EXCEEDED:
            return _start_deadline(attempt)
        case _:
            return None


def _start_deadline(attempt: AttemptFacts) -> Outcome:
    limit = attempt.policy.start_deadline_seconds
    problem = attempt.events_problem
    pod = attempt.pod
    cause = problem.message if problem else None
    if cause is None and pod is not None:
        cause = pod.unschedulable or pod.waiting_message or pod.waiting_reason
    message = f"Not started within startDeadlineSeconds={limit}" + (f": {cause}" if cause else "")
    return Outcome(Ending.FAILED, "StartDeadlineExceeded", message, error=message)


def _deadline(attempt: AttemptFacts, pod: PodFacts, *, seen_running: bool) -> Outcome | None:
    """A kubelet stopped it at the pod's deadline, or the Job controller at the Job's: the lines behind the
    runner's own limit."""
    if not _cut_short(attempt, pod):
        return None
    if pod.main_start_time is None and not seen_running:
        return _start_deadline(attempt)
    return _ran_out(attempt, pod)


def _cut_short(attempt: AttemptFacts, pod: PodFacts) -> bool:
    """Did a deadline end `main`? One that had ended before, and was outlived by sidecars, has its own end."""
    by_job = attempt.failed_reason == DEADLINE_EXCEEDED
    if pod.reason != DEADLINE_EXCEEDED and not by_job:
        return False
    if pod.main_end_time is None or (by_job and pod.deletion_time is not None):
        return True
    if pod.reason != DEADLINE_EXCEEDED:
        return False
    limit, ran = attempt.policy.timeout_seconds, _run_seconds(pod)
    if limit is not None and ran is not None and ran >= limit:
        return True
    deadline = pod.active_deadline_seconds
    if deadline is None or pod.start_time is None:
        return True
    return deadline != SIDECAR_DEADLINE_SECONDS and pod.main_end_time >= pod.start_time + deadline


def _ran_out(attempt: AttemptFacts, pod: PodFacts | None) -> Outcome:
    """TimedOut always means: ran too long."""
    limit = attempt.policy.timeout_seconds
    ran = _run_seconds(pod) if pod is not None else None
    if limit is not None and (ran is None or ran >= limit):
        return _timed_out(attempt)
    message = "Stopped by a deadline before its own limit: it started late, or someone set that deadline"
    return Outcome(Ending.FAILED, DEADLINE_EXCEEDED, message, error=message)


def _run_seconds(pod: PodFacts) -> float | None:
    if pod.main_start_time is None or pod.main_end_time is None:
        return None
    return pod.main_end_time - pod.main_start_time


def _disruption(attempt: AttemptFacts, pod: PodFacts) -> Outcome | None:
    """The cluster took the pod away: eviction, preemption, a lost node, a kubelet's refusal, a deletion."""
    if pod.disruption is not None:
        return Outcome(
            Ending.DISRUPTED, pod.disruption, pod.message or f"Pod {pod.name} on {pod.node} was disrupted"
        )
    refused = pod.reason or ""
    if refused in KUBELET_REFUSALS or refused.startswith(KUBELET_SHORTAGE):
        return Outcome(Ending.DISRUPTED, refused, pod.message or f"Refused by the kubelet of {pod.node}")
    if attempt.failed_reason == "PodFailurePolicy":
        return Outcome(Ending.DISRUPTED, "Disrupted", attempt.failed_message or "The pod was disrupted")
    if pod.deletion_time is not None:
        return Outcome(Ending.DISRUPTED, "PodDeleted", f"Pod {pod.name} was deleted while it ran")
    if pod.main_reason in LOST_CONTAINERS:
        message = f"The container of pod {pod.name} was lost: node {pod.node} or its runtime was restarted"
        return Outcome(Ending.DISRUPTED, "PodLost", message)
    return None


def _never_ran(pod: PodFacts) -> Outcome | None:
    """The pod is over, and `main` has no exit."""
    if pod.main_ended:
        return None
    if pod.init_failure is not None:
        return Outcome(Ending.FAILED, "InitContainerFailed", pod.init_failure, error=pod.init_failure)
    message = pod.message or f"Pod {pod.name} ended before its container ran"
    return Outcome(Ending.DISRUPTED, pod.reason or "PodLost", message)


def _exit(attempt: AttemptFacts, pod: PodFacts) -> Outcome:
    """How the container ended, by itself and without a report."""
    if pod.main_reason in START_ERRORS:
        message = (
            f"The container could not be started: {printable(pod.main_message or 'no reason was given')}"
        )
        return Outcome(Ending.FAILED, "StartError", message, error=message)
    if pod.main_reason == "OOMKilled":
        return _out_of_memory(attempt, pod)
    code = pod.main_exit_code or 0
    if attempt.policy.function is None:
        return _command_exit(attempt, code, pod.main_message)
    return _function_exit(attempt, code)


def _out_of_memory(attempt: AttemptFacts, pod: PodFacts) -> Outcome:
    limit = f" of {pod.memory_limit}" if pod.memory_limit else ""
    message = f"Killed for using more memory than its limit{limit}; raise resources.limits.memory"
    return Outcome(Ending.FAILED, "OOMKilled", message, error=_process_exit_error(attempt, -signal.SIGKILL))


def _command_exit(attempt: AttemptFacts, code: int, output: str | None) -> Outcome:
    message = f"The container exited with code {code}"
    printed = printable(output or "").strip()[-COMMAND_OUTPUT_LIMIT_CHARACTERS:]
    error = f"{message}: {printed}" if printed else message
    if code in attempt.policy.exit_codes:
        return Outcome(
            Ending.TRANSIENT, "TransientExitCode", f"{message}, one of retry.exitCodes", error=error
        )
    return Outcome(Ending.FAILED, "ProcessExited", error, error=error)


def _function_exit(attempt: AttemptFacts, code: int) -> Outcome:
    if code == 0:
        message = "The process exited with code 0 without a result"
        return Outcome(Ending.FAILED, "NoResult", message, error=message)
    number = 128 - code if code > 128 else code
    error = _process_exit_error(attempt, number)
    return Outcome(Ending.FAILED, "ProcessExited", _exit_in_words(number), error=error)


def _process_exit_error(attempt: AttemptFacts, number: int) -> str:
    """MLflow's text, its spelling included: clients compare it."""
    function = attempt.policy.function
    return (
        "RuntimeError('The subprocess that executes job function "
        f"{function} exists with error code {number}')"
    )


def _exit_in_words(number: int) -> str:
    if number >= 0:
        return f"The process exited with code {number}"
    try:
        name = signal.Signals(-number).name
    except ValueError:
        name = f"signal {-number}"
    return f"The process was ended by {name}"


def _command_result(text: str | None) -> str:
    """What a command wrote to MLJOB_RESULT_FILE, when it is JSON and not too large; else null."""
    if is_json(text):
        result = printable(text or "").strip()
        if len(result.encode()) <= COMMAND_RESULT_LIMIT_BYTES:
            return result
    return "null"


def _without_pod(attempt: AttemptFacts, *, seen_running: bool) -> Outcome:
    """No pod is left to ask; the Job's condition is all there is, or not even that."""
    if attempt.complete:
        return Outcome(
            Ending.SUCCEEDED,
            "ResultLost",
            "The Job completed, and its pod was gone before its result could be read",
            result="null",
        )
    stopped = _stopped(attempt)
    if stopped is not None:
        return stopped
    if not attempt.job_exists:
        return Outcome(Ending.DISRUPTED, "JobDeleted", f"Job {attempt.name} was deleted while it ran")
    if attempt.failed_reason == "PodFailurePolicy":
        return Outcome(Ending.DISRUPTED, "Disrupted", attempt.failed_message or "The pod was disrupted")
    if attempt.failed_reason == DEADLINE_EXCEEDED:
        # The pod's own deadline comes first wherever a kubelet had the pod.
        return _ran_out(attempt, None) if seen_running else _start_deadline(attempt)
    return Outcome(Ending.DISRUPTED, "PodDeleted", "The pod was deleted while it ran")
