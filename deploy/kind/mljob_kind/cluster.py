"""The life of a kind cluster: there and whole, or made anew. It installs nothing of the product."""

import json
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import yaml

from .commands import Commands
from .config import Wanted, kind_config
from .engine import Engine
from .errors import CommandError
from .paths import Paths

POD_CIDR = "10.244.0.0/16"  # kind's default
READY_SECONDS = 180
# Written last: a cluster without it was interrupted on the way up.
MARKER = ("kube-system", "mljob-cluster")


@dataclass(frozen=True)
class Cluster:
    """One cluster of one engine, asked for by a person."""

    wanted: Wanted
    engine: Engine
    paths: Paths
    commands: Commands

    @property
    def kubeconfig(self) -> Path:
        return self.wanted.kubeconfig(self.paths)

    def exists(self) -> bool:
        """Whether there are nodes of it, in whatever state."""
        return self.wanted.name in self.kind("get", "clusters").split()

    def is_whole(self) -> bool:
        """Whether it is there, answers, and was brought up to the end; renews the kubeconfig."""
        if not self.exists():
            return False
        try:
            self.kind("export", "kubeconfig", *self._named, "--kubeconfig", self.kubeconfig)
            namespace, name = MARKER
            self.kubectl("get", "configmap", "--namespace", namespace, name, "--request-timeout=5s")
        except CommandError:
            return False
        return True

    def create(self, node_image: str | None) -> None:
        """From nothing (what an interrupted start has left is removed) to nodes that are registered."""
        self.delete()
        self.kubeconfig.parent.mkdir(parents=True, exist_ok=True)
        config = kind_config(self.wanted, self.paths, offline=self.engine.offline)
        image = ("--image", node_image) if node_image else ()
        with NamedTemporaryFile("w", suffix=".yaml") as file:
            yaml.safe_dump(config, file)
            file.flush()
            self.commands.run(
                *(self._kind_binary, "create", "cluster", *self._named, "--config", file.name, *image),
                *("--kubeconfig", self.kubeconfig),
                log=f"cluster-{self.wanted.name}",
                env=self.engine.environment,
            )

    def delete(self) -> None:
        """Remove nodes and volumes, whatever state they are in; nothing to do is fine."""
        self.kind("delete", "cluster", *self._named, "--kubeconfig", self.kubeconfig)

    def has_image(self, node: str, name: str) -> bool:
        return bool(
            self.on_node(
                node, "ctr", "--namespace=k8s.io", "images", "ls", "--quiet", f"name=={name}"
            ).strip()
        )

    def load(self, archive: Path, name: str) -> bool:
        """Put an image on the nodes that lack it; whether there was one."""
        lacking = [node for node in self.nodes() if not self.has_image(node, name)]
        if lacking:
            self.kind("load", "image-archive", archive, *self._named, "--nodes", ",".join(lacking))
        return bool(lacking)

    def connect_pods(self) -> None:
        """Tell each node of ours its pod range and those of the others; kind's image does it by itself."""
        ranges = self.pod_ranges()
        for node, own in ranges.items():
            peers = " ".join(f"{other}={name}" for name, other in ranges.items() if name != node)
            settings = f'POD_CIDR={own}\nCLUSTER_CIDR={POD_CIDR}\nPEERS="{peers}"\n'
            self.on_node(node, "sh", "-c", "cat > /etc/mljob/pod-network", stdin=settings)
            self.on_node(node, "systemctl", "start", "pod-network.service")

    def pod_ranges(self) -> dict[str, str]:
        """Node name to pod range; waits for the controller-manager to hand them out."""
        wait = f"--timeout={READY_SECONDS}s"
        self.kubectl("wait", "nodes", "--all", "--for=jsonpath={.spec.podCIDR}", wait)
        return {node["metadata"]["name"]: node["spec"]["podCIDR"] for node in self.get("nodes")}

    def wait_until_ready(self) -> None:
        """Nodes Ready, DNS and the storage class's provisioner running."""
        wait = f"--timeout={READY_SECONDS}s"
        self.kubectl("wait", "nodes", "--all", "--for=condition=Ready", wait)
        for namespace, name in (("kube-system", "coredns"), ("local-path-storage", "local-path-provisioner")):
            self.kubectl("rollout", "status", "deployment", name, "--namespace", namespace, wait)

    def mark_whole(self) -> None:
        """The last word of a start, with what was asked for."""
        namespace, name = MARKER
        said = [f"--from-literal={key}={value}" for key, value in self._asked_for.items()]
        self.kubectl("create", "configmap", "--namespace", namespace, name, *said)

    def difference(self) -> str:
        """What the cluster that is there was asked for, if that was something else; else empty."""
        namespace, name = MARKER
        found = json.loads(self.kubectl("get", "configmap", "--namespace", namespace, name, "--output=json"))
        made: dict[str, str] = found.get("data", {})
        return ", ".join(
            f"{key} is {made[key]} and not {value}"
            for key, value in self._asked_for.items()
            if key in made and made[key] != value
        )

    def nodes(self) -> list[str]:
        return self.kind("get", "nodes", *self._named).split()

    def get(self, resource: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = json.loads(self.kubectl("get", resource, "--output", "json"))["items"]
        return items

    def on_node(self, node: str, *command: str, stdin: str | None = None) -> str:
        """Run a command in the node's container."""
        interactive = () if stdin is None else ("--interactive",)
        return self.commands.output(
            self.engine.command,
            "exec",
            *interactive,
            node,
            *command,
            env=self.engine.environment,
            stdin=stdin,
        )

    def kubectl(self, *arguments: str) -> str:
        return self.commands.output(self.paths.bin / "kubectl", f"--kubeconfig={self.kubeconfig}", *arguments)

    def kind(self, *arguments: str | Path) -> str:
        return self.commands.output(self._kind_binary, *arguments, env=self.engine.environment)

    @property
    def _asked_for(self) -> dict[str, str]:
        return {"nodes": str(self.wanted.nodes), "port": str(self.wanted.port or "none")}

    @property
    def _kind_binary(self) -> Path:
        return self.paths.bin / "kind"

    @property
    def _named(self) -> tuple[str, str]:
        return "--name", self.wanted.name
