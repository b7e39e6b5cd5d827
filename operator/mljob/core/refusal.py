"""Why what a person wrote cannot be taken. A value, not an exception: the caller decides what follows."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Refusal:
    """`reason` is one CamelCase word for a condition or an error code; `message` names the field first."""

    reason: str
    message: str
