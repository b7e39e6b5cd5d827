"""What a caller reads of a wrong field: which, what was found, what was expected, what to do."""

from typing import Any

import pytest
from mljob.server.mistakes import described, did_you_mean
from mljob.server.schemas import JobQuery, LogQuery, Submission
from pydantic import BaseModel, TypeAdapter, ValidationError

A_NAME = "letters, digits, '-', '_' and '.', beginning and ending with a letter or digit"
VALIDATORS_WORDS = (
    "Input should",
    "String should",
    "Extra inputs",
    "Field required",
    "Value error",
    "valid ",
)


def mistakes(model: type[BaseModel], sent: Any) -> dict[str, str]:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(sent)
    return {item["field"]: item["message"] for item in described(caught.value.errors(), model)}


def submission(**sent: Any) -> dict[str, str]:
    return mistakes(Submission, {"jobName": "train", **sent})


@pytest.mark.parametrize(
    ("sent", "field", "message"),
    [
        (
            {"group": "bad group"},
            "group",
            f"found 'bad group', expected {A_NAME}.",
        ),
        ({"params": [1]}, "params", "found an array, expected a JSON object."),
        ({"params": "{}"}, "params", "found '{}', expected a JSON object."),
        ({"jobName": None}, "jobName", "found null, expected a string."),
        ({"jobName": "x" * 64}, "jobName", "found 64 characters, expected at most 63."),
        ({"jobName": ""}, "jobName", "found 0 characters, expected at least 1."),
        ({"timeout": "x"}, "timeout", "found 'x', expected a number."),
        ({"priority": 1.5}, "priority", "found 1.5, expected a whole number."),
        ({"suspend": "yes"}, "suspend", "found 'yes', expected true or false."),
        ({"activeDeadlineSeconds": 0}, "activeDeadlineSeconds", "found 0, expected at least 1."),
        ({"priority": 10**12}, "priority", "found 1000000000000, expected at most 1000000000."),
        ({"labels": {"a": True}}, "labels.a", "found true, expected a string."),
        ({"overrides": {"env": [{"value": "b"}]}}, "overrides.env[0].name", "required, but missing."),
        ({"namespace": {}}, "namespace", "found an object, expected a string."),
        ({"timeout": "x" * 500}, "timeout", f"found '{'x' * 79}..., expected a number."),
    ],
)
def test_submission(sent: dict[str, Any], field: str, message: str) -> None:
    assert submission(**sent) == {field: message}


@pytest.mark.parametrize(
    ("model", "sent", "field", "words"),
    [
        (JobQuery, {"status": ["DONE"]}, "status[0]", "found 'DONE', expected 'PENDING', 'RUNNING'"),
        (JobQuery, {"phase": ["x"]}, "phase[0]", "found 'x', expected 'Pending', "),
        (JobQuery, {"createdFrom": "yesterday"}, "createdFrom", "expected a time with its zone as RFC 3339"),
        (JobQuery, {"createdFrom": "2026-01-01T00:00:00"}, "createdFrom", "expected a time with its zone"),
        (JobQuery, {"params": "{"}, "params", "not JSON: EOF"),
        (JobQuery, {"params": "[1]"}, "params", "found an array, expected a JSON object."),
        (JobQuery, {"pageSize": "many"}, "pageSize", "found 'many', expected a whole number."),
        (
            JobQuery,
            {"params": '{"a": 1' + "".join(f',"k{i}": 1' for i in range(40)) + "}"},
            "params",
            "41 entries",
        ),
        (LogQuery, {"follow": "perhaps"}, "follow", "found 'perhaps', expected true or false."),
        (Submission, [], "", "found an array, expected a JSON object."),
    ],
)
def test_query_and_body(model: type[BaseModel], sent: Any, field: str, words: str) -> None:
    found = mistakes(model, sent)
    assert set(found) == {field}
    assert words in found[field]


@pytest.mark.parametrize(
    ("sent", "field", "meant"),
    [
        ({"timout": 1}, "timout", "timeout"),
        ({"jobname": "x"}, "jobname", "jobName"),
        ({"active_deadline_second": 1}, "active_deadline_second", "activeDeadlineSeconds"),
        ({"overrides": {"resources": {"requestz": {}}}}, "overrides.resources.requestz", "requests"),
        ({"overrides": {"env": [{"name": "A", "valu": ""}]}}, "overrides.env[0].valu", "value"),
    ],
)
def test_unknown_field_is_told_its_likely_name(sent: dict[str, Any], field: str, meant: str) -> None:
    message = submission(**sent)[field]
    assert message.startswith(f"unknown field. Did you mean {meant!r}? Known fields: ")
    assert meant in message.partition("Known fields: ")[2]


def test_unknown_field_that_resembles_none_is_told_the_known_ones() -> None:
    assert submission(definition={})["definition"].startswith(
        "unknown field. Known fields: jobName, namespace, "
    )


def test_place_above_the_model_is_left_out() -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(dict[str, Submission]).validate_python({"body": {"jobName": "x", "timout": 1}})
    [found] = described(caught.value.errors(), Submission, skip=1)
    assert found["field"] == "timout"
    assert "'timeout'" in found["message"]


def test_words_of_the_validator_stay_inside() -> None:
    every_field: dict[str, Any] = {f.alias or n: [{}] for n, f in Submission.model_fields.items()}
    found = mistakes(Submission, every_field)
    assert len(found) == len(every_field)
    assert not [message for message in found.values() if any(words in message for words in VALIDATORS_WORDS)]


@pytest.mark.parametrize(
    ("given", "known", "words"),
    [
        ("lrr", ["lr", "epochs"], " Did you mean 'lr'?"),
        ("zebra", ["lr"], ""),
        ("LR", ["lr"], " Did you mean 'lr'?"),
    ],
)
def test_did_you_mean(given: str, known: list[str], words: str) -> None:
    assert did_you_mean(given, known) == words
