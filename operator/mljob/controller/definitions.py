"""Definitions: which one is in force for a job name, and whether it can be run at all.

A definition is judged once per generation: pure checks first, then a server-side dry run of the Job and
the Pod it would make. Its verdict is written to its status, and jobs that wait for it are looked at again.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from mljob.api import errors
from mljob.api.common import explain
from mljob.api.definition import MlJobDefinitionSpec
from mljob.controller import parse
from mljob.controller.ports import Cluster
from mljob.controller.view import Group
from mljob.controller.view.indexes import Tombstones
from mljob.core.config import OperatorConfig
from mljob.core.definition_rules import check_definition
from mljob.core.environment import Environment, resolve_environment
from mljob.core.facts import Condition, DefinitionFacts
from mljob.core.manifest import dry_run_pod, probe_subject, render_job
from mljob.core.refusal import Refusal
from mljob.core.status_patch import format_time
from mljob.core.subject import RunnerRef
from mljob.core.written import as_written

Json = dict[str, Any]
log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class DefinitionEntry:
    """One MlJobDefinition. `verdict` None: not judged yet in this generation."""

    uid: str
    namespace: str
    name: str
    resource_version: int
    generation: int
    created_time: float
    job_name: str
    spec: MlJobDefinitionSpec | Refusal
    observed_generation: int
    accepted: Condition | None
    judged_generation: int = -1
    verdict: Refusal | None = None

    @property
    def judged(self) -> bool:
        """Is the verdict about the generation that is here now?"""
        return self.judged_generation == self.generation

    @property
    def group(self) -> Group:
        """The name it defines, in its namespace."""
        return (self.namespace, self.job_name)


class Definitions:
    """All definitions of the watched namespaces. `on_group` hears of every change of what is in force."""

    def __init__(self, on_definition: Callable[[str], None], on_group: Callable[[Group], None]) -> None:
        self._on_definition = on_definition
        self._on_group = on_group
        self.entries: dict[str, DefinitionEntry] = {}
        self.by_group: dict[Group, set[str]] = {}
        self._tombstones = Tombstones()

    def upsert(self, body: Json) -> None:
        """Take a definition, unless a newer state of it is known, or its end."""
        metadata, spec, status = body["metadata"], body.get("spec") or {}, body.get("status") or {}
        uid, version = metadata["uid"], int(metadata["resourceVersion"])
        old = self.entries.get(uid)
        if uid in self._tombstones or (old is not None and version < old.resource_version):
            return
        entry = DefinitionEntry(
            uid=uid,
            namespace=metadata["namespace"],
            name=metadata["name"],
            resource_version=version,
            generation=metadata.get("generation") or 1,
            created_time=parse.parse_time(metadata.get("creationTimestamp")) or 0.0,
            job_name=spec.get("jobName") or metadata["name"],
            spec=_parse(spec),
            observed_generation=status.get("observedGeneration") or 0,
            accepted=parse.parse_status(status).condition("Accepted"),
        )
        if old is not None:
            entry.judged_generation, entry.verdict = old.judged_generation, old.verdict
        self.entries[uid] = entry
        self.by_group.setdefault(entry.group, set()).add(uid)
        if old is None or old.generation != entry.generation:
            self._siblings_changed(entry.group)

    def remove(self, uid: str) -> None:
        """Forget one that is gone; the next one of its name may come into force."""
        self._tombstones.bury(uid)
        entry = self.entries.pop(uid, None)
        if entry is None:
            return
        members = self.by_group[entry.group]
        members.discard(uid)
        if not members:
            del self.by_group[entry.group]
        self._siblings_changed(entry.group)

    def in_force(self, group: Group) -> DefinitionEntry | None:
        """Of several of one name the older, then the one with the lesser uid."""
        members = [self.entries[uid] for uid in self.by_group.get(group, ())]
        return min(members, key=lambda e: (e.created_time, e.uid)) if members else None

    def resolve(self, group: Group, bound_uid: str | None) -> DefinitionFacts | Refusal | None:
        """The definition for a job of that name, why there is none, or None: not judged yet.

        `bound_uid`: the definition it was accepted with, to which it keeps.
        """
        entry = self.in_force(group)
        if bound_uid:
            entry = self.entries.get(bound_uid)
            if entry is None:
                return Refusal(
                    "DefinitionGone",
                    f"The MlJobDefinition (uid {bound_uid}) that this job was accepted with is gone. "
                    "Submit the job again to run it with another one",
                )
        if entry is None:
            return Refusal(
                "UnknownJobName",
                f"spec.jobName: no MlJobDefinition of job name {group[1]!r} in namespace {group[0]!r}; "
                "the job starts as soon as there is one",
            )
        if not entry.judged:
            return None
        if entry.verdict is not None:
            return Refusal(
                entry.verdict.reason, f"MlJobDefinition {entry.name} is not accepted: {entry.verdict.message}"
            )
        if isinstance(entry.spec, Refusal):
            return entry.spec
        return DefinitionFacts(entry.uid, entry.name, entry.spec)

    def spec(self, group: Group, bound_uid: str | None) -> MlJobDefinitionSpec | None:
        """What the definition of such a job says, be it judged or not; None: it is gone, or unreadable."""
        entry = self.entries.get(bound_uid) if bound_uid else self.in_force(group)
        return entry.spec if entry is not None and not isinstance(entry.spec, Refusal) else None

    def _siblings_changed(self, group: Group) -> None:
        for uid in self.by_group.get(group, ()):
            self._on_definition(uid)
        self._on_group(group)


class DefinitionJudge:
    """Judges definitions and writes the verdicts."""

    def __init__(
        self,
        definitions: Definitions,
        cluster: Cluster,
        config: OperatorConfig,
        runner: RunnerRef,
        on_group: Callable[[Group], None],
        clock: Callable[[], float],
    ) -> None:
        self._definitions = definitions
        self._cluster = cluster
        self._config = config
        self._runner = runner
        self._on_group = on_group
        self._clock = clock

    async def judge(self, uid: str) -> None:
        """Bring one definition's verdict and status up to date. Raises ApiError to be tried again."""
        judged = self._definitions.entries.get(uid)
        if judged is None:
            return
        verdict = self._duplicate(judged) or await self._check(judged)
        # The watch may have brought it anew while the server was asked.
        entry = self._definitions.entries.get(uid)
        if entry is None or entry.generation != judged.generation:
            # Gone, or a newer generation, which has asked for its own judgement.
            return
        changed = not entry.judged or entry.verdict != verdict
        entry.judged_generation, entry.verdict = entry.generation, verdict
        if changed:
            self._on_group(entry.group)
        await self._write_status(entry, verdict)

    def _duplicate(self, entry: DefinitionEntry) -> Refusal | None:
        first = self._definitions.in_force(entry.group)
        if first is None or first.uid == entry.uid:
            return None
        return Refusal(
            "DuplicateJobName",
            f"spec.jobName: {entry.job_name!r} is already defined by the older MlJobDefinition {first.name}",
        )

    async def _check(self, entry: DefinitionEntry) -> Refusal | None:
        if isinstance(entry.spec, Refusal):
            return entry.spec
        wrong = check_spec(entry.spec, self._config)
        if wrong is not None:
            return wrong
        accepted = entry.accepted
        if accepted and accepted.status and entry.observed_generation == entry.generation:
            # The server has said so before; a restart asks it nothing.
            return None
        return await dry_run_verdict(
            self._cluster, entry.namespace, entry.job_name, entry.spec, self._config, self._runner
        )

    async def _write_status(self, entry: DefinitionEntry, verdict: Refusal | None) -> None:
        reason = verdict.reason if verdict else "Accepted"
        message = verdict.message[:1_000] if verdict else ""
        old = entry.accepted
        same = old is not None and (old.status, old.reason, old.message) == (verdict is None, reason, message)
        if same and entry.observed_generation == entry.generation:
            return
        since = old.since if old is not None and old.status == (verdict is None) else self._clock()
        patch = {
            "observedGeneration": entry.generation,
            "jobName": entry.job_name,
            "conditions": [
                {
                    "type": "Accepted",
                    "status": "True" if verdict is None else "False",
                    "reason": reason,
                    "message": message,
                    "lastTransitionTime": format_time(since),
                }
            ],
        }
        try:
            body = await self._cluster.patch_definition_status(entry.namespace, entry.name, patch)
        except errors.NotFound:
            return
        self._definitions.upsert(body)


