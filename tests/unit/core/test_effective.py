"""Whose value counts: the job's, what the definition writes, the installation's."""

from typing import Any

import pytest
from mljob.api.definition import MlJobDefinitionSpec
from mljob.api.job import MlJobSpec, Phase
from mljob.core.config import parse_config
from mljob.core.effective import (
    RetryPolicy,
    effective_queue_deadline,
    effective_retry,
    effective_start_deadline,
    effective_timeout,
    effective_ttl,
    effective_ttls,
)

CONFIG = parse_config(
    {
        "retry": {"maxRetries": 7, "baseDelaySeconds": 1, "maxDelaySeconds": 9, "disruptionLimit": 2},
        "startDeadlineSeconds": 300,
        "ttlSecondsAfterFinished": 11,
        "ttlSecondsAfterFailed": 22,
    }
)


def a_definition(**fields: Any) -> MlJobDefinitionSpec:
    return MlJobDefinitionSpec.model_validate({"function": "package.fit"} | fields)


def a_job(**fields: Any) -> MlJobSpec:
    return MlJobSpec.model_validate({"jobName": "fit"} | fields)


@pytest.mark.parametrize(
    ("job", "definition", "expected"),
    [([5], [7], 5), ([], [7], 7), ([], [], None), ([5], None, 5), ([], None, None)],
)
@pytest.mark.parametrize(
    ("field", "effective"),
    [("activeDeadlineSeconds", effective_timeout), ("queueDeadlineSeconds", effective_queue_deadline)],
)
def test_a_limit_is_the_jobs_or_the_definitions_or_none(
    field: str, effective: Any, job: list[int], definition: list[int] | None, expected: int | None
) -> None:
    made = None if definition is None else a_definition(**dict(zip([field], definition, strict=False)))
    assert effective(a_job(**dict(zip([field], job, strict=False))), made) == expected


@pytest.mark.parametrize(
    ("job", "definition", "expected"),
    [(5, 7, 5), (None, 7, 7), (None, 3600, 3600), (None, None, 300)],
)
def test_the_installations_start_deadline_counts_where_nobody_wrote_one(
    job: int | None, definition: int | None, expected: int
) -> None:
    spec = a_job() if job is None else a_job(startDeadlineSeconds=job)
    made = a_definition() if definition is None else a_definition(startDeadlineSeconds=definition)
    assert effective_start_deadline(spec, made, CONFIG) == expected


@pytest.mark.parametrize(
    ("job", "definition", "phase", "expected"),
    [
        ({}, None, Phase.SUCCEEDED, 11),
        ({}, None, Phase.FAILED, 22),
        ({}, {}, Phase.CANCELED, 11),
        ({}, {}, Phase.TIMED_OUT, 22),
        ({}, {"ttlSecondsAfterFinished": 3, "ttlSecondsAfterFailed": 4}, Phase.SUCCEEDED, 3),
        ({}, {"ttlSecondsAfterFinished": 3, "ttlSecondsAfterFailed": 4}, Phase.FAILED, 4),
        ({}, {"ttlSecondsAfterFinished": 3}, Phase.FAILED, 22),
        ({"ttlSecondsAfterFinished": 0}, {"ttlSecondsAfterFailed": 4}, Phase.FAILED, 0),
    ],
)
def test_time_to_live_depends_on_how_the_job_ended(
    job: dict[str, int], definition: dict[str, int] | None, phase: Phase, expected: int
) -> None:
    made = None if definition is None else a_definition(**definition)
    own = a_job(**job).ttl_seconds_after_finished
    assert effective_ttl(own, effective_ttls(made, CONFIG), phase) == expected


def test_retry_is_merged_field_by_field() -> None:
    configured = RetryPolicy(7, 1, 9, 2, frozenset({75}))
    assert effective_retry(None, CONFIG) == configured
    assert effective_retry(a_definition(), CONFIG) == configured
    written = a_definition(retry={"maxRetries": 0, "maxDelaySeconds": 40, "exitCodes": [3, 4]})
    assert effective_retry(written, CONFIG) == RetryPolicy(0, 1, 40, 2, frozenset({3, 4}))
