"""How attempts end, and what follows: results, retries with backoff, disruptions, deadlines."""

from datetime import datetime, timedelta

import pytest

from tests.integration.operator.world import World

PYTHON = {"function": "jobs.work.fun"}
EXITED = "RuntimeError('The subprocess that executes job function jobs.work.fun exists with error code"
QUICK_RETRY = {"maxRetries": 2, "baseDelaySeconds": 2, "maxDelaySeconds": 4}


def seconds_between(earlier: str, later: str) -> float:
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()


def test_a_result_is_kept_to_the_letter(world: World) -> None:
    world.define(**PYTHON)
    world.submit("exact", paramsJSON='{"x": 1.0, "big": 123456789012345678901, "none": null}')
    world.wait_running("exact")
    world.report("exact", "succeeded", result='{"y": 1.0, "e": 1e3, "none": null}')
    status = world.wait_phase("exact", "Succeeded")
    assert status["result"] == '{"y": 1.0, "e": 1e3, "none": null}'
    row = world.wait_row("exact", status=2)
    assert row["result"] == '{"y": 1.0, "e": 1e3, "none": null}'
    assert row["params"] == '{"x": 1.0, "big": 123456789012345678901, "none": null}'
    (pod,) = world.pods("exact")
    assert pod["metadata"]["annotations"]["mljob.dev/params"] == row["params"]


def test_an_exception_fails_the_job_with_its_repr_and_keeps_the_traceback(world: World) -> None:
    world.define(**PYTHON)
    world.submit("raises")
    world.wait_running("raises")
    world.report("raises", "failed", reason="Error", error="RuntimeError('no')", traceback="line 7")
    status = world.wait_phase("raises", "Failed")
    assert (status["reason"], status["error"]) == ("Error", "RuntimeError('no')")
    row = world.wait_row("raises", status=3)
    assert row["result"] == "RuntimeError('no')"
    (attempt,) = world.rows("select * from job_attempts where job_id = ?", row["id"])
    assert (attempt["traceback"], attempt["exit_code"]) == ("line 7", 1)
    assert [event["reason"] for event in world.events("raises")] == ["Error"]


def test_a_transient_error_is_retried_after_its_delay_and_then_succeeds(world: World) -> None:
    world.define(**PYTHON, retry=QUICK_RETRY)
    world.submit("flaky")
    world.wait_running("flaky")
    world.report("flaky", "transient", error="OSError('blip')")
    waiting = world.wait_reason("flaky", "Backoff")
    assert (waiting["phase"], waiting["retryCount"]) == ("Pending", 1)
    world.submit("neighbour")
    world.wait_running("neighbour")  # the slot is free meanwhile
    world.end_pod("neighbour", message='{"v": 1, "outcome": "succeeded", "result": "null"}')
    world.wait("the second attempt", lambda: len(world.pods("flaky")) == 2)
    second = world.attempts("flaky")[1]["metadata"]["creationTimestamp"]
    assert seconds_between(waiting["nextRetryTime"], second) >= 0
    world.wait_running("flaky")
    world.report("flaky", "succeeded", result="7")
    status = world.wait_phase("flaky", "Succeeded")
    assert (status["result"], status["retryCount"], status["attempt"]) == ("7", 1, 2)
    assert world.wait_row("flaky", status=2)["retry_count"] == 1


def test_retries_are_exhausted_at_their_number(world: World) -> None:
    world.define(**PYTHON, retry={"maxRetries": 1, "baseDelaySeconds": 0, "maxDelaySeconds": 0})
    world.submit("hopeless")
    for attempt in (1, 2):
        world.wait(f"attempt {attempt}", lambda: world.status("hopeless").get("attempt") == attempt)  # noqa: B023
        world.wait_running("hopeless")
        world.report("hopeless", "transient", error="OSError('again')")
        world.wait("its end", lambda: world.status("hopeless").get("phase") != "Running")
    status = world.wait_phase("hopeless", "Failed")
    assert (status["reason"], status["retryCount"]) == ("RetriesExhausted", 1)
    assert world.wait_row("hopeless", status=3)["result"] == "OSError('again')"


def test_a_retry_runs_what_the_first_attempt_ran_whatever_the_definition_says_now(world: World) -> None:
    world.define(**PYTHON, image="example.test/old:1", retry={"baseDelaySeconds": 0, "maxDelaySeconds": 0})
    world.submit("steady")
    world.wait_running("steady")
    world.edit("work", "mljobdefinitions", image="example.test/new:1")
    world.report("steady", "transient", error="OSError()")
    world.wait("the second attempt", lambda: len(world.pods("steady")) == 2)
    images = [pod["spec"]["containers"][0]["image"] for pod in world.pods("steady")]
    assert images == ["example.test/old:1", "example.test/old:1"]
    assert [pod["metadata"]["labels"]["mljob.dev/attempt"] for pod in world.pods("steady")] == ["1", "2"]


