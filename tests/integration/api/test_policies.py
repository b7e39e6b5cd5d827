"""The chart's admission policies, each met by someone it stops and someone it must not stop."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.control_plane import ControlPlane
from tests.control_plane.manifests import OPERATOR, render_chart

MASTERS = ("system:masters",)
SUBMITTED_BY = "mljob.dev/submitted-by"
MLJOBS = "/apis/mljob.dev/v1alpha1/namespaces/{}/mljobs"
JOBS = "/apis/batch/v1/namespaces/{}/jobs"
PODS = "/api/v1/namespaces/{}/pods"
CONTAINER = {"name": "main", "image": "busybox"}


def mljob(name: str = "a", annotations: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    metadata = {"name": name, "annotations": annotations or {}}
    body = {"jobName": "train"} | spec
    return {"apiVersion": "mljob.dev/v1alpha1", "kind": "MlJob", "metadata": metadata, "spec": body}


def batch_job(labels: dict[str, str], pod_labels: dict[str, str] | None = None) -> dict[str, Any]:
    template = {
        "metadata": {"labels": pod_labels or {}},
        "spec": {"restartPolicy": "Never", "containers": [CONTAINER]},
    }
    metadata = {"name": "a", "labels": labels}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": {"template": template}}


def pod(labels: dict[str, str]) -> dict[str, Any]:
    spec = {"containers": [CONTAINER], "activeDeadlineSeconds": 100}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "labels": labels}, "spec": spec}


@pytest.fixture
def operator(guarded_control_plane: ControlPlane) -> httpx.Client:
    """The operator's account with every right: what stops it is a policy."""
    return guarded_control_plane.client(user=OPERATOR, groups=MASTERS)


@pytest.fixture
def somebody(guarded_control_plane: ControlPlane) -> httpx.Client:
    """Another account with every right."""
    return guarded_control_plane.client(user="somebody", groups=MASTERS)


@pytest.fixture
def submitter(guarded_control_plane: ControlPlane, guarded_namespace: str) -> Iterator[httpx.Client]:
    """May create MlJobs in the namespace, and nothing else."""
    admin = guarded_control_plane.api
    rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{guarded_namespace}"
    rule = {"apiGroups": ["mljob.dev"], "resources": ["mljobs"], "verbs": ["create", "get", "update"]}
    role = {"metadata": {"name": "submitter"}, "rules": [rule]}
    binding = {
        "metadata": {"name": "submitter"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "submitter"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "submitter"}],
    }
    admin.post(f"{rbac}/roles", json=role).raise_for_status()
    admin.post(f"{rbac}/rolebindings", json=binding).raise_for_status()
    client = guarded_control_plane.client(user="submitter")
    # The authorizer learns of the binding by a watch.
    guarded_control_plane.processes["kube-apiserver"].wait_until(
        lambda: client.get(MLJOBS.format(guarded_namespace) + "/none").status_code == 404, 10
    )
    yield client
    client.close()


@pytest.fixture
def service_account(guarded_control_plane: ControlPlane, guarded_namespace: str) -> None:
    """What pods need where no controller makes it."""
    path = f"/api/v1/namespaces/{guarded_namespace}/serviceaccounts"
    guarded_control_plane.api.post(path, json={"metadata": {"name": "default"}}).raise_for_status()


def assert_refused(answer: httpx.Response, words: str) -> None:
    assert answer.status_code == 403, answer.text
    assert words in answer.json()["message"]


def test_inline_definition_needs_the_right_to_create_jobs(
    submitter: httpx.Client, somebody: httpx.Client, guarded_namespace: str
) -> None:
    path = MLJOBS.format(guarded_namespace)
    inline = {"image": "busybox", "command": ["true"]}
    assert_refused(
        submitter.post(path, json=mljob(definition=inline)), "spec.definition: submitter may not create"
    )
    assert submitter.post(path, json=mljob("by-name")).status_code == 201
    assert somebody.post(path, json=mljob(definition=inline)).status_code == 201


def test_submitted_by_is_the_rest_apis_alone(
    operator: httpx.Client, somebody: httpx.Client, guarded_namespace: str
) -> None:
    path = MLJOBS.format(guarded_namespace)
    claim = {SUBMITTED_BY: "the boss"}
    assert_refused(somebody.post(path, json=mljob(annotations=claim)), SUBMITTED_BY)
    assert operator.post(path, json=mljob(annotations=claim)).status_code == 201


@pytest.mark.parametrize("annotations", [{}, {SUBMITTED_BY: "another"}], ids=["removed", "changed"])
def test_submitted_by_stays(
    annotations: dict[str, str], operator: httpx.Client, somebody: httpx.Client, guarded_namespace: str
) -> None:
    path = MLJOBS.format(guarded_namespace)
    body = operator.post(path, json=mljob(annotations={SUBMITTED_BY: "ann"})).json()
    body["metadata"]["annotations"] = annotations
    assert_refused(somebody.put(f"{path}/a", json=body), SUBMITTED_BY)


def test_a_job_with_a_submitter_can_still_be_canceled_by_others(
    operator: httpx.Client, somebody: httpx.Client, guarded_namespace: str
) -> None:
    path = MLJOBS.format(guarded_namespace)
    body = operator.post(path, json=mljob(annotations={SUBMITTED_BY: "ann"})).json()
    body["spec"]["cancel"] = True
    assert somebody.put(f"{path}/a", json=body).status_code == 200


OURS = {"mljob.dev/uid": "x"}


