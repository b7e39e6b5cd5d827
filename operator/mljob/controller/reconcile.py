"""One job at a time: gather, decide, apply, mirror. The only writer of an MlJob's status."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from mljob.api import errors, names
from mljob.api.job import Phase
from mljob.controller.events import event_for
from mljob.controller.gather import Gatherer, start_problem_from_events
from mljob.controller.launch import Launched, Launcher
from mljob.controller.mirror import Mirror
from mljob.controller.parse import newest_warning
from mljob.controller.ports import Cluster
from mljob.controller.queue import WorkQueue
from mljob.controller.recorder import Recorder
from mljob.controller.view import JobEntry, View
from mljob.core.attempt import attempt_name
from mljob.core.decide import decide
from mljob.core.decision import Decision, Note
from mljob.core.facts import AttemptFacts, DefinitionFacts, Facts, PodEvents, PodFacts
from mljob.core.policy import AttemptPolicy
from mljob.core.refusal import Refusal
from mljob.core.retry import request_delay_seconds
from mljob.core.rules.deleted import end_of_deleted
from mljob.core.rules.ended import final_status
from mljob.core.status_patch import status_patch

Json = dict[str, Any]
T = TypeVar("T")
log = logging.getLogger(__name__)

TEXT_FIELDS = ("message", "result", "error", "conditions")
"""What comes from outside and could be more than the schema takes"""
NOT_NOW_SECONDS = 1.0
"""When to try again to start what could be neither created nor refused"""

EVENTS_OVERLAP_SECONDS = 10
"""Clocks of nodes differ, and what a kubelet has said often it says once in 5 minutes"""


class Reconciler:
    """Brings one job to where `decide` wants it. Idempotent: a repeat after any failure is harmless."""

    def __init__(
        self,
        view: View,
        queue: WorkQueue,
        gatherer: Gatherer,
        launcher: Launcher,
        cluster: Cluster,
        mirror: Mirror,
        cluster_id: str,
        clock: Callable[[], float],
    ) -> None:
        self._view = view
        self._queue = queue
        self._gatherer = gatherer
        self._launcher = launcher
        self._cluster = cluster
        self.recorder = Recorder(view, gatherer, mirror, cluster_id, clock)
        self._clock = clock
        self._failures: dict[str, int] = {}

    async def reconcile(self, uid: str) -> None:
        """Look at a job, decide, act. Raises ApiError when it must be tried again later."""
        entry = self._view.jobs.get(uid)
        if entry is None:
            return
        facts = await self._gatherer.facts(entry)
        decision = decide(facts, self._clock())
        await self._act(entry, facts, decision)
        written = await self._write_status(entry, facts, decision)
        if not written:
            return
        if decision.note is not None:
            await self._post(entry, decision.note, decision.status.attempt)
        self._view.set_waiting(entry, waiting=decision.wants_slot and self._view.startable(entry))
        if decision.wake_at is not None:
            self._queue.add_at(uid, decision.wake_at)
        if entry.needs_params:
            await self._fill_params(entry)

    async def start(self, entry: JobEntry, attempt: int) -> None:
        """Create an admitted attempt. Its slot is reserved until this returns."""
        # One for all tries: what may have been created is created again, not what the definition is by then.
        definition = self._gatherer.definition(entry)
        failures = 0
        while True:
            try:
                await self._try_start(entry, attempt, definition, answer_lost=failures > 0)
            except errors.ApiError as error:
                # It may have been carried out: only the answer tells, so the same name is tried again.
                failures += 1
                delay = request_delay_seconds(failures, error.retry_after_seconds)
                log.warning("creating attempt %d of %s/%s: %s; again in %.1f s",
                            attempt, entry.namespace, entry.name, error, delay)  # fmt: skip
                await asyncio.sleep(delay)
            else:
                return

    async def _try_start(
        self,
        entry: JobEntry,
        attempt: int,
        definition: DefinitionFacts | Refusal | None,
        *,
        answer_lost: bool,
    ) -> None:
        current = self._view.jobs.get(entry.uid)
        if current is None or not self._may_start(current, attempt, definition):
            if answer_lost:
                # It must not start any more, but it may be there: then it holds its slot until it has ended.
                name = attempt_name(entry.name, entry.uid, attempt)
                job = await self._ignore_gone(self._cluster.get_job(entry.namespace, name))
                if job is not None:
                    self._view.upsert_kube_job(job)
            return
        launch = await self._launcher.launch(current, attempt, definition)
        if launch.job is not None:
            self._failures.pop(entry.uid, None)
            entry.held_until = None
            self._view.upsert_kube_job(launch.job)
        elif launch.refusal is not None:
            await self._not_started(entry, launch.outcome, launch.refusal)
        else:
            # Its definition is being judged, or its deletion is on its way through the watch.
            entry.held_until = self._clock() + NOT_NOW_SECONDS
            self._queue.add_at(entry.uid, entry.held_until)

    def _may_start(self, entry: JobEntry, attempt: int, definition: DefinitionFacts | Refusal | None) -> bool:
        """Did nothing come up against it since it was put in line? If so, the next look says what."""
        if entry.spec.cancel or entry.spec.suspend or entry.deleting or entry.status.phase.is_final:
            return False
        # A retry runs what the attempt before it ran.
        return attempt > 1 or isinstance(definition, DefinitionFacts)

    async def record_deleted(self, entry: JobEntry) -> None:
        """The rows of an MlJob that is gone: Canceled, unless it had ended."""
        facts = replace(self._gatherer.facts_of_deleted(entry), deleting=True)
        status = entry.status
        if status.phase.is_final:
            # Mostly told already; not when its own deletion was the first to tell.
            self.recorder.record_end(entry)
            if facts.attempt is not None:
                self.recorder.record(entry, facts, status)
            return
        known = facts.attempt.number if facts.attempt is not None else 0
        if known < status.attempt and status.current_job is not None:
            # Its Job went before it.
            lost = AttemptFacts(status.attempt, status.current_job, AttemptPolicy(), job_exists=False)
            facts = replace(facts, attempt=lost)
        self.recorder.record(entry, facts, end_of_deleted(facts, self._clock()))

    async def _act(self, entry: JobEntry, facts: Facts, decision: Decision) -> None:
        """Stops and deadlines come before the status that tells of them."""
        attempt = facts.attempt
        if attempt is not None and decision.stop is not None and attempt.job_exists:
            job = await self._ignore_gone(
                self._cluster.stop_job(
                    entry.namespace, attempt.name, str(decision.stop), unsuspend=attempt.suspended
                )
            )
            if job is not None:
                self._view.upsert_kube_job(job)
        pod = attempt.pod if attempt is not None else None
        if pod is not None and decision.pod_deadline_seconds is not None:
            body = await self._ignore_gone(
                self._cluster.lower_pod_deadline(
                    entry.namespace, pod.name, pod.uid, decision.pod_deadline_seconds
                )
            )
            if body is not None:
                self._view.upsert_pod(body)
        if attempt is not None and decision.read_events:
            await self._read_events(entry, attempt.number)
        if attempt is not None and pod is not None and decision.read_pod_events:
            await self._read_pod_events(entry, attempt, pod)
        if decision.release:
            await self._release(entry)
        if decision.delete:
            await self._ignore_gone(self._cluster.delete_mljob(entry.namespace, entry.name, entry.uid))

    async def _ignore_gone(self, call: Awaitable[T]) -> T | None:
        try:
            return await call
        except errors.NotFound:
            return None

    async def _read_events(self, entry: JobEntry, number: int) -> None:
        attempt = self._view.attempts.get(entry.uid, {}).get(number)
        if attempt is None or attempt.job is None:
            return
        attempt.events_problem = await start_problem_from_events(
            self._cluster, entry.namespace, attempt.job.name, attempt.job.uid
        )
        attempt.events_read = True
        self._queue.add(entry.uid)

    async def _read_pod_events(self, entry: JobEntry, attempt: AttemptFacts, pod: PodFacts) -> None:
        """Events are for people: failing to read them stops nothing, and the next time comes."""
        known = attempt.pod_events if attempt.pod_events and attempt.pod_events.pod_uid == pod.uid else None
        since = known.read_time - EVENTS_OVERLAP_SECONDS if known is not None else pod.start_time or 0.0
        now = self._clock()
        problem = known.problem if known is not None else None
        try:
            warnings = await self._cluster.warnings_about(entry.namespace, pod.name, pod.uid)
            problem = newest_warning(warnings, since)
        except errors.ApiError as error:
            log.warning("events about pod %s/%s not read: %s", entry.namespace, pod.name, error)
        found = self._view.attempts.find((entry.uid, attempt.number))
        if found is not None:
            found.pod_events = PodEvents(pod.uid, (known.reads if known else 0) + 1, now, problem)
            self._queue.add(entry.uid)

    async def _release(self, entry: JobEntry) -> None:
        left = [finalizer for finalizer in entry.finalizers if finalizer != names.FINALIZER_RECORD]
        try:
            await self._cluster.release_mljob(entry.namespace, entry.name, left, entry.resource_version)
        except errors.NotFound:
            pass
        except errors.Conflict:
            await self._refresh(entry)

    async def _write_status(self, entry: JobEntry, facts: Facts, decision: Decision) -> bool:
        """One patch if anything changed, and the rows. False: the object has moved on; look again."""
        patch = status_patch(facts.status, decision.status)
        written = await self._patch_status(entry, facts, patch) if patch is not None else None
        if patch is not None and written is None:
            return False
        self.recorder.record(entry, facts, decision.status)
        if written is not None:
            self._view.upsert_job(written)
        return True

    async def _patch_status(self, entry: JobEntry, facts: Facts, patch: Json) -> Json | None:
        """The object as it is then. None: it is gone, or newer than the facts."""
        send = partial(self._cluster.patch_mljob_status, entry.namespace, entry.name)
        metadata = {"resourceVersion": facts.resource_version}
        try:
            return await send({"metadata": metadata, "status": patch})
        except errors.Invalid as error:
            # A text that the schema does not take must not keep a job from ever ending.
            log.error("status of %s/%s: %s; its texts are left out", entry.namespace, entry.name, error)
            bare = {key: value for key, value in patch.items() if key not in TEXT_FIELDS}
            return await send({"metadata": metadata, "status": bare})
        except errors.Conflict:
            await self._refresh(entry)
        except errors.NotFound:
            # Its deletion is on its way through the watch.
            pass
        return None

    async def _refresh(self, entry: JobEntry) -> None:
        """The view is behind: read the object itself."""
        body = await self._read(entry)
        if body is not None:
            self._view.upsert_job(body)
            self._queue.add(entry.uid)

    async def _read(self, entry: JobEntry) -> Json | None:
        """The object as it is now. None: it is gone, and the watch will say so; its name may be another's."""
        body = await self._ignore_gone(self._cluster.get_mljob(entry.namespace, entry.name))
        return body if body is not None and body["metadata"]["uid"] == entry.uid else None

    async def _post(self, entry: JobEntry, note: Note, attempt: int) -> None:
        """An Event is for people: failing to post one stops nothing."""
        event = event_for(entry, note, attempt, self._clock())
        try:
            await self._cluster.put_event(entry.namespace, event)
        except errors.ApiError as error:
            log.warning("event %s of %s/%s not posted: %s", note.reason, entry.namespace, entry.name, error)

    async def _fill_params(self, entry: JobEntry) -> None:
        """Last in a look, and only for the row that lacks them: nothing may wait for this read."""
        body = await self._read(entry)
        entry.needs_params = False
        if body is not None:
            self.recorder.fill_params(entry, body["spec"])

    async def _not_started(self, entry: JobEntry, outcome: Launched, refusal: Refusal) -> None:
        """No Job came of it: for a quota the queue again, later; for anything else the end."""
        facts = await self._gatherer.facts(entry)
        if facts.status.phase.is_final:
            # Canceled while its creation was on its way: a final phase never changes.
            return
        now = self._clock()
        if outcome is Launched.QUOTA:
            failures = self._failures[entry.uid] = self._failures.get(entry.uid, 0) + 1
            retry_at = now + request_delay_seconds(failures, None)
            told = facts.status.reason == refusal.reason
            entry.held_until = retry_at
            status = facts.status
            if not told:
                status = replace(status, reason=refusal.reason, message=refusal.message)
            decision = Decision(status, note=None if told else Note(refusal.reason, refusal.message))
            self._queue.add_at(entry.uid, retry_at)
        else:
            status = final_status(facts, facts.status, Phase.FAILED, refusal.reason, refusal.message, now)
            note = Note(refusal.reason, refusal.message)
            decision = Decision(replace(status, error=refusal.message), note=note)
        if await self._write_status(entry, facts, decision) and decision.note is not None:
            await self._post(entry, decision.note, decision.status.attempt)
