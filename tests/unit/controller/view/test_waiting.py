"""The lines of those that wait: in order, each job once, and nothing left of an empty one."""

from hypothesis import given
from hypothesis import strategies as st
from mljob.controller.ownership import Group
from mljob.controller.view.waiting import WaitingLines
from mljob.core.facts import OrderKey

TRAIN, SCORE = ("default", "train"), ("default", "score")
GROUPS: list[Group] = [TRAIN, SCORE]


def place(uid: str, priority: int = 0, created_ms: int = 0) -> OrderKey:
    return (-priority, created_ms, f"name-of-{uid}", uid)


PLACES = st.builds(place, st.sampled_from("abcd"), st.integers(0, 2), st.integers(0, 2))


@given(st.lists(st.tuples(st.booleans(), st.sampled_from(GROUPS), PLACES)))
def test_the_lines_are_what_sorting_would_make(calls: list[tuple[bool, Group, OrderKey]]) -> None:
    lines = WaitingLines()
    plain: dict[str, tuple[Group, OrderKey]] = {}
    for waits, group, order in calls:
        uid = order[-1]
        if waits:
            news = plain.get(uid) != (group, order)
            plain[uid] = (group, order)
            assert lines.put(group, order) == news
        else:
            plain.pop(uid, None)
            lines.take_out(uid)
        assert len(lines) == len(plain)
        assert all(uid in lines for uid in plain)
        for each in GROUPS:
            expected = sorted(order for group, order in plain.values() if group == each)
            assert list(lines.line(each)) == expected
            assert lines.first(each) == (expected[0] if expected else None)
            assert (each in lines.groups) == bool(expected)


def test_the_order_is_priority_then_submission_then_name() -> None:
    lines = WaitingLines()
    for order in [
        place("d", created_ms=9),
        place("c", created_ms=1),
        place("b", created_ms=1),
        place("a", 5, 20),
    ]:
        lines.put(TRAIN, order)
    assert [order[-1] for order in lines.line(TRAIN)] == ["a", "b", "c", "d"]
