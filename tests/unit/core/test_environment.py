"""Which image and interpreter a definition gets, and when it gets none."""

from typing import Any

import pytest
from mljob.api.definition import MlJobDefinitionSpec
from mljob.core.config import parse_config
from mljob.core.environment import Environment, resolve_environment
from mljob.core.refusal import Refusal

CONFIG = parse_config(
    {
        "pythonImages": {"3.11.2": "old", "3.11.9": "new", "3.13": "newest", "3.8": "oldest"},
        "defaultPythonVersion": "3.11",
    }
)
TEMPLATE = {"spec": {"containers": [{"name": "proxy", "image": "proxy"}, {"name": "main", "image": "own"}]}}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, Environment("new", "python3", "3.11.9")),
        ({"python": {"version": "3.11.2"}}, Environment("old", "python3", "3.11.2")),
        ({"python": {"version": "3.13"}}, Environment("newest", "python3", "3.13")),
        ({"image": "mine"}, Environment("mine", "python3")),
        ({"image": "mine", "python": {"executable": "/venv/python"}}, Environment("mine", "/venv/python")),
        ({"podTemplate": TEMPLATE}, Environment("own", "python3")),
        ({"podTemplate": TEMPLATE, "image": "mine"}, Environment("mine", "python3")),
        (
            {"podTemplate": TEMPLATE, "python": {"version": "3.8"}},
            Environment("oldest", "python3", "3.8"),
        ),
        (
            {"podTemplate": {"spec": {"containers": [{"name": "proxy", "image": "proxy"}]}}},
            Environment("new", "python3", "3.11.9"),
        ),
        ({"podTemplate": {"spec": {"containers": "main"}}}, Environment("new", "python3", "3.11.9")),
        ({"podTemplate": {"spec": {"containers": ["main"]}}}, Environment("new", "python3", "3.11.9")),
        ({"podTemplate": {}}, Environment("new", "python3", "3.11.9")),
    ],
)
def test_a_function_runs_in(fields: dict[str, Any], expected: Environment) -> None:
    definition = MlJobDefinitionSpec.model_validate({"function": "package.fit"} | fields)
    assert resolve_environment(definition, CONFIG) == expected


def test_a_command_has_no_interpreter() -> None:
    definition = MlJobDefinitionSpec.model_validate({"command": ["/bin/tool"], "image": "tool"})
    assert resolve_environment(definition, CONFIG) == Environment("tool", None)


def test_an_unknown_version_is_refused_with_what_there_is() -> None:
    definition = MlJobDefinitionSpec.model_validate({"function": "a.b", "python": {"version": "3.12"}})
    assert resolve_environment(definition, CONFIG) == Refusal(
        "UnknownPythonVersion",
        "spec.python.version: no image is configured for Python '3.12'; there is 3.8, 3.11.2, 3.11.9, 3.13. "
        "Choose one of them or set spec.image.",
    )


@pytest.mark.parametrize(
    ("requirements", "shown"),
    [
        (["numpy==2.1"], "found numpy==2.1; "),
        (["a", "b", "c"], "found a, b, c; "),
        (["a", "b", "c", "d", "e"], "found a, b, c and 2 more; "),
    ],
)
def test_requirements_are_refused_with_what_to_do(requirements: list[str], shown: str) -> None:
    definition = MlJobDefinitionSpec.model_validate(
        {"function": "a.b", "image": "mine", "python": {"requirements": requirements}}
    )
    refusal = resolve_environment(definition, CONFIG)
    assert isinstance(refusal, Refusal)
    assert refusal.reason == "RequirementsUnsupported"
    assert refusal.message.startswith(f"spec.python.requirements: {shown}")
    assert "set spec.image" in refusal.message
