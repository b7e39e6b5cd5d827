"""What the view knows of attempts: the Job and the pods of each, by uid of the MlJob and number.

Nothing here knows the MlJob: whether an attempt is settled, or who may speak for it, is the view's to say.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from mljob.controller.job_object import JobObject, parse_job_object
from mljob.controller.ownership import AttemptId, Group, controller_of, identity
from mljob.controller.parse import parse_pod
from mljob.core.facts import AttemptFacts, PodEvents, PodFacts, StartProblem
from mljob.core.policy import AttemptPolicy

Json = dict[str, Any]


@dataclass(slots=True, eq=False)
class AttemptEntry:
    """An attempt: its Job, if there is one, and its pods by uid."""

    group: Group
    job: JobObject | None = None
    job_gone: bool = False
    """the Job was deleted; what it said of its policy still counts"""
    pods: dict[str, PodFacts] = field(default_factory=dict)
    """those that are there, and the ends of some that were"""
    pod_versions: dict[str, int] = field(default_factory=dict)
    """resourceVersion of each pod that is there"""
    pod_owners: dict[str, str] = field(default_factory=dict)
    """uid of the Job that each pod names as its controller"""
    events_problem: StartProblem | None = None
    events_read: bool = False
    pod_events: PodEvents | None = None

    @property
    def job_exists(self) -> bool:
        """Is its Job still there?"""
        return self.job is not None and not self.job_gone

    @property
    def alive(self) -> bool:
        """Is its Job unfinished, or may one of its pods still run?"""
        job = self.job
        if job is not None and not (self.job_gone or job.complete or job.failed):
            return True
        return any(pod.alive for pod in self.pods.values())

    def take_job(self, body: Json) -> bool:
        """Take its Job as it is now. False: that says nothing that decisions use.

        A controller keeps counters in its Job: of a Job's five events two are worth a look.
        """
        known = self.job
        if known is not None and int(body["metadata"]["resourceVersion"]) <= known.resource_version:
            return False
        job = self.job = parse_job_object(body)
        self.job_gone = False
        if known == job:
            return False
        for pod_uid in [uid for uid, owner in self.pod_owners.items() if owner != job.uid]:
            self._drop(pod_uid)
        return True

    def take_pod(self, body: Json) -> bool:
        """Take a pod of its Job as it is now. False: another Job's, or nothing that decisions use."""
        metadata = body["metadata"]
        pod_uid, version = metadata["uid"], int(metadata["resourceVersion"])
        if version <= self.pod_versions.get(pod_uid, -1):
            return False
        owner = controller_of(body).get("uid", "")
        if self.job is not None and owner != self.job.uid:
            return False
        known, pod = self.pods.get(pod_uid), parse_pod(body)
        self.pods[pod_uid] = pod
        self.pod_versions[pod_uid] = version
        self.pod_owners[pod_uid] = owner
        return known != pod

    def lose_pod(self, pod_uid: str, *, keep_end: bool) -> None:
        """A pod is gone. `keep_end`: its outcome, if it had one, has still to be told."""
        last = self.pods[pod_uid]
        self._drop(pod_uid)
        if keep_end and (last.main_ended or not last.alive):
            # Gone is as dead as it gets.
            self.pods[pod_uid] = replace(last, phase="Failed") if last.alive else last

    def _drop(self, pod_uid: str) -> None:
        del self.pods[pod_uid]
        self.pod_versions.pop(pod_uid, None)
        self.pod_owners.pop(pod_uid, None)

    def facts(self, number: int, name: str) -> AttemptFacts:
        """It as decisions see it; `name` is what its Job is called where that was never seen."""
        job, pods = self.job, tuple(self.pods.values())
        if job is None:
            return AttemptFacts(number, name, AttemptPolicy(), job_exists=False, pods=pods)
        return AttemptFacts(
            number=number,
            name=job.name,
            policy=job.policy,
            job_exists=not self.job_gone,
            created_time=job.created_time,
            taken_up_time=job.taken_up_time,
            suspended=job.suspended,
            stop_reason=job.stop_reason,
            complete=job.complete,
            failed=job.failed,
            finished_time=job.finished_time,
            failed_reason=job.failed_reason,
            failed_message=job.failed_message,
            pods=pods,
            events_problem=self.events_problem,
            events_read=self.events_read,
            pod_events=self.pod_events,
        )


class Attempts(dict[str, dict[int, AttemptEntry]]):
    """By uid of the MlJob, then by number. A uid without attempts is forgotten."""

    def find(self, attempt_id: AttemptId) -> AttemptEntry | None:
        """What is known of an attempt."""
        numbers = self.get(attempt_id[0])
        return numbers.get(attempt_id[1]) if numbers else None

    def begin(self, attempt_id: AttemptId, group: Group) -> AttemptEntry:
        """Know of one more attempt."""
        uid, number = attempt_id
        entry = self.setdefault(uid, {})[number] = AttemptEntry(group)
        return entry

    def claim(self, uid: str, group: Group) -> list[AttemptId]:
        """Now it is known whose a job's attempts are: those that were taken for another group's.

        Of another namespace than the job's nothing is kept: nobody there may speak for it.
        """
        moved = [(uid, number) for number, entry in self.get(uid, {}).items() if entry.group != group]
        for attempt_id in moved:
            if self[uid][attempt_id[1]].group[0] == group[0]:
                self[uid][attempt_id[1]].group = group
            else:
                self.forget(attempt_id)
        return moved

    def forget(self, attempt_id: AttemptId) -> None:
        """Know of an attempt no more."""
        uid, number = attempt_id
        del self[uid][number]
        if not self[uid]:
            del self[uid]

    def latest(self, uid: str) -> int:
        """The highest number of a job's attempts; 0: none is known."""
        numbers = self.get(uid)
        return max(numbers) if numbers else 0

    def any_alive(self, uid: str) -> bool:
        """May any attempt of a job still run?"""
        return any(entry.alive for entry in self.get(uid, {}).values())

    def job_identities(self) -> list[Json]:
        """Every Job that is there, as `identity` tells it."""
        return [
            identity(attempt_id, entry.job.uid, entry.job.resource_version)
            for attempt_id, entry in self._each()
            if entry.job is not None and not entry.job_gone
        ]

    def pod_identities(self) -> list[Json]:
        """Every pod that is there, as `identity` tells it."""
        return [
            identity(attempt_id, pod_uid, version)
            for attempt_id, entry in self._each()
            for pod_uid, version in entry.pod_versions.items()
        ]

    def _each(self) -> Iterator[tuple[AttemptId, AttemptEntry]]:
        for uid, numbers in self.items():
            for number, entry in numbers.items():
                yield (uid, number), entry
