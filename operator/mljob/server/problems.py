"""Every answer that is not a success, as an exception with its HTTP code; what the cluster's refusals become.

Knows no route and no framework; `answers.py` writes them down in the dialect of the route.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from mljob.api import errors

log = logging.getLogger(__name__)

RETRY_AFTER_SECONDS = 2
TYPE_PREFIX = "urn:mljob:problem:"


class Problem(Exception):
    """`detail` is a sentence for the caller, `kind` the case for programs, `members` are further facts."""

    status = 500
    kind = "internal"
    title = "Internal error"
    mlflow_status: int | None = None
    """the code MLflow's routes answer with, where it is another one"""
    mlflow_detail: str | None = None
    """the text MLflow's routes answer with, where it is another one"""

    def __init__(self, detail: str, *, retry_after_seconds: float | None = None, **members: object) -> None:
        super().__init__(detail)
        self.detail = detail
        self.members = {key: value for key, value in members.items() if value is not None}
        self.headers: dict[str, str] = {}
        if retry_after_seconds is not None:
            self.headers["Retry-After"] = str(max(1, round(retry_after_seconds)))

    def as_json(self) -> dict[str, Any]:
        """RFC 9457 problem details."""
        return {
            "type": TYPE_PREFIX + self.kind,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            **self.members,
        }


class MalformedRequest(Problem):
    """The body is not what it says it is."""

    status, kind, title = 400, "malformed-request", "The request cannot be read"


class InvalidFields(Problem):
    """Fields of the wrong type or out of bounds; `errors` is a list of {field, message}."""

    status, kind, title = 422, "invalid-fields", "Fields are invalid"

    def __init__(self, found: Sequence[Mapping[str, str]]) -> None:
        super().__init__("; ".join(_line(item) for item in found), errors=[dict(item) for item in found])


class UnknownJobName(Problem):
    """No definition of that name takes jobs in that namespace. The text begins with all of MLflow's."""

    status, kind, title = 400, "unknown-job-name", "Unknown job name"

    def __init__(self, job_name: str, namespace: str, reason: str | None = None) -> None:
        self.mlflow_detail = invalid_job_name(job_name)
        self.is_refused = reason is not None
        if reason is None:
            cause = f"No MlJobDefinition in namespace {namespace!r} has that job name."
            advice = "Apply one, or name the namespace that has it."
        else:
            cause = f"Its MlJobDefinition in namespace {namespace!r} was refused: {reason.rstrip('.')}."
            advice = "Mend it and apply it again."
        super().__init__(
            f"{self.mlflow_detail}. {cause} {advice}", jobName=job_name, namespace=namespace, reason=reason
        )


class InvalidParams(Problem):
    """Parameters that the job does not take, lacks, or that JSON cannot carry."""

    status, kind, title = 400, "invalid-params", "Invalid parameters"


class InvalidOption(Problem):
    """A limit, priority, label or override that the job may not have."""

    status, kind, title = 400, "invalid-option", "Invalid option"


class NamespaceNotServed(Problem):
    """A namespace that is not there, or that this server was not given."""

    status, kind, title = 400, "unknown-namespace", "Unknown namespace"


class NoSuchNamespace(NamespaceNotServed):
    """The namespace is not there. For MLflow's clients, who cannot name one, no definition is."""

    def __init__(self, job_name: str, namespace: str) -> None:
        super().__init__(
            f"There is no namespace {namespace!r}. Name one that exists and has the MlJobDefinition of "
            f"{job_name!r}, or leave `namespace` out for the server's own.",
            namespace=namespace,
        )
        self.mlflow_detail = invalid_job_name(job_name)


class JobNotFound(Problem):
    """Neither the store nor the cluster knows the id. The text is MLflow's."""

    status, kind, title = 404, "job-not-found", "Job not found"

    def __init__(self, job_id: str) -> None:
        super().__init__(f"Job with ID {job_id} not found")


class AlreadyFinalized(Problem):
    """A final job never changes again. The text is MLflow's."""

    status, kind, title = 409, "already-finalized", "The job is final"
    mlflow_status = 400

    def __init__(self, job_id: str, status: str) -> None:
        super().__init__(f"The Job {job_id} is already finalized with status: {status}, it can't be updated.")


class NoLog(Problem):
    """There is no log (yet): the attempt or its container has not started."""

    status, kind, title = 404, "no-log", "No log"


class LogGone(Problem):
    """The pod is gone, and nothing of its log was kept."""

    status, kind, title = 410, "log-gone", "The log is gone"


class BodyTooLarge(Problem):
    """More bytes than this server takes."""

    status, kind, title = 413, "body-too-large", "The body is too large"


class NotJson(Problem):
    """The body's media type. Checked because a browser sends any other one across sites without asking."""

    status, kind, title = 415, "not-json", "The body is not JSON"


class CrossOrigin(Problem):
    """A page of another origin tried to change something."""

    status, kind, title = 403, "cross-origin", "Request of another origin"


class Refused(Problem):
    """The cluster refused: quota, RBAC, an admission policy."""

    status, kind, title = 403, "refused-by-cluster", "The cluster refused"


class StoreAway(Problem):
    """The database does not answer; what needs it cannot be answered either."""

    status, kind, title = 503, "store-unavailable", "The store is unavailable"

    def __init__(self, cause: str) -> None:
        super().__init__(
            f"The job store does not answer: {cause} Jobs run on and new ones are accepted; try again.",
            retry_after_seconds=RETRY_AFTER_SECONDS,
        )


class ClusterAway(Problem):
    """The API server does not answer, or asks for patience."""

    status, kind, title = 503, "cluster-unavailable", "The cluster is unavailable"


def from_api_error(error: errors.ApiError, what: str) -> Problem:
    """What the caller is told when the API server refused or failed `what` ("create the MlJob")."""
    if isinstance(error, errors.Invalid):
        causes = error.details.get("causes") or [{"message": error.message}]
        return InvalidFields(
            [{"field": cause.get("field", ""), "message": cause.get("message", "")} for cause in causes]
        )
    if isinstance(error, errors.NotFound) and error.details.get("kind") == "namespaces":
        return NamespaceNotServed(f"There is no namespace {error.details.get('name', '')!r}.")
    if isinstance(error, errors.Forbidden):
        return Refused(f"The cluster refused to {what}: {error.message}")
    if isinstance(error, errors.BadRequest):
        return MalformedRequest(f"The cluster could not {what}: {error.message}")
    return _away(error, what)


def _away(error: errors.ApiError, what: str) -> ClusterAway:
    if isinstance(error, errors.NotFound):
        text, patience = f"{error.message}. Are the MlJob CRDs installed?", 30.0
    elif isinstance(error, errors.Unauthorized):
        text, patience = f"it does not accept this server's own login: {error.message}", 30.0
    elif error.code == 0:
        # Its message is the HTTP client's, with the API server's address and more.
        log.warning("%s: %s", what, error)
        text, patience = "no answer in time, or none at all", RETRY_AFTER_SECONDS
    else:
        text, patience = error.message, error.retry_after_seconds or RETRY_AFTER_SECONDS
    return ClusterAway(f"The cluster could not {what} now: {text}", retry_after_seconds=patience)


def invalid_job_name(job_name: str) -> str:
    """MLflow's text."""
    return f"Invalid job name: {job_name}"


def _line(item: Mapping[str, str]) -> str:
    return f"{item['field']}: {item['message']}" if item["field"] else item["message"]
