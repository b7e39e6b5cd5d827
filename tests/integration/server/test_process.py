"""`python -m mljob.server` as a process: settings, start, signals, exit codes, log lines."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.control_plane import ControlPlane
from tests.integration.server.api import MLFLOW

WAIT_SECONDS = 120.0
"""A start costs seconds of CPU, and tests share the machine."""
Start = Callable[..., "Process"]


@dataclass
class Process:
    popen: subprocess.Popen[bytes]
    url: str
    log: Path

    def until_ready(self) -> None:
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline and self.popen.poll() is None:
            try:
                if httpx.get(f"{self.url}/readyz", timeout=WAIT_SECONDS).status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.05)
        pytest.fail(f"not ready:\n{self.log.read_text()}")

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]


@pytest.fixture
def start(control_plane: ControlPlane, namespace: str, tmp_path: Path) -> Iterator[Start]:
    started: list[Process] = []

    def run(**variables: str) -> Process:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            port = listener.getsockname()[1]
        settings = {
            "MLJOB_DATABASE_URL": f"sqlite:///{tmp_path}/mljob.db",
            "MLJOB_NAMESPACE": namespace,
            "MLJOB_LISTEN_PORT": str(port),
            "KUBECONFIG": str(control_plane.kubeconfig),
            **variables,
        }
        log = tmp_path / f"log-{len(started)}"
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("MLJOB_")}
        with log.open("wb") as sink:
            popen = subprocess.Popen(
                [sys.executable, "-m", "mljob.server"], env=inherited | settings, stdout=sink, stderr=sink
            )
        port_used = settings["MLJOB_LISTEN_PORT"]
        started.append(Process(popen, f"http://127.0.0.1:{port_used}", log))
        return started[-1]

    yield run
    for process in started:
        process.popen.kill()
        process.popen.wait()


def test_serves_and_answers_what_is_in_flight_when_told_to_stop(start: Start) -> None:
    process = start()
    process.until_ready()
    host, port = process.url.removeprefix("http://").split(":")
    body = json.dumps({"job_name": "unknown", "params": {}}).encode()
    head = (
        f"POST {MLFLOW} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    with socket.create_connection((host, int(port)), timeout=WAIT_SECONDS) as connection:
        connection.sendall(head.encode() + body[:5])
        # Once another request is answered the server has read the beginning of ours.
        assert httpx.get(f"{process.url}/healthz", timeout=WAIT_SECONDS).status_code == 200
        process.popen.send_signal(signal.SIGTERM)
        threading.Timer(0.5, connection.sendall, [body[5:]]).start()
        with connection.makefile("rb") as answer:
            text = answer.read()
    assert text.startswith(b"HTTP/1.1 400 ")
    assert text.endswith(b'{"detail":"Invalid job name: unknown"}')
    assert process.popen.wait(WAIT_SECONDS) == 0
    lines = process.lines()
    assert any(line["level"] == "warning" and "MLJOB_AUTH is none" in line["message"] for line in lines)
    assert all(line["level"] in ("info", "warning") for line in lines)


def test_two_start_at_once_on_a_new_database(start: Start) -> None:
    for process in [start(), start()]:
        process.until_ready()


def test_port_in_use(start: Start) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        process = start(MLJOB_LISTEN_PORT=str(other.getsockname()[1]))
        assert process.popen.wait(WAIT_SECONDS) == 1
    assert "address already in use" in process.log.read_text()


def test_cluster_away_at_start_is_waited_for(start: Start, tmp_path: Path) -> None:
    config = tmp_path / "away.kubeconfig"
    config.write_text(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\n"
        "clusters: [{name: c, cluster: {server: 'http://127.0.0.1:9'}}]\n"
        "users: [{name: u, user: {}}]\ncontexts: [{name: c, context: {cluster: c, user: u}}]\n"
    )
    process = start(KUBECONFIG=str(config))
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        try:
            answer = httpx.get(f"{process.url}/readyz", timeout=WAIT_SECONDS)
        except httpx.TransportError:
            time.sleep(0.05)
            continue
        if answer.json()["checks"]["store"] == "ok":
            break
    assert answer.status_code == 503
    assert answer.json()["ready"] is False
    assert "could not answer now" in answer.json()["checks"]["cluster"]
    assert httpx.get(f"{process.url}/healthz", timeout=WAIT_SECONDS).status_code == 200
    body = {"job_name": "x", "params": {}}
    submission = httpx.post(f"{process.url}{MLFLOW}", json=body, timeout=WAIT_SECONDS)
    assert submission.status_code == 503
