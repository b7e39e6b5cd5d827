"""Definitions from the smallest to one with everything, and what is rendered of them. No cluster is asked."""

from typing import Any

from mljob.api.definition import MlJobDefinitionSpec
from mljob.api.job import MlJobSpec
from mljob.core.config import OperatorConfig, parse_config
from mljob.core.effective import effective_start_deadline, effective_timeout
from mljob.core.manifest import probe_subject, render_job
from mljob.core.subject import RunnerRef, Subject

UID = "8c0b3a4e-5f0a-4a3e-9f53-0e9d5a1b2c3d"
CONFIG = OperatorConfig()
RUNNER = RunnerRef(
    sha256="0123456789abcdef" * 4,
    files={"run.py": "print()\n", "mljob_runner.call.py": ""},
    items=(("run.py", "run.py"), ("mljob_runner.call.py", "mljob_runner/call.py")),
)
CONFIGURED = parse_config(
    {
        "pythonImages": {"3.11": "mljob.dev/python:3.11", "3.13.2": "mljob.dev/python:3.13.2"},
        "apiUrl": "http://mljob.mljob-system:8080",
        "security": {"runAsUser": None, "runAsGroup": None, "fsGroup": None},
        "terminationGracePeriodSeconds": 8,
    }
)

FUNCTION: dict[str, Any] = {"function": "package.train.fit"}
EVERYTHING: dict[str, Any] = {
    "function": "sweep.fit",
    "python": {"version": "3.13", "executable": "/opt/venv/bin/python"},
    "source": {"inline": {"sweep.py": "def fit(alpha):\n    return alpha\n"}},
    "transientErrors": ["requests.exceptions.ConnectionError"],
    "activeDeadlineSeconds": 90,
    "startDeadlineSeconds": 600,
    "resources": {"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"memory": "2Gi"}},
    "env": [
        {"name": "OMP_NUM_THREADS", "value": "1"},
        {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "tracking", "key": "token"}}},
    ],
    "envFrom": [{"configMapRef": {"name": "tracking"}}],
    "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
    "volumeMounts": [{"name": "data", "mountPath": "/data", "readOnly": True}],
    "sharedMemorySize": "256Mi",
    "serviceAccountName": "trainer",
    "imagePullSecrets": [{"name": "registry"}],
    "allowedOverrides": ["resources", "env"],
    "maxPriority": 10,
    "podTemplate": {
        "metadata": {"labels": {"team": "vision"}, "annotations": {"example.com/cost-center": "42"}},
        "spec": {
            "nodeSelector": {"pool": "gpu"},
            "tolerations": [{"key": "gpu", "operator": "Exists"}],
            "volumes": [{"name": "data", "emptyDir": {}}, {"name": "cache", "emptyDir": {}}],
            "containers": [
                {"name": "proxy", "image": "example.com/proxy:1", "args": ["--port", "15001"]},
                {
                    "name": "main",
                    "env": [{"name": "TOKEN", "value": "none"}, {"name": "HOME", "value": "/home/me"}],
                    "volumeMounts": [{"name": "cache", "mountPath": "/cache"}],
                },
            ],
            "initContainers": [
                {"name": "fetch", "image": "example.com/fetch:1"},
                {"name": "check", "image": "example.com/check:1"},
            ],
        },
    },
}
COMMAND: dict[str, Any] = {
    "image": "example.com/tool:2",
    "command": ["/bin/tool", "--params", "$(MLJOB_PARAMS_FILE)"],
    "args": ["run"],
}
RETRIED = {"function": FUNCTION, "everything": EVERYTHING, "command": COMMAND}
"""By name, what retries are tested with"""
ROOT_AND_PRIVILEGED: dict[str, Any] = {
    "function": "package.gpu.reset",
    "source": {"configMapName": "modules"},
    "podTemplate": {
        "spec": {
            "automountServiceAccountToken": False,
            "serviceAccountName": "driver",
            "terminationGracePeriodSeconds": 2,
            "securityContext": {"runAsUser": 0, "runAsGroup": 0},
            "containers": [
                {
                    "name": "main",
                    "image": "example.com/driver:1",
                    "securityContext": {"privileged": True, "runAsUser": 0},
                }
            ],
        }
    },
}


def definition_of(manifest: dict[str, Any]) -> MlJobDefinitionSpec:
    """The spec as the operator reads it."""
    return MlJobDefinitionSpec.model_validate(manifest)


def a_subject(
    definition: MlJobDefinitionSpec, config: OperatorConfig = CONFIG, **spec_fields: Any
) -> Subject:
    """An MlJob `sweep.07` of that definition."""
    spec = MlJobSpec.model_validate({"jobName": "my_sweep"} | spec_fields)
    return Subject(
        uid=UID,
        namespace="team-a",
        name="sweep.07",
        job_name=spec.job_name,
        labels={"kueue.x-k8s.io/queue-name": "default", "mljob.dev/group": "g1"},
        spec=spec,
        params_text=spec.params_text(),
        timeout_seconds=effective_timeout(spec, definition),
        start_deadline_seconds=effective_start_deadline(spec, definition, config),
    )


def rendered(
    manifest: dict[str, Any],
    config: OperatorConfig = CONFIG,
    attempt: int = 1,
    *,
    runner: RunnerRef = RUNNER,
    **spec_fields: Any,
) -> dict[str, Any]:
    """The Job of an attempt of such a definition."""
    definition = definition_of(manifest)
    subject = a_subject(definition, config, **spec_fields)
    return render_job(subject, attempt, definition, config, "operator-0/1", runner)


def probed(manifest: dict[str, Any], config: OperatorConfig = CONFIG) -> dict[str, Any]:
    """The Job that such a definition is tried with before there is any MlJob; it is never created."""
    definition = definition_of(manifest)
    probe = probe_subject("team-a", "fit", definition, config)
    return render_job(probe, 1, definition, config, "dry-run", RUNNER)
