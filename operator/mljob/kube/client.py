"""A thin asynchronous client: paths and JSON in, JSON or `mljob.api.errors` out.

It never retries (one exception: a 401 once, with the token read again). Whether to repeat a request
that may have been carried out is the caller's decision. docs/decisions/0005-http-client.md says why
this is not the `kubernetes` package: a write costs a third of its CPU.
"""

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Any, Self

import aiohttp
import orjson

from mljob.api import errors
from mljob.kube.config import ConfigError, Connection
from mljob.kube.resources import Resource

REQUEST_TIMEOUT_SECONDS = 15.0
CONNECT_TIMEOUT_SECONDS = 10.0
TOKEN_LIFETIME_SECONDS = 60.0
"""How long a token read from its file is used before it is read again."""
LIST_PAGE_SIZE = 500

NEEDS_CLEANUP_CLOSED = sys.version_info < (3, 12, 8)
"""Before, asyncio left a TLS connection half open if its peer said no goodbye (cpython#118960)."""

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"

Json = dict[str, Any]


class KubeClient:
    """Requests to one API server. Use as an async context manager, in one event loop."""

    def __init__(
        self,
        connection: Connection,
        *,
        user_agent: str = "mljob",
        connections: int = 64,
        request_timeout_seconds: float = REQUEST_TIMEOUT_SECONDS,
    ) -> None:
        self.connection = connection
        self._user_agent = user_agent
        self._connections = connections
        self._timeout = aiohttp.ClientTimeout(
            total=request_timeout_seconds, sock_connect=CONNECT_TIMEOUT_SECONDS
        )
        self._session: aiohttp.ClientSession | None = None
        self._token: str | None = None
        self._token_read_at = float("-inf")

    async def __aenter__(self) -> Self:
        context = self.connection.ssl_context()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=self._connections, ssl=context or False, enable_cleanup_closed=NEEDS_CLEANUP_CLOSED
            ),
            headers={"User-Agent": self._user_agent, "Accept": JSON},
            timeout=self._timeout,
            auto_decompress=True,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None
            # Aborted connections are closed by the loop's next turn; it may be the last one it gets.
            await asyncio.sleep(0)

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | list[Any] | None = None,
        content_type: str = JSON,
    ) -> Json:
        """The parsed answer of one request. `path` starts with a slash. Raises ApiError's subclasses."""
        data = None if body is None else orjson.dumps(body)
        for attempt in (1, 2):
            raw, status, retry_after = await self._send(method, path, params, data, content_type)
            if status == 401 and attempt == 1:
                self._token_read_at = float("-inf")
                continue
            if status >= 400:
                raise errors.from_status(status, _parse_status(raw), retry_after)
            return parse_object(raw)
        raise AssertionError("unreachable")

    async def get(self, resource: Resource, namespace: str | None, name: str) -> Json:
        """The object as etcd has it now."""
        return await self.request("GET", resource.path(namespace, name))

    async def create(
        self, resource: Resource, namespace: str | None, body: Mapping[str, Any], *, dry_run: bool = False
    ) -> Json:
        """Unknown fields are refused, never dropped."""
        params = {"fieldValidation": "Strict"} | ({"dryRun": "All"} if dry_run else {})
        return await self.request("POST", resource.path(namespace), params=params, body=body)

    async def patch(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        body: Mapping[str, Any] | list[Any],
        *,
        subresource: str | None = None,
    ) -> Json:
        """A JSON merge patch for a mapping, a JSON patch for a list of operations."""
        content_type = JSON_PATCH if isinstance(body, list) else MERGE_PATCH
        path = resource.path(namespace, name, subresource)
        return await self.request(
            "PATCH", path, params={"fieldValidation": "Strict"}, body=body, content_type=content_type
        )

    async def delete(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        *,
        propagation: str = "Background",
        uid: str | None = None,
        resource_version: str | None = None,
    ) -> Json:
        """`propagation` is always sent: batch/v1 orphans pods by default. Preconditions where given."""
        preconditions = {
            key: value for key, value in (("uid", uid), ("resourceVersion", resource_version)) if value
        }
        body: Json = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": propagation}
        if preconditions:
            body["preconditions"] = preconditions
        return await self.request("DELETE", resource.path(namespace, name), body=body)

    async def list_pages(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        label_selector: str | None = None,
        field_selector: str | None = None,
        page_size: int = LIST_PAGE_SIZE,
        resource_version: str | None = None,
    ) -> AsyncIterator[Json]:
        """The pages of a list, each as the server sent it. Without `resource_version`: quorum-consistent.

        Raises Gone when the list took longer than etcd keeps its snapshot: begin again.
        """
        params = {"limit": str(page_size)}
        if label_selector:
            params["labelSelector"] = label_selector
        if field_selector:
            params["fieldSelector"] = field_selector
        if resource_version is not None:
            params["resourceVersion"] = resource_version
        while True:
            page = await self.request("GET", resource.path(namespace), params=params)
            yield page
            token = page.get("metadata", {}).get("continue")
            if not token:
                return
            params["continue"] = token
            params.pop("resourceVersion", None)

    @contextlib.asynccontextmanager
    async def open(
        self, path: str, params: Mapping[str, str], *, read_timeout_seconds: float | None = None
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """A long answer, opened: a refusal is raised at once, bytes come as the server sends them."""
        timeout = aiohttp.ClientTimeout(sock_connect=CONNECT_TIMEOUT_SECONDS, sock_read=read_timeout_seconds)
        try:
            response = await self._open().get(
                self.connection.server + path, params=params, headers=self._authorization(), timeout=timeout
            )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise errors.Unavailable(0, "ConnectionLost", f"GET {path}: {_describe(error)}") from error
        async with response:
            if response.status >= 400:
                refusal = b"".join([chunk async for chunk in _chunks(response)])
                raise errors.from_status(response.status, _parse_status(refusal))
            try:
                yield _chunks(response)
            finally:
                # Left before its end, as a watch always is: a goodbye by TLS would outlive the client.
                if response.connection is not None and response.connection.transport is not None:
                    response.connection.transport.abort()

    async def stream(
        self, path: str, params: Mapping[str, str], *, read_timeout_seconds: float | None = None
    ) -> AsyncIterator[bytes]:
        """The lines of a long answer (a watch), each with its line end. A line may be of any length:
        a definition with its source is longer than aiohttp's own lines may be."""
        async with self.open(path, params, read_timeout_seconds=read_timeout_seconds) as chunks:
            rest = b""
            async for chunk in chunks:
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    yield line + b"\n"
            if rest:
                yield rest

    async def _send(
        self, method: str, path: str, params: Mapping[str, str] | None, data: bytes | None, content_type: str
    ) -> tuple[bytes, int, float | None]:
        headers = self._authorization()
        if data is not None:
            headers["Content-Type"] = content_type
        try:
            async with self._open().request(
                method, self.connection.server + path, params=params, data=data, headers=headers
            ) as response:
                return await response.read(), response.status, _retry_after(response)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise errors.Unavailable(0, "ConnectionLost", f"{method} {path}: {_describe(error)}") from error

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("KubeClient is used outside its `async with`")
        return self._session

    def _authorization(self) -> dict[str, str]:
        now = time.monotonic()
        if now - self._token_read_at > TOKEN_LIFETIME_SECONDS:
            try:
                self._token = self.connection.token()
            except ConfigError as error:
                raise errors.Unavailable(0, "NoToken", str(error)) from error
            self._token_read_at = now
        return {"Authorization": f"Bearer {self._token}"} if self._token else {}


async def _chunks(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    try:
        async for chunk in response.content.iter_any():
            yield chunk
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise errors.Unavailable(0, "ConnectionLost", _describe(error)) from error


def _describe(error: BaseException) -> str:
    if isinstance(error, asyncio.TimeoutError):
        return "no answer in time"
    return str(error) or type(error).__name__


def _retry_after(response: aiohttp.ClientResponse) -> float | None:
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isdigit() else None


def _parse_status(raw: bytes) -> Json:
    """The Status object of a refusal; a proxy in between may have sent something else."""
    try:
        parsed = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return {"message": raw[:200].decode("utf-8", "replace")}
    return parsed if isinstance(parsed, dict) else {"message": str(parsed)[:200]}


def parse_object(raw: bytes) -> Json:
    """JSON of an object. Raises Unavailable: what sends anything else is not an API server at work."""
    try:
        parsed = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise errors.Unavailable(0, "BadAnswer", f"the answer is not JSON: {raw[:100]!r}") from error
    if not isinstance(parsed, dict):
        raise errors.Unavailable(0, "BadAnswer", f"the answer is not an object: {raw[:100]!r}")
    return parsed
