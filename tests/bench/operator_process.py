"""The operator under measurement, as a process of its own."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

START_SECONDS = 60.0
STOP_SECONDS = 60.0
LOOK_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class RunningOperator:
    """`sql` is there once it has stopped."""

    pid: int
    url: str
    folder: Path

    @property
    def database(self) -> Path:
        return self.folder / "mljob.db"

    def sql(self) -> dict[str, int]:
        """How many statements, by their first word, and transactions."""
        counts: dict[str, int] = json.loads((self.folder / "sql.json").read_text())
        return counts


@contextmanager
def running_operator(kubeconfig: Path, folder: Path) -> Iterator[RunningOperator]:
    """With SQLite, all watches on, and the settings that it has by default. Its files are in `folder`."""
    port = _free_port()
    environment = os.environ | {
        "KUBECONFIG": str(kubeconfig),
        "MLJOB_DATABASE_URL": f"sqlite:///{folder}/mljob.db",
        "MLJOB_HEALTH_HOST": "127.0.0.1",
        "MLJOB_HEALTH_PORT": str(port),
        "MLJOB_BENCH_SQL": str(folder / "sql.json"),
    }
    with (folder / "operator.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.counted_operator"],
            env=environment, cwd=Path(__file__).parents[2], stdout=log, stderr=log,
        )  # fmt: skip
    operator = RunningOperator(process.pid, f"http://127.0.0.1:{port}", folder)
    try:
        _wait_ready(process, operator)
        yield operator
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(STOP_SECONDS)


def _wait_ready(process: subprocess.Popen[bytes], operator: RunningOperator) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not _is_ready(operator.url):
        if process.poll() is not None or time.monotonic() > deadline:
            log = (operator.folder / "operator.log").read_text()
            raise RuntimeError(f"the operator did not start:\n{log}")
        time.sleep(LOOK_SECONDS)


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz").is_success
    except httpx.TransportError:
        return False


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
