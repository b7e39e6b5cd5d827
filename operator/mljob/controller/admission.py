"""Admission: the one place that decides which waiting job starts next, for all names.

A slot is taken, synchronously, before anything is sent: `free = cap - held`, where `held` counts attempts
that may live and creations in flight. A creation whose answer is lost keeps its slot until it is known.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from mljob.api import errors, names
from mljob.controller.exclusive import holder
from mljob.controller.ports import Cluster
from mljob.controller.view import Group, JobEntry, View
from mljob.core.admission import Slots, free_slots
from mljob.core.config import Limits
from mljob.core.facts import OrderKey

log = logging.getLogger(__name__)

NAMESPACE_TRUST_SECONDS = 10.0
"""How long a Namespace's own limit is not read again"""
UNREAD_NAMESPACE_SECONDS = 1.0
"""How soon one that was never read is tried again: until then nothing is admitted in it"""
FAILED_START_SECONDS = 30.0
"""A start that ends in a bug is tried again, but not at once"""
LONGEST_LIMIT_DIGITS = 9


class CapOf(Protocol):
    """The cap of a job's name, as it is in force now."""

    def __call__(self, entry: JobEntry) -> int: ...


class Admitter:
    """One actor for all groups. `start(entry, attempt)` creates the attempt and reports back by `View`."""

    def __init__(
        self,
        view: View,
        cluster: Cluster,
        limits: Limits,
        cap_of: CapOf,
        start: Callable[[JobEntry, int], Awaitable[None]],
        clock: Callable[[], float],
    ) -> None:
        self._view = view
        self._cluster = cluster
        self._limits = limits
        self._cap_of = cap_of
        self._start = start
        self._clock = clock
        self._dirty: set[Group] = set()
        self._wakeup = asyncio.Event()
        self._namespace_limits: dict[str, tuple[float, int | None]] = {}
        self._unread: dict[str, float] = {}
        self._starting: set[asyncio.Task[None]] = set()
        self._timers: dict[float, asyncio.TimerHandle] = {}
        self.open = False
        self.admitted = 0

    def notice(self, group: Group) -> None:
        """Something about a group's slots or queue has changed."""
        self._dirty.add(group)
        self._wakeup.set()

    def open_doors(self) -> None:
        """The view is complete: admit from now on."""
        self.open = True
        self._dirty.update(self._view.waiting.groups)
        self._wakeup.set()

    async def run(self) -> None:
        """Admit for ever."""
        while True:
            await self._wakeup.wait()
            self._wakeup.clear()
            if self.open:
                await self._serve()

    async def _serve(self) -> None:
        groups, self._dirty = self._dirty, set()
        if self._shared_limit():
            # A slot freed by one name may be another's turn.
            groups = set(self._view.waiting.groups)
        await self._read_namespace_limits({namespace for namespace, _ in groups})
        if self.open:
            # It may have been closed while the server was asked.
            self._admit(groups)
            self._look_later(groups)

    async def close(self) -> None:
        """Admit no more, and wait for what is being created: no answer is left behind."""
        self.open = False
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        if self._starting:
            await asyncio.wait(self._starting)

    def _admit(self, groups: set[Group]) -> None:
        """Start what there is room for, in the one order of all."""
        while True:
            candidates = [(order, group) for group in groups if (order := self._next_of(group)) is not None]
            if not candidates:
                return
            order, _ = min(candidates)
            self._begin(self._view.jobs[order[-1]])

    def _next_of(self, group: Group) -> OrderKey | None:
        """The first in line of a group that has a free slot."""
        first = self._view.waiting.first(group)
        if first is None or group[0] in self._unread:
            return None
        entry = self._view.jobs[first[-1]]
        free = free_slots(
            (
                Slots(self._cap_of(entry), self._view.slots.by_group(group)),
                self._namespace_slots(group[0]),
                Slots(self._limits.total, self._view.slots.in_all),
            )
        )
        return first if free is None or free > 0 else None

    def _begin(self, entry: JobEntry) -> None:
        self._view.set_waiting(entry, waiting=False)
        if not self._view.startable(entry):
            # It was put in line by a look that has been overtaken; the next look decides anew.
            return
        if holder(self._view, entry) is not None:
            # So was this one, by another job of its exclusive key: the last moment to see it is now.
            self._view.touch(entry.uid)
            return
        attempt = self._view.latest_attempt(entry.uid) + 1
        self._view.reserve((entry.uid, attempt), entry.group)
        self.admitted += 1
        task = asyncio.create_task(
            self._run_start(entry, attempt), name=f"start {entry.namespace}/{entry.name}"
        )
        self._starting.add(task)
        task.add_done_callback(self._starting.discard)

    async def _run_start(self, entry: JobEntry, attempt: int) -> None:
        try:
            await self._start(entry, attempt)
        except Exception:
            log.exception("%s/%s: a bug in its start; it is tried again", entry.namespace, entry.name)
            asyncio.get_running_loop().call_later(FAILED_START_SECONDS, self._view.touch, entry.uid)
        else:
            # Whatever came of it: nobody else would put the job in line again.
            self._view.touch(entry.uid)
        finally:
            self._view.unreserve((entry.uid, attempt))

    def _look_later(self, groups: set[Group]) -> None:
        """No event tells of a Namespace's limit: one that holds jobs back, or may, is read again."""
        held_back = [namespace for namespace, _ in groups & self._view.waiting.groups]
        if any(namespace in self._unread for namespace in held_back):
            self._arm(UNREAD_NAMESPACE_SECONDS)
        if any(self._namespace_slots(namespace).free == 0 for namespace in held_back):
            self._arm(NAMESPACE_TRUST_SECONDS)

    def _arm(self, seconds: float) -> None:
        if seconds not in self._timers:
            self._timers[seconds] = asyncio.get_running_loop().call_later(seconds, self._look_again, seconds)

    def _look_again(self, seconds: float) -> None:
        del self._timers[seconds]
        self._dirty |= self._view.waiting.groups
        self._wakeup.set()

    def _shared_limit(self) -> bool:
        """Is there any limit beyond those of the names?"""
        if self._limits.total is not None or self._limits.per_namespace is not None:
            return True
        return any(limit is not None for _, limit in self._namespace_limits.values())

    def _namespace_slots(self, namespace: str) -> Slots:
        _, own = self._namespace_limits.get(namespace, (0.0, None))
        cap = own if own is not None else self._limits.per_namespace
        return Slots(cap, self._view.slots.in_namespace(namespace))

    async def _read_namespace_limits(self, namespaces: set[str]) -> None:
        now, never = self._clock(), float("-inf")
        for namespace in namespaces:
            read_at, known = self._namespace_limits.get(namespace, (never, None))
            tried_at = self._unread.get(namespace, never)
            if now - read_at < NAMESPACE_TRUST_SECONDS or now - tried_at < UNREAD_NAMESPACE_SECONDS:
                continue
            try:
                limit = _limit_in(await self._cluster.namespace_annotations(namespace), namespace)
            except (errors.Forbidden, errors.NotFound) as error:
                log.debug("limit of namespace %s not read: %s", namespace, error)
                limit = known
            except errors.ApiError as error:
                if read_at == never:
                    # It may have a limit, and a passing error is no leave to go beyond it.
                    log.info(
                        "nothing is admitted in namespace %s before it can be read: %s", namespace, error
                    )
                    self._unread[namespace] = now
                    continue
                limit = known
            self._unread.pop(namespace, None)
            self._namespace_limits[namespace] = (now, limit)


def _limit_in(annotations: Mapping[str, str], namespace: str) -> int | None:
    text = annotations.get(names.ANNOTATION_MAX_RUNNING)
    if text is None:
        return None
    if not text.isdecimal() or len(text) > LONGEST_LIMIT_DIGITS:
        log.warning(
            "namespace %s: annotation %s is %.40r, expected a whole number; it is ignored",
            namespace, names.ANNOTATION_MAX_RUNNING, text,
        )  # fmt: skip
        return None
    return int(text)
