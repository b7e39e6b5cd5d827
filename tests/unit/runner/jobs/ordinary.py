"""Job functions that behave."""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
from multiprocessing import get_context
from typing import Any


def add(x: float, y: float = 1) -> float:
    return x + y


def nothing() -> None:
    print("out")
    print("err", file=sys.stderr)


def reprs(**params: object) -> dict[str, str]:
    return {name: repr(value) for name, value in params.items()}


def text_of(character: str, times: int) -> str:
    return character * times


def parsed(text: str) -> Any:
    return json.loads(text)


def variadic(x: int, *args: int, key: str, **kwargs: int) -> None:
    pass


def double(number: int) -> int:
    return 2 * number


def pool(method: str) -> list[int]:
    with get_context(method).Pool(2) as workers:
        return workers.map(double, [1, 2, 3])


def surroundings() -> dict[str, Any]:
    """What a function finds: as in an ordinary program, with its sources first."""
    return {
        "argv": len(sys.argv),
        "blocked": len(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
        "sigterm": signal.getsignal(signal.SIGTERM) == signal.SIG_DFL,
        "sigint": signal.getsignal(signal.SIGINT) == signal.default_int_handler,
        "leads_session": os.getsid(0) == os.getpid(),
        "sources_first": sys.path[0] == os.environ["MLJOB_SOURCE_DIR"],
        "then_working_directory": sys.path[1] == os.getcwd(),
        "shim_last": sys.path[-1].endswith("/shim"),
        "site": not sys.flags.no_site,
        "open_descriptors": sorted(int(name) for name in os.listdir("/proc/self/fd"))[:3],
    }


def supervisor() -> dict[str, Any]:
    parent = f"/proc/{os.getppid()}"
    with open(f"{parent}/cmdline") as file:
        arguments = file.read().split("\0")
    return {"threads": len(os.listdir(f"{parent}/task")), "isolated": arguments[1:3] == ["-I", "-S"]}


def from_working_directory() -> str:
    return str(importlib.import_module("beside_the_job").NAME)
