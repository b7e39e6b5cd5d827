"""Functions, params, and what is required of them, without a process around."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from mljob.runner.pod.load import (
    InvalidParams,
    LoadFailed,
    MissingParams,
    check_params,
    load_function,
    read_params,
)


def _plain(x: int, y: int, sleep_secs: float = 0) -> None: ...


def _keyword_only(*, key: int) -> None: ...


def _anything(*args: int, **kwargs: int) -> None: ...


class _Callable:
    def __call__(self, x: int) -> None: ...


@pytest.mark.parametrize(
    ("function", "params", "text"),
    [
        (
            _plain,
            {"x": 1},
            (
                "Missing required parameters for function '_plain': ['y']. "
                "Expected parameters: ['x', 'y', 'sleep_secs']"
            ),
        ),
        (_plain, {}, "Missing required parameters for function '_plain': ['x', 'y']. "),
        (_keyword_only, {"other": 1}, "Missing required parameters for function '_keyword_only': ['key']. "),
        (_Callable(), {}, "Missing required parameters for function '_Callable': ['x']. "),
    ],
)
def test_missing_params_are_listed_in_signature_order(
    function: Any, params: dict[str, Any], text: str
) -> None:
    with pytest.raises(MissingParams) as caught:
        check_params(function, params)
    assert str(caught.value).startswith(text)


@pytest.mark.parametrize(
    ("function", "params"),
    [
        (_plain, {"x": 1, "y": None}),
        (_plain, {"x": 1, "y": 2, "z": 3}),
        (_anything, {}),
        (max, {}),
        (dict, {}),
    ],
)
def test_nothing_is_missing(function: Any, params: dict[str, Any]) -> None:
    check_params(function, params)


def test_functions_of_submodules_are_found() -> None:
    import os.path

    assert load_function("os.path.join") is os.path.join


@pytest.mark.parametrize("name", ["", "f", ".f", "m.", "a..f"])
def test_names_of_another_form_are_refused(name: str) -> None:
    with pytest.raises(LoadFailed, match=r"^Invalid function fullname format: "):
        load_function(name)


def test_what_is_not_callable_is_no_function() -> None:
    with pytest.raises(LoadFailed, match=r"^Function not found in module for 'os\.sep': it is a str$"):
        load_function("os.sep")


@pytest.mark.parametrize("content", [None, b"\xff", b"[" * 100_000])
def test_params_that_cannot_be_read_name_the_file(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "params.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InvalidParams, match=r"params\.json cannot be read as JSON"):
        read_params(str(path))
