"""What the operator owns in a job's pod: the folders, the MLJOB_* variables, the command, the report's place.

This is the contract with the runner (runner/pod/settings.py) and with any other container; nothing that a
definition or a job writes changes it. definition_rules.py refuses what would collide with it.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from mljob.api import names
from mljob.api.definition import MlJobDefinitionSpec
from mljob.core.config import OperatorConfig
from mljob.core.environment import Environment
from mljob.core.subject import RunnerRef, Subject

ROOT_PATH = "/opt/mljob"
RUNNER_PATH = f"{ROOT_PATH}/runner"
RUNNER_ENTRY = f"{RUNNER_PATH}/run.py"
PARAMS_PATH = f"{ROOT_PATH}/params"
PARAMS_FILE = "params.json"
SOURCE_PATH = f"{ROOT_PATH}/source"
WORK_PATH = f"{ROOT_PATH}/work"
SHARED_MEMORY_PATH = "/dev/shm"  # noqa: S108 (the container's own)
TERMINATION_LOG = "/dev/termination-log"

VOLUME_PREFIX = "mljob-"
RUNNER_VOLUME = f"{VOLUME_PREFIX}runner"
PARAMS_VOLUME = f"{VOLUME_PREFIX}params"
SOURCE_VOLUME = f"{VOLUME_PREFIX}source"
WORK_VOLUME = f"{VOLUME_PREFIX}work"
SHARED_MEMORY_VOLUME = f"{VOLUME_PREFIX}shm"

ATTEMPT_VARIABLE = "MLJOB_ATTEMPT"

REPORT_MARGIN_SECONDS = 5
"""Between the runner's SIGKILL to the function and the kubelet's to the runner: time to report."""
POD_MESSAGE_LIMIT_BYTES = 12 * 1024
"""A kubelet shares this out equally among the pod's containers, init containers included..."""
CONTAINER_MESSAGE_LIMIT_BYTES = 4096
"""...and keeps no more than this of one."""
LEAST_REPORT_BYTES = 1024


def source_name(files: Mapping[str, str]) -> str:
    """Name of the ConfigMap that holds inline source: the same files have the same name."""
    text = json.dumps(sorted(files.items()))
    return f"{SOURCE_VOLUME}-{hashlib.sha256(text.encode()).hexdigest()[:20]}"


def owned_volumes(definition: MlJobDefinitionSpec, runner: RunnerRef) -> list[tuple[dict[str, Any], str]]:
    """Volumes and where the container `main` sees them."""
    params = {
        "path": PARAMS_FILE,
        "fieldRef": {"fieldPath": f"metadata.annotations['{names.ANNOTATION_PARAMS}']"},
    }
    volumes: list[tuple[dict[str, Any], str]] = [
        ({"name": WORK_VOLUME, "emptyDir": {}}, WORK_PATH),
        ({"name": PARAMS_VOLUME, "downwardAPI": {"items": [params]}}, PARAMS_PATH),
    ]
    if definition.function:
        items = [{"key": key, "path": path} for key, path in runner.items]
        volumes.append(
            ({"name": RUNNER_VOLUME, "configMap": {"name": runner.name, "items": items}}, RUNNER_PATH)
        )
    if definition.source:
        name = definition.source.config_map_name or source_name(definition.source.inline or {})
        volumes.append(({"name": SOURCE_VOLUME, "configMap": {"name": name}}, SOURCE_PATH))
    if definition.shared_memory_size is not None:
        memory = {"medium": "Memory", "sizeLimit": definition.shared_memory_size}
        volumes.append(({"name": SHARED_MEMORY_VOLUME, "emptyDir": memory}, SHARED_MEMORY_PATH))
    return volumes


def is_writable(volume: Mapping[str, Any]) -> bool:
    """Of the volumes above: params, runner and source are read."""
    return "emptyDir" in volume


def owned_main(definition: MlJobDefinitionSpec, environment: Environment) -> dict[str, Any]:
    """The container `main` apart from its variables and mounts."""
    main: dict[str, Any] = {
        "name": names.MAIN_CONTAINER,
        "image": environment.image,
        "terminationMessagePath": TERMINATION_LOG,
    }
    if definition.function:
        # File alone: a log's tail must never be taken for the runner's report.
        return main | {"command": [environment.executable, RUNNER_ENTRY], "terminationMessagePolicy": "File"}
    if definition.command is not None:
        main["command"] = list(definition.command)
    if definition.args is not None:
        main["args"] = list(definition.args)
    # What a command that fails has printed last is the only error text it can give.
    return main | {"terminationMessagePolicy": "FallbackToLogsOnError"}


def owned_variables(
    subject: Subject,
    attempt: int,
    definition: MlJobDefinitionSpec,
    config: OperatorConfig,
    *,
    grace_seconds: int,
    containers: int,
) -> dict[str, str]:
    """The MLJOB_* variables of `main`. `containers`: how many the pod has, init containers included."""
    variables = {
        "MLJOB_JOB_ID": subject.uid,
        "MLJOB_NAME": subject.name,
        "MLJOB_NAMESPACE": subject.namespace,
        "MLJOB_JOB_NAME": subject.job_name,
        ATTEMPT_VARIABLE: str(attempt),
        "MLJOB_PARAMS_FILE": f"{PARAMS_PATH}/{PARAMS_FILE}",
    }
    if subject.timeout_seconds is not None:
        variables["MLJOB_TIMEOUT_SECONDS"] = str(subject.timeout_seconds)
    if config.api_url is not None:
        variables["MLJOB_API_URL"] = config.api_url
    if definition.function:
        return variables | _runner_variables(definition, definition.function, grace_seconds, containers)
    # A file in the work folder could not be read any more once the container has ended.
    return variables | {"MLJOB_RESULT_FILE": TERMINATION_LOG}


def _runner_variables(
    definition: MlJobDefinitionSpec, function: str, grace_seconds: int, containers: int
) -> dict[str, str]:
    """What a command has no use for is not given to it.

    Every variable of a pod costs the API server about 0.7 ms of CPU: a job's Job and pod are written eight
    times, and each time all of their text is read, compared and stored.
    """
    variables = {
        "MLJOB_FUNCTION": function,
        "MLJOB_GRACE_SECONDS": str(runner_grace(grace_seconds)),
    }
    if definition.transient_errors:
        variables["MLJOB_TRANSIENT_ERRORS"] = json.dumps(definition.transient_errors)
    if definition.source:
        variables["MLJOB_SOURCE_DIR"] = SOURCE_PATH
    report_bytes = POD_MESSAGE_LIMIT_BYTES // containers
    if report_bytes < CONTAINER_MESSAGE_LIMIT_BYTES:
        variables["MLJOB_REPORT_LIMIT_BYTES"] = str(max(report_bytes, LEAST_REPORT_BYTES))
    return variables


def runner_grace(grace_seconds: int) -> int:
    """How long the function gets between SIGTERM and SIGKILL, within the pod's own grace period."""
    return max(grace_seconds - REPORT_MARGIN_SECONDS, grace_seconds // 2)
