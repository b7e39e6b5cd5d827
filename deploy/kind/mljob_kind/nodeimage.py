"""Builds the node image where kind's own cannot be pulled: Debian, kind's files, our binaries and images."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from . import controlplane, versions
from .cache import digest
from .commands import Commands
from .debian import Debian
from .gotools import TOOLS, GoTools
from .paths import Paths
from .podman import Podman

SUITE = "bookworm"
HOST_BINARIES = ("kubeadm", "kubelet", "kubectl")
REPOSITORY = "localhost/mljob-node"
# What of kind's own base image the node takes over, below images/base/files of the kind module.
KIND_FILES = (
    "usr/local/bin/entrypoint",
    "etc/default/kubelet",
    "etc/sysctl.d/10-network-magic.conf",
    "etc/sysctl.d/10-network-security.conf",
    "etc/systemd/system/containerd.service",
    "etc/systemd/system/kubelet.service",
    "etc/systemd/system/kubelet.service.d/10-kubeadm.conf",
    "etc/systemd/system/kubelet.service.d/11-kind.conf",
    "etc/systemd/system/kubelet.slice",
    "etc/systemd/system/undo-mount-hacks.service",
    "kind/bin/create-kubelet-cgroup-v2.sh",
    "kind/bin/undo-mount-hacks.sh",
)


class NodeImage:
    """The image that `kind create cluster` starts as a node with podman."""

    def __init__(
        self, paths: Paths, commands: Commands, tools: GoTools, debian: Debian, podman: Podman
    ) -> None:
        self._paths = paths
        self._commands = commands
        self._tools = tools
        self._debian = debian
        self._podman = podman

    @property
    def source(self) -> Path:
        return self._paths.kind / "node"

    @property
    def packages(self) -> list[str]:
        return (self.source / "packages.txt").read_text().split()

    def tool_names(self) -> tuple[str, ...]:
        return (*HOST_BINARIES, *controlplane.tools_of_images())

    def name(self) -> str:
        """The full name, whose tag is the hash of everything that goes in."""
        tool_keys = "\n".join(self._tools.key(TOOLS[name]) for name in self.tool_names())
        recipe = [Path(__file__).parent / name for name in ("nodeimage.py", "controlplane.py", "archive.py")]
        key = digest(
            self.source,
            *recipe,
            tool_keys,
            self._debian.key(SUITE, self.packages),
            versions.pinned(self._paths.tools, "kind", "sigs.k8s.io/kind"),
        )
        return f"{REPOSITORY}:{key}"

    def is_built(self) -> bool:
        return self._podman.has_image(self.name())

    def build(self) -> str:
        """The full name of the image, made into podman's storage if it is not there yet."""
        name = self.name()
        if not self.is_built():
            root = self._debian.root_file_system(SUITE, self.packages)
            binaries = {tool: self._tools.build(TOOLS[tool]) for tool in self.tool_names()}
            # Beside the cache, so that big files are linked and not copied.
            with TemporaryDirectory(dir=self._paths.cache, prefix=".node-") as folder:
                self._lay_out(Path(folder), root, binaries)
                self._build_from(Path(folder), name)
        return name

    def _lay_out(self, context: Path, root: Path, binaries: Mapping[str, Path]) -> None:
        shutil.copytree(self.source / "files", context / "files")
        shutil.copy(self.source / "Dockerfile", context)
        (context / "rootfs.tar").hardlink_to(root)
        (context / "bin").mkdir()
        for name in HOST_BINARIES:
            (context / "bin" / name).hardlink_to(binaries[name])
        module = self._commands.output(
            "go", "list", "-m", "-f", "{{.Dir}}", "sigs.k8s.io/kind", cwd=self._paths.tools / "kind"
        ).strip()
        for file in KIND_FILES:
            place = context / "kind" / file
            place.parent.mkdir(parents=True, exist_ok=True)
            # Not copy2: files of the module cache are read-only.
            shutil.copyfile(Path(module) / "images" / "base" / "files" / file, place)
        (context / "images").mkdir()
        controlplane.write_images(binaries, root, self._paths.tools, context / "images")

    def _build_from(self, context: Path, name: str) -> None:
        self._commands.run(
            *("buildah", "bud", "--isolation", "chroot", "--network", "host", "--format", "oci"),
            *("--build-arg", f"KUBERNETES_VERSION={versions.kubernetes(self._paths.tools)}"),
            *("--tag", name, context),
            log="node-image",
            env=self._podman.environment,
        )
