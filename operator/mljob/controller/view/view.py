"""The view ties it together: it takes events, keeps the maps in step, and says what must be looked at again.

Only `upsert_*` and `remove_*` change what it knows, each O(1) or O(log n); an older resourceVersion never
replaces a newer one, and a uid that was deleted never comes back. It holds no params beyond a small size.
"""

from collections.abc import Callable, Iterable
from typing import Any

from mljob.api import names
from mljob.controller.ownership import AttemptId, Group, attempt_of, controller_of
from mljob.controller.parse import parse_pod
from mljob.controller.view.attempts import AttemptEntry, Attempts
from mljob.controller.view.indexes import SetIndex, Tombstones
from mljob.controller.view.job_entry import JobEntry
from mljob.controller.view.slots import HeldSlots
from mljob.controller.view.waiting import WaitingLines
from mljob.core.facts import AttemptFacts

Json = dict[str, Any]


class View:
    """All objects of interest. `on_job(uid)` is called when a job must be looked at again,
    `on_slot(group)` when a slot of a group may have become free, or somebody new waits for one,
    `before_free(entry)` when an attempt of a known MlJob is about to give its slot back, and still has it."""

    def __init__(self, on_job: Callable[[str], None], on_slot: Callable[[Group], None]) -> None:
        self._on_job = on_job
        self._on_slot = on_slot
        self.jobs: dict[str, JobEntry] = {}
        self.uid_of: dict[tuple[str, str], str] = {}
        self.attempts = Attempts()
        self.slots = HeldSlots(on_slot)
        self.waiting = WaitingLines()
        self.unfinished: SetIndex[Group, str] = SetIndex()
        self.exclusive: SetIndex[tuple[str, str], str] = SetIndex()
        self._tombstones = Tombstones()
        self.before_free: Callable[[JobEntry], None] = lambda entry: None

    # ---- MlJobs

    def upsert_job(self, body: Json) -> bool:
        """Take an MlJob. False: it is older than what is known."""
        metadata = body["metadata"]
        uid, version = metadata["uid"], int(metadata["resourceVersion"])
        entry = self.jobs.get(uid)
        if uid in self._tombstones or (entry is not None and version < entry.resource_version):
            return False
        if entry is None:
            entry = self.jobs[uid] = JobEntry.of(body)
            self.uid_of[entry.namespace, entry.name] = uid
            for attempt_id in self.attempts.claim(uid, entry.group):
                # Until now their labels said whose cap they count against.
                self.slots.free(attempt_id)
                self._recount(attempt_id)
        elif version == entry.resource_version:
            # The watch brings back what our own write was answered with.
            return True
        else:
            entry.take(body)
        self._index_job(entry)
        self._on_job(uid)
        return True

    def remove_job(self, uid: str) -> JobEntry | None:
        """Forget an MlJob that is gone; what its attempts hold stays held until they are gone too."""
        self._tombstones.bury(uid)
        entry = self.jobs.pop(uid, None)
        if entry is None:
            return None
        if self.uid_of.get((entry.namespace, entry.name)) == uid:
            del self.uid_of[entry.namespace, entry.name]
        self.waiting.take_out(uid)
        self.unfinished.discard(entry.group, uid)
        if entry.exclusive_key is not None:
            self.exclusive.discard((entry.namespace, entry.exclusive_key), uid)
        # Also one that only its status knows of: its Job went while nobody looked.
        for number in {entry.status.attempt, *self.attempts.get(uid, {})}:
            self._collect((uid, number))
            self._recount((uid, number))
        self._on_slot(entry.group)
        return entry

    def set_waiting(self, entry: JobEntry, *, waiting: bool) -> None:
        """Put a job into the line of its group, or take it out. One that is gone waits for nothing."""
        if not waiting:
            self.waiting.take_out(entry.uid)
        elif self._knows(entry) and self.waiting.put(entry.group, entry.order):
            self._on_slot(entry.group)

    def set_exclusive_key(self, entry: JobEntry, key: str | None) -> None:
        """Index a job by its exclusive key, while it is unfinished and not gone."""
        if entry.exclusive_key is not None and entry.exclusive_key != key:
            self.exclusive.discard((entry.namespace, entry.exclusive_key), entry.uid)
        entry.exclusive_key = key
        if key is not None and self._knows(entry):
            self._index_exclusive(entry, key)

    def unfinished_jobs(self, group: Group) -> Iterable[JobEntry]:
        """The unfinished MlJobs of a group."""
        return (self.jobs[uid] for uid in self.unfinished.get(group, ()))

    def touch(self, uid: str) -> None:
        """Have a job looked at again."""
        self._on_job(uid)

    def _knows(self, entry: JobEntry) -> bool:
        """Whoever looks at a job waits for the server now and then; meanwhile the job may go."""
        return self.jobs.get(entry.uid) is entry

    def _index_job(self, entry: JobEntry) -> None:
        uid, is_final = entry.uid, entry.status.phase.is_final
        if is_final:
            self.unfinished.discard(entry.group, uid)
        else:
            self.unfinished.add(entry.group, uid)
        if entry.exclusive_key is not None:
            self._index_exclusive(entry, entry.exclusive_key)
        latest = max(entry.status.attempt, self.attempts.latest(uid))
        for number in range(max(1, latest - 1), latest + 1):
            self._recount((uid, number))
            self._collect((uid, number))
        if uid in self.waiting:
            # Its priority may have changed.
            self.set_waiting(entry, waiting=not is_final)

    def _index_exclusive(self, entry: JobEntry, own_key: str) -> None:
        key = (entry.namespace, own_key)
        if entry.status.phase.is_final:
            for other in self.exclusive.get(key, ()):
                self._on_job(other)
            self.exclusive.discard(key, entry.uid)
        else:
            self.exclusive.add(key, entry.uid)

    # ---- Jobs and pods

    def upsert_kube_job(self, body: Json) -> None:
        """Take a Job that one of our MlJobs owns."""
        attempt_id = attempt_of(body)
        if attempt_id is None or body["metadata"]["uid"] in self._tombstones:
            return
        if controller_of(body).get("kind") != names.KIND_JOB:
            return
        entry = self._entry_for(body, attempt_id)
        if entry is not None and entry.take_job(body):
            self._recount(attempt_id)
            self._on_job(attempt_id[0])

    def remove_kube_job(self, body: Json) -> None:
        """Forget a Job that is gone."""
        uid = body["metadata"]["uid"]
        self._tombstones.bury(uid)
        attempt_id, entry = self._known(body)
        if attempt_id is None or entry is None or entry.job is None or entry.job.uid != uid:
            return
        entry.job_gone = True
        self._after_removal(attempt_id)

    def forget_kube_job(self, attempt_id: AttemptId) -> None:
        """The Job of an attempt is gone: the server said so."""
        entry = self.attempts.find(attempt_id)
        if entry is not None and entry.job is not None:
            self._tombstones.bury(entry.job.uid)
            entry.job_gone = True
            self._after_removal(attempt_id)

    def upsert_pod(self, body: Json) -> None:
        """Take a pod that one of our Jobs owns."""
        attempt_id = attempt_of(body)
        if attempt_id is None or body["metadata"]["uid"] in self._tombstones:
            return
        entry = self._entry_for(body, attempt_id)
        if entry is not None and entry.take_pod(body):
            self._recount(attempt_id)
            self._on_job(attempt_id[0])

    def remove_pod(self, body: Json) -> None:
        """A pod that is gone. What is known of its `main` is kept until its attempt is settled."""
        pod_uid = body["metadata"]["uid"]
        self._tombstones.bury(pod_uid)
        attempt_id, entry = self._known(body)
        if attempt_id is None or entry is None or pod_uid not in entry.pods:
            return
        if body.get("status") is not None:
            # A tombstone carries the last state, which may be newer than any event.
            entry.pods[pod_uid] = parse_pod(body)
        self._lose_pod(attempt_id, entry, pod_uid)

    def keep_pods(self, attempt_id: AttemptId, listed: set[str]) -> None:
        """These are all pods that an attempt has: the server said so."""
        entry = self.attempts.find(attempt_id)
        if entry is None:
            return
        for pod_uid in [uid for uid, pod in entry.pods.items() if uid not in listed and pod.alive]:
            self._lose_pod(attempt_id, entry, pod_uid)

    def kube_job_identities(self) -> list[Json]:
        """Every Job of the view, with what `remove_kube_job` needs."""
        return self.attempts.job_identities()

    def pod_identities(self) -> list[Json]:
        """Every pod of the view, with what `remove_pod` needs."""
        return self.attempts.pod_identities()

    def latest_attempt(self, uid: str) -> int:
        """Number of the latest attempt that is known, by status or by its Job; 0: none was made."""
        entry = self.jobs.get(uid)
        return max(entry.status.attempt if entry else 0, self.attempts.latest(uid))

    def attempt_facts(self, uid: str) -> AttemptFacts | None:
        """The latest attempt as decisions see it."""
        number = self.latest_attempt(uid)
        if number == 0:
            return None
        job_entry = self.jobs.get(uid)
        name = (job_entry.status.current_job if job_entry else None) or f"attempt {number}"
        # Of one whose Job and pods went while nobody looked, the status alone knows.
        found = self.attempts.find((uid, number)) or AttemptEntry(("", ""))
        return found.facts(number, name)

    def _known(self, body: Json) -> tuple[AttemptId | None, AttemptEntry | None]:
        attempt_id = attempt_of(body)
        return attempt_id, self.attempts.find(attempt_id) if attempt_id is not None else None

    def _entry_for(self, body: Json, attempt_id: AttemptId) -> AttemptEntry | None:
        """The entry of an object's attempt, new or known.

        None: the object lies in another namespace than its MlJob, and nobody there may speak for it.
        """
        metadata, job_entry = body["metadata"], self.jobs.get(attempt_id[0])
        entry = self.attempts.find(attempt_id)
        namespace = metadata["namespace"]
        if job_entry is not None:
            group = job_entry.group
        elif entry is not None:
            group = entry.group
        else:
            group = (namespace, metadata["labels"].get(names.LABEL_JOB_NAME, ""))
        if group[0] != namespace:
            return None
        return entry or self.attempts.begin(attempt_id, group)

    def _lose_pod(self, attempt_id: AttemptId, entry: AttemptEntry, pod_uid: str) -> None:
        entry.lose_pod(pod_uid, keep_end=self._unsettled(attempt_id))
        self._after_removal(attempt_id)

    def _after_removal(self, attempt_id: AttemptId) -> None:
        self._recount(attempt_id)
        self._collect(attempt_id)
        self._on_job(attempt_id[0])

    def _collect(self, attempt_id: AttemptId) -> None:
        """Forget an attempt of which nothing is left and nothing has to be told any more."""
        entry = self.attempts.find(attempt_id)
        if entry is not None and not (entry.job_exists or entry.alive or self._unsettled(attempt_id)):
            self.attempts.forget(attempt_id)

    def _unsettled(self, attempt_id: AttemptId) -> bool:
        """Has the status of its MlJob still to tell its end?"""
        entry = self.jobs.get(attempt_id[0])
        return entry is not None and not entry.status.settled(attempt_id[1])

    # ---- slots

    def reserve(self, attempt_id: AttemptId, group: Group) -> None:
        """An attempt is about to be created: it holds its slot from now on."""
        self.slots.reserve(attempt_id, group)

    def unreserve(self, attempt_id: AttemptId) -> None:
        """Its creation is decided: the Job is in the view, or there is none."""
        self.slots.land(attempt_id)
        self._recount(attempt_id)

    def startable(self, entry: JobEntry) -> bool:
        """Is no attempt of this job under way, in flight or unsettled?"""
        uid, number = entry.uid, self.latest_attempt(entry.uid)
        if entry.status.phase.is_final or self.attempts.any_alive(uid) or self.in_flight(uid):
            return False
        return number == 0 or entry.status.settled(number)

    def in_flight(self, uid: str) -> bool:
        """Is an attempt of this job being created?"""
        number = self.latest_attempt(uid)
        return not self.slots.in_flight.isdisjoint([(uid, number), (uid, number + 1)])

    def _recount(self, attempt_id: AttemptId) -> None:
        """Have an attempt hold its slot exactly while the facts say so."""
        uid, number = attempt_id
        attempt = self.attempts.find(attempt_id)
        if attempt is not None and attempt.alive:
            self.slots.hold(attempt_id, attempt.group)
        elif self._unsettled(attempt_id) and number == self.latest_attempt(uid):
            # Its end is not in the status yet: released together with the row that says so.
            self.slots.hold(attempt_id, self.jobs[uid].group)
        elif attempt_id in self.slots.attempts:
            self._free(attempt_id)

    def _free(self, attempt_id: AttemptId) -> None:
        entry = self.jobs.get(attempt_id[0])
        if entry is not None:
            self.before_free(entry)
        self.slots.free(attempt_id)
