"""JobStatus: MLflow's names, integers and error texts, and the mapping to phases."""

import pytest
from mljob.api.job import Phase
from mljob.core.status import JobStatus

TABLE = [
    (JobStatus.PENDING, "PENDING", 0, Phase.PENDING, False),
    (JobStatus.RUNNING, "RUNNING", 1, Phase.RUNNING, False),
    (JobStatus.SUCCEEDED, "SUCCEEDED", 2, Phase.SUCCEEDED, True),
    (JobStatus.FAILED, "FAILED", 3, Phase.FAILED, True),
    (JobStatus.TIMEOUT, "TIMEOUT", 4, Phase.TIMED_OUT, True),
    (JobStatus.CANCELED, "CANCELED", 10, Phase.CANCELED, True),
]


@pytest.mark.parametrize(("status", "text", "integer", "phase", "final"), TABLE)
def test_status_converts_both_ways(
    status: JobStatus, text: str, integer: int, phase: Phase, final: bool
) -> None:
    assert str(status) == text
    assert status.to_int() == integer
    assert status.to_phase() is phase
    assert JobStatus.from_str(text) is status
    assert JobStatus.from_int(integer) is status
    assert JobStatus.from_phase(phase) is status
    assert JobStatus.is_finalized(status) is final
    assert phase.is_final is final


def test_the_table_above_is_complete() -> None:
    assert {row[0] for row in TABLE} == set(JobStatus)
    assert {row[3] for row in TABLE} == set(Phase)


@pytest.mark.parametrize("integer", [-1, 5, 6, 9, 11])
def test_an_integer_that_is_no_status_is_refused_in_mlflow_words(integer: int) -> None:
    with pytest.raises(ValueError, match="The value") as caught:
        JobStatus.from_int(integer)
    assert str(caught.value) == f"The value {integer} can't be converted to JobStatus enum value."


@pytest.mark.parametrize("text", ["ABC", "running", "", "TimedOut"])
def test_a_text_that_is_no_status_is_refused_in_mlflow_words(text: str) -> None:
    with pytest.raises(ValueError, match="The string") as caught:
        JobStatus.from_str(text)
    assert str(caught.value) == f"The string '{text}' can't be converted to JobStatus enum value."
