"""Fixtures of the runner's tests: the bundle as it lies in a pod."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.runner.harness import Pod, mount_runner


@pytest.fixture(scope="session")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return mount_runner(tmp_path_factory.mktemp("runner"))


@pytest.fixture
def pod(runner: Path, tmp_path: Path) -> Pod:
    return Pod(runner, tmp_path)
