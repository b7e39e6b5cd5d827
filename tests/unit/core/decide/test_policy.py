"""What an attempt was started under travels with it, and whatever else stands there is not believed."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mljob.core.policy import AttemptPolicy

from tests.unit.core.decide.strategies import policies

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
fields = st.sampled_from(list(json.loads(AttemptPolicy().to_json())))


@given(policies)
def test_a_policy_survives_its_annotation(policy: AttemptPolicy) -> None:
    assert AttemptPolicy.from_json(policy.to_json()) == policy


@pytest.mark.parametrize("text", [None, "", "{", "[]", "null", "[" * 50_000])
def test_no_policy_is_the_default_one(text: str | None) -> None:
    assert AttemptPolicy.from_json(text) == AttemptPolicy()


@pytest.mark.parametrize(
    "field",
    [
        {"timeout_seconds": "soon"}, {"max_retries": True}, {"max_delay_seconds": 10**30},
        {"base_delay_seconds": -1}, {"exit_codes": 75}, {"exit_codes": ["75"]}, {"function": 5},
        {"definition_uid": None}, {"unknown": 1},
    ],
)  # fmt: skip
def test_a_field_that_is_impossible_is_the_default(field: dict[str, object]) -> None:
    known = {"function": "m.f"} | field
    expected = AttemptPolicy(function="m.f" if "function" not in field else None)
    assert AttemptPolicy.from_json(json.dumps(known)) == expected


@given(st.dictionaries(fields, json_values) | json_values)
def test_no_annotation_raises(value: object) -> None:
    policy = AttemptPolicy.from_json(json.dumps(value))
    assert AttemptPolicy.from_json(policy.to_json()) == policy
