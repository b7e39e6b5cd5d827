"""Errors in the dialect of the route; a fault of ours tells the caller nothing of its insides."""

from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from mljob.api import errors
from mljob.server.answers import Json, install_handlers
from mljob.server.problems import ClusterAway, InvalidFields, from_api_error

PATHS = ["/api/v1/broken", "/ajax-api/3.0/broken"]


@pytest.fixture
async def client() -> AsyncIterator[AsyncClient]:
    app = FastAPI()
    install_handlers(app)

    async def broken() -> None:
        raise RuntimeError("the password is 1234")

    for path in PATHS:
        app.get(path)(broken)
    transport = ASGITransport(app, raise_app_exceptions=False)
    async with AsyncClient(transport=transport, base_url="http://api") as made:
        yield made


@pytest.mark.parametrize("path", PATHS)
async def test_fault_of_ours(client: AsyncClient, path: str, caplog: pytest.LogCaptureFixture) -> None:
    answer = await client.get(path)
    assert answer.status_code == 500
    assert "1234" not in answer.text
    assert answer.json()["detail"] == "An unexpected error occurred; the server's log has the cause."
    assert "1234" in caplog.text


def test_json_carries_what_utf8_cannot() -> None:
    assert bytes(Json({"a": "\ud800ü"}).body) == b'{"a":"\\ud800\\u00fc"}'


def test_broken_rules_of_the_api_server_name_their_fields() -> None:
    causes = [{"field": "spec.a", "message": "is wrong"}, {"message": "all of it"}]
    problem = from_api_error(errors.Invalid(422, "Invalid", "m", {"causes": causes}), "create it")
    assert isinstance(problem, InvalidFields)
    assert problem.detail == "spec.a: is wrong; all of it"


def test_missing_namespace_is_told_from_missing_crds() -> None:
    gone = errors.NotFound(404, "NotFound", "no", {"kind": "namespaces", "name": "x"})
    assert from_api_error(gone, "create it").detail == "There is no namespace 'x'."
    assert isinstance(from_api_error(errors.NotFound(404, "", "no"), "create it"), ClusterAway)


def test_words_of_our_own_http_client_are_for_the_log_alone(caplog: pytest.LogCaptureFixture) -> None:
    lost = errors.Unavailable(0, "ConnectionLost", "Cannot connect to host 10.96.0.1:443")
    problem = from_api_error(lost, "create it")
    assert problem.detail == "The cluster could not create it now: no answer in time, or none at all"
    assert "10.96.0.1" in caplog.text
    told = errors.Unavailable(504, "Timeout", "etcdserver: request timed out")
    assert "etcdserver: request timed out" in from_api_error(told, "create it").detail
