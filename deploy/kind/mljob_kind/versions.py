"""Reads the pinned versions out of deploy/tools/*/go.mod: each version is written down once. Changes none."""

import re
from pathlib import Path


def pinned(tools: Path, folder: str, module: str) -> str:
    """The version, with its v, that deploy/tools/<folder>/go.mod requires of a module."""
    text = (tools / folder / "go.mod").read_text()
    found = re.search(rf"^\s*(?:require )?{re.escape(module)} (v\S+)", text, re.MULTILINE)
    if found is None:
        raise ValueError(f"deploy/tools/{folder}/go.mod does not require {module}")
    return found.group(1)


def kubernetes(tools: Path) -> str:
    return pinned(tools, "kubernetes", "k8s.io/kubernetes")


def etcd(tools: Path) -> str:
    return pinned(tools, "etcd", "go.etcd.io/etcd/server/v3")


def coredns(tools: Path) -> str:
    return pinned(tools, "coredns", "github.com/coredns/coredns")


def etcd_tag(tools: Path) -> str:
    """The version as etcd's images are tagged."""
    return f"{etcd(tools).removeprefix('v')}-0"
