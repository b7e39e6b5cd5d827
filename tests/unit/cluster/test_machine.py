"""Each lack of the machine is told in one sentence that says what to do."""

import os
import shutil
import socket
from pathlib import Path

import pytest

from deploy.kind.mljob_kind import machine
from deploy.kind.mljob_kind.commands import Commands
from deploy.kind.mljob_kind.errors import CannotProceedError


@pytest.fixture
def commands(tmp_path: Path) -> Commands:
    return Commands(tmp_path / "log")


def lacking(monkeypatch: pytest.MonkeyPatch, *programs: str, uid: int = 0) -> None:
    real = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if name in programs else real("true"))
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    assert real("true")


def test_a_port_in_use_is_named_with_the_variable_that_chooses_another() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(
            CannotProceedError, match=rf"port {port} of 127.0.0.1 cannot be taken.*MLJOB_PORT="
        ):
            machine.require_port(port)
    machine.require_port(port)


def test_too_little_disk_is_told_with_the_variable_that_moves_the_cache(tmp_path: Path) -> None:
    with pytest.raises(CannotProceedError, match=r"GiB free and 1000000 GiB are needed.*XDG_CACHE_HOME"):
        machine.require_disk(tmp_path / "not" / "there" / "yet", 1_000_000)
    machine.require_disk(tmp_path, 0)


def test_too_little_memory_is_told() -> None:
    with pytest.raises(CannotProceedError, match="GiB of memory are free and the cluster needs 1000000 GiB"):
        machine.require_memory(1_000_000)


def test_who_is_not_root_is_told_of_both_ways(monkeypatch: pytest.MonkeyPatch, commands: Commands) -> None:
    lacking(monkeypatch, uid=1000)
    with pytest.raises(CannotProceedError, match="only as root: start a Docker engine, or run `sudo make"):
        machine.require_podman(commands)


def test_a_system_without_podman_and_apt_is_told_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, commands: Commands
) -> None:
    lacking(monkeypatch, "podman", "buildah", "apt-get")
    with pytest.raises(CannotProceedError, match="needs buildah, podman of Debian"):
        machine.require_podman(commands)


def test_nothing_is_installed_when_nothing_is_missing(
    monkeypatch: pytest.MonkeyPatch, commands: Commands
) -> None:
    lacking(monkeypatch)
    commands.cancel()  # so that any command would raise
    machine.require_podman(commands)


def test_a_machine_without_go_is_told_which_go(monkeypatch: pytest.MonkeyPatch, commands: Commands) -> None:
    lacking(monkeypatch, "go")
    with pytest.raises(CannotProceedError, match=r"Go is not installed: install Go 1\.21 or newer"):
        machine.require_go(commands)
