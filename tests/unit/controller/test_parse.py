"""Objects as the API server sends them become values; nothing that a schema lets through raises."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mljob.api import names
from mljob.api.definition import MlJobDefinitionSpec
from mljob.controller.job_object import parse_job_object
from mljob.controller.parse import (
    creation_time_ms,
    newest_warning,
    parse_pod,
    parse_spec,
    parse_status,
    parse_time,
)
from mljob.core.refusal import Refusal
from mljob.core.status_patch import format_time

from tests.unit.controller.objects import NOW, Json, a_kube_job, a_pod

CREATED = "2026-09-21T14:13:20Z"
CREATED_MS = 1_790_000_000_000


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (CREATED, NOW),
        ("2026-09-21T14:13:20.500000Z", NOW + 0.5),
        ("2026-09-21T16:13:20+02:00", NOW),
        (None, None),
        ("", None),
        ("yesterday", None),
    ],
)
def test_times(text: str | None, seconds: float | None) -> None:
    assert parse_time(text) == seconds


@pytest.mark.parametrize(
    ("stamp", "expected"),
    [
        (str(CREATED_MS + 700), CREATED_MS + 700),
        (str(CREATED_MS - 2_000), CREATED_MS - 2_000),
        (str(CREATED_MS + 2_001), CREATED_MS),
        (str(CREATED_MS - 86_400_000), CREATED_MS),
        ("soon", CREATED_MS),
        ("9" * 5_000, CREATED_MS),
        (None, CREATED_MS),
    ],
)
def test_a_stamp_of_submission_is_believed_only_near_the_servers_own(
    stamp: str | None, expected: int
) -> None:
    annotations = {names.ANNOTATION_CREATION_TIME: stamp} if stamp is not None else None
    assert creation_time_ms({"creationTimestamp": CREATED, "annotations": annotations}) == expected


# ---- spec


@pytest.mark.parametrize(
    ("spec", "param_names", "error"),
    [
        ({}, (), None),
        ({"params": {"lr": 1, "x": None}}, ("lr", "x"), None),
        ({"paramsJSON": '{"lr": 1e3}'}, ("lr",), None),
        ({"paramsJSON": "{"}, None, "spec.paramsJSON is not JSON"),
        ({"paramsJSON": '{"lr": NaN}'}, None, "NaN is no JSON number"),
        ({"paramsJSON": '{"n": ' + "9" * 5_000 + "}"}, None, "spec.paramsJSON is not JSON"),
        ({"paramsJSON": '{"a":' * 20_000}, None, "spec.paramsJSON is not JSON"),
        ({"paramsJSON": "[1]"}, None, "must be the text of a JSON object, found list"),
    ],
)
def test_params_become_their_names(
    spec: Json, param_names: tuple[str, ...] | None, error: str | None
) -> None:
    found = parse_spec({"jobName": "train"} | spec)
    assert found.param_names == param_names
    assert (error is None) == (found.params_error is None)
    assert error is None or error in (found.params_error or "")


def test_an_inline_definition_is_read_or_says_which_field_is_wrong() -> None:
    good = parse_spec({"jobName": "train", "definition": {"function": "m.f", "maxWorkers": 2}})
    assert isinstance(good.definition, MlJobDefinitionSpec)
    bad = parse_spec({"jobName": "train", "definition": {"function": "m.f", "maxWorkers": 0}})
    assert isinstance(bad.definition, Refusal)
    assert "spec.definition.maxWorkers" in bad.definition.message


def test_fields_of_a_spec() -> None:
    spec = parse_spec(
        {"jobName": "t", "cancel": True, "suspend": None, "priority": None, "overrides": {"env": []}}
    )
    assert (spec.cancel, spec.suspend, spec.priority, spec.overrides) == (True, False, 0, {"env": []})


# ---- status


def test_an_empty_status_is_pending() -> None:
    assert parse_status({}) == parse_status({"phase": None, "conditions": None})
    assert parse_status({}).phase == "Pending"


def test_a_phase_of_a_later_version_is_kept() -> None:
    assert parse_status({"phase": "Thinking"}).phase == "Thinking"


# ---- pods


def pod_with(main_state: Json | None = None, **status: Any) -> Json:
    pod = a_pod()
    statuses = [{"name": "istio-proxy", "state": {"running": {}}}]
    if main_state is not None:
        statuses.append({"name": "main", "state": main_state, "imageID": "sha256:1"})
    pod["status"] = {"phase": "Pending", "containerStatuses": statuses} | status
    return pod


def test_the_container_main_is_what_counts() -> None:
    ended = {"terminated": {"exitCode": 3, "reason": "Error", "finishedAt": CREATED, "message": "m"}}
    pod = parse_pod(pod_with(ended, phase="Running"))
    assert (pod.main_exit_code, pod.main_reason, pod.main_message) == (3, "Error", "m")
    assert (pod.main_end_time, pod.main_running, pod.alive) == (NOW, False, True)
    assert pod.image_digest == "sha256:1"


def test_a_running_main_has_a_start() -> None:
    pod = parse_pod(pod_with({"running": {"startedAt": CREATED}}))
    assert (pod.main_running, pod.main_start_time, pod.main_ended) == (True, NOW, False)


def test_what_a_pod_waits_for_is_its_first_waiting_init_container_else_main() -> None:
    main = {"waiting": {"reason": "PodInitializing"}}
    init = [
        {"name": "a", "state": {"terminated": {"exitCode": 0}}},
        {"name": "b", "state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}},
    ]
    pod = parse_pod(pod_with(main, initContainerStatuses=init))
    assert (pod.waiting_reason, pod.waiting_message) == ("ImagePullBackOff", "no such image")
    pulling = [{"name": "b", "state": {"waiting": {"reason": "PodInitializing"}}}]
    assert parse_pod(pod_with(main, initContainerStatuses=pulling)).waiting_reason == "PodInitializing"


@pytest.mark.parametrize(
    ("ended", "failure"),
    [
        ({"exitCode": 0}, None),
        ({"exitCode": 3}, "Init container fetch exited with code 3"),
        ({"exitCode": 1, "message": "no route\n"}, "Init container fetch exited with code 1: no route"),
    ],
)
def test_an_init_container_that_failed_is_named(ended: Json, failure: str | None) -> None:
    init = [{"name": "fetch", "state": {"terminated": ended}}]
    assert parse_pod(pod_with(initContainerStatuses=init)).init_failure == failure


NOT_SCHEDULED = {"type": "PodScheduled", "status": "False"}


@pytest.mark.parametrize(
    ("condition", "disruption", "unschedulable"),
    [
        ({"type": "DisruptionTarget", "status": "True", "reason": "Evicted"}, "Evicted", None),
        ({"type": "DisruptionTarget", "status": "False", "reason": "x"}, None, None),
        (NOT_SCHEDULED | {"reason": "Unschedulable", "message": "no gpu"}, None, "no gpu"),
        (NOT_SCHEDULED | {"reason": "Unschedulable"}, None, "Unschedulable"),
        (NOT_SCHEDULED | {"reason": "SchedulingGated"}, None, None),
        ({"type": "PodScheduled", "status": "True"}, None, None),
    ],
)
def test_conditions_of_a_pod(condition: Json, disruption: str | None, unschedulable: str | None) -> None:
    pod = parse_pod(pod_with(conditions=[condition]))
    assert (pod.disruption, pod.unschedulable) == (disruption, unschedulable)


@pytest.mark.parametrize(
    ("requests", "expected"),
    [
        ({"cpu": "250m", "memory": "1Gi", "nvidia.com/gpu": "2"}, (250, 2**30, 2)),
        ({"cpu": 1, "memory": 1024}, (1000, 1024, None)),
        ({}, (None, None, None)),
        ({"cpu": "many"}, (None, None, None)),
        ({"memory": "1e40"}, (None, 2**63 - 1, None)),
    ],
)
def test_requests_fit_their_columns(requests: Json, expected: tuple[int | None, ...]) -> None:
    body = a_pod()
    body["spec"]["containers"] = [
        {"name": "proxy", "resources": {"requests": {"cpu": "9"}}},
        {"name": "main", "image": "i", "resources": {"requests": requests, "limits": {"memory": "2Gi"}}},
    ]
    pod = parse_pod(body)
    assert (pod.requested_cpu_millis, pod.requested_memory_bytes, pod.requested_gpus) == expected
    assert pod.memory_limit == "2Gi"


# ---- Jobs


def test_conditions_of_a_job() -> None:
    failed = a_kube_job(ended="Failed")
    failed["status"]["conditions"][0] |= {"reason": "DeadlineExceeded", "message": "m"}
    failed["status"]["conditions"].append({"type": "FailureTarget", "status": "True"})
    job = parse_job_object(failed)
    assert (job.complete, job.failed, job.failed_reason, job.finished_time) == (
        False,
        True,
        "DeadlineExceeded",
        NOW,
    )
    assert parse_job_object(a_kube_job(ended="Complete")).complete
    interim = a_kube_job(ended="SuccessCriteriaMet")
    assert not parse_job_object(interim).complete


def test_a_jobs_source_and_stop() -> None:
    body = a_kube_job()
    body["spec"]["template"]["spec"]["volumes"] = [
        {"name": "data", "emptyDir": {}},
        {"name": names.VOLUME_SOURCE, "configMap": {"name": "mljob-source-1"}},
    ]
    body["metadata"]["annotations"][names.ANNOTATION_STOP_REASON] = "Canceled"
    job = parse_job_object(body)
    assert (job.source, job.stop_reason, job.suspended) == ("mljob-source-1", "Canceled", False)
    assert job.policy.function == "m.f"


# ---- whatever comes

scalars = st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=4)
conditions = st.lists(
    st.fixed_dictionaries(
        {"type": st.sampled_from(["PodScheduled", "DisruptionTarget", "Ready"])},
        optional={"status": st.sampled_from(["True", "False", "Unknown"]), "reason": st.text(max_size=4)},
    ),
    max_size=3,
)
states: st.SearchStrategy[Json | None] = st.sampled_from(
    [None, {}, {"waiting": {}}, {"waiting": None}, {"running": {}}, {"terminated": {}},
     {"terminated": {"exitCode": 1, "startedAt": None, "finishedAt": None}}]
)  # fmt: skip
containers = st.lists(
    st.fixed_dictionaries({"name": st.sampled_from(["main", "side"])}, optional={"state": states}), max_size=2
)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "phase": st.none() | st.sampled_from(["Pending", "Running", "Failed", "Unknown"]),
            "conditions": st.none() | conditions,
            "containerStatuses": st.none() | containers,
            "initContainerStatuses": st.none() | containers,
            "startTime": st.none() | st.text(max_size=4),
        },
    )
)
@settings(deadline=None)
def test_no_status_of_a_pod_raises(status: Json) -> None:
    body = a_pod()
    body["status"] = status
    parse_pod(body)


@pytest.mark.parametrize(
    ("events", "reason"),
    [
        pytest.param([], None, id="none"),
        pytest.param([{"reason": "FailedMount", "lastTimestamp": NOW}], "FailedMount", id="just then"),
        pytest.param([{"reason": "FailedMount", "lastTimestamp": NOW - 1}], None, id="over by then"),
        pytest.param([{"reason": "FailedMount"}], None, id="nobody knows when"),
        pytest.param([{"reason": "FailedScheduling", "lastTimestamp": NOW}], None, id="it has a node now"),
        pytest.param([{"eventTime": NOW}], "PodWarning", id="without a word"),
        pytest.param(
            [{"reason": "Old", "lastTimestamp": NOW}, {"reason": "New", "lastTimestamp": NOW + 1}],
            "New",
            id="the newest",
        ),
        pytest.param(
            [{"reason": "A", "eventTime": NOW - 9, "series": {"lastObservedTime": NOW}}], "A", id="a series"
        ),
    ],
)
def test_of_a_pods_warnings_the_newest_that_is_not_over_counts(
    events: list[dict[str, Any]], reason: str | None
) -> None:
    found = newest_warning([_with_times_as_text(event) for event in events], NOW)
    assert (found.reason if found is not None else None) == reason


def _with_times_as_text(found: dict[str, Any]) -> dict[str, Any]:
    return {
        key: _with_times_as_text(value) if isinstance(value, dict)
        else format_time(value) if isinstance(value, float) else value
        for key, value in found.items()
    }  # fmt: skip
