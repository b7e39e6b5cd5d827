"""Which errors are transient, by identity of their class, and what is said of odd ones."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from mljob.runner.pod.failure import error_text, raised, returned, traceback_text
from mljob.runner.pod.report import Report


class Flaky(Exception):
    class Inner(Exception):
        pass


class VeryFlaky(Flaky):
    pass


HERE = Flaky.__module__


@pytest.mark.parametrize(
    ("error", "names", "outcome"),
    [
        (OSError("x"), ["OSError"], "transient"),
        (OSError("x"), ["builtins.OSError"], "transient"),
        (OSError("x"), ["IOError"], "transient"),  # an alias is the same class
        (OSError("x"), ["socket.error"], "transient"),
        (ConnectionError("x"), ["OSError"], "failed"),  # a subclass is not
        (Flaky(), [f"{HERE}.Flaky"], "transient"),
        (VeryFlaky(), [f"{HERE}.Flaky"], "failed"),
        (Flaky.Inner(), [f"{HERE}.Flaky.Inner"], "transient"),
        (Flaky(), ["ValueError", f"{HERE}.Flaky"], "transient"),
        (Flaky(), [], "failed"),
    ],
)
def test_declared_classes_are_compared_by_identity(
    error: Exception, names: list[str], outcome: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, HERE, sys.modules[__name__])
    report = raised(error, names)
    assert (report.outcome, report.reason, report.error, report.note) == (outcome, "Error", repr(error), None)


@pytest.mark.parametrize(
    "name",
    ["no.such.module.Error", "NoSuchBuiltin", "os.NoSuchError", "os.path.join.Error", "..", "broken_here.E"],
)
def test_names_that_cannot_be_imported_are_noted(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_here.py").write_text("1 / 0\n")
    monkeypatch.syspath_prepend(tmp_path)
    report = raised(ValueError(), [name])
    assert report.outcome == "failed"
    assert (report.note or "").startswith(
        f"Transient errors compared by name, for they cannot be imported: {name} ("
    )


def test_a_name_that_cannot_be_imported_matches_by_name() -> None:
    error = type("Gone", (Exception,), {"__module__": "gone.away"})()
    report = raised(error, ["gone.away.Gone"])
    assert report.outcome == "transient"
    assert "gone.away.Gone (ModuleNotFoundError" in (report.note or "")


def test_dependency_that_breaks_an_import_is_told_from_an_absent_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "needy.py").write_text("import absent_dependency\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert "absent_dependency" in (raised(ValueError(), ["needy.Error"]).note or "")


def test_without_mljob_nothing_is_a_transient_error(monkeypatch: pytest.MonkeyPatch) -> None:
    class TransientError(Exception):
        pass

    monkeypatch.delitem(sys.modules, "mljob", raising=False)
    assert raised(TransientError(), []).outcome == "failed"


def test_error_texts_are_cut_before_they_are_sent() -> None:
    assert len(error_text(ValueError("x" * 100_000))) == 16_384
    assert len(raised(ValueError("x" * 100_000), []).traceback or "") == 16_384


def test_traceback_without_frames_is_its_last_line() -> None:
    assert traceback_text(ValueError("x")) == "ValueError: x\n"


@pytest.mark.parametrize("value", [None, True, 1, 1.5, "é", [1, {"a": None}], {1: 2}])
def test_values_that_json_carries_are_returned(value: object) -> None:
    report = returned(value, 3000)
    assert (report.outcome, report.error) == ("succeeded", None)


def test_limit_is_checked_on_the_text() -> None:
    assert returned("x" * 8, 10) == Report("succeeded", result=f'"{"x" * 8}"')
    assert returned("é" * 2, 10).reason == "ResultTooLarge"
