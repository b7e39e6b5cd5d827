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


# ---- a definition that changes


def status_of(loop: Loop, uid: str) -> tuple[str, str | None]:
    status = loop.model.objects["MlJob"][uid]["status"]
    return status["phase"], status.get("reason")


def change_the_definition(loop: Loop) -> None:
    """The operator knows of the change; what it asks the server about it is on its way."""
    loop.model.define(env=[{"name": "X", "value": "1"}])
    loop.model.wire.fates = ["request late"]
    loop.deliver("MlJobDefinition", 9)
    loop.work()


def put_in_line(loop: Loop, uid: str) -> None:
    """As a look does that is overtaken by what is told meanwhile."""

    async def put() -> None:
        loop.view.set_waiting(loop.view.jobs[uid], waiting=True)

    loop.run(put())
    loop.work()


def test_a_job_in_line_waits_while_its_changed_definition_is_judged(loop: Loop) -> None:
    change_the_definition(loop)
    uid = loop.model.submit(guarded=True)
    loop.deliver("MlJob", 1)
    loop.work()
    put_in_line(loop, uid)
    assert status_of(loop, uid) == ("Pending", None)
    assert loop.view.slots.in_all == 0
    loop.model.wire.arrive()
    loop.work()
    assert loop.view.slots.in_all == 1
    loop.settle()
    loop.check_end([uid])


def test_a_creation_that_is_tried_again_is_that_of_the_definition_it_began_with(loop: Loop) -> None:
    uid = loop.model.submit(guarded=True)
    loop.deliver("MlJob", 1)
    loop.model.wire.fates = ["request late"]
    loop.work()
    change_the_definition(loop)
    loop.wait(20)
    loop.work()
    assert len(loop.model.objects["Job"]) == 1
    loop.settle()
    loop.check_end([uid])


def fail_once_and_lose_its_job(loop: Loop) -> str:
    uid = loop.model.submit(guarded=True)
    for _ in range(5):
        loop.let_time_pass(["transient"])
    loop.model.remove("Job", *loop.model.objects["Job"])
    loop.deliver("Job", 9)
    loop.work()
    assert status_of(loop, uid) == ("Pending", "Backoff")
    return uid


def test_a_retry_whose_last_job_is_gone_waits_while_its_definition_is_judged(loop: Loop) -> None:
    uid = fail_once_and_lose_its_job(loop)
    change_the_definition(loop)
    loop.wait(15)
    loop.work()
    assert status_of(loop, uid) == ("Pending", "Backoff")
    assert loop.view.slots.in_all == 0
    loop.settle()
    assert loop.model.finals[uid] == "Succeeded"
    loop.check_end([uid])


def test_a_retry_whose_last_job_and_definition_are_gone_fails(loop: Loop) -> None:
    uid = fail_once_and_lose_its_job(loop)
    loop.model.remove("MlJobDefinition", "definition")
    loop.deliver("MlJobDefinition", 9)
    loop.wait(20)
    loop.work()
    assert status_of(loop, uid) == ("Failed", "DefinitionGone")
    loop.settle()
    loop.check_end([uid])


# ---- a job that goes while it is looked at


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
