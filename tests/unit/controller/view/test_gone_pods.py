"""What is left of a pod or a Job that is gone."""

from tests.unit.controller.objects import a_kube_job, a_pod, an_mljob, running
from tests.unit.controller.view.seen import A, Seen


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
