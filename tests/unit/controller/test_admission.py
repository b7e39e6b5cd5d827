"""Admission: the caps of name, namespace and installation, the one order, and slots that are never lost."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from mljob.api import errors, names
from mljob.controller import admission as module
from mljob.controller.admission import Admitter
from mljob.controller.view import Group, JobEntry, View
from mljob.core.config import Limits

from tests.unit.controller.fakes import Clock, FakeCluster, until
from tests.unit.controller.objects import NAMESPACE, a_kube_job, an_mljob, final, settled, uid_of

NEVER = 10**6


class World:
    """An admitter with a view; its starts make a Job in the view, unless told otherwise."""

    def __init__(self, limits: Limits | None = None, cap: int = NEVER) -> None:
        self.cluster = FakeCluster()
        self.clock = Clock()
        self.caps: dict[Group, int] = {}
        self.cap = cap
        self.started: list[str] = []
        self.touched: list[str] = []
        self.failure: Exception | None = None
        self.creates = True
        self.view = View(self.touched.append, self._notice)
        self.admitter = Admitter(
            self.view, self.cluster, limits or Limits(), self._cap_of, self._start, self.clock
        )

    def _notice(self, group: Group) -> None:
        self.admitter.notice(group)

    def _cap_of(self, entry: JobEntry) -> int:
        return self.caps.get(entry.group, self.cap)

    async def _start(self, entry: JobEntry, attempt: int) -> None:
        self.started.append(f"{entry.name}/{attempt}")
        await asyncio.sleep(0)
        if self.failure is not None:
            raise self.failure
        if self.creates:
            self.view.upsert_kube_job(
                a_kube_job(entry.name, attempt, namespace=entry.namespace, job_name=entry.spec.job_name)
            )

    def submit(self, name: str, **fields: object) -> None:
        self.view.upsert_job(an_mljob(name, **fields))  # type: ignore[arg-type]
        self.view.set_waiting(self.view.jobs[uid_of(name)], waiting=True)

    def end(self, name: str) -> None:
        entry = self.view.jobs[uid_of(name)]
        job = a_kube_job(
            name, version=9, namespace=entry.namespace, job_name=entry.spec.job_name, ended="Complete"
        )
        self.view.upsert_kube_job(job)
        self.view.upsert_job(
            an_mljob(name, version=9, namespace=entry.namespace, job_name=entry.spec.job_name, status=final())
        )

    async def settle(self) -> list[str]:
        for _ in range(20):
            await asyncio.sleep(0)
        return self.started


@pytest.fixture
async def run() -> AsyncIterator[list[asyncio.Task[None]]]:
    tasks: list[asyncio.Task[None]] = []
    yield tasks
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def opened(world: World, run: list[asyncio.Task[None]]) -> World:
    run.append(asyncio.create_task(world.admitter.run()))
    world.admitter.open_doors()
    return world


Run = list[asyncio.Task[None]]


async def test_nothing_is_admitted_before_the_doors_are_open(run: Run) -> None:
    world = World()
    run.append(asyncio.create_task(world.admitter.run()))
    world.submit("a")
    assert await world.settle() == []
    world.admitter.open_doors()
    assert await world.settle() == ["a/1"]


async def test_the_cap_of_a_name_holds_and_a_freed_slot_is_taken(run: Run) -> None:
    world = opened(World(cap=2), run)
    for name in "abcd":
        world.submit(name)
    assert await world.settle() == ["a/1", "b/1"]
    world.end("a")
    assert await world.settle() == ["a/1", "b/1", "c/1"]
    assert world.view.slots.in_all == 2


async def test_a_creation_in_flight_counts(run: Run) -> None:
    world = World(cap=1)
    world.submit("a")
    world.submit("b")
    opened(world, run)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert world.view.slots.in_all <= 1
    assert len(world.started) <= 1
    assert await world.settle() == ["a/1"]


async def test_a_lowered_cap_drains_and_a_raised_one_admits(run: Run) -> None:
    world = opened(World(cap=2), run)
    for name in "abcd":
        world.submit(name)
    await world.settle()
    world.cap = 1
    world.end("a")
    assert await world.settle() == ["a/1", "b/1"]
    world.cap = 3
    world.admitter.notice((NAMESPACE, "train"))
    assert await world.settle() == ["a/1", "b/1", "c/1", "d/1"]


async def test_priority_goes_first_then_the_order_of_submission(run: Run) -> None:
    world = World(cap=1)
    world.submit("late", created=1_790_000_020)
    world.submit("early", created=1_790_000_010)
    world.submit("high", priority=1, created=1_790_000_030)
    opened(world, run)
    for name in ("high", "early", "late"):
        await world.settle()
        world.end(name)
    assert await world.settle() == ["high/1", "early/1", "late/1"]


async def test_the_installations_limit_is_shared_in_one_order(run: Run) -> None:
    world = World(Limits(total=1))
    world.submit("second", job_name="x", created=1_790_000_002)
    world.submit("first", job_name="y", namespace="other", created=1_790_000_001)
    opened(world, run)
    assert await world.settle() == ["first/1"]
    world.end("first")
    assert await world.settle() == ["first/1", "second/1"]


async def test_the_limit_per_namespace_counts_all_names_of_one_namespace(run: Run) -> None:
    world = World(Limits(per_namespace=1))
    world.submit("a", job_name="x")
    world.submit("b", job_name="y")
    world.submit("c", job_name="y", namespace="other")
    opened(world, run)
    assert sorted(await world.settle()) == ["a/1", "c/1"]
    world.end("a")
    assert sorted(await world.settle()) == ["a/1", "b/1", "c/1"]


@pytest.mark.parametrize(
    ("annotation", "started"),
    [
        ("0", 0),
        ("2", 2),
        (None, 1),
        ("many", 1),
        ("-1", 1),
        ("1.5", 1),
        ("9" * 5_000, 1),
    ],
)
async def test_a_namespaces_own_limit_counts_before_the_installations(
    run: Run, annotation: str | None, started: int
) -> None:
    """What is no number is ignored: one tenant's annotation must not stop everybody's admission."""
    world = World(Limits(per_namespace=1))
    if annotation is not None:
        world.cluster.annotations[NAMESPACE] = {names.ANNOTATION_MAX_RUNNING: annotation}
    for name in "abc":
        world.submit(name)
    opened(world, run)
    assert len(await world.settle()) == started


async def test_a_namespace_that_cannot_be_read_keeps_the_limit_it_had(run: Run) -> None:
    world = World(Limits(per_namespace=3))
    world.cluster.annotations[NAMESPACE] = {names.ANNOTATION_MAX_RUNNING: "1"}
    for name in "abc":
        world.submit(name)
    opened(world, run)
    await world.settle()
    world.cluster.annotations[NAMESPACE] = errors.Unavailable(503, "", "away")
    world.clock.now += 11
    world.admitter.notice((NAMESPACE, "train"))
    assert await world.settle() == ["a/1"]


async def test_a_namespace_that_was_never_read_admits_nothing_until_it_is(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "UNREAD_NAMESPACE_SECONDS", 0.0)
    world = World(Limits(per_namespace=3))
    world.cluster.annotations[NAMESPACE] = errors.Unavailable(503, "", "away")
    for name in "abc":
        world.submit(name)
    world.submit("d", namespace="other")
    opened(world, run)
    assert await world.settle() == ["d/1"]
    world.cluster.annotations[NAMESPACE] = {names.ANNOTATION_MAX_RUNNING: "1"}
    await until(lambda: "a/1" in world.started)
    assert await world.settle() == ["d/1", "a/1"]
    await world.admitter.close()


async def test_a_namespace_that_was_never_read_is_not_asked_at_every_event(run: Run) -> None:
    world = World()
    world.cluster.annotations[NAMESPACE] = errors.Unavailable(503, "", "away")
    opened(world, run)
    for name in "abc":
        world.submit(name)
        await world.settle()
    assert world.cluster.annotation_reads == 1
    await world.admitter.close()


@pytest.mark.parametrize("error", [errors.Forbidden, errors.NotFound])
async def test_a_namespace_that_may_not_be_read_has_the_limit_of_the_installation(
    run: Run, error: type[errors.ApiError]
) -> None:
    world = World(Limits(per_namespace=2))
    world.cluster.annotations[NAMESPACE] = error(0, "", "not for you")
    for name in "abc":
        world.submit(name)
    opened(world, run)
    assert await world.settle() == ["a/1", "b/1"]
    await world.admitter.close()


async def test_a_namespace_is_not_read_at_every_admission(run: Run) -> None:
    world = opened(World(), run)
    for name in "abc":
        world.submit(name)
        await world.settle()
    assert world.cluster.annotation_reads == 1


async def test_a_namespaces_limit_that_is_raised_is_seen_without_any_event(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "NAMESPACE_TRUST_SECONDS", 0.0)
    world = World()
    world.cluster.annotations[NAMESPACE] = {names.ANNOTATION_MAX_RUNNING: "0"}
    world.submit("a")
    opened(world, run)
    assert await world.settle() == []
    world.cluster.annotations[NAMESPACE] = {}
    await until(lambda: world.started)
    await world.admitter.close()


async def test_a_failing_start_gives_its_slot_back_and_is_tried_again(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FAILED_START_SECONDS", 0.01)
    world = World(cap=1)
    world.failure = ValueError("a bug")
    world.submit("a")
    opened(world, run)
    await world.settle()
    assert world.view.slots.in_all == 0
    world.touched.clear()
    await until(lambda: uid_of("a") in world.touched)


async def test_a_start_that_makes_no_job_has_it_looked_at_again(run: Run) -> None:
    world = World(cap=1)
    world.creates = False
    world.submit("a")
    world.touched.clear()
    opened(world, run)
    await world.settle()
    assert world.view.slots.in_all == 0
    assert world.touched == [uid_of("a")]


async def test_a_job_in_line_by_an_overtaken_look_is_not_started(run: Run) -> None:
    world = World(cap=1)
    world.submit("a")
    world.view.upsert_kube_job(a_kube_job("a"))
    world.submit("b")
    opened(world, run)
    assert await world.settle() == []
    world.end("a")
    assert await world.settle() == ["b/1"]


async def test_a_retry_takes_the_next_number(run: Run) -> None:
    world = World(cap=1)
    world.view.upsert_kube_job(a_kube_job("a", ended="Failed"))
    world.submit("a", status=settled())
    opened(world, run)
    assert await world.settle() == ["a/2"]


async def test_a_closing_admitter_waits_for_what_it_has_begun(run: Run) -> None:
    world = opened(World(cap=1), run)
    await world.admitter.close()
    world.admitter.open_doors()
    world.submit("a")
    world.submit("b")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await world.admitter.close()
    world.end("a")
    assert await world.settle() == ["a/1"]
    assert not world.view.slots.in_flight


async def test_nothing_is_admitted_once_the_doors_are_closed_while_a_namespace_is_read(run: Run) -> None:
    world = World()
    answer = world.cluster.hold_annotations()
    opened(world, run)
    world.submit("a")
    await until(lambda: world.cluster.annotation_reads)
    await world.admitter.close()
    answer.set()
    assert await world.settle() == []
    world.admitter.open_doors()
    assert await world.settle() == ["a/1"]
