"""`/api/v1/jobs`: all that MlJob can tell of a job and do with it. Routes translate; rules live elsewhere."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from mljob.api.job import Phase
from mljob.server.answers import Json
from mljob.server.caller import Caller, CurrentCaller
from mljob.server.dependencies import (
    DefaultNamespace,
    TheCancellations,
    TheJobs,
    TheLogs,
    TheSubmissions,
)
from mljob.server.labels import check_labels
from mljob.server.log_answer import LogAnswer
from mljob.server.objects import Submission, parse_spec
from mljob.server.params import check_texts, exact_text, fitting, whole_seconds
from mljob.server.podlogs import LogRequest
from mljob.server.problems import InvalidOption, InvalidParams, MalformedRequest, StoreAway
from mljob.server.schemas import (
    AttemptList,
    JobDetail,
    JobPage,
    JobQuery,
    JobView,
    LogQuery,
    ProblemDetails,
)
from mljob.server.schemas import Submission as SubmissionBody
from mljob.server.views import attempt_views, job_detail, job_view
from mljob.store import InvalidCursor, JobFilter

PREFIX = "/api/v1/jobs"
_LIMITS = (
    "startDeadlineSeconds",
    "queueDeadlineSeconds",
    "ttlSecondsAfterFinished",
    "priority",
    "overrides",
    "suspend",
)

router = APIRouter(
    prefix=PREFIX,
    tags=["jobs"],
    responses={
        code: {"model": ProblemDetails, "content": {"application/problem+json": {}}}
        for code in (400, 404, 422, 503)
    },
)


@router.post("", status_code=201, response_model=JobView)
async def submit(
    body: SubmissionBody, namespace: DefaultNamespace, submissions: TheSubmissions, caller: CurrentCaller
) -> Response:
    """Submit a job with all options."""
    accepted = await submissions.submit(_submission(body, namespace, caller))
    record = accepted.record
    view = job_view(record, stored=accepted.stored)
    return Json(view, 201, headers={"Location": f"{PREFIX}/{record.uid}"})


@router.get("", response_model=JobPage)
async def list_jobs(query: Annotated[JobQuery, Query()], jobs: TheJobs, _: CurrentCaller) -> Response:
    """Jobs in order of submission, page by page."""
    try:
        page = await jobs.page(_filter(query), query.order, query.page_size, query.cursor)
    except InvalidCursor as error:
        raise MalformedRequest(f"cursor: {error}.") from error
    return Json({"jobs": [job_view(record) for record in page.jobs], "nextCursor": page.next_cursor})


@router.get("/{job_id}", response_model=JobDetail)
async def get_job(job_id: str, jobs: TheJobs, _: CurrentCaller) -> Response:
    """One job, with its attempts and conditions."""
    found = await jobs.get_with_object(job_id)
    try:
        attempts = await jobs.attempts(found.record)
    except StoreAway:
        attempts = ()
    return Json(job_detail(found, attempts))


@router.post("/{job_id}/cancel", status_code=202, response_model=JobView)
async def cancel(job_id: str, cancellations: TheCancellations, _: CurrentCaller) -> Response:
    """Cancel a job. Again while it is being stopped: the same answer; once it is final: 409."""
    found, _is_first = await cancellations.cancel(job_id)
    return Json(job_view(found.record, stored=found.stored), 202)


@router.get("/{job_id}/attempts", response_model=AttemptList)
async def list_attempts(job_id: str, jobs: TheJobs, _: CurrentCaller) -> Response:
    """All attempts of a job, the first first."""
    found = await jobs.get(job_id)
    return Json({"attempts": attempt_views(await jobs.attempts(found.record))})


@router.get(
    "/{job_id}/logs",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}}, 410: {"model": ProblemDetails}},
)
async def read_log(
    job_id: str, query: Annotated[LogQuery, Query()], jobs: TheJobs, logs: TheLogs, _: CurrentCaller
) -> Response:
    """The log of an attempt's container `main`, as plain text."""
    found = await jobs.get(job_id)
    wanted = LogRequest(
        attempt=query.attempt, follow=query.follow, tail_lines=query.tail_lines, timestamps=query.timestamps
    )
    return LogAnswer(await logs.open(found.record, wanted))


def _submission(body: SubmissionBody, default_namespace: str, caller: Caller) -> Submission:
    if body.params is not None and body.params_json is not None:
        raise InvalidParams("params and paramsJSON exclude each other: set one.")
    if body.timeout is not None and body.active_deadline_seconds is not None:
        raise InvalidOption("timeout and activeDeadlineSeconds are the same limit: set one.")
    sent = body.to_manifest()
    check_texts(body.model_dump(by_alias=True, exclude={"params", "params_json"}))
    spec: dict[str, Any] = {key: sent[key] for key in _LIMITS if key in sent}
    spec["jobName"] = body.job_name
    text = body.params_json
    spec["paramsJSON"] = exact_text(body.params or {}) if text is None else fitting(text)
    seconds = body.active_deadline_seconds or whole_seconds(body.timeout)
    if seconds is not None:
        spec["activeDeadlineSeconds"] = seconds
    return Submission(
        namespace=body.namespace or default_namespace,
        spec=parse_spec(spec),
        labels=check_labels(body.labels or {}),
        group=body.group,
        submitted_by=caller.name,
    )


def _filter(query: JobQuery) -> JobFilter:
    """An absent filter filters nothing; so does one that is there without a value."""
    phases = {status.to_phase() for status in query.status or ()} | {
        Phase(name) for name in query.phase or ()
    }
    created_from, created_before = query.created_from, query.created_before
    return JobFilter(
        namespaces=frozenset(query.namespace) if query.namespace else None,
        job_name=query.job_name,
        phases=frozenset(phases) or None,
        group=query.group,
        submitted_by=query.submitted_by,
        created_from_ms=round(created_from.timestamp() * 1000) if created_from else None,
        created_before_ms=round(created_before.timestamp() * 1000) if created_before else None,
        params=query.params or None,
        error_contains=query.error,
    )
