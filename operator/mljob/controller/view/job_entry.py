"""What the view knows of one MlJob: taken from its object, and replaced in place by each newer one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from mljob.api import names
from mljob.controller import parse
from mljob.controller.ownership import Group
from mljob.core.effective import TtlPolicy
from mljob.core.facts import OrderKey, SpecFacts, StatusFacts, StoredEnd
from mljob.core.records import Rank

Json = dict[str, Any]

KEPT_SPEC_ITEMS = 16
KEPT_SPEC_CHARACTERS = 1_024
"""A spec that is larger than this is read again when its job is admitted"""


@dataclass(slots=True, eq=False)
class JobEntry:
    """One MlJob. The fields with defaults are what the operator itself found out of it."""

    uid: str
    namespace: str
    name: str
    resource_version: int
    generation: int
    created_time: float
    created_ms: int
    labels: Mapping[str, str]
    submitted_by: str | None
    deleting: bool
    finalizers: tuple[str, ...]
    spec: SpecFacts
    status: StatusFacts
    raw_spec: Json | None
    """the spec as it was sent, when it is small and the job is not final"""
    definition_uid: str | None
    """the definition it was accepted with"""
    exclusive_key: str | None = None
    ttls: TtlPolicy | None = None
    """what its definition last said of its time to live"""
    recorded: tuple[int, Rank] | None = None
    stored_end: StoredEnd | None = None
    mirrored: int | None = None
    """hash of what was last found out and handed to the mirror"""
    told: tuple[int, Rank] | None = None
    """version of the row that was last handed to the mirror"""
    needs_params: bool = False
    """its row was made without params"""
    held_until: float | None = None

    @classmethod
    def of(cls, body: Json) -> Self:
        """What an MlJob says that was not known before."""
        metadata, spec = body["metadata"], body.get("spec") or {}
        status = parse.parse_status(body.get("status") or {})
        return cls(
            uid=metadata["uid"],
            namespace=metadata["namespace"],
            name=metadata["name"],
            resource_version=int(metadata["resourceVersion"]),
            generation=metadata.get("generation") or 1,
            created_time=parse.parse_time(metadata.get("creationTimestamp")) or 0.0,
            created_ms=parse.creation_time_ms(metadata),
            labels=metadata.get("labels") or {},
            submitted_by=(metadata.get("annotations") or {}).get(names.ANNOTATION_SUBMITTED_BY),
            deleting=metadata.get("deletionTimestamp") is not None,
            finalizers=tuple(metadata.get("finalizers") or ()),
            spec=parse.parse_spec(spec),
            status=status,
            raw_spec=None if status.phase.is_final else _small_spec(spec),
            definition_uid=status.definition_uid,
        )

    def take(self, body: Json) -> None:
        """Take a newer state of it. What never changes is not looked at."""
        metadata = body["metadata"]
        generation = metadata.get("generation") or 1
        if self.generation != generation:
            spec = body.get("spec") or {}
            self.spec = parse.parse_spec(spec)
            self.raw_spec = _small_spec(spec)
        self.resource_version = int(metadata["resourceVersion"])
        self.generation = generation
        self.labels = metadata.get("labels") or {}
        self.deleting = metadata.get("deletionTimestamp") is not None
        self.finalizers = tuple(metadata.get("finalizers") or ())
        self.status = parse.parse_status(body.get("status") or {})
        if self.status.phase.is_final:
            self.raw_spec = None

    @property
    def group(self) -> Group:
        """Whose cap it counts against."""
        return (self.namespace, self.spec.job_name)

    @property
    def order(self) -> OrderKey:
        """Its place in line."""
        return (-self.spec.priority, self.created_ms, self.name, self.uid)


def _small_spec(spec: Json) -> Json | None:
    """The spec itself if keeping it costs little: spares a read at admission for most jobs."""
    params = spec.get("params")
    if len(spec.get("paramsJSON") or "") > KEPT_SPEC_CHARACTERS or "definition" in spec:
        return None
    if params is not None and (len(params) > KEPT_SPEC_ITEMS or len(repr(params)) > KEPT_SPEC_CHARACTERS):
        return None
    return spec
