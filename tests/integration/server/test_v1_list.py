"""`GET /api/v1/jobs`: filters, order, and pages that neither miss nor repeat."""

from datetime import UTC, datetime

import pytest

from tests.integration.server.api import V1, Api, Json
from tests.integration.server.v1 import problem, submitted


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


def one_ms(job: Json) -> int:
    """When it was submitted, in ms."""
    return round(datetime.fromisoformat(job["creationTime"]).timestamp() * 1000)
