"""The rendered objects: as kept in golden/, whatever the definition, and the same again on a retry."""

import copy
import json
from dataclasses import replace
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from mljob.api.common import MAX_SECONDS
from mljob.api.definition import MlJobDefinitionSpec
from mljob.core.definition_rules import check_definition
from mljob.core.manifest import (
    dry_run_pod,
    render_job,
    retry_job,
    runner_config_map,
    source_config_map,
)
from pydantic import ValidationError

from tests.unit.core.golden_cases import FOLDER, cases
from tests.unit.core.rendering import (
    COMMAND,
    CONFIG,
    CONFIGURED,
    EVERYTHING,
    FUNCTION,
    RETRIED,
    RUNNER,
    UID,
    a_subject,
    definition_of,
    probed,
    rendered,
)


@pytest.mark.parametrize("name", sorted(cases()))
def test_the_job_is_the_one_kept(name: str) -> None:
    assert cases()[name] == yaml.safe_load((FOLDER / name).read_text())


def test_nothing_kept_is_forgotten() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(cases())


@pytest.mark.parametrize(
    ("fields", "pod", "job"),
    [
        ({}, None, None),
        ({"startDeadlineSeconds": 100}, None, None),
        ({"activeDeadlineSeconds": 10}, 3600 + 10 + 30, 3600 + 3640 + 60),
        ({"activeDeadlineSeconds": 10, "startDeadlineSeconds": 100}, 100 + 10 + 30, 100 + 140 + 60),
        (
            {"activeDeadlineSeconds": MAX_SECONDS, "startDeadlineSeconds": MAX_SECONDS},
            2 * MAX_SECONDS + 30,
            3 * MAX_SECONDS + 90,
        ),
    ],
)
def test_deadlines_are_nested_runner_then_pod_then_job(
    fields: dict[str, Any], pod: int | None, job: int | None
) -> None:
    spec = rendered(FUNCTION, **fields)["spec"]
    assert spec["template"]["spec"].get("activeDeadlineSeconds") == pod
    assert spec.get("activeDeadlineSeconds") == job
    # A kubelet's own bound for a pod.
    assert (pod or 0) < 2**31


def test_the_job_carries_the_epoch_and_what_else_it_is_given() -> None:
    definition = definition_of(FUNCTION)
    extra = {"mljob.dev/policy": "{}", "mljob.dev/epoch": "forged"}
    job = render_job(a_subject(definition), 1, definition, CONFIG, "h/7", RUNNER, annotations=extra)
    assert job["metadata"]["annotations"] == {"mljob.dev/policy": "{}", "mljob.dev/epoch": "h/7"}
    assert "mljob.dev/epoch" not in job["spec"]["template"]["metadata"]["annotations"]


def test_changing_what_was_rendered_changes_neither_definition_nor_the_next_job() -> None:
    definition = definition_of(EVERYTHING)
    before = definition.model_copy(deep=True)
    subject = a_subject(definition, CONFIGURED)
    first = render_job(subject, 1, definition, CONFIGURED, "h/1", RUNNER)
    kept = copy.deepcopy(first)
    empty(first)
    assert definition == before
    assert render_job(subject, 1, definition, CONFIGURED, "h/1", RUNNER) == kept


def empty(value: Any) -> None:
    """Clear a JSON value from its leaves up."""
    for item in list(value.values() if isinstance(value, dict) else value):
        if isinstance(item, dict | list):
            empty(item)
    value.clear()


def test_a_refused_definition_is_not_rendered() -> None:
    with pytest.raises(ValueError, match=r"no image is configured for Python '3\.99'"):
        rendered(FUNCTION | {"python": {"version": "3.99"}})


