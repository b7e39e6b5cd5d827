"""Fixtures of the control plane. A session has one of each kind, started when first asked for."""

from collections.abc import Iterator
from itertools import count

import pytest

from tests.control_plane import EVERYTHING, ControlPlane
from tests.control_plane.manifests import install_crds, install_policies

_NUMBERS = count(1)


@pytest.fixture(scope="session")
def control_plane() -> Iterator[ControlPlane]:
    """etcd and an API server that knows both kinds."""
    with ControlPlane.start(prepare=install_crds) as plane:
        yield plane


@pytest.fixture(scope="session")
def guarded_control_plane() -> Iterator[ControlPlane]:
    """etcd and an API server with both kinds and the chart's admission policies."""
    with ControlPlane.start(prepare=install_crds) as plane:
        install_policies(plane)
        yield plane


@pytest.fixture(scope="session")
def full_control_plane() -> Iterator[ControlPlane]:
    """The same with controller manager, scheduler, and two nodes played by kwok; requests are audited."""
    with ControlPlane.start(components=EVERYTHING, audit_level="Metadata", prepare=install_crds) as plane:
        yield plane


def _new_namespace(plane: ControlPlane) -> str:
    name = f"test-{next(_NUMBERS)}"
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    plane.api.post("/api/v1/namespaces", json=namespace).raise_for_status()
    return name


@pytest.fixture
def namespace(control_plane: ControlPlane) -> str:
    """A fresh namespace of `control_plane`."""
    return _new_namespace(control_plane)


@pytest.fixture
def guarded_namespace(guarded_control_plane: ControlPlane) -> str:
    """A fresh namespace of `guarded_control_plane`."""
    return _new_namespace(guarded_control_plane)


@pytest.fixture
def full_namespace(full_control_plane: ControlPlane) -> str:
    """A fresh namespace of `full_control_plane`."""
    return _new_namespace(full_control_plane)
