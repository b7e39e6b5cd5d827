"""Docker runs the nodes where its engine answers and kind's image can be had; else podman with our image."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from deploy.kind.mljob_kind import engine
from deploy.kind.mljob_kind.commands import Commands
from deploy.kind.mljob_kind.display import PlainDisplay
from deploy.kind.mljob_kind.paths import Paths
from deploy.kind.mljob_kind.podman import Podman


@pytest.mark.parametrize(
    ("answering", "command"),
    [
        ("info image", "docker"),
        ("info pull", "docker"),
        ("info", "podman"),
        ("image pull", "podman"),  # a client without an engine: `docker info` fails
        ("", "podman"),
    ],
)
def test_the_engine_that_can_run_a_node_is_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answering: str, command: str
) -> None:
    docker = tmp_path / "docker"
    docker.write_text(f'#!/bin/sh\ncase " {answering} " in *" $1 "*) exit 0;; esac\nexit 1\n')
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(engine, "default_node_image", lambda paths, commands: "kindest/node:v0")
    paths = Paths(tmp_path, tmp_path)
    commands = Commands(tmp_path / "log")
    chosen = engine.choose(
        paths, commands, Podman(paths, commands), PlainDisplay(Console(file=io.StringIO()))
    )
    assert (chosen.command, chosen.offline) == (command, command == "podman")
