"""The log of an attempt: from its pod through the API server, or what the store kept of it."""

import contextlib
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, Self

from mljob.api import errors
from mljob.api import names as terms
from mljob.core.records import AttemptRecord, JobRecord
from mljob.kube.resources import PODS, Resource
from mljob.server.jobs import Jobs
from mljob.server.problems import LogGone, NoLog, StoreAway, from_api_error

log = logging.getLogger(__name__)


class LogSource(Protocol):
    """The part of KubeClient that this needs."""

    def list_pages(
        self, resource: Resource, namespace: str | None = None, *, label_selector: str | None = None
    ) -> AsyncIterator[dict[str, Any]]: ...

    def open(
        self, path: str, params: Mapping[str, str]
    ) -> contextlib.AbstractAsyncContextManager[AsyncIterator[bytes]]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRequest:
    """`attempt` None: the latest. `tail_lines` None: all."""

    attempt: int | None = None
    follow: bool = False
    tail_lines: int | None = None
    timestamps: bool = False


class LogText:
    """An open log. Iterate inside `async with`; leaving it closes the connection to the API server."""

    def __init__(
        self, chunks: AsyncIterator[bytes], stack: contextlib.AsyncExitStack, *, from_pod: bool
    ) -> None:
        self._chunks = chunks
        self._stack = stack
        self.from_pod = from_pod
        """False: the tail that the store kept"""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._chunks:
                yield chunk
        except errors.ApiError as error:
            # The answer has begun: its text is the only place left to say it.
            log.warning("log interrupted: %s", error)
            yield b"\n[mljob: the log was interrupted: the connection to the cluster was lost]\n"


class Logs:
    """Before, during and after the pod."""

    def __init__(self, kube: LogSource, jobs: Jobs) -> None:
        self._kube = kube
        self._jobs = jobs

    async def open(self, record: JobRecord, wanted: LogRequest) -> LogText:
        """Raises NoLog before there is one, LogGone when nothing is left of it."""
        try:
            attempts: Sequence[AttemptRecord] = await self._jobs.attempts(record)
        except StoreAway:
            attempts = ()
        number = wanted.attempt or max([record.attempt, *(attempt.attempt for attempt in attempts)])
        if number == 0:
            raise NoLog(f"Job {record.uid} has not started: {_state(record)}")
        row = next((attempt for attempt in attempts if attempt.attempt == number), None)
        if row is None and number > record.attempt:
            raise NoLog(f"Job {record.uid} has no attempt {number}; its latest is {record.attempt}.")
        pod = row.pod if row is not None and row.pod else await self._find_pod(record, number)
        text = await self._of_pod(record, pod, wanted) if pod else None
        return text or _kept(record, number, row, wanted)

    async def _of_pod(self, record: JobRecord, pod: str, wanted: LogRequest) -> LogText | None:
        """None: the pod is gone."""
        stack = contextlib.AsyncExitStack()
        try:
            path = PODS.path(record.namespace, pod, "log")
            chunks = await stack.enter_async_context(self._kube.open(path, _query(wanted)))
        except errors.NotFound:
            return None
        except errors.BadRequest as error:
            raise NoLog(f"The log of pod {pod} cannot be read yet: {error.message}") from error
        except errors.ApiError as error:
            raise from_api_error(error, f"read the log of pod {pod}") from error
        return LogText(chunks, stack, from_pod=True)

    async def _find_pod(self, record: JobRecord, number: int) -> str | None:
        """By label: the row of an attempt follows its pod by a moment."""
        selector = f"{terms.LABEL_UID}={record.uid},{terms.LABEL_ATTEMPT}={number}"
        try:
            pods = [
                pod
                async for page in self._kube.list_pages(PODS, record.namespace, label_selector=selector)
                for pod in page["items"]
            ]
        except errors.ApiError as error:
            raise from_api_error(error, "list the attempt's pods") from error
        newest = max(pods, key=lambda pod: str(pod["metadata"]["creationTimestamp"]), default=None)
        return newest["metadata"]["name"] if newest else None


def _query(wanted: LogRequest) -> dict[str, str]:
    query = {"container": terms.MAIN_CONTAINER}
    if wanted.follow:
        query["follow"] = "true"
    if wanted.tail_lines is not None:
        query["tailLines"] = str(wanted.tail_lines)
    if wanted.timestamps:
        query["timestamps"] = "true"
    return query


def _kept(record: JobRecord, number: int, row: AttemptRecord | None, wanted: LogRequest) -> LogText:
    if row is None or (row.pod is None and not row.finished):
        raise NoLog(f"Attempt {number} of job {record.uid} has no pod yet: {_state(record)}")
    if row.log_tail is None:
        raise LogGone(f"The pod of attempt {number} of job {record.uid} is gone, and its log was not kept.")
    lines = row.log_tail.splitlines(keepends=True)
    kept = lines if wanted.tail_lines is None else lines[len(lines) - min(wanted.tail_lines, len(lines)) :]
    return LogText(_one("".join(kept).encode()), contextlib.AsyncExitStack(), from_pod=False)


async def _one(chunk: bytes) -> AsyncIterator[bytes]:
    yield chunk


def _state(record: JobRecord) -> str:
    because = f" ({record.reason}: {record.message})" if record.reason else ""
    return f"it is {record.phase.value}{because}."
