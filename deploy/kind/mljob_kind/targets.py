"""What each make target consists of: the steps, their order and their lanes."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console

from .cache import Cache
from .commands import Commands
from .display import display_for
from .gotools import CLUSTER_TOOLS, PLAIN_PROCESS_TOOLS, GoTool, GoTools
from .paths import Paths
from .pipeline import Lane, Step, run_steps


@dataclass(frozen=True)
class Workshop:
    """What every target needs at hand."""

    paths: Paths
    commands: Commands
    cache: Cache
    tools: GoTools

    @classmethod
    def open(cls) -> "Workshop":
        paths = Paths.of_user()
        commands = Commands(paths.logs)
        cache = Cache(paths.cache, commands)
        return cls(paths, commands, cache, GoTools(paths, cache, commands))


def tools(console: Console, names: Sequence[str]) -> None:
    """Binaries alone, linked into .local/bin."""
    workshop = Workshop.open()
    wanted = workshop.tools.named(names or (*PLAIN_PROCESS_TOOLS, *CLUSTER_TOOLS))
    with display_for(console) as display:
        run_steps([tool_step(workshop, tool) for tool in wanted], display, workshop.commands)


def tool_step(workshop: Workshop, tool: GoTool) -> Step:
    title = "" if workshop.tools.is_built(tool) else f"compiling {tool.name}"
    return Step(f"tool {tool.name}", lambda: workshop.tools.link(tool), Lane.COMPILE, title=title)
