"""What the models promise their readers beyond the verdicts of the manifest table."""

import json
import timeit
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mljob.api.common import explain
from mljob.api.definition import MlJobDefinition, MlJobDefinitionSpec, Retry
from mljob.api.job import MAX_PARAMS_BYTES, MlJob, MlJobSpec, MlJobStatus, Phase
from pydantic import ValidationError

from tests.unit.api.cases import FUNCTION, manifest

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(st.text(), JSON, max_size=4)


def mistakes(document: dict[str, Any]) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        MlJob.model_validate(document)
    return explain(caught.value)


class TestParams:
    @settings(max_examples=50, deadline=None)
    @given(params=OBJECTS, indent=st.sampled_from([None, 1]), ascii_only=st.booleans())
    def test_exact_text_is_kept_to_the_letter(
        self, params: dict[str, Any], indent: int | None, ascii_only: bool
    ) -> None:
        text = json.dumps(params, indent=indent, ensure_ascii=ascii_only)
        spec = MlJobSpec(job_name="train", params_json=text)
        assert spec.params_text() == text
        assert spec.to_manifest()["paramsJSON"] == text

    @settings(max_examples=50, deadline=None)
    @given(params=OBJECTS)
    def test_object_becomes_the_text_that_json_dumps_writes(self, params: dict[str, Any]) -> None:
        assert MlJobSpec(job_name="train", params=params).params_text() == json.dumps(params)

    def test_none_given_is_the_empty_object(self) -> None:
        assert MlJobSpec(job_name="train").params_text() == "{}"

    def test_nulls_inside_params_are_kept_in_the_manifest(self) -> None:
        params = {"x": None, "y": {"z": [None]}}
        assert MlJobSpec(job_name="train", params=params).to_manifest()["params"] == params

    @pytest.mark.parametrize(
        "value", [float("nan"), float("inf"), {1, 2}, object()], ids=["nan", "infinity", "set", "object"]
    )
    def test_what_json_cannot_carry_is_refused(self, value: object) -> None:
        with pytest.raises(ValidationError, match="params cannot be written as JSON"):
            MlJobSpec(job_name="train", params={"x": value})

    @pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
    def test_exact_text_may_not_hold_what_is_not_json(self, constant: str) -> None:
        with pytest.raises(ValidationError, match=f"{constant} is not JSON"):
            MlJobSpec(job_name="train", params_json=f'{{"x": {constant}}}')

    def test_bottomless_text_is_refused_with_a_sentence(self) -> None:
        with pytest.raises(ValidationError, match="nested too deeply"):
            MlJobSpec(job_name="train", params_json='{"x": ' + "[" * 60_000 + "]" * 60_000 + "}")

    def test_too_many_bytes_are_counted_in_the_message(self) -> None:
        with pytest.raises(ValidationError) as caught:
            MlJobSpec(job_name="train", params={"x": "y" * MAX_PARAMS_BYTES})
        (message,) = explain(caught.value)
        assert str(MAX_PARAMS_BYTES + len('{"x": ""}')) in message
        assert str(MAX_PARAMS_BYTES) in message
        assert "pass a URI" in message


class TestStatus:
    @pytest.mark.parametrize("phase", list(Phase))
    def test_only_pending_and_running_are_not_final(self, phase: Phase) -> None:
        assert phase.is_final == (phase not in (Phase.PENDING, Phase.RUNNING))

    def test_phase_of_a_later_version_is_kept(self) -> None:
        status = MlJobStatus.model_validate({"phase": "Paused"})
        assert status.phase == "Paused"
        assert status.to_manifest() == {"phase": "Paused"}
        assert list(Phase) == [
            Phase(p) for p in ("Pending", "Running", "Succeeded", "Failed", "TimedOut", "Canceled")
        ]

    @pytest.mark.parametrize("phase", ["", 3])
    def test_phase_that_is_no_word_is_refused(self, phase: object) -> None:
        with pytest.raises(ValidationError):
            MlJobStatus.model_validate({"phase": phase})

    def test_unknown_fields_and_nulls_are_passed_over(self) -> None:
        status = MlJobStatus.model_validate(
            {"phase": None, "attempt": None, "conditions": None, "later": {"x": 1}}
        )
        assert status == MlJobStatus()

    def test_job_without_status_is_pending(self) -> None:
        job = MlJob.model_validate(manifest("MlJob", {"jobName": "a"}))
        assert job.status.phase is Phase.PENDING
        assert job.status.attempt == 0

    def test_metadata_of_the_cluster_is_read_and_the_rest_passed_over(self) -> None:
        metadata = {
            "uid": "u",
            "generation": 3,
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "managedFields": [{}],
        }
        job = MlJob.model_validate(manifest("MlJob", {"jobName": "a"}, **metadata))
        assert job.metadata.generation == 3
        assert job.metadata.creation_timestamp is not None
        assert job.metadata.creation_timestamp.utcoffset() is not None


