"""The newest state wins, the dead stay dead, and only what says something new is looked at."""

import math

import pytest

from tests.unit.controller.objects import NAMESPACE, Json, a_kube_job, a_pod, an_mljob, final, running
from tests.unit.controller.view.seen import TRAIN, A, Seen


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


def test_a_job_whose_end_came_first_never_begins(seen: Seen) -> None:
    view = seen.view
    assert view.remove_job(A) is None
    view.remove_kube_job(a_kube_job())
    view.remove_pod(a_pod())
    assert not view.upsert_job(an_mljob())
    view.upsert_kube_job(a_kube_job())
    view.upsert_pod(a_pod())
    assert not view.jobs
    assert not view.attempts


def test_the_unfinished_jobs_of_a_name_are_found_by_it(seen: Seen) -> None:
    view = seen.view
    view.upsert_job(an_mljob("a"))
    view.upsert_job(an_mljob("b", status=final()))
    view.upsert_job(an_mljob("c", job_name="score"))
    assert [entry.name for entry in view.unfinished_jobs(TRAIN)] == ["a"]
    view.upsert_job(an_mljob("a", version=2, status=final()))
    assert not list(view.unfinished_jobs(TRAIN))


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
