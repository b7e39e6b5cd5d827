"""What is wrong with the fields a caller sent, in our own words: the validator's are for those who know it.

Pure; the one place that knows the validator's error types. MLflow's routes keep the validator's texts.
"""

import difflib
from collections.abc import Iterable, Mapping, Sequence, Sized
from typing import Any, get_args, get_type_hints

from pydantic import BaseModel
from typing_extensions import is_typeddict

from mljob.api.common import DNS_SUBDOMAIN, LABEL_VALUE

MAX_SHOWN_CHARS = 80
"""Of a value that was sent; the caller knows the rest."""

_PATTERNS = {
    LABEL_VALUE: "letters, digits, '-', '_' and '.', beginning and ending with a letter or digit",
    DNS_SUBDOMAIN: "lower-case letters, digits, '-' and '.', beginning and ending with a letter or digit",
}
_TEXT = "a string"
_WHOLE = "a whole number"
_NUMBER = "a number"
_TRUTH = "true or false"
_LIST = "an array"
_OBJECT = "a JSON object"
_MOMENT = "a time with its zone as RFC 3339 writes it, such as 2026-01-31T12:00:00Z"
_EXPECTED = {
    "string_type": _TEXT,
    "string_unicode": "text: it holds half of a surrogate pair",
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_parsing_size": "a whole number of fewer digits",
    "int_from_float": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": "a finite number",
    "bool_type": _TRUTH,
    "bool_parsing": _TRUTH,
    "list_type": _LIST,
    "tuple_type": _LIST,
    "dict_type": _OBJECT,
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
    "datetime_type": _MOMENT,
    "datetime_parsing": _MOMENT,
    "datetime_from_date_parsing": _MOMENT,
    "timezone_aware": _MOMENT,
}
_BOUNDS = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}
_SIZES = {
    "string_too_short": ("min_length", "at least", "characters"),
    "string_too_long": ("max_length", "at most", "characters"),
    "too_short": ("min_length", "at least", "entries"),
    "too_long": ("max_length", "at most", "entries"),
}


def described(errors: Iterable[Mapping[str, Any]], model: object, skip: int = 0) -> list[dict[str, str]]:
    """Each of pydantic's errors as {field, message}. `model` (or a type that holds one) is what was read;
    the first `skip` parts of an error's place lie above it."""
    return [
        {"field": field_path(place := error["loc"][skip:]), "message": _message(error, place, model)}
        for error in errors
    ]


def did_you_mean(given: str, known: Sequence[str], *, is_one_of_many: bool = False) -> str:
    """` Did you mean 'x'?`, or nothing where no name resembles the one that was given."""
    by_lower = {name.lower(): name for name in known}
    alike = difflib.get_close_matches(given.lower(), list(by_lower), n=1)
    instead = f" instead of {given!r}" if is_one_of_many else ""
    return f" Did you mean {by_lower[alike[0]]!r}{instead}?" if alike else ""


def field_path(place: Sequence[str | int]) -> str:
    """`("params", 0)` as `params[0]`."""
    path = ""
    for part in place:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path


def _message(error: Mapping[str, Any], place: Sequence[str | int], model: object) -> str:
    kind, found = error["type"], error.get("input")
    context = error.get("ctx") or {}
    if kind == "extra_forbidden":
        return _unknown(str(place[-1]), _fields_at(model, place[:-1]))
    if kind == "missing":
        return "required, but missing." if place else f"nothing found, expected {_OBJECT}."
    if kind == "json_invalid":
        return f"not JSON: {context.get('error', error['msg'])}."
    if kind == "value_error":
        return f"{error['msg'].removeprefix('Value error, ')}."
    if kind in _SIZES:
        return _size(kind, found, context)
    expected = _expected(kind, context)
    return f"{error['msg']}." if expected is None else f"found {_shown(found)}, expected {expected}."


def _expected(kind: str, context: Mapping[str, Any]) -> str | None:
    """None: the rule's own text says it, as those of the resource do."""
    if kind in _BOUNDS:
        bound, words = _BOUNDS[kind]
        return f"{words} {context[bound]}"
    if kind == "string_pattern_mismatch":
        pattern = context["pattern"]
        return _PATTERNS.get(pattern, f"text that matches {pattern}")
    if kind in ("enum", "literal_error"):
        return str(context["expected"])
    return _EXPECTED.get(kind)


def _size(kind: str, found: object, context: Mapping[str, Any]) -> str:
    bound, words, unit = _SIZES[kind]
    length = context.get("actual_length") or len(found if isinstance(found, Sized) else ())
    return f"found {length} {unit}, expected {words} {context[bound]}."


def _unknown(name: str, known: Sequence[str]) -> str:
    if not known:
        return "unknown field: remove it."
    return f"unknown field.{did_you_mean(name, known)} Known fields: {', '.join(known)}."


def _shown(value: object) -> str:
    """A scalar as JSON has it; of what is larger only what it is."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list | tuple):
        return "an array"
    text = repr(value)
    return text if len(text) <= MAX_SHOWN_CHARS else f"{text[:MAX_SHOWN_CHARS]}..."


def _fields_at(annotation: object, place: Sequence[str | int]) -> list[str]:
    """Names, as callers write them, of the fields of the object at `place`; none where any name may stand."""
    fields = _fields_in(annotation)
    for part in place:
        # An index leads to an item of the same type.
        if isinstance(part, str):
            fields = _fields_in(fields.get(part))
    return list(fields)


def _fields_in(annotation: object) -> dict[str, object]:
    """Name to type, of the model or TypedDict in `Model | None`, `tuple[Model, ...]` and the like."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {field.alias or name: field.annotation for name, field in annotation.model_fields.items()}
    if is_typeddict(annotation):
        return dict(get_type_hints(annotation))
    return next((fields for part in get_args(annotation) if (fields := _fields_in(part))), {})
