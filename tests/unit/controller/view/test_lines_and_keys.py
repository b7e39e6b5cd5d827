"""Jobs in line, and jobs by exclusive key, follow what their objects say."""

from tests.unit.controller.objects import NAMESPACE, an_mljob, final, uid_of
from tests.unit.controller.view.seen import TRAIN, A, Seen


def test_the_queue_is_ordered_by_priority_then_submission(seen: Seen) -> None:
    view = seen.view
    for name, priority, created in [("late", 0, 9), ("early", 0, 1), ("high", 5, 20), ("same", 0, 1)]:
        view.upsert_job(an_mljob(name, priority=priority, created=1_790_000_000 + created))
        view.set_waiting(view.jobs[uid_of(name)], waiting=True)
    assert [key[2] for key in view.waiting.line(TRAIN)] == ["high", "early", "same", "late"]


def test_a_new_priority_moves_a_waiting_job(seen: Seen) -> None:
    view = seen.view
    for name in ("a", "b"):
        view.upsert_job(an_mljob(name))
        view.set_waiting(view.jobs[uid_of(name)], waiting=True)
    raised = an_mljob("b", version=2, priority=1)
    raised["metadata"]["generation"] = 2
    view.upsert_job(raised)
    assert [key[2] for key in view.waiting.line(TRAIN)] == ["b", "a"]


def test_a_job_is_in_line_once_and_leaves_it_when_it_ends(seen: Seen) -> None:
    view = seen.view
    view.upsert_job(an_mljob())
    entry = view.jobs[A]
    view.set_waiting(entry, waiting=True)
    seen.slots.clear()
    view.set_waiting(entry, waiting=True)
    assert not seen.slots
    view.upsert_job(an_mljob(version=2, status=final("Canceled", attempt=0)))
    assert not view.waiting


def test_exclusive_keys_are_held_by_unfinished_jobs_alone(seen: Seen) -> None:
    view = seen.view
    for name in ("a", "b"):
        view.upsert_job(an_mljob(name))
        view.set_exclusive_key(view.jobs[uid_of(name)], "k")
    assert view.exclusive[NAMESPACE, "k"] == {A, uid_of("b")}
    seen.jobs.clear()
    view.upsert_job(an_mljob("a", version=2, status=final()))
    assert view.exclusive[NAMESPACE, "k"] == {uid_of("b")}
    assert uid_of("b") in seen.jobs
    view.set_exclusive_key(view.jobs[uid_of("b")], None)
    assert not view.exclusive
    view.set_exclusive_key(view.jobs[uid_of("b")], "other")
    view.remove_job(uid_of("b"))
    assert not view.exclusive


def test_a_job_that_is_gone_waits_for_nothing_and_holds_no_key(seen: Seen) -> None:
    """A look that waited for the server comes back with what it found out before."""
    view = seen.view
    view.upsert_job(an_mljob())
    entry = view.jobs[A]
    view.remove_job(A)
    seen.slots.clear()
    view.set_waiting(entry, waiting=True)
    view.set_exclusive_key(entry, "k")
    assert (len(view.waiting), dict(view.exclusive), seen.slots) == (0, {}, [])
