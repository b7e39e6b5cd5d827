"""`GET /api/v1/jobs/{id}`, its attempts and logs: what row and object say together, and whose they are."""

from dataclasses import replace
from typing import Any

import pytest
from mljob.api import names as terms
from mljob.core.records import AttemptRecord

from tests.integration.server.api import UNKNOWN_ID, V1, Api
from tests.integration.server.v1 import problem, store, submitted


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
