"""What a definition's pod may not ask for, and what a job may not ask of its definition.

The models and the CRD have checked what one field can say for itself. Here are the rules that need more: of
podTemplate what the operator owns and the shapes that merging relies on. All else a dry run finds.
"""

import posixpath
from collections.abc import Iterator
from typing import Any

from mljob.api import names
from mljob.api.definition import MlJobDefinitionSpec
from mljob.api.job import MAX_PARAMS_BYTES, MlJobSpec
from mljob.api.pod import EnvVar
from mljob.core.attempt import CONTROLLER_LABEL_PREFIX
from mljob.core.owned import ROOT_PATH, SHARED_MEMORY_PATH, VOLUME_PREFIX
from mljob.core.params import undeclared
from mljob.core.pod_shape import shape_problems
from mljob.core.refusal import Refusal

MAX_ANNOTATION_BYTES = 256 * 1024 - MAX_PARAMS_BYTES - 1024
"""Kubernetes bounds an object's annotations together; the params are one of them."""

_COMMAND = "set function, or command and args, of the definition"
_MAIN_REFUSED = {
    "command": _COMMAND,
    "args": _COMMAND,
    "terminationMessagePath": "the result and the error are read from there",
    "terminationMessagePolicy": "the result and the error are read from there",
    "restartPolicy": "an attempt runs once, retries are set by retry",
    "restartPolicyRules": "an attempt runs once, retries are set by retry",
}
_OVERRIDE_SOURCES = ("fieldRef", "resourceFieldRef")
"""They tell a pod about itself; all others would read what the job's author may have no right to."""


def check_definition(spec: MlJobDefinitionSpec) -> Refusal | None:
    """Every reason why no pod can be made from this definition, in one refusal, or why its jobs are wrong."""
    problems = list(shape_problems(spec.pod_template or {}))
    if not problems:
        problems = [*_template_problems(spec.pod_template or {}), *_field_problems(spec)]
    return Refusal("InvalidTemplate", "; ".join(problems)) if problems else _exclusive_refused(spec)


def check_overrides(definition: MlJobDefinitionSpec, spec: MlJobSpec) -> Refusal | None:
    """Whether the job sets only what its definition lets it set."""
    if spec.overrides is None:
        return None
    asked = {"resources": spec.overrides.resources, "env": spec.overrides.env}
    for field, value in asked.items():
        if value and field not in definition.allowed_overrides:
            allowed = ", ".join(definition.allowed_overrides) or "none"
            return Refusal(
                "OverridesNotAllowed",
                f"spec.overrides.{field}: the definition of {spec.job_name!r} does not let a job set it "
                f"(allowedOverrides: {allowed}). Leave it out, or have the definition allow it.",
            )
    return next((_foreign_source(variable) for variable in spec.overrides.env if _reads_more(variable)), None)


def check_priority(definition: MlJobDefinitionSpec, spec: MlJobSpec) -> Refusal | None:
    """Whether the job ranks no higher than its definition lets it."""
    if spec.priority <= definition.max_priority:
        return None
    return Refusal(
        "PriorityTooHigh",
        f"spec.priority: found {spec.priority}, the definition of {spec.job_name!r} allows at most "
        f"{definition.max_priority} (maxPriority).",
    )


def _exclusive_refused(spec: MlJobDefinitionSpec) -> Refusal | None:
    """A param that no job can pass tells no job from another: all but one would be Canceled."""
    unknown = undeclared(spec, spec.exclusive.params) if spec.exclusive else []
    if not unknown:
        return None
    return Refusal(
        "InvalidDefinition",
        f"spec.exclusive.params: found {unknown}, which no job can pass: spec.params declares "
        f"{[d.name for d in spec.params or ()]}. Correct the name, or declare it",
    )


def _reads_more(variable: EnvVar) -> bool:
    return any(source not in _OVERRIDE_SOURCES for source in variable.get("valueFrom") or {})


def _foreign_source(variable: EnvVar) -> Refusal:
    return Refusal(
        "OverridesNotAllowed",
        f"spec.overrides.env[{variable['name']}].valueFrom: a job may take values from "
        f"{' and '.join(_OVERRIDE_SOURCES)} alone, found {', '.join(variable.get('valueFrom') or {})}. "
        "Secrets and ConfigMaps are the definition's to grant.",
    )


