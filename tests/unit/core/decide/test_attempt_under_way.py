"""An attempt that lives: starting with the reason that keeps it, running, being stopped."""

import math
from dataclasses import replace
from typing import Any

import pytest
from mljob.api.job import Phase
from mljob.core.decide import decide
from mljob.core.decision import StopReason
from mljob.core.facts import AttemptFacts, Facts, PodEvents, PodFacts, StartProblem, StatusFacts

from tests.unit.core.decide.builders import CREATED, NOW, STARTED, AJob, a_job, a_pod, an_attempt

RUNNING = a_job().running()
COMMAND = an_attempt().of_command()
NO_MOUNT = StartProblem("FailedMount", 'configmap "nosuch" not found')


def starting(attempt: AttemptFacts) -> AJob:
    return a_job().with_attempt(attempt)


# ---- starting


def test_an_ordinary_start_costs_no_write() -> None:
    job = starting(an_attempt().with_pod(a_pod(waiting_reason="ContainerCreating")))
    for now in (CREATED + 1, CREATED + 6, STARTED + 14):
        decision = decide(job, now)
        assert decision.status == job.status
        assert not decision.wants_slot
        assert not any([decision.read_events, decision.read_pod_events])


def test_a_start_is_looked_at_again_when_patience_and_when_its_deadline_is_over() -> None:
    job = starting(an_attempt().with_pod(a_pod(start_time=None)))
    assert decide(job, CREATED + 1).wake_at == CREATED + 5
    assert decide(job, CREATED + 5).wake_at == CREATED + 3600


@pytest.mark.parametrize(
    ("pod", "reason"),
    [
        (a_pod(waiting_reason="ErrImagePull", waiting_message="not found"), "ImagePullBackOff"),
        (a_pod(waiting_reason="ImagePullBackOff"), "ImagePullBackOff"),
        (a_pod(waiting_reason="InvalidImageName"), "InvalidImageName"),
        (a_pod(waiting_reason="ErrImageNeverPull"), "ErrImageNeverPull"),
        (a_pod(waiting_reason="CreateContainerConfigError"), "CreateContainerConfigError"),
        (a_pod(unschedulable="0/3 nodes: too little gpu"), "Unschedulable"),
    ],
)
def test_what_keeps_a_pod_from_starting_is_told_once(pod: PodFacts, reason: str) -> None:
    job = starting(an_attempt().with_pod(pod))
    decision = decide(job, NOW)
    assert (decision.status.phase, decision.status.reason) == (Phase.PENDING, reason)
    assert (decision.status.attempt, decision.status.current_pod) == (1, pod.name)
    admitted = decision.status.condition("Admitted")
    assert admitted is not None
    assert admitted.status
    assert decision.note is not None
    again = decide(a_job().with_attempt(an_attempt().with_pod(pod)).but(status=decision.status), NOW + 60)
    assert (again.status, again.note) == (decision.status, None)


@pytest.mark.parametrize(
    "status",
    [
        a_job().backing_off(until=NOW - 30).status,
        a_job().with_status(reason="QuotaExceeded", message="exceeded quota: jobs").status,
    ],
)
def test_a_start_that_lasts_is_no_longer_said_to_wait(status: StatusFacts) -> None:
    pulling = an_attempt(status.attempt + 1, created_time=NOW - 20).with_pod(
        a_pod(waiting_reason="ContainerCreating", start_time=NOW - 4)
    )
    job = starting(pulling).but(status=status)
    assert decide(job, NOW - 16).status == status, "one that is quick costs no write"
    decision = decide(job, NOW)
    told = decision.status
    assert (told.phase, told.reason, told.message) == (Phase.PENDING, "Starting", None)
    assert (told.attempt, told.current_job, told.next_retry_time) == (pulling.number, pulling.name, None)
    assert (decision.note, decision.wake_at) == (None, NOW - 4 + 15)
    assert decide(job.but(status=told), NOW + 60).status == told
    failing = pulling.with_pod(a_pod(waiting_reason="ImagePullBackOff"))
    assert decide(starting(failing).but(status=told), NOW + 60).status.reason == "ImagePullBackOff"


