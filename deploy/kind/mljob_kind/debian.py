"""Debian root file systems by debootstrap, from the mirror that apt uses here. It knows no image."""

import platform
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from .cache import Cache, digest
from .commands import Commands
from .errors import CannotProceedError

RECIPE = "2"  # counts up when what is stripped changes
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
# A container needs no manuals, and no lists of packages that are out of date the next day.
STRIPPED = (
    "usr/share/doc/*/*",
    "usr/share/man/*",
    "usr/share/info/*",
    "usr/share/locale/*",
    "usr/share/lintian/*",
    "usr/share/i18n/*",
    "usr/lib/udev/hwdb*",
    "var/cache/apt/*",
    "var/cache/debconf/*-old",
    "var/lib/apt/lists/*",
    "var/lib/dpkg/*-old",
    "var/log/*",
    "usr/lib/python3*/test/*",
    "usr/lib/python3*/**/__pycache__",
)
KEPT_NAMES = ("copyright",)  # licences stay with what they license


def machine_architecture() -> str:
    """Debian's name of this machine's architecture."""
    machine = platform.machine()
    if machine not in ARCHITECTURES:
        raise CannotProceedError(
            f"the cluster runs on {', '.join(ARCHITECTURES)}; this machine is {machine}."
        )
    return ARCHITECTURES[machine]


class Debian:
    """Makes root file systems of one suite with the packages asked for, once each."""

    def __init__(self, cache: Cache, commands: Commands) -> None:
        self._cache = cache
        self._commands = commands

    def key(self, suite: str, packages: Iterable[str]) -> str:
        return digest(RECIPE, machine_architecture(), suite, "\n".join(sorted(packages)))

    def is_made(self, suite: str, packages: Iterable[str]) -> bool:
        return self._cache.has("rootfs", self.key(suite, packages))

    def root_file_system(self, suite: str, packages: Sequence[str]) -> Path:
        """A tar of it."""
        key = self.key(suite, packages)
        return self._cache.get("rootfs", key, lambda place: self._make(suite, packages, place)) / "rootfs.tar"

    def mirror(self) -> str:
        """The address that apt fetches Debian's main component from on this machine."""
        lines = self._commands.output(
            "apt-get",
            "indextargets",
            "--format",
            "$(ORIGIN)|$(COMPONENT)|$(REPO_URI)",
            "Created-By: Packages",
        ).splitlines()
        for line in lines:
            origin, component, address = line.split("|", 2)
            if origin == "Debian" and component == "main" and "security" not in address:
                return address
        raise CannotProceedError(
            "apt knows no Debian mirror: run `apt-get update`, or start a Docker engine instead."
        )

    def _make(self, suite: str, packages: Sequence[str], place: Path) -> None:
        root = place / "root"
        # In a mount namespace of its own: what debootstrap mounts is gone with it, also after Ctrl-C.
        self._commands.run(
            *("unshare", "--mount", "--pid", "--fork", "--kill-child"),
            *("debootstrap", "--variant=minbase", f"--include={','.join(sorted(packages))}"),
            *(suite, root, self.mirror()),
            log=f"debootstrap-{suite}",
        )
        _strip(root)
        self._commands.run(
            *("tar", "--create", "--numeric-owner", "--xattrs", "--one-file-system"),
            *("--file", place / "rootfs.tar", "--directory", root, "."),
            log=f"debootstrap-{suite}",
        )
        shutil.rmtree(root)


def _strip(root: Path) -> None:
    for pattern in STRIPPED:
        for found in list(root.glob(pattern)):
            if found.name in KEPT_NAMES:
                continue
            if found.is_dir() and not found.is_symlink():
                shutil.rmtree(found)
            else:
                found.unlink(missing_ok=True)
