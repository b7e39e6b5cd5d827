"""A cluster small enough for a property test: objects and their events, a Job controller, kubelets.

It checks what only the truth can tell: no two live attempts of one job, no creation beyond the cap, no final
phase that changes. Nothing happens by itself: each step is asked for.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

from mljob.api import errors, names
from mljob.api.job import Phase
from mljob.controller.ports import KINDS, Json, Kind, Page
from mljob.core.policy import AttemptPolicy
from mljob.core.status_patch import format_time

from tests.unit.controller.fakes import Clock, FakeCluster
from tests.unit.controller.objects import NAMESPACE, a_kube_job, a_pod, an_mljob

POLICY = AttemptPolicy(function="m.f", timeout_seconds=60, max_retries=2, disruption_limit=2)


class Model(FakeCluster):
    """`cap()` is what is in force. `failures`: what the next calls meet, before or after they are done."""

    def __init__(self, clock: Clock, cap: Callable[[], int]) -> None:
        super().__init__()
        self.clock = clock
        self.cap = cap
        self.version = 0
        self.objects: dict[Kind, dict[str, Json]] = {kind: {} for kind in KINDS}
        self.pending: dict[Kind, list[tuple[str, Json]]] = {kind: [] for kind in KINDS}
        self.history: list[tuple[Kind, Json]] = []
        self.finals: dict[str, str] = {}
        self.failures: list[str] = []
        self.status_writes = 0
        self.violations: list[str] = []
        self._had_pod: set[str] = set()
        self._names = 0

    # ---- objects and their events

    def put(self, kind: Kind, body: Json) -> Json:
        self.version += 1
        body["metadata"]["resourceVersion"] = str(self.version)
        self.objects[kind][body["metadata"]["uid"]] = body
        self.pending[kind].append(("MODIFIED", deepcopy(body)))
        self.history.append((kind, deepcopy(body)))
        return deepcopy(body)

    def remove(self, kind: Kind, uid: str) -> None:
        body = self.objects[kind].pop(uid)
        self.version += 1
        body["metadata"]["resourceVersion"] = str(self.version)
        self.pending[kind].append(("DELETED", deepcopy(body)))

    def find(self, kind: Kind, name: str) -> Json:
        for body in self.objects[kind].values():
            if body["metadata"]["name"] == name:
                return body
        raise errors.NotFound(404, "NotFound", name)

    def owned(self, kind: Kind, owner_uid: str) -> list[Json]:
        return [
            body
            for body in self.objects[kind].values()
            if body["metadata"]["ownerReferences"][0]["uid"] == owner_uid
        ]

    def attempts_alive(self) -> set[tuple[str, str]]:
        """(uid of the MlJob, attempt) of all that may run."""
        unfinished = [job for job in self.objects["Job"].values() if not finished(job)]
        live = [pod for pod in self.objects["Pod"].values() if alive(pod)]
        labels = [body["metadata"]["labels"] for body in (*unfinished, *live)]
        return {(each[names.LABEL_UID], each[names.LABEL_ATTEMPT]) for each in labels}

    @contextmanager
    def _wire(self) -> Iterator[None]:
        fate = self.failures.pop(0) if self.failures else None
        if fate == "before":
            raise errors.Unavailable(0, "", "the request was lost")
        yield
        if fate == "after":
            raise errors.Unavailable(0, "", "the answer was lost")

    # ---- what people do

    def submit(self, *, guarded: bool, **spec: Any) -> str:
        self._names += 1
        body = an_mljob(f"j{self._names}", created=self.clock.now, **spec)
        body["metadata"]["finalizers"] = [names.FINALIZER_RECORD] if guarded else []
        self.put("MlJob", body)
        return str(body["metadata"]["uid"])

    def change(self, uid: str, **spec: Any) -> None:
        body = self.objects["MlJob"][uid]
        body["spec"] |= spec
        body["metadata"]["generation"] += 1
        self.put("MlJob", body)

    def delete(self, uid: str) -> None:
        body = self.objects["MlJob"][uid]
        if body["metadata"]["finalizers"]:
            body["metadata"]["deletionTimestamp"] = format_time(self.clock.now)
            self.put("MlJob", body)
        else:
            self.remove("MlJob", uid)

    def delete_pod(self, pod: Json) -> None:
        """Gone at once if it never ran; else its kubelet ends it."""
        if pod["status"]["phase"] == "Running":
            pod["metadata"]["deletionTimestamp"] = format_time(self.clock.now + 30)
            self.put("Pod", pod)
        else:
            self.remove("Pod", pod["metadata"]["uid"])

    def evict(self, pod: Json) -> None:
        pod["status"]["conditions"] = [
            {"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"}
        ]
        self.delete_pod(pod)

    def suspend_job(self, uid: str, *, suspend: bool) -> None:
        job = self.objects["Job"][uid]
        if not finished(job):
            job["spec"]["suspend"] = suspend
            self.put("Job", job)

    # ---- the Job controller, the kubelet, the collector: one step each

    def sync_job(self, uid: str) -> None:
        job, pods = self.objects["Job"][uid], self.owned("Pod", uid)
        live = [pod for pod in pods if alive(pod)]
        if finished(job):
            return
        if job["spec"].get("suspend"):
            self._delete_once(live)
            self._had_pod.discard(uid)
        elif job["spec"].get("activeDeadlineSeconds") == 0:
            self._delete_once(live)
            if not live:
                self._finish(job, "Failed", "DeadlineExceeded")
        elif any(pod["status"]["phase"] == "Succeeded" for pod in pods):
            self._finish(job, "Complete", "")
        elif pods and not live:
            disrupted = any(pod["status"].get("conditions") for pod in pods)
            self._finish(job, "Failed", "PodFailurePolicy" if disrupted else "BackoffLimitExceeded")
        elif not pods and uid in self._had_pod:
            self._finish(job, "Failed", "BackoffLimitExceeded")
        elif not pods:
            self._create_pod(job)

    def _create_pod(self, job: Json) -> None:
        self._names += 1
        uid, labels = job["metadata"]["uid"], job["metadata"]["labels"]
        pod = a_pod(
            "x", int(labels[names.LABEL_ATTEMPT]), phase="Pending", owner=uid, replica=str(self._names)
        )
        pod["metadata"]["labels"] = dict(labels)
        pod["status"] = {"phase": "Pending", "startTime": format_time(self.clock.now)}
        self._had_pod.add(uid)
        self.put("Pod", pod)

    def _finish(self, job: Json, kind: str, reason: str) -> None:
        when = format_time(self.clock.now)
        job["status"]["conditions"] = [
            {"type": kind, "status": "True", "reason": reason, "lastTransitionTime": when}
        ]
        self.put("Job", job)

    def run_pod(self, uid: str, message: str | None, code: int) -> None:
        """The next thing its kubelet does: start it, end it, or confirm its deletion."""
        pod = self.objects["Pod"][uid]
        now = format_time(self.clock.now)
        if not alive(pod):
            if "deletionTimestamp" in pod["metadata"]:
                self.remove("Pod", uid)
            return
        if pod["status"]["phase"] == "Pending":
            pod["status"]["phase"] = "Running"
            state: Json = {"running": {"startedAt": now}}
        else:
            if "deletionTimestamp" in pod["metadata"]:
                message, code = '{"v": 1, "outcome": "failed", "reason": "Terminated"}', 1
            pod["status"]["phase"] = "Succeeded" if code == 0 else "Failed"
            state = {
                "terminated": {"exitCode": code, "message": message, "startedAt": now, "finishedAt": now}
            }
        pod["status"]["containerStatuses"] = [{"name": "main", "state": state}]
        self.put("Pod", pod)

    def collect(self) -> None:
        """What has no owner any more goes, Jobs not before their pods (foreground)."""
        for job in list(self.objects["Job"].values()):
            if job["metadata"]["ownerReferences"][0]["uid"] not in self.objects["MlJob"]:
                pods = self.owned("Pod", job["metadata"]["uid"])
                if not any(alive(pod) for pod in pods):
                    self.remove("Job", job["metadata"]["uid"])
                self._delete_once(pods)
        orphans = [
            pod
            for pod in self.objects["Pod"].values()
            if pod["metadata"]["ownerReferences"][0]["uid"] not in self.objects["Job"]
        ]
        self._delete_once(orphans)

    def _delete_once(self, pods: list[Json]) -> None:
        for pod in pods:
            if "deletionTimestamp" not in pod["metadata"]:
                self.delete_pod(pod)

    # ---- the API that the operator calls

    async def list_all(self, kind: Kind) -> AsyncIterator[Page]:
        yield Page([deepcopy(body) for body in self.objects[kind].values()], self.version)

    async def get_mljob(self, namespace: str, name: str) -> Json:
        with self._wire():
            return deepcopy(self.find("MlJob", name))

    async def patch_mljob_status(self, namespace: str, name: str, patch: Json) -> Json:
        with self._wire():
            body = self.find("MlJob", name)
            if patch["metadata"]["resourceVersion"] != body["metadata"]["resourceVersion"]:
                raise errors.Conflict(409, "Conflict", name)
            merged = body["status"] | patch["status"]
            body["status"] = {key: value for key, value in merged.items() if value is not None}
            self.status_writes += 1
            self._check_final(body)
            return self.put("MlJob", body)

    def _check_final(self, body: Json) -> None:
        uid, phase = body["metadata"]["uid"], body["status"]["phase"]
        self._demand(self.finals.get(uid, phase) == phase, "a final phase has changed")
        if Phase(phase).is_final:
            self.finals[uid] = phase
            explained = body["status"].get("reason") or phase == "Succeeded"
            self._demand(bool(explained), "an end without a reason")

    def _demand(self, holds: bool, otherwise: str) -> None:
        """Kept for the test to see: whoever calls may survive an exception."""
        if not holds:
            self.violations.append(otherwise)

    async def release_mljob(self, namespace: str, name: str, finalizers: Sequence[str], version: int) -> None:
        with self._wire():
            body = self.find("MlJob", name)
            if str(version) != body["metadata"]["resourceVersion"]:
                raise errors.Conflict(409, "Conflict", name)
            self._demand("deletionTimestamp" in body["metadata"], "a finalizer taken off a job that stays")
            body["metadata"]["finalizers"] = list(finalizers)
            self.remove("MlJob", body["metadata"]["uid"])

    async def delete_mljob(self, namespace: str, name: str, uid: str) -> None:
        with self._wire():
            body = self.find("MlJob", name)
            self._demand(Phase(body["status"]["phase"]).is_final, "an unfinished job removed")
            self.delete(uid)

    async def create_job(self, namespace: str, manifest: Json) -> Json:
        with self._wire():
            metadata = manifest["metadata"]
            if any(job["metadata"]["name"] == metadata["name"] for job in self.objects["Job"].values()):
                raise errors.AlreadyExists(409, "AlreadyExists", metadata["name"])
            held = self.attempts_alive()
            owner = metadata["labels"][names.LABEL_UID]
            self._demand(owner not in {uid for uid, _ in held}, "two live attempts of one job")
            self._demand(len(held) < metadata.pop("cap"), "more attempts than slots")
            return self.put("Job", manifest)

    def job_of(self, name: str, uid: str, attempt: int) -> Json:
        """The manifest of an attempt that is admitted now, under the cap now in force."""
        self._names += 1
        job = a_kube_job(name, attempt, uid=f"job-{self._names}")
        job["metadata"]["ownerReferences"][0]["uid"] = uid
        job["metadata"]["labels"][names.LABEL_UID] = uid
        job["metadata"]["cap"] = self.cap()
        job["metadata"]["annotations"] = {names.ANNOTATION_POLICY: POLICY.to_json()}
        job["metadata"]["creationTimestamp"] = format_time(self.clock.now)
        return job

    async def get_job(self, namespace: str, name: str) -> Json:
        with self._wire():
            return deepcopy(self.find("Job", name))

    async def stop_job(self, namespace: str, name: str, reason: str, *, unsuspend: bool) -> Json:
        with self._wire():
            job = self.find("Job", name)
            job["spec"] |= {"activeDeadlineSeconds": 0} | ({"suspend": False} if unsuspend else {})
            job["metadata"]["annotations"][names.ANNOTATION_STOP_REASON] = reason
            return self.put("Job", job)

    async def pods_of(self, namespace: str, uid: str, attempt: int) -> Sequence[Json]:
        with self._wire():
            wanted = {names.LABEL_UID: uid, names.LABEL_ATTEMPT: str(attempt)}
            pods = self.objects["Pod"].values()
            return [deepcopy(pod) for pod in pods if pod["metadata"]["labels"].items() >= wanted.items()]

    async def warnings_about(self, namespace: str, job: str, uid: str) -> Sequence[Json]:
        with self._wire():
            return []

    async def put_event(self, namespace: str, event: Json) -> None:
        with self._wire():
            assert event["metadata"]["namespace"] == NAMESPACE


def finished(job: Json) -> bool:
    return bool(job["status"].get("conditions"))


def alive(pod: Json) -> bool:
    return pod["status"]["phase"] in ("Pending", "Running")