def test_a_job_without_a_pod_has_its_events_read_once() -> None:
    assert decide(starting(an_attempt()), NOW).read_events
    read = an_attempt(events_read=True)
    assert not decide(starting(read), NOW).read_events
    refused = read.but(events_problem=StartProblem("FailedCreate", "violates PodSecurity"))
    assert decide(starting(refused), NOW).status.reason == "FailedCreate"


def test_a_job_that_its_controller_has_not_come_to_is_no_reason_to_read_events() -> None:
    queued = an_attempt(taken_up_time=math.inf)
    decision = decide(starting(queued), NOW)
    assert not decision.read_events
    assert decision.wake_at is not None
    just_taken_up = decide(starting(queued.but(taken_up_time=NOW - 1)), NOW)
    assert (just_taken_up.read_events, just_taken_up.wake_at) == (False, NOW + 4)
    assert decide(starting(queued.but(taken_up_time=NOW - 5)), NOW).read_events


def slow(reason: str | None = "ContainerCreating", **pod: Any) -> AJob:
    """Its pod came to its node 60 s ago, and no container of it has begun."""
    return starting(an_attempt().with_pod(a_pod(waiting_reason=reason, **pod)))


def having_read(job: AJob, problem: StartProblem | None, *, reads: int = 1, at: float = NOW) -> AJob:
    assert job.attempt is not None
    assert job.attempt.pod is not None
    events = PodEvents(job.attempt.pod.uid, reads, at, problem)
    return job.but(attempt=replace(job.attempt, pod_events=events))


@pytest.mark.parametrize("reason", [None, "ContainerCreating", "PodInitializing"])
def test_a_pod_that_is_silent_for_long_has_its_events_read(reason: str | None) -> None:
    job = slow(reason)
    early, late = decide(job, STARTED + 14), decide(job, STARTED + 15)
    assert (early.read_pod_events, early.wake_at) == (False, STARTED + 15)
    assert (late.read_pod_events, late.status) == (True, job.status)


@pytest.mark.parametrize(
    "job",
    [
        pytest.param(slow("ImagePullBackOff"), id="its status says why"),
        pytest.param(slow(unschedulable="no node fits"), id="it waits for a node"),
        pytest.param(slow(start_time=None), id="its node has not seen it"),
        pytest.param(slow(phase="Failed"), id="it is over"),
        pytest.param(starting(an_attempt(suspended=True).with_pod(a_pod())), id="others hold it"),
    ],
)
def test_a_pod_that_is_not_silent_has_no_events_read(job: AJob) -> None:
    assert not decide(job, NOW).read_pod_events


@pytest.mark.parametrize(("reads", "seconds"), [(1, 60), (2, 300), (3, 300)])
def test_events_about_a_pod_are_read_again_ever_more_seldom(reads: int, seconds: int) -> None:
    job = having_read(slow(), None, reads=reads)
    before, due = decide(job, NOW + seconds - 1), decide(job, NOW + seconds)
    assert (before.read_pod_events, before.wake_at) == (False, NOW + seconds)
    assert due.read_pod_events


def test_events_about_another_pod_of_the_attempt_say_nothing_of_this_one() -> None:
    job = slow().but(
        attempt=an_attempt().with_pod(a_pod()).but(pod_events=PodEvents("old", 1, NOW, NO_MOUNT))
    )
    assert decide(job, NOW).read_pod_events


