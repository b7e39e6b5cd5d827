"""Comparison with lists: what is dropped, and what must not be."""

from collections.abc import AsyncIterator

import pytest
from mljob.controller.definitions import Definitions
from mljob.controller.mirror import Mirror
from mljob.controller.ports import Json, Kind, Page
from mljob.controller.resync import Resync
from mljob.controller.view import View
from mljob.core.status_patch import format_time

from tests.unit.controller.fakes import Clock, FakeCluster, FakeStore, StoreDown, StoreRefuses
from tests.unit.controller.objects import NOW, a_pod, an_mljob


class ListedCluster(FakeCluster):
    """Answers every list with the same pages."""

    def __init__(self, *pages: Page) -> None:
        super().__init__()
        self._pages = pages

    async def list_all(self, kind: Kind) -> AsyncIterator[Page]:
        for page in self._pages:
            yield page


def resync_of(view: View, cluster: FakeCluster) -> Resync:
    store, clock = FakeStore(), Clock()
    mirror = Mirror(store, StoreDown, StoreRefuses, lambda *_: None, lambda _: None)
    definitions = Definitions(lambda _: None, lambda _: None)

    async def gone(_: object) -> None: ...

    return Resync(view, definitions, cluster, store, mirror, "cluster", gone, clock)


async def test_a_pod_that_came_while_another_namespace_was_listed_is_kept() -> None:
    view = View(on_job=lambda _: None, on_slot=lambda _: None)
    pod: Json = a_pod("train", version=15)
    cluster = ListedCluster(Page([], 10, "team-a"), Page([], 20, "team-b"))
    resync = resync_of(view, cluster)
    view.upsert_pod(pod)
    await resync.compare(["Pod"])
    assert [each["metadata"]["uid"] for each in view.pod_identities()] == [pod["metadata"]["uid"]]
    assert resync.listed["Pod"] == {"team-a": 10, "team-b": 20}


async def test_a_pod_that_every_list_is_newer_than_and_none_has_is_dropped() -> None:
    view = View(on_job=lambda _: None, on_slot=lambda _: None)
    view.upsert_pod(a_pod("train", version=5))
    await resync_of(view, ListedCluster(Page([], 10, "team-a"), Page([], 20, "team-b"))).compare(["Pod"])
    assert view.pod_identities() == []


@pytest.mark.parametrize(
    ("known", "listed", "changed", "lost"),
    [
        pytest.param(None, 7, NOW - 61, 1, id="created a while ago and never heard of"),
        pytest.param(None, 7, NOW - 59, 0, id="just created: its event is on its way"),
        pytest.param(7, 7, NOW - 600, 0, id="known"),
        pytest.param(5, 7, NOW - 61, 1, id="edited a while ago, and the edit never heard of"),
        pytest.param(5, 7, NOW - 59, 0, id="just edited"),
        pytest.param(9, 7, NOW - 600, 0, id="the view is ahead of the list"),
    ],
)
async def test_what_a_watch_should_have_brought_is_counted(
    known: int | None, listed: int, changed: float, lost: int
) -> None:
    view = View(on_job=lambda _: None, on_slot=lambda _: None)
    if known is not None:
        view.upsert_job(an_mljob(version=known, created=NOW - 1000))
    body = an_mljob(version=listed, created=changed if known is None else NOW - 1000)
    if known is not None:
        body["metadata"]["managedFields"] = [{"time": format_time(NOW - 900)}, {"time": format_time(changed)}]
    resync = resync_of(view, ListedCluster(Page([body], 10)))
    assert (await resync.compare(["MlJob"]))["MlJob"] == lost
    assert (await resync.compare(["MlJob"]))["MlJob"] == 0
