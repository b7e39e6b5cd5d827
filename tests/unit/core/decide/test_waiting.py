"""A job without an attempt under way: refused, exclusive, canceled, suspended, waiting too long, in line."""

from typing import Any

import pytest
from mljob.api.job import Phase
from mljob.core.decide import decide
from mljob.core.decision import StopReason
from mljob.core.facts import Facts
from mljob.core.refusal import Refusal

from tests.unit.core.decide.builders import CREATED, NOW, AJob, a_job, an_attempt

WAITING = a_job()
REFUSED = WAITING.with_status(reason="UnknownJobName", message="none").with_condition(
    "Accepted", False, "UnknownJobName"
)
UNKNOWN = Refusal("UnknownJobName", "spec.jobName: no MlJobDefinition of job name 'train'")


def test_an_accepted_job_is_in_line_and_costs_no_write() -> None:
    decision = decide(WAITING, NOW)
    assert decision.wants_slot
    assert decision.status == WAITING.status
    assert decision.wake_at is None


# ---- refused


def test_an_unknown_name_is_pending_and_says_so_once() -> None:
    job = WAITING.but(definition=UNKNOWN)
    decision = decide(job, NOW)
    assert not decision.wants_slot
    assert (decision.status.phase, decision.status.reason) == (Phase.PENDING, "UnknownJobName")
    accepted = decision.status.condition("Accepted")
    assert accepted is not None
    assert (accepted.status, accepted.message) == (False, UNKNOWN.message)
    assert decision.note is not None
    assert decide(job.but(status=decision.status), NOW).note is None


def test_a_definition_of_the_same_apply_is_waited_for() -> None:
    job = WAITING.but(definition=UNKNOWN)
    decision = decide(job, CREATED + 1)
    assert decision.status == job.status
    assert decision.wake_at == CREATED + 3


def test_a_definition_that_is_not_judged_yet_is_waited_for() -> None:
    decision = decide(WAITING.but(definition=None), NOW)
    assert (decision.wants_slot, decision.status) == (False, WAITING.status)


def test_a_long_refusal_is_cut() -> None:
    status = decide(WAITING.but(definition=Refusal("InvalidTemplate", "x" * 9_000)), NOW).status
    assert len(status.message or "") == 1_000


def test_an_accepted_definition_clears_the_refusal_and_admits() -> None:
    decision = decide(REFUSED, NOW)
    assert decision.wants_slot
    assert (decision.status.reason, decision.status.message) == (None, None)
    accepted = decision.status.condition("Accepted")
    assert accepted is not None
    assert (accepted.status, accepted.since) == (True, NOW)


def test_missing_params_fail_at_once_in_mlflows_words() -> None:
    job = WAITING.defined_as(
        params=[{"name": "lr", "required": True}, {"name": "data", "required": True}, {"name": "seed"}]
    )
    decision = decide(job, NOW)
    text = "Missing required parameters for function 'train': ['data']. Expected parameters: "
    assert (decision.status.phase, decision.status.reason) == (Phase.FAILED, "MissingParams")
    assert decision.status.error == text + "['lr', 'data', 'seed']"
    assert decision.note is not None


def test_params_that_nobody_declared_fail_at_once_in_the_words_of_rest() -> None:
    job = WAITING.with_spec(param_names=("lrr", "epochs")).defined_as(
        params=[{"name": "lr"}, {"name": "epochs"}]
    )
    decision = decide(job, NOW)
    assert (decision.status.phase, decision.status.reason) == (Phase.FAILED, "UnknownParams")
    assert decision.status.error == "Unknown parameters: ['lrr']. Expected parameters: ['lr', 'epochs']."
    assert decision.note is not None
    assert not decision.wants_slot


@pytest.mark.parametrize(
    "spec",
    [
        {"params": [{"name": "epochs"}], "allowExtraParams": True},
        {"params": [{"name": "epochs"}, {"name": "**kwargs"}]},
        {},
    ],
)
def test_params_that_may_be_any_are_in_line(spec: dict[str, Any]) -> None:
    assert decide(WAITING.defined_as(**spec), NOW).wants_slot


def test_a_retry_is_not_asked_for_its_params_again() -> None:
    job = WAITING.backing_off(until=NOW - 1).defined_as(params=[{"name": "renamed"}])
    assert decide(job, NOW).wants_slot


