"""The view: newest states win, the dead stay dead, and a slot is held as long as something may run."""

import math
from collections.abc import Callable
from itertools import permutations

import pytest
from mljob.api import names
from mljob.controller.ownership import attempt_of
from mljob.controller.view import Group, View

from tests.unit.controller.objects import (
    NAMESPACE,
    Json,
    a_kube_job,
    a_pod,
    an_mljob,
    final,
    running,
    settled,
    uid_of,
)

TRAIN: Group = (NAMESPACE, "train")
A = uid_of("a")


class Seen:
    """A view and what it called back."""

    def __init__(self) -> None:
        self.jobs: list[str] = []
        self.slots: list[Group] = []
        self.view = View(self.jobs.append, self.slots.append)

    def held(self) -> tuple[int, int, int]:
        view = self.view
        return view.slots.by_group(TRAIN), view.slots.in_namespace(NAMESPACE), view.slots.in_all


@pytest.fixture
def seen() -> Seen:
    return Seen()


# ---- newest wins, the dead stay dead


def test_an_older_mljob_never_replaces_a_newer_one(seen: Seen) -> None:
    assert seen.view.upsert_job(an_mljob(version=5, status=running()))
    assert not seen.view.upsert_job(an_mljob(version=4))
    assert seen.view.jobs[A].status.phase == "Running"


def test_an_older_job_or_pod_never_replaces_a_newer_one(seen: Seen) -> None:
    seen.view.upsert_job(an_mljob(status=running()))
    seen.view.upsert_kube_job(a_kube_job(version=5, ended="Complete"))
    seen.view.upsert_pod(a_pod(version=5, phase="Succeeded", exit_code=0))
    seen.view.upsert_kube_job(a_kube_job(version=4))
    seen.view.upsert_pod(a_pod(version=4))
    attempt = seen.view.attempt_facts(A)
    assert attempt is not None
    assert not attempt.alive


def test_a_late_event_brings_nothing_back(seen: Seen) -> None:
    view = seen.view
    view.upsert_job(an_mljob())
    view.upsert_kube_job(a_kube_job())
    view.upsert_pod(a_pod())
    view.remove_pod(a_pod(version=9))
    view.remove_kube_job(a_kube_job(version=9))
    view.remove_job(A)
    view.upsert_job(an_mljob(version=99))
    view.upsert_kube_job(a_kube_job(version=99))
    view.upsert_pod(a_pod(version=99))
    assert not view.jobs
    assert not view.attempts
    assert seen.held() == (0, 0, 0)


def test_a_name_used_again_is_another_job(seen: Seen) -> None:
    view = seen.view
    view.upsert_job(an_mljob())
    second = an_mljob(version=2)
    second["metadata"]["uid"] = "second"
    view.upsert_job(second)
    view.remove_job(A)
    assert view.uid_of[NAMESPACE, "a"] == "second"


def test_a_spec_is_read_again_when_its_generation_moves(seen: Seen) -> None:
    seen.view.upsert_job(an_mljob())
    changed = an_mljob(version=2, cancel=True)
    changed["metadata"]["generation"] = 2
    seen.view.upsert_job(changed)
    assert seen.view.jobs[A].spec.cancel


@pytest.mark.parametrize(
    ("spec", "kept"),
    [
        ({}, True),
        ({"params": {"lr": 0.1}}, True),
        ({"paramsJSON": "{}"}, True),
        ({"paramsJSON": '{"a": "' + "x" * 2_000 + '"}'}, False),
        ({"params": {f"p{n}": n for n in range(20)}}, False),
        ({"params": {"a": "x" * 2_000}}, False),
        ({"definition": {"function": "m.f"}}, False),
    ],
)
def test_only_small_specs_are_kept(seen: Seen, spec: Json, kept: bool) -> None:
    seen.view.upsert_job(an_mljob(**spec))
    assert (seen.view.jobs[A].raw_spec is not None) == kept


def test_a_finished_job_keeps_no_spec(seen: Seen) -> None:
    seen.view.upsert_job(an_mljob())
    seen.view.upsert_job(an_mljob(version=2, status=final()))
    assert seen.view.jobs[A].raw_spec is None
    assert not seen.view.unfinished


# ---- slots


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


# ---- what is left of a pod


def test_an_exit_is_remembered_until_it_is_settled(seen: Seen) -> None:
    view = seen.view
    view.upsert_job(an_mljob(status=running()))
    view.upsert_kube_job(a_kube_job())
    view.upsert_pod(a_pod())
    view.remove_pod(a_pod(version=2, exit_code=3))
    attempt = view.attempt_facts(A)
    assert attempt is not None
    assert attempt.pod is not None
    assert (attempt.pod.main_exit_code, attempt.pod.alive) == (3, False)


