"""Makes what is measured: objects at full speed, definitions that are accepted."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from mljob.api import errors
from mljob.kube.client import KubeClient
from mljob.kube.resources import DEFINITIONS, Resource

from tests.bench.figures import CannotMeasureError

CREATIONS_AT_ONCE = 32
ACCEPTED_LOOK_SECONDS = 0.1
ACCEPTED_LIMIT_SECONDS = 60


async def create_all(client: KubeClient, resource: Resource, namespace: str, bodies: Sequence[Any]) -> None:
    """So many at once, as fast as the server takes them."""
    left = iter(bodies)

    async def creator() -> None:
        for body in left:
            await client.create(resource, namespace, body)

    await asyncio.gather(*(creator() for _ in range(CREATIONS_AT_ONCE)))


async def define(client: KubeClient, namespace: str, body: dict[str, Any]) -> None:
    """Create a definition, anew if need be, and wait until it is accepted. Raises CannotMeasureError."""
    name = body["metadata"]["name"]
    with suppress(errors.NotFound):
        await client.delete(DEFINITIONS, namespace, name)
    await client.create(DEFINITIONS, namespace, body)
    deadline = time.monotonic() + ACCEPTED_LIMIT_SECONDS
    while not await _accepted(client, namespace, name):
        if time.monotonic() > deadline:
            raise CannotMeasureError(f"the definition {name} was not judged: is the operator running?")
        await asyncio.sleep(ACCEPTED_LOOK_SECONDS)


async def _accepted(client: KubeClient, namespace: str, name: str) -> bool:
    status = (await client.get(DEFINITIONS, namespace, name)).get("status") or {}
    for condition in status.get("conditions") or ():
        if condition["type"] == "Accepted":
            if condition["status"] != "True":
                raise CannotMeasureError(f"the definition {name} is refused: {condition['message']}")
            return True
    return False