def as_returned(job: dict[str, Any]) -> dict[str, Any]:
    """What the API server and the Job controller add to a Job."""
    added = {
        "controller-uid": "u",
        "job-name": "j",
        "batch.kubernetes.io/controller-uid": "u",
        "batch.kubernetes.io/job-name": "j",
    }
    read = copy.deepcopy(job)
    read["metadata"] |= {"uid": "u", "resourceVersion": "7", "generation": 1, "managedFields": [{}]}
    read["metadata"]["labels"] |= added
    read["metadata"]["annotations"] |= {"mljob.dev/stop-reason": "Evicted"}
    read["metadata"]["finalizers"].append("example.com/other")
    read["spec"] |= {
        "selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": "u"}},
        "activeDeadlineSeconds": 0,
        "suspend": True,
        "completionMode": "NonIndexed",
        "manualSelector": False,
    }
    read["spec"]["template"]["metadata"] |= {"creationTimestamp": None}
    read["spec"]["template"]["metadata"]["labels"] |= added
    read["spec"]["template"]["spec"] |= {"dnsPolicy": "ClusterFirst", "schedulerName": "default-scheduler"}
    read["status"] = {"failed": 1}
    return read


@pytest.mark.parametrize("manifest", RETRIED.values(), ids=RETRIED)
def test_a_retry_is_the_attempt_before_it_with_its_own_number(manifest: dict[str, Any]) -> None:
    fields: dict[str, Any] = {"activeDeadlineSeconds": 50}
    subject = a_subject(definition_of(manifest), CONFIGURED, **fields)
    first, second = (rendered(manifest, CONFIGURED, attempt, **fields) for attempt in (1, 2))
    retry = retry_job(as_returned(first), subject, 2, "operator-0/1")
    template = retry["spec"]["template"]["spec"]
    assert (template.pop("dnsPolicy"), template.pop("schedulerName")) == ("ClusterFirst", "default-scheduler")
    assert retry == second


def test_a_retry_runs_what_the_first_attempt_ran() -> None:
    first = rendered(FUNCTION, paramsJSON='{"x": 1}', activeDeadlineSeconds=50)
    before = a_subject(definition_of(FUNCTION))
    changed = replace(before, labels={"team": "new"}, params_text='{"x": 2}', timeout_seconds=99)
    retry = retry_job(as_returned(first), changed, 3, "next/2", annotations={"mljob.dev/policy": "{}"})
    template = retry["spec"]["template"]
    assert template["metadata"]["annotations"]["mljob.dev/params"] == '{"x": 1}'
    assert template["spec"]["activeDeadlineSeconds"] == 3600 + 50 + 30
    assert "team" not in retry["metadata"]["labels"]
    assert retry["metadata"]["annotations"] == {"mljob.dev/policy": "{}", "mljob.dev/epoch": "next/2"}
    assert retry["metadata"]["finalizers"] == ["foregroundDeletion"]


def test_a_stopped_attempt_does_not_stop_the_next_one() -> None:
    subject = a_subject(definition_of(FUNCTION))
    retry = retry_job(as_returned(rendered(FUNCTION)), subject, 2, "h/1")
    assert "activeDeadlineSeconds" not in retry["spec"]
    assert "suspend" not in retry["spec"]


def test_the_dry_run_pod_is_the_jobs_pod() -> None:
    job = rendered(FUNCTION)
    pod = dry_run_pod(job)
    assert (pod["kind"], pod["metadata"]["name"]) == ("Pod", job["metadata"]["name"])
    assert pod["metadata"]["namespace"] == "team-a"
    assert pod["metadata"]["labels"] == job["spec"]["template"]["metadata"]["labels"]
    assert pod["spec"] == job["spec"]["template"]["spec"]


def test_a_definition_can_be_rendered_before_any_job_exists() -> None:
    job = probed(EVERYTHING, CONFIGURED)
    assert job["metadata"]["name"] == "definition-check-00000000-1"
    assert job["spec"]["template"]["spec"]["activeDeadlineSeconds"] == 600 + 90 + 8


