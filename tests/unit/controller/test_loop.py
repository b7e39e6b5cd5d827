"""Single lives that once went wrong, in the whole loop."""

import pytest
from mljob.api import errors

from tests.unit.controller.loop import Loop
from tests.unit.controller.model import INVALID, QUOTA


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
    assert loop.status_of(uid) == ("Canceled", "Canceled")
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


def test_a_job_that_goes_while_its_params_are_read_holds_nobody_up(loop: Loop) -> None:
    loop.define(maxWorkers=1)
    first = loop.model.submit(guarded=False)
    loop.deliver("MlJob", 1)
    loop.work()
    gone = loop.model.submit(guarded=False, params={"text": "x" * 2_000})
    loop.model.wire.fates = ["answer late"]
    loop.deliver("MlJob", 1)
    loop.work()
    loop.model.delete(gone)
    loop.deliver("MlJob", 1)
    loop.model.wire.arrive()
    loop.work()
    last = loop.model.submit(guarded=False)
    loop.settle()
    loop.check_end([first, gone, last])