def test_a_pod_that_failed_before_it_ran_is_remembered_too(seen: Seen) -> None:
    view = seen.view
    view.upsert_job(an_mljob(status=running()))
    view.upsert_kube_job(a_kube_job())
    refused = a_pod(phase="Failed")
    refused["status"] |= {"reason": "OutOfcpu", "containerStatuses": []}
    view.upsert_pod(refused)
    view.remove_pod({"metadata": a_pod(version=2)["metadata"]})
    attempt = view.attempt_facts(A)
    assert attempt is not None
    assert attempt.pod is not None
    assert attempt.pod.reason == "OutOfcpu"


def test_a_pod_that_vanishes_while_it_runs_leaves_nothing(seen: Seen) -> None:
    view = seen.view
    view.upsert_job(an_mljob(status=running()))
    view.upsert_kube_job(a_kube_job())
    view.upsert_pod(a_pod())
    view.keep_pods((A, 1), set())
    attempt = view.attempt_facts(A)
    assert attempt is not None
    assert attempt.pods == ()


def test_pods_that_the_server_lists_are_kept(seen: Seen) -> None:
    view = seen.view
    view.upsert_pod(a_pod())
    view.keep_pods((A, 1), {a_pod()["metadata"]["uid"]})
    view.keep_pods((A, 7), set())
    assert view.attempts[A][1].pods


def test_a_job_that_the_server_has_no_more_is_gone(seen: Seen) -> None:
    view = seen.view
    view.upsert_job(an_mljob(status=running()))
    view.upsert_kube_job(a_kube_job())
    view.forget_kube_job((A, 1))
    view.forget_kube_job((A, 2))
    attempt = view.attempt_facts(A)
    assert attempt is not None
    assert not attempt.job_exists
    view.upsert_kube_job(a_kube_job(version=99))
    assert not view.attempts[A][1].alive, "its tombstone stands"


def test_identities_are_enough_to_remove_what_they_name(seen: Seen) -> None:
    view = seen.view
    view.upsert_kube_job(a_kube_job())
    view.upsert_pod(a_pod())
    for body in view.pod_identities():
        view.remove_pod(body)
    for body in view.kube_job_identities():
        view.remove_kube_job(body)
    assert not view.attempts
    assert seen.held() == (0, 0, 0)


# ---- what is not ours


def test_objects_without_our_labels_or_an_owner_are_nobodys() -> None:
    bare = a_pod()
    bare["metadata"]["ownerReferences"] = []
    assert attempt_of(bare) is None
    for number in ("", "x", "-1", "1" * 10, "²"):
        odd = a_pod()
        odd["metadata"]["labels"][names.LABEL_ATTEMPT] = number
        assert attempt_of(odd) is None
    forged = a_kube_job()
    forged["metadata"]["ownerReferences"][0]["uid"] = "another"
    assert attempt_of(forged) is None


@pytest.mark.parametrize(
    "forged",
    [
        pytest.param(a_kube_job(ended="Complete", owner_kind="CronJob", version=9), id="another owner"),
        pytest.param(a_kube_job(ended="Complete", namespace="evil", version=9), id="another namespace"),
    ],
)
def test_a_forged_job_says_nothing_about_a_job(seen: Seen, forged: Json) -> None:
    seen.view.upsert_job(an_mljob(status=running()))
    seen.view.upsert_kube_job(a_kube_job())
    seen.view.upsert_kube_job(forged)
    attempt = seen.view.attempt_facts(A)
    assert attempt is not None
    assert attempt.alive


@pytest.mark.parametrize(
    "forged",
    [
        pytest.param(
            a_pod(phase="Succeeded", exit_code=0, owner="elsewhere", replica="z"), id="another Job's"
        ),
        pytest.param(a_pod(phase="Succeeded", exit_code=0, namespace="evil", replica="z"), id="namespace"),
    ],
)
@pytest.mark.parametrize("first", [True, False], ids=["before the Job", "after the Job"])
def test_a_forged_pod_says_nothing_about_a_job(seen: Seen, forged: Json, first: bool) -> None:
    view = seen.view
    view.upsert_job(an_mljob(status=running()))
    if first:
        view.upsert_pod(forged)
    view.upsert_kube_job(a_kube_job())
    view.upsert_pod(forged)
    attempt = view.attempt_facts(A)
    assert attempt is not None
    assert attempt.pods == ()


