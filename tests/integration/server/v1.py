"""What tests of `/api/v1` have in common: submitting, reading a problem, writing what the operator would."""

from typing import Any

from tests.integration.server.api import V1, Api, Json


async def submitted(api: Api, **body: Any) -> Json:
    answer = await api.post(V1, body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def problem(answer: Any, status: int, kind: str) -> Json:
    """The members of a problem, after its form was checked."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    found = dict(answer.json())
    assert found["type"] == f"urn:mljob:problem:{kind}"
    assert found["status"] == status
    assert found["title"]
    assert found["detail"]
    return found


def store(api: Api) -> Any:
    """The store behind the server, to write what the operator would."""
    return api.services.ledger._store
