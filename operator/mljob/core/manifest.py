"""The cluster objects of an attempt: one Job, and the ConfigMaps its pod mounts. Renders, never sends."""

from collections.abc import Mapping
from typing import Any

from mljob.api import names
from mljob.api.definition import MlJobDefinitionSpec
from mljob.api.job import MlJobSpec
from mljob.core.attempt import attempt_labels, attempt_name, is_controllers_label
from mljob.core.config import OperatorConfig
from mljob.core.effective import effective_start_deadline, effective_timeout
from mljob.core.environment import resolve_environment
from mljob.core.merge import without_nulls
from mljob.core.owned import ATTEMPT_VARIABLE, source_name
from mljob.core.refusal import Refusal
from mljob.core.subject import RunnerRef, Subject
from mljob.core.template import pod_template

__all__ = [
    "RunnerRef",
    "Subject",
    "dry_run_pod",
    "probe_subject",
    "render_job",
    "retry_job",
    "runner_config_map",
    "source_config_map",
]

JOB_DEADLINE_MARGIN_SECONDS = 60
_COMPONENT_LABEL = "app.kubernetes.io/component"
_PROBE_UID = "00000000-0000-0000-0000-000000000000"


def render_job(
    subject: Subject,
    attempt: int,
    definition: MlJobDefinitionSpec,
    config: OperatorConfig,
    epoch: str,
    runner: RunnerRef,
    *,
    annotations: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The batch/v1 Job of a job's first attempt. `annotations`: more of them for the Job, not its pod.

    The definition has been accepted: check_definition and resolve_environment had nothing against it,
    nor check_overrides against the job. Raises ValueError for one that has not.
    """
    environment = resolve_environment(definition, config)
    if isinstance(environment, Refusal):
        raise ValueError(f"a Job cannot be rendered from a refused definition: {environment.message}")
    template = pod_template(subject, attempt, definition, environment, config, runner)
    if subject.timeout_seconds is not None:
        grace = template["spec"]["terminationGracePeriodSeconds"]
        template["spec"]["activeDeadlineSeconds"] = (
            subject.start_deadline_seconds + subject.timeout_seconds + grace
        )
    labels = attempt_labels(subject.labels, subject.uid, subject.job_name, attempt)
    return _job(subject, attempt, template, labels, {**(annotations or {}), names.ANNOTATION_EPOCH: epoch})


def retry_job(
    previous_job: Mapping[str, Any],
    subject: Subject,
    attempt: int,
    epoch: str,
    *,
    annotations: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The Job of a later attempt: the pod template of the one before, as the API server returns it.

    Of `subject` only its identity and start deadline count: a definition, a limit or a label that changed
    meanwhile changes the next job. The Job's own annotations are not copied.
    """
    template = _next_template(without_nulls(previous_job["spec"]["template"]), attempt)
    labels = _next_labels(previous_job["metadata"]["labels"], attempt)
    return _job(subject, attempt, template, labels, {**(annotations or {}), names.ANNOTATION_EPOCH: epoch})


def dry_run_pod(job_manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The pod such a Job would make, for a dry run: a Job's own does not ask Pod Security."""
    template = job_manifest["spec"]["template"]
    metadata = {"name": job_manifest["metadata"]["name"], "namespace": job_manifest["metadata"]["namespace"]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata | template["metadata"],
        "spec": template["spec"],
    }


def probe_subject(
    namespace: str, job_name: str, definition: MlJobDefinitionSpec, config: OperatorConfig
) -> Subject:
    """A job that nobody submitted, to render and dry-run a definition with when it arrives."""
    spec = MlJobSpec(job_name=job_name)
    return Subject(
        uid=_PROBE_UID,
        namespace=namespace,
        name="definition-check",
        job_name=job_name,
        labels={},
        spec=spec,
        params_text="{}",
        timeout_seconds=effective_timeout(spec, definition),
        start_deadline_seconds=effective_start_deadline(spec, definition, config),
    )


def source_config_map(namespace: str, files: Mapping[str, str] | None) -> dict[str, Any] | None:
    """The ConfigMap of a definition's inline source; None when it has none."""
    return _config_map(namespace, source_name(files), "source", files) if files else None


def runner_config_map(namespace: str, runner: RunnerRef) -> dict[str, Any]:
    """The ConfigMap of the runner, the same in every namespace."""
    return _config_map(namespace, runner.name, "runner", runner.files)


def _config_map(namespace: str, name: str, component: str, files: Mapping[str, str]) -> dict[str, Any]:
    """Immutable, and without an owner: many jobs share it, and an owner elsewhere would have it collected."""
    labels = {names.LABEL_MANAGED_BY: names.MANAGED_BY, _COMPONENT_LABEL: component}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "immutable": True,
        "data": dict(files),
    }


def _job(
    subject: Subject,
    attempt: int,
    template: dict[str, Any],
    labels: dict[str, str],
    annotations: dict[str, str],
) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "parallelism": 1,
        "completions": 1,
        "backoffLimit": 0,
        # Else a second pod starts while the first still ends.
        "podReplacementPolicy": "Failed",
        "podFailurePolicy": {
            "rules": [
                {"action": "FailJob", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}
            ]
        },
        "template": template,
    }
    pod_deadline = template["spec"].get("activeDeadlineSeconds")
    if pod_deadline is not None:
        # It counts from the Job's start, before the pod has a node, and when it strikes the logs are gone:
        # the last of the deadlines.
        spec["activeDeadlineSeconds"] = (
            subject.start_deadline_seconds + pod_deadline + JOB_DEADLINE_MARGIN_SECONDS
        )
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": attempt_name(subject.name, subject.uid, attempt),
            "namespace": subject.namespace,
            "labels": labels,
            "annotations": annotations,
            "ownerReferences": [_owner(subject)],
            # The Job outlives its MlJob until its pod is gone: a slot is never free too early.
            "finalizers": ["foregroundDeletion"],
        },
        "spec": spec,
    }


def _owner(subject: Subject) -> dict[str, Any]:
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND_JOB,
        "name": subject.name,
        "uid": subject.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def _next_labels(labels: Mapping[str, str], attempt: int) -> dict[str, str]:
    """Without what the Job controller set: with it, the new Job would adopt the old one's pods."""
    kept = {key: value for key, value in labels.items() if not is_controllers_label(key)}
    return kept | {names.LABEL_ATTEMPT: str(attempt)}


def _next_template(template: Mapping[str, Any], attempt: int) -> dict[str, Any]:
    metadata = template["metadata"]
    containers = [
        {**container, "env": [_next_variable(variable, attempt) for variable in container["env"]]}
        if container["name"] == names.MAIN_CONTAINER
        else container
        for container in template["spec"]["containers"]
    ]
    return {
        "metadata": {
            "labels": _next_labels(metadata["labels"], attempt),
            "annotations": metadata["annotations"],
        },
        "spec": {**template["spec"], "containers": containers},
    }


def _next_variable(variable: Mapping[str, Any], attempt: int) -> Mapping[str, Any]:
    return {**variable, "value": str(attempt)} if variable["name"] == ATTEMPT_VARIABLE else variable