def _template_problems(template: dict[str, Any]) -> Iterator[str]:
    """What podTemplate says of things that are not its to say."""
    metadata, spec = template.get("metadata") or {}, template.get("spec") or {}
    yield from _annotation_problems(metadata.get("annotations") or {})
    for container in spec.get("containers") or ():
        yield from _main_problems(container) if _is_main(container) else _other_problems(container)
    if any(_is_main(container) for container in spec.get("initContainers") or ()):
        yield (
            f"spec.podTemplate.spec.initContainers[{names.MAIN_CONTAINER}]: the job's own container has this "
            "name; give the init container another"
        )
    for volume in spec.get("volumes") or ():
        yield from _volume_problems("spec.podTemplate.spec.volumes", volume["name"])


def _annotation_problems(annotations: dict[str, str]) -> Iterator[str]:
    field = "spec.podTemplate.metadata.annotations"
    for key in annotations:
        if key.startswith(CONTROLLER_LABEL_PREFIX):
            yield f"{field}[{key}]: {CONTROLLER_LABEL_PREFIX}* is the Job controller's"
    size = sum(len(key.encode()) + len(value.encode()) for key, value in annotations.items())
    if size > MAX_ANNOTATION_BYTES:
        yield (
            f"{field}: found {size} bytes, at most {MAX_ANNOTATION_BYTES} fit beside the params; "
            "put larger texts into a ConfigMap"
        )


def _main_problems(container: dict[str, Any]) -> Iterator[str]:
    field = f"spec.podTemplate.spec.containers[{names.MAIN_CONTAINER}]"
    for refused, advice in _MAIN_REFUSED.items():
        if container.get(refused) is not None:
            yield f"{field}.{refused} is the operator's: {advice}"
    for variable in container.get("env") or ():
        if variable["name"].startswith(names.OWNED_ENV_PREFIX):
            yield (
                f"{field}.env[{variable['name']}]: names that start with {names.OWNED_ENV_PREFIX} "
                "are the operator's"
            )
    for mount in container.get("volumeMounts") or ():
        yield from _mount_problems(f"{field}.volumeMounts", mount["mountPath"])


def _other_problems(container: dict[str, Any]) -> Iterator[str]:
    if not container.get("image"):
        yield (
            f"spec.podTemplate.spec.containers[{container['name']}].image is missing: only the job's own "
            f"container, which is called {names.MAIN_CONTAINER!r}, gets one from the definition"
        )


def _field_problems(spec: MlJobDefinitionSpec) -> Iterator[str]:
    for volume in spec.volumes:
        yield from _volume_problems("spec.volumes", volume["name"])
    for mount in spec.volume_mounts:
        yield from _mount_problems("spec.volumeMounts", mount["mountPath"])
    if spec.shared_memory_size is not None and SHARED_MEMORY_PATH in _mount_paths(spec):
        yield (
            f"spec.sharedMemorySize: a volume is mounted at {SHARED_MEMORY_PATH} already; set one of the two"
        )


def _mount_paths(spec: MlJobDefinitionSpec) -> set[str]:
    containers = ((spec.pod_template or {}).get("spec") or {}).get("containers") or ()
    of_template = [mount for c in containers if _is_main(c) for mount in c.get("volumeMounts") or ()]
    return {_normal(mount["mountPath"]) for mount in (*spec.volume_mounts, *of_template)}


def _volume_problems(field: str, name: str) -> Iterator[str]:
    if name.startswith(VOLUME_PREFIX):
        yield f"{field}[{name}]: names that start with {VOLUME_PREFIX} are the operator's"


def _mount_problems(field: str, path: str) -> Iterator[str]:
    if f"{_normal(path)}/".startswith(f"{ROOT_PATH}/"):
        yield f"{field}[{path}]: everything under {ROOT_PATH} is the operator's"


def _normal(path: str) -> str:
    return posixpath.normpath("/" + path.strip("/"))


def _is_main(container: dict[str, Any]) -> bool:
    return bool(container["name"] == names.MAIN_CONTAINER)
