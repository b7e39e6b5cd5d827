"""The installation's configuration: usable without a word, and exact about what is wrong."""

import json
from typing import Any

import pytest
from mljob.core.config import ConfigError, OperatorConfig, choose_version, parse_config, sorted_versions

DEFAULTS = {
    "pythonImages": {"3.11": "mljob.dev/python:3.11"},
    "defaultPythonVersion": "3.11",
    "limits": {"total": None, "perNamespace": None},
    "retry": {"maxRetries": 3, "baseDelaySeconds": 15, "maxDelaySeconds": 60, "disruptionLimit": 5},
    "ttlSecondsAfterFinished": 86400,
    "ttlSecondsAfterFailed": 604800,
    "startDeadlineSeconds": 3600,
    "security": {"runAsUser": 65532, "runAsGroup": 65532, "fsGroup": 65532},
    "inlineDefinitions": True,
    "apiUrl": None,
    "imagePullPolicy": "IfNotPresent",
    "terminationGracePeriodSeconds": 30,
}


def test_every_default_is_present_and_reads_back() -> None:
    config = OperatorConfig()
    assert json.loads(config.model_dump_json(by_alias=True)) == DEFAULTS
    assert parse_config(DEFAULTS) == config == parse_config({})


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"retries": {}}, "retries"),
        ({"retry": {"maxRetries": -1}}, "retry.maxRetries"),
        ({"retry": {"maxRetries": 2.5}}, "retry.maxRetries"),
        ({"retry": {"baseDelaySeconds": 90}}, "retry"),
        ({"limits": {"total": -1}}, "limits.total"),
        ({"limits": {"perNamespace": "4"}}, "limits.perNamespace"),
        ({"pythonImages": {}}, "pythonImages"),
        ({"pythonImages": {"2.7": "image"}}, "pythonImages"),
        ({"pythonImages": {"3.11": "two words"}}, "pythonImages"),
        ({"defaultPythonVersion": "3.12"}, "defaultPythonVersion"),
        ({"security": {"runAsUser": 0}}, "security.runAsUser"),
        ({"startDeadlineSeconds": 0}, "startDeadlineSeconds"),
        ({"ttlSecondsAfterFailed": 315_360_001}, "ttlSecondsAfterFailed"),
        ({"imagePullPolicy": "Sometimes"}, "imagePullPolicy"),
        ({"apiUrl": "mljob:8080"}, "apiUrl"),
        ({"apiUrl": "http://$(HOST)"}, "apiUrl"),
        ({"terminationGracePeriodSeconds": None}, "terminationGracePeriodSeconds"),
    ],
)
def test_a_mistake_names_its_field(values: dict[str, Any], field: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(values)
    lines = str(caught.value).splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("config: ")
    assert field in lines[0]


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config({"retries": {}, "limits": {"total": -1}, "apiUrl": 8080})
    assert len(str(caught.value).splitlines()) == 3


def test_zero_slots_and_ids_left_to_the_cluster_are_configurable() -> None:
    config = parse_config({"limits": {"total": 0}, "security": {"runAsUser": None}})
    assert config.limits.total == 0
    assert config.security.run_as_user is None


@pytest.mark.parametrize(
    ("wanted", "available", "chosen"),
    [
        ("3.11", ["3.11"], "3.11"),
        ("3.11", ["3.11.2", "3.11.10", "3.11.9"], "3.11.10"),
        ("3.11", ["3.11", "3.11.9"], "3.11"),
        ("3.11.9", ["3.11.9", "3.11.10"], "3.11.9"),
        ("3.11.9", ["3.11"], None),
        ("3.1", ["3.11"], None),
        ("3.12", ["3.11", "3.13"], None),
    ],
)
def test_a_version_matches_by_prefix_or_exactly(
    wanted: str, available: list[str], chosen: str | None
) -> None:
    assert choose_version(wanted, dict.fromkeys(available, "image")) == chosen


def test_versions_are_ordered_as_numbers() -> None:
    assert sorted_versions(["3.10", "3.9", "3.9.10", "3.9.2"]) == ["3.9", "3.9.2", "3.9.10", "3.10"]
