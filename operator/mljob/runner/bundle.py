"""The runner as a ConfigMap: which files go to the pod, under which path, and their hash.

Decides the layout of the volume at MOUNT_PATH; never talks to Kubernetes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType

MOUNT_PATH = "/opt/mljob/runner"
ENTRY_POINT = f"{MOUNT_PATH}/run.py"

# The folders of `pod/` as the pod sees them. `shim` becomes a package named `mljob`, which the sources
# cannot call it: there would be two modules of that name in one checkout.
_FOLDERS = (("", "mljob_runner"), ("shim", "shim/mljob"))
_ENTRY_SOURCE = "run.py"


@dataclass(frozen=True)
class RunnerBundle:
    """`files`: ConfigMap key to text; `items`: (key, path in the volume), for the volume's `items`."""

    files: Mapping[str, str]
    items: tuple[tuple[str, str], ...]
    sha256: str


@cache
def bundle() -> RunnerBundle:
    """The runner that this installation brings; the same for the life of the process."""
    sources = dict(sorted(_sources()))
    texts = {path.replace("/", "."): text for path, text in sources.items()}
    items = tuple((path.replace("/", "."), path) for path in sources)
    return RunnerBundle(files=MappingProxyType(texts), items=items, sha256=_digest(texts, items))


def _sources() -> Iterator[tuple[str, str]]:
    """(path in the volume, text) of every file that goes to the pod."""
    pod = files("mljob.runner").joinpath("pod")
    for folder, target in _FOLDERS:
        for source in pod.joinpath(folder).iterdir() if folder else pod.iterdir():
            if not source.name.endswith(".py"):
                continue
            path = source.name if source.name == _ENTRY_SOURCE else f"{target}/{source.name}"
            yield path, source.read_text(encoding="utf-8")


def _digest(texts: Mapping[str, str], items: tuple[tuple[str, str], ...]) -> str:
    """Over keys, paths and bytes, each preceded by its length so that no two bundles read alike."""
    digest = hashlib.sha256()
    for key, path in items:
        for part in (key.encode(), path.encode(), texts[key].encode()):
            digest.update(len(part).to_bytes(8, "big"))
            digest.update(part)
    return digest.hexdigest()
