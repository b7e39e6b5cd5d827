"""Params and timeouts as callers send them: what JSON or the resource cannot carry is refused here."""

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from mljob.api.common import MAX_SECONDS
from mljob.api.job import MAX_PARAMS_BYTES
from mljob.server.nesting import MAX_DEPTH, depth
from mljob.server.problems import InvalidFields, InvalidOption, InvalidParams


def exact_text(params: Mapping[str, Any]) -> str:
    """The text attempts get, as `json.dumps` writes it by default. Raises InvalidParams, with the key."""
    try:
        return fitting(json.dumps(params, allow_nan=False))
    except ValueError:
        places = [f"{place} is {value}" for place, value in _not_finite(params, "params")]
        raise InvalidParams(
            f"{', '.join(places) or 'params'}: JSON has no such number. Expected finite numbers only."
        ) from None


def fitting(text: str) -> str:
    """The text, if it fits into an object, and every reader can read it. Raises InvalidParams."""
    encoded = text.encode("utf-8", "surrogatepass")
    size = len(encoded)
    if size > MAX_PARAMS_BYTES:
        raise InvalidParams(
            f"params are {size} bytes of JSON, at most {MAX_PARAMS_BYTES} (128 KiB) fit: "
            "pass a URI to larger data."
        )
    if depth(encoded) > MAX_DEPTH:
        raise InvalidParams(f"params are nested more than {MAX_DEPTH} levels deep.")
    return text


def check_texts(fields: Mapping[str, Any]) -> None:
    """Raises InvalidFields, naming those whose text is none: half of a surrogate pair, which JSON can write
    and an object cannot hold."""
    places = [place for name, value in fields.items() for place in _no_texts(value, name)]
    if places:
        message = "not text: it holds half of a surrogate pair"
        raise InvalidFields([{"field": place, "message": message} for place in places])


def whole_seconds(timeout: float | None, field: str = "timeout") -> int | None:
    """Rounded up: a job may run at least as long as it was given. None: no limit. Raises InvalidOption."""
    if timeout is None:
        return None
    if not math.isfinite(timeout) or timeout <= 0 or timeout > MAX_SECONDS:
        raise InvalidOption(
            f"{field} is {timeout!r}: expected a number of seconds greater than 0 and at most {MAX_SECONDS}, "
            "or null for no limit."
        )
    return math.ceil(timeout)


def _no_texts(value: object, place: str) -> Iterator[str]:
    if isinstance(value, str):
        if not _is_text(value):
            yield place
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if not _is_text(key):
                yield f"{place}.{key}"
            yield from _no_texts(item, f"{place}.{key}")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _no_texts(item, f"{place}[{index}]")


def _is_text(value: str) -> bool:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _not_finite(value: object, place: str) -> Iterator[tuple[str, float]]:
    """Depth is bounded by the gate."""
    if isinstance(value, float) and not math.isfinite(value):
        yield place, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _not_finite(item, f"{place}.{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _not_finite(item, f"{place}[{index}]")
