"""Puts the repository's own manifests into a control plane."""

from functools import partial
from pathlib import Path

import yaml

from tests.control_plane.plane import ControlPlane

CRDS = Path(__file__).parents[2] / "crds"
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


def _is_served(plane: ControlPlane, name: str) -> bool:
    crd = plane.api.get(f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}").json()
    conditions = crd.get("status", {}).get("conditions", [])
    if not any(c["type"] == "Established" and c["status"] == "True" for c in conditions):
        return False
    plural, group = name.split(".", 1)
    version = crd["spec"]["versions"][0]["name"]
    return plane.api.get(f"/apis/{group}/{version}/{plural}?limit=1").is_success
