"""The two plain collections that the view is made of: sets by key, and the uids of the dead."""

from collections import OrderedDict
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")

TOMBSTONES = 100_000
"""Deleted uids that are remembered, so that a late event does not bring one back"""


class SetIndex(dict[K, set[V]]):
    """Sets by key. A key without members is forgotten, so that names used once leave nothing behind."""

    def add(self, key: K, member: V) -> None:
        """Have a member under a key; it may be there already."""
        members = self.get(key)
        if members is None:
            self[key] = {member}
        else:
            members.add(member)

    def discard(self, key: K, member: V) -> None:
        """Have it there no more."""
        members = self.get(key)
        if members is not None:
            members.discard(member)
            if not members:
                del self[key]


class Tombstones(OrderedDict[str, None]):
    """The uids that were deleted last. No uid is ever given twice, so that what lies here stays dead."""

    def bury(self, uid: str, *, limit: int = TOMBSTONES) -> None:
        """Remember a uid as deleted; beyond the limit the one buried first is forgotten."""
        self[uid] = None
        if len(self) > limit:
            self.popitem(last=False)
