"""Cancels jobs: `spec.cancel: true`, one way. The operator does the rest."""

from collections.abc import Mapping
from typing import Any, Protocol

from mljob.api import errors
from mljob.api.job import Phase
from mljob.kube.resources import MLJOBS, Resource
from mljob.server.jobs import Found, Jobs
from mljob.server.problems import AlreadyFinalized, from_api_error
from mljob.server.views import status_text


class JobPatcher(Protocol):
    """The part of KubeClient that this needs."""

    async def patch(
        self, resource: Resource, namespace: str | None, name: str, body: Mapping[str, Any]
    ) -> dict[str, Any]: ...


class Cancellations:
    """Idempotent while the job is being stopped, refused once it is final."""

    def __init__(self, kube: JobPatcher, jobs: Jobs) -> None:
        self._kube = kube
        self._jobs = jobs

    async def cancel(self, job_id: str) -> tuple[Found, bool]:
        """The job, and whether this call was the first to cancel it.

        Raises AlreadyFinalized, JobNotFound, and what becomes of the API server's errors.
        """
        found = await self._jobs.get_with_object(job_id)
        record = found.record
        phase = phase_of(found)
        if phase.is_final:
            raise AlreadyFinalized(job_id, status_text(phase))
        if found.item is None or found.item["spec"].get("cancel"):
            # Its object is gone (then it ends in Canceled as well), or it was cancelled before.
            return found, False
        # The uid makes sure that it is this job and not another one that was given its name.
        patch = {"metadata": {"uid": record.uid}, "spec": {"cancel": True}}
        try:
            await self._kube.patch(MLJOBS, record.namespace, record.name, patch)
        except (errors.NotFound, errors.Conflict):
            return await self._jobs.get_with_object(job_id), False
        except errors.ApiError as error:
            raise from_api_error(error, "cancel the MlJob") from error
        return await self._jobs.get_with_object(job_id), True


def phase_of(found: Found) -> Phase:
    """The later of row and object: the row follows the object by a moment."""
    status = (found.item or {}).get("status") or {}
    phase = Phase(status.get("phase") or Phase.PENDING)
    return phase if phase.is_final else found.record.phase
