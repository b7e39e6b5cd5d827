"""What is reported of functions that return, raise, or leave without a word."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.unit.runner.harness import PYTHON, Pod, interpreters

OTHER_PYTHONS = [path for path in interpreters() if path != PYTHON]
EXIT_CODES = {"succeeded": 0, "failed": 1, "transient": 75, "timed_out": 124}


@dataclass(frozen=True)
class Case:
    """A call and its report; `error` is a pattern of the whole text."""

    function: str
    params: dict[str, Any] = field(default_factory=dict)
    outcome: str = "failed"
    reason: str | None = "Error"
    result: str | None = None
    error: str | None = None
    error_class: str | None = None
    note: str | None = None

    def __str__(self) -> str:
        return f"{self.function}({', '.join(str(value) for value in self.params.values())})"[:60]


def _returns(function: str, result: str, note: str | None = None, **params: Any) -> Case:
    return Case(function, params, "succeeded", None, result=result, note=note)


def _raises(function: str, error_class: str, error: str, **params: Any) -> Case:
    return Case(function, params, error=error, error_class=error_class)


def _refused(function: str, error_class: str, error: str, **params: Any) -> Case:
    return Case(function, params, reason="ResultNotSerializable", error=error, error_class=error_class)


def _exits(function: str, exit_code: int, **params: Any) -> Case:
    what = f"The subprocess that executes job function {function} exists with error code {exit_code}"
    text = f"RuntimeError('{what}')"
    return Case(function, params, reason="ProcessExited", error=re.escape(text))


def _no_result(function: str, **params: Any) -> Case:
    return Case(
        function, params, reason="NoResult", error=r"The process of job function .* exited with code 0 .*"
    )


SMOKE = [
    _returns("ordinary.text_of", '"\\u4f60\\u4f60"', character="\u4f60", times=2),
    _raises("failing.boom", "builtins.ValueError", r"ValueError\('boom'\)"),
    _exits("hostile.leave", 75, code=75),
    _exits("hostile.segfault", -11),
    _no_result("hostile.leave_at_once", code=0),
    _returns("hostile.close_descriptors", '"alive"', then_raise=False, note=".*"),
    _returns("hostile.fork_and_return", '"original"'),
]

TABLE = [
    *SMOKE,
    _returns("ordinary.add", "3.5", x=1, y=2.5),
    _returns("ordinary.nothing", "null"),
    _raises("failing.recursion", "builtins.RecursionError", r"RecursionError\(.*"),
    _refused("failing.nan", "builtins.ValueError", r"ValueError\('Out of range float values .*"),
    _returns("ordinary.pool", "[2, 4, 6]", method="spawn"),
    _returns("ordinary.pool", "[2, 4, 6]", method="fork"),
    _returns("ordinary.pool", "[2, 4, 6]", method="forkserver"),
    _returns(
        "ordinary.parsed",
        '{"b": [1.0, 1000.0, null], "a": "\\ud83d\\ude00"}',
        text='{"b":[1.0,1e3,null],"a":"😀"}',
    ),
    _raises("failing.bare", "builtins.RuntimeError", r"RuntimeError\(\)"),
    _raises("failing.chained", "builtins.OSError", r"OSError\('no disk'\)"),
    _raises("failing.base_exception", "failing.Beyond", r"Beyond\('beyond Exception'\)"),
    _raises("failing.cancelled", "asyncio.exceptions.CancelledError", r"CancelledError\(\)"),
    _raises("failing.no_memory", "builtins.MemoryError", r"MemoryError\(\)"),
    _raises("failing.surrogate", "builtins.FileNotFoundError", r"FileNotFoundError\(2, 'bad name'\)"),
    _raises("failing.unprintable", "failing.Unprintable", r"Unprintable\(\\udce9\\x00\\x1b\[31m\)"),
    _raises(
        "failing.speechless",
        "failing.Speechless",
        r"<failing.Speechless whose repr raised builtins.RuntimeError>",
    ),
    _raises("failing.long_class_name", r"failing.E{180,}\.\.\.", r"E{3000,}\.\.\."),
    _raises("failing.huge", "builtins.ValueError", r"ValueError\('(?s:.*)\.\.\.", size=10_000),
    _raises("failing.deep_causes", "builtins.ValueError", r"ValueError\('99'\)", depth=100),
    _raises("failing.deep_causes", "builtins.ValueError", r"ValueError\('4999'\)", depth=5000),
    _raises(
        "ordinary.add", "builtins.TypeError", r"TypeError\(.*unexpected keyword argument 'z'.*\)", x=1, z=2
    ),
    _refused(
        "failing.a_set", "builtins.TypeError", r"TypeError\('Object of type set is not JSON serializable'\)"
    ),
    _refused("failing.a_model", "builtins.TypeError", r"TypeError\('Object of type Model is not JSON .*"),
    _refused("failing.infinity", "builtins.ValueError", r"ValueError\('Out of range float values .*"),
    _refused("failing.circular", "builtins.ValueError", r"ValueError\('Circular reference detected'\)"),
    _refused("failing.nested", "builtins.RecursionError", r"RecursionError\(.*", depth=100_000),
    _refused("failing.lone_surrogate", "builtins.UnicodeEncodeError", r"UnicodeEncodeError\(.*"),
    _refused(
        "failing.hostile_value", "builtins.ZeroDivisionError", r"ZeroDivisionError\('while being walked'\)"
    ),
    _exits("hostile.leave", 1, code="with a text"),
    _exits("hostile.leave_at_once", 124, code=124),
    _exits("hostile.abort", -6),
    _exits("hostile.kill_itself", -9),
    _exits("hostile.interrupt", -2),
    _exits("hostile.become", 1, program="/bin/false"),
    _exits("hostile.forge_message", 3),
    _exits("leaves_at_import.never", 7),
    _no_result("hostile.leave", code=0),
    _no_result("hostile.leave", code=None),
    _no_result("hostile.become", program="/bin/true"),
    _raises(
        "hostile.close_descriptors", "builtins.ValueError", r".*descriptors are closed.*", then_raise=True
    ),
    _returns("hostile.reuse_descriptors", '"alive"', note=".*"),
    _returns("hostile.no_streams", '"alive"'),
    _returns("hostile.no_working_directory", '"alive"'),
    _returns("hostile.fork_and_raise", '"original"'),
    _returns("hostile.many_children", "60", count=60),
    _returns(
        "hostile.exit_badly", '"done"', note=r"The function's process exited with code 3 after its report\."
    ),
    _returns("hostile.crash_at_exit", '"done"', note=r"The function's process was killed by SIGABRT\."),
]


def _check(pod: Pod, case: Case, python: str | None = None) -> None:
    ran = pod.run(case.function, case.params, **({} if python is None else {"python": python}))
    report = ran.report
    assert len(ran.message) <= 4096
    assert (report["v"], report["outcome"], report["reason"]) == (1, case.outcome, case.reason), ran
    assert report["result"] == case.result
    assert ran.exit_code == EXIT_CODES[case.outcome]
    assert 0 < report["startedAt"] <= report["finishedAt"]
    assert set(report) == {
        *(
            "v",
            "outcome",
            "reason",
            "result",
            "error",
            "errorClass",
            "traceback",
            "note",
            "startedAt",
            "finishedAt",
        )
    }
    _matches(case.error, report["error"])
    if case.error_class is not None:
        _matches(case.error_class, report["errorClass"])
    if case.note is not None:
        _matches(case.note, report["note"] or "")


def _matches(pattern: str | None, text: str | None) -> None:
    if pattern is None:
        assert text is None
    else:
        assert text is not None
        assert re.fullmatch(pattern, text), text


@pytest.mark.parametrize("case", TABLE, ids=str)
def test_every_end_has_its_report(pod: Pod, case: Case) -> None:
    _check(pod, case)


@pytest.mark.parametrize("python", OTHER_PYTHONS, ids=lambda path: path)
@pytest.mark.parametrize("case", SMOKE, ids=str)
def test_every_python_reports_alike(pod: Pod, case: Case, python: str) -> None:
    _check(pod, case, python)


def test_streams_of_the_job_are_untouched(pod: Pod) -> None:
    ran = pod.run("ordinary.nothing")
    assert (ran.stdout, ran.stderr) == ("out\n", "err\n")


def test_traceback_begins_at_the_jobs_own_code_and_is_in_the_log(pod: Pod) -> None:
    ran = pod.run("failing.boom")
    first, frame, *_, last = ran["traceback"].splitlines()
    assert first == "Traceback (most recent call last):"
    assert frame.endswith("in boom")
    assert last == "ValueError: boom"
    assert ran.stderr == ran["traceback"]


def test_traceback_tells_of_the_cause(pod: Pod) -> None:
    assert (
        "KeyError: 'NO_SUCH_KEY'\n\nThe above exception was the direct cause"
        in pod.run("failing.chained")["traceback"]
    )


@pytest.mark.parametrize(
    ("function", "error", "error_class"),
    [
        ("add", "Invalid function fullname format: add", None),
        (".add", "Invalid function fullname format: .add", None),
        ("ordinary.", "Invalid function fullname format: ordinary.", None),
        (
            "no.such.module.f",
            "Module not found for function 'no.such.module.f'",
            "builtins.ModuleNotFoundError",
        ),
        (
            "ordinary.none.f",
            "Module not found for function 'ordinary.none.f'",
            "builtins.ModuleNotFoundError",
        ),
        ("ordinary.none", "Function not found in module for 'ordinary.none'", "builtins.AttributeError"),
        ("ordinary.json", "Function not found in module for 'ordinary.json': it is a module", None),
        ("módulo.f", "Module not found for function 'módulo.f'", "builtins.ModuleNotFoundError"),
        (
            "needs_missing.never",
            (
                "Module not found for function 'needs_missing.never': 'needs_missing' needs a module that is "
                "not there: ModuleNotFoundError(\"No module named 'a_package_that_is_not_there'\")"
            ),
            "builtins.ModuleNotFoundError",
        ),
        (
            "breaks_at_import.never",
            (
                "Module cannot be imported for function 'breaks_at_import.never': "
                "AttributeError(\"module 'os' has no attribute 'there_is_no_such_function'\")"
            ),
            "builtins.AttributeError",
        ),
    ],
)
def test_function_that_cannot_be_loaded_names_the_cause(
    pod: Pod, function: str, error: str, error_class: str | None
) -> None:
    report = pod.run(function).report
    assert (report["outcome"], report["reason"]) == ("failed", "LoadFailed")
    assert (report["error"], report["errorClass"]) == (error, error_class)


def test_syntax_error_shows_its_place(pod: Pod, tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("def f(:\n    pass\n")
    report = pod.run("broken.f", sources=tmp_path).report
    assert (report["reason"], report["errorClass"]) == ("LoadFailed", "builtins.SyntaxError")
    assert "broken.py" in report["traceback"]
    assert "def f(:" in report["traceback"]


@pytest.mark.parametrize(("times", "outcome"), [(2998, "succeeded"), (2999, "failed")])
def test_result_may_be_as_long_as_the_limit_and_not_longer(pod: Pod, times: int, outcome: str) -> None:
    ran = pod.run("ordinary.text_of", {"character": "x", "times": times})
    assert ran["outcome"] == outcome
    if outcome == "failed":
        assert ran["reason"] == "ResultTooLarge"
        assert ran["error"].startswith("The result is 3001 bytes of JSON; the limit is 3000 bytes.")
        assert "return their URI" in ran["error"]


def test_result_whose_escapes_do_not_fit_the_report_is_not_cut(pod: Pod) -> None:
    ran = pod.run("ordinary.text_of", {"character": '"', "times": 1400})
    assert (ran["outcome"], ran["reason"], ran["result"], ran.exit_code) == (
        "failed",
        "ResultTooLarge",
        None,
        1,
    )
    assert re.match(
        r"The result is 2802 bytes of JSON, and with its quotes and backslashes escaped", ran["error"]
    )


def test_limits_come_from_the_container(pod: Pod) -> None:
    env = {"MLJOB_RESULT_LIMIT_BYTES": "10", "MLJOB_REPORT_LIMIT_BYTES": "1024"}
    assert pod.run("ordinary.text_of", {"character": "x", "times": 8}, env=env)["outcome"] == "succeeded"
    assert pod.run("ordinary.text_of", {"character": "x", "times": 9}, env=env)["reason"] == "ResultTooLarge"
    assert len(pod.run("failing.huge", {"size": 1000}, env=env).message) <= 1024


def test_unusable_setting_is_reported_by_name(pod: Pod) -> None:
    ran = pod.run("ordinary.nothing", env={"MLJOB_TIMEOUT_SECONDS": "soon"})
    assert (ran.exit_code, ran["outcome"], ran["reason"]) == (1, "failed", "RunnerError")
    assert ran["error"] == "MLJOB_TIMEOUT_SECONDS is 'soon'; expected a number of seconds, greater than 0"


def test_report_that_cannot_be_written_leaves_the_exit_code(pod: Pod) -> None:
    ran = pod.run("failing.boom", env={"MLJOB_TERMINATION_LOG": "/no/such/folder/log"})
    assert (ran.exit_code, ran.message) == (1, b"")
    assert "mljob: cannot write the report to /no/such/folder/log" in ran.stderr
