"""Deaths of the operator: what it did is found again, nothing is done twice, nobody is forgotten."""

import random
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.control_plane import EVERYTHING, ControlPlane
from tests.control_plane.manifests import install_crds
from tests.integration.operator.process import OperatorProcess
from tests.integration.operator.world import World

KILLS = 10
JOBS = 12
CAP = 3


@pytest.fixture(scope="module")
def own_plane() -> Iterator[ControlPlane]:
    """A control plane where no other operator works."""
    with ControlPlane.start(components=EVERYTHING, audit_level="Metadata", prepare=install_crds) as plane:
        yield plane


@pytest.fixture
def own_namespace(own_plane: ControlPlane) -> str:
    name = f"restarts-{uuid4().hex[:6]}"
    own_plane.kubectl("create", "namespace", name)
    return name


@pytest.fixture
def mortal(own_plane: ControlPlane, own_namespace: str, tmp_path: Path) -> Iterator[OperatorProcess]:
    """An operator for one namespace alone, which the test kills and starts."""
    process = OperatorProcess(
        own_plane.kubeconfig,
        f"sqlite:///{tmp_path}/mljob.db",
        tmp_path,
        namespaces=(own_namespace,),
    )
    process.start()
    yield process
    process.kill()


@pytest.fixture
def lone_world(own_plane: ControlPlane, own_namespace: str, mortal: OperatorProcess, tmp_path: Path) -> World:
    return World(own_plane, own_namespace, tmp_path / "mljob.db")


def test_ten_kills_change_nothing(lone_world: World, mortal: OperatorProcess) -> None:
    world = lone_world
    world.define(stay=None, run="1500ms", maxWorkers=CAP)
    jobs = [f"job-{n:02}" for n in range(JOBS)]
    for name in jobs:
        world.submit(name)
    moments = random.Random(7)  # noqa: S311 (the same moments each time)
    for _ in range(KILLS):
        world.stays_so(lambda: len(alive_pods(world)) <= CAP, moments.uniform(0.05, 1.2))
        mortal.kill()
        mortal.start()
    for name in jobs:
        world.wait_phase(name, "Succeeded")
        row = world.wait_row(name, status=2)
        assert (row["attempt"], row["retry_count"], row["disruption_count"]) == (1, 0, 0)
    assert len(world.attempts()) == JOBS  # nothing ran twice
    assert len(world.rows()) == JOBS


def test_what_happens_while_the_operator_is_down_is_found_at_the_next_start(
    lone_world: World, mortal: OperatorProcess
) -> None:
    world = lone_world
    world.define(maxWorkers=3)
    for name in ("ends", "deleted", "canceled"):
        world.submit(name)
    world.wait_running("ends", "deleted", "canceled")
    for name in ("ends", "deleted", "canceled"):
        world.wait_row(name, status=1)
    mortal.kill()
    world.end_pod("ends")
    world.delete_job("deleted")
    world.edit("canceled", cancel=True)
    world.submit("came")
    world.wait("the deleted one's Job gone", lambda: len(world.attempts()) == 2)
    mortal.start()
    world.wait_phase("ends", "Succeeded")
    world.wait_row("ends", status=2)
    assert world.wait_row("deleted", status=10)["reason"] == "Deleted"
    world.wait_phase("canceled", "Canceled")
    world.wait_running("came")


def test_a_restart_neither_shortens_nor_forgets_a_delay(lone_world: World, mortal: OperatorProcess) -> None:
    world = lone_world
    world.define(function="jobs.work.fun", retry={"baseDelaySeconds": 6, "maxDelaySeconds": 6})
    world.submit("flaky")
    world.wait_running("flaky")
    world.report("flaky", "transient", error="OSError()")
    due = world.wait_reason("flaky", "Backoff")["nextRetryTime"]
    mortal.kill()
    mortal.start()
    world.wait("a second attempt", lambda: len(world.attempts("flaky")) == 2)
    assert world.attempts("flaky")[1]["metadata"]["creationTimestamp"] >= due


def test_sigterm_writes_what_is_queued_and_leaves_in_time(lone_world: World, mortal: OperatorProcess) -> None:
    world = lone_world
    world.define(stay=None, maxWorkers=5)
    for n in range(5):
        world.submit(f"job-{n}")
    for n in range(5):
        world.wait_phase(f"job-{n}", "Succeeded")
    assert mortal.stop(seconds=25) == 0
    assert [row["status"] for row in world.rows()] == [2] * 5


def test_at_rest_nothing_is_written(lone_world: World, mortal: OperatorProcess) -> None:
    world = lone_world
    world.define()
    world.submit("runs")
    world.submit("waits")
    world.wait_running("runs")
    world.wait_row("runs", status=1)
    before = writes_of_the_operator(world)
    world.stays_so(lambda: writes_of_the_operator(world) == before, seconds=5)


def writes_of_the_operator(world: World) -> int:
    return sum(
        1
        for event in world.plane.audit_events()
        if event.get("objectRef", {}).get("namespace") == world.namespace
        and event["userAgent"].startswith("mljob-operator")
        and event["verb"] in ("create", "update", "patch", "delete")
    )


def alive_pods(world: World) -> list[str]:
    return [
        pod["metadata"]["name"]
        for pod in world.pods()
        if pod["status"].get("phase") not in ("Succeeded", "Failed")
    ]
