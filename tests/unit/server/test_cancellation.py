"""Cancelling: what may happen between the look at a job and the patch, and while the operator is awaited."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from mljob.api import errors
from mljob.api.job import Phase
from mljob.kube.resources import Resource
from mljob.server.cancellation import Cancellations
from mljob.server.jobs import Found
from mljob.server.problems import AlreadyFinalized, ClusterAway, Refused

from tests.unit.server.test_objects import item as job_item
from tests.unit.server.test_views import ROW

PENDING = replace(ROW, phase=Phase.PENDING, attempt=0, result=None)


def item(phase: str = "Pending", **spec: Any) -> dict[str, Any]:
    made = job_item({"phase": phase}, **spec)
    made["metadata"]["resourceVersion"] = "1"
    return made


@dataclass
class World:
    """The one job there is, and what the API server answers to patches and watches."""

    found: Found
    patched_phase: str = "Pending"
    later: Found | None = None
    """what is found after the first patch; None: the same"""
    patch_error: errors.ApiError | None = None
    events: list[Any] = field(default_factory=list)
    patches: list[Mapping[str, Any]] = field(default_factory=list)

    async def current(self, job_id: str) -> Found:
        return self.later if self.later is not None and self.patches else self.found

    async def newest(self, found: Found, newer: dict[str, Any]) -> Found:
        return replace(found, record=replace(found.record, phase=Phase(newer["status"]["phase"])), item=newer)

    async def patch(
        self, resource: Resource, namespace: str | None, name: str, body: Mapping[str, Any]
    ) -> dict[str, Any]:
        self.patches.append(body)
        if self.patch_error is not None:
            raise self.patch_error
        return item(self.patched_phase, cancel=True)

    async def stream(self, path: str, params: Mapping[str, str]) -> AsyncIterator[bytes]:
        for event in self.events:
            if isinstance(event, Exception):
                raise event
            yield event if isinstance(event, bytes) else json.dumps(event).encode()
        await asyncio.Event().wait()

    async def cancel(self, settle_seconds: float = 0.01) -> tuple[Found, bool]:
        return await Cancellations(self, self, settle_seconds).cancel("id")  # type: ignore[arg-type]


def changed(phase: str) -> dict[str, Any]:
    return {"type": "MODIFIED", "object": item(phase, cancel=True)}


async def test_patch_names_the_uid() -> None:
    world = World(Found(PENDING, item=item()))
    _, is_first = await world.cancel()
    assert is_first
    assert world.patches == [{"metadata": {"uid": PENDING.uid}, "spec": {"cancel": True}}]


@pytest.mark.parametrize(
    ("events", "phase"),
    [
        ([], Phase.PENDING),
        ([changed("Pending")], Phase.PENDING),
        ([changed("Pending"), changed("Canceled")], Phase.CANCELED),
        ([changed("Succeeded")], Phase.SUCCEEDED),
        ([{"type": "DELETED", "object": item()}], Phase.PENDING),
        ([changed("Pending"), errors.Unavailable(0, "ConnectionLost", "gone")], Phase.PENDING),
        ([changed("Pending"), b'{"type": "MOD'], Phase.PENDING),
    ],
)
async def test_operator_is_waited_for_a_moment(events: list[Any], phase: Phase) -> None:
    world = World(Found(PENDING, item=item()), events=events)
    found, is_first = await world.cancel(settle_seconds=0.2)
    assert is_first
    assert found.record.phase is phase


async def test_running_job_is_waited_for_as_well() -> None:
    """The operator ends it at once; what takes its time is its pod."""
    world = World(Found(PENDING, item=item()), patched_phase="Running", events=[changed("Canceled")])
    found, _ = await world.cancel(settle_seconds=5.0)
    assert found.record.phase is Phase.CANCELED


async def test_job_that_ended_with_the_patch_is_waited_for_by_nobody() -> None:
    world = World(Found(PENDING, item=item()), patched_phase="Succeeded", events=[changed("Canceled")])
    found, _ = await world.cancel()
    assert found.record.phase is Phase.SUCCEEDED


GONE = errors.NotFound(404, "NotFound", "gone")
CONFLICT = errors.Conflict(409, "Conflict", "uid, or written by others at the same time")


@pytest.mark.parametrize("error", [GONE, CONFLICT])
async def test_object_that_went_meanwhile_ends_in_canceled_by_itself(error: errors.ApiError) -> None:
    world = World(Found(PENDING, item=item()), later=Found(PENDING), patch_error=error)
    assert await world.cancel() == (world.later, False)


async def test_job_that_ended_meanwhile_is_refused() -> None:
    ended = replace(ROW, phase=Phase.SUCCEEDED)
    world = World(Found(PENDING, item=item()), later=Found(ended), patch_error=CONFLICT)
    with pytest.raises(AlreadyFinalized, match="already finalized with status: SUCCEEDED"):
        await world.cancel()


async def test_job_that_others_keep_writing_is_not_taken_for_canceled() -> None:
    world = World(Found(PENDING, item=item()), patch_error=CONFLICT)
    with pytest.raises(ClusterAway, match="try again"):
        await world.cancel()
    assert len(world.patches) > 1


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (errors.Forbidden(403, "Forbidden", "no"), Refused),
        (errors.Unavailable(0, "ConnectionLost", "gone"), ClusterAway),
    ],
)
async def test_refusal_of_the_cluster(error: errors.ApiError, problem: type[Exception]) -> None:
    with pytest.raises(problem):
        await World(Found(PENDING, item=item()), patch_error=error).cancel()


@pytest.mark.parametrize("found", [Found(PENDING), Found(PENDING, item=item(cancel=True))])
async def test_nothing_is_patched_twice_or_without_an_object(found: Found) -> None:
    world = World(found)
    assert await world.cancel() == (found, False)
    assert world.patches == []


async def test_final_job_is_refused() -> None:
    world = World(Found(replace(ROW, phase=Phase.TIMED_OUT), item=item("TimedOut")))
    with pytest.raises(AlreadyFinalized, match="already finalized with status: TIMEOUT"):
        await world.cancel()
    assert world.patches == []
