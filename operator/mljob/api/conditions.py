"""Conditions of a status, in the shape of metav1.Condition. core.facts says how they are set."""

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
