"""What every route refuses in the same way, as RFC 9457 says, and what is counted of it."""

import json

import pytest

from tests.integration.server.api import UNKNOWN_ID, V1, Api, detail
from tests.integration.server.v1 import problem


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

    @pytest.mark.parametrize("origin", ["null", "http://[", "http://[::1", "http://a]b", "//["])
    async def test_origin_that_is_none(self, api: Api, origin: str) -> None:
        answer = await api.client.post(V1, json={}, headers={"Origin": origin})
        problem(answer, 403, "cross-origin")

    @pytest.mark.parametrize("length", ["\N{SUPERSCRIPT TWO}", "-1", "x", "9" * 5000])
    async def test_length_that_is_none(self, api: Api, length: str) -> None:
        """Servers in front refuse it; whoever comes around them breaks nothing."""
        headers = {b"Content-Type": b"application/json", b"Content-Length": length.encode("latin-1")}
        answer = await api.client.post(V1, content=b"{}", headers=headers)
        assert answer.status_code in (413, 422)

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
