"""The pod template of a definition: anything that a pod may hold, but for what the operator owns.

Its full schema is 370 KB, so unknown fields are kept here and checked by a dry run of the rendered Job.
"""

from typing import Annotated, Any, NotRequired

from pydantic import ConfigDict, Field, GetCoreSchemaHandler, with_config
from pydantic_core import CoreSchema
from typing_extensions import TypedDict

from mljob.api.common import PRESERVE_UNKNOWN, WithoutNulls
from mljob.api.names import GROUP
from mljob.api.rules import Obeys, Rule

OWNED_LABELS = ("job-name", "controller-uid")
OWNED_PREFIXES = ("batch.kubernetes.io/", f"{GROUP}/")

TextMap = Annotated[dict[str, str], Field(max_length=64), WithoutNulls]


@with_config(ConfigDict(extra="forbid", strict=True, use_attribute_docstrings=True))
class TemplateMetadata(TypedDict):
    """Labels and annotations of the pod."""

    labels: NotRequired[TextMap | None]
    """Labels, beside those of the MlJob."""
    annotations: NotRequired[TextMap | None]
    """Annotations."""


@with_config(ConfigDict(extra="allow", strict=True, use_attribute_docstrings=True))
class TemplateSpec(TypedDict):
    """The spec of the pod: fields of core/v1."""

    # Named only so that rules can see them.
    restartPolicy: NotRequired[str | None]
    """The operator's: may not be set."""
    activeDeadlineSeconds: NotRequired[int | None]
    """The operator's: may not be set."""


@with_config(ConfigDict(extra="forbid", strict=True, use_attribute_docstrings=True))
class Template(TypedDict):
    """A pod template under everything that the definition says itself; the job's container is `main`."""

    metadata: NotRequired[TemplateMetadata | None]
    """Labels and annotations of the pod."""
    spec: NotRequired[Annotated[TemplateSpec, PRESERVE_UNKNOWN] | None]
    """The spec of the pod: fields of core/v1."""


def _sets(template: dict[str, Any], field: str) -> bool:
    return (template.get("spec") or {}).get(field) is not None


def _keys(template: dict[str, Any], part: str) -> list[str]:
    return list((template.get("metadata") or {}).get(part) or ())


_FREE_LABEL = " && ".join(
    [
        *(f"key != '{name}'" for name in OWNED_LABELS),
        *(f"!key.startsWith('{prefix}')" for prefix in OWNED_PREFIXES),
    ]
)
_RULES = (
    Rule(
        cel="!has(self.spec) || !has(self.spec.restartPolicy)",
        holds=lambda template: not _sets(template, "restartPolicy"),
        message="podTemplate.spec.restartPolicy is the operator's (Never): retries are set by retry",
        field=".spec.restartPolicy",
    ),
    Rule(
        cel="!has(self.spec) || !has(self.spec.activeDeadlineSeconds)",
        holds=lambda template: not _sets(template, "activeDeadlineSeconds"),
        message="podTemplate.spec.activeDeadlineSeconds is the operator's: set it beside podTemplate",
        field=".spec.activeDeadlineSeconds",
    ),
    Rule(
        cel="!has(self.metadata) || !has(self.metadata.labels) || "
        f"self.metadata.labels.all(key, {_FREE_LABEL})",
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
        cel="!has(self.metadata) || !has(self.metadata.annotations) || "
        f"self.metadata.annotations.all(key, !key.startsWith('{GROUP}/'))",
        holds=lambda template: not any(key.startswith(f"{GROUP}/") for key in _keys(template, "annotations")),
        message=f"podTemplate.metadata.annotations may not hold {GROUP}/*: they are the operator's",
        field=".metadata.annotations",
    ),
)


class _ShapedAsTemplate:
    """Checked as Template, and a plain dict to its readers, who merge it."""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return handler.generate_schema(Template)


PodTemplate = Annotated[dict[str, Any], _ShapedAsTemplate(), Obeys(*_RULES)]
