"""Each row of the table of MLflow's routes, on a real API server."""

import json
import uuid
from typing import Any

import pytest
from mljob.api import names as terms
from mljob.core.records import Rank

from tests.integration.server.api import MLFLOW, UNKNOWN_ID, Api, detail

JOB_FIELDS = [
    "job_id",
    "job_name",
    "params",
    "timeout",
    "status",
    "result",
    "retry_count",
    "creation_time",
    "last_update_time",
]
BAD_STATUS = "Input should be 'PENDING', 'RUNNING', 'SUCCEEDED', 'FAILED' or 'TIMEOUT'"


class TestPost:
    """`POST /` {job_name, params, timeout?}: 200 and the Job."""

    @pytest.mark.parametrize("slash", ["", "/"])
    @pytest.mark.parametrize("extra", [{}, {"timeout": None}, {"unknown": {"a": [1]}}])
    async def test_answers_the_job(self, api: Api, slash: str, extra: dict[str, Any]) -> None:
        api.define_sum()
        body = {"job_name": "simple_job_fun", "params": {"x": 3, "y": 4}, **extra}
        answer = await api.post(f"{MLFLOW}{slash}", body)
        assert answer.status_code == 200
        job = answer.json()
        assert uuid.UUID(job["job_id"]).version == 4
        assert job == {
            "job_id": job["job_id"],
            "job_name": "simple_job_fun",
            "params": {"x": 3, "y": 4},
            "timeout": None,
            "status": "PENDING",
            "result": None,
            "retry_count": 0,
            "creation_time": job["creation_time"],
            "last_update_time": job["creation_time"],
        }

    async def test_leaves_an_object_and_a_row_before_it_answers(self, api: Api) -> None:
        api.define_sum()
        job = await api.submit(job_name="simple_job_fun", params={"x": 1.0, "y": None}, timeout=1.5)
        [item] = api.objects()
        [row] = await api.rows()
        assert item["metadata"]["uid"] == row.uid == job["job_id"]
        assert item["metadata"]["finalizers"] == [terms.FINALIZER_RECORD]
        assert item["spec"] == {
            "jobName": "simple_job_fun",
            "paramsJSON": '{"x": 1.0, "y": null}',
            "activeDeadlineSeconds": 2,
        }
        assert (row.rank, row.attempt, row.params) == (Rank.QUEUED, 0, '{"x": 1.0, "y": null}')
        assert (row.namespace, row.name) == (api.namespace, item["metadata"]["name"])

    async def test_without_the_finalizer_where_it_is_switched_off(self, open_api: Any) -> None:
        async with open_api(record_finalizer=False) as api:
            api.define_sum()
            await api.submit(job_name="simple_job_fun", params={"x": 1, "y": 2})
            assert "finalizers" not in api.objects()[0]["metadata"]

    @pytest.mark.parametrize(
        "params",
        [
            {"x": 1.0, "y": 1e3},
            {"x": 2**70, "y": -0.0},
            {"x": None, "y": [None, {"z": None}]},
            {"x": "ünï\u0000\ud83d\ude00", "y": "\ud800"},
            {"y": 1, "x": {"b": 1, "a": 2}},
            {"x": 1, "y": 2, "undeclared": 3},
        ],
    )
    async def test_params_keep_their_exact_text(self, api: Api, params: dict[str, Any]) -> None:
        api.define_sum()
        job = await api.submit(job_name="simple_job_fun", params=params)
        [item], [row] = api.objects(), await api.rows()
        assert item["spec"]["paramsJSON"] == row.params == json.dumps(params)
        assert json.dumps(job["params"]) == json.dumps(params)

    @pytest.mark.parametrize(
        ("given", "seconds"),
        [(5, 5), (0.001, 1), (1.0, 1), (1.0001, 2), ("7", 7), (315_360_000, 315_360_000)],
    )
    async def test_timeout_is_rounded_up(self, api: Api, given: Any, seconds: int) -> None:
        api.define_sum()
        job = await api.submit(job_name="simple_job_fun", params={"x": 1, "y": 2}, timeout=given)
        assert job["timeout"] == seconds
        assert api.objects()[0]["spec"]["activeDeadlineSeconds"] == seconds

    async def test_definitions_default_shows_as_the_timeout(self, api: Api) -> None:
        api.define_sum(activeDeadlineSeconds=90)
        job = await api.submit(job_name="simple_job_fun", params={"x": 1, "y": 2})
        assert job["timeout"] == 90.0
        assert "activeDeadlineSeconds" not in api.objects()[0]["spec"]

    @pytest.mark.parametrize("given", ["-1", "0", "-0.0", "1e400", "NaN", "Infinity", "315360001"])
    async def test_timeout_that_is_none_is_refused(self, api: Api, given: str) -> None:
        api.define_sum()
        body = f'{{"job_name": "simple_job_fun", "params": {{"x": 1, "y": 2}}, "timeout": {given}}}'
        answer = await api.post_text(MLFLOW, body)
        assert answer.status_code == 400
        assert "timeout is " in detail(answer)
        assert await nothing_is_left(api)

    @pytest.mark.parametrize(
        ("params", "place"),
        [
            ('{"x": NaN, "y": 1}', "params.x is nan"),
            ('{"x": 1, "y": [1, {"z": -Infinity}]}', "params.y[1].z is -inf"),
            ('{"x": 1e999, "y": 1}', "params.x is inf"),
        ],
    )
    async def test_numbers_that_json_cannot_carry_are_refused_by_name(
        self, api: Api, params: str, place: str
    ) -> None:
        api.define_sum()
        body = f'{{"job_name": "simple_job_fun", "params": {params}}}'
        answer = await api.post_text(MLFLOW, body)
        assert answer.status_code == 400
        assert detail(answer).startswith(place)
        assert await nothing_is_left(api)

    async def test_params_over_128_kib_are_refused_with_size_limit_and_advice(self, api: Api) -> None:
        api.define_sum()
        answer = await api.post(
            MLFLOW, {"job_name": "simple_job_fun", "params": {"x": "a" * 200_000, "y": 1}}
        )
        assert answer.status_code == 400
        assert detail(answer) == (
            "params are 200017 bytes of JSON, at most 131072 (128 KiB) fit: pass a URI to larger data."
        )
        assert await nothing_is_left(api)


