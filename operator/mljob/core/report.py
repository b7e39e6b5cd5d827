"""The runner's report: what the container's termination message says, read with suspicion.

A job's own code can write anything there. What is not exactly a report is no report.
"""

import json
import re
from dataclasses import dataclass

REPORT_VERSION = 1
OUTCOMES = frozenset({"succeeded", "failed", "transient", "timed_out"})
_REASON = re.compile(r"[A-Z][A-Za-z0-9]{0,62}")


@dataclass(frozen=True, slots=True)
class Report:
    """The runner's envelope. `result` is JSON text, exactly as the job's value was written."""

    outcome: str
    reason: str | None = None
    result: str | None = None
    error: str | None = None
    traceback: str | None = None
    note: str | None = None


def parse_report(text: str | None) -> Report | None:
    """The report in a termination message, or None when there is none."""
    try:
        found = json.loads(text or "")
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or found.get("v") != REPORT_VERSION:
        return None
    outcome = found.get("outcome")
    if not isinstance(outcome, str) or outcome not in OUTCOMES:
        return None

    def text_of(key: str) -> str | None:
        value = found.get(key)
        return printable(value) if isinstance(value, str) else None

    reason, result = text_of("reason"), text_of("result")
    if outcome == "succeeded" and not is_json(result):
        return None
    if reason is not None and _REASON.fullmatch(reason) is None:
        reason = None
    return Report(outcome, reason, result, text_of("error"), text_of("traceback"), text_of("note"))


def printable(text: str) -> str:
    """A lone surrogate becomes its escape: no request could carry it, and the job would never be settled.

    In the text of a JSON value the escape stands for the same character.
    """
    return text.encode("utf-8", "backslashreplace").decode()


def is_json(text: str | None) -> bool:
    """Whether the text is one JSON value by the standard: NaN and Infinity are not."""

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    try:
        json.loads(text or "", parse_constant=refuse)
    except (ValueError, RecursionError):
        return False
    return True
