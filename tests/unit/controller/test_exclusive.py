"""Exclusive jobs in the whole loop: of one key at most one ever runs, and a wrong key holds nobody up."""

from collections.abc import Callable, Iterator
from copy import deepcopy

import pytest
from mljob.controller.exclusive import holder
from mljob.controller.view import JobEntry, View

from tests.unit.controller.loop import Loop
from tests.unit.controller.model import INVALID
from tests.unit.controller.objects import NOW, Json, a_kube_job, an_mljob, uid_of

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
    loop.model.refusals = [INVALID]
    loop.deliver("MlJob", 1)
    loop.work()
    assert status_of(loop, uid) == ("Failed", "InvalidSpec")
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


def test_a_job_that_goes_while_its_params_are_read_leaves_no_key(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    uid = loop.model.submit(guarded=False, params={"text": LARGE})
    read = loop.model.get_mljob

    async def read_and_lose(namespace: str, name: str) -> Json:
        body = await read(namespace, name)
        loop.model.remove("MlJob", uid)
        await loop.resync.forget("MlJob", body)
        return body

    monkeypatch.setattr(loop.model, "get_mljob", read_and_lose)
    loop.deliver("MlJob", 1)
    loop.work()
    assert not loop.view.exclusive


def submit_earlier(loop: Loop, **spec: object) -> str:
    """One that comes to light later than it was submitted: first in the order of submission."""
    loop.wait(-1)
    uid = loop.model.submit(guarded=True, **spec)
    loop.wait(1)
    return uid


def test_a_job_that_is_being_created_keeps_its_key(loop: Loop) -> None:
    begun = loop.model.submit(guarded=True, params={"n": 1})
    loop.model.hold_creations_up(shut=True)
    loop.deliver("MlJob", 1)
    loop.work()
    earlier = submit_earlier(loop, params={"n": 1})
    loop.deliver("MlJob", 1)
    loop.work()
    assert status_of(loop, earlier) == ("Canceled", "Exclusive")
    loop.settle()
    assert loop.model.finals[begun] == "Succeeded"
    loop.check_end([begun, earlier])


def test_a_job_in_line_gives_way_to_an_earlier_one_that_comes_to_light(loop: Loop) -> None:
    others = [loop.model.submit(guarded=True, params={"other": n}) for n in range(loop.cap)]
    in_line = loop.model.submit(guarded=True, params={"n": 1})
    loop.deliver("MlJob", 9)
    loop.work()
    earlier = submit_earlier(loop, params={"n": 1})
    loop.deliver("MlJob", 9)
    loop.work()
    assert status_of(loop, in_line) == ("Canceled", "Exclusive")
    loop.settle()
    assert loop.model.finals[earlier] == "Succeeded"
    loop.check_end([*others, in_line, earlier])


def test_a_job_in_line_gives_way_also_when_its_turn_comes_before_it_is_looked_at_again(loop: Loop) -> None:
    others = [loop.model.submit(guarded=True, params={"other": n}) for n in range(loop.cap)]
    in_line = loop.model.submit(guarded=True, params={"n": 1})
    for _ in range(3):
        loop.let_time_pass(["success"])
    earlier = submit_earlier(loop, params={"n": 1})
    loop.deliver("MlJob", 9)
    loop.deliver("Job", 9)
    loop.work()
    assert [status_of(loop, uid)[0] for uid in others] == ["Succeeded", "Succeeded"]
    loop.settle()
    assert (loop.model.finals[earlier], loop.model.finals[in_line]) == ("Succeeded", "Canceled")
    loop.check_end([*others, in_line, earlier])


@pytest.mark.parametrize("params", [{"n": 1}, {"n": 1, "text": LARGE}])
def test_a_running_job_whose_key_is_not_known_yet_is_asked_for_it(
    loop: Loop, params: dict[str, object]
) -> None:
    """After a restart, or when its definition has just become exclusive."""
    running = loop.model.submit(guarded=True, params=params)
    for _ in range(2):
        loop.let_time_pass(["success"])
    loop.view.set_exclusive_key(loop.view.jobs[running], None)
    later = loop.model.submit(guarded=True, params=params)
    loop.deliver("MlJob", 9)
    loop.work()
    assert status_of(loop, later) == ("Canceled", "Exclusive")
    loop.settle()
    loop.check_end([running, later])


# ---- who comes first


class InLine:
    """Jobs of one key in a view."""

    def __init__(self) -> None:
        self.view = View(lambda uid: None, lambda group: None)

    def submit(self, name: str, created: float = NOW) -> JobEntry:
        self.view.upsert_job(an_mljob(name, created=created))
        entry = self.view.jobs[uid_of(name)]
        self.view.set_exclusive_key(entry, "train:key")
        return entry

    def holder_of(self, entry: JobEntry) -> str | None:
        found = holder(self.view, entry)
        return found.name if found is not None else None


def started(line: InLine, entry: JobEntry) -> None:
    line.view.upsert_kube_job(a_kube_job(entry.name))


def being_created(line: InLine, entry: JobEntry) -> None:
    line.view.reserve((entry.uid, 1), entry.group)


def held_by_a_quota(line: InLine, entry: JobEntry) -> None:
    entry.held_until = NOW


def test_the_earliest_that_waits_comes_first() -> None:
    line = InLine()
    jobs = [line.submit("late", created=NOW + 9), line.submit("early"), line.submit("next", created=NOW + 1)]
    assert [line.holder_of(job) for job in jobs] == ["early", None, "early"]


@pytest.mark.parametrize("begin", [started, being_created, held_by_a_quota])
def test_one_that_was_begun_comes_before_one_that_was_submitted_earlier(
    begin: Callable[[InLine, JobEntry], None],
) -> None:
    line = InLine()
    begun, earlier = line.submit("begun", created=NOW + 9), line.submit("earlier")
    begin(line, begun)
    assert (line.holder_of(begun), line.holder_of(earlier)) == (None, "begun")


def test_jobs_that_have_run_keep_their_place_both() -> None:
    """Their definition became exclusive when they ran already."""
    line = InLine()
    jobs = [line.submit("a"), line.submit("b")]
    for job in jobs:
        started(line, job)
    assert [line.holder_of(job) for job in jobs] == [None, None]


def test_another_key_or_none_holds_nobody() -> None:
    line = InLine()
    line.submit("a")
    other = line.submit("b", created=NOW + 1)
    line.view.set_exclusive_key(other, "train:other")
    assert line.holder_of(other) is None
    line.view.set_exclusive_key(other, None)
    assert line.holder_of(other) is None
