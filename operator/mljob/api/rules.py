"""Rules that bind the API server and Python alike: one message, written once in CEL and once in Python.

Owns how a rule is attached to a model or a type; knows no rule itself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

T = TypeVar("T")
CEL_RULES = "x-kubernetes-validations"


@dataclass(frozen=True, slots=True)
class Rule:
    """What must hold for one value. `message` names the field, as the reader of a manifest writes it."""

    cel: str
    """The rule for the API server, on `self`."""
    holds: Callable[[Any], bool]
    """The same rule on the parsed value."""
    message: str
    field: str | None = None
    """The field the API server reports the error at, relative to the value: `.maxDelaySeconds`."""


@dataclass(frozen=True, slots=True)
class Transition:
    """What must hold between a value and the one it replaces."""

    cel: str
    """On `self` and `oldSelf`."""
    holds: Callable[[Any, Any], bool]
    """(new, old) -> whether the change is allowed."""
    message: str
    field: str | None = None


def as_cel(*rules: Rule | Transition) -> list[dict[str, str]]:
    """The entries of x-kubernetes-validations."""
    return [
        {"rule": rule.cel, "message": rule.message} | ({"fieldPath": rule.field} if rule.field else {})
        for rule in rules
    ]


def broken(rule: Rule | Transition) -> PydanticCustomError:
    """The error pydantic reports for a rule that does not hold; its text is the rule's message, bare."""
    return PydanticCustomError("rule", "{text}", {"text": rule.message})


class Obeys:
    """Annotation that binds rules to a type which is no model: `Annotated[dict[str, str], Obeys(rule)]`."""

    def __init__(self, *rules: Rule) -> None:
        self.rules = rules

    def _check(self, value: T) -> T:
        for rule in self.rules:
            if not rule.holds(value):
                raise broken(rule)
        return value

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {**handler(schema), CEL_RULES: as_cel(*self.rules)}


class Distinct:
    """Annotation of a list that holds each entry once: a set, or with `key` a map that merges by it."""

    def __init__(self, key: str | None = None) -> None:
        self.key = key

    def _identity(self, item: object) -> object:
        if self.key is None:
            return item
        return item[self.key] if isinstance(item, dict) else getattr(item, self.key)

    def _check(self, items: tuple[T, ...]) -> tuple[T, ...]:
        seen: set[object] = set()
        for item in items:
            identity = self._identity(item)
            if identity in seen:
                of = f"{self.key} " if self.key else ""
                raise PydanticCustomError(
                    "duplicate", "{of}{shown} is there twice", {"of": of, "shown": repr(identity)}
                )
            seen.add(identity)
        return items

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        kind = {"x-kubernetes-list-type": "map" if self.key else "set"}
        keys = {"x-kubernetes-list-map-keys": [self.key]} if self.key else {}
        return {**handler(schema), **kind, **keys}
