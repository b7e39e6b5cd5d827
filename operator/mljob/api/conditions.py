"""Conditions of a status, in the shape of metav1.Condition, and the one way to set them."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from mljob.api.common import Lenient, NullIsAbsent

ACCEPTED = "Accepted"
ADMITTED = "Admitted"
COMPLETE = "Complete"
FAILED = "Failed"

ConditionStatus = Literal["True", "False", "Unknown"]


class Condition(Lenient):
    """One observation about the object."""

    type: str
    """What is observed, in CamelCase."""
    status: ConditionStatus
    """True, False or Unknown."""
    reason: str
    """Why, in one CamelCase word for programs."""
    message: str = ""
    """Why, in a sentence for people."""
    last_transition_time: datetime | None = None
    """When the status last changed; a new reason or message does not move it."""
    observed_generation: int | None = None
    """The metadata.generation this was observed at."""


Conditions = Annotated[
    tuple[Condition, ...],
    Field(json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}),
    NullIsAbsent,
]


def find(conditions: Iterable[Condition], type_: str) -> Condition | None:
    """The condition of that type, if there is one."""
    return next((condition for condition in conditions if condition.type == type_), None)


def is_true(conditions: Iterable[Condition], type_: str) -> bool:
    """Whether the condition of that type is there and True."""
    found = find(conditions, type_)
    return found is not None and found.status == "True"


def with_condition(conditions: tuple[Condition, ...], new: Condition, now: datetime) -> tuple[Condition, ...]:
    """The conditions with `new` in place of its namesake, lastTransitionTime moved only if the status moved.

    Returns the same tuple when nothing changed, so that `is` tells whether a write is due.
    """
    old = find(conditions, new.type)
    since = old.last_transition_time if old is not None and old.status == new.status else now
    stamped = new.model_copy(update={"last_transition_time": since})
    if stamped == old:
        return conditions
    if old is None:
        return (*conditions, stamped)
    return tuple(stamped if condition is old else condition for condition in conditions)
