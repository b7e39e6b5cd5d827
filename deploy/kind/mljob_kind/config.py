"""What the person asked for (name, nodes, port) and the kind configuration that says it. Starts nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from . import versions
from .errors import CannotProceedError
from .paths import Paths

DEFAULT_NAME = "mljob"
DEFAULT_PORT = 8080


@dataclass(frozen=True)
class Wanted:
    """One cluster. `port` is None for a cluster that nobody reaches from the host but by kubectl."""

    name: str
    nodes: int
    port: int | None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Wanted":
        """MLJOB_CLUSTER, MLJOB_NODES, MLJOB_PORT; only the default cluster takes a port unasked."""
        name = environment.get("MLJOB_CLUSTER") or DEFAULT_NAME
        nodes = _number(environment, "MLJOB_NODES", 1, 1, 9)
        fallback = DEFAULT_PORT if name == DEFAULT_NAME else 0
        port = _number(environment, "MLJOB_PORT", fallback, 0, 65535)
        return cls(name, nodes or 1, port or None)

    def kubeconfig(self, paths: Paths) -> Path:
        return paths.local / f"kubeconfig{self._suffix}"

    def image_names(self, paths: Paths) -> Path:
        """JSON of logical name to full name of the images that were loaded into this cluster last."""
        return paths.local / f"images{self._suffix}.json"

    @property
    def _suffix(self) -> str:
        return "" if self.name == DEFAULT_NAME else f"-{self.name}"


def kind_config(wanted: Wanted, paths: Paths, *, offline: bool) -> dict[str, Any]:
    """deploy/kind/cluster.yaml with what was asked for, and offline.yaml where the node image is our own."""
    config: dict[str, Any] = yaml.safe_load((paths.kind / "cluster.yaml").read_text())
    config["name"] = wanted.name
    control_plane = config["nodes"][0]
    if wanted.port:
        control_plane["extraPortMappings"][0]["hostPort"] = wanted.port
    else:
        del control_plane["extraPortMappings"]
    config["nodes"] += [{"role": "worker"} for _ in range(wanted.nodes - 1)]
    if offline:
        config |= _offline_part(paths)
    return config


def _offline_part(paths: Paths) -> dict[str, Any]:
    part: dict[str, Any] = yaml.safe_load((paths.kind / "offline.yaml").read_text())
    tags = {
        "etcd_tag": versions.etcd_tag(paths.tools),
        "coredns_tag": versions.coredns(paths.tools),
    }
    part["kubeadmConfigPatches"] = [patch.format(**tags) for patch in part["kubeadmConfigPatches"]]
    return part


def _number(environment: Mapping[str, str], name: str, fallback: int, least: int, most: int) -> int:
    text = environment.get(name) or str(fallback)
    if not text.isdigit() or not least <= int(text) <= most:
        raise CannotProceedError(f"{name} is {text!r}; expected a number from {least} to {most}.")
    return int(text)
