"""What others forge or relabel says nothing about a job."""

import pytest

from tests.unit.controller.objects import NAMESPACE, Json, a_kube_job, a_pod, an_mljob, running
from tests.unit.controller.view.seen import A, Seen


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


def test_a_relabeled_pod_seen_before_its_job_counts_against_the_cap_of_its_job(seen: Seen) -> None:
    """After a restart pods may come before the MlJobs that they belong to."""
    view = seen.view
    view.upsert_pod(a_pod(job_name="other"))
    seen.slots.clear()
    view.upsert_job(an_mljob(status=running()))
    assert seen.held() == (1, 1, 1)
    assert (NAMESPACE, "other") in seen.slots, "a slot that is none of its"
    view.remove_job(A)
    view.remove_pod(a_pod(version=9))
    assert seen.held() == (0, 0, 0)


def test_a_pod_of_another_namespace_seen_before_the_job_is_forgotten(seen: Seen) -> None:
    view = seen.view
    view.upsert_pod(a_pod(namespace="evil"))
    view.upsert_job(an_mljob())
    assert seen.held() == (0, 0, 0)
    assert view.slots.in_namespace("evil") == 0
    view.upsert_kube_job(a_kube_job())
    assert seen.held() == (1, 1, 1)
