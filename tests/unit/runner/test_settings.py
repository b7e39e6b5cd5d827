"""What the container's variables may say."""

from __future__ import annotations

import pytest
from mljob.runner.pod.settings import InvalidSetting, read_settings


def test_defaults() -> None:
    found = read_settings({"MLJOB_FUNCTION": "a.b"})
    assert found.params_file == "/opt/mljob/params/params.json"
    assert found.termination_log == "/dev/termination-log"
    assert (found.timeout_seconds, found.grace_seconds) == (None, 30)
    assert (found.result_limit_bytes, found.report_limit_bytes) == (3000, 4096)
    assert (found.transient_errors, found.source_dir) == ((), None)


def test_all_that_can_be_set() -> None:
    found = read_settings(
        {
            "MLJOB_FUNCTION": "a.b",
            "MLJOB_PARAMS_FILE": "/p",
            "MLJOB_TERMINATION_LOG": "/t",
            "MLJOB_TIMEOUT_SECONDS": "315360000",
            "MLJOB_GRACE_SECONDS": "0",
            "MLJOB_RESULT_LIMIT_BYTES": "0",
            "MLJOB_REPORT_LIMIT_BYTES": "3072",
            "MLJOB_TRANSIENT_ERRORS": '["a.B", "OSError"]',
            "MLJOB_SOURCE_DIR": "/s",
        }
    )
    assert found == ("a.b", "/p", "/t", 315360000.0, 0.0, 0, 3072, ("a.B", "OSError"), "/s")


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("MLJOB_TIMEOUT_SECONDS", ["soon", "0", "-1", "nan", "inf", "1e400"]),
        ("MLJOB_GRACE_SECONDS", ["-1", "nan", "x"]),
        ("MLJOB_RESULT_LIMIT_BYTES", ["-1", "1.5", "x", "٣"]),
        ("MLJOB_REPORT_LIMIT_BYTES", ["1023", "4097"]),
        ("MLJOB_TRANSIENT_ERRORS", ["x", "{}", '"a.B"', "[1]", '[""]']),
    ],
)
def test_what_cannot_be_used_is_named(name: str, values: list[str]) -> None:
    for value in values:
        with pytest.raises(InvalidSetting, match=rf"^{name} is .*; expected") as caught:
            read_settings({"MLJOB_FUNCTION": "a.b", name: value})
        assert repr(value) in str(caught.value)


def test_empty_variables_count_as_absent() -> None:
    names = ("MLJOB_TIMEOUT_SECONDS", "MLJOB_GRACE_SECONDS", "MLJOB_TRANSIENT_ERRORS", "MLJOB_SOURCE_DIR")
    assert read_settings({"MLJOB_FUNCTION": "f.g", **dict.fromkeys(names, "")}).timeout_seconds is None


def test_function_has_to_be_given() -> None:
    with pytest.raises(InvalidSetting, match="MLJOB_FUNCTION is not set"):
        read_settings({})
