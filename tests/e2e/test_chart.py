"""The chart's life on a real cluster: install, upgrade, roll back, test, uninstall, install again.

Most of it is a second release, for one namespace of its own and without CRDs and policies: those are the
first release's. The first release is tested, upgraded and rolled back under a running job, never removed.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import yaml
from rich.console import Console

from deploy.demo.__main__ import install
from deploy.demo.cluster import RELEASE, SYSTEM_NAMESPACE, LocalCluster
from deploy.kind.mljob_kind.display import PlainDisplay
from deploy.kind.mljob_kind.errors import CommandError

WAIT = ("--wait", "--timeout=3m")
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
FINALIZER = "mljob.dev/record"

Manifest = dict[str, Any]


@dataclass(frozen=True)
class Release:
    """One helm release and the cluster it is in."""

    cluster: LocalCluster
    name: str
    namespace: str
    values: Manifest

    def install(self, *options: str) -> None:
        """Install, or bring back to the given values."""
        chart = self.cluster.paths.checkout / "charts" / "mljob"
        self.helm(
            "upgrade", "--install", self.name, str(chart), "--values=-", *WAIT, *options, stdin=self.values
        )

    def helm(self, *arguments: str, stdin: Manifest | None = None) -> str:
        env = {"KUBECONFIG": str(self.cluster.kubeconfig)}
        helm, where = self.cluster.paths.bin / "helm", f"--namespace={self.namespace}"
        return self.cluster.commands.output(helm, *arguments, where, env=env, stdin=json.dumps(stdin or {}))

    def get(self, *arguments: str, namespace: str | None = None) -> Manifest:
        where = f"--namespace={namespace or self.namespace}"
        found: Manifest = json.loads(self.cluster.kubectl("get", where, "--output=json", *arguments))
        return found

    def pod(self) -> Manifest:
        """The one pod that is not on its way out."""
        pods = self.get("pods", f"--selector=app.kubernetes.io/instance={self.name}")["items"]
        [pod] = [each for each in pods if "deletionTimestamp" not in each["metadata"]]
        found: Manifest = pod
        return found

    def claim_uid(self) -> str:
        return str(self.get("persistentvolumeclaim", f"{self.name}-mljob")["metadata"]["uid"])

    def rest(self, path: str) -> Manifest:
        """GET by way of the API server's proxy."""
        proxy = f"/api/v1/namespaces/{self.namespace}/services/{self.name}-mljob:http/proxy"
        answer: Manifest = json.loads(self.cluster.kubectl("get", "--raw", proxy + path))
        return answer

    def config(self) -> Manifest:
        text = self.get("configmap", f"{self.name}-mljob")["data"]["config.yaml"]
        parsed: Manifest = yaml.safe_load(text)
        return parsed


@pytest.fixture(scope="module")
def cluster() -> LocalCluster:
    cluster = LocalCluster.of_environment()
    if not cluster.kubeconfig.exists():
        pytest.fail(f"{cluster.kubeconfig} is missing: run `make cluster images` first", pytrace=False)
    return cluster


@pytest.fixture(scope="module")
def first(cluster: LocalCluster) -> Release:
    """The release of `make demo`."""
    with PlainDisplay(Console(quiet=True)) as display:
        install(cluster, display)
    return Release(cluster, RELEASE, SYSTEM_NAMESPACE, {})


