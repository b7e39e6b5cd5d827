"""The control plane of the tests: several at once, nothing left behind, faults on demand."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.control_plane import ControlPlane, Options, wait_for
from tests.control_plane.process import Process, ProcessFailed

TOP = Path(__file__).parents[3]
NAMESPACES = "/api/v1/namespaces"


def is_alive(pid: int) -> bool:
    """Whether the process runs; a dead one that nobody has waited for does not."""
    try:
        return "(zombie)" not in Path(f"/proc/{pid}/status").read_text("utf-8")
    except FileNotFoundError:
        return False


def test_planes_stand_side_by_side_and_leave_nothing_behind(control_plane: ControlPlane) -> None:
    with ControlPlane.start(audit_level="RequestResponse", users={"ann": ("team",)}) as other:
        pids = [process.pid for process in other.processes.values()]
        folder = other.folder
        other.api.post(NAMESPACES, json={"metadata": {"name": "only-there"}}).raise_for_status()
        assert control_plane.api.get(f"{NAMESPACES}/only-there").status_code == 404
        assert_users_are_told_apart(other)
        assert_requests_are_audited(other)
    assert not folder.exists()
    assert not any(is_alive(pid) for pid in pids)


def assert_users_are_told_apart(plane: ControlPlane) -> None:
    refused = plane.client(token=plane.token("ann")).get("/api/v1/nodes")
    assert refused.status_code == 403
    assert 'User "ann"' in refused.json()["message"]
    with pytest.raises(KeyError, match="name the user in"):
        plane.token("bob")


def assert_requests_are_audited(plane: ControlPlane) -> None:
    (event,) = [
        event
        for event in plane.audit_events()
        if event["verb"] == "create"
        and event["objectRef"]["resource"] == "namespaces"
        and "only-there" in str(event)
    ]
    assert event["user"]["username"] == "admin"
    assert event["responseStatus"]["code"] == 201


def test_api_server_comes_back_with_its_data_after_a_crash() -> None:
    with ControlPlane.start(Options()) as plane:
        plane.api.post(NAMESPACES, json={"metadata": {"name": "kept"}}).raise_for_status()
        plane.processes["kube-apiserver"].kill()
        plane.restart("kube-apiserver")
        assert plane.api.get(f"{NAMESPACES}/kept").status_code == 200


def test_children_die_with_their_parent() -> None:
    script = (
        "from tests.control_plane import ControlPlane\n"
        "plane = ControlPlane.start()\n"
        "print(plane.folder, *(process.pid for process in plane.processes.values()), flush=True)\n"
        "input()\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script], cwd=TOP, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with parent:
        assert parent.stdout is not None
        folder, *numbers = parent.stdout.readline().split()
        pids = [int(number) for number in numbers]
        assert all(is_alive(pid) for pid in pids)
        os.kill(parent.pid, signal.SIGKILL)
    wait_for(lambda: not any(is_alive(pid) for pid in pids))
    subprocess.run(["rm", "-rf", folder], check=True)


def test_process_that_ends_before_it_is_ready_is_reported_with_its_log(tmp_path: Path) -> None:
    process = Process("loser", ["sh", "-c", "echo no such luck; exit 3"], tmp_path / "log")
    process.start()
    with pytest.raises(ProcessFailed, match="loser ended:\nno such luck"):
        process.wait_until(lambda: False, 10)


def test_process_that_is_not_ready_in_time_is_reported(tmp_path: Path) -> None:
    process = Process("sleeper", ["sleep", "60"], tmp_path / "log")
    process.start()
    with pytest.raises(ProcessFailed, match="sleeper was not ready after 0 s"):
        process.wait_until(lambda: False, 0.1)
    process.kill()
    assert not process.is_running


class TestPlayedPods:
    """What kwok plays, by annotations of the pod."""

    JOBS = "/apis/batch/v1/namespaces/{}/jobs"

    def run(
        self, plane: ControlPlane, namespace: str, annotations: dict[str, str]
    ) -> Callable[[], dict[str, Any]]:
        """Create a Job whose pod has these annotations; the answer reads its pod."""
        container = {"name": "main", "image": "anything"}
        template = {
            "metadata": {"annotations": {f"mljob.test/{key}": text for key, text in annotations.items()}},
            "spec": {"restartPolicy": "Never", "containers": [container]},
        }
        body = {"metadata": {"name": "a"}, "spec": {"backoffLimit": 0, "template": template}}
        plane.api.post(self.JOBS.format(namespace), json=body).raise_for_status()

        def pod() -> dict[str, Any]:
            pods = plane.api.get(f"/api/v1/namespaces/{namespace}/pods").json()["items"]
            return pods[0] if pods else {}

        return pod

    @staticmethod
    def phase(pod: dict[str, Any]) -> str | None:
        found = pod.get("status", {}).get("phase")
        return None if found is None else str(found)

    def condition(self, plane: ControlPlane, namespace: str, kind: str) -> bool:
        job = plane.api.get(f"{self.JOBS.format(namespace)}/a").json()
        return any(c["type"] == kind for c in job.get("status", {}).get("conditions", []))

    def test_succeed_by_themselves(self, full_control_plane: ControlPlane, full_namespace: str) -> None:
        self.run(full_control_plane, full_namespace, {})
        wait_for(lambda: self.condition(full_control_plane, full_namespace, "Complete"))

    def test_fail_with_a_code_and_a_message(
        self, full_control_plane: ControlPlane, full_namespace: str
    ) -> None:
        pod = self.run(full_control_plane, full_namespace, {"exit-code": "75", "message": '{"a": "b"}'})
        wait_for(lambda: self.condition(full_control_plane, full_namespace, "Failed"))
        (status,) = pod()["status"]["containerStatuses"]
        assert status["state"]["terminated"]["exitCode"] == 75
        assert status["state"]["terminated"]["message"] == '{"a": "b"}'

    def test_run_until_they_may_end(self, full_control_plane: ControlPlane, full_namespace: str) -> None:
        pod = self.run(full_control_plane, full_namespace, {"stay": "running"})
        wait_for(lambda: self.phase(pod()) == "Running")
        path = f"/api/v1/namespaces/{full_namespace}/pods/{pod()['metadata']['name']}"
        change = {"metadata": {"annotations": {"mljob.test/stay": None}}}
        full_control_plane.api.patch(
            path, json=change, headers={"Content-Type": "application/merge-patch+json"}
        )
        wait_for(lambda: self.condition(full_control_plane, full_namespace, "Complete"))

    def test_stay_while_their_node_does_not_answer(
        self, full_control_plane: ControlPlane, full_namespace: str
    ) -> None:
        pod = self.run(full_control_plane, full_namespace, {"stay": "terminating", "run": "60s"})
        wait_for(lambda: self.phase(pod()) == "Running")
        path = f"{self.JOBS.format(full_namespace)}/a?propagationPolicy=Background"
        full_control_plane.api.delete(path).raise_for_status()
        wait_for(lambda: "deletionTimestamp" in pod().get("metadata", {}))
        assert self.phase(pod()) == "Running"
