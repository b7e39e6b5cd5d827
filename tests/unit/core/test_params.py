"""Params before the run: exact text, what is missing in MLflow's words, keys of exclusive jobs."""

import json
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mljob.api.definition import MlJobDefinitionSpec
from mljob.api.job import MlJobSpec
from mljob.core.params import (
    UnreadableParams,
    check_params,
    exclusive_key,
    function_name,
    missing_params,
    missing_text,
    params_text,
    unknown_params,
    unknown_text,
)
from mljob.core.refusal import Refusal

DECLARED = [
    {"name": "x", "required": True},
    {"name": "y", "required": True},
    {"name": "sleep_secs"},
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(), JSON, max_size=4)


def a_function(params: Any = None, **fields: Any) -> MlJobDefinitionSpec:
    return MlJobDefinitionSpec.model_validate({"function": "pkg.jobs.fit", "params": params} | fields)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, "{}"),
        ({"paramsJSON": '{"x":1.0,  "y" : 1e3}'}, '{"x":1.0,  "y" : 1e3}'),
        ({"params": {"b": 1, "a": "é"}}, '{"b": 1, "a": "\\u00e9"}'),
    ],
)
def test_text_is_exact(fields: dict[str, Any], expected: str) -> None:
    assert params_text(MlJobSpec.model_validate({"jobName": "fit"} | fields)) == expected


@pytest.mark.parametrize(
    ("params", "text", "expected"),
    [
        (DECLARED, '{"x": 1, "y": 2}', None),
        (DECLARED, '{"x": null, "y": 0, "z": 1}', None),
        (
            DECLARED,
            '{"x": 1}',
            (
                "Missing required parameters for function 'fit': ['y']. "
                "Expected parameters: ['x', 'y', 'sleep_secs']"
            ),
        ),
        (
            DECLARED,
            '{"sleep_secs": 1}',
            (
                "Missing required parameters for function 'fit': ['x', 'y']. "
                "Expected parameters: ['x', 'y', 'sleep_secs']"
            ),
        ),
        (
            [
                {"name": "*args", "required": True},
                {"name": "y", "required": True},
                {"name": "**kwargs", "required": True},
            ],
            "{}",
            (
                "Missing required parameters for function 'fit': ['y']. "
                "Expected parameters: ['args', 'y', 'kwargs']"
            ),
        ),
        ([], "{}", None),
        (None, "{}", None),
    ],
)
def test_missing_params_are_told_in_order_of_the_signature(
    params: list[dict[str, Any]] | None, text: str, expected: str | None
) -> None:
    definition = a_function(params)
    display_name = function_name(definition, "fit_job")
    assert missing_params(definition, display_name, text) == expected
    assert missing_text(definition, display_name, list(json.loads(text))) == expected
    refusal = check_params(definition, "fit_job", text)
    assert refusal == (Refusal("MissingParams", expected) if expected else None)


def test_a_command_is_called_by_its_job_name() -> None:
    command = MlJobDefinitionSpec.model_validate(
        {"command": ["/bin/tool"], "params": [{"name": "x", "required": True}]}
    )
    refusal = check_params(command, "convert", "{}")
    assert refusal is not None
    assert refusal.message.startswith("Missing required parameters for function 'convert': ['x'].")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "not JSON: "),
        ("{", "not JSON: "),
        ('{"x": NaN}', "not JSON: NaN"),
        ('{"x": -Infinity}', "not JSON: -Infinity"),
        ("9" * 5000, "not JSON: "),
        ("[1]", "expected the text of a JSON object, found an array"),
        ('"x"', "expected the text of a JSON object, found a string"),
        ("null", "expected the text of a JSON object, found null"),
        ("true", "expected the text of a JSON object, found a boolean"),
        ("1.5", "expected the text of a JSON object, found a number"),
        ("[" * 100_000, "nested too deeply"),
        (json.dumps({"x": "é" * 70_000}, ensure_ascii=False), "found 140009 bytes of JSON, at most 131072"),
    ],
)
def test_text_that_cannot_be_used_names_the_field(text: str, fault: str) -> None:
    definition = a_function(DECLARED)
    expected = f"spec.params: {fault}"
    assert (missing_params(definition, "fit", text) or "").startswith(expected)
    refusal = check_params(definition, "fit", text)
    assert refusal is not None
    assert refusal.reason == "InvalidParams"
    assert refusal.message.startswith(expected)
    with pytest.raises(UnreadableParams):
        exclusive_key("fit", text, ["x"])


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"params": DECLARED}, ["b", "a"]),
        ({"params": DECLARED, "allowExtraParams": True}, []),
        ({"params": [*DECLARED, {"name": "**kwargs"}]}, []),
        ({"params": [*DECLARED, {"name": "*args"}]}, ["b", "a"]),
        ({"params": None}, []),
        ({"params": []}, ["x", "b", "a"]),
    ],
)
def test_unknown_params_are_those_nobody_declared(fields: dict[str, Any], expected: list[str]) -> None:
    definition = a_function(**fields)
    assert unknown_params(definition, '{"x": 1, "b": 2, "a": 3}') == expected
    names = [declaration["name"] for declaration in fields["params"] or ()]
    sentence = f"Unknown parameters: {expected}. Expected parameters: {names}."
    assert unknown_text(definition, ["x", "b", "a"]) == (sentence if expected else None)


def test_an_exclusive_key_of_all_params_is_of_their_exact_text() -> None:
    key = exclusive_key("fit", "{}", ())
    assert key == "fit:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    assert exclusive_key("fit", "{ }", ()) != key
    assert exclusive_key("other", "{}", ()) != key


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ('{"x": 1, "y": 2}', '{"y": 3, "x": 1}', True),
        ('{"x": {"a": 1, "b": 2}}', '{"x": {"b": 2, "a": 1}}', True),
        ('{"x": 1}', '{"x": 2}', False),
        ('{"x": 1}', '{"x": "1"}', False),
        ('{"x": null}', "{}", False),
    ],
)
def test_an_exclusive_key_of_chosen_params_is_of_their_values(one: str, other: str, same: bool) -> None:
    assert (exclusive_key("fit", one, ["x"]) == exclusive_key("fit", other, ["x"])) is same


def test_params_at_the_edge_of_the_stack_have_a_key_or_are_refused() -> None:
    refused = []
    for depth in range(sys.getrecursionlimit() - 300, sys.getrecursionlimit() + 10):
        text = f'{{"x": {"[" * depth}{"]" * depth}}}'
        try:
            exclusive_key("fit", text, ["x"])
        except UnreadableParams:
            refused.append(depth)
    assert refused


@given(params=OBJECTS, chosen=st.lists(st.text(), max_size=3))
def test_any_json_object_is_readable_and_its_key_bounded(params: dict[str, Any], chosen: list[str]) -> None:
    text = json.dumps(params)
    assert missing_params(a_function(), "fit", text) is None
    assert len(exclusive_key("fit", text, chosen)) == len("fit:") + 64