def test_config_maps_are_immutable_and_named_by_their_content() -> None:
    files = {"b.py": "2", "a.py": "1"}
    source = source_config_map("team-a", files)
    assert source is not None
    assert source["immutable"] is True
    assert source["data"] == files
    assert "ownerReferences" not in source["metadata"]
    assert source == source_config_map("team-a", dict(reversed(files.items())))
    others = [{"b.py": "2", "a.py": "2"}, {"b.py": "2"}, {"a.py": "2", "b.py": "1"}, {"a.py": "1b.py2"}]
    named = [source_config_map("team-a", other) for other in others]
    assert len({made["metadata"]["name"] for made in (source, *named) if made}) == 5
    assert source_config_map("team-a", {}) is None
    assert source_config_map("team-a", None) is None
    runner = runner_config_map("team-a", RUNNER)
    assert runner["metadata"]["name"] == "mljob-runner-0123456789"
    assert runner["data"] == RUNNER.files
    assert runner["immutable"] is True


def test_the_pod_mounts_the_config_maps_that_are_made() -> None:
    job = rendered(FUNCTION | {"source": EVERYTHING["source"]})
    volumes = {v["name"]: v for v in job["spec"]["template"]["spec"]["volumes"]}
    source = source_config_map("team-a", EVERYTHING["source"]["inline"])
    assert source is not None
    assert volumes["mljob-source"]["configMap"]["name"] == source["metadata"]["name"]
    runner = runner_config_map("team-a", RUNNER)
    assert volumes["mljob-runner"]["configMap"]["name"] == runner["metadata"]["name"]
    assert {item["key"] for item in volumes["mljob-runner"]["configMap"]["items"]} == set(runner["data"])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "mountPath", "value", "add"]), inner, max_size=3)
    ),
    max_leaves=6,
)


def mostly(field_values: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    """Objects with these fields, any of them missing or of any other type."""
    return st.fixed_dictionaries({}, optional={k: v | JSON for k, v in field_values.items()})


CONTAINER = mostly(
    {
        "name": st.sampled_from(["main", "side"]),
        "image": st.just("image"),
        "env": st.lists(mostly({"name": st.sampled_from(["A", "MLJOB_X"])}), max_size=2),
        "volumeMounts": st.lists(mostly({"mountPath": st.sampled_from(["/a", "/opt/mljob"])}), max_size=2),
        "resources": mostly({"limits": JSON, "claims": JSON}),
        "securityContext": mostly({"capabilities": mostly({"add": JSON}), "privileged": st.booleans()}),
    }
)
TEMPLATES = mostly(
    {
        "metadata": mostly({"labels": st.just({"a": "b"}), "annotations": JSON}),
        "spec": mostly(
            {
                "containers": st.lists(CONTAINER, max_size=2),
                "initContainers": st.lists(CONTAINER, max_size=1),
                "volumes": st.lists(mostly({"name": st.just("v")}), max_size=2),
                "imagePullSecrets": JSON,
                "tolerations": JSON,
                "securityContext": mostly({"runAsUser": st.integers(0, 1)}),
                "terminationGracePeriodSeconds": st.integers(-1, 5),
                "serviceAccountName": st.just("robot"),
            }
        ),
    }
)


@given(template=TEMPLATES, base=st.sampled_from([FUNCTION, COMMAND]))
def test_whatever_a_pod_template_holds_it_is_refused_or_rendered(template: Any, base: dict[str, Any]) -> None:
    try:
        definition = MlJobDefinitionSpec.model_validate(
            base
            | {
                "podTemplate": template,
                "resources": {"claims": [{"name": "gpu"}], "limits": {"cpu": 1}},
                "env": [{"name": "B", "value": "1"}],
                "volumes": [{"name": "v", "emptyDir": {}}],
                "imagePullSecrets": [{"name": "registry"}],
            }
        )
    except ValidationError:
        return
    if check_definition(definition) is not None:
        return
    job = render_job(a_subject(definition, activeDeadlineSeconds=5), 1, definition, CONFIG, "h/1", RUNNER)
    assert json.loads(json.dumps(job)) == job
    spec = job["spec"]["template"]["spec"]
    assert spec["restartPolicy"] == "Never"
    assert spec["containers"][0]["name"] == "main"
    assert spec["containers"][0]["env"][0] == {"name": "MLJOB_JOB_ID", "value": UID}
    assert spec["activeDeadlineSeconds"] < job["spec"]["activeDeadlineSeconds"]
