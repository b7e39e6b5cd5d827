"""The steps of each kind of work, with what they wait for. What is in the cache is passed over in silence."""

from collections.abc import Iterable
from functools import partial

from .cluster import Cluster
from .gotools import CLUSTER_TOOLS, TOOLS, GoTool
from .jobimages import IMAGES, JobImages
from .nodeimage import SUITE
from .pipeline import Lane, Step
from .workshop import Workshop


def tool_steps(workshop: Workshop, tools: Iterable[GoTool]) -> list[Step]:
    """Build and link, one compiler at a time."""
    return [
        Step(
            f"tool {tool.name}",
            partial(workshop.tools.link, tool),
            Lane.COMPILE,
            title="" if workshop.tools.is_built(tool) else f"compiling {tool.name}",
        )
        for tool in tools
    ]


def cluster_steps(workshop: Workshop, cluster: Cluster) -> list[Step]:
    """From whatever is in the cache to a cluster that is ready; its last but one step is `ready`."""
    offline = cluster.engine.offline
    name = cluster.wanted.name
    if offline and not workshop.node_image.is_built():
        steps = node_image_steps(workshop)
    else:
        steps = tool_steps(workshop, [TOOLS[tool] for tool in CLUSTER_TOOLS])

    def create() -> None:
        cluster.create(workshop.node_image.name() if offline else None)
        if offline:
            cluster.connect_pods()

    needed = tuple(step.name for step in steps if step.name != "tool helm")
    return [
        *steps,
        Step("create", create, after=needed, title=f"starting cluster {name}"),
        Step("ready", cluster.wait_until_ready, after=("create",), title=f"waiting until {name} is ready"),
        Step("mark", cluster.mark_whole, after=("ready",)),
    ]


def node_image_steps(workshop: Workshop) -> list[Step]:
    """The tools one after the other, Debian's packages beside them, then the image."""
    image, debian = workshop.node_image, workshop.debian
    # The longest first is no matter with one compiler; helm last lets the node image be made beside it.
    names = dict.fromkeys((*image.tool_names(), *CLUSTER_TOOLS))
    tools = tool_steps(workshop, [TOOLS[name] for name in names])
    root = Step(
        "node root",
        partial(debian.root_file_system, SUITE, image.packages),
        Lane.FETCH,
        title="" if debian.is_made(SUITE, image.packages) else "unpacking Debian for the node image",
    )
    before = (*(f"tool {name}" for name in image.tool_names()), root.name)
    return [*tools, root, Step("node image", image.build, after=before, title="building the node image")]


def image_steps(images: JobImages) -> list[Step]:
    """Every image, its base before it."""
    return [
        Step(
            f"image {name}",
            partial(images.build, spec),
            Lane.FETCH,
            after=(f"image {spec.base}",) if spec.base else (),
            title="" if images.is_built(spec) else f"building image {spec.stable_name}",
        )
        for name, spec in IMAGES.items()
    ]


def load_steps(images: JobImages, cluster: Cluster, after: tuple[str, ...] = ()) -> list[Step]:
    """Onto every node that lacks them."""

    def load(name: str) -> None:
        spec = IMAGES[name]
        cluster.load(images.build(spec), images.full_name(spec))

    return [
        Step(f"load {name}", partial(load, name), Lane.LOAD, (*after, f"image {name}"), f"loading {name}")
        for name in IMAGES
    ]
