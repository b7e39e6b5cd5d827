"""How an attempt ended, from what is left of it: report, exit code, pod and Job conditions.

Order of belief: what the job itself said before anyone stopped it; why we stopped it; what the
cluster did to the pod; the exit code; and last the Job's own condition, when no pod can be read.
"""

import signal
from dataclasses import dataclass
from enum import Enum

from mljob.core.decision import StopReason
from mljob.core.facts import AttemptFacts, PodFacts
from mljob.core.report import Report, is_json, parse_report

COMMAND_RESULT_LIMIT_BYTES = 3000
KUBELET_REFUSALS = frozenset(
    {
        "Evicted",
        "NodeAffinity",
        "NodeLost",
        "NodeShutdown",
        "OutOfcpu",
        "OutOfephemeral-storage",
        "OutOfmemory",
        "OutOfpods",
        "Preempting",
        "Shutdown",
        "Terminated",
        "TopologyAffinityError",
        "UnexpectedAdmissionError",
    }
)
"""pod.status.reason when a kubelet turns away or gives up a pod through no fault of its own"""


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


def judge(attempt: AttemptFacts) -> Outcome:
    """The outcome of an attempt that is no longer alive."""
    pod = attempt.pod
    report = parse_report(pod.main_message) if pod is not None and attempt.policy.function else None
    said = _own_word(attempt, pod, report)
    if said is not None:
        return said
    stopped = _stopped(attempt)
    if stopped is not None:
        return stopped
    if pod is None:
        return _without_pod(attempt)
    disrupted = _disruption(pod, attempt)
    if disrupted is not None:
        return disrupted
    if pod.reason == "DeadlineExceeded":
        return _pod_deadline(attempt, pod)
    if pod.main_exit_code is None:
        return Outcome(Ending.DISRUPTED, "PodLost", f"Pod {pod.name} ended before its container ran")
    if pod.main_reason == "OOMKilled":
        return _out_of_memory(attempt, pod)
    return _by_exit_code(attempt, pod, pod.main_exit_code)


def _own_word(attempt: AttemptFacts, pod: PodFacts | None, report: Report | None) -> Outcome | None:
    """What the job reported by itself; a report of having been told to stop is not its own word."""
    if pod is None or not pod.main_ended:
        return None
    if report is None:
        if attempt.policy.function is None and pod.main_exit_code == 0:
            return Outcome(Ending.SUCCEEDED, "Succeeded", result=_command_result(pod.main_message))
        return None
    if report.outcome == "succeeded":
        return Outcome(Ending.SUCCEEDED, "Succeeded", report.note or "", result=report.result)
    if report.outcome == "timed_out":
        limit = attempt.policy.timeout_seconds
        return Outcome(Ending.TIMED_OUT, "TimedOut", f"Ran longer than its limit of {limit} s")
    if report.reason == "Terminated":
        return None
    error = report.error or "RuntimeError()"
    message = " ".join(part for part in (error, report.note and f"({report.note})") if part)
    if report.outcome == "transient":
        return Outcome(Ending.TRANSIENT, "TransientError", message, error=error, traceback=report.traceback)
    reason = report.reason or "Error"
    return Outcome(Ending.FAILED, reason, message, error=error, traceback=report.traceback)


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


def _disruption(pod: PodFacts, attempt: AttemptFacts) -> Outcome | None:
    """The cluster took the pod away: eviction, preemption, a lost node, a kubelet's refusal, a deletion."""
    if pod.disruption is not None:
        return Outcome(
            Ending.DISRUPTED, pod.disruption, pod.message or f"Pod {pod.name} on {pod.node} was disrupted"
        )
    if pod.reason in KUBELET_REFUSALS:
        return Outcome(Ending.DISRUPTED, pod.reason, pod.message or f"Refused by the kubelet of {pod.node}")
    if attempt.failed_reason == "PodFailurePolicy":
        return Outcome(Ending.DISRUPTED, "Disrupted", attempt.failed_message or "")
    if pod.deletion_time is not None:
        return Outcome(Ending.DISRUPTED, "PodDeleted", f"Pod {pod.name} was deleted while it ran")
    return None


def _pod_deadline(attempt: AttemptFacts, pod: PodFacts) -> Outcome:
    """The kubelet stopped it at the pod's own deadline: the second line behind the runner's limit."""
    if pod.main_start_time is None and not pod.main_ended:
        return _start_deadline(attempt)
    limit = attempt.policy.timeout_seconds
    if limit is None:
        return Outcome(
            Ending.FAILED, "DeadlineExceeded", f"Pod {pod.name} was stopped by a deadline that is not ours"
        )
    return Outcome(Ending.TIMED_OUT, "TimedOut", f"Ran longer than its limit of {limit} s")


def _out_of_memory(attempt: AttemptFacts, pod: PodFacts) -> Outcome:
    limit = f" of {pod.memory_limit}" if pod.memory_limit else ""
    message = f"Killed for using more memory than its limit{limit}; raise resources.limits.memory"
    return Outcome(Ending.FAILED, "OOMKilled", message, error=_process_exit_error(attempt, -signal.SIGKILL))


def _by_exit_code(attempt: AttemptFacts, pod: PodFacts, code: int) -> Outcome:
    if attempt.policy.function is None:
        message = f"The container exited with code {code}"
        if code in attempt.policy.exit_codes:
            return Outcome(
                Ending.TRANSIENT, "TransientExitCode", f"{message}, one of retry.exitCodes", error=message
            )
        return Outcome(Ending.FAILED, "ProcessExited", message, error=message)
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
    if text and is_json(text) and len(text.encode()) <= COMMAND_RESULT_LIMIT_BYTES:
        return text.strip()
    return "null"


def _without_pod(attempt: AttemptFacts) -> Outcome:
    """No pod is left to ask; the Job's condition is all there is, or not even that."""
    if attempt.complete:
        return Outcome(
            Ending.SUCCEEDED,
            "ResultLost",
            "The Job completed, and its pod was gone before its result could be read",
            result="null",
        )
    if not attempt.job_exists:
        return Outcome(Ending.DISRUPTED, "JobDeleted", f"Job {attempt.name} was deleted while it ran")
    if attempt.failed_reason == "PodFailurePolicy":
        return Outcome(Ending.DISRUPTED, "Disrupted", attempt.failed_message or "The pod was disrupted")
    if attempt.failed_reason == "DeadlineExceeded":
        limit = attempt.policy.timeout_seconds
        return Outcome(Ending.TIMED_OUT, "TimedOut", f"Stopped by the Job's deadline; its limit is {limit} s")
    return Outcome(Ending.DISRUPTED, "PodDeleted", "The pod was deleted while it ran")
