"""The manifest table on a real API server, with the chart's policies in force."""

from typing import Any

import httpx
import pytest

from tests.control_plane import ControlPlane
from tests.unit.api import definition_cases, job_cases
from tests.unit.api.cases import Case, Change, manifest
from tests.unit.api.change_cases import CHANGES

CASES = (*definition_cases.CASES, *job_cases.CASES)
PLURALS = {"MlJob": "mljobs", "MlJobDefinition": "mljobdefinitions"}
STRICT = {"fieldValidation": "Strict"}


def collection(kind: str, namespace: str) -> str:
    return f"/apis/mljob.dev/v1alpha1/namespaces/{namespace}/{PLURALS[kind]}"


def create(plane: ControlPlane, namespace: str, body: dict[str, Any]) -> httpx.Response:
    return plane.api.post(collection(body["kind"], namespace), params=STRICT, json=body)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_api_server_gives_the_verdict_of_the_table(
    case: Case, guarded_control_plane: ControlPlane, guarded_namespace: str
) -> None:
    answer = create(guarded_control_plane, guarded_namespace, case.manifest)
    if case.is_refused_by("kubernetes"):
        assert case.field is not None
        assert answer.status_code in (400, 422), answer.text
        assert case.field in answer.json()["message"]
    else:
        assert answer.status_code == 201, answer.text


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.name)
def test_api_server_allows_the_changes_of_the_table(
    change: Change, guarded_control_plane: ControlPlane, guarded_namespace: str
) -> None:
    created = create(guarded_control_plane, guarded_namespace, manifest(change.kind, change.before))
    assert created.status_code == 201, created.text
    path = f"{collection(change.kind, guarded_namespace)}/case"
    answer = guarded_control_plane.api.put(path, params=STRICT, json=created.json() | {"spec": change.after})
    if change.field is not None:
        assert answer.status_code == 422, answer.text
        assert change.field in answer.json()["message"]
    else:
        assert answer.status_code == 200, answer.text
