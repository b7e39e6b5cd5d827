"""A submission is done once or not at all: lost answers, refusals of the cluster, a database that is away."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from mljob.api import errors
from mljob.api import names as terms
from mljob.kube.client import KubeClient
from mljob.kube.resources import Resource
from mljob.server.creation import Creator
from mljob.server.services import Services
from mljob.server.settings import Settings

from tests.integration.server.api import MLFLOW, V1, Api, Json, detail

LOST = errors.Unavailable(0, "ConnectionLost", "no answer in time")
QUOTA = errors.Forbidden(403, "Forbidden", "exceeded quota: q")
SUM = {"job_name": "simple_job_fun", "params": {"x": 1, "y": 2}}


@dataclass
class Flaky:
    """The real client, some of whose answers get lost. `fates`, one per create: "lost" (done, but nobody
    hears of it), "never" (not done), "late" (done when the test says so), "newer" (done by an API server
    whose CRD is that of a later version), or an error."""

    kube: KubeClient
    fates: list[Any]
    reads_fail: bool = False
    late: list[tuple[Resource, str | None, Mapping[str, Any]]] | None = None

    async def create(self, resource: Resource, namespace: str | None, body: Mapping[str, Any]) -> Json:
        fate = self.fates.pop(0) if self.fates else "done"
        if fate == "never":
            raise LOST
        if fate == "late":
            self.late = [(resource, namespace, body)]
            raise LOST
        if isinstance(fate, Exception):
            raise fate
        answer = await self.kube.create(resource, namespace, body)
        if fate == "lost":
            raise LOST
        if fate == "newer":
            answer["spec"]["someday"] = "a default"
        return answer

    async def arrive_late(self) -> None:
        for resource, namespace, body in self.late or ():
            await self.kube.create(resource, namespace, body)

    async def get(self, resource: Resource, namespace: str | None, name: str) -> Json:
        if self.reads_fail:
            raise LOST
        return await self.kube.get(resource, namespace, name)

    async def patch(
        self, resource: Resource, namespace: str | None, name: str, body: Mapping[str, Any]
    ) -> Json:
        return await self.kube.patch(resource, namespace, name, body)

    async def delete(
        self, resource: Resource, namespace: str | None, name: str, *, uid: str | None = None
    ) -> Json:
        return await self.kube.delete(resource, namespace, name, uid=uid)


@contextlib.asynccontextmanager
async def flaky_api(open_api: Any, *fates: Any) -> AsyncIterator[tuple[Api, Flaky]]:
    made: list[Flaky] = []

    def wrap(services: Services) -> Services:
        flaky = Flaky(services.kube, list(fates))
        made.append(flaky)
        creator = Creator(flaky, pauses_seconds=(0, 0.01, 0.01), withdrawal_pauses_seconds=(0.05,) * 40)
        return replace(services, creator=creator, submissions=replace(services.submissions, creator=creator))

    async with open_api(wrap=wrap) as api:
        api.define_sum()
        yield api, made[0]
        await api.services.creator.close()


class TestLostAnswers:
    @pytest.mark.parametrize(
        "fates",
        [["lost"], ["never"], ["lost", "lost"], ["never", "lost"], ["lost", "never"], ["never", "never"]],
    )
    async def test_one_job_whatever_was_lost(self, open_api: Any, fates: list[str]) -> None:
        async with flaky_api(open_api, *fates) as (api, _):
            job = await api.submit(**SUM)
            [item], [row] = api.objects(), await api.rows()
            assert item["metadata"]["uid"] == row.uid == job["job_id"]

    async def test_answer_of_a_later_version_is_as_good(self, open_api: Any) -> None:
        """CRDs are upgraded first. The job is there: an error would have its caller make another one."""
        async with flaky_api(open_api, "newer") as (api, _):
            job = await api.submit(**SUM)
            [item], [row] = api.objects(), await api.rows()
            assert item["metadata"]["uid"] == row.uid == job["job_id"]
            assert (job["params"], job["status"]) == (SUM["params"], "PENDING")

    async def test_no_answer_at_all_is_a_refusal_that_leaves_nothing(self, open_api: Any) -> None:
        async with flaky_api(open_api, "never", "never", "never") as (api, _):
            answer = await api.post(MLFLOW, SUM)
            assert answer.status_code == 503
            assert int(answer.headers["Retry-After"]) >= 1
            assert "could not create the MlJob now" in detail(answer)
            assert not api.objects()
            assert not await api.rows()

    async def test_refusal_that_the_lost_try_itself_caused_is_none(self, open_api: Any) -> None:
        """It took the last of the quota."""
        async with flaky_api(open_api, "lost", QUOTA) as (api, _):
            job = await api.submit(**SUM)
            assert [item["metadata"]["uid"] for item in api.objects()] == [job["job_id"]]

    async def test_refusal_after_a_try_that_was_not_carried_out(self, open_api: Any) -> None:
        async with flaky_api(open_api, "never", QUOTA) as (api, _):
            answer = await api.post(MLFLOW, SUM)
            assert answer.status_code == 403
            assert "exceeded quota" in detail(answer)
            assert not api.objects()
            assert not await api.rows()

    async def test_what_arrives_after_the_refusal_is_taken_back(self, open_api: Any) -> None:
        async with flaky_api(open_api, "never", "never", "late") as (api, flaky):
            assert (await api.post(MLFLOW, SUM)).status_code == 503
            await flaky.arrive_late()
            assert api.objects()
            await until_no_objects(api)
            assert not await api.rows()

    async def test_created_but_never_confirmed_is_taken_back(self, open_api: Any) -> None:
        async with flaky_api(open_api, "lost") as (api, flaky):
            flaky.reads_fail = True
            assert (await api.post(MLFLOW, SUM)).status_code == 503
            flaky.reads_fail = False
            await until_no_objects(api)
            assert not await api.rows()

    async def test_name_of_another_submission_is_left_alone(self, open_api: Any) -> None:
        taken = errors.AlreadyExists(409, "AlreadyExists", "taken")
        async with flaky_api(open_api, taken) as (api, _):
            await api.submit(**SUM)
            assert len(api.objects()) == 1


class TestRefusals:
    @pytest.mark.parametrize(
        ("error", "status", "words"),
        [
            (errors.TooManyRequests(429, "", "slow down", retry_after_seconds=7), 503, "slow down"),
            (QUOTA, 403, "exceeded quota: q"),
            (errors.Unauthorized(401, "Unauthorized", "who?"), 503, "own login"),
            (errors.NotFound(404, "NotFound", "no such resource"), 503, "CRDs"),
            (errors.BadRequest(400, "BadRequest", "unknown field"), 400, "unknown field"),
            (errors.Invalid(422, "Invalid", "spec is wrong"), 422, "spec is wrong"),
            (errors.ApiError(418, "Teapot", "short and stout"), 503, "short and stout"),
        ],
    )
    async def test_every_answer_of_the_api_server_has_its_own(
        self, open_api: Any, error: errors.ApiError, status: int, words: str
    ) -> None:
        async with flaky_api(open_api, error) as (api, _):
            answer = await api.post(V1, {"jobName": "simple_job_fun", "params": {"x": 1, "y": 2}})
            assert answer.status_code == status
            assert words in detail(answer)
            assert ("Retry-After" in answer.headers) == (status == 503)
            if isinstance(error, errors.TooManyRequests):
                assert answer.headers["Retry-After"] == "7"
            assert not api.objects()
            assert not await api.rows()

    async def test_quota(self, api: Api) -> None:
        api.define_sum()
        hard = {"count/mljobs.mljob.dev": "1"}
        quota = {
            "apiVersion": "v1",
            "kind": "ResourceQuota",
            "metadata": {"name": "one"},
            "spec": {"hard": hard},
            "status": {"hard": hard, "used": {"count/mljobs.mljob.dev": "0"}},
        }
        path = f"/api/v1/namespaces/{api.namespace}/resourcequotas"
        made = api.plane.api.post(path, json=quota).json()
        # Without a controller manager nobody else fills in what the admission looks at.
        api.plane.api.put(f"{path}/one/status", json={**made, "status": quota["status"]}).raise_for_status()
        await api.submit(**SUM)
        answer = await api.post(MLFLOW, SUM)
        assert answer.status_code == 403
        assert "exceeded quota: one" in detail(answer)
        assert len(api.objects()) == len(await api.rows()) == 1

    async def test_namespace_that_is_being_deleted(self, api: Api) -> None:
        api.define_sum()
        await api.submit(**SUM)
        api.plane.api.delete(f"/api/v1/namespaces/{api.namespace}").raise_for_status()
        answer = await api.post(MLFLOW, SUM)
        assert answer.status_code == 403
        assert "being terminated" in detail(answer)

    async def test_account_that_may_not_create(self, open_api: Any, settings: Settings) -> None:
        async with open_api() as api:
            allow_reading(api)
            api.define_sum()
            config = str(api.plane.kubeconfig_for("reader"))
        async with open_api(kubeconfig=config) as api:
            answer = await api.post(MLFLOW, SUM)
            assert answer.status_code == 403
            assert "cannot create resource" in detail(answer)

    async def test_namespace_that_is_not_served(self, open_api: Any, namespace: str) -> None:
        async with open_api(watch_namespaces=(namespace,)) as api:
            api.define_sum()
            api.define_sum(namespace="default")
            await api.submit(**SUM)
            body = {"jobName": "simple_job_fun", "namespace": "default", "params": {"x": 1, "y": 2}}
            answer = await api.post(V1, body)
            assert answer.status_code == 400
            assert "'default' is not served here" in detail(answer)


class TestClusterAway:
    """Its rows can be read; whether a job is still to be cancelled only the API server knows."""

    async def test_nothing_is_said_to_be_canceled_that_was_not(
        self, api: Api, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        api.define_sum()
        job = await api.submit(**SUM)

        async def lost(*_: object) -> Json:
            raise LOST

        monkeypatch.setattr(api.services.kube, "get", lost)
        for answer in (
            await api.client.patch(f"{MLFLOW}/cancel/{job['job_id']}"),
            await api.client.post(f"{V1}/{job['job_id']}/cancel"),
        ):
            assert answer.status_code == 503
            assert "no answer in time" in detail(answer)
            assert int(answer.headers["Retry-After"]) >= 1
        assert "cancel" not in api.objects()[0]["spec"]
        assert (await api.client.get(f"{V1}/{job['job_id']}")).json()["inCluster"] is False


class TestStoreAway:
    async def test_submission_is_accepted_and_says_so(self, api: Api, tmp_path: Path) -> None:
        api.define_sum()
        before = await api.submit(**SUM)
        with store_away(api, tmp_path):
            answer = await api.post(MLFLOW, SUM)
            assert answer.status_code == 200
            assert answer.headers["MlJob-Stored"] == "false"
            other = await api.post(V1, {"jobName": "simple_job_fun", "params": {"x": 1, "y": 2}})
            assert (other.status_code, other.json()["stored"]) == (201, False)
            assert "mljob_api_unstored_jobs 2.0" in (await api.client.get("/metrics")).text
        found = await api.search()
        assert found == [before, answer.json(), (await self._get(api, other.json()["id"]))]
        assert "mljob_api_unstored_jobs 0.0" in (await api.client.get("/metrics")).text

    async def test_job_is_found_by_its_object(self, api: Api, tmp_path: Path) -> None:
        api.define_sum()
        stored = await api.submit(**SUM)
        with store_away(api, tmp_path):
            unstored = await api.submit(**SUM)
            for job in (stored, unstored):
                answer = await api.client.get(f"{MLFLOW}/{job['job_id']}")
                assert (answer.status_code, answer.json()) == (200, job)
                assert answer.headers["MlJob-Stored"] == "false"
                assert (await api.client.post(f"{V1}/{job['job_id']}/cancel")).status_code == 202

    async def test_what_needs_rows_says_that_they_are_missing(self, api: Api, tmp_path: Path) -> None:
        unknown = "00000000-0000-4000-8000-000000000000"
        with store_away(api, tmp_path):
            for answer in (
                await api.post(f"{MLFLOW}/search", {}),
                await api.client.get(V1),
                await api.client.get(f"{V1}/{unknown}"),
                await api.client.get(f"{MLFLOW}/{unknown}"),
            ):
                assert answer.status_code == 503
                assert "store does not answer" in detail(answer)
                assert int(answer.headers["Retry-After"]) >= 1

    async def test_stays_ready_to_accept(self, api: Api, tmp_path: Path) -> None:
        with store_away(api, tmp_path):
            answer = await api.client.get("/readyz")
            assert answer.status_code == 200
            assert answer.json()["checks"]["store"] != "ok"
            assert (await api.client.get("/healthz")).status_code == 200

    async def test_another_server_finds_it_by_its_object(
        self, open_api: Any, api: Api, tmp_path: Path
    ) -> None:
        api.define_sum()
        async with open_api() as second:
            with store_away(api, tmp_path), store_away(second, tmp_path, move=False):
                job = await api.submit(**SUM)
                answer = await second.client.get(f"{MLFLOW}/{job['job_id']}")
                assert (answer.status_code, answer.json()) == (200, job)

    async def _get(self, api: Api, job_id: str) -> Json:
        return dict((await api.client.get(f"{MLFLOW}/{job_id}")).json())


async def test_row_is_found_by_every_process_once_post_has_answered(open_api: Any, api: Api) -> None:
    api.define_sum()
    async with open_api() as second:
        job = await api.submit(**SUM)
        assert (await second.client.get(f"{MLFLOW}/{job['job_id']}")).json() == job
        assert await second.search() == [job]


@contextlib.contextmanager
def store_away(api: Api, folder: Path, *, move: bool = True) -> Iterator[None]:
    """The database file cannot be opened, and no connection to it is left."""
    hidden = folder.with_name(f"{folder.name}-hidden")
    api.services.ledger._store.close()
    if move:
        folder.rename(hidden)
    yield
    if move:
        hidden.rename(folder)


async def until_no_objects(api: Api) -> None:
    async with asyncio.timeout(10):
        while api.objects():  # noqa: ASYNC110 - the API server's state
            await asyncio.sleep(0.02)


def allow_reading(api: Api) -> None:
    """The user `reader` may read what a server needs, and create nothing."""
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "reader"},
        "rules": [
            {"apiGroups": [terms.GROUP], "resources": ["*"], "verbs": ["get", "list", "watch"]},
            {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get"]},
        ],
    }
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "reader"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "reader"},
        "subjects": [{"kind": "User", "name": "reader"}],
    }
    root = "/apis/rbac.authorization.k8s.io/v1"
    api.plane.api.post(f"{root}/clusterroles", json=role).raise_for_status()
    api.plane.api.post(f"{root}/clusterrolebindings", json=binding).raise_for_status()
