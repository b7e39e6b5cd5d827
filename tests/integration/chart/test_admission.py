"""The API server takes what the chart renders: strict fields, Pod Security, and nothing over."""

import json
from subprocess import CalledProcessError
from typing import Any

import pytest
import yaml

from tests.control_plane import ControlPlane
from tests.unit.chart.rendering import SNAPSHOT_VALUES, Manifest, render

pytestmark = pytest.mark.usefixtures("_namespaces")

NAMESPACES = ("mljob-system", "team-a", "team-b", "research")
RESTRICTED = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}


@pytest.fixture(scope="module")
def _namespaces(control_plane: ControlPlane) -> None:
    for name in NAMESPACES:
        metadata = {"name": name, "labels": RESTRICTED}
        manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
        control_plane.kubectl("apply", "--filename=-", stdin=json.dumps(manifest))
        # The controller manager would make it.
        control_plane.kubectl("create", "serviceaccount", "default", f"--namespace={name}")


def dry_run(control_plane: ControlPlane, verb: str, *manifests: Manifest) -> str:
    """What kubectl says; fails when the API server refuses or warns."""
    options = ("--dry-run=server", "--validate=strict", "--warnings-as-errors", "--filename=-")
    try:
        return control_plane.kubectl(verb, *options, stdin=yaml.safe_dump_all(manifests))
    except CalledProcessError as error:
        pytest.fail(error.stderr, pytrace=False)


@pytest.mark.parametrize("name", SNAPSHOT_VALUES)
def test_everything_is_accepted_to_the_last_field(control_plane: ControlPlane, name: str) -> None:
    manifests = render(SNAPSHOT_VALUES[name])
    assert dry_run(control_plane, "apply", *manifests).count("(server dry run)") == len(manifests)


@pytest.mark.parametrize("kind", ["Deployment", "Job"])
def test_pods_pass_the_restricted_profile(control_plane: ControlPlane, kind: str) -> None:
    [template] = [each["spec"]["template"] for each in render({}) if each["kind"] == kind]
    spec: dict[str, Any] = template["spec"] | {"serviceAccountName": "default"}
    metadata = {"name": "probe", "namespace": "mljob-system"}
    dry_run(control_plane, "create", {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
