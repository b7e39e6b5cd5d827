"""Objects and rows: the same job, whichever of the two tells of it."""

from typing import Any

import pytest
from mljob.api import names as terms
from mljob.api.definition import MlJobDefinitionSpec
from mljob.api.job import Phase
from mljob.core.records import Rank
from mljob.server.names import Moment
from mljob.server.objects import Submission, is_of, mljob_of, parse_spec, record_of
from mljob.server.problems import InvalidFields

CREATED = "2026-11-22T06:23:33Z"
CREATED_MS = 1_795_328_613_000


def item(status: dict[str, Any] | None = None, *, stamp: str | None = None, **spec: Any) -> dict[str, Any]:
    annotations = {} if stamp is None else {terms.ANNOTATION_CREATION_TIME: stamp}
    return {
        "apiVersion": terms.API_VERSION,
        "kind": terms.KIND_JOB,
        "metadata": {
            "uid": "u",
            "namespace": "jobs",
            "name": "job-1",
            "creationTimestamp": CREATED,
            "annotations": annotations,
            "labels": {terms.LABEL_GROUP: "sweep"},
        },
        "spec": {"jobName": "job", "params": {"x": 1}, **spec},
        "status": {"phase": "Pending"} if status is None else status,
    }


@pytest.mark.parametrize(
    ("stamp", "believed"),
    [
        (str(CREATED_MS + 720), CREATED_MS + 720),
        (str(CREATED_MS - 2_000), CREATED_MS - 2_000),
        (str(CREATED_MS + 2_001), CREATED_MS),
        ("0", CREATED_MS),
        ("-1", CREATED_MS),
        ("soon", CREATED_MS),
        ("٣", CREATED_MS),
        ("9" * 5000, CREATED_MS),
        (None, CREATED_MS),
    ],
)
def test_stamp_is_believed_only_where_it_fits_the_servers_clock(stamp: str | None, believed: int) -> None:
    assert record_of(item(stamp=stamp), "c", None).creation_time_ms == believed


@pytest.mark.parametrize(
    ("status", "rank", "result"),
    [
        ({}, Rank.QUEUED, None),
        ({"phase": "Pending", "attempt": 1, "currentJob": "j"}, Rank.STARTING, None),
        ({"phase": "Running", "attempt": 1, "currentJob": "j"}, Rank.RUNNING, None),
        ({"phase": "Pending", "attempt": 1, "nextRetryTime": CREATED}, Rank.BACKOFF, None),
        ({"phase": "Succeeded", "result": "7"}, Rank.FINAL, "7"),
        ({"phase": "Failed", "error": "E()", "message": "m"}, Rank.FINAL, "E()"),
        ({"phase": "Failed", "message": "m"}, Rank.FINAL, "m"),
        ({"phase": "TimedOut", "error": "E()"}, Rank.FINAL, None),
        ({"phase": "Canceled"}, Rank.FINAL, None),
    ],
)
def test_status_as_a_row(status: dict[str, Any], rank: Rank, result: str | None) -> None:
    record = record_of(item(status), "c", None)
    assert (record.rank, record.result) == (rank, result)
    assert record.phase == Phase(status.get("phase", "Pending"))


def test_params_and_limits_as_a_row() -> None:
    definition = MlJobDefinitionSpec.model_validate({"command": ["true"], "activeDeadlineSeconds": 9})
    record = record_of(item(), "c", definition)
    assert (record.params, record.timeout_seconds, record.group) == ('{"x": 1}', 9, "sweep")
    assert record_of(item(activeDeadlineSeconds=5), "c", definition).timeout_seconds == 5
    assert (
        record_of(
            item(definition={"command": ["true"], "activeDeadlineSeconds": 4}), "c", None
        ).timeout_seconds
        == 4
    )


def test_object_is_told_from_that_of_another_submission() -> None:
    spec = parse_spec({"jobName": "job", "paramsJSON": "{}"})
    manifest = mljob_of(Submission(namespace="jobs", spec=spec), Moment(1, "job-1"), record_finalizer=True)
    other_time = mljob_of(Submission(namespace="jobs", spec=spec), Moment(2, "job-1"), record_finalizer=True)
    other_params = mljob_of(
        Submission(namespace="jobs", spec=parse_spec({"jobName": "job", "paramsJSON": "{ }"})),
        Moment(1, "job-1"),
        record_finalizer=True,
    )
    assert is_of(manifest, manifest)
    assert not is_of(other_time, manifest)
    assert not is_of(other_params, manifest)
    assert not is_of(item(), manifest)


def test_who_submitted_is_an_annotation() -> None:
    spec = parse_spec({"jobName": "job"})
    manifest = mljob_of(
        Submission(namespace="jobs", spec=spec, submitted_by="ann"), Moment(1, "j"), record_finalizer=False
    )
    assert manifest["metadata"]["annotations"][terms.ANNOTATION_SUBMITTED_BY] == "ann"
    assert "finalizers" not in manifest["metadata"]


def test_spec_that_is_wrong_names_every_field() -> None:
    with pytest.raises(InvalidFields) as caught:
        parse_spec({"jobName": "job", "priority": "high", "activeDeadlineSeconds": 0})
    assert "activeDeadlineSeconds: " in caught.value.detail
    assert "priority: " in caught.value.detail
    assert len(caught.value.as_json()["errors"]) == 2
