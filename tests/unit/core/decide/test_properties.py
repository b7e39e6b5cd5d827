"""What holds for every decision, whatever the facts."""

import json
from dataclasses import replace
from typing import Any

from hypothesis import event, given
from mljob.api.job import Phase
from mljob.controller.parse import parse_status
from mljob.core.decide import decide
from mljob.core.decision import Decision
from mljob.core.facts import Facts, StatusFacts
from mljob.core.policy import AttemptPolicy
from mljob.core.recording import attempt_record, job_record, rank_of
from mljob.core.status_patch import status_patch

from tests.unit.core.decide import strategies
from tests.unit.core.decide.builders import NOW

all_facts = strategies.facts


def merged(old: dict[str, Any], patch: dict[str, Any] | None) -> dict[str, Any]:
    """What the API server makes of a merge patch, sent and stored as JSON."""
    sent = json.loads(json.dumps(patch or {}))
    return {key: value for key, value in (old | sent).items() if value is not None}


def stored(old: StatusFacts, new: StatusFacts) -> StatusFacts:
    """The status as it is read back after the patch from one to the other."""
    before = merged({}, status_patch(StatusFacts(), old))
    return parse_status(merged(before, status_patch(old, new)))


def after(facts: Facts, decision: Decision) -> Facts:
    return replace(facts, status=stored(facts.status, decision.status))


@given(all_facts)
def test_a_final_status_never_changes(facts: Facts) -> None:
    if facts.status.phase.is_final:
        assert decide(facts, NOW).status == facts.status


@given(all_facts)
def test_deciding_again_changes_nothing_and_says_nothing_twice(facts: Facts) -> None:
    """The patch's own event brings the job back: a second write or Event would make a loop of it."""
    first = decide(facts, NOW)
    settled = after(facts, first)
    if facts.unsettled is not None and settled.unsettled is None and facts.spec.suspend:
        # Two things are to be told: how the attempt ended, and that the job is held.
        settled = after(settled, decide(settled, NOW))
    second = decide(settled, NOW)
    event("changed" if status_patch(facts.status, first.status) else "unchanged")
    assert status_patch(settled.status, second.status) is None
    assert second.note is None
    assert second.wake_at is None or second.wake_at > NOW


@given(all_facts)
def test_a_look_in_the_past_or_present_is_asked_for_only_after_a_change(facts: Facts) -> None:
    decision = decide(facts, NOW)
    if decision.wake_at is not None and decision.wake_at <= NOW:
        assert status_patch(facts.status, decision.status) is not None


@given(all_facts)
def test_a_slot_is_wanted_only_when_nothing_lives_and_nothing_is_unsettled(facts: Facts) -> None:
    decision = decide(facts, NOW)
    if decision.wants_slot:
        assert facts.attempt is None or not facts.attempt.alive
        assert facts.unsettled is None
        assert decision.status.phase is Phase.PENDING
        assert not facts.spec.suspend
        assert not facts.spec.cancel
        assert not facts.deleting
        assert not facts.in_flight


@given(all_facts)
def test_a_job_that_is_being_created_is_ended_by_people_alone(facts: Facts) -> None:
    """What ends its waiting would end a Job that is there a moment later."""
    by_people = facts.deleting or facts.spec.cancel
    if facts.in_flight and facts.unsettled is None and facts.stored_end is None and not by_people:
        assert decide(facts, NOW).status == facts.status


@given(all_facts)
def test_a_live_attempt_is_never_settled_except_by_a_final_phase(facts: Facts) -> None:
    """Its slot would be given away while its pod runs."""
    attempt = facts.unsettled
    if attempt is not None and attempt.alive:
        status = decide(facts, NOW).status
        assert status.phase.is_final or not status.settled(attempt.number)


@given(all_facts)
def test_a_final_phase_with_a_live_attempt_stops_it(facts: Facts) -> None:
    attempt = facts.attempt
    decision = decide(facts, NOW)
    if decision.status.phase.is_final and attempt is not None and attempt.alive:
        assert decision.stop is not None or attempt.stop_reason is not None
        assert not decision.delete


@given(all_facts)
def test_the_version_of_a_row_never_goes_back(facts: Facts) -> None:
    """(attempt, rank) guards rows in SQL: a status that goes back would be shown by one, not by the other."""
    status = decide(facts, NOW).status
    assert (status.attempt, rank_of(status)) >= (facts.status.attempt, rank_of(facts.status))


@given(all_facts)
def test_budgets_are_kept(facts: Facts) -> None:
    old, new = facts.status, decide(facts, NOW).status
    policy = facts.attempt.policy if facts.attempt is not None else AttemptPolicy()
    assert old.retry_count <= new.retry_count <= max(old.retry_count, policy.max_retries)
    assert old.disruption_count <= new.disruption_count <= max(old.disruption_count, policy.disruption_limit)
    charged = new.retry_count - old.retry_count + new.disruption_count - old.disruption_count
    assert charged <= 1


@given(all_facts)
def test_every_end_explains_itself(facts: Facts) -> None:
    status = decide(facts, NOW).status
    if not status.phase.is_final or facts.status.phase.is_final:
        return
    assert status.completion_time is not None
    assert status.completion_time <= NOW
    kind = "Complete" if status.phase is Phase.SUCCEEDED else "Failed"
    condition = status.condition(kind)
    assert condition is not None
    assert condition.status
    assert condition.reason
    if status.phase is not Phase.SUCCEEDED:
        assert status.reason
        assert status.message


@given(all_facts)
def test_a_deletion_and_a_release_wait_for_the_row(facts: Facts) -> None:
    decision = decide(facts, NOW)
    if decision.delete or decision.release:
        assert facts.status.phase.is_final
        assert facts.recorded is not None


@given(all_facts)
def test_every_state_can_be_recorded(facts: Facts) -> None:
    status = decide(facts, NOW).status
    row = job_record(facts, status, cluster="c", created_ms=0, submitted_by=None, now=NOW)
    assert (row.attempt, row.phase) == (status.attempt, status.phase)
    if facts.attempt is not None:
        attempt = attempt_record(facts, facts.attempt, "c")
        assert attempt.finished == (not facts.attempt.alive)
        assert (attempt.reason is not None) == attempt.finished


@given(strategies.statuses[2], strategies.statuses[2])
def test_a_patch_makes_the_old_status_the_new_one(old: StatusFacts, new: StatusFacts) -> None:
    patch = status_patch(old, new)
    expected = stored(StatusFacts(), new)
    if patch is None:
        expected = replace(expected, observed_generation=old.observed_generation)
    assert replace(stored(old, new), conditions=()) == replace(expected, conditions=())
    if patch is None or "conditions" not in patch:
        assert old.conditions == new.conditions
    else:
        assert stored(old, new).conditions == expected.conditions


@given(strategies.statuses[1])
def test_nothing_is_written_when_nothing_changed(status: StatusFacts) -> None:
    assert status_patch(status, status) is None
    assert status_patch(status, replace(status, observed_generation=status.observed_generation + 1)) is None
