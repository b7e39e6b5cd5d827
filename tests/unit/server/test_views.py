"""How rows look over REST. Stored texts are other people's: whatever they hold, an answer can be written."""

import json
from dataclasses import fields, replace
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mljob.api.job import Phase
from mljob.core.records import AttemptRecord, JobRecord, Rank
from mljob.server.answers import Json
from mljob.server.jobs import Found
from mljob.server.schemas import AttemptView, JobDetail, JobView, KnownPhase, MlflowJob
from mljob.server.views import attempt_views, job_detail, job_view, mlflow_job, moment, status_text

ROW = JobRecord(
    uid="5f0c4d7e-0000-4000-8000-000000000000",
    cluster="c",
    namespace="default",
    name="job-1",
    job_name="job",
    creation_time_ms=1_795_328_613_720,
    attempt=1,
    rank=Rank.FINAL,
    phase=Phase.SUCCEEDED,
    last_update_time_ms=1_795_328_614_000,
    params='{"x": 1.0}',
    timeout_seconds=3,
    result='{"a": null}',
)


def test_mlflows_job() -> None:
    assert mlflow_job(ROW) == {
        "job_id": ROW.uid,
        "job_name": "job",
        "params": {"x": 1.0},
        "timeout": 3.0,
        "status": "SUCCEEDED",
        "result": {"a": None},
        "retry_count": 0,
        "creation_time": 1_795_328_613_720,
        "last_update_time": 1_795_328_614_000,
    }


@pytest.mark.parametrize(
    ("phase", "stored", "parsed"),
    [
        (Phase.SUCCEEDED, "7", 7),
        (Phase.SUCCEEDED, None, None),
        (Phase.SUCCEEDED, "not json", "not json"),
        (Phase.SUCCEEDED, "NaN", "NaN"),
        (Phase.SUCCEEDED, "[1e999]", "[1e999]"),
        (Phase.SUCCEEDED, "[" * 100_000, "[" * 100_000),
        (Phase.SUCCEEDED, "[" * 900 + "]" * 900, "[" * 900 + "]" * 900),
        (Phase.SUCCEEDED, "9" * 5000, "9" * 5000),
        (Phase.SUCCEEDED, r'"\ud800"', "\ud800"),
        (Phase.FAILED, "RuntimeError()", "RuntimeError()"),
        (Phase.FAILED, '{"a": 1}', '{"a": 1}'),
        (Phase.TIMED_OUT, "x", None),
        (Phase.CANCELED, "x", None),
        (Phase.RUNNING, "x", None),
    ],
)
def test_result_is_parsed_where_it_is_one(phase: Phase, stored: str | None, parsed: Any) -> None:
    view = mlflow_job(replace(ROW, phase=phase, result=stored))
    assert view["result"] == parsed
    assert json.loads(bytes(Json(view).body))["result"] == parsed


@pytest.mark.parametrize("params", [None, "", "[1]", "{", '{"x": NaN}', "[" * 70_000])
def test_params_that_cannot_be_read_show_as_none(params: str | None) -> None:
    view = job_view(replace(ROW, params=params))
    assert (view["params"], view["paramsJSON"]) == ({}, params)


@given(st.text(), st.text(), st.sampled_from(list(Phase)))
def test_any_stored_text_can_be_answered(result: str, params: str, phase: Phase) -> None:
    row = replace(ROW, result=result, params=params, message=result, phase=phase)
    for view in (mlflow_job(row), job_view(row)):
        assert json.loads(bytes(Json(view).body)) == view


def test_described_fields_are_those_that_are_sent() -> None:
    detail = job_detail(Found(ROW), [attempt()])
    assert list(mlflow_job(ROW)) == list(MlflowJob.model_fields)
    assert set(job_view(ROW)) == names(JobView)
    assert set(detail) == names(JobDetail)
    assert set(detail["attempts"][0]) == names(AttemptView)
    JobDetail.model_validate_json(bytes(Json(detail).body))


def test_attempt_tells_all_but_what_repeats_and_its_log() -> None:
    [view] = attempt_views([attempt()])
    assert len(view) == len(fields(AttemptRecord)) - len({"uid", "cluster", "pod_uid", "log_tail"})


def test_phase_of_a_later_version_keeps_its_name() -> None:
    assert status_text(Phase("Frozen")) == "Frozen"
    assert status_text(Phase.TIMED_OUT) == "TIMEOUT"


def test_phases_that_can_be_asked_for_are_those_of_rows() -> None:
    assert set(get_args(KnownPhase)) == {phase.value for phase in Phase}


def test_moment_is_rfc_3339_in_utc() -> None:
    assert moment(1_795_328_613_720) == "2026-11-22T06:23:33.720Z"
    assert moment(0) == "1970-01-01T00:00:00.000Z"
    assert moment(None) is None


def attempt() -> AttemptRecord:
    return AttemptRecord(ROW.uid, "c", 1, True, "job-1-5f0c4d7e-1", pod="p", exit_code=1, log_tail="secret")


def names(model: Any) -> set[str]:
    return {field.alias or name for name, field in model.model_fields.items()}
