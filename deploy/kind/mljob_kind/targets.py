"""What each make target does, in which order, and what it says at the end."""

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

from rich.console import Console
from rich.table import Table

from . import machine
from .cleanup import remove_cluster, remove_podman_traces
from .cluster import Cluster
from .config import Wanted
from .display import Display, display_for
from .engine import Engine, choose
from .gotools import CLUSTER_TOOLS, PLAIN_PROCESS_TOOLS, TOOLS
from .jobimages import IMAGES
from .pipeline import run_steps
from .steps import cluster_steps, image_steps, load_steps, tool_steps
from .workshop import Workshop


def tools(console: Console, names: Sequence[str]) -> None:
    """Binaries alone, linked into .local/bin."""
    workshop = Workshop.open()
    machine.require_go(workshop.commands)
    wanted = workshop.tools.named(names or (*PLAIN_PROCESS_TOOLS, *CLUSTER_TOOLS))
    with display_for(console) as display:
        run_steps(tool_steps(workshop, wanted), display, workshop.commands)


def up(console: Console) -> None:
    """The cluster, whole and ready; a few seconds when it is there already."""
    workshop = Workshop.open()
    with display_for(console) as display, _alone(workshop, display):
        cluster = _cluster(workshop, display)
        _bring_up(workshop, cluster, display)
        display.say(f"Cluster {cluster.wanted.name} is up: export KUBECONFIG={cluster.kubeconfig}")


def images(console: Console) -> None:
    """The cluster's job images, built where their inputs changed, and on every node."""
    workshop = Workshop.open()
    with display_for(console) as display, _alone(workshop, display):
        cluster = _cluster(workshop, display)
        job_images = workshop.job_images(cluster.engine)
        if cluster.is_whole():
            steps = [*image_steps(job_images), *load_steps(job_images, cluster)]
            run_steps(steps, display, workshop.commands)
        else:
            _bring_up(workshop, cluster, display, with_images=True)
        file = cluster.wanted.image_names(workshop.paths)
        job_images.write_names(file)
    table = Table("image", "size", title=f"Images in cluster {cluster.wanted.name} (names in {file})")
    for spec in IMAGES.values():
        table.add_row(job_images.full_name(spec), f"{job_images.size_bytes(spec) / 1e6:.0f} MB")
    console.print(table)


def down(console: Console) -> None:
    """No node, network or rule is left; what was built stays in the cache."""
    workshop = Workshop.open()
    with display_for(console) as display, _alone(workshop, display):
        for engine in _engines_in_use(workshop):
            machine.require_go(workshop.commands)
            _link(workshop, display, "kind")
            cluster = Cluster(Wanted.from_environment(os.environ), engine, workshop.paths, workshop.commands)
            with display.step(f"removing cluster {cluster.wanted.name}"):
                remove_cluster(cluster)
                if engine.offline and not remove_podman_traces(workshop.podman, workshop.commands):
                    display.say("Another cluster still runs: its network and rules stay.")
        display.say("Nothing of the cluster is left but the cache.")


def _alone(workshop: Workshop, display: Display) -> AbstractContextManager[None]:
    """Of two that start one cluster at once, each would remove the other's as half made."""
    return workshop.cache.lock("clusters", Wanted.from_environment(os.environ).name, display.say)


def _cluster(workshop: Workshop, display: Display) -> Cluster:
    """The cluster that is asked for, with everything at hand that questions about it need."""
    wanted = Wanted.from_environment(os.environ)
    machine.require_go(workshop.commands)
    engine = choose(workshop.paths, workshop.commands, workshop.podman, display)
    if engine.offline:
        missing = machine.missing_packages()
        with display.step(f"installing {', '.join(missing)}") if missing else nullcontext():
            machine.require_podman(workshop.commands)
        workshop.podman.prepare()
    _link(workshop, display, "kind")
    cluster = Cluster(wanted, engine, workshop.paths, workshop.commands)
    if cluster.exists():
        # Another checkout may have made it. Else they are compiled while Debian's packages are fetched.
        _link(workshop, display, *CLUSTER_TOOLS)
    return cluster


def _bring_up(workshop: Workshop, cluster: Cluster, display: Display, *, with_images: bool = False) -> None:
    if cluster.is_whole():
        if difference := cluster.difference():
            display.say(f"It is up as it was made: {difference}. To change that, `make clean-cluster` first.")
        return
    cluster.delete()
    machine.require_memory()
    if cluster.wanted.port:
        machine.require_port(cluster.wanted.port)
    is_cold = cluster.engine.offline and not workshop.node_image.is_built()
    machine.require_disk(workshop.paths.cache, machine.COLD_DISK_GIB if is_cold else machine.WARM_DISK_GIB)
    steps = cluster_steps(workshop, cluster)
    if with_images:
        job_images = workshop.job_images(cluster.engine)
        steps += [*image_steps(job_images), *load_steps(job_images, cluster, after=("ready",))]
    run_steps(steps, display, workshop.commands)


def _link(workshop: Workshop, display: Display, *names: str) -> None:
    run_steps(tool_steps(workshop, [TOOLS[name] for name in names]), display, workshop.commands)


def _engines_in_use(workshop: Workshop) -> list[Engine]:
    engines = []
    if workshop.commands.succeeds("docker", "info"):
        engines.append(Engine("docker", {}, offline=False))
    if workshop.podman.is_prepared:
        engines.append(Engine("podman", workshop.podman.environment, offline=True))
    return engines
