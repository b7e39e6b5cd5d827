"""Tokens of params: equal exactly when Python calls the values equal."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mljob.store.params_index import token_of, tokens_of_search, tokens_of_text

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=6,
)


@given(VALUES, VALUES)
def test_tokens_are_equal_when_values_are(first: object, second: object) -> None:
    assert (token_of("k", first) == token_of("k", second)) == (first == second)


@given(VALUES)
def test_a_value_has_one_token_before_and_after_json(value: object) -> None:
    assert tokens_of_text(json.dumps({"k": value})) == {token_of("k", value)}


@pytest.mark.parametrize(
    ("first", "second", "equal"),
    [
        (1, 1.0, True),
        (1, True, True),
        (0, -0.0, True),
        (2**53 + 1, float(2**53), False),
        (1e300, int(1e300), True),
        ([1, {"a": 0.0}], [True, {"a": False}], True),
        ("1", 1, False),
        (None, False, False),
        ([], {}, False),
        (float("inf"), float("inf"), True),
    ],
)
def test_the_corners_of_equality(first: object, second: object, equal: bool) -> None:
    assert (token_of("k", first) == token_of("k", second)) is equal


def test_a_token_is_of_the_name_as_much_as_of_the_value() -> None:
    assert token_of("a", 1) != token_of("b", 1)


def test_tokens_fit_into_a_signed_bigint() -> None:
    tokens = [token_of(str(number), number) for number in range(1000)]
    assert all(token is not None and -(2**63) <= token < 2**63 for token in tokens)
    assert any(token is not None and token < 0 for token in tokens)


def test_tokens_do_not_change_between_versions() -> None:
    """They are stored: another way to compute them would need a migration."""
    assert tokens_of_text('{"lr": 0.1}') == {TOKEN_OF_LR}


TOKEN_OF_LR = -578808320040636982


@pytest.mark.parametrize(
    "text", ["", "nonsense", "[1]", "1", "null", "[" * 100_000, '{"n": ' + "9" * 5000 + "}", '{"n": NaN}']
)
def test_a_text_that_nothing_can_equal_has_no_tokens(text: str) -> None:
    assert tokens_of_text(text) == frozenset()


@pytest.mark.parametrize("value", [float("nan"), [1, {"x": float("nan")}], object(), [10**5000]])
def test_a_search_for_what_json_cannot_say_or_equal_finds_nothing(value: object) -> None:
    assert tokens_of_search({"fine": 1, "odd": value}) is None
