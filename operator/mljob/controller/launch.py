"""Creating an attempt: from an admitted job to its Kubernetes Job. Its name is fixed: a repeat is harmless.

Returns what came of it as a value; only what may be tried again is raised.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from pydantic import ValidationError

from mljob.api import errors, names
from mljob.api.common import explain
from mljob.api.definition import MlJobDefinitionSpec
from mljob.api.job import MlJobSpec
from mljob.controller.ports import Cluster
from mljob.controller.view import JobEntry
from mljob.core.attempt import attempt_name
from mljob.core.config import OperatorConfig
from mljob.core.effective import (
    effective_retry,
    effective_start_deadline,
    effective_timeout,
    effective_ttls,
)
from mljob.core.facts import DefinitionFacts
from mljob.core.manifest import (
    RunnerRef,
    Subject,
    render_job,
    retry_job,
    runner_config_map,
    source_config_map,
)
from mljob.core.params import params_text
from mljob.core.policy import AttemptPolicy
from mljob.core.refusal import Refusal

Json = dict[str, Any]
log = logging.getLogger(__name__)

CONFIG_MAP_TRUST_SECONDS = 60.0
"""How long a ConfigMap that was seen right is not looked at again"""
CONFIG_MAP_KEEP_SECONDS = 600.0
"""How long after its last launch one is kept, whoever seems to need it"""


class Launched(Enum):
    """What came of a launch."""

    CREATED = "created"
    QUOTA = "quota"
    REFUSED = "refused"
    GONE = "gone"
    UNJUDGED = "unjudged"


@dataclass(frozen=True, slots=True)
class Launch:
    """`job`: the Job as the server has it; `refusal`: why there is none. Neither: try again later."""

    outcome: Launched
    job: Json | None = None
    refusal: Refusal | None = None


class Launcher:
    """Renders and creates attempts. `epoch` names this start of the operator; every Job carries it."""

    def __init__(
        self,
        cluster: Cluster,
        config: OperatorConfig,
        runner: RunnerRef,
        epoch: str,
        clock: Callable[[], float],
    ) -> None:
        self._cluster = cluster
        self._config = config
        self._runner = runner
        self._epoch = epoch
        self._clock = clock
        self._trusted: dict[tuple[str, str], float] = {}
        self._launched_with: dict[tuple[str, str], float] = {}

    async def launch(self, entry: JobEntry, attempt: int, found: DefinitionFacts | Refusal | None) -> Launch:
        """Create attempt number `attempt`. Raises ApiError for what is unknown or may pass.

        `found`: its definition, why there is none, or None: not judged yet.
        """
        try:
            spec, labels = await self._spec(entry)
        except ValidationError as error:
            # The API server took what our own model does not: it can never run as it is.
            text = "; ".join(f"spec.{line}" for line in explain(error))
            return Launch(Launched.REFUSED, refusal=Refusal("InvalidSpec", text))
        if spec is None:
            return Launch(Launched.GONE)
        manifest = await self._manifest(entry, spec, labels, attempt, found)
        if manifest is None:
            return Launch(Launched.UNJUDGED)
        if isinstance(manifest, Refusal):
            return Launch(Launched.REFUSED, refusal=manifest)
        tampered = await self._config_maps(entry.namespace, manifest, found)
        if tampered is not None:
            return Launch(Launched.REFUSED, refusal=tampered)
        return await self._create(entry, manifest)

    def launched_lately(self, config_map: tuple[str, str]) -> bool:
        """Was an attempt created a short while ago that mounts this (namespace, name)?"""
        return self._clock() - self._launched_with.get(config_map, float("-inf")) < CONFIG_MAP_KEEP_SECONDS

    async def _spec(self, entry: JobEntry) -> tuple[MlJobSpec | None, dict[str, str]]:
        """The spec with its params: from the view when it is small, else read again."""
        if entry.raw_spec is not None:
            return MlJobSpec.model_validate(entry.raw_spec), dict(entry.labels)
        try:
            body = await self._cluster.get_mljob(entry.namespace, entry.name)
        except errors.NotFound:
            return None, {}
        if body["metadata"]["uid"] != entry.uid:
            return None, {}
        return MlJobSpec.model_validate(body["spec"]), body["metadata"].get("labels") or {}

    async def _manifest(
        self,
        entry: JobEntry,
        spec: MlJobSpec,
        labels: dict[str, str],
        attempt: int,
        found: DefinitionFacts | Refusal | None,
    ) -> Json | Refusal | None:
        """None: there is nothing to make it from, but there may be as soon as its definition is judged."""
        previous = await self._previous_job(entry, attempt)
        body = found.spec if isinstance(found, DefinitionFacts) else None
        subject = Subject(
            uid=entry.uid,
            namespace=entry.namespace,
            name=entry.name,
            job_name=spec.job_name,
            labels=labels,
            spec=spec,
            params_text=params_text(spec),
            timeout_seconds=effective_timeout(spec, body),
            start_deadline_seconds=effective_start_deadline(spec, body, self._config),
        )
        if previous is not None:
            policy = previous["metadata"].get("annotations", {}).get(names.ANNOTATION_POLICY, "")
            return retry_job(
                previous, subject, attempt, self._epoch, annotations={names.ANNOTATION_POLICY: policy}
            )
        if found is None:
            return None
        if isinstance(found, Refusal):
            return Refusal(
                "DefinitionGone",
                "Neither the attempt before nor a definition is left to make an attempt from: "
                + found.message,
            )
        policy = self._policy(subject, found).to_json()
        return render_job(
            subject,
            attempt,
            found.spec,
            self._config,
            self._epoch,
            self._runner,
            annotations={names.ANNOTATION_POLICY: policy},
        )

    async def _previous_job(self, entry: JobEntry, attempt: int) -> Json | None:
        if attempt == 1:
            return None
        try:
            return await self._cluster.get_job(
                entry.namespace, attempt_name(entry.name, entry.uid, attempt - 1)
            )
        except errors.NotFound:
            return None

    def _policy(self, subject: Subject, definition: DefinitionFacts) -> AttemptPolicy:
        retry = effective_retry(definition.spec, self._config)
        ttls = effective_ttls(definition.spec, self._config)
        return AttemptPolicy(
            function=definition.spec.function,
            timeout_seconds=subject.timeout_seconds,
            start_deadline_seconds=subject.start_deadline_seconds,
            max_workers=definition.spec.max_workers,
            max_retries=retry.max_retries,
            base_delay_seconds=retry.base_delay_seconds,
            max_delay_seconds=retry.max_delay_seconds,
            exit_codes=tuple(sorted(retry.exit_codes)),
            disruption_limit=retry.disruption_limit,
            definition_uid=definition.uid,
            ttl_after_finished_seconds=ttls.after_finished_seconds,
            ttl_after_failed_seconds=ttls.after_failed_seconds,
        )

    async def _config_maps(
        self, namespace: str, manifest: Json, found: DefinitionFacts | Refusal | None
    ) -> Refusal | None:
        """The ConfigMaps that the pod mounts, there and with our bytes."""
        wanted = [runner_config_map(namespace, self._runner)] if _mounts(manifest, self._runner.name) else []
        files = _inline_source(found.spec) if isinstance(found, DefinitionFacts) else None
        source = source_config_map(namespace, files)
        if source is not None and _mounts(manifest, source["metadata"]["name"]):
            wanted.append(source)
        for config_map in wanted:
            refusal = await self._ensure_config_map(namespace, config_map)
            if refusal is not None:
                return refusal
        return None

    async def _ensure_config_map(self, namespace: str, manifest: Json) -> Refusal | None:
        key = (namespace, manifest["metadata"]["name"])
        self._launched_with[key] = self._clock()
        if self._clock() - self._trusted.get(key, float("-inf")) < CONFIG_MAP_TRUST_SECONDS:
            return None
        try:
            found = await self._cluster.create_config_map(namespace, manifest)
        except errors.AlreadyExists:
            found = await self._cluster.get_config_map(*key)
        if found.get("data") != manifest["data"] or not found.get("immutable"):
            # Its name says its hash: whoever made it put something else there.
            return Refusal(
                "ForeignConfigMap",
                f"ConfigMap {key[1]} in namespace {namespace} is not the one the operator would have made; "
                "delete it and submit the job again",
            )
        self._trusted[key] = self._clock()
        return None

    async def _create(self, entry: JobEntry, manifest: Json) -> Launch:
        try:
            return Launch(Launched.CREATED, await self._cluster.create_job(entry.namespace, manifest))
        except errors.AlreadyExists:
            return await self._adopt(entry, manifest["metadata"]["name"])
        except errors.Invalid as error:
            text = "; ".join(error.causes) or error.message
            return Launch(Launched.REFUSED, refusal=Refusal("InvalidTemplate", text))
        except errors.BadRequest as error:
            return Launch(Launched.REFUSED, refusal=Refusal("InvalidTemplate", error.message))
        except errors.Forbidden as error:
            reason = "QuotaExceeded" if "exceeded quota" in error.message else "JobRefused"
            return Launch(Launched.QUOTA, refusal=Refusal(reason, error.message))
        except errors.NotFound as error:
            return Launch(Launched.REFUSED, refusal=Refusal("NamespaceGone", error.message))

    async def _adopt(self, entry: JobEntry, name: str) -> Launch:
        """The Job is there: ours from a request whose answer was lost, or somebody else's."""
        job = await self._cluster.get_job(entry.namespace, name)
        owners = job["metadata"].get("ownerReferences") or ()
        if any(owner.get("uid") == entry.uid and owner.get("controller") for owner in owners):
            return Launch(Launched.CREATED, job)
        return Launch(
            Launched.REFUSED,
            refusal=Refusal("NameConflict", f"A Job {name} that belongs to something else is in the way"),
        )


def _mounts(manifest: Json, config_map: str) -> bool:
    volumes = manifest["spec"]["template"]["spec"].get("volumes") or ()
    return any(v.get("configMap", {}).get("name") == config_map for v in volumes)


def _inline_source(spec: MlJobDefinitionSpec) -> dict[str, str] | None:
    return dict(spec.source.inline) if spec.source and spec.source.inline else None