class TestUnknownName:
    """400 {"detail": "Invalid job name: {name}"}."""

    @pytest.mark.parametrize(
        "name", ["no_such_job", "", "with space", "_leading", "a" * 64, "ü", "a/b", "a\u0000"]
    )
    async def test_unknown_name(self, api: Api, name: str) -> None:
        answer = await api.post(MLFLOW, {"job_name": name, "params": {}})
        assert answer.status_code == 400
        assert answer.json() == {"detail": f"Invalid job name: {name}"}
        assert await nothing_is_left(api)

    async def test_definition_that_is_not_accepted(self, api: Api) -> None:
        made = api.apply_definition("broken")
        api.judge(made, False, "InvalidTemplate", "containers[0].resourcez: unknown field")
        answer = await api.post(MLFLOW, {"job_name": "broken", "params": {}})
        assert answer.status_code == 400
        assert answer.json() == {"detail": "Invalid job name: broken"}


class TestMissingParameter:
    """400 {"detail": the text of check 5}."""

    async def test_of_a_function(self, api: Api) -> None:
        api.define_sum()
        answer = await api.post(MLFLOW, {"job_name": "simple_job_fun", "params": {"x": 3}})
        assert answer.status_code == 400
        assert answer.json() == {
            "detail": "Missing required parameters for function 'simple_job_fun': ['y']. "
            "Expected parameters: ['x', 'y', 'sleep_secs']"
        }
        assert await nothing_is_left(api)

    async def test_of_a_command_names_the_job(self, api: Api) -> None:
        api.define("my-command", command=["true"], params=[{"name": "b", "required": True}, {"name": "a"}])
        answer = await api.post(MLFLOW, {"job_name": "my-command", "params": {}})
        assert detail(answer) == (
            "Missing required parameters for function 'my-command': ['b']. Expected parameters: ['b', 'a']"
        )

    async def test_without_declared_params_the_runner_checks(self, api: Api) -> None:
        api.define("undeclared")
        await api.submit(job_name="undeclared", params={})

    @pytest.mark.parametrize("params", ["absent", None, [], "x", 3])
    async def test_params_that_are_no_object(self, api: Api, params: Any) -> None:
        api.define_sum()
        body = {"job_name": "simple_job_fun"} | ({} if params == "absent" else {"params": params})
        answer = await api.post(MLFLOW, body)
        assert answer.status_code == 422
        assert detail(answer)[0]["loc"] == ["body", "params"]
        assert await nothing_is_left(api)


