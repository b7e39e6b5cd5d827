"""Definitions kept by LIST and WATCH: what a submission finds, and what an API server may do meanwhile."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from mljob.api import errors
from mljob.kube.resources import DEFINITIONS, Resource
from mljob.server.definitions import Definitions
from mljob.server.problems import ClusterAway, UnknownJobName

Json = dict[str, Any]
WAIT_SECONDS = 20.0


def definition(name: str, *, uid: str = "", created: str = "10", **changes: Any) -> Json:
    status = changes.pop("status", None)
    reason = changes.pop("reason", "Because")
    condition = {"type": "Accepted", "status": status, "reason": reason, "message": "so"}
    judged = {"observedGeneration": changes.pop("judged", 1), "conditions": [condition]}
    return {
        "metadata": {
            "name": name,
            "namespace": changes.pop("namespace", "default"),
            "uid": uid or f"uid-{name}",
            "resourceVersion": changes.pop("version", "1"),
            "generation": changes.pop("generation", 1),
            "creationTimestamp": f"2026-11-22T06:00:{created}Z",
        },
        "spec": {"command": ["true"], **changes},
        "status": judged if status else {},
    }


@dataclass
class Cluster:
    """What an API server answers: lists from `items`, watches from a queue of events and errors."""

    items: list[Json] = field(default_factory=list)
    version: int = 1
    events: asyncio.Queue[Any] = field(default_factory=asyncio.Queue)
    lists: list[str | None] = field(default_factory=list)
    watched: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)
    list_error: errors.ApiError | None = None

    async def list_pages(self, resource: Resource, namespace: str | None = None) -> AsyncIterator[Json]:
        self.lists.append(namespace)
        if self.list_error is not None:
            raise self.list_error
        found = [item for item in self.items if namespace in (None, item["metadata"]["namespace"])]
        for start in range(0, len(found), 2):
            yield {"metadata": {"resourceVersion": str(self.version)}, "items": found[start : start + 2]}
        yield {"metadata": {"resourceVersion": str(self.version)}, "items": []}

    async def stream(
        self, path: str, params: Mapping[str, str], *, read_timeout_seconds: float | None = None
    ) -> AsyncIterator[bytes]:
        self.watched.append((path, params))
        while True:
            event = await self.events.get()
            if event is None:
                return
            if isinstance(event, Exception):
                raise event
            yield event if isinstance(event, bytes) else json.dumps(event).encode() + b"\n"

    def send(self, kind: str, item: Json, version: int) -> None:
        self.version = version
        item["metadata"]["resourceVersion"] = str(version)
        self.events.put_nowait({"type": kind, "object": item})


@dataclass
class Followed:
    cluster: Cluster
    definitions: Definitions

    async def until(self, condition: Any) -> None:
        async with asyncio.timeout(WAIT_SECONDS):
            while not condition():  # noqa: ASYNC110 - the state of another task
                await asyncio.sleep(0.005)

    async def name(self, job_name: str, namespace: str = "default") -> str | None:
        try:
            return (await self.definitions.resolve(namespace, job_name)).metadata.name
        except UnknownJobName:
            return None


@pytest.fixture
async def followed() -> AsyncIterator[Followed]:
    cluster = Cluster([definition("a"), definition("b"), definition("c", namespace="other")])
    made = Followed(cluster, Definitions(cluster))
    task = asyncio.create_task(made.definitions.follow())
    await made.until(lambda: made.definitions.listed)
    yield made
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_known_name_costs_no_request(followed: Followed) -> None:
    followed.cluster.lists.clear()
    assert await followed.name("a") == "a"
    assert await followed.name("c", "other") == "c"
    assert followed.cluster.lists == []


async def test_name_of_another_namespace_is_unknown(followed: Followed) -> None:
    assert await followed.name("c", "default") is None


async def test_definition_applied_a_moment_ago_is_found_by_a_list(followed: Followed) -> None:
    followed.cluster.items.append(definition("new"))
    assert await followed.name("new") == "new"
    assert followed.cluster.lists[-1] == "default"


async def test_added_changed_and_deleted(followed: Followed) -> None:
    followed.cluster.send("ADDED", definition("d"), 2)
    await followed.until(lambda: len(followed.definitions) == 4)
    followed.cluster.send("MODIFIED", definition("d", jobName="renamed"), 3)
    followed.cluster.send("DELETED", definition("a"), 4)
    await followed.until(lambda: len(followed.definitions) == 3)
    assert await followed.name("renamed") == "d"
    followed.cluster.items.clear()
    assert await followed.name("a") is None


async def test_watch_goes_on_where_it_ended(followed: Followed) -> None:
    followed.cluster.send("ADDED", definition("d"), 7)
    followed.cluster.send("BOOKMARK", {"metadata": {}}, 9)
    followed.cluster.events.put_nowait(None)
    await followed.until(lambda: len(followed.cluster.watched) == 2)
    assert followed.cluster.watched[1][1]["resourceVersion"] == "9"
    assert len(followed.cluster.lists) == 1


@pytest.mark.parametrize(
    "end",
    [
        errors.Gone(410, "Expired", "too old"),
        {"type": "ERROR", "object": {"code": 410, "reason": "Expired", "message": "too old"}},
    ],
)
async def test_version_that_is_too_old_is_listed_anew(followed: Followed, end: Any) -> None:
    followed.cluster.items = [definition("z")]
    followed.cluster.events.put_nowait(end)
    await followed.until(lambda: len(followed.definitions) == 1)
    assert await followed.name("z") == "z"


@pytest.mark.parametrize(
    "end", [errors.Unavailable(0, "ConnectionLost", "gone"), b'{"type": "MOD', b"<html>502</html>"]
)
async def test_lost_connection_is_resumed(followed: Followed, end: Any) -> None:
    """Also one that ends within a line, or behind a proxy that says something of its own."""
    followed.cluster.events.put_nowait(end)
    await followed.until(lambda: len(followed.cluster.watched) == 2)
    followed.cluster.send("ADDED", definition("d"), 2)
    await followed.until(lambda: len(followed.definitions) == 4)


async def test_definition_that_cannot_be_read_harms_no_other(
    followed: Followed, caplog: pytest.LogCaptureFixture
) -> None:
    followed.cluster.send("ADDED", definition("odd", someday="a field"), 2)
    followed.cluster.send("ADDED", definition("d"), 3)
    await followed.until(lambda: len(followed.definitions) == 4)
    assert await followed.name("odd") is None
    assert "default/odd cannot be read: spec.someday" in caplog.text


async def test_refused_one_takes_no_jobs_and_says_why(followed: Followed) -> None:
    followed.cluster.items.append(definition("bad", status="False"))
    with pytest.raises(UnknownJobName) as caught:
        await followed.definitions.resolve("default", "bad")
    assert caught.value.mlflow_detail == "Invalid job name: bad"
    assert caught.value.detail == (
        "Invalid job name: bad. Its MlJobDefinition in namespace 'default' was refused: Because: so. "
        "Mend it and apply it again."
    )
    assert caught.value.members["reason"] == "Because: so"


async def test_mended_one_is_found_before_the_watch_tells(followed: Followed) -> None:
    followed.cluster.send("ADDED", definition("d", status="False"), 2)
    await followed.until(lambda: len(followed.definitions) == 4)
    followed.cluster.items.append(definition("d", status="True"))
    assert await followed.name("d") == "d"


async def test_one_that_nobody_has_judged_yet_takes_jobs(followed: Followed) -> None:
    followed.cluster.items.append(definition("fresh"))
    assert await followed.name("fresh") == "fresh"


@pytest.mark.parametrize(
    "stale",
    [{"judged": 1, "generation": 2}, {"reason": "DuplicateJobName"}],
    ids=["its spec was mended", "the older one is gone"],
)
async def test_verdict_that_is_out_of_date_refuses_nothing(followed: Followed, stale: Json) -> None:
    """Until the operator has judged anew: as for one that nobody has judged yet."""
    followed.cluster.items.append(definition("mended", status="False", **stale))
    assert await followed.name("mended") == "mended"


async def test_of_two_with_one_job_name_the_older_then_the_lesser_uid(followed: Followed) -> None:
    followed.cluster.items += [
        definition("younger", jobName="twice", uid="1", created="30"),
        definition("older-b", jobName="twice", uid="3", created="20"),
        definition("older-a", jobName="twice", uid="2", created="20"),
    ]
    assert await followed.name("twice") == "older-a"


async def test_api_server_that_does_not_answer_is_not_an_unknown_name(followed: Followed) -> None:
    followed.cluster.list_error = errors.Unavailable(0, "ConnectionLost", "no answer in time")
    with pytest.raises(ClusterAway, match="no answer in time"):
        await followed.definitions.resolve("default", "unknown")
    assert await followed.name("a") == "a"


async def test_served_namespaces_are_listed_and_watched_alone() -> None:
    cluster = Cluster(
        [definition("a"), definition("c", namespace="other"), definition("x", namespace="third")]
    )
    made = Followed(cluster, Definitions(cluster, ("default", "other")))
    task = asyncio.create_task(made.definitions.follow())
    await made.until(lambda: made.definitions.listed and len(cluster.watched) == 2)
    assert sorted(map(str, cluster.lists)) == ["default", "other"]
    assert {path for path, _ in cluster.watched} == {
        DEFINITIONS.path("default"),
        DEFINITIONS.path("other"),
    }
    assert len(made.definitions) == 2
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
