"""What is rendered, on a real API server: strict field validation, restricted Pod Security, retries."""

import json
from dataclasses import replace
from itertools import count
from typing import Any

import httpx
import pytest
from mljob.api.job import MAX_PARAMS_BYTES
from mljob.core.definition_rules import MAX_ANNOTATION_BYTES, check_definition
from mljob.core.manifest import (
    dry_run_pod,
    retry_job,
    runner_config_map,
    source_config_map,
)
from mljob.core.subject import RunnerRef
from mljob.runner.bundle import bundle

from tests.control_plane import ControlPlane
from tests.unit.core.rendering import (
    COMMAND,
    CONFIGURED,
    EVERYTHING,
    FUNCTION,
    RETRIED,
    ROOT_AND_PRIVILEGED,
    a_subject,
    definition_of,
    probed,
    rendered,
)

STRICT = {"fieldValidation": "Strict"}
DRY = STRICT | {"dryRun": "All"}
_NUMBERS = count(1)


@pytest.fixture
def restricted(control_plane: ControlPlane) -> str:
    """A namespace that enforces restricted Pod Security, with the service accounts of the definitions."""
    name = f"restricted-{next(_NUMBERS)}"
    labels = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
    control_plane.api.post("/api/v1/namespaces", json=namespace).raise_for_status()
    for account in ("default", "trainer", "driver"):
        body = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": account}}
        control_plane.api.post(f"/api/v1/namespaces/{name}/serviceaccounts", json=body).raise_for_status()
    return name


def path_of(manifest: dict[str, Any], namespace: str) -> str:
    base, plural = {
        "Job": ("/apis/batch/v1", "jobs"),
        "Pod": ("/api/v1", "pods"),
        "ConfigMap": ("/api/v1", "configmaps"),
    }[manifest["kind"]]
    return f"{base}/namespaces/{namespace}/{plural}"


def send(
    plane: ControlPlane, manifest: dict[str, Any], namespace: str, params: dict[str, str]
) -> httpx.Response:
    moved = {**manifest, "metadata": {**manifest["metadata"], "namespace": namespace}}
    return plane.api.post(path_of(manifest, namespace), params=params, json=moved)


def created(plane: ControlPlane, manifest: dict[str, Any], namespace: str) -> dict[str, Any]:
    answer = send(plane, manifest, namespace, STRICT)
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


@pytest.mark.parametrize(
    "job",
    [
        rendered(FUNCTION),
        rendered(FUNCTION, paramsJSON='{"x": 1.0}', activeDeadlineSeconds=5),
        rendered(EVERYTHING, CONFIGURED),
        rendered(COMMAND),
        rendered(FUNCTION | {"source": {"configMapName": "modules"}, "sharedMemorySize": 1073741824}),
        rendered(FUNCTION | {"podTemplate": {"spec": {"terminationGracePeriodSeconds": 0}}}),
    ],
    ids=["function", "deadline", "everything", "command", "source", "no-grace"],
)
def test_job_and_pod_pass_a_strict_dry_run_under_restricted_pod_security(
    job: dict[str, Any], control_plane: ControlPlane, restricted: str
) -> None:
    for manifest in (job, dry_run_pod(job)):
        answer = send(control_plane, manifest, restricted, DRY)
        assert answer.status_code == 201, answer.text
        assert answer.headers.get_list("Warning") == []


def test_more_than_restricted_is_refused_of_the_pod_and_only_warned_of_the_job(
    control_plane: ControlPlane, restricted: str
) -> None:
    job = rendered(ROOT_AND_PRIVILEGED)
    of_job = send(control_plane, job, restricted, DRY)
    assert of_job.status_code == 201, of_job.text
    assert "restricted" in of_job.headers["Warning"]
    of_pod = send(control_plane, dry_run_pod(job), restricted, DRY)
    assert of_pod.status_code == 403, of_pod.text
    assert "privileged" in of_pod.json()["message"]


def test_root_and_privileged_are_valid_where_they_are_allowed(
    control_plane: ControlPlane, restricted: str
) -> None:
    label = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "privileged"}}}
    control_plane.api.patch(
        f"/api/v1/namespaces/{restricted}",
        content=json.dumps(label),
        headers={"Content-Type": "application/merge-patch+json"},
    ).raise_for_status()
    answer = send(control_plane, dry_run_pod(rendered(ROOT_AND_PRIVILEGED)), restricted, DRY)
    assert answer.status_code == 201, answer.text