def test_the_runners_word_that_it_took_too_long_is_timed_out(world: World) -> None:
    world.define(**PYTHON)
    world.submit("slow", activeDeadlineSeconds=5)
    world.wait_running("slow")
    world.report("slow", "timed_out")
    assert world.wait_phase("slow", "TimedOut")["message"] == "Ran longer than its limit of 5 s"
    row = world.wait_row("slow", status=4)
    assert (row["result"], row["timeout"]) == (None, 5)


def test_the_kubelet_gets_a_commands_limit_counted_from_its_container(world: World) -> None:
    world.define()
    world.submit("command", activeDeadlineSeconds=7)
    world.wait_running("command")

    def deadline() -> int | None:
        seconds = world.pods("command")[0]["spec"]["activeDeadlineSeconds"]
        return seconds if seconds < 60 else None

    assert 7 <= world.wait("a lowered deadline", deadline) <= 9
    long_ago = "2026-01-01T00:00:00Z"
    world.end_pod("command", 137, started_at=long_ago, pod_status={"reason": "DeadlineExceeded"})
    assert world.wait_phase("command", "TimedOut")["reason"] == "TimedOut"


@pytest.mark.parametrize(
    ("code", "message", "error"),
    [
        (0, None, "The process exited with code 0 without a result"),
        (3, None, f"{EXITED} 3')"),
        (139, "{", f"{EXITED} -11')"),
    ],
)
def test_a_process_that_exits_without_a_report_failed(
    world: World, code: int, message: str | None, error: str
) -> None:
    world.define(**PYTHON)
    world.submit("silent")
    world.wait_running("silent")
    world.end_pod("silent", code, message)
    status = world.wait_phase("silent", "Failed")
    assert status["error"] == error
    assert status["reason"] == ("NoResult" if code == 0 else "ProcessExited")


def test_out_of_memory_names_the_limit(world: World) -> None:
    world.define(**PYTHON, resources={"limits": {"memory": "64Mi"}})
    world.submit("hungry")
    world.wait_running("hungry")
    world.end_pod("hungry", 137, reason="OOMKilled")
    status = world.wait_phase("hungry", "Failed")
    assert status["reason"] == "OOMKilled"
    assert "64Mi" in status["message"]


def test_a_commands_exit_code_decides(world: World) -> None:
    world.define(maxWorkers=3, retry={"exitCodes": [9], "maxRetries": 0})
    for name, code in (("fine", 0), ("wrong", 2), ("passing", 9)):
        world.submit(name)
        world.wait_running(name)
        world.end_pod(name, code)
    assert world.wait_phase("fine", "Succeeded")["result"] == "null"
    assert world.wait_phase("wrong", "Failed")["reason"] == "ProcessExited"
    assert world.wait_phase("passing", "Failed")["reason"] == "RetriesExhausted"


def test_an_evicted_pod_is_replaced_from_the_disruption_budget(world: World) -> None:
    world.define(**PYTHON, retry={"disruptionLimit": 1})
    world.submit("evicted")
    disrupted = {"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"}
    for attempt in (1, 2):
        world.wait(f"attempt {attempt}", lambda: world.status("evicted").get("attempt") == attempt)  # noqa: B023
        world.wait_running("evicted")
        world.end_pod("evicted", 143, pod_status={"conditions": [disrupted]})
        world.wait("its end", lambda: world.status("evicted").get("phase") != "Running")
    status = world.wait_phase("evicted", "Failed")
    assert status["reason"] == "DisruptionLimitExceeded"
    assert (status.get("retryCount", 0), status["disruptionCount"]) == (0, 1)


def test_a_pod_that_someone_deletes_is_replaced(world: World) -> None:
    world.define(**PYTHON)
    world.submit("robbed")
    world.wait_running("robbed")
    (pod,) = world.pods("robbed")
    world.delete(f"/api/v1/namespaces/{world.namespace}/pods/{pod['metadata']['name']}")
    world.end_pod("robbed", 143)
    world.wait("a second attempt", lambda: world.status("robbed").get("attempt") == 2)
    assert world.status("robbed")["disruptionCount"] == 1


def test_a_job_object_that_someone_deletes_is_replaced_once_its_pod_is_gone(world: World) -> None:
    world.define(**PYTHON)
    world.submit("robbed")
    world.wait_running("robbed")
    (attempt,) = world.attempts("robbed")
    path = f"/apis/batch/v1/namespaces/{world.namespace}/jobs/{attempt['metadata']['name']}"
    world.delete(path, propagationPolicy="Background")
    world.wait("a second attempt", lambda: world.status("robbed").get("attempt") == 2)
    world.wait_running("robbed")
    assert len([pod for pod in world.pods("robbed") if pod["status"]["phase"] == "Running"]) == 1


