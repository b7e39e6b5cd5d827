"""What all tests share: a test's directory decides its marker, and the control plane's fixtures."""

from pathlib import Path

import pytest

pytest_plugins = ["tests.control_plane.plugin"]

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
        if item.path.is_relative_to(TESTS):
            marker = MARKERS.get(item.path.relative_to(TESTS).parts[0])
            if marker:
                item.add_marker(marker)
