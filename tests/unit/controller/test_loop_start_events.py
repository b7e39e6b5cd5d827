"""A pod that does not start, in the whole loop: when its Events are read, and what is said of them."""

from collections.abc import Sequence

import pytest
from mljob.api import errors
from mljob.controller.ports import Json
from mljob.core.status_patch import format_time

from tests.unit.controller.loop import Loop

NOT_FOUND = 'MountVolume.SetUp failed for volume "source" : configmap "nosuch" not found'


class Warnings:
    """What the API server answers when it is asked for Warnings, and what was posted."""

    def __init__(self, loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
        self._clock = loop.clock
        self.answer: str | errors.ApiError | None = None
        self.asked: list[str] = []
        self.posted: list[str] = []
        monkeypatch.setattr(loop.model, "warnings_about", self.warnings_about)
        monkeypatch.setattr(loop.model, "put_event", self.put_event)

    async def warnings_about(self, namespace: str, name: str, uid: str) -> Sequence[Json]:
        self.asked.append(uid)
        if isinstance(self.answer, errors.ApiError):
            raise self.answer
        now = format_time(self._clock.now)
        return [{"reason": self.answer, "message": NOT_FOUND, "lastTimestamp": now}] if self.answer else []

    async def put_event(self, namespace: str, event: Json) -> None:
        self.posted.append(event["reason"])


@pytest.fixture
def warnings(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> Warnings:
    """Of a loop whose one pod has come to its node and does not start."""
    loop.model.submit(guarded=True)
    loop.deliver("MlJob", 1)
    loop.work()
    (job,) = loop.model.objects["Job"]
    loop.model.objects["Job"][job]["status"]["startTime"] = format_time(loop.clock.now)
    loop.model.put("Job", loop.model.objects["Job"][job])
    loop.machines.sync_job(job)
    loop.deliver("Job", 9)
    loop.deliver("Pod", 9)
    loop.work()
    return Warnings(loop, monkeypatch)


def pass_time(loop: Loop, *seconds: int) -> None:
    for each in seconds:
        loop.wait(each)
        loop.work()


def told(loop: Loop) -> tuple[str | None, str | None]:
    (body,) = loop.model.objects["MlJob"].values()
    return body["status"].get("reason"), body["status"].get("message")


def test_an_ordinary_start_costs_no_read_and_no_write(loop: Loop, warnings: Warnings) -> None:
    writes = loop.model.status_writes
    pass_time(loop, 5, 9)
    assert (warnings.asked, warnings.posted, loop.model.status_writes) == ([], [], writes)


def test_a_volume_that_cannot_be_mounted_is_told_once(loop: Loop, warnings: Warnings) -> None:
    writes = loop.model.status_writes
    warnings.answer = "FailedMount"
    pass_time(loop, 14)
    assert warnings.asked == []
    pass_time(loop, 1)
    assert told(loop) == ("FailedMount", NOT_FOUND)
    (pod,) = loop.model.objects["Pod"]
    pass_time(loop, 59, 1, 299, 1)
    assert warnings.asked == [pod] * 3
    assert (warnings.posted, loop.model.status_writes) == (["FailedMount"], writes + 1)
    warnings.answer = "FailedCreatePodSandBox"
    pass_time(loop, 300)
    assert warnings.posted == ["FailedMount", "FailedCreatePodSandBox"]
    warnings.answer = None
    pass_time(loop, 300, 300)
    assert told(loop) == ("Starting", None)
    assert (len(warnings.posted), loop.model.status_writes) == (2, writes + 3)


def test_events_that_cannot_be_read_stop_nothing_and_are_asked_for_no_sooner(
    loop: Loop, warnings: Warnings
) -> None:
    writes = loop.model.status_writes
    warnings.answer = errors.Forbidden(403, "Forbidden", "events is forbidden")
    pass_time(loop, 15, 1, 1, 1)
    assert (len(warnings.asked), loop.model.status_writes) == (1, writes)
    warnings.answer = "FailedMount"
    pass_time(loop, 60)
    assert told(loop)[0] == "FailedMount"
    warnings.answer = errors.Forbidden(403, "Forbidden", "events is forbidden")
    pass_time(loop, 300)
    assert (told(loop)[0], len(warnings.asked)) == ("FailedMount", 3)
    loop.settle()
