"""Takes the finalizer off the MlJobs that outlive an uninstalled release; changes nothing else of them.

Run by the chart's uninstall hook, as `python -m mljob.uninstall`: with the operator gone, nobody records
the end of an MlJob, and deleting one that carries the finalizer would hang.
"""

import asyncio
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from mljob.api import errors, names
from mljob.kube.client import KubeClient
from mljob.kube.config import ConfigError, load_connection
from mljob.kube.resources import MLJOBS

CONCURRENT_PATCHES = 16
CONFLICT_TRIES = 5


async def remove_finalizers(client: KubeClient, namespaces: Sequence[str]) -> int:
    """Strip every MlJob of these namespaces (none named: of all); how many carried the finalizer.

    Raises ApiError, alone or in a group. What was stripped stays stripped: running it again goes on.
    """
    scopes: Sequence[str | None] = namespaces or [None]
    count = 0
    slots = asyncio.Semaphore(CONCURRENT_PATCHES)
    with suppress(errors.NotFound):  # No CRD, so no MlJobs.
        for namespace in scopes:
            async for page in client.list_pages(MLJOBS, namespace):
                held = [mljob for mljob in page["items"] if names.FINALIZER_RECORD in _finalizers(mljob)]
                async with asyncio.TaskGroup() as tasks:
                    for mljob in held:
                        tasks.create_task(_strip_one(client, mljob, slots))
                count += len(held)
    return count


async def _strip_one(client: KubeClient, mljob: Mapping[str, Any], slots: asyncio.Semaphore) -> None:
    async with slots:
        with suppress(errors.NotFound):  # Deleted meanwhile.
            for tries_left in reversed(range(CONFLICT_TRIES)):
                try:
                    await _patch_finalizers(client, mljob)
                except errors.Conflict:
                    if not tries_left:
                        raise
                else:
                    break
                mljob = await client.get(MLJOBS, *_key(mljob))


async def _patch_finalizers(client: KubeClient, mljob: Mapping[str, Any]) -> None:
    """A list is replaced as a whole: the resourceVersion keeps others' finalizers from being lost."""
    left = [finalizer for finalizer in _finalizers(mljob) if finalizer != names.FINALIZER_RECORD]
    metadata = {"finalizers": left, "resourceVersion": mljob["metadata"]["resourceVersion"]}
    await client.patch(MLJOBS, *_key(mljob), {"metadata": metadata})


def _key(mljob: Mapping[str, Any]) -> tuple[str, str]:
    return mljob["metadata"]["namespace"], mljob["metadata"]["name"]


def _finalizers(mljob: Mapping[str, Any]) -> Iterable[str]:
    return mljob["metadata"].get("finalizers") or ()


async def _main(namespaces: Sequence[str]) -> int:
    async with KubeClient(load_connection(), user_agent="mljob-uninstall") as client:
        count = await remove_finalizers(client, namespaces)
    where = ", ".join(namespaces) or "all namespaces"
    print(f"finalizer {names.FINALIZER_RECORD} removed from {count} MlJobs in {where}")
    return 0


def main() -> int:
    """Exit code 0, or 1 with a sentence on stderr."""
    listed = os.environ.get("MLJOB_WATCH_NAMESPACES", "")
    try:
        return asyncio.run(_main([name for name in listed.split(",") if name]))
    except* (errors.ApiError, ConfigError) as group:
        print("; ".join(str(error) for error in group.exceptions), file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