class TestGet:
    """`GET /{job_id}`: 200, or 404 {"detail": "Job with ID {id} not found"}."""

    @pytest.mark.parametrize("slash", ["", "/"])
    async def test_known(self, api: Api, slash: str) -> None:
        api.define_sum()
        job = await api.submit(job_name="simple_job_fun", params={"x": 3, "y": 4})
        answer = await api.client.get(f"{MLFLOW}/{job['job_id']}{slash}")
        assert answer.status_code == 200
        assert answer.json() == job

    @pytest.mark.parametrize(
        "job_id", [UNKNOWN_ID, "nonsense", "search", "%00", "%C3%BC", "1" * 5000, "..%2f"]
    )
    async def test_unknown(self, api: Api, job_id: str) -> None:
        answer = await api.client.get(f"{MLFLOW}/{job_id}")
        assert answer.status_code == 404
        if job_id == UNKNOWN_ID:
            assert answer.json() == {"detail": f"Job with ID {UNKNOWN_ID} not found"}


class TestSearch:
    """`POST /search` {job_name?, params?, statuses?}: {"jobs": [...]}, oldest first."""

    async def test_without_a_filter_all_in_order_of_submission(self, api: Api) -> None:
        api.define_sum()
        api.define("other")
        jobs = [
            await api.submit(job_name=name, params={"x": number, "y": 0})
            for number, name in enumerate(["simple_job_fun", "other"] * 5)
        ]
        assert await api.search() == jobs
        assert await api.search(job_name=None, params=None, statuses=None) == jobs
        assert await api.search(params={}, statuses=[]) == jobs

    async def test_by_name_params_and_statuses(self, api: Api) -> None:
        api.define("first")
        api.define("second")
        one = await api.submit(job_name="first", params={"x": 1, "y": "a"})
        two = await api.submit(job_name="first", params={"x": 1.0, "y": "b"})
        three = await api.submit(job_name="second", params={"x": 1})
        assert await api.search(job_name="first") == [one, two]
        assert await api.search(params={"x": 1}) == [one, two, three]
        assert await api.search(params={"x": True}) == [one, two, three]
        assert await api.search(params={"x": 1, "y": "a"}) == [one]
        assert await api.search(params={"z": None}) == []
        assert await api.search(job_name="second", statuses=["PENDING", "RUNNING"]) == [three]
        assert await api.search(statuses=["SUCCEEDED", "FAILED", "TIMEOUT"]) == []

    @pytest.mark.parametrize("name", ["no_such_job", "", "a\u0000b", "\u2028", "x" * 2000])
    async def test_unknown_job_name_gives_an_empty_list(self, api: Api, name: str) -> None:
        assert await api.search(job_name=name) == []

    async def test_more_than_a_page(self, api: Api) -> None:
        api.define("many")
        first = await api.submit(job_name="many", params={})
        [row] = await api.rows()
        await self._fill(api, row, 2_300)
        found = await api.search()
        assert len(found) == 2_301
        assert found[0] == first
        assert [job["creation_time"] for job in found] == sorted(job["creation_time"] for job in found)

    async def _fill(self, api: Api, row: Any, count: int) -> None:
        from dataclasses import replace

        copies = [
            replace(row, uid=str(uuid.UUID(int=number)), creation_time_ms=row.creation_time_ms + number)
            for number in range(1, count + 1)
        ]
        for record in copies[:-1]:
            api.services.ledger._unstored[record.uid] = record
        await api.services.ledger.insert(copies[-1])