def test_what_events_say_of_a_pod_is_told_once_and_no_longer_than_it_lasts() -> None:
    job = having_read(slow(), replace(NO_MOUNT, message="x" * 1_500))
    decision = decide(job, NOW)
    told = decision.status
    assert (told.phase, told.reason, told.message) == (Phase.PENDING, "FailedMount", "x" * 1_000)
    assert decision.note is not None
    assert decision.note.reason == "FailedMount"
    assert decision.wake_at == NOW + 60
    again = decide(having_read(slow(), NO_MOUNT, reads=2).but(status=told), NOW)
    assert (again.status, again.note) == (told, None)
    unread = decide(slow().but(status=told), STARTED + 14)
    assert (unread.status, unread.note) == (told, None), "after a restart nothing new is known"
    over = decide(having_read(slow(), None, reads=3).but(status=told), NOW)
    assert (over.status.reason, over.status.message, over.note) == ("Starting", None, None)
    pulling = having_read(slow(), None, reads=4).but(status=over.status)
    assert decide(pulling, NOW).status == over.status


def test_a_pod_that_says_itself_what_keeps_it_is_believed_before_its_events() -> None:
    assert decide(having_read(slow("ErrImagePull"), NO_MOUNT), NOW).status.reason == "ImagePullBackOff"


def test_a_job_that_others_hold_suspended_says_so() -> None:
    decision = decide(starting(an_attempt(suspended=True)), NOW)
    assert (decision.status.reason, decision.read_events) == ("JobSuspended", False)


@pytest.mark.parametrize(
    "attempt", [an_attempt(), an_attempt(suspended=True), an_attempt().with_pod(a_pod())]
)
def test_a_start_that_takes_too_long_is_stopped(attempt: AttemptFacts) -> None:
    job = starting(attempt)
    assert decide(job, CREATED + 3599).stop is None
    assert decide(job, CREATED + 3600).stop is StopReason.START_DEADLINE_EXCEEDED


def test_a_running_pod_that_vanishes_after_the_start_deadline_was_not_too_slow_to_start() -> None:
    """A lost node's pod is collected a moment before its Job fails."""
    job = a_job().running().with_attempt(an_attempt())
    decision = decide(job, CREATED + 7200)
    assert decision.stop is None
    assert decision.status == job.status


# ---- running


def test_a_running_container_makes_a_running_job() -> None:
    status = decide(starting(an_attempt().running()), NOW).status
    assert (status.phase, status.attempt, status.current_job) == (Phase.RUNNING, 1, "train-0a1b2c3d-1")
    assert (status.start_time, status.definition_uid) == (STARTED + 2, "def-uid")
    assert {c.type: c.status for c in status.conditions} == {"Accepted": True, "Admitted": True}


def test_running_ends_what_was_said_of_the_start() -> None:
    job = starting(an_attempt(2).running()).but(status=a_job().backing_off(until=NOW - 9).status)
    status = decide(job, NOW).status
    assert (status.reason, status.message, status.next_retry_time) == (None, None, None)
    assert status.retry_count == 1


@pytest.mark.parametrize(
    ("attempt", "seconds"),
    [
        pytest.param(COMMAND.running(), 302, id="two seconds from the pod's start to the container's"),
        pytest.param(COMMAND.policy_of(timeout_seconds=None).running(), None, id="no limit"),
        pytest.param(an_attempt().running(), None, id="the runner keeps the limit"),
        pytest.param(
            COMMAND.with_pod(a_pod(active_deadline_seconds=302).running()), None, id="lowered before"
        ),
        pytest.param(COMMAND.with_pod(a_pod(active_deadline_seconds=None).running()), 302, id="none"),
        pytest.param(COMMAND.with_pod(a_pod(active_deadline_seconds=100).running()), None, id="never raised"),
        pytest.param(COMMAND.with_pod(a_pod(start_time=None).running()), None, id="not known yet"),
    ],
)
def test_the_kubelet_is_told_when_a_containers_time_is_up(attempt: AttemptFacts, seconds: int | None) -> None:
    assert decide(starting(attempt), NOW).pod_deadline_seconds == seconds


def test_the_end_of_a_pod_waits_for_its_job() -> None:
    job = starting(an_attempt().with_pod(a_pod().exited(0)))
    decision = decide(job, NOW)
    assert (decision.status, decision.pod_deadline_seconds) == (job.status, None)


