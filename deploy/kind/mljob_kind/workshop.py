"""Puts the parts together once for a whole run. It holds no logic."""

from dataclasses import dataclass

from .builder import BuildahBuilder, DockerBuilder
from .cache import Cache
from .commands import Commands
from .debian import Debian
from .engine import Engine
from .gotools import GoTools
from .jobimages import JobImages
from .nodeimage import NodeImage
from .paths import Paths
from .podman import Podman
from .wheels import Wheels


@dataclass(frozen=True)
class Workshop:
    """What every target needs at hand."""

    paths: Paths
    commands: Commands
    cache: Cache
    tools: GoTools
    debian: Debian
    podman: Podman
    node_image: NodeImage

    @classmethod
    def open(cls) -> "Workshop":
        paths = Paths.of_user()
        commands = Commands(paths.logs)
        cache = Cache(paths.cache, commands)
        tools = GoTools(paths, cache, commands)
        debian = Debian(cache, commands)
        podman = Podman(paths, commands)
        node_image = NodeImage(paths, commands, tools, debian, podman)
        return cls(paths, commands, cache, tools, debian, podman, node_image)

    def job_images(self, engine: Engine) -> JobImages:
        """Built by the engine that runs the nodes."""
        if engine.offline:
            builder: BuildahBuilder | DockerBuilder = BuildahBuilder(self.commands, self.debian, self.podman)
        else:
            builder = DockerBuilder(self.commands)
        return JobImages(self.paths, self.cache, Wheels(self.cache, self.commands), builder)
