"""Exclusive jobs in the whole loop: of one key at most one ever runs, and nobody is held up by a wrong key."""

from collections.abc import Iterator

import pytest
from mljob.controller.launch import Launched

from tests.unit.controller.loop import Loop


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
