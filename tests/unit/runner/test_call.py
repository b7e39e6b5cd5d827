"""What the function's process makes of one call, without the process."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from mljob.runner.pod.call import call, import_path
from mljob.runner.pod.settings import Settings

from tests.unit.runner.harness import JOBS


@pytest.fixture(autouse=True)
def jobs_can_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(JOBS)


def _settings(tmp_path: Path, function: str, params: dict[str, Any], *transient: str) -> Settings:
    params_file = tmp_path / "params.json"
    params_file.write_text(json.dumps(params))
    return Settings(function, str(params_file), "unused", None, 30, 3000, 4096, transient, None)


@pytest.mark.parametrize(
    ("function", "params", "outcome", "reason"),
    [
        ("ordinary.add", {"x": 1}, "succeeded", None),
        ("ordinary.add", {}, "failed", "MissingParams"),
        ("ordinary.none", {}, "failed", "LoadFailed"),
        ("no_such_module.f", {}, "failed", "LoadFailed"),
        ("needs_missing.f", {}, "failed", "LoadFailed"),
        ("breaks_at_import.f", {}, "failed", "LoadFailed"),
        ("failing.boom", {}, "transient", "Error"),
        ("failing.base_exception", {}, "failed", "Error"),
        ("failing.speechless", {}, "failed", "Error"),
        ("failing.deep_causes", {"depth": 3}, "transient", "Error"),
        ("failing.a_set", {}, "failed", "ResultNotSerializable"),
        ("failing.lone_surrogate", {}, "failed", "ResultNotSerializable"),
        ("ordinary.text_of", {"character": "x", "times": 3000}, "failed", "ResultTooLarge"),
    ],
)
def test_every_call_has_its_report(
    tmp_path: Path, function: str, params: dict[str, Any], outcome: str, reason: str | None
) -> None:
    report = call(_settings(tmp_path, function, params, "ValueError"))
    assert (report.outcome, report.reason) == (outcome, reason)


@pytest.mark.parametrize("function", ["leaves_at_import.f", "hostile.interrupt"])
def test_what_ends_a_program_ends_the_process(tmp_path: Path, function: str) -> None:
    with pytest.raises((SystemExit, KeyboardInterrupt)):
        call(_settings(tmp_path, function, {}))


def test_error_is_printed_as_without_a_runner(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = call(_settings(tmp_path, "failing.boom", {"text": "shown"}))
    assert capsys.readouterr().err == report.traceback
    assert "call.py" not in (report.traceback or "")


def test_closed_log_does_not_change_the_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / "log").open("w") as closed:
        pass
    monkeypatch.setattr(sys, "stderr", closed)
    assert call(_settings(tmp_path, "failing.boom", {})).error == "ValueError('boom')"


@pytest.mark.parametrize(
    ("source_dir", "working_directory", "path"),
    [
        ("/src", "/work", ["/src", "/work", "/lib", "/runner/shim"]),
        (None, "/work", ["/work", "/lib", "/runner/shim"]),
        (None, None, ["/lib", "/runner/shim"]),
    ],
)
def test_import_path_hides_the_runner_and_puts_its_mljob_last(
    source_dir: str | None, working_directory: str | None, path: list[str]
) -> None:
    assert import_path(["/runner", "/lib"], "/runner", source_dir, working_directory) == path
