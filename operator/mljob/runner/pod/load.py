"""Finds the job's function, and reads the params it is called with.

The texts are those that MLflow's `load_function` and `submit_job` give; where a cause is known it follows.
"""

from __future__ import annotations

import importlib
import inspect
import json
from typing import Any, Callable, NoReturn


class LoadFailed(Exception):
    """The function cannot be had; `__cause__` is what its module raised, where it raised."""


class InvalidParams(Exception):
    """The params file cannot be read as one JSON object."""


class MissingParams(Exception):
    """The function requires params that were not given."""


def load_function(fullname: str) -> Callable[..., object]:
    """Import `package.module.function`. Raises LoadFailed; what leaves the process (SystemExit) passes."""
    parts = fullname.split(".")
    if len(parts) < 2 or not all(parts):
        raise LoadFailed(f"Invalid function fullname format: {fullname}")
    module_name, name = ".".join(parts[:-1]), parts[-1]
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise LoadFailed(_not_found(fullname, module_name, error)) from error
    except Exception as error:  # importing runs the user's code: anything may come out of it
        raise LoadFailed(f"Module cannot be imported for function '{fullname}': {error!r}") from error
    try:
        function = getattr(module, name)
    except AttributeError as error:
        raise LoadFailed(f"Function not found in module for '{fullname}'") from error
    if not callable(function):
        raise LoadFailed(f"Function not found in module for '{fullname}': it is a {type(function).__name__}")
    return function  # type: ignore[no-any-return]


def _not_found(fullname: str, module_name: str, error: ModuleNotFoundError) -> str:
    text = f"Module not found for function '{fullname}'"
    missing = error.name or ""
    if missing and f"{module_name}.".startswith(f"{missing}."):
        return text
    return f"{text}: '{module_name}' needs a module that is not there: {error!r}"


def read_params(path: str) -> dict[str, Any]:
    """The params as Python's json reads their exact text. Raises InvalidParams."""
    try:
        with open(path, encoding="utf-8") as file:
            params = json.load(file, parse_constant=_refuse_constant)
    except (OSError, ValueError, RecursionError) as error:
        raise InvalidParams(f"The params file {path} cannot be read as JSON: {error!r}") from error
    if not isinstance(params, dict):
        raise InvalidParams(f"The params file {path} holds a {type(params).__name__}; expected a JSON object")
    return params


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def check_params(function: Callable[..., object], params: dict[str, Any]) -> None:
    """Raises MissingParams. Params that the function does not know are left to the call's TypeError."""
    try:
        expected = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return  # some builtins have no signature
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    missing = [
        name
        for name, parameter in expected.items()
        if parameter.default is inspect.Parameter.empty
        and parameter.kind not in variadic
        and name not in params
    ]
    if missing:
        called = getattr(function, "__name__", type(function).__name__)
        raise MissingParams(
            f"Missing required parameters for function '{called}': {missing}. "
            f"Expected parameters: {list(expected)}"
        )