def test_params_that_are_no_json_fail_at_once() -> None:
    job = WAITING.with_spec(param_names=None, params_error="spec.paramsJSON is not JSON: ...")
    assert decide(job, NOW).status.reason == "InvalidParams"


@pytest.mark.parametrize(
    ("job", "reason"),
    [
        (WAITING.with_spec(priority=5), "PriorityTooHigh"),
        (WAITING.with_spec(overrides={"env": [{"name": "A", "value": "1"}]}), "OverridesNotAllowed"),
        (WAITING.with_spec(overrides={"resources": {"limits": {"cpu": "4"}}}), "OverridesNotAllowed"),
        (WAITING.with_spec(overrides={"env": 5}), "InvalidSpec"),
    ],
)
def test_a_wish_that_is_not_allowed_is_not_accepted(job: Facts, reason: str) -> None:
    decision = decide(job, NOW)
    assert (decision.status.phase, decision.status.reason) == (Phase.PENDING, reason)
    assert not decision.wants_slot


@pytest.mark.parametrize(
    "job",
    [
        WAITING.with_spec(priority=5).defined_as(maxPriority=5),
        WAITING.with_spec(priority=-5),
        WAITING.with_spec(overrides={"env": [{"name": "A", "value": "1"}]}).defined_as(
            allowedOverrides=["env"]
        ),
    ],
)
def test_a_wish_that_is_allowed_is_in_line(job: Facts) -> None:
    assert decide(job, NOW).wants_slot


@pytest.mark.parametrize("definition", [UNKNOWN, Refusal("DefinitionGone", "gone"), None])
def test_a_retry_needs_no_definition(definition: Refusal | None) -> None:
    job = WAITING.backing_off(until=NOW - 1).but(definition=definition)
    assert decide(job, NOW).wants_slot


# ---- exclusivity


def test_the_later_of_two_exclusive_jobs_is_canceled() -> None:
    decision = decide(WAITING.but(exclusive_holder="earlier"), NOW)
    assert (decision.status.phase, decision.status.reason) == (Phase.CANCELED, "Exclusive")
    assert "earlier" in (decision.status.message or "")
    assert decision.note is not None


def test_an_exclusive_job_that_has_run_stays() -> None:
    job = WAITING.backing_off(until=NOW - 1).but(exclusive_holder="another")
    assert decide(job, NOW).status.phase is Phase.PENDING


# ---- being created


@pytest.mark.parametrize(
    "job",
    [
        pytest.param(WAITING.but(queue_deadline_seconds=1), id="its queue deadline is over"),
        pytest.param(WAITING.but(exclusive_holder="earlier"), id="its key is held"),
        pytest.param(WAITING.but(definition=UNKNOWN), id="its definition is gone"),
        pytest.param(WAITING.with_spec(priority=5), id="its wish is no longer allowed"),
        pytest.param(WAITING.with_spec(suspend=True), id="suspended"),
        pytest.param(WAITING.backing_off(until=NOW - 60).but(queue_deadline_seconds=1), id="a retry"),
        pytest.param(WAITING, id="nothing against it"),
    ],
)
def test_a_job_that_is_being_created_waits_no_more(job: AJob) -> None:
    """What would end its waiting would end a Job that is there a moment later."""
    decision = decide(job.but(in_flight=True), NOW)
    assert (decision.status, decision.wants_slot, decision.note) == (job.status, False, None)


def test_a_job_that_is_being_created_can_be_canceled_and_deleted() -> None:
    job = WAITING.but(in_flight=True)
    assert decide(job.with_spec(cancel=True), NOW).status.reason == "Canceled"
    assert decide(job.but(deleting=True), NOW).status.reason == "Deleted"


# ---- canceled, suspended


@pytest.mark.parametrize(
    "job", [WAITING, REFUSED, WAITING.but(definition=UNKNOWN), WAITING.but(definition=None)]
)
def test_a_waiting_job_is_canceled_at_once(job: Facts) -> None:
    canceled = a_job(cancel=True).but(status=job.status, definition=job.definition)
    decision = decide(canceled, NOW)
    assert (decision.status.phase, decision.status.reason) == (Phase.CANCELED, "Canceled")
    assert decision.status.message == "Canceled by spec.cancel before it ran"
    assert decision.stop is None


