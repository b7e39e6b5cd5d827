"""The books of the slots: whatever is told in whatever order, they agree with the plainest of accounts."""

from collections.abc import Callable
from itertools import product

from hypothesis import given
from hypothesis import strategies as st
from mljob.controller.ownership import AttemptId, Group
from mljob.controller.view.slots import HeldSlots

TRAIN, SCORE, ELSEWHERE = ("default", "train"), ("default", "score"), ("other", "train")
GROUPS: list[Group] = [TRAIN, SCORE, ELSEWHERE]
ATTEMPTS: list[AttemptId] = list(product("ab", (1, 2)))
FIRST = ATTEMPTS[0]


class PlainAccount:
    """The same promises, kept by counting everything anew for each question."""

    def __init__(self) -> None:
        self.held: dict[AttemptId, Group] = {}
        self.in_flight: set[AttemptId] = set()
        self.freed: list[Group] = []

    def reserve(self, attempt_id: AttemptId, group: Group) -> None:
        self.in_flight.add(attempt_id)
        self.hold(attempt_id, group)

    def land(self, attempt_id: AttemptId, _: Group) -> None:
        self.in_flight.discard(attempt_id)

    def hold(self, attempt_id: AttemptId, group: Group) -> None:
        self.held.setdefault(attempt_id, group)

    def free(self, attempt_id: AttemptId, _: Group) -> None:
        if attempt_id in self.held and attempt_id not in self.in_flight:
            self.freed.append(self.held.pop(attempt_id))


CALLS: dict[str, Callable[[HeldSlots, AttemptId, Group], None]] = {
    "reserve": HeldSlots.reserve,
    "land": lambda slots, attempt_id, group: slots.land(attempt_id),
    "hold": HeldSlots.hold,
    "free": lambda slots, attempt_id, group: slots.free(attempt_id),
}


@given(st.lists(st.tuples(st.sampled_from(list(CALLS)), st.sampled_from(ATTEMPTS), st.sampled_from(GROUPS))))
def test_the_books_agree_with_a_plain_account(calls: list[tuple[str, AttemptId, Group]]) -> None:
    freed: list[Group] = []
    slots, plain = HeldSlots(freed.append), PlainAccount()
    for call, attempt_id, group in calls:
        CALLS[call](slots, attempt_id, group)
        getattr(plain, call)(attempt_id, group)
        groups = list(plain.held.values())
        assert set(slots.attempts) == plain.held.keys()
        assert set(slots.in_flight) == plain.in_flight <= plain.held.keys()
        assert slots.in_all == len(groups)
        assert {group: slots.by_group(group) for group in GROUPS} == {g: groups.count(g) for g in GROUPS}
        for namespace in ("default", "other"):
            assert slots.in_namespace(namespace) == sum(group[0] == namespace for group in groups)
        assert set(slots.groups) == set(groups), "a group that holds none takes no room"
        assert freed == plain.freed


def test_who_hears_of_a_free_slot_finds_it_free() -> None:
    found: list[tuple[int, int, int]] = []

    def look(group: Group) -> None:
        found.append((slots.by_group(group), slots.in_namespace(group[0]), slots.in_all))

    slots = HeldSlots(look)
    slots.hold(FIRST, TRAIN)
    slots.free(FIRST)
    assert found == [(0, 0, 0)]


def test_an_attempt_in_flight_keeps_its_slot_until_it_has_landed() -> None:
    freed: list[Group] = []
    slots = HeldSlots(freed.append)
    slots.reserve(FIRST, TRAIN)
    slots.free(FIRST)
    assert (slots.in_all, freed) == (1, [])
    slots.land(FIRST)
    assert slots.in_all == 1, "whether it lives is not known yet"
    slots.free(FIRST)
    assert (slots.in_all, freed) == (0, [TRAIN])


def test_an_attempt_is_counted_under_one_group_alone() -> None:
    freed: list[Group] = []
    slots = HeldSlots(freed.append)
    slots.hold(FIRST, TRAIN)
    slots.hold(FIRST, SCORE)
    assert (slots.by_group(TRAIN), slots.by_group(SCORE), slots.in_all) == (1, 0, 1)
    slots.free(FIRST)
    assert freed == [TRAIN]


def test_asking_for_what_is_not_held_leaves_nothing_behind() -> None:
    slots = HeldSlots(lambda group: None)
    assert (slots.by_group(TRAIN), slots.in_namespace("default")) == (0, 0)
    assert not slots.groups
