"""The mirror: nothing is lost, nothing goes backwards, and rows never show more running than there were."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mljob.api.job import Phase
from mljob.controller import mirror as module
from mljob.controller.mirror import Backlog, Mirror
from mljob.core.records import AttemptRecord, JobRecord, Rank

from tests.unit.controller.fakes import FakeStore, StoreDown, StoreRefuses, until

PHASES = {Rank.RUNNING: Phase.RUNNING, Rank.FINAL: Phase.SUCCEEDED}


def row(uid: str = "a", rank: Rank = Rank.QUEUED, attempt: int = 0, **fields: Any) -> JobRecord:
    values: dict[str, Any] = {
        "cluster": "c", "namespace": "default", "name": uid, "job_name": "train", "creation_time_ms": 0,
        "phase": PHASES.get(rank, Phase.PENDING), "last_update_time_ms": 0,
    }  # fmt: skip
    return JobRecord(uid=uid, attempt=attempt, rank=rank, **(values | fields))


def attempt_row(uid: str = "a", number: int = 1, *, finished: bool = False, **fields: Any) -> AttemptRecord:
    return AttemptRecord(uid=uid, cluster="c", attempt=number, finished=finished, job="j", **fields)


class Heard:
    def __init__(self) -> None:
        self.stored: list[tuple[str, tuple[int, Rank]]] = []
        self.missing: list[str] = []


def a_mirror(store: FakeStore, heard: Heard | None = None) -> Mirror:
    heard = heard or Heard()
    return Mirror(
        store, StoreDown, StoreRefuses, lambda uid, version: heard.stored.append((uid, version)),
        heard.missing.append,
    )  # fmt: skip


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in vars(module) if name.endswith("_SECONDS")]:
        monkeypatch.setattr(module, name, 0.0)


@asynccontextmanager
async def running(mirror: Mirror) -> AsyncIterator[None]:
    task = asyncio.create_task(mirror.run())
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


# ---- the backlog


def test_the_newest_row_of_a_job_is_kept_with_the_params_of_any() -> None:
    backlog = Backlog.empty()
    backlog.add(row(params='{"lr": 1}'), None)
    backlog.add(row(rank=Rank.RUNNING, attempt=1), None)
    backlog.add(row(rank=Rank.STARTING, attempt=1), None)
    kept = backlog.jobs["a"]
    assert (kept.rank, kept.params) == (Rank.RUNNING, '{"lr": 1}')


def test_params_that_come_late_reach_the_newest_row() -> None:
    backlog = Backlog.empty()
    backlog.add(row(rank=Rank.FINAL, attempt=1), None)
    backlog.add(row(rank=Rank.RUNNING, attempt=1, params="{}"), None)
    kept = backlog.jobs["a"]
    assert (kept.rank, kept.params) == (Rank.FINAL, "{}")


def test_a_final_row_that_waits_is_not_replaced_by_another_end() -> None:
    """The MlJob may be deleted while the database is away: its end stays what it was, as in the store."""
    backlog = Backlog.empty()
    backlog.add(row(rank=Rank.FINAL, attempt=1, result="42"), None)
    backlog.add(row(rank=Rank.FINAL, attempt=1, phase=Phase.CANCELED, reason="Deleted", params="{}"), None)
    kept = backlog.jobs["a"]
    assert (kept.phase, kept.result, kept.reason) == (Phase.SUCCEEDED, "42", None)
    assert kept.params == "{}"


def test_a_finished_attempt_is_not_overtaken_by_an_unfinished_one() -> None:
    backlog = Backlog.empty()
    backlog.add(row(), attempt_row(finished=True))
    backlog.add(row(), attempt_row(finished=False))
    assert backlog.attempts["a", 1].finished


def test_a_batch_that_failed_goes_under_what_came_since() -> None:
    older, newer = Backlog.empty(), Backlog.empty()
    older.add(row(rank=Rank.RUNNING, attempt=1, params="{}"), attempt_row())
    older.add(row("b"), None)
    newer.add(row(rank=Rank.FINAL, attempt=1), attempt_row(finished=True))
    newer.put_back(older)
    assert newer.jobs["a"].rank is Rank.FINAL
    assert newer.jobs["a"].params == "{}"
    assert newer.attempts["a", 1].finished
    assert len(newer) == 3


# ---- the writer


async def test_rows_are_written_and_reported() -> None:
    store, heard = FakeStore(), Heard()
    mirror = a_mirror(store, heard)
    async with running(mirror):
        mirror.put(row(rank=Rank.FINAL, attempt=1, params="{}"), attempt_row(finished=True))
        assert await mirror.drain(5)
    assert store.rows["a"].rank is Rank.FINAL
    assert ("a", 1) in store.attempts
    assert heard.stored == [("a", (1, Rank.FINAL))]
    assert heard.missing == []
    assert (mirror.written_rows, len(mirror)) == (1, 0)


async def test_a_row_without_params_is_reported() -> None:
    heard = Heard()
    mirror = a_mirror(FakeStore(), heard)
    async with running(mirror):
        mirror.put(row())
        assert await mirror.drain(5)
    assert heard.missing == ["a"]


async def test_an_outage_loses_nothing_and_is_told() -> None:
    store = FakeStore(fails=lambda jobs: StoreDown("gone"))
    mirror = a_mirror(store)
    async with running(mirror):
        mirror.put(row("a"))
        await until(lambda: mirror.failing_since is not None)
        mirror.put(row("b"))
        store.fails = lambda jobs: None
        assert await mirror.drain(5)
    assert set(store.rows) == {"a", "b"}
    assert mirror.failing_since is None


async def test_drain_gives_up_in_time() -> None:
    mirror = a_mirror(FakeStore(fails=lambda jobs: StoreDown("gone")))
    async with running(mirror):
        mirror.put(row())
        assert not await mirror.drain(0.02)
        await until(lambda: len(mirror) == 1)


async def test_a_poisoned_row_holds_up_no_other() -> None:
    def fails(jobs: Sequence[JobRecord]) -> Exception | None:
        return StoreRefuses("a value") if any(job.uid == "poison" for job in jobs) else None

    store = FakeStore(fails=fails)
    mirror = a_mirror(store)
    async with running(mirror):
        for uid in ("a", "poison", "b"):
            mirror.put(row(uid), attempt_row(uid))
        await until(lambda: len(store.rows) == 2)
        mirror.put(row("c"))
        await until(lambda: "c" in store.rows)
        await until(lambda: len(mirror) == 2)
    assert set(store.rows) == {"a", "b", "c"}
    assert ("poison", 1) not in store.attempts, "it is kept, and tried again"


class Picky:
    """Refuses every batch with a row whose reason is `poison`, and counts how often."""

    def __init__(self) -> None:
        self.refusals = 0
        self.store = FakeStore(fails=self._fails)

    def _fails(self, jobs: Sequence[JobRecord]) -> Exception | None:
        if all(job.reason != "poison" for job in jobs):
            return None
        self.refusals += 1
        return StoreRefuses("a value")

    async def refused(self, mirror: Mirror, left: int) -> None:
        """Once with its batch and once alone; then it lies in the mirror again."""
        await until(lambda: self.refusals == 2 and len(mirror) == left)


@pytest.fixture
def retries_are_far_off(monkeypatch: pytest.MonkeyPatch, no_waiting: None) -> None:
    for name in ("RETRY_FIRST_SECONDS", "RETRY_LAST_SECONDS"):
        monkeypatch.setattr(module, name, 3600.0)


@pytest.mark.usefixtures("retries_are_far_off")
async def test_a_poisoned_row_delays_only_what_must_not_overtake_it() -> None:
    picky = Picky()
    store, mirror = picky.store, a_mirror(picky.store)
    async with running(mirror):
        mirror.put(row("old", Rank.FINAL, 1, reason="poison"), attempt_row("old"))
        await picky.refused(mirror, left=2)
        mirror.put(row("new", Rank.RUNNING, 1), attempt_row("new"))
        mirror.put(row("other", Rank.RUNNING, 1, job_name="score"))
        await until(lambda: "other" in store.rows)
        mirror.put(row("late"))
        await until(lambda: "late" in store.rows)
        assert set(store.rows) == {"other", "late"}
        assert len(mirror) == 4
        mirror.put(row("new", Rank.FINAL, 1))
        await until(lambda: "new" in store.rows)
        assert ("new", 1) in store.attempts
        assert picky.refusals == 2, "it is tried again at its own time"


@pytest.mark.usefixtures("retries_are_far_off")
async def test_a_newer_row_of_a_job_goes_at_once_with_what_was_refused() -> None:
    picky = Picky()
    store, mirror = picky.store, a_mirror(picky.store)
    async with running(mirror):
        mirror.put(row(rank=Rank.STARTING, attempt=1, reason="poison", params="{}"), attempt_row())
        await picky.refused(mirror, left=2)
        mirror.put(row(rank=Rank.RUNNING, attempt=1))
        assert await mirror.drain(5)
    assert (store.rows["a"].rank, store.rows["a"].params) == (Rank.RUNNING, "{}")
    assert ("a", 1) in store.attempts


async def test_one_by_one_the_ends_come_before_the_running() -> None:
    store = FakeStore(fails=lambda jobs: StoreRefuses("poison") if len(jobs) > 1 else None)
    mirror = a_mirror(store)
    async with running(mirror):
        mirror.put(row("new", Rank.RUNNING, 1))
        mirror.put(row("old", Rank.FINAL, 1))
        assert await mirror.drain(5)
    assert list(store.rows) == ["old", "new"]


async def test_a_job_is_not_shown_running_while_an_end_of_its_name_is_refused() -> None:
    def fails(jobs: Sequence[JobRecord]) -> Exception | None:
        return StoreRefuses("a value") if any(job.uid == "old" for job in jobs) else None

    store = FakeStore(fails=fails)
    mirror = a_mirror(store)
    async with running(mirror):
        mirror.put(row("new", Rank.RUNNING, 1))
        mirror.put(row("old", Rank.FINAL, 1))
        mirror.put(row("other", Rank.RUNNING, 1, job_name="score"))
        await until(lambda: "other" in store.rows)
        assert "new" not in store.rows
        mirror.put(row("new", Rank.FINAL, 1))
        await until(lambda: "new" in store.rows)


async def test_a_store_that_goes_away_between_single_rows_is_asked_no_more() -> None:
    asked: list[int] = []

    def fails(jobs: Sequence[JobRecord]) -> Exception | None:
        asked.append(len(jobs))
        if len(asked) == 1:
            return StoreRefuses("poison")
        return StoreDown("gone") if len(asked) == 2 else None

    store = FakeStore(fails=fails)
    mirror = a_mirror(store)
    async with running(mirror):
        for uid in "abc":
            mirror.put(row(uid), attempt_row(uid))
        assert await mirror.drain(5)
    assert asked == [3, 1, 3]
    assert len(store.attempts) == 3


CAP = 2


@given(seed=st.integers(0, 2**32))
@settings(deadline=None, max_examples=40)
def test_rows_never_show_more_running_than_the_cap_nor_go_backwards(seed: int) -> None:
    """Jobs take slots and leave them while the store fails at random, in whole and for single rows."""
    chance = random.Random(seed)  # noqa: S311

    def fails(jobs: Sequence[JobRecord]) -> Exception | None:
        return chance.choice([None, None, StoreDown("gone"), StoreRefuses("odd")])

    store = FakeStore(fails=fails)
    asyncio.run(_live(a_mirror(store), store, chance))
    previous: dict[str, JobRecord] = {}
    for commit in store.commits:
        assert sum(job.rank is Rank.RUNNING for job in commit.values()) <= CAP
        for uid, job in commit.items():
            assert uid not in previous or job.version >= previous[uid].version
        previous = commit
    assert all(job.rank is Rank.FINAL for job in previous.values())
    assert len(previous) == 6


async def _live(mirror: Mirror, store: FakeStore, chance: random.Random) -> None:
    states = {f"job-{number}": (0, Rank.QUEUED) for number in range(6)}
    async with running(mirror):
        while any(rank is not Rank.FINAL for _, rank in states.values()):
            uid = chance.choice([uid for uid, (_, rank) in states.items() if rank is not Rank.FINAL])
            attempt, rank = states[uid]
            if rank is Rank.RUNNING:
                states[uid] = (attempt, chance.choice([Rank.FINAL, Rank.BACKOFF]))
            elif sum(rank is Rank.RUNNING for _, rank in states.values()) < CAP:
                states[uid] = (attempt + 1, Rank.RUNNING)
            mirror.put(row(uid, states[uid][1], states[uid][0]))
            await asyncio.sleep(chance.choice([0, 0, 0.001]))
        store.fails = lambda jobs: None
        assert await mirror.drain(10)
