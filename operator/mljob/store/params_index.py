"""Turns params into tokens: what `job_params` holds, and what a search for params looks up.

Two values have one token exactly when Python calls them equal after `json.loads`, as MLflow compares them:
`1 == 1.0 == True`, `[1] == [1.0]`, and NaN equals nothing.
"""

import json
from collections.abc import Mapping
from hashlib import blake2b


def tokens_of_text(params: str) -> frozenset[int]:
    """Of a job's params text. None of a text that is no JSON object, or that Python cannot read: such a job
    is stored all the same, and no search for params finds it."""
    try:
        values = json.loads(params)
    except (ValueError, RecursionError):
        return frozenset()
    if not isinstance(values, dict):
        return frozenset()
    try:
        return frozenset(token for token in map(token_of, values, values.values()) if token is not None)
    except RecursionError:
        return frozenset()


def tokens_of_search(params: Mapping[str, object]) -> frozenset[int] | None:
    """Tokens that a job must all have. None: nothing can equal these values (NaN, or not JSON at all)."""
    tokens = set()
    for key, value in params.items():
        try:
            token = token_of(key, value)
        except (TypeError, ValueError, RecursionError):
            return None
        if token is None:
            return None
        tokens.add(token)
    return frozenset(tokens)


def token_of(key: str, value: object) -> int | None:
    """64 bits of a hash, signed as SQL's BIGINT is. None when the value holds NaN."""
    canonical = _canonical(value)
    if canonical is _NAN:
        return None
    text = _to_json([key, canonical]).encode("ascii")
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big", signed=True)


_NAN = object()
# json.dumps would make an encoder at each call: half the time of a token.
_to_json = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


def _canonical(value: object) -> object:
    """The same for all that are equal. Python compares int and float exactly: int(float) stands for both."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, float):
        if value != value:  # noqa: PLR0124 - the definition of NaN
            return _NAN
        return int(value) if value.is_integer() else value
    if isinstance(value, list | tuple):
        items = [_canonical(item) for item in value]
        return _NAN if _NAN in items else items
    if isinstance(value, dict):
        entries = {key: _canonical(item) for key, item in value.items()}
        return _NAN if _NAN in entries.values() else entries
    return value
