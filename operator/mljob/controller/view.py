"""The view: what the API server last said, by uid, and the maps that make questions cheap.

Only `upsert_*` and `remove_*` change it, each O(1) or O(log n); an older resourceVersion never replaces
a newer one, and a uid that was deleted never comes back. It holds no params beyond a small size.
"""

import math
from bisect import bisect_left, insort
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from mljob.api import names
from mljob.controller import parse
from mljob.core.facts import (
    AttemptFacts,
    OrderKey,
    PodFacts,
    SpecFacts,
    StartProblem,
    StatusFacts,
    StoredEnd,
)
from mljob.core.policy import AttemptPolicy
from mljob.core.records import Rank

Json = dict[str, Any]
Group = tuple[str, str]
"""(namespace, job name): what a cap is of."""
AttemptId = tuple[str, int]
"""(uid of the MlJob, number of the attempt)."""

TOMBSTONES = 100_000
"""Deleted uids that are remembered, so that a late event does not bring one back"""
KEPT_SPEC_ITEMS = 16
KEPT_SPEC_CHARACTERS = 1_024
"""A spec that is larger than this is read again when its job is admitted"""


@dataclass(slots=True, eq=False)
class JobEntry:
    """One MlJob. Mutable: replaced in place by each newer object."""

    uid: str
    namespace: str
    name: str
    resource_version: int
    generation: int
    created_time: float
    created_ms: int
    labels: Mapping[str, str]
    submitted_by: str | None
    deleting: bool
    finalizers: tuple[str, ...]
    spec: SpecFacts
    status: StatusFacts
    raw_spec: Json | None
    """the spec as it was sent, when it is small"""
    definition_uid: str | None = None
    """the definition it was accepted with"""
    exclusive_key: str | None = None
    recorded: tuple[int, Rank] | None = None
    stored_end: StoredEnd | None = None
    mirrored: int | None = None
    """hash of what was last handed to the mirror"""
    needs_params: bool = False
    """its row was made without params"""
    held_until: float | None = None

    @property
    def group(self) -> Group:
        """Whose cap it counts against."""
        return (self.namespace, self.spec.job_name)

    @property
    def order(self) -> OrderKey:
        """Its place in the queue."""
        return (-self.spec.priority, self.created_ms, self.name, self.uid)


@dataclass(slots=True)
class JobObject:
    """The Kubernetes Job of an attempt, as far as decisions need it. Equal: they cannot tell them apart."""

    name: str
    uid: str
    resource_version: int = field(compare=False)
    created_time: float
    taken_up_time: float
    policy: AttemptPolicy
    suspended: bool
    stop_reason: str | None
    complete: bool
    failed: bool
    finished_time: float | None
    failed_reason: str | None
    failed_message: str | None
    source: str | None
    """name of the source ConfigMap that its pod mounts"""


@dataclass(slots=True, eq=False)
class AttemptEntry:
    """An attempt: its Job, if there is one, and its pods by uid."""

    group: Group
    job: JobObject | None = None
    job_gone: bool = False
    """the Job was deleted; what it said of its policy still counts"""
    pods: dict[str, PodFacts] = field(default_factory=dict)
    pod_versions: dict[str, int] = field(default_factory=dict)
    pod_owners: dict[str, str] = field(default_factory=dict)
    """uid of the Job that each pod names as its controller"""
    events_problem: StartProblem | None = None
    events_read: bool = False

    @property
    def alive(self) -> bool:
        """Is its Job unfinished, or may one of its pods still run?"""
        job = self.job
        unfinished = job is not None and not self.job_gone and not (job.complete or job.failed)
        return unfinished or any(pod.alive for pod in self.pods.values())

    def drop(self, pod_uid: str) -> None:
        """Know nothing of a pod any more."""
        del self.pods[pod_uid]
        self.pod_versions.pop(pod_uid, None)
        self.pod_owners.pop(pod_uid, None)


