"""How one part of a pod template is laid upon another. Decides nothing about what the parts say."""

from collections.abc import Mapping
from typing import Any

# Fields of core/v1 by name: in what a definition may write they mean the same wherever they stand.
_MERGED_BY_KEY = {"containers": "name", "initContainers": "name"}
_REPLACED_BY_KEY = {
    # An entry is replaced whole: half of a `value` and half of a `valueFrom`, or of two kinds of volume,
    # is an entry that the API server refuses.
    "claims": "name",
    "env": "name",
    "imagePullSecrets": "name",
    "volumeMounts": "mountPath",
    "volumes": "name",
}
_APPENDED = frozenset({"envFrom", "tolerations"})


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` laid upon `base`: objects merge field by field, lists as above, everything else is replaced.

    A null in `over` says nothing. Laying the same part on twice changes nothing.
    """
    merged = dict(base)
    for field, value in over.items():
        if value is not None:
            merged[field] = _merge_field(field, base.get(field), value)
    return merged


def _merge_field(field: str, old: Any, new: Any) -> Any:  # noqa: ANN401 (JSON)
    if isinstance(new, Mapping):
        return merge(old if isinstance(old, Mapping) else {}, new)
    if not isinstance(old, list) or not isinstance(new, list):
        return new
    if field in _APPENDED:
        return [*old, *(item for item in new if item not in old)]
    if field in _MERGED_BY_KEY:
        return _by_key(_MERGED_BY_KEY[field], old, new, whole=False)
    if field in _REPLACED_BY_KEY:
        return _by_key(_REPLACED_BY_KEY[field], old, new, whole=True)
    return new


def _by_key(key: str, old: list[Any], new: list[Any], *, whole: bool) -> list[Any]:
    """Entries of `old` keep their places; what `new` adds comes after them."""
    result = list(old)
    for entry in new:
        place = next((i for i, existing in enumerate(result) if existing[key] == entry[key]), None)
        if place is None:
            result.append(entry)
        else:
            result[place] = entry if whole else merge(result[place], entry)
    return result


def without_nulls(value: Any) -> Any:  # noqa: ANN401 (JSON)
    """A copy in which no object holds a null: to the API server both say the same."""
    if isinstance(value, Mapping):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [without_nulls(item) for item in value]
    return value
