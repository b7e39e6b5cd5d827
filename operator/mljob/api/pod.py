"""How a job's pod looks: the fields of core/v1 that a definition may set, as dicts ready for a pod.

Checks shapes and what the operator owns; everything deeper is checked by a dry run of the rendered Job.
"""

from typing import Annotated, Any, NotRequired

from pydantic import AfterValidator, ConfigDict, Field, WithJsonSchema, with_config
from typing_extensions import TypedDict

from mljob.api.common import DNS_SUBDOMAIN, MAX_OBJECT_NAME_CHARS, Items, NonEmpty
from mljob.api.names import GROUP, OWNED_ENV_PREFIX
from mljob.api.rules import Distinct, Obeys, Rule

QUANTITY = (
    r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)"
    r"([KMGTPE]i|[numkMGTPE]|[eE][+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+))?$"
)
ENV_NAME = r"^[ -<>-~]+$"
"""Printable ASCII without `=`, as Kubernetes takes it."""

OWNED_LABELS = ("job-name", "controller-uid")
OWNED_PREFIXES = ("batch.kubernetes.io/", f"{GROUP}/")


Quantity = Annotated[
    Annotated[int, Field(strict=True)] | Annotated[str, Field(pattern=QUANTITY, max_length=64)],
    WithJsonSchema({"x-kubernetes-int-or-string": True, "pattern": QUANTITY, "maxLength": 64}),
]
Anything = Annotated[
    dict[str, Any], WithJsonSchema({"type": "object", "x-kubernetes-preserve-unknown-fields": True})
]


_STRICT = ConfigDict(extra="forbid", strict=True, use_attribute_docstrings=True)
_OPEN = ConfigDict(extra="allow", strict=True, use_attribute_docstrings=True)


@with_config(_STRICT)
class Resources(TypedDict):
    """What the container asks for and may use at most."""

    limits: NotRequired[Annotated[dict[str, Quantity], Field(max_length=32)] | None]
    """The most it may use, by resource name."""
    requests: NotRequired[Annotated[dict[str, Quantity], Field(max_length=32)] | None]
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
_PRESERVE = Field(json_schema_extra={"x-kubernetes-preserve-unknown-fields": True})
Volumes = Annotated[Items[Annotated[Named, _PRESERVE]], Field(max_length=64), Distinct("name")]
VolumeMounts = Annotated[
    Items[Annotated[VolumeMount, _PRESERVE]], Field(max_length=64), Distinct("mountPath")
]
ImagePullSecrets = Annotated[Items[LocalReference], Field(max_length=16), Distinct("name")]


def _keys(template: dict[str, Any], part: str) -> dict[str, Any]:
    return ((template.get("metadata") or {}).get(part)) or {}


def _is_map(value: object) -> bool:
    return value is None or isinstance(value, dict)


def _well_formed(template: dict[str, Any]) -> dict[str, Any]:
    """Shapes that the rules below rely on; the API server checks them by schema."""
    for part in ("metadata", "spec"):
        if not _is_map(template.get(part)):
            raise ValueError(f"podTemplate.{part} must be an object")
    for part in ("labels", "annotations"):
        found = _keys(template, part)
        if not _is_map(found) or not all(isinstance(value, str) for value in found.values()):
            raise ValueError(f"podTemplate.metadata.{part} must map text to text")
    unknown = sorted(set(template) - {"metadata", "spec"})
    if unknown:
        raise ValueError(f"podTemplate has metadata and spec, no {unknown[0]!r}")
    return template


_TEMPLATE_RULES = (
    Rule(
        cel="!has(self.spec) || !has(self.spec.restartPolicy)",
        holds=lambda template: (template.get("spec") or {}).get("restartPolicy") is None,
        message="podTemplate.spec.restartPolicy is the operator's (Never): retries are set by retry",
        field=".spec.restartPolicy",
    ),
    Rule(
        cel="!has(self.spec) || !has(self.spec.activeDeadlineSeconds)",
        holds=lambda template: (template.get("spec") or {}).get("activeDeadlineSeconds") is None,
        message="podTemplate.spec.activeDeadlineSeconds is the operator's: set it beside podTemplate",
        field=".spec.activeDeadlineSeconds",
    ),
    Rule(
        cel="!has(self.metadata) || !has(self.metadata.labels) || self.metadata.labels.all(key, "
        + " && ".join(
            [
                *(f"key != '{name}'" for name in OWNED_LABELS),
                *(f"!key.startsWith('{p}')" for p in OWNED_PREFIXES),
            ]
        )
        + ")",
        holds=lambda template: (
            not any(
                key in OWNED_LABELS or key.startswith(OWNED_PREFIXES) for key in _keys(template, "labels")
            )
        ),
        message="podTemplate.metadata.labels may not hold job-name, controller-uid, batch.kubernetes.io/* "
        f"or {GROUP}/*: they are the operator's and the Job controller's",
        field=".metadata.labels",
    ),
    Rule(
        cel="!has(self.metadata) || !has(self.metadata.annotations) || self.metadata.annotations.all(key, "
        f"!key.startsWith('{GROUP}/'))",
        holds=lambda template: not any(key.startswith(f"{GROUP}/") for key in _keys(template, "annotations")),
        message=f"podTemplate.metadata.annotations may not hold {GROUP}/*: they are the operator's",
        field=".metadata.annotations",
    ),
)

_TEXT_MAP = {"type": "object", "maxProperties": 64, "additionalProperties": {"type": "string"}}
_TEMPLATE_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "metadata": {"type": "object", "properties": {"labels": _TEXT_MAP, "annotations": _TEXT_MAP}},
        "spec": {
            "type": "object",
            "x-kubernetes-preserve-unknown-fields": True,
            # Named here only so that CEL can see that they are set.
            "properties": {
                "restartPolicy": {"type": "string"},
                "activeDeadlineSeconds": {"type": "integer", "format": "int64"},
            },
        },
    },
}

PodTemplate = Annotated[
    dict[str, Any],
    AfterValidator(_well_formed),
    WithJsonSchema(_TEMPLATE_SCHEMA),
    Obeys(*_TEMPLATE_RULES),
]
