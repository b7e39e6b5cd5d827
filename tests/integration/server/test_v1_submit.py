"""`POST /api/v1/jobs`: every option reaches the object and the row; a refusal names the field."""

import pytest
from mljob.api import names as terms

from tests.integration.server.api import V1, Api, Json
from tests.integration.server.v1 import problem, submitted

NESTED = '{"x": 1, "y": ' + "[" * 911 + "]" * 911 + "}"
"""As deep as Python just reads it once: at the next time, from deeper within a program, it no longer does."""


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
            ({}, 422, "invalid-fields", "jobName: required, but missing"),
            ({"jobName": "bad name"}, 422, "invalid-fields", "jobName: found 'bad name', expected letters"),
            ({"jobName": 5}, 422, "invalid-fields", "jobName: found 5, expected a string."),
            ({"jobname": "x"}, 422, "invalid-fields", "Did you mean 'jobName'?"),
            ({"params": {"x": 1, "y": 2}, "paramsJSON": "{}"}, 400, "invalid-params", "exclude each other"),
            ({"params": {"x": 1}}, 400, "invalid-params", "Missing required parameters for function"),
            ({"params": {"x": 1, "y": 2, "z": 3}}, 400, "invalid-params", "Unknown parameters: ['z']"),
            ({"params": {"x": 1, "yy": 2}}, 400, "invalid-params", "Unknown parameters: ['yy']"),
            ({"params": {"x": 1, "yy": 2}}, 400, "invalid-params", "Did you mean 'y' instead of 'yy'?"),
            ({"timout": 5}, 422, "invalid-fields", "timout: unknown field. Did you mean 'timeout'?"),
            ({"params": [1]}, 422, "invalid-fields", "params: found an array, expected a JSON object."),
            ({"paramsJSON": "{"}, 422, "invalid-fields", "paramsJSON"),
            ({"paramsJSON": "[1]"}, 422, "invalid-fields", "paramsJSON"),
            ({"paramsJSON": '{"x": NaN, "y": 1}'}, 422, "invalid-fields", "NaN"),
            ({"paramsJSON": '{"x": "\ud800", "y": 1}'}, 422, "invalid-fields", "paramsJSON"),
            ({"paramsJSON": NESTED}, 400, "invalid-params", "more than 100 levels"),
            ({"timeout": 0}, 400, "invalid-option", "timeout is 0"),
            ({"timeout": 1, "activeDeadlineSeconds": 1}, 400, "invalid-option", "the same limit"),
            ({"activeDeadlineSeconds": 0}, 422, "invalid-fields", "activeDeadlineSeconds"),
            ({"activeDeadlineSeconds": "5"}, 422, "invalid-fields", "activeDeadlineSeconds"),
            ({"priority": 1}, 400, "invalid-option", "maxPriority"),
            ({"priority": 1.5}, 422, "invalid-fields", "priority"),
            ({"overrides": {"env": [{"name": "A"}]}}, 400, "invalid-option", "allowedOverrides"),
            (
                {"overrides": {"env": [{"name": "A", "value": "\ud800"}]}},
                422,
                "invalid-fields",
                "env[0].value",
            ),
            ({"overrides": {"image": "x"}}, 422, "invalid-fields", "overrides.image"),
            ({"labels": {"mljob.dev/uid": "x"}}, 400, "invalid-option", "labels[mljob.dev/uid]"),
            ({"labels": {"mljob.dev/group": "x"}}, 400, "invalid-option", "Use `group`"),
            ({"labels": {"app.kubernetes.io/managed-by": "x"}}, 400, "invalid-option", "labels["),
            ({"labels": {"batch.kubernetes.io/job-name": "x"}}, 400, "invalid-option", "labels["),
            ({"labels": {"bad key": "x"}}, 422, "invalid-fields", "metadata.labels"),
            ({"labels": {"key": "bad value"}}, 422, "invalid-fields", "metadata.labels"),
            ({"labels": {"key": "\ud800"}}, 422, "invalid-fields", "labels.key: not text"),
            ({"labels": {"\udc00": "x"}}, 422, "invalid-fields", "labels.\udc00: not text"),
            ({"group": "bad group"}, 422, "invalid-fields", "group"),
            (
                {"namespace": "no-such-namespace"},
                400,
                "unknown-namespace",
                "There is no namespace 'no-such-namespace'.",
            ),
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
        assert found["reason"] in found["detail"]
        assert (found["jobName"], found["namespace"]) == ("broken", api.namespace)

    async def test_unknown_job_name_names_the_namespace(self, api: Api) -> None:
        found = problem(await api.post(V1, {"jobName": "nobody"}), 400, "unknown-job-name")
        assert found["detail"].startswith(
            f"Invalid job name: nobody. No MlJobDefinition in namespace '{api.namespace}'"
        )

    async def test_extra_params_pass_where_the_definition_allows_them(self, api: Api) -> None:
        api.define_sum(allowExtraParams=True)
        await submitted(api, jobName="simple_job_fun", params={"x": 1, "y": 2, "z": 3})
