"""Restricted by default, and never over what a definition says."""

from typing import Any

import pytest
from mljob.core.config import Security
from mljob.core.security import restrict

RESTRICTED = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def pod_context(asked: dict[str, Any] | None = None, security: Security | None = None) -> dict[str, Any]:
    spec = {"containers": []} if asked is None else {"containers": [], "securityContext": asked}
    context: dict[str, Any] = restrict(spec, security or Security())["securityContext"]
    return context


def container_context(asked: dict[str, Any] | None) -> dict[str, Any]:
    container = {"name": "main"} if asked is None else {"name": "main", "securityContext": asked}
    context: dict[str, Any] = restrict({"containers": [container]}, Security())["containers"][0][
        "securityContext"
    ]
    return context


def test_the_pod_runs_as_a_numeric_user_that_is_not_root() -> None:
    assert pod_context() == {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "fsGroup": 65532,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def test_ids_can_be_left_to_the_cluster() -> None:
    nobody = Security(run_as_user=None, run_as_group=None, fs_group=None)
    assert pod_context(security=nobody) == {
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"runAsUser": 1000}, {"runAsUser": 1000, "runAsNonRoot": True}),
        ({"runAsUser": 0}, {"runAsUser": 0, "runAsNonRoot": False}),
        ({"runAsUser": 0, "runAsNonRoot": True}, {"runAsUser": 0, "runAsNonRoot": True}),
        (
            {"seccompProfile": {"type": "Unconfined"}},
            {"seccompProfile": {"type": "Unconfined"}, "runAsUser": 65532},
        ),
        ({"fsGroupChangePolicy": "Always"}, {"fsGroupChangePolicy": "Always"}),
    ],
)
def test_the_pods_own_context_wins(asked: dict[str, Any], expected: dict[str, Any]) -> None:
    context = pod_context(asked)
    assert {field: context[field] for field in expected} == expected


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (None, RESTRICTED),
        ({"readOnlyRootFilesystem": True}, {**RESTRICTED, "readOnlyRootFilesystem": True}),
        (
            {"capabilities": {"add": ["NET_BIND_SERVICE"]}},
            {
                "allowPrivilegeEscalation": False,
                "capabilities": {"add": ["NET_BIND_SERVICE"], "drop": ["ALL"]},
            },
        ),
        (
            {"privileged": True},
            {"privileged": True, "allowPrivilegeEscalation": True, "capabilities": {"drop": ["ALL"]}},
        ),
        (
            {"capabilities": {"add": ["SYS_ADMIN"], "drop": []}, "allowPrivilegeEscalation": True},
            {"capabilities": {"add": ["SYS_ADMIN"], "drop": []}, "allowPrivilegeEscalation": True},
        ),
        ({"runAsUser": 0}, {**RESTRICTED, "runAsUser": 0, "runAsNonRoot": False}),
        ({"runAsUser": 0, "runAsNonRoot": True}, {**RESTRICTED, "runAsUser": 0, "runAsNonRoot": True}),
    ],
)
def test_a_containers_own_context_wins(asked: dict[str, Any] | None, expected: dict[str, Any]) -> None:
    assert container_context(asked) == expected


def test_sidecars_and_init_containers_are_restricted_too() -> None:
    spec = restrict(
        {"containers": [{"name": "main"}, {"name": "side"}], "initContainers": [{"name": "init"}]}, Security()
    )
    contexts = [c["securityContext"] for c in (*spec["containers"], *spec["initContainers"])]
    assert contexts == [RESTRICTED] * 3
    contexts[0]["capabilities"]["drop"].clear()
    assert contexts[1] == RESTRICTED
