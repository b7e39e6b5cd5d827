"""What both kinds do on a real API server beyond accepting and refusing."""

import json
from typing import Any

import pytest
from mljob.api.job import MlJob, Phase

from tests.control_plane import ControlPlane
from tests.unit.api.cases import FUNCTION, manifest

MLJOBS = "/apis/mljob.dev/v1alpha1/namespaces/{}/mljobs"
DEFINITIONS = "/apis/mljob.dev/v1alpha1/namespaces/{}/mljobdefinitions"
MERGE = {"Content-Type": "application/merge-patch+json"}


def submit(plane: ControlPlane, namespace: str, spec: dict[str, Any], name: str = "a") -> dict[str, Any]:
    body = manifest("MlJob", {"jobName": "train"} | spec, name=name)
    answer = plane.api.post(MLJOBS.format(namespace), json=body)
    answer.raise_for_status()
    created: dict[str, Any] = answer.json()
    return created


def test_phase_is_pending_from_the_start_and_costs_no_write(
    control_plane: ControlPlane, namespace: str
) -> None:
    created = submit(control_plane, namespace, {})
    read = control_plane.api.get(f"{MLJOBS.format(namespace)}/a").json()
    assert read["status"] == {"phase": "Pending"}
    assert read["metadata"]["resourceVersion"] == created["metadata"]["resourceVersion"]
    assert MlJob.model_validate(read).status.phase is Phase.PENDING


def test_phase_is_there_though_only_a_reason_was_written(control_plane: ControlPlane, namespace: str) -> None:
    submit(control_plane, namespace, {})
    path = f"{MLJOBS.format(namespace)}/a/status"
    patched = control_plane.api.patch(
        path, json={"status": {"reason": "UnknownJobName"}}, headers=MERGE
    ).json()
    assert patched["status"] == {"phase": "Pending", "reason": "UnknownJobName"}


def test_status_and_spec_are_written_apart(control_plane: ControlPlane, namespace: str) -> None:
    path = f"{MLJOBS.format(namespace)}/a"
    created = submit(control_plane, namespace, {"params": {"x": 1}})
    change = {"spec": {"suspend": True}, "status": {"phase": "Succeeded"}}
    by_owner = control_plane.api.patch(path, json=change, headers=MERGE).json()
    assert (by_owner["spec"]["suspend"], by_owner["status"]["phase"]) == (True, "Pending")
    assert by_owner["metadata"]["generation"] == created["metadata"]["generation"] + 1
    change = {"spec": {"suspend": False}, "status": {"phase": "SomethingNew"}}
    by_operator = control_plane.api.patch(f"{path}/status", json=change, headers=MERGE).json()
    assert (by_operator["spec"]["suspend"], by_operator["status"]["phase"]) == (True, "SomethingNew")
    assert by_operator["metadata"]["generation"] == by_owner["metadata"]["generation"]


def test_exact_text_survives_the_api_server_and_an_object_does_not(
    control_plane: ControlPlane, namespace: str
) -> None:
    text = '{"z": 1.0, "a": 1e3, "big": 12345678901234567890123, "n": null}'
    submit(control_plane, namespace, {"paramsJSON": text}, "text")
    submit(control_plane, namespace, {"params": json.loads(text)}, "object")
    path = MLJOBS.format(namespace)
    assert control_plane.api.get(f"{path}/text").json()["spec"]["paramsJSON"] == text
    assert list(control_plane.api.get(f"{path}/object").json()["spec"]["params"]) == ["a", "big", "n", "z"]


def test_params_are_one_field_to_whoever_manages_them(control_plane: ControlPlane, namespace: str) -> None:
    created = submit(control_plane, namespace, {"params": {f"key{n}": {"x": n} for n in range(100)}})
    (entry,) = created["metadata"]["managedFields"]
    assert entry["fieldsV1"]["f:spec"]["f:params"] == {}


def test_condition_is_merged_by_type(control_plane: ControlPlane, namespace: str) -> None:
    submit(control_plane, namespace, {})
    path = f"{MLJOBS.format(namespace)}/a/status"
    for kind in ("Accepted", "Admitted"):
        condition = {"type": kind, "status": "True", "reason": "Test"}
        body = manifest("MlJob", {"jobName": "train"}, name="a") | {"status": {"conditions": [condition]}}
        answer = control_plane.api.patch(
            path,
            params={"fieldManager": kind, "force": "true"},
            json=body,
            headers={"Content-Type": "application/apply-patch+yaml"},
        )
        answer.raise_for_status()
    read = control_plane.api.get(path).json()
    assert [condition["type"] for condition in read["status"]["conditions"]] == ["Accepted", "Admitted"]


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ("spec.jobName=train", ["a", "b"]),
        ("spec.jobName=other", []),
        ("status.phase=Pending", ["a"]),
        ("status.phase=Running,spec.jobName=train", ["b"]),
    ],
)
def test_jobs_are_selected_by_name_and_phase(
    selector: str, names: list[str], control_plane: ControlPlane, namespace: str
) -> None:
    path = MLJOBS.format(namespace)
    for name in ("a", "b"):
        submit(control_plane, namespace, {}, name)
    control_plane.api.patch(f"{path}/b/status", json={"status": {"phase": "Running"}}, headers=MERGE)
    found = control_plane.api.get(path, params={"fieldSelector": selector}).json()["items"]
    assert [item["metadata"]["name"] for item in found] == names


def test_kubectl_shows_what_people_look_for(control_plane: ControlPlane, namespace: str) -> None:
    submit(control_plane, namespace, {})
    status = {"phase": "Running", "attempt": 2, "reason": "Started", "currentPod": "a-1", "duration": "1m12s"}
    path = f"{MLJOBS.format(namespace)}/a/status"
    control_plane.api.patch(path, json={"status": status}, headers=MERGE).raise_for_status()
    header, row = control_plane.kubectl("get", "mlj", "--namespace", namespace, "--output=wide").splitlines()
    for column in ("NAME", "JOB NAME", "PHASE", "ATTEMPT", "REASON", "AGE", "POD", "DURATION", "NEXT RETRY"):
        assert column in header
    assert [word for word in row.split() if word in ("train", "Running", "2", "Started", "a-1", "1m12s")] == [
        *("train", "Running", "2", "Started", "a-1", "1m12s"),
    ]


def test_kubectl_shows_whether_a_definition_is_accepted(control_plane: ControlPlane, namespace: str) -> None:
    path = DEFINITIONS.format(namespace)
    control_plane.api.post(path, json=manifest("MlJobDefinition", FUNCTION, name="a")).raise_for_status()
    condition = {"type": "Accepted", "status": "False", "reason": "DuplicateJobName"}
    status = {"jobName": "a", "conditions": [condition]}
    control_plane.api.patch(f"{path}/a/status", json={"status": status}, headers=MERGE).raise_for_status()
    _, row = control_plane.kubectl("get", "mljd", "--namespace", namespace).splitlines()
    assert row.split()[:5] == ["a", "a", "1", "False", "DuplicateJobName"]


def test_kubectl_explains_fields(control_plane: ControlPlane) -> None:
    explained = control_plane.kubectl("explain", "mljobdefinition.spec.retry")
    for words in ("maxRetries", "Retries after transient errors", "Budgets and delays of retries"):
        assert words in explained


def test_crds_can_be_applied_again(control_plane: ControlPlane) -> None:
    assert (
        control_plane.kubectl("apply", "--server-side", "--force-conflicts", "--filename=crds/").count(
            "serverside"
        )
        == 2
    )
