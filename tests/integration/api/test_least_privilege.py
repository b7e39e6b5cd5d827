"""The operator does its work with the chart's rights, under its policies, and is never refused."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.control_plane import EVERYTHING, ControlPlane, wait_for
from tests.control_plane.manifests import OPERATOR, install_crds, install_policies, render_chart
from tests.integration.operator.process import OperatorProcess
from tests.integration.operator.world import World

NAMESPACE = "work"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
RBAC_PLURALS = {"ClusterRole": "clusterroles", "ClusterRoleBinding": "clusterrolebindings"}


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    with ControlPlane.start(components=EVERYTHING, audit_level="Metadata", prepare=install_crds) as plane:
        install_policies(plane)
        for name in (NAMESPACE, "mljob-system"):
            plane.api.post("/api/v1/namespaces", json={"metadata": {"name": name}}).raise_for_status()
        for manifest in render_chart(templates=("rbac-operator",)):
            path = f"{RBAC}/{RBAC_PLURALS[manifest['kind']]}"
            plane.api.post(path, json=manifest).raise_for_status()
        yield plane


@pytest.fixture(scope="module")
def world(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A namespace whose operator has its own account, and no more than the chart gives it."""
    folder: Path = tmp_path_factory.mktemp("operator")
    kubeconfig = plane.kubeconfig_for(
        OPERATOR, "system:serviceaccounts", "system:serviceaccounts:mljob-system"
    )
    operator = OperatorProcess(kubeconfig, f"sqlite:///{folder}/mljob.db", folder)
    operator.start()
    yield World(plane, NAMESPACE, folder / "mljob.db")
    assert operator.stop() == 0, operator.log.read_text()


def refusals(plane: ControlPlane) -> list[str]:
    """What the operator asked for and was not allowed to do."""
    return [
        f"{event['verb']} {event['requestURI']}: {event['responseStatus'].get('message')}"
        for event in plane.audit_events()
        if event["user"]["username"] == OPERATOR and event.get("responseStatus", {}).get("code") in (401, 403)
    ]


def test_operator_needs_no_right_that_the_chart_does_not_give(plane: ControlPlane, world: World) -> None:
    world.define("quick", stay=None)
    world.submit(
        "succeeds", "quick", metadata={"finalizers": ["mljob.dev/record"]}, ttlSecondsAfterFinished=0
    )
    world.wait("the end of what was kept for no time", lambda: "succeeds" not in names(world))

    world.define("limited", activeDeadlineSeconds=300)
    world.submit("tightened", "limited")
    world.wait_running("tightened")
    world.wait("a tighter deadline", lambda: patched_pods(plane))
    world.edit("tightened", cancel=True)
    world.wait_phase("tightened", "Canceled")

    world.define("sourced", function="a.f", command=None, source={"inline": {"a.py": "def f(): pass"}})
    world.submit("with-source", "sourced")
    world.wait_running("with-source")
    world.delete_job("with-source")
    world.wait("no pod of the deleted job", lambda: "with-source" not in names(world))

    world.define("disturbed")
    world.submit("loses-its-job", "disturbed")
    world.wait_running("loses-its-job")
    (attempt,) = world.attempts("loses-its-job")
    world.delete(
        f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs/{attempt['metadata']['name']}",
        propagationPolicy="Background",
    )
    world.wait("a second attempt", lambda: world.status("loses-its-job").get("attempt") == 2)

    assert refusals(plane) == []


def names(world: World) -> list[str]:
    items = world.api.get(f"/apis/mljob.dev/v1alpha1/namespaces/{NAMESPACE}/mljobs").json()["items"]
    return [item["metadata"]["name"] for item in items]


def patched_pods(plane: ControlPlane) -> list[str]:
    """Pods whose deadline the operator has lowered."""
    return [
        event["objectRef"]["name"]
        for event in plane.audit_events()
        if event["user"]["username"] == OPERATOR
        and (event["verb"], event.get("objectRef", {}).get("resource")) == ("patch", "pods")
        and event["responseStatus"]["code"] == 200
    ]


def test_policies_have_no_type_that_kubernetes_doubts(plane: ControlPlane) -> None:
    path = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"

    def statuses() -> list[dict[str, Any]]:
        return [policy.get("status", {}) for policy in plane.api.get(path).json()["items"]]

    wait_for(lambda: all("observedGeneration" in status for status in statuses()), 60, "the type check")
    assert [status["typeChecking"] for status in statuses()] == [{}] * 5
