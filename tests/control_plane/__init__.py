"""The Kubernetes control plane as plain processes, for integration, fault and scale tests."""

from tests.control_plane.components import CONTROLLER_MANAGER, KWOK, SCHEDULER, Options
from tests.control_plane.plane import ControlPlane
from tests.control_plane.waiting import wait_for

EVERYTHING = frozenset({CONTROLLER_MANAGER, SCHEDULER, KWOK})

__all__ = ["CONTROLLER_MANAGER", "EVERYTHING", "KWOK", "SCHEDULER", "ControlPlane", "Options", "wait_for"]
