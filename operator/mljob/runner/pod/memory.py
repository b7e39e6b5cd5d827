"""Whether the kernel has killed processes of this container for memory, and the limit in force.

With version 2 of cgroups the kubelet has the whole container killed, the runner included; with version 1,
or where it was told otherwise, only the largest process dies, and nobody but the runner can tell why.
"""

from __future__ import annotations

import contextlib
import os
from typing import NamedTuple

_ROOT = "/sys/fs/cgroup"
_EVENTS = ("memory.events", "memory/memory.oom_control")
_LIMITS = ("memory.max", "memory/memory.limit_in_bytes")
_UNLIMITED_BYTES = 1 << 60


class MemoryKills(NamedTuple):
    """How many since the baseline was read; `limit_bytes` is None without a limit."""

    processes: int
    limit_bytes: int | None


def oom_kills(root: str = _ROOT) -> int:
    """The kernel's count for this container; 0 where it keeps none."""
    for line in _first_readable(root, _EVENTS).splitlines():
        name, _, value = line.partition(" ")
        if name == "oom_kill" and value.isdigit():
            return int(value)
    return 0


def kills_since(baseline: int, root: str = _ROOT) -> MemoryKills:
    text = _first_readable(root, _LIMITS).strip()
    limit = int(text) if text.isdigit() else None
    if limit is not None and limit >= _UNLIMITED_BYTES:
        limit = None
    return MemoryKills(max(oom_kills(root) - baseline, 0), limit)


def _first_readable(root: str, names: tuple[str, ...]) -> str:
    for name in names:
        with contextlib.suppress(OSError), open(os.path.join(root, name), encoding="ascii") as file:
            return file.read()
    return ""
