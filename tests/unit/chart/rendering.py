"""Renders the chart with the helm of .local/bin. Run as a program it rewrites the snapshots."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

CHECKOUT = Path(__file__).resolve().parents[3]
CHART = CHECKOUT / "charts" / "mljob"
HELM = CHECKOUT / ".local" / "bin" / "helm"
SNAPSHOTS = Path(__file__).with_name("snapshots")

needs_helm = pytest.mark.skipif(not HELM.exists(), reason="no .local/bin/helm: `make tools TOOLS=helm`")

Values = Mapping[str, Any]
Manifest = dict[str, Any]

# CRDs and policies have tests of their own.
WITHOUT_GENERATED: Values = {"crds": {"enabled": False}, "policies": {"enabled": False}}

SNAPSHOT_VALUES: dict[str, Values] = {
    "defaults": {},
    "two-namespaces": {"watchNamespaces": ["team-a", "team-b"]},
    "everything-set": {
        "image": {"repository": "images.example/mljob", "digest": "sha256:" + "a" * 64},
        "imagePullSecrets": ["pull"],
        "clusterId": "west",
        "jobs": {"limits": {"total": 100, "perNamespace": 10}, "retry": {"maxRetries": 1}},
        "operator": {"logFormat": "text", "logLevel": "debug"},
        "api": {"defaultNamespace": "research"},
        "service": {"type": "NodePort", "nodePort": 30080, "annotations": {"team": "ml"}},
        "database": {"sqlite": {"storageClass": "fast", "keepOnUninstall": False}},
        "serviceAccount": {"name": "runner", "annotations": {"team": "ml"}},
        "podAnnotations": {"team": "ml"},
        "podLabels": {"team": "ml"},
        "nodeSelector": {"pool": "system"},
        "tolerations": [{"key": "system", "operator": "Exists", "effect": "NoSchedule"}],
        "affinity": {"nodeAffinity": {}},
        "priorityClassName": "system-cluster-critical",
    },
    "without-api": {"api": {"enabled": False}, "rbac": {"create": False, "userRoles": False}},
}


class Refused(Exception):
    """Helm did not render; its words."""


def helm(*arguments: str, values: Values | None = None) -> str:
    """Standard output of one helm command on the chart; `values` go in by --values. Raises Refused."""
    command = [str(HELM), *arguments]
    if values is not None:
        command += ["--values", "-"]
    done = subprocess.run(
        command, input=json.dumps(values or {}), capture_output=True, text=True, check=False, timeout=60
    )
    if done.returncode:
        raise Refused(done.stderr + done.stdout)
    return done.stdout


def merged(*layers: Values) -> dict[str, Any]:
    """Later layers win, key by key, as helm merges values files."""
    result: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            below = result.get(key)
            if isinstance(below, dict) and isinstance(value, Mapping):
                result[key] = merged(below, value)
            else:
                result[key] = value
    return result


def template(values: Values, namespace: str = "mljob-system") -> str:
    """The manifests as text, hooks included."""
    return helm("template", "mljob", str(CHART), "--namespace", namespace, values=values)


def render(values: Values, namespace: str = "mljob-system") -> list[Manifest]:
    """The manifests without CRDs and policies."""
    text = template(merged(WITHOUT_GENERATED, values), namespace)
    return [document for document in yaml.safe_load_all(text) if document]


def one(manifests: list[Manifest], kind: str, name: str = "mljob") -> Manifest:
    """The manifest of that kind and name; there must be exactly one."""
    [found] = [each for each in manifests if (each["kind"], each["metadata"]["name"]) == (kind, name)]
    return found


def write_snapshots() -> None:
    """Render every set of values anew; read the difference before committing it."""
    SNAPSHOTS.mkdir(exist_ok=True)
    for name, values in SNAPSHOT_VALUES.items():
        (SNAPSHOTS / f"{name}.yaml").write_text(template(merged(WITHOUT_GENERATED, values)))


if __name__ == "__main__":
    write_snapshots()
