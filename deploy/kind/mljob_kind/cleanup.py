"""Takes a cluster away, and with the last one all that podman has put into the kernel for it."""

import re
from contextlib import suppress

from .cluster import Cluster
from .commands import Commands
from .errors import CommandError
from .podman import Podman

NETWORK = "kind"
# netavark removes the rules of a network with its last container, and leaves its own empty chains.
CHAIN = re.compile(r"^:(NETAVARK\S*) ")


def remove_cluster(cluster: Cluster) -> None:
    """Nodes, their volumes and the kubeconfig; also of a start that was interrupted anywhere."""
    cluster.delete()
    cluster.kubeconfig.unlink(missing_ok=True)


def remove_podman_traces(podman: Podman, commands: Commands) -> bool:
    """Once no node is left: half-made images, volumes, the network, its rules. False while a node is left."""
    if podman.containers():
        return False
    commands.output("buildah", "rm", "--all", env=podman.environment)
    podman.output("volume", "prune", "--force")
    with suppress(CommandError):  # never made, if the start was interrupted early
        podman.output("network", "rm", NETWORK)
    for program in ("iptables", "ip6tables"):
        remove_chains(program, commands)
    return True


def remove_chains(program: str, commands: Commands) -> None:
    """Drop netavark's chains and the jumps to them from every table of iptables or ip6tables."""
    for table in ("filter", "nat", "mangle"):
        saved = commands.output(f"{program}-save", "--table", table).splitlines()
        chains = [found[1] for line in saved if (found := CHAIN.match(line))]
        for line in saved:
            chain = line.split()[1] if line.startswith("-A ") else ""
            if chain and chain not in chains and any(f" {name}" in line for name in chains):
                commands.output(program, "--wait", "--table", table, "--delete", *line.split()[1:])
        for action in ("--flush", "--delete-chain"):
            for chain in chains:
                commands.output(program, "--wait", "--table", table, action, chain)
