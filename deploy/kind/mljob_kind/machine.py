"""What the machine must offer, each lack told in one sentence. Installs Debian packages where it may."""

import os
import re
import shutil
import socket
from pathlib import Path

from .commands import Commands
from .errors import CannotProceedError

OLDEST_GO = (1, 21)  # from there on Go fetches the compiler that a module asks for
GIB = 1024**3
COLD_DISK_GIB = 15
WARM_DISK_GIB = 4
MEMORY_GIB = 4
PACKAGES = {  # by the command that shows that it is there
    "podman": "podman",
    "buildah": "buildah",
    "debootstrap": "debootstrap",
    "runc": "runc",
    "conmon": "conmon",
    "iptables": "iptables",
    "/usr/lib/podman/netavark": "netavark",
    "/usr/lib/podman/aardvark-dns": "aardvark-dns",
}


def require_go(commands: Commands) -> None:
    if shutil.which("go") is None:
        raise CannotProceedError(
            f"Go is not installed: install Go {OLDEST_GO[0]}.{OLDEST_GO[1]} or newer and put it on PATH."
        )
    text = commands.output("go", "env", "GOVERSION").strip()
    found = re.match(r"go(\d+)\.(\d+)", text)
    if found and (int(found[1]), int(found[2])) < OLDEST_GO:
        raise CannotProceedError(f"Go is {text}; install Go {OLDEST_GO[0]}.{OLDEST_GO[1]} or newer.")


def require_disk(folder: Path, gib: int) -> None:
    existing = next(place for place in (folder, *folder.parents) if place.exists())
    free = shutil.disk_usage(existing).free / GIB
    if free < gib:
        raise CannotProceedError(
            f"{existing} has {free:.1f} GiB free and {gib} GiB are needed: free some, "
            "or set XDG_CACHE_HOME to a folder on a bigger disk."
        )


def require_memory(gib: int = MEMORY_GIB) -> None:
    text = Path("/proc/meminfo").read_text()
    found = re.search(r"^MemAvailable:\s+(\d+) kB", text, re.MULTILINE)
    if found and (free := int(found[1]) * 1024 / GIB) < gib:
        raise CannotProceedError(
            f"{free:.1f} GiB of memory are free and the cluster needs {gib} GiB: end other programs."
        )


def require_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise CannotProceedError(
                f"port {port} of 127.0.0.1 cannot be taken ({error.strerror}): end the program that has it, "
                f"or choose another with `MLJOB_PORT=8081 make cluster`."
            ) from None


def missing_packages() -> list[str]:
    """Debian's packages that podman needs here and does not have."""
    return sorted(package for command, package in PACKAGES.items() if shutil.which(command) is None)


def require_podman(commands: Commands) -> None:
    """podman and what it needs; installed by apt where we may."""
    missing = missing_packages()
    if os.geteuid() != 0:
        raise CannotProceedError(
            "no Docker engine answers, and podman can run a cluster's nodes only as root: "
            "start a Docker engine, or run `sudo make cluster`."
        )
    if not missing:
        return
    if shutil.which("apt-get") is None:
        raise CannotProceedError(
            f"no Docker engine answers, and the other way needs {', '.join(missing)} of Debian, "
            "which this system has no apt-get to install: start a Docker engine."
        )
    # A third party's list that cannot be fetched must not stop us: installing says whether ours came.
    commands.succeeds("apt-get", "update")
    commands.run(
        *("apt-get", "install", "--yes", "--no-install-recommends", *missing),
        log="apt-get",
        env={"DEBIAN_FRONTEND": "noninteractive"},
    )
