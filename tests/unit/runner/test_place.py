"""Where in a result the value is that JSON cannot carry, and what to return instead."""

from __future__ import annotations

import datetime
import decimal
import pathlib
from typing import Any

import pytest
from mljob.runner.pod.failure import returned
from mljob.runner.pod.place import STEP_LIMIT, advice


class Float32:
    """As numpy's scalars: no float, with methods to become one."""

    def tolist(self) -> float:
        raise AssertionError("nothing of the value is called")


class Touchy:
    def __getattr__(self, name: str) -> Any:
        raise ZeroDivisionError(name)

    def __repr__(self) -> str:
        raise ZeroDivisionError("repr")

    __hash__ = object.__hash__


class Hostile(dict):  # type: ignore[type-arg]
    def items(self) -> Any:
        raise ZeroDivisionError("while being walked")


def circular() -> dict[str, Any]:
    value: dict[str, Any] = {"a": 1}
    value["children"] = [{"parent": value}]
    return value


def nested(depth: int, innermost: object) -> list[Any]:
    value: Any = innermost
    for _ in range(depth):
        value = [value]
    return [value]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (
            {"metrics": {"acc": 1, "loss": Float32()}},
            ["At ['metrics']['loss']: ", "Float32. ", "float(x)", "tolist()"],
        ),
        ([1, (2, {3: {1}})], ["At [1][1][3]: builtins.set. ", "list(x)"]),
        ({1}, ["It is builtins.set. "]),
        ({"at": datetime.date(2026, 1, 1)}, ["At ['at']: datetime.date. ", "x.isoformat()"]),
        ({"path": pathlib.PurePosixPath("a")}, ["At ['path']: ", "str(x)"]),
        ({"raw": b"x"}, ["builtins.bytes", "x.decode()"]),
        ({"price": decimal.Decimal(1)}, ["decimal.Decimal", "float(x)"]),
        ({"model": object()}, ["At ['model']: builtins.object. ", "the path of a file"]),
        ([1.0, float("-inf")], ["At [1]: the number -inf. ", "None or text"]),
        ({"a": {(1, 2): 3}}, ["At ['a'][(1, 2)]: a key of class builtins.tuple. ", "str(key)"]),
        (circular(), ["At ['children'][0]['parent']: a reference to what contains it. "]),
        (["\ud800"], ["At [0]: half of a surrogate pair"]),
        ({"x": Touchy()}, ["At ['x']: ", "Touchy. "]),
        ({"k" * 10_000: object()}, ["At ['" + "k" * 40 + "'...]: "]),
        (nested(20_000, object()), ["At [0][0][0][0]...[0][0][0][0]: builtins.object"]),
    ],
)
def test_place_and_what_to_return(value: Any, words: list[str]) -> None:
    text = advice(value) or ""
    assert not [word for word in words if word not in text], text
    assert len(text) < 300


@pytest.mark.parametrize(
    "value",
    [
        None,
        {"a": [1, 2.5, "x", None, True]},
        [[], {}, ()],
        nested(100_000, 1),
        Hostile(a=1),
        [{Touchy(): 1}],
        [[0] * (STEP_LIMIT + 1), object()],
    ],
)
def test_nothing_found_is_nothing_said(value: Any) -> None:
    assert advice(value) is None


def test_shared_value_is_no_circle() -> None:
    shared = [1]
    assert advice([shared, shared, {"a": shared}]) is None


def test_report_keeps_its_error_and_adds_the_place_to_the_note() -> None:
    report = returned({"metrics": {"loss": Float32()}}, 3000)
    assert report.reason == "ResultNotSerializable"
    assert report.error == "TypeError('Object of type Float32 is not JSON serializable')"
    note = report.note or ""
    assert note.startswith(
        "The function returned builtins.dict, which JSON cannot carry as it is. At ['metrics']"
    )
    assert len(note.encode()) <= 400