class View:
    """All objects of interest. `on_job(uid)` is called when a job must be looked at again,
    `on_slot(group)` when a slot of a group may have become free."""

    def __init__(self, on_job: Callable[[str], None], on_slot: Callable[[Group], None]) -> None:
        self._on_job = on_job
        self._on_slot = on_slot
        self.jobs: dict[str, JobEntry] = {}
        self.uid_of: dict[tuple[str, str], str] = {}
        self.attempts: dict[str, dict[int, AttemptEntry]] = {}
        self.in_flight: dict[AttemptId, Group] = {}
        self.held: dict[Group, set[AttemptId]] = {}
        self.held_in_namespace: Counter[str] = Counter()
        self.held_in_all = 0
        self.waiting: dict[Group, list[OrderKey]] = {}
        self._waiting_key: dict[str, tuple[Group, OrderKey]] = {}
        self.unfinished: dict[Group, set[str]] = {}
        self.exclusive: dict[tuple[str, str], set[str]] = {}
        self._tombstones: OrderedDict[str, None] = OrderedDict()

    # ---- MlJobs

    def upsert_job(self, body: Json) -> bool:
        """Take an MlJob. False: it is older than what is known."""
        metadata = body["metadata"]
        uid, version = metadata["uid"], int(metadata["resourceVersion"])
        entry = self.jobs.get(uid)
        if uid in self._tombstones or (entry is not None and version < entry.resource_version):
            return False
        if entry is not None and version == entry.resource_version:
            # The watch brings back what our own write was answered with.
            return True
        spec, status = body.get("spec") or {}, body.get("status") or {}
        fresh = entry is None
        if entry is None:
            entry = _new_entry(metadata, spec, version)
            self.jobs[uid] = entry
            self.uid_of[entry.namespace, entry.name] = uid
        elif entry.generation != metadata.get("generation"):
            entry.spec = parse.parse_spec(spec)
            entry.raw_spec = _small_spec(spec)
        entry.resource_version = version
        entry.generation = metadata.get("generation") or 1
        entry.labels = metadata.get("labels") or {}
        entry.deleting = metadata.get("deletionTimestamp") is not None
        entry.finalizers = tuple(metadata.get("finalizers") or ())
        entry.status = parse.parse_status(status)
        if fresh:
            entry.definition_uid = entry.status.definition_uid
        self._index_job(entry)
        self._on_job(uid)
        return True

    def remove_job(self, uid: str) -> JobEntry | None:
        """Forget an MlJob that is gone; what its attempts hold stays held until they are gone too."""
        self._bury(uid)
        entry = self.jobs.pop(uid, None)
        if entry is None:
            return None
        if self.uid_of.get((entry.namespace, entry.name)) == uid:
            del self.uid_of[entry.namespace, entry.name]
        self.set_waiting(entry, waiting=False)
        self._discard(self.unfinished, entry.group, uid)
        if entry.exclusive_key is not None:
            self._discard(self.exclusive, (entry.namespace, entry.exclusive_key), uid)
        # Also one that only its status knows of: its Job went while nobody looked.
        for number in {entry.status.attempt, *self.attempts.get(uid, {})}:
            self._collect((uid, number))
            self._refresh((uid, number), group=entry.group)
        self._on_slot(entry.group)
        return entry

    def set_waiting(self, entry: JobEntry, *, waiting: bool) -> None:
        """Put a job into the queue of its group, or take it out."""
        known = self._waiting_key.get(entry.uid)
        wanted = (entry.group, entry.order) if waiting else None
        if known == wanted:
            return
        if known is not None:
            group, order = known
            queue = self.waiting[group]
            queue.pop(bisect_left(queue, order))
            if not queue:
                del self.waiting[group]
            del self._waiting_key[entry.uid]
        if wanted is not None:
            insort(self.waiting.setdefault(entry.group, []), entry.order)
            self._waiting_key[entry.uid] = wanted
            self._on_slot(entry.group)

    def set_exclusive_key(self, entry: JobEntry, key: str | None) -> None:
        """Index a job by its exclusive key, while it is unfinished."""
        if entry.exclusive_key is not None and entry.exclusive_key != key:
            self._discard(self.exclusive, (entry.namespace, entry.exclusive_key), entry.uid)
        entry.exclusive_key = key
        self._index_exclusive(entry)

    # ---- Jobs and pods

    def upsert_kube_job(self, body: Json) -> None:
        """Take a Job that one of our MlJobs owns."""
        attempt_id = attempt_of(body)
        if attempt_id is None or body["metadata"]["uid"] in self._tombstones:
            return
        uid, number = attempt_id
        if _controller(body).get("kind") != names.KIND_JOB or self._is_foreign(body, attempt_id):
            return
        entry = self._attempt_entry(body, uid, number)
        version = int(body["metadata"]["resourceVersion"])
        known = entry.job
        if known is not None and version <= known.resource_version:
            return
        entry.job = parse_job_object(body)
        entry.job_gone = False
        if known == entry.job:
            # Its controller's counters: of a Job's five events two are worth a look.
            return
        for pod_uid, owner in list(entry.pod_owners.items()):
            if owner != entry.job.uid:
                entry.drop(pod_uid)
        self._refresh(attempt_id)
        self._on_job(uid)

    def remove_kube_job(self, body: Json) -> None:
        """Forget a Job that is gone."""
        self._bury(body["metadata"]["uid"])
        attempt_id = attempt_of(body)
        entry = self._find_attempt(attempt_id)
        if attempt_id is None or entry is None or entry.job is None:
            return
        if entry.job.uid == body["metadata"]["uid"]:
            entry.job_gone = True
            self._after_removal(attempt_id)

    def upsert_pod(self, body: Json) -> None:
        """Take a pod that one of our Jobs owns."""
        attempt_id = attempt_of(body)
        pod_uid = body["metadata"]["uid"]
        if attempt_id is None or pod_uid in self._tombstones or self._is_foreign(body, attempt_id):
            return
        uid, number = attempt_id
        entry = self._attempt_entry(body, uid, number)
        owner = _controller(body).get("uid", "")
        if entry.job is not None and owner != entry.job.uid:
            return
        version = int(body["metadata"]["resourceVersion"])
        if version <= entry.pod_versions.get(pod_uid, -1):
            return
        known, pod = entry.pods.get(pod_uid), parse.parse_pod(body)
        entry.pods[pod_uid] = pod
        entry.pod_versions[pod_uid] = version
        entry.pod_owners[pod_uid] = owner
        if known == pod:
            return
        self._refresh(attempt_id)
        self._on_job(uid)

    def remove_pod(self, body: Json) -> None:
        """A pod that is gone. What is known of its `main` is kept until its attempt is settled."""
        pod_uid = body["metadata"]["uid"]
        attempt_id = attempt_of(body)
        self._bury(pod_uid)
        entry = self._find_attempt(attempt_id)
        if attempt_id is None or entry is None or pod_uid not in entry.pods:
            return
        if body.get("status") is not None:
            # A tombstone carries the last state, which may be newer than any event.
            entry.pods[pod_uid] = parse.parse_pod(body)
        self._drop_pod(attempt_id, pod_uid)

    def _drop_pod(self, attempt_id: AttemptId, pod_uid: str) -> None:
        uid, number = attempt_id
        entry = self.attempts[uid][number]
        last = entry.pods[pod_uid]
        job_entry = self.jobs.get(uid)
        tells = last.main_ended or not last.alive
        entry.drop(pod_uid)
        if tells and job_entry is not None and not job_entry.status.settled(number):
            # Gone is as dead as it gets, and its outcome can still be told.
            entry.pods[pod_uid] = replace(last, phase="Failed") if last.alive else last
        self._after_removal(attempt_id)

    def forget_kube_job(self, attempt_id: AttemptId) -> None:
        """The Job of an attempt is gone: the server said so."""
        entry = self._find_attempt(attempt_id)
        if entry is not None and entry.job is not None:
            self._bury(entry.job.uid)
            entry.job_gone = True
            self._after_removal(attempt_id)

    def keep_pods(self, attempt_id: AttemptId, listed: set[str]) -> None:
        """These are all pods that an attempt has: the server said so."""
        entry = self._find_attempt(attempt_id)
        if entry is None:
            return
        for pod_uid in [uid for uid, pod in entry.pods.items() if uid not in listed and pod.alive]:
            self._drop_pod(attempt_id, pod_uid)

    def kube_job_identities(self) -> list[Json]:
        """Every Job of the view, with what `remove_kube_job` needs."""
        return [
            _identity(uid, number, entry.job.uid, entry.job.resource_version)
            for uid, numbers in self.attempts.items()
            for number, entry in numbers.items()
            if entry.job is not None and not entry.job_gone
        ]

    def pod_identities(self) -> list[Json]:
        """Every pod of the view, with what `remove_pod` needs."""
        return [
            _identity(uid, number, pod_uid, version)
            for uid, numbers in self.attempts.items()
            for number, entry in numbers.items()
            for pod_uid, version in entry.pod_versions.items()
        ]

    def touch(self, uid: str) -> None:
        """Have a job looked at again."""
        self._on_job(uid)

    def latest_attempt(self, uid: str) -> int:
        """Number of the latest attempt that is known, by status or by its Job; 0: none was made."""
        entry = self.jobs.get(uid)
        numbers = self.attempts.get(uid)
        return max(entry.status.attempt if entry else 0, max(numbers) if numbers else 0)

    def attempt_facts(self, uid: str) -> AttemptFacts | None:
        """The latest attempt as decisions see it."""
        number = self.latest_attempt(uid)
        if number == 0:
            return None
        found = self.attempts.get(uid, {}).get(number)
        job = found.job if found else None
        if found is None or job is None:
            job_entry = self.jobs.get(uid)
            name = (job_entry.status.current_job if job_entry else None) or f"attempt {number}"
            pods = tuple(found.pods.values()) if found else ()
            return AttemptFacts(number, name, AttemptPolicy(), job_exists=False, pods=pods)
        return AttemptFacts(
            number=number,
            name=job.name,
            policy=job.policy,
            job_exists=not found.job_gone,
            created_time=job.created_time,
            taken_up_time=job.taken_up_time,
            suspended=job.suspended,
            stop_reason=job.stop_reason,
            complete=job.complete,
            failed=job.failed,
            finished_time=job.finished_time,
            failed_reason=job.failed_reason,
            failed_message=job.failed_message,
            pods=tuple(found.pods.values()),
            events_problem=found.events_problem,
            events_read=found.events_read,
        )

    # ---- slots

    def reserve(self, attempt_id: AttemptId, group: Group) -> None:
        """An attempt is about to be created: it holds its slot from now on."""
        self.in_flight[attempt_id] = group
        self._refresh(attempt_id)

    def unreserve(self, attempt_id: AttemptId) -> None:
        """Its creation is decided: the Job is in the view, or there is none."""
        # The MlJob may be gone by now: the group that it was reserved in is what counts.
        self._refresh(attempt_id, group=self.in_flight.pop(attempt_id, None))

    def startable(self, entry: JobEntry) -> bool:
        """Is no attempt of this job under way, in flight or unsettled?"""
        number = self.latest_attempt(entry.uid)
        attempts = self.attempts.get(entry.uid, {}).values()
        if entry.status.phase.is_final or any(attempt.alive for attempt in attempts):
            return False
        if (entry.uid, number) in self.in_flight or (entry.uid, number + 1) in self.in_flight:
            return False
        return number == 0 or entry.status.settled(number)

    def held_by(self, group: Group) -> int:
        """Attempts of a job name in its namespace that hold a slot, creations in flight included."""
        return len(self.held.get(group, ()))

    # ---- inside

    def _index_job(self, entry: JobEntry) -> None:
        if entry.status.phase.is_final:
            self._discard(self.unfinished, entry.group, entry.uid)
            entry.raw_spec = None
        else:
            self.unfinished.setdefault(entry.group, set()).add(entry.uid)
        self._index_exclusive(entry)
        number = self.latest_attempt(entry.uid)
        for each in {number, number - 1} - {0, -1}:
            self._collect((entry.uid, each))
            self._refresh((entry.uid, each))
        if entry.uid in self._waiting_key:
            # Its priority may have changed.
            self.set_waiting(entry, waiting=not entry.status.phase.is_final)

    def _index_exclusive(self, entry: JobEntry) -> None:
        if entry.exclusive_key is None:
            return
        key = (entry.namespace, entry.exclusive_key)
        if entry.status.phase.is_final:
            for other in self.exclusive.get(key, ()):
                self._on_job(other)
            self._discard(self.exclusive, key, entry.uid)
        else:
            self.exclusive.setdefault(key, set()).add(entry.uid)

    def _attempt_entry(self, body: Json, uid: str, number: int) -> AttemptEntry:
        numbers = self.attempts.setdefault(uid, {})
        if number not in numbers:
            metadata, job_entry = body["metadata"], self.jobs.get(uid)
            labeled = (metadata["namespace"], metadata["labels"].get(names.LABEL_JOB_NAME, ""))
            numbers[number] = AttemptEntry(job_entry.group if job_entry is not None else labeled)
        return numbers[number]

    def _is_foreign(self, body: Json, attempt_id: AttemptId) -> bool:
        """Does it lie in another namespace than its MlJob? Nobody there may speak for it."""
        job_entry, attempt = self.jobs.get(attempt_id[0]), self._find_attempt(attempt_id)
        group = job_entry.group if job_entry is not None else attempt.group if attempt is not None else None
        return group is not None and group[0] != body["metadata"]["namespace"]

    def _find_attempt(self, attempt_id: AttemptId | None) -> AttemptEntry | None:
        return self.attempts.get(attempt_id[0], {}).get(attempt_id[1]) if attempt_id else None

    def _after_removal(self, attempt_id: AttemptId) -> None:
        group = self.attempts[attempt_id[0]][attempt_id[1]].group
        self._collect(attempt_id)
        self._refresh(attempt_id, group=group)
        self._on_job(attempt_id[0])

    def _collect(self, attempt_id: AttemptId) -> None:
        """Forget an attempt of which nothing is left and nothing has to be told any more."""
        uid, number = attempt_id
        entry = self._find_attempt(attempt_id)
        if entry is None or not (entry.job is None or entry.job_gone) or entry.alive:
            return
        job_entry = self.jobs.get(uid)
        if job_entry is None or job_entry.status.settled(number):
            del self.attempts[uid][number]
            if not self.attempts[uid]:
                del self.attempts[uid]

    def _refresh(self, attempt_id: AttemptId, group: Group | None = None) -> None:
        """Bring the slot accounting of one attempt up to date."""
        uid, number = attempt_id
        attempt = self.attempts.get(uid, {}).get(number)
        job_entry = self.jobs.get(uid)
        group = group or self.in_flight.get(attempt_id) or (attempt.group if attempt else None)
        group = group or (job_entry.group if job_entry else None)
        if group is None:
            return
        holds = attempt_id in self.in_flight or (attempt is not None and attempt.alive)
        if not holds and job_entry is not None and number == self.latest_attempt(uid):
            # Its end is not in the status yet: released together with the row that says so.
            holds = not job_entry.status.settled(number)
        self._set_held(attempt_id, group, holds=holds)

    def _set_held(self, attempt_id: AttemptId, group: Group, *, holds: bool) -> None:
        members = self.held.setdefault(group, set())
        if holds == (attempt_id in members):
            if not members:
                del self.held[group]
            return
        change = 1 if holds else -1
        if holds:
            members.add(attempt_id)
        else:
            members.remove(attempt_id)
        if not members:
            del self.held[group]
        self.held_in_namespace[group[0]] += change
        self.held_in_all += change
        if not holds:
            self._on_slot(group)

    def _bury(self, uid: str) -> None:
        self._tombstones[uid] = None
        if len(self._tombstones) > TOMBSTONES:
            self._tombstones.popitem(last=False)

    @staticmethod
    def _discard(index: dict[Any, set[str]], key: object, uid: str) -> None:
        members = index.get(key)
        if members is not None:
            members.discard(uid)
            if not members:
                del index[key]


