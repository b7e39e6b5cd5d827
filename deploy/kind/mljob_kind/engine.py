"""Which container engine runs the nodes: Docker with kind's own node image, else podman with ours."""

import re
from dataclasses import dataclass
from pathlib import Path

from .commands import Commands
from .display import Display
from .paths import Paths
from .podman import Podman


@dataclass(frozen=True)
class Engine:
    """The chosen engine: its command, what kind and we run it with, and whether the node image is our own."""

    command: str
    environment: dict[str, str]
    offline: bool


def choose(paths: Paths, commands: Commands, podman: Podman, display: Display) -> Engine:
    """Docker where an engine answers (a client alone is common) and kind's node image can be had."""
    if commands.succeeds("docker", "info"):
        image = default_node_image(paths, commands)
        if commands.succeeds("docker", "image", "inspect", image):
            return Engine("docker", {}, offline=False)
        with display.step("pulling kind's node image"):
            pulled = commands.succeeds("docker", "pull", "--quiet", image)
        if pulled:
            return Engine("docker", {}, offline=False)
        display.say(
            f"Docker answers, but {image} cannot be pulled: going on with podman and a node image of our own."
        )
    return Engine("podman", podman.environment, offline=True)


def default_node_image(paths: Paths, commands: Commands) -> str:
    """The image that the pinned kind takes when it is told none."""
    module = commands.output(
        "go", "list", "-m", "-f", "{{.Dir}}", "sigs.k8s.io/kind", cwd=paths.tools / "kind"
    ).strip()
    text = (Path(module) / "pkg/apis/config/defaults/image.go").read_text()
    found = re.search(r'^const Image = "(\S+)"', text, re.MULTILINE)
    if found is None:
        raise ValueError(
            "kind's default node image is not where it used to be: pkg/apis/config/defaults/image.go"
        )
    return found.group(1)
