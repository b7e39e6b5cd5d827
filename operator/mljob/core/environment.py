"""In which image a job runs, and by which interpreter. Knows what is configured, not what is in an image."""

from dataclasses import dataclass
from typing import Any

from mljob.api import names
from mljob.api.definition import MlJobDefinitionSpec, Python
from mljob.core.config import OperatorConfig, choose_version, sorted_versions
from mljob.core.refusal import Refusal

DEFAULT_EXECUTABLE = "python3"
"""Found on the image's PATH."""
SHOWN_REQUIREMENTS = 3


@dataclass(frozen=True, slots=True)
class Environment:
    """`executable` is None for a container that is not Python; `python_version` where the image chooses."""

    image: str
    executable: str | None
    python_version: str | None = None


def resolve_environment(definition: MlJobDefinitionSpec, config: OperatorConfig) -> Environment | Refusal:
    """The environment of a definition, or why there is none."""
    python = definition.python or Python()
    if python.requirements:
        return _requirements_unsupported(python.requirements)
    executable = (python.executable or DEFAULT_EXECUTABLE) if definition.function else None
    image = definition.image
    if image is None and python.version is None:
        image = _main_of(definition.pod_template).get("image")
    if image is not None:
        return Environment(image, executable)
    version = choose_version(python.version or config.default_python_version, config.python_images)
    if version is None:
        return _unknown_version(python.version, config)
    return Environment(config.python_images[version], executable, version)


def _main_of(pod_template: dict[str, Any] | None) -> dict[str, Any]:
    """podTemplate's own part of the job's container; a malformed template is refused elsewhere."""
    containers = ((pod_template or {}).get("spec") or {}).get("containers")
    for container in containers if isinstance(containers, list) else ():
        if isinstance(container, dict) and container.get("name") == names.MAIN_CONTAINER:
            return container
    return {}


def _unknown_version(version: str | None, config: OperatorConfig) -> Refusal:
    return Refusal(
        "UnknownPythonVersion",
        f"spec.python.version: no image is configured for Python {version!r}; "
        f"there is {', '.join(sorted_versions(config.python_images))}. Choose one of them or set spec.image.",
    )


def _requirements_unsupported(requirements: tuple[str, ...]) -> Refusal:
    shown = ", ".join(requirements[:SHOWN_REQUIREMENTS])
    more = len(requirements) - SHOWN_REQUIREMENTS
    return Refusal(
        "RequirementsUnsupported",
        f"spec.python.requirements: found {shown}{f' and {more} more' if more > 0 else ''}; this version "
        "installs no packages into a job's environment. Build an image that has them and set spec.image.",
    )
