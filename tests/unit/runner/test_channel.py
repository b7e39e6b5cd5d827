"""The report's way between the processes; this process plays both ends."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from mljob.runner.pod.channel import MAX_REPORT_BYTES, Channel, Sender
from mljob.runner.pod.report import Report

REPORT = Report("failed", "Error", error="caf\udce9 \x00", note="n")


@pytest.fixture
def channel() -> Iterator[Channel]:
    channel = Channel()
    yield channel
    os.close(channel.descriptor)


def test_nothing_is_read_before_it_is_sent(channel: Channel) -> None:
    assert channel.read() is None


def test_report_arrives_whole(channel: Channel) -> None:
    Sender(channel.descriptor).send(REPORT)
    assert channel.read() == REPORT


def test_later_report_replaces_the_earlier(channel: Channel) -> None:
    sender = Sender(channel.descriptor)
    sender.send(REPORT)
    sender.send(Report("succeeded", result="1"))
    assert channel.read() == Report("succeeded", result="1")


@pytest.mark.parametrize(
    "written",
    [
        b"",
        b'{"outcome": "failed", "reason": "Er',
        b"{}",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        b'{"outcome": "failed", "other": "1"}',
        b'{"outcome": "timed_out"}',  # that is not for the function to say
        b'{"outcome": "failed", "error": 1}',
        b'{"outcome": "failed"}' + b" " * MAX_REPORT_BYTES,
    ],
    ids=lambda written: written[:40].decode(errors="replace"),
)
def test_what_is_not_a_whole_report_is_none(channel: Channel, written: bytes) -> None:
    os.pwrite(channel.descriptor, written, 0)
    assert channel.read() is None


def test_descriptor_that_became_another_file_is_left_alone(tmp_path: object) -> None:
    channel = Channel()
    sender = Sender(channel.descriptor)
    other = os.open("/dev/null", os.O_RDWR)
    os.dup2(other, channel.descriptor)
    os.close(other)
    with pytest.raises(OSError, match="the way to the supervisor is closed"):
        sender.send(REPORT)
    os.close(channel.descriptor)


def test_a_kernel_without_memfd_gets_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise OSError("not implemented")

    monkeypatch.setattr(os, "memfd_create", refuse)
    channel = Channel()
    Sender(channel.descriptor).send(REPORT)
    assert channel.read() == REPORT
    os.close(channel.descriptor)


def test_programs_that_the_function_starts_do_not_inherit_it(channel: Channel) -> None:
    assert os.get_inheritable(channel.descriptor)
    Sender(channel.descriptor)
    assert not os.get_inheritable(channel.descriptor)
