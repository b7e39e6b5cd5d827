"""What a definition or a job may not ask for is refused with the field's name; what it may is not."""

from typing import Any

import pytest
from mljob.api.common import explain
from mljob.api.definition import MlJobDefinitionSpec
from mljob.api.job import MlJobSpec
from mljob.core.definition_rules import check_definition, check_overrides, check_priority
from mljob.core.refusal import Refusal
from pydantic import ValidationError

from tests.unit.core.rendering import COMMAND, EVERYTHING, FUNCTION, ROOT_AND_PRIVILEGED


def verdict(manifest: dict[str, Any]) -> str | None:
    """What is wrong with a definition, whether its model says so or the rules do."""
    try:
        refusal = check_definition(MlJobDefinitionSpec.model_validate(manifest))
    except ValidationError as error:
        return "; ".join(explain(error))
    if refusal is None:
        return None
    assert refusal.reason == "InvalidTemplate"
    return refusal.message


def pod(**spec: Any) -> dict[str, Any]:
    return FUNCTION | {"podTemplate": {"spec": spec}}


def main(**fields: Any) -> dict[str, Any]:
    return pod(containers=[{"name": "main", **fields}])


def meta(**metadata: Any) -> dict[str, Any]:
    return FUNCTION | {"podTemplate": {"metadata": metadata}}


@pytest.mark.parametrize(
    "manifest",
    [
        FUNCTION,
        EVERYTHING,
        COMMAND,
        ROOT_AND_PRIVILEGED,
        FUNCTION | {"podTemplate": {}},
        FUNCTION | {"podTemplate": {"metadata": None, "spec": None}},
        pod(containers=None, volumes=None, restartPolicy=None, terminationGracePeriodSeconds=None),
        pod(terminationGracePeriodSeconds=0, tolerations=[], imagePullSecrets=[{"name": "r"}]),
        main(resources={"claims": [{"name": "gpu"}]}, command=None, lifecycle={}),
        main(securityContext={"capabilities": {"add": None}}),
        main(securityContext={"capabilities": None}),
        main(volumeMounts=[{"name": "a", "mountPath": "/opt/mljobs"}, {"name": "a", "mountPath": "/opt"}]),
        meta(labels={"job-names": "x", "team": "a"}, annotations={"example.com/a": "b"}),
        FUNCTION | {"sharedMemorySize": "1Gi", "volumeMounts": [{"name": "a", "mountPath": "/data"}]},
        # A sidecar may share the work folder, and set what is only main's.
        pod(
            containers=[
                {
                    "name": "side",
                    "image": "s",
                    "args": ["x"],
                    "env": [{"name": "MLJOB_X", "value": "1"}],
                    "volumeMounts": [{"name": "mljob-work", "mountPath": "/opt/mljob/work"}],
                }
            ]
        ),
    ],
)
def test_accepted(manifest: dict[str, Any]) -> None:
    assert verdict(manifest) is None


