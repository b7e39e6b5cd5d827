"""The same routes on PostgreSQL, with texts that it takes less kindly than SQLite does."""

from typing import Any

import pytest

from tests.integration.server.api import MLFLOW, V1
from tests.postgres.fixtures import postgres, postgres_names, postgres_url

__all__ = ["postgres", "postgres_names", "postgres_url"]

ODD = ["plain", "", "\x00", "a\x00b", "\ud800", "ü\U0001f600", "%_'\";--", "\\u0000"]


async def test_submitted_jobs_are_got_searched_and_listed(open_api: Any, postgres_url: str) -> None:
    async with open_api(database_url=postgres_url) as api:
        api.define("anything")
        jobs = [await api.submit(job_name="anything", params={"x": text, text: 1}) for text in ODD]
        assert await api.search() == jobs
        for job, text in zip(jobs, ODD, strict=True):
            assert (await api.client.get(f"{MLFLOW}/{job['job_id']}")).json() == job
            assert await api.search(params={"x": text}) == [job]
        first = (await api.client.get(f"{V1}?order=oldest&pageSize=5")).json()
        second = (await api.client.get(f"{V1}?order=oldest&cursor={first['nextCursor']}")).json()
        assert [job["id"] for job in first["jobs"] + second["jobs"]] == [job["job_id"] for job in jobs]


@pytest.mark.parametrize("text", ODD)
async def test_no_filter_is_a_fault(open_api: Any, postgres_url: str, text: str) -> None:
    async with open_api(database_url=postgres_url) as api:
        api.define("anything")
        await api.submit(job_name="anything", params={})
        answer = await api.post(f"{MLFLOW}/search", {"job_name": text})
        assert answer.status_code in (200, 422)
        shown = text.encode("utf-8", "replace").decode()
        for name in ("jobName", "group", "submittedBy", "namespace", "error"):
            answer = await api.client.get(V1, params={name: shown})
            assert answer.status_code == 200
            # An empty text is in every error, and there is none here.
            assert answer.json()["jobs"] == [] or (name == "error" and not text)
