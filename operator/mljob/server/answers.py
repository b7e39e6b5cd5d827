"""Writes answers down: JSON that cannot fail on odd values, and problems in the dialect of the route.

MLflow's routes answer `{"detail": ...}`, all others RFC 9457 problem details.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any, get_type_hints

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.responses import Response

from mljob.server.mistakes import described
from mljob.server.problems import InvalidFields, MalformedRequest, Problem

log = logging.getLogger(__name__)

MLFLOW_PREFIX = "/ajax-api/"


class Json(Response):
    """ASCII only, so that a lone surrogate in a param or a result is an escape and not an encoding error."""

    media_type = "application/json"

    def render(self, content: object) -> bytes:
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode("ascii")


class ProblemJson(Json):
    """RFC 9457."""

    media_type = "application/problem+json"


def answer(path: str, problem: Problem) -> Response:
    """The problem in the words of the route at `path`."""
    if path.startswith(MLFLOW_PREFIX):
        status = problem.mlflow_status or problem.status
        return Json({"detail": problem.mlflow_detail or problem.detail}, status, headers=problem.headers)
    return ProblemJson(problem.as_json(), problem.status, headers=problem.headers)


def install_handlers(app: FastAPI) -> None:
    """Every exception that leaves a route ends here."""
    app.exception_handler(Problem)(_on_problem)
    app.exception_handler(RequestValidationError)(_on_invalid)
    app.exception_handler(HTTPException)(_on_http)
    app.exception_handler(Exception)(_on_surprise)


async def _on_problem(request: Request, error: Problem) -> Response:
    return answer(request.url.path, error)


async def _on_invalid(request: Request, error: RequestValidationError) -> Response:
    """MLflow's clients read `detail[0].msg`. Their input is not echoed: it may not be writable as JSON."""
    found = error.errors()
    if request.url.path.startswith(MLFLOW_PREFIX):
        detail = [{"type": item["type"], "loc": list(item["loc"]), "msg": item["msg"]} for item in found]
        return Json({"detail": detail}, 422)
    if any(item["type"] == "json_invalid" and item["loc"][0] == "body" for item in found):
        causes = ", ".join(str(item.get("ctx", {}).get("error", item["msg"])) for item in found)
        return answer(request.url.path, MalformedRequest(f"The body is not JSON: {causes}"))
    return answer(request.url.path, InvalidFields(_mistakes(request, found)))


async def _on_http(request: Request, error: HTTPException) -> Response:
    """What the framework itself refuses: unknown paths, methods, bodies that cannot be parsed."""
    problem = Problem(str(error.detail))
    problem.status, problem.kind, problem.title = error.status_code, "http", str(error.detail)
    problem.headers.update(error.headers or {})
    return answer(request.url.path, problem)


async def _on_surprise(request: Request, error: Exception) -> Response:
    """A fault of ours. The caller learns nothing of its insides; the log has them."""
    log.error("unexpected error", exc_info=error, extra={"method": request.method, "path": request.url.path})
    return answer(request.url.path, Problem("An unexpected error occurred; the server's log has the cause."))


def _mistakes(request: Request, found: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Routes name what they read of a request as errors do: `body`, `query`."""
    route = request.scope.get("route")
    hints = get_type_hints(route.endpoint) if isinstance(route, APIRoute) else {}
    return [
        mistake for error in found for mistake in described([error], hints.get(str(error["loc"][0])), skip=1)
    ]
