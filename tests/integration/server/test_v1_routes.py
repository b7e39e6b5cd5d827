"""`/api/v1/jobs`: submission with all options, lists, one job, cancel, attempts; problems as RFC 9457."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from mljob.api import names as terms
from mljob.core.records import AttemptRecord

from tests.integration.server.api import V1, Api, Json, detail

PATIENCE_SECONDS = 30.0
UNKNOWN_ID = "00000000-0000-4000-8000-000000000000"


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


class TestSubmit:
    async def test_with_all_options(self, api: Api) -> None:
        api.define_sum(maxPriority=10, allowedOverrides=["resources", "env"])
        job = await submitted(
            api,
            jobName="simple_job_fun",
            namespace=api.namespace,
            paramsJSON='{"x": 1.0,  "y": 1e3}',
            activeDeadlineSeconds=60,
            startDeadlineSeconds=120,
            queueDeadlineSeconds=180,
            ttlSecondsAfterFinished=0,
            priority=7,
            suspend=True,
            overrides={"resources": {"requests": {"cpu": "1"}}, "env": [{"name": "A", "value": "b"}]},
            group="sweep-1",
            labels={"team": "vision", "kueue.x-k8s.io/queue-name": "gpu"},
        )
        [item] = api.objects()
        assert item["spec"] == {
            "jobName": "simple_job_fun",
            "paramsJSON": '{"x": 1.0,  "y": 1e3}',
            "activeDeadlineSeconds": 60,
            "startDeadlineSeconds": 120,
            "queueDeadlineSeconds": 180,
            "ttlSecondsAfterFinished": 0,
            "priority": 7,
            "suspend": True,
            "overrides": {
                "resources": {"requests": {"cpu": "1"}},
                "env": [{"name": "A", "value": "b"}],
            },
        }
        assert item["metadata"]["labels"] == {
            "team": "vision",
            "kueue.x-k8s.io/queue-name": "gpu",
            terms.LABEL_JOB_NAME: "simple_job_fun",
            terms.LABEL_GROUP: "sweep-1",
            terms.LABEL_MANAGED_BY: "mljob",
        }
        [row] = await api.rows()
        assert (row.priority, row.group, row.timeout_seconds) == (7, "sweep-1", 60)
        assert (job["id"], job["status"], job["stored"]) == (row.uid, "PENDING", True)
        assert (job["paramsJSON"], job["params"]) == ('{"x": 1.0,  "y": 1e3}', {"x": 1.0, "y": 1000.0})

    async def test_location_leads_to_the_job(self, api: Api) -> None:
        api.define_sum()
        answer = await api.post(V1, {"jobName": "simple_job_fun", "params": {"x": 1, "y": 2}})
        found = await api.client.get(answer.headers["location"])
        assert found.json()["id"] == answer.json()["id"]

    @pytest.mark.parametrize(
        ("body", "status", "kind", "words"),
        [
            ({"jobName": "no_such_job"}, 400, "unknown-job-name", "Invalid job name: no_such_job"),
            ({}, 422, "invalid-fields", "jobName: Field required"),
            ({"jobName": "bad name"}, 422, "invalid-fields", "jobName: String should match"),
            ({"jobName": 5}, 422, "invalid-fields", "jobName: Input should be a valid string"),
            ({"jobname": "x"}, 422, "invalid-fields", "jobname: Extra inputs are not permitted"),
            ({"params": {"x": 1, "y": 2}, "paramsJSON": "{}"}, 400, "invalid-params", "exclude each other"),
            ({"params": {"x": 1}}, 400, "invalid-params", "Missing required parameters for function"),
            ({"params": {"x": 1, "y": 2, "z": 3}}, 400, "invalid-params", "Unknown parameters: ['z']"),
            ({"paramsJSON": "{"}, 422, "invalid-fields", "paramsJSON"),
            ({"paramsJSON": "[1]"}, 422, "invalid-fields", "paramsJSON"),
            ({"paramsJSON": '{"x": NaN, "y": 1}'}, 422, "invalid-fields", "NaN"),
            ({"paramsJSON": '{"x": "\ud800", "y": 1}'}, 422, "invalid-fields", "paramsJSON"),
            ({"timeout": 0}, 400, "invalid-option", "timeout is 0"),
            ({"timeout": 1, "activeDeadlineSeconds": 1}, 400, "invalid-option", "the same limit"),
            ({"activeDeadlineSeconds": 0}, 422, "invalid-fields", "activeDeadlineSeconds"),
            ({"activeDeadlineSeconds": "5"}, 422, "invalid-fields", "activeDeadlineSeconds"),
            ({"priority": 1}, 400, "invalid-option", "maxPriority"),
            ({"priority": 1.5}, 422, "invalid-fields", "priority"),
            ({"overrides": {"env": [{"name": "A"}]}}, 400, "invalid-option", "allowedOverrides"),
            ({"overrides": {"image": "x"}}, 422, "invalid-fields", "overrides.image"),
            ({"labels": {"mljob.dev/uid": "x"}}, 400, "invalid-option", "labels[mljob.dev/uid]"),
            ({"labels": {"mljob.dev/group": "x"}}, 400, "invalid-option", "Use `group`"),
            ({"labels": {"app.kubernetes.io/managed-by": "x"}}, 400, "invalid-option", "labels["),
            ({"labels": {"batch.kubernetes.io/job-name": "x"}}, 400, "invalid-option", "labels["),
            ({"labels": {"bad key": "x"}}, 422, "invalid-fields", "metadata.labels"),
            ({"labels": {"key": "bad value"}}, 422, "invalid-fields", "metadata.labels"),
            ({"group": "bad group"}, 422, "invalid-fields", "group"),
            ({"namespace": "no-such-namespace"}, 400, "unknown-job-name", "Invalid job name"),
            ({"namespace": "Bad_Name"}, 422, "invalid-fields", "namespace"),
            ({"definition": {"command": ["true"]}}, 422, "invalid-fields", "definition"),
        ],
    )
    async def test_refusal_names_the_field_and_leaves_nothing(
        self, api: Api, body: Json, status: int, kind: str, words: str
    ) -> None:
        api.define_sum()
        filled = dict(body)
        if body and "jobname" not in body:
            filled.setdefault("jobName", "simple_job_fun")
        if "params" not in body and "paramsJSON" not in body:
            filled["params"] = {"x": 1, "y": 2}
        if "jobName" not in body and kind == "invalid-fields" and not body:
            filled.pop("jobName", None)
        found = problem(await api.post(V1, filled), status, kind)
        assert words in found["detail"]
        assert not api.objects()
        assert not await api.rows()

    async def test_reason_of_a_definition_that_is_not_accepted_is_told(self, api: Api) -> None:
        made = api.apply_definition("broken")
        api.judge(made, False, "InvalidTemplate", "containers[0].resourcez: unknown field")
        found = problem(await api.post(V1, {"jobName": "broken"}), 400, "unknown-job-name")
        assert found["reason"] == "InvalidTemplate: containers[0].resourcez: unknown field"
        assert (found["jobName"], found["namespace"]) == ("broken", api.namespace)

    async def test_extra_params_pass_where_the_definition_allows_them(self, api: Api) -> None:
        api.define_sum(allowExtraParams=True)
        await submitted(api, jobName="simple_job_fun", params={"x": 1, "y": 2, "z": 3})


class TestList:
    async def test_newest_first_by_default_and_page_by_page(self, api: Api) -> None:
        api.define("numbered")
        ids = [(await submitted(api, jobName="numbered", params={"n": n}))["id"] for n in range(7)]
        assert await self._pages(api, "pageSize=3") == [ids[:3:-1], ids[3:0:-1], ids[:1]]
        assert await self._pages(api, "pageSize=3&order=oldest") == [ids[:3], ids[3:6], ids[6:]]
        assert await self._pages(api, "") == [ids[::-1]]

    async def test_filters(self, api: Api) -> None:
        api.define("first")
        api.define("second", maxPriority=5)
        one = await submitted(api, jobName="first", params={"x": 1, "y": {"z": [1]}}, group="a")
        two = await submitted(api, jobName="second", params={"x": 1}, group="b")
        later = datetime.fromtimestamp(one_ms(two) / 1000, UTC).isoformat().replace("+00:00", "Z")
        for query, expected in {
            "jobName=first": [one],
            "group=b": [two],
            "status=PENDING&order=oldest": [one, two],
            "phase=Pending&phase=Running&order=oldest": [one, two],
            "status=CANCELED&status=RUNNING": [],
            f"namespace={api.namespace}&namespace=default&order=oldest": [one, two],
            "namespace=default": [],
            'params={"x":1.0}&order=oldest': [one, two],
            'params={"y":{"z":[1]}}': [one],
            f"createdFrom={later}": [two],
            f"createdBefore={later}": [one],
            "submittedBy=nobody": [],
            "error=nothing": [],
        }.items():
            answer = await api.client.get(f"{V1}?{query}")
            assert answer.status_code == 200, answer.text
            assert answer.json()["jobs"] == expected, query

    @pytest.mark.parametrize(
        ("query", "status", "words"),
        [
            ("pageSize=0", 422, "pageSize"),
            ("pageSize=1001", 422, "pageSize"),
            ("pageSize=x", 422, "pageSize"),
            ("status=NOPE", 422, "status"),
            ("phase=Nope&params={}", 422, "phase"),
            ("order=sideways", 422, "order"),
            ("params=[1]", 422, "params"),
            ("params={", 422, "params"),
            ("createdFrom=yesterday", 422, "createdFrom"),
            ("createdFrom=2026-01-01T00:00:00", 422, "createdFrom"),
            ("unknown=1", 422, "unknown"),
            ("cursor=nonsense", 400, "cursor"),
            ("cursor=%00", 400, "cursor"),
            (f"error={'x' * 1001}", 422, "error"),
        ],
    )
    async def test_bad_query_names_its_parameter(self, api: Api, query: str, status: int, words: str) -> None:
        answer = await api.client.get(f"{V1}?{query}")
        kind = "invalid-fields" if status == 422 else "malformed-request"
        assert words in problem(answer, status, kind)["detail"]

    async def _pages(self, api: Api, query: str) -> list[list[str]]:
        pages, cursor = [], ""
        while True:
            answer = await api.client.get(f"{V1}?{query}{cursor}")
            assert answer.status_code == 200, answer.text
            pages.append([job["id"] for job in answer.json()["jobs"]])
            if answer.json()["nextCursor"] is None:
                return pages
            cursor = f"&cursor={answer.json()['nextCursor']}"


class TestGet:
    async def test_has_row_object_and_attempts(self, api: Api) -> None:
        api.define_sum()
        job = await submitted(api, jobName="simple_job_fun", params={"x": 1, "y": 2})
        [row] = await api.rows()
        condition = {
            "type": "Accepted",
            "status": "True",
            "reason": "Accepted",
            "message": "",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
        api.set_status(row.name, phase="Running", attempt=1, currentPod="a-pod", conditions=[condition])
        store(api).write([], [AttemptRecord(row.uid, row.cluster, 1, False, "a-job", pod="a-pod", node="n")])
        found = (await api.client.get(f"{V1}/{job['id']}")).json()
        assert found | job == found
        assert found["inCluster"] is True
        assert found["conditions"] == [condition]
        assert found["currentPod"] == "a-pod"
        assert [(each["attempt"], each["pod"], each["node"]) for each in found["attempts"]] == [
            (1, "a-pod", "n")
        ]
        attempts = (await api.client.get(f"{V1}/{job['id']}/attempts")).json()
        assert attempts == {"attempts": found["attempts"]}

    async def test_row_outlives_the_object(self, open_api: Any) -> None:
        async with open_api(record_finalizer=False) as api:
            api.define_sum()
            job = await submitted(api, jobName="simple_job_fun", params={"x": 1, "y": 2})
            [row] = await api.rows()
            api.plane.api.delete(api.path(terms.PLURAL_JOB, row.name))
            found = (await api.client.get(f"{V1}/{job['id']}")).json()
            assert (found["id"], found["inCluster"], found["stored"]) == (job["id"], False, True)

    async def test_object_that_is_not_mirrored_yet(self, api: Api) -> None:
        api.define_sum(activeDeadlineSeconds=9)
        labels = {terms.LABEL_GROUP: "g"}
        spec = {"jobName": "simple_job_fun", "params": {"y": 1, "x": None}}
        item = api.kubectl_job("by-hand", spec, labels=labels)
        found = (await api.client.get(f"{V1}/{item['metadata']['uid']}")).json()
        assert (found["name"], found["group"], found["stored"]) == ("by-hand", "g", False)
        assert found["activeDeadlineSeconds"] == 9
        assert found["creationTime"] == item["metadata"]["creationTimestamp"].replace("Z", ".000Z")

    @pytest.mark.parametrize("suffix", ["", "/attempts", "/logs"])
    async def test_unknown(self, api: Api, suffix: str) -> None:
        found = problem(await api.client.get(f"{V1}/{UNKNOWN_ID}{suffix}"), 404, "job-not-found")
        assert found["detail"] == f"Job with ID {UNKNOWN_ID} not found"


class TestCancel:
    async def test_twice_is_once(self, api: Api) -> None:
        api.define_sum()
        job = await submitted(api, jobName="simple_job_fun", params={"x": 1, "y": 2})
        for _ in range(2):
            answer = await api.client.post(f"{V1}/{job['id']}/cancel")
            assert answer.status_code == 202
            assert answer.json()["id"] == job["id"]
        [item] = api.objects()
        assert item["spec"]["cancel"] is True
        assert item["metadata"]["generation"] == 2

    async def test_final_job(self, api: Api) -> None:
        api.define_sum()
        job = await submitted(api, jobName="simple_job_fun", params={"x": 1, "y": 2})
        [row] = await api.rows()
        api.set_status(row.name, phase="Succeeded", result="1")
        answer = await api.client.post(f"{V1}/{job['id']}/cancel")
        text = f"The Job {job['id']} is already finalized with status: SUCCEEDED, it can't be updated."
        assert problem(answer, 409, "already-finalized")["detail"] == text

    async def test_another_object_that_got_its_name_is_not_canceled(self, open_api: Any) -> None:
        async with open_api(record_finalizer=False) as api:
            api.define_sum()
            job = await submitted(api, jobName="simple_job_fun", params={"x": 1, "y": 2})
            [row] = await api.rows()
            api.plane.api.delete(api.path(terms.PLURAL_JOB, row.name))
            api.kubectl_job(row.name, {"jobName": "simple_job_fun", "params": {"x": 9, "y": 9}})
            assert (await api.client.post(f"{V1}/{job['id']}/cancel")).status_code == 202
            assert "cancel" not in api.objects()[0]["spec"]

    async def test_waiting_job_is_canceled_in_the_answer_once_the_operator_says_so(
        self, open_api: Any
    ) -> None:
        """The row may still say what was before."""
        async with open_api(settle_seconds=PATIENCE_SECONDS) as api:
            api.define_sum()
            job = await submitted(api, jobName="simple_job_fun", params={"x": 1, "y": 2})
            [row] = await api.rows()

            async def operator() -> None:
                while "cancel" not in api.objects()[0]["spec"]:  # noqa: ASYNC110 - the API server's state
                    await asyncio.sleep(0.01)
                api.set_status(row.name, phase="Canceled", reason="Canceled")

            async with asyncio.timeout(PATIENCE_SECONDS), asyncio.TaskGroup() as tasks:
                tasks.create_task(operator())
                asked = tasks.create_task(api.client.patch(f"/ajax-api/3.0/jobs/cancel/{job['id']}"))
            assert asked.result().status_code == 200
            assert asked.result().json()["status"] == "CANCELED"
            found = (await api.client.get(f"{V1}/{job['id']}")).json()
            assert (found["status"], found["reason"]) == ("CANCELED", "Canceled")

    async def test_running_job_is_not_waited_for(self, open_api: Any) -> None:
        async with open_api(settle_seconds=10 * PATIENCE_SECONDS) as api:
            api.define_sum()
            job = await submitted(api, jobName="simple_job_fun", params={"x": 1, "y": 2})
            [row] = await api.rows()
            api.set_status(row.name, phase="Running", attempt=1, currentJob="a-job")
            async with asyncio.timeout(PATIENCE_SECONDS):
                answer = await api.client.post(f"{V1}/{job['id']}/cancel")
            assert (answer.status_code, answer.json()["status"]) == (202, "PENDING")


class TestVisibility:
    """Of one database, a server shows the rows of its own cluster, and of the namespaces it serves."""

    async def test_rows_of_another_cluster(self, api: Api) -> None:
        api.define_sum()
        job = await submitted(api, jobName="simple_job_fun", params={"x": 1, "y": 2})
        [row] = await api.rows()
        foreign = replace(row, uid=UNKNOWN_ID, cluster="another")
        store(api).write([foreign])
        assert [each["id"] for each in (await api.client.get(V1)).json()["jobs"]] == [job["id"]]
        problem(await api.client.get(f"{V1}/{UNKNOWN_ID}"), 404, "job-not-found")
        problem(await api.client.post(f"{V1}/{UNKNOWN_ID}/cancel"), 404, "job-not-found")

    async def test_rows_of_a_namespace_that_is_not_served(self, open_api: Any, namespace: str) -> None:
        async with open_api() as api:
            api.define_sum()
            job = await submitted(api, jobName="simple_job_fun", params={"x": 1, "y": 2})
        async with open_api(watch_namespaces=("default",)) as api:
            assert (await api.client.get(V1)).json()["jobs"] == []
            assert (await api.client.get(f"{V1}?namespace={namespace}")).json()["jobs"] == []
            problem(await api.client.get(f"{V1}/{job['id']}"), 404, "job-not-found")


class TestLogs:
    async def test_before_the_job_has_started(self, api: Api) -> None:
        api.define_sum()
        job = await submitted(api, jobName="simple_job_fun", params={"x": 1, "y": 2})
        found = problem(await api.client.get(f"{V1}/{job['id']}/logs"), 404, "no-log")
        assert "has not started: it is Pending" in found["detail"]

    async def test_kept_tail_of_a_pod_that_is_gone(self, api: Api) -> None:
        api.define_sum()
        job = await submitted(api, jobName="simple_job_fun", params={"x": 1, "y": 2})
        [row] = await api.rows()
        kept = AttemptRecord(row.uid, row.cluster, 1, True, "a-job", pod="gone", log_tail="a\nb\n")
        lost = replace(kept, attempt=2, log_tail=None)
        store(api).write([replace(row, attempt=2)], [kept, lost])
        answer = await api.client.get(f"{V1}/{job['id']}/logs?attempt=1&tailLines=1")
        assert (answer.status_code, answer.text) == (200, "b\n")
        assert answer.headers["MlJob-Log-Source"] == "store"
        problem(await api.client.get(f"{V1}/{job['id']}/logs"), 410, "log-gone")

    @pytest.mark.parametrize("query", ["attempt=0", "attempt=x", "tailLines=-1", "follow=maybe", "lines=5"])
    async def test_bad_query_names_its_parameter(self, api: Api, query: str) -> None:
        answer = await api.client.get(f"{V1}/{UNKNOWN_ID}/logs?{query}")
        assert query.split("=", maxsplit=1)[0] in problem(answer, 422, "invalid-fields")["detail"]


class TestRequests:
    """What every route refuses in the same way."""

    @pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b'{"jobName": }', b"null", b'"text"', b"[]"])
    @pytest.mark.parametrize("path", [V1, "/ajax-api/3.0/jobs", "/ajax-api/3.0/jobs/search"])
    async def test_body_that_is_no_json_object(self, api: Api, path: str, body: bytes) -> None:
        answer = await api.post_text(path, body)
        assert answer.status_code in (400, 422)
        assert detail(answer)

    async def test_body_over_the_limit(self, api: Api) -> None:
        body = json.dumps({"jobName": "x", "params": {"x": "a" * 1_100_000}})
        found = problem(await api.post_text(V1, body), 413, "body-too-large")
        assert "1048576" in found["detail"]

    async def test_body_nested_too_deeply(self, api: Api) -> None:
        body = '{"jobName": "x", "params": {"x": ' + "[" * 50_000 + "]" * 50_000 + "}}"
        found = problem(await api.post_text(V1, body), 400, "malformed-request")
        assert "100 levels" in found["detail"]

    async def test_body_of_another_media_type(self, api: Api) -> None:
        answer = await api.client.post(V1, content='{"jobName": "x"}', headers={"Content-Type": "text/plain"})
        assert "application/json" in problem(answer, 415, "not-json")["detail"]

    async def test_page_of_another_origin(self, api: Api) -> None:
        answer = await api.client.post(V1, json={}, headers={"Origin": "http://evil.example"})
        problem(answer, 403, "cross-origin")
        own = await api.client.post(V1, json={}, headers={"Origin": "http://api"})
        assert own.status_code == 422

    @pytest.mark.parametrize(
        ("method", "path", "status"),
        [("GET", "/nowhere", 404), ("DELETE", V1, 405), ("PUT", f"{V1}/{UNKNOWN_ID}", 405)],
    )
    async def test_unknown_path_or_method(self, api: Api, method: str, path: str, status: int) -> None:
        problem(await api.client.request(method, path), status, "http")

    async def test_every_route_counts_under_its_template(self, api: Api) -> None:
        await api.client.get(f"{V1}/{UNKNOWN_ID}/")
        await api.client.get("/nowhere")
        text = (await api.client.get("/metrics")).text
        assert 'mljob_api_requests_total{code="404",method="GET",route="/api/v1/jobs/{job_id}"} 1.0' in text
        assert 'route="unmatched"' in text
        assert UNKNOWN_ID not in text


def one_ms(job: Json) -> int:
    """When it was submitted, in ms."""
    return round(datetime.fromisoformat(job["creationTime"]).timestamp() * 1000)


def store(api: Api) -> Any:
    """The store behind the server, to write what the operator would."""
    return api.services.ledger._store
