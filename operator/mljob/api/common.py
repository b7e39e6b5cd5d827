"""What both resources are made of: the strict base model, scalars with their bounds, object metadata.

Follows the Kubernetes API conventions: whole seconds, no floats, null equals absent.
"""

from datetime import datetime
from typing import Annotated, Any, ClassVar, Self, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    Strict,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticUseDefault

from mljob.api.rules import CEL_RULES, Rule, Transition, as_cel, broken

MAX_SECONDS = 315_360_000
"""Ten years: the bound of every field in seconds, so that sums of a few stay far from overflow."""
MAX_LABEL_VALUE_CHARS = 63
MAX_OBJECT_NAME_CHARS = 253

LABEL_VALUE = r"^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
DNS_SUBDOMAIN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
DOTTED_NAME = r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$"


def whole(value: object) -> object:
    """The API server takes 3.0 for an integer field and stores 3; so does Python."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _null_is_absent(value: object) -> object:
    """The API server drops null before it fills in a default."""
    if value is None:
        raise PydanticUseDefault
    return value


def _without_nulls(value: object) -> object:
    if not isinstance(value, dict) or None not in value.values():
        return value
    return {key: inner for key, inner in value.items() if inner is not None}


# Bounds stand directly after their type: behind a function pydantic checks them in Python and forgets them
# in the schema.
WHOLE = BeforeValidator(whole)
Seconds = Annotated[int, Field(ge=1, le=MAX_SECONDS), WHOLE]
DelaySeconds = Annotated[int, Field(ge=0, le=MAX_SECONDS), WHOLE]
Count = Annotated[int, Field(ge=0, le=1000), WHOLE]
Priority = Annotated[int, Field(ge=-1_000_000_000, le=1_000_000_000), WHOLE]
JobName = Annotated[str, Field(min_length=1, max_length=MAX_LABEL_VALUE_CHARS, pattern=LABEL_VALUE)]
ObjectName = Annotated[str, Field(min_length=1, max_length=MAX_OBJECT_NAME_CHARS, pattern=DNS_SUBDOMAIN)]
NonEmpty = Annotated[str, Field(min_length=1)]

NullIsAbsent = BeforeValidator(_null_is_absent)
"""For a field with a default that is not None."""
WithoutNulls = BeforeValidator(_without_nulls)
"""For a map: the API server drops its nulls."""
PRESERVE_UNKNOWN = Field(json_schema_extra={"x-kubernetes-preserve-unknown-fields": True})

T = TypeVar("T")
Items = Annotated[tuple[T, ...], Strict(strict=False)]
"""A list of a manifest, kept as a tuple."""


class Model(BaseModel):
    """Base of every part of a spec: camelCase outside, snake_case inside, immutable, nothing unknown."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        frozen=True,
        strict=True,
        extra="forbid",
        use_attribute_docstrings=True,
    )

    rules: ClassVar[tuple[Rule, ...]] = ()
    transitions: ClassVar[tuple[Transition, ...]] = ()

    @model_validator(mode="after")
    def _obey_rules(self) -> Self:
        for rule in self.rules:
            if not rule.holds(self):
                raise broken(rule)
        return self

    def refused_changes(self, old: Self) -> list[str]:
        """Why this value may not replace `old`; empty when it may."""
        return [rule.message for rule in self.transitions if not rule.holds(self, old)]

    def to_manifest(self) -> dict[str, Any]:
        """What a manifest would hold: camelCase, only what was set, no nulls, JSON types."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude_none=True)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        schema = handler.resolve_ref_schema(handler(core_schema))
        rules = as_cel(*cls.rules, *cls.transitions)
        return {**schema, CEL_RULES: rules} if rules else schema


class Lenient(Model):
    """Base of what the cluster fills in: readers take what they know and ignore the rest."""

    model_config = ConfigDict(strict=False, extra="ignore")


class ObjectMeta(Lenient):
    """The part of metadata that MlJob reads or writes."""

    name: ObjectName | None = None
    generate_name: str | None = None
    namespace: str | None = None
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    labels: Annotated[dict[str, str], NullIsAbsent] = Field(default_factory=dict)
    annotations: Annotated[dict[str, str], NullIsAbsent] = Field(default_factory=dict)
    finalizers: Annotated[tuple[str, ...], NullIsAbsent] = ()


class Resource(Model):
    """Base of the two kinds."""

    api_version: str
    kind: str
    metadata: ObjectMeta

    def to_manifest(self) -> dict[str, Any]:
        """The manifest: what was set, with apiVersion and kind."""
        return {"apiVersion": self.api_version, "kind": self.kind, **super().to_manifest()}


def explain(error: ValidationError) -> list[str]:
    """One sentence per mistake, the field first: `spec.retry.maxRetries: Input should be ...`."""
    return [_explain_one(dict(item)) for item in error.errors(include_url=False)]


def _explain_one(item: dict[str, Any]) -> str:
    path = ""
    for part in item["loc"]:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    found = item["input"]
    shown = f" (found {found!r:.80})" if isinstance(found, str | int | float | None) else ""
    return f"{path}: {item['msg']}{shown}" if path else f"{item['msg']}{shown}"
