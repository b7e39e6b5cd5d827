"""The plain collections: nothing is left of an empty set, and the oldest of the dead are forgotten first."""

from hypothesis import given
from hypothesis import strategies as st
from mljob.controller.view.indexes import SetIndex, Tombstones


@given(st.lists(st.tuples(st.booleans(), st.sampled_from("xy"), st.integers(0, 2))))
def test_sets_by_key_hold_what_was_added_and_no_empty_set(calls: list[tuple[bool, str, int]]) -> None:
    index: SetIndex[str, int] = SetIndex()
    plain: set[tuple[str, int]] = set()
    for adds, key, member in calls:
        if adds:
            index.add(key, member)
            plain.add((key, member))
        else:
            index.discard(key, member)
            plain.discard((key, member))
        assert {(key, member) for key, members in index.items() for member in members} == plain
        assert all(index.values())


def test_the_one_buried_first_is_forgotten_first() -> None:
    tombstones = Tombstones()
    for uid in ("a", "b", "a", "c"):
        tombstones.bury(uid, limit=2)
    assert list(tombstones) == ["b", "c"]
