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


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="mljob_kind", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    tools = commands.add_parser("tools", help="build binaries and link them into .local/bin")
    tools.add_argument("names", nargs="*", help="which; all when none is named")
    options = parser.parse_args(arguments)
    return _told(lambda console: targets.tools(console, options.names))


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
