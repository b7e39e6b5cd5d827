"""Whatever is sent, the answer is JSON with a code below 500, and the routes go on working."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mljob.server.schemas import JobQuery, MlflowSearch, MlflowSubmission, Submission

from tests.integration.server.api import MLFLOW, V1, Api

TEXT = st.text(max_size=20) | st.sampled_from(["simple_job_fun", "PENDING", "\x00", "\ud800", "1e400", "{}"])
NUMBERS = st.integers() | st.floats() | st.sampled_from([2**63, -(2**63) - 1, 10**400, 0, -1])
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
QUIET = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def aliases(model: Any) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def bodies(model: Any) -> st.SearchStrategy[Any]:
    """Objects with the model's own names, anything else, or nothing sensible at all."""
    return st.dictionaries(st.sampled_from(aliases(model)) | TEXT, JSON, max_size=6) | JSON


def check(answer: Any) -> None:
    assert answer.status_code < 500, answer.text
    json.loads(answer.content)


@pytest.fixture
def known(api: Api) -> Api:
    """With a job that takes any params."""
    api.define("anything")
    return api


@QUIET
@given(bodies(MlflowSubmission))
async def test_any_submission_on_mlflows_route(known: Api, body: Any) -> None:
    check(await known.post(MLFLOW, body))


@QUIET
@given(bodies(MlflowSearch))
async def test_any_search(known: Api, body: Any) -> None:
    check(await known.post(f"{MLFLOW}/search", body))


@QUIET
@given(bodies(Submission))
async def test_any_submission(known: Api, body: Any) -> None:
    check(await known.post(V1, body))


@QUIET
@given(st.dictionaries(st.sampled_from(aliases(Submission)), JSON, max_size=4))
async def test_any_option_of_a_known_job(known: Api, options: dict[str, Any]) -> None:
    check(await known.post(V1, {**options, "jobName": "anything"}))


@QUIET
@given(
    st.sampled_from([MLFLOW, f"{MLFLOW}/search", V1]),
    st.binary(max_size=200) | st.text(alphabet='{}[]",:0e\\u', max_size=200).map(str.encode),
)
async def test_any_bytes(known: Api, path: str, body: bytes) -> None:
    check(await known.post_text(path, body))


@QUIET
@given(st.dictionaries(TEXT, JSON, max_size=6))
async def test_any_params_are_kept_and_found(known: Api, params: dict[str, Any]) -> None:
    answer = await known.post(MLFLOW, {"job_name": "anything", "params": params})
    check(answer)
    if answer.status_code == 200:
        job = answer.json()
        assert json.dumps(job["params"]) == json.dumps(params)
        found = await known.post(f"{MLFLOW}/search", {"params": params})
        assert job["job_id"] in [each["job_id"] for each in found.json()["jobs"]]


@QUIET
@given(st.lists(st.tuples(st.sampled_from(aliases(JobQuery)) | TEXT, TEXT | JSON.map(repr)), max_size=5))
async def test_any_query(known: Api, pairs: list[tuple[str, str]]) -> None:
    encodable = [tuple(part.encode("utf-8", "replace").decode() for part in pair) for pair in pairs]
    check(await known.client.get(V1, params=encodable))  # type: ignore[arg-type]


@QUIET
@given(
    st.sampled_from(["GET", "POST", "PATCH"]),
    st.sampled_from([MLFLOW, V1, f"{MLFLOW}/cancel"]),
    st.binary(min_size=1, max_size=30),
)
async def test_any_path(known: Api, method: str, prefix: str, tail: bytes) -> None:
    check(await known.client.request(method, prefix + "/" + "".join(f"%{byte:02x}" for byte in tail)))
