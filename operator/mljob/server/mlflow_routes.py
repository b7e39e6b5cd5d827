"""`/ajax-api/3.0/jobs` as MLflow's clients know it: paths, fields, texts and codes. No rule of its own."""

import json
import re
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response, StreamingResponse

from mljob.api.common import LABEL_VALUE, MAX_LABEL_VALUE_CHARS
from mljob.core.status import JobStatus
from mljob.server.answers import Json
from mljob.server.caller import CurrentCaller
from mljob.server.dependencies import DefaultNamespace, TheCancellations, TheJobs, TheSubmissions
from mljob.server.jobs import Jobs
from mljob.server.objects import Submission, parse_spec
from mljob.server.params import exact_text, whole_seconds
from mljob.server.problems import AlreadyFinalized, UnknownJobName
from mljob.server.schemas import MlflowError, MlflowJob, MlflowJobs, MlflowSearch, MlflowSubmission
from mljob.server.views import mlflow_job
from mljob.store import MAX_PAGE_ROWS, JobFilter, Order, Page

STORED_HEADER = "MlJob-Stored"
"""`false`: the job is accepted, its row is not in SQL yet because the database is away."""

router = APIRouter(
    prefix="/ajax-api/3.0/jobs",
    tags=["MLflow"],
    responses={code: {"model": MlflowError} for code in (400, 404, 422, 503)},
)


@router.post("", response_model=MlflowJob)
async def submit_job(
    body: MlflowSubmission, namespace: DefaultNamespace, submissions: TheSubmissions, caller: CurrentCaller
) -> Response:
    """Submit a job to the server's namespace."""
    if not _may_name_a_job(body.job_name):
        raise UnknownJobName(body.job_name, namespace)
    spec: dict[str, Any] = {"jobName": body.job_name, "paramsJSON": exact_text(body.params)}
    seconds = whole_seconds(body.timeout)
    if seconds is not None:
        spec["activeDeadlineSeconds"] = seconds
    submission = Submission(namespace=namespace, spec=parse_spec(spec), submitted_by=caller.name)
    accepted = await submissions.submit(submission, extra_params_pass=True)
    headers = None if accepted.stored else {STORED_HEADER: "false"}
    return Json(mlflow_job(accepted.record), headers=headers)


@router.get("/{job_id}", response_model=MlflowJob)
async def get_job(job_id: str, jobs: TheJobs, _: CurrentCaller) -> Response:
    """One job by its id."""
    found = await jobs.get(job_id)
    headers = None if found.stored else {STORED_HEADER: "false"}
    return Json(mlflow_job(found.record), headers=headers)


@router.post("/search", response_model=MlflowJobs)
async def search_jobs(body: MlflowSearch, jobs: TheJobs, _: CurrentCaller) -> Response:
    """All jobs that match, oldest first."""
    wanted = JobFilter(
        job_name=body.job_name,
        params=body.params or None,
        phases=frozenset(JobStatus(status.value).to_phase() for status in body.statuses or ()) or None,
    )
    first = await jobs.page(wanted, Order.OLDEST_FIRST, MAX_PAGE_ROWS)
    if first.next_cursor is None:
        return Json({"jobs": [mlflow_job(record) for record in first.jobs]})
    return StreamingResponse(_written(first, wanted, jobs), media_type="application/json")


@router.patch("/cancel/{job_id}", response_model=MlflowJob)
async def cancel_job(job_id: str, cancellations: TheCancellations, _: CurrentCaller) -> Response:
    """Cancel a job that is not final. A second time is refused, also while the first is being carried out."""
    found, is_first = await cancellations.cancel(job_id)
    if not is_first:
        raise AlreadyFinalized(job_id, JobStatus.CANCELED)
    return Json(mlflow_job(found.record))


async def _written(page: Page, wanted: JobFilter, jobs: Jobs) -> AsyncIterator[bytes]:
    """The answer to a large search, written page by page: it never lies in memory as a whole.

    An error after the first page breaks the answer off: no client takes half of it for the whole.
    """
    yield b'{"jobs":['
    separator = b""
    while True:
        for record in page.jobs:
            yield separator + json.dumps(mlflow_job(record), separators=(",", ":")).encode("ascii")
            separator = b","
        if page.next_cursor is None:
            break
        page = await jobs.page(wanted, Order.OLDEST_FIRST, MAX_PAGE_ROWS, page.next_cursor)
    yield b"]}"


def _may_name_a_job(name: str) -> bool:
    return len(name) <= MAX_LABEL_VALUE_CHARS and re.fullmatch(LABEL_VALUE, name) is not None
