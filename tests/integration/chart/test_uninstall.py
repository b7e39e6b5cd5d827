"""The uninstall hook's program against a real API server."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from mljob.api import errors, names
from mljob.kube.client import KubeClient
from mljob.kube.config import load_connection
from mljob.kube.resources import MLJOBS
from mljob.uninstall import remove_finalizers

from tests.control_plane import ControlPlane

OTHERS = "example.com/theirs"


@pytest.fixture
async def client(control_plane: ControlPlane) -> AsyncIterator[KubeClient]:
    async with KubeClient(load_connection(str(control_plane.kubeconfig))) as client:
        yield client


def an_mljob(name: str, *finalizers: str) -> dict[str, Any]:
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND_JOB,
        "metadata": {"name": name, "finalizers": list(finalizers)},
        "spec": {"jobName": "train"},
    }


async def finalizers_of(client: KubeClient, namespace: str, name: str) -> list[str]:
    found = await client.get(MLJOBS, namespace, name)
    finalizers: list[str] = found["metadata"].get("finalizers", [])
    return finalizers


async def test_ours_goes_and_those_of_others_stay(client: KubeClient, namespace: str) -> None:
    await client.create(MLJOBS, namespace, an_mljob("ours", names.FINALIZER_RECORD))
    await client.create(MLJOBS, namespace, an_mljob("both", OTHERS, names.FINALIZER_RECORD))
    await client.create(MLJOBS, namespace, an_mljob("none"))
    assert await remove_finalizers(client, [namespace]) == 2
    assert await finalizers_of(client, namespace, "ours") == []
    assert await finalizers_of(client, namespace, "both") == [OTHERS]


async def test_one_that_was_being_deleted_is_gone(client: KubeClient, namespace: str) -> None:
    await client.create(MLJOBS, namespace, an_mljob("deleted", names.FINALIZER_RECORD))
    await client.delete(MLJOBS, namespace, "deleted")
    assert await finalizers_of(client, namespace, "deleted") == [names.FINALIZER_RECORD]
    await remove_finalizers(client, [namespace])
    with pytest.raises(errors.NotFound):
        await client.get(MLJOBS, namespace, "deleted")


async def test_other_namespaces_are_left_alone_unless_all_are_meant(
    client: KubeClient, control_plane: ControlPlane, namespace: str
) -> None:
    control_plane.kubectl("create", "namespace", f"{namespace}-other")
    for place in (namespace, f"{namespace}-other"):
        await client.create(MLJOBS, place, an_mljob("one", names.FINALIZER_RECORD))
    assert await remove_finalizers(client, [namespace]) == 1
    assert await finalizers_of(client, f"{namespace}-other", "one") == [names.FINALIZER_RECORD]
    assert await remove_finalizers(client, []) >= 1
    assert await finalizers_of(client, f"{namespace}-other", "one") == []


async def test_a_second_run_finds_nothing_to_do(client: KubeClient, namespace: str) -> None:
    await client.create(MLJOBS, namespace, an_mljob("one", names.FINALIZER_RECORD))
    assert await remove_finalizers(client, [namespace]) == 1
    assert await remove_finalizers(client, [namespace]) == 0


async def test_edits_made_meanwhile_are_kept(client: KubeClient, namespace: str) -> None:
    """A finalizer that somebody adds between our list and our patch must not be lost."""
    for number in range(20):
        await client.create(MLJOBS, namespace, an_mljob(f"job-{number}", names.FINALIZER_RECORD))

    async def add_theirs() -> None:
        for number in range(20):
            patch = [{"op": "add", "path": "/metadata/finalizers/-", "value": OTHERS}]
            await client.patch(MLJOBS, namespace, f"job-{number}", patch)

    both = await asyncio.gather(remove_finalizers(client, [namespace]), add_theirs(), return_exceptions=True)
    late = isinstance(both[1], errors.Invalid)  # Ours was the last one, and the list is gone.
    left = [await finalizers_of(client, namespace, f"job-{number}") for number in range(20)]
    assert both[0] == 20
    assert late or all(each == [OTHERS] for each in left)
    assert not any(names.FINALIZER_RECORD in each for each in left)
