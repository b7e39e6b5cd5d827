"""Says what the server found wrong with a rendered Job in the fields that the definition's author wrote.

Only rewords: which text is a refusal, and what follows from it, others decide.
"""

import re
from collections.abc import Mapping
from typing import Any

from mljob.api import names
from mljob.api.definition import MlJobDefinitionSpec

_PREFIX = re.compile(r'^(Job|Pod) in version "[^"]*" cannot be handled as a \w+: |strict decoding error: ')
_PATH = re.compile(
    r"\bspec\.template\b(?:\.spec"
    r"(?:\.(?P<containers>containers|initContainers)\[(?P<container>\d+)\])?"
    r"(?:\.(?P<field>\w+)(?:\[(?P<item>\d+)\])?)?)?"
)
_KEYS = {"env": "name", "volumeMounts": "mountPath", "volumes": "name", "imagePullSecrets": "name"}


def as_written(text: str, definition: MlJobDefinitionSpec, pod: Mapping[str, Any]) -> str:
    """The server's text with paths into the definition, entries of lists by their name.

    `pod`: the rendered Job's `spec.template.spec`, whose lists the server's numbers count.
    """
    own = definition.model_dump(by_alias=True, exclude_none=True)
    return _PATH.sub(lambda found: _path(found, own, pod), _PREFIX.sub("", text))


def _path(found: re.Match[str], own: Mapping[str, Any], pod: Mapping[str, Any]) -> str:
    if found[0] == "spec.template":
        return "spec.podTemplate"
    holder, path, may_be_own = pod, "spec.podTemplate.spec", True
    if found["containers"]:
        holder = _entry(pod, found["containers"], found["container"])
        name = holder.get("name", found["container"])
        path += f".{found['containers']}[{name}]"
        may_be_own = found["containers"] == "containers" and name == names.MAIN_CONTAINER
    field = found["field"]
    if not field:
        return path
    entry = _entry(holder, field, found["item"]) if found["item"] else None
    if may_be_own and _says(own, field, entry):
        path = "spec"
    if entry is None:
        return f"{path}.{field}"
    return f"{path}.{field}[{_name(own, field, entry, found['item'])}]"


def _entry(holder: Mapping[str, Any], field: str, number: str) -> Mapping[str, Any]:
    """An entry of a rendered list; an empty one where the server counts otherwise."""
    entries = holder.get(field) or ()
    return entries[int(number)] if int(number) < len(entries) else {}


def _says(own: Mapping[str, Any], field: str, entry: Mapping[str, Any] | None) -> bool:
    """Does the definition say this outside of podTemplate, which it then overrules?"""
    if entry is None:
        return bool(own.get(field))
    key = _KEYS.get(field)
    return any(e == entry or (key and e.get(key) == entry.get(key)) for e in own.get(field) or ())


def _name(own: Mapping[str, Any], field: str, entry: Mapping[str, Any], number: str) -> str:
    """What tells the entry from others: its key, or its place in the definition's own list."""
    key = _KEYS.get(field)
    if key:
        return str(entry.get(key, number))
    written = list(own.get(field) or ())
    return str(written.index(entry)) if entry in written else number
