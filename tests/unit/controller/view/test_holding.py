"""A slot is held as long as something may run or has to be told, and not a moment longer."""

from collections.abc import Callable
from itertools import permutations

import pytest
from mljob.controller.view import View

from tests.unit.controller.objects import a_kube_job, a_pod, an_mljob, final, running, settled
from tests.unit.controller.view.seen import TRAIN, A, Seen


def test_a_slot_is_held_from_reservation_to_the_settled_end(seen: Seen) -> None:
    view = seen.view
    view.upsert_job(an_mljob())
    view.reserve((A, 1), TRAIN)
    assert seen.held() == (1, 1, 1)
    view.upsert_kube_job(a_kube_job())
    view.unreserve((A, 1))
    view.upsert_pod(a_pod())
    view.upsert_job(an_mljob(version=2, status=running()))
    view.upsert_pod(a_pod(version=2, phase="Succeeded", exit_code=0))
    view.upsert_kube_job(a_kube_job(version=2, ended="Complete"))
    assert seen.held() == (1, 1, 1), "its end is not in the status yet"
    seen.slots.clear()
    view.upsert_job(an_mljob(version=3, status=final()))
    assert seen.held() == (0, 0, 0)
    assert TRAIN in seen.slots


def test_a_canceled_job_holds_its_slot_until_its_pod_is_gone(seen: Seen) -> None:
    view = seen.view
    view.upsert_job(an_mljob(status=final("Canceled")))
    view.upsert_kube_job(a_kube_job())
    view.upsert_pod(a_pod())
    view.upsert_kube_job(a_kube_job(version=2, ended="Failed"))
    assert seen.held() == (1, 1, 1)
    view.upsert_pod(a_pod(version=2, phase="Failed", exit_code=143))
    assert seen.held() == (0, 0, 0)


def test_a_backoff_holds_no_slot(seen: Seen) -> None:
    seen.view.upsert_job(an_mljob(status=settled()))
    seen.view.upsert_kube_job(a_kube_job(ended="Failed"))
    assert seen.held() == (0, 0, 0)
    assert seen.view.startable(seen.view.jobs[A])


def test_an_attempt_that_only_the_status_knows_holds_its_slot(seen: Seen) -> None:
    """Its Job went while the operator was down; until that is settled nothing else may take the slot."""
    seen.view.upsert_job(an_mljob(status=running()))
    assert seen.held() == (1, 1, 1)
    assert not seen.view.startable(seen.view.jobs[A])
    attempt = seen.view.attempt_facts(A)
    assert attempt is not None
    assert (attempt.number, attempt.job_exists, attempt.alive) == (1, False, False)


def test_a_deleted_job_that_only_its_status_knew_leaks_no_slot(seen: Seen) -> None:
    seen.view.upsert_job(an_mljob(status=running()))
    seen.view.remove_job(A)
    assert seen.held() == (0, 0, 0)


def test_a_job_deleted_while_its_attempt_is_created_leaks_no_slot(seen: Seen) -> None:
    view = seen.view
    view.upsert_job(an_mljob())
    view.reserve((A, 1), TRAIN)
    view.remove_job(A)
    assert seen.held() == (1, 1, 1), "the creation may still land"
    view.unreserve((A, 1))
    assert seen.held() == (0, 0, 0)


REMOVALS: dict[str, Callable[[View], object]] = {
    "MlJob": lambda view: view.remove_job(A),
    "Job": lambda view: view.remove_kube_job(a_kube_job(version=9)),
    "pod": lambda view: view.remove_pod(a_pod(version=9)),
}


@pytest.mark.parametrize("order", list(permutations(REMOVALS)), ids="-".join)
def test_a_slot_is_free_when_job_and_pod_are_gone_in_whatever_order(
    seen: Seen, order: tuple[str, ...]
) -> None:
    view = seen.view
    view.upsert_job(an_mljob(status=running()))
    view.upsert_kube_job(a_kube_job())
    view.upsert_pod(a_pod())
    for number, what in enumerate(order):
        assert seen.held() == (1, 1, 1), f"{order[number:]} are still there"
        REMOVALS[what](view)
    assert seen.held() == (0, 0, 0)
    assert not view.attempts
    assert not view.slots.groups


def test_a_second_pod_that_comes_late_holds_the_slot_and_keeps_the_job_from_starting(seen: Seen) -> None:
    view = seen.view
    view.upsert_job(an_mljob(status=settled()))
    view.upsert_kube_job(a_kube_job(ended="Failed"))
    view.upsert_pod(a_pod(replica="y"))
    assert seen.held() == (1, 1, 1)
    assert not view.startable(view.jobs[A])


def test_a_job_with_an_attempt_in_flight_is_not_startable(seen: Seen) -> None:
    view = seen.view
    view.upsert_job(an_mljob())
    assert view.startable(view.jobs[A])
    view.reserve((A, 1), TRAIN)
    assert not view.startable(view.jobs[A])


def test_slots_of_different_names_and_namespaces_are_counted_apart(seen: Seen) -> None:
    view = seen.view
    view.upsert_job(an_mljob("a", status=running()))
    view.upsert_job(an_mljob("b", job_name="score", status=running()))
    view.upsert_job(an_mljob("c", namespace="other", status=running()))
    assert seen.held() == (1, 2, 3)
    assert view.slots.by_group(("other", "train")) == 1


ENDS_A_SLOT: dict[str, Callable[[View], object]] = {
    "its end in the status": lambda view: view.upsert_job(an_mljob(version=3, status=final())),
    "its backoff in the status": lambda view: view.upsert_job(an_mljob(version=3, status=settled())),
}


@pytest.mark.parametrize("end", list(ENDS_A_SLOT))
def test_what_is_told_before_a_slot_is_free_is_told_while_it_is_held(seen: Seen, end: str) -> None:
    view = seen.view
    view.upsert_job(an_mljob(status=running()))
    view.upsert_kube_job(a_kube_job(ended="Failed"))
    told: list[tuple[str, tuple[int, int, int], bool]] = []
    view.before_free = lambda entry: told.append((entry.name, seen.held(), entry.status.settled(1)))
    ENDS_A_SLOT[end](view)
    assert told == [("a", (1, 1, 1), True)]
    assert seen.held() == (0, 0, 0)
    view.upsert_pod(a_pod(phase="Failed", exit_code=1))
    assert len(told) == 1, "it holds no slot any more"


def test_the_slot_of_a_canceled_job_is_told_of_when_its_pod_is_gone(seen: Seen) -> None:
    view = seen.view
    told: list[str] = []
    view.before_free = lambda entry: told.append(entry.name)
    view.upsert_job(an_mljob(status=running()))
    view.upsert_pod(a_pod())
    view.upsert_job(an_mljob(version=2, status=final("Canceled")))
    assert not told
    view.remove_pod(a_pod(version=9))
    assert told == ["a"]
    assert seen.held() == (0, 0, 0)
