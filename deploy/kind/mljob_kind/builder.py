"""Builds images from a folder with a Dockerfile: by docker with public bases, or by buildah with Debian's."""

from pathlib import Path
from typing import Protocol

from .commands import Commands
from .debian import Debian
from .podman import Podman

PYTHON_PACKAGES = ("ca-certificates", "python3")
STORE = "localhost/mljob-base"


class Builder(Protocol):
    """What both ways of building offer."""

    def base_key(self, suite: str, python_version: str) -> str:
        """What changes when the base changes."""

    def base(self, suite: str, python_version: str) -> str:
        """The name of an image with that Python on that Debian."""

    def ensure(self, name: str, archive: Path) -> str:
        """Load an image of ours as a base, unless it is there; its name."""

    def build(self, context: Path, base: str, names: tuple[str, ...], archive: Path) -> None:
        """Build the folder's Dockerfile and save the image under all names as a docker-archive."""

    def forget(self, name: str) -> None:
        """Drop an image of an earlier build, if it is there."""


class DockerBuilder:
    """With a Docker engine and the public registry."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands

    def base_key(self, suite: str, python_version: str) -> str:
        return self.base(suite, python_version)

    def base(self, suite: str, python_version: str) -> str:
        return f"python:{python_version}-slim-{suite}"

    def ensure(self, name: str, archive: Path) -> str:
        if not self._commands.succeeds("docker", "image", "inspect", name):
            self._commands.run("docker", "load", "--input", archive, log="images")
        return name

    def build(self, context: Path, base: str, names: tuple[str, ...], archive: Path) -> None:
        tags = [f"--tag={name}" for name in names]
        self._commands.run("docker", "build", "--build-arg", f"BASE={base}", *tags, context, log="images")
        self._commands.run("docker", "save", "--output", archive, *names, log="images")

    def forget(self, name: str) -> None:
        self._commands.succeeds("docker", "image", "rm", name)


class BuildahBuilder:
    """Without a registry: Debian by debootstrap, and buildah without a daemon or privileges of its own."""

    def __init__(self, commands: Commands, debian: Debian, podman: Podman) -> None:
        self._commands = commands
        self._debian = debian
        self._podman = podman

    def base_key(self, suite: str, python_version: str) -> str:
        return self._debian.key(suite, PYTHON_PACKAGES)

    def base(self, suite: str, python_version: str) -> str:
        name = f"{STORE}:{suite}-{self.base_key(suite, python_version)}"
        if not self._podman.has_image(name):
            root = self._debian.root_file_system(suite, PYTHON_PACKAGES)
            self._podman.run("import", "--quiet", root, name, log="images")
        return name

    def ensure(self, name: str, archive: Path) -> str:
        if not self._podman.has_image(name):
            self._podman.run("load", "--quiet", "--input", archive, log="images")
        return name

    def build(self, context: Path, base: str, names: tuple[str, ...], archive: Path) -> None:
        self._commands.run(
            *("buildah", "bud", "--isolation", "chroot", "--network", "host", "--layers", "--pull=false"),
            *("--format", "docker", "--build-arg", f"BASE={base}", "--tag", names[0], context),
            log="images",
            env=self._podman.environment,
        )
        for name in names[1:]:
            self._podman.output("tag", names[0], name)
        self._podman.run(
            "save", "--quiet", "--format", "docker-archive", "--output", archive, *names, log="images"
        )

    def forget(self, name: str) -> None:
        self._commands.succeeds("podman", "image", "rm", name, env=self._podman.environment)
