"""Command line of `make cluster`, `clean-cluster`, `tools`, `images`; a trouble becomes one sentence."""

import argparse
import signal
import sys
from collections.abc import Callable
from types import FrameType

from rich.console import Console

from . import targets
from .commands import Cancelled
from .errors import CannotProceedError

FAILED = 1
INTERRUPTED = 130
TARGETS: dict[str, tuple[Callable[[Console], None], str]] = {
    "up": (targets.up, "bring the cluster up"),
    "images": (targets.images, "build the images and load them into the cluster"),
    "down": (targets.down, "remove the cluster and all its traces but the cache"),
}


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="mljob_kind", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    tools = commands.add_parser("tools", help="build binaries and link them into .local/bin")
    tools.add_argument("names", nargs="*", help="which; all when none is named")
    for name, (_, text) in TARGETS.items():
        commands.add_parser(name, help=text)
    options = parser.parse_args(arguments)
    if options.command == "tools":
        return _told(lambda console: targets.tools(console, options.names))
    return _told(TARGETS[options.command][0])


def _told(target: Callable[[Console], None]) -> int:
    signal.signal(signal.SIGTERM, _interrupt)
    console = Console()
    try:
        target(console)
    except CannotProceedError as error:
        Console(stderr=True).print(f"{error}", style="red", markup=False, highlight=False, soft_wrap=True)
        return FAILED
    except (KeyboardInterrupt, Cancelled):
        Console(stderr=True).print("Interrupted; what was finished is kept; run it again to go on.")
        return INTERRUPTED
    return 0


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
