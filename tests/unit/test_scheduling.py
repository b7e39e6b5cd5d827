"""What shares a cluster or a control plane runs one after the other."""

import pytest

from tests.scheduling import group_of


@pytest.mark.parametrize(
    ("nodeid", "group"),
    [
        ("tests/e2e/test_chart.py::test_a[x/y::z]", "e2e"),
        ("tests/e2e/test_cluster_lifecycle.py::test_a", "e2e"),
        ("tests/integration/api/test_policies.py::test_a", "integration/api"),
        ("tests/integration/test_manifests.py::test_a", "integration/test_manifests.py"),
        ("tests/integration/operator/test_restarts.py::test_a", "integration/operator/test_restarts.py"),
        ("tests/unit/runner/test_outcomes.py::test_a", "unit/runner"),
        ("tests/unit/core/test_params.py::test_a[1]", "tests/unit/core/test_params.py::test_a[1]"),
    ],
)
def test_group_of_a_test(nodeid: str, group: str) -> None:
    assert group_of(nodeid) == group
