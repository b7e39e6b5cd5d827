"""Who waits for a slot: one line per group, in the order of admission. Who is let in is decided elsewhere."""

from bisect import bisect_left, insort
from collections.abc import KeysView, Sequence

from mljob.controller.ownership import Group
from mljob.core.facts import OrderKey


class WaitingLines:
    """The lines of all groups. A job stands in one line at most, and there once; an empty line is none."""

    def __init__(self) -> None:
        self._lines: dict[Group, list[OrderKey]] = {}
        self._places: dict[str, tuple[Group, OrderKey]] = {}

    def put(self, group: Group, order: OrderKey) -> bool:
        """Have the job `order[-1]` wait at this place and at no other. False: it does already."""
        uid, place = order[-1], (group, order)
        if self._places.get(uid) == place:
            return False
        self.take_out(uid)
        insort(self._lines.setdefault(group, []), order)
        self._places[uid] = place
        return True

    def take_out(self, uid: str) -> None:
        """Have a job wait no more."""
        place = self._places.pop(uid, None)
        if place is None:
            return
        group, order = place
        line = self._lines[group]
        del line[bisect_left(line, order)]
        if not line:
            del self._lines[group]

    def first(self, group: Group) -> OrderKey | None:
        """Whose turn it is."""
        line = self._lines.get(group)
        return line[0] if line else None

    def line(self, group: Group) -> Sequence[OrderKey]:
        """All that wait in a group, the first one first."""
        return self._lines.get(group, ())

    @property
    def groups(self) -> KeysView[Group]:
        """The groups in which somebody waits."""
        return self._lines.keys()

    def __contains__(self, uid: str) -> bool:
        return uid in self._places

    def __len__(self) -> int:
        return len(self._places)
