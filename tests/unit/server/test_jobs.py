"""Jobs that have no row: found by their objects, at a bounded cost, and never taken for others."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from mljob.api import errors
from mljob.api.job import Phase
from mljob.core.records import JobRecord
from mljob.kube.resources import Resource
from mljob.server import jobs as jobs_module
from mljob.server.jobs import Jobs
from mljob.server.problems import ClusterAway, JobNotFound, Problem, Refused, StoreAway

from tests.unit.server.test_objects import item as job_item
from tests.unit.server.test_views import ROW

KNOWN = "aaaaaaaa-0000-4000-8000-000000000001"
UNKNOWN = "22222222-0000-4000-8000-000000000000"
LOST = errors.Unavailable(0, "ConnectionLost", "no answer in time")


@dataclass
class Cluster:
    """Objects by name; counts what it is asked."""

    items: dict[str, dict[str, Any]] = field(default_factory=dict)
    lists: list[str | None] = field(default_factory=list)
    gets: int = 0
    error: errors.ApiError | None = None
    list_error: errors.ApiError | None = None

    async def id(self) -> str:
        return "c"

    async def get(self, resource: Resource, namespace: str | None, name: str) -> dict[str, Any]:
        self.gets += 1
        if self.error is not None:
            raise self.error
        if name not in self.items:
            raise errors.NotFound(404, "NotFound", name)
        return self.items[name]

    async def list_pages(
        self, resource: Resource, namespace: str | None = None
    ) -> AsyncIterator[dict[str, Any]]:
        self.lists.append(namespace)
        if self.list_error is not None:
            raise self.list_error
        yield {
            "items": [one for one in self.items.values() if namespace in (None, one["metadata"]["namespace"])]
        }


@dataclass
class Ledger:
    """The rows that there are; `away` while the database is."""

    away: bool = False
    rows: dict[str, JobRecord] = field(default_factory=dict)
    waiting: dict[str, JobRecord] = field(default_factory=dict)

    async def get(self, uid: str) -> JobRecord | None:
        if self.away:
            raise StoreAway("gone.")
        return self.rows.get(uid)

    def unstored(self, uid: str) -> JobRecord | None:
        return self.waiting.get(uid)


class NoDefinitions:
    def known(self, namespace: str, job_name: str) -> None:
        return None


@dataclass
class World:
    cluster: Cluster = field(default_factory=Cluster)
    ledger: Ledger = field(default_factory=Ledger)
    now: float = 1000.0

    def jobs(self, *namespaces: str) -> Jobs:
        return Jobs(
            self.cluster,
            self.cluster,  # type: ignore[arg-type]
            NoDefinitions(),  # type: ignore[arg-type]
            self.ledger,  # type: ignore[arg-type]
            namespaces,
            lambda: self.now,
        )

    def put(self, name: str = "job-1", uid: str = KNOWN) -> None:
        made = job_item()
        made["metadata"] |= {"name": name, "uid": uid}
        self.cluster.items[name] = made


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize("away", [False, True])
async def test_object_without_a_row_is_found(world: World, away: bool) -> None:
    world.ledger.away = away
    world.put()
    found = await world.jobs().get(KNOWN)
    assert (found.record.uid, found.record.name, found.stored) == (KNOWN, "job-1", False)


@pytest.mark.parametrize(
    "job_id", ["", "x", KNOWN.upper(), KNOWN + "\n", f"{{{KNOWN}}}", KNOWN.replace("1", "١")]
)
async def test_what_is_no_uid_asks_nobody(world: World, job_id: str) -> None:
    with pytest.raises(JobNotFound):
        await world.jobs().get(job_id)
    assert world.cluster.lists == []


async def test_unknown_ids_share_one_list_per_second(world: World) -> None:
    jobs = world.jobs()
    for _ in range(5):
        with pytest.raises(JobNotFound):
            await jobs.get(UNKNOWN)
    assert len(world.cluster.lists) == 1
    world.put()
    world.now += jobs_module.LIST_SERVES_SECONDS + 0.1
    assert (await jobs.get(KNOWN)).record.uid == KNOWN
    assert len(world.cluster.lists) == 2


async def test_without_the_database_an_unknown_id_may_well_exist(world: World) -> None:
    world.ledger.away = True
    with pytest.raises(StoreAway):
        await world.jobs().get(UNKNOWN)


async def test_served_namespaces_are_listed_alone(world: World) -> None:
    world.put()
    with pytest.raises(JobNotFound):
        await world.jobs("a", "b").get(KNOWN)
    assert world.cluster.lists == ["a", "b"]


async def test_object_that_went_after_the_list(world: World) -> None:
    world.put()
    jobs = world.jobs()
    await jobs.get(KNOWN)
    del world.cluster.items["job-1"]
    with pytest.raises(JobNotFound):
        await jobs.get(KNOWN)


async def test_another_object_under_its_name_is_another_job(world: World) -> None:
    world.put()
    jobs = world.jobs()
    await jobs.get(KNOWN)
    world.put(uid=UNKNOWN)
    with pytest.raises(JobNotFound):
        await jobs.get(KNOWN)


@pytest.mark.parametrize("which", ["error", "list_error"])
async def test_cluster_that_does_not_answer_is_not_a_missing_job(world: World, which: str) -> None:
    world.put()
    setattr(world.cluster, which, LOST)
    with pytest.raises(ClusterAway, match="no answer in time"):
        await world.jobs().get(KNOWN)


async def test_accepted_job_is_known_without_database_and_cluster(world: World) -> None:
    world.put()
    record = (await world.jobs().get(KNOWN)).record
    world.ledger.away, world.ledger.waiting = True, {KNOWN: record}
    world.cluster.error = world.cluster.list_error = LOST
    found = await world.jobs().get(KNOWN)
    assert (found.record, found.stored, found.item) == (record, False, None)


async def test_object_that_a_later_version_wrote_is_not_shown_half(world: World) -> None:
    world.put()
    world.cluster.items["job-1"]["spec"]["someday"] = 1
    with pytest.raises(JobNotFound):
        await world.jobs().get(KNOWN)


@pytest.fixture
def stored(world: World) -> World:
    """With the row of KNOWN, whose object is there as well."""
    world.put()
    world.ledger.rows[KNOWN] = replace(ROW, uid=KNOWN, name="job-1", cluster="c", phase=Phase.RUNNING)
    return world


@pytest.mark.parametrize("error", [LOST, errors.Forbidden(403, "Forbidden", "no")])
async def test_whoever_only_reads_gets_the_row_when_the_cluster_does_not_tell(
    stored: World, error: errors.ApiError
) -> None:
    stored.cluster.error = error
    found = await stored.jobs().get_with_object(KNOWN)
    assert (found.record, found.item) == (stored.ledger.rows[KNOWN], None)


@pytest.mark.parametrize(
    ("error", "problem"), [(LOST, ClusterAway), (errors.Forbidden(403, "Forbidden", "no"), Refused)]
)
async def test_whoever_would_change_it_must_know_its_object(
    stored: World, error: errors.ApiError, problem: type[Problem]
) -> None:
    assert (await stored.jobs().current(KNOWN)).item == stored.cluster.items["job-1"]
    stored.cluster.error = error
    with pytest.raises(problem):
        await stored.jobs().current(KNOWN)


@pytest.mark.parametrize("uid", [None, UNKNOWN])
async def test_object_that_is_gone_is_gone_also_for_whoever_would_change_it(
    stored: World, uid: str | None
) -> None:
    stored.cluster.items.clear()
    if uid is not None:
        stored.put(uid=uid)
    found = await stored.jobs().current(KNOWN)
    assert (found.record, found.item) == (stored.ledger.rows[KNOWN], None)


async def test_accepted_job_without_a_row_is_not_changed_unseen(world: World) -> None:
    world.put()
    record = (await world.jobs().get(KNOWN)).record
    world.ledger.away, world.ledger.waiting = True, {KNOWN: record}
    world.cluster.error = LOST
    with pytest.raises(ClusterAway):
        await world.jobs().current(KNOWN)


async def test_job_whose_object_a_later_version_wrote_keeps_its_row(stored: World) -> None:
    stored.cluster.items["job-1"]["spec"]["someday"] = 1
    stored.cluster.items["job-1"]["status"] = {"phase": "Succeeded"}
    found = await stored.jobs().get_with_object(KNOWN)
    assert (found.record, found.item) == (stored.ledger.rows[KNOWN], stored.cluster.items["job-1"])
