"""Restricted Pod Security as the default: filled in where a definition says nothing of its own."""

from collections.abc import Mapping
from typing import Any

from mljob.core.config import Security
from mljob.core.merge import merge

ROOT = 0


def restrict(spec: Mapping[str, Any], security: Security) -> dict[str, Any]:
    """The pod's spec with security contexts for the pod and for each of its containers.

    Injected sidecars bring their own; a namespace that enforces less is not asked here.
    """
    pod = merge(_pod_context(security), spec.get("securityContext", {}))
    if pod.get("runAsUser") == ROOT:
        # A kubelet refuses to start a root user in a pod that must not run as root.
        pod["runAsNonRoot"] = spec.get("securityContext", {}).get("runAsNonRoot", False)
    restricted = {**spec, "securityContext": pod}
    for part in ("initContainers", "containers"):
        if part in spec:
            restricted[part] = [_restrict_container(container) for container in spec[part]]
    return restricted


def _pod_context(security: Security) -> dict[str, Any]:
    ids = {
        "runAsUser": security.run_as_user,
        "runAsGroup": security.run_as_group,
        "fsGroup": security.fs_group,
    }
    context: dict[str, Any] = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    context |= {field: number for field, number in ids.items() if number is not None}
    if security.fs_group is not None:
        # Else a kubelet changes the owner of every file of a large volume at each start.
        context["fsGroupChangePolicy"] = "OnRootMismatch"
    return context


def _restrict_container(container: Mapping[str, Any]) -> dict[str, Any]:
    asked = container.get("securityContext", {})
    context = merge({"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}, asked)
    if asked.get("privileged") or "SYS_ADMIN" in asked.get("capabilities", {}).get("add", ()):
        # The API server refuses these together with allowPrivilegeEscalation: false.
        context["allowPrivilegeEscalation"] = asked.get("allowPrivilegeEscalation", True)
    if asked.get("runAsUser") == ROOT:
        context.setdefault("runAsNonRoot", False)
    return {**container, "securityContext": context}
