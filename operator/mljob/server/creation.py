"""Creates an MlJob exactly once, or not at all, also when the API server's answer is lost.

The name is fixed before the first request. A create whose outcome is unknown is sent again under that name:
it succeeds, or finds what the first one made. If no answer comes at all the submission is refused, and
whatever may still arrive under its name is taken back.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from mljob.api import errors
from mljob.kube.resources import MLJOBS, Resource
from mljob.server.objects import is_of

log = logging.getLogger(__name__)

PAUSES_SECONDS = (0.0, 0.2, 1.0)
"""Before each try; every try has the client's own timeout."""
WITHDRAWAL_PAUSES_SECONDS = (1.0, 2.0, 4.0, 8.0, 15.0, 35.0)
"""Together longer than the minute that an API server works on a request at most."""


class JobClient(Protocol):
    """The part of KubeClient that this needs."""

    async def get(self, resource: Resource, namespace: str | None, name: str) -> dict[str, Any]: ...

    async def create(
        self, resource: Resource, namespace: str | None, body: Mapping[str, Any]
    ) -> dict[str, Any]: ...

    async def patch(
        self, resource: Resource, namespace: str | None, name: str, body: Mapping[str, Any]
    ) -> dict[str, Any]: ...

    async def delete(
        self, resource: Resource, namespace: str | None, name: str, *, uid: str | None = None
    ) -> dict[str, Any]: ...


class NameTaken(Exception):
    """Another submission has this name: choose a new one."""


class Creator:
    """Runs withdrawals in the background; `close` abandons them."""

    def __init__(
        self,
        kube: JobClient,
        *,
        pauses_seconds: Sequence[float] = PAUSES_SECONDS,
        withdrawal_pauses_seconds: Sequence[float] = WITHDRAWAL_PAUSES_SECONDS,
    ) -> None:
        self._kube = kube
        self._pauses_seconds = pauses_seconds
        self._withdrawal_pauses_seconds = withdrawal_pauses_seconds
        self._withdrawals: set[asyncio.Task[None]] = set()

    async def create(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """The created object. Raises NameTaken, or an ApiError: then there is none, or there will be none."""
        namespace, name = manifest["metadata"]["namespace"], manifest["metadata"]["name"]
        unknown: errors.Unavailable | None = None
        for pause in self._pauses_seconds:
            await asyncio.sleep(pause)
            try:
                return await self._kube.create(MLJOBS, namespace, manifest)
            except errors.Unavailable as error:
                log.warning("create %s/%s: %s", namespace, name, error)
                unknown = error
            except errors.ApiError as error:
                if unknown is None and not isinstance(error, errors.AlreadyExists):
                    raise
                # Refused, it may be, because an earlier try was carried out: its name, its part of the quota.
                return await self._made_before(manifest, error)
        self._withdraw(manifest)
        raise unknown or errors.Unavailable(0, "NoAnswer", "no answer")

    async def close(self) -> None:
        """Stop waiting for what may still arrive."""
        for task in self._withdrawals:
            task.cancel()
        await asyncio.gather(*self._withdrawals, return_exceptions=True)

    async def _made_before(self, manifest: Mapping[str, Any], error: errors.ApiError) -> dict[str, Any]:
        """What an earlier try made. Raises NameTaken, or `error` when there is nothing of ours."""
        is_taken = isinstance(error, errors.AlreadyExists)
        try:
            item = await self._kube.get(
                MLJOBS, manifest["metadata"]["namespace"], manifest["metadata"]["name"]
            )
        except errors.ApiError as unread:
            if is_taken and isinstance(unread, errors.NotFound):
                raise NameTaken from error
            # It may be there, or still arrive.
            self._withdraw(manifest)
            raise (error if isinstance(unread, errors.NotFound) else unread) from unread
        if is_of(item, manifest):
            return item
        raise NameTaken from error

    def _withdraw(self, manifest: Mapping[str, Any]) -> None:
        task = asyncio.create_task(self._withdrawal(manifest))
        self._withdrawals.add(task)
        task.add_done_callback(self._withdrawals.discard)

    async def _withdrawal(self, manifest: Mapping[str, Any]) -> None:
        """The caller was told that there is no such job: see to it that this stays true."""
        namespace, name = manifest["metadata"]["namespace"], manifest["metadata"]["name"]
        for pause in self._withdrawal_pauses_seconds:
            await asyncio.sleep(pause)
            try:
                if await self._take_back(manifest):
                    log.info("took back %s/%s, which arrived after its submission failed", namespace, name)
                    return
            except errors.ApiError as error:
                log.warning("taking back %s/%s: %s", namespace, name, error)

    async def _take_back(self, manifest: Mapping[str, Any]) -> bool:
        namespace, name = manifest["metadata"]["namespace"], manifest["metadata"]["name"]
        try:
            item = await self._kube.get(MLJOBS, namespace, name)
        except errors.NotFound:
            return False
        if is_of(item, manifest):
            uid = item["metadata"]["uid"]
            # Without the finalizer it leaves no row: it was never accepted.
            await self._kube.patch(MLJOBS, namespace, name, {"metadata": {"uid": uid, "finalizers": None}})
            await self._kube.delete(MLJOBS, namespace, name, uid=uid)
        return True
