"""What a function finds around it: streams, path, params, and a supervisor that keeps apart."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.unit.runner.harness import Pod


def test_function_finds_the_surroundings_of_an_ordinary_program(pod: Pod) -> None:
    assert pod.run("ordinary.surroundings")["result"] == (
        '{"argv": 1, "blocked": 0, "sigterm": true, "sigint": true, "leads_session": true, '
        '"sources_first": true, "then_working_directory": true, "shim_last": true, "site": true, '
        '"open_descriptors": [0, 1, 2]}'
    )


def test_modules_of_the_working_directory_can_be_imported(pod: Pod) -> None:
    (pod.folder / "beside_the_job.py").write_text("NAME = 'found'\n")
    assert pod.run("ordinary.from_working_directory")["result"] == '"found"'
    assert pod.run("ordinary.from_working_directory", env={"PYTHONSAFEPATH": "1"})["outcome"] == "failed"


@pytest.mark.parametrize(
    ("text", "reprs"),
    [
        ('{"a": 1.0, "b": 1e3, "c": null}', {"a": "1.0", "b": "1000.0", "c": "None"}),
        ('{"a": 123456789012345678901234567890}', {"a": "123456789012345678901234567890"}),
        ('{"a": 0.1, "b": 1E-400, "c": -0.0}', {"a": "0.1", "b": "0.0", "c": "-0.0"}),
        ('{"b": "é\\u00e9\\ud83d\\ude00 $(HOME) %s", "a": true}', {"b": "'éé😀 $(HOME) %s'", "a": "True"}),
        ('  {"a": {"z": [], "y": {}}}\n', {"a": "{'z': [], 'y': {}}"}),
        ("{}", {}),
    ],
)
def test_params_are_read_from_their_exact_text(pod: Pod, text: str, reprs: dict[str, str]) -> None:
    ran = pod.run("ordinary.reprs", text)
    result = ran["result"]
    assert ran["outcome"] == "succeeded"
    assert json.loads(result) == reprs
    assert list(json.loads(result)) == list(reprs)


@pytest.mark.parametrize("text", ["", "[]", "null", "{", '{"a": NaN}', '{"a": Infinity}', "'a'"])
def test_params_that_are_not_an_object_name_the_file(pod: Pod, text: str) -> None:
    ran = pod.run("ordinary.reprs", text)
    assert (ran["reason"], ran.exit_code) == ("InvalidParams", 1)
    assert str(pod.folder / "params.json") in ran["error"]


def test_missing_params_name_what_is_expected(pod: Pod) -> None:
    ran = pod.run("ordinary.variadic", {"x": 1})
    assert ran["reason"] == "MissingParams"
    assert ran["error"] == (
        "Missing required parameters for function 'variadic': ['key']. "
        "Expected parameters: ['x', 'args', 'key', 'kwargs']"
    )


def test_supervisor_has_no_thread_of_an_agent_that_starts_one_in_every_interpreter(
    pod: Pod, tmp_path: Path
) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(
        "import threading, time\nthreading.Thread(target=time.sleep, args=(600,), daemon=True).start()\n"
    )
    ran = pod.run("ordinary.supervisor", env={"PYTHONPATH": str(site)})
    assert ran["result"] == '{"threads": 1, "isolated": true}'


def test_interpreter_that_needs_its_environment_supervises_with_it(pod: Pod) -> None:
    ran = pod.run("ordinary.supervisor", env={"PYTHONHOME": sys.base_prefix})
    assert ran["result"] == '{"threads": 1, "isolated": false}'


def test_streams_that_something_has_wrapped_are_left_alone(pod: Pod, tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text("import sys\nsys.stdout = None\nsys.stderr = object()\n")
    assert pod.run("ordinary.add", {"x": 1}, env={"PYTHONPATH": str(site)})["result"] == "2"


def test_locale_without_utf8_is_no_obstacle(pod: Pod) -> None:
    ran = pod.run("módulo.f", env={"LC_ALL": "C", "LANG": "C"})
    assert ran["error"] == "Module not found for function 'módulo.f'"
