"""deploy/examples: each file says what it shows, is valid, and its functions take what its jobs pass."""

import ast
from pathlib import Path
from typing import Any

import pytest
import yaml
from mljob.api.definition import MlJobDefinition, MlJobDefinitionSpec
from mljob.api.job import MlJob

from tests.unit.chart.rendering import CHECKOUT

FILES = sorted((CHECKOUT / "deploy" / "examples").glob("*.yaml"))
MOST_LINES_STANDING_ALONE = 15

every_file = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)


def documents(file: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(file.read_text()))


def definitions(file: Path) -> dict[str, MlJobDefinitionSpec]:
    """By job name, those inside an MlJob too."""
    found: dict[str, MlJobDefinitionSpec] = {}
    for document in documents(file):
        if document["kind"] == "MlJobDefinition":
            definition = MlJobDefinition.model_validate(document)
            found[definition.job_name] = definition.spec
        elif inline := MlJob.model_validate(document).spec.definition:
            found[document["spec"]["jobName"]] = inline
    return found


def jobs(file: Path) -> list[MlJob]:
    return [MlJob.model_validate(each) for each in documents(file) if each["kind"] == "MlJob"]


def function_of(definition: MlJobDefinitionSpec) -> ast.FunctionDef | None:
    """The function as written in the file; None: it is in the image, or there is none."""
    inline = (definition.source.inline if definition.source else None) or {}
    module, _, name = (definition.function or "").rpartition(".")
    tree = ast.parse(inline.get(f"{module}.py", ""))
    found = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name]
    return found[0] if found else None


@every_file
def test_it_begins_with_what_it_shows(file: Path) -> None:
    assert file.read_text().startswith("# ")


@every_file
def test_it_brings_the_definitions_that_its_jobs_name(file: Path) -> None:
    assert jobs(file)
    assert {job.spec.job_name for job in jobs(file)} == set(definitions(file))


@every_file
def test_its_functions_take_what_its_jobs_pass(file: Path) -> None:
    for job in jobs(file):
        definition = definitions(file)[job.spec.job_name]
        function = function_of(definition)
        if function is not None:
            assert {argument.arg for argument in function.args.args} == set(job.spec.params or {})
        elif definition.function is not None:
            assert definition.image, f"{definition.function} is neither in the file nor in an image"


def test_names_are_used_once() -> None:
    names = [(each["kind"], each["metadata"]["name"]) for file in FILES for each in documents(file)]
    assert len(names) == len(set(names))


def test_one_stands_alone_on_a_page() -> None:
    alone = [file for file in FILES if [each["kind"] for each in documents(file)] == ["MlJob"]]
    assert [len(file.read_text().splitlines()) <= MOST_LINES_STANDING_ALONE for file in alone] == [True]


def test_the_sweep_has_more_jobs_than_slots() -> None:
    sweep = CHECKOUT / "deploy" / "examples" / "sweep.yaml"
    [definition] = definitions(sweep).values()
    assert 1 < definition.max_workers < len(jobs(sweep))
    assert {job.metadata.labels.get("mljob.dev/group") for job in jobs(sweep)} == {"sweep"}
