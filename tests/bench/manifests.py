"""The no-op jobs that are run: MlJobs, and the raw Jobs next to them: same image, same security context."""

from typing import Any

from mljob.api import names

Json = dict[str, Any]

USER = 65532


def namespace(name: str) -> Json:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def definition(name: str, cap: int, image: str = "example.test/noop:1") -> Json:
    """A command that does nothing."""
    spec = {"command": ["true"], "image": image, "maxWorkers": cap}
    return _object(names.KIND_DEFINITION, name, spec)


def python_definition(name: str, cap: int, image: str) -> Json:
    """A function that does nothing, its module brought along."""
    source = {"inline": {"noop.py": "def main():\n    pass\n"}}
    return _object(
        names.KIND_DEFINITION,
        name,
        {"function": "noop.main", "source": source, "image": image, "maxWorkers": cap},
    )


def mljob(name: str, job_name: str) -> Json:
    return _object(names.KIND_JOB, name, {"jobName": job_name})


def raw_job(name: str, image: str = "example.test/noop:1", command: tuple[str, ...] = ("true",)) -> Json:
    """What one would write by hand under restricted Pod Security."""
    container = {
        "name": "main",
        "image": image,
        "command": list(command),
        "imagePullPolicy": "IfNotPresent",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    pod = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
    }
    return _job(name, {"backoffLimit": 0, "template": {"spec": pod}})


def same_pod(name: str, job: Json) -> Json:
    """A raw Job with the very pod that the operator made for an MlJob."""
    template = job["spec"]["template"]
    metadata = {"annotations": template["metadata"].get("annotations") or {}}
    return _job(name, {"backoffLimit": 0, "template": {"metadata": metadata, "spec": template["spec"]}})


def _job(name: str, spec: Json) -> Json:
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": spec}


def _object(kind: str, name: str, spec: Json) -> Json:
    return {"apiVersion": names.API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec}
