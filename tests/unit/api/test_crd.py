"""The generated schemas: structural, explained, bounded, and never drifted from the models."""

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml
from mljob.api import generate
from mljob.api.common import Model
from mljob.api.conditions import Condition as StatusCondition
from mljob.api.crd import KINDS, Kind, crd
from mljob.api.definition import MlJobDefinitionSpec
from mljob.api.job import MlJobSpec, MlJobStatus, Phase
from mljob.api.rules import CEL_RULES, as_cel
from mljob.api.structural import structural_schema
from mljob.core.facts import Condition, StatusFacts
from mljob.core.status_patch import status_patch
from pydantic import BaseModel

TOP = Path(__file__).parents[3]
STRUCTURAL_KEYS = {
    *("description", "type", "format", "default", "enum", "required", "properties", "additionalProperties"),
    *("items", "minimum", "maximum", "minLength", "maxLength", "pattern", "minItems", "maxItems"),
    *("minProperties", "maxProperties", "x-kubernetes-validations", "x-kubernetes-list-type"),
    *("x-kubernetes-list-map-keys", "x-kubernetes-map-type", "x-kubernetes-preserve-unknown-fields"),
    "x-kubernetes-int-or-string",
}


def nodes(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema within the schema, with its path."""
    yield path, schema
    for name, inner in schema.get("properties", {}).items():
        yield from nodes(inner, f"{path}.{name}")
    for key in ("items", "additionalProperties"):
        if key in schema:
            yield from nodes(schema[key], f"{path}[]")


def schema_of(kind: Kind) -> dict[str, Any]:
    (version,) = crd(kind)["spec"]["versions"]
    root: dict[str, Any] = version["schema"]["openAPIV3Schema"]
    return root


each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)


@each_kind
def test_schema_holds_only_what_is_structural(kind: Kind) -> None:
    strange = {path: set(node) - STRUCTURAL_KEYS for path, node in nodes(schema_of(kind))}
    assert {path: keys for path, keys in strange.items() if keys} == {}


@each_kind
def test_every_field_explains_itself(kind: Kind) -> None:
    root = schema_of(kind)
    silent = [
        path
        for path, node in nodes(root)
        if path.startswith((".spec", ".status")) and not path.endswith("[]") and "description" not in node
    ]
    assert [path for path in silent if ".podTemplate." not in path] == []


@each_kind
def test_every_integer_of_a_spec_has_bounds(kind: Kind) -> None:
    loose = [
        path
        for path, node in nodes(schema_of(kind))
        if path.startswith(".spec")
        and node.get("type") == "integer"
        and not {"minimum", "maximum"} <= set(node)
    ]
    assert [path for path in loose if ".podTemplate." not in path] == []


@each_kind
def test_every_list_of_a_spec_has_a_bound(kind: Kind) -> None:
    loose = [
        path
        for path, node in nodes(schema_of(kind))
        if path.startswith(".spec") and node.get("type") == "array"
    ]
    assert [path for path, node in nodes(schema_of(kind)) if path in loose and "maxItems" not in node] == []


@each_kind
def test_status_is_an_open_list_of_phases(kind: Kind) -> None:
    phases = [node for path, node in nodes(schema_of(kind)) if path == ".status.phase"]
    assert all("enum" not in node for node in phases)


@pytest.mark.parametrize("model", [MlJobSpec, MlJobDefinitionSpec])
def test_every_rule_is_in_the_schema(model: type[Model]) -> None:
    written = structural_schema(model)[CEL_RULES]
    assert written == as_cel(*model.rules, *model.transitions)


@each_kind
def test_columns_show_what_the_schema_has(kind: Kind) -> None:
    paths = {path for path, _ in nodes(schema_of(kind))}
    for column in kind.columns:
        plain = column.path.split("[", 1)[0]
        assert plain in paths or plain.startswith(".metadata."), column.name


def test_union_of_two_types_is_refused() -> None:
    class Union(BaseModel):
        field: int | str

    with pytest.raises(ValueError, match="a union of 2 types"):
        structural_schema(Union)


def test_generated_files_are_those_of_the_models() -> None:
    assert generate.drifted(TOP) == {}


def test_drift_is_found_named_and_repaired(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert generate.main(["--top", str(tmp_path)]) == 0
    assert generate.main(["--top", str(tmp_path), "--check"]) == 0
    drifted = tmp_path / "crds" / "mljobs.yaml"
    drifted.write_text(drifted.read_text("utf-8").replace("maxLength: 63", "maxLength: 64"))
    assert generate.main(["--top", str(tmp_path), "--check"]) == 1
    assert "crds/mljobs.yaml" in capsys.readouterr().err
    assert generate.main(["--top", str(tmp_path)]) == 0
    assert generate.drifted(tmp_path) == {}


def test_charts_copy_can_be_switched_off_and_outlives_the_release() -> None:
    for kind in KINDS:
        lines = generate.for_chart(crd(kind)).splitlines()
        assert lines[0] == "{{- if .Values.crds.enabled }}"
        assert lines[-1] == "{{- end }}"
        copy = yaml.safe_load("\n".join(lines[1:-1]))
        assert copy["metadata"].pop("annotations") == {"helm.sh/resource-policy": "keep"}
        assert copy == crd(kind)


def test_charts_copy_refuses_what_helm_would_expand() -> None:
    with pytest.raises(ValueError, match="Helm"):
        generate.for_chart({"metadata": {}, "x": "{{ y }}"})


def test_schema_has_every_field_that_the_operator_writes() -> None:
    # What the schema does not have, the API server drops without a word.
    before = StatusFacts()
    after = StatusFacts(
        phase=Phase.SUCCEEDED,
        reason="r",
        message="m",
        attempt=1,
        retry_count=1,
        disruption_count=1,
        start_time=1.0,
        completion_time=2.0,
        next_retry_time=3.0,
        queued_time=4.0,
        result="1",
        error="e",
        current_job="j",
        current_pod="p",
        definition_uid="u",
        observed_generation=1,
        conditions=(Condition("Accepted", True, "Accepted", "", 1.0),),
    )
    assert all(getattr(after, field.name) != getattr(before, field.name) for field in fields(StatusFacts))
    written = status_patch(before, after)
    assert written is not None
    assert set(written) <= {field.alias for field in MlJobStatus.model_fields.values()}
    assert set(written["conditions"][0]) <= {field.alias for field in StatusCondition.model_fields.values()}
