"""MlJob objects: the one a submission becomes, and the row that an object corresponds to. No I/O."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from mljob.api import names as terms
from mljob.api.definition import MlJobDefinitionSpec
from mljob.api.job import MlJob, MlJobSpec, Phase
from mljob.core.effective import effective_timeout
from mljob.core.records import JobRecord, Rank
from mljob.server.mistakes import described
from mljob.server.names import Moment
from mljob.server.problems import InvalidFields

STAMP = re.compile(r"[0-9]{1,15}")
MAX_STAMP_SKEW_MS = 2_000
"""How far the stamp of a submission may be from the API server's own clock to be believed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """What a caller asks for, in the resource's terms. `spec` holds jobName, paramsJSON and the limits."""

    namespace: str
    spec: MlJobSpec
    labels: Mapping[str, str] = field(default_factory=dict)
    group: str | None = None
    submitted_by: str | None = None


def parse_spec(values: Mapping[str, Any]) -> MlJobSpec:
    """`values` with the resource's own field names. Raises InvalidFields."""
    try:
        return MlJobSpec.model_validate(dict(values))
    except ValidationError as error:
        raise InvalidFields(described(error.errors(include_url=False), MlJobSpec)) from None


def mljob_of(submission: Submission, moment: Moment, *, record_finalizer: bool) -> dict[str, Any]:
    """The manifest."""
    labels = {
        **submission.labels,
        terms.LABEL_JOB_NAME: submission.spec.job_name,
        terms.LABEL_MANAGED_BY: terms.MANAGED_BY,
    }
    if submission.group is not None:
        labels[terms.LABEL_GROUP] = submission.group
    annotations = {terms.ANNOTATION_CREATION_TIME: str(moment.creation_time_ms)}
    if submission.submitted_by is not None:
        annotations[terms.ANNOTATION_SUBMITTED_BY] = submission.submitted_by
    metadata: dict[str, Any] = {
        "name": moment.name,
        "namespace": submission.namespace,
        "labels": labels,
        "annotations": annotations,
    }
    if record_finalizer:
        metadata["finalizers"] = [terms.FINALIZER_RECORD]
    return {
        "apiVersion": terms.API_VERSION,
        "kind": terms.KIND_JOB,
        "metadata": metadata,
        "spec": submission.spec.to_manifest(),
    }


def record_of(item: Mapping[str, Any], cluster: str, definition: MlJobDefinitionSpec | None) -> JobRecord:
    """The row of an object as it is now. Raises pydantic's ValidationError for one we cannot read."""
    job = MlJob.model_validate(dict(item))
    metadata, spec, status = job.metadata, job.spec, job.status
    created_ms = creation_time_ms(job)
    completed_ms = _millis(status.completion_time)
    started_ms = _millis(status.start_time)
    return JobRecord(
        uid=metadata.uid,
        cluster=cluster,
        namespace=metadata.namespace or "",
        name=metadata.name or "",
        job_name=spec.job_name,
        creation_time_ms=created_ms,
        attempt=status.attempt,
        rank=_rank(job),
        phase=status.phase,
        last_update_time_ms=max(created_ms, completed_ms or 0, started_ms or 0),
        params=spec.params_text(),
        timeout_seconds=effective_timeout(spec, definition or spec.definition),
        reason=status.reason,
        message=status.message,
        result=_row_result(job),
        retry_count=status.retry_count,
        disruption_count=status.disruption_count,
        start_time_ms=started_ms,
        completion_time_ms=completed_ms,
        next_retry_time_ms=_millis(status.next_retry_time),
        priority=spec.priority,
        group=metadata.labels.get(terms.LABEL_GROUP),
        submitted_by=metadata.annotations.get(terms.ANNOTATION_SUBMITTED_BY),
    )


def record_of_new(
    item: Mapping[str, Any], submission: Submission, cluster: str, definition: MlJobDefinitionSpec
) -> JobRecord:
    """The row of an object that was made of this submission just now.

    It exists, so this must not fail, whatever the CRD of a later version has added to what was sent.
    """
    try:
        return record_of(item, cluster, definition)
    except ValidationError:
        sent = {**item, "spec": submission.spec.to_manifest(), "status": {}}
        return record_of(sent, cluster, definition)


def phase_of(item: Mapping[str, Any]) -> Phase:
    """Of an object as the API server sent it."""
    return Phase((item.get("status") or {}).get("phase") or Phase.PENDING)


def creation_time_ms(job: MlJob) -> int:
    """When it was submitted: the stamp, where it fits the API server's clock to 2 s; else that clock."""
    created_ms = _millis(job.metadata.creation_timestamp) or 0
    stamp = job.metadata.annotations.get(terms.ANNOTATION_CREATION_TIME, "")
    if STAMP.fullmatch(stamp) and abs(int(stamp) - created_ms) <= MAX_STAMP_SKEW_MS:
        return int(stamp)
    return created_ms


def is_of(item: Mapping[str, Any], manifest: Mapping[str, Any]) -> bool:
    """Whether an object found under the manifest's name came from this very submission."""
    annotations = item["metadata"].get("annotations") or {}
    return bool(
        item["spec"].get("jobName") == manifest["spec"]["jobName"]
        and item["spec"].get("paramsJSON") == manifest["spec"].get("paramsJSON")
        and annotations.get(terms.ANNOTATION_CREATION_TIME)
        == manifest["metadata"]["annotations"][terms.ANNOTATION_CREATION_TIME]
    )


def _rank(job: MlJob) -> Rank:
    status = job.status
    if status.phase.is_final:
        return Rank.FINAL
    if status.phase is Phase.RUNNING:
        return Rank.RUNNING
    if status.attempt == 0:
        return Rank.QUEUED
    return Rank.STARTING if status.current_job is not None else Rank.BACKOFF


def _row_result(job: MlJob) -> str | None:
    """MLflow's column: the JSON text of a success, the error's text of a failure, else nothing."""
    if job.status.phase is Phase.SUCCEEDED:
        return job.status.result
    if job.status.phase is Phase.FAILED:
        return job.status.error or job.status.message
    return None


def _millis(time: datetime | None) -> int | None:
    return None if time is None else round(time.timestamp() * 1000)
