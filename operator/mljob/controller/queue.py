"""The work queue: keys, each at most once, never two workers on one; and a heap of times to look again."""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable

LONGEST_SLEEP_SECONDS = 30.0
"""Wall clocks are set back and forth; a timer looks at the clock again at least this often."""


class WorkQueue:
    """Keys to be worked on. For one event loop. `clock` gives seconds since the epoch."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._ready: deque[str] = deque()
        self._queued: dict[str, float] = {}
        self._working: set[str] = set()
        self._again: set[str] = set()
        self._due: dict[str, float] = {}
        self._heap: list[tuple[float, str]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._wakeup = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    def __len__(self) -> int:
        return len(self._ready)

    async def idle(self) -> None:
        """Wait until nothing is ready and nothing is being worked on."""
        await self._idle.wait()

    @property
    def oldest_seconds(self) -> float:
        """How long the first key in line has waited."""
        return self._clock() - self._queued[self._ready[0]] if self._ready else 0.0

    def add(self, key: str) -> None:
        """As soon as possible; once more afterwards if it is being worked on just now."""
        if key in self._working:
            self._again.add(key)
        elif key not in self._queued:
            self._queued[key] = self._clock()
            self._ready.append(key)
            self._wakeup.set()
            self._idle.clear()

    def add_at(self, key: str, when: float) -> None:
        """At a time in seconds since the epoch; the earliest of several counts."""
        if when <= self._clock():
            self.add(key)
            return
        known = self._due.get(key)
        if known is None or when < known:
            self._due[key] = when
            heapq.heappush(self._heap, (when, key))
            self._arm()

    async def get(self) -> str:
        """The next key. Call `done` with it afterwards."""
        while not self._ready:
            self._wakeup.clear()
            await self._wakeup.wait()
        key = self._ready.popleft()
        del self._queued[key]
        self._working.add(key)
        # Whoever works on it sees the newest state: a time that was due before is over.
        if self._due.get(key, float("inf")) <= self._clock():
            del self._due[key]
        return key

    def done(self, key: str) -> None:
        """The work on a key is over."""
        self._working.discard(key)
        if key in self._again:
            self._again.discard(key)
            self.add(key)
        if not self._ready and not self._working:
            self._idle.set()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._heap and self._due.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        if self._heap:
            delay = min(max(0.0, self._heap[0][0] - self._clock()), LONGEST_SLEEP_SECONDS)
            self._timer = asyncio.get_running_loop().call_later(delay, self._ring)

    def _ring(self) -> None:
        self._timer = None
        now = self._clock()
        while self._heap and self._heap[0][0] <= now:
            when, key = heapq.heappop(self._heap)
            if self._due.get(key) == when:
                del self._due[key]
                self.add(key)
        self._arm()
