"""What the loop needs of the world, as protocols. `kube.cluster` and `store` are the real ones."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from mljob.api.job import Phase
from mljob.core.records import AttemptRecord, JobRecord

Json = dict[str, Any]
Kind = Literal["MlJob", "MlJobDefinition", "Job", "Pod"]
KINDS: tuple[Kind, ...] = ("MlJobDefinition", "MlJob", "Job", "Pod")
"""In the order in which they are listed: an MlJob's attempt is never older than the list that shows it."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a list; `resource_version` is the whole list's, the same on every page of a scope."""

    items: Sequence[Json]
    resource_version: int
    scope: str | None = None
    """the namespace that was listed; None: all of them"""


class Cluster(Protocol):
    """The API server. Raises `mljob.api.errors`; repeats nothing by itself."""

    def list_all(self, kind: Kind) -> AsyncIterator[Page]:
        """All objects of a kind that concern us, consistent with etcd, in pages; scope after scope."""
        ...

    def watch(self, kind: Kind, scope: str | None, version: int) -> AsyncIterator[tuple[str, Json]]:
        """What happens after a resourceVersion: (type, object). Ends when the server ends it.

        Raises Gone when the server no longer knows what came after `version`: list again.
        """
        ...

    async def get_mljob(self, namespace: str, name: str) -> Json: ...

    async def patch_mljob_status(self, namespace: str, name: str, patch: Json) -> Json: ...

    async def release_mljob(self, namespace: str, name: str, finalizers: Sequence[str], version: int) -> None:
        """Set metadata.finalizers, if the object is still at that resourceVersion."""
        ...

    async def delete_mljob(self, namespace: str, name: str, uid: str) -> None: ...

    async def patch_definition_status(self, namespace: str, name: str, patch: Json) -> Json: ...

    async def create_job(self, namespace: str, manifest: Json) -> Json: ...

    async def get_job(self, namespace: str, name: str) -> Json: ...

    async def stop_job(self, namespace: str, name: str, reason: str, *, unsuspend: bool) -> Json:
        """End its attempt: activeDeadlineSeconds 0, and the reason in an annotation."""
        ...

    async def lower_pod_deadline(self, namespace: str, name: str, uid: str, seconds: int) -> Json: ...

    async def pods_of(self, namespace: str, uid: str, attempt: int) -> Sequence[Json]: ...

    async def warnings_about(self, namespace: str, name: str, uid: str) -> Sequence[Json]:
        """Events of type Warning about a Job or a pod, oldest first."""
        ...

    async def dry_run(self, namespace: str, job: Json, pod: Json) -> None:
        """Ask the server whether it would take this Job and this Pod."""
        ...

    async def create_config_map(self, namespace: str, manifest: Json) -> Json: ...

    async def get_config_map(self, namespace: str, name: str) -> Json: ...

    async def source_config_maps(self) -> Sequence[Json]:
        """Source ConfigMaps that we made, in all namespaces that we watch."""
        ...

    async def delete_config_map(self, namespace: str, name: str, uid: str) -> None: ...

    async def put_event(self, namespace: str, event: Json) -> None:
        """Create the Event, or replace reason and message of the one with its name."""
        ...

    async def namespace_annotations(self, namespace: str) -> Mapping[str, str]: ...


class WriteResult(Protocol):
    """What a write reports back."""

    @property
    def missing_params(self) -> frozenset[str]:
        """uids whose row was made without params."""
        ...


class Store(Protocol):
    """The SQL store, called from a thread of the mirror's own."""

    def write(self, jobs: Sequence[JobRecord], attempts: Sequence[AttemptRecord]) -> WriteResult: ...

    def known(self, cluster: str, uids: Iterable[str]) -> Mapping[str, tuple[int, int, Phase]]:
        """(attempt, rank, phase) of the rows that are there."""
        ...

    def unfinished(self, cluster: str, after_uid: str = "", limit: int = 500) -> Sequence[JobRecord]:
        """Rows that are not final, by uid, from the first after `after_uid`."""
        ...

    def get(self, uid: str) -> JobRecord | None: ...
