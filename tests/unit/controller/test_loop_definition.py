"""Jobs in the whole loop while their definition changes: who waits goes on waiting, nobody ends for it."""

from tests.unit.controller.loop import Loop


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
    assert loop.status_of(uid) == ("Pending", None)
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
    assert loop.status_of(uid) == ("Pending", "Backoff")
    return uid


def test_a_retry_whose_last_job_is_gone_waits_while_its_definition_is_judged(loop: Loop) -> None:
    uid = fail_once_and_lose_its_job(loop)
    change_the_definition(loop)
    loop.wait(15)
    loop.work()
    assert loop.status_of(uid) == ("Pending", "Backoff")
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
    assert loop.status_of(uid) == ("Failed", "DefinitionGone")
    loop.settle()
    loop.check_end([uid])
