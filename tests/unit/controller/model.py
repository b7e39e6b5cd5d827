"""A cluster small enough for a property test: objects, their events, and the API that the operator calls.

It checks what only the truth can tell: no two live attempts of one job, no creation beyond the cap, no final
phase that changes. Nothing happens by itself: each step is asked for.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from copy import deepcopy
from typing import Any

from mljob.api import errors, names
from mljob.api.job import Phase
from mljob.controller.ports import KINDS, Json, Kind, Page
from mljob.core.status_patch import format_time

from tests.unit.controller.fakes import Clock, FakeCluster
from tests.unit.controller.objects import NAMESPACE, an_mljob
from tests.unit.controller.wire import Wire

QUOTA = errors.Forbidden(403, "Forbidden", 'jobs.batch "x" is forbidden: exceeded quota: small')
INVALID = errors.Invalid(422, "Invalid", "wrong for good")

DEFINITION: Json = {
    "function": "m.f",
    "activeDeadlineSeconds": 60,
    "retry": {"maxRetries": 2, "disruptionLimit": 2},
}


class Model(FakeCluster):
    """`cap_of(uid)` is the cap that a job was admitted under; `refusals`: what the next creations meet."""

    def __init__(self, clock: Clock, cap_of: Callable[[str], int]) -> None:
        super().__init__()
        self.clock = clock
        self.wire = Wire()
        self.cap_of = cap_of
        self.version = 0
        self.objects: dict[Kind, dict[str, Json]] = {kind: {} for kind in KINDS}
        self.pending: dict[Kind, list[tuple[str, Json]]] = {kind: [] for kind in KINDS}
        self.history: list[tuple[Kind, Json]] = []
        self.finals: dict[str, str] = {}
        self.refusals: list[errors.ApiError] = []
        self.status_writes = 0
        self.violations: list[str] = []
        self._names = 0
        self._creations = asyncio.Event()
        self._creations.set()

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

    # ---- what people do

    def define(self, **changes: Any) -> None:
        """Create the one definition, or change it."""
        found = self.objects["MlJobDefinition"].get("definition")
        if found is None:
            metadata = {"name": "train", "namespace": NAMESPACE, "uid": "definition", "generation": 0}
            metadata["creationTimestamp"] = format_time(self.clock.now)
            found = {"metadata": metadata, "spec": dict(DEFINITION), "status": {}}
        found["metadata"]["generation"] += 1
        found["spec"] |= changes
        self.put("MlJobDefinition", found)

    def label_definition(self) -> None:
        """A change that is not of its spec."""
        self.put("MlJobDefinition", self.objects["MlJobDefinition"]["definition"])

    def submit(self, name: str = "j", /, *, guarded: bool, **spec: Any) -> str:
        """A job with a name that begins so: of those submitted at one time the order is that of names."""
        self._names += 1
        body = an_mljob(f"{name}{self._names}", created=self.clock.now, **spec)
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

    def hold_creations_up(self, *, shut: bool) -> None:
        """Keep requests to create a Job on their way, or let them through."""
        if shut:
            self._creations.clear()
        else:
            self._creations.set()

    # ---- the API that the operator calls

    async def list_all(self, kind: Kind) -> AsyncIterator[Page]:
        yield Page([deepcopy(body) for body in self.objects[kind].values()], self.version)

    async def get_mljob(self, namespace: str, name: str) -> Json:
        async with self.wire.call("get_mljob", name):
            return deepcopy(self.find("MlJob", name))

    async def patch_mljob_status(self, namespace: str, name: str, patch: Json) -> Json:
        async with self.wire.call("patch_mljob_status", name):
            body = self.find("MlJob", name)
            if patch["metadata"]["resourceVersion"] != body["metadata"]["resourceVersion"]:
                raise errors.Conflict(409, "Conflict", name)
            merged = body["status"] | patch["status"]
            body["status"] = {key: value for key, value in merged.items() if value is not None}
            self.status_writes += 1
            self._check_final(body)
            return self.put("MlJob", body)

    def _check_final(self, body: Json) -> None:
        uid, phase, reason = body["metadata"]["uid"], body["status"]["phase"], body["status"].get("reason")
        self._demand(self.finals.get(uid, phase) == phase, "a final phase has changed")
        if Phase(phase).is_final:
            self.finals[uid] = phase
            self._demand(bool(reason) or phase == "Succeeded", "an end without a reason")
            gone = not self.objects["MlJobDefinition"]
            self._demand(gone or reason != "DefinitionGone", "ended for a definition that is there")

    def _demand(self, holds: bool, otherwise: str) -> None:
        """Kept for the test to see: whoever calls may survive an exception."""
        if not holds:
            self.violations.append(otherwise)

    async def release_mljob(self, namespace: str, name: str, finalizers: Sequence[str], version: int) -> None:
        async with self.wire.call("release_mljob", name):
            body = self.find("MlJob", name)
            if str(version) != body["metadata"]["resourceVersion"]:
                raise errors.Conflict(409, "Conflict", name)
            self._demand("deletionTimestamp" in body["metadata"], "a finalizer taken off a job that stays")
            body["metadata"]["finalizers"] = list(finalizers)
            self.remove("MlJob", body["metadata"]["uid"])

    async def delete_mljob(self, namespace: str, name: str, uid: str) -> None:
        async with self.wire.call("delete_mljob", name):
            body = self.find("MlJob", name)
            self._demand(Phase(body["status"]["phase"]).is_final, "an unfinished job removed")
            self.delete(uid)

    async def patch_definition_status(self, namespace: str, name: str, patch: Json) -> Json:
        async with self.wire.call("patch_definition_status", name):
            body = self.find("MlJobDefinition", name)
            body["status"] |= patch
            return self.put("MlJobDefinition", body)

    async def dry_run(self, namespace: str, job: Json, pod: Json) -> None:
        async with self.wire.call("dry_run"):
            assert job["metadata"]["namespace"] == namespace

    async def create_config_map(self, namespace: str, manifest: Json) -> Json:
        async with self.wire.call("create_config_map"):
            return deepcopy(manifest)

    async def create_job(self, namespace: str, manifest: Json) -> Json:
        async with self.wire.call("create_job", manifest["metadata"]["ownerReferences"][0]["name"]):
            await self._creations.wait()
            if self.refusals:
                raise self.refusals.pop()
            metadata = manifest["metadata"]
            if any(job["metadata"]["name"] == metadata["name"] for job in self.objects["Job"].values()):
                raise errors.AlreadyExists(409, "AlreadyExists", metadata["name"])
            held = self.attempts_alive()
            owner = metadata["labels"][names.LABEL_UID]
            self._demand(owner not in {uid for uid, _ in held}, "two live attempts of one job")
            self._demand(len(held) < self.cap_of(owner), "more attempts than slots")
            self._demand(not self._started_rivals(owner), "two jobs of one exclusive key")
            self._names += 1
            server_set = {"uid": f"job-{self._names}", "creationTimestamp": format_time(self.clock.now)}
            return self.put("Job", deepcopy(manifest | {"metadata": metadata | server_set, "status": {}}))

    def _started_rivals(self, uid: str) -> list[Json]:
        """Unfinished jobs of the same exclusive key that have an attempt."""
        jobs = self.objects["MlJob"]
        if uid not in jobs or "exclusive" not in self.objects["MlJobDefinition"]["definition"]["spec"]:
            return []
        started = {job["metadata"]["labels"][names.LABEL_UID] for job in self.objects["Job"].values()} - {uid}
        others = [jobs[other] for other in started if other in jobs]
        unfinished = [other for other in others if not Phase(other["status"]["phase"]).is_final]
        return [each for each in unfinished if each["spec"].get("params") == jobs[uid]["spec"].get("params")]

    async def get_job(self, namespace: str, name: str) -> Json:
        async with self.wire.call("get_job", name):
            return deepcopy(self.find("Job", name))

    async def stop_job(self, namespace: str, name: str, reason: str, *, unsuspend: bool) -> Json:
        async with self.wire.call("stop_job", name):
            job = self.find("Job", name)
            job["spec"] |= {"activeDeadlineSeconds": 0} | ({"suspend": False} if unsuspend else {})
            job["metadata"]["annotations"][names.ANNOTATION_STOP_REASON] = reason
            return self.put("Job", job)

    async def pods_of(self, namespace: str, uid: str, attempt: int) -> Sequence[Json]:
        async with self.wire.call("pods_of"):
            wanted = {names.LABEL_UID: uid, names.LABEL_ATTEMPT: str(attempt)}
            pods = self.objects["Pod"].values()
            return [deepcopy(pod) for pod in pods if pod["metadata"]["labels"].items() >= wanted.items()]

    async def warnings_about(self, namespace: str, job: str, uid: str) -> Sequence[Json]:
        async with self.wire.call("warnings_about"):
            return []

    async def put_event(self, namespace: str, event: Json) -> None:
        async with self.wire.call("put_event"):
            assert event["metadata"]["namespace"] == NAMESPACE


def finished(job: Json) -> bool:
    return bool(job["status"].get("conditions"))


def alive(pod: Json) -> bool:
    return pod["status"]["phase"] in ("Pending", "Running")
