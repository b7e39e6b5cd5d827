"""One operator for a session's tests, each in a namespace of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.control_plane import ControlPlane
from tests.integration.operator.process import OperatorProcess
from tests.integration.operator.world import World


@pytest.fixture(scope="session")
def operator_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("operator")


@pytest.fixture(scope="session")
def running_operator(full_control_plane: ControlPlane, operator_folder: Path) -> Iterator[OperatorProcess]:
    """An operator that watches all namespaces."""
    process = OperatorProcess(
        full_control_plane.kubeconfig, f"sqlite:///{operator_folder}/mljob.db", operator_folder
    )
    process.start()
    yield process
    assert process.stop() == 0, process.log.read_text()


@pytest.fixture
def world(
    full_control_plane: ControlPlane,
    full_namespace: str,
    running_operator: OperatorProcess,
    operator_folder: Path,
) -> World:
    """A namespace that the session's operator looks after."""
    return World(full_control_plane, full_namespace, operator_folder / "mljob.db")