def attempt_of(body: Json) -> AttemptId | None:
    """Which attempt a Job or pod belongs to, by its labels; None: to none of ours."""
    labels = body["metadata"].get("labels") or {}
    uid, number = labels.get(names.LABEL_UID), labels.get(names.LABEL_ATTEMPT, "")
    if not uid or not number.isdecimal() or len(number) > 9:
        return None
    controller = _controller(body)
    if not controller:
        return None
    if controller.get("kind") == names.KIND_JOB and controller.get("uid") != uid:
        # Labels can be forged; the owner's uid is what the fence and the collector go by.
        return None
    return uid, int(number)


def _controller(body: Json) -> Json:
    """The owner that controls an object; empty: none does."""
    owners = body["metadata"].get("ownerReferences") or ()
    return next((owner for owner in owners if owner.get("controller")), {})


def parse_job_object(body: Json) -> JobObject:
    """A Job of ours."""
    metadata, spec, status = body["metadata"], body["spec"], body.get("status") or {}
    conditions = {c["type"]: c for c in status.get("conditions") or () if c.get("status") == "True"}
    failed = conditions.get("Failed")
    complete = conditions.get("Complete")
    annotations = metadata.get("annotations") or {}
    volumes = spec["template"]["spec"].get("volumes") or ()
    source = next((v["configMap"].get("name") for v in volumes if v.get("name") == names.VOLUME_SOURCE), None)
    return JobObject(
        name=metadata["name"],
        uid=metadata["uid"],
        resource_version=int(metadata["resourceVersion"]),
        created_time=parse.parse_time(metadata.get("creationTimestamp")) or 0.0,
        taken_up_time=_taken_up_time(spec, status),
        policy=AttemptPolicy.from_json(annotations.get(names.ANNOTATION_POLICY)),
        suspended=bool(spec.get("suspend")),
        stop_reason=annotations.get(names.ANNOTATION_STOP_REASON),
        complete=complete is not None,
        failed=failed is not None,
        finished_time=parse.parse_time((failed or complete or {}).get("lastTransitionTime")),
        failed_reason=(failed or {}).get("reason"),
        failed_message=(failed or {}).get("message"),
        source=source,
    )


