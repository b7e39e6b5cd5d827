"""The shape of the manifest table: what is submitted, who refuses it, and which field the message names."""

from dataclasses import dataclass
from typing import Any, Literal

Spec = dict[str, Any]
Side = Literal["kubernetes", "python"]

API_VERSION = "mljob.dev/v1alpha1"
FUNCTION: Spec = {"function": "pkg.mod.fun"}
COMMAND: Spec = {"image": "busybox", "command": ["true"]}


@dataclass(frozen=True, slots=True)
class Case:
    """A manifest. Without `field` it is accepted; with it refused, in words that hold `field`."""

    name: str
    manifest: dict[str, Any]
    field: str | None = None
    refused_only_by: Side | None = None
    """Where the two sides differ; `why` says why they must."""
    why: str = ""

    def is_refused_by(self, side: Side) -> bool:
        """Whether that side is to refuse the manifest."""
        return self.field is not None and self.refused_only_by in (None, side)


@dataclass(frozen=True, slots=True)
class Change:
    """A manifest that is created and accepted, and the spec that is to replace its own."""

    name: str
    kind: str
    before: Spec
    after: Spec
    field: str | None = None


def manifest(kind: str, spec: Spec, **metadata: Any) -> dict[str, Any]:
    """A whole manifest."""
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": "case", **metadata}, "spec": spec}


def definition(name: str, spec: Spec, field: str | None = None, **more: Any) -> Case:
    """A case of an MlJobDefinition that has a function."""
    return Case(name, manifest("MlJobDefinition", FUNCTION | spec), field, **more)


def container(name: str, spec: Spec, field: str | None = None, **more: Any) -> Case:
    """A case of an MlJobDefinition without a function."""
    return Case(name, manifest("MlJobDefinition", spec), field, **more)


def job(name: str, spec: Spec, field: str | None = None, **more: Any) -> Case:
    """A case of an MlJob that has a jobName."""
    return Case(name, manifest("MlJob", {"jobName": "train"} | spec), field, **more)
