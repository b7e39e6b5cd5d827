"""Long answers: a watch's lines of any length, a refusal before the first byte, a connection that breaks."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from kubernetes.client import Configuration
from mljob.api import errors, names
from mljob.controller.ports import Json, Kind
from mljob.kube.client import KubeClient
from mljob.kube.cluster import KubeCluster
from mljob.kube.config import Connection

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def client_of(handler: Handler) -> AsyncIterator[KubeClient]:
    """A client of a server on a free port that answers every request by `handler`."""
    app = web.Application()
    app.router.add_get("/{path:.*}", handler)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    configuration = Configuration()
    configuration.host = f"http://{host}:{port}"
    try:
        async with KubeClient(Connection(configuration, "default")) as client:
            yield client
    finally:
        await runner.cleanup()


def streaming(*chunks: bytes, then_break: bool = False) -> Handler:
    """Sends the chunks, then ends the answer, or drops the connection."""

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for chunk in chunks:
            await response.write(chunk)
        if then_break:
            assert request.transport is not None
            request.transport.abort()
        return response

    return handler


async def lines_of(client: KubeClient) -> list[bytes]:
    return [line async for line in client.stream("/watch", {})]


@pytest.mark.parametrize(
    ("chunks", "lines"),
    [
        ((b"a\n", b"b\n"), [b"a\n", b"b\n"]),
        ((b"a\nb", b"c\n"), [b"a\n", b"bc\n"]),
        ((b"a\r\nb",), [b"a\r\n", b"b"]),
        ((b"", b""), []),
        # aiohttp's own line reader gives up beyond 128 KiB; a definition may carry 512 KiB of source.
        ((b"x" * 600_000, b"\ny\n"), [b"x" * 600_000 + b"\n", b"y\n"]),
    ],
)
async def test_stream_yields_whole_lines(chunks: tuple[bytes, ...], lines: list[bytes]) -> None:
    async with client_of(streaming(*chunks)) as client:
        assert await lines_of(client) == lines


async def test_open_raises_a_refusal_before_the_first_byte() -> None:
    async def refuse(_: web.Request) -> web.StreamResponse:
        return web.json_response({"reason": "Expired", "message": "too old"}, status=410)

    async with client_of(refuse) as client:
        with pytest.raises(errors.Gone, match="too old"):
            async with client.open("/watch", {}):
                pytest.fail("opened")


async def test_a_refusal_that_breaks_off_is_a_lost_connection() -> None:
    async def refuse(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=500, headers={"Content-Length": "100"})
        await response.prepare(request)
        await response.write(b'{"reason": ')
        assert request.transport is not None
        request.transport.abort()
        return response

    async with client_of(refuse) as client:
        with pytest.raises(errors.Unavailable):
            await lines_of(client)


async def test_stream_says_that_the_connection_was_lost() -> None:
    async with client_of(streaming(b"a\n", then_break=True)) as client:
        with pytest.raises(errors.Unavailable):
            await lines_of(client)


async def test_stream_says_that_nothing_came_in_time() -> None:
    async def silent(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await asyncio.Event().wait()
        return response

    async with client_of(silent) as client:
        lines = client.stream("/watch", {}, read_timeout_seconds=0.05)
        with pytest.raises(errors.Unavailable):
            await anext(lines)


async def changes_of(
    client: KubeClient, kind: Kind = "Pod", scope: str | None = "team"
) -> list[tuple[str, Json]]:
    return [change async for change in KubeCluster(client).watch(kind, scope, 7)]


async def test_a_watch_asks_for_what_concerns_us_from_where_it_was() -> None:
    asked: list[tuple[str, dict[str, str]]] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        asked.append((request.path, dict(request.query)))
        return await streaming(b'{"type": "ADDED", "object": {"kind": "Pod"}}\n')(request)

    async with client_of(handler) as client:
        assert await changes_of(client) == [("ADDED", {"kind": "Pod"})]
        await changes_of(client, "MlJob", None)
    (pods, selection), (mljobs, everything) = asked
    assert pods == "/api/v1/namespaces/team/pods"
    assert mljobs == "/apis/mljob.dev/v1alpha1/mljobs"
    assert (selection["resourceVersion"], selection["labelSelector"]) == ("7", names.LABEL_UID)
    assert "labelSelector" not in everything


async def test_a_watch_whose_version_is_forgotten_meanwhile_says_so() -> None:
    status = b'{"type": "ERROR", "object": {"code": 410, "reason": "Expired", "message": "too old"}}\n'
    async with client_of(streaming(status)) as client:
        with pytest.raises(errors.Gone, match="too old"):
            await changes_of(client)


async def test_a_watch_that_brings_no_json_is_a_lost_one() -> None:
    async with client_of(streaming(b"<html>\n")) as client:
        with pytest.raises(errors.Unavailable, match="not JSON"):
            await changes_of(client)
