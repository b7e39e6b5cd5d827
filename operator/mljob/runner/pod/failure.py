"""From what the function raised, or returned, to a report: is it transient, and what is said about it.

Decides by class identity, as MLflow does: a subclass of a class declared transient is not retried.
"""

from __future__ import annotations

import builtins
import importlib
import json
import os
import sys
import traceback
from types import TracebackType
from typing import Iterable

from .load import InvalidParams, LoadFailed, MissingParams
from .place import advice
from .report import FAILED, SUCCEEDED, TRANSIENT, Report, result_too_large

# More than a report can hold, and little enough to be cut quickly.
ERROR_LIMIT_CHARS = 16_384
TRACEBACK_LIMIT_CHARS = 16_384

_HERE = os.path.dirname(os.path.abspath(__file__))
_IMPORTLIB = os.path.dirname(os.path.abspath(importlib.__file__))


def returned(value: object, limit_bytes: int) -> Report:
    """The report of a function that returned: MLflow's JSON text, or why there is none."""
    try:
        text = json.dumps(value, allow_nan=False)
        if len(text) <= limit_bytes:
            # Escaped, a lone surrogate is JSON for some readers and an error in all that write UTF-8.
            json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except Exception as error:  # noqa: BLE001 - also what the value's own methods raise while they are walked
        return Report(
            FAILED,
            "ResultNotSerializable",
            error=error_text(error),
            error_class=class_name(type(error)),
            note=_not_serializable(value),
        )
    if len(text) > limit_bytes:
        return result_too_large(len(text), limit_bytes)
    return Report(SUCCEEDED, result=text)


def _not_serializable(value: object) -> str:
    text = f"The function returned {class_name(type(value))}, which JSON cannot carry as it is."
    where = advice(value)
    return f"{text} {where}" if where else text


def raised(error: BaseException, transient_names: Iterable[str]) -> Report:
    """The report of a function that raised."""
    if isinstance(error, (LoadFailed, InvalidParams, MissingParams)):
        return _not_started(error)
    origin = _transient_origin(error)
    if origin is not None:
        return _described(origin, TRANSIENT, trace_of=error)
    declared, note = _is_declared(type(error), transient_names)
    return _described(error, TRANSIENT if declared else FAILED, trace_of=error)._replace(note=note)


def _described(error: object, outcome: str, trace_of: BaseException) -> Report:
    return Report(
        outcome,
        "Error",
        error=error_text(error),
        error_class=class_name(type(error)),
        traceback=traceback_text(trace_of)[-TRACEBACK_LIMIT_CHARS:],
    )


def _not_started(error: Exception) -> Report:
    cause = error.__cause__
    return Report(
        FAILED,
        type(error).__name__,
        error=str(error)[:ERROR_LIMIT_CHARS],
        error_class=None if cause is None else class_name(type(cause)),
        traceback=None if cause is None else traceback_text(cause)[-TRACEBACK_LIMIT_CHARS:],
    )


def _transient_origin(error: BaseException) -> object | None:
    """What a TransientError wraps. Whoever raised one has imported `mljob`: the SDK or the built-in one."""
    transient_error = getattr(sys.modules.get("mljob"), "TransientError", None)
    if not (isinstance(transient_error, type) and isinstance(error, transient_error)):
        return None
    # A subclass may not have called __init__.
    origin = getattr(error, "origin_error", None)
    return error if origin is None else origin


def _is_declared(raised_class: type, names: Iterable[str]) -> tuple[bool, str | None]:
    """Whether one of `names` is this very class; the note tells which names could not be imported."""
    unknown = []
    for name in names:
        found, problem = _look_up(name)
        if problem is not None:
            unknown.append(f"{name} ({problem})")
        if found is raised_class or (problem is not None and name == class_name(raised_class)):
            return True, _compared_by_name(unknown)
    return False, _compared_by_name(unknown)


def _compared_by_name(unknown: list[str]) -> str | None:
    if not unknown:
        return None
    return f"Transient errors compared by name, for they cannot be imported: {', '.join(unknown)}"


def _look_up(name: str) -> tuple[object, str | None]:
    """What a dotted name stands for, or why it cannot be had."""
    try:
        return _import_object(name), None
    except Exception as error:  # noqa: BLE001 - importing runs the user's code
        return None, error_text(error)


def _import_object(name: str) -> object:
    """The object of a dotted name, which may lie inside a class; a bare name is a builtin."""
    parts = name.split(".")
    if len(parts) == 1:
        return getattr(builtins, name)
    for length in range(len(parts) - 1, 0, -1):
        module_name = ".".join(parts[:length])
        try:
            found: object = importlib.import_module(module_name)
        except ModuleNotFoundError as error:
            # Absent, or not a module but a class: one part less. Present and broken: the caller notes it.
            if length == 1 or not f"{module_name}.".startswith(f"{error.name}."):
                raise
            continue
        for attribute in parts[length:]:
            found = getattr(found, attribute)
        return found
    raise ModuleNotFoundError(name)


def class_name(of: type) -> str:
    return f"{of.__module__}.{of.__qualname__}"


def error_text(error: object) -> str:
    """`repr`, cut; an error whose own repr fails is named by its class."""
    try:
        return repr(error)[:ERROR_LIMIT_CHARS]
    except Exception as failure:  # noqa: BLE001 - a __repr__ of the user's may raise anything
        return f"<{class_name(type(error))} whose repr raised {class_name(type(failure))}>"


def traceback_text(error: BaseException) -> str:
    """The traceback as Python prints it, without the runner's and the import system's frames above it."""
    try:
        return "".join(traceback.format_exception(type(error), error, _own_frames(error.__traceback__)))
    except Exception as failure:  # noqa: BLE001 - formatting calls the user's __str__, and recurses along the causes
        return f"<traceback of {class_name(type(error))} cannot be formatted: {class_name(type(failure))}>\n"


def _own_frames(trace: TracebackType | None) -> TracebackType | None:
    while trace is not None and _is_machinery(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    return trace


def _is_machinery(filename: str) -> bool:
    return filename.startswith("<frozen importlib") or os.path.dirname(filename) in (_HERE, _IMPORTLIB)
