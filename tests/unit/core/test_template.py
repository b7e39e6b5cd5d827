"""The precedence of pod layers, and what a job finds in its container."""

from typing import Any

import pytest
from mljob.core.config import parse_config
from mljob.core.owned import runner_grace

from tests.unit.core.rendering import COMMAND, FUNCTION, rendered


def pod_of(manifest: dict[str, Any], *args: Any, **kwargs: Any) -> dict[str, Any]:
    spec: dict[str, Any] = rendered(manifest, *args, **kwargs)["spec"]["template"]["spec"]
    return spec


def main_of(manifest: dict[str, Any], *args: Any, **kwargs: Any) -> dict[str, Any]:
    main: dict[str, Any] = pod_of(manifest, *args, **kwargs)["containers"][0]
    assert main["name"] == "main"
    return main


def variables_of(manifest: dict[str, Any], *args: Any, **kwargs: Any) -> dict[str, Any]:
    return {v["name"]: v.get("value", v.get("valueFrom")) for v in main_of(manifest, *args, **kwargs)["env"]}


def template_with(main: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    containers = {} if main is None else {"containers": [{"name": "main", **main}]}
    return {"podTemplate": {"spec": {**containers, **spec}}}


OVERRIDES: dict[str, Any] = {
    "env": [{"name": "LEVEL", "value": "job"}],
    "resources": {"limits": {"cpu": "3"}},
}
OF_DEFINITION: dict[str, Any] = {
    "env": [{"name": "LEVEL", "value": "definition"}],
    "resources": {"limits": {"cpu": "2", "memory": "2Gi"}},
}
OF_TEMPLATE: dict[str, Any] = template_with(
    {
        "env": [{"name": "LEVEL", "value": "template"}],
        "resources": {"limits": {"cpu": "1", "memory": "1Gi", "ephemeral-storage": "1Gi"}},
    }
)


@pytest.mark.parametrize(
    ("manifest", "job", "level", "limits"),
    [
        (OF_TEMPLATE, {}, "template", {"cpu": "1", "memory": "1Gi", "ephemeral-storage": "1Gi"}),
        (
            OF_TEMPLATE | OF_DEFINITION,
            {},
            "definition",
            {"cpu": "2", "memory": "2Gi", "ephemeral-storage": "1Gi"},
        ),
        (
            OF_TEMPLATE | OF_DEFINITION,
            {"overrides": OVERRIDES},
            "job",
            {"cpu": "3", "memory": "2Gi", "ephemeral-storage": "1Gi"},
        ),
        (OF_DEFINITION, {"overrides": {}}, "definition", {"cpu": "2", "memory": "2Gi"}),
    ],
)
def test_job_over_definition_over_template(
    manifest: dict[str, Any], job: dict[str, Any], level: str, limits: dict[str, str]
) -> None:
    assert variables_of(FUNCTION | manifest, **job)["LEVEL"] == level
    assert main_of(FUNCTION | manifest, **job)["resources"]["limits"] == limits


def test_the_work_folder_is_home_unless_a_definition_says_otherwise() -> None:
    variables = variables_of(FUNCTION)
    assert {variables[name] for name in ("HOME", "TMPDIR")} == {"/opt/mljob/work"}
    assert variables["XDG_CACHE_HOME"] == "/opt/mljob/work/.cache"
    assert variables["PYTHONUNBUFFERED"] == "1"
    own = {"env": [{"name": "HOME", "value": "/home/me"}, {"name": "PYTHONUNBUFFERED", "value": ""}]}
    changed = variables_of(FUNCTION | own)
    assert (changed["HOME"], changed["PYTHONUNBUFFERED"]) == ("/home/me", "")


def test_the_operators_variables_come_first_so_that_others_can_refer_to_them() -> None:
    manifest = FUNCTION | {"env": [{"name": "OUTPUT", "value": "/data/$(MLJOB_ATTEMPT)"}]}
    order = [variable["name"] for variable in main_of(manifest)["env"]]
    assert order.index("MLJOB_ATTEMPT") < order.index("OUTPUT")


@pytest.mark.parametrize(
    ("manifest", "mounted"),
    [
        (FUNCTION, False),
        (FUNCTION | {"serviceAccountName": "trainer"}, True),
        (FUNCTION | template_with(serviceAccountName="trainer"), True),
        (FUNCTION | {"serviceAccountName": "t"} | template_with(automountServiceAccountToken=False), False),
        (FUNCTION | template_with(automountServiceAccountToken=True), True),
        (FUNCTION | template_with(automountServiceAccountToken=None), False),
    ],
)
def test_a_token_is_mounted_only_if_asked_for(manifest: dict[str, Any], mounted: bool) -> None:
    assert pod_of(manifest)["automountServiceAccountToken"] is mounted


def test_main_is_the_first_container_and_the_default_one() -> None:
    manifest = FUNCTION | {
        "podTemplate": {"spec": {"containers": [{"name": "proxy", "image": "p"}, {"name": "main"}]}}
    }
    template = rendered(manifest)["spec"]["template"]
    assert [container["name"] for container in template["spec"]["containers"]] == ["main", "proxy"]
    assert template["metadata"]["annotations"]["kubectl.kubernetes.io/default-container"] == "main"


def test_the_operators_labels_and_annotations_win() -> None:
    manifest = FUNCTION | {
        "podTemplate": {
            "metadata": {
                "labels": {"app.kubernetes.io/managed-by": "Helm", "team": "a"},
                "annotations": {"kubectl.kubernetes.io/default-container": "proxy"},
            }
        }
    }
    metadata = rendered(manifest)["spec"]["template"]["metadata"]
    assert metadata["labels"]["app.kubernetes.io/managed-by"] == "mljob"
    assert metadata["labels"]["team"] == "a"
    assert metadata["annotations"]["kubectl.kubernetes.io/default-container"] == "proxy"


def test_params_are_an_annotation_that_becomes_a_file() -> None:
    template = rendered(FUNCTION, paramsJSON='{"x": "$(HOME) 1.0"}')["spec"]["template"]
    assert template["metadata"]["annotations"]["mljob.dev/params"] == '{"x": "$(HOME) 1.0"}'
    volume = next(v for v in template["spec"]["volumes"] if v["name"] == "mljob-params")
    field = {"fieldPath": "metadata.annotations['mljob.dev/params']"}
    assert volume["downwardAPI"]["items"] == [{"path": "params.json", "fieldRef": field}]


def test_a_command_has_no_runner_and_reports_by_file_or_log() -> None:
    pod = pod_of(COMMAND)
    assert {volume["name"] for volume in pod["volumes"]} == {"mljob-work", "mljob-params"}
    main = main_of(COMMAND)
    assert (main["command"], main["args"]) == (COMMAND["command"], ["run"])
    assert main["terminationMessagePolicy"] == "FallbackToLogsOnError"
    variables = variables_of(COMMAND)
    assert variables["MLJOB_RESULT_FILE"] == main["terminationMessagePath"] == "/dev/termination-log"


def test_a_command_is_not_told_what_only_the_runner_reads() -> None:
    """Every variable of a pod costs the API server time at each of its writes."""
    of_runner = {"MLJOB_FUNCTION", "MLJOB_GRACE_SECONDS"}
    assert of_runner <= set(variables_of(FUNCTION))
    assert of_runner.isdisjoint(variables_of(COMMAND))


@pytest.mark.parametrize(
    ("manifest", "command", "args"),
    [
        ({"args": ["run"], "image": "tool"}, None, ["run"]),
        ({"args": [], "image": "tool"}, None, []),
        ({"command": ["tool"]}, ["tool"], None),
    ],
)
def test_command_and_args_are_as_written(
    manifest: dict[str, Any], command: list[str] | None, args: list[str] | None
) -> None:
    main = main_of(manifest)
    assert (main.get("command"), main.get("args")) == (command, args)


def test_a_function_is_told_what_the_runner_needs() -> None:
    manifest = FUNCTION | {
        "transientErrors": ["a.B", "c.D"],
        "source": {"configMapName": "modules"},
        "activeDeadlineSeconds": 7,
    }
    variables = variables_of(manifest, parse_config({"apiUrl": "http://api"}), attempt=3)
    expected = {
        "MLJOB_JOB_ID": "8c0b3a4e-5f0a-4a3e-9f53-0e9d5a1b2c3d",
        "MLJOB_NAME": "sweep.07",
        "MLJOB_NAMESPACE": "team-a",
        "MLJOB_JOB_NAME": "my_sweep",
        "MLJOB_ATTEMPT": "3",
        "MLJOB_PARAMS_FILE": "/opt/mljob/params/params.json",
        "MLJOB_GRACE_SECONDS": "25",
        "MLJOB_TIMEOUT_SECONDS": "7",
        "MLJOB_API_URL": "http://api",
        "MLJOB_FUNCTION": "package.train.fit",
        "MLJOB_TRANSIENT_ERRORS": '["a.B", "c.D"]',
        "MLJOB_SOURCE_DIR": "/opt/mljob/source",
    }
    assert {name: value for name, value in variables.items() if name.startswith("MLJOB_")} == expected


@pytest.mark.parametrize(
    ("sidecars", "limit"), [(0, None), (2, None), (3, "3072"), (5, "2048"), (20, "1024")]
)
def test_the_report_shrinks_with_the_number_of_containers(sidecars: int, limit: str | None) -> None:
    others = [{"name": f"side-{i}", "image": "side"} for i in range(sidecars)]
    assert (
        variables_of(FUNCTION | template_with(initContainers=others)).get("MLJOB_REPORT_LIMIT_BYTES") == limit
    )


@pytest.mark.parametrize(("pods", "runners"), [(30, 25), (10, 5), (8, 4), (2, 1), (1, 0), (0, 0)])
def test_the_runner_ends_before_the_pods_grace_does(pods: int, runners: int) -> None:
    assert runner_grace(pods) == runners