def test_a_pod_that_cannot_pull_its_image_says_so_and_fails_at_the_start_deadline(world: World) -> None:
    world.define(stay="pending")
    world.submit("stuck", startDeadlineSeconds=9)
    pod = world.wait("a pod", lambda: world.pods("stuck"))[0]
    world.wait("a node", lambda: world.pods("stuck")[0]["spec"].get("nodeName"))
    waiting = {"reason": "ErrImagePull", "message": "no such image: example.test/image:1"}
    container = {
        "name": "main", "image": "x", "imageID": "", "ready": False, "restartCount": 0,
        "state": {"waiting": waiting},
    }  # fmt: skip
    world.set_pod_status(pod, phase="Pending", containerStatuses=[container])
    status = world.wait_reason("stuck", "ImagePullBackOff")
    assert status["phase"] == "Pending"
    assert "no such image" in status["message"]
    assert world.wait_row("stuck", status=0, reason="ImagePullBackOff")["attempt"] == 1
    status = world.wait_phase("stuck", "Failed")
    assert status["reason"] == "StartDeadlineExceeded"
    assert "no such image" in status["message"]
    assert len(world.events("stuck")) == 1


def test_a_volume_that_cannot_be_mounted_is_told_by_the_event_of_its_kubelet(world: World) -> None:
    world.define(stay="pending")
    world.submit("unmounted")
    pod = world.wait("a pod", lambda: world.pods("unmounted"))[0]
    world.wait("a node", lambda: world.pods("unmounted")[0]["spec"].get("nodeName"))
    waiting = {"reason": "ContainerCreating"}
    container = {
        "name": "main", "image": "x", "imageID": "", "ready": False, "restartCount": 0,
        "state": {"waiting": waiting},
    }  # fmt: skip
    # A node on which it has been for a minute: nobody has to wait for the patience to be over.
    came = (datetime.fromisoformat(world.now()) - timedelta(seconds=60)).strftime("%Y-%m-%dT%H:%M:%SZ")
    world.warn_about(pod, "FailedMount", 'configmap "nosuch" not found')
    world.set_pod_status(pod, phase="Pending", startTime=came, containerStatuses=[container])
    status = world.wait_reason("unmounted", "FailedMount")
    assert (status["phase"], status["message"]) == ("Pending", 'configmap "nosuch" not found')
    assert [event["reason"] for event in world.events("unmounted")] == ["FailedMount"]


def test_a_pod_that_pod_security_refuses_is_explained(world: World) -> None:
    world.define()
    world.wait("accepted", lambda: world.definition("work").get("status"))
    label = "pod-security.kubernetes.io/enforce=restricted"
    world.define("root", podTemplate={"spec": {"hostNetwork": True}})
    world.wait("accepted", lambda: world.definition("root").get("status"))
    world.plane.kubectl("label", "namespace", world.namespace, label)
    world.submit("refused", "root", startDeadlineSeconds=60)
    status = world.wait_reason("refused", "FailedCreate")
    assert "violates PodSecurity" in status["message"]


def test_waiting_too_long_for_a_slot_fails(world: World) -> None:
    world.define()
    world.submit("holder")
    world.wait_running("holder")
    world.submit("late", queueDeadlineSeconds=2)
    status = world.wait_phase("late", "Failed")
    assert status["reason"] == "QueueDeadlineExceeded"
    assert world.attempts("late") == []


def test_an_injected_sidecar_does_not_hold_the_slot(world: World) -> None:
    sidecar = {"name": "proxy", "image": "example.test/proxy:1"}
    template = {"spec": {"containers": [{"name": "main"}, sidecar]}}
    world.define(**PYTHON, podTemplate=template)
    world.submit("meshed")
    world.wait_running("meshed")
    (pod,) = world.pods("meshed")
    ended = {"exitCode": 0, "startedAt": pod["status"]["startTime"], "finishedAt": pod["status"]["startTime"],
             "message": '{"v": 1, "outcome": "succeeded", "result": "5"}'}  # fmt: skip
    base = {"image": "x", "imageID": "", "ready": False, "restartCount": 0}
    main = {"name": "main", "state": {"terminated": ended}} | base
    proxy = {"name": "proxy", "state": {"running": {"startedAt": pod["status"]["startTime"]}}} | base
    world.set_pod_status(pod, phase="Running", containerStatuses=[main, proxy])
    world.wait(
        "a deadline in the past", lambda: world.pods("meshed")[0]["spec"].get("activeDeadlineSeconds") == 1
    )
    world.set_pod_status(pod, phase="Failed", reason="DeadlineExceeded")
    assert world.wait_phase("meshed", "Succeeded")["result"] == "5"
