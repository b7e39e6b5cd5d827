"""The way of the report from the function's process to the supervisor: a file without a name.

It survives a function that closes every descriptor (it is reopened through the supervisor's /proc entry),
that fills the disk (it lies in memory), and that is killed half-way (half a report is no report).
"""

from __future__ import annotations

import json
import os

from .report import FAILED, SUCCEEDED, TRANSIENT, Report

# Far more than `call` sends; what is larger it has not sent.
MAX_REPORT_BYTES = 4 << 20
OUTCOMES = (SUCCEEDED, FAILED, TRANSIENT)


class Channel:
    """The supervisor's end."""

    def __init__(self) -> None:
        self.descriptor = _anonymous_file()
        os.set_inheritable(self.descriptor, True)

    def read(self) -> Report | None:
        """The report, or None as long as there is no complete one. The function may have written anything."""
        size = os.fstat(self.descriptor).st_size
        if size > MAX_REPORT_BYTES:
            return None
        try:
            report = Report(**json.loads(os.pread(self.descriptor, size, 0)))
        except (ValueError, TypeError, RecursionError):
            return None
        if report.outcome not in OUTCOMES or not all(
            text is None or isinstance(text, str) for text in report
        ):
            return None
        return report


def _anonymous_file() -> int:
    try:
        return os.memfd_create("mljob-report")
    except OSError:  # a sandboxed kernel may lack it
        import tempfile  # seldom needed, and a third of the supervisor's start

        with tempfile.TemporaryFile() as file:
            return os.dup(file.fileno())


class Sender:
    """The end of the function's process; made before the function can do harm."""

    def __init__(self, descriptor: int) -> None:
        os.set_inheritable(descriptor, False)
        self._descriptor = descriptor
        self._path = f"/proc/{os.getppid()}/fd/{descriptor}"
        self._identity = _identity(descriptor)

    def send(self, report: Report) -> None:
        """Raises OSError when the function has made every way to the supervisor impossible."""
        data = json.dumps(report._asdict()).encode()
        descriptor = self._way()
        os.ftruncate(descriptor, 0)
        written = 0
        while written < len(data):
            written += os.pwrite(descriptor, data[written:], written)

    def _way(self) -> int:
        """A descriptor of the channel: reopened through the supervisor's entry, else our own."""
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CLOEXEC)
        except OSError:  # no /proc here, or other credentials than at the start
            descriptor = self._descriptor
        # A number may by now stand for another file, of the function's own or of whoever the parent is.
        for way in (descriptor, self._descriptor):
            if _identity(way) == self._identity:
                return way
        raise OSError("the way to the supervisor is closed")


def _identity(descriptor: int) -> tuple[int, int]:
    status = os.fstat(descriptor)
    return status.st_dev, status.st_ino
