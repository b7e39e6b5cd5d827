"""Conditions: a transition time that moves only with the status, and no change where nothing changed."""

from datetime import UTC, datetime, timedelta

from mljob.api.conditions import Condition, find, is_true, with_condition

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(seconds=5)
ACCEPTED = Condition(type="Accepted", status="True", reason="Valid")
REFUSED = Condition(type="Accepted", status="False", reason="UnknownJobName", message="no such definition")


def test_first_condition_starts_now() -> None:
    (condition,) = with_condition((), ACCEPTED, NOON)
    assert condition.last_transition_time == NOON


def test_transition_time_moves_with_the_status() -> None:
    (condition,) = with_condition(with_condition((), REFUSED, NOON), ACCEPTED, LATER)
    assert condition.status == "True"
    assert condition.last_transition_time == LATER


def test_transition_time_stays_when_only_the_reason_changes() -> None:
    other = REFUSED.model_copy(update={"reason": "DuplicateJobName"})
    (condition,) = with_condition(with_condition((), REFUSED, NOON), other, LATER)
    assert condition.reason == "DuplicateJobName"
    assert condition.last_transition_time == NOON


def test_nothing_changed_is_told_by_identity() -> None:
    before = with_condition((), REFUSED, NOON)
    assert with_condition(before, REFUSED, LATER) is before


def test_other_conditions_keep_their_place() -> None:
    admitted = Condition(type="Admitted", status="False", reason="Waiting")
    both = with_condition(with_condition((), REFUSED, NOON), admitted, NOON)
    assert [c.type for c in with_condition(both, ACCEPTED, LATER)] == ["Accepted", "Admitted"]


def test_conditions_are_found_by_type() -> None:
    conditions = with_condition((), REFUSED, NOON)
    assert find(conditions, "Accepted") is conditions[0]
    assert find(conditions, "Complete") is None
    assert not is_true(conditions, "Accepted")
    assert not is_true(conditions, "Complete")
    assert is_true(with_condition(conditions, ACCEPTED, LATER), "Accepted")
