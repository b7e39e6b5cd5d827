"""The report fits a termination message, whatever the job has said."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mljob.runner.pod.report import Report, Span, escaped_size, fit, head, printable, tail

SPAN = Span(1_700_000_000.1234, 1_700_000_001.5)

# Every code point, surrogates and NUL among them; short, or long by repetition.
texts = st.builds(
    lambda piece, times: piece * times,
    st.text(st.characters(exclude_categories=())),
    st.sampled_from([1, 1, 100, 3000]),
)
maybe = st.none() | texts


def _fitted(report: Report, limit: int = 4096) -> tuple[Report, dict[str, Any]]:
    fitted, text = fit(report, SPAN, limit)
    assert len(text) <= limit
    read = json.loads(text.decode("utf-8"))
    assert isinstance(read, dict)
    return fitted, read


@settings(deadline=None, max_examples=80)
@given(
    outcome=st.sampled_from(["failed", "transient", "timed_out"]),
    reason=st.none() | st.sampled_from(["Error", "LoadFailed"]),
    error=maybe,
    error_class=maybe,
    traceback=maybe,
    note=maybe,
    limit=st.sampled_from([1024, 3072, 4096]),
)
def test_any_failure_fits(
    outcome: str,
    reason: str | None,
    error: str | None,
    error_class: str | None,
    traceback: str | None,
    note: str | None,
    limit: int,
) -> None:
    given_report = Report(
        outcome, reason, error=error, error_class=error_class, traceback=traceback, note=note
    )
    fitted, read = _fitted(given_report, limit)
    assert (read["outcome"], read["reason"]) == (fitted.outcome, fitted.reason) == (outcome, reason)
    for field in ("error", "traceback", "note"):
        text = read[field] or ""
        assert "\x00" not in text
        assert not any("\ud800" <= character <= "\udfff" for character in text)


@settings(deadline=None, max_examples=80)
@given(value=st.recursive(st.none() | st.integers() | texts, st.lists), note=maybe)
def test_any_result_is_whole_or_refused(value: Any, note: str | None) -> None:
    result = json.dumps(value)
    fitted, read = _fitted(Report("succeeded", result=result, note=note))
    if fitted.outcome == "succeeded":
        assert read["result"] == result
    else:
        assert (read["outcome"], read["reason"], read["result"]) == ("failed", "ResultTooLarge", None)
        assert f"{len(result)} bytes" in read["error"]
        assert len(result) > 1000


@settings(deadline=None, max_examples=80)
@given(text=texts.map(printable), limit=st.integers(0, 300))
def test_cut_texts_keep_their_end_and_their_bound(text: str, limit: int) -> None:
    first, last = head(text, limit), tail(text, limit)
    for cut in (first, last):
        assert escaped_size(cut) <= limit
        assert escaped_size(cut) == len(json.dumps(cut, ensure_ascii=False).encode()) - 2
    assert text.startswith(first.removesuffix("...")) or first == text
    assert text.endswith(last.removeprefix("...")) or last == text


def test_traceback_is_cut_before_the_error() -> None:
    error, traceback = "E" * 3000, "\n".join(f"line {number}" for number in range(1000))
    fitted, read = _fitted(Report("failed", "Error", error=error, traceback=traceback))
    assert read["error"] == error
    assert read["traceback"].startswith("...")
    assert traceback.endswith(read["traceback"][3:])
    assert fitted.traceback == read["traceback"]


def test_error_is_cut_when_nothing_is_left_of_the_traceback() -> None:
    _, read = _fitted(Report("failed", "Error", error="E" * 9000, traceback="T" * 9000))
    assert read["traceback"] is None
    assert read["error"].endswith("E...")
    assert len(read["error"]) > 3500


def test_the_message_is_used_to_its_last_byte() -> None:
    _, text = fit(Report("failed", "Error", error="short", traceback="T" * 9000), SPAN, 4096)
    assert len(text) == 4096


def test_note_gives_way_to_the_result() -> None:
    result = json.dumps("x" * 3800)
    _, read = _fitted(Report("succeeded", result=result, note="n" * 300))
    assert (read["result"], read["note"]) == (result, None)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\tb\nc é 😀", "a\tb\nc é 😀"),
        ("\x00\x1b[31m\r\x85", "\\x00\\x1b[31m\\x0d\\x85"),
        ("\ud800x", "\\ud800x"),
    ],
)
def test_control_characters_and_surrogates_are_shown_as_escapes(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_message_cut_by_the_kubelet_still_tells_how_it_ended() -> None:
    """With many containers in a pod each keeps 12 KiB divided by their number."""
    _, text = fit(Report("failed", "Error", error="e" * 100, traceback="T" * 9000), SPAN, 4096)
    assert (
        text[:1024]
        .decode()
        .startswith(
            '{"v":1,"outcome":"failed","reason":"Error","startedAt":1700000000.123,"finishedAt":1700000001.5,'
            '"errorClass":null,"note":null,"error":"eee'
        )
    )
