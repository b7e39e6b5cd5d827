"""The CustomResourceDefinitions of both kinds: schema, printer columns, names. Writes no file."""

from dataclasses import dataclass
from typing import Any

from mljob.api import names
from mljob.api.common import Resource
from mljob.api.definition import MlJobDefinition
from mljob.api.job import MlJob
from mljob.api.structural import structural_schema


@dataclass(frozen=True, slots=True)
class Column:
    """One column of `kubectl get`."""

    name: str
    path: str
    type: str = "string"
    description: str = ""
    wide: bool = False

    def as_manifest(self) -> dict[str, Any]:
        """The entry of additionalPrinterColumns."""
        entry: dict[str, Any] = {"name": self.name, "type": self.type, "jsonPath": self.path}
        if self.description:
            entry["description"] = self.description
        return entry | ({"priority": 1} if self.wide else {})


@dataclass(frozen=True, slots=True)
class Kind:
    """What a CustomResourceDefinition says beyond the schema."""

    model: type[Resource]
    kind: str
    plural: str
    singular: str
    short_names: tuple[str, ...]
    columns: tuple[Column, ...]
    selectable: tuple[str, ...] = ()


AGE = Column("Age", ".metadata.creationTimestamp", "date")
_ACCEPTED = '.status.conditions[?(@.type=="Accepted")]'

KINDS = (
    Kind(
        model=MlJob,
        kind=names.KIND_JOB,
        plural=names.PLURAL_JOB,
        singular="mljob",
        short_names=("mlj",),
        columns=(
            Column("Job Name", ".spec.jobName"),
            Column("Phase", ".status.phase"),
            Column("Attempt", ".status.attempt", "integer"),
            Column("Reason", ".status.reason"),
            AGE,
            Column("Pod", ".status.currentPod", wide=True, description="pod of the latest attempt"),
            Column("Duration", ".status.duration", wide=True, description="how long the latest attempt ran"),
            # Not of type date: kubectl shows a date in the future as <invalid>.
            Column(
                "Next Retry", ".status.nextRetryTime", wide=True, description="when the next attempt is due"
            ),
        ),
        selectable=(".spec.jobName", ".status.phase"),
    ),
    Kind(
        model=MlJobDefinition,
        kind=names.KIND_DEFINITION,
        plural=names.PLURAL_DEFINITION,
        singular="mljobdefinition",
        short_names=("mljd",),
        columns=(
            Column("Job Name", ".status.jobName"),
            Column("Max Workers", ".spec.maxWorkers", "integer"),
            Column("Accepted", f"{_ACCEPTED}.status"),
            Column("Reason", f"{_ACCEPTED}.reason"),
            AGE,
            Column("Function", ".spec.function", wide=True),
            Column("Image", ".spec.image", wide=True),
            Column("Suspended", ".spec.suspend", "boolean", wide=True),
        ),
    ),
)


def _root_schema(kind: Kind) -> dict[str, Any]:
    schema = structural_schema(kind.model)
    properties = schema["properties"]
    properties["apiVersion"] = {"type": "string"}
    properties["kind"] = {"type": "string"}
    properties["metadata"] = {"type": "object"}
    if any("default" in inner for inner in properties["status"]["properties"].values()):
        # So the defaults inside (phase: Pending) are there from the start and cost no write: the API server
        # fills them in whenever the object is read.
        properties["status"]["default"] = {}
    # metadata is checked by the API server itself, and status is never asked for.
    return {**schema, "required": ["spec"]}


def crd(kind: Kind) -> dict[str, Any]:
    """The manifest of one CustomResourceDefinition."""
    version: dict[str, Any] = {
        "name": names.VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": [column.as_manifest() for column in kind.columns],
        "schema": {"openAPIV3Schema": _root_schema(kind)},
    }
    if kind.selectable:
        version["selectableFields"] = [{"jsonPath": path} for path in kind.selectable]
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{kind.plural}.{names.GROUP}",
            "labels": {"app.kubernetes.io/name": "mljob"},
        },
        "spec": {
            "group": names.GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": kind.kind,
                "listKind": f"{kind.kind}List",
                "plural": kind.plural,
                "singular": kind.singular,
                "shortNames": list(kind.short_names),
            },
            "versions": [version],
        },
    }
