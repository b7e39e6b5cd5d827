"""Exclusive jobs in the whole loop: of one key at most one ever runs, and a wrong key holds nobody up."""

from collections.abc import Iterator
from copy import deepcopy

import pytest
from mljob.controller.launch import Launched

from tests.unit.controller.loop import Loop
from tests.unit.controller.objects import uid_of

LARGE = "x" * 2_000
"""Params that the view does not keep: they are read again"""


@pytest.fixture
def loop() -> Iterator[Loop]:
    """A loop whose definition is exclusive, closed whatever happens."""
    made = Loop()
    try:
        made.define(exclusive={})
        yield made
    finally:
        made.close()


def status_of(loop: Loop, uid: str) -> tuple[str, str | None]:
    status = loop.model.objects["MlJob"][uid]["status"]
    return status["phase"], status.get("reason")


def test_params_that_are_too_large_keep_a_job_out_of_the_keys_but_not_from_its_end(loop: Loop) -> None:
    """An object of more than 128 KiB passes the schema; creating its attempt says what is wrong."""
    uid = loop.model.submit(guarded=True, params={"text": "x" * 200_000})
    loop.launcher.refusals = [Launched.REFUSED]
    loop.deliver("MlJob", 1)
    loop.work()
    assert status_of(loop, uid) == ("Failed", "Refused")
    loop.settle()
    loop.check_end([uid])


def test_a_job_gets_no_key_of_another_that_came_after_it_under_its_name(loop: Loop) -> None:
    first = loop.model.submit(guarded=False, params={"text": LARGE, "n": 1})
    other = loop.model.submit(guarded=False, params={"text": LARGE, "n": 2})
    successor = deepcopy(loop.model.objects["MlJob"][first])
    successor["metadata"]["uid"] = uid_of("the successor")
    successor["spec"]["params"] = {"text": LARGE, "n": 2}
    loop.deliver("MlJob", 2)
    loop.model.remove("MlJob", first)
    loop.model.put("MlJob", successor)
    loop.work()
    assert status_of(loop, other)[0] != "Canceled"
    loop.settle()
    assert loop.model.finals[other] == "Succeeded"
    assert loop.model.finals[uid_of("the successor")] == "Canceled"
    loop.check_end([other, uid_of("the successor")])
