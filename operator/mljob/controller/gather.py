"""Gathering the facts of one job: from the view, and, where only the server can know, from the server."""

import logging
from contextlib import suppress

from pydantic import ValidationError

from mljob.api import errors, names
from mljob.api.definition import MlJobDefinitionSpec
from mljob.api.job import MlJobSpec
from mljob.controller.definitions import Definitions, check_spec
from mljob.controller.exclusive import begun_without_key, has_begun, holder, rivals
from mljob.controller.ownership import attempt_of
from mljob.controller.ports import Cluster, Json
from mljob.controller.view import JobEntry, View
from mljob.core.config import OperatorConfig
from mljob.core.effective import TtlPolicy, effective_queue_deadline, effective_ttl, effective_ttls
from mljob.core.facts import AttemptFacts, DefinitionFacts, Facts, StartProblem
from mljob.core.params import UnreadableParams, exclusive_key
from mljob.core.refusal import Refusal

log = logging.getLogger(__name__)


class Gatherer:
    """Makes `Facts`. Asks the server only for what the view cannot prove: that something is gone."""

    def __init__(
        self, view: View, definitions: Definitions, cluster: Cluster, config: OperatorConfig
    ) -> None:
        self._view = view
        self._definitions = definitions
        self._cluster = cluster
        self._config = config

    async def facts(self, entry: JobEntry) -> Facts:
        """All that is known of a job now. Raises ApiError when the server had to be asked and failed."""
        definition = self.definition(entry)
        await self._exclusive(entry, definition)
        # After whatever is waited for: an attempt may have come or gone meanwhile.
        attempt = self._view.attempt_facts(entry.uid)
        if attempt is not None and not attempt.alive and not entry.status.settled(attempt.number):
            attempt = await self._confirmed(entry, attempt)
        first = holder(self._view, entry)
        return Facts(
            uid=entry.uid,
            namespace=entry.namespace,
            name=entry.name,
            created_time=entry.created_time,
            spec=entry.spec,
            status=entry.status,
            definition=definition,
            generation=entry.generation,
            resource_version=str(entry.resource_version),
            deleting=entry.deleting,
            has_record_finalizer=names.FINALIZER_RECORD in entry.finalizers,
            recorded=entry.recorded,
            stored_end=entry.stored_end,
            attempt=attempt,
            in_flight=self._view.in_flight(entry.uid),
            exclusive_holder=first.name if first is not None else None,
            ttl_seconds=self._ttl(entry, attempt),
            queue_deadline_seconds=self._queue_deadline(entry, definition),
            held_until=entry.held_until,
            labels=dict(entry.labels),
        )

    def facts_of_deleted(self, entry: JobEntry) -> Facts:
        """The facts of an MlJob that is gone from the view; of its attempt, what is still known."""
        return Facts(
            uid=entry.uid,
            namespace=entry.namespace,
            name=entry.name,
            created_time=entry.created_time,
            spec=entry.spec,
            status=entry.status,
            definition=self.definition(entry),
            attempt=self._view.attempt_facts(entry.uid),
            labels=dict(entry.labels),
        )

    def definition(self, entry: JobEntry) -> DefinitionFacts | Refusal | None:
        """The definition a job runs by: its own inline one, or the one in force for its name."""
        inline = entry.spec.definition
        if inline is None:
            found = self._definitions.resolve(entry.group, entry.definition_uid)
            if isinstance(found, DefinitionFacts) and entry.definition_uid is None:
                entry.definition_uid = found.uid
            return found
        if isinstance(inline, Refusal):
            return inline
        if not self._config.inline_definitions:
            return Refusal(
                "InlineDefinitionForbidden",
                "spec.definition: this installation takes no inline definitions; "
                "apply an MlJobDefinition and leave spec.definition out",
            )
        rival = self._definitions.in_force(entry.group)
        if rival is not None and rival.judged and rival.verdict is None:
            return Refusal(
                "InlineDefinitionRefused",
                f"spec.definition: job name {entry.spec.job_name!r} is defined by MlJobDefinition "
                f"{rival.name}; leave spec.definition out or use another jobName",
            )
        return check_spec(inline, self._config) or DefinitionFacts("", entry.name, inline)

    async def _confirmed(self, entry: JobEntry, attempt: AttemptFacts) -> AttemptFacts:
        """Before an attempt is settled: is it as dead as the view has it?

        A view can lag behind. That its Job failed or completed is proof; that it is gone, or that a finished
        Job has no pod, is asked of the server once.
        """
        if attempt.job_exists and attempt.pods:
            return attempt
        if not attempt.job_exists:
            with suppress(errors.NotFound):
                self._view.upsert_kube_job(await self._cluster.get_job(entry.namespace, attempt.name))
        for pod in await self._cluster.pods_of(entry.namespace, entry.uid, attempt.number):
            if attempt_of(pod) == (entry.uid, attempt.number):
                self._view.upsert_pod(pod)
        return self._view.attempt_facts(entry.uid) or attempt

    async def _exclusive(self, entry: JobEntry, definition: DefinitionFacts | Refusal | None) -> None:
        """Know its exclusive key, and those of the jobs that it may have to give way to.

        After a restart, or when a definition has just become exclusive, one that runs may not have been
        looked at yet.
        """
        if _is_exclusive(definition) and entry.exclusive_key is None and not has_begun(self._view, entry):
            for other in begun_without_key(self._view, entry):
                await self._index_key(other, self.definition(other))
        await self._index_key(entry, definition)

    async def _index_key(self, entry: JobEntry, definition: DefinitionFacts | Refusal | None) -> None:
        """Keep a job's exclusive key indexed, where its definition asks for one."""
        if not isinstance(definition, DefinitionFacts) or entry.status.phase.is_final:
            return
        exclusive = definition.spec.exclusive
        if exclusive is None:
            if entry.exclusive_key is not None:
                self._view.set_exclusive_key(entry, None)
            return
        if entry.exclusive_key is not None or entry.spec.params_error is not None:
            return
        raw = await self._raw_spec(entry)
        if raw is None or self._view.jobs.get(entry.uid) is not entry:
            # It is gone, or was forgotten meanwhile: nobody would ever take its key away again.
            return
        try:
            text = MlJobSpec.model_validate(raw).params_text()
            key = exclusive_key(entry.spec.job_name, text, exclusive.params)
        except (ValidationError, UnreadableParams):
            # The API server took what our own model does not: creating its attempt will say so.
            log.info("%s/%s: its params cannot be read, it has no exclusive key", entry.namespace, entry.name)
            return
        self._view.set_exclusive_key(entry, key)
        for rival in rivals(self._view, entry):
            # One that waits may have to give way to this one.
            self._view.touch(rival.uid)

    async def _raw_spec(self, entry: JobEntry) -> Json | None:
        """The spec with its params; None: the job is gone, even if another one has its name."""
        if entry.raw_spec is not None:
            return entry.raw_spec
        with suppress(errors.NotFound):
            body = await self._cluster.get_mljob(entry.namespace, entry.name)
            if body["metadata"]["uid"] == entry.uid:
                return dict(body["spec"])
        return None

    def _ttl(self, entry: JobEntry, attempt: AttemptFacts | None) -> int:
        """How long a finished job stays: what it or its definition says, also after that has gone.

        Then what the definition last said counts; after a restart, what its last attempt was started under.
        """
        own = entry.spec.definition
        if own is None:
            own = self._definitions.spec(entry.group, entry.definition_uid)
        if isinstance(own, MlJobDefinitionSpec):
            entry.ttls = effective_ttls(own, self._config)
        # What an attempt tells is not kept: its Job may come into view later.
        ttls = entry.ttls or self._ttls_of_attempt(attempt)
        return effective_ttl(entry.spec.ttl_seconds_after_finished, ttls, entry.status.phase)

    def _ttls_of_attempt(self, attempt: AttemptFacts | None) -> TtlPolicy:
        ttls = effective_ttls(None, self._config)
        if attempt is None:
            return ttls
        finished = attempt.policy.ttl_after_finished_seconds
        failed = attempt.policy.ttl_after_failed_seconds
        return TtlPolicy(
            ttls.after_finished_seconds if finished is None else finished,
            ttls.after_failed_seconds if failed is None else failed,
        )

    def _queue_deadline(self, entry: JobEntry, definition: DefinitionFacts | Refusal | None) -> int | None:
        spec = definition.spec if isinstance(definition, DefinitionFacts) else None
        own = MlJobSpec.model_construct(
            job_name=entry.spec.job_name, queue_deadline_seconds=entry.spec.queue_deadline_seconds
        )
        return effective_queue_deadline(own, spec)

    def cap(self, entry: JobEntry) -> int:
        """How many attempts of the job's name may hold a slot, as it is in force now."""
        in_force = self._definitions.in_force(entry.group)
        if in_force is not None and not isinstance(in_force.spec, Refusal):
            return in_force.spec.max_workers
        inline = [
            other.spec.definition.max_workers
            for other in self._view.unfinished_jobs(entry.group)
            if other.spec.definition is not None and not isinstance(other.spec.definition, Refusal)
        ]
        if inline:
            return min(inline)
        # A retry whose definition is gone: what its first attempt was started under.
        attempt = self._view.attempt_facts(entry.uid)
        return attempt.policy.max_workers if attempt is not None else 0


def _is_exclusive(definition: DefinitionFacts | Refusal | None) -> bool:
    return isinstance(definition, DefinitionFacts) and definition.spec.exclusive is not None


async def start_problem_from_events(
    cluster: Cluster, namespace: str, job: str, uid: str
) -> StartProblem | None:
    """What the Job's newest Warning says: Pod Security, a quota, a webhook, a missing account."""
    warnings = await cluster.warnings_about(namespace, job, uid)
    if not warnings:
        return None
    message = str(warnings[-1].get("message") or "")
    reason = "QuotaExceeded" if "exceeded quota" in message else str(warnings[-1].get("reason") or "")
    return StartProblem(reason or "PodRefused", message)
