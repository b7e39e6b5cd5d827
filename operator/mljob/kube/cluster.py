"""The cluster as the operator's loop knows it: `controller.ports.Cluster` over `KubeClient`."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from mljob.api import errors, names
from mljob.controller.ports import Kind, Page
from mljob.kube.client import KubeClient, parse_object
from mljob.kube.resources import (
    CONFIG_MAPS,
    DEFINITIONS,
    EVENTS,
    JOBS,
    MLJOBS,
    NAMESPACES,
    PODS,
    Resource,
)

Json = dict[str, Any]

RESOURCES: dict[Kind, Resource] = {
    "MlJob": MLJOBS,
    "MlJobDefinition": DEFINITIONS,
    "Job": JOBS,
    "Pod": PODS,
}
OURS = names.LABEL_UID
"""Jobs and pods with this label are ours; the selector is the server's work."""
EVENTS_READ = 20
WATCH_SECONDS = 300
"""The server ends a watch after this long; the next one begins where it was"""
WATCH_SILENCE_SECONDS = 120.0
"""A server says how far it is once a minute, also when nothing happens: more silence is a dead connection"""


class KubeCluster:
    """`namespaces` empty: all of them."""

    def __init__(self, client: KubeClient, namespaces: Sequence[str] = ()) -> None:
        self._client = client
        self._namespaces = tuple(namespaces)

    async def cluster_id(self) -> str:
        """uid of the kube-system namespace: the cluster's identity in SQL."""
        return str((await self._client.get(NAMESPACES, None, "kube-system"))["metadata"]["uid"])

    async def list_all(self, kind: Kind) -> AsyncIterator[Page]:
        """See the port."""
        selector = _selection(kind).get("labelSelector")
        for namespace in self._namespaces or (None,):
            async for page in self._client.list_pages(RESOURCES[kind], namespace, label_selector=selector):
                version = int(page["metadata"]["resourceVersion"])
                yield Page(page.get("items") or (), version, namespace)

    async def watch(self, kind: Kind, scope: str | None, version: int) -> AsyncIterator[tuple[str, Json]]:
        """See the port."""
        params = {
            "watch": "true",
            "resourceVersion": str(version),
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(WATCH_SECONDS),
        } | _selection(kind)
        lines = self._client.stream(
            RESOURCES[kind].path(scope), params, read_timeout_seconds=WATCH_SILENCE_SECONDS
        )
        async for line in lines:
            event = parse_object(line)
            if event["type"] == "ERROR":
                status = event["object"]
                raise errors.from_status(int(status.get("code") or 0), status)
            yield event["type"], event["object"]

    async def get_mljob(self, namespace: str, name: str) -> Json:
        return await self._client.get(MLJOBS, namespace, name)

    async def patch_mljob_status(self, namespace: str, name: str, patch: Json) -> Json:
        return await self._client.patch(MLJOBS, namespace, name, patch, subresource="status")

    async def release_mljob(self, namespace: str, name: str, finalizers: Sequence[str], version: int) -> None:
        metadata = {"finalizers": list(finalizers), "resourceVersion": str(version)}
        await self._client.patch(MLJOBS, namespace, name, {"metadata": metadata})

    async def delete_mljob(self, namespace: str, name: str, uid: str) -> None:
        await self._client.delete(MLJOBS, namespace, name, propagation="Background", uid=uid)

    async def patch_definition_status(self, namespace: str, name: str, patch: Json) -> Json:
        body = {"status": patch}
        return await self._client.patch(DEFINITIONS, namespace, name, body, subresource="status")

    async def create_job(self, namespace: str, manifest: Json) -> Json:
        return await self._client.create(JOBS, namespace, manifest)

    async def get_job(self, namespace: str, name: str) -> Json:
        return await self._client.get(JOBS, namespace, name)

    async def stop_job(self, namespace: str, name: str, reason: str, *, unsuspend: bool) -> Json:
        spec: Json = {"activeDeadlineSeconds": 0}
        if unsuspend:
            # The deadline of a suspended Job does not run.
            spec["suspend"] = False
        metadata = {"annotations": {names.ANNOTATION_STOP_REASON: reason}}
        return await self._client.patch(JOBS, namespace, name, {"metadata": metadata, "spec": spec})

    async def lower_pod_deadline(self, namespace: str, name: str, uid: str, seconds: int) -> Json:
        body = {"metadata": {"uid": uid}, "spec": {"activeDeadlineSeconds": seconds}}
        return await self._client.patch(PODS, namespace, name, body)

    async def pods_of(self, namespace: str, uid: str, attempt: int) -> Sequence[Json]:
        selector = f"{names.LABEL_UID}={uid},{names.LABEL_ATTEMPT}={attempt}"
        found: list[Json] = []
        async for page in self._client.list_pages(PODS, namespace, label_selector=selector):
            found += page.get("items") or ()
        return found

    async def warnings_about(self, namespace: str, name: str, uid: str) -> Sequence[Json]:
        selector = f"involvedObject.uid={uid},type=Warning"
        found: list[Json] = []
        async for page in self._client.list_pages(
            EVENTS, namespace, field_selector=selector, page_size=EVENTS_READ
        ):
            found += page.get("items") or ()
        return sorted(
            found, key=lambda event: str(event.get("lastTimestamp") or event.get("eventTime") or "")
        )

    async def dry_run(self, namespace: str, job: Json, pod: Json) -> None:
        await self._client.create(JOBS, namespace, job, dry_run=True)
        await self._client.create(PODS, namespace, pod, dry_run=True)

    async def create_config_map(self, namespace: str, manifest: Json) -> Json:
        return await self._client.create(CONFIG_MAPS, namespace, manifest)

    async def get_config_map(self, namespace: str, name: str) -> Json:
        return await self._client.get(CONFIG_MAPS, namespace, name)

    async def source_config_maps(self) -> Sequence[Json]:
        selector = f"{names.LABEL_MANAGED_BY}={names.MANAGED_BY},app.kubernetes.io/component=source"
        found: list[Json] = []
        for namespace in self._namespaces or (None,):
            async for page in self._client.list_pages(CONFIG_MAPS, namespace, label_selector=selector):
                found += page.get("items") or ()
        return found

    async def delete_config_map(self, namespace: str, name: str, uid: str) -> None:
        await self._client.delete(CONFIG_MAPS, namespace, name, propagation="Background", uid=uid)

    async def put_event(self, namespace: str, event: Json) -> None:
        try:
            await self._client.create(EVENTS, namespace, event)
        except errors.AlreadyExists:
            changes = {key: event[key] for key in ("type", "reason", "message", "lastTimestamp")}
            await self._client.patch(EVENTS, namespace, event["metadata"]["name"], changes)

    async def namespace_annotations(self, namespace: str) -> Mapping[str, str]:
        body = await self._client.get(NAMESPACES, None, namespace)
        return body["metadata"].get("annotations") or {}


def _selection(kind: Kind) -> dict[str, str]:
    """Which objects of a kind concern us, as query parameters."""
    return {"labelSelector": OURS} if kind in ("Job", "Pod") else {}
