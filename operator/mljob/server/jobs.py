"""Finds jobs: rows first, and the objects themselves for what has no row (yet).

A job has no row while the database is away, and in the moment between `kubectl apply` and the mirror.
"""

import asyncio
import contextlib
import logging
import re
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from pydantic import ValidationError

from mljob.api import errors
from mljob.core.records import AttemptRecord, JobRecord
from mljob.kube.resources import MLJOBS, Resource
from mljob.server.cluster import Cluster
from mljob.server.definitions import Definitions
from mljob.server.ledger import Ledger
from mljob.server.objects import phase_of, record_of
from mljob.server.problems import JobNotFound, Problem, StoreAway, from_api_error
from mljob.store import JobFilter, Order, Page

log = logging.getLogger(__name__)

LIST_SERVES_SECONDS = 1.0
UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)


class ObjectReader(Protocol):
    """The part of KubeClient that this needs."""

    async def get(self, resource: Resource, namespace: str | None, name: str) -> dict[str, Any]: ...

    def list_pages(
        self, resource: Resource, namespace: str | None = None
    ) -> AsyncIterator[dict[str, Any]]: ...


@dataclass(frozen=True, slots=True)
class Found:
    """`stored` is False where the answer comes from the object because there is no row, or no database."""

    record: JobRecord
    stored: bool = True
    item: dict[str, Any] | None = None
    """the object, where it was read"""


class Jobs:
    """`namespaces`: the only ones served; empty: all."""

    def __init__(
        self,
        kube: ObjectReader,
        cluster: Cluster,
        definitions: Definitions,
        ledger: Ledger,
        namespaces: tuple[str, ...] = (),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._kube = kube
        self._cluster = cluster
        self._definitions = definitions
        self._ledger = ledger
        self._scopes: tuple[str | None, ...] = namespaces or (None,)
        self._served = frozenset(namespaces) or None
        self._monotonic = monotonic
        self._listing = asyncio.Lock()
        self._listed_at = float("-inf")
        self._places: dict[str, tuple[str, str]] = {}

    async def get(self, job_id: str) -> Found:
        """Raises JobNotFound; StoreAway and ClusterAway when nobody is left who could know."""
        if UID.fullmatch(job_id) is None:
            raise JobNotFound(job_id)
        try:
            record = await self._ledger.get(job_id)
        except StoreAway as away:
            return await self._without_row(job_id, away)
        if record is None:
            return await self._without_row(job_id, None)
        if record.cluster != await self._cluster.id() or not self._serves(record.namespace):
            raise JobNotFound(job_id)
        return Found(record)

    async def get_with_object(self, job_id: str) -> Found:
        """As `get`, with the object where the cluster still has it and answers."""
        found = await self.get(job_id)
        item = found.item or await self._item_if_told(found.record)
        return found if item is None else await self.newest(found, item)

    async def current(self, job_id: str) -> Found:
        """As `get`, for whoever would change the job: without an object it has none any more.

        Raises ClusterAway or Refused, too, when the API server does not tell.
        """
        found = await self.get(job_id)
        item = found.item or await self._item(found.record)
        return found if item is None else await self.newest(found, item)

    async def newest(self, found: Found, item: dict[str, Any]) -> Found:
        """With this object. Its row follows by a moment: an object that is final is the one to believe."""
        if phase_of(item).is_final and not found.record.phase.is_final:
            # One that a later version wrote cannot be told: its row is what there is to show.
            with contextlib.suppress(JobNotFound):
                return Found(await self._record(item), found.stored, item)
        return replace(found, item=item)

    async def attempts(self, record: JobRecord) -> Sequence[AttemptRecord]:
        """By number, the first first."""
        return await self._ledger.attempts(record.uid)

    async def page(self, wanted: JobFilter, order: Order, page_size: int, cursor: str | None = None) -> Page:
        """Rows of this cluster and of the namespaces served. Raises StoreAway, InvalidCursor."""
        namespaces = wanted.namespaces
        if self._served is not None:
            namespaces = self._served if namespaces is None else namespaces & self._served
        scoped = replace(wanted, cluster=await self._cluster.id(), namespaces=namespaces)
        return await self._ledger.page(scoped, order, page_size, cursor)

    async def _without_row(self, job_id: str, away: StoreAway | None) -> Found:
        known = self._ledger.unstored(job_id)
        if known is not None:
            item = await self._item_if_told(known)
            if item is None:
                return Found(known, stored=False)
        else:
            item = await self._search(job_id)
        if item is None:
            # Without the database only the living can be found: the others may well exist.
            raise away or JobNotFound(job_id)
        return Found(await self._record(item), stored=False, item=item)

    async def _record(self, item: dict[str, Any]) -> JobRecord:
        metadata = item["metadata"]
        definition = self._definitions.known(metadata["namespace"], item["spec"]["jobName"])
        try:
            return record_of(item, await self._cluster.id(), definition.spec if definition else None)
        except ValidationError as error:
            log.warning("MlJob %s/%s cannot be read: %s", metadata["namespace"], metadata["name"], error)
            raise JobNotFound(metadata["uid"]) from error

    async def _search(self, job_id: str) -> dict[str, Any] | None:
        """The object of that uid. The API server finds objects by name alone, so all have to be listed."""
        place = (await self._list()).get(job_id)
        if place is None:
            return None
        return await self._read(*place, job_id)

    async def _item(self, record: JobRecord) -> dict[str, Any] | None:
        """The job's object; None: it is gone. Raises ClusterAway or Refused when nobody can tell."""
        return await self._read(record.namespace, record.name, record.uid)

    async def _item_if_told(self, record: JobRecord) -> dict[str, Any] | None:
        """As `_item`; None, too, when the API server does not tell: whoever only reads has the row."""
        try:
            return await self._item(record)
        except Problem as problem:
            log.warning("%s/%s: %s", record.namespace, record.name, problem.detail)
            return None

    async def _read(self, namespace: str, name: str, uid: str) -> dict[str, Any] | None:
        """None: nothing has that name, or another object."""
        try:
            item = await self._kube.get(MLJOBS, namespace, name)
        except errors.NotFound:
            return None
        except errors.ApiError as error:
            raise from_api_error(error, "get the MlJob") from error
        return item if item["metadata"]["uid"] == uid else None

    async def _list(self) -> dict[str, tuple[str, str]]:
        """uid to (namespace, name). Unknown ids are asked for again and again: a list serves a second."""
        async with self._listing:
            if self._monotonic() - self._listed_at > LIST_SERVES_SECONDS:
                try:
                    self._places = {
                        item["metadata"]["uid"]: (item["metadata"]["namespace"], item["metadata"]["name"])
                        for scope in self._scopes
                        async for page in self._kube.list_pages(MLJOBS, scope)
                        for item in page["items"]
                    }
                except errors.ApiError as error:
                    raise from_api_error(error, "list the MlJobs") from error
                self._listed_at = self._monotonic()
            return self._places

    def _serves(self, namespace: str) -> bool:
        return self._served is None or namespace in self._served
