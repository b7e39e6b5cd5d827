"""Conditions are found by their type."""

from mljob.api.conditions import ACCEPTED, COMPLETE, Condition, find

REFUSED = Condition(type=ACCEPTED, status="False", reason="UnknownJobName", message="no such definition")
WAITING = Condition(type="Admitted", status="False", reason="Queued")


def test_condition_is_found_among_others() -> None:
    assert find((WAITING, REFUSED), ACCEPTED) is REFUSED


def test_condition_that_nobody_set_is_none() -> None:
    assert find((WAITING, REFUSED), COMPLETE) is None
    assert find((), ACCEPTED) is None
