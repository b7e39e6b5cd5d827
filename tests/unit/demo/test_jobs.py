"""What the demo says of jobs that have ended."""

from typing import Any

import pytest
from mljob.api.job import MlJob

from deploy.demo.jobs import (
    MEANT_TO_BE_RETRIED,
    MEANT_TO_END_OTHERWISE,
    attempts,
    caps_in,
    most_at_once,
    names_in,
    outcome,
    run_seconds,
    surprises,
    took,
)
from tests.unit.chart.rendering import CHECKOUT


def a_job(**status: Any) -> MlJob:
    return MlJob.model_validate(
        {
            "apiVersion": "mljob.dev/v1alpha1",
            "kind": "MlJob",
            "metadata": {"name": "one"},
            "spec": {"jobName": "train"},
            "status": {"phase": "Succeeded", "attempt": 1, **status},
        }
    )


def ran(start: int, end: int) -> MlJob:
    return a_job(
        startTime=f"2026-01-01T00:00:{start:02d}Z",
        completionTime=f"2026-01-01T00:00:{end:02d}Z",
    )


@pytest.mark.parametrize(
    ("times", "most"),
    [
        ([], 0),
        ([(0, 5)], 1),
        ([(0, 5), (4, 9)], 2),
        ([(0, 5), (5, 9)], 1),
        ([(0, 9), (1, 2), (3, 4), (4, 8)], 2),
    ],
)
def test_most_at_once_counts_overlaps_of_whole_seconds(times: list[tuple[int, int]], most: int) -> None:
    assert most_at_once(ran(*each) for each in times) == most


def test_a_job_that_began_and_ended_within_a_second_makes_no_room_before_it_ran() -> None:
    assert most_at_once([ran(3, 3), ran(3, 3), ran(4, 4)]) <= 1


@pytest.mark.parametrize(
    ("status", "text"),
    [
        ({"result": '"hello world"'}, "hello world"),
        ({"result": '{"alpha": 0.1, "score": 0.4}'}, "alpha=0.1, score=0.4"),
        ({"result": "7"}, "7"),
        ({}, "null"),
        ({"phase": "Failed", "error": "KeyError('price')", "message": "it failed"}, "KeyError('price')"),
        ({"phase": "TimedOut", "message": "ran longer than 5 s"}, "ran longer than 5 s"),
        ({"phase": "Pending", "reason": "UnknownJobName"}, "UnknownJobName"),
    ],
)
def test_the_outcome_is_the_result_or_the_error_or_the_reason(status: dict[str, Any], text: str) -> None:
    assert outcome(a_job(**status)) == text


@pytest.mark.parametrize(("retries", "text"), [(0, "1"), (1, "2 (1 retry)"), (2, "3 (2 retries)")])
def test_attempts_say_how_many_were_retries(retries: int, text: str) -> None:
    assert attempts(a_job(attempt=retries + 1, retryCount=retries)) == text


def test_the_time_is_the_runners_else_the_containers_once_it_has_ended() -> None:
    assert took(ran(2, 7), {}) == "5 s"
    assert took(a_job(currentPod="p"), {"p": 5.08}) == "5.1 s"
    assert took(a_job(phase="Running", startTime="2026-01-01T00:00:00Z"), {}) == ""


@pytest.mark.parametrize(
    ("message", "seconds"),
    [
        ('{"startedAt": 10.5, "finishedAt": 15.75}', {"p": 5.25}),
        ('{"startedAt": 10.5}', {}),
        ("[1]", {}),
        ("out of disk", {}),
        ("", {}),
    ],
)
def test_only_a_runners_report_tells_its_time(message: str, seconds: dict[str, float]) -> None:
    ended = {"name": "main", "state": {"terminated": {"message": message}}}
    running = {"name": "main", "state": {"running": {}}}
    pods: list[dict[str, Any]] = [
        {"metadata": {"name": "p"}, "status": {"containerStatuses": [ended]}},
        {"metadata": {"name": "q"}, "status": {"containerStatuses": [running]}},
        {"metadata": {"name": "r"}, "status": {}},
    ]
    assert run_seconds(pods) == seconds


def test_what_is_meant_is_no_surprise_and_anything_else_is() -> None:
    meant = {"too-slow": a_job(phase="TimedOut"), "flaky": a_job(retryCount=1), "hello": a_job()}
    assert surprises(meant, {"train": 2}) == []
    ended = {"too-slow": a_job(), "flaky": a_job(), "hello": a_job(phase="Failed", error="E")}
    found = surprises(ended, {"train": 2})
    assert found == [
        "too-slow is Succeeded, not TimedOut: null",
        "flaky has retryCount 0",
        "hello is Failed, not Succeeded: E",
    ]


def test_a_cap_that_was_passed_is_a_surprise() -> None:
    jobs = {"a": ran(0, 5), "b": ran(1, 5), "c": ran(2, 5)}
    assert surprises(jobs, {"train": 3}) == []
    assert surprises(jobs, {"train": 2}) == ["3 jobs of train ran at once, and its maxWorkers is 2"]


def test_caps_are_those_of_the_definitions() -> None:
    assert caps_in(CHECKOUT / "deploy" / "examples")["train"] == 2


def test_what_is_meant_is_about_jobs_that_the_examples_have() -> None:
    names = names_in(CHECKOUT / "deploy" / "examples")
    assert len(names) == len(set(names))
    assert set(MEANT_TO_END_OTHERWISE) | set(MEANT_TO_BE_RETRIED) < set(names)
