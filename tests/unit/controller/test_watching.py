"""A watch goes on where it was; it lists again only when the server has forgotten what came after."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence

import pytest
from mljob.api import errors
from mljob.controller import watching
from mljob.controller.ports import Json, Kind
from mljob.controller.watching import Watch

from tests.unit.controller.fakes import FakeCluster

GONE = errors.Gone(410, "Expired", "too old resource version")
AWAY = errors.Unavailable(0, "ConnectionLost", "no answer in time")
Script = Sequence[tuple[str, int] | errors.ApiError]


def event(event_type: str, version: int) -> tuple[str, Json]:
    return event_type, {"metadata": {"resourceVersion": str(version)}}


class ScriptedCluster(FakeCluster):
    """Answers each watch with the next script, and the one after the last never."""

    def __init__(self, *scripts: Script) -> None:
        super().__init__()
        self._scripts: Iterator[Script] = iter(scripts)
        self.asked: list[int] = []
        self.all_told = asyncio.Event()

    async def watch(self, kind: Kind, scope: str | None, version: int) -> AsyncIterator[tuple[str, Json]]:
        self.asked.append(version)
        script = next(self._scripts, None)
        if script is None:
            self.all_told.set()
            await asyncio.Event().wait()
        for item in script or ():
            if isinstance(item, errors.ApiError):
                raise item
            yield event(*item)


async def watched(
    cluster: ScriptedCluster, lists: Sequence[int | errors.ApiError] = ()
) -> list[tuple[str, int]]:
    """What was observed, from version 10 on, until the scripts are at their end."""
    seen: list[tuple[str, int]] = []
    answers = iter(lists)

    async def observe(kind: Kind, event_type: str, body: Json) -> None:
        seen.append((event_type, int(body["metadata"]["resourceVersion"])))

    async def list_again() -> int:
        answer = next(answers)
        if isinstance(answer, errors.ApiError):
            raise answer
        return answer

    task = asyncio.create_task(Watch(cluster, "Pod", "team", observe, list_again).run(10))
    async with asyncio.timeout(5):
        await cluster.all_told.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    return seen


@pytest.fixture(autouse=True)
def delays(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many failures in a row each pause was for; no pause takes any time."""
    asked: list[int] = []

    def delay(failures: int, _: float | None) -> float:
        asked.append(failures)
        return 0.0

    monkeypatch.setattr(watching, "request_delay_seconds", delay)
    return asked


async def test_a_watch_that_the_server_ends_goes_on_after_its_last_event(delays: list[int]) -> None:
    cluster = ScriptedCluster([("ADDED", 11), ("MODIFIED", 14)], [("DELETED", 15)])
    assert await watched(cluster) == [("ADDED", 11), ("MODIFIED", 14), ("DELETED", 15)]
    assert cluster.asked == [10, 14, 15]
    assert delays == []


async def test_a_lost_connection_is_taken_up_where_it_was_and_not_at_once(delays: list[int]) -> None:
    cluster = ScriptedCluster([("ADDED", 11), AWAY], [AWAY], [AWAY], [("ADDED", 12)])
    assert await watched(cluster) == [("ADDED", 11), ("ADDED", 12)]
    assert cluster.asked == [10, 11, 11, 11, 12]
    assert delays == [1, 2, 3]


async def test_a_bookmark_spares_a_list(delays: list[int]) -> None:
    cluster = ScriptedCluster([("BOOKMARK", 90)], [])
    await watched(cluster)
    assert cluster.asked == [10, 90, 90]


async def test_a_version_that_the_server_has_forgotten_is_replaced_by_a_list(delays: list[int]) -> None:
    cluster = ScriptedCluster([GONE], [("ADDED", 51)])
    assert await watched(cluster, lists=[AWAY, 50]) == [("ADDED", 51)]
    assert cluster.asked == [10, 50, 51]


async def test_a_watch_that_ends_at_once_does_not_spin(delays: list[int]) -> None:
    cluster = ScriptedCluster([], [], [("ADDED", 11)], [])
    await watched(cluster)
    assert delays == [1, 2, 1]
