"""An attempt whose container runs, or has ended while its pod has not."""

import math
from dataclasses import replace

from mljob.api.job import Phase
from mljob.core.decision import Decision
from mljob.core.facts import AttemptFacts, Facts, PodFacts, StatusFacts
from mljob.core.outcome import SIDECAR_DEADLINE_SECONDS

SIDECAR_PATIENCE_SECONDS = 5
"""How long other containers may go on after `main` has ended: a mesh's proxy would hold the slot for good"""
NODE_PATIENCE_SECONDS = 30
"""How long after its grace period a deleted pod may stay before its node is taken for unreachable"""


def running(facts: Facts, now: float) -> Decision | None:
    """Running from the container's start; keeps the pod's deadline right and sidecars from lingering."""
    attempt = facts.unsettled
    pod = attempt.pod if attempt is not None else None
    if attempt is None or pod is None or not attempt.alive:
        return None
    if not (pod.main_running or pod.main_ended):
        return None
    status = _running_status(facts, attempt, pod, now)
    if pod.main_ended and pod.alive:
        return _end_sidecars(status, pod, now)
    if not pod.main_running:
        # The pod is over and its Job will say so within a second: one write then, none now.
        return Decision(status=facts.status)
    return Decision(
        status=status,
        pod_deadline_seconds=_tightened_deadline(attempt, pod),
        wake_at=_unreachable_at(pod, now),
    )


def _running_status(facts: Facts, attempt: AttemptFacts, pod: PodFacts, now: float) -> StatusFacts:
    unreachable = pod.deletion_time is not None and now >= pod.deletion_time + NODE_PATIENCE_SECONDS
    status = replace(
        facts.status,
        phase=Phase.RUNNING,
        attempt=attempt.number,
        start_time=pod.main_start_time or facts.status.start_time or now,
        current_job=attempt.name,
        current_pod=pod.name,
        next_retry_time=None,
        definition_uid=attempt.policy.definition_uid or None,
        reason="NodeUnreachable" if unreachable else None,
        message=(
            f"Node {pod.node} does not confirm the end of pod {pod.name}; its slot is held until it does, "
            "the Node is deleted, or it gets the out-of-service taint"
            if unreachable
            else None
        ),
        observed_generation=facts.generation,
    )
    accepted = status.with_condition("Accepted", True, "Accepted", now=now)
    return accepted.with_condition("Admitted", True, "Admitted", now=now)


def _end_sidecars(status: StatusFacts, pod: PodFacts, now: float) -> Decision:
    """`main` has ended, others run on: the pod's own deadline ends them, and keeps pod and logs."""
    patience_ends = (pod.main_end_time or 0.0) + SIDECAR_PATIENCE_SECONDS
    if now < patience_ends:
        return Decision(status=status, wake_at=patience_ends)
    current = pod.active_deadline_seconds
    lower = current is None or current > SIDECAR_DEADLINE_SECONDS
    return Decision(status=status, pod_deadline_seconds=SIDECAR_DEADLINE_SECONDS if lower else None)


def _tightened_deadline(attempt: AttemptFacts, pod: PodFacts) -> int | None:
    """A container that is not ours has no runner to stop it: the kubelet does, by the pod's deadline.

    It counts from the pod's start; the limit from the container's. It can be lowered, never raised.
    """
    policy = attempt.policy
    if policy.function is not None or policy.timeout_seconds is None:
        return None
    if pod.start_time is None or pod.main_start_time is None:
        return None
    wanted = max(1, math.ceil(pod.main_start_time - pod.start_time + policy.timeout_seconds))
    current = pod.active_deadline_seconds
    return wanted if current is None or wanted < current else None


def _unreachable_at(pod: PodFacts, now: float) -> float | None:
    if pod.deletion_time is None:
        return None
    moment = pod.deletion_time + NODE_PATIENCE_SECONDS
    return moment if moment > now else None
