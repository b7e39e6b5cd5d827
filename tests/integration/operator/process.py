"""The operator as a process of its own, started as its container starts it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx

START_SECONDS = 60.0


class OperatorProcess:
    """`python -m mljob`. Its log is in `log`."""

    def __init__(
        self,
        kubeconfig: Path,
        database_url: str,
        folder: Path,
        *,
        namespaces: tuple[str, ...] = (),
        config: dict[str, Any] | None = None,
    ) -> None:
        self.log = folder / "operator.log"
        self._config = folder / "config.json"
        self._config.write_text(json.dumps(config or {}))
        self._port = _free_port()
        self._environment = os.environ | {
            "KUBECONFIG": str(kubeconfig),
            "MLJOB_DATABASE_URL": database_url,
            "MLJOB_WATCH_NAMESPACES": ",".join(namespaces),
            "MLJOB_CONFIG": str(self._config),
            "MLJOB_HEALTH_HOST": "127.0.0.1",
            "MLJOB_HEALTH_PORT": str(self._port),
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where probes and metrics are."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start and wait until it is ready."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "mljob"], env=self._environment, stdout=log, stderr=log
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the operator did not start:\n{self.log.read_text()}")
            time.sleep(0.05)

    def kill(self) -> None:
        """SIGKILL: no goodbye."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()

    def stop(self, seconds: float = 30.0) -> int:
        """SIGTERM; its exit code."""
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(seconds)

    def metrics(self) -> str:
        """The page of its metrics."""
        return httpx.get(f"{self.url}/metrics").raise_for_status().text

    def _ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz").is_success
        except httpx.TransportError:
            return False


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
