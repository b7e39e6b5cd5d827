"""When objects of a namespace end, as one watch sees it. The same watch for the subject and for its peer."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import orjson
from mljob.api import errors
from mljob.kube.client import KubeClient
from mljob.kube.resources import JOBS, MLJOBS, Resource

Json = dict[str, Any]
STALL_SECONDS = 120.0
FINAL_FAILURES = frozenset({"Failed", "TimedOut", "Canceled"})


class UnexpectedEndError(Exception):
    """A no-op has failed, or nothing ends any more: there is nothing to measure."""


class Ends:
    """uids and the moment at which each was seen to have succeeded (monotonic seconds)."""

    def __init__(self, namespace: str, resource: Resource) -> None:
        self._namespace = namespace
        self._resource = resource
        self._succeeded: Callable[[Json], bool] = mljob_succeeded if resource is MLJOBS else job_succeeded
        self._changed = asyncio.Event()
        self._failure: Exception | None = None
        self.at: dict[str, float] = {}
        self.watches_lost = 0

    async def wait_count(self, count: int) -> float:
        """Until so many have ended; the moment of the last one."""
        await self._wait(lambda: len(self.at) >= count, f"{count} {self._resource.plural}")
        return max(self.at.values())

    async def wait_uid(self, uid: str) -> float:
        """Until this one has ended; the moment."""
        await self._wait(lambda: uid in self.at, f"{self._resource.kind} {uid}")
        return self.at[uid]

    async def _wait(self, there: Callable[[], bool], what: str) -> None:
        while not there():
            if self._failure is not None:
                raise self._failure
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), STALL_SECONDS)
            except TimeoutError:
                raise UnexpectedEndError(
                    f"nothing has ended for {STALL_SECONDS:.0f} s in namespace {self._namespace}, "
                    f"{len(self.at)} have; waited for {what}"
                ) from None

    async def follow(self, client: KubeClient, version: str) -> None:
        """Watch until cancelled; a watch that the server ends is begun anew, from a list."""
        path = self._resource.path(self._namespace)
        try:
            while True:
                params = {"watch": "1", "resourceVersion": version}
                async for line in client.stream(path, params):
                    event = orjson.loads(line)
                    if event["type"] == "ERROR":
                        break
                    self._take(event["object"])
                self.watches_lost += 1
                listed = await client.request("GET", path)
                for body in listed["items"]:
                    self._take(body)
                version = listed["metadata"]["resourceVersion"]
        except (UnexpectedEndError, errors.ApiError) as error:
            self._failure = error
            self._changed.set()

    def _take(self, body: Json) -> None:
        uid = body["metadata"]["uid"]
        if uid not in self.at and self._succeeded(body):
            self.at[uid] = time.monotonic()
            self._changed.set()


def mljob_succeeded(body: Json) -> bool:
    """Raises UnexpectedEndError for any other end."""
    status = body.get("status") or {}
    if status.get("phase") in FINAL_FAILURES:
        raise UnexpectedEndError(
            f"MlJob {body['metadata']['name']} ended {status['phase']}: {status.get('message')}"
        )
    return status.get("phase") == "Succeeded"


def job_succeeded(body: Json) -> bool:
    """Raises UnexpectedEndError for any other end."""
    for condition in (body.get("status") or {}).get("conditions") or ():
        if condition["type"] == "Failed" and condition["status"] == "True":
            raise UnexpectedEndError(f"Job {body['metadata']['name']} failed: {condition.get('message')}")
        if condition["type"] == "Complete" and condition["status"] == "True":
            return True
    return False


@asynccontextmanager
async def ends_of(client: KubeClient, namespace: str, resource: Resource) -> AsyncIterator[Ends]:
    """Watches `JOBS` or `MLJOBS` of a namespace from now on."""
    if resource not in (JOBS, MLJOBS):
        raise ValueError(f"expected Jobs or MlJobs, found {resource.plural}")
    listed = await client.request("GET", resource.path(namespace), params={"limit": "1"})
    ends = Ends(namespace, resource)
    task = asyncio.create_task(ends.follow(client, listed["metadata"]["resourceVersion"]))
    try:
        yield ends
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
