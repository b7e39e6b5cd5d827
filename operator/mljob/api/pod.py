"""How a job's pod looks: the fields of core/v1 that a definition may set, as dicts ready for a pod.

Checks shapes and what the operator owns; everything deeper is checked by a dry run of the rendered Job.
"""

import re
from typing import Annotated, Any, NotRequired

from pydantic import ConfigDict, Field, PlainValidator, WithJsonSchema, with_config
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from mljob.api.common import (
    DNS_SUBDOMAIN,
    MAX_OBJECT_NAME_CHARS,
    PRESERVE_UNKNOWN,
    Items,
    NonEmpty,
    WithoutNulls,
    whole,
)
from mljob.api.names import OWNED_ENV_PREFIX
from mljob.api.rules import Distinct, Obeys, Rule

QUANTITY = (
    r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)"
    r"([KMGTPE]i|[numkMGTPE]|[eE][+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+))?$"
)
ENV_NAME = r"^[ -<>-~]+$"
"""Printable ASCII without `=`, as Kubernetes takes it."""

_QUANTITY = re.compile(QUANTITY.removesuffix("$"), re.ASCII)
_QUANTITY_MAX_CHARS = 64
_INT64 = range(-(2**63), 2**63)


def _quantity(value: object) -> int | str:
    """One sentence, where a union of types would give two."""
    number = whole(value)
    if isinstance(number, int) and not isinstance(number, bool) and number in _INT64:
        return number
    if isinstance(value, str) and len(value) <= _QUANTITY_MAX_CHARS and _QUANTITY.fullmatch(value):
        return value
    raise PydanticCustomError(
        "quantity", "Input should be a quantity: a whole number, or text as '500m' or '1.5Gi'"
    )


Quantity = Annotated[
    int | str,
    PlainValidator(_quantity),
    WithJsonSchema(
        {"x-kubernetes-int-or-string": True, "pattern": QUANTITY, "maxLength": _QUANTITY_MAX_CHARS}
    ),
]
Quantities = Annotated[dict[str, Quantity], Field(max_length=32), WithoutNulls]
Anything = Annotated[
    dict[str, Any], WithJsonSchema({"type": "object", "x-kubernetes-preserve-unknown-fields": True})
]


_STRICT = ConfigDict(extra="forbid", strict=True, use_attribute_docstrings=True)
_OPEN = ConfigDict(extra="allow", strict=True, use_attribute_docstrings=True)


@with_config(_STRICT)
class Resources(TypedDict):
    """What the container asks for and may use at most."""

    limits: NotRequired[Quantities | None]
    """The most it may use, by resource name."""
    requests: NotRequired[Quantities | None]
    """What is set aside for it, by resource name."""
    claims: NotRequired[Annotated[list[Anything], Field(max_length=32)] | None]
    """Resource claims of the pod that it uses."""


@with_config(_STRICT)
class EnvVar(TypedDict):
    """One environment variable: a value, or where to take it from."""

    name: Annotated[str, Field(min_length=1, max_length=253, pattern=ENV_NAME)]
    """The variable's name."""
    value: NotRequired[str | None]
    """The variable's value."""
    valueFrom: NotRequired[Anything | None]
    """A key of a ConfigMap or Secret, or a field of the pod."""


@with_config(_OPEN)
class Named(TypedDict):
    """An entry of a list that Kubernetes merges by name; its other fields are those of core/v1."""

    name: NonEmpty
    """What the entry is merged by."""


@with_config(_OPEN)
class VolumeMount(TypedDict):
    """Where a volume appears in the container; its other fields are those of core/v1."""

    name: NonEmpty
    """The volume's name."""
    mountPath: NonEmpty
    """Where it appears."""


@with_config(_STRICT)
class LocalReference(TypedDict):
    """The name of a Secret in the same namespace."""

    name: Annotated[str, Field(min_length=1, max_length=MAX_OBJECT_NAME_CHARS, pattern=DNS_SUBDOMAIN)]
    """The Secret's name."""


_ONE_VALUE = Rule(
    cel="!has(self.valueFrom) || !has(self.value) || self.value == ''",
    holds=lambda env: not (env.get("value") and env.get("valueFrom") is not None),
    message="env: value and valueFrom exclude each other",
)
_NOT_OWNED_ENV = Rule(
    cel=f"!self.name.startsWith('{OWNED_ENV_PREFIX}')",
    holds=lambda env: not env["name"].startswith(OWNED_ENV_PREFIX),
    message=f"env: names that start with {OWNED_ENV_PREFIX} are the operator's",
)

Env = Annotated[
    Items[Annotated[EnvVar, Obeys(_ONE_VALUE, _NOT_OWNED_ENV)]], Field(max_length=256), Distinct("name")
]
EnvFrom = Annotated[Items[Anything], Field(max_length=64)]
Volumes = Annotated[Items[Annotated[Named, PRESERVE_UNKNOWN]], Field(max_length=64), Distinct("name")]
VolumeMounts = Annotated[
    Items[Annotated[VolumeMount, PRESERVE_UNKNOWN]], Field(max_length=64), Distinct("mountPath")
]
ImagePullSecrets = Annotated[Items[LocalReference], Field(max_length=16), Distinct("name")]
