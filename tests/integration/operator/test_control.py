"""What people do to a job: cancel, suspend, resume, delete; and what time does to a finished one."""

import pytest

from tests.integration.operator.world import World

RECORD = {"finalizers": ["mljob.dev/record"]}


def test_canceling_a_waiting_job_ends_it_without_an_attempt(world: World) -> None:
    world.define(suspend=True)
    world.submit("waiting")
    world.edit("waiting", cancel=True)
    assert world.wait_phase("waiting", "Canceled")["reason"] == "Canceled"
    assert world.wait_row("waiting", status=10)["result"] is None
    assert world.attempts() == []


def test_canceling_a_running_job_ends_its_pod_and_frees_the_slot_when_it_is_gone(world: World) -> None:
    world.define(stay="terminating", run="600s")
    world.submit("victim")
    world.wait("a pod", lambda: world.pods("victim"))
    world.submit("next")
    world.edit("victim", cancel=True)
    world.wait_phase("victim", "Canceled")
    world.wait(
        "a pod that is told to end", lambda: world.pods("victim")[0]["metadata"].get("deletionTimestamp")
    )
    world.stays_so(lambda: world.attempts("next") == [])
    (pod,) = world.pods("victim")
    world.plane.kubectl("annotate", "-n", world.namespace, "pod", pod["metadata"]["name"], "mljob.test/stay-")
    world.wait("the next one's turn", lambda: world.attempts("next"))
    world.wait_row("victim", status=10)


def test_a_suspended_job_keeps_its_place_and_is_not_admitted(world: World) -> None:
    world.define()
    world.submit("holder")
    world.wait_running("holder")
    world.submit("a-paused", suspend=True)
    world.submit("b-last")
    world.wait_reason("a-paused", "Suspended")
    world.edit("a-paused", suspend=False)
    world.wait("no reason", lambda: "reason" not in world.status("a-paused"))
    world.end_pod("holder")
    world.wait_running("a-paused")
    assert world.attempts("b-last") == []


def test_suspending_a_running_job_stops_its_attempt_and_resuming_is_a_new_one(world: World) -> None:
    world.define()
    world.submit("paused")
    world.wait_running("paused")
    world.edit("paused", suspend=True)
    status = world.wait_reason("paused", "Suspended")
    assert status["phase"] == "Pending"
    assert (status.get("retryCount", 0), status.get("disruptionCount", 0)) == (0, 0)
    assert world.pods("paused") == []
    world.edit("paused", suspend=False)
    assert world.wait_phase("paused", "Running")["attempt"] == 2


@pytest.mark.parametrize("metadata", [RECORD, {}], ids=["with the finalizer", "without"])
def test_a_job_deleted_mid_run_leaves_a_canceled_row_and_no_pod(
    world: World, metadata: dict[str, list[str]]
) -> None:
    world.define()
    world.submit("gone", metadata=metadata)
    world.wait_running("gone")
    world.submit("next")
    world.delete_job("gone")
    row = world.wait_row("gone", status=10)
    assert row["reason"] == "Deleted"
    (attempt,) = world.rows("select * from job_attempts where job_id = ?", row["id"])
    assert (attempt["reason"], bool(attempt["finished"])) == ("Deleted", True)
    assert attempt["completion_time"] >= attempt["start_time"]
    world.wait_running("next")
    world.wait("its Job gone", lambda: len(world.attempts()) == 1)
    path = f"/apis/mljob.dev/v1alpha1/namespaces/{world.namespace}/mljobs/gone"
    world.wait("the object gone", lambda: world.api.get(path).status_code == 404)


def test_a_finished_job_is_removed_after_its_time_and_its_row_stays(world: World) -> None:
    world.define(stay=None)
    world.submit("brief", ttlSecondsAfterFinished=1, metadata=RECORD)
    row = world.wait_row("brief", status=2)
    path = f"/apis/mljob.dev/v1alpha1/namespaces/{world.namespace}/mljobs/brief"
    world.wait("the object gone", lambda: world.api.get(path).status_code == 404)
    world.wait("its Job and pod gone", lambda: not world.attempts() and not world.pods())
    assert world.row("brief") == row


def test_a_canceled_job_stays_canceled_when_its_pod_ends_well(world: World) -> None:
    world.define(stay="terminating", run="600s")
    world.submit("both")
    world.wait("a pod", lambda: world.pods("both"))
    world.edit("both", cancel=True)
    world.wait_phase("both", "Canceled")
    world.end_pod("both", 0)
    world.stays_so(lambda: world.status("both")["phase"] == "Canceled")
    assert world.row("both")["status"] == 10