@pytest.mark.parametrize(
    ("manifest", "names"),
    [
        # The operator's and the Job controller's.
        (pod(restartPolicy="OnFailure"), "podTemplate.spec.restartPolicy"),
        (pod(activeDeadlineSeconds=5), "podTemplate.spec.activeDeadlineSeconds"),
        (meta(labels={"job-name": "x"}), "podTemplate.metadata.labels"),
        (meta(labels={"controller-uid": "x"}), "podTemplate.metadata.labels"),
        (meta(labels={"batch.kubernetes.io/job-name": "x"}), "podTemplate.metadata.labels"),
        (meta(labels={"mljob.dev/uid": "x"}), "podTemplate.metadata.labels"),
        (meta(annotations={"mljob.dev/params": "{}"}), "podTemplate.metadata.annotations"),
        (
            meta(annotations={"batch.kubernetes.io/job-index-ignore": "x"}),
            "podTemplate.metadata.annotations[batch.kubernetes.io/job-index-ignore]",
        ),
        (meta(name="x"), "podTemplate.metadata.name"),
        (meta(finalizers=["example.com/keep"]), "podTemplate.metadata.finalizers"),
        (main(command=["x"]), "containers[main].command"),
        (main(args=["x"]), "containers[main].args"),
        (main(terminationMessagePath="/tmp/x"), "containers[main].terminationMessagePath"),
        (main(terminationMessagePolicy="File"), "containers[main].terminationMessagePolicy"),
        (main(restartPolicy="Always"), "containers[main].restartPolicy"),
        (main(restartPolicyRules=[]), "containers[main].restartPolicyRules"),
        (main(env=[{"name": "MLJOB_ATTEMPT", "value": "9"}]), "containers[main].env[MLJOB_ATTEMPT]"),
        (
            main(volumeMounts=[{"name": "a", "mountPath": "/opt/mljob/"}]),
            "containers[main].volumeMounts[/opt/mljob/]",
        ),
        (
            main(volumeMounts=[{"name": "a", "mountPath": "//opt/x/../mljob/runner"}]),
            "containers[main].volumeMounts[//opt/x/../mljob/runner]",
        ),
        (pod(volumes=[{"name": "mljob-runner", "emptyDir": {}}]), "podTemplate.spec.volumes[mljob-runner]"),
        (pod(containers=[{"name": "worker"}]), "containers[worker].image"),
        (pod(initContainers=[{"name": "main", "image": "x"}]), "initContainers[main]"),
        (meta(annotations={"a": "x" * 140_000}), "podTemplate.metadata.annotations: found 140001 bytes"),
        # The same in the definition's own fields.
        (FUNCTION | {"volumes": [{"name": "mljob-x", "emptyDir": {}}]}, "spec.volumes[mljob-x]"),
        (
            FUNCTION | {"volumeMounts": [{"name": "a", "mountPath": "/opt/mljob/work"}]},
            "spec.volumeMounts[/opt/mljob/work]",
        ),
        (FUNCTION | {"env": [{"name": "MLJOB_X", "value": "1"}]}, "env"),
        (
            FUNCTION | {"sharedMemorySize": "1Gi", "volumeMounts": [{"name": "a", "mountPath": "/dev/shm/"}]},
            "spec.sharedMemorySize",
        ),
        (
            main(volumeMounts=[{"name": "a", "mountPath": "/dev/shm"}]) | {"sharedMemorySize": "1Gi"},
            "spec.sharedMemorySize",
        ),
        # Shapes that merging relies on.
        (pod(containers={}), "podTemplate.spec.containers: expected a list, found {}"),
        (pod(containers=[None]), "podTemplate.spec.containers[0]: expected an object, found None"),
        (pod(containers=[{}]), "podTemplate.spec.containers[0].name: expected text, found None"),
        (pod(containers=[{"name": 1}]), "podTemplate.spec.containers[0].name: expected text, found 1"),
        (pod(containers=[{"name": ""}]), "podTemplate.spec.containers[0].name: expected text"),
        (pod(containers=[{"name": "main"}, {"name": "main"}]), "spec.containers: name 'main' is there twice"),
        (main(env=[{"name": "A"}, {"name": "A"}]), "containers[main].env: name 'A' is there twice"),
        (pod(initContainers="x"), "podTemplate.spec.initContainers: expected a list"),
        (pod(volumes=[1]), "podTemplate.spec.volumes[0]: expected an object"),
        (pod(imagePullSecrets=["x"]), "podTemplate.spec.imagePullSecrets[0]: expected an object"),
        (pod(tolerations={}), "podTemplate.spec.tolerations: expected a list"),
        (pod(securityContext=[]), "podTemplate.spec.securityContext: expected an object"),
        (pod(serviceAccountName=1), "podTemplate.spec.serviceAccountName: expected text"),
        (pod(terminationGracePeriodSeconds="5"), "terminationGracePeriodSeconds: expected a whole number"),
        (pod(terminationGracePeriodSeconds=True), "terminationGracePeriodSeconds: expected a whole number"),
        (pod(terminationGracePeriodSeconds=-1), "terminationGracePeriodSeconds: expected a whole number"),
        (main(image=1), "containers[main].image: expected text"),
        (main(env={}), "containers[main].env: expected a list"),
        (main(env=[{"value": "x"}]), "containers[main].env[0].name: expected text"),
        (main(envFrom={}), "containers[main].envFrom: expected a list"),
        (main(volumeMounts=[{"name": "a"}]), "containers[main].volumeMounts[0].mountPath: expected text"),
        (main(resources=[]), "containers[main].resources: expected an object"),
        (main(resources={"claims": {}}), "containers[main].resources.claims: expected a list"),
        (main(securityContext=1), "containers[main].securityContext: expected an object"),
        (
            main(securityContext={"capabilities": []}),
            "containers[main].securityContext.capabilities: expected an object",
        ),
        (
            main(securityContext={"capabilities": {"add": "SYS_ADMIN"}}),
            "containers[main].securityContext.capabilities.add: expected a list",
        ),
    ],
)
def test_refused_by_name(manifest: dict[str, Any], names: str) -> None:
    told = verdict(manifest)
    assert told is not None
    assert names in told


