"""Single lives that once went wrong, in the whole loop."""

from collections.abc import Iterator

import pytest
from mljob.api import errors

from tests.unit.controller.loop import Loop
from tests.unit.controller.model import INVALID, QUOTA


@pytest.fixture
def loop() -> Iterator[Loop]:
    """A loop of its own, closed whatever happens."""
    made = Loop()
    try:
        yield made
    finally:
        made.close()


@pytest.mark.parametrize("refusal", [QUOTA, INVALID])
def test_a_creation_that_is_refused_does_not_undo_a_cancellation(
    loop: Loop, refusal: errors.ApiError
) -> None:
    uid = loop.model.submit(guarded=True)
    loop.model.refusals = [refusal]
    loop.model.hold_creations_up(shut=True)
    loop.deliver("MlJob", 1)
    loop.work()
    loop.model.change(uid, cancel=True)
    loop.deliver("MlJob", 1)
    loop.work()
    loop.model.hold_creations_up(shut=False)
    loop.work()
    status = loop.model.objects["MlJob"][uid]["status"]
    assert (status["phase"], status["reason"]) == ("Canceled", "Canceled")
    loop.settle()
    loop.check_end([uid])


def test_params_that_are_no_json_end_an_exclusive_job_and_harm_no_other(loop: Loop) -> None:
    loop.define(exclusive={})
    bad = loop.model.submit(guarded=True, paramsJSON='{"lr": NaN}')
    good = loop.model.submit(guarded=True, paramsJSON='{"lr": 1}')
    loop.deliver("MlJob", 2)
    loop.work()
    assert loop.model.objects["MlJob"][bad]["status"]["reason"] == "InvalidParams"
    assert loop.view.slots.in_all == 1
    loop.settle()
    loop.check_end([bad, good])


def test_a_queue_deadline_does_not_end_a_job_that_is_being_created(loop: Loop) -> None:
    uid = loop.model.submit(guarded=True, queueDeadlineSeconds=5)
    loop.model.hold_creations_up(shut=True)
    loop.deliver("MlJob", 1)
    loop.work()
    loop.wait(6)
    loop.work()
    loop.model.hold_creations_up(shut=False)
    loop.settle()
    assert loop.model.finals[uid] == "Succeeded"
    loop.check_end([uid])


def test_a_queue_deadline_ends_a_job_whose_creation_came_to_nothing(loop: Loop) -> None:
    uid = loop.model.submit(guarded=True, queueDeadlineSeconds=5)
    loop.model.refusals = [QUOTA]
    loop.model.hold_creations_up(shut=True)
    loop.deliver("MlJob", 1)
    loop.work()
    loop.wait(6)
    loop.model.hold_creations_up(shut=False)
    loop.work()
    status = loop.model.objects["MlJob"][uid]["status"]
    assert (status["phase"], status["reason"]) == ("Failed", "QueueDeadlineExceeded")
    loop.settle()
    loop.check_end([uid])
