"""The kernel's memory figures, of both versions of cgroups."""

from __future__ import annotations

from pathlib import Path

import pytest
from mljob.runner.pod.memory import MemoryKills, kills_since, oom_kills

V2 = ("memory.events", "memory.max")
V1 = ("memory/memory.oom_control", "memory/memory.limit_in_bytes")


def _cgroup(root: Path, names: tuple[str, str], kills: int, limit: str) -> str:
    (root / "memory").mkdir(exist_ok=True)
    (root / names[0]).write_text(f"oom 3\noom_kill_disable 0\noom_kill {kills}\noom_group_kill 0\n")
    (root / names[1]).write_text(f"{limit}\n")
    return str(root)


@pytest.mark.parametrize("names", [V1, V2], ids=["v1", "v2"])
def test_kills_are_counted_from_the_baseline(tmp_path: Path, names: tuple[str, str]) -> None:
    baseline = oom_kills(_cgroup(tmp_path, names, 2, "67108864"))
    assert kills_since(baseline, _cgroup(tmp_path, names, 3, "67108864")) == MemoryKills(1, 67108864)


@pytest.mark.parametrize(("names", "limit"), [(V1, "9223372036854771712"), (V2, "max")], ids=["v1", "v2"])
def test_no_limit_is_none(tmp_path: Path, names: tuple[str, str], limit: str) -> None:
    assert kills_since(0, _cgroup(tmp_path, names, 0, limit)) == MemoryKills(0, None)


def test_a_kernel_that_keeps_no_count_has_killed_nobody(tmp_path: Path) -> None:
    assert kills_since(oom_kills(str(tmp_path)), str(tmp_path)) == MemoryKills(0, None)
