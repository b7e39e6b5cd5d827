"""What an API server can answer, as exceptions of our own: no caller ever sees a client library's."""

from collections.abc import Mapping
from typing import Any


class ApiError(Exception):
    """The API server refused or failed a request.

    `code` is the HTTP code (0: no answer came), `reason` the Status reason (CamelCase, may be empty),
    `message` the server's own sentence, `details` its Status details, `retry_after_seconds` what a
    Retry-After header asked for.
    """

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        details: Mapping[str, Any] | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(f"{code} {reason}: {message}")
        self.code = code
        self.reason = reason
        self.message = message
        self.details = dict(details or {})
        self.retry_after_seconds = retry_after_seconds


class BadRequest(ApiError):
    """400: the request itself is wrong."""


class Unauthorized(ApiError):
    """401, also after the token was read again."""


class Forbidden(ApiError):
    """403: by RBAC, a quota, Pod Security or an admission policy; the message says which."""


class NotFound(ApiError):
    """404: the object, or the resource type itself."""


class Conflict(ApiError):
    """409: the resourceVersion is not the newest one."""


class AlreadyExists(ApiError):
    """409 on a create: an object of that name is there."""


class Gone(ApiError):
    """410: the list's continue token or the watch's resourceVersion is too old."""


class Invalid(ApiError):
    """422: the object breaks a rule of its schema or of a validation; `causes` names the fields."""

    @property
    def causes(self) -> list[str]:
        """`field: message` of each broken rule, as the server tells them."""
        found = self.details.get("causes") or []
        return [f"{cause.get('field', '')}: {cause.get('message', '')}" for cause in found]


class TooManyRequests(ApiError):
    """429: try again after `retry_after_seconds`."""


class Unavailable(ApiError):
    """5xx, a timeout or a lost connection: the request may or may not have been carried out."""


_BY_CODE: dict[int, type[ApiError]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    410: Gone,
    422: Invalid,
    429: TooManyRequests,
}


def from_status(code: int, status: Mapping[str, Any], retry_after_seconds: float | None = None) -> ApiError:
    """The exception for an answer: HTTP code and its Status body (empty when it had none)."""
    reason = str(status.get("reason") or "")
    message = str(status.get("message") or "no message")
    if code == 409:
        kind: type[ApiError] = AlreadyExists if reason == "AlreadyExists" else Conflict
    elif code >= 500:
        kind = Unavailable
    else:
        kind = _BY_CODE.get(code, ApiError)
    return kind(code, reason, message, status.get("details"), retry_after_seconds)