def test_sidecars_are_ended_a_moment_after_main() -> None:
    job = starting(COMMAND.with_pod(a_pod().exited(0, at=NOW).with_sidecars()))
    early, late = decide(job, NOW + 4), decide(job, NOW + 5)
    assert (early.pod_deadline_seconds, early.wake_at) == (None, NOW + 5)
    assert (late.pod_deadline_seconds, late.wake_at) == (1, None)


def test_sidecars_are_told_once() -> None:
    pod = a_pod(active_deadline_seconds=1).exited(0, at=NOW).with_sidecars()
    assert decide(starting(COMMAND.with_pod(pod)), NOW + 9).pod_deadline_seconds is None


def test_sidecars_of_a_container_whose_end_has_no_time_are_ended_at_once() -> None:
    pod = a_pod().exited(137, main_end_time=None).with_sidecars()
    assert decide(starting(COMMAND.with_pod(pod)), NOW).pod_deadline_seconds == 1


def test_a_node_that_does_not_confirm_keeps_the_slot_and_is_named() -> None:
    job = a_job().running(an_attempt().with_pod(a_pod().running().deleted(grace_ends=NOW)))
    patient, late = decide(job, NOW + 29), decide(job, NOW + 30)
    assert (patient.status.reason, patient.wake_at) == (None, NOW + 30)
    assert (late.status.phase, late.status.reason) == (Phase.RUNNING, "NodeUnreachable")
    assert "node-1" in (late.status.message or "")
    assert (late.wants_slot, late.wake_at) == (False, None)


# ---- stopping


LIVE = [
    pytest.param(starting(an_attempt()), id="no pod yet"),
    pytest.param(starting(an_attempt().with_pod(a_pod())), id="starting"),
    pytest.param(RUNNING, id="running"),
    pytest.param(a_job().running(an_attempt().with_pod(a_pod().running().deleted())), id="node lost"),
    pytest.param(a_job().running(an_attempt(suspended=True).running()), id="evicted"),
    pytest.param(starting(an_attempt(job_exists=False).running()), id="Job deleted, pod alive"),
]


@pytest.mark.parametrize("job", LIVE)
def test_a_live_attempt_is_canceled_at_once_and_stopped(job: Facts) -> None:
    decision = decide(a_job(cancel=True).but(status=job.status, attempt=job.attempt), NOW)
    assert (decision.status.phase, decision.status.reason) == (Phase.CANCELED, "Canceled")
    assert decision.stop is StopReason.CANCELED
    assert (decision.status.attempt, decision.status.current_job) == (1, "train-0a1b2c3d-1")


@pytest.mark.parametrize("job", LIVE)
def test_a_live_attempt_is_suspended_by_stopping_it(job: Facts) -> None:
    decision = decide(a_job(suspend=True).but(status=job.status, attempt=job.attempt), NOW)
    assert decision.stop is StopReason.SUSPENDED
    assert decision.status == job.status
    assert not decision.wants_slot


def test_what_was_told_to_stop_is_left_to_end() -> None:
    job = a_job(suspend=True).running(an_attempt().running().stopped(StopReason.SUSPENDED))
    decision = decide(job, NOW + 9_999)
    assert (decision.stop, decision.status) == (None, job.status)


def test_cancel_overtakes_a_suspension() -> None:
    job = a_job(cancel=True, suspend=True).running(an_attempt().running().stopped(StopReason.SUSPENDED))
    decision = decide(job, NOW)
    assert (decision.status.phase, decision.stop) == (Phase.CANCELED, None)


def test_work_that_is_done_cannot_be_canceled() -> None:
    job = a_job(cancel=True).running(an_attempt().with_pod(a_pod().exited(0)))
    assert decide(job, NOW).status.phase is Phase.RUNNING


def test_a_running_job_that_others_suspend_is_stopped_and_counts_as_evicted() -> None:
    job = a_job().running(an_attempt(suspended=True).running())
    assert decide(job, NOW).stop is StopReason.EVICTED
