"""Cancels jobs: `spec.cancel: true`, one way. The operator does the rest."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any, Protocol

from mljob.api import errors
from mljob.kube.client import parse_object
from mljob.kube.resources import MLJOBS, Resource
from mljob.server.jobs import Found, Jobs
from mljob.server.objects import phase_of
from mljob.server.problems import AlreadyFinalized, ClusterAway, from_api_error
from mljob.server.views import status_text

SETTLE_SECONDS = 1.0
TRIES = 3


class JobPatcher(Protocol):
    """The part of KubeClient that this needs."""

    async def patch(
        self, resource: Resource, namespace: str | None, name: str, body: Mapping[str, Any]
    ) -> dict[str, Any]: ...

    def stream(self, path: str, params: Mapping[str, str]) -> AsyncIterator[bytes]: ...


class Cancellations:
    """Idempotent while the job is being stopped, refused once it is final."""

    def __init__(self, kube: JobPatcher, jobs: Jobs, settle_seconds: float = SETTLE_SECONDS) -> None:
        self._kube = kube
        self._jobs = jobs
        self._settle_seconds = settle_seconds

    async def cancel(self, job_id: str) -> tuple[Found, bool]:
        """The job, and whether this call was the first to cancel it.

        Raises AlreadyFinalized, JobNotFound, and what becomes of the API server's errors.
        """
        for _ in range(TRIES):
            found = await self._jobs.current(job_id)
            record = found.record
            if record.phase.is_final:
                raise AlreadyFinalized(job_id, status_text(record.phase))
            if found.item is None or found.item["spec"].get("cancel"):
                # Its object is gone (then it ends in Canceled as well), or it was cancelled before.
                return found, False
            # The uid makes sure that it is this job and not another one that was given its name.
            patch = {"metadata": {"uid": record.uid}, "spec": {"cancel": True}}
            try:
                item = await self._kube.patch(MLJOBS, record.namespace, record.name, patch)
            except (errors.NotFound, errors.Conflict):
                # It went meanwhile, or others wrote it at the same time: the next look tells.
                continue
            except errors.ApiError as error:
                raise from_api_error(error, "cancel the MlJob") from error
            return await self._jobs.newest(found, await self._settled(item)), True
        raise ClusterAway("The MlJob is changed by others all the time; try again.", retry_after_seconds=1)

    async def _settled(self, item: dict[str, Any]) -> dict[str, Any]:
        """The object as it is in a moment: the operator ends the job at once, and MLflow's clients expect the
        answer to say so. The grace period is the pod's alone: nobody waits for it here."""
        if phase_of(item).is_final:
            return item
        metadata, latest = item["metadata"], item
        params = {
            "watch": "true",
            "fieldSelector": f"metadata.name={metadata['name']}",
            "resourceVersion": metadata["resourceVersion"],
        }
        lines = self._kube.stream(MLJOBS.path(metadata["namespace"]), params)
        with contextlib.suppress(errors.ApiError, TimeoutError):
            async with asyncio.timeout(self._settle_seconds), contextlib.aclosing(lines):  # type: ignore[type-var]
                async for line in lines:
                    event = parse_object(line)
                    if event["type"] != "MODIFIED":
                        break
                    latest = event["object"]
                    if phase_of(latest).is_final:
                        break
        return latest
