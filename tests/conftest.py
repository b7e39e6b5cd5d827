"""What all tests share: a test's directory decides its marker, and the control plane's fixtures."""

from pathlib import Path

import pytest
from hypothesis import settings
from xdist.remote import Producer

from tests.scheduling import ByPlace

pytest_plugins = ["tests.control_plane.plugin"]

# How long an example takes tells how busy the machine is, not whether the code is right.
settings.register_profile("mljob", deadline=None)
settings.load_profile("mljob")

E2E_TIMEOUT_SECONDS = 1200
"""Clusters come and go in some of them"""
TESTS = Path(__file__).parent
MARKERS = {
    "unit": "unit",
    "integration": "integration",
    "faults": "integration",
    "bench": "integration",
    "e2e": "e2e",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test by the directory below tests/ that it lies in."""
    for item in items:
        if not item.path.is_relative_to(TESTS):
            continue
        marker = MARKERS.get(item.path.relative_to(TESTS).parts[0])
        if marker:
            item.add_marker(marker)
        if marker == "e2e":
            item.add_marker(pytest.mark.timeout(E2E_TIMEOUT_SECONDS))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByPlace:
    """Tests of one group run in one process: tests/scheduling.py."""
    return ByPlace(config, log)
