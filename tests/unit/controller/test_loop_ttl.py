"""A finished job goes when its time to live is over, also when its definition went before it."""

from collections.abc import Iterator

import pytest

from tests.unit.controller.loop import Loop

TTL_SECONDS = 100
"""Of the definition; the installation's is 900"""


@pytest.fixture
def loop() -> Iterator[Loop]:
    """A loop whose definition has times to live of its own."""
    made = Loop()
    try:
        made.define(ttlSecondsAfterFinished=TTL_SECONDS, ttlSecondsAfterFailed=2 * TTL_SECONDS)
        yield made
    finally:
        made.close()


def run_to_the_end(loop: Loop, end: str) -> str:
    uid = loop.model.submit(guarded=True)
    for _ in range(6):
        loop.let_time_pass([end])
    assert loop.status_of(uid)[0] in ("Succeeded", "Failed")
    return uid


def delete_the_definition(loop: Loop) -> None:
    loop.model.remove("MlJobDefinition", "definition")
    loop.deliver("MlJobDefinition", 9)
    loop.work()


def restart(loop: Loop, uid: str) -> None:
    """What the operator had found out of a job is forgotten; what lies in the cluster is read again."""
    loop.view.jobs[uid].ttls = None


def is_there_after(loop: Loop, seconds: int, uid: str) -> bool:
    loop.wait(seconds)
    for _ in range(3):
        loop.let_time_pass(["success"])
    return uid in loop.model.objects["MlJob"]


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize(("end", "ttl_seconds"), [("success", TTL_SECONDS), ("error", 2 * TTL_SECONDS)])
def test_the_ttl_of_a_definition_outlives_it(loop: Loop, end: str, ttl_seconds: int, restarted: bool) -> None:
    uid = run_to_the_end(loop, end)
    delete_the_definition(loop)
    if restarted:
        restart(loop, uid)
    assert is_there_after(loop, ttl_seconds - 20, uid)
    assert not is_there_after(loop, 40, uid)


def test_a_job_that_never_ran_goes_after_the_ttl_of_the_definition_it_had(loop: Loop) -> None:
    uid = loop.model.submit(guarded=True, suspend=True)
    loop.let_time_pass(["success"])
    loop.model.change(uid, cancel=True)
    loop.let_time_pass(["success"])
    assert loop.status_of(uid)[0] == "Canceled"
    delete_the_definition(loop)
    assert is_there_after(loop, TTL_SECONDS - 20, uid)
    assert not is_there_after(loop, 40, uid)


def test_where_no_definition_is_left_to_tell_the_installations_ttl_counts(loop: Loop) -> None:
    """It never ran, the operator was restarted, and its definition is gone."""
    uid = loop.model.submit(guarded=True, cancel=True)
    loop.let_time_pass(["success"])
    assert loop.status_of(uid)[0] == "Canceled"
    delete_the_definition(loop)
    restart(loop, uid)
    assert is_there_after(loop, 880, uid)
    assert not is_there_after(loop, 40, uid)


@pytest.mark.parametrize("restarted", [False, True])
def test_a_longer_ttl_holds_while_the_definition_is_judged(loop: Loop, restarted: bool) -> None:
    loop.define(ttlSecondsAfterFinished=5_000)
    uid = run_to_the_end(loop, "success")
    loop.model.define(env=[{"name": "X", "value": "1"}])
    loop.model.wire.fates = ["request late"]
    loop.deliver("MlJobDefinition", 9)
    loop.work()
    if restarted:
        restart(loop, uid)
    loop.clock.now += 1_000
    loop.view.touch(uid)
    loop.work()
    in_force = loop.definitions.in_force(loop.view.jobs[uid].group)
    assert in_force is not None
    assert not in_force.judged
    assert uid in loop.model.objects["MlJob"]