def _taken_up_time(spec: Json, status: Json) -> float:
    """When its controller began with it. One that is suspended never gets a startTime."""
    started = parse.parse_time(status.get("startTime"))
    if started is not None:
        return started
    return 0.0 if spec.get("suspend") else math.inf


def unfinished_jobs(view: View, group: Group) -> Iterable[JobEntry]:
    """The unfinished MlJobs of a group."""
    return (view.jobs[uid] for uid in view.unfinished.get(group, ()))


def _new_entry(metadata: Json, spec: Json, version: int) -> JobEntry:
    return JobEntry(
        uid=metadata["uid"],
        namespace=metadata["namespace"],
        name=metadata["name"],
        resource_version=version,
        generation=metadata.get("generation") or 1,
        created_time=parse.parse_time(metadata.get("creationTimestamp")) or 0.0,
        created_ms=parse.creation_time_ms(metadata),
        labels={},
        submitted_by=(metadata.get("annotations") or {}).get(names.ANNOTATION_SUBMITTED_BY),
        deleting=False,
        finalizers=(),
        spec=parse.parse_spec(spec),
        status=StatusFacts(),
        raw_spec=_small_spec(spec),
    )


def _small_spec(spec: Json) -> Json | None:
    """The spec itself if keeping it costs little: spares a read at admission for most jobs."""
    params = spec.get("params")
    if len(spec.get("paramsJSON") or "") > KEPT_SPEC_CHARACTERS or "definition" in spec:
        return None
    if params is not None and (len(params) > KEPT_SPEC_ITEMS or len(repr(params)) > KEPT_SPEC_CHARACTERS):
        return None
    return spec


def _identity(uid: str, attempt: int, own_uid: str, version: int) -> Json:
    """Enough of an object for the view to find it again."""
    return {
        "metadata": {
            "uid": own_uid,
            "resourceVersion": str(version),
            "labels": {names.LABEL_UID: uid, names.LABEL_ATTEMPT: str(attempt)},
            "ownerReferences": [{"controller": True}],
        }
    }