def test_a_relabeled_pod_counts_against_the_cap_of_its_job(seen: Seen) -> None:
    seen.view.upsert_job(an_mljob())
    seen.view.upsert_pod(a_pod(job_name="other"))
    assert seen.held() == (1, 1, 1)


# ---- the queue and the exclusive keys


def test_the_queue_is_ordered_by_priority_then_submission(seen: Seen) -> None:
    view = seen.view
    for name, priority, created in [("late", 0, 9), ("early", 0, 1), ("high", 5, 20), ("same", 0, 1)]:
        view.upsert_job(an_mljob(name, priority=priority, created=1_790_000_000 + created))
        view.set_waiting(view.jobs[uid_of(name)], waiting=True)
    assert [key[2] for key in view.waiting.line(TRAIN)] == ["high", "early", "same", "late"]


def test_a_new_priority_moves_a_waiting_job(seen: Seen) -> None:
    view = seen.view
    for name in ("a", "b"):
        view.upsert_job(an_mljob(name))
        view.set_waiting(view.jobs[uid_of(name)], waiting=True)
    raised = an_mljob("b", version=2, priority=1)
    raised["metadata"]["generation"] = 2
    view.upsert_job(raised)
    assert [key[2] for key in view.waiting.line(TRAIN)] == ["b", "a"]


def test_a_job_is_in_line_once_and_leaves_it_when_it_ends(seen: Seen) -> None:
    view = seen.view
    view.upsert_job(an_mljob())
    entry = view.jobs[A]
    view.set_waiting(entry, waiting=True)
    seen.slots.clear()
    view.set_waiting(entry, waiting=True)
    assert not seen.slots
    view.upsert_job(an_mljob(version=2, status=final("Canceled", attempt=0)))
    assert not view.waiting


def test_exclusive_keys_are_held_by_unfinished_jobs_alone(seen: Seen) -> None:
    view = seen.view
    for name in ("a", "b"):
        view.upsert_job(an_mljob(name))
        view.set_exclusive_key(view.jobs[uid_of(name)], "k")
    assert view.exclusive[NAMESPACE, "k"] == {A, uid_of("b")}
    seen.jobs.clear()
    view.upsert_job(an_mljob("a", version=2, status=final()))
    assert view.exclusive[NAMESPACE, "k"] == {uid_of("b")}
    assert uid_of("b") in seen.jobs
    view.set_exclusive_key(view.jobs[uid_of("b")], None)
    assert not view.exclusive
    view.set_exclusive_key(view.jobs[uid_of("b")], "other")
    view.remove_job(uid_of("b"))
    assert not view.exclusive


# ---- only what says something new is looked at


def test_what_the_watch_brings_back_of_an_own_write_is_not_looked_at(seen: Seen) -> None:
    for _ in range(2):
        assert seen.view.upsert_job(an_mljob(version=5, status=running()))
        seen.view.upsert_kube_job(a_kube_job(version=6))
        seen.view.upsert_pod(a_pod(version=7))
    assert seen.jobs == [A, A, A]


def test_news_that_decisions_do_not_use_is_not_looked_at(seen: Seen) -> None:
    seen.view.upsert_job(an_mljob(status=running()))
    seen.view.upsert_kube_job(a_kube_job(version=5))
    seen.view.upsert_pod(a_pod(version=5))
    seen.jobs.clear()
    counted = a_kube_job(version=6)
    counted["status"] = {"ready": 1, "active": 1}
    seen.view.upsert_kube_job(counted)
    seen.view.upsert_pod(a_pod(version=6))
    assert seen.jobs == []
    seen.view.upsert_kube_job(a_kube_job(version=7, ended="Complete"))
    seen.view.upsert_pod(a_pod(version=7, phase="Succeeded", exit_code=0))
    assert seen.jobs == [A, A]


def test_a_job_is_taken_up_when_its_controller_says_so(seen: Seen) -> None:
    def taken_up(job: Json) -> float:
        seen.view.upsert_kube_job(job)
        attempt = seen.view.attempt_facts(A)
        assert attempt is not None
        return attempt.taken_up_time

    seen.view.upsert_job(an_mljob())
    waiting, suspended, started = (a_kube_job(version=version) for version in (5, 6, 7))
    waiting["status"], started["status"] = {}, {"startTime": "2026-11-22T06:00:00Z"}
    suspended["spec"]["suspend"], suspended["status"] = True, {}
    assert taken_up(waiting) == math.inf
    assert taken_up(suspended) == 0.0
    assert taken_up(started) == 1_795_327_200.0