def test_all_mistakes_are_told_at_once() -> None:
    told = verdict(main(command=["x"], args=["y"]) | {"volumes": [{"name": "mljob-x"}]})
    assert told is not None
    assert [part for part in ("command", "args", "spec.volumes[mljob-x]") if part not in told] == []


OVERRIDES = {"resources": {"limits": {"cpu": "1"}}, "env": [{"name": "A", "value": "1"}]}


def overrides_refusal(allowed: list[str], overrides: dict[str, Any] | None) -> Refusal | None:
    definition = MlJobDefinitionSpec.model_validate(FUNCTION | {"allowedOverrides": allowed})
    return check_overrides(definition, MlJobSpec.model_validate({"jobName": "fit", "overrides": overrides}))


@pytest.mark.parametrize(
    ("allowed", "overrides", "field"),
    [
        ([], None, None),
        ([], {}, None),
        ([], {"env": []}, None),
        (["resources", "env"], OVERRIDES, None),
        (["env"], {"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}]}, None),
        ([], OVERRIDES, "spec.overrides.resources"),
        (["env"], OVERRIDES, "spec.overrides.resources"),
        (["resources"], OVERRIDES, "spec.overrides.env"),
        (
            ["env"],
            {"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]},
            "spec.overrides.env[A].valueFrom",
        ),
    ],
)
def test_a_job_sets_only_what_its_definition_allows(
    allowed: list[str], overrides: dict[str, Any] | None, field: str | None
) -> None:
    refusal = overrides_refusal(allowed, overrides)
    if field is None:
        assert refusal is None
    else:
        assert refusal is not None
        assert refusal.reason == "OverridesNotAllowed"
        assert refusal.message.startswith(f"{field}: ")


@pytest.mark.parametrize(
    ("highest", "asked", "allowed"),
    [(None, 0, True), (None, 1, False), (None, -5, True), (10, 10, True), (10, 11, False), (-1, 0, False)],
)
def test_a_job_ranks_no_higher_than_its_definition_allows(
    highest: int | None, asked: int, allowed: bool
) -> None:
    definition = MlJobDefinitionSpec.model_validate(FUNCTION | {"maxPriority": highest})
    refusal = check_priority(definition, MlJobSpec.model_validate({"jobName": "fit", "priority": asked}))
    if allowed:
        assert refusal is None
    else:
        assert refusal is not None
        assert refusal.reason == "PriorityTooHigh"
        assert f"found {asked}" in refusal.message
        assert f"at most {highest or 0} " in refusal.message


DECLARED = {"params": [{"name": "lr"}, {"name": "epochs"}]}


@pytest.mark.parametrize("fields", [DECLARED, {"params": []}])
def test_exclusive_params_that_no_job_can_pass_are_refused(fields: dict[str, Any]) -> None:
    """Every job of the sweep would have the same key, and all but one would end as Canceled."""
    chosen = {"exclusive": {"params": ["dataset", "lr" if fields is DECLARED else "fold"]}}
    refusal = check_definition(MlJobDefinitionSpec.model_validate(FUNCTION | fields | chosen))
    assert refusal is not None
    assert refusal.reason == "InvalidDefinition"
    if fields is DECLARED:
        assert refusal.message == (
            "spec.exclusive.params: found ['dataset'], which no job can pass: spec.params declares "
            "['lr', 'epochs']. Correct the name, or declare it"
        )
    else:
        assert "found ['dataset', 'fold']" in refusal.message


@pytest.mark.parametrize(
    "fields",
    [
        {"exclusive": {"params": ["dataset"]}},
        DECLARED | {"exclusive": {"params": ["dataset"]}, "allowExtraParams": True},
        DECLARED | {"exclusive": {"params": ["lr"]}},
        DECLARED | {"exclusive": {}},
        DECLARED,
    ],
)
def test_exclusive_params_that_a_job_may_pass_are_taken(fields: dict[str, Any]) -> None:
    assert verdict(FUNCTION | fields) is None
