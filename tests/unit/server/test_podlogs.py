"""Logs before, during and after the pod, through the real client from a server that plays the API server."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from aiohttp import web
from kubernetes.client import Configuration
from mljob.api.job import Phase
from mljob.core.records import AttemptRecord, JobRecord, Rank
from mljob.kube.client import KubeClient
from mljob.kube.config import Connection
from mljob.server.log_answer import LogAnswer
from mljob.server.podlogs import LogRequest, Logs
from mljob.server.problems import ClusterAway, LogGone, NoLog, Refused, StoreAway

WAIT_SECONDS = 20.0
ROW = JobRecord(
    uid="5f0c4d7e-0000-4000-8000-000000000000",
    cluster="c",
    namespace="jobs",
    name="job-1",
    job_name="job",
    creation_time_ms=0,
    attempt=2,
    rank=Rank.RUNNING,
    phase=Phase.RUNNING,
    last_update_time_ms=0,
)
WAITING = replace(ROW, attempt=0, phase=Phase.PENDING, reason="Queued", message="3 jobs are before it")


@dataclass
class ApiServer:
    """Pods by name to their logs; an open log ends when `end` is set."""

    logs: dict[str, bytes] = field(default_factory=dict)
    pods: list[dict[str, Any]] = field(default_factory=list)
    refusal: int | None = None
    end: asyncio.Event = field(default_factory=asyncio.Event)
    queries: list[dict[str, str]] = field(default_factory=list)
    left: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.queries.append(dict(request.query))
        parts = request.path.strip("/").split("/")
        if self.refusal is not None:
            return status(self.refusal)
        if parts[-1] == "pods":
            return web.json_response({"metadata": {}, "items": self.pods})
        log = self.logs.get(parts[-2])
        if log is None:
            return status(404)
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(log)
        if request.query.get("follow") == "true":
            try:
                await self.end.wait()
            finally:
                self.left.set()
            await response.write(b"last words\n")
        return response


def status(code: int) -> web.Response:
    reasons = {400: "BadRequest", 403: "Forbidden", 404: "NotFound", 503: "ServiceUnavailable"}
    message = 'container "main" in pod "p" is waiting to start: ContainerCreating'
    return web.json_response({"reason": reasons[code], "message": message}, status=code)


class Rows:
    """The rows of attempts."""

    def __init__(self, *attempts: AttemptRecord, away: bool = False) -> None:
        self._attempts = attempts
        self._away = away

    async def attempts(self, _: JobRecord) -> tuple[AttemptRecord, ...]:
        if self._away:
            raise StoreAway("no.")
        return self._attempts


def attempt(number: int, **fields: Any) -> AttemptRecord:
    known = {"finished": False, "job": f"job-1-{number}", "pod": f"pod-{number}", **fields}
    return AttemptRecord(uid=ROW.uid, cluster="c", attempt=number, **known)


@pytest.fixture
async def server() -> ApiServer:
    return ApiServer()


@pytest.fixture
async def kube(server: ApiServer) -> AsyncIterator[KubeClient]:
    app = web.Application()
    app.router.add_get("/{path:.*}", server.answer)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    configuration = Configuration()
    configuration.host = f"http://{host}:{port}"
    async with KubeClient(Connection(configuration, "jobs")) as client:
        yield client
    await runner.cleanup()


async def read(kube: KubeClient, rows: Rows, record: JobRecord = ROW, **wanted: Any) -> tuple[bytes, bool]:
    logs = Logs(kube, rows)  # type: ignore[arg-type]
    async with await logs.open(record, LogRequest(**wanted)) as text:
        return b"".join([chunk async for chunk in text]), text.from_pod


async def test_latest_attempts_pod_by_default(kube: KubeClient, server: ApiServer) -> None:
    server.logs = {"pod-1": b"one\n", "pod-2": b"two\n"}
    assert await read(kube, Rows(attempt(1), attempt(2))) == (b"two\n", True)
    assert await read(kube, Rows(attempt(1), attempt(2)), attempt=1) == (b"one\n", True)


async def test_container_and_options_are_passed_on(kube: KubeClient, server: ApiServer) -> None:
    server.logs = {"pod-2": b"two\n"}
    await read(kube, Rows(attempt(2)), tail_lines=5, timestamps=True)
    assert server.queries == [{"container": "main", "tailLines": "5", "timestamps": "true"}]


@pytest.mark.parametrize("rows", [Rows(), Rows(attempt(2, pod=None)), Rows(away=True)])
async def test_pod_that_no_row_names_is_found_by_label(
    kube: KubeClient, server: ApiServer, rows: Rows
) -> None:
    server.pods = [
        {"metadata": {"name": "old", "creationTimestamp": "2026-01-01T00:00:00Z"}},
        {"metadata": {"name": "new", "creationTimestamp": "2026-01-01T00:00:01Z"}},
    ]
    server.logs = {"new": b"text"}
    assert await read(kube, rows) == (b"text", True)
    assert server.queries[0]["labelSelector"] == f"mljob.dev/uid={ROW.uid},mljob.dev/attempt=2"


async def test_before_the_first_attempt(kube: KubeClient) -> None:
    with pytest.raises(NoLog, match=r"has not started: it is Pending \(Queued: 3 jobs are before it\)"):
        await read(kube, Rows(), WAITING)


async def test_before_the_pod(kube: KubeClient) -> None:
    with pytest.raises(NoLog, match=r"Attempt 2 of job .* has no pod yet"):
        await read(kube, Rows(attempt(2, pod=None)))


async def test_before_the_container(kube: KubeClient, server: ApiServer) -> None:
    server.refusal = 400
    with pytest.raises(NoLog, match="waiting to start: ContainerCreating"):
        await read(kube, Rows(attempt(2)))


async def test_attempt_that_never_was(kube: KubeClient) -> None:
    with pytest.raises(NoLog, match="has no attempt 3; its latest is 2"):
        await read(kube, Rows(attempt(2)), attempt=3)


@pytest.mark.parametrize(
    ("tail_lines", "kept"), [(None, b"a\nb\nc"), (2, b"b\nc"), (9, b"a\nb\nc"), (0, b"")]
)
async def test_tail_that_was_kept_of_a_pod_that_is_gone(
    kube: KubeClient, tail_lines: int | None, kept: bytes
) -> None:
    rows = Rows(attempt(2, finished=True, log_tail="a\nb\nc"))
    assert await read(kube, rows, tail_lines=tail_lines) == (kept, False)


async def test_pod_that_is_gone_without_a_trace(kube: KubeClient) -> None:
    with pytest.raises(LogGone, match="its log was not kept"):
        await read(kube, Rows(attempt(2, finished=True)))


@pytest.mark.parametrize(("code", "problem"), [(403, Refused), (503, ClusterAway)])
async def test_refusal_of_the_api_server(
    kube: KubeClient, server: ApiServer, code: int, problem: type[Exception]
) -> None:
    server.refusal = code
    with pytest.raises(problem):
        await read(kube, Rows(attempt(2)))


async def test_followed_log_ends_with_the_container(kube: KubeClient, server: ApiServer) -> None:
    server.logs = {"pod-2": b"first\n"}
    reading = asyncio.create_task(read(kube, Rows(attempt(2)), follow=True))
    server.end.set()
    assert await reading == (b"first\nlast words\n", True)


async def test_caller_that_leaves_a_silent_log_ends_it(kube: KubeClient, server: ApiServer) -> None:
    """Nothing is sent any more, so that only the connection itself can tell."""
    server.logs = {"pod-2": b"first\n"}
    logs = Logs(kube, Rows(attempt(2)))  # type: ignore[arg-type]
    answer = LogAnswer(await logs.open(ROW, LogRequest(follow=True)))
    seen = asyncio.Event()
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)
        if message.get("body"):
            seen.set()

    async def receive() -> Any:
        await seen.wait()
        return {"type": "http.disconnect"}

    async with asyncio.timeout(WAIT_SECONDS):
        await answer({"type": "http", "method": "GET", "asgi": {"spec_version": "2.4"}}, receive, send)
        await server.left.wait()
    assert sent[0]["status"] == 200
    assert dict(sent[0]["headers"])[b"mljob-log-source"] == b"pod"
    assert sent[1]["body"] == b"first\n"


async def test_connection_that_breaks_is_told_in_the_text(kube: KubeClient, server: ApiServer) -> None:
    server.logs = {"pod-2": b"first\n"}
    logs = Logs(kube, Rows(attempt(2)))  # type: ignore[arg-type]
    async with await logs.open(ROW, LogRequest(follow=True)) as text:
        chunks = aiter(text)
        assert await anext(chunks) == b"first\n"
        session = kube._session
        assert session is not None
        assert session.connector is not None
        for protocol in list(session.connector._acquired):
            assert protocol.transport is not None
            protocol.transport.abort()
        assert b"the log was interrupted" in await anext(chunks)
