"""What the chart renders: snapshots for the eye, and the properties that must hold for any values."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from mljob.api.definition import MlJobDefinition
from mljob.core.config import OperatorConfig, parse_config
from mljob.server.settings import read_settings
from mljob.settings import read_settings as read_operator_settings

from tests.unit.chart.rendering import (
    CHART,
    SNAPSHOT_VALUES,
    SNAPSHOTS,
    WITHOUT_GENERATED,
    Manifest,
    helm,
    merged,
    needs_helm,
    one,
    render,
    template,
)

pytestmark = needs_helm

CLUSTER_SCOPED = {"ClusterRole", "ClusterRoleBinding"}

every_set_of_values = pytest.mark.parametrize("name", SNAPSHOT_VALUES)


@every_set_of_values
def test_lint_finds_nothing(name: str) -> None:
    assert "0 chart(s) failed" in helm("lint", "--strict", str(CHART), values=SNAPSHOT_VALUES[name])


@every_set_of_values
def test_manifests_are_those_of_the_snapshot(name: str) -> None:
    rendered = template(merged(WITHOUT_GENERATED, SNAPSHOT_VALUES[name]))
    assert rendered == (SNAPSHOTS / f"{name}.yaml").read_text(), "`make chart-snapshots`, and read the diff"


@every_set_of_values
def test_every_object_says_its_namespace_and_its_release(name: str) -> None:
    for manifest in render(SNAPSHOT_VALUES[name]):
        metadata = manifest["metadata"]
        assert ("namespace" in metadata) == (manifest["kind"] not in CLUSTER_SCOPED), manifest
        assert metadata["labels"]["app.kubernetes.io/instance"] == "mljob"


@every_set_of_values
def test_every_pod_of_ours_meets_the_restricted_profile(name: str) -> None:
    pods = [spec for manifest in render(SNAPSHOT_VALUES[name]) for spec in pod_specs(manifest)]
    assert pods
    for pod in pods:
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert set(container["resources"]["requests"]) == {"cpu", "memory"}


def test_names_that_yaml_would_read_as_something_else_stay_names() -> None:
    values = {
        "watchNamespaces": ["no", "12"],
        "clusterId": "1e3",
        "imagePullSecrets": ["on"],
        "priorityClassName": "true",
    }
    manifests = render(values, namespace="007")
    assert {each["metadata"]["namespace"] for each in manifests} == {"007", "no", "12"}
    pod = pod_template(values)["spec"]
    assert (pod["imagePullSecrets"], pod["priorityClassName"]) == ([{"name": "on"}], "true")
    assert environment(one(manifests, "Deployment"), "api")["MLJOB_CLUSTER_ID"] == "1e3"
    assert environment(one(manifests, "Deployment"), "api")["MLJOB_NAMESPACE"] == "no"


def test_with_a_list_of_namespaces_nothing_spans_the_cluster() -> None:
    manifests = render({"watchNamespaces": ["team-a", "team-b"]})
    assert not [each["kind"] for each in manifests if each["kind"] in CLUSTER_SCOPED]
    bound = {each["metadata"]["namespace"] for each in manifests if each["kind"] == "RoleBinding"}
    assert bound == {"team-a", "team-b", "kube-system"}


def test_an_id_of_ones_own_needs_no_role_in_kube_system() -> None:
    manifests = render({"watchNamespaces": ["team-a"], "clusterId": "west"})
    assert "kube-system" not in {each["metadata"].get("namespace") for each in manifests}
    assert environment(one(manifests, "Deployment"), "operator")["MLJOB_CLUSTER_ID"] == "west"


def test_the_same_rights_hold_in_one_namespace_as_in_all() -> None:
    everywhere = one(render({}), "ClusterRole")["rules"]
    in_one = one(render({"watchNamespaces": ["team-a"]}), "Role")["rules"]
    spanning = [rule for rule in everywhere if rule not in in_one]
    assert {resource for rule in spanning for resource in rule["resources"]} == {"namespaces"}


def test_the_operator_accepts_the_configuration_and_shares_its_defaults() -> None:
    config = parse_config(configuration(render({})))
    defaults = OperatorConfig(python_images=config.python_images, api_url=config.api_url)
    assert config == defaults


def test_the_configuration_carries_what_was_set() -> None:
    config = parse_config(
        configuration(render({"jobs": {"limits": {"total": 0}, "security": {"runAsUser": None}}}))
    )
    assert config.limits.total == 0
    assert config.security.run_as_user is None
    assert config.security.run_as_group == 65532


def test_jobs_find_the_api_by_its_service() -> None:
    config = configuration(render({"service": {"port": 80}}, namespace="ml"))
    assert config["apiUrl"] == "http://mljob.ml.svc:80"
    assert "apiUrl" not in configuration(render({"api": {"enabled": False}}))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, "default"),
        ({"watchNamespaces": ["team-b", "team-a"]}, "team-b"),
        ({"watchNamespaces": ["team-b", "team-a"], "api": {"defaultNamespace": "team-a"}}, "team-a"),
    ],
)
def test_a_job_without_a_namespace_goes_to_one_that_is_watched(values: dict[str, Any], expected: str) -> None:
    settings = read_settings(environment(one(render(values), "Deployment"), "api"))
    assert settings.namespace == expected
    assert list(settings.watch_namespaces) == values.get("watchNamespaces", [])


def test_the_operator_understands_its_environment(tmp_path: Path) -> None:
    manifests = render({"watchNamespaces": ["team-a", "team-b"], "operator": {"logFormat": "text"}})
    variables = environment(one(manifests, "Deployment"), "operator")
    assert variables["MLJOB_CONFIG"] == "/etc/mljob/config.yaml"
    file = tmp_path / "config.yaml"
    file.write_text(one(manifests, "ConfigMap")["data"]["config.yaml"])
    settings = read_operator_settings(variables | {"MLJOB_CONFIG": str(file)})
    assert settings.namespaces == ("team-a", "team-b")
    assert settings.config == parse_config(configuration(manifests))
    assert settings.log_format == "text"


@pytest.mark.parametrize(("given", "used"), [(30, 25), (5, 1), (1, 1)])
def test_the_operator_ends_by_itself_before_the_kubelet_ends_it(given: int, used: int) -> None:
    manifests = render({"terminationGracePeriodSeconds": given})
    variables = environment(one(manifests, "Deployment"), "operator")
    assert variables["MLJOB_SHUTDOWN_GRACE_SECONDS"] == str(used)


def test_both_containers_open_the_same_database() -> None:
    deployment = one(render({}), "Deployment")
    urls = {environment(deployment, name)["MLJOB_DATABASE_URL"] for name in ("operator", "api")}
    assert urls == {"sqlite:////var/lib/mljob/mljob.db"}
    for container in deployment["spec"]["template"]["spec"]["containers"]:
        mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
        assert mounts["database"] == "/var/lib/mljob"


def test_one_operator_is_gone_before_the_next_one_starts() -> None:
    spec = one(render({}), "Deployment")["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})


def test_a_changed_configuration_and_nothing_else_starts_a_new_pod() -> None:
    assert pod_template({}) == pod_template({"service": {"annotations": {"a": "b"}}})
    changed = pod_template({"jobs": {"limits": {"total": 5}}})
    assert changed["metadata"]["annotations"] != pod_template({})["metadata"]["annotations"]


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ({}, "mljob.dev/operator:0.1.0"),
        ({"tag": "1.2"}, "mljob.dev/operator:1.2"),
        ({"repository": "a/b", "tag": "1", "digest": "sha256:" + "0" * 64}, "a/b@sha256:" + "0" * 64),
    ],
)
def test_the_image_is_named_by_digest_tag_or_version(image: dict[str, str], expected: str) -> None:
    containers = [
        container
        for manifest in render({"image": image})
        for spec in pod_specs(manifest)
        for container in spec["containers"]
    ]
    assert {container["image"] for container in containers} == {expected}


def test_the_history_outlives_the_release_unless_told_otherwise() -> None:
    kept = one(render({}), "PersistentVolumeClaim")
    assert kept["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    dropped = one(render({"database": {"sqlite": {"keepOnUninstall": False}}}), "PersistentVolumeClaim")
    assert "annotations" not in dropped["metadata"]


def test_the_uninstall_hook_brings_its_own_rights_for_after_the_operators_are_gone() -> None:
    hooks = [each for each in render({}) if hook(each) == "post-delete"]
    assert {each["kind"] for each in hooks} == {"ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Job"}
    weights = {
        each["kind"]: int(each["metadata"]["annotations"].get("helm.sh/hook-weight", 0)) for each in hooks
    }
    assert weights["ServiceAccount"] < weights["Job"]
    assert weights["ClusterRole"] < weights["ClusterRoleBinding"] < weights["Job"]


def test_the_definition_of_helm_test_takes_what_the_test_passes() -> None:
    definition = MlJobDefinition.model_validate(one(render({}), "MlJobDefinition", "mljob-test"))
    passed = (CHART / "files" / "check.py").read_text()
    assert [each.name for each in definition.spec.params or ()] == ["a", "b"]
    assert '"params": {"a": 3, "b": 4}' in passed


def test_the_notes_say_that_there_is_no_login() -> None:
    assert "NO LOGIN" in notes({})
    assert "NO LOGIN" not in notes({"api": {"enabled": False}})


def test_the_notes_say_what_to_type_next() -> None:
    text = notes({"watchNamespaces": ["team-a"]})
    assert "kubectl -n team-a get mljobs hello" in text
    assert "port-forward service/mljob 8080" in text


def notes(values: dict[str, Any]) -> str:
    return helm(
        "install",
        "mljob",
        str(CHART),
        "--namespace",
        "ml",
        "--dry-run=client",
        values=merged(WITHOUT_GENERATED, values),
    ).partition("NOTES:")[2]


def hook(manifest: Manifest) -> str | None:
    found: str | None = manifest["metadata"].get("annotations", {}).get("helm.sh/hook")
    return found


def pod_specs(manifest: Manifest) -> list[dict[str, Any]]:
    if manifest["kind"] == "Pod":
        return [manifest["spec"]]
    if manifest["kind"] in ("Deployment", "Job"):
        return [manifest["spec"]["template"]["spec"]]
    return []


def pod_template(values: dict[str, Any]) -> dict[str, Any]:
    template: dict[str, Any] = one(render(values), "Deployment")["spec"]["template"]
    return template


def configuration(manifests: list[Manifest]) -> dict[str, Any]:
    parsed: dict[str, Any] = yaml.safe_load(one(manifests, "ConfigMap")["data"]["config.yaml"])
    return parsed


def environment(deployment: Manifest, container_name: str) -> dict[str, str]:
    """Variables with a literal value."""
    [container] = [
        container
        for container in deployment["spec"]["template"]["spec"]["containers"]
        if container["name"] == container_name
    ]
    return {variable["name"]: variable["value"] for variable in container["env"] if "value" in variable}
