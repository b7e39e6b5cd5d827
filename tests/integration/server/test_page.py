"""The web page and the documentation: whole in themselves, and unable to reach anything else."""

import json
import re

import pytest

from tests.integration.server.api import Api


@pytest.mark.parametrize("path", ["/", "/docs"])
async def test_page_is_whole_in_itself(api: Api, path: str) -> None:
    answer = await api.client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", answer.text)
    assert "innerHTML" not in answer.text


@pytest.mark.parametrize("path", ["/", "/docs"])
async def test_only_its_own_script_may_run(api: Api, path: str) -> None:
    answer = await api.client.get(path)
    [nonce] = re.findall(r"script-src 'nonce-([^']+)'", answer.headers["content-security-policy"])
    assert re.findall('<script nonce="([^"]+)">', answer.text) == [nonce]
    assert answer.text.count("<script") == 1
    assert nonce not in (await api.client.get(path)).text


async def test_fields_that_the_page_reads_are_sent(api: Api) -> None:
    api.define_sum()
    job = await api.submit(job_name="simple_job_fun", params={"x": 1, "y": 2})
    text = (await api.client.get("/")).text
    sent = (await api.client.get(f"/api/v1/jobs/{job['job_id']}")).json()
    read = set(re.findall(r"\bjob\.(\w+)", text))
    assert len(read) > 10
    assert read <= set(sent)


async def test_list_shows_params_and_what_is_cut_is_whole_in_a_tip(api: Api) -> None:
    text = (await api.client.get("/")).text
    assert "<th>Params" in text
    assert "cell(job.paramsJSON" in text.replace("\n", "")
    assert "element.title = inner.textContent" in text
    assert 'line.append(make("td"' not in text


async def test_dialog_is_titled_with_the_name_of_the_job(api: Api) -> None:
    [title] = re.findall(r'make\("h2", (.*?)\), facts', (await api.client.get("/")).text)
    assert {"job.namespace", "job.name", "job.jobName", "job.status"} <= set(re.findall(r"job\.\w+", title))


async def test_openapi_names_every_route(api: Api) -> None:
    answer = await api.client.get("/openapi.json")
    assert answer.status_code == 200
    document = answer.json()
    assert set(document["paths"]) == {
        "/ajax-api/3.0/jobs",
        "/ajax-api/3.0/jobs/search",
        "/ajax-api/3.0/jobs/{job_id}",
        "/ajax-api/3.0/jobs/cancel/{job_id}",
        "/api/v1/jobs",
        "/api/v1/jobs/{job_id}",
        "/api/v1/jobs/{job_id}/cancel",
        "/api/v1/jobs/{job_id}/attempts",
        "/api/v1/jobs/{job_id}/logs",
        "/health",
        "/healthz",
        "/readyz",
        "/metrics",
    }
    json.dumps(document)
