"""One namespace of a real control plane, with words for what tests do there and what they wait for."""

import json
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import httpx

from tests.control_plane import ControlPlane

Json = dict[str, Any]
T = TypeVar("T")

DEADLINE_SECONDS = 30.0
LOOK_SECONDS = 0.05
GROUP = "/apis/mljob.dev/v1alpha1"
MERGE = {"Content-Type": "application/merge-patch+json"}


class World:
    """Submits, looks, waits, and plays the kubelet where a test wants a pod to end in a certain way."""

    def __init__(self, plane: ControlPlane, namespace: str, database: Path) -> None:
        self.plane = plane
        self.api = plane.api
        self.namespace = namespace
        self.database = database

    # ---- what people do

    def define(
        self, name: str = "work", *, stay: str | None = "running", run: str | None = None, **spec: Any
    ) -> Json:
        """A definition of a command; `stay`: where its pods stop, `run`: how long they run."""
        spec.setdefault("image", "example.test/image:1")
        if "function" not in spec:
            spec.setdefault("command", ["work"])
        annotations = {"mljob.test/stay": stay, "mljob.test/run": run}
        annotations = {key: value for key, value in annotations.items() if value is not None}
        if annotations:
            spec.setdefault("podTemplate", {}).setdefault("metadata", {})["annotations"] = annotations
        body = {
            "apiVersion": "mljob.dev/v1alpha1",
            "kind": "MlJobDefinition",
            "metadata": {"name": name},
            "spec": spec,
        }
        return self._post("mljobdefinitions", body)

    def submit(self, name: str, job_name: str = "work", *, metadata: Json | None = None, **spec: Any) -> Json:
        """An MlJob."""
        body = {
            "apiVersion": "mljob.dev/v1alpha1",
            "kind": "MlJob",
            "metadata": {"name": name, **(metadata or {})},
            "spec": {"jobName": job_name, **spec},
        }
        return self._post("mljobs", body)

    def edit(self, name: str, plural: str = "mljobs", **spec: Any) -> Json:
        """Change fields of a spec."""
        return self._patch(f"{GROUP}/namespaces/{self.namespace}/{plural}/{name}", {"spec": spec})

    def delete(self, path: str, **options: Any) -> None:
        """Delete an object by its path behind the namespace."""
        answer = self.api.request(
            "DELETE", path, json={"kind": "DeleteOptions", "apiVersion": "v1", **options}
        )
        answer.raise_for_status()

    def delete_job(self, name: str) -> None:
        """Delete an MlJob as kubectl does."""
        self.delete(f"{GROUP}/namespaces/{self.namespace}/mljobs/{name}", propagationPolicy="Background")

    # ---- what there is

    def job(self, name: str) -> Json:
        """The MlJob."""
        return self._get(f"{GROUP}/namespaces/{self.namespace}/mljobs/{name}")

    def definition(self, name: str) -> Json:
        """The MlJobDefinition."""
        return self._get(f"{GROUP}/namespaces/{self.namespace}/mljobdefinitions/{name}")

    def status(self, name: str) -> Json:
        """MlJob.status."""
        return dict(self.job(name).get("status", {}))

    def attempts(self, name: str | None = None) -> list[Json]:
        """Kubernetes Jobs of ours, of one MlJob by name or of all, in order of their names."""
        items = self._get(f"/apis/batch/v1/namespaces/{self.namespace}/jobs")["items"]
        if name is not None:
            items = [job for job in items if job["metadata"]["ownerReferences"][0]["name"] == name]
        return sorted(items, key=lambda job: str(job["metadata"]["name"]))

    def pods(self, name: str | None = None) -> list[Json]:
        """Pods, of one MlJob by name or of all."""
        items = list(self._get(f"/api/v1/namespaces/{self.namespace}/pods")["items"])
        if name is not None:
            uid = self.job(name)["metadata"]["uid"]
            items = [pod for pod in items if pod["metadata"]["labels"].get("mljob.dev/uid") == uid]
        return sorted(items, key=lambda pod: int(pod["metadata"]["labels"].get("mljob.dev/attempt", 0)))

    def events(self, name: str) -> list[Json]:
        """Events about an MlJob."""
        items = self._get(f"/api/v1/namespaces/{self.namespace}/events")["items"]
        return [
            e for e in items if (e["involvedObject"]["kind"], e["involvedObject"]["name"]) == ("MlJob", name)
        ]

    def rows(self, query: str = "select * from jobs where namespace = ?", *values: Any) -> list[Json]:
        """Rows of SQL, as dicts."""
        with sqlite3.connect(self.database) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(query, values or (self.namespace,))]

    def row(self, name: str) -> Json:
        """The one row of a job."""
        (row,) = [row for row in self.rows() if row["name"] == name]
        return row

    @staticmethod
    def now() -> str:
        """The time as the API server writes it."""
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())

    # ---- waiting

    def wait(self, what: str, condition: Callable[[], T | None], seconds: float = DEADLINE_SECONDS) -> T:
        """The condition's value as soon as it is true; fails at the deadline, saying what it waited for."""
        deadline = time.monotonic() + seconds
        while True:
            value = condition()
            if value:
                return value
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {seconds:.0f} s: {what}\n{self.picture()}")
            time.sleep(LOOK_SECONDS)

    def wait_phase(self, name: str, *phases: str) -> Json:
        """The status once the job is in one of the phases."""

        def found() -> Json | None:
            status = self.status(name)
            return status if status.get("phase") in phases else None

        return self.wait(f"{name} {' or '.join(phases)}", found)

    def wait_reason(self, name: str, reason: str) -> Json:
        """The status once it has the reason."""

        def found() -> Json | None:
            status = self.status(name)
            return status if status.get("reason") == reason else None

        return self.wait(f"{name} with reason {reason}", found)

    def wait_running(self, *job_names: str) -> None:
        """Until all of them are Running."""
        for name in job_names:
            self.wait_phase(name, "Running")

    def wait_row(self, name: str, **values: Any) -> Json:
        """The row of a job once it has these values."""

        def found() -> Json | None:
            rows = [row for row in self.rows() if row["name"] == name]
            return rows[0] if rows and all(rows[0][k] == v for k, v in values.items()) else None

        return self.wait(f"row of {name} with {values}", found)

    def stays_so(self, condition: Callable[[], bool], seconds: float = 1.0) -> None:
        """The condition holds all the time; for what must not happen."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            assert condition(), self.picture()
            time.sleep(LOOK_SECONDS)

    def picture(self) -> str:
        """The namespace in words, for a failing test."""
        lines = [f"MlJob {j['metadata']['name']}: {json.dumps(j.get('status'))}" for j in self._all("mljobs")]
        lines += [
            f"Job {j['metadata']['name']}: {json.dumps(j.get('status', {}).get('conditions'))}"
            for j in self.attempts()
        ]
        lines += [f"Pod {p['metadata']['name']}: {json.dumps(p.get('status'))[:600]}" for p in self.pods()]
        return "\n".join(lines)

    # ---- the kubelet's part

    def end_pod(self, name: str, exit_code: int = 0, message: str | None = None, **state: Any) -> None:
        """The container `main` of the job's newest pod ends, and with it the pod."""
        pod = self.pods(name)[-1]
        now = self.now()
        statuses = pod["status"].get("containerStatuses") or [{"name": "main"}]
        started = statuses[0].get("state", {}).get("running", {}).get("startedAt", now)
        started = state.pop("started_at", started)
        ended = {
            "exitCode": exit_code,
            "reason": state.pop("reason", "Completed" if exit_code == 0 else "Error"),
            "startedAt": started,
            "finishedAt": now,
        }
        if message is not None:
            ended["message"] = message
        container = {
            "name": "main", "image": "x", "imageID": "sha256:x", "ready": False, "restartCount": 0,
            "state": {"terminated": ended},
        }  # fmt: skip
        phase = "Succeeded" if exit_code == 0 else "Failed"
        self.set_pod_status(pod, phase=phase, containerStatuses=[container], **state.pop("pod_status", {}))

    def report(self, name: str, outcome: str, **fields: Any) -> None:
        """The runner reports and exits with its code."""
        code = {"succeeded": 0, "failed": 1, "transient": 75, "timed_out": 124}[outcome]
        self.end_pod(name, code, json.dumps({"v": 1, "outcome": outcome, **fields}))

    def set_pod_status(self, pod: Json, **status: Any) -> None:
        """Patch a pod's status."""
        name = pod["metadata"]["name"]
        path = f"/api/v1/namespaces/{self.namespace}/pods/{name}/status"
        self._patch(path, {"status": status})

    def warn_about(self, pod: Json, reason: str, message: str) -> None:
        """The kubelet posts a Warning about a pod."""
        metadata = pod["metadata"]
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"generateName": f"{metadata['name']}.", "namespace": self.namespace},
            "involvedObject": {
                "apiVersion": "v1", "kind": "Pod", "namespace": self.namespace,
                "name": metadata["name"], "uid": metadata["uid"],
            },
            "type": "Warning",
            "reason": reason,
            "message": message,
            "firstTimestamp": self.now(),
            "lastTimestamp": self.now(),
        }  # fmt: skip
        _json(self.api.post(f"/api/v1/namespaces/{self.namespace}/events", json=event))

    # ---- inside

    def _all(self, plural: str) -> list[Json]:
        return list(self._get(f"{GROUP}/namespaces/{self.namespace}/{plural}")["items"])

    def _get(self, path: str) -> Json:
        return _json(self.api.get(path))

    def _post(self, plural: str, body: Json) -> Json:
        return _json(self.api.post(f"{GROUP}/namespaces/{self.namespace}/{plural}", json=body))

    def _patch(self, path: str, body: Json) -> Json:
        return _json(self.api.patch(path, content=json.dumps(body), headers=MERGE))


def _json(answer: httpx.Response) -> Json:
    if answer.is_error:
        raise AssertionError(f"{answer.request.method} {answer.request.url}: {answer.text}")
    return dict(answer.json())
