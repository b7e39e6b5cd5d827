"""Which definitions there are, kept by LIST and WATCH, so that a submission costs no read of the API server.

A name that is not known here is looked up directly: a definition applied a moment ago is found.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any, Protocol

from pydantic import ValidationError

from mljob.api import errors
from mljob.api.common import explain
from mljob.api.conditions import ACCEPTED, Condition, find
from mljob.api.definition import MlJobDefinition
from mljob.kube.client import parse_object
from mljob.kube.resources import DEFINITIONS, Resource
from mljob.server.problems import UnknownJobName, from_api_error

log = logging.getLogger(__name__)

DUPLICATE_JOB_NAME = "DuplicateJobName"
WATCH_SECONDS = 300
READ_TIMEOUT_SECONDS = WATCH_SECONDS + 10.0
FIRST_PAUSE_SECONDS = 0.5
RESUME_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 15.0


class DefinitionSource(Protocol):
    """The part of KubeClient that this needs."""

    def list_pages(
        self, resource: Resource, namespace: str | None = None
    ) -> AsyncIterator[dict[str, Any]]: ...

    def stream(
        self, path: str, params: Mapping[str, str], *, read_timeout_seconds: float | None = None
    ) -> AsyncIterator[bytes]: ...


class Definitions:
    """`namespaces`: the only ones served; empty: all."""

    def __init__(self, source: DefinitionSource, namespaces: tuple[str, ...] = ()) -> None:
        self._source = source
        self._scopes: tuple[str | None, ...] = namespaces or (None,)
        self._by_uid: dict[str, MlJobDefinition] = {}
        self._listed: set[str | None] = set()

    @property
    def listed(self) -> bool:
        """Every scope has been listed once."""
        return len(self._listed) == len(self._scopes)

    def __len__(self) -> int:
        return len(self._by_uid)

    async def follow(self) -> None:
        """Keep up with the cluster until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for scope in self._scopes:
                tasks.create_task(self._follow(scope))

    def known(self, namespace: str, job_name: str) -> MlJobDefinition | None:
        """The one in force as far as the watch has told, whether or not it takes jobs."""
        return in_force(self._by_uid.values(), namespace, job_name)

    async def resolve(self, namespace: str, job_name: str) -> MlJobDefinition:
        """The definition in force. Raises UnknownJobName, or what became of the API server's error."""
        found = self.known(namespace, job_name)
        if found is None or refusal_of(found) is not None:
            found = in_force(await self._read(namespace), namespace, job_name)
        if found is None:
            raise UnknownJobName(job_name, namespace)
        refusal = refusal_of(found)
        if refusal is not None:
            raise UnknownJobName(job_name, namespace, f"{refusal.reason}: {refusal.message}")
        return found

    async def _read(self, namespace: str) -> list[MlJobDefinition]:
        """As they are now. Not merged into what the watch keeps: it may already know of a later deletion."""
        try:
            pages = [page async for page in self._source.list_pages(DEFINITIONS, namespace)]
        except errors.ApiError as error:
            raise from_api_error(error, "list the MlJobDefinitions") from error
        parsed = (parse(item) for page in pages for item in page["items"])
        return [definition for definition in parsed if definition is not None]

    async def _follow(self, scope: str | None) -> None:
        version: str | None = None
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                if version is None:
                    version = await self._list(scope)
                async for reached in self._watch(scope, version):
                    version, pause = reached, FIRST_PAUSE_SECONDS
                # The server ends a watch after a while. A proxy that ends it at once must not make us spin.
                await asyncio.sleep(RESUME_PAUSE_SECONDS)
                continue
            except errors.Gone:
                version = None
            except errors.ApiError as error:
                log.warning("definitions: %s; again in %.1f s", error, pause)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    async def _list(self, scope: str | None) -> str:
        found: dict[str, MlJobDefinition] = {}
        version = ""
        async for page in self._source.list_pages(DEFINITIONS, scope):
            version = page["metadata"]["resourceVersion"]
            parsed = (parse(item) for item in page["items"])
            found |= {item.metadata.uid: item for item in parsed if item is not None}
        kept = {uid: item for uid, item in self._by_uid.items() if not _within(item, scope)}
        self._by_uid = kept | found
        self._listed.add(scope)
        return version

    async def _watch(self, scope: str | None, version: str) -> AsyncIterator[str]:
        """Yields the version reached, event by event. Ends when the server ends the watch. Raises Gone."""
        params = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": str(WATCH_SECONDS),
        }
        lines = self._source.stream(
            DEFINITIONS.path(scope), params, read_timeout_seconds=READ_TIMEOUT_SECONDS
        )
        async with contextlib.aclosing(lines):  # type: ignore[type-var]
            async for line in lines:
                event = parse_object(line)
                if event["type"] == "ERROR":
                    status = event["object"]
                    raise errors.from_status(status.get("code", 0), status)
                self._take(event["type"], event["object"])
                yield event["object"]["metadata"]["resourceVersion"]

    def _take(self, kind: str, item: dict[str, Any]) -> None:
        if kind == "BOOKMARK":
            return
        definition = parse(item) if kind != "DELETED" else None
        if definition is None:
            self._by_uid.pop(item["metadata"]["uid"], None)
        else:
            self._by_uid[definition.metadata.uid] = definition


def parse(item: dict[str, Any]) -> MlJobDefinition | None:
    """None, with a word in the log, for one that a newer version of the CRD lets in and we cannot read."""
    # A submission needs none of the source, and a hundred of them would be 50 MB.
    spec = {key: value for key, value in item["spec"].items() if key != "source"}
    whole = {"apiVersion": DEFINITIONS.api_version, "kind": DEFINITIONS.kind, **item, "spec": spec}
    try:
        return MlJobDefinition.model_validate(whole)
    except ValidationError as error:
        name = f"{item['metadata'].get('namespace')}/{item['metadata'].get('name')}"
        log.warning("definition %s cannot be read: %s", name, "; ".join(explain(error)))
        return None


def in_force(definitions: Iterable[MlJobDefinition], namespace: str, job_name: str) -> MlJobDefinition | None:
    """Of several with one job name the older, then the one with the lesser uid: the operator's rule."""
    named = [d for d in definitions if d.metadata.namespace == namespace and d.job_name == job_name]
    return min(named, key=_rank, default=None)


def refusal_of(definition: MlJobDefinition) -> Condition | None:
    """Why one that is in force takes no jobs. None: it does, or it has not been judged as it is now; then its
    jobs wait for that."""
    condition = find(definition.status.conditions, ACCEPTED)
    if condition is None or condition.status != "False" or condition.reason == DUPLICATE_JOB_NAME:
        # Of the one in force that reason is out of date: the older one is gone.
        return None
    judged = definition.status.observed_generation
    is_out_of_date = judged is not None and judged < definition.metadata.generation
    return None if is_out_of_date else condition


def _rank(definition: MlJobDefinition) -> tuple[float, str]:
    created = definition.metadata.creation_timestamp
    return (created.timestamp() if created else 0.0, definition.metadata.uid)


def _within(definition: MlJobDefinition, scope: str | None) -> bool:
    return scope is None or definition.metadata.namespace == scope