def test_a_job_in_backoff_is_canceled_at_once() -> None:
    decision = decide(WAITING.backing_off(until=NOW + 9).with_spec(cancel=True), NOW)
    assert (decision.status.phase, decision.status.next_retry_time) == (Phase.CANCELED, None)


@pytest.mark.parametrize(
    ("job", "reason"),
    [
        (WAITING.backing_off(until=NOW - 60).with_spec(cancel=True), "Canceled"),
        (WAITING.backing_off(until=NOW - 60).but(queue_deadline_seconds=1), "QueueDeadlineExceeded"),
    ],
)
def test_a_pod_that_came_to_light_after_its_attempt_was_settled_is_stopped(job: AJob, reason: str) -> None:
    decision = decide(job.with_attempt(an_attempt().running()), NOW)
    assert (decision.status.reason, decision.stop) == (reason, StopReason.CANCELED)
    told = decide(job.with_attempt(an_attempt().running().stopped(StopReason.CANCELED)), NOW)
    assert (told.status.reason, told.stop) == (reason, None)


def test_a_suspended_job_is_not_admitted_and_its_queue_deadline_does_not_run() -> None:
    job = WAITING.with_spec(suspend=True).but(queue_deadline_seconds=1)
    decision = decide(job, NOW)
    assert not decision.wants_slot
    assert (decision.status.phase, decision.status.reason) == (Phase.PENDING, "Suspended")
    assert decision.wake_at is None


def test_a_suspended_job_keeps_saying_why_it_was_stopped() -> None:
    job = WAITING.with_spec(suspend=True).with_status(reason="Suspended", message="Stopped because")
    assert decide(job, NOW).status.message == "Stopped because"


def test_a_suspended_job_whose_definition_came_is_accepted() -> None:
    accepted = decide(REFUSED.with_spec(suspend=True), NOW).status.condition("Accepted")
    assert accepted is not None
    assert accepted.status


def test_a_resumed_job_waits_from_now() -> None:
    job = WAITING.with_status(reason="Suspended").but(queue_deadline_seconds=60)
    decision = decide(job, NOW)
    assert (decision.status.reason, decision.status.queued_time) == (None, NOW)
    again = decide(job.but(status=decision.status), NOW)
    assert (again.wants_slot, again.wake_at) == (True, NOW + 60)


# ---- the queue


def test_a_queue_deadline_counts_from_creation() -> None:
    job = WAITING.but(queue_deadline_seconds=100)
    before, after = decide(job, CREATED + 99), decide(job, CREATED + 100)
    assert (before.wants_slot, before.wake_at) == (True, CREATED + 100)
    assert (after.status.phase, after.status.reason) == (Phase.FAILED, "QueueDeadlineExceeded")
    assert after.status.error == "Not admitted within queueDeadlineSeconds=100"


def test_a_queue_deadline_does_not_run_in_backoff() -> None:
    job = WAITING.backing_off(until=NOW + 60).but(queue_deadline_seconds=10)
    assert decide(job, NOW + 59).status.phase is Phase.PENDING
    assert decide(job, NOW + 69).wants_slot
    assert decide(job, NOW + 70).status.reason == "QueueDeadlineExceeded"


def test_a_job_wants_no_slot_in_backoff() -> None:
    decision = decide(WAITING.backing_off(until=NOW + 15), NOW)
    assert (decision.wants_slot, decision.wake_at) == (False, NOW + 15)


def test_a_refused_creation_is_tried_again_later() -> None:
    decision = decide(WAITING.but(held_until=NOW + 4), NOW)
    assert (decision.wants_slot, decision.wake_at) == (False, NOW + 4)


def test_a_refused_creation_does_not_outwait_the_queue_deadline() -> None:
    decision = decide(WAITING.but(held_until=NOW + 30, queue_deadline_seconds=102), NOW)
    assert decision.wake_at == CREATED + 102


def test_a_suspended_definition_admits_no_new_job() -> None:
    assert not decide(WAITING.defined_as(suspend=True), NOW).wants_slot


def test_a_suspended_definition_does_not_hold_back_a_retry() -> None:
    job = WAITING.backing_off(until=NOW - 1).defined_as(suspend=True)
    assert decide(job, NOW).wants_slot


def test_an_attempt_that_holds_its_slot_wants_none() -> None:
    assert not decide(WAITING.with_attempt(an_attempt()), NOW).wants_slot