class TestBadStatus:
    """422, `detail[0].msg` as pydantic words it for MLflow's statuses."""

    @pytest.mark.parametrize("status", ["CANCELED", "pending", "", "ABC", 5, None, []])
    async def test_bad_status(self, api: Api, status: Any) -> None:
        answer = await api.post(f"{MLFLOW}/search", {"statuses": ["PENDING", status]})
        assert answer.status_code == 422
        assert detail(answer)[0]["msg"] == BAD_STATUS
        assert detail(answer)[0]["loc"] == ["body", "statuses", 1]


class TestCancel:
    """`PATCH /cancel/{job_id}`: 200 and the Job; a second time 400."""

    async def test_asks_the_operator_once(self, api: Api) -> None:
        api.define_sum()
        job = await api.submit(job_name="simple_job_fun", params={"x": 3, "y": 4})
        answer = await api.client.patch(f"{MLFLOW}/cancel/{job['job_id']}")
        assert answer.status_code == 200
        assert list(answer.json()) == JOB_FIELDS
        assert api.objects()[0]["spec"]["cancel"] is True
        again = await api.client.patch(f"{MLFLOW}/cancel/{job['job_id']}/")
        assert again.status_code == 400
        text = f"The Job {job['job_id']} is already finalized with status: CANCELED, it can't be updated."
        assert again.json() == {"detail": text}

    @pytest.mark.parametrize(
        ("phase", "status"),
        [("Succeeded", "SUCCEEDED"), ("Failed", "FAILED"), ("TimedOut", "TIMEOUT"), ("Canceled", "CANCELED")],
    )
    async def test_final_job_is_refused_with_its_status(self, api: Api, phase: str, status: str) -> None:
        api.define_sum()
        job = await api.submit(job_name="simple_job_fun", params={"x": 3, "y": 4})
        [item] = api.objects()
        api.set_status(item["metadata"]["name"], phase=phase)
        answer = await api.client.patch(f"{MLFLOW}/cancel/{job['job_id']}")
        assert answer.status_code == 400
        assert f"is already finalized with status: {status}, it can't be updated." in detail(answer)
        assert "cancel" not in api.objects()[0]["spec"]

    async def test_unknown_job(self, api: Api) -> None:
        answer = await api.client.patch(f"{MLFLOW}/cancel/{UNKNOWN_ID}")
        assert answer.status_code == 404
        assert answer.json() == {"detail": f"Job with ID {UNKNOWN_ID} not found"}


class TestJobInTheAnswer:
    """Exactly MLflow's fields, in every answer."""

    async def test_fields(self, api: Api) -> None:
        api.define_sum()
        job = await api.submit(job_name="simple_job_fun", params={"x": 3, "y": 4})
        got = (await api.client.get(f"{MLFLOW}/{job['job_id']}")).json()
        [found] = await api.search()
        assert list(job) == list(got) == list(found) == JOB_FIELDS

    @pytest.mark.parametrize(
        ("status", "result"),
        [
            ({"phase": "Succeeded", "result": '{"a": 7, "b": [1.0, null]}'}, {"a": 7, "b": [1.0, None]}),
            ({"phase": "Succeeded", "result": "null"}, None),
            ({"phase": "Succeeded"}, None),
            ({"phase": "Failed", "error": "RuntimeError()"}, "RuntimeError()"),
            ({"phase": "TimedOut", "error": "too long"}, None),
            ({"phase": "Canceled"}, None),
            ({"phase": "Running"}, None),
        ],
    )
    async def test_result(self, api: Api, status: dict[str, Any], result: Any) -> None:
        """From the object of a job that came by kubectl and is not mirrored yet."""
        api.define_sum()
        item = api.kubectl_job("by-hand", {"jobName": "simple_job_fun", "params": {"x": 1, "y": 2}})
        api.set_status("by-hand", **status)
        answer = await api.client.get(f"{MLFLOW}/{item['metadata']['uid']}")
        assert answer.status_code == 200
        assert answer.json()["result"] == result
        assert answer.headers["MlJob-Stored"] == "false"


async def test_health_answers_as_mlflows_server(api: Api) -> None:
    answer = await api.client.get("/health")
    assert (answer.status_code, answer.text) == (200, "OK")


async def nothing_is_left(api: Api) -> bool:
    """A refused submission leaves neither an object nor a row."""
    return not api.objects() and not await api.rows()
