"""`POST /api/v1/jobs/{id}/cancel`: once is enough, and only the job that is meant."""

import asyncio
from typing import Any

import pytest
from mljob.api import names as terms

from tests.integration.server.api import V1, Api, Json
from tests.integration.server.v1 import problem, submitted

PATIENCE_SECONDS = 30.0


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

    @pytest.mark.parametrize(
        "status",
        [
            {},
            {"phase": "Pending", "attempt": 1, "currentJob": "a-job", "reason": "ImagePullBackOff"},
            {"phase": "Running", "attempt": 1, "currentJob": "a-job"},
        ],
        ids=["waiting", "starting", "running"],
    )
    async def test_job_is_canceled_in_the_answer_once_the_operator_says_so(
        self, open_api: Any, status: Json
    ) -> None:
        """At once also for one that runs: its pod has its grace period, the job has ended. The row may still
        say what was before."""
        async with open_api(settle_seconds=PATIENCE_SECONDS) as api:
            api.define_sum()
            job = await submitted(api, jobName="simple_job_fun", params={"x": 1, "y": 2})
            [row] = await api.rows()
            if status:
                api.set_status(row.name, **status)

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

    async def test_operator_that_does_nothing_is_awaited_for_a_moment_only(self, open_api: Any) -> None:
        async with open_api(settle_seconds=0.2) as api:
            api.define_sum()
            job = await submitted(api, jobName="simple_job_fun", params={"x": 1, "y": 2})
            async with asyncio.timeout(PATIENCE_SECONDS):
                answer = await api.client.post(f"{V1}/{job['id']}/cancel")
            assert (answer.status_code, answer.json()["status"]) == (202, "PENDING")