@pytest.mark.parametrize(
    ("labels", "pod_labels"), [(OURS, {}), ({}, OURS)], ids=["on the Job", "on its pods"]
)
def test_only_the_operator_makes_jobs_with_its_labels(
    labels: dict[str, str],
    pod_labels: dict[str, str],
    operator: httpx.Client,
    somebody: httpx.Client,
    guarded_namespace: str,
) -> None:
    path = JOBS.format(guarded_namespace)
    assert_refused(somebody.post(path, json=batch_job(labels, pod_labels)), "mljob.dev/*")
    assert operator.post(path, json=batch_job(labels, pod_labels)).status_code == 201


@pytest.mark.parametrize("labels", [{}, {"mljob.dev/uid": "y"}, OURS | {"mljob.dev/attempt": "2"}])
def test_labels_of_the_operators_jobs_stay(
    labels: dict[str, str], operator: httpx.Client, somebody: httpx.Client, guarded_namespace: str
) -> None:
    path = JOBS.format(guarded_namespace)
    operator.post(path, json=batch_job(OURS)).raise_for_status()
    body = somebody.get(f"{path}/a").json()
    body["metadata"]["labels"] = labels
    assert_refused(somebody.put(f"{path}/a", json=body), "mljob.dev/*")


def test_others_may_suspend_the_operators_jobs_and_label_their_own(
    operator: httpx.Client, somebody: httpx.Client, guarded_namespace: str
) -> None:
    path = JOBS.format(guarded_namespace)
    operator.post(path, json=batch_job(OURS, OURS)).raise_for_status()
    body = somebody.get(f"{path}/a").json()
    body["spec"]["suspend"] = True
    body["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] = "q"
    assert somebody.put(f"{path}/a", json=body).status_code == 200
    own = batch_job({"team": "x"}) | {"metadata": {"name": "own", "labels": {"team": "x"}}}
    assert somebody.post(path, json=own).status_code == 201


@pytest.mark.usefixtures("service_account")
class TestOperatorsPods:
    def test_are_created_by_dry_run_alone(self, operator: httpx.Client, guarded_namespace: str) -> None:
        path = PODS.format(guarded_namespace)
        assert_refused(operator.post(path, json=pod(OURS)), "dry run alone")
        assert operator.post(path, params={"dryRun": "All"}, json=pod(OURS)).status_code == 201

    def test_deadline_of_its_own_can_be_lowered(
        self, operator: httpx.Client, somebody: httpx.Client, guarded_namespace: str
    ) -> None:
        path = PODS.format(guarded_namespace)
        somebody.post(path, json=pod(OURS)).raise_for_status()
        assert patch(operator, f"{path}/a", DEADLINE, 5).status_code == 200

    def test_of_others_are_out_of_reach(
        self, operator: httpx.Client, somebody: httpx.Client, guarded_namespace: str
    ) -> None:
        path = PODS.format(guarded_namespace)
        somebody.post(path, json=pod({})).raise_for_status()
        assert_refused(patch(operator, f"{path}/a", DEADLINE, 5), "pods of MlJobs alone")
        assert_refused(operator.delete(f"{path}/a"), "pods of MlJobs alone")

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("/metadata/labels/mljob.dev~1uid", "y"),
            ("/metadata/annotations", {"a": "b"}),
            ("/metadata/finalizers", ["a.b/c"]),
            ("/spec/tolerations/-", {"operator": "Exists"}),
            ("/spec/containers/0/image", "evil"),
        ],
    )
    def test_change_in_nothing_but_the_deadline(
        self,
        field: str,
        value: object,
        operator: httpx.Client,
        somebody: httpx.Client,
        guarded_namespace: str,
    ) -> None:
        path = PODS.format(guarded_namespace)
        somebody.post(path, json=pod(OURS)).raise_for_status()
        answer = patch(operator, f"{path}/a", field, value)
        assert_refused(answer, "activeDeadlineSeconds of a pod alone")

    def test_can_be_removed(
        self, operator: httpx.Client, somebody: httpx.Client, guarded_namespace: str
    ) -> None:
        path = PODS.format(guarded_namespace)
        somebody.post(path, json=pod(OURS)).raise_for_status()
        assert operator.delete(f"{path}/a").status_code == 200


def patch(client: httpx.Client, path: str, field: str, value: object) -> httpx.Response:
    operation = [{"op": "add", "path": field, "value": value}]
    return client.patch(path, json=operation, headers={"Content-Type": "application/json-patch+json"})


DEADLINE = "/spec/activeDeadlineSeconds"
POLICIES = ("policies-submissions", "policies-operator")


def test_an_installation_can_forbid_inline_definitions() -> None:
    rendered = render_chart("jobs.inlineDefinitions=false", templates=POLICIES)
    (policy,) = [
        manifest
        for manifest in rendered
        if manifest["kind"] == "ValidatingAdmissionPolicy"
        and manifest["metadata"]["name"] == "mljob-inline-definitions"
    ]
    (validation,) = policy["spec"]["validations"]
    assert validation["expression"] == "false"


def test_policies_bind_where_the_installation_watches() -> None:
    rendered = render_chart("watchNamespaces={a,b}", templates=POLICIES)
    bindings = [manifest for manifest in rendered if manifest["kind"] == "ValidatingAdmissionPolicyBinding"]
    assert len(bindings) == 5
    for binding in bindings:
        (expression,) = binding["spec"]["matchResources"]["namespaceSelector"]["matchExpressions"]
        assert expression["values"] == ["a", "b"]
