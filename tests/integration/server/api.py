"""What tests of the REST API do with a server and its cluster, in few words."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from httpx import AsyncClient, Response
from mljob.api import names as terms
from mljob.core.records import JobRecord
from mljob.server.services import Services
from mljob.store import JobFilter, Order

from tests.control_plane import ControlPlane

READY_SECONDS = 20.0
MLFLOW = "/ajax-api/3.0/jobs"
V1 = "/api/v1/jobs"
UNKNOWN_ID = "00000000-0000-4000-8000-000000000000"
SUM_PARAMS = [{"name": "x", "required": True}, {"name": "y", "required": True}, {"name": "sleep_secs"}]

Json = dict[str, Any]


@dataclass
class Api:
    """A server under test; `namespace` is its default one."""

    client: AsyncClient
    services: Services
    plane: ControlPlane
    namespace: str

    async def until_ready(self) -> None:
        """Wait for what the server prepares when it starts."""
        async with asyncio.timeout(READY_SECONDS):
            while (await self.client.get("/readyz")).status_code != 200:  # noqa: ASYNC110 - another's state
                await asyncio.sleep(0.02)

    def path(self, plural: str, name: str = "", subresource: str = "", *, namespace: str = "") -> str:
        parts = [f"/apis/{terms.GROUP}/{terms.VERSION}/namespaces/{namespace or self.namespace}/{plural}"]
        return "/".join(parts + [part for part in (name, subresource) if part])

    def define(self, job_name: str, *, namespace: str = "", name: str = "", **spec: Any) -> Json:
        """Apply a definition, judged as accepted."""
        made = self.apply_definition(job_name, namespace=namespace, name=name, **spec)
        return self.judge(made, True)

    def apply_definition(self, job_name: str, *, namespace: str = "", name: str = "", **spec: Any) -> Json:
        """Apply a definition that nobody has judged yet."""
        runs = {} if "command" in spec else {"function": f"tests.{job_name.replace('-', '_')}"}
        body = {
            "apiVersion": terms.API_VERSION,
            "kind": terms.KIND_DEFINITION,
            "metadata": {"name": name or job_name.replace("_", "-").lower()},
            "spec": {"jobName": job_name, **runs, **spec},
        }
        answer = self.plane.api.post(self.path(terms.PLURAL_DEFINITION, namespace=namespace), json=body)
        assert answer.is_success, answer.text
        return dict(answer.json())

    def judge(self, definition: Json, accepted: bool, reason: str = "Accepted", message: str = "") -> Json:
        condition = {
            "type": "Accepted",
            "status": "True" if accepted else "False",
            "reason": reason,
            "message": message,
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
        metadata = definition["metadata"]
        answer = self.plane.api.patch(
            self.path(terms.PLURAL_DEFINITION, metadata["name"], "status", namespace=metadata["namespace"]),
            json={"status": {"conditions": [condition]}},
            headers={"Content-Type": "application/merge-patch+json"},
        )
        assert answer.is_success, answer.text
        return dict(answer.json())

    def define_sum(self, **spec: Any) -> Json:
        """`simple_job_fun(x, y, sleep_secs=0)`, MLflow's own example."""
        return self.define("simple_job_fun", params=SUM_PARAMS, **spec)

    async def post(self, path: str, body: Any) -> Response:
        """As clients built on `json.dumps` send it: ASCII, whatever the strings hold."""
        return await self.post_text(path, json.dumps(body))

    async def post_text(self, path: str, text: str | bytes) -> Response:
        return await self.client.post(path, content=text, headers={"Content-Type": "application/json"})

    async def submit(self, **body: Any) -> Json:
        """Over MLflow's route."""
        answer = await self.post(f"{MLFLOW}/", body)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def search(self, **body: Any) -> list[Json]:
        answer = await self.post(f"{MLFLOW}/search", body)
        assert answer.status_code == 200, answer.text
        return list(answer.json()["jobs"])

    def objects(self, *, namespace: str = "") -> list[Json]:
        answer = self.plane.api.get(self.path(terms.PLURAL_JOB, namespace=namespace))
        return list(answer.json()["items"])

    def kubectl_job(self, name: str, spec: Mapping[str, Any], **metadata: Any) -> Json:
        """An MlJob that came by `kubectl`."""
        body = {
            "apiVersion": terms.API_VERSION,
            "kind": terms.KIND_JOB,
            "metadata": {"name": name, **metadata},
            "spec": spec,
        }
        answer = self.plane.api.post(self.path(terms.PLURAL_JOB), json=body)
        assert answer.is_success, answer.text
        return dict(answer.json())

    def set_status(self, name: str, **status: Any) -> Json:
        """What the operator would write."""
        answer = self.plane.api.patch(
            self.path(terms.PLURAL_JOB, name, "status"),
            json={"status": status},
            headers={"Content-Type": "application/merge-patch+json"},
        )
        assert answer.is_success, answer.text
        return dict(answer.json())

    async def rows(self) -> list[JobRecord]:
        """All rows, whatever cluster or namespace."""
        page = await self.services.ledger.page(JobFilter(), Order.OLDEST_FIRST, 1000, None)
        return list(page.jobs)


def detail(answer: Response) -> Any:
    """What an error says, in either dialect."""
    return answer.json()["detail"]
