"""Params and timeouts as callers send them."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mljob.server.params import check_texts, exact_text, fitting, whole_seconds
from mljob.server.problems import InvalidFields, InvalidOption, InvalidParams

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


def has_odd_number(value: Any) -> bool:
    if isinstance(value, float):
        return not math.isfinite(value)
    if isinstance(value, dict):
        return any(map(has_odd_number, value.values()))
    return isinstance(value, list) and any(map(has_odd_number, value))


@given(st.dictionaries(st.text(max_size=8), JSON, max_size=5))
def test_text_is_that_of_json_dumps_or_the_odd_number_is_named(params: dict[str, Any]) -> None:
    if has_odd_number(params):
        with pytest.raises(InvalidParams, match=r"(?s)params\..* is (nan|inf|-inf)"):
            exact_text(params)
    else:
        assert exact_text(params) == json.dumps(params)


def test_size_is_counted_in_bytes_of_utf8() -> None:
    assert fitting("ü" * 65_536)
    with pytest.raises(InvalidParams, match="131074 bytes of JSON, at most 131072"):
        fitting("ü" * 65_537)


@pytest.mark.parametrize(
    ("timeout", "seconds"), [(None, None), (1, 1), (0.1, 1), (1.5, 2), (2.0, 2), (315_360_000.0, 315_360_000)]
)
def test_timeout_is_rounded_up(timeout: float | None, seconds: int | None) -> None:
    assert whole_seconds(timeout) == seconds


@pytest.mark.parametrize("timeout", [0, -1, -0.0, math.nan, math.inf, -math.inf, 315_360_001, 1e308])
def test_timeout_that_is_none_is_refused(timeout: float) -> None:
    with pytest.raises(InvalidOption, match="expected a number of seconds greater than 0"):
        whole_seconds(timeout)


@pytest.mark.parametrize("levels", [100, 101, 911, 60_000])
def test_text_that_a_reader_may_not_be_able_to_read_is_refused(levels: int) -> None:
    """The object itself is a level."""
    text = '{"x": ' + "[" * (levels - 1) + "]" * (levels - 1) + "}"
    if levels <= 100:
        assert fitting(text) == text
    else:
        with pytest.raises(InvalidParams, match="more than 100 levels deep"):
            fitting(text)


def test_text_that_is_none_is_named_wherever_it_is() -> None:
    check_texts({"a": "\N{PILE OF POO}", "b": [1, None, {"c": True}]})
    with pytest.raises(InvalidFields) as caught:
        check_texts({"a": {"k": ["x", {"v": "\ud800"}]}, "b": ({"\udfff": 1},), "c": "x"})
    assert [line.partition(": not text")[0] for line in caught.value.detail.split("; ")] == [
        "a.k[1].v",
        "b[0].\udfff",
    ]
