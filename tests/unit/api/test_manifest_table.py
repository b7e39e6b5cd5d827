"""The manifest table through the models: REST and SDK say what kubectl is told."""

from typing import Any

import pytest
from mljob.api.common import Resource, explain
from mljob.api.definition import MlJobDefinition
from mljob.api.job import MlJob
from pydantic import ValidationError

from tests.unit.api import definition_cases, job_cases
from tests.unit.api.cases import Case, Change, manifest
from tests.unit.api.change_cases import CHANGES

CASES = (*definition_cases.CASES, *job_cases.CASES)
MODELS: dict[str, type[Resource]] = {"MlJob": MlJob, "MlJobDefinition": MlJobDefinition}


def parse(manifest: dict[str, Any]) -> Resource:
    return MODELS[manifest["kind"]].model_validate(manifest)


def refusals(manifest: dict[str, Any]) -> str:
    """What the models have against the manifest; empty when nothing."""
    try:
        parse(manifest)
    except ValidationError as error:
        return "; ".join(explain(error))
    return ""


def refused_change(change: Change) -> str:
    after = manifest(change.kind, change.after)
    if mistakes := refusals(after):
        return mistakes
    new, old = parse(after), parse(manifest(change.kind, change.before))
    if isinstance(new, MlJob) and isinstance(old, MlJob):
        return "; ".join(new.spec.refused_changes(old.spec))
    assert isinstance(new, MlJobDefinition)
    assert isinstance(old, MlJobDefinition)
    return "; ".join(new.spec.refused_changes(old.spec))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_models_give_the_verdict_of_the_table(case: Case) -> None:
    message = refusals(case.manifest)
    if case.is_refused_by("python"):
        assert case.field is not None
        assert case.field in message
    else:
        assert message == ""


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.name)
def test_models_allow_the_changes_of_the_table(change: Change) -> None:
    message = refused_change(change)
    if change.field is not None:
        assert change.field in message
    else:
        assert message == ""


def test_the_table_is_large_enough_and_says_why_the_sides_differ() -> None:
    assert len(CASES) >= 80
    assert len({(case.manifest["kind"], case.name) for case in CASES}) == len(CASES)
    assert all(case.why for case in CASES if case.refused_only_by is not None)


@pytest.mark.parametrize("case", [c for c in CASES if c.field is None], ids=lambda case: case.name)
def test_a_parsed_manifest_is_written_as_it_was_read(case: Case) -> None:
    written = parse(case.manifest).to_manifest()
    assert parse(written) == parse(case.manifest)
    assert refusals(written) == ""
