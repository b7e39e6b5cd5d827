"""Where in a result the value is that JSON cannot carry, and what to return instead.

Walks without recursion and without the value's own methods, a bounded number of steps; never raises.
"""

from __future__ import annotations

import math
from typing import Iterator, NamedTuple

STEP_LIMIT = 100_000
"""Of a walk, some 0.1 s: a larger result goes without the advice."""
KEY_LIMIT_CHARS = 40
PLACE_LIMIT_CHARS = 120

_OTHERWISE = "Return numbers, text, lists and dicts, or the path of a file."
# The first that the value's class has, or is.
_BY_METHOD = (
    ("tolist", "Return float(x) of one number, x.tolist() of an array, text, or the path of a file."),
    ("to_dict", "Return x.to_dict(), text, or the path of a file."),
    ("isoformat", "Return x.isoformat()."),
    ("decode", "Return text, x.decode(), or the path of a file."),
    ("__fspath__", "Return str(x)."),
    ("__float__", "Return float(x) or str(x)."),
    ("__next__", "Return list(x)."),
)


class _Level(NamedTuple):
    """A container that is being walked. `steps` yields its own keys and items."""

    container: object
    steps: Iterator[tuple[object, object]]


def advice(value: object) -> str | None:
    """`At ['metrics']['loss']: numpy.float32. Return ...`; None where nothing of the kind is found."""
    try:
        return _search(value)
    except Exception:  # noqa: BLE001 - a class of the user's may raise wherever it is touched
        return None


def _search(value: object) -> str | None:
    fault = _fault(value)
    if fault is not None:
        return _sentence("", fault)
    levels = [_Level(value, _steps(value))]
    keys: list[object] = [None]
    open_ids = {id(value)}
    for _ in range(STEP_LIMIT):
        try:
            key, item = next(levels[-1].steps)
        except StopIteration:
            open_ids.discard(id(levels.pop().container))
            keys.pop()
            if not levels:
                return None
            continue
        keys[-1] = key
        fault = _key_fault(key) or _fault(item)
        if fault is None and id(item) in open_ids:
            fault = ("a reference to what contains it", "Return a copy without it.")
        if fault is not None:
            return _sentence(_place(keys), fault)
        if isinstance(item, (dict, list, tuple)):
            levels.append(_Level(item, _steps(item)))
            keys.append(None)
            open_ids.add(id(item))
    return None


def _steps(value: object) -> Iterator[tuple[object, object]]:
    if isinstance(value, dict):
        return iter(dict.items(value))
    if isinstance(value, list):
        return iter(enumerate(list.__iter__(value)))
    if isinstance(value, tuple):
        return iter(enumerate(tuple.__iter__(value)))
    return iter(())


def _fault(value: object) -> tuple[str, str] | None:
    """What it is and what to return instead; None: JSON has it, or contains it."""
    if isinstance(value, float) and not math.isfinite(value):
        return f"the number {float.__repr__(value)}", "JSON has no such number: return None or text."
    if isinstance(value, str):
        return None if _is_text(value) else ("half of a surrogate pair", "Return whole characters.")
    if value is None or isinstance(value, (int, float, dict, list, tuple)):
        return None
    if isinstance(value, (set, frozenset)):
        return _name(value), "Return sorted(x) or list(x)."
    methods = (text for name, text in _BY_METHOD if hasattr(type(value), name))
    return _name(value), next(methods, _OTHERWISE)


def _key_fault(key: object) -> tuple[str, str] | None:
    if key is None or isinstance(key, (str, int, float)):
        return _fault(key)
    return f"a key of class {_name(key)}", "Use text as keys: str(key)."


def _is_text(value: str) -> bool:
    try:
        str.encode(value)
    except UnicodeEncodeError:
        return False
    return True


def _name(value: object) -> str:
    of = type(value)
    return f"{of.__module__}.{of.__qualname__}"


def _place(keys: list[object]) -> str:
    """`['metrics'][0]`; of a deep place both ends."""
    shown = [f"[{_shown(key)}]" for key in (keys if len(keys) <= 8 else [*keys[:4], *keys[-4:]])]
    if len(keys) > 8:
        shown.insert(4, "...")
    text = "".join(shown)
    return text if len(text) <= PLACE_LIMIT_CHARS else f"{text[:PLACE_LIMIT_CHARS]}..."


def _shown(key: object) -> str:
    # Cut before it is written: a key can be megabytes.
    if isinstance(key, str):
        return ascii(str(key[:KEY_LIMIT_CHARS])) + ("..." if len(key) > KEY_LIMIT_CHARS else "")
    return ascii(key)[:KEY_LIMIT_CHARS]


def _sentence(place: str, fault: tuple[str, str]) -> str:
    what, instead = fault
    return f"At {place}: {what}. {instead}" if place else f"It is {what}. {instead}"
