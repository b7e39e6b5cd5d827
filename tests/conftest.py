"""What all tests share: a test's directory decides its marker, and the control plane's fixtures."""

from pathlib import Path

import pytest
from hypothesis import settings

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


# xdist reads the groups in a hook of its own, which would otherwise come before this one.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test by the directory below tests/ that it lies in, and say which ones share a worker."""
    for item in items:
        if not item.path.is_relative_to(TESTS):
            continue
        parts = item.path.relative_to(TESTS).parts
        marker = MARKERS.get(parts[0])
        if marker:
            item.add_marker(marker)
        if marker == "e2e":
            item.add_marker(pytest.mark.timeout(E2E_TIMEOUT_SECONDS))
        if (marker and marker != "unit") or parts[:2] == ("unit", "runner"):
            item.add_marker(pytest.mark.xdist_group(_group(parts)))


def _group(parts: tuple[str, ...]) -> str:
    """Tests of one cluster run one after the other; those of one control plane share it, in one process.

    The runner's count the machine's processes.
    """
    if parts[0] == "e2e":
        return "e2e"
    # The operator's tests mostly wait: each file has a control plane of its own beside the others.
    return "/".join(parts if parts[1] == "operator" else parts[:2])
