"""The work queue: a key once, never two workers on one, timers that outlive odd clocks."""

import asyncio
from collections.abc import Callable, Coroutine

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mljob.controller.queue import LONGEST_SLEEP_SECONDS, WorkQueue

from tests.unit.controller.fakes import Clock


class Timers:
    """In place of the loop's own: nothing sleeps, the test rings."""

    def __init__(self) -> None:
        self.armed: list[tuple[float, Callable[[], None]]] = []

    def call_later(self, delay: float, callback: Callable[[], None]) -> "Timers":
        self.armed = [(delay, callback)]
        return self

    def cancel(self) -> None:
        self.armed = []

    def ring(self) -> None:
        (_, callback), self.armed = self.armed[0], []
        callback()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def timers(monkeypatch: pytest.MonkeyPatch) -> Timers:
    timers = Timers()
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: timers)
    return timers


async def test_a_key_is_in_line_once(clock: Clock) -> None:
    queue = WorkQueue(clock)
    for key in ("a", "b", "a", "a"):
        queue.add(key)
    assert len(queue) == 2
    assert [await queue.get(), await queue.get()] == ["a", "b"]


async def test_a_key_that_is_worked_on_waits_for_its_worker(clock: Clock) -> None:
    queue = WorkQueue(clock)
    queue.add("a")
    await queue.get()
    queue.add("a")
    queue.add("a")
    assert len(queue) == 0
    queue.done("a")
    assert len(queue) == 1
    assert await queue.get() == "a"
    queue.done("a")
    assert len(queue) == 0


async def test_a_worker_waits_for_a_key(clock: Clock) -> None:
    queue = WorkQueue(clock)
    worker = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    assert not worker.done()
    queue.add("a")
    assert await worker == "a"


async def test_idle_means_nothing_ready_and_nobody_at_work(clock: Clock) -> None:
    queue = WorkQueue(clock)
    await queue.idle()
    queue.add("a")
    waiting = asyncio.create_task(queue.idle())
    await queue.get()
    await asyncio.sleep(0)
    assert not waiting.done()
    queue.done("a")
    await waiting


async def test_the_oldest_key_tells_how_long_it_has_waited(clock: Clock) -> None:
    queue = WorkQueue(clock)
    assert queue.oldest_seconds == 0
    queue.add("a")
    clock.now += 7
    queue.add("b")
    assert queue.oldest_seconds == 7


# ---- timers


def test_a_time_that_has_come_is_now(clock: Clock, timers: Timers) -> None:
    queue = WorkQueue(clock)
    queue.add_at("a", clock.now)
    assert len(queue) == 1
    assert not timers.armed


def test_the_earliest_of_several_times_counts(clock: Clock, timers: Timers) -> None:
    queue = WorkQueue(clock)
    for delay in (20, 10, 15):
        queue.add_at("a", clock.now + delay)
    assert timers.armed[0][0] == 10
    clock.now += 10
    timers.ring()
    assert len(queue) == 1
    assert not timers.armed, "the later times are forgotten"


def test_times_of_many_keys_come_in_order(clock: Clock, timers: Timers) -> None:
    queue = WorkQueue(clock)
    for key, delay in (("late", 9), ("early", 3)):
        queue.add_at(key, clock.now + delay)
    clock.now += 3
    timers.ring()
    assert (len(queue), timers.armed[0][0]) == (1, 6)


def test_a_far_time_is_looked_at_again_before(clock: Clock, timers: Timers) -> None:
    WorkQueue(clock).add_at("a", clock.now + 86_400)
    assert timers.armed[0][0] == LONGEST_SLEEP_SECONDS


def test_a_clock_set_forward_makes_what_is_due_due(clock: Clock, timers: Timers) -> None:
    queue = WorkQueue(clock)
    queue.add_at("a", clock.now + 3_600)
    clock.now += 3_600
    timers.ring()
    assert len(queue) == 1


def test_a_clock_set_back_makes_nothing_early_and_loses_nothing(clock: Clock, timers: Timers) -> None:
    queue = WorkQueue(clock)
    queue.add_at("a", clock.now + 10)
    clock.now -= 100
    timers.ring()
    assert (len(queue), timers.armed[0][0]) == (0, LONGEST_SLEEP_SECONDS)
    clock.now += 110
    timers.ring()
    assert len(queue) == 1


async def test_work_makes_a_time_that_has_passed_meanwhile_superfluous(clock: Clock) -> None:
    queue = WorkQueue(clock)
    queue.add_at("a", clock.now + 5)
    queue.add("a")
    clock.now += 6
    await queue.get()
    queue._ring()
    queue.done("a")
    assert len(queue) == 0


NOW = float("-inf")
"""As soon as possible, wherever the clock is set"""


class Life:
    """A queue with workers and a clock, and what was wished for and not yet looked at since."""

    def __init__(self) -> None:
        self.clock, self.timers = Clock(), Timers()
        self.queue = WorkQueue(self.clock)
        self.working: list[str] = []
        self.wished: dict[str, float] = {}

    def add(self, key: str, _: int) -> None:
        self.queue.add(key)
        self.wished[key] = NOW

    def add_at(self, key: str, seconds: int) -> None:
        when = self.clock.now + seconds
        self.queue.add_at(key, when)
        when = when if seconds > 0 else NOW
        self.wished[key] = min(self.wished.get(key, when), when)

    def get(self, _: str, __: int) -> None:
        if len(self.queue):
            key = drive(self.queue.get())
            assert key not in self.working
            self.working.append(key)
            if self.wished.get(key, float("inf")) <= self.clock.now:
                del self.wished[key]

    def done(self, _: str, __: int) -> None:
        if self.working:
            self.queue.done(self.working.pop())

    def tick(self, _: str, seconds: int) -> None:
        """Time passes, or somebody sets the clock back."""
        self.clock.now += seconds
        if self.timers.armed:
            self.timers.ring()

    def finish(self) -> set[str]:
        """All times come, all work ends: what is in line then."""
        self.clock.now += 1_000
        while self.timers.armed:
            self.timers.ring()
        while self.working:
            self.queue.done(self.working.pop())
        return {drive(self.queue.get()) for _ in range(len(self.queue))}


def drive(coroutine: Coroutine[None, None, str]) -> str:
    """Run a coroutine that has nothing to wait for."""
    with pytest.raises(StopIteration) as ended:
        coroutine.send(None)
    return str(ended.value.value)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([Life.add, Life.add_at, Life.get, Life.done, Life.tick]),
            st.sampled_from("abc"),
            st.integers(-20, 40),
        ),
        max_size=40,
    )
)
@settings(deadline=None)
def test_no_wish_is_lost_and_no_key_has_two_workers(
    plan: list[tuple[Callable[[Life, str, int], None], str, int]],
) -> None:
    life = Life()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio, "get_running_loop", lambda: life.timers)
        for act, key, seconds in plan:
            act(life, key, seconds)
        assert set(life.wished) <= life.finish()
