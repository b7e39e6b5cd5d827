"""The report of an attempt: its fields, and how it is made to fit a termination message.

Decides what is cut and in which order; knows nothing of processes or of the function.
"""

from __future__ import annotations

import json
from typing import NamedTuple

VERSION = 1

SUCCEEDED = "succeeded"
FAILED = "failed"
TRANSIENT = "transient"
TIMED_OUT = "timed_out"

EXIT_CODES = {SUCCEEDED: 0, FAILED: 1, TRANSIENT: 75, TIMED_OUT: 124}

NOTE_LIMIT_BYTES = 400
ERROR_CLASS_LIMIT_BYTES = 200
CUT = "..."

_SHORT_ESCAPES = frozenset('"\\\n\t')


class Report(NamedTuple):
    """How the attempt ended. `result` is JSON text; `error_class` is `module.Class`."""

    outcome: str
    reason: str | None = None
    result: str | None = None
    error: str | None = None
    error_class: str | None = None
    traceback: str | None = None
    note: str | None = None


class Span(NamedTuple):
    """When the runner started and finished, in unix seconds."""

    started_at: float
    finished_at: float


def fit(report: Report, span: Span, limit_bytes: int) -> tuple[Report, bytes]:
    """The report and its text of at most `limit_bytes`: the traceback is cut first, then the error.

    A result is never cut. One that does not fit once its quotes and backslashes are escaped makes the
    report a failure, so read the outcome from the report that is returned.
    """
    report = _bounded(report)
    text = _encode(report, span)
    if len(text) <= limit_bytes:
        return report, text
    if report.result is not None:
        without_note = report._replace(note=None)
        text = _encode(without_note, span)
        if len(text) <= limit_bytes:
            return without_note, text
        report = _result_does_not_fit(report.result, len(text), limit_bytes)
    # A text replaces a null of 4 bytes by itself and two quotes.
    room = limit_bytes - len(_encode(report._replace(error=None, traceback=None), span)) + 2
    error = head(report.error or "", room)
    room -= escaped_size(error) - (2 if error else 0)
    traceback = tail(report.traceback or "", room)
    report = report._replace(error=error or None, traceback=traceback or None)
    return report, _encode(report, span)


def result_too_large(size_bytes: int, limit_bytes: int) -> Report:
    return Report(
        FAILED,
        "ResultTooLarge",
        error=f"The result is {size_bytes} bytes of JSON; the limit is {limit_bytes} bytes. {_ADVICE}",
    )


_ADVICE = "Write large results to an object store or a shared volume and return their URI."


def _result_does_not_fit(result: str, report_bytes: int, limit_bytes: int) -> Report:
    error = (
        f"The result is {len(result.encode())} bytes of JSON, and with its quotes and backslashes escaped "
        f"the report is {report_bytes} bytes; the limit is {limit_bytes} bytes. {_ADVICE}"
    )
    return Report(FAILED, "ResultTooLarge", error=error)


def _bounded(report: Report) -> Report:
    return report._replace(
        error=report.error and printable(report.error),
        error_class=report.error_class and head(printable(report.error_class), ERROR_CLASS_LIMIT_BYTES),
        traceback=report.traceback and printable(report.traceback),
        note=report.note and head(printable(report.note), NOTE_LIMIT_BYTES),
    )


def _encode(report: Report, span: Span) -> bytes:
    """The long texts come last: were a kubelet to cut the message, what is left still says how it ended."""
    envelope = {
        "v": VERSION,
        "outcome": report.outcome,
        "reason": report.reason,
        "startedAt": round(span.started_at, 3),
        "finishedAt": round(span.finished_at, 3),
        "errorClass": report.error_class,
        "note": report.note,
        "error": report.error,
        "result": report.result,
        "traceback": report.traceback,
    }
    return json.dumps(envelope, ensure_ascii=False, separators=(",", ":")).encode()


def printable(text: str) -> str:
    """Lone surrogates and control characters as escapes: UTF-8 refuses the one, PostgreSQL and terminals
    the other (a NUL would lose the row)."""
    text = text.encode("utf-8", "backslashreplace").decode()
    if text.isprintable():
        return text
    return "".join(c if c in "\n\t" or not _is_control(c) else f"\\x{ord(c):02x}" for c in text)


def _is_control(character: str) -> bool:
    return character < " " or "\x7f" <= character < "\xa0"


def escaped_size(text: str) -> int:
    """Bytes of a printable text inside a JSON string, the enclosing quotes aside."""
    return sum(map(_escaped_size, text))


def _escaped_size(character: str) -> int:
    return 2 if character in _SHORT_ESCAPES else len(character.encode())


def head(text: str, limit_bytes: int) -> str:
    """The beginning of a printable text, of at most `limit_bytes` once escaped."""
    if escaped_size(text) <= limit_bytes:
        return text
    kept = _prefix_length(text, limit_bytes - len(CUT))
    return text[:kept] + CUT if limit_bytes >= len(CUT) else ""


def tail(text: str, limit_bytes: int) -> str:
    """The end of a printable text, of at most `limit_bytes` once escaped."""
    if escaped_size(text) <= limit_bytes:
        return text
    kept = _prefix_length(text[::-1], limit_bytes - len(CUT))
    return CUT + text[len(text) - kept :] if limit_bytes >= len(CUT) and kept else ""


def _prefix_length(text: str, limit_bytes: int) -> int:
    size = 0
    for index, character in enumerate(text):
        size += _escaped_size(character)
        if size > limit_bytes:
            return index
    return len(text)