@pytest.fixture(scope="module")
def second_release(first: Release) -> Iterator[Release]:
    cluster = first.cluster
    repository, _, tag = cluster.images()["operator"].rpartition(":")
    values = {
        "image": {"repository": repository, "tag": tag},
        "watchNamespaces": ["chart-e2e-jobs"],
        "crds": {"enabled": False},
        "policies": {"enabled": False},
    }
    namespaces = ("chart-e2e", "chart-e2e-jobs")
    for name in namespaces:
        metadata = {"name": name, "labels": RESTRICTED}
        apply(cluster, {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    release = Release(cluster, "chart-e2e", "chart-e2e", values)
    yield release
    release.helm("uninstall", release.name, "--ignore-not-found", "--wait")
    cluster.kubectl("delete", "namespace", *namespaces, "--wait=false")


@pytest.fixture
def second(second_release: Release) -> Release:
    """Installed, with the values it had at first."""
    second_release.install()
    return second_release


def apply(cluster: LocalCluster, *manifests: Manifest) -> None:
    cluster.kubectl("apply", "--filename=-", stdin=yaml.safe_dump_all(manifests))


def a_suspended_job(namespace: str) -> Manifest:
    return {
        "apiVersion": "mljob.dev/v1alpha1",
        "kind": "MlJob",
        "metadata": {"name": "kept", "namespace": namespace, "finalizers": [FINALIZER]},
        "spec": {"jobName": "nobody", "suspend": True},
    }


def can(release: Release, verb: str, resource: str, namespace: str) -> bool:
    account = f"system:serviceaccount:{release.namespace}:{release.name}-mljob"
    question = ("auth", "can-i", verb, resource, f"--as={account}", f"--namespace={namespace}")
    try:
        return release.cluster.kubectl(*question).strip() == "yes"
    except CommandError as error:
        if error.tail.strip().splitlines()[-1].startswith("no"):
            return False
        raise


def test_an_installed_release_is_ready_and_answers(second: Release) -> None:
    ready = {each["name"]: each["ready"] for each in second.pod()["status"]["containerStatuses"]}
    assert ready == {"operator": True, "api": True}
    assert second.rest("/api/v1/jobs?pageSize=1")["jobs"] == []


def test_its_rights_end_at_its_namespaces(second: Release) -> None:
    assert can(second, "create", "jobs.batch", "chart-e2e-jobs")
    assert not can(second, "create", "jobs.batch", "default")
    assert not can(second, "list", "mljobs.mljob.dev", "default")
    assert not can(second, "get", "secrets", "chart-e2e-jobs")


def test_the_same_values_again_start_nothing_anew(second: Release) -> None:
    before = second.pod()["metadata"]["uid"]
    second.install()
    assert second.pod()["metadata"]["uid"] == before


def test_an_upgrade_brings_a_new_pod_to_the_old_claim_and_a_rollback_brings_the_old_values(
    second: Release,
) -> None:
    pod, claim = second.pod()["metadata"]["uid"], second.claim_uid()
    second.install("--set=jobs.limits.total=7")
    upgraded = second.pod()["metadata"]["uid"]
    assert second.config()["limits"] == {"total": 7}
    assert upgraded != pod
    second.helm("rollback", second.name, *WAIT)
    assert second.config()["limits"] == {}
    assert second.pod()["metadata"]["uid"] not in (pod, upgraded)
    assert second.claim_uid() == claim


def test_a_wrong_value_is_refused_and_changes_nothing(second: Release) -> None:
    before = second.pod()["metadata"]["uid"]
    with pytest.raises(CommandError, match="/jobs/limits/total"):
        second.install("--set=jobs.limits.total=-1")
    assert second.pod()["metadata"]["uid"] == before


def test_what_stays_after_an_uninstall_can_be_deleted_and_a_new_release_takes_up_the_history(
    second: Release,
) -> None:
    cluster, claim = second.cluster, second.claim_uid()
    apply(cluster, a_suspended_job("chart-e2e-jobs"), a_suspended_job("default"))
    uid = second.get("mljob", "kept", namespace="chart-e2e-jobs")["metadata"]["uid"]

    second.helm("uninstall", second.name, "--wait", "--timeout=3m")

    ours, others = (second.get("mljob", "kept", namespace=each) for each in ("chart-e2e-jobs", "default"))
    assert "finalizers" not in ours["metadata"]
    assert others["metadata"]["finalizers"] == [FINALIZER]
    leftovers = "deployments,services,configmaps,serviceaccounts,roles,rolebindings,jobs,pods"
    for namespace in ("chart-e2e", "chart-e2e-jobs", "kube-system"):
        selector = f"--selector=app.kubernetes.io/instance={second.name}"
        left = second.get(leftovers, selector, namespace=namespace)["items"]
        assert [f"{each['kind']}/{each['metadata']['name']}" for each in left if not going(each)] == []
    assert second.claim_uid() == claim
    cluster.kubectl("delete", "mljob", "kept", "--namespace=chart-e2e-jobs", "--timeout=10s")
    cluster.kubectl("delete", "mljob", "kept", "--namespace=default", "--timeout=60s")

    second.install()
    assert second.claim_uid() == claim
    assert second.rest(f"/ajax-api/3.0/jobs/{uid}")["job_id"] == uid


def going(manifest: Manifest) -> bool:
    return "deletionTimestamp" in manifest["metadata"]


def test_helm_test_runs_a_job_over_rest(first: Release) -> None:
    assert "SUCCEEDED with result 7" in first.helm("test", first.name, "--logs", "--timeout=4m")


def test_a_job_runs_on_while_the_operator_is_upgraded_and_rolled_back(first: Release) -> None:
    cluster = first.cluster
    source = "import time\n\n\ndef nap(seconds):\n    time.sleep(seconds)\n    return seconds\n"
    definition = {"function": "nap.nap", "source": {"inline": {"nap.py": source}}}
    apply(
        cluster,
        {
            "apiVersion": "mljob.dev/v1alpha1",
            "kind": "MlJob",
            "metadata": {"name": "through-an-upgrade"},
            "spec": {"jobName": "through-an-upgrade", "params": {"seconds": 20}, "definition": definition},
        },
    )
    job = "mljob/through-an-upgrade"
    try:
        cluster.kubectl("wait", job, "--for=jsonpath={.status.phase}=Running", "--timeout=90s")
        chart = str(cluster.paths.checkout / "charts" / "mljob")
        first.helm("upgrade", first.name, chart, "--reuse-values", "--set=operator.logLevel=debug", *WAIT)
        first.helm("rollback", first.name, *WAIT)
        cluster.kubectl("wait", job, "--for=condition=Complete", "--timeout=90s")
        status = first.get(job, namespace="default")["status"]
        assert (status["attempt"], status["result"]) == (1, "20")
    finally:
        cluster.kubectl("delete", job, "--timeout=60s")
