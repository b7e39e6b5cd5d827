"""The pod of an attempt, in layers: defaults, podTemplate, definition, job, and what the operator owns.

Decides that order of precedence. What each layer may say has been checked before (definition_rules.py).
"""

from collections.abc import Mapping
from typing import Any

from mljob.api import names
from mljob.api.definition import MlJobDefinitionSpec
from mljob.api.job import Overrides
from mljob.core.attempt import attempt_labels
from mljob.core.config import OperatorConfig
from mljob.core.environment import Environment
from mljob.core.merge import merge, without_nulls
from mljob.core.owned import WORK_PATH, is_writable, owned_main, owned_variables, owned_volumes
from mljob.core.security import restrict
from mljob.core.subject import RunnerRef, Subject

DEFAULT_CONTAINER_ANNOTATION = "kubectl.kubernetes.io/default-container"
"""`kubectl logs` shows `main`, whatever sidecars are injected."""

_DEFAULT_VARIABLES = {
    "HOME": WORK_PATH,
    "TMPDIR": WORK_PATH,
    "XDG_CACHE_HOME": f"{WORK_PATH}/.cache",
    # Else the last lines before a kill are lost in a buffer.
    "PYTHONUNBUFFERED": "1",
}


def pod_template(
    subject: Subject,
    attempt: int,
    definition: MlJobDefinitionSpec,
    environment: Environment,
    config: OperatorConfig,
    runner: RunnerRef,
) -> dict[str, Any]:
    """The Job's `spec.template`, without deadlines."""
    template = _defaults(config)
    template = merge(template, without_nulls(definition.pod_template or {}))
    template = merge(template, without_nulls(_of_definition(definition)))
    template = merge(template, without_nulls(_of_job(subject.spec.overrides)))
    template = merge(template, _of_operator(subject, attempt, definition, environment, runner))
    spec = _with_token_only_if_asked(restrict(template["spec"], config.security))
    variables = owned_variables(
        subject,
        attempt,
        definition,
        config,
        grace_seconds=spec["terminationGracePeriodSeconds"],
        containers=len(spec["containers"]) + len(spec.get("initContainers", ())),
    )
    return {**template, "spec": _with_variables(spec, variables)}


def _defaults(config: OperatorConfig) -> dict[str, Any]:
    """What holds as long as nobody says otherwise. `main` is the pod's first container."""
    main = {
        "name": names.MAIN_CONTAINER,
        "imagePullPolicy": config.image_pull_policy,
        "env": _variables(_DEFAULT_VARIABLES),
    }
    spec = {
        "containers": [main],
        # Nothing inherited: the namespace's Services would come as variables.
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": config.termination_grace_period_seconds,
    }
    return {"metadata": {"annotations": {DEFAULT_CONTAINER_ANNOTATION: names.MAIN_CONTAINER}}, "spec": spec}


def _of_definition(definition: MlJobDefinitionSpec) -> dict[str, Any]:
    main = {
        "name": names.MAIN_CONTAINER,
        "resources": definition.resources,
        "env": definition.env,
        "envFrom": definition.env_from,
        "volumeMounts": definition.volume_mounts,
    }
    spec = {
        "containers": [_without_empty(main)],
        "volumes": definition.volumes,
        "serviceAccountName": definition.service_account_name,
        "imagePullSecrets": definition.image_pull_secrets,
    }
    return {"spec": _without_empty(spec)}


def _of_job(overrides: Overrides | None) -> dict[str, Any]:
    if overrides is None:
        return {}
    main = {"name": names.MAIN_CONTAINER, "resources": overrides.resources, "env": overrides.env}
    return {"spec": {"containers": [_without_empty(main)]}}


def _of_operator(
    subject: Subject,
    attempt: int,
    definition: MlJobDefinitionSpec,
    environment: Environment,
    runner: RunnerRef,
) -> dict[str, Any]:
    volumes = owned_volumes(definition, runner)
    mounts = [_mount(volume, path) for volume, path in volumes]
    main = owned_main(definition, environment) | {"volumeMounts": mounts}
    return {
        "metadata": {
            "labels": attempt_labels(subject.labels, subject.uid, subject.job_name, attempt),
            "annotations": {names.ANNOTATION_PARAMS: subject.params_text},
        },
        "spec": {
            "restartPolicy": "Never",
            "containers": [main],
            "volumes": [volume for volume, _ in volumes],
        },
    }


def _mount(volume: Mapping[str, Any], path: str) -> dict[str, Any]:
    mount = {"name": volume["name"], "mountPath": path}
    return mount if is_writable(volume) else mount | {"readOnly": True}


def _with_token_only_if_asked(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Who names a service account wants its token; podTemplate may say either."""
    return {"automountServiceAccountToken": "serviceAccountName" in spec, **spec}


def _with_variables(spec: Mapping[str, Any], variables: Mapping[str, str]) -> dict[str, Any]:
    """The operator's variables come first, so that other values may refer to them: `$(MLJOB_ATTEMPT)`."""
    containers = []
    for container in spec["containers"]:
        if container["name"] == names.MAIN_CONTAINER:
            others = [variable for variable in container["env"] if variable["name"] not in variables]
            containers.append({**container, "env": [*_variables(variables), *others]})
        else:
            containers.append(container)
    return {**spec, "containers": containers}


def _variables(values: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in values.items()]


def _without_empty(fields: Mapping[str, Any]) -> dict[str, Any]:
    """An empty list of a definition says as little as none."""
    return {name: value for name, value in fields.items() if value not in (None, ())}
