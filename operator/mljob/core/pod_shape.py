"""Whether a podTemplate has the shapes that merging and its defaults rely on.

Only those: what Kubernetes itself can say about a field, a dry run says better.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from mljob.api.common import MAX_SECONDS

_TEXT, _OBJECT, _LIST = "text", "an object", "a list"
_TYPES: dict[str, type | tuple[type, ...]] = {_TEXT: str, _OBJECT: dict, _LIST: list}

_POD_FIELDS = {"securityContext": _OBJECT, "serviceAccountName": _TEXT, "tolerations": _LIST}
_POD_LISTS = {"volumes": "name", "imagePullSecrets": "name", "containers": "name", "initContainers": "name"}
_CONTAINER_FIELDS = {"image": _TEXT, "envFrom": _LIST, "resources": _OBJECT, "securityContext": _OBJECT}
_CONTAINER_LISTS = {"env": "name", "volumeMounts": "mountPath"}


def shape_problems(template: Mapping[str, Any]) -> Iterator[str]:
    """One sentence per field that is not what it must be; a null counts as absent."""
    at, spec = "spec.podTemplate.spec", template.get("spec") or {}
    yield from _fields(at, spec, _POD_FIELDS)
    yield from _grace_period(at, spec.get("terminationGracePeriodSeconds"))
    for field, key in _POD_LISTS.items():
        problems = list(_list(f"{at}.{field}", spec.get(field), key))
        yield from problems
        if not problems and field in ("containers", "initContainers"):
            for container in spec.get(field) or ():
                yield from _container(f"{at}.{field}[{container['name']}]", container)


def _container(at: str, container: Mapping[str, Any]) -> Iterator[str]:
    yield from _fields(at, container, _CONTAINER_FIELDS)
    for field, key in _CONTAINER_LISTS.items():
        yield from _list(f"{at}.{field}", container.get(field), key)
    resources, security = container.get("resources"), container.get("securityContext")
    if isinstance(resources, dict):
        yield from _list(f"{at}.resources.claims", resources.get("claims"), "name")
    capabilities = security.get("capabilities") if isinstance(security, dict) else None
    if capabilities is not None:
        path = f"{at}.securityContext.capabilities"
        yield from _field(path, capabilities, _OBJECT)
        if isinstance(capabilities, dict):
            yield from _fields(path, capabilities, {"add": _LIST})


def _fields(at: str, value: Mapping[str, Any], expected: Mapping[str, str]) -> Iterator[str]:
    for field, kind in expected.items():
        yield from _field(f"{at}.{field}", value.get(field), kind)


def _field(at: str, value: object, kind: str) -> Iterator[str]:
    if value is not None and not isinstance(value, _TYPES[kind]):
        yield _expected(at, kind, value)


def _list(at: str, value: object, key: str) -> Iterator[str]:
    """A list of objects that each have a text of their own under `key`, by which they are merged."""
    if value is None:
        return
    if not isinstance(value, list):
        yield _expected(at, _LIST, value)
        return
    seen: set[str] = set()
    for index, item in enumerate(value):
        if not isinstance(item, dict):
            yield _expected(f"{at}[{index}]", _OBJECT, item)
        elif not isinstance(item.get(key), str) or not item[key]:
            yield _expected(f"{at}[{index}].{key}", _TEXT, item.get(key))
        elif item[key] in seen:
            yield f"{at}: {key} {item[key]!r} is there twice, and the list is merged by {key}"
        else:
            seen.add(item[key])


def _grace_period(at: str, value: object) -> Iterator[str]:
    """It enters into the deadlines."""
    if value is None:
        return
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_SECONDS:
        yield _expected(
            f"{at}.terminationGracePeriodSeconds", f"a whole number from 0 to {MAX_SECONDS}", value
        )


def _expected(at: str, expected: str, found: object) -> str:
    return f"{at}: expected {expected}, found {found!r:.80}"