def check_spec(spec: MlJobDefinitionSpec, config: OperatorConfig) -> Refusal | None:
    """What can be said without asking the server."""
    wrong = check_definition(spec)
    if wrong is not None:
        return wrong
    environment = resolve_environment(spec, config)
    return None if isinstance(environment, Environment) else environment


async def dry_run_verdict(
    cluster: Cluster,
    namespace: str,
    job_name: str,
    spec: MlJobDefinitionSpec,
    config: OperatorConfig,
    runner: RunnerRef,
) -> Refusal | None:
    """What the server says of the Job and the Pod that this definition makes."""
    subject = probe_subject(namespace, job_name, spec, config)
    job = render_job(subject, 1, spec, config, "dry-run", runner)
    try:
        await cluster.dry_run(namespace, job, dry_run_pod(job))
    except errors.Invalid as error:
        found = "; ".join(error.causes) or error.message
    except errors.BadRequest as error:
        found = error.message
    except errors.Forbidden as error:
        found = error.message
        if _is_passing(found):
            log.info("dry run of %s in %s: %s", job_name, namespace, found)
            return None
    else:
        return None
    # Its author never saw the Job.
    return Refusal("InvalidTemplate", as_written(found, spec, job["spec"]["template"]["spec"]))


def _is_passing(message: str) -> bool:
    """Refusals that say nothing about the definition: a full quota, an account that comes later."""
    return "exceeded quota" in message or "serviceaccount" in message.lower() or "being terminated" in message


def _parse(spec: Json) -> MlJobDefinitionSpec | Refusal:
    try:
        return MlJobDefinitionSpec.model_validate(spec)
    except ValidationError as error:
        return Refusal("InvalidDefinition", "; ".join(f"spec.{line}" for line in explain(error)))
