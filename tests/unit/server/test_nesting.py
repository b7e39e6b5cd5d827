"""Depth of JSON, told without recursion."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mljob.server.nesting import MAX_DEPTH, depth


@pytest.mark.parametrize("levels", [MAX_DEPTH + 1, 500, 100_000])
def test_depth_of_nested_lists_and_objects(levels: int) -> None:
    assert depth(b"[" * levels + b"]" * levels) == levels
    assert depth(b'{"a":' * levels + b"1" + b"}" * levels) == levels


def test_brackets_in_strings_do_not_count() -> None:
    texts = ["[" * 500, '"[' * 300, "\\" * 50 + '"[{' * 100]
    assert depth(json.dumps(texts).encode()) <= 1


def test_many_siblings_are_not_deep() -> None:
    assert depth(json.dumps([[]] * 1000).encode()) == 2


@given(st.binary(max_size=500))
def test_any_bytes_have_some_depth(text: bytes) -> None:
    assert isinstance(depth(text * 3), int)


@given(st.recursive(st.none(), lambda inner: st.lists(inner, max_size=3), max_leaves=200))
def test_depth_is_never_told_too_low(value: Any) -> None:
    def levels(item: Any) -> int:
        return 1 + max(map(levels, item), default=0) if isinstance(item, list) else 0

    found = depth(json.dumps(value).encode())
    assert found in (0, levels(value))
    assert found or levels(value) <= MAX_DEPTH
