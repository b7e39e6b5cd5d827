"""Which attempts hold a slot, and how many that makes by job name, by namespace and in all.

It counts what it is told; *whether* an attempt holds a slot follows from facts and is the view's to say.
After every call:

- an attempt holds one slot or none, under the group that it was first held under;
- the three counts are the numbers of those attempts, and a group or namespace that holds none takes no room;
- an attempt in flight, between `reserve` and `land`, holds its slot whatever is known of its Job and pods;
- `on_free(group)` was called once for every slot that became free, when the counts said so already.
"""

from collections.abc import Callable, KeysView, Set
from typing import TypeVar

from mljob.controller.ownership import AttemptId, Group

K = TypeVar("K")


class HeldSlots:
    """The books. Every call is O(1)."""

    def __init__(self, on_free: Callable[[Group], None]) -> None:
        self._on_free = on_free
        self._group_of: dict[AttemptId, Group] = {}
        self._in_flight: set[AttemptId] = set()
        self._by_group: dict[Group, int] = {}
        self._by_namespace: dict[str, int] = {}

    # ---- questions

    def by_group(self, group: Group) -> int:
        """Attempts of a job name in its namespace that hold a slot, creations in flight included."""
        return self._by_group.get(group, 0)

    def in_namespace(self, namespace: str) -> int:
        """Attempts of a namespace that hold a slot."""
        return self._by_namespace.get(namespace, 0)

    @property
    def in_all(self) -> int:
        """Attempts that hold a slot."""
        return len(self._group_of)

    @property
    def attempts(self) -> KeysView[AttemptId]:
        """The attempts that hold a slot."""
        return self._group_of.keys()

    @property
    def groups(self) -> KeysView[Group]:
        """The groups that hold a slot."""
        return self._by_group.keys()

    @property
    def in_flight(self) -> Set[AttemptId]:
        """The attempts whose creation is under way."""
        return self._in_flight

    # ---- changes

    def reserve(self, attempt_id: AttemptId, group: Group) -> None:
        """An attempt is about to be created: it holds its slot from now on."""
        self._in_flight.add(attempt_id)
        self.hold(attempt_id, group)

    def land(self, attempt_id: AttemptId) -> None:
        """Its creation is decided. It still holds its slot, until `free` is called."""
        self._in_flight.discard(attempt_id)

    def hold(self, attempt_id: AttemptId, group: Group) -> None:
        """Have an attempt hold a slot. One that does already keeps it, and its group."""
        if attempt_id in self._group_of:
            return
        self._group_of[attempt_id] = group
        self._by_group[group] = self.by_group(group) + 1
        self._by_namespace[group[0]] = self.in_namespace(group[0]) + 1

    def free(self, attempt_id: AttemptId) -> None:
        """Have an attempt hold no slot; one in flight keeps it."""
        if attempt_id in self._in_flight:
            return
        group = self._group_of.pop(attempt_id, None)
        if group is None:
            return
        _take_one(self._by_group, group)
        _take_one(self._by_namespace, group[0])
        self._on_free(group)


def _take_one(counts: dict[K, int], key: K) -> None:
    left = counts[key] - 1
    if left:
        counts[key] = left
    else:
        del counts[key]
