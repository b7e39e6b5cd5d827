"""Puts the repository's own manifests into a control plane."""

import subprocess
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from tests.control_plane.components import binary
from tests.control_plane.plane import ControlPlane

TOP = Path(__file__).parents[2]
CRDS = TOP / "crds"
CHART = TOP / "charts" / "mljob"
OPERATOR = "system:serviceaccount:mljob-system:mljob"
LAST_POLICY = "-labels"
POLICY_PLURALS = {
    "ValidatingAdmissionPolicy": "validatingadmissionpolicies",
    "ValidatingAdmissionPolicyBinding": "validatingadmissionpolicybindings",
}
ESTABLISHED_SECONDS = 30.0


def install_crds(plane: ControlPlane) -> None:
    """Create both kinds and wait until the API server serves them. Raises with its words when it refuses."""
    names = []
    for path in sorted(CRDS.glob("*.yaml")):
        manifest = yaml.safe_load(path.read_text("utf-8"))
        names.append(manifest["metadata"]["name"])
        answer = plane.api.post(
            "/apis/apiextensions.k8s.io/v1/customresourcedefinitions?fieldValidation=Strict", json=manifest
        )
        if answer.is_error:
            raise AssertionError(f"{path.name}: {answer.json()['message']}")
    for name in names:
        plane.processes["kube-apiserver"].wait_until(partial(_is_served, plane, name), ESTABLISHED_SECONDS)


def install_policies(plane: ControlPlane, *values: str) -> None:
    """Install the chart's admission policies (`values` as for `helm --set`) and wait until they are in force.

    The operator's account is OPERATOR. The API server takes policies and bindings up in the order of their
    creation, so the last one in force means all.
    """
    rendered = render_chart(*values, templates=("policies-submissions", "policies-operator"))
    ordered = sorted(rendered, key=lambda m: (m["kind"], m["metadata"]["name"].endswith(LAST_POLICY)))
    for manifest in ordered:
        plural = POLICY_PLURALS[manifest["kind"]]
        path = f"/apis/admissionregistration.k8s.io/v1/{plural}?fieldValidation=Strict"
        answer = plane.api.post(path, json=manifest)
        if answer.is_error:
            raise AssertionError(f"{manifest['metadata']['name']}: {answer.json()['message']}")
    plane.processes["kube-apiserver"].wait_until(partial(_labels_are_guarded, plane), ESTABLISHED_SECONDS)


def render_chart(*values: str, templates: tuple[str, ...]) -> list[dict[str, Any]]:
    """Manifests of the chart's templates as a release `mljob` in `mljob-system`."""
    command = [binary("helm"), "template", "mljob", str(CHART), "--namespace=mljob-system"]
    command += [f"--show-only=templates/{name}.yaml" for name in templates]
    command += [f"--set={value}" for value in values]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError(f"helm template: {done.stderr}")
    return [manifest for manifest in yaml.safe_load_all(done.stdout) if manifest]


def _labels_are_guarded(plane: ControlPlane) -> bool:
    container = {"name": "main", "image": "x"}
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "probe", "labels": {"mljob.dev/uid": "x"}},
        "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [container]}}},
    }
    return plane.api.post("/apis/batch/v1/namespaces/default/jobs?dryRun=All", json=job).status_code == 403


def _is_served(plane: ControlPlane, name: str) -> bool:
    crd = plane.api.get(f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}").json()
    conditions = crd.get("status", {}).get("conditions", [])
    if not any(c["type"] == "Established" and c["status"] == "True" for c in conditions):
        return False
    plural, group = name.split(".", 1)
    version = crd["spec"]["versions"][0]["name"]
    return plane.api.get(f"/apis/{group}/{version}/{plural}?limit=1").is_success