def test_a_misspelled_field_of_the_pod_template_is_named(
    control_plane: ControlPlane, restricted: str
) -> None:
    main = {"name": "main", "resourcez": {"limits": {"cpu": "1"}}}
    manifest = FUNCTION | {"podTemplate": {"spec": {"containers": [main]}}}
    assert check_definition(definition_of(manifest)) is None
    answer = send(control_plane, probed(manifest), restricted, DRY)
    assert answer.status_code == 400, answer.text
    assert "resourcez" in answer.json()["message"]


def test_the_largest_params_fit_beside_the_largest_annotations(
    control_plane: ControlPlane, restricted: str
) -> None:
    text = json.dumps({"x": "y" * (MAX_PARAMS_BYTES - 9)})
    assert len(text) == MAX_PARAMS_BYTES
    template = {"metadata": {"annotations": {"a": "b" * (MAX_ANNOTATION_BYTES - 1)}}}
    manifest = FUNCTION | {"podTemplate": template}
    assert check_definition(definition_of(manifest)) is None
    job = rendered(manifest, paramsJSON=text)
    for body in (job, dry_run_pod(job)):
        answer = send(control_plane, body, restricted, DRY)
        assert answer.status_code == 201, answer.text


@pytest.mark.parametrize("manifest", RETRIED.values(), ids=RETRIED)
def test_a_retry_of_a_job_read_back_differs_in_its_number_alone(
    manifest: dict[str, Any], control_plane: ControlPlane, restricted: str
) -> None:
    fields: dict[str, Any] = {"activeDeadlineSeconds": 50}
    subject = replace(a_subject(definition_of(manifest), CONFIGURED, **fields), namespace=restricted)
    first = created(control_plane, rendered(manifest, CONFIGURED, **fields), restricted)
    second = created(control_plane, retry_job(first, subject, 2, "operator-0/2"), restricted)
    third = created(control_plane, retry_job(second, subject, 3, "operator-0/2"), restricted)
    assert without_identity(third, "3") == without_identity(second, "2") == without_identity(first, "1")
    assert third["metadata"]["finalizers"] == ["foregroundDeletion"]
    uids = {
        job["spec"]["selector"]["matchLabels"]["batch.kubernetes.io/controller-uid"]
        for job in (first, second)
    }
    assert len(uids) == 2


def without_identity(job: dict[str, Any], attempt: str) -> dict[str, Any]:
    """The Job's spec without what the server or the operator makes of its uid, name and attempt."""
    spec: dict[str, Any] = json.loads(json.dumps(job["spec"]))
    spec.pop("selector")
    labels = spec["template"]["metadata"]["labels"]
    for key in ("controller-uid", "job-name"):
        del labels[key], labels[f"batch.kubernetes.io/{key}"]
    assert labels.pop("mljob.dev/attempt") == attempt == job["metadata"]["labels"]["mljob.dev/attempt"]
    variables = next(c for c in spec["template"]["spec"]["containers"] if c["name"] == "main")["env"]
    number = next(variable for variable in variables if variable["name"] == "MLJOB_ATTEMPT")
    assert number.pop("value") == attempt
    return spec


def test_the_config_maps_are_accepted_and_cannot_be_changed(
    control_plane: ControlPlane, restricted: str
) -> None:
    source = source_config_map(restricted, EVERYTHING["source"]["inline"])
    assert source is not None
    for manifest in (source, runner_config_map(restricted, runner_ref())):
        made = created(control_plane, manifest, restricted)
        path = f"{path_of(manifest, restricted)}/{made['metadata']['name']}"
        answer = control_plane.api.put(path, json=made | {"data": {"run.py": "else"}})
        assert answer.status_code == 422, answer.text
        assert "immutable" in answer.json()["message"]


def runner_ref() -> RunnerRef:
    """The runner that this installation brings."""
    brought = bundle()
    return RunnerRef(brought.sha256, brought.files, brought.items)


def test_the_runner_that_is_brought_can_be_mounted(control_plane: ControlPlane, restricted: str) -> None:
    job = rendered(FUNCTION, runner=runner_ref())
    answer = send(control_plane, dry_run_pod(job), restricted, DRY)
    assert answer.status_code == 201, answer.text
