"""Which cluster this is: rows carry it, so that two clusters on one database never meet."""

import asyncio
from collections.abc import Mapping
from typing import Any, Protocol

from mljob.api import errors
from mljob.kube.resources import NAMESPACES, Resource
from mljob.server.problems import from_api_error

SYSTEM_NAMESPACE = "kube-system"


class Reader(Protocol):
    """The part of KubeClient that this needs."""

    async def get(self, resource: Resource, namespace: str | None, name: str) -> dict[str, Any]: ...

    async def request(
        self, method: str, path: str, *, params: Mapping[str, str] | None = None
    ) -> dict[str, Any]: ...


class Cluster:
    """`known_id`: configured, for an account that may not read kube-system."""

    def __init__(self, kube: Reader, known_id: str | None = None) -> None:
        self._kube = kube
        self._id = known_id
        self._lock = asyncio.Lock()

    async def id(self) -> str:
        """uid of kube-system. Read once. Raises ClusterAway or Refused."""
        async with self._lock:
            if self._id is None:
                try:
                    found = await self._kube.get(NAMESPACES, None, SYSTEM_NAMESPACE)
                except errors.ApiError as error:
                    raise from_api_error(
                        error, "say which one it is (get the namespace kube-system)"
                    ) from error
                self._id = str(found["metadata"]["uid"])
            return self._id

    async def lacks(self, namespace: str) -> bool:
        """The namespace is not there for certain; False, too, for an account that may not read it."""
        try:
            await self._kube.get(NAMESPACES, None, namespace)
        except errors.NotFound:
            return True
        except errors.ApiError:
            return False
        return False

    async def check(self) -> None:
        """The API server answers us. Raises ClusterAway."""
        try:
            await self._kube.request("GET", "/version")
        except errors.ApiError as error:
            raise from_api_error(error, "answer") from error
