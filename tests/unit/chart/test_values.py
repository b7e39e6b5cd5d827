"""values.schema.json: everything is described, nothing unknown passes, and refusals name the field."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.unit.chart.rendering import CHART, Refused, needs_helm, render

Schema = dict[str, Any]

SCHEMA: Schema = json.loads((CHART / "values.schema.json").read_text())
VALUES: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())

LEFT_TO_THE_API_SERVER = {
    "global",
    "affinity.nodeAffinity",
    "affinity.podAffinity",
    "affinity.podAntiAffinity",
}


def objects(schema: Schema, path: str = "") -> Iterator[tuple[str, Schema]]:
    """Every schema that describes an object, with the path of its values."""
    if "object" in schema.get("type", ()):
        yield path, schema
    for key, value in schema.get("properties", {}).items():
        yield from objects(value, f"{path}.{key}".lstrip("."))
    if "items" in schema:
        yield from objects(schema["items"], f"{path}[]")


def paths(values: dict[str, Any], schema: Schema, path: str = "") -> Iterator[str]:
    for key, value in values.items():
        yield f"{path}{key}"
        inner = schema["properties"][key]
        if isinstance(value, dict) and "properties" in inner:
            yield from paths(value, inner, f"{path}{key}.")


def schema_paths(schema: Schema, path: str = "") -> Iterator[str]:
    for key, inner in schema.get("properties", {}).items():
        yield f"{path}{key}"
        yield from schema_paths(inner, f"{path}{key}.")


def test_no_object_takes_unknown_keys() -> None:
    found = dict(objects(SCHEMA))
    assert set(found) >= LEFT_TO_THE_API_SERVER
    for path, schema in found.items():
        if path not in LEFT_TO_THE_API_SERVER:
            assert isinstance(schema.get("additionalProperties"), dict) or (
                schema["additionalProperties"] is False
            ), path


def test_every_value_is_described() -> None:
    undescribed = [
        f"{path}.{key}".lstrip(".")
        for path, schema in objects(SCHEMA)
        for key, value in schema.get("properties", {}).items()
        if not value.get("description")
    ]
    assert not undescribed


def test_every_value_of_the_schema_has_its_default_in_the_values_file() -> None:
    optional = LEFT_TO_THE_API_SERVER | {"operator.resources.limits", "api.resources.limits"}
    assert set(paths(VALUES, SCHEMA)) == set(schema_paths(SCHEMA)) - optional


@needs_helm
@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"replicas": 2}, "replicas"),
        ({"image": {"repo": "x"}}, "repo"),
        ({"image": {"repository": ""}}, "/image/repository"),
        ({"image": {"digest": "sha256:short"}}, "/image/digest"),
        ({"image": {"pullPolicy": "Sometimes"}}, "/image/pullPolicy"),
        ({"watchNamespaces": "team-a"}, "/watchNamespaces"),
        ({"watchNamespaces": ["Team A"]}, "/watchNamespaces/0"),
        ({"watchNamespaces": ["a", "a"]}, "/watchNamespaces"),
        ({"jobs": {"pythonImages": {"3": "x"}}}, "/jobs/pythonImages"),
        ({"jobs": {"pythonImages": {"3.12": "an image"}}}, "/jobs/pythonImages/3.12"),
        ({"jobs": {"defaultPythonVersion": 3.11}}, "/jobs/defaultPythonVersion"),
        ({"jobs": {"defaultPythonVersion": "3.9"}}, "jobs.defaultPythonVersion"),
        ({"jobs": {"limits": {"total": -1}}}, "/jobs/limits/total"),
        ({"jobs": {"retry": {"maxRetries": 1.5}}}, "/jobs/retry/maxRetries"),
        ({"jobs": {"retry": {"baseDelaySeconds": 90}}}, "jobs.retry.baseDelaySeconds"),
        ({"jobs": {"security": {"runAsUser": 0}}}, "/jobs/security/runAsUser"),
        ({"operator": {"logLevel": "loud"}}, "/operator/logLevel"),
        ({"operator": {"resources": {"requests": {"cpu": "two"}}}}, "/operator/resources/requests/cpu"),
        ({"api": {"auth": "token"}}, "/api/auth"),
        ({"watchNamespaces": ["team-a"], "api": {"defaultNamespace": "default"}}, "api.defaultNamespace"),
        ({"service": {"type": "LoadBalancer"}}, "/service/type"),
        ({"service": {"port": 0}}, "/service/port"),
        ({"database": {"sqlite": {"size": "big"}}}, "/database/sqlite/size"),
        ({"database": {"sqlite": {"accessMode": "ReadWriteMany"}}}, "/database/sqlite/accessMode"),
        ({"serviceAccount": {"create": False}}, "serviceAccount.name"),
        ({"tolerations": [{"effect": "Never"}]}, "/tolerations/0/effect"),
        ({"terminationGracePeriodSeconds": 0}, "/terminationGracePeriodSeconds"),
    ],
)
def test_a_wrong_value_is_refused_by_name(values: dict[str, Any], field: str) -> None:
    with pytest.raises(Refused, match=field.replace(".", r"\.")):
        render(values)
