"""Takes a cluster away, and with the last one all that podman has put into the kernel for it."""

import re
import shutil
from contextlib import suppress
from pathlib import Path

from .cluster import Cluster
from .commands import Commands
from .errors import CommandError
from .podman import Podman

TABLES = ("filter", "nat")
CHAIN = re.compile(r"^:(NETAVARK\S*) ", re.MULTILINE)
# A network's own chains, named by a hash, go with its last container; those that all share stay.
CHAIN_OF_A_NETWORK = re.compile(r"^:NETAVARK-(DN-)?[0-9A-F]{13} ", re.MULTILINE)
NAMESPACES = Path("/run/netns")
CGROUPS = Path("/sys/fs/cgroup")


def remove_cluster(cluster: Cluster) -> None:
    """Nodes, their volumes and the kubeconfig; also of a start that was interrupted anywhere."""
    cluster.delete()
    cluster.kubeconfig.unlink(missing_ok=True)


def remove_podman_traces(podman: Podman, commands: Commands) -> bool:
    """Once no node is left: half-made images, volumes, network, rules, mounts. False while a node is left."""
    if podman.containers():
        return False
    commands.output("buildah", "rm", "--all", env=podman.environment)
    podman.output("volume", "prune", "--force")
    with suppress(CommandError):  # it was never made if the start was interrupted early
        podman.output("network", "rm", podman.network)
    if not _other_networks(commands):
        for program in ("iptables", "ip6tables"):
            for table in TABLES:
                _remove_chains(program, table, commands)
    _unmount(podman, commands)
    shutil.rmtree(podman.run_folder, ignore_errors=True)
    for cgroup in (*CGROUPS.glob("*/libpod_parent"), *CGROUPS.glob("libpod_parent")):
        _remove_cgroup(cgroup)
    return True


def _other_networks(commands: Commands) -> bool:
    """Whether containers of another podman on this machine still have rules."""
    return bool(CHAIN_OF_A_NETWORK.search(commands.output("iptables-save", "--table", "nat")))


def _remove_chains(program: str, table: str, commands: Commands) -> None:
    saved = commands.output(f"{program}-save", "--table", table)
    chains = CHAIN.findall(saved)
    jump = re.compile(r"^-A ((?!NETAVARK)\S+ .*-j NETAVARK\S*)$", re.MULTILINE)
    restored = [f"*{table}", *(f"-D {rule}" for rule in jump.findall(saved))]
    restored += [f"-F {chain}" for chain in chains] + [f"-X {chain}" for chain in chains] + ["COMMIT", ""]
    if chains:
        commands.output(f"{program}-restore", "--noflush", stdin="\n".join(restored))


def _remove_cgroup(cgroup: Path) -> None:
    """With what is below it; one that still has processes stays: it is another podman's."""
    for child in cgroup.iterdir():
        if child.is_dir():
            _remove_cgroup(child)
    with suppress(OSError):
        cgroup.rmdir()


def _unmount(podman: Podman, commands: Commands) -> None:
    """What podman and buildah mount upon themselves for as long as the machine runs."""
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    ours = (f"{podman.folder}/", f"{podman.run_folder}/")
    for point in reversed(points):
        is_empty_namespaces = point == str(NAMESPACES) and not any(NAMESPACES.iterdir())
        if point.startswith(ours) or is_empty_namespaces:
            commands.output("umount", point)