class TestDefinition:
    @pytest.mark.parametrize(("job_name", "effective"), [(None, "case"), ("Other_name", "Other_name")])
    def test_job_name_is_the_objects_name_unless_said(self, job_name: str | None, effective: str) -> None:
        spec = FUNCTION | {"jobName": job_name}
        assert MlJobDefinition.model_validate(manifest("MlJobDefinition", spec)).job_name == effective

    def test_defaults_are_the_documented_ones(self) -> None:
        spec = MlJobDefinitionSpec(function="a.b")
        assert spec.retry == Retry(
            max_retries=3, base_delay_seconds=15, max_delay_seconds=60, exit_codes=(75,), disruption_limit=5
        )
        assert (spec.max_workers, spec.max_priority, spec.start_deadline_seconds) == (1, 0, 3600)
        assert (spec.ttl_seconds_after_finished, spec.ttl_seconds_after_failed) == (86_400, 604_800)
        assert spec.active_deadline_seconds is None

    def test_what_was_set_can_be_told_from_a_default(self) -> None:
        assert MlJobDefinitionSpec(function="a.b", retry=Retry(max_retries=3)).retry.model_fields_set == {
            "max_retries"
        }


class TestMessages:
    def test_every_mistake_names_its_field(self) -> None:
        retry = {"maxRetries": "3", "exitCodes": [75, 0]}
        definition = FUNCTION | {
            "retry": retry,
            "env": [{"name": "A"}, {"name": "B", "value": 1}],
            "fucntion": "x",
        }
        found = mistakes(manifest("MlJob", {"jobName": "_", "definition": definition}, name="A"))
        assert [message.split(":")[0] for message in found] == [
            "metadata.name",
            "spec.jobName",
            "spec.definition.retry.maxRetries",
            "spec.definition.retry.exitCodes[1]",
            "spec.definition.env[1].value",
            "spec.definition.fucntion",
        ]

    def test_message_shows_what_was_found(self) -> None:
        (message,) = mistakes(manifest("MlJob", {"jobName": "train", "priority": "high"}))
        assert message == "spec.priority: Input should be a valid integer (found 'high')"

    def test_long_values_are_cut(self) -> None:
        (message,) = mistakes(manifest("MlJob", {"jobName": "a" * 10_000}))
        assert len(message) < 300

    def test_rule_speaks_the_words_of_the_crd(self) -> None:
        (message,) = mistakes(manifest("MlJob", {"jobName": "a", "params": {}, "paramsJSON": "{}"}))
        assert message == "spec: params and paramsJSON exclude each other: set one"

    def test_wrong_kind_is_named(self) -> None:
        (message,) = mistakes(manifest("MlJobs", {"jobName": "a"}))
        assert message.startswith("kind: ")


def test_models_cannot_be_changed() -> None:
    spec = MlJobSpec(job_name="train")
    with pytest.raises(ValidationError):
        spec.job_name = "other"  # type: ignore[misc]


def test_parsing_a_job_is_cheap_enough_for_every_event() -> None:
    document = manifest("MlJob", {"jobName": "train", "paramsJSON": '{"x": 1}', "activeDeadlineSeconds": 5})
    # The fastest of many runs tells the cost; the others tell how busy the machine is.
    seconds = min(timeit.repeat(lambda: MlJob.model_validate(document), number=20, repeat=50)) / 20
    assert seconds < 100e-6
